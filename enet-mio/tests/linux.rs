//! What only Linux does, or can show: sources of datagrams, their marks, and their way through a narrow network.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::net::{IpAddr, UdpSocket};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{PATIENCE, config, deliver, pair, pattern, serve};
use enet_mio::enet_proto::{Datagram, Ecn, Mtu, Verdict};
use enet_mio::{ConnectOptions, Event, Host, Packet, Service, SocketOptions};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::SockRef;

/// All of 127/8 is this machine, and its answers would come from 127.0.0.1 if the host did not say otherwise: the client
/// would not know who is talking.
#[test]
fn a_host_on_all_addresses_answers_from_the_one_it_was_asked_at() {
    for at in ["0.0.0.0:*", "*:*"] {
        let mut server = Service::bind(at, config()).unwrap();
        assert!(server.io_capabilities().local_address);
        let port = server.local_addr().unwrap().port();
        for to in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 9, 9, 9]] {
            let mut client = Service::bind("127.0.0.1:*", config()).unwrap();
            let peer = client.connect((to, port).into(), ConnectOptions::default()).unwrap();
            let payload = pattern(100_000, 1); // in trains, too
            let mut answered = false;
            serve([&mut server, &mut client], |number, host, event| {
                match event {
                    Event::Connected { peer, .. } if number == 0 => {
                        host.peer_mut(peer).unwrap().send(0, Packet::reliable(payload.clone())).unwrap();
                    }
                    Event::Received { packet, .. } => {
                        assert!(packet[..] == payload);
                        answered = true;
                    }
                    event => assert_eq!(event.peer(), Some(peer)),
                }
                answered
            });
        }
        assert_eq!(server.io_stats().send_errors, 0);
    }
}

/// What arrived at a host of its own, by an intercept hook: the local address and the mark.
fn what_is_told(socket: UdpSocket, sender: &UdpSocket) -> (Option<IpAddr>, Option<Ecn>) {
    let to = socket.local_addr().unwrap().port();
    let mut service = Service::new(Host::from_socket(socket, config()).unwrap()).unwrap();
    let (told, tellings) = mpsc::channel();
    service.intercept(move |datagram: &Datagram<'_>| {
        told.send((datagram.local, datagram.ecn)).unwrap();
        Verdict::Consume
    });
    sender.send_to(b"hello", ("127.0.0.1", to)).unwrap();
    let start = Instant::now();
    loop {
        assert_eq!(service.service(Duration::from_millis(1)).unwrap(), None);
        match tellings.try_recv() {
            Ok(telling) => return telling,
            Err(_) => assert!(start.elapsed() < PATIENCE),
        }
    }
}

#[test]
fn the_local_address_and_congestion_marks_are_passed_on() {
    let here = Some("127.0.0.1".parse().unwrap());
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    SockRef::from(&sender).set_tos_v4(0b11).unwrap();
    for at in ["127.0.0.1:*", "0.0.0.0:*", "*:*"] {
        let socket = SocketOptions::default().bind(at).unwrap();
        assert_eq!(what_is_told(socket, &sender), (here, None), "{at}: nobody asked for marks");
        let socket = SocketOptions::default().bind(at).unwrap();
        SockRef::from(&socket).set_recv_tos_v4(true).unwrap();
        assert_eq!(what_is_told(socket, &sender), (here, Some(Ecn::Ce)), "{at}");
    }
}

/// Had the host turned joining off, even for a moment, nobody could say where the train is to be cut.
#[test]
fn a_train_that_waits_when_a_socket_is_taken_over_arrives_as_its_datagrams() {
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    if setsockopt(&sender, sockopt::UdpGsoSegment, &100).is_err()
        || setsockopt(&socket, sockopt::UdpGroSegment, &true).is_err()
    {
        return println!("skipped: this system has no segmentation offload");
    }
    sender.send_to(&pattern(1_000, 1), socket.local_addr().unwrap()).unwrap();
    let mut service = Service::new(Host::from_socket(socket, config()).unwrap()).unwrap();
    let (told, tellings) = mpsc::channel();
    service.intercept(move |datagram: &Datagram<'_>| {
        told.send(datagram.bytes.to_vec()).unwrap();
        Verdict::Consume
    });
    assert_eq!(service.service(Duration::ZERO).unwrap(), None);
    let datagrams: Vec<_> = tellings.try_iter().collect();
    assert_eq!(datagrams, pattern(1_000, 1).chunks(100).collect::<Vec<_>>());
    assert!(service.io_capabilities().gro);
}

/// Stock hosts leave it to the network to cut datagrams that a path is too narrow for, and so must we: with the "don't
/// fragment" of QUIC they would never arrive. The kernel cuts no trains then, so they leave one by one.
#[test]
fn datagrams_larger_than_the_path_arrive() {
    let mut narrow = Command::new("unshare");
    narrow.args(["--user", "--map-root-user", "--net", "sh", "-c"]);
    narrow.arg("ip link set dev lo mtu 1500 up && \"$@\" || exit 99");
    let here = std::env::current_exe().unwrap();
    if !narrow.arg("sh").arg("true").output().is_ok_and(|output| output.status.success()) {
        return println!("skipped: a narrow network takes `unshare`, `ip` and the right to make namespaces");
    }
    let mut narrow = Command::new("unshare");
    narrow.args(["--user", "--map-root-user", "--net", "sh", "-c"]);
    narrow.arg("ip link set dev lo mtu 1500 up && \"$@\"").arg("sh").arg(here);
    let output = narrow.args(["--exact", "in_a_narrow_network", "--ignored"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[ignore = "run by another test, in a network whose datagrams hold 1,500 bytes"]
fn in_a_narrow_network() {
    let (mut server, mut client, peer) =
        pair(SocketOptions::default(), |config| config.mtu = Mtu::new(4_096).unwrap());
    deliver(&mut server, &mut client, peer, &[4_000]);
    deliver(&mut server, &mut client, peer, &[4_000; 10]);
    let stats = client.io_stats();
    if client.io_capabilities().gso {
        assert_eq!(stats.trains_refused, 1);
    }
    assert_eq!(stats.sent_in_trains, 0);
    deliver(&mut server, &mut client, peer, &[4_000; 10]);
    let after = client.io_stats();
    assert_eq!(after.trains_refused, stats.trains_refused, "a refused train is not tried again at once");
    assert_eq!(
        after.sent_in_batches - stats.sent_in_batches,
        9,
        "nine bring a batch beyond 32 KiB; the tenth is alone"
    );
    assert_eq!(after.send_errors, 0);
}
