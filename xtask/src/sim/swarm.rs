//! `sim swarm`: random worlds.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use enet_sim::swarm::{self, LEAST_FAULTS, LEAST_MESSAGES, LEAST_SECONDS, Options, SwarmReport};

use super::inputs::number;
use super::outputs::{put, write};
use super::progress::Progress;
use crate::Outcome;
use crate::process::{program, root};

/// Runs random worlds, each with two hosts, any mixture of faults and every oracle watching. One in twenty runs twice, and
/// both must be the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask sim swarm                      a minute
  cargo xtask sim swarm --worlds 5000        always the same 5000 worlds
  cargo xtask sim swarm --seed 7 --secs 600
  cargo xtask sim swarm --mutants            which deliberate bugs the swarm finds, and after how many worlds

The exit code is 1 if a property did not hold, a mark was not reached in a run of at least 20,000 worlds, or a mutant was
not found. Every failure comes with the line that replays it.")]
pub(crate) struct Swarm {
    /// So many worlds; with --mutants: for each of them, 40,000 if nothing else is said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    worlds: Option<u64>,
    /// So many seconds; 60 if nothing else is said. With --mutants: for each of them
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    secs: Option<u32>,
    /// Threads
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// All worlds' seeds follow from it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number)]
    seed: u64,
    /// Break enet-proto in every way it can be broken, one at a time, and show which world notices
    #[arg(long)]
    mutants: bool,
    /// Write the figures as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// From so many worlds on, all marks must be reached.
const ENOUGH_FOR_MARKS: u64 = 20_000;

impl Swarm {
    pub(crate) fn run(self) -> Outcome {
        if self.mutants {
            return self.hunt();
        }
        let options = Options {
            seed: self.seed,
            worlds: self.worlds,
            time: self.secs.map(|secs| Duration::from_secs(u64::from(secs))),
            jobs: self.jobs.map_or(Options::default().jobs, usize::from),
            ..Options::default()
        };
        // Worlds that panic are reported like all others.
        std::panic::set_hook(Box::new(|_| ()));
        let progress = Progress::new();
        let report = swarm::run(&options, &|worlds, violations| {
            progress.tell(|| {
                let seconds = progress.elapsed().as_secs_f64();
                format!("{worlds} worlds in {seconds:.0} s, {violations} violations")
            });
        });
        drop(progress);
        drop(std::panic::take_hook());
        match self.json.as_deref() {
            Some(path) if path.as_os_str() == "-" => put(&(serde_json::to_string_pretty(&report)? + "\n"))?,
            Some(path) => {
                write(path, serde_json::to_string_pretty(&report)? + "\n")?;
                show(&report, options.jobs);
            }
            None => show(&report, options.jobs),
        }
        let marks = report.marks_missing.is_empty() || report.worlds_run < ENOUGH_FOR_MARKS;
        Ok(report.violations == 0 && marks)
    }

    /// The mutants are compiled into a build of their own.
    fn hunt(&self) -> Outcome {
        let mut command = program("cargo");
        command
            .args(["run", "--quiet", "--release", "-p", "enet-sim", "--example", "mutants", "--"])
            .args(["--seed", &self.seed.to_string()])
            .env("RUSTFLAGS", "--cfg enet_mutants")
            .env("CARGO_TARGET_DIR", target().join("mutants"));
        if let Some(worlds) = self.worlds {
            command.args(["--worlds", &worlds.to_string()]);
        }
        if let Some(secs) = self.secs {
            command.args(["--secs", &secs.to_string()]);
        }
        if let Some(jobs) = self.jobs {
            command.args(["--jobs", &jobs.to_string()]);
        }
        if let Some(path) = self.json.as_ref().filter(|path| path.as_os_str() == "-") {
            command.arg("--json").arg(path);
        } else if let Some(path) = &self.json {
            command.arg("--json").arg(std::path::absolute(path).unwrap_or_else(|_| path.clone()));
        }
        eprintln!("building enet-proto with mutants …");
        Ok(command.stdin(Stdio::null()).status()?.success())
    }
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn show(report: &SwarmReport, jobs: usize) {
    println!(
        "{} worlds in {:.1} s on {jobs} threads: {} a minute and core; {} of them run twice; {} more did not count",
        report.worlds,
        report.seconds,
        report.worlds_per_minute_per_core,
        report.worlds_compared,
        report.worlds_run - report.worlds
    );
    println!(
        "A world counts with at least {LEAST_SECONDS} simulated seconds, {LEAST_MESSAGES} messages and {LEAST_FAULTS} faults.\n"
    );
    println!("{:20}{:>8}{:>9}{:>9}{:>9}{:>9}", "of a world", "min", "p5", "p50", "p95", "max");
    println!("{:20}{}", "simulated seconds", report.simulated_seconds);
    println!("{:20}{}", "messages", report.messages);
    println!("{:20}{}", "faults", report.faults);
    println!("{:20}{}", "datagrams", report.datagrams);
    println!("\nmarks reached: {} of {}", report.marks_reached, report.marks_total);
    if !report.marks_missing.is_empty() {
        println!("not reached: {}", report.marks_missing.join(", "));
    }
    println!("violations: {}", report.violations);
    for failure in &report.failures {
        println!("  {} {}", failure.property, failure.text);
        println!("    cargo xtask sim replay --seed {}", failure.seed);
    }
}
