//! Whether the laboratory tells the truth: the same world in real time and in virtual time.
//!
//! Our host sends to one of the C library (`python3-enet`) through a relay that loses and delays on the loopback
//! interface, in real time; then the laboratory runs the same world, with `libenet` as the receiver, over 20 seeds.
//!
//! ```sh
//! cargo run --release -p xtask --example real_time -- [SCENARIO] [SECONDS]
//! ```

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use enet_mio::{ConnectOptions, Event, HostConfig, Packet, PeerId, Service, random_seed};
use enet_sim::recovery::{Measure, Options, Subject, run};
use enet_sim::relay::Relay;
use enet_sim::{Scenario, Span};

/// Between two messages.
const INTERVAL: Duration = Duration::from_micros(16_667);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "recovery-10".to_owned());
    let seconds: u64 = arguments.next().map_or(Ok(30), |text| text.parse())?;
    let scenario = Scenario::built_in(&name)?;

    let mut took = in_real_time(&scenario, seconds)?;
    took.sort_by(f64::total_cmp);
    let rank = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    println!("{name}, {seconds} s, ours → C, latency in ms");
    println!("{:22}{:>8}{:>8}{:>8}{:>10}", "", "p50", "p99", "max", "messages");
    let max = took.last().copied().unwrap_or(f64::NAN);
    println!("{:22}{:>8.1}{:>8.1}{max:>8.1}{:>10}", "in real time", rank(0.5), rank(0.99), took.len());

    let mut options = Options::new(&name)?;
    (options.subjects, options.duration) = (vec![Subject::ModernToC], Some(Span::from_secs(seconds)));
    let cells = run(&options, &|_, _| ())?;
    let cell = cells.first().ok_or("nothing was run")?;
    let [p50, p99] = [Measure::P50, Measure::P99].map(|measure| cell.spread(measure));
    let (p50, p99) = p50.zip(p99).ok_or("nothing arrived in the laboratory")?;
    println!("{:22}{:>8.1}{:>8.1}", "laboratory, median", p50.median, p99.median);
    println!("{:22}{:>8.1}{:>8.1}", "least of 20 seeds", p50.min, p99.min);
    println!("{:22}{:>8.1}{:>8.1}", "greatest", p50.max, p99.max);
    Ok(())
}

/// How long each message took, in milliseconds.
fn in_real_time(scenario: &Scenario, seconds: u64) -> Result<Vec<f64>, Box<dyn Error>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/real_time.py");
    let mut python = Command::new("/usr/bin/python3")
        .args([script, &(seconds + 20).to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(python.stdout.take().ok_or("no output")?).lines();
    let port: u16 = lines.next().ok_or("no python3-enet? apt install python3-enet")??.parse()?;
    let relay = Relay::start("127.0.0.1:0".parse()?, ([127, 0, 0, 1], port).into(), scenario)?;

    let mut client = Service::client(HostConfig::new(random_seed()?))?;
    client.connect(relay.address(), ConnectOptions::default())?;
    let peer = loop {
        match client.service(Duration::from_secs(10))? {
            Some(Event::Connected { peer, .. }) => break peer,
            Some(_) => {}
            None => return Err("the connection did not come about".into()),
        }
    };
    let began = Instant::now();
    for count in 0.. {
        let due = INTERVAL * count;
        while let Some(wait) = due.checked_sub(began.elapsed()).filter(|wait| !wait.is_zero()) {
            if let Some(Event::Disconnected { reason, .. }) = client.service(wait)? {
                return Err(format!("lost after {:?}: {reason}", began.elapsed()).into());
            }
        }
        if due.as_secs() >= seconds {
            break;
        }
        send(&mut client, peer)?;
    }
    client.close(Duration::from_secs(10))?;
    relay.stop();
    let took = lines.next().ok_or("the receiver said nothing")??;
    python.wait()?;
    Ok(serde_json::from_str(&took)?)
}

/// 100 bytes that begin with the time.
fn send(client: &mut Service, peer: PeerId) -> Result<(), Box<dyn Error>> {
    let mut payload = [0; 100];
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    for (place, byte) in payload.iter_mut().zip(now.to_le_bytes()) {
        *place = byte;
    }
    client.peer_mut(peer).ok_or("the connection is gone")?.send(0, Packet::reliable(payload.to_vec()))?;
    // Whatever is ready leaves now.
    client.service(Duration::ZERO)?;
    Ok(())
}
