//! `targets`: whether the crates compile for machines other than this one.

use std::process::Command;

use crate::Outcome;
use crate::process::{is_ci, program, succeeds};

/// Each target gets a `cargo check`; nothing is linked or run, so no foreign linker is needed. Where rustup cannot add
/// a target it is skipped; under CI=true that is an error unless rustup cannot reach its server.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask targets
  cargo xtask targets wasm32-unknown-unknown i686-unknown-linux-gnu")]
pub(crate) struct Targets {
    /// Only these targets; all that this command knows if none are given
    #[arg(value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS.map(|it| it.name)))]
    only: Vec<String>,
}

/// How much is checked of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The workspace with its tests, examples and tools.
    Everything,
    /// The libraries that need no operating system. Their tests need one: proptest wants `std`, and randomness that
    /// these targets lack; so do mio, sockets and clocks.
    Portable,
}

struct Target {
    name: &'static str,
    extent: Extent,
}

const TARGETS: [Target; 6] = [
    Target { name: "x86_64-pc-windows-gnu", extent: Extent::Everything },
    Target { name: "x86_64-apple-darwin", extent: Extent::Everything },
    Target { name: "aarch64-apple-darwin", extent: Extent::Everything },
    Target { name: "i686-unknown-linux-gnu", extent: Extent::Everything },
    Target { name: "wasm32-unknown-unknown", extent: Extent::Portable },
    Target { name: "thumbv7em-none-eabihf", extent: Extent::Portable },
];

impl Extent {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Extent::Everything => &["--workspace", "--all-targets"],
            Extent::Portable => &["-p", "enet-wire", "-p", "enet-compress", "-p", "enet-proto"],
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Extent::Everything => "every crate, --all-targets",
            Extent::Portable => "enet-wire, enet-compress, enet-proto; their tests need std",
        }
    }
}

/// What rustup had to say to a target.
enum Added {
    Yes,
    /// It could not be fetched from here; why.
    Offline(String),
    /// It could have been, and was not; why.
    No(String),
}

impl Targets {
    pub(crate) fn run(self) -> Outcome {
        let (mut checked, mut failed, mut skipped) = (0, 0, 0);
        let wanted = |target: &&Target| self.only.is_empty() || self.only.iter().any(|it| it == target.name);
        for Target { name, extent } in TARGETS.iter().filter(wanted) {
            match add(name) {
                Added::Yes => {
                    let mut check = program("cargo");
                    check.args(["check", "--quiet", "--target", name]).args(extent.arguments());
                    let passed = succeeds(&mut check)?;
                    println!("{name}: {} ({})", if passed { "ok" } else { "FAILED" }, extent.describe());
                    checked += usize::from(passed);
                    failed += usize::from(!passed);
                }
                Added::Offline(why) => {
                    println!("{name}: SKIPPED, rustup cannot fetch it: {why}");
                    skipped += 1;
                }
                Added::No(why) => {
                    println!("{name}: SKIPPED, rustup cannot add it: {why}");
                    skipped += 1;
                    failed += usize::from(is_ci());
                }
            }
        }
        println!("{checked} targets compile, {failed} failed, {skipped} skipped");
        Ok(failed == 0)
    }
}

fn add(target: &str) -> Added {
    let output = match Command::new("rustup").args(["target", "add", target]).output() {
        Ok(output) => output,
        Err(error) => return Added::Offline(format!("no rustup here ({error})")),
    };
    if output.status.success() {
        return Added::Yes;
    }
    let message = String::from_utf8_lossy(&output.stderr);
    let why = message.lines().find(|line| line.starts_with("error")).unwrap_or("it did not say why");
    if reaches_server() { Added::No(why.to_owned()) } else { Added::Offline(why.to_owned()) }
}

/// Whether rustup gets an answer from the server it fetches from.
fn reaches_server() -> bool {
    const UPDATES_AVAILABLE: i32 = 100;
    let output = Command::new("rustup").arg("check").output();
    output.is_ok_and(|output| matches!(output.status.code(), Some(0 | UPDATES_AVAILABLE)))
}
