//! The root: the context of no preceding bytes, in which every byte can be coded.

use super::coder::{Interval, Total};
use super::cumulative::{Cumulative, GROUPS, Steps, place, value_at};
use super::lanes::{self, ONES, Shift};

/// What each occurrence of a byte adds to its weight.
const DELTA: u8 = 3;
static STEPS: Steps = Steps::new(DELTA);
/// An occurrence of a byte that already weighed more than this makes the root rescale.
const MAX_COUNT: u8 = 250;
// So the root never weighs too much.
const _: () = assert!(Root::ESCAPES + 256 * (MAX_COUNT + DELTA) as u32 <= MAX_TOTAL);
/// A context whose total exceeds this is rescaled, so that totals stay below the coder's smallest range.
pub(super) const MAX_TOTAL: u32 = 0xFF00;

/// How often each byte occurred outside of the contexts that knew it.
///
/// Each weighs 1 more than its occurrences make it: the minimum, without which a new byte could not be coded.
pub(super) struct Root {
    /// With the minimum.
    cumulative: Cumulative,
    /// Without it.
    groups: [u64; GROUPS],
    /// The weight of the escape and all bytes, with their minimum.
    total: Total,
    sum: u32,
}

impl Root {
    /// The weight of the escape, which means the end of the data.
    pub(super) const ESCAPES: u32 = 1;

    /// [`reset`](Self::reset) makes it usable.
    pub(super) const UNUSED: Self =
        Self { cumulative: Cumulative::ZERO, groups: [0; GROUPS], total: Total::UNUSED, sum: 0 };

    /// No byte has occurred.
    pub(super) fn reset(&mut self) {
        self.groups = [0; GROUPS];
        self.cumulative = Cumulative::MINIMUM;
        self.total = const { Total::new(256 + Self::ESCAPES) };
        self.sum = 256 + Self::ESCAPES;
    }

    #[inline(always)]
    pub(super) fn total(&self) -> Total {
        self.total
    }

    #[inline(always)]
    pub(super) fn sum(&self) -> u32 {
        self.sum
    }

    /// Counts an occurrence of a byte. Returns the byte's share until now, and whether it is its first occurrence.
    #[inline(always)]
    pub(super) fn count(&mut self, value: u8) -> (Interval, bool) {
        let (group, lane) = place(value);
        let weights = *self.group(group) + ONES;
        let under = self.cumulative.below(group) + lanes::sum(weights & lanes::below(lane));
        let count = lanes::lane(weights, lane);
        self.count_at(group, lane, count);
        (Interval { under: under + Self::ESCAPES, count: count.into() }, count == 1)
    }

    /// Counts an occurrence of the byte at a position of the cumulative weight, escape not counted. Returns also which
    /// byte it is. `is_at_or_behind`: as in [`Cumulative::find`].
    #[inline(always)]
    pub(super) fn count_position(
        &mut self,
        position: u32,
        is_at_or_behind: impl Fn(u32) -> bool,
    ) -> (u8, Interval, bool) {
        let (group, below) = self.cumulative.find(position, is_at_or_behind);
        let weights = *self.group(group) + ONES;
        let (lane, within) = lanes::find_position(weights, position.wrapping_sub(below));
        let count = lanes::lane(weights, lane);
        self.count_at(group, lane, count);
        let under = below + within + Self::ESCAPES;
        (value_at(group, lane), Interval { under, count: count.into() }, count == 1)
    }

    /// Counts an occurrence of a byte that weighed `count`.
    #[inline(always)]
    fn count_at(&mut self, group: usize, lane: Shift, count: u8) {
        *self.group_mut(group) += u64::from(DELTA) << lane;
        self.cumulative.add(group, &STEPS);
        self.sum += u32::from(DELTA);
        if count > MAX_COUNT {
            self.rescale();
        }
        self.total = Total::look_up(self.sum);
    }

    /// Halves all weights, so that old statistics fade and counts stay within a byte.
    #[cold]
    #[inline(never)]
    fn rescale(&mut self) {
        for group in &mut self.groups {
            *group = lanes::halved(*group);
        }
        self.cumulative = Cumulative::of(self.groups.iter().map(|&group| 8 + lanes::sum(group)));
        let weights: u32 = self.groups.iter().map(|&group| 8 + lanes::sum(group)).sum();
        self.sum = weights + Self::ESCAPES;
    }

    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    fn group(&self, group: usize) -> &u64 {
        &self.groups[group % GROUPS]
    }

    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    fn group_mut(&mut self, group: usize) -> &mut u64 {
        &mut self.groups[group % GROUPS]
    }
}

#[cfg(test)]
impl Root {
    /// Panics unless the sums are those of the weights. Returns the total, and the weight of each byte.
    pub(super) fn check(&self) -> (u32, std::vec::Vec<u8>) {
        let weights: std::vec::Vec<u8> =
            self.groups.iter().flat_map(|&group| (group + ONES).to_le_bytes()).collect();
        for (group, _) in self.groups.iter().enumerate() {
            let below: u32 = weights[..8 * group].iter().map(|&weight| u32::from(weight)).sum();
            assert_eq!(self.cumulative.below(group), below);
        }
        let sum = weights.iter().map(|&weight| u32::from(weight)).sum::<u32>() + Self::ESCAPES;
        assert_eq!(self.sum, sum);
        assert_eq!(self.total, Total::new(sum));
        (sum, weights)
    }
}
