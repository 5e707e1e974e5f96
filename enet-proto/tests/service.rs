//! The order of one service call (PROTOCOL.md §18.2), on a socket that is a queue.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::VecDeque;
use std::net::SocketAddr;

use enet_proto::{
    ConnectOptions, Datagram, Event, Host, HostConfig, Instant, Packet, Profile, Socket, Transmit,
};

/// What service passes are for.
fn stock(seed: [u8; 32]) -> HostConfig {
    let mut config = HostConfig::new(seed);
    config.profile = Profile::Compat;
    config
}

/// Datagrams waiting, and those sent.
struct Queue {
    from: SocketAddr,
    waiting: VecDeque<Vec<u8>>,
    taken: Vec<u8>,
    sent: Vec<Vec<u8>>,
}

impl Socket for Queue {
    fn receive(&mut self) -> Option<Datagram<'_>> {
        self.taken = self.waiting.pop_front()?;
        Some(Datagram::new(self.from, &self.taken))
    }

    fn send(&mut self, transmit: &Transmit, bytes: &[u8]) {
        assert_eq!(bytes.len(), transmit.len);
        self.sent.push(bytes.to_vec());
    }
}

struct Duo {
    now: u64,
    client: Host,
    client_socket: Queue,
    server: Host,
    server_socket: Queue,
}

impl Duo {
    fn new() -> Duo {
        let [client_at, server_at] =
            ["192.0.2.1:1", "192.0.2.2:2"].map(|at| at.parse::<SocketAddr>().unwrap());
        let socket = |from| Queue { from, waiting: VecDeque::new(), taken: vec![], sent: vec![] };
        let mut client = Host::new(stock([1; 32]));
        client.connect(server_at, ConnectOptions::default()).unwrap();
        Duo {
            now: 1_000_000,
            client,
            client_socket: socket(server_at),
            server: Host::new(stock([2; 32])),
            server_socket: socket(client_at),
        }
    }

    fn connected() -> Duo {
        let mut duo = Duo::new();
        assert!(duo.serve_client().is_none());
        assert!(duo.serve_server().is_none());
        assert!(matches!(duo.serve_client(), Some(Event::Connected { .. })));
        assert!(duo.serve_client().is_none());
        assert!(matches!(duo.serve_server(), Some(Event::Connected { .. })));
        assert!(duo.serve_server().is_none());
        duo
    }

    fn serve_client(&mut self) -> Option<Event> {
        let event = self.client.service_pass(Instant::from_millis(self.now), &mut self.client_socket);
        self.server_socket.waiting.extend(self.client_socket.sent.drain(..));
        event
    }

    fn serve_server(&mut self) -> Option<Event> {
        let event = self.server.service_pass(Instant::from_millis(self.now), &mut self.server_socket);
        self.client_socket.waiting.extend(self.server_socket.sent.drain(..));
        event
    }

    fn client_sends(&mut self, text: &str) {
        let peer = self.client.peers().next().unwrap().id();
        self.client.peer_mut(peer).unwrap().send(0, Packet::reliable(text)).unwrap();
        assert!(self.serve_client().is_none());
    }
}

fn text(event: Option<Event>) -> String {
    match event {
        Some(Event::Received { packet, .. }) => String::from_utf8(packet.to_vec()).unwrap(),
        other => panic!("not a packet: {other:?}"),
    }
}

#[test]
fn an_event_that_waits_already_comes_back_without_any_input_or_output() {
    let mut duo = Duo::connected();
    duo.client_sends("a");
    duo.client_sends("b");
    assert_eq!(text(duo.serve_server()), "a");
    duo.client_sends("c");
    assert_eq!(text(duo.serve_server()), "b");
    assert_eq!(duo.server_socket.waiting.len(), 1, "c was taken although an event was waiting");
    assert_eq!(text(duo.serve_server()), "c");
}

#[test]
fn acknowledgements_leave_before_the_application_sees_the_packet() {
    let mut duo = Duo::connected();
    duo.client_sends("a");
    assert_eq!(text(duo.serve_server()), "a");
    assert_eq!(duo.client_socket.waiting.len(), 1);
}

#[test]
fn an_empty_datagram_ends_the_receive_pass() {
    let mut duo = Duo::connected();
    duo.client_sends("a");
    duo.server_socket.waiting.push_front(vec![]);
    assert!(duo.serve_server().is_none());
    assert_eq!(duo.server_socket.waiting.len(), 1);
    assert_eq!(text(duo.serve_server()), "a");
}

#[test]
fn a_connect_ends_the_receive_pass() {
    let mut duo = Duo::new();
    duo.serve_client();
    duo.serve_server();
    duo.client_socket.waiting.push_back(vec![0xff; 8]);
    assert!(matches!(duo.serve_client(), Some(Event::Connected { .. })));
    assert_eq!(duo.client_socket.waiting.len(), 1);
    assert!(duo.server_socket.waiting.is_empty(), "the acknowledgement leaves in the next call");
}

#[test]
fn no_pass_takes_more_than_256_datagrams() {
    let mut duo = Duo::connected();
    duo.server_socket.waiting.extend(std::iter::repeat_n(vec![0xff; 8], 300));
    assert!(duo.serve_server().is_none());
    assert_eq!(duo.server_socket.waiting.len(), 44);
}

#[test]
fn a_pass_sends_before_it_receives() {
    let mut duo = Duo::connected();
    duo.client_sends("a");
    assert_eq!(text(duo.serve_server()), "a");
    duo.now += 5_000;
    // The acknowledgement waits in the socket, yet the timeout is looked at first.
    assert!(duo.serve_client().is_none());
    let peer = duo.client.peers().next().unwrap().stats();
    assert_eq!(peer.packets_lost, 1);
}

#[test]
fn a_timeout_comes_back_from_the_call_that_finds_it() {
    let mut duo = Duo::connected();
    duo.server_socket.waiting.clear();
    let other = "192.0.2.9:9".parse().unwrap();
    let second = duo.client.connect(other, ConnectOptions::default()).unwrap();
    for _ in 0..1000 {
        duo.now += 100;
        let event = duo.client.service_pass(Instant::from_millis(duo.now), &mut duo.client_socket);
        if let Some(Event::Disconnected { peer, .. }) = event {
            assert_ne!(peer, second, "the first slot's peer has been silent for longer");
            return;
        }
    }
    panic!("nobody timed out");
}

#[test]
fn a_flush_sends_but_neither_receives_nor_looks_at_timeouts() {
    let mut duo = Duo::connected();
    duo.client_sends("a");
    duo.server_socket.waiting.clear();
    duo.now += 5_000;
    duo.client_socket.waiting.push_back(vec![0xff; 8]);
    let peer = duo.client.peers().next().unwrap().id();
    duo.client.peer_mut(peer).unwrap().send(0, Packet::reliable("b")).unwrap();
    duo.client.flush_pass(Instant::from_millis(duo.now), &mut duo.client_socket);
    assert_eq!(duo.client_socket.sent.len(), 1, "b, and not a again");
    assert_eq!(duo.client_socket.waiting.len(), 1);
    assert_eq!(duo.client.peer(peer).unwrap().stats().packets_lost, 0);
}
