//! [`Schedule`]: which slots have something to send, and when each of the others is to be looked at again.

use super::deadlines::Deadlines;
use crate::collections::bits::BitSet;

/// Ready slots are visited in passes, in slot order: every ready slot once, then those that ran out of room again and
/// again until none is left (PROTOCOL.md §13.1). Deadlines are in ms since the driver's epoch.
#[derive(Debug)]
pub(crate) struct Schedule {
    ready: BitSet,
    /// Those of them whose deadline is not up to date: the visit will see to it.
    unsettled: BitSet,
    pass: Pass,
    again: BitSet,
    deadlines: Deadlines,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Ready slots, from this one on.
    First(u16),
    /// Slots that ran out of room, from this one on.
    Again(u16),
}

impl Schedule {
    pub(crate) fn new() -> Self {
        Schedule {
            ready: BitSet::new(),
            unsettled: BitSet::new(),
            pass: Pass::First(0),
            again: BitSet::new(),
            deadlines: Deadlines::new(),
        }
    }

    /// Takes over what a slot wants.
    #[inline]
    pub(crate) fn update(&mut self, slot: u16, ready: bool, deadline: Option<u64>) {
        self.set_ready(slot, ready);
        self.deadlines.update(slot, deadline);
    }

    /// Puts the deadline of the slot that has the earliest one where it belongs.
    pub(crate) fn put_off(&mut self, slot: u16, deadline: Option<u64>) {
        self.deadlines.update(slot, deadline);
    }

    /// Gives memory back that a burst left behind.
    pub(crate) fn trim(&mut self) {
        self.deadlines.trim();
    }

    /// Everybody whose deadline had come by then was looked at.
    pub(crate) fn pass_time(&mut self, now: u64) {
        self.deadlines.pass_time(now);
    }

    #[inline]
    fn set_ready(&mut self, slot: u16, ready: bool) {
        self.ready.set(slot, ready);
        if !self.unsettled.is_empty() {
            self.unsettled.set(slot, false);
        }
    }

    /// Has a slot visited that something was queued for, which moves no deadline.
    #[inline]
    pub(crate) fn mark_ready(&mut self, slot: u16) {
        self.ready.set(slot, true);
    }

    /// Has a slot visited, and its deadline looked at then.
    #[inline]
    pub(crate) fn mark_ready_unsettled(&mut self, slot: u16) {
        self.ready.set(slot, true);
        self.unsettled.set(slot, true);
    }

    /// A slot was visited that has no more to send now; its deadline is where it was.
    #[inline]
    pub(crate) fn mark_visited(&mut self, slot: u16) {
        self.ready.set(slot, false);
    }

    pub(crate) fn is_ready(&self, slot: u16) -> bool {
        self.ready.contains(slot)
    }

    pub(crate) fn is_due(&self, slot: u16, now: u64) -> bool {
        self.deadlines.get(slot).is_some_and(|deadline| deadline <= now)
    }

    /// The first slot from `from` on whose deadline is not up to date.
    #[inline]
    pub(crate) fn next_unsettled(&self, from: u16) -> Option<u16> {
        if self.unsettled.is_empty() {
            return None;
        }
        self.unsettled.next_from(from)
    }

    pub(crate) fn is_unsettled(&self, slot: u16) -> bool {
        self.unsettled.contains(slot)
    }

    pub(crate) fn is_anything_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The earliest deadline, which may have been put off since, and whose it is.
    pub(crate) fn earliest(&self) -> Option<(u64, u16)> {
        self.deadlines.peek()
    }

    /// When a slot is to be looked at, at the latest.
    pub(crate) fn deadline_of(&self, slot: u16) -> Option<u64> {
        self.deadlines.get(slot)
    }

    /// Starts a pass over all ready slots.
    pub(crate) fn begin_pass(&mut self) {
        self.pass = Pass::First(0);
        if !self.again.is_empty() {
            self.again = BitSet::new();
        }
    }

    /// The next slot of the pass; `None` when the pass is over.
    pub(crate) fn next_in_pass(&mut self) -> Option<u16> {
        if let Pass::First(from) = self.pass {
            if let Some(slot) = self.ready.next_from(from) {
                self.pass = Pass::First(slot + 1);
                return Some(slot);
            }
            self.pass = Pass::Again(0);
        }
        let Pass::Again(from) = self.pass else { return None };
        let slot = self.again.next_from(from).or_else(|| self.again.next_from(0))?;
        self.again.set(slot, false);
        self.pass = Pass::Again(slot + 1);
        Some(slot)
    }

    /// The slot that `next_in_pass` would give on the first round.
    pub(crate) fn peek_first_round(&self) -> Option<u16> {
        match self.pass {
            Pass::First(from) => self.ready.next_from(from),
            Pass::Again(_) => None,
        }
    }

    /// The slot ran out of room in its datagram: it is visited again in this pass.
    pub(crate) fn visit_again(&mut self, slot: u16) {
        self.again.set(slot, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn a_pass_visits_the_ready_once_and_the_full_until_they_are_not(
            ready in prop::collection::btree_set(0u16..300, 0..40),
            rounds in prop::collection::vec(0usize..4, 300),
        ) {
            let mut schedule = Schedule::new();
            for slot in &ready {
                schedule.update(*slot, true, None);
            }
            schedule.begin_pass();
            let mut left: BTreeMap<u16, usize> = ready.iter().map(|slot| (*slot, rounds[usize::from(*slot)])).collect();
            let mut visited = vec![];
            while let Some(slot) = schedule.next_in_pass() {
                visited.push(slot);
                if let Some(more) = left.get_mut(&slot).filter(|more| **more > 0) {
                    *more -= 1;
                    schedule.visit_again(slot);
                }
            }
            let mut expected: Vec<u16> = vec![];
            for round in 0..4 {
                let full = |slot: &&u16| round == 0 || rounds[usize::from(**slot)] >= round;
                expected.extend(ready.iter().filter(full).copied());
            }
            prop_assert_eq!(visited, expected);
        }
    }
}
