//! Packets of every kind and size, both ways, on every wire (PROTOCOL.md §12).

use std::collections::BTreeMap;

use enet_mio::Delivery;

use crate::ends::{Ask, BOTH_WAYS, Heard, Kind, Peer, Roles, Setup, WIRES, Wire, every_pairing};
use crate::scene::{Scene, Side, both_directions, ours_first, play};

const DELIVERIES: [Delivery; 5] = [
    Delivery::Reliable,
    Delivery::Unreliable,
    Delivery::UnreliableFragments,
    Delivery::Unsequenced,
    Delivery::UnsequencedOrFragments,
];

/// Around the largest that fits into one datagram: 1364 bytes, with a checksum 1360.
const SIZES: [usize; 13] = [0, 1, 100, 1359, 1360, 1361, 1363, 1364, 1365, 1400, 5_000, 65_536, 100_000];

/// Some of the seven that are asked for.
const CHANNELS: [u8; 3] = [0, 2, 6];

/// Even seeds give bytes that compress well, odd ones bytes that do not.
fn payload(len: usize, seed: usize) -> Vec<u8> {
    let mut state = seed as u64;
    let byte = |at: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if seed.is_multiple_of(2) {
            ((at / 16 + seed) % 251).to_le_bytes()[0]
        } else {
            state.to_be_bytes()[0]
        }
    };
    (0..len).map(byte).collect()
}

/// How the receiver sees a packet, by whether it fitted into one datagram (PROTOCOL.md §12.1, §12.2).
fn as_received(sent: Delivery, fits: bool) -> Delivery {
    match (sent, fits) {
        (Delivery::Reliable, _) => Delivery::Reliable,
        (Delivery::Unreliable | Delivery::UnreliableFragments, true) => Delivery::Unreliable,
        (Delivery::Unsequenced | Delivery::UnsequencedOrFragments, true) => Delivery::Unsequenced,
        (Delivery::Unreliable | Delivery::Unsequenced, false) => Delivery::Reliable,
        (Delivery::UnreliableFragments | Delivery::UnsequencedOrFragments, false) => {
            Delivery::UnreliableFragments
        }
    }
}

/// C crashes when it compresses nothing (docs/QUIRKS.md Q61).
fn can_send(side: Side, len: usize, wire: Wire) -> bool {
    matches!(side.peer, Peer::Ours(_)) || len > 0 || !wire.range_coder
}

/// Both ends say one thing at the same time; the next when both have heard it.
fn everything_arrives(scene: &mut Scene, roles: Roles, wire: Wire) {
    let sides = scene.pair(roles, Setup::on(wire), Ask { channels: 7, ..Ask::default() });
    scene.never_throttle(sides);
    let [server, client] = sides;
    let largest = if wire.checksum { 1360 } else { 1364 };
    let cases = SIZES.into_iter().flat_map(|len| DELIVERIES.map(|delivery| (len, delivery)));
    for (number, (len, delivery)) in cases.enumerate() {
        let channel = CHANNELS[number % CHANNELS.len()];
        let mut expected = Vec::new();
        for (from, to, seed) in [(server, client, number), (client, server, number + 1000)] {
            if can_send(from, len, wire) {
                let payload = payload(len, seed);
                scene.send(from, channel, delivery, &payload);
                let delivery = as_received(delivery, len <= largest);
                expected.push((to.end, Heard::Received { peer: to.peer, channel, delivery, payload }));
            }
        }
        scene.expect(expected);
    }
    scene.silence();
}

#[test]
fn everything_arrives_between_our_server_and_a_c_client() {
    let ours = BOTH_WAYS[0];
    assert_eq!(ours.server, Kind::Ours);
    play("everything arrives", WIRES.map(|wire| (ours, wire)), |scene, (roles, wire)| {
        everything_arrives(scene, roles, wire);
    });
}

#[test]
fn everything_arrives_between_our_client_and_a_c_server() {
    let theirs = BOTH_WAYS[1];
    assert_eq!(theirs.server, Kind::C);
    play("everything arrives", WIRES.map(|wire| (theirs, wire)), |scene, (roles, wire)| {
        everything_arrives(scene, roles, wire);
    });
}

#[test]
fn reliable_packets_arrive_in_their_order_on_each_channel() {
    const PACKETS: usize = 240;
    play("reliable order", every_pairing(), |scene, (roles, wire)| {
        let sides = scene.pair(roles, Setup::on(wire), Ask { channels: 7, ..Ask::default() });
        let mut sent: BTreeMap<(usize, u8), Vec<Vec<u8>>> = BTreeMap::new();
        for number in 0..PACKETS {
            let channel = CHANNELS[number % CHANNELS.len()];
            for [from, to] in both_directions(sides) {
                // From a few bytes to three fragments.
                let payload = payload(4 + number * 397 % 3_000, number);
                scene.send(from, channel, Delivery::Reliable, &payload);
                sent.entry((to.end, channel)).or_default().push(payload);
            }
        }
        let mut heard: BTreeMap<(usize, u8), Vec<Vec<u8>>> = BTreeMap::new();
        for _ in 0..2 * PACKETS {
            let (end, Heard::Received { channel, delivery: Delivery::Reliable, payload, .. }) = scene.next()
            else {
                panic!("only reliable packets are under way")
            };
            heard.entry((end, channel)).or_default().push(payload);
        }
        assert!(heard == sent, "what was sent, in order");
        scene.silence();
    });
}

/// Reliable and unreliable packets in one datagram keep the order in which they were queued (PROTOCOL.md §12.4–§12.6).
#[test]
fn reliable_and_unreliable_packets_of_a_channel_keep_their_order_among_each_other() {
    let kinds = [Delivery::Reliable, Delivery::Unreliable, Delivery::Unreliable, Delivery::Reliable];
    play("mixed order", every_pairing(), |scene, (roles, wire)| {
        let sides = scene.pair(roles, Setup::on(wire), Ask::default());
        scene.never_throttle(sides);
        for [from, to] in both_directions(sides) {
            let mut expected = Vec::new();
            for (number, delivery) in kinds.into_iter().cycle().take(12).enumerate() {
                let payload = payload(10, number);
                scene.send(from, 1, delivery, &payload);
                expected.push((to.end, Heard::Received { peer: to.peer, channel: 1, delivery, payload }));
            }
            scene.expect(expected);
        }
    });
}

#[test]
fn trains_arrive_at_c_as_datagrams() {
    const LEN: u32 = 500_000;
    play("trains", BOTH_WAYS, |scene, roles| {
        let sides = scene.pair(roles, Setup::on(WIRES[0]), Ask::default());
        for ([from, to], seed) in both_directions(sides).into_iter().zip(0..) {
            let payload = payload(LEN as usize, seed);
            scene.send(from, 0, Delivery::Reliable, &payload);
            let delivery = Delivery::Reliable;
            let heard = Heard::Received { peer: to.peer, channel: 0, delivery, payload };
            scene.expect(vec![(to.end, heard)]);
        }
        let ours = scene.ours(ours_first(sides)[0].end);
        let stats = ours.io_stats();
        assert_eq!(stats.trains_refused, 0);
        if ours.io_capabilities().gso {
            assert!(stats.sent_in_trains > u64::from(LEN) / 2 / 1_392, "{stats:?}");
        }
    });
}
