//! Two hosts whose datagrams go from hand to hand in memory, and what they are made to do there. `bench/` of the repository
//! includes this directory too, and compares more implementations.

// The benchmarks here leave a few things to those of `bench/`.
#![allow(dead_code, unreachable_pub)]

pub mod c;
pub mod crowd;
pub mod end;
pub mod ours;
pub mod traffic;
pub mod watch;
pub mod wire;
pub mod work;
