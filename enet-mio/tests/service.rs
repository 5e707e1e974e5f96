//! A service does what C's call does, and wakes when it must.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, client, config, connect, pattern, serve, server};
use enet_mio::enet_proto::{ThrottleSettings, Timeouts};
use enet_mio::{
    ChannelLimit, Checksum, ConnectOptions, Delivery, DisconnectReason, Event, Host, HostConfig, Packet,
    RangeCoder, Service, Waker,
};

const DELIVERIES: [Delivery; 4] =
    [Delivery::Reliable, Delivery::Unreliable, Delivery::UnreliableFragments, Delivery::Unsequenced];

/// Sends packets of all kinds and sizes one way and back, one at a time, so that none may get lost.
fn everything_comes_back(configured: impl Fn(&mut HostConfig)) {
    let [mut server, mut client] = [0, 1].map(|_| {
        let mut config = config();
        configured(&mut config);
        Service::bind("127.0.0.1:*", config).unwrap()
    });
    let options = ConnectOptions { channels: ChannelLimit::new(2).unwrap(), ..ConnectOptions::default() };
    let (_, peer) = connect(&mut server, &mut client, options);
    // On a busy machine the round trip time jumps, and then the throttle would drop unreliable packets.
    let never = ThrottleSettings { deceleration: 0, ..ThrottleSettings::default() };
    client.peer_mut(peer).unwrap().set_throttle(never); // on both ends
    for len in [0, 1, 38, 39, 1300, 1360, 1364, 1365, 5_000, 20_000] {
        for (delivery, seed) in DELIVERIES.into_iter().zip(0..) {
            let payload = pattern(len, seed);
            client.peer_mut(peer).unwrap().send(1, Packet::new(delivery, payload.clone())).unwrap();
            serve([&mut server, &mut client], |number, host, event| {
                let Event::Received { peer, channel, packet } = event else { panic!("{event:?}") };
                assert_eq!(channel.get(), 1);
                assert_eq!(&packet[..], payload, "{len} bytes, {delivery:?}");
                if number == 0 {
                    host.peer_mut(peer).unwrap().send(channel, packet).unwrap();
                }
                number == 1
            });
        }
    }
}

#[test]
fn every_delivery_of_every_size_goes_both_ways() {
    everything_comes_back(|_| {});
}

#[test]
fn compression_and_checksum_change_nothing_for_the_application() {
    everything_comes_back(|config| config.compressor = Some(RangeCoder::boxed()));
    everything_comes_back(|config| config.checksum = Some(Checksum::CRC32));
    everything_comes_back(|config| {
        config.compressor = Some(RangeCoder::boxed());
        config.checksum = Some(Checksum::CRC32);
    });
}

#[test]
fn connect_and_disconnect_data_arrive() {
    let (mut server, mut client) = (server(), client());
    let to = server.local_addr().unwrap();
    let peer = client.connect(to, ConnectOptions { data: 0xDEAD_BEEF, ..ConnectOptions::default() }).unwrap();
    let mut connected = vec![];
    serve([&mut server, &mut client], |number, _, event| {
        let Event::Connected { data, .. } = event else { panic!("{event:?}") };
        connected.push((number, data));
        connected.len() == 2
    });
    connected.sort_unstable();
    assert_eq!(connected, [(0, 0xDEAD_BEEF), (1, 0)]);
    client.peer_mut(peer).unwrap().disconnect(77);
    let mut disconnected = vec![];
    serve([&mut server, &mut client], |number, _, event| {
        let Event::Disconnected { reason, data, .. } = event else { panic!("{event:?}") };
        disconnected.push((number, reason, data));
        disconnected.len() == 2
    });
    disconnected.sort_by_key(|(number, ..)| *number);
    assert_eq!(disconnected, [(0, DisconnectReason::Remote, 77), (1, DisconnectReason::Local, 0)]);
}

/// C sends one datagram here: it wakes for nothing but incoming data.
#[test]
fn one_long_call_retransmits_at_its_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = silent.local_addr().unwrap();
    let start = Instant::now();
    let listener = thread::spawn(move || {
        silent.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut arrivals = vec![];
        while start.elapsed() < Duration::from_millis(2_300) {
            match silent.recv(&mut [0; 100]) {
                Ok(len) => arrivals.push((start.elapsed().as_millis(), len)),
                Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)),
            }
        }
        arrivals
    });
    let mut client = client();
    client.connect(to, ConnectOptions::default()).unwrap();
    assert_eq!(client.service(Duration::from_secs(2)).unwrap(), None);
    assert!(start.elapsed() >= Duration::from_secs(2));
    let arrivals = listener.join().unwrap();
    // Header with sent time (4) and CONNECT (48).
    assert!(arrivals.iter().all(|(_, len)| *len == 52), "{arrivals:?}");
    let times: Vec<_> = arrivals.iter().map(|(time, _)| *time).collect();
    // Never early; late by as much as a busy machine needs to read a clock.
    let due = [0, 499, 1_499];
    assert_eq!(times.len(), due.len(), "{times:?}");
    for (time, due) in times.iter().zip(due) {
        assert!((due..due + 400).contains(time), "{times:?}");
    }
}

