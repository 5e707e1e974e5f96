//! `proxy`: a scenario's network between real programs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use enet_sim::Span;
use enet_sim::net::DirectionStats;
use enet_sim::relay::Relay;

use crate::Outcome;
use crate::sim::inputs::{number, scenario};

/// Listens for UDP at one address and passes on to another, through the network of a scenario in real time: what it loses,
/// delays, cuts and changes is what the laboratory does. Up to 64 clients; each has a socket of its own towards the target.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask proxy 127.0.0.1:7000 127.0.0.1:6789 --link lossy-10
  cargo xtask proxy 0.0.0.0:7000 192.168.1.5:6789 --link my.toml --seed 7 --secs 60

Of the scenario its links, shared lines, cuts, holds and changes of links count. Ends after --secs, or with Ctrl-C.")]
pub(crate) struct Proxy {
    /// Where clients send to
    #[arg(value_name = "LISTEN")]
    listen: SocketAddr,
    /// Where that goes
    #[arg(value_name = "TARGET")]
    target: SocketAddr,
    /// A built-in scenario (see `sim list`), or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "lossy-5")]
    link: String,
    /// Everything random follows from it; otherwise the scenario's own
    #[arg(long, value_name = "N", value_parser = number)]
    seed: Option<u64>,
    /// Ends after so many seconds
    #[arg(long, value_name = "S")]
    secs: Option<u64>,
}

impl Proxy {
    pub(crate) fn run(self) -> Outcome {
        let mut scenario = scenario(&self.link)?;
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        let relay = Relay::start(self.listen, self.target, &scenario)
            .map_err(|error| format!("{}: {error}", self.listen))?;
        println!("{} → {} through {}: {}", relay.address(), self.target, scenario.name, scenario.about);
        let span = self.secs.map(Span::from_secs).map_or(Duration::MAX, Span::as_duration);
        let began = Instant::now();
        while began.elapsed() < span {
            std::thread::sleep(span.saturating_sub(began.elapsed()).min(Duration::from_secs(60)));
        }
        let stats = relay.stop();
        for (name, DirectionStats { sent, duplicated, .. }, dropped) in
            [("up", stats.up, stats.up.dropped()), ("down", stats.down, stats.down.dropped())]
        {
            println!("{name:5} {sent} datagrams, {dropped} lost, {duplicated} copies more");
        }
        Ok(true)
    }
}
