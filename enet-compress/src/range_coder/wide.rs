//! Contexts that know more than seven bytes.

use super::coder::{Interval, Total};
use super::context::{Context, DELTA, ESCAPE_DELTA, MAX_COUNT};
use super::cumulative::{Cumulative, Groups, Place, Steps};
use super::lanes;
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
    groups: Groups<u64>,
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
        Self { cumulative: Cumulative::ZERO, groups: Groups::of(0), sum: 0, total: Total::UNUSED };
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
        wide.cumulative.add_escapes(context.escapes());
        wide.sum += context.escapes();
        context.set_wide(id);
        self.insert(id, value);
    }

    /// The weight of the escape, and of everything.
    pub(super) fn escapes(&self, wide: u32) -> (u32, Total) {
        let wide = self.wide(wide);
        (wide.cumulative.escapes(), wide.total)
    }

    /// The weight of everything.
    pub(super) fn sum(&self, wide: u32) -> u32 {
        self.wide(wide).sum
    }

    /// Counts an occurrence of a byte if it is known. Returns its share until now, and the weight of everything.
    pub(super) fn count(&mut self, id: u32, value: u8) -> Option<(Interval, Total)> {
        let place = Place::of(value);
        let wide = self.wide_mut(id);
        let weights = *wide.groups.at(place);
        let count = lanes::lane(weights, place.lane);
        if count == 0 {
            return None;
        }
        let under = wide.cumulative.below(place) + lanes::sum(weights & lanes::below(place.lane));
        let total = wide.total;
        self.count_at(id, place, count.into());
        Some((Interval { under, count: count.into() }, total))
    }

    /// Where the byte is whose share a position lies in, and the share. Not in the escape. `is_at_or_behind`: as in
    /// [`Cumulative::find`].
    #[inline(always)]
    pub(super) fn find(
        &mut self,
        id: u32,
        position: u32,
        is_at_or_behind: impl Fn(u32) -> bool,
    ) -> (Place, Interval) {
        let wide = self.wide_mut(id);
        let (mut place, within) = wide.cumulative.find(position, is_at_or_behind);
        let weights = *wide.groups.at(place);
        let (lane, under) = lanes::find_position(weights, within);
        place.lane = lane;
        let count = lanes::lane(weights, lane).into();
        (place, Interval { under: position.wrapping_sub(within) + under, count })
    }

    /// Counts an occurrence of a known byte of some weight.
    #[inline(always)]
    pub(super) fn count_at(&mut self, id: u32, place: Place, weight: u32) {
        let wide = self.wide_mut(id);
        *wide.groups.at(place) += u64::from(DELTA) << place.lane;
        wide.cumulative.add(place, &STEPS);
        wide.sum += u32::from(DELTA);
        if weight > MAX_COUNT.into() || wide.sum > MAX_TOTAL {
            self.rescale(id);
        }
        let wide = self.wide_mut(id);
        wide.total = Total::look_up(wide.sum);
    }

    /// Adds a byte that is not known, after its escape.
    pub(super) fn insert(&mut self, id: u32, value: u8) {
        self.add(id, value, DELTA);
        let wide = self.wide_mut(id);
        wide.cumulative.add_escapes(ESCAPE_DELTA.into());
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
        let place = Place::of(value);
        let wide = self.wide_mut(id);
        wide.cumulative.add_any(place, weight.into());
        wide.sum += u32::from(weight);
        *wide.groups.at(place) += u64::from(weight) << place.lane;
    }

    /// Halves all weights, so that old statistics fade and counts stay within a byte.
    #[cold]
    fn rescale(&mut self, id: u32) {
        let wide = self.wide_mut(id);
        let escapes = wide.cumulative.escapes();
        wide.sum = escapes - escapes / 2;
        wide.cumulative = Cumulative::ZERO;
        wide.cumulative.add_escapes(wide.sum);
        for place in (0..=255).step_by(8).map(Place::of) {
            let weights = wide.groups.at(place);
            *weights = lanes::halved(*weights);
            let sum = lanes::sum(*weights);
            wide.cumulative.add_any(place, sum);
            wide.sum += sum;
        }
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

#[cfg(test)]
impl Wides {
    /// Panics unless the sums of a wide context are those of its weights. Returns the total, and how many bytes are known.
    pub(super) fn check(&mut self, id: u32) -> (u32, usize) {
        assert!((FIRST..=self.last_wide).contains(&id));
        let wide = self.wide_mut(id);
        let mut known = 0;
        let mut below = wide.cumulative.escapes();
        for place in (0..=255).step_by(8).map(Place::of) {
            assert_eq!(wide.cumulative.below(place), below);
            let weights = *wide.groups.at(place);
            known += weights.to_le_bytes().iter().filter(|&&weight| weight > 0).count();
            below += lanes::sum(weights);
        }
        assert_eq!(wide.sum, below);
        assert_eq!(wide.total, Total::new(wide.sum));
        assert!(known >= 8);
        (wide.sum, known)
    }
}
