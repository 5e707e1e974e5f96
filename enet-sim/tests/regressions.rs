//! Replays every world of `regressions/`: each of them once broke a property, and breaks nothing any more.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use enet_sim::shrink::Regression;

/// A mutant is chosen for the whole process: worlds of one test do not run while another has chosen.
static WORLDS: Mutex<()> = Mutex::new(());

/// The files of a folder, by name.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

fn read(path: &Path) -> Regression {
    let text = std::fs::read_to_string(path).unwrap();
    Regression::from_toml(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn no_world_that_once_broke_a_property_breaks_one_again() {
    let _alone = WORLDS.lock().unwrap_or_else(PoisonError::into_inner);
    let files = files("regressions");
    assert!(!files.is_empty(), "there are no regressions: the test would show nothing");
    let mut broken = String::new();
    for path in &files {
        let regression = read(path);
        for violation in regression.replay().violations {
            broken += &format!("\n{}: {violation}", path.display());
        }
    }
    assert!(
        broken.is_empty(),
        "{} worlds replayed:{broken}\nsee it with cargo xtask sim replay FILE --log",
        files.len()
    );
}

#[test]
fn each_file_says_what_was_wrong_and_is_what_would_be_written_today() {
    for path in files("regressions") {
        let regression = read(&path);
        let name = path.display();
        assert!(!regression.property.is_empty(), "{name} does not say which property it broke");
        assert!(!regression.what.is_empty(), "{name} does not say what was wrong");
        let again = Regression::from_toml(&regression.to_toml());
        assert_eq!(again.as_ref(), Ok(&regression), "{name}");
    }
}

/// The files named `mutant-NAME…` each show one deliberate bug: with it they fail, or they would be no tests.
#[cfg(enet_mutants)]
#[test]
fn a_regression_fails_while_its_bug_is_there() {
    use enet_proto::mutants::{Mutant, select};
    let _alone = WORLDS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut shown = 0;
    for path in files("regressions") {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let Some(name) = stem.strip_prefix("mutant-") else { continue };
        let mutant: Mutant = name.parse().unwrap_or_else(|error| panic!("{stem}: {error}"));
        let regression = read(&path);
        select(Some(mutant));
        let violations = regression.replay().violations;
        select(None);
        let found = violations.iter().any(|violation| violation.property == regression.property);
        assert!(found, "{stem}: {violations:?}");
        assert!(regression.replay().violations.is_empty(), "{stem}");
        shown += 1;
    }
    assert!(shown > 0);
}
