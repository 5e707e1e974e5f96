//! The swarm: random worlds by the thousand, each judged.

mod draw;
mod generate;
mod statistics;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

pub use generate::{LEAST_FAULTS, LEAST_MESSAGES, LEAST_SECONDS, scenario};
pub use statistics::Distribution;

use crate::marks::{Mark, Marks};
use crate::run::{self, Verdict};
use crate::scenario::Scenario;
use crate::world::Cast;

/// How long to go on, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The seed that all worlds' seeds come from.
    pub seed: u64,
    /// So many worlds, if given.
    pub worlds: Option<u64>,
    /// So long, if given; with neither, a minute.
    pub time: Option<Duration>,
    /// Threads.
    pub jobs: usize,
    /// One world in so many is run twice and compared; 20 is 5 %.
    pub rerun_every: u64,
    /// Whether to stop at the first violation.
    pub stop_at_violation: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            worlds: None,
            time: None,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            rerun_every: 20,
            stop_at_violation: false,
        }
    }
}

/// A world in which a property did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The how-manieth world it was, from 0.
    pub world: u64,
    /// Its seed, as text: it replays the world.
    pub seed: String,
    /// Which property.
    pub property: String,
    /// What was expected, and what was seen.
    pub text: String,
}

/// What a swarm showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SwarmReport {
    /// Worlds that count: long enough, with enough messages and faults.
    pub worlds: u64,
    /// Their number by time and thread.
    pub worlds_per_minute_per_core: u64,
    /// Properties that did not hold.
    pub violations: u64,
    /// Marks that some world reached.
    pub marks_reached: usize,
    /// Marks there are.
    pub marks_total: usize,
    /// Mutants that a world noticed; 0 of 0 where none were tried.
    pub mutants_caught: usize,
    /// Mutants tried.
    pub mutants_total: usize,
    /// Time it took.
    pub seconds: f64,
    /// Worlds that were run, those that do not count included.
    pub worlds_run: u64,
    /// Worlds that were run twice and compared.
    pub worlds_compared: u64,
    /// The first failing worlds, each with its first violation.
    pub failures: Vec<Failure>,
    /// Marks that no world reached.
    pub marks_missing: Vec<&'static str>,
    /// Simulated seconds of a world.
    pub simulated_seconds: Distribution,
    /// Messages of a world.
    pub messages: Distribution,
    /// Faults of a world.
    pub faults: Distribution,
    /// Datagrams of a world.
    pub datagrams: Distribution,
}

/// What all threads have found so far.
#[derive(Default)]
struct Tally {
    run: u64,
    counted: u64,
    compared: u64,
    violations: u64,
    failures: Vec<Failure>,
    marks: Marks,
    seconds: Vec<u64>,
    messages: Vec<u64>,
    faults: Vec<u64>,
    datagrams: Vec<u64>,
}

/// Failures that are kept in full.
const KEPT_FAILURES: usize = 20;

impl Tally {
    fn add(&mut self, number: u64, scenario: &Scenario, verdict: &Verdict) {
        self.run += 1;
        self.marks = self.marks.union(verdict.marks);
        self.violations += verdict.violations.len() as u64;
        // The first is enough to find the world again: one noisy world must not hide the others.
        if let Some(violation) = verdict.violations.first().filter(|_| self.failures.len() < KEPT_FAILURES) {
            self.failures.push(Failure {
                world: number,
                seed: format!("{:#018x}", scenario.seed),
                property: violation.property.to_owned(),
                text: violation.to_string(),
            });
        }
        let (seconds, faults) = (verdict.extent.end.0 / 1_000_000_000, scenario.faults());
        let messages = verdict.extent.messages;
        if seconds >= LEAST_SECONDS && messages >= LEAST_MESSAGES && faults >= LEAST_FAULTS {
            self.counted += 1;
            self.seconds.push(seconds);
            self.messages.push(messages);
            self.faults.push(faults as u64);
            self.datagrams.push(verdict.extent.datagrams);
        }
    }

