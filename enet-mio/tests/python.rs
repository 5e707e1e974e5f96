//! Against the C library itself, through its Python binding: our server with its client, our client with its server.
//!
//! Needs `python3-enet` (`apt install python3-enet`); skips with a reason where it is missing, fails if `CI=true`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

#[path = "common/tools.rs"]
mod tools;

use std::process::Command;

use serde_json::Value;
use tools::{Running, example, last_event, run};

const BOTH_ENDS: [&[&str]; 4] = [
    &[],
    &["--compress", "range"],
    &["--checksum", "crc32"],
    &["--compress", "range", "--checksum", "crc32"],
];

/// A Python that has the binding.
fn python() -> Option<&'static str> {
    let has_binding = |python: &&str| {
        Command::new(python).args(["-c", "import enet"]).output().is_ok_and(|output| output.status.success())
    };
    let found = ["/usr/bin/python3", "python3"].into_iter().find(has_binding);
    if found.is_none() {
        let reason = "no Python has the module `enet`; try `apt install python3-enet`";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
        println!("skipped: {reason}");
    }
    found
}

fn script(python: &str, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(format!("{}/tests/python/{name}", env!("CARGO_MANIFEST_DIR")));
    command
}

fn echo_server(options: &[&str]) -> (Running, String) {
    let mut command = Command::new(example("echo_server"));
    let mut server = Running::start(command.args(["--bind", "127.0.0.1:*", "--json"]).args(options));
    let address = server.event("listening")["address"].as_str().unwrap().to_owned();
    (server, address)
}

fn assert_flawless(totals: &Value, reliable: u64) {
    assert_eq!(totals["wrong"], 0);
    assert_eq!(totals["reliable_lost"], 0);
    assert_eq!(totals["reliable_echoed"], reliable);
    for kind in ["unreliable", "unreliable_fragments", "unsequenced"] {
        // Some may fall to the throttle, on either end; if none came back, something else is wrong.
        assert!(totals[format!("{kind}_echoed")].as_u64().unwrap() > 0, "{kind}");
    }
}

#[test]
fn a_c_client_has_everything_echoed_by_our_server() {
    let Some(python) = python() else { return };
    for options in BOTH_ENDS {
        println!("--- {options:?}");
        let (mut server, address) = echo_server(options);
        let port = address.rsplit(':').next().unwrap();
        let mut client = script(python, "echo_client.py");
        client.args([
            "127.0.0.1",
            port,
            "--channels",
            "3",
            "--data",
            "4294967295",
            "--disconnect-data",
            "12",
        ]);
        let output = run(client.args(options));
        assert!(output.status.success());
        assert_flawless(&last_event(&output.stdout, "totals"), 3 * 50);
        assert_eq!(server.event("connected")["data"], u32::MAX);
        let disconnected = server.event("disconnected");
        assert_eq!(disconnected["data"], 12);
        assert_eq!(disconnected["reason"], "disconnected by the remote");
        assert_eq!(server.event("totals")["discarded"], 0, "nothing the C library sent was refused");
    }
}

#[test]
fn our_client_has_everything_echoed_by_a_c_server() {
    let Some(python) = python() else { return };
    for options in BOTH_ENDS {
        println!("--- {options:?}");
        let mut server = Running::start(script(python, "echo_server.py").args(options));
        let address = server.event("listening")["address"].as_str().unwrap().to_owned();
        let mut client = Command::new(example("echo_client"));
        client.args([
            &address,
            "--channels",
            "5",
            "--count",
            "50",
            "--json",
            "--data",
            "21",
            "--disconnect-data",
            "22",
        ]);
        let output = run(client.args(options));
        assert!(output.status.success());
        assert_flawless(&last_event(&output.stdout, "totals"), 5 * 50);
        let connected = server.event("connected");
        assert_eq!(connected["data"], 21);
        assert_eq!(connected["mtu"], 1392, "ours is the smaller");
        assert_eq!(connected["channels"], 5);
        assert_eq!(server.event("disconnected")["data"], 22);
        assert!(server.finish().1);
    }
}

#[test]
fn without_the_same_checksum_neither_side_understands_the_other() {
    let Some(python) = python() else { return };
    let (_server, address) = echo_server(&["--checksum", "crc32"]);
    let port = address.rsplit(':').next().unwrap();
    let output = run(script(python, "echo_client.py").args(["127.0.0.1", port, "--seconds", "0.7"]));
    assert_eq!(last_event(&output.stdout, "failed")["why"], "no connection");

    let mut server = Running::start(&mut script(python, "echo_server.py"));
    let address = server.event("listening")["address"].as_str().unwrap().to_owned();
    let mut client = Command::new(example("echo_client"));
    let output = run(client.args([&address, "--checksum", "crc32", "--seconds", "0.7"]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did not answer in time"));
}
