//! The examples are tools: they run, say what happened, and fail when something went wrong.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

#[path = "common/tools.rs"]
mod tools;

use std::net::UdpSocket;
use std::process::Command;

use tools::{Running, example, last_event, run};

const BOTH_ENDS: [&[&str]; 7] = [
    &[],
    &["--compress", "range"],
    &["--compress", "fastlz"],
    &["--compress", "zlib"],
    &["--compress", if cfg!(target_os = "linux") { "zstd" } else { "none" }],
    &["--checksum", "crc32"],
    &["--compress", "range", "--checksum", "crc32"],
];

fn echo_server(options: &[&str]) -> (Running, String) {
    let mut command = Command::new(example("echo_server"));
    let mut server = Running::start(command.args(["--bind", "127.0.0.1:*", "--json"]).args(options));
    let address = server.event("listening")["address"].as_str().unwrap().to_owned();
    (server, address)
}

#[test]
fn everything_reliable_is_echoed_in_every_configuration() {
    for options in BOTH_ENDS {
        let (mut server, address) = echo_server(options);
        let mut client = Command::new(example("echo_client"));
        client.args([
            &address,
            "--channels",
            "3",
            "--count",
            "30",
            "--data",
            "7",
            "--disconnect-data",
            "8",
            "--json",
        ]);
        let output = run(client.args(options));
        assert!(output.status.success(), "{options:?}");
        let totals = last_event(&output.stdout, "totals");
        assert_eq!(totals["reliable_echoed"], 90);
        assert_eq!(totals["wrong"], 0);
        assert_eq!(server.event("connected")["data"], 7);
        let disconnected = server.event("disconnected");
        assert_eq!(disconnected["data"], 8);
        assert_eq!(disconnected["reason"], "disconnected by the remote");
        assert!(server.event("totals")["packets"].as_u64().unwrap() >= 90);
    }
}

#[test]
fn large_packets_and_one_channel_work_too() {
    let (_server, address) = echo_server(&["--channels", "1"]);
    let mut client = Command::new(example("echo_client"));
    let output =
        run(client.args([&address, "--channels", "4", "--count", "8", "--size", "300000", "--json"]));
    assert!(output.status.success());
    assert_eq!(last_event(&output.stdout, "connected")["channels"], 1, "the server grants one");
    assert_eq!(last_event(&output.stdout, "totals")["reliable_echoed"], 8);
}

#[test]
fn a_client_without_a_server_fails() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let output = run(Command::new(example("echo_client")).args([&address, "--seconds", "0.2"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did not answer in time"));
}

#[test]
fn a_client_fails_when_the_server_falls_silent() {
    // This server stops before the client is done; what is reliable is then lost.
    let (server, address) = echo_server(&[]);
    let mut command = Command::new(example("echo_client"));
    let mut client =
        Running::start(command.args([&address, "--count", "100000", "--seconds", "2", "--json"]));
    client.event("connected");
    drop(server);
    let (rest, success) = client.finish();
    assert!(!success);
    assert!(last_event(rest.as_bytes(), "totals")["reliable_lost"].as_u64().unwrap() > 0);
}

#[test]
fn only_who_brings_the_token_is_let_in() {
    let (mut server, address) = echo_server(&["--token", "open sesame"]);
    let visit = |token: &[&str]| {
        let mut client = Command::new(example("echo_client"));
        run(client.args([&address, "--count", "1", "--seconds", "2"]).args(token))
    };
    let wrong = visit(&["--token", "open barley"]);
    assert!(!wrong.status.success());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("refused by the remote (401)"));
    assert!(visit(&["--token", "open sesame"]).status.success());
    server.event("connected");
    assert!(!visit(&[]).status.success(), "and nobody without one");
}

#[test]
fn a_verbose_client_tells_of_its_events_and_if_asked_to_of_its_datagrams() {
    let (_server, address) = echo_server(&[]);
    let said = |level: Option<&str>| {
        let mut client = Command::new(example("echo_client"));
        client.args([&address, "--count", "1", "--verbose"]).env_remove("ENET_LOG").env_remove("RUST_LOG");
        client.envs(level.map(|level| ("ENET_LOG", level)));
        let output = run(&mut client);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (success, lines) = said(None);
    assert!(success);
    for part in ["DEBUG enet_mio::event: connected", "DEBUG enet_mio::event: received", "disconnected"] {
        assert!(lines.contains(part), "{part}");
    }
    assert!(!lines.contains("enet_mio::datagram"));
    let (_, lines) = said(Some("enet_mio::datagram=trace"));
    assert!(
        lines.contains("TRACE enet_mio::datagram: in") && lines.contains("TRACE enet_mio::datagram: out")
    );
    assert!(!lines.contains("enet_mio::event"), "not asked for");
    let (success, lines) = said(Some("enet_mio=loud"));
    assert!(!success && lines.contains("ENET_LOG=enet_mio=loud"), "{lines}");
}

#[test]
fn mismatched_options_do_not_connect() {
    let (_server, address) = echo_server(&["--checksum", "crc32"]);
    let output = run(Command::new(example("echo_client")).args([&address, "--seconds", "0.5"]));
    assert!(!output.status.success());
}

#[test]
fn a_server_stops_when_told_and_says_its_totals() {
    let (server, _) = echo_server(&["--seconds", "0.1"]);
    let (rest, success) = server.finish();
    assert!(success);
    assert_eq!(last_event(rest.as_bytes(), "totals")["connects"], 0);
}

#[test]
fn nonsense_is_refused_with_a_hint() {
    for (tool, options, hint) in [
        ("echo_server", ["--bind", "localhost"], "a port is missing"),
        ("echo_server", ["--bind", "192.0.2.1:0"], "no such address"),
        ("echo_client", ["*:6789", "--json"], "only for listening"),
        ("echo_client", ["localhost:1", "--channels=0"], "0 is not in 1..=255"),
        ("metrics", ["*:0", "--token=secret"], "unexpected argument"),
    ] {
        let output = run(Command::new(example(tool)).args(options));
        assert!(!output.status.success(), "{tool} {options:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(hint), "{tool} {options:?}");
    }
}

#[test]
fn every_tool_explains_itself() {
    for tool in ["echo_server", "echo_client"] {
        let output = run(Command::new(example(tool)).arg("--help"));
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("Examples:"));
    }
    for tool in ["pingpong_server", "pingpong_client", "embed_std_udp", "embed_mio"] {
        let output = run(Command::new(example(tool)).arg("--help"));
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("Usage:"), "{tool}");
    }
}

#[test]
fn the_embedding_examples_assert_and_succeed() {
    for name in ["embed_std_udp", "embed_mio"] {
        let output = run(&mut Command::new(example(name)));
        assert!(output.status.success(), "{name}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("100 packets there and back"));
    }
}

#[test]
fn ping_and_pong_go_on_and_on() {
    // A port that was free a moment ago: these two, like the originals, do not say which one they got.
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut server = Running::start(Command::new(example("pingpong_server")).arg(&address));
    let mut client = Running::start(Command::new(example("pingpong_client")).arg(&address));
    assert!(server.line().ends_with("connected."));
    assert!(client.line().ends_with("connected."));
    for _ in 0..20 {
        assert!(server.line().starts_with("Got message: ping"));
        assert!(client.line().starts_with("Got message: pong"));
    }
}

#[test]
fn the_server_of_the_readme_has_twelve_lines() {
    let readme = include_str!("../README.md");
    let server = readme.split("```").nth(1).unwrap().strip_prefix("rust,no_run\n").unwrap();
    assert!(server.contains("fn main()"));
    assert_eq!(server.lines().count(), 12);
}
