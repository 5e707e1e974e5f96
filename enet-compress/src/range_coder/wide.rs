//! Contexts that know more than seven bytes.

use super::coder::{Interval, Total};
use super::context::{Context, DELTA, ESCAPE_DELTA, MAX_COUNT};
use super::cumulative::{Cumulative, GROUPS, Steps, place, value_at};
use super::lanes::{self, Shift};
use super::root::MAX_TOTAL;

/// Room for wide contexts: each knows at least eight of at most 4095 symbols, and eight are the root's.
const WIDES: usize = 512;
/// The number of the first one. The smaller ones say something else in [`Knowledge`](super::context::Knowledge).
const FIRST: u32 = 2;

static STEPS: Steps = Steps::new(DELTA);

/// As a [`Context`], for any number of bytes.
#[derive(Clone, Copy)]
struct Wide {
    cumulative: Cumulative,
    /// The weights of eight neighbouring values; 0 of those not known.
    groups: [u64; GROUPS],
    escapes: u32,
    /// The weight of the escape and all bytes.
    sum: u32,
    total: Total,
}

/// All wide contexts of a model.
pub(super) struct Wides {
    wides: [Wide; WIDES],
    last_wide: u32,
}

impl Wide {
    const EMPTY: Self =
        Self { cumulative: Cumulative::ZERO, groups: [0; GROUPS], escapes: 0, sum: 0, total: Total::UNUSED };
}

impl Wides {
    pub(super) const NEW: Self = Self { wides: [Wide::EMPTY; WIDES], last_wide: FIRST - 1 };

    /// Forgets everything.
    pub(super) fn reset(&mut self) {
        self.last_wide = FIRST - 1;
    }

    /// Makes a wide context of a full one, and adds a byte that it does not know.
    #[cold]
    #[inline(never)]
    pub(super) fn take_over(&mut self, context: &mut Context, value: u8) {
        self.last_wide = self.last_wide.wrapping_add(1);
        let id = self.last_wide;
        *self.wide_mut(id) = Wide::EMPTY;
        for (value, weight) in context.known() {
            self.add(id, value, weight);
        }
        let wide = self.wide_mut(id);
        wide.escapes = context.escapes();
        wide.sum += wide.escapes;
        context.set_wide(id);
        self.insert(id, value);
    }

    /// The weight of the escape, and of everything.
    pub(super) fn escapes(&self, wide: u32) -> (u32, Total) {
        let wide = self.wide(wide);
        (wide.escapes, wide.total)
    }

    /// The weight of everything.
    pub(super) fn sum(&self, wide: u32) -> u32 {
        self.wide(wide).sum
    }

    /// Counts an occurrence of a byte if it is known. Returns its share until now, and the weight of everything.
    pub(super) fn count(&mut self, id: u32, value: u8) -> Option<(Interval, Total)> {
        let (group, lane) = lane_of(value);
        let wide = self.wide(id);
        let weights = wide.group(group);
        let count = lanes::lane(weights, lane);
        if count == 0 {
            return None;
        }
        let under = wide.escapes + wide.cumulative.below(group) + lanes::sum(weights & lanes::below(lane));
        let total = wide.total;
        self.count_at(id, group, lane, count);
        Some((Interval { under, count: count.into() }, total))
    }

    /// Counts an occurrence of the byte at a position of the cumulative weight, escape not counted. Returns its share
    /// until now and which byte it is. `is_at_or_behind`: as in [`Cumulative::find`].
    #[inline(always)]
    pub(super) fn count_position(
        &mut self,
        id: u32,
        position: u32,
        is_at_or_behind: impl Fn(u32) -> bool,
    ) -> (u8, Interval) {
        let wide = self.wide(id);
        let (group, below) = wide.cumulative.find(position, is_at_or_behind);
        let weights = wide.group(group);
        let (lane, within) = lanes::find_position(weights, position.wrapping_sub(below));
        let count = lanes::lane(weights, lane);
        let under = below + within + wide.escapes;
        self.count_at(id, group, lane, count);
        (value_at(group, (lane / 8) as usize), Interval { under, count: count.into() })
    }

    #[inline(always)]
    fn count_at(&mut self, id: u32, group: usize, lane: Shift, count: u8) {
        let wide = self.wide_mut(id);
        *wide.group_mut(group) += u64::from(DELTA) << lane;
        wide.cumulative.add(group, &STEPS);
        wide.sum += u32::from(DELTA);
        if count > MAX_COUNT || wide.sum > MAX_TOTAL {
            self.rescale(id);
        }
        let wide = self.wide_mut(id);
        wide.total = Total::look_up(wide.sum);
    }

    /// Adds a byte that is not known, after its escape.
    pub(super) fn insert(&mut self, id: u32, value: u8) {
        self.add(id, value, DELTA);
        let wide = self.wide_mut(id);
        wide.escapes += u32::from(ESCAPE_DELTA);
        wide.sum += u32::from(ESCAPE_DELTA);
        if wide.sum > MAX_TOTAL {
            self.rescale(id);
        }
        let wide = self.wide_mut(id);
        wide.total = Total::look_up(wide.sum);
    }

    /// Adds a byte that is not known.
    #[inline(always)]
    fn add(&mut self, id: u32, value: u8, weight: u8) {
        let (group, lane) = lane_of(value);
        let wide = self.wide_mut(id);
        wide.cumulative.add_any(group, weight.into());
        wide.sum += u32::from(weight);
        *wide.group_mut(group) += u64::from(weight) << lane;
    }

    /// Halves all weights, so that old statistics fade and counts stay within a byte.
    #[cold]
    fn rescale(&mut self, id: u32) {
        let wide = self.wide_mut(id);
        wide.groups = wide.groups.map(lanes::halved);
        let halved = wide.groups.map(lanes::sum);
        wide.escapes -= wide.escapes / 2;
        wide.cumulative = Cumulative::of(halved.into_iter());
        wide.sum = halved.iter().sum::<u32>() + wide.escapes;
    }

    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    fn wide(&self, id: u32) -> &Wide {
        &self.wides[id as usize % WIDES]
    }

    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    fn wide_mut(&mut self, id: u32) -> &mut Wide {
        &mut self.wides[id as usize % WIDES]
    }
}

impl Wide {
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    fn group(&self, group: usize) -> u64 {
        self.groups[group % GROUPS]
    }

    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    fn group_mut(&mut self, group: usize) -> &mut u64 {
        &mut self.groups[group % GROUPS]
    }
}

/// Where a byte is: its group, and its lane there.
#[inline(always)]
fn lane_of(value: u8) -> (usize, Shift) {
    let (group, _) = place(value);
    (group, Shift::from(value % 8) * 8)
}

#[cfg(test)]
impl Wides {
    /// Panics unless the sums of a wide context are those of its weights. Returns the total, and how many bytes are known.
    pub(super) fn check(&self, id: u32) -> (u32, usize) {
        assert!((FIRST..=self.last_wide).contains(&id));
        let wide = self.wide(id);
        let mut known = 0;
        let mut below = 0;
        for group in 0..GROUPS {
            assert_eq!(wide.cumulative.below(group), below);
            let weights = wide.group(group);
            known += weights.to_le_bytes().iter().filter(|&&weight| weight > 0).count();
            below += lanes::sum(weights);
        }
        assert_eq!(wide.sum, below + wide.escapes);
        assert_eq!(wide.total, Total::new(wide.sum));
        assert!(known >= 8);
        (wide.sum, known)
    }
}
