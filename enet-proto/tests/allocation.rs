//! In the steady state nothing allocates: two connected hosts and the packets they exchange, both ends counted.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use enet_proto::{
    Bytes, ConnectOptions, Datagram, Delivery, Event, Host, HostConfig, Instant, Packet, PeerId,
};
use enet_testkit::alloc::{Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What happens to datagrams on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Perfect,
    /// Every second one is overtaken by the next.
    Swapping,
    /// One of so many is lost.
    Losing(u32),
}

struct Duo {
    now: u64,
    hosts: [Host; 2],
    peers: [PeerId; 2],
    network: Network,
    buffer: Vec<u8>,
    /// What is to be overtaken in either direction, if it is not empty.
    held: [Vec<u8>; 2],
    sent: u32,
    received: u32,
}

const AT: [SocketAddr; 2] = [
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 1),
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)), 2),
];

impl Duo {
    fn connected(network: Network) -> Duo {
        let mut hosts = [Host::new(HostConfig::new([1; 32])), Host::new(HostConfig::new([2; 32]))];
        let client = hosts[0].connect(AT[1], ConnectOptions::default()).unwrap();
        let mut duo = Duo {
            now: 1_000_000,
            hosts,
            peers: [client; 2],
            network: Network::Perfect,
            buffer: vec![],
            held: [vec![], vec![]],
            sent: 0,
            received: 0,
        };
        for _ in 0..5 {
            duo.millisecond();
        }
        duo.peers[1] = duo.hosts[1].peers().next().unwrap().id();
        duo.network = network;
        duo
    }

    /// Everything a driver does, on both ends.
    fn millisecond(&mut self) {
        self.now += 1;
        let now = Instant::from_millis(self.now);
        for from in 0..2 {
            self.hosts[from].handle_timeout(now);
            self.buffer.clear();
            while self.hosts[from].poll_transmit(now, &mut self.buffer, NonZeroUsize::MIN).is_some() {
                self.carry(now, from);
                self.buffer.clear();
            }
        }
        for host in &mut self.hosts {
            while let Some(event) = host.poll_event() {
                assert!(!matches!(event, Event::Disconnected { .. }));
                self.received += u32::from(matches!(event, Event::Received { .. }));
            }
            host.poll_timeout();
        }
    }

    /// Takes the datagram in the buffer to the other end, or what the network makes of it.
    fn carry(&mut self, now: Instant, from: usize) {
        self.sent += 1;
        let (at, to, held) = (AT[from], &mut self.hosts[1 - from], &mut self.held[from]);
        match self.network {
            Network::Losing(one_of) if self.sent.is_multiple_of(one_of) => {}
            Network::Swapping if held.is_empty() => held.extend_from_slice(&self.buffer),
            _ => {
                to.handle_datagram(now, Datagram::new(at, &self.buffer));
                if !held.is_empty() {
                    to.handle_datagram(now, Datagram::new(at, held));
                    held.clear();
                }
            }
        }
    }

    /// Sends a packet each way, and lets time pass until about as many have arrived as were sent.
    fn exchange(&mut self, packet: &impl Fn() -> Packet, expected: u32) {
        for side in 0..2 {
            self.hosts[side].peer_mut(self.peers[side]).unwrap().send(0, packet()).unwrap();
        }
        self.millisecond();
        while self.network == Network::Perfect && self.received < expected {
            self.millisecond();
        }
    }
}

const WARM_UP: u32 = 3_000;
const MESSAGES: u32 = 10_000;

/// How often memory was asked for by ten thousand packets each way, over ten seconds and more in which pings, bandwidth
/// passes and throttle intervals come and go.
fn asked_for(network: Network, packet: impl Fn() -> Packet) -> u64 {
    let mut duo = Duo::connected(network);
    for number in 1..=WARM_UP {
        duo.exchange(&packet, 2 * number);
    }
    let before = duo.received;
    let ((), asked) = allocations(|| {
        for number in WARM_UP + 1..=WARM_UP + MESSAGES {
            duo.exchange(&packet, 2 * number);
        }
    });
    let most_arrived = duo.received - before > 2 * MESSAGES - MESSAGES / 10;
    assert!(most_arrived || packet().delivery() != Delivery::Reliable, "{}", duo.received - before);
    assert!(duo.received - before > MESSAGES / 2, "{}", duo.received - before);
    asked.count
}

