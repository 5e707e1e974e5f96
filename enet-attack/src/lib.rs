//! The attacks of `cargo xtask attack`: what an ENet server has to endure on the open internet, done to one of this machine,
//! and a figure for what it did. Ours and the C library's stand side by side, because a figure of ours says something only
//! if the same run shows the damage elsewhere.
//!
//! Datagrams go from 127.0.0.0/8 to 127.0.0.0/8 and nowhere else: [`Loopback`] is the only kind of address there is here,
//! and the socket refuses other sources. Attacks are bounded in count and time.
//!
//! ```text
//! run ── table ── attacks::*  a function from a Stage to Findings, one for each row
//!                     │
//!   forge, socket, session, load   what attackers have       honest, relay   who is disturbed
//!   victim                         a server in a process of its own; kernel looks at it from outside
//!   guesses                        blind handshakes by the million, without sockets
//! ```
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod attacks;
mod forge;
mod guesses;
mod honest;
mod kernel;
mod load;
mod loopback;
mod relay;
mod report;
mod run;
mod session;
mod socket;
mod stage;
mod table;
mod victim;

pub use guesses::{Guessed, guess_handshakes};
pub use loopback::Loopback;
pub use report::{Record, Report};
pub use run::{Against, Plan, run};
pub use table::{ATTACKS, Attack, Goal, Row};
pub use victim::{Launcher, Setup, Whose, serve};
