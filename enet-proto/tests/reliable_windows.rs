//! What reliable data waits for before it is sent: the byte window and the sequence windows (PROTOCOL.md §9.6, §9.7).

mod common;

use common::{Crafted, stock, two_channels};
use enet_proto::Packet;
use enet_testkit::commands::{acknowledge, ping, reliable, throttle_configure, unreliable};
use enet_wire::{CommandKind, Connect, ThrottleConfigure};

/// Brings the throttle down to `share` of 32, by one slow acknowledgement, for good.
fn throttle(remote: &mut Crafted, share: u32) {
    let steep = ThrottleConfigure { interval: 5000, acceleration: 0, deceleration: 32 - share };
    // §10.2: 30 ms are more than 10 + 2 · 5.
    remote.says(&[throttle_configure(2, steep), acknowledge(0, 999, remote.clock_before(30))]);
    assert_eq!(remote.stats().throttle, share);
    remote.heard();
}

fn throttled_to(share: u32) -> Crafted {
    let mut remote = Crafted::client_with(stock);
    throttle(&mut remote, share);
    remote
}

/// How many reliable packets of 1000 bytes go out before an acknowledgement is needed.
fn sent_of_100(remote: &mut Crafted) -> usize {
    for _ in 0..100 {
        remote.host_sends(0, Packet::reliable(vec![0; 1000]));
    }
    reliable_numbers(remote).len()
}

/// The numbers of the SEND_RELIABLE that the host sends.
fn reliable_numbers(remote: &mut Crafted) -> Vec<u16> {
    numbers(remote, CommandKind::SendReliable)
}

/// The numbers of the commands of one kind that the host sends.
fn numbers(remote: &mut Crafted, kind: CommandKind) -> Vec<u16> {
    let heard = remote.heard();
    let is_it = |command: &enet_wire::Command<'_>| command.kind() == kind;
    heard
        .iter()
        .flat_map(|datagram| datagram.commands().into_iter().filter(is_it).map(|it| it.seq.0))
        .collect()
}

// ---- Bytes in flight (§9.6)

#[test]
fn a_window_of_65536_holds_65_packets_of_1000_bytes() {
    let mut remote = Crafted::client_with(stock);
    assert_eq!(sent_of_100(&mut remote), 65);
    assert_eq!(remote.stats().reliable_data_in_transit, 65_000);
}

#[test]
fn the_throttle_scales_the_window() {
    // ⌊8 · 65536 / 32⌋ = 16384
    assert_eq!(sent_of_100(&mut throttled_to(8)), 16);
}

#[test]
fn a_closed_throttle_leaves_room_for_one_datagram() {
    // max(0, 1392)
    assert_eq!(sent_of_100(&mut throttled_to(0)), 1);
}

#[test]
fn a_negotiated_window_is_kept() {
    let mut remote = Crafted::stranger_with(stock);
    // §6.2 step 8: 131072 bytes/s give 8192.
    remote.joins(Connect { incoming_bandwidth: 131_072, ..two_channels() });
    assert_eq!(sent_of_100(&mut remote), 8);
}

#[test]
fn an_acknowledgement_makes_room_for_as_much_as_it_confirms() {
    let mut remote = Crafted::client_with(stock);
    sent_of_100(&mut remote);
    remote.says(&[acknowledge(0, 1, remote.clock()), acknowledge(0, 2, remote.clock())]);
    assert_eq!(reliable_numbers(&mut remote), [66, 67]);
}

#[test]
fn an_empty_packet_takes_no_room() {
    let mut remote = throttled_to(0);
    remote.host_sends(0, Packet::reliable(vec![0; 1392 - 28]));
    remote.host_sends(0, Packet::reliable(""));
    // 1364 + 0 ≤ 1392
    assert_eq!(reliable_numbers(&mut remote), [1, 2]);
}

