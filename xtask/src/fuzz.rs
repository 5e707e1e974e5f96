//! `fuzz`: every fuzz target for a while, and a table of what came of it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::Outcome;
use crate::process::{program, root, succeeds};

/// Runs the fuzz targets in turn, each in one process, from the committed corpus and what was found before, and prints a row for each.
/// The exit code is 1 if an input failed; it is then in fuzz/artifacts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs:
  rustup toolchain install nightly
  cargo install cargo-fuzz --locked

Examples:
  cargo xtask fuzz                                   a minute for each target
  cargo xtask fuzz --secs 600                        two hours in all
  cargo xtask fuzz --target pair_script --secs 3600
  cargo xtask fuzz --json fuzz.json")]
pub(crate) struct Fuzz {
    /// How long each target runs, in seconds
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    secs: u32,
    /// Only this target; may be given more than once
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Write the table to a file: [{target, seconds, executions, executions_per_s, coverage, features, corpus, crashes}];
    /// `-` prints it instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What libFuzzer is told besides: an input may take ten seconds, a single allocation 256 MiB, everything 2 GiB.
const LIMITS: [&str; 4] =
    ["-timeout=10", "-malloc_limit_mb=256", "-rss_limit_mb=2048", "-dict=fuzz/enet.dict"];

/// Inputs longer than this say nothing new.
const LONGEST: &str = "-max_len=4096";

/// What came of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Row {
    target: String,
    seconds: u64,
    executions: u64,
    coverage: u64,
    features: u64,
    corpus: u64,
    crashes: u64,
}

impl Fuzz {
    pub(crate) fn run(self) -> Outcome {
        let known = targets()?;
        if let Some(stranger) = self.target.iter().find(|name| !known.contains(name)) {
            return Err(format!("there is no target {stranger}; there are {}", known.join(", ")).into());
        }
        let chosen: Vec<&String> =
            known.iter().filter(|name| self.target.is_empty() || self.target.contains(name)).collect();
        look_for_tools()?;
        if !succeeds(&mut fuzz("build", None))? {
            return Err("the targets do not build; the reason is above".into());
        }
        let mut rows = Vec::new();
        for (number, name) in (1..).zip(&chosen) {
            eprintln!("{number} of {}: {name}, {} s", chosen.len(), self.secs);
            rows.push(self.run_target(name)?);
        }
        match &self.json {
            Some(file) if file.as_os_str() == "-" => println!("{:#}", to_json(&rows)),
            Some(file) => {
                std::fs::write(file, format!("{:#}\n", to_json(&rows)))?;
                print(&rows);
            }
            None => print(&rows),
        }
        Ok(rows.iter().all(|row| row.crashes == 0))
    }

    fn run_target(&self, name: &str) -> Result<Row, Box<dyn std::error::Error>> {
        let mut command = fuzz("run", Some(name));
        command.arg("--").args(LIMITS).arg(LONGEST).arg(format!("-max_total_time={}", self.secs));
        command.arg("-print_final_stats=1").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut row = Row { target: name.to_owned(), ..Row::default() };
        let said = child.stderr.take().ok_or("the fuzzer has no output")?;
        let mut failure = Vec::new();
        for line in BufReader::new(said).lines() {
            let line = line?;
            row.read(&line);
            // Between a panic and the input that brought it about.
            if line.contains("panicked at") || !failure.is_empty() {
                failure.push(line);
            }
        }
        if !child.wait()?.success() {
            row.crashes = row.crashes.max(1);
            eprintln!("{}", failure.join("\n"));
        }
        Ok(row)
    }
}

