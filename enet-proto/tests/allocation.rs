//! In the steady state nothing allocates: two connected hosts and the packets they exchange, both ends counted.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use enet_proto::{ConnectOptions, Datagram, Delivery, Event, Host, HostConfig, Instant, Packet, PeerId};
use enet_testkit::alloc::{Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Duo {
    now: u64,
    hosts: [Host; 2],
    peers: [PeerId; 2],
    buffer: Vec<u8>,
    received: u32,
}

const AT: [SocketAddr; 2] = [
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 1),
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)), 2),
];

impl Duo {
    fn connected() -> Duo {
        let mut hosts = [Host::new(HostConfig::new([1; 32])), Host::new(HostConfig::new([2; 32]))];
        let client = hosts[0].connect(AT[1], ConnectOptions::default()).unwrap();
        let mut duo = Duo { now: 1_000_000, hosts, peers: [client; 2], buffer: vec![], received: 0 };
        for _ in 0..5 {
            duo.millisecond();
        }
        duo.peers[1] = duo.hosts[1].peers().next().unwrap().id();
        duo
    }

    /// Everything a driver does, on both ends.
    fn millisecond(&mut self) {
        self.now += 1;
        let now = Instant::from_millis(self.now);
        for (from, at) in AT.into_iter().enumerate() {
            self.hosts[from].handle_timeout(now);
            self.buffer.clear();
            while self.hosts[from].poll_transmit(now, &mut self.buffer, NonZeroUsize::MIN).is_some() {
                self.hosts[1 - from].handle_datagram(now, Datagram::new(at, &self.buffer));
                self.buffer.clear();
            }
        }
        for host in &mut self.hosts {
            while let Some(event) = host.poll_event() {
                self.received += u32::from(matches!(event, Event::Received { .. }));
            }
            host.poll_timeout();
        }
    }

    fn exchange(&mut self, delivery: Delivery, payload: &[u8]) {
        for side in 0..2 {
            let mut peer = self.hosts[side].peer_mut(self.peers[side]).unwrap();
            peer.send(0, Packet::new(delivery, payload)).unwrap();
        }
        self.millisecond();
    }
}

/// Ten thousand messages each way, over ten seconds in which pings, bandwidth passes and throttle intervals come and go.
fn asked_for(delivery: Delivery, payload: &[u8]) -> u64 {
    let mut duo = Duo::connected();
    for _ in 0..3_000 {
        duo.exchange(delivery, payload);
    }
    let before = duo.received;
    let ((), asked) = allocations(|| (0..10_000).for_each(|_| duo.exchange(delivery, payload)));
    assert_eq!(duo.received - before, 20_000);
    asked.count
}

#[test]
fn small_packets_of_every_delivery_need_no_memory() {
    for delivery in
        [Delivery::Reliable, Delivery::Unreliable, Delivery::UnreliableFragments, Delivery::Unsequenced]
    {
        assert_eq!(asked_for(delivery, &[7; 32]), 0, "{delivery:?}");
    }
}

/// The sender copies its slice into memory of its own (two allocations: the bytes and their count of owners); the
/// receiver takes turns in its chunk.
#[test]
fn larger_packets_cost_the_sender_s_copy_and_nothing_else() {
    let asked = asked_for(Delivery::Reliable, &[7; 500]);
    assert!(asked <= 2 * 20_000 + 200, "{asked}");
}

#[test]
fn a_quiet_connection_needs_no_memory() {
    let mut duo = Duo::connected();
    (0..3_000).for_each(|_| duo.millisecond());
    let ((), asked) = allocations(|| (0..10_000).for_each(|_| duo.millisecond()));
    assert_eq!(asked.count, 0);
}
