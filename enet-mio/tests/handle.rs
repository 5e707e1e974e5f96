//! Orders from other threads reach a waiting host, none is lost, and nobody spins for them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, client, config, connect, serve, server};
use enet_mio::{
    ConnectOptions, DisconnectReason, Event, HandleErrorReason, Host, HostHandle, Packet, PeerId, Profile,
    Service,
};
use mio::{Events, Interest, Poll, Token};

fn said(thread: u32, number: u32) -> Packet {
    Packet::reliable([thread.to_be_bytes(), number.to_be_bytes()].concat())
}

/// Sends until there is room; the host's thread makes some.
fn insist(handle: &HostHandle, peer: PeerId, mut packet: Packet) {
    while let Err(error) = handle.send(peer, 0, packet) {
        assert_eq!(error.reason, HandleErrorReason::QueueFull { room: HostHandle::ROOM });
        packet = error.packet;
        thread::yield_now();
    }
}

fn many_threads_say(profile: Profile) {
    const THREADS: u32 = 4;
    const PACKETS: u32 = 1_000;
    let mut config = config();
    config.profile = profile;
    let mut server = Service::bind("127.0.0.1:*", config).unwrap();
    let mut client = client();
    let (peer, _) = connect(&mut server, &mut client, ConnectOptions::default());
    let handle = server.handle();
    let host = thread::spawn(move || {
        let end = server.service(PATIENCE).unwrap();
        assert!(matches!(end, Some(Event::Disconnected { .. })), "{end:?}");
        server.flush();
        server.io_stats()
    });
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let handle = handle.clone();
            thread::spawn(move || (0..PACKETS).for_each(|number| insist(&handle, peer, said(thread, number))))
        })
        .collect();
    let mut next = [0; THREADS as usize];
    while next != [PACKETS; THREADS as usize] {
        let event = client.service(PATIENCE).unwrap();
        let Some(Event::Received { packet, .. }) = event else { panic!("{event:?} after {next:?}") };
        let thread = packet[3];
        assert_eq!(packet, said(thread.into(), next[usize::from(thread)]), "in each thread's order, once");
        next[usize::from(thread)] += 1;
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(client.close(PATIENCE).unwrap(), 0);
    assert_eq!(host.join().unwrap().orders_refused, 0);
}

#[test]
fn what_many_threads_send_while_the_host_waits_arrives_once_and_in_each_threads_order() {
    many_threads_say(Profile::Modern);
}

#[test]
fn so_it_does_under_compat() {
    many_threads_say(Profile::Compat);
}

#[test]
fn a_full_queue_gives_the_packet_back_until_the_host_has_had_a_turn() {
    let mut server = server();
    let handle = server.handle();
    for number in 0..HostHandle::ROOM {
        handle.broadcast(0, Packet::reliable(number.to_string())).unwrap();
    }
    let error = handle.broadcast(3, Packet::unsequenced("one too many")).unwrap_err();
    assert_eq!(error.reason, HandleErrorReason::QueueFull { room: 1_024 });
    assert_eq!(error.packet, Packet::unsequenced("one too many"));
    assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    handle.broadcast(0, error.packet).unwrap();
}

#[test]
fn a_handle_outlives_its_host_and_says_so() {
    let mut server = server();
    let handle = server.handle();
    drop(server);
    let error = handle.broadcast(0, Packet::reliable("hello?")).unwrap_err();
    assert_eq!((error.reason, error.packet), (HandleErrorReason::HostGone, Packet::reliable("hello?")));
    assert_eq!(handle.clone().disconnect(PeerId::from_bits(0), 0), Err(HandleErrorReason::HostGone));
}

#[test]
fn an_order_is_carried_out_within_the_wait_and_only_a_wake_ends_it() {
    let mut server = server();
    let handle = server.handle();
    let start = Instant::now();
    handle.broadcast(0, Packet::reliable("to nobody")).unwrap();
    assert_eq!(server.service(Duration::from_millis(50)).unwrap(), None);
    assert!(start.elapsed() >= Duration::from_millis(50), "the wait went on");
    let waiting = thread::spawn(move || server.service(10 * PATIENCE));
    handle.wake().unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), None);
    assert!(start.elapsed() < 10 * PATIENCE);
}

#[test]
fn a_host_with_handles_waits_without_looking() {
    let mut server = server();
    let handle = server.handle();
    let before = server.io_stats().receives;
    assert_eq!(server.service(Duration::from_millis(100)).unwrap(), None);
    let looked = server.io_stats().receives - before;
    assert!(looked <= 3, "{looked} attempts to receive while nothing happened");
    drop(handle);
}