#[test]
fn an_empty_packet_waits_while_the_window_has_shrunk_below_what_is_in_flight() {
    let mut remote = Crafted::client_with(stock);
    for _ in 0..3 {
        remote.host_sends(0, Packet::reliable(vec![0; 1000]));
    }
    remote.heard();
    throttle(&mut remote, 0);
    remote.host_sends(1, Packet::reliable(""));
    // 3000 > 1392
    remote.hears_nothing();
    remote.says(&[acknowledge(0, 1, remote.clock_before(10)), acknowledge(0, 2, remote.clock_before(10))]);
    remote.hears(&[reliable(1, 1, b"")]);
}

#[test]
fn an_empty_packet_that_expired_waits_for_the_window_too() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(1, Packet::reliable(""));
    for _ in 0..3 {
        remote.host_sends(0, Packet::reliable(vec![0; 1000]));
    }
    remote.heard();
    throttle(&mut remote, 0);
    remote.heard();
    // Everything expires, and the first that goes out again leaves room for one more of 1,000 bytes.
    remote.wait(40);
    assert_eq!(remote.heard().iter().map(|datagram| datagram.commands().len()).sum::<usize>(), 2);
}

#[test]
fn a_full_window_holds_back_reliable_data_of_every_channel_and_nothing_else() {
    let mut remote = throttled_to(0);
    for channel in [0, 0, 1] {
        remote.host_sends(channel, Packet::reliable(vec![0; 1000]));
    }
    remote.host_sends(0, Packet::unreliable("u"));
    remote.peer_mut().ping();
    let heard = remote.heard();
    let kinds: Vec<CommandKind> =
        heard.iter().flat_map(|datagram| datagram.commands().into_iter().map(|it| it.kind())).collect();
    // The throttle is 0: the unreliable packet's counter reads 7, and it is dropped (§10.3).
    assert_eq!(kinds, [CommandKind::SendReliable, CommandKind::Ping]);

    let mut remote = Crafted::client_with(stock);
    sent_of_100(&mut remote);
    remote.host_sends(1, Packet::reliable("waits"));
    remote.host_sends(1, Packet::unreliable("u"));
    remote.peer_mut().ping();
    remote.hears(&[unreliable(1, 1, 1, b"u"), ping(2)]);
}

#[test]
fn control_commands_take_no_room_in_the_window() {
    let mut remote = Crafted::client_with(stock);
    for _ in 0..10 {
        remote.peer_mut().ping();
    }
    remote.heard();
    assert_eq!((remote.stats().in_flight, remote.stats().reliable_data_in_transit), (10, 0));
}

#[test]
fn what_waits_for_retransmission_is_not_in_flight_and_must_fit_again() {
    let mut remote = Crafted::client_with(stock);
    for _ in 0..3 {
        remote.host_sends(0, Packet::reliable(vec![0; 1000]));
    }
    remote.heard();
    throttle(&mut remote, 0);
    remote.wait(30);
    // §9.5 step 4: 3000 bytes were taken out of transit; only one packet fits into 1392.
    assert_eq!(reliable_numbers(&mut remote), [1]);
    assert_eq!((remote.stats().in_flight, remote.stats().queued), (1, 2));
    assert_eq!(remote.stats().reliable_data_in_transit, 1000);
}

#[test]
fn a_group_that_expires_later_goes_before_one_that_is_still_held_back() {
    let mut remote = Crafted::client_with(stock);
    for _ in 0..3 {
        remote.host_sends(0, Packet::reliable(vec![0; 1000]));
    }
    remote.heard();
    throttle(&mut remote, 0);
    remote.wait(30);
    remote.heard();
    // #1 is in flight again, #2 and #3 wait. It expires 60 ms later and goes before them.
    remote.wait(60);
    assert_eq!(reliable_numbers(&mut remote), [1]);
    // §9.5 step 4: once it is acknowledged, their turn comes.
    remote.says(&[acknowledge(0, 1, remote.clock_before(10))]);
    assert_eq!(reliable_numbers(&mut remote), [2]);
}

// ---- Sequence windows (§9.7)

