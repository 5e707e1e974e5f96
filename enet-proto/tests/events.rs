//! In which order the application hears of what happened (PROTOCOL.md §12.10), and what it no longer hears of.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use enet_proto::{ConnectOptions, Datagram, Event, Host, HostConfig, Instant, Packet, PeerId};

const NOW: Instant = Instant::from_millis(1_000_000);

/// A server and two clients; nothing is fetched from the server unless a test does.
struct Three {
    server: Host,
    clients: [Host; 2],
}

impl Three {
    fn connected() -> Three {
        let host = |seed| Host::new(HostConfig::new([seed; 32]));
        let mut three = Three { server: host(0), clients: [host(1), host(2)] };
        for client in &mut three.clients {
            client.connect(server_at(), ConnectOptions::default()).unwrap();
        }
        three.exchange();
        three.exchange();
        assert_eq!(three.server.connected_peers(), 2);
        while three.server.poll_event().is_some() {}
        three
    }

    /// Datagrams go both ways until there are no more, the first client's before the second's.
    fn exchange(&mut self) {
        for _ in 0..3 {
            for client in 0..2 {
                let at = client_at(client);
                carry(&mut self.clients[client], at, &mut self.server);
            }
            let mut bytes = vec![];
            while let Some(transmit) = self.server.poll_transmit(NOW, &mut bytes, NonZeroUsize::MIN) {
                let client = if transmit.to == client_at(0) { 0 } else { 1 };
                self.clients[client].handle_datagram(NOW, Datagram::new(server_at(), &bytes));
                bytes.clear();
            }
        }
    }

    fn send(&mut self, client: usize, text: &str) {
        let peer = self.clients[client].peers().next().unwrap().id();
        self.clients[client].peer_mut(peer).unwrap().send(0, Packet::reliable(text)).unwrap();
    }

    fn heard(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.server.poll_event())
            .map(|event| match event {
                Event::Received { peer, packet, .. } => {
                    format!("{}: {}", peer.slot(), String::from_utf8_lossy(&packet))
                }
                Event::Disconnected { peer, data, .. } => format!("{}: gone {data}", peer.slot()),
                other => format!("{other:?}"),
            })
            .collect()
    }

    fn server_side(&self, client: usize) -> PeerId {
        self.server.peer_at(u16::try_from(client).unwrap()).unwrap().id()
    }
}

fn server_at() -> SocketAddr {
    "192.0.2.1:1".parse().unwrap()
}

fn client_at(client: usize) -> SocketAddr {
    ["192.0.2.2:1", "192.0.2.3:1"][client].parse().unwrap()
}

fn carry(from: &mut Host, from_at: SocketAddr, to: &mut Host) {
    let mut bytes = vec![];
    while from.poll_transmit(NOW, &mut bytes, NonZeroUsize::MIN).is_some() {
        to.handle_datagram(NOW, Datagram::new(from_at, &bytes));
        bytes.clear();
    }
}

#[test]
fn peers_take_turns_one_packet_each() {
    let mut three = Three::connected();
    for text in ["a", "b", "c"] {
        three.send(0, text);
    }
    three.send(1, "x");
    three.exchange();
    assert_eq!(three.heard(), ["0: a", "1: x", "0: b", "0: c"]);
}

/// As much as a byte window holds: more than a peer may have under way is no flood that the protocol allows.
#[test]
fn who_floods_keeps_nobody_else_s_packet_waiting() {
    let mut three = Three::connected();
    for _ in 0..600 {
        three.send(0, &"flood".repeat(20));
    }
    three.send(1, "x");
    three.exchange();
    let heard = three.heard();
    assert!(heard.len() > 500, "it is a flood: {}", heard.len());
    assert!(heard[..2].contains(&"1: x".to_owned()), "{:?}", &heard[..2]);
}

#[test]
fn who_is_sent_a_flood_keeps_nobody_else_s_packet_waiting() {
    let mut three = Three::connected();
    let peers: Vec<PeerId> = three.server.peers().map(|peer| peer.id()).collect();
    for _ in 0..600 {
        three.server.peer_mut(peers[0]).unwrap().send(0, Packet::reliable(vec![7; 1_000])).unwrap();
    }
    three.server.peer_mut(peers[1]).unwrap().send(0, Packet::reliable("x")).unwrap();
    let (mut bytes, mut to) = (vec![], vec![]);
    while let Some(transmit) = three.server.poll_transmit(NOW, &mut bytes, NonZeroUsize::MIN) {
        to.push(transmit.to);
    }
    assert!(to.len() > 40, "it is a flood: {}", to.len());
    assert!(to[..2].contains(&client_at(1)), "{:?}", &to[..2]);
}

#[test]
fn a_peer_that_disconnects_goes_to_the_back_of_the_queue() {
    let mut three = Three::connected();
    three.send(0, "lost");
    three.exchange();
    three.send(1, "kept");
    three.exchange();
    let peer = three.clients[0].peers().next().unwrap().id();
    three.clients[0].peer_mut(peer).unwrap().disconnect(7);
    three.exchange();
    assert_eq!(three.heard(), ["1: kept", "0: gone 7"]);
}

#[test]
fn what_was_not_fetched_is_lost_when_the_remote_disconnects() {
    let mut three = Three::connected();
    three.send(0, "lost");
    three.exchange();
    let here = three.server_side(0);
    let there = three.clients[0].peers().next().unwrap().id();
    three.clients[0].peer_mut(there).unwrap().disconnect(7);
    three.exchange();
    assert!(three.server.peer_mut(here).unwrap().receive().is_none());
    assert_eq!(three.heard(), ["0: gone 7"]);
}

#[test]
fn what_was_not_fetched_is_lost_when_we_disconnect() {
    let mut three = Three::connected();
    three.send(0, "lost");
    three.exchange();
    let here = three.server_side(0);
    three.server.peer_mut(here).unwrap().disconnect(7);
    assert!(three.server.peer_mut(here).unwrap().receive().is_none());
    three.exchange();
    assert_eq!(three.heard(), ["0: gone 0"]);
}

#[test]
fn while_draining_what_was_received_can_still_be_fetched_but_raises_no_event() {
    let mut three = Three::connected();
    three.send(0, "kept");
    three.exchange();
    let here = three.server_side(0);
    let mut peer = three.server.peer_mut(here).unwrap();
    peer.send(0, Packet::reliable("farewell")).unwrap();
    peer.disconnect_later(7);
    assert!(three.heard().is_empty());
    assert_eq!(three.server.peer_mut(here).unwrap().receive().unwrap().1, Packet::reliable("kept"));
}

#[test]
fn datagrams_go_back_from_the_address_they_came_to() {
    let mut three = Three::connected();
    let local = "192.0.2.77".parse().unwrap();
    three.send(0, "hello");
    let mut bytes = vec![];
    three.clients[0].poll_transmit(NOW, &mut bytes, NonZeroUsize::MIN).unwrap();
    let datagram = Datagram { local: Some(local), ..Datagram::new(client_at(0), &bytes) };
    three.server.handle_datagram(NOW, datagram);
    let answer = three.server.poll_transmit(NOW, &mut vec![], NonZeroUsize::MIN).unwrap();
    assert_eq!((answer.to, answer.from), (client_at(0), Some(local)));
}
