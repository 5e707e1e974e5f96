//! `sim run`: one scenario, measured.

use std::path::PathBuf;

use enet_sim::endpoint::Implementation;
use enet_sim::{Span, Time, run};

use super::inputs::{casts, number, pair, pairing, scenario};
use super::outputs::{Runs, json, page, print, put, write};
use super::progress::Progress;
use crate::Outcome;

/// Runs a scenario and shows what it measured, ours and the C library's side by side.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask sim run lossy-5
  cargo xtask sim run lossy-5 --seed 7 --repeat 20 --json -
  cargo xtask sim run bulk-4mib --peers ours,c,rusty       all nine pairings
  cargo xtask sim run outage-3s --html target/outage.html --window 19.9s
  cargo xtask sim run nat-rebind --peers ours --log | less
  cargo xtask sim run lossy-20 --pairing c/ours --pcap lossy.pcapng

A pairing is written clients→server.")]
pub(crate) struct Run {
    /// A built-in scenario (see `list`), or a TOML file
    #[arg(value_name = "NAME|FILE")]
    name: String,
    /// Everything random follows from it; otherwise the scenario's own
    #[arg(long, value_name = "N", value_parser = number)]
    seed: Option<u64>,
    /// So many seeds, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    repeat: u64,
    /// Who plays: all pairings of these are run
    #[arg(long, value_name = "ours,c,rusty", value_delimiter = ',')]
    peers: Vec<Implementation>,
    /// Who plays: this pairing alone, as in c/ours for C's clients and our server
    #[arg(long, value_name = "CLIENTS/SERVER", value_parser = pairing, conflicts_with = "peers")]
    pairing: Option<(Implementation, Implementation)>,
    /// Write the numbers as JSON; `-` is standard output, instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a report with plots, of the first seed
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// From when on the report's sequence chart is drawn, as in 1.5s; otherwise where something was lost
    #[arg(long, value_name = "TIME")]
    window: Option<Span>,
    /// Write the first run's datagrams for Wireshark
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Print everything that happens in the first run, a line each
    #[arg(long)]
    log: bool,
}

impl Run {
    pub(crate) fn run(self) -> Outcome {
        let mut scenario = scenario(&self.name)?;
        let casts = match self.pairing {
            Some((clients, server)) => vec![pair(clients, server)?],
            None => casts(&self.peers)?,
        };
        let first = self.seed.unwrap_or(scenario.seed);
        if self.log && self.json.as_deref().is_some_and(|path| path.as_os_str() == "-") {
            return Err("--log and --json - would mix on standard output: write one of them to a file".into());
        }
        let with_log = self.html.is_some() || self.pcap.is_some() || self.log;
        let progress = Progress::new();
        let total = self.repeat * casts.len() as u64;
        let mut runs = Vec::new();
        for seed in (first..=u64::MAX).take(usize::try_from(self.repeat)?) {
            for cast in &casts {
                scenario.seed = seed;
                // One seed's plots are enough; the table has them all.
                let in_report = with_log && runs.len() < casts.len();
                let done = runs.len();
                runs.push(run::measured_in_steps(&scenario, *cast, in_report, &mut |now| {
                    progress.tell(|| {
                        format!("{}: {done} of {total} runs, {now:.0} s of the next", scenario.name)
                    });
                })?);
            }
        }
        drop(progress);
        let all = [Runs { scenario, runs }];
        let is_good = all.iter().all(Runs::is_good);
        let log = all.iter().find_map(|runs| runs.runs.first()?.log.as_ref());
        if let (Some(log), true) = (log, self.log) {
            put(&log.timeline())?;
        }
        if let (Some(log), Some(path)) = (log, &self.pcap) {
            write(path, enet_sim::pcapng::pcapng(log, true))?;
            eprintln!("datagrams: {}", path.display());
        }
        match self.json.as_deref() {
            Some(path) if path.as_os_str() == "-" => put(&json(&all)?)?,
            Some(path) => {
                write(path, json(&all)?)?;
                print(&all);
            }
            None if self.log => {}
            None => print(&all),
        }
        if let Some(path) = &self.html {
            let [mut first] = all;
            first.runs.truncate(casts.len());
            write(path, page(vec![first], self.window.map(|span| Time(span.0))))?;
            eprintln!("report: {}", path.display());
        }
        Ok(is_good)
    }
}
