//! What `Profile::Modern` does and C does not, C receives all the same: PROTOCOL.md §17.5.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // it is a test

use std::net::UdpSocket;
use std::num::NonZeroUsize;
use std::time::Duration;

use enet_mio::enet_proto::{Checksum, Datagram, Host, Instant, Profile};
use enet_mio::{ConnectOptions, Event, HostConfig, Packet, PeerId, random_seed};
use enet_testkit::libenet::{CEvent, CHost, CHostConfig, library_or_skip};

/// Turns of a millisecond before a test gives up.
const TURNS: usize = 10_000;

/// Our host with a plain socket, so that every datagram can be looked at; and C's.
struct Duo {
    socket: UdpSocket,
    ours: Host,
    c: CHost,
    start: std::time::Instant,
    /// All that ours sent since it was last asked.
    sent: Vec<Vec<u8>>,
    received: Vec<Vec<u8>>,
}

impl Duo {
    /// Connected and never throttled; `None` without the C library.
    fn connected(test: &str, checksum: bool) -> Option<(Duo, PeerId)> {
        let c = library_or_skip(test)?.host(CHostConfig { checksum, ..CHostConfig::default() }).unwrap();
        let mut config = HostConfig::new(random_seed().unwrap());
        config.checksum = checksum.then_some(Checksum::CRC32);
        assert_eq!(config.profile, Profile::Modern);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let start = std::time::Instant::now();
        let (sent, received) = (vec![], vec![]);
        let mut duo = Duo { socket, ours: Host::new(config), c, start, sent, received };
        duo.ours.connect(duo.c.address(), ConnectOptions::default()).unwrap();
        let peer = (0..TURNS).find_map(|_| duo.turn()).expect("a connection");
        for _ in 0..20 {
            duo.turn(); // what the beginning brings
        }
        duo.sent.clear();
        Some((duo, peer))
    }

    fn now(&self) -> Instant {
        Instant::from_millis(1_000_000) + self.start.elapsed()
    }

    /// A millisecond of both; the peer if it has connected.
    fn turn(&mut self) -> Option<PeerId> {
        let mut buffer = [0; 65_536];
        while let Ok((len, source)) = self.socket.recv_from(&mut buffer) {
            self.ours.handle_datagram(self.now(), Datagram::new(source, &buffer[..len]));
        }
        self.ours.handle_timeout(self.now());
        let mut out = Vec::new();
        while let Some(transmit) =
            self.ours.poll_transmit(self.now(), &mut out, NonZeroUsize::new(64).unwrap())
        {
            for datagram in out.chunks(transmit.segment.unwrap_or(transmit.len)) {
                self.socket.send_to(datagram, transmit.to).unwrap();
                self.sent.push(datagram.to_vec());
            }
            out.clear();
        }
        if let Some(CEvent::Received { data, .. }) = self.c.service(Duration::from_millis(1)) {
            self.received.push(data);
        }
        match self.ours.poll_event() {
            Some(Event::Connected { peer, .. }) => Some(peer),
            other => {
                assert_eq!(other, None);
                None
            }
        }
    }

    /// Sends these, and sees that C has them, each as it was.
    fn deliver(&mut self, peer: PeerId, packets: &[Packet]) {
        for packet in packets {
            self.ours.peer_mut(peer).unwrap().send(0, packet.clone()).unwrap();
        }
        for _ in 0..TURNS {
            self.turn();
            if self.received.len() == packets.len() {
                break;
            }
        }
        let expected: Vec<&[u8]> = packets.iter().map(|packet| &packet[..]).collect();
        assert_eq!(std::mem::take(&mut self.received), expected);
    }
}

#[test]
fn c_takes_hundred_commands_of_one_datagram() {
    for checksum in [false, true] {
        let Some((mut duo, peer)) = Duo::connected("a hundred commands", checksum) else { return };
        for packet in [Packet::reliable, Packet::unsequenced] {
            duo.sent.clear();
            let packets: Vec<Packet> = (0..100).map(|number| packet(vec![number, 1, 2, 3])).collect();
            duo.deliver(peer, &packets);
            assert!(duo.sent[0].len() > 1000, "all in one: {}", duo.sent[0].len());
        }
    }
}

#[test]
fn c_ignores_the_zeros_that_keep_a_train_going() {
    for checksum in [false, true] {
        let Some((mut duo, peer)) = Duo::connected("zeros at the end", checksum) else { return };
        for packet in [Packet::reliable, Packet::unsequenced] {
            duo.sent.clear();
            duo.deliver(peer, &[1300, 1250, 1300].map(|len| packet(vec![7; len])));
            let [first, second, ..] = &duo.sent[..] else { panic!("{} datagrams", duo.sent.len()) };
            assert_eq!(first.len(), second.len(), "a train");
            assert!(second.ends_with(&[0; 50]) && !first.ends_with(&[0]), "filled up");
        }
    }
}
