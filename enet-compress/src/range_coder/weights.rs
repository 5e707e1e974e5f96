//! The weights of 256 values, for contexts that know many.

use super::coder::{Interval, Total};
use super::cumulative::{Cumulative, Eight, Place, QUARTERS, Steps};

/// A context whose total exceeds this is rescaled, so that totals stay below the coder's smallest range.
pub(super) const MAX_TOTAL: u32 = 0xFF00;

/// The weight of the escape, and of every value: first the escape, then the values in ascending order.
#[derive(Clone, Copy)]
pub(super) struct Weights {
    /// Before each group of eight values.
    cumulative: Cumulative,
    /// Within each group.
    groups: [[Eight; 8]; QUARTERS],
    /// Of everything.
    sum: u32,
    total: Total,
}

impl Weights {
    /// Every value has the same weight.
    pub(super) const fn new(escapes: u32, each: u8) -> Self {
        let sum = escapes + 256 * each as u32;
        Self {
            cumulative: Cumulative::new(escapes, 8 * each),
            groups: [[Eight::new(each); 8]; QUARTERS],
            sum,
            // Until something is added.
            total: if sum < 2 { Total::UNUSED } else { Total::new(sum) },
        }
    }

    /// The weight of everything.
    #[inline(always)]
    pub(super) fn total(&self) -> Total {
        self.total
    }

    /// The weight of everything.
    #[inline(always)]
    pub(super) fn sum(&self) -> u32 {
        self.sum
    }

    /// The weight of the escape.
    #[inline(always)]
    pub(super) fn escapes(&self) -> u32 {
        self.cumulative.escapes()
    }

    /// A value's share.
    #[inline(always)]
    pub(super) fn interval(&self, place: Place) -> Interval {
        let Interval { under, count } = self.group(place).interval(place.lane);
        Interval { under: self.cumulative.below(place) + under, count }
    }

    /// Where the value is whose share a position lies in, and the share. Not in the escape. `is_at_or_behind`: as in
    /// [`Cumulative::find`].
    #[inline(always)]
    pub(super) fn find(&self, position: u32, is_at_or_behind: impl Fn(u32) -> bool) -> (Place, Interval) {
        let (mut place, behind) = self.cumulative.find(position, is_at_or_behind);
        let group = self.group(place);
        place.lane = group.find(behind);
        let Interval { under, count } = group.interval(place.lane);
        (place, Interval { under: position.wrapping_sub(behind).wrapping_add(1 + under), count })
    }

    /// Adds the weight of `steps` to a value.
    #[inline(always)]
    pub(super) fn add(&mut self, place: Place, steps: &Steps) {
        self.group_mut(place).add(place.lane, steps);
        self.cumulative.add(place, steps);
        self.sum += steps.weight();
    }

    /// Adds weight to a value.
    pub(super) fn add_any(&mut self, place: Place, weight: u32) {
        self.group_mut(place).add_any(place.lane, weight);
        self.cumulative.add_any(place, weight);
        self.sum += weight;
    }

    /// Adds weight to the escape.
    #[inline(always)]
    pub(super) fn add_escapes(&mut self, weight: u32) {
        self.cumulative.add_escapes(weight);
        self.sum += weight;
    }

    /// Halves all weights, but for what each value has at least, so that old statistics fade and counts stay within a byte.
    #[cold]
    #[inline(never)]
    pub(super) fn rescale(&mut self, least: u8) {
        let old = *self;
        *self = Self::new(old.escapes().div_ceil(2), least);
        for place in (0..=255).map(Place::of) {
            let rest = old.interval(place).count - u32::from(least);
            self.add_any(place, rest.div_ceil(2));
        }
    }

    /// To be called after weight was added.
    #[inline(always)]
    pub(super) fn update_total(&mut self) {
        self.total = Total::look_up(self.sum);
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the arrays")]
    fn group(&self, place: Place) -> &Eight {
        &self.groups[place.quarter % QUARTERS][place.group as usize / 8 % 8]
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the arrays")]
    fn group_mut(&mut self, place: Place) -> &mut Eight {
        &mut self.groups[place.quarter % QUARTERS][place.group as usize / 8 % 8]
    }
}

#[cfg(test)]
impl Weights {
    /// Panics unless the sums are those of the weights. Returns the total, and the weight of each value.
    pub(super) fn check(&self) -> (u32, std::vec::Vec<u32>) {
        let mut below = self.escapes();
        let mut weights = std::vec![];
        for place in (0..=255).map(Place::of) {
            let Interval { under, count } = self.interval(place);
            assert_eq!(under, below);
            assert!(count <= 253);
            below += count;
            weights.push(count);
        }
        assert_eq!(self.sum, below);
        assert_eq!(self.total, Total::new(below));
        (below, weights)
    }
}
