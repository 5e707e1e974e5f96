//! `cargo xtask attack` as people and scripts use it: it runs, it tells the truth about C, and it stays at home.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy.toml covers only functions that are tests themselves"
)]

use std::process::{Command, Output};

use serde_json::Value;

fn attack(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("attack").args(arguments).output().expect("xtask runs")
}

/// The C library's records of attacks that hurt it, as (attack, what): those that this machine allows.
fn misses_of_c(records: &[Value]) -> Vec<(&str, &str)> {
    let of_c = records.iter().filter(|record| record["against"] == "c" && record["met"] == false);
    of_c.map(|record| (record["attack"].as_str().unwrap(), record["what"].as_str().unwrap())).collect()
}

#[test]
fn whatever_is_not_loopback_is_refused() {
    for address in ["192.0.2.1:6789", "8.8.8.8:53", "example.org:6789", "[2001:db8::1]:1", "0.0.0.0:6789"] {
        let output = attack(&["--quick", "--against", address]);
        assert_eq!(output.status.code(), Some(2), "{address}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("not loopback") || said.contains("no address"), "{address}: {said}");
    }
}

#[test]
fn an_attack_that_does_not_exist_is_an_error_that_says_so() {
    let output = attack(&["--only", "A19"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("A19"), "{output:?}");
}

/// The one test that runs them all.
#[test]
fn every_attack_has_a_figure_and_c_shows_the_damage() {
    if enet_testkit::libenet::library_or_skip("cargo xtask attack").is_none() {
        return;
    }
    let output = attack(&["--quick", "--json", "-"]);
    let records: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let records = records.as_array().unwrap();
    for record in records {
        for key in ["attack", "against", "figure", "unit", "target", "met"] {
            assert!(record.get(key).is_some(), "{key} in {record}");
        }
        let note = record["note"].as_str().unwrap();
        assert!(!note.starts_with("FAILED"), "{record}");
        if note.starts_with("SKIPPED") {
            eprintln!("SKIPPED: {}: {note}", record["attack"]);
        }
    }
    for number in 1..=18 {
        for against in ["ours", "c"] {
            let id = format!("A{number}");
            assert!(
                records.iter().any(|record| record["attack"] == *id && record["against"] == against),
                "{id} {against}"
            );
        }
    }
    let misses = misses_of_c(records);
    // No figures of time: this is a test. A4 and A6 need the right to open raw sockets.
    for id in ["A1", "A2", "A3", "A5", "A7", "A8", "A9", "A11", "A12"] {
        assert!(misses.iter().any(|(attack, _)| *attack == id), "C suffers from {id}: {misses:?}");
    }
    // What holds of ours on any machine; the others need time or room.
    for record in records.iter().filter(|record| record["against"] == "ours") {
        if ["A1", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A11", "A12", "A17", "A18"]
            .contains(&record["attack"].as_str().unwrap())
        {
            assert_ne!(record["met"], false, "{record}");
        }
    }
}
