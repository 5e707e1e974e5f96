//! A load generator: many clients that send messages to a server at a steady pace, and measure what comes back.

#[path = "../common/mod.rs"]
mod common;
mod fleet;
mod histogram;
mod message;
mod report;
mod run;
mod tally;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::json;

use common::Both;
use fleet::Fleet;
use message::{SMALLEST, Share};
use report::Report;
use run::{Plan, Run};

/// Lets many clients send messages to an ENet server at a steady pace, and measures what comes back
///
/// The server may be any that sends every message back to its sender, such as `echo_server`, ours or somebody else's.
/// Of other servers --no-echo measures what ENet itself knows: round trips, loss, whether everything was acknowledged.
/// Each bot is a connection of its own. They stand still until all are connected, then send for the time of --warmup,
/// which is not measured, and for --seconds, which is.
///
/// Exits with 1 if nobody connected, or if no message came back that should have.
#[derive(Parser)]
#[command(
    max_term_width = 100,
    args_override_self = true,
    after_help = "\
Examples:
  bots localhost:6789                                   50 bots at 30 Hz, for ten seconds
  bots localhost:6789 --peers 2000 --hz 20 --size 120   a crowd (echo_server --peers 4000)
  bots localhost:6789 --peers 1 --hz 1000 --reliable 100
                                                        round trips of one busy client
  bots 192.0.2.7:7000 --no-echo --channels 1            a server that does not echo
  bots localhost:6789 --json > bots.json                a line each second, the last one with all figures
  bots localhost:6789 --compress range --checksum crc32 for a server that does the same

Reliable messages go on channel 0, the others on channel 1 if the server grants two. Times are from the call that sends
to the event that brings the echo, in milliseconds. `lag` is how late messages were sent: if it is not far below the round
trips, or messages were held back, then this program or its machine is the bottleneck."
)]
struct Options {
    /// The server: `host:port`
    #[arg(value_name = "ADDR")]
    server: String,
    /// Bots, each with a connection of its own
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    peers: u16,
    /// Messages that each bot sends in a second
    #[arg(long, value_name = "H", default_value_t = 30.0, value_parser = positive)]
    hz: f64,
    /// Size of a message in bytes; the first 16 say which one it is
    #[arg(long, value_name = "B", default_value_t = 64, value_parser = clap::value_parser!(u32).range(i64::from(SMALLEST)..=1_048_576))]
    size: u32,
    /// Messages of a hundred that are reliable; the others are unreliable
    #[arg(long, value_name = "P", default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100))]
    reliable: u8,
    /// Seconds to measure
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    seconds: Duration,
    /// Seconds to send before that
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    warmup: Duration,
    /// Give up connecting after so many seconds without a new connection
    #[arg(long, value_name = "S", default_value = "5", value_parser = seconds)]
    patience: Duration,
    /// Sockets that the bots share. With one for each bot the server has as much work as with as many players; with fewer,
    /// these bots have less [default: one for 16 bots]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    hosts: Option<u16>,
    /// Channels to ask for
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    channels: u8,
    /// The server does not echo
    #[arg(long)]
    no_echo: bool,
    /// Let ENet drop unreliable messages when round trips grow, as it does for players; on both ends. Otherwise the load
    /// is what was asked for
    #[arg(long)]
    throttle: bool,
    /// Send as the C library does: at most 32 commands in a datagram, one datagram at a time
    #[arg(long)]
    compat: bool,
    #[command(flatten)]
    both: Both,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(1_000_000))
        .ok_or_else(|| "not a number of seconds from 0 to 1000000".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| (0.001..=1_000_000.0).contains(number))
        .ok_or_else(|| "not a number from 0.001 to 1000000".to_owned())
}

fn main() -> ExitCode {
    common::exit("bots", run(&Options::parse()))
}

fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let both = &options.both;
    let mut fleet = Fleet::new(options)?;
    both.say(&json!({
        "event": "connecting", "address": fleet.server().to_string(), "peers": options.peers, "hosts": fleet.hosts(),
    }));
    fleet.connect(options.patience)?;
    if fleet.connected() == 0 {
        return Err(fleet.why_nobody().into());
    }
    both.say(&json!({
        "event": "connected", "connected": fleet.connected(), "failed": fleet.failed(), "ms": fleet.connecting_ms(),
    }));

    let plan = Plan {
        hz: options.hz,
        share: Share(options.reliable),
        size: usize::try_from(options.size)?,
        warmup: options.warmup,
        seconds: options.seconds,
        echo: !options.no_echo,
    };
    let outcome = Run::new(plan, fleet)?.complete(both)?;
    let report = Report::new(options, outcome);
    if both.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
    if report.is_unanswered() {
        return Err("no message came back: let the server echo, or measure without with --no-echo".into());
    }
    Ok(true)
}
