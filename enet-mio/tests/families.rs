//! IPv4, IPv6, and both on one socket.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use common::{client, config, connect, or_skip, serve};
use enet_mio::{ConnectError, ConnectOptions, Event, Packet, Service};

/// Whether the machine has IPv6, which a test needs.
fn has_ipv6(test: &str) -> bool {
    let socket = UdpSocket::bind("[::1]:0");
    or_skip(socket.map_err(|error| format!("this machine has no IPv6 ({error})")), test).is_some()
}

/// Connects to `to` and has one packet echoed; the client's address as the server sees it.
fn echo_once(server: &mut Service, client: &mut Service, to: SocketAddr) -> SocketAddr {
    let peer = client.connect(to, ConnectOptions::default()).unwrap();
    let mut seen = None;
    serve([server, client], |number, host, event| {
        match event {
            Event::Connected { peer, .. } if number == 0 => seen = Some(host.peer(peer).unwrap().address()),
            Event::Connected { .. } => host.peer_mut(peer).unwrap().send(0, Packet::reliable("hi")).unwrap(),
            Event::Received { peer, packet, .. } => {
                assert_eq!(&packet[..], b"hi");
                if number == 1 {
                    return true;
                }
                host.peer_mut(peer).unwrap().send(0, packet).unwrap();
            }
            other => panic!("{other:?}"),
        }
        false
    });
    seen.unwrap()
}

fn at(ip: impl Into<std::net::IpAddr>, service: &Service) -> SocketAddr {
    (ip.into(), service.local_addr().unwrap().port()).into()
}

#[test]
fn ipv6_alone() {
    if !has_ipv6("ipv6_alone") {
        return;
    }
    let [mut server, mut client] = [0, 1].map(|_| Service::bind("[::1]:*", config()).unwrap());
    let (seen, _) = connect(&mut server, &mut client, ConnectOptions::default());
    assert_eq!(server.peer(seen).unwrap().address(), client.local_addr().unwrap());
    let to = server.local_addr().unwrap();
    assert_eq!(server.resolve(&format!("[::1]:{}", to.port())).unwrap(), to);
    assert!(server.resolve("127.0.0.1:1").unwrap_err().to_string().contains("both families"));
    refuses(&mut server, "127.0.0.1:1");
}

#[test]
fn ipv4_alone() {
    let mut host = Service::bind("127.0.0.1:*", config()).unwrap();
    refuses(&mut host, "[::1]:1");
    host.connect("[::ffff:127.0.0.1]:1".parse().unwrap(), ConnectOptions::default()).unwrap();
}

/// At once, and not by a connect that nobody hears of.
fn refuses(host: &mut Service, to: &str) {
    let to = to.parse().unwrap();
    let refused = Err(ConnectError::OtherFamily { to });
    assert_eq!(host.connect(to, ConnectOptions::default()), refused);
    assert_eq!(host.connect_with_token(to, ConnectOptions::default(), "token"), refused);
}

#[test]
fn a_host_is_reached_where_each_form_of_an_address_says() {
    let mut forms = vec!["127.0.0.1:*", "localhost:*", "*:*", "0", "localhost:0"];
    if has_ipv6("a_host_is_reached_where_each_form_of_an_address_says") {
        forms.extend(["[::1]:*", "[::]:*"]);
    }
    for form in forms {
        let mut server = Service::bind(form, config()).unwrap();
        let bound = server.local_addr().unwrap();
        let ip = match bound.ip() {
            ip if !ip.is_unspecified() => ip,
            _ if form == "[::]:*" => Ipv6Addr::LOCALHOST.into(),
            _ => Ipv4Addr::LOCALHOST.into(),
        };
        assert!(ip.is_loopback(), "{form}: {bound}");
        let mut client = Service::bind(SocketAddr::from((ip, 0)), config()).unwrap();
        let to = client.resolve(&at(ip, &server).to_string()).unwrap();
        echo_once(&mut server, &mut client, to);
    }
}

/// A port that is free now may be another program's in a moment: then another one.
#[test]
fn a_named_host_listens_at_the_port_that_was_asked_for() {
    for form in ["localhost", "127.0.0.1", "*"] {
        let (mut server, port) = std::iter::repeat_with(|| {
            let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            (Service::bind(&format!("{form}:{port}"), config()), port)
        })
        .take(100)
        .find_map(|(service, port)| Some((service.ok()?, port)))
        .unwrap();
        assert_eq!(server.local_addr().unwrap().port(), port);
        let mut client = client();
        let to = client.resolve(&format!("localhost:{port}")).unwrap();
        assert_eq!(to, (Ipv4Addr::LOCALHOST, port).into(), "IPv4 first");
        echo_once(&mut server, &mut client, to);
    }
}

/// The first link-local address of this machine, and its interface.
fn link_local() -> Result<(Ipv6Addr, String), String> {
    let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let of = |line: &str| {
        let mut words = line.split_whitespace();
        let ip = Ipv6Addr::from(u128::from_str_radix(words.next()?, 16).ok()?);
        ip.is_unicast_link_local().then_some(())?;
        Some((ip, words.nth(4)?.to_owned()))
    };
    let found = table.lines().find_map(of);
    found.ok_or_else(|| "no interface has a link-local address (/proc/net/if_inet6)".to_owned())
}

