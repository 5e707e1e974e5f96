//! The root: the context of no preceding bytes, in which every byte can be coded.

use super::coder::{Interval, Total};
use super::cumulative::{Place, Steps};
use super::weights::{MAX_TOTAL, Weights};

/// What each occurrence of a byte adds to its weight.
const DELTA: u8 = 3;
static STEPS: Steps = Steps::new(DELTA);
/// An occurrence of a byte that already weighed more than this makes the root rescale.
const MAX_COUNT: u32 = 250;
// So the root never weighs too much.
const _: () = assert!(Root::ESCAPES + 256 * (MAX_COUNT + DELTA as u32) <= MAX_TOTAL);
/// What a byte weighs that has not occurred: without it, it could not be coded.
const MINIMUM: u8 = 1;

/// How often each byte occurred outside of the contexts that knew it.
pub(super) struct Root(Weights);

impl Root {
    /// The weight of the escape, which means the end of the data.
    pub(super) const ESCAPES: u32 = 1;

    /// No byte has occurred.
    pub(super) const NEW: Self = Self(Weights::new(Self::ESCAPES, MINIMUM));

    /// The weight of everything.
    #[inline(always)]
    pub(super) fn total(&self) -> Total {
        self.0.total()
    }

    /// The weight of everything.
    #[inline(always)]
    pub(super) fn sum(&self) -> u32 {
        self.0.sum()
    }

    /// A byte's share.
    #[inline(always)]
    pub(super) fn interval(&self, place: Place) -> Interval {
        self.0.interval(place)
    }

    /// As [`Weights::find`].
    #[inline(always)]
    pub(super) fn find(&self, position: u32, is_at_or_behind: impl Fn(u32) -> bool) -> (Place, Interval) {
        self.0.find(position, is_at_or_behind)
    }

    /// Counts an occurrence of a byte of some weight. Returns whether it is its first one.
    #[inline(always)]
    pub(super) fn count(&mut self, place: Place, weight: u32) -> bool {
        self.0.add(place, &STEPS);
        if weight > MAX_COUNT {
            self.0.rescale(MINIMUM);
        }
        self.0.update_total();
        weight == u32::from(MINIMUM)
    }
}

#[cfg(test)]
impl Root {
    /// As [`Weights::check`].
    pub(super) fn check(&self) -> (u32, std::vec::Vec<u32>) {
        self.0.check()
    }
}
