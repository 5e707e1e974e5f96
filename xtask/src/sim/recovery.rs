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

    /// The number that `text` begins with.
    fn number(text: &str) -> f64 {
        text.trim().split([' ', ';']).next().and_then(|it| it.parse().ok()).unwrap()
    }

    fn cells(row: &str) -> Vec<&str> {
        row.trim().trim_matches('|').split('|').collect()
    }

    /// What docs/RECOVERY.md says is the least: a transmission and its acknowledgement both arrive with a chance of
    /// (1 − p)², each transmission has 106 bytes, each that arrives is acknowledged with 8; a message's datagram has a header
    /// of 4, and if that arrives its answer one of 2. What is aimed at, and what came out, are those of the whole table.
    #[test]
    fn the_least_bytes_in_the_documentation_follow_from_the_rate_of_loss() {
        let [text, whole] = ["docs/RECOVERY.md", "docs/RECOVERY-TABLE.md"]
            .map(|path| std::fs::read_to_string(root().join(path)).unwrap());
        let table = text.split_once("| loss each way |").unwrap().1;
        let rows = table.lines().skip(2).take_while(|line| line.trim_start().starts_with('|'));
        let mut seen = 0;
        for row in rows {
            let told: Vec<f64> = cells(row).into_iter().map(number).collect();
            let arrives = 1.0 - told[0] / 100.0;
            let transmissions = 1.0 / (arrives * arrives);
            let least = (106.0 + 8.0 * arrives) * transmissions + 4.0 + 2.0 * arrives;
            let measured = format!("| {} | modern-c |", told[0]);
            let measured = whole.lines().find(|line| line.starts_with(&measured)).unwrap();
            let (_, goal) = measured.split_once("bytes ≤ ").unwrap();
            let aimed_at = number(goal.split_once(" = ").unwrap().1);
            let expected = [transmissions, least, aimed_at, number(cells(measured)[5])];
            for (told, (expected, tolerance)) in
                told[1..].iter().zip(expected.into_iter().zip([0.005, 0.05, 0.0, 0.0]))
            {
                assert!((told - expected).abs() <= tolerance, "{row}: {expected}");
            }
            assert!(told[4] >= told[2], "{row}: less than the least");
            seen += 1;
        }
        assert_eq!(seen, 4);
    }
}