#[test]
fn a_link_local_peer_is_reached_over_its_interface() {
    let Some((ip, interface)) = or_skip(link_local(), "a link-local peer") else { return };
    let server = Service::bind(&format!("[{ip}%{interface}]:*"), config());
    let server = server.map_err(|error| format!("that of {interface} cannot be had ({error})"));
    let Some(mut server) = or_skip(server, "a link-local peer") else { return };
    let port = server.local_addr().unwrap().port();
    let mut client = client();
    let to = client.resolve(&format!("[{ip}%{interface}]:{port}")).unwrap();
    let SocketAddr::V6(scoped) = to else { panic!("{to}") };
    assert_ne!(scoped.scope_id(), 0);
    assert_eq!(client.resolve(&format!("[{ip}%{}]:{port}", scoped.scope_id())).unwrap(), to);
    let seen = echo_once(&mut server, &mut client, to);
    assert_eq!((seen.ip(), client.peers().next().unwrap().address()), (ip.into(), to));
}

#[test]
fn a_star_serves_both_families_and_shows_ipv4_peers_as_such() {
    if !has_ipv6("a_star_serves_both_families_and_shows_ipv4_peers_as_such") {
        return;
    }
    let mut server = Service::bind("*:*", config()).unwrap();
    assert_eq!(server.local_addr().unwrap().ip(), Ipv6Addr::UNSPECIFIED);
    for ip in ["127.0.0.1", "::1"].map(|ip| ip.parse::<std::net::IpAddr>().unwrap()) {
        let mut client = Service::bind(SocketAddr::from((ip, 0)), config()).unwrap();
        let to = at(ip, &server);
        let seen = echo_once(&mut server, &mut client, to);
        assert_eq!(seen, client.local_addr().unwrap());
    }
}

#[test]
fn a_dual_stack_client_reaches_servers_of_both_families() {
    if !has_ipv6("a_dual_stack_client_reaches_servers_of_both_families") {
        return;
    }
    let mut client = client();
    assert_eq!(client.local_addr().unwrap().ip(), Ipv6Addr::UNSPECIFIED);
    for ip in ["127.0.0.1:*", "[::1]:*"] {
        let mut server = Service::bind(ip, config()).unwrap();
        let to = server.local_addr().unwrap();
        let seen = echo_once(&mut server, &mut client, to);
        assert_eq!(seen, at(to.ip(), &client));
    }
}

/// What `local_addr` says of a host that listens everywhere; C's answers come from elsewhere and are not taken for its peer's.
#[test]
fn who_connects_to_every_address_reaches_this_machine() {
    let mut forms = vec!["0.0.0.0:*"];
    if has_ipv6("who_connects_to_every_address_reaches_this_machine") {
        forms.extend(["[::]:*", "*:*"]);
    }
    for form in forms {
        let [mut server, mut client] = [0, 1].map(|_| Service::bind(form, config()).unwrap());
        let to = server.local_addr().unwrap();
        assert!(to.ip().is_unspecified());
        assert!(echo_once(&mut server, &mut client, to).ip().is_loopback());
    }
}

#[test]
fn a_mapped_address_is_reached_with_a_token_too() {
    let [mut server, mut client] = [0, 1].map(|_| Service::bind("127.0.0.1:*", config()).unwrap());
    let to = at(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), &server);
    client.connect_with_token(to, ConnectOptions::default(), "from the lobby").unwrap();
    let mut connected = 0;
    serve([&mut server, &mut client], |_, _, event| {
        assert!(matches!(event, Event::Connected { .. }), "{event:?}");
        connected += 1;
        connected == 2
    });
}

#[test]
fn a_mapped_address_is_the_same_peer() {
    if !has_ipv6("a_mapped_address_is_the_same_peer") {
        return;
    }
    // From a dual-stack socket, and from an IPv4 socket that could not even spell it.
    for mut client in [client(), Service::bind("127.0.0.1:*", config()).unwrap()] {
        let mut server = Service::bind("127.0.0.1:*", config()).unwrap();
        let to = at(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), &server);
        echo_once(&mut server, &mut client, to);
        assert_eq!(client.peers().next().unwrap().address(), server.local_addr().unwrap());
    }
}

#[test]
fn the_ipv6_wildcard_leaves_the_port_of_ipv4_alone() {
    if !has_ipv6("the_ipv6_wildcard_leaves_the_port_of_ipv4_alone") {
        return;
    }
    let v6 = Service::bind("[::]:*", config()).unwrap();
    let v4 = Service::bind(at(Ipv4Addr::UNSPECIFIED, &v6), config()).unwrap();
    assert_eq!(v4.local_addr().unwrap().port(), v6.local_addr().unwrap().port());
    assert!(Service::bind(format!("*:{}", v6.local_addr().unwrap().port()).as_str(), config()).is_err());
}

#[test]
fn a_name_is_looked_up_while_the_host_goes_on_and_the_answer_ends_its_wait() {
    let mut server = Service::bind("0", config()).unwrap(); // a bare port: all addresses
    let port = server.local_addr().unwrap().port();
    let mut client = client();
    let mut lookup = client.look_up(&format!("localhost:{port}")).unwrap();
    let to = loop {
        match lookup.poll() {
            Some(answer) => break answer.unwrap(),
            None => assert_eq!(client.service(common::PATIENCE).unwrap(), None),
        }
    };
    assert_eq!(to, (Ipv4Addr::LOCALHOST, port).into(), "IPv4 first");
    assert!(lookup.poll().unwrap().unwrap_err().to_string().contains("given already"));
    echo_once(&mut server, &mut client, to);
}

#[test]
fn a_lookup_fails_at_once_if_the_text_is_no_address_and_later_if_the_name_is_nobodys() {
    let client = client();
    assert!(client.look_up("localhost").unwrap_err().to_string().contains("port is missing"));
    let mut lookup = client.look_up("no..name:1").unwrap();
    let error = loop {
        if let Some(answer) = lookup.poll() {
            break answer.unwrap_err();
        }
        std::thread::yield_now();
    };
    assert!(error.to_string().contains("`no..name`"), "{error}");
}
