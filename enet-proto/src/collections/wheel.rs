//! [`Wheel`]: slot numbers by deadline, up to a second away: a ring of milliseconds, each with a list of slots.

use alloc::vec;
use alloc::vec::Vec;

use super::bits::BitSet;

/// Milliseconds in the ring: more than from one ping to the next.
const SPAN: usize = 1024;

/// By so many at once it moves on.
const WORTH_IT: u64 = SPAN as u64 / 4;

/// Each slot is in it at most once. Whatever is done to one takes the same time, however many there are.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The ring holds deadlines from here on, and no others.
    start: u64,
    /// The first slot of each millisecond. None until one is put there.
    firsts: Vec<u16>,
    /// The milliseconds with any.
    taken: BitSet,
    /// Grows with the highest slot that was ever put there.
    nodes: Vec<Node>,
}

/// A slot's place: which millisecond, and its neighbours there.
#[derive(Debug, Clone, Copy)]
struct Node {
    at: u16,
    previous: u16,
    next: u16,
}

/// No slot, or no millisecond.
const NONE: u16 = u16::MAX;

impl Node {
    const ABSENT: Node = Node { at: NONE, previous: NONE, next: NONE };
}

impl Wheel {
    pub(crate) const fn new() -> Self {
        Wheel { start: 0, firsts: Vec::new(), taken: BitSet::new(), nodes: Vec::new() }
    }

    /// Whether a deadline is neither past nor too far away.
    #[inline]
    pub(crate) const fn reaches(&self, deadline: u64) -> bool {
        deadline.wrapping_sub(self.start) < SPAN as u64
    }

    /// The earliest deadline, and one of the slots that have it.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(u64, u16)> {
        let at = self.taken.next_from(place_of(self.start)).or_else(|| self.taken.next_from(0))?;
        Some((self.deadline_at(at), *self.firsts.get(usize::from(at))?))
    }

    #[inline]
    pub(crate) fn get(&self, slot: u16) -> Option<u64> {
        let node = self.nodes.get(usize::from(slot)).filter(|node| node.at != NONE)?;
        Some(self.deadline_at(node.at))
    }

    /// Puts a slot where it belongs; the deadline must be within reach.
    #[inline]
    pub(crate) fn put(&mut self, slot: u16, deadline: u64) {
        let at = place_of(deadline);
        if self.nodes.get(usize::from(slot)).is_some_and(|node| node.at == at) {
            return;
        }
        self.remove(slot);
        if self.nodes.len() <= usize::from(slot) {
            self.grow(slot);
        }
        let Some(first) = self.firsts.get_mut(usize::from(at)) else { return };
        let next = core::mem::replace(first, slot);
        if let Some(node) = self.nodes.get_mut(usize::from(slot)) {
            *node = Node { at, previous: NONE, next };
        }
        match self.nodes.get_mut(usize::from(next)) {
            Some(node) => node.previous = slot,
            None => {
                self.taken.set(at, true);
            }
        }
    }

    /// Takes a slot out, if it is there.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u16) {
        let Some(node) = self.nodes.get_mut(usize::from(slot)).filter(|node| node.at != NONE) else { return };
        let Node { at, previous, next } = core::mem::replace(node, Node::ABSENT);
        if let Some(node) = self.nodes.get_mut(usize::from(next)) {
            node.previous = previous;
        }
        if let Some(node) = self.nodes.get_mut(usize::from(previous)) {
            node.next = next;
        } else if let Some(first) = self.firsts.get_mut(usize::from(at)) {
            *first = next;
            if next == NONE {
                self.taken.set(at, false);
            }
        }
    }

    /// Time has passed: the ring reaches further once it is worth it, unless that would leave somebody behind.
    #[inline]
    pub(crate) fn start_from(&mut self, start: u64) {
        if start >= self.start + WORTH_IT && self.peek().is_none_or(|(earliest, _)| earliest >= start) {
            self.start = start;
        }
    }

    #[cold]
    fn grow(&mut self, slot: u16) {
        self.nodes.resize(usize::from(slot) + 1, Node::ABSENT);
        if self.firsts.is_empty() {
            self.firsts = vec![NONE; SPAN];
        }
    }

    /// The deadline of those in a place of the ring.
    fn deadline_at(&self, at: u16) -> u64 {
        self.start + (u64::from(at).wrapping_sub(self.start) % SPAN as u64)
    }
}

#[allow(clippy::cast_possible_truncation)] // of 1024
const fn place_of(deadline: u64) -> u16 {
    (deadline % SPAN as u64) as u16
}
