//! [`Histogram`]: many durations in little memory, to within 1 %.
#![allow(unreachable_pub)]

use std::time::Duration;

use serde_json::{Value, json};

/// Buckets for each doubling.
const FINE: u32 = 7;

/// Counts durations in buckets that grow with what they hold: each is below 1 % of it wide.
#[derive(Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Histogram {
    pub fn new() -> Histogram {
        Histogram { buckets: vec![0; bucket(u64::MAX) + 1], count: 0, sum: 0, max: 0 }
    }

    pub fn add(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get_mut(bucket(nanos)) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += u128::from(nanos);
        self.max = self.max.max(nanos);
    }

    /// What so many of 1,000 durations do not exceed, in ms; `None` if there are none.
    pub fn quantile(&self, permille: u64) -> Option<f64> {
        let rank = (u128::from(self.count) * u128::from(permille)).div_ceil(1000).max(1);
        let mut seen = 0;
        let reaches = |count: &u64| {
            seen += u128::from(*count);
            seen >= rank
        };
        let at = self.buckets.iter().position(reaches)?;
        Some(millis(last(at).min(self.max)))
    }

    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then(|| millis(self.max))
    }

    fn mean(&self) -> Option<f64> {
        let mean = self.sum.checked_div(u128::from(self.count))?;
        Some(millis(u64::try_from(mean).unwrap_or(u64::MAX)))
    }

    /// In ms; every figure is null if there is nothing.
    pub fn json(&self) -> Value {
        json!({
            "mean": self.mean(), "p50": self.quantile(500), "p95": self.quantile(950), "p99": self.quantile(990),
            "p99_9": self.quantile(999), "max": self.max(),
        })
    }
}

/// The first 2^`FINE` numbers have a bucket each; then each doubling has as many.
fn bucket(nanos: u64) -> usize {
    let exponent = nanos.checked_ilog2().unwrap_or(0).saturating_sub(FINE);
    let mantissa = nanos >> exponent;
    usize::try_from(mantissa + (u64::from(exponent) << FINE)).unwrap_or(usize::MAX)
}

/// The largest number in a bucket.
fn last(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let doublings = (bucket >> FINE).saturating_sub(1);
    let mantissa = u128::from(bucket - (doublings << FINE)) + 1;
    u64::try_from((mantissa << doublings) - 1).unwrap_or(u64::MAX)
}

/// To the microsecond: more is noise.
#[allow(clippy::cast_precision_loss)] // of 52 bits
fn millis(nanos: u64) -> f64 {
    (nanos.saturating_add(500) / 1000) as f64 / 1000.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)] // it is a test
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_a_bucket_less_than_a_hundredth_wide() {
        let numbers = (0..64).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + power / 3, power + (power - 1)]
        });
        for number in numbers {
            let bucket = bucket(number);
            assert!(last(bucket) >= number, "{number}");
            assert!(bucket == 0 || last(bucket - 1) < number, "{number}");
            assert!(last(bucket) - number <= number / 100, "{number}: {}", last(bucket));
        }
    }

    #[test]
    fn quantiles_are_what_sorting_gives() {
        let mut histogram = Histogram::new();
        for micros in (1..=1000).rev() {
            histogram.add(Duration::from_micros(micros));
        }
        for (permille, expected) in [(1, 0.001), (500, 0.5), (950, 0.95), (999, 0.999), (1000, 1.0)] {
            let found = histogram.quantile(permille).unwrap();
            assert!(found >= expected && found <= expected * 1.01, "{permille}: {found}");
        }
        assert_eq!((histogram.max(), histogram.mean()), (Some(1.0), Some(0.501)), "rounded");
    }

    #[test]
    fn of_nothing_there_is_no_quantile() {
        let histogram = Histogram::new();
        assert_eq!((histogram.quantile(500), histogram.max()), (None, None));
        assert!(histogram.json()["p99_9"].is_null());
    }
}
