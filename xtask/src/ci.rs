//! `ci`: everything that is checked of a change.

use crate::Outcome;
use crate::process::{program, succeeds};

/// Runs `.ci/run` with bash. It installs what the tests need with apt-get if it is missing and may be installed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask ci              every step, then `steps: N passed, N failed`
  CI=false cargo xtask ci     the same, but what cannot be tested here is passed over")]
pub(crate) struct Ci {}

impl Ci {
    pub(crate) fn run(self) -> Outcome {
        Ok(succeeds(program("bash").arg(".ci/run"))?)
    }
}
