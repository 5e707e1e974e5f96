//! Nothing that the network or a destination does to a socket reaches the application, or another peer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{PATIENCE, client, config, connect, pattern, serve, server};
use enet_mio::enet_proto::{Bytes, Datagram, DiscardReason, Verdict};
use enet_mio::{ConnectOptions, Event, Host, Packet, Service};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// The two still understand each other.
fn assert_connected(server: &mut Service, client: &mut Service) {
    let peer = client.peers().last().unwrap().id();
    client.peer_mut(peer).unwrap().send(0, Packet::reliable("still there?")).unwrap();
    serve([server, client], |number, _, event| matches!(event, Event::Received { .. }) && number == 0);
}

#[test]
fn a_datagram_from_port_zero_is_dropped_before_anyone_sees_it() {
    let raw = match Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)) {
        Ok(raw) => raw,
        Err(error) => return println!("skipped: forging a source port takes a raw socket ({error})"),
    };
    let (mut server, mut client) = (server(), client());
    connect(&mut server, &mut client, ConnectOptions::default());
    let SocketAddr::V4(to) = server.local_addr().unwrap() else { panic!("IPv4") };
    let before = server.stats().discarded.total();
    let mut forged = vec![0, 0]; // source port
    forged.extend(to.port().to_be_bytes());
    forged.extend([0, 8 + 52]); // length
    forged.extend([0, 0]); // no checksum
    forged.extend([0x8F, 0xFF, 0, 0, 0x82, 0xFF, 0, 1]); // as if it were a CONNECT
    forged.resize(8 + 52, 0);
    raw.send_to(&forged, &SockAddr::from(to)).unwrap();
    assert_eq!(server.service(Duration::from_millis(50)).unwrap(), None);
    assert_eq!(server.io_stats().dropped_port_zero, 1);
    assert_eq!(server.stats().discarded.total(), before);
    // Control: the same from a port that exists is seen.
    forged[1] = 1;
    raw.send_to(&forged, &SockAddr::from(to)).unwrap();
    assert_eq!(server.service(Duration::from_millis(50)).unwrap(), None);
    assert_eq!(server.io_stats().dropped_port_zero, 1);
    assert!(server.stats().discarded.total() > before);
    // And where many stand in line, of which the last is genuine.
    let before = server.stats().discarded.total();
    for number in 0..=12 {
        forged[1] = u8::from(number == 12);
        raw.send_to(&forged, &SockAddr::from(to)).unwrap();
    }
    while server.io_stats().dropped_port_zero < 13 || server.stats().discarded.total() == before {
        assert_eq!(server.service(Duration::from_millis(50)).unwrap(), None);
    }
    assert_eq!(server.io_stats().dropped_port_zero, 13);
    assert_eq!(server.stats().discarded.total(), before + 1);
    assert_connected(&mut server, &mut client);
}

/// A connected socket is told of ICMP's "port unreachable", and Windows tells every socket.
#[test]
fn nobody_listening_yet_is_no_error() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(closed).unwrap();
    let mut client = Service::new(Host::from_socket(socket, config()).unwrap()).unwrap();
    client.connect(closed, ConnectOptions::default()).unwrap();
    assert_eq!(client.service(Duration::from_millis(50)).unwrap(), None);
    if cfg!(target_os = "linux") {
        assert_eq!(client.io_stats().receive_errors, 1);
    }
    // Now somebody does, and the retransmission reaches them.
    let mut server = Service::bind(closed, config()).unwrap();
    let mut connected = 0;
    serve([&mut server, &mut client], |_, _, event| {
        assert!(matches!(event, Event::Connected { .. }), "{event:?}");
        connected += 1;
        connected == 2
    });
    assert_connected(&mut server, &mut client);
}

