//! [`Inbox`]: packets ready for the application, and the bytes the connection holds for it.

use enet_wire::ChannelId;

use super::account::{Account, ENTRY, counted};
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
    /// Bytes of memory that the connection holds, and as many as the host's account knows of.
    held: u32,
    told: u32,
}

impl Inbox {
    /// Bytes queued or reserved and not fetched.
    pub(crate) const fn waiting_data(&self) -> u32 {
        self.waiting_data
    }

    /// Bytes of memory that the connection's received data takes.
    pub(crate) const fn held(&self) -> u32 {
        self.held
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Reserves `length` bytes unless `limit` is reached already; one packet may overshoot it. A packet that `is_next` on
    /// its channel has room while the application has nothing to fetch: without it what was taken before it might stay for
    /// ever.
    #[inline]
    pub(crate) fn charge(
        &mut self,
        length: u32,
        is_next: bool,
        limit: u32,
        account: &Account,
    ) -> Result<(), DiscardReason> {
        let is_needed = || is_next && self.is_empty() && account.is_limited();
        if self.waiting_data >= limit && !is_needed() {
            return Err(DiscardReason::WaitingDataLimit);
        }
        if let Err(reason) = account.admit(self.held)
            && !is_needed()
        {
            return Err(reason);
        }
        self.waiting_data = self.waiting_data.saturating_add(length);
        self.held = self.held.wrapping_add(length).wrapping_add(ENTRY);
        Ok(())
    }

    /// The same for a packet that is only announced: there must be room for all of it, and it is taken as it arrives.
    pub(crate) fn charge_announced(
        &mut self,
        length: u32,
        is_next: bool,
        limit: u32,
        account: &Account,
    ) -> Result<(), DiscardReason> {
        if self.waiting_data >= limit {
            return Err(DiscardReason::WaitingDataLimit);
        }
        account.admit_begun(self.held, length, length)?;
        self.charge(length, is_next, limit, account)?;
        self.resize(length, 0);
        Ok(())
    }

    /// Whether there is memory for so much more of a packet that was begun.
    pub(crate) fn admit_begun(&self, length: u32, account: &Account) -> Result<(), DiscardReason> {
        account.admit_begun(self.held, length, self.waiting_data)
    }

    /// What took `before` bytes of memory takes `after`.
    #[inline]
    pub(crate) const fn resize(&mut self, before: u32, after: u32) {
        self.held = self.held.wrapping_sub(before).wrapping_add(after);
    }

    /// Gives back what a packet had reserved that is fetched or discarded, and the memory it took as a whole.
    #[inline]
    pub(crate) const fn release(&mut self, length: u32) {
        self.waiting_data = self.waiting_data.saturating_sub(length);
        self.held = self.held.wrapping_sub(length).wrapping_sub(ENTRY);
    }

    /// Tells the host's account what is held.
    #[inline]
    pub(crate) fn settle(&mut self, account: &mut Account) {
        account.settle(self.told, self.held);
        self.told = self.held;
    }

    /// Queues a packet whose bytes are charged already.
    #[inline(always)]
    pub(crate) fn deliver(&mut self, channel: ChannelId, packet: Packet, memory: &mut Memory) {
        let received = Received { channel, delivery: packet.delivery(), payload: packet.into_payload() };
        memory.inboxes.push_back(&mut self.packets, received);
    }

    /// Queues a payload as a packet. A small one is written where it stays.
    #[inline(always)]
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
        self.give_back(packet.len(), memory);
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
        self.give_back(packet.len(), memory);
        Some(packet)
    }

    /// A packet of this length was fetched.
    #[inline(always)]
    fn give_back(&mut self, length: usize, memory: &mut Memory) {
        if mutants::is(Mutant::WaitingDataLeak) {
            return;
        }
        let length = counted(length);
        self.release(length);
        self.told = self.told.wrapping_sub(length).wrapping_sub(ENTRY);
        memory.account.give_back(length.wrapping_add(ENTRY));
    }

    /// Number and payload bytes of the packets queued here.
    pub(crate) fn queued(&self, memory: &Memory) -> (usize, usize) {
        let add = |(count, bytes), it: &Received| (count + 1, bytes + it.payload.as_slice().len());
        memory.inboxes.iter(&self.packets).fold((0, 0), add)
    }

    /// Drops the packets, and gives all memory back: what waits on the channels goes too. What they had reserved goes
    /// with the connection.
    pub(crate) fn clear(&mut self, memory: &mut Memory) {
        memory.inboxes.clear(&mut self.packets);
        self.held = 0;
        self.settle(&mut memory.account);
    }
}
