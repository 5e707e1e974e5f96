//! [`Looks`]: which of the events at hand are worth a look at the clock.

use std::time::Duration;

use enet_proto::Instant;

/// Events for each look at most: a look costs as much as a third of an event.
const RAREST: u32 = 8;

/// Events between two looks during so little time are quick.
const QUICK: Duration = Duration::from_micros(100);

/// Looks seldom while the application takes events quickly, and at each while it is slow. Whoever turns slow is seen
/// after [`RAREST`] events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looks {
    last: Instant,
    interval: u32,
    /// Events until the next look.
    left: u32,
}

impl Looks {
    pub(crate) const fn new(now: Instant) -> Self {
        Looks { last: now, interval: 1, left: 1 }
    }

    /// Whether it is time to look at the next event.
    pub(crate) const fn is_due(&self) -> bool {
        self.left <= 1
    }

    /// Counts an event without a look.
    pub(crate) const fn on_event(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// Notes what the clock said.
    pub(crate) fn on_look(&mut self, now: Instant) {
        let is_quick = now.saturating_duration_since(self.last) < QUICK;
        self.interval = if is_quick { RAREST.min(self.interval * 2) } else { 1 };
        self.left = self.interval;
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times between looks, for an application that takes so long for each of its events.
    fn gaps(events: &[Duration]) -> Vec<Duration> {
        let mut now = Instant::ZERO;
        let mut looks = Looks::new(now);
        let mut gaps = vec![];
        for event in events {
            now += *event;
            if looks.is_due() {
                gaps.push(now.saturating_duration_since(looks.last));
                looks.on_look(now);
            } else {
                looks.on_event();
            }
        }
        gaps
    }

    const FAST: Duration = Duration::from_nanos(100);
    const SLOW: Duration = Duration::from_millis(5);

    #[test]
    fn fast_events_are_looked_at_seldom() {
        let looks = gaps(&[FAST; 1_000]).len();
        assert!(looks <= 1_000 / 8 + 3, "{looks}");
    }

    #[test]
    fn slow_events_are_looked_at_each() {
        assert_eq!(gaps(&[SLOW; 100]), [SLOW; 100]);
    }

    #[test]
    fn however_many_were_fast_the_eighth_slow_one_is_seen_and_each_after_it() {
        for fast in 0..100 {
            let gaps = gaps(&[vec![FAST; fast], vec![SLOW; 100]].concat());
            let slow: Vec<_> = gaps.into_iter().filter(|gap| *gap >= SLOW).collect();
            assert!(slow[0] < 8 * SLOW + 8 * FAST, "{fast}: {slow:?}");
            assert!(slow[1..].iter().all(|gap| *gap == SLOW), "{fast}: {slow:?}");
        }
    }
}
