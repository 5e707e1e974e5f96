//! `vectors`: the judge of recordings, on files.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use enet_testkit::vectors::{Report, check_file};

use crate::Outcome;
use crate::process::root;

/// Recorded datagrams are decoded and encoded again, recorded lives of a C host are lived again by ours; every datagram,
/// event and counter must be the same. A file is recognised by its content: JSON, gzipped JSON, or lines of hexadecimal
/// digits. What the files hold is written in docs/PROTOCOL.md §21.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask vectors                            everything in enet-testkit/vectors
  cargo xtask vectors traces.json.gz mine.hex    these files

The exit code is 0 if everything is identical, else 1.")]
pub(crate) struct Vectors {
    /// Files to judge; all of enet-testkit/vectors if none are given
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Vectors {
    pub(crate) fn run(self) -> Outcome {
        let files = if self.files.is_empty() { of_the_repository()? } else { self.files };
        let mut total = Total::default();
        for file in &files {
            match check_file(file) {
                Ok(report) => {
                    println!("{}: {report}", file.display());
                    total.add(&report);
                }
                Err(mismatch) => {
                    println!("DIFFERENT {mismatch}");
                    total.different += 1;
                }
            }
        }
        println!("{total}");
        Ok(total.different == 0)
    }
}

fn of_the_repository() -> Result<Vec<PathBuf>, Box<dyn std::error::Error>> {
    let folder = root().join("enet-testkit/vectors");
    let mut files = Vec::new();
    collect(&folder, &mut files).map_err(|error| format!("{}: {error}", folder.display()))?;
    if files.is_empty() {
        return Err(format!("no vectors in {}", folder.display()).into());
    }
    files.sort();
    // Short names where we stand in the root, as usual.
    let here = std::env::current_dir()?;
    Ok(files.into_iter().map(|file| file.strip_prefix(&here).map(Path::to_owned).unwrap_or(file)).collect())
}

/// The vector files below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let extension = path.extension().and_then(OsStr::to_str);
        match extension {
            _ if path.is_dir() => collect(&path, files)?,
            Some("json" | "gz" | "hex") => files.push(path),
            _ => {}
        }
    }
    Ok(())
}

/// Sums over all files.
#[derive(Debug, Default)]
struct Total {
    identical: usize,
    different: usize,
    cases: usize,
    datagrams: usize,
    values: usize,
    skipped: usize,
}

impl Total {
    fn add(&mut self, report: &Report) {
        self.identical += 1;
        self.cases += report.cases;
        self.datagrams += report.datagrams;
        self.values += report.values;
        self.skipped += report.skipped.as_ref().map_or(0, |(count, _)| *count);
    }
}

impl std::fmt::Display for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Total { identical, different, cases, datagrams, values, skipped } = self;
        write!(f, "total: {cases} cases, {datagrams} datagrams identical, {values} values equal")?;
        write!(f, ", {skipped} skipped; {identical} files identical, {different} different")
    }
}
