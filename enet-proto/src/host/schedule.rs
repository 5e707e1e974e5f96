//! [`Schedule`]: which slots have something to send, and when each of the others is to be looked at again.

use alloc::vec::Vec;

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
    pub(crate) fn new() -> Self {
        Schedule {
            ready: BitSet::new(),
            unsettled: BitSet::new(),
            pass: Pass::First(0),
            again: BitSet::new(),
            deadlines: DeadlineHeap::new(),
        }
    }

    /// Takes over what a slot wants.
    pub(crate) fn update(&mut self, slot: u16, ready: bool, deadline: Option<u64>) {
        self.set_ready(slot, ready);
        self.deadlines.update(slot, deadline);
    }

    /// The same, but a deadline that was put off stays where it is: who asks for the earliest one looks again. So a
    /// packet and its acknowledgement, which put it off and bring it forward, move nothing.
    #[inline]
    pub(crate) fn update_lazily(&mut self, slot: u16, ready: bool, deadline: Option<u64>) {
        self.set_ready(slot, ready);
        if let Some(deadline) = deadline
            && self.deadlines.get(slot).is_none_or(|known| deadline < known)
        {
            self.deadlines.update(slot, Some(deadline));
        }
    }

    /// Puts the deadline of the slot that has the earliest one where it belongs.
    pub(crate) fn put_off(&mut self, slot: u16, deadline: Option<u64>) {
        self.deadlines.update(slot, deadline);
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
    pub(crate) fn next_unsettled(&self, from: u16) -> Option<u16> {
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

/// An indexed heap, each entry above [`CHILDREN`] others: the earliest deadline on top, each slot in it at most once.
#[derive(Debug)]
pub(crate) struct DeadlineHeap {
    heap: Vec<Entry>,
    /// Where in the heap a slot is; `ABSENT` if it is not. Grows with the highest slot that ever had a deadline.
    positions: Vec<u16>,
}

/// A deadline and whose it is, in one number that sorts by deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u64);

const SLOT_BITS: u32 = 12;

/// Four make it half as deep as two: those that were put off sink to the bottom.
const CHILDREN: usize = 4;

impl Entry {
    const fn new(deadline: u64, slot: u16) -> Self {
        Entry(deadline << SLOT_BITS | slot as u64)
    }

    const fn deadline(self) -> u64 {
        self.0 >> SLOT_BITS
    }

    #[allow(clippy::cast_possible_truncation)] // 12 bits
    const fn slot(self) -> u16 {
        (self.0 & ((1 << SLOT_BITS) - 1)) as u16
    }
}

/// The earlier of two entries, and which of its siblings it is.
const fn earlier(a: (Entry, usize), b: (Entry, usize)) -> (Entry, usize) {
    if b.0.0 < a.0.0 { b } else { a }
}

const ABSENT: u16 = u16::MAX;

impl DeadlineHeap {
    pub(crate) const fn new() -> Self {
        DeadlineHeap { heap: Vec::new(), positions: Vec::new() }
    }

    pub(crate) fn peek(&self) -> Option<(u64, u16)> {
        self.heap.first().map(|entry| (entry.deadline(), entry.slot()))
    }

    pub(crate) fn get(&self, slot: u16) -> Option<u64> {
        let position = *self.positions.get(usize::from(slot))?;
        Some(self.heap.get(usize::from(position))?.deadline())
    }

    /// Sets, moves or removes a slot's deadline.
    #[inline]
    pub(crate) fn update(&mut self, slot: u16, deadline: Option<u64>) {
        let position = self.positions.get(usize::from(slot)).copied().unwrap_or(ABSENT);
        match (position, deadline) {
            (ABSENT, None) => {}
            (ABSENT, Some(deadline)) => self.enter(slot, deadline),
            (position, None) => self.leave(slot, usize::from(position)),
            (position, Some(deadline)) => {
                let position = usize::from(position);
                if let Some(entry) = self.heap.get_mut(position)
                    && *entry != Entry::new(deadline, slot)
                {
                    *entry = Entry::new(deadline, slot);
                    self.place(position);
                }
            }
        }
    }

    fn enter(&mut self, slot: u16, deadline: u64) {
        if self.positions.len() <= usize::from(slot) {
            self.positions.resize(usize::from(slot) + 1, ABSENT);
        }
        self.heap.push(Entry::new(deadline, slot));
        self.place(self.heap.len() - 1);
    }

    fn leave(&mut self, slot: u16, position: usize) {
        self.heap.swap_remove(position);
        self.note(slot, ABSENT);
        self.place(position);
    }

    /// Restores order around an entry that changed, and notes where it ends up.
    fn place(&mut self, position: usize) {
        let Some(entry) = self.heap.get(position).copied() else { return };
        let position = self.rise(position, entry);
        let position = self.sink(position, entry);
        self.put(position, entry);
    }

    /// Moves larger ancestors down; where the entry belongs among them.
    fn rise(&mut self, mut position: usize, entry: Entry) -> usize {
        while position > 0 {
            let parent = (position - 1) / CHILDREN;
            let Some(above) = self.heap.get(parent).copied().filter(|above| *above > entry) else { break };
            self.put(position, above);
            position = parent;
        }
        position
    }

    /// Moves smaller descendants up; where the entry belongs among them.
    fn sink(&mut self, mut position: usize, entry: Entry) -> usize {
        loop {
            let first = CHILDREN * position + 1;
            let (below, nth) = match self.heap.get(first..).unwrap_or_default() {
                [a, b, c, d, ..] => earlier(earlier((*a, 0), (*b, 1)), earlier((*c, 2), (*d, 3))),
                [a, b, c] => earlier(earlier((*a, 0), (*b, 1)), (*c, 2)),
                [a, b] => earlier((*a, 0), (*b, 1)),
                [a] => (*a, 0),
                [] => return position,
            };
            if entry <= below {
                return position;
            }
            self.put(position, below);
            position = first + nth;
        }
    }

    #[allow(clippy::cast_possible_truncation)] // at most 4095 slots
    fn put(&mut self, position: usize, entry: Entry) {
        if let Some(place) = self.heap.get_mut(position) {
            *place = entry;
            self.note(entry.slot(), position as u16);
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
    use std::vec;

    proptest! {
        #[test]
        fn the_heap_knows_the_earliest_deadline(ops in prop::collection::vec((0u16..40, prop::option::of(0u64..1000)), 1..300)) {
            let mut heap = DeadlineHeap::new();
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

    #[test]
    fn a_deadline_that_is_put_off_stays_until_it_is_the_earliest() {
        let mut schedule = Schedule::new();
        schedule.update_lazily(2, false, Some(10));
        schedule.update_lazily(1, false, Some(20));
        schedule.update_lazily(2, false, Some(30));
        assert_eq!(schedule.earliest(), Some((10, 2)));
        schedule.put_off(2, Some(30));
        assert_eq!(schedule.earliest(), Some((20, 1)));
        schedule.update_lazily(2, false, Some(15));
        assert_eq!(schedule.earliest(), Some((15, 2)));
    }
}
