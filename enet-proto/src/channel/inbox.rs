//! [`Inbox`]: packets ready for the application, and the bytes the connection holds for it.

use enet_wire::ChannelId;

use super::memory::Memory;
use crate::collections::lists::List;
use crate::mutants::{self, Mutant};
use crate::packet::{Delivery, Packet, Payload};
use crate::stats::DiscardReason;

/// A packet to be fetched, and the channel it came on.
#[derive(Debug)]
pub(super) struct Received {
    channel: ChannelId,
    delivery: Delivery,
    payload: Payload,
}

/// First in, first out over all channels (PROTOCOL.md §12.10).
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    packets: List,
    waiting_data: u32,
}

impl Inbox {
    /// Bytes queued or reserved and not fetched.
    pub(crate) const fn waiting_data(&self) -> u32 {
        self.waiting_data
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Reserves `length` bytes unless `limit` is reached already; one packet may overshoot it.
    #[inline]
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
    #[inline(always)]
    pub(crate) fn deliver(&mut self, channel: ChannelId, packet: Packet, memory: &mut Memory) {
        let received = Received { channel, delivery: packet.delivery(), payload: packet.into_payload() };
        memory.inboxes.push_back(&mut self.packets, received);
    }

    /// Queues a payload as a packet. A small one is written where it stays.
    #[inline]
    pub(crate) fn deliver_payload(
        &mut self,
        channel: ChannelId,
        delivery: Delivery,
        payload: &[u8],
        memory: &mut Memory,
    ) {
        let Memory { inboxes, arena, .. } = memory;
        let empty = || Received { channel, delivery, payload: Payload::EMPTY };
        inboxes.push_back_with(&mut self.packets, empty);
        if let Some(received) = inboxes.back_mut(&self.packets) {
            received.payload.fill_or(payload, |slice| arena.copy(slice));
        }
    }

    /// The next packet; its bytes are given back.
    #[inline]
    pub(crate) fn take(&mut self, memory: &mut Memory) -> Option<(ChannelId, Packet)> {
        let Received { channel, delivery, payload } = memory.inboxes.front_mut(&self.packets)?;
        // Taken out before the place is given up, so that it is moved only once.
        let payload = core::mem::replace(payload, Payload::EMPTY);
        let (channel, packet) = (*channel, Packet::new(*delivery, payload));
        memory.inboxes.discard_front(&mut self.packets);
        if !mutants::is(Mutant::WaitingDataLeak) {
            self.release(u32::try_from(packet.len()).unwrap_or(u32::MAX));
        }
        Some((channel, packet))
    }

    /// The next packet that came on a channel.
    pub(crate) fn take_from(&mut self, wanted: ChannelId, memory: &mut Memory) -> Option<Packet> {
        let mut at = self.packets.first()?;
        while memory.inboxes.get(at)?.channel != wanted {
            at = memory.inboxes.next(at)?;
        }
        let Received { delivery, payload, .. } = memory.inboxes.get_mut(at)?;
        let packet = Packet::new(*delivery, core::mem::replace(payload, Payload::EMPTY));
        memory.inboxes.discard(&mut self.packets, at);
        self.release(u32::try_from(packet.len()).unwrap_or(u32::MAX));
        Some(packet)
    }

    /// Number and payload bytes of the packets queued here.
    pub(crate) fn queued(&self, memory: &Memory) -> (usize, usize) {
        let add = |(count, bytes), it: &Received| (count + 1, bytes + it.payload.as_slice().len());
        memory.inboxes.iter(&self.packets).fold((0, 0), add)
    }

    /// Drops the packets. What they had reserved goes with the connection.
    pub(crate) fn clear(&mut self, memory: &mut Memory) {
        memory.inboxes.clear(&mut self.packets);
    }
}
