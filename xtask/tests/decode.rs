//! `cargo xtask decode` on the repository's recordings, and on a capture of the laboratory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "it is a test")]

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// What it prints, line by line, and whether it went well.
fn decode(arguments: &[&str]) -> (Vec<String>, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("decode").args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text.lines().map(str::to_owned).collect(), output.status.code() == Some(0))
}

fn recording(name: &str) -> String {
    format!("{}/../enet-testkit/vectors/godot3/{name}.hex", env!("CARGO_MANIFEST_DIR"))
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn what_godot_said_is_decoded_in_every_mode() {
    let modes =
        [("none", "range"), ("range", "range"), ("fastlz", "fastlz"), ("zlib", "zlib"), ("zstd", "zstd")];
    for (name, codec) in modes.into_iter().take(if cfg!(target_os = "linux") { 5 } else { 4 }) {
        let file = recording(name);
        let (lines, all_decoded) = decode(&[&file, "--compress", codec]);
        assert!(all_decoded, "{name}");
        assert_eq!(lines.len(), std::fs::read_to_string(&file).unwrap().lines().count());
        assert!(
            lines[0].starts_with("peer unknown session 0 sent ") && lines[0].contains(": CONNECT control#1 "),
            "{}",
            lines[0]
        );
        assert!(lines.iter().any(|line| line.contains("FRAGMENT ")), "{name}");
    }
    let (lines, all_decoded) = decode(&[&recording("zlib"), "--compress", "fastlz"]);
    assert!(!all_decoded && lines[0].contains("by which codec"), "{}", lines[0]);
}

#[test]
fn a_checksum_is_shown_if_there_is_one() {
    let file = scratch("checksum.hex");
    std::fs::write(&file, "0000c85de83101ff00020002424c\n").unwrap(); // PROTOCOL.md §20
    let file = file.to_str().unwrap();
    let (lines, all_decoded) = decode(&[file, "--checksum"]);
    assert_eq!(lines, ["peer 0 session 0 checksum c85de831: ACK control#2 echo 424c"]);
    assert!(all_decoded);
    assert!(!decode(&[file]).1, "without the option it is a bad command");
}

#[test]
fn a_capture_of_the_laboratory_says_who_said_what_to_whom_and_when() {
    let pcap = scratch("decode.pcapng");
    let pcap = pcap.to_str().unwrap();
    let sim = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["sim", "run", "lan", "--peers", "ours", "--pcap", pcap])
        .output()
        .unwrap();
    assert!(sim.status.success());
    let (lines, all_decoded) = decode(&[pcap, "--json"]);
    assert!(all_decoded);
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |line: &Value| line["commands"][0].as_str().unwrap().to_owned();
    assert!(said(&lines[0]).starts_with("CONNECT control#1 "), "{}", lines[0]);
    let answer = lines.iter().find(|line| said(line).starts_with("VERIFY ")).expect("an answer");
    assert_eq!((&answer["from"], &answer["to"]), (&lines[0]["to"], &lines[0]["from"]));
    assert!(answer["at"].as_f64().unwrap() > lines[0]["at"].as_f64().unwrap());
}
