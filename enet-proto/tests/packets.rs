//! What becomes of a packet that is sent: its command, its numbers, its fragments (PROTOCOL.md §12.1–§12.4).

mod common;

use common::{Crafted, two_channels};
use enet_proto::{Checksum, Delivery, HostConfig, Mtu, Packet, SendErrorReason};
use enet_testkit::commands::{fragment, reliable, unreliable, unreliable_fragment, unsequenced};
use enet_testkit::{Opened, hex};
use enet_wire::{Body, CommandKind, Connect, Fragment};

use Delivery::{Reliable, Unreliable, UnreliableFragments, Unsequenced, UnsequencedOrFragments};

/// The kinds of the commands in which a packet of this delivery and length travels.
fn kinds(remote: &mut Crafted, delivery: Delivery, length: usize) -> Vec<CommandKind> {
    remote.host_sends(0, Packet::new(delivery, vec![0; length]));
    let heard = remote.heard();
    heard.iter().flat_map(|datagram| datagram.commands().into_iter().map(|it| it.kind())).collect()
}

/// The lengths of the pieces in which a packet of 3000 bytes travels.
fn pieces(change: impl FnOnce(&mut HostConfig)) -> Vec<usize> {
    let mut remote = Crafted::client_with(change);
    remote.host_sends(0, Packet::reliable(vec![0; 3000]));
    let heard = remote.heard();
    heard.iter().flat_map(|datagram| datagram.commands().into_iter().map(|it| it.payload().len())).collect()
}

// ---- The choice of the command (§12.2)

#[test]
fn a_packet_that_fits_travels_in_the_command_of_its_delivery() {
    // F = 1392 − 4 − 24
    for length in [0, 1, 1364] {
        let mut remote = Crafted::client();
        assert_eq!(kinds(&mut remote, Unsequenced, length), [CommandKind::SendUnsequenced]);
        assert_eq!(kinds(&mut remote, UnsequencedOrFragments, length), [CommandKind::SendUnsequenced]);
        assert_eq!(kinds(&mut remote, Unreliable, length), [CommandKind::SendUnreliable]);
        assert_eq!(kinds(&mut remote, UnreliableFragments, length), [CommandKind::SendUnreliable]);
        assert_eq!(kinds(&mut remote, Reliable, length), [CommandKind::SendReliable]);
    }
}

#[test]
fn a_packet_that_does_not_fit_travels_in_fragments_which_are_reliable_unless_asked_otherwise() {
    let mut remote = Crafted::client();
    for delivery in [Reliable, Unreliable, Unsequenced] {
        assert_eq!(kinds(&mut remote, delivery, 1365), [CommandKind::SendFragment; 2], "{delivery:?}");
    }
    for delivery in [UnreliableFragments, UnsequencedOrFragments] {
        let expected = [CommandKind::SendUnreliableFragment; 2];
        assert_eq!(kinds(&mut remote, delivery, 1365), expected, "{delivery:?}");
    }
}

#[test]
fn with_a_checksum_four_bytes_less_fit() {
    let mut remote = Crafted::client_with(|config| config.checksum = Some(Checksum::CRC32));
    assert_eq!(kinds(&mut remote, Reliable, 1360), [CommandKind::SendReliable]);
    assert_eq!(kinds(&mut remote, Reliable, 1361), [CommandKind::SendFragment; 2]);
}

#[test]
fn when_the_unreliable_numbers_are_used_up_the_next_packet_is_promoted() {
    let exhausted = || {
        let mut remote = Crafted::client();
        for _ in 0..0xffff {
            remote.host_sends(0, Packet::unreliable(""));
        }
        remote.heard();
        assert_eq!(remote.peer().channel(0).unwrap().outgoing_unreliable, 0xffff);
        remote
    };
    let mut remote = exhausted();
    assert_eq!(kinds(&mut remote, Unsequenced, 1), [CommandKind::SendUnsequenced]);
    assert_eq!(kinds(&mut remote, Unreliable, 1), [CommandKind::SendReliable]);
    // The reliable one restarted the count (§12.4).
    assert_eq!(kinds(&mut remote, Unreliable, 1), [CommandKind::SendUnreliable]);

    let mut remote = exhausted();
    assert_eq!(kinds(&mut remote, UnreliableFragments, 2000), [CommandKind::SendFragment; 2]);
}

