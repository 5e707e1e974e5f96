//! The packet throttle: which share of unreliable packets is sent, of 32 (PROTOCOL.md §10.2, §10.3).

use super::queueing::Reading;
use crate::profile::THROTTLE_SCALE;

const COUNTER_STEP: u32 = 7;

/// The throttle of one connection and how fast it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// Share of unreliable packets that are sent, of 32.
    pub value: u32,
    /// What bandwidth limits allow at most, of 32.
    pub limit: u32,
    /// Added for a good acknowledgement.
    pub acceleration: u32,
    /// Taken for a bad one.
    pub deceleration: u32,
    /// How often the baseline is measured anew, in ms.
    pub interval: u32,
    /// Spreads the drops evenly: steps by 7 modulo 32, and a packet passes while it is at most `value`.
    pub counter: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Throttle {
            value: THROTTLE_SCALE,
            limit: THROTTLE_SCALE,
            acceleration: 2,
            deceleration: 2,
            interval: 5_000,
            counter: 0,
        }
    }
}

impl Throttle {
    /// Moves by a round trip `sample`, judged against the last interval's baseline.
    pub const fn on_sample(&mut self, sample: u32, last_rtt: u32, last_variance: u32) {
        if last_rtt <= last_variance {
            self.value = self.limit;
        } else if sample <= last_rtt {
            let raised = self.value.saturating_add(self.acceleration);
            self.value = if raised < self.limit { raised } else { self.limit };
        } else if sample > last_rtt.saturating_add(last_variance.saturating_mul(2)) {
            self.value = self.value.saturating_sub(self.deceleration);
        }
    }

    /// Moves by a round trip that says this of the path.
    pub const fn on_reading(&mut self, reading: Reading) {
        match reading {
            Reading::Clear => {
                let raised = self.value.saturating_add(self.acceleration);
                self.value = if raised < self.limit { raised } else { self.limit };
            }
            Reading::Queued => self.value = self.value.saturating_sub(self.deceleration),
            Reading::Unsure => {}
        }
    }

    /// Takes the next packet's turn: whether it may be sent.
    pub(crate) const fn admit(&mut self) -> bool {
        let admits = self.would_admit();
        self.counter = self.next();
        admits
    }

    /// Whether the next packet may be sent, once its turn comes.
    pub(crate) const fn would_admit(&self) -> bool {
        self.next() <= self.value
    }

    const fn next(&self) -> u32 {
        (self.counter + COUNTER_STEP) % THROTTLE_SCALE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share after a sample of this length, with this baseline and deviation.
    fn after(mut throttle: Throttle, sample: u32, last_rtt: u32, last_variance: u32) -> u32 {
        throttle.on_sample(sample, last_rtt, last_variance);
        throttle.value
    }

    #[test]
    fn a_deviation_as_large_as_the_baseline_opens_the_throttle() {
        let throttle = Throttle { value: 3, limit: 20, ..Throttle::default() };
        assert_eq!(after(throttle, 1_000, 10, 10), 20);
    }

    #[test]
    fn samples_move_it_by_their_distance_from_the_baseline() {
        let throttle = Throttle { value: 10, ..Throttle::default() };
        assert_eq!(after(throttle, 100, 100, 10), 12);
        assert_eq!(after(throttle, 120, 100, 10), 10);
        assert_eq!(after(throttle, 121, 100, 10), 8);
        assert_eq!(after(Throttle { value: 1, ..throttle }, 121, 100, 10), 0);
    }

    #[test]
    fn a_share_of_n_lets_n_plus_one_of_32_pass() {
        for value in 0..=THROTTLE_SCALE {
            let mut throttle = Throttle { value, ..Throttle::default() };
            let passed = (0..THROTTLE_SCALE).filter(|_| throttle.admit()).count();
            assert_eq!(passed, (value as usize + 1).min(32));
        }
    }

    #[test]
    fn huge_accelerations_saturate() {
        let throttle = Throttle { value: 1, acceleration: u32::MAX, ..Throttle::default() };
        assert_eq!(after(throttle, 5, 10, 1), 32);
    }
}
