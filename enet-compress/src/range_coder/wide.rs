//! Contexts that know more than seven bytes.

use super::context::{Context, DELTA, ESCAPE_DELTA, MAX_COUNT};
use super::cumulative::{Place, Steps};
use super::weights::{MAX_TOTAL, Weights};

/// Room for wide contexts: each knows at least eight of at most 4095 symbols, and eight are the root's.
const WIDES: usize = 512;
/// The number of the first one. The smaller ones say something else in [`Knowledge`](super::context::Knowledge).
const FIRST: u32 = 2;

static STEPS: Steps = Steps::new(DELTA);

/// All wide contexts of a model. What a byte weighs that is not known is 0.
pub(super) struct Wides {
    wides: [Weights; WIDES],
    last_wide: u32,
}

impl Wides {
    pub(super) const NEW: Self = Self { wides: [Weights::new(0, 0); WIDES], last_wide: FIRST - 1 };

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
        let wide = self.wide_mut(id);
        *wide = Weights::new(0, 0);
        wide.add_escapes(context.escapes());
        for (value, weight) in context.known() {
            wide.add_any(Place::of(value), weight.into());
        }
        context.set_wide(id);
        self.insert(id, value);
    }

    /// The weights of a wide context.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    pub(super) fn wide(&self, id: u32) -> &Weights {
        &self.wides[id as usize % WIDES]
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    fn wide_mut(&mut self, id: u32) -> &mut Weights {
        &mut self.wides[id as usize % WIDES]
    }

    /// Counts an occurrence of a known byte of some weight.
    #[inline(always)]
    pub(super) fn count(&mut self, id: u32, place: Place, weight: u32) {
        let wide = self.wide_mut(id);
        wide.add(place, &STEPS);
        if weight > MAX_COUNT.into() || wide.sum() > MAX_TOTAL {
            wide.rescale(0);
        }
        wide.update_total();
    }

    /// Adds a byte that is not known, after its escape.
    pub(super) fn insert(&mut self, id: u32, value: u8) {
        let wide = self.wide_mut(id);
        wide.add(Place::of(value), &STEPS);
        wide.add_escapes(ESCAPE_DELTA.into());
        if wide.sum() > MAX_TOTAL {
            wide.rescale(0);
        }
        wide.update_total();
    }
}

#[cfg(test)]
impl Wides {
    /// As [`Weights::check`]. Returns the total, and how many bytes are known.
    pub(super) fn check(&self, id: u32) -> (u32, usize) {
        assert!((FIRST..=self.last_wide).contains(&id));
        let (sum, weights) = self.wide(id).check();
        let known = weights.iter().filter(|&&weight| weight > 0).count();
        assert!(known >= 8);
        (sum, known)
    }
}
