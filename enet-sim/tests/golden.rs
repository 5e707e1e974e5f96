//! Golden hashes: 32 random worlds, each of which must run as it always did, in debug and in release, in each process, on
//! each platform. `golden/worlds.txt` holds a line for each: seed, trace hash.
//!
//! The hashes may change when a change is meant to alter what a host sends or when (`enet-proto`, `enet-wire`), what the
//! network does or how worlds are drawn (`enet-sim`), and then all of them will. The commit says why. A change that is
//! meant to alter nothing must not alter a hash: that one differs on one platform only is always a bug.
//!
//! `BLESS=1 cargo test -p enet-sim --test golden` writes the file anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use enet_sim::swarm;
use enet_sim::world::{Cast, World};

const WORLDS: usize = 32;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/worlds.txt")
}

/// Of each world: seed and hash.
fn hashes() -> String {
    let mut text = String::new();
    for seed in (0..).take(WORLDS) {
        let scenario = swarm::scenario(seed);
        let mut world = World::new(&scenario, Cast::OURS, ()).unwrap();
        world.run();
        let (_, extent, trace) = world.finish();
        assert!(extent.datagrams > 0, "world {seed} shows nothing");
        writeln!(text, "{seed} {trace}").unwrap();
    }
    text
}

/// The lines that differ.
fn difference(expected: &str, seen: &str) -> String {
    let mut lines: Vec<_> = expected.lines().zip(seen.lines()).filter(|(old, new)| old != new).collect();
    lines.truncate(5);
    lines.into_iter().fold(String::new(), |text, (old, new)| text + &format!("\n  was {old}\n  is  {new}"))
}

#[test]
fn golden_worlds_run_as_they_always_did() {
    let seen = hashes();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path(), &seen).unwrap();
    }
    let expected = std::fs::read_to_string(path()).unwrap();
    assert_eq!(expected.lines().count(), WORLDS);
    assert!(
        seen == expected,
        "worlds run differently from before: {}\nIf that is meant: BLESS=1 cargo test -p enet-sim --test golden",
        difference(&expected, &seen)
    );
}

/// What the other process is asked to do: it prints the hashes.
const CHILD: &str = "ENET_SIM_GOLDEN_CHILD";

#[test]
fn golden_worlds_are_the_same_in_another_process() {
    if std::env::var_os(CHILD).is_some() {
        println!("{}", hashes());
        return;
    }
    let name = "golden_worlds_are_the_same_in_another_process";
    // Another environment, and so other addresses and other seeds of hash maps.
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "x".repeat(4_321))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let is_hash = |line: &&str| {
        line.split_once(' ').is_some_and(|(seed, hash)| seed.parse::<u64>().is_ok() && hash.len() == 16)
    };
    let other: String = text.lines().filter(is_hash).map(|line| format!("{line}\n")).collect();
    let own = hashes();
    assert_eq!(other.lines().count(), WORLDS, "{text}");
    assert!(own == other, "two processes: {}", difference(&own, &other));
}