#[test]
fn one_long_call_gives_up_at_its_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let limits =
        Timeouts { limit: 1, minimum: Duration::from_millis(1), maximum: Duration::from_millis(300) };
    let options = ConnectOptions { timeout: Some(limits), ..ConnectOptions::default() };
    let mut client = client();
    let start = Instant::now();
    let peer = client.connect(silent.local_addr().unwrap(), options).unwrap();
    let event = client.service(Duration::MAX).unwrap().unwrap();
    assert_eq!(event.peer(), Some(peer));
    assert!(matches!(event, Event::Disconnected { reason: DisconnectReason::ConnectTimedOut, data: 0, .. }));
    assert!(start.elapsed() >= Duration::from_millis(500), "one retransmission timeout");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_idle_wait_lasts_as_long_as_it_was_told() {
    let mut server = server();
    let start = Instant::now();
    assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(server.service(Duration::from_millis(50)).unwrap(), None);
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_waker_ends_a_wait_from_another_thread() {
    fn can_be_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let mut server = server();
    let waker: Waker = server.waker();
    can_be_shared(&waker);
    let start = Instant::now();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        waker.clone().wake().unwrap();
    });
    assert_eq!(server.service(PATIENCE).unwrap(), None);
    assert!(start.elapsed() < PATIENCE / 2);
    assert!(start.elapsed() >= Duration::from_millis(30));
    thread.join().unwrap();
}

#[test]
fn a_wake_that_comes_early_is_not_lost_and_does_not_last() {
    let mut server = server();
    server.waker().wake().unwrap();
    server.waker().wake().unwrap();
    let start = Instant::now();
    assert_eq!(server.service(PATIENCE).unwrap(), None);
    assert!(start.elapsed() < PATIENCE / 2);
    let start = Instant::now();
    assert_eq!(server.service(Duration::from_millis(40)).unwrap(), None);
    assert!(start.elapsed() >= Duration::from_millis(40), "two wakes end one wait");
}

#[test]
fn a_service_moves_to_another_thread() {
    fn can_be_sent<T: Send>(_: &T) {}
    can_be_sent(&server());
}

#[test]
fn flush_sends_and_nothing_else() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut client = client();
    client.connect(silent.local_addr().unwrap(), ConnectOptions::default()).unwrap();
    client.flush();
    assert_eq!(silent.recv(&mut [0; 100]).unwrap(), 52);
    assert_eq!(client.stats().datagrams_sent, 1);
}

#[test]
fn check_events_gives_what_is_there_without_io() {
    let (mut server, mut client) = (server(), client());
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    for text in ["one", "two"] {
        client.peer_mut(peer).unwrap().send(0, Packet::reliable(text)).unwrap();
    }
    client.flush(); // both in one datagram
    let Some(Event::Received { packet, .. }) = server.service(PATIENCE).unwrap() else { panic!("one") };
    assert_eq!(&packet[..], b"one");
    let traffic = |server: &Service| (server.stats().datagrams_sent, server.stats().datagrams_received);
    let before = traffic(&server);
    let Some(Event::Received { packet, .. }) = server.check_events() else { panic!("two") };
    assert_eq!(&packet[..], b"two");
    assert_eq!(server.check_events(), None);
    assert_eq!(traffic(&server), before);
}

#[test]
fn a_call_with_zero_timeout_takes_all_that_is_there() {
    let mut server = server();
    let to = server.local_addr().unwrap();
    let rubbish = UdpSocket::bind("127.0.0.1:0").unwrap();
    // More than one pass of 256 takes. Had the call ended with its first pass, no edge would ever announce the rest.
    for _ in 0..400 {
        rubbish.send_to(&[0], to).unwrap();
    }
    assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    assert_eq!(server.stats().datagrams_received, 400);
}

/// An empty datagram ends C's receive pass, and C then forgets what is behind it until the next arrival.
#[test]
fn nothing_is_stranded_behind_an_empty_datagram() {
    let mut server = server();
    let to = server.local_addr().unwrap();
    let rubbish = UdpSocket::bind("127.0.0.1:0").unwrap();
    for bytes in [&[][..], &[1], &[], &[2], &[3]] {
        rubbish.send_to(bytes, to).unwrap();
    }
    assert_eq!(server.service(Duration::from_millis(20)).unwrap(), None);
    assert_eq!(server.stats().datagrams_received, 5);
}

