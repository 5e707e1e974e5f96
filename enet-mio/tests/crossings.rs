//! Datagrams cross into the system and back in company where it can do that, and one by one where it cannot; nobody
//! notices but the counters.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::net::UdpSocket;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, client, config, connect, deliver, pair, pair_at, pattern, serve, server};
use enet_mio::enet_proto::{Datagram, Verdict};
use enet_mio::{ConnectOptions, Event, Host, Packet, Service, SocketOptions};
use mio::{Events, Interest, Poll, Token};

/// Whether the system sends trains; prints why a test is skipped if not.
fn sends_trains(service: &Service) -> bool {
    let can = service.io_capabilities().gso;
    if !can {
        println!("skipped: this system has no segmentation offload");
    }
    can
}

#[test]
fn a_train_leaves_in_one_crossing_and_arrives_as_its_datagrams() {
    let has_ipv6 = UdpSocket::bind("[::1]:0").is_ok();
    for at in ["127.0.0.1:*", "[::1]:*"].into_iter().take(1 + usize::from(has_ipv6)) {
        let (mut server, mut client, peer) = pair_at(at, SocketOptions::default(), |_| {});
        if !sends_trains(&client) {
            return;
        }
        let before = client.io_stats();
        // The last is shorter.
        let sizes = [vec![1_300; 19], vec![700]].concat();
        deliver(&mut server, &mut client, peer, &sizes);
        let after = client.io_stats();
        assert_eq!(after.sends - before.sends, 1, "{at}");
        assert_eq!(after.sent_in_trains - before.sent_in_trains, 20, "{at}");
        assert_eq!(after.trains_refused, 0, "{at}");
    }
}

#[test]
fn trains_are_received_in_one_crossing_once_it_is_seen_that_they_come() {
    let (mut server, mut client, peer) = pair(SocketOptions::default(), |_| {});
    if !sends_trains(&client) || !server.io_capabilities().gro {
        return;
    }
    for _ in 0..3 {
        deliver(&mut server, &mut client, peer, &[1_300; 20]);
        assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    }
    let before = server.io_stats();
    deliver(&mut server, &mut client, peer, &[1_300; 20]);
    assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    let after = server.io_stats();
    assert_eq!(after.received_in_trains - before.received_in_trains, 20);
    assert!(
        after.receives - before.receives <= 3,
        "one that finds the train, two that find nothing: {after:?}"
    );
}

#[test]
fn without_offload_the_same_arrives_one_by_one() {
    let options = SocketOptions { offload: false, ..SocketOptions::default() };
    let (mut server, mut client, peer) = pair(options, |_| {});
    for service in [&server, &client] {
        assert!(!service.io_capabilities().gso && !service.io_capabilities().gro);
    }
    let before = client.io_stats();
    for _ in 0..4 {
        deliver(&mut server, &mut client, peer, &[vec![1_300; 19], vec![700]].concat());
    }
    let after = client.io_stats();
    assert_eq!(after.sends - before.sends, 80);
    assert_eq!(after.sent_in_trains, 0);
    assert_eq!(server.io_stats().received_in_trains, 0);
}

/// A server and clients that are connected to it.
fn crowd(count: usize) -> (Service, Vec<Service>) {
    let mut server = server();
    let clients = (0..count).map(|_| {
        let mut client = client();
        connect(&mut server, &mut client, ConnectOptions::default());
        client
    });
    let clients = clients.collect();
    while server.service(Duration::from_millis(5)).unwrap().is_some() {}
    (server, clients)
}

/// Linux alone takes datagrams for several destinations from one call.
#[cfg(target_os = "linux")]
#[test]
fn a_crowd_is_sent_to_and_heard_with_few_crossings() {
    const CROWD: usize = 40;
    let (mut server, mut clients) = crowd(CROWD);
    let before = server.io_stats();
    assert_eq!(server.broadcast(0, Packet::reliable("tick")).queued, CROWD);
    server.flush();
    let after = server.io_stats();
    assert_eq!(after.sends - before.sends, 2, "32 and 8");
    assert_eq!(after.sent_in_batches - before.sent_in_batches, CROWD as u64);
    for client in &mut clients {
        let Some(Event::Received { peer, packet, .. }) = client.service(PATIENCE).unwrap() else { panic!() };
        assert_eq!(&packet[..], b"tick");
        client.peer_mut(peer).unwrap().send(0, Packet::reliable("tock")).unwrap();
        client.flush();
    }
    let before = server.io_stats();
    let mut heard = 0;
    while let Some(event) = server.service(Duration::ZERO).unwrap() {
        let Event::Received { packet, .. } = event else { panic!("{event:?}") };
        assert_eq!(&packet[..], b"tock");
        heard += 1;
    }
    let after = server.io_stats();
    assert_eq!(heard, CROWD);
    assert_eq!(after.received_in_batches - before.received_in_batches, CROWD as u64 - 3);
    // Three, and five times eight with room for three more; and one for nothing when the events are fetched.
    assert!(after.receives - before.receives <= 9, "{after:?}");
}

#[test]
fn a_large_packet_arrives_with_and_without_offload() {
    for offload in [true, false] {
        let (mut server, mut client, peer) =
            pair(SocketOptions { offload, ..SocketOptions::default() }, |_| {});
        let payload = pattern(3_000_000, 5);
        client.peer_mut(peer).unwrap().send(0, Packet::reliable(payload.clone())).unwrap();
        serve([&mut server, &mut client], |_, _, event| {
            let Event::Received { packet, .. } = event else { panic!("{event:?}") };
            assert!(packet[..] == payload);
            true
        });
        let stats = client.io_stats();
        assert_eq!(stats.sent_in_trains > 0, client.io_capabilities().gso);
        assert_eq!((stats.send_blocked, stats.send_errors), (0, 0));
    }
}

