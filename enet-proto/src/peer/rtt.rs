//! Round trip time: the sample an acknowledgement gives, and the smoothed estimate (PROTOCOL.md §9.4, §10.1).

use crate::time::Millis;

/// The round trip time that an acknowledgement measures, in ms and at least 1; `None` when the echoed sent time lies in
/// the future, and the acknowledgement must be ignored.
///
/// Only 16 bits of the sent time travel, so round trips above 32 s come out wrong (PROTOCOL.md §9.4).
///
/// ```
/// use enet_proto::estimators::{Millis, round_trip_sample};
/// assert_eq!(round_trip_sample(Millis(0x0005_1000), 0x0fff), Some(1));
/// assert_eq!(round_trip_sample(Millis(0x0005_1000), 0x1001), None);
/// ```
pub const fn round_trip_sample(now: Millis, echoed: u16) -> Option<u32> {
    let mut sent = echoed as u32 | (now.0 & 0xffff_0000);
    if (sent & 0x8000) > (now.0 & 0x8000) {
        sent = sent.wrapping_sub(0x1_0000);
    }
    if now.less(Millis(sent)) {
        return None;
    }
    let sample = now.diff(Millis(sent));
    Some(if sample == 0 { 1 } else { sample })
}

/// The smoothed round trip time and its deviation, with the extremes of the running and the last throttle interval.
/// All in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtt {
    /// Smoothed round trip time.
    pub mean: u32,
    /// Smoothed mean deviation.
    pub variance: u32,
    /// Lowest mean in the running interval.
    pub lowest: u32,
    /// Highest deviation in the running interval.
    pub highest_variance: u32,
    /// Lowest mean in the last interval: the throttle's baseline.
    pub last: u32,
    /// Highest deviation in the last interval.
    pub last_variance: u32,
    /// When the running interval began; unset before the first sample.
    pub epoch: Millis,
}

impl Default for Rtt {
    fn default() -> Self {
        Rtt {
            mean: 500,
            variance: 0,
            lowest: 500,
            highest_variance: 0,
            last: 500,
            last_variance: 0,
            epoch: Millis::UNSET,
        }
    }
}

impl Rtt {
    /// Takes one more sample in; `first` when no acknowledgement came before it, `interval` the throttle's.
    pub const fn on_sample(&mut self, sample: u32, now: Millis, first: bool, interval: u32) {
        if first {
            self.mean = sample;
            self.variance = sample.saturating_add(1) / 2;
        } else {
            let distance = sample.abs_diff(self.mean);
            self.variance = (self.variance - self.variance / 4).saturating_add(distance / 4);
            self.mean = if sample >= self.mean { self.mean + distance / 8 } else { self.mean - distance / 8 };
        }
        if self.mean < self.lowest {
            self.lowest = self.mean;
        }
        if self.variance > self.highest_variance {
            self.highest_variance = self.variance;
        }
        if self.epoch.is_unset() || now.diff(self.epoch) >= interval {
            self.last = self.lowest;
            self.last_variance = if self.highest_variance == 0 { 1 } else { self.highest_variance };
            self.lowest = self.mean;
            self.highest_variance = self.variance;
            self.epoch = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_expands_across_the_half_and_full_wrap() {
        let early = Millis(0x0005_1000);
        assert_eq!(round_trip_sample(early, 0x1000), Some(1));
        assert_eq!(round_trip_sample(early, 0x8000), Some(36_864));
        assert_eq!(round_trip_sample(early, 0xffff), Some(4_097));
        let late = Millis(0x0005_9000);
        assert_eq!(round_trip_sample(late, 0x8fff), Some(1));
        assert_eq!(round_trip_sample(late, 0x9001), None);
        assert_eq!(round_trip_sample(late, 0x1001), Some(32_767));
    }

    #[test]
    fn the_first_sample_replaces_the_guess() {
        let mut rtt = Rtt::default();
        rtt.on_sample(80, Millis(1_000), true, 5_000);
        assert_eq!((rtt.mean, rtt.variance), (80, 40));
        assert_eq!((rtt.last, rtt.last_variance), (80, 40));
    }

    #[test]
    fn a_late_sample_raises_mean_and_variance() {
        let mut rtt = Rtt { mean: 80, variance: 8, ..Rtt::default() };
        rtt.on_sample(160, Millis(1_000), false, 5_000);
        assert_eq!(rtt.mean, 80 + 80 / 8);
        assert_eq!(rtt.variance, 8 - 2 + 80 / 4);
    }

    #[test]
    fn an_early_sample_lowers_the_mean_but_not_the_variance() {
        let mut rtt = Rtt { mean: 80, variance: 8, ..Rtt::default() };
        rtt.on_sample(40, Millis(1_000), false, 5_000);
        assert_eq!(rtt.mean, 80 - 40 / 8);
        assert_eq!(rtt.variance, 8 - 2 + 40 / 4);
    }

    #[test]
    fn extreme_samples_do_not_overflow() {
        let mut rtt = Rtt { mean: u32::MAX, variance: u32::MAX, ..Rtt::default() };
        for sample in [1, u32::MAX, 1, u32::MAX] {
            rtt.on_sample(sample, Millis(1), false, 0);
        }
        assert!(rtt.lowest <= rtt.mean);
    }
}
