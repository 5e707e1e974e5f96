//! `sim recovery`: loss recovery, ours and its rivals', with goals.

use std::path::PathBuf;

use enet_sim::Span;
use enet_sim::recovery::{self, Options, Subject, judge};
use enet_sim::report::{recovery_html, recovery_svg};

use super::outputs::{put, write};
use super::progress::Progress;
use crate::Outcome;

/// Runs the worlds in which loss recovery is compared: ours, the C library, `rusty_enet`, KCP, over many seeds, with what is
/// aimed at beside what came out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask sim recovery                               everything: some minutes
  cargo xtask sim recovery --rows burst --seeds 5
  cargo xtask sim recovery --rows recovery-10 --subjects c,modern
  cargo xtask sim recovery --json recovery.json --html recovery.html

Medians over the seeds; in brackets the least and the greatest. `dead`: the connection was lost. The table is Markdown.
The exit code is 1 if a goal was missed.")]
pub(crate) struct Recovery {
    /// So many seeds of each
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Only rows whose name contains this
    #[arg(long, value_name = "PATTERN", default_value = "")]
    rows: String,
    /// Only these; `modern-c` is ours sending to C, `repeat2` ours with every small command riding again twice
    #[arg(
        long,
        value_name = "c,compat,modern,modern-c,repeat2,repeat2-c,rusty,kcp,quic",
        value_delimiter = ','
    )]
    subjects: Vec<Subject>,
    /// How long traffic flows, as in 60s; otherwise as the row says, mostly ten minutes
    #[arg(long, value_name = "TIME")]
    duration: Option<Span>,
    /// Threads
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Write the figures as JSON; `-` is standard output, instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the plots alone, of the rows that differ in loss alone
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Recovery {
    pub(crate) fn run(self) -> Outcome {
        let mut options = Options::new(&self.rows)?;
        if !self.subjects.is_empty() {
            options.subjects = self.subjects;
        }
        for subject in &options.subjects {
            subject.available().map_err(|reason| format!("{subject}: {reason}"))?;
        }
        options.seeds = self.seeds;
        options.duration = self.duration;
        options.jobs = self.jobs.unwrap_or(options.jobs);
        let progress = Progress::new();
        let cells = recovery::run(&options, &|done, all| {
            progress.tell(|| format!("{done} of {all} runs"));
        })?;
        let seconds = progress.elapsed().as_secs_f64();
        drop(progress);
        let json = serde_json::to_string_pretty(&recovery::json(&cells))? + "\n";
        if let Some(path) = &self.html {
            write(path, recovery_html(&cells))?;
        }
        if let Some(path) = &self.svg {
            write(path, recovery_svg(&cells).ok_or("no row that can be plotted: try --rows \"\"")?)?;
        }
        match self.json.as_deref() {
            Some(path) if path.as_os_str() == "-" => put(&json)?,
            path => {
                if let Some(path) = path {
                    write(path, json)?;
                }
                put(&recovery::table(&cells))?;
                eprintln!("{} seeds each, {seconds:.0} s.", self.seeds);
            }
        }
        Ok(cells.iter().flat_map(|cell| judge(cell, &cells)).all(|judged| judged.met))
    }
}

#[cfg(test)]
mod tests {
    use crate::process::root;

    /// What docs/RECOVERY.md says is the least: a transmission and its acknowledgement both arrive with a chance of
    /// (1 − p)², each transmission has 106 bytes, each that arrives is acknowledged with 8, and 6 are headers.
    #[test]
    fn the_least_bytes_in_the_documentation_follow_from_the_rate_of_loss() {
        let text = std::fs::read_to_string(root().join("docs/RECOVERY.md")).unwrap();
        let table = text.split_once("| loss each way |").unwrap().1;
        let number =
            |cell: &str| cell.trim().split(' ').next().and_then(|it| it.parse::<f64>().ok()).unwrap();
        let rows = table.lines().skip(2).take_while(|line| line.trim_start().starts_with('|'));
        let mut seen = 0;
        for row in rows {
            let cells: Vec<f64> = row.trim().trim_matches('|').split('|').map(number).collect();
            let arrives = 1.0 - cells[0] / 100.0;
            let transmissions = 1.0 / (arrives * arrives);
            let least = (106.0 + 8.0 * arrives) * transmissions + 6.0;
            assert!((cells[1] - transmissions).abs() <= 0.005 && cells[2] == least.round(), "{row}: {least}");
            assert!(cells[4] >= cells[2], "{row}: less than the least");
            seen += 1;
        }
        assert_eq!(seen, 4);
    }
}
