//! `cargo xtask sim` as people and scripts use it: exit codes, JSON keys, files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy.toml covers only functions that are tests themselves"
)]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

fn sim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("sim").args(arguments).output().expect("xtask runs")
}

fn json(arguments: &[&str]) -> Value {
    let output = sim(arguments);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn run_has_the_keys_that_scripts_rely_on() {
    let records = json(&["run", "lan", "--peers", "ours", "--json", "-"]);
    let record = &records[0];
    for key in [
        "scenario",
        "seed",
        "sender",
        "receiver",
        "latency_ms",
        "unreliable_latency_ms",
        "delivered",
        "sent",
        "goodput_bytes_per_s",
        "wire_bytes",
        "payload_bytes",
        "datagrams",
        "retransmissions",
        "needless_retransmissions",
        "disconnects",
        "trace_hash",
    ] {
        assert!(keys(record).contains(&key), "{key}");
    }
    for latency in ["latency_ms", "unreliable_latency_ms"] {
        for key in ["mean", "p50", "p95", "p99", "p999", "max"] {
            assert!(record[latency][key].is_number(), "{latency} {key}");
        }
    }
    assert_eq!((record["scenario"].as_str(), record["sender"].as_str()), (Some("lan"), Some("ours")));
}

#[test]
fn swarm_has_the_keys_that_scripts_rely_on() {
    let report = json(&["swarm", "--worlds", "40", "--jobs", "2", "--json", "-"]);
    for key in [
        "worlds",
        "worlds_per_minute_per_core",
        "violations",
        "marks_reached",
        "marks_total",
        "mutants_caught",
        "mutants_total",
        "seconds",
    ] {
        assert!(report[key].is_number(), "{key}");
    }
    assert_eq!(report["violations"], 0);
    assert_eq!(report["worlds_run"], 40);
}

#[test]
fn a_failing_expectation_is_exit_code_1_and_said() {
    let file = scratch("hopeless.toml");
    let mut scenario = enet_sim::Scenario::built_in("lossy-20").unwrap();
    scenario.duration = enet_sim::Span::from_secs(5);
    scenario.expect.p99 = Some(enet_sim::Span::from_millis(50));
    std::fs::write(&file, scenario.to_toml()).unwrap();
    let output = sim(&["run", file.to_str().unwrap(), "--peers", "ours"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("not as expected"));
}

#[test]
fn what_makes_no_sense_is_a_sentence_and_not_a_panic() {
    for (arguments, words) in [
        (&["run", "lossy-6"][..], "lossy-5"),
        (&["run", "lan", "--peers", "nobody"], "none of ours, c, rusty"),
        (&["replay"], "--seed"),
        (&["replay", "/there/is/no/such/file.toml"], "file.toml"),
        (&["soak", "--days", "many"], "not a time"),
    ] {
        let output = sim(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_world_is_replayed_from_the_file_it_was_saved_to() {
    let file = scratch("world.toml");
    let path = file.to_str().unwrap();
    let first = sim(&["replay", "--seed", "0x1234", "--save", path]);
    let second = sim(&["replay", path]);
    assert!(first.status.success(), "{first:?}");
    assert_eq!(first.stdout, second.stdout);
}

#[test]
fn report_and_capture_are_written() {
    let (html, pcap) = (scratch("report.html"), scratch("trace.pcapng"));
    let arguments =
        ["run", "lan", "--peers", "ours", "--html", html.to_str().unwrap(), "--pcap", pcap.to_str().unwrap()];
    assert!(sim(&arguments).status.success());
    assert!(std::fs::read_to_string(html).unwrap().contains("<svg"));
    assert_eq!(std::fs::read(pcap).unwrap()[..4], [0x0A, 0x0D, 0x0D, 0x0A]);
}
