//! [`Queueing`]: whether round trips take long because a queue grows, or because the way is long (docs/RECOVERY.md).

use crate::time::Millis;

/// How long samples are gathered before they are compared with those of before, in ms.
const SPELL: u32 = 100;

/// Delay that is no queue, in µs, besides an eighth of the way and what round trips scatter by.
const ALLOWANCE: u32 = 10_000;

/// How many times what round trips scatter by makes no queue.
const SCATTERS: u32 = 4;

/// After a queue, so many spells without one before round trips are taken to scatter by themselves again: those between two
/// queues scatter by queues.
const CALM: u8 = 10;

/// Spells whose losses are counted when a queue is suspected: the one that ends, and two before it.
const SUSPECT: u8 = 3;

/// Losses that count in a spell.
const MOST: u8 = 31;

/// What a sample says of the path. A value, as the other estimators are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// No queue.
    Clear,
    /// Neither.
    Unsure,
    /// The packet stood in a queue.
    Queued,
}

/// The shortest round trips of late, and what became of them. All in µs.
///
/// A queue fills by and by; a route changes from one packet to the next, and nothing changes after it. So a round trip that
/// jumps and stays is a longer way, unless more is lost than before. One that climbs is a queue, which it remains
/// until it is short again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Queueing {
    /// The shortest of the running throttle interval and of the last: the way's length.
    least: [u32; 2],
    /// What round trips scatter by while nothing happens: their deviation, smoothed.
    scatter: u32,
    epoch: Millis,
    /// The shortest of the running spell and of the last; 0 if there was none.
    spells: [u32; 2],
    began: Millis,
    /// Losses in the running spell and in those before it.
    losses: [u8; SUSPECT as usize],
    /// Losses in a spell that is not long, smoothed, in 2048ths.
    usual_losses: u16,
    is_long: bool,
    /// Whether the first of the spells that are long was reached by and by.
    was_gradual: bool,
    is_growing: bool,
    /// Spells that were not long since a queue grew, at most [`CALM`].
    calm: u8,
}

impl Queueing {
    /// Takes one more round trip in, its smoothed deviation given; both in µs. `interval` is the throttle's, in ms.
    pub fn on_round_trip(&mut self, rtt: u32, deviation: u32, now: Millis, interval: u32) {
        let rtt = rtt.max(1);
        if self.epoch.is_unset() {
            (self.least, self.scatter, self.calm) = ([rtt; 2], deviation.min(rtt / 4), CALM);
            (self.epoch, self.began) = (Millis(now.0.max(1)), now);
        } else if now.diff(self.epoch) >= interval {
            self.least = [rtt, self.least[0]];
            self.epoch = Millis(now.0.max(1));
        }
        self.least[0] = self.least[0].min(rtt);
        if now.diff(self.began) >= SPELL {
            self.end_spell(deviation);
            (self.spells, self.began) = ([0, self.spells[0]], now);
            self.losses = [0, self.losses[0], self.losses[1]];
        }
        self.spells[0] = if self.spells[0] == 0 { rtt } else { self.spells[0].min(rtt) };
        if self.is_growing && rtt <= self.base().saturating_add(self.allowance() / 2) {
            self.is_growing = false;
        }
    }

    /// Compares the spell that ends with the one before.
    fn end_spell(&mut self, deviation: u32) {
        let [now, before] = self.spells;
        let (base, allowance) = (self.base(), self.allowance());
        let was_long = core::mem::replace(&mut self.is_long, now > base.saturating_add(allowance));
        if !self.is_long && !self.is_growing {
            self.usual_losses = self.usual_losses - self.usual_losses / 32 + u16::from(self.losses[0]) * 64;
            self.calm = self.calm.saturating_add(1).min(CALM);
            if self.calm == CALM {
                self.scatter = self.scatter - self.scatter / 16 + deviation / 16;
            }
        }
        if !self.is_long || self.is_growing || before == 0 {
            return;
        }
        if !was_long {
            self.was_gradual = before > base.saturating_add(allowance / 4);
        }
        let climbs = now.saturating_sub(before) > (now - base) / 4;
        if self.loses_more_than_usual() || was_long && (self.was_gradual || climbs) {
            (self.is_growing, self.calm) = (true, 0);
        } else if was_long {
            // It jumped, and there it stays.
            self.least = [now.min(before); 2];
            self.is_long = false;
        }
    }

