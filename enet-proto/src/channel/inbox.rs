//! [`Inbox`]: packets ready for the application, and the bytes the connection holds for it.

use alloc::collections::VecDeque;

use enet_wire::ChannelId;

use crate::mutants::{self, Mutant};
use crate::packet::Packet;
use crate::stats::DiscardReason;

/// First in, first out over all channels (PROTOCOL.md §12.10).
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    packets: VecDeque<(ChannelId, Packet)>,
    waiting_data: u32,
}

impl Inbox {
    /// Bytes queued or reserved and not fetched.
    pub(crate) const fn waiting_data(&self) -> u32 {
        self.waiting_data
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Reserves `length` bytes unless `limit` is reached already; one packet may overshoot it.
    pub(crate) fn charge(&mut self, length: u32, limit: u32) -> Result<(), DiscardReason> {
        if self.waiting_data >= limit {
            return Err(DiscardReason::WaitingDataLimit);
        }
        self.waiting_data = self.waiting_data.saturating_add(length);
        Ok(())
    }

    /// Gives back what a discarded packet had reserved.
    pub(crate) fn release(&mut self, length: u32) {
        self.waiting_data = self.waiting_data.saturating_sub(length);
    }

    /// Queues a packet whose bytes are charged already.
    pub(crate) fn deliver(&mut self, channel: ChannelId, packet: Packet) {
        self.packets.push_back((channel, packet));
    }

    /// The next packet; its bytes are given back.
    pub(crate) fn take(&mut self) -> Option<(ChannelId, Packet)> {
        let (channel, packet) = self.packets.pop_front()?;
        if !mutants::is(Mutant::WaitingDataLeak) {
            self.release(u32::try_from(packet.len()).unwrap_or(u32::MAX));
        }
        Some((channel, packet))
    }

    /// Payload bytes of the packets queued here.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.packets.iter().map(|(_, packet)| packet.len()).sum()
    }

    /// Drops the packets. What they had reserved goes with the connection.
    pub(crate) fn clear(&mut self) {
        self.packets.clear();
    }
}
