//! `sim soak`: one connection for days.

use enet_sim::{Scenario, Span, run, soak};

use super::inputs::number;
use super::progress::Progress;
use crate::Outcome;
use enet_sim::world::Cast;

/// Runs one connection for days, through the wrap of its 32-bit millisecond clock after 49.7 of them; and one over which
/// each channel carries 200,000 messages, through three wraps of its 16-bit numbers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask sim soak --days 50.5     about a minute
  cargo xtask sim soak --days 1")]
pub(crate) struct Soak {
    /// Simulated days
    #[arg(long, value_name = "D", default_value = "50.5", value_parser = days)]
    days: Span,
    /// Messages per channel in the second part
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    messages: u32,
    /// Everything random follows from it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number)]
    seed: u64,
}

fn days(text: &str) -> Result<Span, String> {
    format!("{text}d").parse()
}

impl Soak {
    pub(crate) fn run(self) -> Outcome {
        let numbers = soak::numbers(self.seed, self.messages);
        let days = soak::days(self.seed, self.days);
        Ok(part(&numbers)? & part(&days)?)
    }
}

fn part(scenario: &Scenario) -> Outcome {
    let progress = Progress::new();
    let verdict = run::judged_in_steps(scenario, Cast::OURS, &mut |now| {
        progress.tell(|| {
            let (done, all) = (now.as_secs_f64(), scenario.duration.as_secs_f64());
            format!(
                "{}: {:.0} % after {:.0} s",
                scenario.name,
                done / all * 100.0,
                progress.elapsed().as_secs_f64()
            )
        });
    });
    let wall = progress.elapsed().as_secs_f64();
    drop(progress);
    let simulated = verdict.extent.end.as_secs_f64();
    println!(
        "{}: {:.0} simulated seconds in {wall:.1} s ({:.0} s/s), {} messages, {} datagrams, {} violations, trace {}",
        scenario.name,
        simulated,
        simulated / wall,
        verdict.extent.messages,
        verdict.extent.datagrams,
        verdict.violations.len(),
        verdict.trace
    );
    for violation in &verdict.violations {
        println!("VIOLATION {violation}");
    }
    Ok(verdict.violations.is_empty())
}
