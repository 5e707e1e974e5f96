//! [`Report`]: what a scenario showed.

use core::fmt;
use core::time::Duration;

use super::record::{Datagrams, Entry};
use crate::trace::TraceHash;

/// What happened, in which order, and which rules were broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The scenario's name.
    pub scenario: &'static str,
    /// With the same seed, the same happens again.
    pub seed: u64,
    /// Connections that came and went, and what was done to the hosts and the network.
    pub log: Vec<Entry>,
    /// What should not have happened, or should have and did not; empty if all is well.
    pub violations: Vec<String>,
    /// Messages that were received.
    pub delivered: u64,
    /// Datagrams of all hosts.
    pub datagrams: Datagrams,
    /// Time that passed in the simulation.
    pub simulated: Duration,
    /// Over the log and every datagram that was sent or received, with its time.
    pub trace_hash: TraceHash,
}

/// One thing gone wrong often leads to hundreds; the first ones say which.
const SHOWN: usize = 10;

impl Report {
    /// Whether nothing was violated.
    pub fn is_good(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, seed {:#x}, {:.1} s", self.scenario, self.seed, self.simulated.as_secs_f64())?;
        for entry in &self.log {
            writeln!(f, "  {entry}")?;
        }
        let Datagrams { sent, lost, doubled, arrived } = self.datagrams;
        writeln!(f, "  {} messages arrived", self.delivered)?;
        writeln!(f, "  {sent} datagrams sent, {lost} lost, {doubled} doubled, {arrived} arrived")?;
        writeln!(f, "  trace {}", self.trace_hash)?;
        for violation in self.violations.iter().take(SHOWN) {
            writeln!(f, "  VIOLATION {violation}")?;
        }
        match self.violations.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}
