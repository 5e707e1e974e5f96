//! How many datagrams a second the simulated network decides about.
//!
//! ```text
//! cargo run --release -p enet-sim --example network_speed
//! ```

use std::net::SocketAddr;
use std::time::Instant;

use enet_sim::Time;
use enet_sim::net::{Network, Plan};
use enet_sim::scenario::link::LinkSpec;

/// A measurement is the best of so many rounds, so that other work on the machine does not count.
const ROUNDS: u64 = 20;
const DATAGRAMS: u64 = 500_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let links = [
        ("everything off", "delay = { base = '40ms' }"),
        (
            "loss, jitter, duplicates",
            "loss = { kind = 'random', chance = '2%' }
             duplicate = { chance = '1%', within = '1s' }
             delay = { base = '40ms', jitter = '10ms', shape = 'pareto', correlation = '25%' }",
        ),
        (
            "the whole pipeline",
            "mtu = { bytes = 1400 }
             loss = { kind = 'burst', enter = '1%', leave = '25%' }
             drop = [{ command = 'verify-connect', nth = [1] }]
             corrupt = { chance = '1%' }
             duplicate = { chance = '1%', within = '1s' }
             rate = { rate = '100mbit', queue = 100000 }
             delay = { base = '40ms', jitter = '10ms', shape = 'log-normal', spike = { chance = '0.1%', by = '1s' } }",
        ),
    ];
    println!("{:<28}{:>16}{:>16}", "datagrams of 100 bytes", "1+1 hosts", "1+500 hosts");
    let mut last = LinkSpec::default();
    for (name, text) in links {
        let link: LinkSpec = toml::from_str(text)?;
        println!("{name:<28}{:>12.1} M/s{:>12.1} M/s", measure(&link, 2), measure(&link, 501));
        last = link;
    }
    println!("{:<28}{:>13.2} us", "a network of two, used once", setup(&last));
    Ok(())
}

fn addresses(count: u16) -> Vec<SocketAddr> {
    let address = |host: u16| {
        let [high, low] = host.to_be_bytes();
        SocketAddr::from(([10, 0, high, low], 7777))
    };
    (0..count).map(address).collect()
}

/// Millions of datagrams per second, by turns from the server and to it.
fn measure(link: &LinkSpec, count: u16) -> f64 {
    let hosts = addresses(count);
    let mut network = Network::new(1, &hosts, Plan::same(link.clone()), &[]);
    let mut out = Vec::new();
    let bytes = [0xAB; 100];
    let mut clients = (1..hosts.len()).cycle();
    let mut best = f64::MAX;
    for round in 0..ROUNDS {
        let begin = Instant::now();
        for number in 0..DATAGRAMS / 2 {
            let now = Time((round * DATAGRAMS + number) * 10_000);
            let client = clients.next().unwrap_or(1);
            for (from, to) in [(0, client), (client, 0)] {
                let Some(to) = hosts.get(to) else { continue };
                network.send(now, from, *to, &bytes, &mut out);
                for copy in out.drain(..) {
                    network.recycle(copy.bytes);
                }
            }
        }
        best = best.min(begin.elapsed().as_secs_f64());
    }
    DATAGRAMS as f64 / best / 1e6
}

/// Microseconds to make a network and to send a datagram each way.
fn setup(link: &LinkSpec) -> f64 {
    const TIMES: u32 = 20_000;
    let hosts = addresses(2);
    let &[from, to] = hosts.as_slice() else { return f64::NAN };
    let mut out = Vec::new();
    let begin = Instant::now();
    for seed in 0..u64::from(TIMES) {
        let mut network = Network::new(seed, &hosts, Plan::same(link.clone()), &[]);
        network.send(Time::ZERO, 0, to, b"hello", &mut out);
        network.send(Time::ZERO, 1, from, b"hello", &mut out);
        out.clear();
    }
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}
