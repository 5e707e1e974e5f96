//! How datagrams are filled: what comes first, what shares one, when a ping joins (PROTOCOL.md §13).

mod common;

use common::{Crafted, ms, two_channels};
use enet_proto::{Checksum, ConnectId, HostConfig, Packet, PeerState, Profile};
use enet_testkit::commands::{
    acknowledge, disconnect, ping, reliable, throttle_configure, unreliable, unsequenced,
};
use enet_testkit::pair::{Client, Pair, Server};
use enet_wire::{Command, CommandKind, Connect, ThrottleConfigure};

/// How many commands each datagram holds that the host sends now.
fn counts(remote: &mut Crafted) -> Vec<usize> {
    remote.heard().iter().map(|datagram| datagram.commands().len()).collect()
}

/// The lengths of the payloads in each datagram that the host sends now.
fn payloads(remote: &mut Crafted) -> Vec<Vec<usize>> {
    let lengths = |commands: Vec<Command<'_>>| commands.iter().map(|it| it.payload().len()).collect();
    remote.heard().iter().map(|datagram| lengths(datagram.commands())).collect()
}

/// The lengths of the datagrams that the host sends now.
fn lengths(remote: &mut Crafted) -> Vec<usize> {
    remote.heard().iter().map(|datagram| datagram.bytes.len()).collect()
}

fn as_c_does(config: &mut HostConfig) {
    config.profile = Profile::Compat;
}

fn with_checksum(config: &mut HostConfig) {
    config.checksum = Some(Checksum::CRC32);
}

// ---- Order (§13.1, §13.2)

#[test]
fn commands_leave_in_the_order_they_were_queued_whatever_their_kind_and_channel() {
    let mut remote = Crafted::stranger();
    remote.joins(Connect { channel_count: 3, ..two_channels() });
    for packet in [Packet::reliable("r"), Packet::unreliable("u"), Packet::unsequenced("q")] {
        remote.host_sends(0, packet);
    }
    remote.peer_mut().ping();
    remote.host_sends(2, Packet::reliable("r2"));
    remote.host_sends(0, Packet::reliable("r"));
    remote.host_sends(0, Packet::unreliable("u"));
    remote.hears_datagrams(&[&[
        reliable(0, 1, b"r"),
        unreliable(0, 1, 1, b"u"),
        unsequenced(0, 1, b"q"),
        ping(2),
        reliable(2, 1, b"r2"),
        reliable(0, 2, b"r"),
        unreliable(0, 2, 1, b"u"),
    ]]);
}

#[test]
fn acknowledgements_come_first() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("a"));
    remote.says(&[ping(2)]);
    remote.hears_datagrams(&[&[acknowledge(0xff, 2, remote.clock()), reliable(0, 1, b"a")]]);
}

#[test]
fn retransmissions_go_before_what_was_queued_later() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("old"));
    remote.peer_mut().ping();
    remote.heard();
    remote.wait(29);
    remote.host_sends(1, Packet::unreliable("new"));
    remote.host_sends(1, Packet::reliable("new"));
    remote.now += ms(1);
    remote.host.handle_timeout(remote.now);
    // They keep the stamps of their first queuing (§9.5).
    remote.hears_datagrams(&[&[
        reliable(0, 1, b"old"),
        ping(2),
        unreliable(1, 0, 1, b"new"),
        reliable(1, 1, b"new"),
    ]]);
}

#[test]
fn peers_are_served_in_slot_order_and_those_that_need_more_again_afterwards() {
    let mut remote = Crafted::client_with(as_c_does);
    let first = remote.id.unwrap();
    remote.address.set_port(4001);
    remote.joins(Connect { connect_id: ConnectId([0, 0, 0, 9]), ..two_channels() });
    let second = remote.id.unwrap();
    for id in [second, first] {
        for _ in 0..70 {
            remote.host.peer_mut(id).unwrap().send(0, Packet::reliable("x")).unwrap();
        }
    }
    let ports: Vec<u16> = remote.heard().iter().map(|datagram| datagram.to.port()).collect();
    // §13.1: 32 + 32 + 6 each
    assert_eq!(ports, [4000, 4001, 4000, 4001, 4000, 4001]);
}

// ---- How much (§13.2 test 5)

#[test]
fn a_datagram_holds_32_commands() {
    let mut remote = Crafted::client_with(as_c_does);
    for _ in 0..40 {
        remote.host_sends(0, Packet::reliable("x"));
    }
    assert_eq!(counts(&mut remote), [32, 8]);
}

#[test]
fn a_datagram_holds_what_the_mtu_allows_unless_it_is_to_be_as_c_s() {
    let mut remote = Crafted::client_with(common::modern);
    for _ in 0..250 {
        remote.host_sends(0, Packet::reliable("x"));
    }
    // 4 bytes of header, 7 each
    assert_eq!(counts(&mut remote), [198, 52]);
}

