//! [`SequenceWindows`]: how many unacknowledged numbers each sixteenth of the sequence space holds (PROTOCOL.md §9.7).

use enet_wire::{RELIABLE_WINDOW_SIZE, RELIABLE_WINDOWS, ReliableSeq};

/// Sixteen windows of 4096 numbers; window indices are taken modulo 16.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SequenceWindows {
    counts: [u16; RELIABLE_WINDOWS],
}

impl SequenceWindows {
    /// A number went out for the first time.
    pub(crate) fn on_sent(&mut self, seq: ReliableSeq) {
        if let Some(count) = self.counts.get_mut(seq.window()) {
            *count = count.saturating_add(1);
        }
    }

    /// A number was acknowledged.
    pub(crate) fn on_acknowledged(&mut self, seq: ReliableSeq) {
        if let Some(count) = self.counts.get_mut(seq.window()) {
            *count = count.saturating_sub(1);
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
        self.counts.get(window % RELIABLE_WINDOWS).copied().unwrap_or(0)
    }
}
