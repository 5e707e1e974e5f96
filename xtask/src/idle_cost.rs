//! `idle-cost`: what an exchange with one peer costs among few and among many connected ones, in instructions.

use crate::Outcome;
use crate::process::{program, succeeds};

/// Counts the instructions of one echoed message, both hosts together, while 1 and while 4,095 peers are connected. The
/// two may differ by the depth of a heap, but not by one instruction for each idle peer: no call looks at those.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs valgrind (apt-get install valgrind). The exit code is 1 if an idle peer costs anything worth counting."
)]
pub(crate) struct IdleCost {
    /// Peers in the second run
    #[arg(long, default_value_t = 4095, value_parser = clap::value_parser!(u16).range(2..=4095))]
    peers: u16,
}

impl IdleCost {
    pub(crate) fn run(self) -> Outcome {
        if !program("valgrind").arg("--version").output().is_ok_and(|run| run.status.success()) {
            return Err("valgrind is not installed: apt-get install valgrind".into());
        }
        let build = ["build", "--quiet", "--release", "-p", "enet-testkit", "--example", "idle_cost"];
        if !succeeds(program("cargo").args(build))? {
            return Ok(false);
        }
        let few = per_exchange(1)?;
        println!("{few:>8} instructions an exchange with    1 connected peer");
        let many = per_exchange(self.peers)?;
        println!("{many:>8} instructions an exchange with {:>4} connected peers", self.peers);
        let more = many.saturating_sub(few);
        println!(
            "{more:>8} more, the price of deeper heaps; one scan would cost {} at the least",
            self.peers
        );
        Ok(more < u64::from(self.peers))
    }
}

/// The difference between 1,100 and 100 exchanges, so that connecting does not count.
fn per_exchange(peers: u16) -> Result<u64, Box<dyn std::error::Error>> {
    Ok((instructions(peers, 1_100)? - instructions(peers, 100)?) / 1_000)
}

fn instructions(peers: u16, exchanges: u16) -> Result<u64, Box<dyn std::error::Error>> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| crate::process::root().join("target"), Into::into);
    let run = program("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(target.join("release/examples/idle_cost"))
        .args([peers.to_string(), exchanges.to_string()])
        .output()?;
    let report = String::from_utf8_lossy(&run.stderr);
    if !run.status.success() {
        return Err(format!("idle_cost {peers} {exchanges} failed:\n{report}").into());
    }
    let collected = report.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    collected.ok_or_else(|| format!("valgrind counted nothing:\n{report}").into())
}