const DELIVERIES: [Delivery; 4] =
    [Delivery::Reliable, Delivery::Unreliable, Delivery::UnreliableFragments, Delivery::Unsequenced];

#[test]
fn small_packets_of_every_delivery_need_no_memory() {
    for delivery in DELIVERIES {
        let asked = asked_for(Network::Perfect, || Packet::new(delivery, &[7; 32]));
        assert_eq!(asked, 0, "{delivery:?}");
    }
}

#[test]
fn shared_packets_of_every_delivery_need_no_memory() {
    let shared = Bytes::from(vec![7; 500]);
    for delivery in DELIVERIES {
        let asked = asked_for(Network::Perfect, || Packet::new(delivery, shared.clone()));
        assert_eq!(asked, 0, "{delivery:?}");
    }
    assert_eq!(asked_for(Network::Perfect, || Packet::from_static(Delivery::Reliable, &[7; 500])), 0);
}

/// The sender copies its slice into memory of its own (two allocations: the bytes and their count of owners); the
/// receiver takes turns in its chunk.
#[test]
fn slices_cost_the_sender_s_copy_and_nothing_else() {
    for delivery in DELIVERIES {
        let asked = asked_for(Network::Perfect, || Packet::new(delivery, &[7; 500]));
        assert!(asked <= 2 * 2 * u64::from(MESSAGES), "{delivery:?}: {asked}");
    }
}

#[test]
fn packets_in_fragments_need_no_memory() {
    let shared = Bytes::from(vec![7; 4 << 10]);
    for delivery in [Delivery::Reliable, Delivery::UnreliableFragments] {
        let asked = asked_for(Network::Perfect, || Packet::new(delivery, shared.clone()));
        assert_eq!(asked, 0, "{delivery:?}");
    }
}

#[test]
fn packets_in_many_fragments_need_no_memory() {
    let shared = Bytes::from(vec![7; 100 << 10]);
    for delivery in [Delivery::Reliable, Delivery::UnreliableFragments] {
        let asked = asked_for(Network::Perfect, || Packet::new(delivery, shared.clone()));
        assert_eq!(asked, 0, "{delivery:?}");
    }
}

#[test]
fn packets_that_overtake_each_other_need_no_memory() {
    let shared = [Bytes::from_static(&[7; 500]), Bytes::from_static(&[7; 4 << 10])];
    for delivery in DELIVERIES {
        let small = asked_for(Network::Swapping, || Packet::new(delivery, &[7; 32]));
        assert_eq!(small, 0, "{delivery:?}");
        for shared in &shared {
            let asked = asked_for(Network::Swapping, || Packet::new(delivery, shared.clone()));
            assert_eq!(asked, 0, "{delivery:?}, {} bytes", shared.len());
        }
    }
}

#[test]
fn losses_and_what_waits_for_their_repetition_need_no_memory() {
    let shared = [Bytes::from_static(&[7; 500]), Bytes::from_static(&[7; 4 << 10])];
    for delivery in DELIVERIES {
        let small = asked_for(Network::Losing(60), || Packet::new(delivery, &[7; 32]));
        assert_eq!(small, 0, "{delivery:?}");
        for shared in &shared {
            let asked = asked_for(Network::Losing(60), || Packet::new(delivery, shared.clone()));
            assert_eq!(asked, 0, "{delivery:?}, {} bytes", shared.len());
        }
    }
}

#[test]
fn a_quiet_connection_needs_no_memory() {
    for network in [Network::Perfect, Network::Swapping, Network::Losing(7)] {
        let mut duo = Duo::connected(network);
        (0..3_000).for_each(|_| duo.millisecond());
        let ((), asked) = allocations(|| (0..10_000).for_each(|_| duo.millisecond()));
        assert_eq!(asked.count, 0, "{network:?}");
    }
}
