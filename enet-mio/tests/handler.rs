//! A handler is called for what happened, in the order in which it did, and ends its loop.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, client, config, connect, server};
use enet_mio::enet_proto::{ConnectAttempt, DiscardReason, RequestId, SendOptions, Stalls};
use enet_mio::{
    Admission, ChannelId, ConnectOptions, DisconnectReason, Event, Gone, Handler, Host, Packet, PeerId,
    PeerLimit, PeerState, Service,
};

/// Takes everything down, and stops after so many lines.
#[derive(Default)]
struct Diary {
    lines: Vec<String>,
    ends_after: usize,
    echoes: bool,
}

impl Handler for Diary {
    fn on_connect_request(
        &mut self,
        host: &mut Host,
        request: RequestId,
        _: SocketAddr,
        data: u32,
        token: Option<&[u8]>,
    ) {
        let token = String::from_utf8_lossy(token.unwrap_or(b"without a token"));
        self.lines.push(format!("request {data} {token}"));
        host.accept(request).unwrap();
    }

    fn on_connecting(&mut self, host: &mut Host, peer: PeerId, address: SocketAddr) {
        assert_eq!(host.peer(peer).unwrap().state(), PeerState::Connecting);
        self.lines.push(format!("connecting {}", address.ip()));
    }

    fn on_ping(&mut self, _: &mut Host, _: PeerId) {
        self.lines.push("ping".to_owned());
    }

    fn on_pong(&mut self, _: &mut Host, _: PeerId, rtt: Duration) {
        assert!(rtt < PATIENCE);
        self.lines.push("pong".to_owned());
    }

    fn on_connect(&mut self, host: &mut Host, peer: PeerId, data: u32) {
        assert!(host.peer(peer).is_some());
        self.lines.push(format!("connect {data}"));
    }

    fn on_receive(&mut self, host: &mut Host, peer: PeerId, channel: ChannelId, packet: Packet) {
        self.lines.push(format!("receive {} {}", channel.get(), String::from_utf8_lossy(&packet)));
        if self.echoes {
            host.peer_mut(peer).unwrap().send(channel, packet).unwrap();
        }
    }

    fn on_close(&mut self, _: &mut Host, gone: Gone) {
        assert_eq!(gone.reason, DisconnectReason::Remote);
        self.lines.push(format!("close {}", gone.data));
    }

    fn on_disconnect(&mut self, _: &mut Host, gone: Gone) {
        self.lines.push(format!("disconnect: {}", gone.reason));
    }

    fn on_refused(&mut self, _: &mut Host, address: SocketAddr, data: u32, reason: DiscardReason) {
        self.lines.push(format!("{} {} {data}", reason.as_str(), address.ip()));
    }

    fn on_stalled(&mut self, _: &mut Host, _: PeerId) {
        self.lines.push("stalled".to_owned());
    }

    fn on_resumed(&mut self, _: &mut Host, _: PeerId) {
        self.lines.push("resumed".to_owned());
    }

    fn on_acknowledged(&mut self, _: &mut Host, _: PeerId, token: u64) {
        self.lines.push(format!("acknowledged {token}"));
    }

    fn on_writable(&mut self, host: &mut Host, peer: PeerId) {
        host.peer_mut(peer).unwrap().send(0, Packet::reliable("there was room")).unwrap();
        self.lines.push("writable".to_owned());
    }