#[test]
fn sixty_acknowledgements_leave_as_32_and_28() {
    let mut remote = Crafted::client_with(as_c_does);
    let pings: Vec<Command<'static>> = (2..62).map(ping).collect();
    remote.says(&pings);
    assert_eq!(counts(&mut remote), [32, 28]);
}

#[test]
fn acknowledgements_count_toward_the_32() {
    let mut remote = Crafted::client_with(as_c_does);
    let pings: Vec<Command<'static>> = (2..22).map(ping).collect();
    remote.says(&pings);
    for _ in 0..20 {
        remote.host_sends(0, Packet::reliable("x"));
    }
    // 20 ACKs and 12 packets, then 8 packets
    let reliable = |datagram: &common::Heard| {
        datagram.commands().iter().filter(|it| it.kind() == CommandKind::SendReliable).count()
    };
    assert_eq!(remote.heard().iter().map(reliable).collect::<Vec<_>>(), [12, 8]);
}

#[test]
fn packing_ends_at_the_first_command_that_does_not_fit() {
    let mut remote = Crafted::client();
    for length in [1000, 382, 1, 376, 500, 500] {
        remote.host_sends(0, Packet::unreliable(vec![0; length]));
    }
    // §13.2: 4 + 1008 + 390 > 1392. Then 4 + 390 + 9 + 384 + 508 = 1295, and 508 more are too many.
    assert_eq!(payloads(&mut remote), [vec![1000], vec![382, 1, 376, 500], vec![500]]);
}

#[test]
fn nothing_smaller_is_looked_for_behind_it() {
    let mut remote = Crafted::client();
    for length in [1000, 500, 1] {
        remote.host_sends(0, Packet::unreliable(vec![0; length]));
    }
    assert_eq!(payloads(&mut remote), [vec![1000], vec![500, 1]]);
}

#[test]
fn the_header_counts_as_4_bytes_when_packing_even_if_it_has_2() {
    let mut remote = Crafted::client();
    // 4 + (8 + 1000) + (8 + 372) = 1392: sent with a 2-byte header it is 1390 bytes long.
    remote.host_sends(0, Packet::unreliable(vec![0; 1000]));
    remote.host_sends(0, Packet::unreliable(vec![0; 372]));
    assert_eq!(lengths(&mut remote), [1390]);
    remote.host_sends(0, Packet::unreliable(vec![0; 1000]));
    remote.host_sends(0, Packet::unreliable(vec![0; 373]));
    assert_eq!(lengths(&mut remote), [1010, 383]);
}

#[test]
fn the_checksum_is_not_counted_when_packing() {
    let mut remote = Crafted::client_with(with_checksum);
    // §1.2: 4 + (6 + 1000) + (6 + 376) = 1392, and 4 bytes of checksum
    remote.host_sends(0, Packet::reliable(vec![0; 1000]));
    remote.host_sends(0, Packet::reliable(vec![0; 376]));
    assert_eq!(lengths(&mut remote), [1396]);
}

#[test]
fn a_full_fragment_fills_the_mtu_exactly_with_and_without_a_checksum() {
    for change in [|_: &mut HostConfig| {}, with_checksum] {
        let mut remote = Crafted::client_with(change);
        remote.host_sends(0, Packet::reliable(vec![0; 1364 + 1360]));
        // §1.2: only the fragment size deducts the checksum.
        assert_eq!(lengths(&mut remote)[0], 1392);
    }
}

#[test]
fn an_agreed_mtu_is_kept() {
    let mut remote = Crafted::stranger();
    remote.joins(Connect { mtu: 576, ..two_channels() });
    for length in [548, 500, 60, 5] {
        remote.host_sends(0, Packet::reliable(vec![0; length]));
    }
    // 4 + 6 + 548 = 558; 4 + 506 + 66 = 576; then 4 + 11
    assert_eq!(lengths(&mut remote), [558, 576, 15]);
}

// ---- The time of sending (§13.3)

#[test]
fn there_is_a_time_of_sending_if_and_only_if_a_command_wants_an_acknowledgement() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::unreliable("u"));
    remote.host_sends(0, Packet::unsequenced("q"));
    remote.says(&[ping(2)]);
    assert_eq!(remote.heard()[0].header().sent_time, None);
    remote.host_sends(0, Packet::unreliable("u"));
    remote.host_sends(0, Packet::reliable("r"));
    assert_eq!(remote.heard()[0].header().sent_time, Some(0x5000));
    remote.peer_mut().disconnect_now(0);
    assert_eq!(remote.heard()[0].header().sent_time, None);
}

// ---- The idle ping (§13.4)

#[test]
fn a_ping_is_sent_half_a_second_after_the_last_acknowledgement() {
    let mut remote = Crafted::client();
    remote.wait(499);
    remote.hears_nothing();
    remote.wait(1);
    remote.hears(&[ping(2)]);
}