#[test]
fn an_empty_packet_is_a_packet() {
    let mut remote = Crafted::client();
    for (delivery, command) in [
        (Reliable, reliable(0, 1, b"")),
        (Unreliable, unreliable(0, 1, 1, b"")),
        (Unsequenced, unsequenced(0, 1, b"")),
    ] {
        remote.host_sends(0, Packet::new(delivery, ""));
        remote.hears(&[command]);
        remote.says(&[command]);
        remote.heard();
    }
    let received: Vec<Delivery> = remote.packets().iter().map(|(_, packet)| packet.delivery()).collect();
    assert_eq!(received, [Reliable, Unreliable, Unsequenced]);
}

#[test]
fn a_received_packet_shows_how_it_travelled() {
    let whole =
        |start, number, payload| Fragment { start, count: 1, number, total_length: 1, offset: 0, payload };
    let mut remote = Crafted::client();
    remote.says(&[
        reliable(0, 1, b"a"),
        unreliable(0, 1, 1, b"a"),
        unsequenced(0, 1, b"a"),
        unreliable_fragment(0, 1, whole(2, 0, b"a")),
        fragment(0, 2, whole(2, 0, b"a")),
    ]);
    let received: Vec<Delivery> = remote.packets().iter().map(|(_, packet)| packet.delivery()).collect();
    // §12.1
    assert_eq!(received, [Reliable, Unreliable, Unsequenced, UnreliableFragments, Reliable]);
}

// ---- What cannot be sent (§12.2)

#[test]
fn a_packet_above_the_hosts_limit_is_refused_before_anything_is_queued() {
    let mut remote = Crafted::client_with(|config| config.max_packet_size = 100);
    remote.host_sends(0, Packet::reliable(vec![0; 100]));
    remote.heard();
    let refused = remote.peer_mut().send(0, Packet::reliable(vec![0; 101])).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::TooLarge { max: 100 });
    remote.hears_nothing();
    assert_eq!(remote.peer().channel(0).unwrap().outgoing_reliable, 1);
}

#[test]
fn a_packet_that_needs_more_than_a_mebi_of_fragments_is_refused() {
    let mut remote = Crafted::client_with(|config| {
        config.max_packet_size = u32::MAX;
        config.mtu = Mtu::new(576).unwrap();
    });
    // F = 576 − 28 = 548. Zeroed pages that nobody touches cost no memory.
    let too_long = vec![0; 548 * 1_048_576 + 1];
    let refused = remote.peer_mut().send(0, Packet::reliable(too_long)).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::TooManyFragments { needed: 1_048_577, max: 1_048_576 });
    remote.hears_nothing();
}

// ---- Fragments (§12.3)

#[test]
fn three_thousand_bytes_travel_in_the_three_recorded_datagrams() {
    let mut remote = Crafted::client();
    remote.host_sends(1, Packet::reliable(vec![0x55; 3000]));
    let heard = remote.heard();
    let heads: Vec<String> = heard.iter().map(|datagram| hex::encode(&datagram.bytes[..28])).collect();
    // §20: sentTime | peer 0, 5000; SEND_FRAGMENT channel 1, own number; start 1, dataLength; count 3; number; total; offset
    let expected = [
        "80005000 88010001 00010554 00000003 00000000 00000bb8 00000000",
        "80005000 88010002 00010554 00000003 00000001 00000bb8 00000554",
        "80005000 88010003 00010110 00000003 00000002 00000bb8 00000aa8",
    ];
    assert_eq!(heads, expected.map(|head| head.replace(' ', "")));
    let lengths: Vec<usize> = heard.iter().map(|datagram| datagram.bytes.len()).collect();
    assert_eq!(lengths, [1392, 1392, 300]);
}

#[test]
fn unreliable_fragments_share_their_numbers_and_need_no_time_of_sending() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::unreliable_fragments(vec![0x55; 3000]));
    let heard = remote.heard();
    let heads: Vec<String> = heard.iter().map(|datagram| hex::encode(&datagram.bytes[..26])).collect();
    // §20: peer 0; SEND_UNRELIABLE_FRAGMENT channel 0, number 0; start 1, dataLength; count 3; number; total; offset
    let expected = [
        "0000 0c000000 00010554 00000003 00000000 00000bb8 00000000",
        "0000 0c000000 00010554 00000003 00000001 00000bb8 00000554",
        "0000 0c000000 00010110 00000003 00000002 00000bb8 00000aa8",
    ];
    assert_eq!(heads, expected.map(|head| head.replace(' ', "")));
    assert_eq!(heard[0].bytes.len(), 1390);
    // The counter moves once, at offset 0.
    assert_eq!(remote.peer().channel(0).unwrap().outgoing_unreliable, 1);
}

