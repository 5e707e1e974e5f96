//! `sim speed`: how fast worlds run.

use std::time::Instant;

use enet_sim::endpoint::{Implementation, Order};
use enet_sim::world::{Cast, World};
use enet_sim::{Scenario, Span, run, soak};

use super::progress::Progress;
use crate::Outcome;

/// Clients, simulated seconds of a round, and simulated seconds per second that are aimed at.
const ROWS: [(u16, u64, f64); 4] =
    [(1, 1_000, 20_000.0), (10, 150, 2_500.0), (100, 12, 150.0), (500, 3, 25.0)];

/// Measures how many simulated seconds a second of computing gives, for 1, 10, 100 and 500 clients of a server, ours and
/// the C library's hosts in turn, so that both see the same machine: 62 messages a second each, both ways, of 100 bytes,
/// half of them reliable; 2 % loss; each host called once in 16 ms.
#[derive(Debug, clap::Args)]
pub(crate) struct Speed {
    /// Rounds; the medians count
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Speed {
    pub(crate) fn run(self) -> Outcome {
        let c = Implementation::C.available();
        if let Err(reason) = &c {
            eprintln!("without the C library: {reason}");
        }
        let progress = Progress::new();
        let mut rows = Vec::new();
        for (clients, seconds, goal) in ROWS {
            let as_c = soak::crowd(1, clients, Span::from_secs(seconds), Order::AsC);
            let own = Scenario { order: Order::EventLoop, ..as_c.clone() };
            let mut speeds = [const { Vec::new() }; 4];
            let [ours, ours_as_c, judged, theirs] = &mut speeds;
            for round in 0..self.rounds.max(1) {
                progress.tell(|| format!("1+{clients}, round {round}"));
                ours.push(bare(&own, Implementation::Ours)?);
                if c.is_ok() {
                    theirs.push(bare(&as_c, Implementation::C)?);
                }
                ours_as_c.push(bare(&as_c, Implementation::Ours)?);
                judged.push(with_judge(&own));
            }
            rows.push(Row { clients, goal, speeds: speeds.map(median) });
        }
        drop(progress);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&rows.iter().map(Row::json).collect::<Vec<_>>())?);
            return Ok(true);
        }
        println!("simulated seconds a second (medians of {} rounds)", self.rounds.max(1));
        println!(
            "{:>8}{:>12}{:>16}{:>16}{:>12}{:>10}{:>10}",
            "hosts", "ours", "in C's order", "ours, judged", "C", "ours / C", "goal"
        );
        for Row { clients, goal, speeds: [ours, as_c, judged, c] } in rows {
            let ratio = ours.zip(c).map(|(ours, c)| ours / c);
            println!(
                "{:>8}{:>12}{:>16}{:>16}{:>12}{:>10}{goal:>10.0}",
                format!("1+{clients}"),
                number(ours, 1),
                number(as_c, 1),
                number(judged, 1),
                number(c, 1),
                number(ratio, 2)
            );
        }
        Ok(true)
    }
}

/// Speeds with so many clients: ours, ours in C's order, ours under the eyes of the judge, the C library's.
struct Row {
    clients: u16,
    goal: f64,
    speeds: [Option<f64>; 4],
}

impl Row {
    fn json(&self) -> serde_json::Value {
        let [ours, as_c, judged, c] = self.speeds;
        serde_json::json!({
            "clients": self.clients,
            "goal": self.goal,
            "ours": ours,
            "ours_in_c_order": as_c,
            "ours_judged": judged,
            "c": c,
        })
    }
}

fn bare(scenario: &Scenario, who: Implementation) -> Result<f64, String> {
    let started = Instant::now();
    let mut world = World::new(scenario, Cast::of(who, who), ())?;
    world.run();
    Ok(world.now().as_secs_f64() / started.elapsed().as_secs_f64())
}

fn with_judge(scenario: &Scenario) -> f64 {
    let started = Instant::now();
    let verdict = run::judged(scenario, Cast::OURS);
    verdict.extent.end.as_secs_f64() / started.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}
