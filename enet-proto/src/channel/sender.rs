//! [`Sender`]: a channel's outgoing numbers (PROTOCOL.md §12.4).

use enet_wire::{ReliableSeq, UnreliableSeq};

use super::window::SequenceWindows;

/// The sending half of a channel.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    reliable: ReliableSeq,
    unreliable: UnreliableSeq,
    pub(crate) windows: SequenceWindows,
}

impl Sender {
    /// Numbers for `count` reliable commands; the first of them. Unreliable numbers start over.
    pub(crate) fn take_reliable(&mut self, count: u16) -> ReliableSeq {
        let first = self.reliable.next();
        self.reliable = self.reliable.add(count);
        self.unreliable = UnreliableSeq(0);
        first
    }

    /// Numbers for an unreliable packet: the reliable one it follows, and its own.
    pub(crate) fn take_unreliable(&mut self) -> (ReliableSeq, UnreliableSeq) {
        self.unreliable = self.unreliable.next();
        (self.reliable, self.unreliable)
    }

    /// Whether the unreliable numbers are used up until the next reliable packet.
    pub(crate) fn is_unreliable_exhausted(&self) -> bool {
        self.unreliable.0 == u16::MAX
    }

    pub(crate) const fn last_reliable(&self) -> ReliableSeq {
        self.reliable
    }

    pub(crate) const fn last_unreliable(&self) -> UnreliableSeq {
        self.unreliable
    }
}