#[test]
fn both_ways_of_disconnecting_do_what_they_say() {
    let (mut server, mut client) = (server(), client());
    let (peer, _) = connect(&mut server, &mut client, ConnectOptions::default());
    let handle = server.handle();
    handle.send(peer, 0, Packet::reliable("first")).unwrap();
    handle.disconnect_later(peer, 5).unwrap();
    let mut heard = Vec::new();
    serve([&mut server, &mut client], |host, _, event| {
        let is_end = matches!(event, Event::Disconnected { .. });
        heard.extend((host == 1).then_some(event));
        is_end && host == 0
    });
    assert!(matches!(&heard[0], Event::Received { packet, .. } if packet[..] == *b"first"), "{heard:?}");
    let [_, Event::Disconnected { reason: DisconnectReason::Remote, data: 5, .. }] = heard[..] else {
        panic!("{heard:?}")
    };

    let (peer, _) = connect(&mut server, &mut client, ConnectOptions::default());
    handle.send(peer, 0, Packet::reliable("never to be seen")).unwrap();
    handle.disconnect(peer, 6).unwrap();
    serve([&mut server, &mut client], |host, _, event| {
        assert!(matches!(event, Event::Disconnected { .. }), "{event:?}");
        host == 1
    });
}

#[test]
fn orders_that_cannot_be_carried_out_are_counted() {
    let (mut server, mut client) = (server(), client());
    let (peer, _) = connect(&mut server, &mut client, ConnectOptions::default());
    let handle = server.handle();
    handle.send(peer, 200, Packet::reliable("no such channel")).unwrap();
    handle.send(PeerId::from_bits(77), 0, Packet::reliable("no such peer")).unwrap();
    handle.disconnect(PeerId::from_bits(77), 0).unwrap();
    handle.send(peer, 0, Packet::reliable("all right")).unwrap();
    server.flush();
    assert_eq!(server.io_stats().orders_refused, 3);
    let event = client.service(PATIENCE).unwrap();
    assert!(
        matches!(&event, Some(Event::Received { packet, .. }) if packet[..] == *b"all right"),
        "{event:?}"
    );
}

/// A server that keeps few bytes for a client that does not look yet.
fn narrow() -> (Service, Service, PeerId) {
    let mut config = config();
    config.max_queued_data = 20_000;
    let mut server = Service::bind("127.0.0.1:*", config).unwrap();
    let mut client = client();
    let (peer, _) = connect(&mut server, &mut client, ConnectOptions::default());
    (server, client, peer)
}

#[test]
fn what_a_full_peer_has_no_room_for_waits_and_arrives_in_order() {
    const PACKETS: u32 = 500;
    let (mut server, mut client, peer) = narrow();
    let handle = server.handle();
    for number in 0..PACKETS {
        handle.send(peer, 0, said(0, number)).unwrap();
    }
    handle.disconnect_later(peer, 9).unwrap();
    server.flush();
    let queued = server.peer(peer).unwrap().stats().queued_data;
    assert!((20_000..21_000).contains(&queued), "{queued}: full, and the rest waits");
    assert_eq!((server.io_stats().orders_refused, server.stats().queue_full), (0, 0));
    let mut next = 0;
    serve([&mut server, &mut client], |host, _, event| match event {
        Event::Received { packet, .. } if host == 1 => {
            assert_eq!(packet, said(0, next));
            next += 1;
            false
        }
        Event::Disconnected { .. } => host == 1,
        other => panic!("{other:?} on {host}"),
    });
    assert_eq!((next, server.io_stats().orders_refused), (PACKETS, 0));
}

#[test]
fn a_full_peer_keeps_nobody_else_waiting_until_there_is_no_more_room_for_orders() {
    let (mut server, _silent, full) = narrow();
    let mut other = client();
    let (open, _) = connect(&mut server, &mut other, ConnectOptions::default());
    let handle = server.handle();
    while server.peer_mut(full).unwrap().send(0, Packet::reliable(vec![7; 1_000])).is_ok() {}
    for _ in 1..HostHandle::ROOM {
        handle.send(full, 0, Packet::reliable("waits")).unwrap();
    }
    handle.send(open, 0, Packet::reliable("goes on")).unwrap();
    server.flush();
    assert!(server.peer(open).unwrap().stats().queued_data > 0, "for the other");
    // One more, and there is no room for those that wait: what is given from here on stays where it is.
    handle.send(full, 0, Packet::reliable("waits")).unwrap();
    server.flush();
    for _ in 0..HostHandle::ROOM {
        handle.send(open, 0, Packet::reliable("later")).unwrap();
    }
    server.flush();
    let refused = handle.send(open, 0, Packet::reliable("too many")).unwrap_err();
    assert_eq!(refused.reason, HandleErrorReason::QueueFull { room: HostHandle::ROOM });
    // The one ends, and with it what waited for it.
    server.peer_mut(full).unwrap().reset();
    let mut heard = 0;
    serve([&mut server, &mut other], |host, _, event| {
        assert!(host == 1 && matches!(event, Event::Received { .. }), "{event:?}");
        heard += 1;
        heard == HostHandle::ROOM + 1
    });
    assert_eq!(server.io_stats().orders_refused, HostHandle::ROOM as u64);
}

