//! Simulated networks for ENet.
#![forbid(unsafe_code)]

pub mod endpoint;
pub mod log;
pub mod marks;
pub mod measure;
pub mod message;
pub mod net;
pub mod oracle;
pub mod pcapng;
pub mod random;
pub mod report;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod soak;
pub mod swarm;
pub mod time;
pub mod trace;
#[cfg(feature = "turmoil")]
pub mod turmoil;
pub mod world;

pub use random::Chance;
pub use scenario::Scenario;
pub use time::{Span, Time};
