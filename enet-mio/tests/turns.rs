//! What leaves when: events before acknowledgements, and few system calls a turn.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, client, config, connect, server};
use enet_mio::enet_proto::{Profile, Timeouts};
use enet_mio::{ConnectOptions, Event, Host, Packet, PeerId, Service};
use mio::{Events, Interest, Poll, Token};

const MESSAGES: usize = 64;
const BODY: [u8; 24] = [7; 24];

/// A network between a client and a server that counts.
struct Wire {
    socket: UdpSocket,
    server: SocketAddr,
    client: Option<SocketAddr>,
    from_server: usize,
}

impl Wire {
    fn new(server: SocketAddr) -> Wire {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Wire { socket, server, client: None, from_server: 0 }
    }

    /// Carries what is on its way.
    fn carry(&mut self) {
        let mut buffer = [0; 65_536];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((len, source)) if source == self.server => {
                    self.from_server += 1;
                    self.socket.send_to(&buffer[..len], self.client.unwrap()).unwrap();
                }
                Ok((len, source)) => {
                    self.client = Some(source);
                    self.socket.send_to(&buffer[..len], self.server).unwrap();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Connects over the wire, and sends 64 messages that are on the server's side of it when this returns.
fn ask(wire: &mut Wire, client: &mut Service, mut serve: impl FnMut() -> usize) -> PeerId {
    let peer = client.connect(wire.socket.local_addr().unwrap(), ConnectOptions::default()).unwrap();
    let mut events = 0;
    while events < 2 {
        events += usize::from(client.service(Duration::ZERO).unwrap().is_some());
        wire.carry();
        events += serve();
        wire.carry();
    }
    // Round trip times are measured and pings answered before anything is counted.
    for _ in 0..20 {
        assert_eq!(client.service(Duration::from_millis(1)).unwrap(), None);
        wire.carry();
        serve();
        wire.carry();
    }
    for _ in 0..MESSAGES {
        client.peer_mut(peer).unwrap().send(0, Packet::reliable(BODY.as_slice())).unwrap();
    }
    client.flush();
    wire.from_server = 0;
    wire.carry();
    peer
}

/// Takes the answers, and says how many datagrams carried them and everything else.
fn answers(wire: &mut Wire, client: &mut Service, mut serve: impl FnMut() -> usize) -> usize {
    let mut answers = 0;
    let mut carried = 0;
    while answers < MESSAGES {
        serve();
        wire.carry();
        carried = carried.max(wire.from_server);
        while let Some(event) = client.service(Duration::ZERO).unwrap() {
            assert!(matches!(event, Event::Received { .. }), "{event:?}");
            answers += 1;
        }
    }
    carried
}

/// Echoes what is received; how many events there were.
fn echo(host: &mut Host, event: Event) {
    if let Event::Received { peer, channel, packet } = event {
        host.peer_mut(peer).unwrap().send(channel, packet).unwrap();
    }
}

/// 64 acknowledgements of 8 bytes and 64 messages of 6 + 24 fill two datagrams of 1,392 with a header of 4. In datagrams
/// of their own the acknowledgements would make it three.
const FULL_DATAGRAMS: usize = 2;

fn datagrams_of_a_service(profile: Profile) -> usize {
    let mut config = config();
    config.profile = profile;
    let mut server = Service::bind("127.0.0.1:*", config).unwrap();
    let (mut wire, mut client) = (Wire::new(server.local_addr().unwrap()), client());
    let mut serve = || {
        let mut events = 0;
        while let Some(event) = server.service(Duration::ZERO).unwrap() {
            echo(&mut server, event);
            events += 1;
        }
        events
    };
    ask(&mut wire, &mut client, &mut serve);
    answers(&mut wire, &mut client, serve)
}

/// Whether it comes out like that; a busy machine may stop a host for so long between two events that it sends what it
/// has, but not always.
fn is_possible(mut counted: impl FnMut() -> usize) -> bool {
    (0..20).any(|_| counted() == FULL_DATAGRAMS)
}

#[test]
fn a_service_sends_answers_and_acknowledgements_in_the_same_datagrams() {
    assert!(is_possible(|| datagrams_of_a_service(Profile::Modern)));
}

#[test]
fn under_compat_acknowledgements_leave_first() {
    assert!(!is_possible(|| datagrams_of_a_service(Profile::Compat)));
}

fn datagrams_of_a_loop() -> usize {
    let mut server = Host::bind("127.0.0.1:*", config()).unwrap();
    let (mut wire, mut client) = (Wire::new(server.local_addr().unwrap()), client());
    let mut poll = Poll::new().unwrap();
    let mut ready = Events::with_capacity(8);
    poll.registry().register(&mut server, Token(0), Interest::READABLE).unwrap();
    let mut serve = || {
        let longest = Duration::from_millis(1); // the client is served by the same thread
        let timeout = server.timeout().unwrap_or(longest).min(longest);
        poll.poll(&mut ready, Some(timeout)).unwrap();
        if !ready.is_empty() {
            server.on_ready();
        }
        server.drive().unwrap();
        let mut events = 0;
        while let Some(event) = server.poll_event() {
            echo(&mut server, event);
            events += 1;
        }
        events
    };
    ask(&mut wire, &mut client, &mut serve);
    answers(&mut wire, &mut client, serve)
}

#[test]
fn the_four_steps_of_a_loop_send_answers_and_acknowledgements_in_the_same_datagrams() {
    assert!(is_possible(datagrams_of_a_loop));
}

#[test]
fn a_drive_sends_what_the_turn_before_left_if_nobody_asked_for_the_timeout() {
    let mut server = Host::bind("127.0.0.1:*", config()).unwrap();
    let mut client = client();
    client.connect(server.local_addr().unwrap(), ConnectOptions::default()).unwrap();
    for _ in 0..2 {
        client.flush();
        server.on_ready();
        server.drive().unwrap();
        assert!(matches!(client.service(Duration::ZERO).unwrap(), None | Some(Event::Connected { .. })));
    }
    server.on_ready();
    server.drive().unwrap();
    assert!(matches!(server.poll_event(), Some(Event::Connected { .. })));
    let peer = client.peers().next().unwrap().id();
    for owed in [0, 1, 1, 1] {
        client.peer_mut(peer).unwrap().send(0, Packet::reliable("hello")).unwrap();
        client.flush();
        server.on_ready();
        let before = server.stats().datagrams_sent;
        server.drive().unwrap();
        assert_eq!(server.stats().datagrams_sent, before + owed, "of the turn before, not of this");
        assert!(matches!(server.poll_event(), Some(Event::Received { .. })));
    }
}

#[test]
fn an_event_to_take_makes_the_timeout_zero() {
    let mut server = Host::bind("127.0.0.1:*", config()).unwrap();
    let mut client = client();
    client.connect(server.local_addr().unwrap(), ConnectOptions::default()).unwrap();
    while !server.has_pending_event() {
        client.service(Duration::from_millis(1)).unwrap();
        server.on_ready();
        server.drive().unwrap();
        server.flush();
    }
    assert_eq!(server.timeout(), Some(Duration::ZERO));
    assert!(server.poll_event().is_some());
    assert_ne!(server.timeout(), Some(Duration::ZERO));
}

/// A server with events at hand, and the number of datagrams it had sent before they came.
fn server_with_events(count: usize) -> (Service, Service, u64) {
    let (mut server, mut client) = (server(), client());
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    while client.service(Duration::from_millis(5)).unwrap().is_some() {}
    while server.service(Duration::from_millis(5)).unwrap().is_some() {}
    for _ in 0..count {
        client.peer_mut(peer).unwrap().send(0, Packet::reliable("!")).unwrap();
    }
    client.flush();
    let sent = server.stats().datagrams_sent;
    let event = server.service(PATIENCE).unwrap();
    assert!(matches!(event, Some(Event::Received { .. })), "{event:?}");
    assert_eq!(server.stats().datagrams_sent, sent);
    (server, client, sent)
}

#[test]
fn one_call_a_frame_sends_what_the_frame_before_owes() {
    let (mut server, _client, sent) = server_with_events(10);
    thread::sleep(Duration::from_millis(2)); // a frame
    assert!(server.service(Duration::ZERO).unwrap().is_some());
    assert_eq!(server.stats().datagrams_sent, sent + 1);
    let peer = server.peers().next().unwrap().id();
    server.peer_mut(peer).unwrap().send(0, Packet::reliable("from this frame")).unwrap();
    thread::sleep(Duration::from_millis(2));
    assert!(server.service(Duration::ZERO).unwrap().is_some());
    assert_eq!(server.stats().datagrams_sent, sent + 2);
    assert!(server.check_events().is_some(), "otherwise this test proves nothing");
}

#[test]
fn however_many_came_quickly_a_few_slow_calls_later_something_is_sent() {
    for quick in [1, 5, 17, 65] {
        let (mut server, _client, sent) = server_with_events(100);
        for _ in 0..quick {
            assert!(server.service(Duration::ZERO).unwrap().is_some());
        }
        let slow = (1..=40).find(|_| {
            thread::sleep(Duration::from_millis(2));
            assert!(server.service(Duration::ZERO).unwrap().is_some());
            server.stats().datagrams_sent > sent
        });
        assert!(slow.is_some_and(|calls| calls <= 8), "{quick} quick ones: {slow:?}");
    }
}

#[test]
fn a_call_that_gives_nothing_has_sent_everything() {
    let (mut server, _client, sent) = server_with_events(3);
    for _ in 0..2 {
        assert!(server.service(Duration::ZERO).unwrap().is_some());
    }
    assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    assert!(server.stats().datagrams_sent > sent);
    assert!(!server.has_pending_transmit());
}

/// Question and answer in turn: one datagram each way, and little more than one attempt to receive it.
#[test]
fn a_dialogue_takes_one_send_and_two_receives_a_turn() {
    const TURNS: u64 = 100;
    let (mut server, mut client) = (server(), client());
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    client.peer_mut(peer).unwrap().send(0, Packet::reliable("?")).unwrap();
    let mut turns = 0;
    let mut before = (client.io_stats(), server.io_stats());
    while turns < 2 * TURNS {
        while let Some(event) = client.service(Duration::ZERO).unwrap() {
            echo(&mut client, event);
            turns += 1;
            if turns == TURNS {
                before = (client.io_stats(), server.io_stats());
            }
        }
        while let Some(event) = server.service(Duration::ZERO).unwrap() {
            echo(&mut server, event);
        }
    }
    for (before, after) in [(before.0, client.io_stats()), (before.1, server.io_stats())] {
        // A ping or a slow machine may add some.
        assert!((TURNS..TURNS + 20).contains(&(after.sends - before.sends)), "{after:?} {before:?}");
        assert!(after.receives - before.receives < 2 * TURNS + 20, "{after:?} {before:?}");
    }
}

#[test]
fn an_idle_call_asks_the_poll_and_misses_nothing() {
    let mut server = server();
    // Before the socket is registered, which makes what arrives dearer, this takes a little longer.
    for _ in 0..65 {
        assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    }
    let before = server.io_stats();
    for _ in 0..100 {
        assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    }
    assert_eq!(server.io_stats(), before);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(b"?", server.local_addr().unwrap()).unwrap();
    assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    assert_eq!(server.stats().datagrams_received, 1);
}

/// Ends of connections come back one after the other, as packets do, and the socket is left alone meanwhile.
#[test]
fn what_is_waiting_comes_at_once_whatever_it_is() {
    const CLIENTS: usize = 8;
    let mut server = server();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| client()).collect();
    for client in &mut clients {
        let (_, at_client) = connect(&mut server, client, ConnectOptions::default());
        client.peer_mut(at_client).unwrap().disconnect(0);
    }
    clients.iter_mut().for_each(|client| client.flush());
    let mut receives = vec![];
    while receives.len() < CLIENTS {
        if let Some(event) = server.service(Duration::ZERO).unwrap() {
            assert!(matches!(event, Event::Disconnected { .. }), "{event:?}");
            receives.push(server.io_stats().receives);
        }
        clients.iter_mut().for_each(|client| while client.service(Duration::ZERO).unwrap().is_some() {});
    }
    // A busy machine may have let the first ones come before the last had arrived.
    let in_a_row = receives.windows(2).filter(|it| it[0] == it[1]).count();
    assert!(in_a_row >= CLIENTS / 2, "{receives:?}");
}

#[test]
fn a_service_that_was_busy_for_long_can_wait_again() {
    let mut server = server();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(server.service(Duration::from_millis(1)).unwrap(), None);
    for _ in 0..100 {
        stranger.send_to(b"?", server.local_addr().unwrap()).unwrap();
        assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    }
    assert_eq!(server.stats().datagrams_received, 100);
    connect(&mut server, &mut client(), ConnectOptions::default());
}

/// What has waited enough is sent between two events, which carries out orders, too.
#[test]
fn an_order_that_takes_away_what_is_at_hand_cuts_no_wait_short() {
    let (mut server, mut client) = (server(), client());
    let handle = server.handle();
    let (at_server, at_client) = connect(&mut server, &mut client, ConnectOptions::default());
    for _ in 0..MESSAGES {
        client.peer_mut(at_client).unwrap().send(0, Packet::reliable(BODY.as_slice())).unwrap();
    }
    client.flush();
    assert!(matches!(server.service(PATIENCE).unwrap(), Some(Event::Received { .. })));
    thread::sleep(Duration::from_millis(2));
    handle.disconnect(at_server, 0).unwrap();
    let wait = Duration::from_millis(20);
    loop {
        let begin = Instant::now();
        if server.service(wait).unwrap().is_none() {
            assert!(begin.elapsed() >= wait / 2, "{:?} of {wait:?}", begin.elapsed());
            return;
        }
    }
}

#[test]
fn the_first_wait_sees_what_arrived_before_the_socket_was_registered() {
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..20 {
        let mut server = server();
        server.service(Duration::ZERO).unwrap();
        stranger.send_to(b"?", server.local_addr().unwrap()).unwrap();
        assert_eq!(server.service(Duration::from_nanos(1)).unwrap(), None);
        assert_eq!(server.stats().datagrams_received, 1);
    }
}

#[test]
fn a_wait_soon_after_the_socket_was_empty_receives_nothing_in_vain() {
    let mut server = server();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = server.local_addr().unwrap();
    server.service(Duration::ZERO).unwrap();
    let mut vain = 0;
    for number in 1..=100 {
        let before = server.io_stats().receives;
        assert_eq!(server.service(Duration::from_nanos(1)).unwrap(), None);
        vain += server.io_stats().receives - before;
        stranger.send_to(b"?", to).unwrap();
        assert_eq!(server.service(Duration::from_nanos(1)).unwrap(), None);
        assert_eq!(server.stats().datagrams_received, number, "a call receives what is there, however short");
    }
    // On a machine that does something else more than a moment may pass.
    assert!(vain < 90, "{vain}");
}

/// Two at a time, so that each turn has to see that there is no third.
#[test]
fn a_server_that_waits_finds_the_socket_empty_once_a_turn() {
    const TURNS: u64 = 200;
    let (mut server, mut clients) = (server(), [client(), client()]);
    let peers = clients.each_mut().map(|client| connect(&mut server, client, ConnectOptions::default()).1);
    while server.service(Duration::from_millis(5)).unwrap().is_some() {}
    let mut receives = 0;
    for _ in 0..TURNS {
        for (client, peer) in clients.iter_mut().zip(peers) {
            client.peer_mut(peer).unwrap().send(0, Packet::unsequenced("!")).unwrap();
            client.flush();
        }
        let before = server.io_stats().receives;
        for _ in 0..2 {
            assert!(matches!(server.service(PATIENCE).unwrap(), Some(Event::Received { .. })));
        }
        assert_eq!(server.service(Duration::from_nanos(1)).unwrap(), None);
        receives += server.io_stats().receives - before;
        for client in &mut clients {
            client.service(Duration::ZERO).unwrap();
        }
    }
    // Two that find something and one that does not; pings, and a machine that was busy elsewhere, add some.
    assert!(receives < 3 * TURNS + TURNS * 3 / 4, "{receives}, and four a turn are too many");
}

/// As if the application had been stopped: what came meanwhile is seen before anybody is held for dead.
#[test]
fn whoever_answered_while_nobody_looked_is_not_lost() {
    let (mut server, mut client) = (server(), client());
    let (peer, _) = connect(&mut server, &mut client, ConnectOptions::default());
    while server.service(Duration::from_millis(5)).unwrap().is_some() {}
    let limits =
        Timeouts { limit: 1, minimum: Duration::from_millis(1), maximum: Duration::from_millis(100) };
    server.peer_mut(peer).unwrap().set_timeouts(limits);
    server.peer_mut(peer).unwrap().send(0, Packet::reliable("?")).unwrap();
    server.flush();
    assert!(matches!(client.service(PATIENCE).unwrap(), Some(Event::Received { .. })));
    client.flush();
    assert_eq!(client.service(Duration::from_millis(200)).unwrap(), None);
    server.flush();
    assert_eq!(server.service(Duration::from_millis(5)).unwrap(), None);
    assert_eq!(server.connected_peers(), 1);
}

#[test]
fn a_wake_during_idle_calls_ends_the_next_wait() {
    let mut server = server();
    for _ in 0..5 {
        assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    }
    server.waker().wake().unwrap();
    for _ in 0..5 {
        assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    }
    let start = Instant::now();
    assert_eq!(server.service(PATIENCE).unwrap(), None);
    assert!(start.elapsed() < PATIENCE / 2);
}

#[test]
fn bursts_of_several_peers_are_emptied_before_they_are_answered() {
    const PEERS: usize = 8;
    let mut server = server();
    let mut clients: Vec<_> = (0..PEERS).map(|_| client()).collect();
    let mut peers = vec![];
    for client in &mut clients {
        peers.push(connect(&mut server, client, ConnectOptions::default()).1);
    }
    for round in 0..20 {
        for (client, peer) in clients.iter_mut().zip(&peers) {
            for text in ["one", "two"] {
                client.peer_mut(*peer).unwrap().send(0, Packet::reliable(text)).unwrap();
                client.flush();
            }
        }
        let sent = server.stats().datagrams_sent;
        let mut events = 0;
        while events < 2 * PEERS {
            let Some(event) = server.service(PATIENCE).unwrap() else { panic!("{events} events") };
            echo(&mut server, event);
            events += 1;
        }
        server.flush();
        // At first the server does not know yet that there is more than one at a time.
        if round > 2 {
            assert!(server.stats().datagrams_sent - sent <= PEERS as u64 + 1, "round {round}");
        }
        for client in &mut clients {
            while client.service(Duration::from_millis(1)).unwrap().is_some() {}
        }
    }
}
