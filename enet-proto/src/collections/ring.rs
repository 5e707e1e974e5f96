//! [`SeqRing`]: values addressed by sequence number, entered in order and taken out in any.

use alloc::collections::VecDeque;

use enet_wire::ReliableSeq;

/// Holds at most one value for each number between the oldest still held and the newest ever entered.
#[derive(Debug, Clone)]
pub(crate) struct SeqRing<T> {
    base: ReliableSeq,
    entries: VecDeque<Option<T>>,
}

impl<T: Copy> SeqRing<T> {
    pub(crate) const fn new() -> Self {
        SeqRing { base: ReliableSeq(0), entries: VecDeque::new() }
    }

    /// Enters `value` under a number that follows all those entered and still held; numbers in between stay empty.
    pub(crate) fn push(&mut self, seq: ReliableSeq, value: T) {
        if self.entries.is_empty() {
            self.base = seq;
        }
        let gap = usize::from(seq.distance_from(self.base)).saturating_sub(self.entries.len());
        self.entries.extend(core::iter::repeat_n(None, gap));
        self.entries.push_back(Some(value));
    }

    /// Takes the value under `seq` out.
    pub(crate) fn remove(&mut self, seq: ReliableSeq) -> Option<T> {
        let taken = self.entries.get_mut(usize::from(seq.distance_from(self.base)))?.take();
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.base = self.base.next();
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn it_behaves_like_a_map(start: u16, ops in prop::collection::vec((any::<bool>(), 0u16..8, any::<prop::sample::Index>()), 1..400)) {
            let mut ring = SeqRing::new();
            let mut model = BTreeMap::new();
            let mut next = ReliableSeq(start);
            let mut order: u32 = 0;
            for (push, gap, pick) in ops {
                if push {
                    next = next.add(gap);
                    ring.push(next, order);
                    model.insert(next.0, order);
                    next = next.next();
                    order += 1;
                } else if !model.is_empty() {
                    let key = *pick.get(&model.keys().copied().collect::<Vec<_>>());
                    prop_assert_eq!(ring.remove(ReliableSeq(key)), model.remove(&key));
                    prop_assert_eq!(ring.remove(ReliableSeq(key)), None);
                }
                prop_assert_eq!(ring.remove(next), None);
            }
            for (key, value) in model {
                prop_assert_eq!(ring.remove(ReliableSeq(key)), Some(value));
            }
            prop_assert!(ring.entries.is_empty());
        }
    }
}
