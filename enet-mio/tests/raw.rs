//! Datagrams of another protocol on the host's port: NAT punching, and finding servers on the local network.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::{PATIENCE, client, config, serve, server};
use enet_mio::enet_proto::{Datagram, Verdict};
use enet_mio::{ConnectOptions, Event, Host, Service, SocketOptions};

/// Passes on what begins with `word`, and keeps it from the protocol.
fn listen(host: &mut Host, word: &'static [u8]) -> Receiver<(SocketAddr, Vec<u8>)> {
    let (heard, raw) = channel();
    host.intercept(move |datagram: &Datagram<'_>| {
        if !datagram.bytes.starts_with(word) {
            return Verdict::Pass;
        }
        heard.send((datagram.source, datagram.bytes.to_vec())).unwrap();
        Verdict::Consume
    });
    raw
}

fn next(host: &mut Service, raw: &Receiver<(SocketAddr, Vec<u8>)>) -> (SocketAddr, Vec<u8>) {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        assert_eq!(host.service(Duration::from_millis(1)).unwrap(), None);
        if let Ok(datagram) = raw.try_recv() {
            return datagram;
        }
    }
    panic!("nothing came in {PATIENCE:?}");
}

#[test]
fn a_raw_datagram_leaves_from_the_hosts_port_and_its_answer_does_not_disturb_the_protocol() {
    let mut host = server();
    let raw = listen(&mut host, b"STUN");
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    other.set_read_timeout(Some(PATIENCE)).unwrap();
    host.send_raw(other.local_addr().unwrap(), &b"what am I?"[..]);
    host.flush();
    let mut bytes = [0; 100];
    let (len, seen_at) = other.recv_from(&mut bytes).unwrap();
    assert_eq!((&bytes[..len], seen_at), (&b"what am I?"[..], host.local_addr().unwrap()));
    other.send_to(b"STUN you are that", seen_at).unwrap();
    assert_eq!(next(&mut host, &raw), (other.local_addr().unwrap(), b"STUN you are that".to_vec()));
    assert_eq!(host.stats().discarded.total(), 0);
    other.send_to(b"?", seen_at).unwrap();
    while host.stats().discarded.total() == 0 {
        host.service(Duration::from_millis(1)).unwrap(); // what the hook passes is the protocol's to judge
    }
}

/// As two players behind their routers do, with what a matchmaker told them: both send, then one connects.
#[test]
fn who_has_punched_a_hole_connects_through_it() {
    let mut hosts = [server(), server()];
    let at = hosts.each_ref().map(|host| host.local_addr().unwrap());
    let raw = hosts.each_mut().map(|host| listen(host, b"PUNCH"));
    for (host, to) in hosts.iter_mut().zip([at[1], at[0]]) {
        host.send_raw(to, &b"PUNCH"[..]);
        host.flush();
    }
    for (host, (raw, from)) in hosts.iter_mut().zip(raw.iter().zip([at[1], at[0]])) {
        assert_eq!(next(host, raw).0, from);
    }
    let [one, other] = &mut hosts;
    one.connect(at[1], ConnectOptions::default()).unwrap();
    let mut connected = 0;
    serve([one, other], |_, _, event| {
        assert!(matches!(event, Event::Connected { .. }), "{event:?}");
        connected += 1;
        connected == 2
    });
}

#[cfg(target_os = "linux")] // others have no broadcast on the loopback
#[test]
fn a_server_on_the_local_network_answers_a_question_to_everybody() {
    let everybody = Ipv4Addr::new(127, 255, 255, 255); // of the loopback, so that nobody else hears it
    let mut server = Service::bind("0.0.0.0:*", config()).unwrap();
    let port = server.local_addr().unwrap().port();
    let questions = listen(&mut server, b"WHO?");
    let mut client = client();
    let answers = listen(&mut client, b"ME");
    client.send_raw((everybody, port).into(), &b"WHO?"[..]);
    client.flush();
    let (who, _) = next(&mut server, &questions);
    server.send_raw(who, &b"ME"[..]);
    server.flush();
    let (found, _) = next(&mut client, &answers);
    assert_eq!(found, (Ipv4Addr::LOCALHOST, port).into());

    client.connect(found, ConnectOptions::default()).unwrap();
    let mut connected = 0;
    serve([&mut server, &mut client], |_, _, _| {
        connected += 1;
        connected == 2
    });
}

#[test]
fn a_socket_that_may_not_broadcast_does_not() {
    let options = SocketOptions { broadcast: false, ..SocketOptions::default() };
    let mut host = Host::bind_with(options, "127.0.0.1:*", config()).unwrap();
    host.send_raw((Ipv4Addr::BROADCAST, 9).into(), &b"WHO?"[..]);
    host.flush();
    assert_eq!(host.io_stats().send_errors, 1);
}
