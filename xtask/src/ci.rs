//! `ci`: everything that is checked of a change.

use crate::Outcome;
use crate::process::{program, succeeds};

/// Runs `.ci/run` with bash. It installs what the tests need with apt-get if it is missing and may be installed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask ci              every step, then `N steps passed, N failed`
  CI=true cargo xtask ci      the same, and what cannot be tested here is an error")]
pub(crate) struct Ci {}

impl Ci {
    pub(crate) fn run(self) -> Outcome {
        Ok(succeeds(program("bash").arg(".ci/run"))?)
    }
}
