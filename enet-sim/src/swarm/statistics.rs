//! [`Distribution`]: how a number was spread over worlds.

use std::fmt;

use serde::Serialize;

/// How a number was spread; percentiles are values that occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Distribution {
    /// The smallest.
    pub min: u64,
    /// A twentieth is at most this.
    pub p5: u64,
    /// Half is at most this.
    pub p50: u64,
    /// All but a twentieth are at most this.
    pub p95: u64,
    /// The largest.
    pub max: u64,
}

impl Distribution {
    /// Of these values; all zero if there are none.
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
            values.get(place).copied().unwrap_or(0)
        };
        Distribution { min: rank(0), p5: rank(5), p50: rank(50), p95: rank(95), max: rank(100) }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Distribution { min, p5, p50, p95, max } = self;
        write!(f, "{min:>8}{p5:>9}{p50:>9}{p95:>9}{max:>9}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let spread = Distribution::of((1..=200).rev().collect());
        assert_eq!(spread, Distribution { min: 1, p5: 10, p50: 100, p95: 190, max: 200 });
        assert_eq!(Distribution::of(vec![]), Distribution::default());
    }
}
