//! [`Arguments`]: what is asked for. `cargo xtask bench` has the same ones and passes them on.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

use crate::measure::{Effort, implementation};
use crate::row::Row;

/// Benchmarks of this stack against others, interleaved in one run
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
pub struct Arguments {
    /// Less work and fewer rounds, and no counted instructions unless --rows names them: under a minute
    #[arg(long)]
    quick: bool,
    /// Only rows with these names, or whose names begin so, separated by commas; * stands for anything
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    rows: Vec<String>,
    /// Write all figures to a file: {rows: [{row, subject, unit, median, min, max, runs}], ratios: [{row, versus,
    /// ratio}]}; a ratio is the other's median ÷ ours: how many times more the other needs. `-` prints them instead of
    /// the table
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with table and bars to a file; `-` prints it instead of the table
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Whom to compare with
    #[arg(long, value_delimiter = ',', default_value = "c,rusty")]
    vs: Vec<Rival>,
    /// How often each subject does each row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
    /// Print the rows and do nothing
    #[arg(long)]
    pub list: bool,
}

/// Somebody to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rival {
    C,
    Rusty,
    Renet,
    Quinn,
}

impl Rival {
    fn name(self) -> &'static str {
        match self {
            Rival::C => "c",
            Rival::Rusty => "rusty",
            Rival::Renet => "renet",
            Rival::Quinn => "quinn",
        }
    }
}

impl Arguments {
    /// How much to do.
    pub fn effort(&self) -> Effort {
        let effort = if self.quick { Effort::QUICK } else { Effort::FULL };
        Effort { rounds: self.rounds.map_or(effort.rounds, usize::from), ..effort }
    }

    /// The rows and subjects that are asked for.
    ///
    /// # Errors
    /// There is none, with a word on what there is.
    pub fn select(&self, rows: Vec<Row>) -> Result<Vec<Row>, String> {
        let names: Vec<&str> = rows.iter().map(|row| row.id).collect();
        // A whole name is that row only, although others may begin with it.
        let means = |pattern: &str, name: &str| match names.contains(&pattern) {
            true => pattern == name,
            false => matches(pattern, name),
        };
        let unknown = self.rows.iter().find(|pattern| !names.iter().any(|name| means(pattern, name)));
        if let Some(pattern) = unknown {
            return Err(format!("no row's name begins with `{pattern}`; --list shows all {}", names.len()));
        }
        let wanted = |row: &Row| match self.rows.as_slice() {
            [] => !(self.quick && row.id.starts_with(SLOW)),
            patterns => patterns.iter().any(|pattern| means(pattern, row.id)),
        };
        let mut selected: Vec<Row> = rows.into_iter().filter(wanted).collect();
        for row in &mut selected {
            row.subjects.retain(|subject| self.includes(subject.name()));
        }
        // Without C, some rows have nobody whose client the server could serve.
        selected.retain(|row| !row.subjects.is_empty());
        if selected.is_empty() {
            return Err("these rows need C: add `c` to --vs".to_owned());
        }
        Ok(selected)
    }

    /// Ours always; others, and those with clients of C, if they are asked for.
    fn includes(&self, subject: &str) -> bool {
        let asked = |name: &str| self.vs.iter().any(|rival| rival.name() == name);
        let implementation = implementation(subject);
        let served = !subject.contains("(C client") || asked("c");
        (implementation == "ours" || asked(implementation)) && served
    }

    /// Whether everybody is there.
    ///
    /// # Errors
    /// Who is missing, and what to do about it.
    pub fn check(&self) -> Result<(), String> {
        for rival in &self.vs {
            let missing = match rival {
                Rival::C => enet_reference::Library::load().err().map(|reason| {
                    format!("{reason}\nInstall the C library (apt-get install libenet-dev), or leave it out: --vs rusty")
                }),
                Rival::Rusty => None,
                Rival::Renet => (!cfg!(feature = "renet")).then(|| feature("renet")),
                Rival::Quinn => (!cfg!(feature = "quinn")).then(|| feature("quinn")),
            };
            if let Some(reason) = missing {
                return Err(reason);
            }
        }
        Ok(())
    }

    /// Whether the standard output is for a program.
    pub fn is_piped(&self) -> bool {
        [&self.json, &self.html].into_iter().flatten().any(|file| file == Path::new("-"))
    }

    /// The command that does this again.
    pub fn said(&self) -> String {
        let mut command = "cargo xtask bench".to_owned();
        if self.quick {
            command += " --quick";
        }
        if !self.rows.is_empty() {
            command += &format!(" --rows {}", self.rows.join(","));
        }
        let rivals: Vec<&str> = self.vs.iter().map(|rival| rival.name()).collect();
        command += &format!(" --vs {}", rivals.join(","));
        if let Some(rounds) = self.rounds {
            command += &format!(" --rounds {rounds}");
        }
        command
    }
}

/// Whether a name begins as the pattern says, whose stars stand for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => name.starts_with(pattern),
        Some((begin, rest)) => name.strip_prefix(begin).is_some_and(|after| {
            after.char_indices().any(|(place, _)| matches(rest, &after[place..])) || matches(rest, "")
        }),
    }
}

/// Rows that are counted under callgrind, fifty times slower than they run.
const SLOW: &str = "instructions-";

