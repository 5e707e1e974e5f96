//! `mutants`: proof that the recorded traces and the tests notice a changed rule.

mod edits;
mod features;
mod recovery;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use self::edits::{EDITS, Edit};
use self::features::FEATURES;
use self::recovery::RECOVERY;
use crate::Outcome;
use crate::process::{program, root};

/// Edits one rule of enet-proto at a time, in a copy of the workspace, and looks who notices: first `cargo xtask vectors`,
/// then enet-proto's own tests. Prints a table; an edit that nobody notices is a hole in the tests.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask mutants                  every edit (about a quarter of an hour)
  cargo xtask mutants window throttle  those with one of these words in their rule
  cargo xtask mutants --features       20 rows of docs/FEATURES.md: whether the test that each names notices
  cargo xtask mutants --list           the edits, without running anything

The exit code is 0 if every edit was noticed, else 1.")]
pub(crate) struct Mutants {
    /// Only edits whose rule contains one of these
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Break rows of docs/FEATURES.md instead, and run the test that each names
    #[arg(long)]
    features: bool,
    /// Print the edits and check that each still applies
    #[arg(long)]
    list: bool,
}

/// A mutant that takes so many times as long as the unchanged tree hangs, which is noticed too.
const PATIENCE: u32 = 10;

/// The compiler never hangs because of a mutant: for it this is merely an end.
const BUILD: Duration = Duration::from_secs(3600);

impl Mutants {
    pub(crate) fn run(self) -> Outcome {
        let chosen =
            |edit: &&Edit| self.words.is_empty() || self.words.iter().any(|word| edit.rule.contains(word));
        let edits: Vec<&Edit> = match self.features {
            true => FEATURES.iter().filter(chosen).collect(),
            false => EDITS.iter().chain(RECOVERY).filter(chosen).collect(),
        };
        for edit in &edits {
            match self.features {
                true => features::check(edit, &root())?,
                false => apply(edit, &root()).map(|_| ())?,
            }
        }
        if self.list {
            for edit in &edits {
                println!("{:24} {}", edit.file, edit.rule);
            }
            println!("{} edits, each applies", edits.len());
            return Ok(true);
        }
        let tree = Tree::new()?;
        if self.features {
            return features::run(&edits, &tree);
        }
        println!("checking the unchanged tree ...");
        if let Some(error) = tree.build()? {
            return Err(format!("the unchanged tree does not compile: {error}").into());
        }
        let started = Instant::now();
        if let Some(noticed) = tree.notice(BUILD)? {
            return Err(format!("the unchanged tree fails already: {noticed}").into());
        }
        let patience = started.elapsed() * PATIENCE;
        let (mut survivors, mut stillborn) = (0, 0);
        println!("{:>4}  {:60} {:>5}  noticed by", "", "rule changed", "s");
        for (number, edit) in (1..).zip(&edits) {
            let started = Instant::now();
            let by = tree.with(edit, |tree| {
                if let Some(error) = tree.build()? {
                    stillborn += 1;
                    return Ok(format!("NOBODY COULD: mend the edit, it does not compile: {error}"));
                }
                let noticed = tree.notice(patience)?;
                survivors += usize::from(noticed.is_none());
                Ok(noticed.unwrap_or_else(|| "NOBODY".to_owned()))
            })?;
            println!("{number:>4}  {:60} {:>5}  {by}", edit.rule, started.elapsed().as_secs());
        }
        let noticed = edits.len() - survivors - stillborn;
        println!("{} edits, {noticed} noticed, {survivors} not, {stillborn} do not compile", edits.len());
        Ok(noticed == edits.len())
    }
}

/// The edited text of a file, if the edit applies exactly once.
fn apply(edit: &Edit, root: &Path) -> Result<(PathBuf, String, String), Box<dyn std::error::Error>> {
    let folder = if edit.file.starts_with("enet-") { root.to_owned() } else { root.join("enet-proto/src") };
    let path = folder.join(edit.file);
    let text = fs::read_to_string(&path)?;
    match text.matches(edit.find).count() {
        1 => Ok((path, text.replace(edit.find, edit.replace), text)),
        count => Err(format!(
            "{}: {:?} occurs {count} times, not once: bring the edit up to date",
            edit.file, edit.find
        )
        .into()),
    }
}

/// The sources below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// A copy of the workspace with a build folder of its own.
struct Tree {
    root: PathBuf,
    build: PathBuf,
}

