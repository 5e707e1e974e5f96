//! `sim` alone: a tour of five networks.

use std::path::PathBuf;

use enet_sim::scenario::Profile;
use enet_sim::{Scenario, run};

use super::inputs::casts;
use super::outputs::{Runs, page, print, write};
use super::progress::Progress;
use crate::Outcome;
use crate::process::root;

const STOPS: [&str; 5] = ["lan", "home-wifi", "lossy-5", "lossy-10", "outage-3s"];

/// A tour: five networks, ours and C where it is available.
#[derive(Debug, clap::Args)]
pub(crate) struct Tour {
    /// Where the report goes
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Our hosts behave as stock ENet's do
    #[arg(long)]
    compat: bool,
}

impl Tour {
    pub(crate) fn run(self) -> Outcome {
        println!(
            "Two hosts, a network between them, and a minute of a game: 60 reliable and 60 unreliable messages a second\n\
             from client to server. Time is virtual; every run can be repeated to the last bit.\n"
        );
        let casts = casts(&[])?;
        let progress = Progress::new();
        let mut all = Vec::new();
        for name in STOPS {
            progress.tell(|| format!("{name} …"));
            let mut scenario = Scenario::built_in(name)?;
            for host in [&mut scenario.server, &mut scenario.client] {
                host.profile = if self.compat { Profile::Compat } else { Profile::Modern };
            }
            let runs =
                casts.iter().map(|cast| run::measured(&scenario, *cast, true)).collect::<Result<_, _>>()?;
            println!("{:10} {}\n{:10} Good: {}", scenario.name, scenario.about, "", scenario.good);
            all.push(Runs { scenario, runs });
        }
        println!();
        print(&all);
        let is_good = all.iter().all(Runs::is_good);
        let violations: usize =
            all.iter().flat_map(|it| &it.runs).map(|run| run.verdict.violations.len()).sum();
        println!(
            "\n{violations} broken promises. Every reliable message arrived once and in order; what the networks cost is time."
        );
        let path = self.html.unwrap_or_else(|| root().join("target/sim/tour.html"));
        write(&path, page(all, None))?;
        println!("Report with plots: {}", path.display());
        println!("Next: `cargo xtask sim list`, `cargo xtask sim run NAME`, `cargo xtask sim swarm`.");
        Ok(is_good)
    }
}