#[test]
fn what_is_not_reliable_is_dropped_when_a_peer_has_no_room_and_counted() {
    let (mut server, _silent, full) = narrow();
    while server.peer_mut(full).unwrap().send(0, Packet::reliable(vec![7; 1_000])).is_ok() {}
    let handle = server.handle();
    handle.send(full, 0, Packet::unreliable("dropped")).unwrap();
    handle.broadcast(0, Packet::reliable("not for all")).unwrap();
    server.flush();
    assert_eq!(server.io_stats().orders_refused, 2);
}

#[test]
fn a_broadcast_on_a_channel_that_somebody_lacks_is_counted() {
    let (mut server, mut client) = (server(), client());
    connect(&mut server, &mut client, ConnectOptions::default());
    let handle = server.handle();
    handle.broadcast(0, Packet::reliable("for all")).unwrap();
    handle.broadcast(7, Packet::reliable("for nobody")).unwrap();
    server.flush();
    assert_eq!(server.io_stats().orders_refused, 1);
}

#[test]
fn what_waits_for_room_when_the_host_closes_is_delivered_first() {
    const PACKETS: u32 = 300;
    let (mut server, mut client, peer) = narrow();
    let handle = server.handle();
    (0..PACKETS).for_each(|number| handle.send(peer, 0, said(0, number)).unwrap());
    let closing = thread::spawn(move || server.close(PATIENCE).unwrap());
    let mut heard = 0;
    while let Some(Event::Received { packet, .. }) = client.service(PATIENCE).unwrap() {
        assert_eq!(packet, said(0, heard));
        heard += 1;
    }
    client.flush();
    assert_eq!((heard, closing.join().unwrap()), (PACKETS, 0));
}

#[test]
fn a_host_in_a_poll_of_its_own_is_woken_by_that_polls_waker() {
    const SOCKET: Token = Token(0);
    const ORDERS: Token = Token(1);
    let mut poll = Poll::new().unwrap();
    let mut host = Host::bind("127.0.0.1:*", config()).unwrap();
    poll.registry().register(&mut host, SOCKET, Interest::READABLE).unwrap();
    let handle = host.handle(Arc::new(mio::Waker::new(poll.registry(), ORDERS).unwrap()));
    let mut client = client();
    client.connect(host.local_addr().unwrap(), ConnectOptions::default()).unwrap();
    let heard = thread::spawn(move || [client.service(PATIENCE).unwrap(), client.service(PATIENCE).unwrap()]);
    let mut ready = Events::with_capacity(4);
    let (mut handle, mut orders) = (Some(handle), 0);
    while !heard.is_finished() {
        let timeout = host.timeout().unwrap_or(PATIENCE).min(Duration::from_millis(100));
        poll.poll(&mut ready, Some(timeout)).unwrap();
        for event in &ready {
            match event.token() {
                ORDERS => orders += 1,
                _ => host.on_ready(),
            }
        }
        host.drive().unwrap();
        while let Some(event) = host.poll_event() {
            let peer = event.peer().unwrap();
            if let Some(handle) = handle.take() {
                thread::spawn(move || handle.send(peer, 0, Packet::reliable("hello")).unwrap());
            }
        }
    }
    let [_, heard] = heard.join().unwrap();
    assert!(matches!(&heard, Some(Event::Received { packet, .. }) if packet[..] == *b"hello"), "{heard:?}");
    assert_eq!(orders, 1, "one wake for one order");
}

#[test]
fn a_handle_wakes_the_service_that_its_host_moves_into() {
    let poll = Poll::new().unwrap();
    let mut host = Host::bind("127.0.0.1:*", config()).unwrap();
    let handle = host.handle(Arc::new(mio::Waker::new(poll.registry(), Token(1)).unwrap()));
    let mut server = Service::new(host).unwrap();
    let mut client = client();
    let (peer, _) = connect(&mut server, &mut client, ConnectOptions::default());
    let start = Instant::now();
    let waiting = thread::spawn(move || server.service(10 * PATIENCE));
    handle.send(peer, 0, Packet::reliable("hello")).unwrap();
    let heard = client.service(PATIENCE).unwrap();
    assert!(matches!(&heard, Some(Event::Received { packet, .. }) if packet[..] == *b"hello"), "{heard:?}");
    handle.wake().unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), None);
    assert!(start.elapsed() < 10 * PATIENCE);
}

#[test]
fn what_was_ordered_before_the_host_closes_is_delivered_first() {
    let (mut server, mut client) = (server(), client());
    let (peer, _) = connect(&mut server, &mut client, ConnectOptions::default());
    server.handle().send(peer, 0, Packet::reliable("last words")).unwrap();
    let closing = thread::spawn(move || server.close(PATIENCE).unwrap());
    let mut texts = Vec::new();
    while let Some(event) = client.service(PATIENCE).unwrap() {
        match event {
            Event::Received { packet, .. } => texts.push(packet),
            Event::Disconnected { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(texts, [Packet::reliable("last words")]);
    client.flush();
    assert_eq!(closing.join().unwrap(), 0);
}
