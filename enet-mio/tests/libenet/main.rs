//! Interoperability: our hosts and those of the installed C library (1.3.17) talk over real loopback sockets.
//!
//! Both live in this process and are served in turn, with timeouts of at most a millisecond and never a sleep; what does
//! not come within [`PATIENCE`](scene::PATIENCE) fails the test with a transcript of all that was said and heard.
//! Every test has sockets of its own on ports the system chooses. Without the C library the tests say so and pass,
//! unless `CI=true`.
//!
//! **Loss.** Nothing may be lost here, though unreliable packets could: to the throttle, and where a socket's receive
//! buffer overflows. So tests that send unreliably turn the throttle off on both ends (`Scene::never_throttle`), and
//! only little is on its way at a time: one packet a direction, of at most 100,000 bytes, or a few that share a
//! datagram. In 74 datagrams, Linux charges 100,000 bytes with less than half of the receive buffer it grants in its
//! default configuration.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy.toml covers only functions that are tests themselves"
)]

mod admission;
mod conveniences;
mod crowds;
mod ends;
mod negotiation;
mod parting;
mod scene;
mod sessions;
mod silence;
mod transfer;
mod wires;
