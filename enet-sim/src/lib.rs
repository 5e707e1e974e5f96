//! Simulated networks for ENet: two hosts, a lossy and delayed link, virtual time, and a report of what arrived.
//!
//! A run is a function of its [`Scenario`]: no clock is read, no entropy drawn, and time jumps to the next event. So a
//! minute of network takes milliseconds, and a run that showed something shows it again.
//!
//! ```
//! use core::time::Duration;
//! use enet_sim::{Chance, LinkConfig, Scenario, run};
//!
//! let mut scenario = Scenario::new(7);
//! scenario.messages = 50;
//! scenario.link = LinkConfig {
//!     loss: Chance::percent(20.0).unwrap(),
//!     delay: Duration::from_millis(40),
//!     jitter: Duration::ZERO,
//! };
//!
//! let report = run(&scenario);
//! assert!(report.is_good(), "{report}");
//! assert_eq!(run(&scenario).trace_hash, report.trace_hash);
//! ```
#![forbid(unsafe_code)]

mod link;
mod report;
mod scenario;
mod trace;
mod traffic;
mod world;

pub use link::{Chance, LinkConfig};
pub use report::{Closing, DeliveryReport, Latency, Report, WireReport};
pub use scenario::{Scenario, run};
pub use trace::TraceHash;
pub use traffic::Kind;
