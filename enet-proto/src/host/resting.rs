//! [`Resting`]: wire ids that were in use a moment ago, and are not given again to who may still mean the old connection.

use alloc::collections::{BTreeMap, VecDeque};

use crate::collections::index::Name;

/// How long an id rests, in ms: longer than a datagram is under way, and than a stock host repeats anything.
const REST: u64 = 30_000;

/// Ids that rest at once. Where more connections end in that time, the oldest rest for less.
const MOST: usize = 16_384;

/// Ids at rest, by address and id.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    /// In the order in which they began to rest; one that was given nevertheless, and rests again, twice.
    until: VecDeque<(u64, Name)>,
    names: BTreeMap<u64, u64>,
}

impl Resting {
    /// Lets an id rest from `now` on, in ms of the host's age.
    pub(crate) fn add(&mut self, now: u64, name: Name) {
        self.release(now);
        if self.until.len() >= MOST {
            self.pop();
        }
        let until = now.saturating_add(REST);
        self.names.insert(name.0, until);
        self.until.push_back((until, name));
    }

    /// How long an id is to rest from `now` on; zero where it may be given.
    pub(crate) fn rest_of(&mut self, now: u64, name: Name) -> u64 {
        self.release(now);
        self.names.get(&name.0).map_or(0, |until| until.saturating_sub(now))
    }

    fn release(&mut self, now: u64) {
        while self.until.front().is_some_and(|(until, _)| *until <= now) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((until, name)) = self.until.pop_front()
            && self.names.get(&name.0) == Some(&until)
        {
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
        assert_eq!(resting.rest_of(30_999, Name(7)), 1);
        assert_eq!(resting.rest_of(30_999, Name(8)), 0);
        assert_eq!(resting.rest_of(31_000, Name(7)), 0);
        assert!(resting.names.is_empty());
    }

    #[test]
    fn an_id_that_was_given_before_its_time_rests_anew() {
        let mut resting = Resting::default();
        resting.add(0, Name(7));
        resting.add(10_000, Name(7));
        assert_eq!(resting.rest_of(30_000, Name(7)), 10_000);
        assert_eq!(resting.rest_of(40_000, Name(7)), 0);
        assert!(resting.names.is_empty() && resting.until.is_empty());
    }

    #[test]
    fn no_more_rest_than_there_is_room_for() {
        let mut resting = Resting::default();
        for name in 0..20_000 {
            resting.add(0, Name(name));
        }
        assert_eq!((resting.until.len(), resting.names.len()), (MOST, MOST));
        assert!(resting.rest_of(0, Name(0)) == 0 && resting.rest_of(0, Name(19_999)) > 0);
    }
}