#[test]
fn the_fragment_size_follows_mtu_and_checksum() {
    assert_eq!(pieces(|_| {}), [1364, 1364, 272]);
    assert_eq!(pieces(|config| config.checksum = Some(Checksum::CRC32)), [1360, 1360, 280]);
    assert_eq!(pieces(|config| config.mtu = Mtu::new(576).unwrap()), [548, 548, 548, 548, 548, 260]);
    // The negotiated MTU counts, not our own.
    assert_eq!(pieces(|config| config.mtu = Mtu::MAX), [1364, 1364, 272]);
}

#[test]
fn a_packet_of_exactly_two_fragments_has_no_third() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable(vec![0; 2728]));
    let lengths: Vec<usize> = remote.heard().iter().map(|datagram| datagram.bytes.len()).collect();
    assert_eq!(lengths, [1392, 1392]);
}

#[test]
fn fragments_of_a_reliable_packet_take_consecutive_numbers() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("a"));
    remote.host_sends(0, Packet::reliable(vec![0; 3000]));
    remote.host_sends(0, Packet::reliable("b"));
    let heard = remote.heard();
    let numbers: Vec<u16> =
        heard.iter().flat_map(|datagram| datagram.commands().into_iter().map(|it| it.seq.0)).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let starts = |datagram: &Opened| {
        datagram
            .commands()
            .flatten()
            .filter_map(|command| match command.body {
                Body::SendFragment(piece) => Some(piece.start),
                _ => None,
            })
            .collect::<Vec<u16>>()
    };
    let opened = heard.iter().map(|datagram| Opened::open(&datagram.bytes, false).unwrap());
    assert_eq!(opened.flat_map(|datagram| starts(&datagram)).collect::<Vec<u16>>(), [2, 2, 2]);
}

#[test]
fn a_fragmented_packet_arrives_whole() {
    use enet_testkit::pair::{Client, Pair, first, from};
    let payload: Vec<u8> = (0..100_000u32).map(|index| index.to_le_bytes()[index as usize % 3]).collect();
    let mut pair = Pair::connected();
    pair.lose(first(1, from(Client)));
    pair.client.send(0, Packet::reliable(payload.clone()));
    pair.run_until_quiet();
    assert_eq!(pair.server.received(), [(0, Packet::reliable(payload))]);
}

// ---- Numbers (§12.4)

#[test]
fn unreliable_numbers_restart_with_each_reliable_packet_of_the_channel() {
    let mut remote = Crafted::client();
    for packet in [
        Packet::unreliable("u"),
        Packet::unreliable("u"),
        Packet::reliable("r"),
        Packet::unreliable("u"),
        Packet::unsequenced("q"),
        Packet::unreliable("u"),
    ] {
        remote.host_sends(0, packet);
    }
    remote.hears(&[
        unreliable(0, 0, 1, b"u"),
        unreliable(0, 0, 2, b"u"),
        reliable(0, 1, b"r"),
        unreliable(0, 1, 1, b"u"),
        unsequenced(0, 1, b"q"),
        unreliable(0, 1, 2, b"u"),
    ]);
}

#[test]
fn unsequenced_groups_are_counted_per_peer_from_1() {
    let mut remote = Crafted::client();
    for channel in [0, 1, 0] {
        remote.host_sends(channel, Packet::unsequenced("q"));
    }
    // §12.4: command numbers (0, 0)
    remote.hears(&[unsequenced(0, 1, b"q"), unsequenced(1, 2, b"q"), unsequenced(0, 3, b"q")]);
    assert_eq!(remote.stats().outgoing_unsequenced_group, 3);
}

#[test]
fn every_channel_up_to_the_last_can_be_used() {
    let mut remote = Crafted::stranger();
    remote.joins(Connect { channel_count: 255, ..two_channels() });
    remote.host_sends(254, Packet::reliable("last"));
    remote.hears(&[reliable(254, 1, b"last")]);
    remote.says(&[reliable(254, 1, b"too")]);
    assert_eq!(remote.packets(), [(254, Packet::reliable("too"))], "the event says which channel");
    let refused = remote.peer_mut().send(255, Packet::reliable("beyond")).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::NoSuchChannel { channels: 255 });
}