#[test]
fn the_interval_can_be_set() {
    let mut remote = Crafted::client();
    remote.peer_mut().set_ping_interval(ms(70));
    remote.mark();
    remote.wait(70);
    assert_eq!(remote.times_of(&ping(2)), [70]);
    remote.peer_mut().set_ping_interval(std::time::Duration::ZERO);
    // §18.4: 0 = 500
    assert_eq!(remote.peer().ping_interval(), ms(500));
}

#[test]
fn receiving_data_does_not_put_a_ping_off() {
    let mut remote = Crafted::client();
    for number in 1..=10 {
        remote.wait(50);
        remote.says(&[unreliable(0, 0, number, b"busy")]);
    }
    // §13.4: only ACKs move last_receive_time.
    remote.hears(&[ping(2)]);
}

#[test]
fn any_acknowledgement_puts_it_off() {
    let mut remote = Crafted::client();
    remote.wait(400);
    remote.says(&[acknowledge(0, 999, remote.clock_before(10))]);
    remote.wait(499);
    remote.hears_nothing();
    remote.wait(1);
    remote.hears(&[ping(2)]);
}

#[test]
fn no_ping_is_sent_while_something_is_in_flight() {
    let mut remote = Crafted::client();
    remote.peer_mut().set_round_trip_time(ms(2000));
    remote.host_sends(0, Packet::reliable("a"));
    remote.wait(900);
    remote.hears(&[reliable(0, 1, b"a")]);
}

#[test]
fn a_ping_joins_the_datagram_that_is_being_sent() {
    let mut remote = Crafted::client();
    remote.now += ms(600);
    remote.host_sends(0, Packet::unreliable("u"));
    remote.says(&[ping(2)]);
    let echo = remote.clock();
    remote.hears_datagrams(&[&[acknowledge(0xff, 2, echo), unreliable(0, 0, 1, b"u"), ping(2)]]);
}

#[test]
fn a_ping_does_not_join_reliable_commands() {
    let mut remote = Crafted::client();
    remote.now += ms(600);
    remote.host_sends(0, Packet::reliable("r"));
    remote.hears_datagrams(&[&[reliable(0, 1, b"r")]]);
}

#[test]
fn a_ping_that_does_not_fit_goes_by_itself() {
    let mut remote = Crafted::client();
    remote.now += ms(600);
    remote.host_sends(0, Packet::unreliable(vec![0; 1000]));
    remote.host_sends(0, Packet::unreliable(vec![0; 372]));
    // §13.4: mtu − size ≥ 4 is tested against the datagram as packed so far, which is full.
    assert_eq!(counts(&mut remote), [2, 1]);
}

#[test]
fn each_side_pings_on_its_own_and_answers_the_others() {
    let mut pair = Pair::connected();
    pair.run_for(ms(5000));
    for side in [Client, Server] {
        // Every 500 ms after the ACK of the last one, which takes 20 ms.
        let pings = pair.times_of(side, CommandKind::Ping);
        assert!((9..=10).contains(&pings.len()), "{side:?}: {pings:?}");
        assert!(pings.windows(2).all(|pair| pair[1] - pair[0] == 520), "{side:?}: {pings:?}");
    }
    assert_eq!(pair.client.state(), PeerState::Connected);
}

// ---- Draining (§13.1 step 9, §13.2, §13.4)

/// A connection whose unreliable packets are all dropped, about to leave with one of them queued and an ACK owed.
fn leaving_with_nothing_but_a_dropped_packet(after: u64) -> Crafted {
    let mut remote = Crafted::client_with(as_c_does);
    let shut = ThrottleConfigure { interval: 5000, acceleration: 0, deceleration: 32 };
    remote.says(&[throttle_configure(2, shut), acknowledge(0, 999, remote.clock_before(30))]);
    remote.heard();
    remote.now += ms(after);
    remote.says(&[ping(3)]);
    remote.host_sends(0, Packet::unreliable("dropped"));
    remote.peer_mut().disconnect_later(9);
    assert_eq!(remote.state(), PeerState::DisconnectLater);
    remote
}

#[test]
fn a_peer_drained_while_packing_disconnects_in_its_next_datagram() {
    let mut remote = leaving_with_nothing_but_a_dropped_packet(100);
    let echo = remote.clock();
    remote.hears_datagrams(&[&[acknowledge(0xff, 3, echo)], &[disconnect(2, 9)]]);
}

#[test]
fn a_peer_drained_while_packing_disconnects_at_once_if_it_would_have_pinged() {
    let mut remote = leaving_with_nothing_but_a_dropped_packet(600);
    let echo = remote.clock();
    // §13.4: in any state, run packing once more
    remote.hears_datagrams(&[&[acknowledge(0xff, 3, echo), disconnect(2, 9)]]);
}