#[test]
fn a_turn_takes_256_datagrams_though_trains_are_longer() {
    let mut server = Host::bind("0.0.0.0:*", config()).unwrap();
    let to = ([127, 0, 0, 1], server.local_addr().unwrap().port()).into();
    let mut client = client();
    let peer = client.connect(to, ConnectOptions::default()).unwrap();
    let mut connected = 0;
    let start = Instant::now();
    while connected < 2 {
        connected += usize::from(client.service(Duration::ZERO).unwrap().is_some());
        server.on_ready();
        server.drive().unwrap();
        connected += usize::from(server.poll_event().is_some());
        server.flush();
        assert!(start.elapsed() < PATIENCE);
    }
    let before = server.stats().datagrams_received;
    for _ in 0..300 {
        client.peer_mut(peer).unwrap().send(0, Packet::unsequenced(pattern(700, 1))).unwrap();
    }
    client.flush();
    server.on_ready();
    server.drive().unwrap();
    assert_eq!(server.stats().datagrams_received - before, 256);
    while server.poll_event().is_some() {}
    assert_eq!(server.timeout(), Some(Duration::ZERO), "there is more");
    server.drive().unwrap();
    while server.poll_event().is_some() {}
    assert_eq!(server.stats().datagrams_received - before, 300);
    assert_ne!(server.timeout(), Some(Duration::ZERO));
    if server.io_capabilities().gro && client.io_capabilities().gso {
        assert!(server.io_stats().received_in_trains >= 300, "otherwise this test proves little");
    }
}

/// A host that passes on the numbers it is sent by another protocol.
fn listener() -> (Host, mpsc::Receiver<u32>) {
    let mut host = Host::bind("127.0.0.1:*", config()).unwrap();
    let (heard, numbers) = mpsc::channel();
    host.intercept(move |datagram: &Datagram<'_>| {
        if let Some(number) = datagram.bytes.first_chunk() {
            let _ = heard.send(u32::from_be_bytes(*number)); // nobody may be left to listen
        }
        Verdict::Consume
    });
    (host, numbers)
}

/// Sends bursts, each when the last datagram of the one before was seen. A lost edge would leave some of a burst unseen
/// for ever, for nothing comes behind it to wake the host.
fn flood_in_bursts(to: std::net::SocketAddr, numbers: &mpsc::Receiver<u32>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut last = 0_u32;
    for burst in 0..2_000_u32 {
        let first = last;
        last += 1 + burst % 40;
        for number in first..last {
            let mut datagram = pattern(4 + usize::try_from(burst % 5 * 200).unwrap(), 1);
            datagram[..4].copy_from_slice(&number.to_be_bytes());
            socket.send_to(&datagram, to).unwrap();
        }
        for number in first..last {
            match numbers.recv_timeout(PATIENCE) {
                Ok(heard) => assert_eq!(heard, number),
                Err(RecvTimeoutError::Timeout) => panic!("an edge was lost before datagram {number}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn no_edge_is_lost_in_a_poll_of_ones_own() {
    let (mut host, numbers) = listener();
    let to = host.local_addr().unwrap();
    let mut poll = Poll::new().unwrap();
    poll.registry().register(&mut host, Token(0), Interest::READABLE).unwrap();
    let waker = mio::Waker::new(poll.registry(), Token(1)).unwrap();
    let thread = thread::spawn(move || {
        let mut ready = Events::with_capacity(8);
        loop {
            poll.poll(&mut ready, host.timeout()).unwrap();
            if ready.iter().any(|event| event.token() == Token(1)) {
                return;
            }
            if !ready.is_empty() {
                host.on_ready();
            }
            host.drive().unwrap();
        }
    });
    flood_in_bursts(to, &numbers);
    waker.wake().unwrap();
    thread.join().unwrap();
}

#[test]
fn no_edge_is_lost_in_a_service() {
    let (host, numbers) = listener();
    let to = host.local_addr().unwrap();
    let mut service = Service::new(host).unwrap();
    let waker = service.waker();
    let thread = thread::spawn(move || assert_eq!(service.service(Duration::MAX).unwrap(), None));
    flood_in_bursts(to, &numbers);
    waker.wake().unwrap();
    thread.join().unwrap();
}

#[test]
fn no_edge_is_lost_by_calls_that_do_not_wait_or_hardly() {
    for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(100)] {
        no_edge_is_lost_by_calls_of(timeout);
    }
}

fn no_edge_is_lost_by_calls_of(timeout: Duration) {
    let (host, numbers) = listener();
    let to = host.local_addr().unwrap();
    let mut service = Service::new(host).unwrap();
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            assert_eq!(service.service(timeout).unwrap(), None);
            thread::yield_now();
        }
    });
    flood_in_bursts(to, &numbers);
    drop(stop);
    thread.join().unwrap();
}

#[test]
fn hosts_with_and_without_offload_understand_each_other() {
    let plain = SocketOptions { offload: false, ..SocketOptions::default() };
    let mut server = Service::new(Host::bind_with(plain, "127.0.0.1:*", config()).unwrap()).unwrap();
    let mut client = client();
    let mut third = self::server();
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    deliver(&mut server, &mut client, peer, &[1_300; 20]);
    let (_, peer) = connect(&mut third, &mut server, ConnectOptions::default());
    deliver(&mut third, &mut server, peer, &[1_300; 20]);
}