    fn merge(&mut self, mut other: Tally) {
        self.run += other.run;
        self.counted += other.counted;
        self.compared += other.compared;
        self.violations += other.violations;
        self.failures.append(&mut other.failures);
        self.marks = self.marks.union(other.marks);
        self.seconds.append(&mut other.seconds);
        self.messages.append(&mut other.messages);
        self.faults.append(&mut other.faults);
        self.datagrams.append(&mut other.datagrams);
    }
}

/// The seed of the how-manieth world.
pub fn world_seed(seed: u64, number: u64) -> u64 {
    // SplitMix64's finaliser: neighbours have nothing in common.
    let mut mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Runs worlds until the number or the time is reached. `progress` is told now and then how many worlds are done and
/// how many properties did not hold. Which worlds are run depends on the options alone, not on the number of threads.
pub fn run(options: &Options, progress: &(dyn Fn(u64, u64) + Sync)) -> SwarmReport {
    let started = Instant::now();
    let limit = match (options.worlds, options.time) {
        (None, None) => Some(Duration::from_secs(60)),
        (_, time) => time,
    };
    let next = AtomicU64::new(0);
    let failed = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                let mut tally = Tally::default();
                while !stop.load(Ordering::Relaxed) && limit.is_none_or(|limit| started.elapsed() < limit) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if options.worlds.is_some_and(|worlds| number >= worlds) {
                        break;
                    }
                    let before = tally.violations;
                    one_world(options, number, &mut tally);
                    let new = tally.violations - before;
                    let failed = failed.fetch_add(new, Ordering::Relaxed) + new;
                    if new > 0 && options.stop_at_violation {
                        stop.store(true, Ordering::Relaxed);
                    }
                    if number.is_multiple_of(256) {
                        progress(number, failed);
                    }
                }
                total.lock().unwrap_or_else(PoisonError::into_inner).merge(tally);
            });
        }
    });
    let tally = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    report(options, tally, started.elapsed())
}

/// Runs one world; one in a few twice.
fn one_world(options: &Options, number: u64, tally: &mut Tally) {
    let scenario = scenario(world_seed(options.seed, number));
    let mut verdict = run::judged(&scenario, Cast::OURS);
    if options.rerun_every > 0 && number.is_multiple_of(options.rerun_every) {
        tally.compared += 1;
        let again = run::judged(&scenario, Cast::OURS);
        if again.trace != verdict.trace {
            verdict.violations.push(run::violation("B6", run::divergence(&scenario, Cast::OURS)));
        }
    }
    tally.add(number, &scenario, &verdict);
}

fn report(options: &Options, mut tally: Tally, elapsed: Duration) -> SwarmReport {
    let seconds = elapsed.as_secs_f64();
    tally.failures.sort_by_key(|failure| failure.world);
    tally.failures.truncate(KEPT_FAILURES);
    let core_millis = elapsed.as_millis().max(1) * options.jobs.max(1) as u128;
    let per_minute = u128::from(tally.counted) * 60_000 / core_millis;
    SwarmReport {
        worlds: tally.counted,
        worlds_per_minute_per_core: u64::try_from(per_minute).unwrap_or(u64::MAX),
        violations: tally.violations,
        marks_reached: tally.marks.count(),
        marks_total: Mark::ALL.len(),
        mutants_caught: 0,
        mutants_total: 0,
        seconds: (seconds * 1e3).round() / 1e3,
        worlds_run: tally.run,
        worlds_compared: tally.compared,
        failures: tally.failures,
        marks_missing: tally.marks.missing().map(Mark::as_str).collect(),
        simulated_seconds: Distribution::of(tally.seconds),
        messages: Distribution::of(tally.messages),
        faults: Distribution::of(tally.faults),
        datagrams: Distribution::of(tally.datagrams),
    }
}