    fn on_turn(&mut self, _: &mut Host) -> ControlFlow<()> {
        if self.lines.len() >= self.ends_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Runs a server until it has written so many lines.
fn run(mut server: Service, ends_after: usize) -> thread::JoinHandle<(Vec<String>, Service)> {
    thread::spawn(move || {
        let mut diary = Diary { ends_after, echoes: true, ..Diary::default() };
        server.run(&mut diary, Duration::from_millis(10)).unwrap();
        (diary.lines, server)
    })
}

#[test]
fn a_visit_is_told_from_the_request_to_the_goodbye() {
    let mut server = server();
    server.set_admission(Some(Box::new(|_: &ConnectAttempt<'_>| Admission::Ask)));
    let to = server.local_addr().unwrap();
    let server = run(server, 5);
    let mut client = client();
    let options = ConnectOptions { data: 7, ..ConnectOptions::default() };
    let peer = client.connect_with_token(to, options, "from the lobby").unwrap();
    let mut visitor = Diary { ends_after: 2, ..Diary::default() };
    client.run(&mut visitor, PATIENCE).unwrap();
    for text in ["one", "two"] {
        client.peer_mut(peer).unwrap().send(0, Packet::reliable(text)).unwrap();
    }
    visitor.ends_after = 4;
    client.run(&mut visitor, PATIENCE).unwrap();
    assert_eq!(visitor.lines, ["connecting 127.0.0.1", "connect 0", "receive 0 one", "receive 0 two"]);
    client.peer_mut(peer).unwrap().disconnect(8);
    visitor.ends_after = 5;
    client.run(&mut visitor, PATIENCE).unwrap();
    assert_eq!(visitor.lines[4], "disconnect: disconnected by us");
    let (lines, _) = server.join().unwrap();
    assert_eq!(lines, ["request 7 from the lobby", "connect 7", "receive 0 one", "receive 0 two", "close 8"]);
}

#[test]
fn whoever_is_turned_away_is_told_of() {
    let mut config = config();
    config.peers = PeerLimit::new(1).unwrap();
    config.report_refusals = true;
    let mut server = Service::bind("127.0.0.1:*", config).unwrap();
    let mut first = client();
    connect(&mut server, &mut first, ConnectOptions::default());
    let to = server.local_addr().unwrap();
    let server = run(server, 1);
    let mut second = client();
    second.connect(to, ConnectOptions { data: 4, ..ConnectOptions::default() }).unwrap();
    while !server.is_finished() {
        // It tries again until somebody hears it.
        second.service(Duration::from_millis(10)).unwrap();
    }
    let lines = server.join().unwrap().0;
    assert_eq!(lines[0], "host_full 127.0.0.1 4");
}

#[test]
fn whoever_the_policy_refuses_is_told_of() {
    let mut config = config();
    config.report_refusals = true;
    let mut server = Service::bind("127.0.0.1:*", config).unwrap();
    let to = server.local_addr().unwrap();
    server.set_admission(Some(Box::new(|_: &ConnectAttempt<'_>| Admission::Refuse(3))));
    let server = run(server, 1);
    let mut third = client();
    third.connect(to, ConnectOptions { data: 5, ..ConnectOptions::default() }).unwrap();
    let end = third.service(PATIENCE).unwrap();
    assert!(
        matches!(end, Some(Event::Disconnected { reason: DisconnectReason::Refused, data: 3, .. })),
        "{end:?}"
    );
    let lines = server.join().unwrap().0;
    assert_eq!(lines[0], "refused 127.0.0.1 5");
}

#[test]
fn a_frame_takes_all_there_is_and_does_not_wait() {
    let (mut server, mut client) = (server(), client());
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    for number in 0..100 {
        client.peer_mut(peer).unwrap().send(0, Packet::reliable(number.to_string())).unwrap();
    }
    let mut frames = Diary { ends_after: 100, ..Diary::default() };
    let mut busy_frames = 0;
    loop {
        client.service(Duration::from_millis(1)).unwrap();
        let before = frames.lines.len();
        let flow = server.pump(&mut frames).unwrap();
        busy_frames += usize::from(frames.lines.len() > before);
        if flow.is_break() {
            break;
        }
    }
    assert_eq!(frames.lines.len(), 100);
    assert!(busy_frames < 50, "{busy_frames} frames for 100 packets: each took few");
    let mut nothing = Diary { ends_after: 1, ..Diary::default() };
    assert_eq!(server.pump(&mut nothing).unwrap(), ControlFlow::Continue(()));
    assert!(nothing.lines.is_empty());
}

#[test]
fn a_host_without_a_service_dispatches_what_driving_it_brought() {
    let mut host = Host::bind("127.0.0.1:*", config()).unwrap();
    let mut client = client();
    client
        .connect(host.local_addr().unwrap(), ConnectOptions { data: 5, ..ConnectOptions::default() })
        .unwrap();
    let mut diary = Diary { ends_after: 1, ..Diary::default() };
    let start = Instant::now();
    loop {
        client.service(Duration::from_millis(1)).unwrap();
        host.on_ready();
        host.drive().unwrap();
        if host.dispatch(&mut diary).is_break() {
            break;
        }
        assert!(start.elapsed() < PATIENCE);
    }
    assert_eq!(diary.lines, ["connect 5"]);
}

#[test]
fn everybody_who_is_connected_hears_a_ping() {
    let mut server = server();
    let mut clients = [client(), client()];
    for client in &mut clients {
        let (theirs, ours) = connect(&mut server, client, ConnectOptions::default());
        for peer in [server.peer_mut(theirs), client.peer_mut(ours)] {
            peer.unwrap().set_ping_interval(Duration::from_secs(3_600)); // nobody pings by itself
        }
    }
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    server.connect(stranger.local_addr().unwrap(), ConnectOptions::default()).unwrap();
    for host in clients.iter_mut().chain([&mut server]) {
        while host.service(Duration::from_millis(20)).unwrap().is_some() {}
    }
    let heard = clients.each_ref().map(|client| client.stats().datagrams_received);
    assert_eq!(server.ping_all(), 2, "who is still connecting is not pinged");
    server.flush();
    let start = Instant::now();
    for (client, before) in clients.iter_mut().zip(heard) {
        while client.stats().datagrams_received == before {
            assert!(start.elapsed() < PATIENCE, "no ping came");
            client.service(Duration::from_millis(10)).unwrap();
        }
    }
}

#[test]
fn pings_and_their_answers_are_calls_for_those_who_ask() {
    let (mut server, mut config) = (server(), config());
    config.peer_defaults.pings = true;
    let mut client = Service::client(config).unwrap();
    let (theirs, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    let mut diary = Diary { ends_after: 2, ..Diary::default() };
    assert!(client.peer_mut(peer).unwrap().ping());
    assert!(server.peer_mut(theirs).unwrap().ping());
    while client.pump(&mut diary).unwrap().is_continue() {
        assert_eq!(server.service(Duration::from_millis(1)).unwrap(), None, "the server did not ask");
    }
    assert!(
        ["ping", "pong"].iter().all(|call| diary.lines.iter().any(|line| line == call)),
        "{:?}",
        diary.lines
    );
}

#[test]
fn a_lagging_connection_is_told_of_and_so_is_its_recovery_and_what_has_arrived() {
    let (mut server, mut config) = (server(), config());
    config.peer_defaults.stalls = Stalls::Report;
    let mut client = Service::client(config).unwrap();
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    let mut diary = Diary { ends_after: 1, ..Diary::default() };
    let packet = Packet::reliable("anybody?");
    client.peer_mut(peer).unwrap().send_with(0, packet, SendOptions::with_token(9)).unwrap();
    client.run(&mut diary, PATIENCE).unwrap(); // the server looks away
    assert_eq!(diary.lines, ["stalled"]);
    diary.ends_after = 3;
    while client.pump(&mut diary).unwrap().is_continue() {
        server.service(Duration::from_millis(5)).unwrap();
    }
    diary.lines.sort();
    assert_eq!(diary.lines, ["acknowledged 9", "resumed", "stalled"]);
}

#[test]
fn a_full_queue_that_takes_packets_again_is_told_of() {
    let (mut server, mut config) = (server(), config());
    (config.max_queued_data, config.writable_events) = (10_000, true);
    let mut client = Service::client(config).unwrap();
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    let mut queued = 0;
    while client.peer_mut(peer).unwrap().send(0, Packet::reliable(vec![7; 744])).is_ok() {
        queued += 1;
    }
    let mut diary = Diary { ends_after: 1, ..Diary::default() };
    let mut heard = Diary { ends_after: queued + 1, ..Diary::default() };
    let (mut is_told, mut has_arrived, start) = (false, false, Instant::now());
    while !(is_told && has_arrived) {
        assert!(start.elapsed() < PATIENCE, "{} of {queued} arrived", heard.lines.len());
        is_told |= client.pump(&mut diary).unwrap().is_break();
        has_arrived |= server.pump(&mut heard).unwrap().is_break();
    }
    assert_eq!(diary.lines, ["writable"]);
    assert_eq!(heard.lines[queued], "receive 0 there was room");
}

#[test]
fn what_a_lost_connection_did_not_deliver_comes_with_its_end() {
    let (mut server, mut config) = (server(), config());
    config.return_undelivered = true;
    let mut client = Service::client(config).unwrap();
    let (theirs, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    server.peer_mut(theirs).unwrap().disconnect(3);
    server.flush();
    client.peer_mut(peer).unwrap().send(0, Packet::reliable("too late")).unwrap();
    /// Keeps what comes back.
    struct Keeper(Option<Gone>);
    impl Handler for Keeper {
        fn on_close(&mut self, _: &mut Host, gone: Gone) {
            self.0 = Some(gone);
        }

        fn on_turn(&mut self, _: &mut Host) -> ControlFlow<()> {
            if self.0.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let mut keeper = Keeper(None);
    client.run(&mut keeper, PATIENCE).unwrap();
    let gone = keeper.0.unwrap();
    let undelivered: Vec<_> = gone.undelivered.iter().cloned().collect();
    assert_eq!((gone.data, undelivered), (3, vec![(ChannelId::new(0), Packet::reliable("too late"))]));
}
