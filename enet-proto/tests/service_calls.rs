//! Service calls and flushes against a hand-made remote (PROTOCOL.md §14.6, §17.2, §18.2).

mod common;

use std::collections::VecDeque;
use std::net::SocketAddr;

use common::{Crafted, Heard, grant, ms, verify_connect};
use enet_proto::{Datagram, Delivery, DisconnectReason, Event, Packet, Socket, Transmit};
use enet_testkit::commands::{acknowledge, ping, reliable};
use enet_testkit::{Opened, describe};

/// A socket whose incoming datagrams are given by the test, and whose outgoing ones are kept.
struct Wire {
    source: SocketAddr,
    waiting: VecDeque<Vec<u8>>,
    current: Vec<u8>,
    sent: Vec<Vec<u8>>,
}

impl Wire {
    fn with(remote: &Crafted, waiting: impl IntoIterator<Item = Vec<u8>>) -> Wire {
        let waiting = waiting.into_iter().collect();
        Wire { source: remote.address, waiting, current: Vec::new(), sent: Vec::new() }
    }

    /// The commands sent since last asked, in words.
    fn sent(&mut self) -> Vec<String> {
        let datagrams = std::mem::take(&mut self.sent);
        let opened = datagrams.iter().filter_map(|bytes| Opened::open(bytes, false).ok());
        opened.flat_map(|it| it.commands().flatten().map(|it| describe(&it)).collect::<Vec<_>>()).collect()
    }
}

impl Socket for Wire {
    fn receive(&mut self) -> Option<Datagram<'_>> {
        self.current = self.waiting.pop_front()?;
        Some(Datagram::new(self.source, &self.current))
    }

    fn send(&mut self, transmit: &Transmit, bytes: &[u8]) {
        assert_eq!(transmit.len, bytes.len());
        self.sent.push(bytes.to_vec());
    }
}

fn text(event: Option<Event>) -> Option<String> {
    match event? {
        Event::Received { packet, .. } => Some(String::from_utf8_lossy(&packet).into_owned()),
        other => Some(format!("{other:?}")),
    }
}

#[test]
fn a_call_with_nothing_to_do_returns_nothing() {
    let mut remote = Crafted::client();
    let mut wire = Wire::with(&remote, []);
    assert_eq!(remote.host.service_pass(remote.now, &mut wire), None);
    assert!(wire.sent.is_empty());
}

#[test]
fn a_connect_ends_the_call_and_the_acknowledgement_leaves_in_the_next() {
    let mut remote = Crafted::stranger();
    let id = remote.is_connected_to();
    let asked = remote.asked();
    let answer = remote.datagram(&[verify_connect(&grant(&asked))]);
    let mut wire = Wire::with(&remote, [answer, remote.datagram(&[ping(2)])]);
    // §17.2
    let event = remote.host.service_pass(remote.now, &mut wire);
    assert_eq!(event, Some(Event::Connected { peer: id, data: 0 }));
    assert_eq!((wire.sent.len(), wire.waiting.len()), (0, 1));
    assert_eq!(remote.host.service_pass(remote.now, &mut wire), None);
    let echo = format!("{:04x}", remote.clock());
    assert_eq!(
        wire.sent(),
        [
            format!("ACK control#1 echo {echo}"),
            "PING control#2".to_owned(),
            format!("ACK control#2 echo {echo}")
        ]
    );
}

#[test]
fn a_disconnect_that_is_acknowledged_ends_the_call() {
    let mut remote = Crafted::client();
    remote.peer_mut().disconnect(0);
    remote.heard();
    let done = remote.datagram(&[acknowledge(0xff, 2, remote.clock())]);
    let mut wire = Wire::with(&remote, [done, b"left".to_vec()]);
    let event = remote.host.service_pass(remote.now, &mut wire);
    assert!(matches!(event, Some(Event::Disconnected { reason: DisconnectReason::Local, .. })), "{event:?}");
    // §14.6: the rest stays in the socket.
    assert_eq!(wire.waiting.len(), 1);
}

#[test]
fn received_packets_do_not_end_the_receive_pass() {
    let mut remote = Crafted::client();
    let three = (1..=3).map(|number| remote.datagram(&[reliable(0, number, b"x")]));
    let mut wire = Wire::with(&remote, three.collect::<Vec<_>>());
    assert_eq!(text(remote.host.service_pass(remote.now, &mut wire)), Some("x".to_owned()));
    // §14.6
    assert_eq!(wire.waiting.len(), 0);
}

#[test]
fn a_call_runs_the_bandwidth_pass_when_it_is_due() {
    let mut remote = Crafted::client();
    remote.now += ms(990);
    let mut wire = Wire::with(&remote, []);
    remote.host.service_pass(remote.now, &mut wire);
    // The idle ping does not join a reliable command (§13.4).
    assert_eq!(wire.sent(), ["BANDWIDTH control#2 in 0 out 0"]);
}

#[test]
fn a_flush_sends_what_is_queued_and_raises_no_event() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 1, b"waiting")]);
    remote.host_sends(0, Packet::reliable("a"));
    let mut wire = Wire::with(&remote, [b"unread".to_vec()]);
    remote.host.flush_pass(remote.now, &mut wire);
    assert_eq!(wire.sent(), ["ACK 0#1 echo 5000", "RELIABLE 0#1 [1] 61"]);
    assert_eq!(wire.waiting.len(), 1);
    assert_eq!(remote.texts(), ["waiting"]);
}

#[test]
fn a_flush_forgets_nobody_whose_time_has_come() {
    for delivery in [Delivery::Reliable, Delivery::Unreliable] {
        let mut remote = Crafted::client();
        let mut wire = Wire::with(&remote, []);
        remote.host_sends(0, Packet::new(Delivery::Reliable, b"x"));
        remote.host.flush_pass(remote.now, &mut wire);
        let due = remote.host.poll_timeout().unwrap();
        remote.now = due + ms(1);
        remote.host_sends(0, Packet::new(delivery, b"y"));
        remote.host.flush_pass(remote.now, &mut wire);
        remote.host.check_invariants();
        assert!(remote.host.poll_timeout().unwrap() <= remote.now, "{delivery:?}");
        wire.sent();
        assert_eq!(remote.host.service_pass(remote.now, &mut wire), None);
        assert_eq!(wire.sent(), [describe(&reliable(0, 1, b"x"))]);
    }
}

#[test]
fn two_hosts_get_along_by_service_calls_alone() {
    let (mut server, mut client) = (Crafted::stranger(), Crafted::stranger());
    client.is_connected_to();
    let mut to_server = Wire::with(&client, []);
    let mut to_client = Wire::with(&client, []);
    let mut heard = Vec::new();
    for millis in 0..10 {
        let now = client.now + ms(millis);
        while let Some(event) = client.host.service_pass(now, &mut to_client) {
            if let Event::Connected { peer, .. } = event {
                client.host.peer_mut(peer).unwrap().send(0, Packet::reliable("hello")).unwrap();
            }
        }
        to_server.waiting.extend(to_client.sent.drain(..));
        while let Some(event) = server.host.service_pass(now, &mut to_server) {
            heard.extend(text(Some(event)));
        }
        to_client.waiting.extend(to_server.sent.drain(..));
    }
    assert_eq!(heard.last().map(String::as_str), Some("hello"));
    let idle: Vec<Heard> = server.heard();
    assert!(idle.is_empty());
}