/// Queues this many empty reliable packets on channel 0.
fn queue(remote: &mut Crafted, count: usize) {
    for _ in 0..count {
        remote.host_sends(0, Packet::reliable(""));
    }
}

#[test]
fn without_an_acknowledgement_8191_commands_are_sent() {
    let mut remote = Crafted::client_with(stock);
    queue(&mut remote, 10_000);
    let numbers = reliable_numbers(&mut remote);
    // 0x0001 to 0x1FFF: the first window holds 4095 numbers only and so never counts as full.
    assert_eq!((numbers.len(), numbers.last()), (8191, Some(&0x1fff)));
}

/// A packet in fragments stops where a window begins that must wait, and goes on from there.
#[test]
fn a_blocked_window_holds_back_the_fragments_that_are_in_it() {
    let mut remote = Crafted::client_with(stock);
    queue(&mut remote, 0x1ffd);
    remote.heard();
    remote.host_sends(0, Packet::reliable(vec![0; 4 * 1_000]));
    assert_eq!(numbers(&mut remote, CommandKind::SendFragment), [0x1ffe, 0x1fff]);
    remote.says(&[acknowledge(0, 0x1234, remote.clock())]);
    assert_eq!(numbers(&mut remote, CommandKind::SendFragment), [0x2000]);
}

#[test]
fn one_acknowledgement_from_the_window_before_releases_a_window() {
    let mut remote = Crafted::client_with(stock);
    queue(&mut remote, 20_000);
    remote.heard();
    remote.says(&[acknowledge(0, 0x1234, remote.clock())]);
    let numbers = reliable_numbers(&mut remote);
    assert_eq!((numbers.first(), numbers.last(), numbers.len()), (Some(&0x2000), Some(&0x2fff), 0x1000));
}

#[test]
fn an_acknowledgement_from_the_first_window_releases_nothing() {
    let mut remote = Crafted::client_with(stock);
    queue(&mut remote, 10_000);
    remote.heard();
    remote.says(&[acknowledge(0, 1, remote.clock())]);
    assert!(reliable_numbers(&mut remote).is_empty());
}

#[test]
fn a_blocked_channel_holds_back_reliable_data_of_every_channel_and_nothing_else() {
    let mut remote = Crafted::client_with(stock);
    queue(&mut remote, 8192);
    remote.heard();
    remote.host_sends(1, Packet::reliable("waits"));
    remote.host_sends(1, Packet::unreliable("u"));
    remote.peer_mut().ping();
    remote.hears(&[unreliable(1, 1, 1, b"u"), ping(2)]);
}

#[test]
fn one_number_that_is_never_acknowledged_stops_its_channel_seven_windows_on() {
    let mut remote = Crafted::client_with(stock);
    queue(&mut remote, 40_000);
    let mut last = 0;
    loop {
        let numbers = reliable_numbers(&mut remote);
        let Some(number) = numbers.last() else { break };
        last = *number;
        let echo = remote.clock();
        let acks: Vec<_> = numbers
            .iter()
            .filter(|number| **number != 1)
            .map(|number| acknowledge(0, *number, echo))
            .collect();
        for acks in acks.chunks(500) {
            remote.says(acks);
        }
    }
    // Number 1 keeps window 0 in use, which is one of the ten windows from 7 on; the receiver would accept no more.
    assert_eq!(last, 0x6fff);
    remote.says(&[acknowledge(0, 1, remote.clock())]);
    assert_eq!(reliable_numbers(&mut remote).first(), Some(&0x7000));
}

#[test]
fn numbers_go_round_as_long_as_they_are_acknowledged() {
    let mut remote = Crafted::client_with(stock);
    queue(&mut remote, 70_000);
    remote.acknowledges_everything();
    assert_eq!(remote.peer().channel(0).unwrap().outgoing_reliable, 4464, "70,000 − 65,536");
    assert_eq!((remote.stats().in_flight, remote.stats().queued), (0, 0));
}
