//! Connect: 32 peers join at once a server that has many already, and leave again.

use super::{middle, scaled};
use crate::clock::{Counted, Gauge};
use crate::ends::{Crowd, End, join, part};

/// How many join at once.
const WAVE: usize = 32;
/// In a full run.
const WAVES: usize = 25;
/// Peers in one client host.
const EACH: usize = 1000;

/// A crowd and a host for newcomers.
pub struct Entrance<S: End, C: End> {
    crowd: Crowd<S, C>,
    newcomers: C,
}

/// ns of the server for each connection: the median over the times that they join.
pub fn run<S: End, C: End>(
    entrance: &mut Option<Entrance<S, C>>,
    present: usize,
    scale: f64,
) -> Result<f64, String> {
    let Entrance { crowd, newcomers } = match entrance {
        Some(entrance) => entrance,
        None => entrance
            .insert(Entrance { crowd: Crowd::open(present, EACH, WAVE)?, newcomers: C::open(WAVE as u16)? }),
    };
    let mut figures = Vec::new();
    for _ in 0..scaled(WAVES, scale, 5) {
        crowd.settle()?;
        let mut gauge = Gauge::new(Counted::Server);
        let (_, joined) = join(&mut crowd.server, newcomers, WAVE, &mut gauge)?;
        figures.push(gauge.each(WAVE));
        part(&mut crowd.server, newcomers, &joined)?;
    }
    crowd.settle()?;
    Ok(middle(figures))
}
