//! [`BitSet`]: a set of slot numbers below 4096 that is walked in order without looking at absent members.

/// Two levels of 64-bit words: the upper one says which lower words hold anything.
#[derive(Debug, Clone)]
pub(crate) struct BitSet {
    summary: u64,
    words: [u64; 64],
}

impl BitSet {
    pub(crate) const fn new() -> Self {
        BitSet { summary: 0, words: [0; 64] }
    }

    /// How many members there are, which takes a look at all words.
    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.summary == 0
    }

    #[inline]
    pub(crate) fn contains(&self, slot: u16) -> bool {
        self.words.get(usize::from(slot / 64)).is_some_and(|word| word & bit(slot) != 0)
    }

    /// Adds or removes; whether that changed anything.
    #[inline]
    pub(crate) fn set(&mut self, slot: u16, present: bool) -> bool {
        let Some(word) = self.words.get_mut(usize::from(slot / 64)) else { return false };
        let before = *word;
        *word = if present { before | bit(slot) } else { before & !bit(slot) };
        let upper = 1 << (slot / 64);
        self.summary = if *word == 0 { self.summary & !upper } else { self.summary | upper };
        *word != before
    }

    /// The smallest member that is at least `from`.
    #[inline]
    pub(crate) fn next_from(&self, from: u16) -> Option<u16> {
        let first = from / 64;
        let here = self.words.get(usize::from(first))? & (u64::MAX << (from % 64));
        if here != 0 {
            return Some(first * 64 + trailing(here));
        }
        let above = self.summary & u64::MAX.checked_shl(u32::from(first) + 1).unwrap_or(0);
        if above == 0 {
            return None;
        }
        let word = trailing(above);
        Some(word * 64 + trailing(*self.words.get(usize::from(word))?))
    }

    /// Every member, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let mut from = Some(0);
        core::iter::from_fn(move || {
            let slot = self.next_from(from?)?;
            from = slot.checked_add(1);
            Some(slot)
        })
    }
}

const fn bit(slot: u16) -> u64 {
    1 << (slot % 64)
}

#[allow(clippy::cast_possible_truncation)] // at most 64
const fn trailing(word: u64) -> u16 {
    word.trailing_zeros() as u16
}

#[cfg(test)]
mod tests {
    use super::super::steps;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_behaves_like_an_ordered_set(
            ops in prop::collection::vec((0u16..4096, any::<bool>(), 0u16..4100), 1..steps(200)),
        ) {
            let mut bits = BitSet::new();
            let mut model = BTreeSet::new();
            for (slot, present, from) in ops {
                let changed = if present { model.insert(slot) } else { model.remove(&slot) };
                prop_assert_eq!(bits.set(slot, present), changed);
                prop_assert_eq!(bits.len(), model.len());
                prop_assert_eq!(bits.is_empty(), model.is_empty());
                prop_assert_eq!(bits.contains(slot), model.contains(&slot));
                prop_assert_eq!(bits.next_from(from), model.range(from..).next().copied());
            }
            prop_assert!(bits.iter().eq(model.iter().copied()));
        }
    }
}
