//! [`Draw`]: choices of the swarm, on integers alone.

use rand_chacha::ChaCha8Rng;

use crate::random::{Chance, Purpose, RngCore, scale, stream};
use crate::time::Span;

/// Choices, one after the other.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Draw(stream(seed, 0, Purpose::Swarm))
    }

    /// True in so many percent.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        Chance::percent(percent).hit(self.0.next_u32())
    }

    /// Evenly from `low` to `high`, both included.
    pub(super) fn even(&mut self, low: u64, high: u64) -> u64 {
        low + scale(self.0.next_u32(), high - low + 1)
    }

    /// From `low` (at least 1) to `high`, each power of two as likely as the next.
    pub(super) fn log(&mut self, low: u64, high: u64) -> u64 {
        let (first, last) = (u64::from(low.max(1).ilog2()), u64::from(high.max(1).ilog2()));
        let power = 1u64 << self.even(first, last);
        self.even(power, power * 2 - 1).clamp(low, high)
    }

    /// A length of time, each power of two as likely as the next.
    pub(super) fn span(&mut self, low: Span, high: Span) -> Span {
        Span::from_micros(self.log((low.0 / 1_000).max(1), (high.0 / 1_000).max(1)))
    }

    /// A chance, each power of two as likely as the next; in millionths.
    pub(super) fn chance(&mut self, low: u32, high: u32) -> Chance {
        let ppm = self.log(u64::from(low), u64::from(high));
        u32::try_from(ppm).ok().and_then(Chance::from_ppm).unwrap_or(Chance::ALWAYS)
    }

    /// One of them.
    pub(super) fn pick<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        let place = scale(self.0.next_u32(), among.len() as u64);
        among.get(usize::try_from(place).ok()?).copied()
    }

    /// Something in so many percent of the cases.
    pub(super) fn maybe<T>(&mut self, percent: u32, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.percent(percent).then(|| make(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_power_of_two_is_as_likely_as_the_next() {
        let mut draw = Draw::new(1);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            let value = draw.log(1, 1_023);
            assert!((1..=1_023).contains(&value));
            counts[value.ilog2() as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn even_reaches_both_ends() {
        let mut draw = Draw::new(1);
        let values: Vec<u64> = (0..200).map(|_| draw.even(3, 5)).collect();
        assert!([3, 4, 5].iter().all(|value| values.contains(value)));
        assert!(values.iter().all(|value| (3..=5).contains(value)));
    }
}
