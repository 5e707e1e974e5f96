//! Tools for this workspace's tests: recorded vectors of the C library and their judge, the installed `libenet`, a pair
//! of hosts in virtual time, a counting allocator. Never published.
#![deny(unsafe_code)]

pub mod alloc;
pub mod commands;
mod datagram;
pub mod hex;
pub use enet_reference as libenet;
pub mod pair;
pub mod vectors;

pub use datagram::{Opened, describe};