#[test]
fn close_delivers_what_is_queued_and_waits_until_it_is_confirmed() {
    let (mut server, mut client) = (server(), client());
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    let payload = pattern(200_000, 3); // several windows, so it takes many round trips
    client.peer_mut(peer).unwrap().send(0, Packet::reliable(payload.clone())).unwrap();
    let closing = thread::spawn(move || client.close(PATIENCE));
    let Some(Event::Received { packet, .. }) = server.service(PATIENCE).unwrap() else {
        panic!("the packet")
    };
    assert_eq!(&packet[..], payload);
    let last = server.service(PATIENCE).unwrap();
    assert!(matches!(last, Some(Event::Disconnected { reason: DisconnectReason::Remote, .. })), "{last:?}");
    server.flush();
    assert_eq!(closing.join().unwrap().unwrap(), 0, "peers that did not confirm");
}

#[test]
fn close_leaves_the_number_that_a_peer_was_to_get_later() {
    let (mut server, mut client) = (server(), client());
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    client.peer_mut(peer).unwrap().send(0, Packet::reliable("and")).unwrap();
    client.peer_mut(peer).unwrap().disconnect_later(7);
    let closing = thread::spawn(move || client.close(PATIENCE));
    assert!(matches!(server.service(PATIENCE).unwrap(), Some(Event::Received { .. })));
    let end = server.service(PATIENCE).unwrap();
    assert!(matches!(end, Some(Event::Disconnected { data: 7, .. })), "{end:?}");
    server.flush();
    assert_eq!(closing.join().unwrap().unwrap(), 0);
}

#[test]
fn close_of_a_server_disconnects_everyone_and_lets_nobody_in() {
    let mut server = server();
    let mut clients: Vec<_> = (0..5).map(|_| client()).collect();
    for client in &mut clients {
        connect(&mut server, client, ConnectOptions::default());
    }
    let to = server.local_addr().unwrap();
    let closing = thread::spawn(move || {
        let unconfirmed = server.close(PATIENCE).unwrap();
        (server, unconfirmed)
    });
    for client in &mut clients {
        let event = client.service(PATIENCE).unwrap().unwrap();
        assert!(matches!(event, Event::Disconnected { reason: DisconnectReason::Remote, .. }), "{event:?}");
        client.service(Duration::ZERO).unwrap();
    }
    let (mut server, unconfirmed) = closing.join().unwrap();
    assert_eq!(unconfirmed, 0);
    let mut late = client();
    late.connect(to, ConnectOptions::default()).unwrap();
    late.flush();
    assert_eq!(server.service(Duration::from_millis(20)).unwrap(), None);
    assert_eq!(server.peers().count(), 0);
}

/// Without the acknowledgement that the client owes at this moment, the server would never answer.
#[test]
fn close_is_confirmed_even_right_after_the_connect() {
    let (mut server, mut client) = (server(), client());
    client.connect(server.local_addr().unwrap(), ConnectOptions::default()).unwrap();
    client.flush();
    assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    assert!(matches!(client.service(PATIENCE).unwrap(), Some(Event::Connected { .. })));
    let closing = thread::spawn(move || client.close(PATIENCE));
    assert!(matches!(server.service(PATIENCE).unwrap(), Some(Event::Connected { .. })));
    assert!(matches!(server.service(PATIENCE).unwrap(), Some(Event::Disconnected { .. })));
    server.flush();
    assert_eq!(closing.join().unwrap().unwrap(), 0);
}

#[test]
fn close_gives_up_in_time_and_leaves_a_last_word() {
    let (mut server, mut client) = (server(), client());
    connect(&mut server, &mut client, ConnectOptions::default());
    let start = Instant::now();
    // The server does not answer, because nobody serves it.
    assert_eq!(client.close(Duration::from_millis(200)).unwrap(), 1);
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(client.peers().count(), 0);
    drop(client);
    let event = server.service(PATIENCE).unwrap().unwrap();
    assert!(matches!(event, Event::Disconnected { reason: DisconnectReason::Remote, .. }), "{event:?}");
}

#[test]
fn close_of_a_host_without_peers_returns_at_once() {
    let start = Instant::now();
    assert_eq!(server().close(PATIENCE).unwrap(), 0);
    assert!(start.elapsed() < PATIENCE / 2);
}

#[test]
fn a_client_lets_nobody_in() {
    let (mut client, mut stranger) = (client(), client());
    let port = client.local_addr().unwrap().port();
    stranger.connect(([127, 0, 0, 1], port).into(), ConnectOptions::default()).unwrap();
    stranger.flush();
    assert_eq!(client.service(Duration::from_millis(50)).unwrap(), None);
    assert_eq!(client.stats().datagrams_received, 1);
    assert_eq!(client.peers().count(), 0);
}

#[test]
fn a_host_made_elsewhere_can_be_served() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    let mut server = Service::new(Host::from_socket(socket, config()).unwrap()).unwrap();
    assert_eq!(server.local_addr().unwrap(), at, "it is the socket that was given");
    connect(&mut server, &mut client(), ConnectOptions::default());
    assert_eq!(server.connected_peers(), 1);
}
