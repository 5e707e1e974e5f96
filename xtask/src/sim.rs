//! `sim`: a first look at the protocol on a bad network.

use std::time::{Duration, Instant};

use enet_sim::{Chance, LinkConfig, Report, Scenario, run};

use crate::Outcome;

/// A client connects to a server and sends it messages of every kind; the report says what arrived and when.
///
/// Time is virtual: a minute of network takes a fraction of a second. A run depends on nothing but its options, so the
/// same options print the same report, down to the hash of every datagram.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask sim                        a lossy network: 10 % loss, 50 ms
  cargo xtask sim --loss 0               the ideal: everything arrives, after exactly the delay
  cargo xtask sim --jitter 40            datagrams overtake each other
  cargo xtask sim --loss 45 --seed 3     a hopeless network: ENet gives the connection up
  cargo xtask sim --json | jq .deliveries

The exit code is 0 if every reliable message arrived and no promise was broken, else 1.")]
pub(crate) struct Sim {
    /// Everything random follows from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many datagrams are lost, each way, in percent
    #[arg(long, value_name = "PERCENT", default_value = "10", value_parser = percent)]
    loss: Chance,
    /// How long a datagram takes, each way, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 50)]
    delay: u32,
    /// How much longer it may take, at random, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    jitter: u32,
    /// Messages of each kind, one in 20 ms
    #[arg(long, value_name = "N", default_value_t = 500)]
    messages: u32,
    /// Virtual seconds after which the run ends, finished or not
    #[arg(long, value_name = "S", default_value_t = 600)]
    secs: u32,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

fn percent(text: &str) -> Result<Chance, String> {
    let number = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    Chance::percent(number).ok_or_else(|| "must be between 0 and 100".to_owned())
}

impl Sim {
    pub(crate) fn run(self) -> Outcome {
        let millis = |ms| Duration::from_millis(u64::from(ms));
        let scenario = Scenario {
            link: LinkConfig { loss: self.loss, delay: millis(self.delay), jitter: millis(self.jitter) },
            messages: self.messages,
            limit: Duration::from_secs(u64::from(self.secs)),
            ..Scenario::new(self.seed)
        };
        let start = Instant::now();
        let report = run(&scenario);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            println!(
                "{report} (simulated in {:.2} s)\n\n{}",
                start.elapsed().as_secs_f64(),
                verdict(&report)
            );
        }
        Ok(report.is_good())
    }
}

/// What to think of it.
fn verdict(report: &Report) -> String {
    let expectation = "A good result: no reliable message is lost, whatever the link does, though some come late; the \
                       others are lost about\nas often as their datagrams are, and come without delay.";
    let finding = match (report.is_good(), report.violations.is_empty(), report.closing.client) {
        (true, ..) => "This is one.".to_owned(),
        (false, false, _) => "This is NOT one: a promise was broken (VIOLATION above).".to_owned(),
        (false, true, Some(reason)) => {
            format!("This is NOT one: the network was too bad, the connection ended ({reason}).")
        }
        (false, true, None) => "This is NOT one: time was up (see --secs).".to_owned(),
    };
    format!("{expectation} {finding}")
}
