//! [`Resting`]: wire ids that were in use a moment ago, and are not given again to who may still mean the old connection.

use alloc::collections::{BTreeSet, VecDeque};

use crate::collections::index::Name;

/// How long an id rests, in ms: longer than a datagram is under way, and than a stock host repeats anything.
const REST: u64 = 30_000;

/// Ids that rest at once. Where more connections end in that time, the oldest rest for less.
const MOST: usize = 16_384;

/// Ids at rest, by address and id.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    until: VecDeque<(u64, Name)>,
    names: BTreeSet<u64>,
}

impl Resting {
    /// Lets an id rest from `now` on, in ms of the host's age.
    pub(crate) fn add(&mut self, now: u64, name: Name) {
        self.release(now);
        if self.until.len() >= MOST {
            self.pop();
        }
        if self.names.insert(name.0) {
            self.until.push_back((now.saturating_add(REST), name));
        }
    }

    /// Whether an id must not be given.
    pub(crate) fn contains(&mut self, now: u64, name: Name) -> bool {
        self.release(now);
        self.names.contains(&name.0)
    }

    fn release(&mut self, now: u64) {
        while self.until.front().is_some_and(|(until, _)| *until <= now) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((_, name)) = self.until.pop_front() {
            self.names.remove(&name.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_rests_for_half_a_minute() {
        let mut resting = Resting::default();
        resting.add(1_000, Name(7));
        assert!(resting.contains(30_999, Name(7)));
        assert!(!resting.contains(30_999, Name(8)));
        assert!(!resting.contains(31_000, Name(7)));
        assert!(resting.names.is_empty());
    }

    #[test]
    fn no_more_rest_than_there_is_room_for() {
        let mut resting = Resting::default();
        for name in 0..20_000 {
            resting.add(0, Name(name));
        }
        assert_eq!((resting.until.len(), resting.names.len()), (MOST, MOST));
        assert!(!resting.contains(0, Name(0)) && resting.contains(0, Name(19_999)));
    }
}
