//! `sim`: the network laboratory.

mod compare;
pub(crate) mod inputs;
mod outputs;
mod progress;
mod recovery;
mod replay;
mod run;
mod soak;
mod speed;
mod swarm;
mod tour;

use enet_sim::Scenario;
use enet_sim::scenario::library::{BUILT_IN, RECOVERY};

use crate::Outcome;

/// The network laboratory: what ENet does on a given network, this implementation's and the C library's side by side.
///
/// Time is virtual: a minute of network takes a fraction of a second. A run depends on nothing but its scenario and its
/// seed; the same command prints the same numbers, down to the hash of every datagram.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  cargo xtask sim                                 a tour: five networks, one table, one report
  cargo xtask sim list                            the scenarios there are
  cargo xtask sim run lossy-10                    one of them
  cargo xtask sim run my.toml --peers ours,c      your own, in all four pairings
  cargo xtask sim run lossy-5 --html report.html --pcap trace.pcapng
  cargo xtask sim swarm --secs 60                 random worlds, each judged
  cargo xtask sim replay --seed 0x1234            one of them again

The exit code is 0 if all went well, 1 if a property or an expectation did not hold, 2 if the command makes no sense."
)]
pub(crate) struct Sim {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    tour: tour::Tour,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// The built-in scenarios, and what a good result looks like in each
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a scenario and show what it measured
    Run(run::Run),
    /// Run random worlds, each judged by every oracle
    Swarm(swarm::Swarm),
    /// Run one world again: a random one by its seed, or one from a file
    Replay(replay::Replay),
    /// Make a failing world smaller, down to the datagrams that matter
    Shrink(replay::Shrink),
    /// Run one connection for days, through the wraps of its clocks and numbers
    Soak(soak::Soak),
    /// Compare this implementation with the C library: datagram by datagram, and by the distribution of latencies
    Compare(compare::Compare),
    /// Compare loss recovery with that of others, on networks that lose, delay and fail
    Recovery(recovery::Recovery),
    /// Measure how many seconds of network a second of computing simulates
    Speed(speed::Speed),
}

impl Sim {
    pub(crate) fn run(self) -> Outcome {
        match self.verb {
            None => self.tour.run(),
            Some(Verb::List { json }) => list(json),
            Some(Verb::Run(verb)) => verb.run(),
            Some(Verb::Swarm(verb)) => verb.run(),
            Some(Verb::Replay(verb)) => verb.run(),
            Some(Verb::Shrink(verb)) => verb.run(),
            Some(Verb::Soak(verb)) => verb.run(),
            Some(Verb::Compare(verb)) => verb.run(),
            Some(Verb::Recovery(verb)) => verb.run(),
            Some(Verb::Speed(verb)) => verb.run(),
        }
    }
}

fn list(json: bool) -> Outcome {
    let scenarios: Vec<Scenario> = BUILT_IN
        .iter()
        .chain(RECOVERY)
        .map(|(name, _)| Scenario::built_in(name))
        .collect::<Result<_, _>>()?;
    if json {
        let entries: Vec<_> = scenarios
            .iter()
            .map(|it| serde_json::json!({ "name": it.name, "about": it.about, "good": it.good }))
            .collect();
        println!("{}", serde_json::to_string_pretty(&entries)?);
        return Ok(true);
    }
    for scenario in scenarios {
        println!("{:19} {}\n{:19} Good: {}\n", scenario.name, scenario.about, "", scenario.good);
    }
    println!("Run one with `cargo xtask sim run NAME`; write your own after enet-sim/scenarios/*.toml.");
    Ok(true)
}
