//! [`Link`]: one direction of the network; decides for each datagram whether and when it arrives.

use core::fmt;
use core::time::Duration;

use enet_proto::Instant;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Serialize, Serializer};

/// A probability. Verdicts are taken on integers, so they are the same on every machine.
///
/// ```
/// use enet_sim::Chance;
/// assert_eq!(Chance::percent(12.5).unwrap().to_string(), "12.5 %");
/// assert_eq!(Chance::percent(101.0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// Never.
    pub const NEVER: Chance = Chance(0);

    /// One in `1 / (percent / 100)`; `None` outside 0..=100.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the range is checked
    pub fn percent(percent: f64) -> Option<Self> {
        let valid = (0.0..=100.0).contains(&percent);
        valid.then(|| Chance((percent / 100.0 * Self::ALWAYS as f64).round() as u64))
    }

    /// The threshold of a certain event: draws are below 2³².
    const ALWAYS: u64 = 1 << 32;

    /// As percent, to four decimals.
    pub fn as_percent(self) -> f64 {
        (self.0 as f64 / Self::ALWAYS as f64 * 1e6).round() / 1e4
    }

    fn decide(self, draw: u32) -> bool {
        u64::from(draw) < self.0
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.as_percent())
    }
}

impl Serialize for Chance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_percent())
    }
}

/// What a link does to datagrams, in each direction alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LinkConfig {
    /// How likely a datagram is lost.
    #[serde(rename = "loss_percent")]
    pub loss: Chance,
    /// Time from one host to the other.
    #[serde(rename = "delay_us", serialize_with = "as_micros")]
    pub delay: Duration,
    /// A datagram takes up to this much longer, evenly distributed; datagrams may overtake each other.
    #[serde(rename = "jitter_us", serialize_with = "as_micros")]
    pub jitter: Duration,
}

/// Serializes a duration as whole microseconds.
pub(crate) fn as_micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(micros(*duration))
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A generator of its own for everything in a run that is random, so that changing one thing leaves the others'
/// decisions as they were.
pub(crate) fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(seed.to_le_bytes()) {
        *to = from;
    }
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(number);
    rng
}

/// One direction. Draws once per datagram and purpose, whatever the configuration and the verdict.
pub(crate) struct Link {
    config: LinkConfig,
    loss: ChaCha8Rng,
    jitter: ChaCha8Rng,
}

impl Link {
    /// A direction with two generators of its own, `first_stream` and the one after it.
    pub(crate) fn new(config: LinkConfig, seed: u64, first_stream: u64) -> Self {
        Link { config, loss: stream(seed, first_stream), jitter: stream(seed, first_stream + 1) }
    }

    /// When a datagram sent `now` arrives; `None` if it does not.
    pub(crate) fn carry(&mut self, now: Instant) -> Option<Instant> {
        let lost = self.config.loss.decide(self.loss.next_u32());
        let jitter = scale(self.jitter.next_u32(), self.config.jitter);
        (!lost).then(|| now + self.config.delay + jitter)
    }
}

/// The part of `whole` that `draw` is of 2³², to the microsecond.
fn scale(draw: u32, whole: Duration) -> Duration {
    let product = u128::from(draw) * (u128::from(micros(whole)) + 1);
    Duration::from_micros(u64::try_from(product >> 32).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn verdicts(loss: f64, jitter: Duration) -> Vec<Option<Instant>> {
        let config = LinkConfig { loss: Chance::percent(loss).unwrap(), delay: 10 * MS, jitter };
        let mut link = Link::new(config, 1, 0);
        (0..10_000).map(|_| link.carry(Instant::ZERO)).collect()
    }

    #[test]
    fn the_share_of_lost_datagrams_is_the_configured_one() {
        let lost = |percent| verdicts(percent, MS).iter().filter(|verdict| verdict.is_none()).count();
        assert_eq!(lost(0.0), 0);
        assert!((900..1100).contains(&lost(10.0)), "{}", lost(10.0));
        assert_eq!(lost(100.0), 10_000);
    }

    #[test]
    fn datagrams_take_the_delay_and_at_most_the_jitter_more() {
        let arrivals: Vec<u64> = verdicts(0.0, 5 * MS).iter().map(|at| at.unwrap().as_micros()).collect();
        assert!(arrivals.iter().all(|at| (10_000..=15_000).contains(at)));
        assert!(arrivals.iter().any(|at| *at < 10_100));
        assert!(arrivals.iter().any(|at| *at > 14_900));
    }

    #[test]
    fn more_loss_delays_nobody_and_saves_nobody() {
        let (little, much) = (verdicts(10.0, 5 * MS), verdicts(30.0, 5 * MS));
        for (little, much) in little.iter().zip(&much) {
            assert!(much.is_none() || little == much);
        }
    }
}
