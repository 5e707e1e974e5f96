//! `sim replay` and `sim shrink`: one world again, and smaller.

use std::path::PathBuf;

use enet_sim::run;
use enet_sim::shrink::shrink;
use enet_sim::world::Cast;

use super::inputs::{number, world};
use super::outputs::{put, write};
use super::progress::Progress;
use crate::Outcome;

/// Runs one world again and says what the judge says.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask sim replay --seed 0x0123456789abcdef
  cargo xtask sim replay enet-sim/regressions/NAME.toml --log
  cargo xtask sim replay --seed 7 --pcap world.pcapng --save world.toml")]
pub(crate) struct Replay {
    /// A file from `shrink`, or a scenario
    file: Option<PathBuf>,
    /// The seed of a random world, as `swarm` prints it
    #[arg(long, value_name = "N", value_parser = number, conflicts_with = "file")]
    seed: Option<u64>,
    /// Print everything that happens, a line each
    #[arg(long)]
    log: bool,
    /// Write its datagrams for Wireshark
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write the world as a file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

impl Replay {
    pub(crate) fn run(self) -> Outcome {
        let world = world(self.file.as_deref(), self.seed)?;
        if let Some(path) = &self.save {
            write(path, world.to_toml())?;
        }
        if self.log || self.pcap.is_some() {
            let log = world.log(Cast::OURS)?;
            if self.log {
                put(&log.timeline())?;
            }
            if let Some(path) = &self.pcap {
                write(path, enet_sim::pcapng::pcapng(&log, true))?;
            }
        }
        let progress = Progress::new();
        let verdict = world.replay_in_steps(&mut |now| {
            progress.tell(|| format!("{}: {now:.0} s", world.scenario.name));
        });
        drop(progress);
        println!(
            "{}: {:.1} s, {} messages, {} datagrams, trace {}",
            world.scenario.name,
            verdict.extent.end.as_secs_f64(),
            verdict.extent.messages,
            verdict.extent.datagrams,
            verdict.trace
        );
        for violation in &verdict.violations {
            println!("VIOLATION {violation}");
        }
        if verdict.violations.is_empty() {
            println!("nothing is wrong with it");
        }
        Ok(verdict.violations.is_empty())
    }
}

/// Finds a smaller world that breaks the same property, and the few datagrams whose fate matters.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask sim shrink --seed 0x0123456789abcdef --save enet-sim/regressions/NAME.toml

Every test run replays the files in enet-sim/regressions: they must break nothing any more.")]
pub(crate) struct Shrink {
    /// A scenario
    file: Option<PathBuf>,
    /// The seed of a random world, as `swarm` prints it
    #[arg(long, value_name = "N", value_parser = number, conflicts_with = "file")]
    seed: Option<u64>,
    /// Give up after so many worlds
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    tries: u64,
    /// Where the small world goes; otherwise standard output
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

impl Shrink {
    pub(crate) fn run(self) -> Outcome {
        let world = world(self.file.as_deref(), self.seed)?;
        let progress = Progress::new();
        // Worlds that panic would each print their words.
        std::panic::set_hook(Box::new(|_| ()));
        let shrunk = shrink(&world.scenario, self.tries, &mut |tried| {
            progress.tell(|| format!("{tried} worlds tried"))
        });
        drop(std::panic::take_hook());
        drop(progress);
        let Some(small) = shrunk else {
            println!("nothing is wrong with it: there is nothing to shrink");
            return Ok(true);
        };
        let before = run::judged(&world.scenario, Cast::OURS).extent;
        let after = small.replay().extent;
        eprintln!(
            "{}\n{} → {} faults, {} → {} messages, {} → {} datagrams",
            small.what,
            world.scenario.faults(),
            small.scenario.faults(),
            before.messages,
            after.messages,
            before.datagrams,
            after.datagrams
        );
        match &self.save {
            Some(path) => write(path, small.to_toml())?,
            None => put(&small.to_toml())?,
        }
        Ok(false)
    }
}
