//! What C has no counterpart of, with C at the other end: calls for events, orders from other threads, raw datagrams.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use enet_mio::enet_proto::{Datagram, Verdict};
use enet_mio::{ChannelId, Delivery, DisconnectReason, Gone, Handler, Host, Packet, PeerId, Service};
use enet_testkit::libenet::{CEvent, CHostConfig};

use crate::ends::{Ask, Heard, Kind, Roles, Setup};
use crate::scene::{PATIENCE, library, play};

const OURS_SERVES: Roles = Roles { server: Kind::Ours, client: Kind::C };

/// Takes down what it is told, and sends everything back.
#[derive(Default)]
struct Diary(Vec<String>);

impl Handler for Diary {
    fn on_connect(&mut self, _: &mut Host, _: PeerId, data: u32) {
        self.0.push(format!("connect {data}"));
    }

    fn on_receive(&mut self, host: &mut Host, peer: PeerId, channel: ChannelId, packet: Packet) {
        self.0.push(format!("receive {}", String::from_utf8_lossy(&packet)));
        host.peer_mut(peer).expect("connected").send(channel, packet).expect("room");
    }

    fn on_ping(&mut self, _: &mut Host, _: PeerId) {
        self.0.push("ping".to_owned());
    }

    fn on_close(&mut self, _: &mut Host, gone: Gone) {
        self.0.push(format!("close {}", gone.data));
    }

    fn on_turn(&mut self, _: &mut Host) -> ControlFlow<()> {
        let is_over = self.0.last().is_some_and(|line| line.starts_with("close"));
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_handler_is_told_of_a_c_clients_visit_from_the_connect_to_the_goodbye() {
    let Some(library) = library("handler") else { return };
    let mut config = Setup::default().ours();
    config.peer_defaults.pings = true;
    let mut server = Service::bind("127.0.0.1:*", config).expect("a free port");
    let mut client = library.host(CHostConfig::default()).expect("a host of C");
    let to = server.local_addr().expect("bound");
    let peer = client.connect(to, 2, 7).expect("a free slot");
    let mut diary = Diary::default();
    let start = Instant::now();
    while server.pump(&mut diary).expect("a working socket").is_continue() {
        assert!(start.elapsed() < PATIENCE, "{:?}", diary.0);
        match client.service(Duration::from_millis(1)) {
            Some(CEvent::Connected { .. }) => {
                client.ping(peer);
                client.send(peer, 1, b"hello", 1);
            }
            Some(CEvent::Received { .. }) => client.disconnect(peer, 9),
            _ => {}
        }
    }
    diary.0.retain(|line| line != "ping");
    assert_eq!(diary.0, ["connect 7", "receive hello", "close 9"]);
}

#[test]
fn a_c_clients_ping_is_a_call() {
    let Some(library) = library("ping") else { return };
    let mut config = Setup::default().ours();
    config.peer_defaults.pings = true;
    let mut server = Service::bind("127.0.0.1:*", config).expect("a free port");
    let mut client = library.host(CHostConfig::default()).expect("a host of C");
    client.connect(server.local_addr().expect("bound"), 1, 0).expect("a free slot");
    let mut diary = Diary::default();
    let start = Instant::now();
    while !diary.0.iter().any(|line| line == "ping") {
        assert!(start.elapsed() < PATIENCE, "C pings every half second: {:?}", diary.0);
        let _ = server.pump(&mut diary).expect("a working socket");
        client.service(Duration::from_millis(1));
    }
}

#[test]
fn what_another_thread_orders_reaches_a_c_client_in_its_order() {
    play("handle", [OURS_SERVES], |scene, roles| {
        let [at_server, at_client] = scene.pair(roles, Setup::default(), Ask::default());
        let (handle, peer) = (scene.ours(at_server.end).handle(), at_server.peer.ours());
        let thread = thread::spawn(move || {
            for number in 0..100_u8 {
                handle.send(peer, 0, Packet::reliable(vec![number])).expect("room");
            }
            handle.disconnect_later(peer, 5).expect("room");
        });
        let mut expected: Vec<_> = (0..100_u8)
            .map(|number| {
                let (peer, delivery) = (at_client.peer, Delivery::Reliable);
                (at_client.end, Heard::Received { peer, channel: 0, delivery, payload: vec![number] })
            })
            .collect();
        expected.push(scene.disconnected(at_client, DisconnectReason::Remote, 5));
        expected.push(scene.disconnected(at_server, DisconnectReason::Local, 0));
        scene.expect(expected);
        thread.join().expect("all orders given");
    });
}

#[test]
fn raw_datagrams_do_not_disturb_a_c_host_and_the_hook_sees_what_it_sends() {
    play("raw", [OURS_SERVES], |scene, roles| {
        let server = scene.server(roles.server, Setup::default());
        let client = scene.client(roles.client, Setup::default());
        let at = scene.end(client).address();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sources = Arc::clone(&seen);
        scene.ours(server).intercept(move |datagram: &Datagram<'_>| {
            sources.lock().expect("nobody panicked").push(datagram.source);
            Verdict::Pass
        });
        // A hole for a client behind a router, before it connects and while it is connected.
        scene.ours(server).send_raw(at, &b"PUNCH"[..]);
        let [at_server, at_client] = scene.connect(client, server, Ask::default());
        scene.ours(server).send_raw(at, &b"PUNCH"[..]);
        scene.send(at_server, 0, Delivery::Reliable, b"still here");
        let (peer, delivery) = (at_client.peer, Delivery::Reliable);
        let payload = b"still here".to_vec();
        scene.expect(vec![(at_client.end, Heard::Received { peer, channel: 0, delivery, payload })]);
        let seen = seen.lock().expect("nobody panicked");
        assert!(seen.len() >= 2 && seen.iter().all(|source| *source == at), "{seen:?}");
    });
}
