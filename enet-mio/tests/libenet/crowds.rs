//! Many at once: echoes for twenty, and broadcasts.

use std::net::SocketAddr;
use std::thread;

use enet_mio::{Delivery, DisconnectReason};
use enet_testkit::libenet::Library;

use crate::ends::{Ask, BOTH_WAYS, CRC32_AND_RANGE_CODER, Heard, Kind, Manner, PLAIN, Roles, Setup, Wire};
use crate::scene::{Scene, Side, library, play};

const CROWD: u32 = 20;

/// What each of the crowd says; every packet keeps its delivery on the way there and back.
const WORDS: [(Delivery, usize); 7] = [
    (Delivery::Reliable, 1),
    (Delivery::Unsequenced, 700),
    (Delivery::Unreliable, 1_300),
    (Delivery::Reliable, 1_365),
    (Delivery::UnreliableFragments, 3_000),
    (Delivery::Reliable, 5_000),
    (Delivery::Reliable, 1),
];

/// Says one thing after the other, each when the last has come back, and leaves.
fn be_one_of_many(library: &Library, kind: Kind, wire: Wire, to: SocketAddr, number: u32) {
    let mut scene = Scene::new(library, format!("client {number} of {CROWD}"));
    let client = scene.client(kind, Setup::on(wire));
    let side = scene.dial(client, to, Ask { data: number, ..Ask::default() });
    scene.expect(vec![(client, Heard::Connected { peer: side.peer, data: 0 })]);
    scene.never_throttle([side]);
    for ((delivery, len), round) in WORDS.into_iter().zip(0u8..) {
        let payload = vec![number.to_le_bytes()[0] ^ round << 5; len];
        let channel = round % 2;
        scene.send(side, channel, delivery, &payload);
        scene.expect(vec![(client, Heard::Received { peer: side.peer, channel, delivery, payload })]);
    }
    scene.leave(side, Manner::Disconnect, number);
    let expected = vec![scene.disconnected(side, DisconnectReason::Local, 0)];
    scene.expect(expected);
}

/// Echoes until everybody has left; the numbers they came and left with.
fn echo(scene: &mut Scene, server: usize) -> [Vec<u32>; 2] {
    let [mut came, mut left] = [vec![], vec![]];
    while left.len() < CROWD as usize {
        match scene.next().1 {
            Heard::Connected { peer, data } => {
                came.push(data);
                scene.never_throttle([Side { end: server, peer }]);
            }
            Heard::Received { peer, channel, delivery, payload } => {
                scene.send(Side { end: server, peer }, channel, delivery, &payload);
            }
            Heard::Disconnected { data, .. } => left.push(data),
            Heard::Requested { .. } => panic!("nobody is asked"),
        }
    }
    came.sort_unstable();
    left.sort_unstable();
    [came, left]
}

fn twenty_are_echoed(roles: Roles, wire: Wire) {
    let Some(library) = library("twenty at once") else { return };
    let mut scene = Scene::new(&library, format!("twenty at once, {roles:?}"));
    let server = scene.server(roles.server, Setup::on(wire));
    let to = scene.end(server).address();
    thread::scope(|scope| {
        for number in 0..CROWD {
            let library = &library;
            scope.spawn(move || be_one_of_many(library, roles.client, wire, to, number));
        }
        let everybody: Vec<u32> = (0..CROWD).collect();
        assert_eq!(echo(&mut scene, server), [everybody.clone(), everybody]);
    });
    assert_eq!(scene.end(server).connected_peers(), 0);
}

#[test]
fn twenty_c_clients_at_once_are_echoed_by_our_server() {
    twenty_are_echoed(Roles { server: Kind::Ours, client: Kind::C }, CRC32_AND_RANGE_CODER);
}

#[test]
fn twenty_of_our_clients_at_once_are_echoed_by_a_c_server() {
    twenty_are_echoed(Roles { server: Kind::C, client: Kind::Ours }, PLAIN);
}

#[test]
fn a_broadcast_reaches_everyone_who_is_connected() {
    let words = [
        (Delivery::Reliable, 10),
        (Delivery::Reliable, 20_000),
        (Delivery::Unreliable, 100),
        (Delivery::UnreliableFragments, 3_000),
        (Delivery::Unsequenced, 1_000),
    ];
    let rows =
        BOTH_WAYS.into_iter().flat_map(|roles| [PLAIN, CRC32_AND_RANGE_CODER].map(|wire| (roles, wire)));
    play("broadcast", rows, |scene, (roles, wire)| {
        let server = scene.server(roles.server, Setup::on(wire));
        let mut pairs = Vec::new();
        // One has a single channel, and misses what is said on the other.
        for channels in [2, 2, 2, 1, 2] {
            let client = scene.client(roles.client, Setup::on(wire));
            let pair = scene.connect(client, server, Ask { channels, ..Ask::default() });
            scene.never_throttle(pair);
            pairs.push((channels, pair));
        }
        // To five, and when one has left to four.
        for _ in 0..2 {
            for (number, (delivery, len)) in (0u8..).zip(words) {
                let (channel, payload) = (number % 2, vec![number; len]);
                scene.broadcast(server, channel, delivery, &payload);
                let reached = pairs.iter().filter(|(channels, _)| channel < *channels);
                let expected = reached.map(|(_, [_, client])| {
                    let (peer, payload) = (client.peer, payload.clone());
                    (client.end, Heard::Received { peer, channel, delivery, payload })
                });
                scene.expect(expected.collect());
            }
            let (_, [at_server, at_client]) = pairs.remove(0);
            scene.leave(at_server, Manner::Disconnect, 0);
            let expected = vec![
                scene.disconnected(at_server, DisconnectReason::Local, 0),
                scene.disconnected(at_client, DisconnectReason::Remote, 0),
            ];
            scene.expect(expected);
        }
    });
}