fn feature(name: &str) -> String {
    format!(
        "{name} is not compiled in: use `cargo xtask bench --vs {name}`, or `cargo run --features {name}`"
    )
}

/// A file that will be written, open already: who mistypes its path hears of it before minutes are spent on measuring.
pub struct Output<'a> {
    path: &'a Path,
    /// Nothing stands for the standard output.
    file: Option<File>,
}

impl<'a> Output<'a> {
    /// Opens it; `-` is the standard output. What a file contains remains until there is something else to write.
    ///
    /// # Errors
    /// Which file, and why.
    pub fn open(path: &'a Path) -> Result<Self, String> {
        if path == Path::new("-") {
            return Ok(Output { path, file: None });
        }
        let file = File::options().write(true).create(true).truncate(false).open(path);
        Ok(Output { path, file: Some(file.map_err(|error| format!("{}: {error}", path.display()))?) })
    }

    /// Writes it.
    ///
    /// # Errors
    /// Which file, and why.
    pub fn write(self, text: &str) -> Result<(), String> {
        let Some(mut file) = self.file else {
            println!("{text}");
            return Ok(());
        };
        let mut replace = || {
            // A pipe has no length.
            if file.metadata()?.is_file() {
                file.set_len(0)?;
            }
            file.write_all(text.as_bytes())
        };
        replace().map_err(|error: std::io::Error| format!("{}: {error}", self.path.display()))?;
        eprintln!("wrote {}", self.path.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::rows;

    fn parse(text: &str) -> Arguments {
        Arguments::parse_from(std::iter::once("bench").chain(text.split_whitespace()))
    }

    fn names(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn the_arguments_make_sense_to_clap() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_pattern_selects_the_rows_that_begin_with_it() {
        let rows = parse("--rows bulk,idle-1").select(rows::all()).unwrap();
        assert_eq!(names(&rows), ["bulk", "idle-1"], "whole names");
        let rows = parse("--rows bul,idle-1*").select(rows::all()).unwrap();
        assert_eq!(names(&rows), ["bulk", "bulk-server", "idle-1", "idle-1024"]);
        let rows = parse("--rows *64-server").select(rows::socket::rows()).unwrap();
        assert_eq!(names(&rows), ["echo-64-server", "flood-1000x64-server"]);
        for (pattern, name, expected) in [
            ("", "x", true),
            ("*", "x", true),
            ("*-b", "a-b", true),
            ("a*c*e", "abcde-f", true),
            ("a*c*e", "abcd", false),
            ("b", "ab", false),
            ("*é", "ré", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        let error = parse("--rows nonsense").select(rows::all()).err().unwrap();
        assert!(error.contains("`nonsense`") && error.contains("--list"), "{error}");
    }

    #[test]
    fn quick_leaves_out_what_is_slow_unless_it_is_asked_for() {
        let is_slow = |row: &Row| row.id.starts_with(SLOW);
        assert!(!parse("--quick").select(rows::all()).unwrap().iter().any(is_slow));
        assert!(parse("").select(rows::all()).unwrap().iter().any(is_slow));
        assert!(parse("--quick --rows instructions").select(rows::all()).unwrap().iter().all(is_slow));
    }

    #[test]
    fn rivals_are_selected_and_ours_is_always_there() {
        let subjects = |text: &str| {
            let rows = parse(text).select(rows::socket::rows()).unwrap();
            rows[0].subjects.iter().map(|subject| subject.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(subjects("--rows bulk"), ["ours", "c", "rusty"]);
        assert_eq!(subjects("--rows bulk --vs rusty"), ["ours", "rusty"]);
        assert_eq!(subjects("--rows bulk-server"), ["ours (C client)", "c (C client)", "rusty (C client)"]);
        assert!(parse("--rows bulk-server --vs rusty").select(rows::all()).is_err());
    }

    #[test]
    fn the_command_is_said_as_it_was_given() {
        let text = "--quick --rows bulk,idle --vs c,quinn --rounds 3";
        assert_eq!(parse(text).said(), format!("cargo xtask bench {text}"));
        assert_eq!(parse("").said(), "cargo xtask bench --vs c,rusty");
    }

    #[test]
    fn a_wrong_path_is_an_error_before_anything_is_measured() {
        let error = Output::open(Path::new("/no/such/directory/bench.json")).err().unwrap();
        assert!(error.starts_with("/no/such/directory/bench.json: "), "{error}");
    }

    #[test]
    fn a_file_keeps_what_it_contains_until_it_is_written() {
        let path = std::env::temp_dir().join(format!("enet-bench-output-{}", std::process::id()));
        std::fs::write(&path, "the figures of yesterday").unwrap();
        let output = Output::open(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "the figures of yesterday");
        output.write("today's").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "today's");
        std::fs::remove_file(&path).unwrap();
        assert!(Output::open(Path::new("-")).unwrap().file.is_none(), "the standard output");
    }

    #[test]
    fn quick_is_quicker() {
        let (quick, full) = (parse("--quick").effort(), parse("").effort());
        assert!(quick.scale < full.scale && quick.rounds < full.rounds && quick.time < full.time);
        assert_eq!(parse("--quick --rounds 2").effort().rounds, 2);
    }
}
