//! Whole hosts that crash and networks that break: `enet-proto` in async code, under [turmoil](https://docs.rs/turmoil).
//!
//! The rest of this crate simulates single datagrams, millions of them. This module simulates programs: a server and its
//! clients, each an async task around a [`Driver`], on hosts that crash and start again, over links that are cut in one
//! direction or in both, or hold everything up. A [`Scenario`] does that to them and judges by what they received:
//! reliable messages are a prefix of what was sent, whole, each once, and never of another connection.
//!
//! ```
//! use enet_sim::turmoil::SCENARIOS;
//!
//! let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "server-crash").unwrap();
//! let report = (scenario.run)(7);
//! assert!(report.is_good(), "{report}");
//! assert_eq!((scenario.run)(7).trace_hash, report.trace_hash);
//! ```
//!
//! turmoil itself loses and doubles no single datagrams (its `fail_rate` breaks links), so the sockets here send them
//! through this crate's [`Network`](crate::net::Network) first.

mod driver;
mod lab;
mod ledger;
mod life;
mod node;
mod record;
mod report;
mod scenarios;
mod socket;

pub use driver::Driver;
pub use life::Life;
pub use record::{Datagrams, Entry, What};
pub use report::Report;
pub use scenarios::{RESTART_WHILE_SPOKEN_TO, SCENARIOS, Scenario};
pub use socket::UdpSocket;
