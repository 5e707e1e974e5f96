//! [`Time`] and [`Span`]: virtual nanoseconds, a point and a length.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::quantity;

/// A point in virtual time, in nanoseconds since the world began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub u64);

impl Time {
    /// When the world began.
    pub const ZERO: Time = Time(0);

    /// Seconds since the world began.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// How long after `earlier`; zero if it is not.
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub for Time {
    type Output = Span;
    fn sub(self, earlier: Time) -> Span {
        self.since(earlier)
    }
}

/// Seconds with six decimals, as in a log.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0 / 1_000;
        f.pad(&format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000))
    }
}

/// A length of virtual time. Its text form, in scenario files and everywhere else, is a number and a unit.
///
/// ```
/// use enet_sim::Span;
/// assert_eq!("40ms".parse(), Ok(Span::from_millis(40)));
/// assert_eq!("1.5s".parse(), Ok(Span::from_millis(1_500)));
/// assert_eq!(Span::from_millis(1_500).to_string(), "1.5s");
/// assert!("40".parse::<Span>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub u64);

/// Units from the largest, with their nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl Span {
    /// No time.
    pub const ZERO: Span = Span(0);

    /// From microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Span(micros.saturating_mul(1_000))
    }

    /// From milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Span(millis.saturating_mul(1_000_000))
    }

    /// From seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Span(secs.saturating_mul(1_000_000_000))
    }

    /// In milliseconds.
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// In seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// As the standard library has it.
    pub const fn as_duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl core::ops::Mul<Span> for u64 {
    type Output = Span;
    fn mul(self, span: Span) -> Span {
        Span(self.saturating_mul(span.0))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(quantity::write(self.0, &UNITS).as_deref().unwrap_or("0s"))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        quantity::read(text, &UNITS).map(Span).ok_or_else(|| {
            format!(
                "{text:?} is not a time: write a number and a unit, as in 250us, 40ms, 1.5s, 2min, 3h, 50.5d"
            )
        })
    }
}

impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_read_back_exactly() {
        for nanos in
            [0, 1, 999, 1_000, 1_500, 40_000_000, 1_234_567_891, 90_000_000_000, 4_363_200_000_000_000]
        {
            let span = Span(nanos);
            assert_eq!(span.to_string().parse(), Ok(span), "{span}");
        }
    }

    #[test]
    fn the_text_form_is_short() {
        assert_eq!(Span::from_secs(90).to_string(), "1.5min");
        assert_eq!(Span::from_micros(250).to_string(), "250us");
        assert_eq!(Span(1_234_567_891).to_string(), "1234567.891us");
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        assert!("12".parse::<Span>().unwrap_err().contains("40ms"));
        assert!("ms".parse::<Span>().is_err());
        assert!("1.2.3s".parse::<Span>().is_err());
        assert!("99999999999999999d".parse::<Span>().is_err());
    }
}
