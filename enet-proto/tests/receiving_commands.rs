//! What happens to a datagram's commands: where reading stops, and what each state accepts (PROTOCOL.md §14.2–§14.4).

mod common;

use common::{CONNECT_ID, Crafted, encoded, grant, two_channels, verify_connect};
use enet_proto::{ChannelId, DiscardReason, Packet, PeerState};
use enet_testkit::commands::{
    acknowledge, bandwidth_limit, connect, disconnect, disconnect_now, fragment, ping, reliable,
    throttle_configure, unreliable, unreliable_fragment, unsequenced,
};
use enet_wire::{
    Command, CommandKind, Connect, ConnectId, Fragment, Header, ThrottleConfigure, VerifyConnect,
};

const PIECE: Fragment<'static> =
    Fragment { start: 1, count: 2, number: 0, total_length: 2, offset: 0, payload: b"x" };
const THROTTLE: ThrottleConfigure = ThrottleConfigure { interval: 5000, acceleration: 2, deceleration: 2 };

/// One command of every kind.
fn every_kind() -> [Command<'static>; 12] {
    [
        acknowledge(0xff, 999, 0x5000),
        connect(two_channels()),
        verify_connect(&grant(&two_channels())),
        disconnect(2, 0),
        ping(2),
        reliable(0, 1, b"x"),
        unreliable(0, 0, 1, b"x"),
        fragment(0, 1, PIECE),
        unsequenced(0, 1, b"x"),
        bandwidth_limit(2, 0, 0),
        throttle_configure(2, THROTTLE),
        unreliable_fragment(0, 0, PIECE),
    ]
}

/// A datagram whose header announces a time of sending, with these bytes for commands.
fn raw(remote: &Crafted, parts: &[&[u8]]) -> Vec<u8> {
    let header = Header { sent_time: Some(remote.clock()), ..remote.header };
    [&*header.encode(), &parts.concat()].concat()
}

/// Asserts that of two pings only the first is answered, when these bytes stand between them.
#[track_caller]
fn stops_at(bytes: &[u8], reason: Option<DiscardReason>) {
    let mut remote = Crafted::client();
    let datagram = raw(&remote, &[&encoded(&[ping(2)]), bytes, &encoded(&[ping(3)])]);
    remote.utters(&datagram);
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
    assert_eq!(remote.state(), PeerState::Connected, "the connection is not torn down");
    let discarded = remote.host.stats().discarded;
    assert_eq!(reason.map_or(0, |reason| discarded.get(reason)), discarded.total());
}

// ---- Where reading stops (§14.2)

#[test]
fn row_1_fewer_than_four_bytes_at_the_end_are_ignored() {
    for length in 1..4 {
        let mut remote = Crafted::client();
        let datagram = raw(&remote, &[&encoded(&[ping(2)]), &vec![0x85; length]]);
        remote.utters(&datagram);
        remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
    }
}

#[test]
fn row_2_reading_stops_at_a_command_number_that_does_not_exist() {
    for number in [13, 14, 15] {
        stops_at(&[0x80 | number, 0xff, 0, 9], Some(DiscardReason::MalformedCommand));
    }
    // 0 is what compressors pad with.
    stops_at(&[0, 0, 0, 0], None);
    stops_at(&[0x80, 0xff, 0, 9], None);
}

#[test]
fn row_3_reading_stops_at_a_command_that_is_cut_off() {
    for command in every_kind() {
        let mut remote = Crafted::client();
        let cut = encoded(&[command]);
        for length in 4..command.kind().fixed_len() {
            let refused = raw(&remote, &[&cut[..length]]);
            let reason = remote.is_refused_as(&refused);
            assert_eq!(reason, Some(DiscardReason::MalformedCommand), "{:?}: {length} bytes", command.kind());
        }
    }
}

#[test]
fn row_4_a_datagram_from_nobody_may_begin_with_a_connect_only() {
    for command in every_kind().into_iter().filter(|it| it.kind() != CommandKind::Connect) {
        let mut remote = Crafted::stranger();
        let reason = remote.is_refused(&[command, connect(two_channels())]);
        assert_eq!(reason, Some(DiscardReason::UnexpectedCommand), "{:?}", command.kind());
    }
}

#[test]
fn row_5_what_comes_before_a_bad_command_stands_and_what_comes_after_is_lost() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 1, b"before"), reliable(9, 1, b"bad"), reliable(0, 2, b"after")]);
    remote.hears(&[acknowledge(0, 1, remote.clock())]);
    assert_eq!(remote.texts(), ["before"]);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::NoSuchChannel), 1);
    remote.says(&[reliable(0, 2, b"after")]);
    assert_eq!(remote.texts(), ["after"]);
}

