//! How long a datagram is under way: [`jitter_of`] and the tables behind it.

use super::draws::Draws;
use super::tables::{LOG_NORMAL, NORMAL, ONE, PARETO, STEPS, Table};
use crate::random::{Purpose, scale};
use crate::scenario::link::{Delay, Shape};
use crate::time::Span;

/// What a datagram's own delay is, apart from queues and from waiting behind others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flight {
    /// How long it takes.
    pub(crate) takes: Span,
    /// Whether it may arrive before others that were sent earlier, and does not hold up those behind it.
    pub(crate) overtakes: bool,
}

impl Flight {
    /// That of a datagram with which nothing goes wrong.
    pub(crate) fn plain(delay: &Delay) -> Self {
        Flight { takes: delay.base, overtakes: delay.reorder }
    }

    /// That of a direction's datagram with this number. `last` is the jitter draw of the one before.
    #[allow(clippy::cast_possible_truncation)] // two halves of one draw
    pub(crate) fn choose(delay: &Delay, draws: &mut Draws, number: u64, last: &mut u32) -> Self {
        let mut takes = delay.base;
        if delay.jitter > Span::ZERO {
            let draw = draws.double(Purpose::Delay, number);
            let (fresh, repeat) = ((draw >> 32) as u32, draw as u32);
            if !delay.correlation.hit(repeat) {
                *last = fresh;
            }
            takes = takes + jitter_of(delay.shape, delay.jitter, *last);
        }
        if let Some(spike) = delay.spike
            && spike.chance.hit(draws.word(Purpose::Spike, number))
        {
            takes = takes + spike.by;
        }
        match delay.gap {
            Some(gap) if (number + 1).is_multiple_of(u64::from(gap.every.max(1))) => {
                Flight { takes: Span(delay.base.0.saturating_sub(gap.early.0)), overtakes: true }
            }
            _ => Flight { takes, overtakes: delay.reorder },
        }
    }
}

/// The jitter that belongs to an evenly distributed draw.
pub(crate) fn jitter_of(shape: Shape, jitter: Span, draw: u32) -> Span {
    let table = match shape {
        Shape::Uniform => return Span(scale(draw, jitter.0.saturating_add(1))),
        Shape::Normal => &NORMAL,
        Shape::Pareto => &PARETO,
        Shape::LogNormal => &LOG_NORMAL,
    };
    times(jitter, interpolate(table, draw))
}

/// The largest jitter a shape gives.
pub fn jitter_bound(shape: Shape, jitter: Span) -> Span {
    jitter_of(shape, jitter, u32::MAX)
}

/// Between the two entries around the draw, in units of 1/[`ONE`].
fn interpolate(table: &Table, draw: u32) -> u64 {
    const FRACTION: u32 = 32 - STEPS.ilog2();
    let index = (draw >> FRACTION) as usize;
    let part = u64::from(draw & ((1 << FRACTION) - 1));
    let entry = |index: usize| table.get(index).map_or(0, |value| u64::from(*value));
    let (low, high) = (entry(index), entry(index + 1));
    low + (((high.saturating_sub(low)) * part) >> FRACTION)
}

fn times(span: Span, factor: u64) -> Span {
    let product = (u128::from(span.0) * u128::from(factor)) / u128::from(ONE);
    Span(u64::try_from(product).unwrap_or(u64::MAX))
}
