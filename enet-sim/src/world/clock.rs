//! [`Clock`]: what a host believes the time is.

use crate::time::{Span, Time};

/// A host's clock: it starts anywhere, drifts, is set, and stands still with a suspended machine.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// What it shows is this, plus the world's time and drift.
    offset: i128,
    drift_ppm: i128,
}

impl Clock {
    pub(super) fn new(start: Span, drift_ppm: i32) -> Self {
        Clock { offset: i128::from(start.0), drift_ppm: i128::from(drift_ppm) }
    }

    /// What it shows at a time of the world.
    pub(super) fn at(&self, time: Time) -> Time {
        let time = i128::from(time.0);
        let drift = if self.drift_ppm == 0 { 0 } else { time * self.drift_ppm / 1_000_000 };
        let shown = time + drift + self.offset;
        Time(u64::try_from(shown.max(0)).unwrap_or(u64::MAX))
    }

    /// The first time of the world at which it shows `shown`, or more.
    pub(super) fn when(&self, shown: Time) -> Time {
        if self.drift_ppm == 0 {
            return Time(u64::try_from((i128::from(shown.0) - self.offset).max(0)).unwrap_or(u64::MAX));
        }
        let distance = (i128::from(shown.0) - self.offset).max(0);
        let rate = 1_000_000 + self.drift_ppm;
        // Drift is rounded to nanoseconds: the guess may be off by a few.
        let guess = (distance * 1_000_000 / rate - 3).max(0);
        let mut time = Time(u64::try_from(guess).unwrap_or(u64::MAX));
        while self.at(time) < shown {
            time = Time(time.0 + 1);
        }
        time
    }

    /// Sets it forward, or back.
    pub(super) fn step(&mut self, nanos: i64) {
        self.offset += i128::from(nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drifting_clock_reaches_what_it_was_asked_for_and_not_before() {
        for drift in [-500, -1, 0, 1, 500, 50_000] {
            let clock = Clock::new(Span::from_secs(1_000), drift);
            for shown in [1_000_000_000_001u64, 1_000_123_456_789, 5_000_000_000_000] {
                let time = clock.when(Time(shown));
                assert!(clock.at(time) >= Time(shown), "{drift}");
                assert!(clock.at(Time(time.0 - 1)) < Time(shown), "{drift} {shown}");
            }
        }
    }

    #[test]
    fn a_clock_can_be_set_back_but_not_below_zero() {
        let mut clock = Clock::new(Span::from_secs(1), 0);
        clock.step(-500_000_000);
        assert_eq!(clock.at(Time::ZERO), Time(500_000_000));
        clock.step(-5_000_000_000);
        assert_eq!(clock.at(Time::ZERO), Time::ZERO);
    }
}