    /// A datagram was lost: where queues are long, for want of room.
    pub fn on_loss(&mut self) {
        self.losses[0] = (self.losses[0] + 1).min(MOST);
    }

    /// Whether more than one was lost of late beside twice as many as usual. With losses that have nothing to do with
    /// each other that happens by chance, but hardly once in thirty times.
    fn loses_more_than_usual(&self) -> bool {
        let usual = u32::from(self.usual_losses) * u32::from(SUSPECT);
        let lost: u32 = self.losses.iter().map(|losses| u32::from(*losses) * 2_048).sum();
        lost > 2 * usual + 2_048
    }

    /// What a round trip of so many µs says.
    pub fn read(&self, rtt: u32) -> Reading {
        if !self.is_growing {
            Reading::Clear
        } else if rtt > self.base().saturating_add(self.allowance()) {
            Reading::Queued
        } else {
            Reading::Unsure
        }
    }

    /// Whether a queue grew and was not seen to be short again.
    pub const fn is_growing(&self) -> bool {
        self.is_growing
    }

    /// Whether nothing is known but the way's length.
    pub(crate) const fn is_at_rest(&self) -> bool {
        !self.is_long && !self.is_growing && matches!(self.losses, [0, 0, 0])
    }

    /// The way's length, as it was told or measured.
    pub fn base(&self) -> u32 {
        self.least[0].min(self.least[1])
    }

    /// Takes this for the way's length.
    pub(crate) const fn assume(&mut self, rtt: u32) {
        self.least = [rtt; 2];
    }

