//! [`Sender`]: a channel's outgoing numbers (PROTOCOL.md §12.4) and its reliable commands in flight.

use enet_wire::{ReliableSeq, UnreliableSeq};

use super::window::SequenceWindows;
use crate::collections::ring::SeqRing;
use crate::collections::slab::Key;

/// The sending half of a channel.
#[derive(Debug)]
pub(crate) struct Sender {
    reliable: ReliableSeq,
    unreliable: UnreliableSeq,
    pub(crate) windows: SequenceWindows,
    pub(crate) in_flight: SeqRing<Key>,
}

impl Default for Sender {
    fn default() -> Self {
        Sender {
            reliable: ReliableSeq(0),
            unreliable: UnreliableSeq(0),
            windows: SequenceWindows::default(),
            in_flight: SeqRing::new(),
        }
    }
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
