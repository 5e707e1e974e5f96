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
fn recovery_runs_rows_and_subjects_and_has_the_keys_that_scripts_rely_on() {
    let (page, plots) = (scratch("recovery.html"), scratch("recovery.svg"));
    let [page, plots] = [&page, &plots].map(|path| path.to_str().unwrap());
    let cells = json(&[
        "recovery",
        "--seeds",
        "2",
        "--duration",
        "5s",
        "--subjects",
        "modern,repeat2,kcp",
        "--html",
        page,
        "--svg",
        plots,
        "--json",
        "-",
    ]);
    let rows: Vec<&str> =
        cells.as_array().unwrap().iter().map(|cell| cell["row"].as_str().unwrap()).collect();
    assert!(rows.contains(&"recovery-10") && rows.contains(&"recovery-outage-8s"), "{rows:?}");
    for cell in cells.as_array().unwrap() {
        assert_eq!((cell["seeds"].as_u64(), cell["lost_runs"].is_number()), (Some(2), true));
        for key in [
            "p50_ms",
            "p99_ms",
            "p999_ms",
            "wire_bytes_per_message",
            "datagrams_per_message",
            "transmissions_per_command",
            "needless_percent",
            "lost_connections",
            "first_after_cut_ms",
            "worst_second_percent",
        ] {
            let spread = &cell[key];
            assert!(
                spread.is_null() || spread["median"].is_number() && spread["max"].is_number(),
                "{key}: {cell}"
            );
        }
        for goal in cell["goals"].as_array().unwrap() {
            assert!(
                goal["measure"].is_string() && goal["goal"].is_string() && goal["met"].is_boolean(),
                "{goal}"
            );
            assert_ne!(cell["subject"], "kcp", "goals are for ours");
        }
    }
    let even = cells.as_array().unwrap().iter().find(|cell| cell["row"] == "recovery-0").unwrap();
    assert_eq!((even["subject"].as_str(), even["p99_ms"]["median"].as_f64()), (Some("modern"), Some(40.0)));
    assert!(std::fs::read_to_string(page).unwrap().starts_with("<!doctype html>"));
    let plots = std::fs::read_to_string(plots).unwrap();
    assert!(plots.starts_with("<svg xmlns=") && plots.contains("KCP"), "{plots}");
}

#[test]
fn proxy_passes_datagrams_on_and_counts_them() {
    let target = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    target.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let address = target.local_addr().unwrap().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["proxy", "127.0.0.1:0", &address, "--link", "recovery-0", "--secs", "2"]);
    let mut proxy = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(proxy.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    let listens = line.split(' ').next().unwrap();
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    client.send_to(b"ping", listens).unwrap();
    let mut buffer = [0; 16];
    let (len, from) = target.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"ping");
    target.send_to(b"pong!", from).unwrap();
    assert_eq!(client.recv(&mut buffer).unwrap(), 5);
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut said, &mut rest).unwrap();
    assert!(proxy.wait().unwrap().success());
    assert!(
        rest.contains("up    1 datagrams, 0 lost") && rest.contains("down  1 datagrams, 0 lost"),
        "{rest}"
    );
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
        (&["recovery", "--rows", "nothing"], "recovery-10"),
        (&["recovery", "--subjects", "nobody"], "none of c, compat"),
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

/// Words, not columns: their widths follow the widest.
#[test]
fn the_readmes_table_is_what_the_tour_prints() {
    let readme = include_str!("../../README.md");
    let (_, table) = readme.split_once("scenario   from→to").expect("the tour's table");
    let rows: Vec<Vec<&str>> = words_of(table.split("```").next().unwrap()).skip(1).collect();
    assert_eq!(rows.len(), 10, "five networks, ours and C");

    let html = scratch("tour.html");
    let output = sim(&["--html", html.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    let has_c = said.contains("c→c");
    if !has_c {
        eprintln!("SKIPPED: C's rows, for libenet is not installed (apt-get install libenet7)");
    }
    for row in rows.iter().filter(|row| has_c || row[1] != "c→c") {
        assert!(words_of(&said).any(|words| words == *row), "{row:?} is not in\n{said}");
    }
}

fn words_of(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).filter(|words: &Vec<_>| !words.is_empty())
}
