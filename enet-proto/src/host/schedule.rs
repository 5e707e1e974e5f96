//! [`Schedule`]: which slots have something to send, and when each of the others is to be looked at again.

use alloc::vec;
use alloc::vec::Vec;

use crate::collections::bits::BitSet;

/// Ready slots are visited in passes, in slot order: every ready slot once, then those that ran out of room again and
/// again until none is left (PROTOCOL.md §13.1). Deadlines are in ms since the driver's epoch.
#[derive(Debug)]
pub(crate) struct Schedule {
    ready: BitSet,
    pass: Pass,
    again: BitSet,
    deadlines: DeadlineHeap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Ready slots, from this one on.
    First(u16),
    /// Slots that ran out of room, from this one on.
    Again(u16),
}

impl Schedule {
    pub(crate) fn new(slots: usize) -> Self {
        Schedule {
            ready: BitSet::new(),
            pass: Pass::First(0),
            again: BitSet::new(),
            deadlines: DeadlineHeap::new(slots),
        }
    }

    /// Takes over what a slot wants.
    pub(crate) fn update(&mut self, slot: u16, ready: bool, deadline: Option<u64>) {
        self.ready.set(slot, ready);
        self.deadlines.update(slot, deadline);
    }

    pub(crate) fn is_ready(&self, slot: u16) -> bool {
        self.ready.contains(slot)
    }

    pub(crate) fn is_due(&self, slot: u16, now: u64) -> bool {
        self.deadlines.get(slot).is_some_and(|deadline| deadline <= now)
    }

    pub(crate) fn is_anything_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.deadlines.peek().map(|(deadline, _)| deadline)
    }

    /// Takes a slot whose deadline has come off the heap.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<u16> {
        let (deadline, slot) = self.deadlines.peek()?;
        if deadline > now {
            return None;
        }
        self.deadlines.update(slot, None);
        Some(slot)
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

/// An indexed binary heap: the earliest deadline on top, each slot in it at most once.
#[derive(Debug)]
pub(crate) struct DeadlineHeap {
    heap: Vec<(u64, u16)>,
    /// Where in the heap a slot is; `ABSENT` if it is not.
    positions: Vec<u16>,
}

const ABSENT: u16 = u16::MAX;

impl DeadlineHeap {
    pub(crate) fn new(slots: usize) -> Self {
        DeadlineHeap { heap: Vec::new(), positions: vec![ABSENT; slots] }
    }

    pub(crate) fn peek(&self) -> Option<(u64, u16)> {
        self.heap.first().copied()
    }

    pub(crate) fn get(&self, slot: u16) -> Option<u64> {
        let position = *self.positions.get(usize::from(slot))?;
        Some(self.heap.get(usize::from(position))?.0)
    }

    /// Sets, moves or removes a slot's deadline.
    pub(crate) fn update(&mut self, slot: u16, deadline: Option<u64>) {
        let Some(position) = self.positions.get(usize::from(slot)).copied() else { return };
        match (position, deadline) {
            (ABSENT, None) => {}
            (ABSENT, Some(deadline)) => {
                self.heap.push((deadline, slot));
                self.rise(self.heap.len() - 1);
            }
            (position, None) => {
                let position = usize::from(position);
                self.heap.swap_remove(position);
                self.note(slot, ABSENT);
                self.place(position);
            }
            (position, Some(deadline)) => {
                let position = usize::from(position);
                if let Some(entry) = self.heap.get_mut(position)
                    && entry.0 != deadline
                {
                    entry.0 = deadline;
                    self.place(position);
                }
            }
        }
    }

    /// Restores order around an entry that changed.
    fn place(&mut self, position: usize) {
        let position = self.rise(position);
        self.sink(position);
    }

    fn rise(&mut self, mut position: usize) -> usize {
        while position > 0 {
            let parent = (position - 1) / 2;
            if self.key(parent) <= self.key(position) {
                break;
            }
            self.swap(position, parent);
            position = parent;
        }
        self.note_position(position);
        position
    }

    fn sink(&mut self, mut position: usize) {
        loop {
            let left = 2 * position + 1;
            let child = if self.key(left + 1) < self.key(left) { left + 1 } else { left };
            if self.key(position) <= self.key(child) {
                break;
            }
            self.swap(position, child);
            position = child;
        }
        self.note_position(position);
    }

    /// Deadline and slot at a position; beyond the end, later than everything.
    fn key(&self, position: usize) -> (u64, u16) {
        self.heap.get(position).copied().unwrap_or((u64::MAX, u16::MAX))
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.note_position(a);
        self.note_position(b);
    }

    #[allow(clippy::cast_possible_truncation)] // at most 4095 slots
    fn note_position(&mut self, position: usize) {
        if let Some((_, slot)) = self.heap.get(position).copied() {
            self.note(slot, position as u16);
        }
    }

    fn note(&mut self, slot: u16, position: u16) {
        if let Some(entry) = self.positions.get_mut(usize::from(slot)) {
            *entry = position;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_heap_knows_the_earliest_deadline(ops in prop::collection::vec((0u16..40, prop::option::of(0u64..1000)), 1..300)) {
            let mut heap = DeadlineHeap::new(40);
            let mut model = BTreeMap::new();
            for (slot, deadline) in ops {
                heap.update(slot, deadline);
                match deadline {
                    Some(deadline) => model.insert(slot, deadline),
                    None => model.remove(&slot),
                };
                let earliest = model.iter().map(|(slot, deadline)| (*deadline, *slot)).min();
                prop_assert_eq!(heap.peek(), earliest);
            }
        }

        #[test]
        fn a_pass_visits_the_ready_once_and_the_full_until_they_are_not(
            ready in prop::collection::btree_set(0u16..300, 0..40),
            rounds in prop::collection::vec(0usize..4, 300),
        ) {
            let mut schedule = Schedule::new(300);
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

    #[test]
    fn a_deadline_is_due_once() {
        let mut schedule = Schedule::new(4);
        schedule.update(2, false, Some(10));
        schedule.update(1, false, Some(20));
        assert_eq!(schedule.pop_due(9), None);
        assert_eq!(schedule.pop_due(15), Some(2));
        assert_eq!(schedule.pop_due(15), None);
        assert_eq!(schedule.next_deadline(), Some(20));
    }
}