#[test]
fn what_follows_a_connect_in_its_datagram_comes_too_early() {
    for command in [ping(2), reliable(0, 1, b"x"), acknowledge(0xff, 9, 0x4ff0)] {
        let mut remote = Crafted::stranger();
        remote.says(&[connect(two_channels()), command]);
        // §14.4: judged in state ACKNOWLEDGING_CONNECT
        remote.hears(&[verify_connect(&grant(&two_channels()))]);
        let refused = remote.host.stats().discarded.get(DiscardReason::UnexpectedCommand);
        assert_eq!(refused, 1, "{:?}", command.kind());
    }
}

#[test]
fn a_disconnect_behind_a_connect_ends_what_has_just_begun() {
    let mut remote = Crafted::stranger();
    remote.says(&[connect(two_channels()), disconnect_now(2, 0), ping(3)]);
    // §17.4: the slot may be reset while its datagram is still being read.
    remote.hears_nothing();
    assert_eq!(remote.host.peers().count(), 0);
    assert_eq!(remote.events(), []);
}

// ---- What each state accepts (§14.3)

#[test]
fn a_connected_peer_accepts_everything_but_connect() {
    for command in every_kind() {
        let mut remote = Crafted::client();
        let before = remote.host.stats().discarded.total();
        remote.says(&[command]);
        let refused = remote.host.stats().discarded.total() - before;
        assert_eq!(refused, u64::from(command.kind() == CommandKind::Connect), "{:?}", command.kind());
    }
}

#[test]
fn a_connecting_peer_accepts_verify_connect_disconnect_and_acknowledgements() {
    let legal = [CommandKind::Acknowledge, CommandKind::VerifyConnect, CommandKind::Disconnect];
    for command in every_kind() {
        let mut remote = Crafted::stranger();
        remote.is_connected_to();
        remote.asked();
        let bytes = remote.datagram(&[command]);
        remote.utters(&bytes);
        let accepted = remote.host.stats().discarded.total() == 0;
        assert_eq!(accepted, legal.contains(&command.kind()), "{:?}", command.kind());
    }
}

// ---- More rules (§14.4)

#[test]
fn data_for_a_channel_that_does_not_exist_is_refused() {
    let stray = [
        reliable(2, 1, b"x"),
        unreliable(2, 0, 1, b"x"),
        unsequenced(2, 1, b"x"),
        fragment(2, 1, PIECE),
        unreliable_fragment(2, 0, PIECE),
        reliable(0xff, 1, b"x"),
    ];
    let mut remote = Crafted::client();
    for command in stray {
        let reason = remote.is_refused(&[command, ping(2)]);
        assert_eq!(reason, Some(DiscardReason::NoSuchChannel), "{:?}", command.kind());
    }
}

#[test]
fn control_commands_are_accepted_on_any_channel() {
    let mut remote = Crafted::client();
    let stray = Command { channel: ChannelId::new(200), ..ping(2) };
    remote.says(&[stray]);
    remote.hears(&[acknowledge(200, 2, remote.clock())]);
}

#[test]
fn a_packet_above_the_hosts_limit_is_refused() {
    let mut remote = Crafted::client_with(|config| config.max_packet_size = 3);
    for command in [reliable(0, 1, b"four"), unreliable(0, 0, 1, b"four"), unsequenced(0, 1, b"four")] {
        assert!(remote.is_refused(&[command, ping(2)]).is_some(), "{:?}", command.kind());
    }
    remote.says(&[reliable(0, 1, b"ok!"), unreliable(0, 1, 1, b"ok!"), unsequenced(0, 1, b"ok!")]);
    assert_eq!(remote.texts(), ["ok!"; 3]);
}

#[test]
fn a_payload_that_is_cut_off_is_refused() {
    let mut remote = Crafted::client();
    for command in [reliable(0, 1, b"xyz"), unreliable(0, 0, 1, b"xyz"), unsequenced(0, 1, b"xyz")] {
        let mut bytes = remote.datagram(&[command]);
        bytes.pop();
        let reason = remote.is_refused_as(&bytes);
        assert_eq!(reason, Some(DiscardReason::MalformedCommand), "{:?}", command.kind());
    }
}

#[test]
fn undefined_bits_of_the_command_byte_are_ignored() {
    let mut remote = Crafted::client();
    // 0xb5 = ACKNOWLEDGE | bits 5 and 4 | PING
    let datagram = raw(&remote, &[&[0xb5, 0xff, 0, 2]]);
    remote.utters(&datagram);
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
}

