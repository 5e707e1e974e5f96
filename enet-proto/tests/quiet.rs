//! What a host holds for peers that say nothing: most of a server's do so most of the time, and all may ping at once.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use enet_proto::{
    ChannelLimit, ConnectOptions, Datagram, Event, Host, HostConfig, Instant, Packet, PeerId, PeerLimit,
};
use enet_testkit::alloc::{Counting, held};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes for a peer with two channels after one packet of each kind both ways, what the allocator adds not counted: its
/// connection is 432 of them.
const MOST: isize = 520;

struct Pair {
    now: Instant,
    hosts: [Host; 2],
    peers: [Vec<PeerId>; 2],
    received: usize,
}

fn host(seed: u8, peers: u16) -> Host {
    let mut config = HostConfig::new([seed; 32]);
    config.peers = PeerLimit::new(peers).unwrap();
    config.channels = ChannelLimit::new(2).unwrap();
    Host::new(config)
}

fn address(side: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 1_000 + u16::try_from(side).unwrap()))
}

impl Pair {
    fn connected(count: u16) -> Pair {
        let hosts = [host(1, count), host(2, count)];
        let peers = [Vec::new(), Vec::new()];
        let mut pair = Pair { now: Instant::from_millis(1_000_000), hosts, peers, received: 0 };
        for _ in 0..count {
            let options =
                ConnectOptions { channels: ChannelLimit::new(2).unwrap(), ..ConnectOptions::default() };
            pair.hosts[0].connect(address(1), options).unwrap();
        }
        pair.wait(100);
        assert_eq!(pair.peers.each_ref().map(Vec::len), [usize::from(count); 2]);
        pair
    }

    fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.now += std::time::Duration::from_millis(10);
            self.turn(0);
            self.turn(1);
        }
    }

    fn turn(&mut self, side: usize) {
        let Pair { now, hosts, peers, received } = self;
        let [client, server] = hosts;
        let (here, there) = if side == 0 { (client, server) } else { (server, client) };
        here.handle_timeout(*now);
        while let Some(event) = here.poll_event() {
            match event {
                Event::Connected { peer, .. } => peers[side].push(peer),
                Event::Received { .. } => *received += 1,
                other => unreachable!("{other:?}"),
            }
        }
        let mut bytes = Vec::new();
        while here.poll_transmit(*now, &mut bytes, NonZeroUsize::MIN).is_some() {
            there.handle_datagram(*now, Datagram::new(address(side), &bytes));
            bytes.clear();
        }
    }

    fn send_all(&mut self, packet: &Packet) {
        for (host, peers) in self.hosts.iter_mut().zip(&self.peers) {
            peers.iter().for_each(|peer| host.peer_mut(*peer).unwrap().send(0, packet.clone()).unwrap());
        }
        self.wait(50);
    }
}

/// Bytes of a server with so many peers.
fn server_with(count: u16) -> isize {
    let mut pair = Pair::connected(count);
    for packet in [Packet::reliable(&[7; 32]), Packet::unreliable(&[7; 32]), Packet::unsequenced(&[7; 32])] {
        pair.send_all(&packet);
    }
    assert_eq!(pair.received, 6 * usize::from(count));
    pair.wait(2_000);
    let [_client, server] = pair.hosts;
    let before = held();
    drop(server);
    before - held()
}

#[test]
fn a_quiet_peer_takes_little() {
    let each = (server_with(1_000) - server_with(10)) / 990;
    println!("{each} bytes");
    assert!(each <= MOST, "{each} bytes");
}
