//! A host in an event loop of the application's own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use common::{PATIENCE, config, pattern};
use enet_mio::enet_proto::Profile;
use enet_mio::{ConnectOptions, Event, Host, Packet, PeerId};
use mio::{Events, Interest, Poll, Token};

/// Two hosts and the application's poll.
struct Loop {
    poll: Poll,
    ready: Events,
    hosts: [Host; 2],
    peers: [Option<PeerId>; 2],
}

impl Loop {
    /// A server, and a client that is connecting to it.
    fn new() -> Loop {
        let poll = Poll::new().unwrap();
        let mut hosts = [Host::bind("127.0.0.1:*", config()).unwrap(), Host::client(config()).unwrap()];
        for (host, token) in hosts.iter_mut().zip(0..) {
            poll.registry().register(host, Token(token), Interest::READABLE).unwrap();
        }
        let to = hosts[0].local_addr().unwrap();
        hosts[1].connect(to, ConnectOptions::default()).unwrap();
        Loop { poll, ready: Events::with_capacity(8), hosts, peers: [None, None] }
    }

    /// One turn; the packets that arrived, with the number of the host they arrived at.
    fn turn(&mut self) -> Vec<(usize, Packet)> {
        let timeouts = self.hosts.iter_mut().filter_map(Host::timeout);
        self.poll.poll(&mut self.ready, timeouts.chain([PATIENCE]).min()).unwrap();
        for event in &self.ready {
            self.hosts[event.token().0].on_ready();
        }
        let mut packets = vec![];
        for (number, host) in self.hosts.iter_mut().enumerate() {
            host.drive().unwrap();
            while let Some(event) = host.poll_event() {
                match event {
                    Event::Connected { peer, .. } => self.peers[number] = Some(peer),
                    Event::Received { packet, .. } => packets.push((number, packet)),
                    other => panic!("{other:?}"),
                }
            }
        }
        packets
    }
}

#[test]
fn hosts_in_a_poll_exchange_packets() {
    let mut it = Loop::new();
    let start = Instant::now();
    while it.peers.contains(&None) {
        it.turn();
        assert!(start.elapsed() < PATIENCE);
    }
    let client = it.peers[1].unwrap();
    for round in 0..200 {
        let sent = pattern(usize::from(round) * 20, round);
        it.hosts[1].peer_mut(client).unwrap().send(0, Packet::reliable(sent.clone())).unwrap();
        let mut echoed = false;
        while !echoed {
            for (number, packet) in it.turn() {
                assert_eq!(&packet[..], sent);
                echoed = number == 1;
                if number == 0 {
                    it.hosts[0].peer_mut(it.peers[0].unwrap()).unwrap().send(0, packet).unwrap();
                }
            }
            assert!(start.elapsed() < PATIENCE);
        }
    }
}

#[test]
fn close_works_on_a_registered_host() {
    let mut it = Loop::new();
    let start = Instant::now();
    while it.peers.contains(&None) {
        it.turn();
        assert!(start.elapsed() < PATIENCE);
    }
    let [mut server, mut client] = it.hosts;
    let closing = std::thread::spawn(move || client.close(PATIENCE).unwrap());
    let start = Instant::now();
    while server.peers().count() > 0 {
        it.poll.poll(&mut it.ready, Some(Duration::from_millis(10))).unwrap();
        server.on_ready();
        server.drive().unwrap();
        while server.poll_event().is_some() {}
        assert!(start.elapsed() < PATIENCE);
    }
    assert_eq!(closing.join().unwrap(), 0);
}

/// The poll reports an edge once. What one `drive` leaves behind has to be remembered by the host.
#[test]
fn no_edge_is_lost_when_more_arrives_than_one_drive_takes() {
    const SENT: u64 = 500; // more than 256, and few enough for a small receive buffer
    let mut poll = Poll::new().unwrap();
    let mut ready = Events::with_capacity(8);
    let mut host = Host::bind("127.0.0.1:*", config()).unwrap();
    poll.registry().register(&mut host, Token(0), Interest::READABLE).unwrap();
    host.drive().unwrap(); // closes the latch: nothing there yet
    assert_eq!(host.timeout(), None);

    let rubbish = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..SENT {
        rubbish.send_to(&[0], host.local_addr().unwrap()).unwrap();
    }
    poll.poll(&mut ready, Some(PATIENCE)).unwrap();
    assert!(!ready.is_empty());
    host.on_ready();
    host.drive().unwrap();
    assert_eq!(host.stats().datagrams_received, 256);
    assert_eq!(host.timeout(), Some(Duration::ZERO));
    poll.poll(&mut ready, host.timeout()).unwrap();
    assert!(ready.is_empty(), "otherwise this test proves nothing");
    host.drive().unwrap();
    assert_eq!(host.stats().datagrams_received, SENT);
    assert_eq!(host.timeout(), None);
}

#[test]
fn asking_for_the_timeout_sends_what_waits() {
    let mut host = Host::client(config()).unwrap();
    host.drive().unwrap();
    assert_eq!(host.timeout(), None, "nothing under way");
    host.connect("127.0.0.1:9".parse().unwrap(), ConnectOptions::default()).unwrap();
    let until_retransmission = host.timeout().unwrap();
    assert_eq!(host.stats().datagrams_sent, 1);
    assert!(until_retransmission > Duration::ZERO);
    assert!(until_retransmission <= Duration::from_millis(500));
}

#[test]
fn under_compat_the_timeout_is_zero_while_something_waits_to_be_sent() {
    let mut config = config();
    config.profile = Profile::Compat;
    let mut host = Host::client(config).unwrap();
    host.drive().unwrap();
    assert_eq!(host.timeout(), None, "nothing under way");
    host.connect("127.0.0.1:9".parse().unwrap(), ConnectOptions::default()).unwrap();
    assert_eq!(host.timeout(), Some(Duration::ZERO));
    assert_eq!(host.stats().datagrams_sent, 0);
    host.drive().unwrap();
    let until_retransmission = host.timeout().unwrap();
    assert!(until_retransmission > Duration::ZERO);
    assert!(until_retransmission <= Duration::from_millis(500));
}
