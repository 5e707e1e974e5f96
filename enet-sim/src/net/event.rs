//! [`Event`]: something that happens to a line at a time.

use std::cmp::Ordering;

use super::queue::Parcel;
use crate::time::Time;

/// Something that happens to a line; in the order of time, then of scheduling.
pub(super) struct Event {
    pub(super) at: Time,
    pub(super) order: u64,
    pub(super) line: usize,
    /// What enters the line; otherwise it may be free.
    pub(super) enters: Option<Parcel>,
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
