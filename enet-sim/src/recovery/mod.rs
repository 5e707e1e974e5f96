//! Loss recovery compared: each of the [`RECOVERY`] worlds with each [`Subject`], over many seeds; what counts is the
//! median over the seeds, and what is aimed at stands beside it.
//!
//! ```
//! use enet_sim::recovery::{Measure, Options, Subject, run};
//!
//! let mut options = Options::new("recovery-10")?;
//! (options.subjects, options.seeds) = (vec![Subject::Modern], 2);
//! options.duration = Some("5s".parse()?);
//! let cells = run(&options, &|_, _| ())?;
//! let p50 = cells[0].spread(Measure::P50).ok_or("nothing arrived")?;
//! assert!((40.0..60.0).contains(&p50.median), "one way, and now and then more: {p50:?}");
//! # Ok::<(), String>(())
//! ```

mod goal;
mod measure;
mod subject;
mod table;

pub use goal::{Goal, Judged, Limit, Of, goals, judge};
pub use measure::{Measure, Spread};
pub use subject::Subject;
pub use table::{json, table};

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::measure::RunRecord;
use crate::run::unjudged;
use crate::scenario::Scenario;
use crate::scenario::library::RECOVERY;
use crate::time::Span;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The rows.
    pub rows: Vec<Scenario>,
    /// Who plays in each.
    pub subjects: Vec<Subject>,
    /// So many seeds of each, from the scenario's own.
    pub seeds: u64,
    /// How long traffic flows, if not as long as the scenario says. What begins later does not happen.
    pub duration: Option<Span>,
    /// How many threads work.
    pub jobs: usize,
}

impl Options {
    /// All rows whose name contains `pattern`, with everyone who is [there](Subject::available), 20 seeds, on all cores.
    ///
    /// # Errors
    /// There is no such row.
    pub fn new(pattern: &str) -> Result<Self, String> {
        // `recovery-2` is a row, and not the beginning of one.
        let exact = RECOVERY.iter().any(|(name, _)| *name == pattern);
        let wanted = |name: &str| if exact { name == pattern } else { name.contains(pattern) };
        let rows: Vec<Scenario> = RECOVERY
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, _)| Scenario::built_in(name))
            .collect::<Result<_, _>>()?;
        if rows.is_empty() {
            let names: Vec<&str> = RECOVERY.iter().map(|(name, _)| *name).collect();
            return Err(format!("no row is called {pattern:?}; there are {}", names.join(", ")));
        }
        Ok(Options {
            rows,
            subjects: Subject::ALL.into_iter().filter(|subject| subject.available().is_ok()).collect(),
            seeds: 20,
            duration: None,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
        })
    }
}

/// A row and a subject.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The scenario.
    pub row: String,
    /// Who played.
    pub subject: Subject,
    /// A record for each seed.
    pub runs: Vec<RunRecord>,
}

impl Cell {
    /// A measure's spread over the seeds; `None` where a run has no such number.
    pub fn spread(&self, measure: Measure) -> Option<Spread> {
        Spread::of(self.runs.iter().map(|run| measure.of(run)).collect::<Option<_>>()?)
    }

    /// How many runs lost a connection.
    pub fn lost(&self) -> usize {
        self.runs.iter().filter(|run| run.disconnects > 0).count()
    }
}

/// One run to be done.
struct Task {
    cell: usize,
    scenario: Scenario,
    subject: Subject,
}

/// Runs everything, each row's subjects together. `progress` is told how many runs of how many are done.
///
/// # Errors
/// Why a subject cannot be had here.
pub fn run(options: &Options, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Vec<Cell>, String> {
    let mut cells = Vec::new();
    let mut tasks = Vec::new();
    for row in &options.rows {
        for subject in options.subjects.iter().filter(|subject| subject.plays(row)) {
            for seed in row.seed..row.seed.saturating_add(options.seeds) {
                let mut scenario = subject.set_up(row);
                scenario.seed = seed;
                scenario.duration = options.duration.unwrap_or(row.duration);
                tasks.push(Task { cell: cells.len(), scenario, subject: *subject });
            }
            cells.push(Cell { row: row.name.clone(), subject: *subject, runs: Vec::new() });
        }
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let record = unjudged(&task.scenario, task.subject.cast(&task.scenario));
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((task.cell, task.scenario.seed, record));
                    progress(done.len(), tasks.len());
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(cell, seed, _)| (*cell, *seed));
    for (cell, _, record) in done {
        if let Some(cell) = cells.get_mut(cell) {
            cell.runs.push(record?);
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests;
