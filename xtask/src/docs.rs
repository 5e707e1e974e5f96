//! The examples of the documentation's pages, compiled and run as documentation tests.

#[cfg(doctest)]
#[doc = include_str!("../../docs/EMBEDDING.md")]
struct Embedding;

#[cfg(doctest)]
#[doc = include_str!("../../docs/SIMULATION.md")]
struct Simulation;
