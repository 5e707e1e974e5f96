//! Idle: a service call that may not wait and finds nothing, among connected peers.

use super::{middle, scaled};
use crate::clock::{Counted, Gauge};
use crate::ends::{Crowd, End, quiet};

/// Peers in one client host.
const EACH: usize = 1000;
/// In a full run.
const BATCHES: usize = 401;
/// Calls between two looks at the clock.
const CALLS: usize = 20;

/// ns per call: the median over short batches, so that the few with a ping in them do not count.
pub fn run<E: End>(crowd: &mut Option<Crowd<E, E>>, peers: usize, scale: f64) -> Result<f64, String> {
    let crowd = match crowd {
        Some(crowd) => crowd,
        None => crowd.insert(Crowd::open(peers, EACH, 0)?),
    };
    crowd.settle()?;
    let mut figures = Vec::new();
    for _ in 0..scaled(BATCHES, scale, 9) {
        let mut gauge = Gauge::new(Counted::Server);
        gauge.server(|| (0..CALLS).try_for_each(|_| quiet(&mut crowd.server)))?;
        figures.push(gauge.each(CALLS));
    }
    crowd.settle()?;
    Ok(middle(figures))
}
