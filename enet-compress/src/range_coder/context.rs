//! A context that knows up to seven bytes: their weights, and that of the escape, are lanes of one word.

use super::coder::{Interval, Total};
use super::lanes::{self, Shift};

/// What each occurrence of a byte adds to its weight, in every context but the root.
pub(super) const DELTA: u8 = 2;
/// What an escape adds to the weight of the escape.
pub(super) const ESCAPE_DELTA: u8 = 5;
/// An occurrence of a byte that already weighed more than this makes the context rescale.
pub(super) const MAX_COUNT: u8 = 251;

/// The lane of the first byte.
pub(super) const FIRST: Shift = 8;

/// What followed some context, and how often.
///
/// The bytes are in ascending order, so the lanes' cumulative sum is the context's cumulative weight. Free lanes come
/// last; their weight is 0.
#[derive(Clone, Copy)]
pub(super) struct Context {
    /// Lane 0 is the escape, the others are bytes.
    weights: u64,
    /// The byte of each lane; 0xFF in lane 0 and in free lanes.
    values: u64,
    /// The weight of everything.
    total: Total,
    sum: u32,
    knowledge: Knowledge,
}

/// What a context knows. A number: fewer instructions than an enum.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Knowledge(u32);

impl Knowledge {
    /// Not even the escape. Only tests ask.
    pub(super) const NOTHING: Self = Self(0);
    /// Up to seven bytes.
    pub(super) const FEW: Self = Self(1);

    /// Otherwise, the number of the [`Wide`](super::wide::Wides) context that knows it.
    #[inline(always)]
    pub(super) fn wide(self) -> u32 {
        self.0
    }
}

impl Context {
    /// Nothing is known.
    pub(super) const NEW: Self =
        Self { weights: 0, values: 0, total: Total::UNUSED, sum: 0, knowledge: Knowledge::NOTHING };

    #[inline(always)]
    pub(super) fn knowledge(&self) -> Knowledge {
        self.knowledge
    }

