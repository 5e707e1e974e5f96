//! `cargo xtask bench` up to where it would compile anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy.toml covers only functions that are tests themselves"
)]

use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("bench").args(arguments).output().expect("xtask runs")
}

#[test]
fn help_shows_the_flags_and_examples() {
    let output = bench(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for word in
        ["--quick", "--rows", "--json", "--html", "--vs", "--rounds", "--list", "Examples:", "libenet-dev"]
    {
        assert!(help.contains(word), "{word}");
    }
}

#[test]
fn mistakes_are_told_before_anything_is_compiled() {
    for (arguments, word) in [
        (["--vs", "nobody"], "quinn"),
        (["--rounds", "0"], "1..=1000"),
        (["--rows=echo", "--fast"], "--fast"),
    ] {
        let output = bench(&arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(word) && !error.contains("Compiling"), "{error}");
    }
}
