//! [`Clock`]: the one place where the machine's time becomes the protocol's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use enet_proto::Instant;

/// Monotonic time, counted from the wall clock's value at the start: stock hosts show peers wall-clock milliseconds,
/// and several of their rules take a clock near zero for "never" (PROTOCOL.md §17.2).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: std::time::Instant,
    epoch: Duration,
}

impl Clock {
    pub(crate) fn new() -> Self {
        // A clock set before 1970 is as good as one after it: only "large" matters.
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_else(|before| before.duration());
        Clock { start: std::time::Instant::now(), epoch }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + self.epoch + self.start.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_starts_far_from_zero_and_never_goes_back() {
        let clock = Clock::new();
        let first = clock.now();
        let second = clock.now();
        assert!(first.as_millis() > 1_000_000);
        assert!(second >= first);
        assert!(second.saturating_duration_since(first) < Duration::from_secs(60));
    }
}
