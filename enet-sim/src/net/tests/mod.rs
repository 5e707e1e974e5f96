//! Tests of the whole pipeline, each stage by what goes in and what comes out.

mod independence;
mod lines;
mod nat;
mod order;
mod replay;
mod stages;

use std::net::SocketAddr;

use super::{Copy, Fate, Network, Plan};
use crate::scenario::link::LinkSpec;
use crate::time::{Span, Time};

const MS: Span = Span::from_millis(1);

fn ms(millis: u64) -> Time {
    Time(millis * MS.0)
}

fn link(text: &str) -> LinkSpec {
    let link: LinkSpec = toml::from_str(text).unwrap();
    assert_eq!(link.validate(), Ok(()));
    link
}

fn hosts(count: u8) -> Vec<SocketAddr> {
    (0..count).map(|host| SocketAddr::from(([10, 0, 0, host], 7777))).collect()
}

/// A network of three hosts with the same link everywhere.
fn network(seed: u64, link: LinkSpec) -> Network {
    Network::new(seed, &hosts(3), Plan::same(link), &[])
}

/// What became of a datagram.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    at: Time,
    fate: Fate,
    copies: Vec<Copy>,
}

/// Sends datagrams of 100 bytes from host 1 to host 0, one each `interval`.
fn send_many(network: &mut Network, count: u64, interval: Span) -> Vec<Sent> {
    let send = |number: u64| {
        let at = Time(number * interval.0);
        let mut bytes = [0x11; 100];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        let mut copies = Vec::new();
        let fate = network.send(at, 1, hosts(1)[0], &bytes, &mut copies);
        Sent { at, fate, copies }
    };
    (0..count).map(send).collect()
}

fn run(link_text: &str, count: u64) -> Vec<Sent> {
    send_many(&mut network(1, link(link_text)), count, MS)
}

fn dropped(run: &[Sent]) -> usize {
    run.iter().filter(|sent| sent.fate.dropped.is_some()).count()
}

/// One datagram of so many bytes, from host 1 to host 0.
fn send_one(network: &mut Network, now: Time, len: usize, out: &mut Vec<Copy>) -> Fate {
    network.send(now, 1, hosts(1)[0], &vec![0xAB; len], out)
}