/// The targets are the programs of the package.
fn targets() -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("fuzz/fuzz_targets"))? {
        names.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn look_for_tools() -> Result<(), String> {
    let works = |arguments: &[&str]| {
        let output = Command::new("rustup").args(["run", "nightly", "cargo"]).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !works(&["--version"]) {
        return Err(
            "there is no nightly toolchain. Install one:\n  rustup toolchain install nightly".to_owned()
        );
    }
    if !works(&["fuzz", "--version"]) {
        return Err("cargo-fuzz is missing. Install it:\n  cargo install cargo-fuzz --locked".to_owned());
    }
    Ok(())
}

/// `cargo fuzz VERB`, without a sanitizer: the libraries forbid unsafe code, and C's could not be instrumented.
fn fuzz(verb: &str, name: Option<&str>) -> Command {
    // Not the cargo that runs us, which is of another toolchain.
    let mut command = program("rustup");
    command.args(["run", "nightly", "cargo", "fuzz", verb, "--sanitizer", "none"]).args(name);
    command
}

impl Row {
    /// Reads a line of libFuzzer's, such as `#2048 pulse cov: 731 ft: 2358 corp: 823/83Kb exec/s: 2785 rss: 29Mb`.
    fn read(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        if let Some(count) = line.strip_prefix('#').and_then(|_| words.next()) {
            self.executions = count.trim_start_matches('#').parse().unwrap_or(self.executions);
            while let Some(word) = words.next() {
                let field = match word {
                    "cov:" => &mut self.coverage,
                    "ft:" => &mut self.features,
                    "corp:" => &mut self.corpus,
                    _ => continue,
                };
                let number = words.next().and_then(|value| value.split('/').next());
                *field = number.and_then(|number| number.parse().ok()).unwrap_or(*field);
            }
        } else if let Some(rest) = line.strip_prefix("Done ") {
            // Done 97941 runs in 301 second(s)
            let mut numbers = rest.split_whitespace().filter_map(|word| word.parse().ok());
            self.executions = numbers.next().unwrap_or(self.executions);
            self.seconds = numbers.next().unwrap_or(self.seconds);
        } else if line.contains("Test unit written to") {
            self.crashes += 1;
        }
    }

    fn per_second(&self) -> u64 {
        self.executions / self.seconds.max(1)
    }
}

fn to_json(rows: &[Row]) -> serde_json::Value {
    let row = |row: &Row| {
        json!({
            "target": row.target,
            "seconds": row.seconds,
            "executions": row.executions,
            "executions_per_s": row.per_second(),
            "coverage": row.coverage,
            "features": row.features,
            "corpus": row.corpus,
            "crashes": row.crashes,
        })
    };
    rows.iter().map(row).collect()
}

fn print(rows: &[Row]) {
    println!(
        "{:22} {:>7} {:>12} {:>8} {:>8} {:>8} {:>7} {:>7}",
        "target", "s", "executions", "exec/s", "edges", "features", "corpus", "crashes"
    );
    for row in rows {
        println!(
            "{:22} {:>7} {:>12} {:>8} {:>8} {:>8} {:>7} {:>7}",
            row.target,
            row.seconds,
            row.executions,
            row.per_second(),
            row.coverage,
            row.features,
            row.corpus,
            row.crashes
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_libfuzzer_is_read_line_by_line() {
        let mut row = Row::default();
        for line in [
            "INFO: seed corpus: files: 25 min: 2b max: 262b total: 1224b rss: 28Mb",
            "#969425\tREDUCE cov: 731 ft: 2358 corp: 823/83Kb lim: 4096 exec/s: 2785 rss: 29Mb L: 411/2908",
            "#970000\tDONE   cov: 732 ft: 2360 corp: 824/83Kb lim: 4096 exec/s: 2770 rss: 29Mb",
            "Done 970000 runs in 350 second(s)",
        ] {
            row.read(line);
        }
        let expected = Row {
            seconds: 350,
            executions: 970_000,
            coverage: 732,
            features: 2360,
            corpus: 824,
            ..Row::default()
        };
        assert_eq!(row, expected);
        assert_eq!(row.per_second(), 2771);
    }

    #[test]
    fn an_input_that_fails_is_counted() {
        let mut row = Row::default();
        row.read("artifact_prefix='fuzz/artifacts/fragments/'; Test unit written to fuzz/artifacts/fragments/crash-5d67");
        assert_eq!(row.crashes, 1);
    }

    #[test]
    fn every_program_of_the_package_is_a_target() {
        let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        let all = targets().unwrap();
        assert_eq!(all.len(), 15);
        for name in all {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        }
    }
}
