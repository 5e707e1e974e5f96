//! `coverage`: how many lines of the protocol's crates the tests reach.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::Outcome;
use crate::process::{program, root, succeeds};

/// Runs the tests of the wire, compress, proto and sim crates and the recorded vectors with instrumentation, and prints
/// the share of lines that ran, by crate; unit tests inside a file count as its lines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs:
  rustup component add llvm-tools
  cargo install cargo-llvm-cov --locked

Examples:
  cargo xtask coverage             a line for each crate
  cargo xtask coverage --files     and one for each file, the least covered first")]
pub(crate) struct Coverage {
    /// Print each file, too
    #[arg(long)]
    files: bool,
}

const MEASURED: [&str; 3] = ["enet-wire", "enet-compress", "enet-proto"];
/// Crates whose tests run.
const TESTED: [&str; 5] = ["enet-wire", "enet-compress", "enet-proto", "enet-testkit", "enet-sim"];

/// Lines of a file or crate.
#[derive(Debug, Clone, Copy, Default)]
struct Lines {
    all: u64,
    covered: u64,
}

impl Lines {
    fn percent(self) -> f64 {
        if self.all == 0 { 100.0 } else { self.covered as f64 * 100.0 / self.all as f64 }
    }

    fn plus(self, other: Lines) -> Lines {
        Lines { all: self.all + other.all, covered: self.covered + other.covered }
    }
}

impl std::fmt::Display for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:5.1} %  {:5} of {:5} lines", self.percent(), self.covered, self.all)
    }
}

impl Coverage {
    pub(crate) fn run(self) -> Outcome {
        let installed = program("cargo").args(["llvm-cov", "--version"]).output()?.status.success();
        if !installed {
            return Err("cargo-llvm-cov is missing. Install it:\n  rustup component add llvm-tools\n  \
                        cargo install cargo-llvm-cov --locked"
                .into());
        }
        let output = std::env::temp_dir().join(format!("enet-coverage-{}.json", std::process::id()));
        let mut command = program("cargo");
        command.args(["llvm-cov", "test", "--json", "--summary-only", "--output-path"]).arg(&output);
        command.args(TESTED.iter().flat_map(|name| ["-p", name]));
        if !succeeds(&mut command)? {
            return Ok(false);
        }
        let text = std::fs::read_to_string(&output)?;
        std::fs::remove_file(&output)?;
        self.print(&by_file(&serde_json::from_str(&text)?));
        Ok(true)
    }

    fn print(&self, files: &BTreeMap<String, Lines>) {
        for name in MEASURED {
            let source = format!("{name}/src/");
            let of_crate = files.iter().filter(|(file, _)| file.starts_with(&source));
            if self.files {
                let mut sorted: Vec<_> = of_crate.clone().collect();
                sorted.sort_by(|a, b| a.1.percent().total_cmp(&b.1.percent()));
                for (file, lines) in sorted {
                    println!("{lines}  {file}");
                }
            }
            let lines = of_crate.map(|(_, lines)| *lines).fold(Lines::default(), Lines::plus);
            println!("{lines}  {name}");
        }
    }
}

/// Lines by file, relative to the root, from what `llvm-cov export` writes.
fn by_file(export: &Value) -> BTreeMap<String, Lines> {
    let files = export.pointer("/data/0/files").and_then(Value::as_array);
    let lines_of = |file: &Value| {
        let path = Path::new(file.get("filename")?.as_str()?).strip_prefix(root()).ok()?;
        let number = |name| file.pointer(name).and_then(Value::as_u64);
        let lines =
            Lines { all: number("/summary/lines/count")?, covered: number("/summary/lines/covered")? };
        Some((path.to_string_lossy().replace('\\', "/"), lines))
    };
    files.into_iter().flatten().filter_map(lines_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_from_an_export_of_llvm_cov() {
        let inside = root().join("enet-wire/src/lib.rs");
        let export = serde_json::json!({ "data": [{ "files": [
            { "filename": inside, "summary": { "lines": { "count": 8, "covered": 6, "percent": 75.0 } } },
            { "filename": "/elsewhere/lib.rs", "summary": { "lines": { "count": 1, "covered": 0 } } },
        ] }] });
        let files = by_file(&export);
        assert_eq!(files.len(), 1);
        assert_eq!(files["enet-wire/src/lib.rs"].to_string(), " 75.0 %      6 of     8 lines");
    }
}
