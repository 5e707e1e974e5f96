//! Addresses, their translation, spoofed sources.

use std::net::{IpAddr, SocketAddr};

use super::super::{Copy, DropReason, Network, Plan};
use super::{hosts, ms, network};
use crate::scenario::LinkSpec;
use crate::time::{Span, Time};

const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

/// Host 0 outside; hosts 1 and 2 behind a NAT that forgets after 30 s.
fn behind_nat() -> Network {
    let mut network = network(1, LinkSpec::default());
    network.put_behind_nat(&[1, 2], PUBLIC, Span::from_secs(30));
    network
}

fn send(network: &mut Network, now: Time, from: usize, to: SocketAddr) -> Result<Copy, Option<DropReason>> {
    let mut out = Vec::new();
    let fate = network.send(now, from, to, b"hello", &mut out);
    out.pop().ok_or(fate.dropped)
}

#[test]
fn a_nat_shows_its_address_and_takes_answers_to_it() {
    let mut network = behind_nat();
    let server = hosts(1)[0];
    assert_eq!(network.public_address(1), None);
    let copy = send(&mut network, ms(0), 1, server).unwrap();
    assert_eq!((copy.to, copy.source.ip()), (0, PUBLIC));
    assert!(copy.source.port() >= 1024);
    assert_eq!(network.public_address(1), Some(copy.source));
    assert_eq!(network.host_at(copy.source), Some(1));
    let answer = send(&mut network, ms(1), 0, copy.source).unwrap();
    assert_eq!((answer.to, answer.source), (1, server));
    assert_eq!(send(&mut network, ms(2), 1, server).unwrap().source, copy.source, "the mapping is kept");
}

#[test]
fn several_hosts_behind_one_nat_differ_by_port() {
    let mut network = behind_nat();
    let sources = [1, 2].map(|host| send(&mut network, ms(0), host, hosts(1)[0]).unwrap().source);
    assert_eq!(sources.map(|source| source.ip()), [PUBLIC, PUBLIC]);
    assert_ne!(sources[0].port(), sources[1].port());
    assert_eq!(sources.map(|source| send(&mut network, ms(1), 0, source).unwrap().to), [1, 2]);
}

#[test]
fn nobody_outside_reaches_a_private_address() {
    let mut network = behind_nat();
    send(&mut network, ms(0), 1, hosts(1)[0]).unwrap();
    assert_eq!(send(&mut network, ms(0), 0, hosts(3)[1]), Err(Some(DropReason::NoRoute)));
    let copy = send(&mut network, ms(0), 2, hosts(3)[1]).unwrap();
    assert_eq!((copy.to, copy.source), (1, hosts(3)[2]), "inside it means what it says");
}

#[test]
fn a_mapping_expires_when_its_host_is_silent() {
    let mut network = behind_nat();
    let server = hosts(1)[0];
    let first = send(&mut network, ms(0), 1, server).unwrap().source;
    assert_eq!(send(&mut network, ms(20_000), 1, server).unwrap().source, first);
    assert!(send(&mut network, ms(50_000), 0, first).is_ok(), "30 s after the last use");
    assert_eq!(
        send(&mut network, ms(50_001), 0, first),
        Err(Some(DropReason::NoRoute)),
        "inbound does not refresh"
    );
    assert_eq!((network.host_at(first), network.public_address(1)), (None, None));
    let second = send(&mut network, ms(50_002), 1, server).unwrap().source;
    assert_ne!(second, first);
    assert_eq!(send(&mut network, ms(50_003), 0, second).unwrap().to, 1);
    assert_eq!(send(&mut network, ms(50_003), 0, first), Err(Some(DropReason::NoRoute)));
}

#[test]
fn a_rebound_host_has_a_new_port_and_the_old_one_is_dead() {
    let mut network = behind_nat();
    let server = hosts(1)[0];
    let mut seen = Vec::new();
    for round in 0..200 {
        let source = send(&mut network, ms(round), 1, server).unwrap().source;
        assert!(!seen.contains(&source));
        seen.push(source);
        network.rebind(ms(round), 1);
        assert_eq!(send(&mut network, ms(round), 0, source), Err(Some(DropReason::NoRoute)));
    }
    assert_eq!(network.stats(0, 1).dropped_for(DropReason::NoRoute), 200);
}

#[test]
fn ports_are_the_same_in_every_run() {
    let sources = || [1, 2].map(|host| send(&mut behind_nat(), ms(0), host, hosts(1)[0]).unwrap().source);
    assert_eq!(sources(), sources());
}

#[test]
fn an_address_of_nobody_leads_nowhere() {
    let mut network = network(1, LinkSpec::default());
    let nobody = "192.0.2.1:1".parse().unwrap();
    assert_eq!(send(&mut network, ms(0), 1, nobody), Err(Some(DropReason::NoRoute)));
    assert_eq!(network.host_at(nobody), None);
    assert_eq!(send(&mut network, ms(0), 99, hosts(1)[0]), Err(Some(DropReason::NoRoute)));
}

#[test]
fn a_host_that_moves_is_reached_at_its_new_address_only() {
    let mut network = network(1, LinkSpec::default());
    let (old, new) = (hosts(3)[1], "10.0.0.77:4242".parse().unwrap());
    network.set_address(1, new);
    assert_eq!(send(&mut network, ms(0), 1, hosts(1)[0]).unwrap().source, new);
    assert_eq!(send(&mut network, ms(0), 0, new).unwrap().to, 1);
    assert_eq!(send(&mut network, ms(0), 0, old), Err(Some(DropReason::NoRoute)));
    assert_eq!((network.host_at(old), network.host_at(new)), (None, Some(1)));
    network.set_address(2, old);
    assert_eq!(send(&mut network, ms(0), 0, old).unwrap().to, 2);
}

#[test]
fn a_spoofed_source_is_shown_as_it_is() {
    let mut network = network(1, LinkSpec::default());
    let (victim, mut out) = (hosts(3)[1], Vec::new());
    let fate = network.send_spoofed(ms(0), 2, victim, hosts(1)[0], b"I am host 1", &mut out);
    assert_eq!((fate.dropped, out[0].to, out[0].source), (None, 0, victim));
    assert_eq!(network.stats(2, 0).sent, 1, "but it takes the attacker's way");
}

#[test]
fn addresses_of_version_6_work_alike() {
    let hosts: Vec<SocketAddr> =
        vec!["[2001:db8::1]:7777".parse().unwrap(), "[2001:db8::2]:9".parse().unwrap()];
    let mut network = Network::new(1, &hosts, Plan::same(LinkSpec::default()), &[]);
    assert_eq!(send(&mut network, ms(0), 1, hosts[0]).unwrap().source, hosts[1]);
    network.put_behind_nat(&[1], "2001:db8:ffff::1".parse().unwrap(), Span::from_secs(1));
    let source = send(&mut network, ms(0), 1, hosts[0]).unwrap().source;
    assert_eq!(send(&mut network, ms(0), 0, source).unwrap().to, 1);
}