    fn allowance(&self) -> u32 {
        ALLOWANCE.saturating_add(self.base() / 8).saturating_add(self.scatter.saturating_mul(SCATTERS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::recovery::Recovery;

    /// A path's round trips in ms, 60 of them a second, with the deviation that goes with them; how many said `Queued` in each
    /// second.
    fn queued(seconds: u32, rtt: impl Fn(u32) -> u32, deviation: u32) -> std::vec::Vec<usize> {
        let mut path = Queueing::default();
        let mut counts = std::vec::Vec::new();
        for second in 0..seconds {
            let samples = (0..60).map(|sample| second * 1_000 + sample * 50 / 3);
            counts.push(
                samples
                    .filter(|at| {
                        let rtt = rtt(*at) * 1_000;
                        path.on_round_trip(rtt, deviation, Millis(at + 1), 5_000);
                        path.read(rtt) == Reading::Queued
                    })
                    .count(),
            );
        }
        counts
    }

    #[test]
    fn a_way_that_becomes_longer_at_once_is_no_queue() {
        let step = |at| if at < 3_333 { 10 } else { 100 };
        assert_eq!(queued(20, step, 500), [0; 20]);
    }

    #[test]
    fn a_round_trip_that_climbs_is_a_queue_until_it_is_short_again() {
        let ramp = |at: u32| match at {
            0..2_000 => 40,
            2_000..6_000 => 40 + (at - 2_000) / 10,
            _ => 40,
        };
        let counts = queued(8, ramp, 500);
        assert_eq!(counts[..2], [0, 0]);
        assert!(counts[2] > 30, "{counts:?}");
        assert_eq!(counts[3..6], [60; 3]);
        assert_eq!(counts[6..], [0, 0]);
    }

    #[test]
    fn a_queue_that_fills_slowly_is_one() {
        let ramp = |at: u32| 40 + at.saturating_sub(2_000) * 3 / 100;
        let counts = queued(8, ramp, 500);
        assert_eq!(counts[..2], [0, 0]);
        assert_eq!(counts[5..], [60; 3]);
    }

    #[test]
    fn a_queue_that_fills_at_once_is_known_by_its_losses() {
        let mut path = Queueing::default();
        let mut readings = [0; 2];
        for at in 0..120_u32 {
            let rtt = if at < 60 { 40_000 } else { 400_000 };
            if at == 62 || at == 66 {
                path.on_loss();
            }
            path.on_round_trip(rtt, 500, Millis(at * 50 / 3 + 1), 5_000);
            readings[(at / 60) as usize] += usize::from(path.read(rtt) == Reading::Queued);
        }
        assert_eq!(readings[0], 0);
        assert!(readings[1] > 40, "{readings:?}");
    }

    #[test]
    fn jitter_is_no_queue() {
        let jitter = |at: u32| 40 + (at.wrapping_mul(2_654_435_761) >> 16) % 40;
        assert_eq!(queued(60, jitter, 12_000), [0; 60]);
    }

    #[test]
    fn jitter_that_holds_up_what_comes_behind_is_no_queue() {
        for jitter in [60_u32, 150] {
            let (mut path, mut estimate) = (Queueing::default(), Recovery::default());
            let (mut random, mut there, mut back) = (jitter, 0_u32, 0);
            let mut way = |at: u32| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                at + 60 + (random >> 16) % jitter
            };
            let queued = (0..60 * 60_u32).filter(|sample| {
                let sent = sample * 50 / 3 + 1;
                there = way(sent).max(there);
                back = way(there).max(back);
                let rtt = (back - sent) * 1_000;
                estimate.sample(rtt);
                path.on_round_trip(rtt, estimate.deviation, Millis(back), 5_000);
                path.read(rtt) == Reading::Queued
            });
            assert!(queued.count() < 36, "{jitter} ms");
        }
    }

    #[test]
    fn a_queue_that_comes_again_and_again_is_seen_each_time() {
        // Each second it grows for half of it, and is empty for the other.
        let saw = |at: u32| 20 + if at % 1_000 < 500 { at % 1_000 / 2 } else { 0 };
        let mut estimate = Recovery::default();
        let mut path = Queueing::default();
        let mut seen = [false; 30];
        for sample in 0..60 * 30_u32 {
            let at = sample * 50 / 3;
            let rtt = saw(at) * 1_000;
            estimate.sample(rtt);
            path.on_round_trip(rtt, estimate.deviation, Millis(at + 1), 5_000);
            seen[(at / 1_000) as usize] |= path.read(rtt) == Reading::Queued;
        }
        assert!(seen[3..].iter().all(|seen| *seen), "{seen:?}");
    }

    /// How many samples of 60 a second said `Queued` where the way becomes 100 ms instead of 10, and of 1024 packets
    /// so many are lost, before and after.
    fn queued_after_step(seed: u32, chance: [u32; 2]) -> usize {
        let mut path = Queueing::default();
        let mut random = seed;
        let samples = (0..60 * 30_u32).filter(|sample| {
            let is_after = *sample >= 60 * 20;
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let rtt = if is_after { 100_000 } else { 10_000 };
            if random >> 22 < chance[usize::from(is_after)] {
                path.on_loss();
                return false;
            }
            path.on_round_trip(rtt, 500, Millis(sample * 50 / 3 + 1), 5_000);
            path.read(rtt) == Reading::Queued
        });
        samples.count()
    }

    /// In how many of 200 such steps a queue was seen.
    fn steps_taken_for_queues(before: u32, after: u32) -> usize {
        (0..200).filter(|seed| queued_after_step(seed * 7_919, [before, after]) > 0).count()
    }

    #[test]
    fn one_loss_makes_no_queue_of_a_longer_way() {
        for lost in 595..620 {
            let mut path = Queueing::default();
            let queued = (0..1_800_u32).any(|sample| {
                let rtt = if sample < 600 { 10_000 } else { 100_000 };
                if sample == lost {
                    path.on_loss();
                }
                path.on_round_trip(rtt, 500, Millis(sample * 50 / 3 + 1), 5_000);
                path.read(rtt) == Reading::Queued
            });
            assert!(!queued, "{lost}");
        }
    }

    #[test]
    fn a_way_that_becomes_longer_is_no_queue_where_as_much_was_lost_before() {
        for loss in [0, 10, 20, 40, 100] {
            let wrong = steps_taken_for_queues(loss, loss);
            assert!(wrong <= 12, "{loss} of 1024 lost: {wrong} of 200");
        }
    }

    #[test]
    fn a_queue_that_fills_at_once_is_known_by_its_losses_where_some_are_usual() {
        for loss in [0, 10, 20, 40] {
            let seen = steps_taken_for_queues(loss, 400);
            assert!(seen >= 180, "{loss} of 1024 lost: {seen} of 200");
        }
    }
}
