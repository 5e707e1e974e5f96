//! `bench`: this stack against others on real sockets and in memory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::process::program;

/// Compiles the package in bench/, which is no part of the workspace, and lets it measure: processor time, ours and the
/// others interleaved in one run, medians with spread. The exit code is 1 if a row failed, for example because packets
/// were lost; a missed goal is no failure. The first compilation takes minutes.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
Needs the C library for `--vs c` (apt-get install libenet-dev), and valgrind for rows that count instructions.

Examples:
  cargo xtask bench --quick                          nearly every row in less than a minute
  cargo xtask bench                                  every row, as in the documentation: below ten minutes
  cargo xtask bench --rows echo,idle --rounds 21     rows that begin with `echo` or `idle`, more often
  cargo xtask bench --rows '*echo-64'                on sockets, in memory, and counted
  cargo xtask bench --vs c,rusty,renet,quinn         everybody
  cargo xtask bench --vs rusty                       without the C library
  cargo xtask bench --json bench.json --html bench.html
  cargo xtask bench --list")]
pub(crate) struct Bench {
    /// Less work and fewer rounds, and no counted instructions unless --rows names them: less than a minute
    #[arg(long)]
    quick: bool,
    /// Only rows with these names, or whose names begin so, separated by commas; * stands for anything
    #[arg(long, value_name = "PATTERN")]
    rows: Option<String>,
    /// Write all figures to a file: {rows: [{row, subject, unit, median, min, max, runs}], ratios: [{row, versus,
    /// ratio}]}; a ratio is the other's median ÷ ours: how many times more the other needs. `-` prints them instead of
    /// the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page with table and bars to a file; `-` prints it instead of the table
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Whom to compare with, separated by commas
    #[arg(long, value_name = "WHOM", value_delimiter = ',', default_value = "c,rusty",
          value_parser = ["c", "rusty", "renet", "quinn"])]
    vs: Vec<String>,
    /// How often each subject does each row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
    /// Print the rows and do nothing
    #[arg(long)]
    list: bool,
}

impl Bench {
    pub(crate) fn run(self) -> Outcome {
        let status = program("cargo").args(self.arguments()?).status()?;
        match status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err("nothing was measured; the reason is above".into()),
        }
    }

    /// What cargo is called with.
    fn arguments(&self) -> std::io::Result<Vec<OsString>> {
        let mut arguments: Vec<OsString> =
            ["run", "--release", "--manifest-path", "bench/Cargo.toml"].map(OsString::from).to_vec();
        // The others cost nothing that is worth leaving out.
        let features: Vec<&str> =
            self.vs.iter().map(String::as_str).filter(|it| OPTIONAL.contains(it)).collect();
        if !features.is_empty() {
            arguments.extend(["--features".into(), features.join(",").into()]);
        }
        arguments.extend(["--".into(), "--vs".into(), self.vs.join(",").into()]);
        for (flag, is_given) in [("--quick", self.quick), ("--list", self.list)] {
            arguments.extend(is_given.then(|| flag.into()));
        }
        let rounds = self.rounds.map(|rounds| rounds.to_string());
        for (flag, value) in [("--rows", &self.rows), ("--rounds", &rounds)] {
            arguments.extend(value.iter().flat_map(|value| [flag.into(), value.into()]));
        }
        for (flag, file) in [("--json", &self.json), ("--html", &self.html)] {
            if let Some(file) = file {
                arguments.extend([flag.into(), from_here(file)?.into()]);
            }
        }
        Ok(arguments)
    }
}

/// Rivals that are compiled only when they are asked for, since they bring many crates.
const OPTIONAL: [&str; 2] = ["renet", "quinn"];

/// Cargo is started in the repository's root, wherever we are. `-` is no file.
fn from_here(file: &Path) -> std::io::Result<PathBuf> {
    if file == Path::new("-") { Ok(file.to_owned()) } else { std::path::absolute(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(bench: &Bench) -> Vec<String> {
        bench.arguments().unwrap().iter().map(|it| it.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn flags_are_passed_on() {
        let bench = Bench {
            quick: true,
            rows: Some("echo,idle".to_owned()),
            vs: vec!["c".to_owned()],
            rounds: Some(3),
            json: Some("-".into()),
            ..Bench::default()
        };
        let expected = "run --release --manifest-path bench/Cargo.toml -- --vs c --quick --rows echo,idle --rounds 3 --json -";
        assert_eq!(arguments(&bench).join(" "), expected);
    }

    #[test]
    fn only_who_is_asked_for_is_compiled() {
        let bench = Bench { vs: ["c", "quinn"].map(str::to_owned).to_vec(), ..Bench::default() };
        assert!(arguments(&bench).join(" ").contains(" --features quinn -- --vs c,quinn"));
    }

    #[test]
    fn files_are_meant_from_where_the_user_is() {
        let bench = Bench { html: Some("page.html".into()), ..Bench::default() };
        let given = arguments(&bench).pop().unwrap();
        assert_eq!(Path::new(&given), std::env::current_dir().unwrap().join("page.html"));
    }
}
