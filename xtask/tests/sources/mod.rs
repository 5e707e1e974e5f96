//! What the workspace's sources say, for tests of pages that name tests, files and items.
#![allow(dead_code)] // every test uses its own part

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// What stands between backticks.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The lines of a source, without what is around them.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).collect()
}

/// The lines of each source below `folders`.
pub fn below(folders: &[&str]) -> Vec<Vec<String>> {
    let mut files = Vec::new();
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(lines(&fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    files
}

/// The names of the tests in these lines.
pub fn tests(lines: &[String]) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    for (at, line) in lines.iter().enumerate() {
        if line == "#[test]" {
            let names = lines[at + 1..].iter().take(4).filter_map(|line| line.strip_prefix("fn "));
            tests.extend(names.take(1).filter_map(|name| name.split('(').next()));
        }
    }
    tests
}
