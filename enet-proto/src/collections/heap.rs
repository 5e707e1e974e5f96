//! [`DeadlineHeap`]: slot numbers by deadline, however far away.

use alloc::vec::Vec;

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

    /// Gives memory back if nothing is in it.
    pub(crate) fn trim(&mut self) {
        if self.heap.is_empty() {
            *self = DeadlineHeap::new();
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
    use super::super::steps;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_heap_knows_the_earliest_deadline(
            ops in prop::collection::vec((0u16..40, prop::option::of(0u64..1000)), 1..steps(300)),
        ) {
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
    }
}
