//! [`Estimate`]: round trip time, its variance and the throttle, written down again from PROTOCOL.md §10.1 and §10.2.

/// What acknowledgements teach a side. Times are in milliseconds of its clock.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    pub(crate) rtt: u64,
    pub(crate) var: u64,
    pub(crate) throttle: u64,
    pub(crate) interval: u64,
    pub(crate) acceleration: u64,
    pub(crate) deceleration: u64,
    sampled: bool,
    lowest: u64,
    highest: u64,
    last_rtt: u64,
    last_var: u64,
    epoch: Option<u64>,
}

impl Default for Estimate {
    fn default() -> Self {
        Estimate {
            rtt: 500,
            var: 0,
            throttle: 32,
            interval: 5_000,
            acceleration: 2,
            deceleration: 2,
            sampled: false,
            lowest: 500,
            highest: 0,
            last_rtt: 500,
            last_var: 0,
            epoch: None,
        }
    }
}

impl Estimate {
    /// How long a command that leaves now for the first time waits for its acknowledgement.
    pub(crate) fn rto(&self) -> u64 {
        self.rtt + 4 * self.var
    }

    /// An acknowledgement with this echo arrives; false if it lies in the future, and is ignored (§9.4).
    pub(crate) fn acknowledged(&mut self, now: u64, echo: u16) -> bool {
        let upper = now & !0xFFFF;
        let mut sent = upper | u64::from(echo);
        if echo >= 0x8000 && now & 0x8000 == 0 {
            sent = sent.wrapping_sub(0x1_0000);
        }
        let in_future = sent > now;
        if !in_future {
            self.sample(now, (now - sent).max(1));
        }
        !in_future
    }

    fn sample(&mut self, now: u64, sample: u64) {
        if self.sampled {
            self.move_throttle(sample);
            self.var -= self.var / 4;
            let distance = sample.abs_diff(self.rtt);
            self.var += distance / 4;
            self.rtt = if sample >= self.rtt { self.rtt + distance / 8 } else { self.rtt - distance / 8 };
        } else {
            self.sampled = true;
            self.rtt = sample;
            self.var = sample.div_ceil(2);
        }
        self.lowest = self.lowest.min(self.rtt);
        self.highest = self.highest.max(self.var);
        if self.epoch.is_none_or(|epoch| now - epoch >= self.interval) {
            self.last_rtt = self.lowest;
            self.last_var = self.highest.max(1);
            self.lowest = self.rtt;
            self.highest = self.var;
            self.epoch = Some(now);
        }
    }

    fn move_throttle(&mut self, sample: u64) {
        if self.last_rtt <= self.last_var {
            self.throttle = 32;
        } else if sample <= self.last_rtt {
            self.throttle = (self.throttle + self.acceleration).min(32);
        } else if sample > self.last_rtt + 2 * self.last_var {
            self.throttle = self.throttle.saturating_sub(self.deceleration);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_gives_the_numbers_of_the_recorded_run() {
        // PROTOCOL.md §10.1: samples of 10, 18, 26, 34 and 42 ms.
        let mut estimate = Estimate::default();
        let mut seen = Vec::new();
        for (at, sample) in [10u64, 18, 26, 34, 42].into_iter().enumerate() {
            estimate.sample(1_000_000 + at as u64, sample);
            seen.push((estimate.rtt, estimate.var, estimate.throttle));
        }
        assert_eq!(seen, [(10, 5, 32), (11, 6, 32), (12, 8, 30), (14, 11, 28), (17, 16, 26)]);
    }

    #[test]
    fn an_echo_from_the_future_is_no_sample() {
        let mut estimate = Estimate::default();
        assert!(!estimate.acknowledged(0x51000, 0x1001));
        assert!(estimate.acknowledged(0x51000, 0xFFFF));
        assert_eq!(estimate.rtt, 4_097);
    }
}