impl Tree {
    fn new() -> Result<Tree, Box<dyn std::error::Error>> {
        let base = root().join("target/mutants");
        let tree = Tree { root: base.join("tree"), build: base.join("build") };
        let _ = fs::remove_dir_all(&tree.root);
        let listed =
            program("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output()?;
        for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            let (from, to) = (root().join(name), tree.root.join(name));
            if let (true, Some(folder)) = (from.is_file(), to.parent()) {
                fs::create_dir_all(folder)?;
                fs::copy(&from, &to)?;
            }
        }
        Ok(tree)
    }

    fn with<R>(
        &self,
        edit: &Edit,
        look: impl FnOnce(&Tree) -> Result<R, Box<dyn std::error::Error>>,
    ) -> Result<R, Box<dyn std::error::Error>> {
        let (path, edited, original) = apply(edit, &self.root)?;
        fs::write(&path, edited)?;
        let result = look(self);
        fs::write(&path, original)?;
        result
    }

    /// Builds what notices; what the compiler says if it cannot.
    fn build(&self) -> Result<Option<String>, Box<dyn std::error::Error>> {
        let judge = ["build", "--quiet", "-p", "enet-testkit", "--example", "check"];
        let tests = ["test", "--quiet", "-p", "enet-proto", "--no-run"];
        for arguments in [&judge[..], &tests] {
            let built = self.cargo_within(BUILD, arguments)?;
            if !built.passed {
                let error = built.output.lines().find(|line| line.starts_with("error"));
                return Ok(Some(error.unwrap_or("the compiler does not say why").to_owned()));
            }
        }
        Ok(None)
    }

    /// Who notices that something is wrong, if anybody; of what is built.
    fn notice(&self, patience: Duration) -> Result<Option<String>, Box<dyn std::error::Error>> {
        let mut judge = vec!["run", "--quiet", "-p", "enet-testkit", "--example", "check", "--"];
        let files = [
            "traces.json.gz",
            "traces_volume.json.gz",
            "delivery.json.gz",
            "bandwidth.json.gz",
            "rtt_throttle.json.gz",
            "packet_loss.json.gz",
            "ack_time.json.gz",
        ]
        .map(|file| format!("enet-testkit/vectors/{file}"));
        judge.extend(files.iter().map(String::as_str));
        let run = self.cargo_within(patience, &judge)?;
        if !run.passed {
            let first = run
                .output
                .lines()
                .find(|line| !line.trim().is_empty() && !line.contains("identical"))
                .unwrap_or("vectors: no answer in time");
            let place = first.rsplit('/').next().unwrap_or(first);
            return Ok(Some(place.chars().take(90).collect()));
        }
        let run = self.cargo_within(patience, &["test", "--quiet", "-p", "enet-proto", "--no-fail-fast"])?;
        if run.passed {
            return Ok(None);
        }
        let failed =
            run.output.lines().find_map(|line| line.strip_prefix("---- ")?.strip_suffix(" stdout ----"));
        Ok(Some(format!("test {}", failed.unwrap_or("run: no answer in time"))))
    }

    fn cargo_within(
        &self,
        patience: Duration,
        arguments: &[&str],
    ) -> Result<Run, Box<dyn std::error::Error>> {
        let mut command: Command = program("cargo");
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.build)
            .env("RUSTFLAGS", "-Awarnings")
            .args(arguments);
        // With what it starts, which would go on alone, and hold the pipes open.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let reader = std::thread::spawn(move || read(out));
        let errors = std::thread::spawn(move || read(err));
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if started.elapsed() > patience {
                #[cfg(unix)]
                program("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status()?;
                child.kill()?;
                child.wait()?;
                break None;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let mut output = reader.join().unwrap_or_default();
        output.push_str(&errors.join().unwrap_or_default());
        Ok(Run { passed: status.is_some_and(|status| status.success()), output })
    }
}

struct Run {
    passed: bool,
    output: String,
}

fn read(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edit_still_applies_exactly_once() {
        for edit in EDITS.iter().chain(RECOVERY) {
            assert!(apply(edit, &root()).is_ok(), "{}: {}", edit.file, edit.rule);
        }
        assert!(EDITS.len() >= 30);
        for edit in FEATURES {
            features::check(edit, &root()).unwrap();
        }
        assert_eq!(FEATURES.len(), 20);
    }
}
