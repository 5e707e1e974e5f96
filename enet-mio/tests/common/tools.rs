//! Building and running the examples as a user would.
#![allow(dead_code, unreachable_pub)] // every test binary uses its own part
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The path of a freshly built example.
pub fn example(name: &str) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY
        .get_or_init(|| {
            // …/<target directory>/<profile>/deps/<this test>
            let test = std::env::current_exe().unwrap();
            let profile = test.ancestors().nth(2).unwrap();
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args([
                "build",
                "--quiet",
                "--offline",
                "--package",
                "enet-mio",
                "--examples",
                "--target-dir",
            ]);
            cargo.arg(profile.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
            if profile.ends_with("release") {
                cargo.arg("--release");
            }
            assert!(cargo.status().unwrap().success(), "the examples do not build");
            profile.join("examples")
        })
        .join(name)
}

/// A program that runs beside the test, ended with it at the latest.
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Running { child, stdout }
    }

    /// Sends it a signal: `STOP`, `CONT`.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success(), "kill -s {name}");
    }

    /// Types a line into it; its `stdin` must be piped.
    pub fn type_line(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
    }

    /// The next line it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next line that has this in it.
    pub fn line_with(&mut self, part: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "ended without `{part}`");
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The next line with this event.
    pub fn event(&mut self, event: &str) -> Value {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "ended without `{event}`");
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            if value["event"] == event {
                return value;
            }
        }
    }

    /// What else it prints, and whether it succeeds. Its input ends.
    pub fn finish(mut self) -> (String, bool) {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let success = self.child.wait().unwrap().success();
        (rest, success)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs to the end.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    output
}

/// The last line with this event.
pub fn last_event(stdout: &[u8], event: &str) -> Value {
    let lines = String::from_utf8_lossy(stdout);
    let values = lines.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    values
        .into_iter()
        .find(|value| value["event"] == event)
        .unwrap_or_else(|| panic!("no `{event}` in {lines}"))
}