#[test]
fn the_unsequenced_bit_changes_nothing_about_a_command_that_never_has_it() {
    let mut remote = Crafted::client();
    let odd = Command { unsequenced: true, ..reliable(0, 1, b"x") };
    remote.says(&[odd]);
    remote.hears(&[acknowledge(0, 1, remote.clock())]);
    assert_eq!(remote.packets(), [(0, Packet::reliable("x"))]);
}

#[test]
fn a_receiver_takes_any_number_of_commands_from_one_datagram() {
    let mut remote = Crafted::client();
    let hundred: Vec<Command<'static>> = (1..=100).map(|number| reliable(0, number, b"x")).collect();
    remote.says(&hundred);
    // §17.1 item 7: 100 of 100 delivered
    assert_eq!(remote.texts().len(), 100);
}

#[test]
fn a_remote_may_send_more_than_our_mtu() {
    let mut remote = Crafted::stranger();
    remote.joins(Connect { mtu: 576, ..two_channels() });
    let long = vec![1; 3000];
    remote.says(&[reliable(0, 1, &long)]);
    // §1.2: the receive buffer has 4096 bytes, whatever the MTU.
    assert_eq!(remote.packets(), [(0, Packet::reliable(long))]);
}

// ---- Hostile handshakes

#[test]
fn a_connect_with_extreme_numbers_connects_and_works() {
    let stock = two_channels();
    let throttle = |interval, acceleration, deceleration| Connect {
        throttle: ThrottleConfigure { interval, acceleration, deceleration },
        ..stock
    };
    let most = u32::MAX;
    let hostile = [
        Connect { mtu: 0, ..stock },
        Connect { mtu: most, ..stock },
        Connect { window_size: 0, ..stock },
        Connect { window_size: most, ..stock },
        Connect { incoming_bandwidth: 1, ..stock },
        Connect { incoming_bandwidth: most, outgoing_bandwidth: most, ..stock },
        throttle(0, 0, 0),
        throttle(most, most, most),
        Connect { incoming_session: 0x80, outgoing_session: 0xfe, ..stock },
        Connect { outgoing_peer: 0x0ffe, ..stock },
        Connect { channel_count: 255, ..stock },
    ];
    for connect in hostile {
        let mut remote = Crafted::stranger();
        remote.joins(connect);
        remote.host_sends(0, Packet::reliable(vec![7; 100]));
        remote.says(&[reliable(0, 1, b"x")]);
        for round_trip in [10, 1000, 10] {
            remote.says(&[acknowledge(0xff, 9, remote.clock_before(round_trip))]);
        }
        remote.wait(3000);
        assert_eq!(remote.texts(), ["x"], "{connect:?}");
        assert_eq!(remote.state(), PeerState::Connected, "{connect:?}");
    }
}

#[test]
fn a_verify_connect_with_extreme_numbers_connects_and_works() {
    let stock = grant(&two_channels());
    let most = u32::MAX;
    let hostile = [
        VerifyConnect { mtu: 0, window_size: 0, ..stock },
        VerifyConnect { mtu: most, window_size: most, ..stock },
        VerifyConnect { incoming_bandwidth: most, outgoing_bandwidth: most, ..stock },
        VerifyConnect { incoming_bandwidth: 1, outgoing_bandwidth: 1, ..stock },
        VerifyConnect { channel_count: 255, ..stock },
        VerifyConnect { outgoing_peer: 0x0ffe, ..stock },
    ];
    for granted in hostile {
        let mut remote = Crafted::stranger();
        remote.is_connected_to();
        remote.asked();
        remote.says(&[verify_connect(&granted), reliable(0, 1, b"x")]);
        remote.host_sends(1, Packet::reliable(vec![7; 5000]));
        remote.wait(3000);
        assert_eq!(remote.events().len(), 2, "{granted:?}");
        assert_eq!(remote.state(), PeerState::Connected, "{granted:?}");
    }
}

#[test]
fn of_two_connects_in_a_datagram_the_first_is_let_in() {
    let mut remote = Crafted::stranger();
    let other = Connect { connect_id: ConnectId([9; 4]), ..two_channels() };
    remote.says(&[connect(two_channels()), connect(other)]);
    // §14.4: the second is judged inside the new slot.
    assert_eq!(remote.host.peers().count(), 1);
    assert_eq!(remote.host.peer_at(0).unwrap().connect_id(), ConnectId(CONNECT_ID));
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::UnexpectedCommand), 1);
}
