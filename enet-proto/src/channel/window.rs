//! [`SequenceWindows`]: how many unacknowledged numbers each sixteenth of the sequence space holds (PROTOCOL.md §9.7).

use alloc::boxed::Box;

use enet_wire::{RELIABLE_WINDOW_SIZE, RELIABLE_WINDOWS, ReliableSeq};

/// Sixteen windows of 4096 numbers; window indices are taken modulo 16. Nothing is kept while nothing is outstanding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SequenceWindows {
    counts: Option<Box<[u16; RELIABLE_WINDOWS]>>,
}

impl SequenceWindows {
    /// A number went out for the first time.
    #[inline]
    pub(crate) fn on_sent(&mut self, seq: ReliableSeq) {
        let counts = self.counts.get_or_insert_default();
        if let Some(count) = counts.get_mut(seq.window()) {
            *count = count.saturating_add(1);
        }
    }

    /// A number was acknowledged.
    #[inline]
    pub(crate) fn on_acknowledged(&mut self, seq: ReliableSeq) {
        if let Some(count) = self.counts.as_mut().and_then(|counts| counts.get_mut(seq.window())) {
            *count = count.saturating_sub(1);
        }
    }

    /// Gives back what is not needed now.
    pub(crate) fn trim(&mut self) {
        if self.counts.as_deref() == Some(&[0; RELIABLE_WINDOWS]) {
            self.counts = None;
        }
    }

    /// Whether any number of the window is unacknowledged.
    pub(crate) fn is_used(&self, window: usize) -> bool {
        self.count(window) > 0
    }

    /// Whether every number of the window is unacknowledged.
    pub(crate) fn is_full(&self, window: usize) -> bool {
        usize::from(self.count(window)) >= RELIABLE_WINDOW_SIZE as usize
    }

    fn count(&self, window: usize) -> u16 {
        self.counts.as_ref().and_then(|counts| counts.get(window % RELIABLE_WINDOWS)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn windows_count_what_is_outstanding(start: u16, acknowledge in prop::collection::vec(any::<(bool, prop::sample::Index)>(), 1..300), stride in 1u16..500) {
            let mut windows = SequenceWindows::default();
            let mut outstanding = BTreeSet::new();
            let mut next = ReliableSeq(start);
            for (take, pick) in acknowledge {
                if take && !outstanding.is_empty() {
                    let seq: u16 = *pick.get(&outstanding.iter().copied().collect::<std::vec::Vec<_>>());
                    outstanding.remove(&seq);
                    windows.on_acknowledged(ReliableSeq(seq));
                } else if outstanding.insert(next.0) {
                    windows.on_sent(next);
                    next = next.add(stride);
                }
                for window in 0..2 * RELIABLE_WINDOWS {
                    let held = outstanding.iter().filter(|seq| usize::from(**seq >> 12) == window % 16).count();
                    prop_assert_eq!(windows.is_used(window), held > 0);
                    prop_assert_eq!(windows.is_full(window), held == 4096);
                }
            }
        }
    }

    #[test]
    fn a_window_of_4096_unacknowledged_numbers_is_full() {
        let mut windows = SequenceWindows::default();
        for seq in 0x2000..0x3000 {
            assert!(!windows.is_full(2));
            windows.on_sent(ReliableSeq(seq));
        }
        assert!(windows.is_full(2));
        windows.on_acknowledged(ReliableSeq(0x2abc));
        assert!(!windows.is_full(2));
    }

    #[test]
    fn an_acknowledgement_too_many_does_no_harm() {
        let mut windows = SequenceWindows::default();
        windows.on_acknowledged(ReliableSeq(7));
        assert!(!windows.is_used(0));
    }
}