    /// All lanes are taken.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.weights >> 56 != 0
    }

    /// From now on a wide context keeps what is known.
    pub(super) fn set_wide(&mut self, wide: u32) {
        self.knowledge = Knowledge(wide);
    }

    /// Forgets everything.
    pub(super) fn reset(&mut self) {
        self.knowledge = Knowledge::NOTHING;
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
        lanes::lane(self.weights, 0).into()
    }

    /// The lane of a byte, if it is known.
    #[inline(always)]
    pub(super) fn find(&self, value: u8) -> Option<Shift> {
        let lane = lanes::find_value(self.values, value)?;
        // Free lanes also hold something.
        if lanes::lane(self.weights, lane) == 0 {
            return None;
        }
        Some(lane)
    }

    /// The lane in which a position of the cumulative weight lies, and its share. Lane 0 is the escape. `position` is
    /// below the [`sum`](Self::sum).
    #[inline(always)]
    pub(super) fn find_position(&self, position: u32) -> (Shift, Interval) {
        let (lane, under) = lanes::find_position(self.weights, position);
        (lane, Interval { under, count: self.weight(lane).into() })
    }

    /// The byte of a lane.
    #[inline(always)]
    pub(super) fn value(&self, lane: Shift) -> u8 {
        lanes::lane(self.values, lane)
    }

    #[inline(always)]
    pub(super) fn weight(&self, lane: Shift) -> u8 {
        lanes::lane(self.weights, lane)
    }

    /// The share of a lane.
    #[inline(always)]
    pub(super) fn interval(&self, lane: Shift) -> Interval {
        let under = lanes::sum(self.weights & lanes::below(lane));
        Interval { under, count: self.weight(lane).into() }
    }

    /// The share of the first byte.
    #[inline(always)]
    pub(super) fn first_interval(&self) -> Interval {
        Interval { under: self.escapes(), count: self.weight(FIRST).into() }
    }

    /// Whether it is the first byte of a context that knows few.
    #[inline(always)]
    pub(super) fn is_first(&self, value: u8) -> bool {
        self.value(FIRST) == value
    }

    /// Counts an occurrence of a lane's byte.
    #[inline(always)]
    pub(super) fn count(&mut self, lane: Shift) {
        let count = lanes::lane(self.weights, lane);
        self.weights = self.weights.wrapping_add(u64::from(DELTA) << lane);
        self.sum += u32::from(DELTA);
        if count > MAX_COUNT {
            self.rescale();
        }
        self.total = Total::small(self.sum);
    }

    #[cold]
    #[inline(never)]
    fn rescale(&mut self) {
        self.weights = lanes::halved(self.weights);
        self.sum = lanes::sum(self.weights);
    }

    /// Adds the first byte to a context that knows nothing.
    #[inline(always)]
    pub(super) fn begin(&mut self, value: u8) {
        self.weights = const { (DELTA as u64) << 8 | ESCAPE_DELTA as u64 };
        self.values = u64::from(value) << 8 | !0xFF00;
        self.sum = u32::from(DELTA + ESCAPE_DELTA);
        self.knowledge = Knowledge::FEW;
        self.total = const { Total::new((DELTA + ESCAPE_DELTA) as u32) };
    }

    /// Adds a byte that is not known to a context that knows few, but is not [full](Self::is_full).
    #[inline(always)]
    pub(super) fn insert(&mut self, value: u8) {
        let lane = lanes::find_not_below(self.values, value) & 63;
        let low = lanes::below(lane);
        let push = |word: u64, byte: u8| (word & low) | u64::from(byte) << lane | (word & !low) << 8;
        self.values = push(self.values, value);
        self.weights = push(self.weights, DELTA) + u64::from(ESCAPE_DELTA);
        self.sum += u32::from(DELTA + ESCAPE_DELTA);
        self.total = Total::small(self.sum);
    }

    /// The first byte's statistics, to be worked on outside of memory.
    #[inline(always)]
    pub(super) fn run(&self) -> Run {
        Run { escapes: self.escapes(), count: self.weight(FIRST), sum: self.sum, total: self.total }
    }

    /// Takes them back.
    #[inline(always)]
    pub(super) fn end_run(&mut self, run: Run) {
        self.weights = self.weights & !0xFF00 | u64::from(run.count) << FIRST;
        self.sum = run.sum;
        self.total = run.total;
    }

    /// Every byte known, with its weight.
    pub(super) fn known(&self) -> impl Iterator<Item = (u8, u8)> {
        let known = (8..64).step_by(8).map(|lane| (self.value(lane), self.weight(lane)));
        known.take_while(|&(_, weight)| weight != 0)
    }
}

#[cfg(test)]
impl Context {
    /// Panics unless the bytes ascend and the total is right. Returns it, and how many bytes are known.
    pub(super) fn check(&self) -> (u32, usize) {
        let known: std::vec::Vec<(u8, u8)> = self.known().collect();
        assert!((1..=7).contains(&known.len()));
        assert!(known.is_sorted_by(|a, b| a.0 < b.0), "{known:?}");
        assert_eq!(
            self.sum,
            self.escapes() + known.iter().map(|&(_, weight)| u32::from(weight)).sum::<u32>()
        );
        assert_eq!(self.sum, lanes::sum(self.weights));
        assert_eq!(self.total, Total::new(self.sum));
        (self.sum, known.len())
    }
}

/// The statistics of a context's first byte while it repeats.
#[derive(Clone, Copy)]
pub(super) struct Run {
    escapes: u32,
    count: u8,
    sum: u32,
    total: Total,
}

impl Run {
    /// Whether the next occurrence makes the context rescale.
    #[inline(always)]
    pub(super) fn is_at_limit(&self) -> bool {
        self.count > MAX_COUNT
    }

    #[inline(always)]
    pub(super) fn interval(&self) -> Interval {
        Interval { under: self.escapes, count: self.count.into() }
    }

    #[inline(always)]
    pub(super) fn total(&self) -> Total {
        self.total
    }

    /// Counts an occurrence.
    #[inline(always)]
    pub(super) fn count(&mut self) {
        self.count += DELTA;
        self.sum += u32::from(DELTA);
        self.total = Total::small(self.sum);
    }
}
