//! What the verbs of `sim` put out: tables, JSON, the report, captures.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use enet_sim::measure::RunRecord;
use enet_sim::report::{ScenarioReport, html, table};
use enet_sim::run::Measured;
use enet_sim::{Scenario, Time};

/// Runs of one scenario.
pub(crate) struct Runs {
    pub(crate) scenario: Scenario,
    pub(crate) runs: Vec<Measured>,
}

impl Runs {
    pub(crate) fn records(&self) -> Vec<RunRecord> {
        self.runs.iter().map(|run| run.record.clone()).collect()
    }

    /// Whether nothing was broken, and what was expected of ours came.
    pub(crate) fn is_good(&self) -> bool {
        let fine = |run: &Measured| {
            let ours = run.record.sender == "ours" && run.record.receiver == "ours";
            run.verdict.violations.is_empty() && (run.record.expectation.is_none() || !ours)
        };
        self.runs.iter().all(fine)
    }
}

/// The table, and what was wrong.
pub(crate) fn print(all: &[Runs]) {
    let mut records: Vec<RunRecord> = all.iter().flat_map(Runs::records).collect();
    for runs in all {
        let several = runs.runs.iter().any(|run| run.record.seed != runs.scenario.seed);
        for record in records.iter_mut().filter(|record| several && record.scenario == runs.scenario.name) {
            record.scenario = format!("{} #{}", record.scenario, record.seed);
        }
    }
    println!("{}", table(&records));
    for runs in all {
        for run in &runs.runs {
            let record = &run.record;
            let pairing =
                format!("{} {}→{} seed {}", record.scenario, record.sender, record.receiver, record.seed);
            if let Some(missed) = &record.expectation {
                println!("{pairing}: not as expected: {missed}");
            }
            for violation in &run.verdict.violations {
                println!("{pairing}: VIOLATION {violation}");
            }
        }
    }
}

/// Writes to standard output. Whoever reads it may stop reading (`| head`): that is no error.
pub(crate) fn put(text: &str) -> Result<(), Box<dyn Error>> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => Ok(result?),
    }
}

/// Writes a file, making its folder.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}

/// The records of all runs, with the stable keys.
pub(crate) fn json(all: &[Runs]) -> Result<String, Box<dyn Error>> {
    let records: Vec<RunRecord> = all.iter().flat_map(Runs::records).collect();
    Ok(serde_json::to_string_pretty(&records)? + "\n")
}

/// The report of all runs.
pub(crate) fn page(all: Vec<Runs>, around: Option<Time>) -> String {
    let report = |runs: Runs| ScenarioReport {
        name: runs.scenario.name,
        about: runs.scenario.about,
        good: runs.scenario.good,
        runs: runs
            .runs
            .into_iter()
            .map(|run| {
                let window = run.log.as_ref().and_then(|log| match around {
                    None => log.telling_window(1, 0),
                    Some(at) => Some(log.window(1, 0, at, at + enet_sim::Span::from_millis(300))),
                });
                (run.record, run.series, window)
            })
            .collect(),
    };
    html(&all.into_iter().map(report).collect::<Vec<_>>())
}
