//! A network laboratory for ENet: hosts in a simulated network and in virtual time, judged and measured.
//!
//! A run is a function of its [`Scenario`]: no clock is read, no entropy drawn, and time jumps to the next event. So a
//! minute of network takes milliseconds, and a run that showed something shows it again, on every machine.
//!
//! ```
//! use enet_sim::{Scenario, run, world::Cast};
//!
//! let mut scenario = Scenario::built_in("lossy-5")?;
//! scenario.duration = "5s".parse()?;
//! let measured = run::measured(&scenario, Cast::OURS, false)?;
//! assert!(measured.verdict.violations.is_empty());
//! let latency = measured.record.latency_ms.ok_or("nothing arrived")?;
//! assert!(latency.p50 < 60.0 && latency.max > 60.0, "5 % take a round trip more");
//! assert_eq!(run::measured(&scenario, Cast::OURS, false)?.record.trace_hash, measured.record.trace_hash);
//! # Ok::<(), String>(())
//! ```
//!
//! # Rooms
//!
//! - [`scenario`]: worlds as plain data, in TOML; [`swarm`] draws random ones, [`shrink`] makes failing ones smaller.
//! - [`net`]: the network. [`endpoint`]: the hosts, whoever implements them. [`world`]: both in virtual time.
//! - [`oracle`]: the judge, which shares no code with the protocol; [`marks`]: states that worlds must reach.
//! - [`measure`], [`log`](mod@log), [`report`], [`pcapng`]: numbers, what happened, plots, captures.
//! - [`run`] puts these together; [`soak`] has worlds that last, [`differential`] compares with the C library.
//! - [`recovery`]: the worlds in which loss recovery is compared, with goals; [`siege`]: a server under attack. [`relay`]: the same network in real time.
//! - With features: the C library, `rusty_enet`, `kcp` and `quinn-proto` as hosts, and an asynchronous driver over `turmoil`.
//!
//! The repository's `docs/SIMULATION.md` is the manual.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod differential;
pub mod endpoint;
pub mod log;
pub mod marks;
pub mod measure;
pub mod message;
pub mod net;
pub mod oracle;
mod padding;
pub mod pcapng;
mod quantity;
pub mod random;
pub mod recovery;
pub mod relay;
pub mod report;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod siege;
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
