//! [`Series`]: what a run's plots are drawn from.

use crate::endpoint::Snapshot;
use crate::time::{Span, Time};

/// The shortest time between two samples of a connection's numbers.
const SAMPLE_INTERVAL: Span = Span::from_millis(50);
/// More samples than a plot has pixels are of no use: beyond, every second one goes.
const MOST_SAMPLES: usize = 2_400;
/// Slices of time of which dots are kept.
const SLICES: usize = 240;

/// How a run went, over time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The first measured connection's own numbers, in order of time.
    pub samples: Vec<Sample>,
    /// Latencies of the reliable messages.
    pub reliable: Distribution,
    /// Latencies of all others.
    pub unreliable: Distribution,
}

/// A connection's numbers at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Time,
    /// What the endpoint said.
    pub numbers: Snapshot,
}

/// A set of latencies, as plots need it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Distribution {
    /// How many.
    pub count: usize,
    /// Latency and the share of messages that took at most so long, ascending, ever finer towards 1.
    pub shares: Vec<(Span, f64)>,
    /// Time of sending and latency: of every slice of time the quickest, the median and the slowest message.
    pub dots: Vec<(Time, Span)>,
}

impl Distribution {
    /// Of times of sending and latencies, in any order; and the latencies in ascending order.
    pub(super) fn of(mut messages: Vec<(Time, Span)>) -> (Self, Vec<Span>) {
        let mut sorted: Vec<Span> = messages.iter().map(|(_, latency)| *latency).collect();
        sorted.sort_unstable();
        messages.sort_unstable();
        (Self { count: sorted.len(), shares: shares(&sorted), dots: dots(&messages) }, sorted)
    }
}

/// About 50 points for every power of ten of the rest that took longer.
fn shares(sorted: &[Span]) -> Vec<(Span, f64)> {
    let total = sorted.len();
    let mut points = Vec::new();
    let mut longer = total;
    for (before, latency) in sorted.iter().enumerate() {
        let left = total - before - 1;
        if before == 0 || left * 22 <= longer * 21 || left == 0 {
            points.push((*latency, (before + 1) as f64 / total as f64));
            longer = left;
        }
    }
    points
}

fn dots(messages: &[(Time, Span)]) -> Vec<(Time, Span)> {
    let (Some(first), Some(last)) = (messages.first(), messages.last()) else { return Vec::new() };
    let slice = (last.0.since(first.0).0 / SLICES as u64).max(1);
    let of_slice = |message: &(Time, Span)| message.0.since(first.0).0 / slice;
    let mut dots = Vec::new();
    for group in messages.chunk_by(|one, two| of_slice(one) == of_slice(two)) {
        let mut group = group.to_vec();
        group.sort_unstable_by_key(|&(sent, latency)| (latency, sent));
        let median = group.get(group.len() / 2).copied();
        let mut kept: Vec<_> =
            [group.first().copied(), median, group.last().copied()].into_iter().flatten().collect();
        kept.sort_unstable();
        kept.dedup();
        dots.extend(kept);
    }
    dots
}

/// Takes samples of one connection, never too many.
#[derive(Debug)]
pub(super) struct Sampler {
    samples: Vec<Sample>,
    interval: Span,
    next: Time,
}

impl Sampler {
    pub(super) fn new() -> Self {
        Self { samples: Vec::new(), interval: SAMPLE_INTERVAL, next: Time::ZERO }
    }

    /// Whether a sample is wanted now.
    pub(super) fn is_due(&self, at: Time) -> bool {
        at >= self.next
    }

    pub(super) fn take(&mut self, at: Time, numbers: Snapshot) {
        self.samples.push(Sample { at, numbers });
        if self.samples.len() >= MOST_SAMPLES {
            let mut index = 0_usize;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.interval = self.interval + self.interval;
        }
        self.next = at + self.interval;
    }

    pub(super) fn finish(self) -> Vec<Sample> {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_hold_the_quickest_and_the_slowest_and_rise() {
        let messages: Vec<_> = (1..=10_000).map(|n| (Time(n), Span::from_micros(n))).collect();
        let (distribution, sorted) = Distribution::of(messages);
        assert_eq!((distribution.count, sorted.len()), (10_000, 10_000));
        assert_eq!(distribution.shares.first(), Some(&(Span::from_micros(1), 0.000_1)));
        assert_eq!(distribution.shares.last(), Some(&(Span::from_micros(10_000), 1.0)));
        assert!(distribution.shares.is_sorted_by(|one, two| one.0 < two.0 && one.1 < two.1));
        assert!((100..400).contains(&distribution.shares.len()), "{}", distribution.shares.len());
    }

    #[test]
    fn of_each_slice_of_time_the_extremes_are_kept() {
        let spike = (Time(5_000_000), Span::from_secs(9));
        let mut messages: Vec<_> = (0..10_000).map(|n| (Time(n * 1_000), Span::from_millis(40))).collect();
        messages.push(spike);
        let (distribution, _) = Distribution::of(messages);
        assert!(distribution.dots.contains(&spike));
        assert!(distribution.dots.len() <= 3 * (SLICES + 1));
    }

    #[test]
    fn a_run_of_any_length_gives_a_bounded_number_of_samples() {
        let mut sampler = Sampler::new();
        for step in 0..1_000_000_u64 {
            let at = Time(step * 10_000_000);
            if sampler.is_due(at) {
                sampler.take(at, Snapshot::default());
            }
        }
        let samples = sampler.finish();
        assert!((MOST_SAMPLES / 2 - 1..MOST_SAMPLES).contains(&samples.len()), "{}", samples.len());
        assert!(samples.last().is_some_and(|sample| sample.at > Time(9_900_000_000_000)));
    }
}
