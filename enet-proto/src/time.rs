//! Time: the driver's monotonic [`Instant`], and [`Millis`], ENet's wrapping 32-bit millisecond clock (PROTOCOL.md §4.1).

use core::ops::{Add, AddAssign};
use core::time::Duration;

/// A point in time: microseconds since an epoch the driver chooses.
///
/// The wire carries `micros / 1000` modulo 2³² (and the low 16 bits of that in every datagram that wants an
/// acknowledgement), so the epoch is visible to peers only as a meaningless offset. Stock hosts use wall-clock
/// milliseconds; any large value imitates them.
///
/// ```
/// use core::time::Duration;
/// use enet_proto::Instant;
/// let start = Instant::from_millis(5_000);
/// assert_eq!((start + Duration::from_micros(1_500)).as_micros(), 5_001_500);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The driver's epoch.
    pub const ZERO: Instant = Instant(0);

    /// `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Instant(micros)
    }

    /// `millis` milliseconds after the epoch; saturates after half a million years.
    pub const fn from_millis(millis: u64) -> Self {
        Instant(millis.saturating_mul(1000))
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down: the only place where time is rounded.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// Time from `earlier` to `self`, zero if `earlier` is later.
    pub const fn saturating_duration_since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// What [`wire`](Self::wire) leaves out: microseconds of the running millisecond.
    #[allow(clippy::cast_possible_truncation)] // below 1000
    pub(crate) const fn micros_of_milli(self) -> u16 {
        (self.0 % 1000) as u16
    }

    /// The value of ENet's clock at this instant.
    #[allow(clippy::cast_possible_truncation)] // the clock is defined modulo 2³²
    pub const fn wire(self) -> Millis {
        Millis(self.as_millis() as u32)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(micros))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// ENet's clock: milliseconds modulo 2³², compared across the wrap as long as two stamps are less than 24 hours apart
/// (PROTOCOL.md §4.1). In the protocol's records `Millis::UNSET` also stands for "never", as it does in stock ENet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Millis(pub u32);

impl Millis {
    /// Zero, which several records use for "never happened".
    pub const UNSET: Millis = Millis(0);

    /// Differences of this much and more mean that the other stamp is the later one: 24 h.
    pub const OVERFLOW: u32 = 86_400_000;

    /// Whether `self` is before `other`.
    pub const fn less(self, other: Millis) -> bool {
        self.0.wrapping_sub(other.0) >= Self::OVERFLOW
    }

    /// The distance between two stamps, whichever is the later, in ms.
    pub const fn diff(self, other: Millis) -> u32 {
        let ahead = self.0.wrapping_sub(other.0);
        if ahead < Self::OVERFLOW { ahead } else { other.0.wrapping_sub(self.0) }
    }

    /// The stamp `ms` milliseconds later.
    #[must_use]
    pub const fn plus(self, ms: u32) -> Millis {
        Millis(self.0.wrapping_add(ms))
    }

    /// Milliseconds from `self` until `later`; zero once `later` is reached.
    pub const fn until(self, later: Millis) -> u32 {
        if self.less(later) { later.0.wrapping_sub(self.0) } else { 0 }
    }

    /// Whether this record was never set.
    pub const fn is_unset(self) -> bool {
        self.0 == 0
    }

    /// The 16 bits that travel in a datagram header.
    #[allow(clippy::cast_possible_truncation)] // the field is defined as the low half
    pub const fn sent_time(self) -> u16 {
        self.0 as u16
    }
}

/// The longest time anything may be set to wait, in ms: half of what the clock can tell apart.
pub(crate) const HALF_A_DAY: u32 = Millis::OVERFLOW / 2;

/// Milliseconds of a duration, rounded up so that only zero is zero.
pub(crate) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// As `millis`, for what is added to the clock.
pub(crate) fn wait_millis(duration: Duration) -> u32 {
    millis(duration).min(HALF_A_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_compare_across_the_wrap() {
        let before = Millis(u32::MAX - 5);
        let after = before.plus(10);
        assert_eq!(after, Millis(4));
        assert!(before.less(after));
        assert!(!after.less(before));
        assert_eq!(before.diff(after), 10);
        assert_eq!(after.diff(before), 10);
        assert_eq!(before.until(after), 10);
        assert_eq!(after.until(before), 0);
    }

    #[test]
    fn stamps_a_day_apart_are_each_before_the_other() {
        let (a, b) = (Millis(0), Millis(100_000_000));
        assert!(a.less(b));
        assert!(b.less(a));
    }

    #[test]
    fn durations_become_milliseconds_that_the_clock_can_tell_apart() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_micros(1)), 1);
        assert_eq!(millis(Duration::from_millis(500)), 500);
        assert_eq!(millis(Duration::MAX), u32::MAX);
        assert_eq!(wait_millis(Duration::MAX), 43_200_000);
    }

    #[test]
    fn an_instant_is_rounded_down_to_the_wire_clock() {
        assert_eq!(Instant::from_micros(1_999).wire(), Millis(1));
        assert_eq!(Instant::from_millis((1 << 32) + 7).wire(), Millis(7));
    }
}
