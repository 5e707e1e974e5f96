//! `sim compare`: this implementation against the C library.

use std::path::PathBuf;

use enet_sim::Scenario;
use enet_sim::differential::{Comparison, Pairing, TOLERANCE, compare};
use enet_sim::endpoint::Implementation;
use enet_sim::scenario::Service;

use super::inputs::scenario;
use super::outputs::write;
use super::progress::Progress;
use crate::Outcome;

/// What is compared if nothing is named.
const USUAL: [&str; 4] = ["lossy-5", "lossy-10", "bulk-4mib", "throttle"];

/// Runs scenarios in all four pairings of this implementation and the installed C library, over many seeds, and tells
/// whether they are equal: datagram by datagram where both are called alike, once in so many milliseconds, and by the
/// medians of their latencies, round trip times and throttles under an event loop, where each calls for its turn itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask sim compare                         lossy-5, lossy-10, bulk-4mib and throttle: some minutes
  cargo xtask sim compare lan outage-3s --seeds 20
  cargo xtask sim compare lossy-10 --json -

The exit code is 1 if a run parts from the C library's at anything but a known difference between its versions, if a
median is more than 5 % away from the C library's, if the worst case is worse, or if a property is broken.")]
pub(crate) struct Compare {
    /// Built-in scenarios (see `list`), or TOML files
    #[arg(value_name = "NAME|FILE")]
    names: Vec<String>,
    /// So many seeds of each
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Write the figures as JSON; `-` is standard output, instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Compare {
    pub(crate) fn run(self) -> Outcome {
        Implementation::C
            .available()
            .map_err(|reason| format!("there is nothing to compare with: {reason}"))?;
        let names: Vec<&str> = match self.names.as_slice() {
            [] => USUAL.to_vec(),
            names => names.iter().map(String::as_str).collect(),
        };
        let scenarios: Vec<Scenario> = names.into_iter().map(scenario).collect::<Result<_, _>>()?;
        let scenarios: Vec<Scenario> = scenarios.into_iter().flat_map(cadences).collect();
        let progress = Progress::new();
        let mut comparisons = Vec::new();
        for scenario in &scenarios {
            let all = scenarios.len();
            let done = comparisons.len();
            let mut tell = |seeds| {
                let (name, service) = (&scenario.name, words(scenario.service));
                progress.tell(|| {
                    format!("{name}, {service}: {seeds} of {} seeds; {done} of {all} done", self.seeds)
                });
            };
            comparisons.push(compare(scenario, self.seeds, &mut tell)?);
        }
        let seconds = progress.elapsed().as_secs_f64();
        drop(progress);
        let to_stdout = self.json.as_deref().is_some_and(|path| path.as_os_str() == "-");
        let json = serde_json::to_string_pretty(&comparisons)? + "\n";
        match &self.json {
            _ if to_stdout => print!("{json}"),
            Some(path) => write(path, json)?,
            None => {}
        }
        if !to_stdout {
            print(&comparisons);
            println!("{} seeds each, {seconds:.0} s.", self.seeds);
        }
        Ok(comparisons.iter().all(|comparison| comparison.objections().is_empty()))
    }
}

/// The scenario as it is, and with event loops.
fn cadences(scenario: Scenario) -> Vec<Scenario> {
    let mut on_demand = scenario.clone();
    on_demand.service = Service::OnDemand;
    (on_demand.server.service, on_demand.client.service) = (None, None);
    if on_demand == scenario { vec![scenario] } else { vec![scenario, on_demand] }
}

fn words(service: Service) -> String {
    match service {
        Service::OnDemand => "event loop".to_owned(),
        Service::Every(span) => format!("every {span}"),
    }
}

/// Titles of the columns. The first two and the last stand to the left.
const COLUMNS: [&str; 11] = [
    "scenario",
    "from→to",
    "identical",
    "p50 ms",
    "p95",
    "p99",
    "worst p99",
    "RTT ms",
    "throttle",
    "lost conn.",
    "verdict",
];

/// Medians over the seeds; what speaks against them; where runs part.
fn print(comparisons: &[Comparison]) {
    let mut lines = vec![COLUMNS.map(str::to_owned)];
    for comparison in comparisons {
        lines.extend(comparison.pairings.iter().map(|pairing| cells(comparison, pairing)));
    }
    let mut widths = [0; COLUMNS.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for (number, line) in lines.iter().enumerate() {
        if number % 4 == 1 {
            println!();
        }
        let mut text = String::new();
        for (place, (cell, width)) in line.iter().zip(widths).enumerate() {
            text += &match place {
                0 | 1 | 10 => format!("{cell:<width$}  "),
                _ => format!("{cell:>width$}  "),
            };
        }
        println!("{}", text.trim_end());
    }
    println!();
    for comparison in comparisons {
        for objection in comparison.objections() {
            println!("{}, {}: {objection}", comparison.scenario, words(comparison.service));
        }
    }
    // Differences with the same reason need no second example.
    let mut told = Vec::new();
    for (comparison, pairing, difference) in differences(comparisons) {
        if told.contains(&difference.reason) && difference.reason.is_some() {
            continue;
        }
        told.push(difference.reason);
        let reason = difference.reason.unwrap_or("for no known reason");
        println!(
            "{} seed {}, {}→{}, parts from c→c at datagram {}: {reason}\n{}",
            comparison.scenario,
            difference.seed,
            pairing.sender,
            pairing.receiver,
            difference.datagram,
            difference.text
        );
    }
}

fn differences(
    comparisons: &[Comparison],
) -> impl Iterator<Item = (&Comparison, &Pairing, &enet_sim::differential::Difference)> {
    comparisons.iter().flat_map(|comparison| {
        comparison
            .pairings
            .iter()
            .filter_map(move |pairing| Some((comparison, pairing, pairing.difference.as_ref()?)))
    })
}

fn cells(comparison: &Comparison, pairing: &Pairing) -> [String; COLUMNS.len()] {
    let latency = |pick: fn(&enet_sim::differential::Medians) -> f64| {
        pairing.latency_ms.as_ref().map_or_else(|| "–".to_owned(), |medians| format!("{:.1}", pick(medians)))
    };
    let is_reference = comparison.pairings.first() == Some(pairing);
    let pairing_name = format!("{}→{}", pairing.sender, pairing.receiver);
    let is_good = !comparison.objections().iter().any(|text| text.starts_with(&pairing_name));
    let parted = comparison.seeds - pairing.identical.unwrap_or(comparison.seeds);
    let verdict = match (pairing.identical, is_good) {
        _ if is_reference => "the reference".to_owned(),
        (_, false) => "DIFFERENT".to_owned(),
        (Some(_), true) if parted == 0 => "identical".to_owned(),
        (Some(_), true) => format!("identical but for {parted}, explained"),
        (None, true) => format!("within {:.0} %", TOLERANCE * 100.0),
    };
    [
        format!("{}, {}", comparison.scenario, words(comparison.service)),
        pairing_name,
        pairing.identical.map_or_else(|| "–".to_owned(), |count| format!("{count}/{}", comparison.seeds)),
        latency(|it| it.p50),
        latency(|it| it.p95),
        latency(|it| it.p99),
        latency(|it| it.worst_p99),
        format!("{:.1}", pairing.rtt_ms),
        format!("{:.2}", pairing.throttle),
        pairing.disconnects.to_string(),
        verdict,
    ]
}
