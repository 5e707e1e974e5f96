//! `attack`: what a server on the open internet has to endure, done to one of this machine.

use std::path::PathBuf;
use std::time::Duration;

use enet_attack::{Against, Launcher, Plan, Setup, Whose, run, serve};

use crate::Outcome;

/// Floods, forges and guesses on loopback, against an echo server of ours and one of the C library, each in a process of its
/// own; the figures of both in one table. A target of ours that is met counts only if C shows the damage in the same
/// run. Nothing but loopback is ever attacked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask attack                          everything, both: below 3 minutes
  cargo xtask attack --quick                  less of everything: below 40 seconds
  cargo xtask attack --only A1,A6             these two
  cargo xtask attack --against 127.0.0.1:6789 a server of your own, as far as it can be judged from outside
  cargo xtask attack --json -                 [{attack, what, against, figure, unit, target, met, note}]

A4 and A6 need root, for raw sockets; C needs libenet.so.7 (apt-get install libenet7). The exit code is 0 if all
attacks could be carried out and every target is met that could be judged, else 1.")]
pub(crate) struct Attack {
    /// Whom to attack: ours, c, or a loopback address; both implementations if not given
    #[arg(long, value_name = "ours|c|ADDR", value_delimiter = ',')]
    against: Vec<Against>,
    /// Only these attacks, separated by commas
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    only: Vec<String>,
    /// Write the figures to a file; `-` prints them instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Less of everything
    #[arg(long)]
    quick: bool,
}

impl Attack {
    pub(crate) fn run(self) -> Outcome {
        let both = vec![Against::Victim(Whose::Ours), Against::Victim(Whose::C)];
        let against = if self.against.is_empty() { both } else { self.against };
        let plan = Plan { against, only: self.only, quick: self.quick };
        let launcher = Launcher { program: std::env::current_exe()?, arguments: vec!["victim".into()] };
        let report = run(&plan, &launcher, |doing| eprintln!("{doing}"))?;
        let json = serde_json::to_string_pretty(&report.to_json())? + "\n";
        match self.json {
            Some(file) if file.as_os_str() == "-" => print!("{json}"),
            Some(file) => {
                std::fs::write(file, json)?;
                print!("{report}");
            }
            None => print!("{report}"),
        }
        Ok(report.is_met())
    }
}

/// The server that `attack` attacks.
#[derive(Debug, clap::Args)]
pub(crate) struct Victim {
    #[arg(value_parser = ["ours", "c"])]
    whose: String,
    #[arg(long)]
    slots: u16,
    #[arg(long)]
    range_coder: bool,
    /// Milliseconds
    #[arg(long)]
    frame: Option<u64>,
    #[arg(long)]
    receive_buffer: Option<usize>,
    #[arg(long)]
    quiet: bool,
}

impl Victim {
    pub(crate) fn run(self) -> Outcome {
        let whose = if self.whose == "c" { Whose::C } else { Whose::Ours };
        let setup = Setup {
            slots: self.slots,
            range_coder: self.range_coder,
            frame: self.frame.map(Duration::from_millis),
            receive_buffer: self.receive_buffer,
            quiet: self.quiet,
        };
        serve(whose, setup)?;
        Ok(true)
    }
}