#[test]
fn oversize_datagrams_are_counted_and_discarded() {
    let (mut server, mut client) = (server(), client());
    connect(&mut server, &mut client, ConnectOptions::default());
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = server.local_addr().unwrap();
    let before = server.stats().bytes_received;
    for len in [4_096, 4_097, 5_000, 65_507] {
        stranger.send_to(&pattern(len, 0), to).unwrap();
        assert_eq!(server.service(Duration::from_millis(20)).unwrap(), None);
    }
    assert_eq!(server.stats().discarded.get(DiscardReason::Oversize), 3, "4096 bytes are not too many");
    assert!(server.stats().bytes_received - before >= 4_096 + 4_097 + 5_000 + 65_507, "none was cut off");
    assert_connected(&mut server, &mut client);
}

#[test]
fn a_destination_that_cannot_be_sent_to_disturbs_nobody() {
    let mut server = server();
    let mut client = Service::bind("127.0.0.1:*", config()).unwrap();
    // From the loopback interface nothing goes out: EINVAL. Both stand before the good peer in slot order.
    for text in ["192.0.2.1:9", "240.0.0.1:9"] {
        client.connect(text.parse().unwrap(), ConnectOptions::default()).unwrap();
    }
    for text in ["127.0.0.1:0", "[2001:db8::1]:9"] {
        client.send_raw(text.parse().unwrap(), "EINVAL and EAFNOSUPPORT");
    }
    client.send_raw(server.local_addr().unwrap(), Bytes::from(vec![0; 65_508])); // EMSGSIZE
    connect(&mut server, &mut client, ConnectOptions::default());
    assert_connected(&mut server, &mut client);
    assert!(client.io_stats().send_errors >= 5, "{:?}", client.io_stats());
    assert_eq!(client.io_stats().receive_errors, 0);
    assert_eq!(client.peers().count(), 3, "they time out in their own time");
}

#[test]
fn a_peer_that_is_gone_disturbs_nobody() {
    let (mut server, mut client) = (server(), client());
    connect(&mut server, &mut client, ConnectOptions::default());
    // What is sent to this one comes back as ICMP from now on.
    connect(&mut server, &mut common::client(), ConnectOptions::default());
    for _ in 0..20 {
        assert_eq!(server.broadcast(0, Packet::reliable("anyone?")).queued, 2);
        server.flush();
        let event = client.service(PATIENCE).unwrap();
        assert!(matches!(event, Some(Event::Received { .. })), "{event:?}");
        client.flush();
        assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    }
}

#[test]
fn another_protocol_can_share_the_port() {
    let (mut server, mut client) = (server(), client());
    let (seen, other_protocol) = mpsc::channel();
    server.intercept(move |datagram: &Datagram<'_>| {
        if datagram.bytes.starts_with(b"PING ") {
            seen.send((datagram.source, datagram.bytes.to_vec())).unwrap();
            return Verdict::Consume;
        }
        Verdict::Pass
    });
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_read_timeout(Some(PATIENCE)).unwrap();
    stranger.send_to(b"PING 7", server.local_addr().unwrap()).unwrap();
    assert_eq!(server.service(Duration::from_millis(50)).unwrap(), None);
    let (source, bytes) = other_protocol.try_recv().unwrap();
    assert_eq!((source, &bytes[..]), (stranger.local_addr().unwrap(), &b"PING 7"[..]));
    assert_eq!(server.stats().discarded.total(), 0);

    server.send_raw(source, &b"PONG 7"[..]);
    server.flush();
    let mut answer = [0; 100];
    let (len, from) = stranger.recv_from(&mut answer).unwrap();
    assert_eq!((&answer[..len], from), (&b"PONG 7"[..], server.local_addr().unwrap()));
    connect(&mut server, &mut client, ConnectOptions::default());
    assert_connected(&mut server, &mut client);
}

#[test]
fn a_flood_of_rubbish_does_not_keep_a_client_out() {
    let (mut server, mut client) = (server(), client());
    let to = server.local_addr().unwrap();
    let (stop, stopped) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let flooder = thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sent: u64 = 0;
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            socket.send_to(&sent.to_be_bytes(), to).unwrap();
            sent += 1;
            if sent == 100 {
                begin.send(()).unwrap();
            }
        }
        sent
    });
    begun.recv().unwrap();
    connect(&mut server, &mut client, ConnectOptions::default());
    assert_connected(&mut server, &mut client);
    drop(stop);
    assert!(flooder.join().unwrap() >= 100);
}
