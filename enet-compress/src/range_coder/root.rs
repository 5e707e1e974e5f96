//! The root: the context of no preceding bytes, in which every byte can be coded.

use core::mem;

use super::coder::{Interval, Total};
use super::cumulative::{Cumulative, Eight, Groups, Place, Steps};

/// What each occurrence of a byte adds to its weight.
const DELTA: u8 = 3;
static STEPS: Steps = Steps::new(DELTA);
/// An occurrence of a byte that already weighed more than this makes the root rescale.
const MAX_COUNT: u32 = 250;
// So the root never weighs too much.
const _: () = assert!(Root::ESCAPES + 256 * (MAX_COUNT + DELTA as u32) <= MAX_TOTAL);
/// A context whose total exceeds this is rescaled, so that totals stay below the coder's smallest range.
pub(super) const MAX_TOTAL: u32 = 0xFF00;

/// How often each byte occurred outside of the contexts that knew it.
///
/// Each weighs 1 more than its occurrences make it: the minimum, without which a new byte could not be coded.
pub(super) struct Root {
    /// Before each group.
    cumulative: Cumulative,
    /// Within each group.
    groups: Groups<Eight>,
    /// The weight of the escape and all bytes.
    total: Total,
    sum: u32,
}

impl Root {
    /// The weight of the escape, which means the end of the data.
    pub(super) const ESCAPES: u32 = 1;

    /// No byte has occurred.
    pub(super) const NEW: Self = Self {
        cumulative: Cumulative::MINIMUM,
        groups: Groups::of(Eight::of(1)),
        total: Total::new(256 + Self::ESCAPES),
        sum: 256 + Self::ESCAPES,
    };

    #[inline(always)]
    pub(super) fn total(&self) -> Total {
        self.total
    }

    #[inline(always)]
    pub(super) fn sum(&self) -> u32 {
        self.sum
    }

    /// A byte's share.
    #[inline(always)]
    pub(super) fn interval(&mut self, place: Place) -> Interval {
        let Interval { under, count } = self.groups.at(place).interval(place.lane);
        Interval { under: self.cumulative.below(place) + under, count }
    }

    /// Where the byte is whose share a position lies in, and the share. Not in the escape. `is_at_or_behind`: as in
    /// [`Cumulative::find`].
    #[inline(always)]
    pub(super) fn find(&mut self, position: u32, is_at_or_behind: impl Fn(u32) -> bool) -> (Place, Interval) {
        let (mut place, within) = self.cumulative.find(position, is_at_or_behind);
        let group = self.groups.at(place);
        place.lane = group.find(within);
        let Interval { under, count } = group.interval(place.lane);
        (place, Interval { under: position.wrapping_sub(within) + under, count })
    }

    /// Counts an occurrence of a byte of some weight. Returns whether it is its first one.
    #[inline(always)]
    pub(super) fn count(&mut self, place: Place, weight: u32) -> bool {
        self.groups.at(place).add(place.lane, &STEPS);
        self.cumulative.add(place, &STEPS);
        self.sum += u32::from(DELTA);
        if weight > MAX_COUNT {
            self.rescale();
        }
        self.total = Total::look_up(self.sum);
        weight == 1
    }

    /// Halves all weights, so that old statistics fade and counts stay within a byte.
    #[cold]
    #[inline(never)]
    fn rescale(&mut self) {
        let mut old = mem::replace(&mut self.groups, Self::NEW.groups);
        self.cumulative = Cumulative::MINIMUM;
        self.sum = Self::NEW.sum;
        for place in (0..=255).map(Place::of) {
            let Interval { count, .. } = old.at(place).interval(place.lane);
            // The minimum is not halved.
            let rest = count / 2;
            self.groups.at(place).add_any(place.lane, rest);
            self.cumulative.add_any(place, rest);
            self.sum += rest;
        }
    }
}

#[cfg(test)]
impl Root {
    /// Panics unless the sums are those of the weights. Returns the total, and the weight of each byte.
    pub(super) fn check(&mut self) -> (u32, std::vec::Vec<u32>) {
        let mut below = Self::ESCAPES;
        let mut weights = std::vec![];
        for place in (0..=255).map(Place::of) {
            let Interval { under, count } = self.groups.at(place).interval(place.lane);
            assert_eq!(self.cumulative.below(place) + under, below);
            assert!((1..=MAX_COUNT + u32::from(DELTA)).contains(&count));
            below += count;
            weights.push(count);
        }
        assert_eq!(self.sum, below);
        assert_eq!(self.total, Total::new(below));
        (below, weights)
    }
}
