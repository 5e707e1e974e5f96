//! The root: the context of no preceding bytes, in which every byte can be coded.

use super::coder::{Interval, Total};
use super::cumulative::{Cumulative, Eight, GROUPS, Steps, place, value_at};

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
    /// Before each group, with the minimum.
    cumulative: Cumulative,
    /// Within each group, with the minimum.
    groups: [Eight; GROUPS],
    /// Without the minimum.
    counts: [u8; 256],
    /// The weight of the escape and all bytes, with their minimum.
    total: Total,
    sum: u32,
}

impl Root {
    /// The weight of the escape, which means the end of the data.
    pub(super) const ESCAPES: u32 = 1;

    /// [`reset`](Self::reset) makes it usable.
    pub(super) const UNUSED: Self = Self {
        cumulative: Cumulative::ZERO,
        groups: [Eight::ZERO; GROUPS],
        counts: [0; 256],
        total: Total::UNUSED,
        sum: 0,
    };

    /// No byte has occurred.
    pub(super) fn reset(&mut self) {
        self.counts = [0; 256];
        self.groups = [Eight::ONES; GROUPS];
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
        let (group, at) = place(value);
        let under = Self::ESCAPES + self.cumulative.below(group) + self.group_mut(group).below(at);
        let count = self.count_at(value);
        (Interval { under, count }, count == 1)
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
        let (at, within) = self.group_mut(group).find(position.wrapping_sub(below));
        let value = value_at(group, at);
        let count = self.count_at(value);
        (value, Interval { under: Self::ESCAPES + below + within, count }, count == 1)
    }

    /// Counts an occurrence of a byte. Returns its weight until now.
    #[inline(always)]
    fn count_at(&mut self, value: u8) -> u32 {
        let (group, at) = place(value);
        self.group_mut(group).add(at, &STEPS);
        self.cumulative.add(group, &STEPS);
        self.sum += u32::from(DELTA);
        let count = self.count_mut(value);
        let weight = *count + 1;
        *count += DELTA;
        if weight > MAX_COUNT {
            self.rescale();
        }
        self.total = Total::look_up(self.sum);
        weight.into()
    }

    /// Halves all weights, so that old statistics fade and counts stay within a byte.
    #[cold]
    #[inline(never)]
    fn rescale(&mut self) {
        for count in &mut self.counts {
            *count -= *count / 2;
        }
        let groups =
            self.counts.chunks_exact(8).map(|counts| counts.iter().map(|&count| 1 + u32::from(count)));
        for (group, weights) in self.groups.iter_mut().zip(groups.clone()) {
            *group = Eight::of(weights);
        }
        self.sum = Self::ESCAPES + groups.clone().flatten().sum::<u32>();
        self.cumulative = Cumulative::of(groups.map(Iterator::sum));
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    fn group_mut(&mut self, group: usize) -> &mut Eight {
        &mut self.groups[group % GROUPS]
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "a byte cannot leave the array")]
    fn count_mut(&mut self, value: u8) -> &mut u8 {
        &mut self.counts[usize::from(value)]
    }
}

#[cfg(test)]
impl Root {
    /// Panics unless the sums are those of the weights. Returns the total, and the weight of each byte.
    pub(super) fn check(&self) -> (u32, std::vec::Vec<u8>) {
        let weights: std::vec::Vec<u8> = self.counts.iter().map(|count| count + 1).collect();
        for value in 0..=255 {
            let (group, at) = place(value);
            let below: u32 = weights[..usize::from(value)].iter().map(|&weight| u32::from(weight)).sum();
            assert_eq!(self.cumulative.below(group) + self.groups[group].below(at), below);
        }
        let sum = weights.iter().map(|&weight| u32::from(weight)).sum::<u32>() + Self::ESCAPES;
        assert_eq!(self.sum, sum);
        assert_eq!(self.total, Total::new(sum));
        (sum, weights)
    }
}
