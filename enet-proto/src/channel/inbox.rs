//! [`Inbox`]: packets ready for the application, and the bytes the connection holds for it.

use alloc::vec::Vec;

use enet_wire::ChannelId;

use super::account::{Account, ENTRY, counted};
use super::memory::Memory;
use crate::collections::lists::{List, Lists};
use crate::collections::slab::Key;
use crate::mutants::{self, Mutant};
use crate::packet::{Delivery, Packet, Payload};
use crate::stats::DiscardReason;

/// A packet to be fetched, and the channel it came on.
#[derive(Debug)]
pub(super) struct Received {
    channel: ChannelId,
    delivery: Delivery,
    /// The packet behind it on its channel, where those are told apart.
    next: Option<Key>,
    /// Of the first packet: the lists of the channels, where there are any.
    by_channel: Option<Key>,
    payload: Payload,
}

const _: () = assert!(2 * Lists::<Received>::PLACE <= ENTRY as usize);

/// The first and the last packet of each channel.
#[derive(Debug, Default)]
pub(super) struct ByChannel {
    ends: Vec<Option<(Key, Key)>>,
}

impl ByChannel {
    /// Makes it one of channels without packets.
    pub(super) fn clear(&mut self) {
        self.ends.clear();
    }

    fn push(&mut self, inboxes: &mut Lists<Received>, channel: ChannelId, key: Key) {
        if self.ends.len() <= channel.index() {
            self.ends.resize(channel.index() + 1, None);
        }
        let Some(ends) = self.ends.get_mut(channel.index()) else { return };
        let first = ends.map_or(key, |(first, last)| {
            if let Some(last) = inboxes.get_mut(last) {
                last.next = Some(key);
            }
            first
        });
        *ends = Some((first, key));
    }

    fn first(&self, channel: ChannelId) -> Option<Key> {
        self.ends.get(channel.index()).copied().flatten().map(|(first, _)| first)
    }

    /// Forgets the first packet of a channel, behind which this one stood.
    fn pass(&mut self, channel: ChannelId, next: Option<Key>) {
        if let Some(ends) = self.ends.get_mut(channel.index()) {
            *ends = next.and_then(|next| ends.map(|(_, last)| (next, last)));
        }
    }
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

    /// Whether there is one packet to be fetched.
    #[inline]
    pub(crate) const fn is_single(&self) -> bool {
        self.packets.is_single()
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
        let (delivery, next) = (packet.delivery(), None);
        let received = Received { channel, delivery, next, by_channel: None, payload: packet.into_payload() };
        let key = memory.inboxes.push_back(&mut self.packets, received);
        self.note(channel, key, memory);
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
        let received = |payload| Received { channel, delivery, next: None, by_channel: None, payload };
        let key = if Payload::is_small(payload) {
            let key = inboxes.push_back_with(&mut self.packets, || received(Payload::EMPTY));
            if let Some(received) = inboxes.back_mut(&self.packets) {
                received.payload.fill(payload);
            }
            key
        } else {
            let payload = arena.copy(payload).into();
            inboxes.push_back_with(&mut self.packets, || received(payload))
        };
        self.note(channel, key, memory);
    }

    /// Notes a packet among those of its channel, where they are told apart.
    #[inline(always)]
    fn note(&self, channel: ChannelId, key: Option<Key>, memory: &mut Memory) {
        // Hardly any host's application ever asks for one channel's.
        if memory.by_channel.len() > 0 && !self.packets.is_single() {
            self.note_channel(channel, key, memory);
        }
    }

    #[inline(never)]
    fn note_channel(&self, channel: ChannelId, key: Option<Key>, memory: &mut Memory) {
        let Some(by_channel) = memory.inboxes.front(&self.packets).and_then(|front| front.by_channel) else {
            return;
        };
        if let (Some(by_channel), Some(key)) = (memory.by_channel.get_mut(by_channel), key) {
            by_channel.push(&mut memory.inboxes, channel, key);
        }
    }

    /// The first packet is about to go, and the lists are the next one's, or nobody's.
    fn hand_on(&self, by_channel: Key, memory: &mut Memory) {
        let next = self.packets.first().and_then(|first| memory.inboxes.next(first));
        match next.and_then(|next| memory.inboxes.get_mut(next)) {
            Some(next) => next.by_channel = Some(by_channel),
            None => memory.put_by_channel(by_channel),
        }
    }

    /// The next packet; its bytes are given back.
    #[inline]
    pub(crate) fn take(&mut self, memory: &mut Memory) -> Option<(ChannelId, Packet)> {
        let front = memory.inboxes.front(&self.packets)?;
        let (length, by_channel) = (front.payload.as_slice().len(), front.by_channel);
        if by_channel.is_some() {
            self.leave_channel(memory);
        }
        self.give_back(length, memory);
        // Last of all, so that it is moved once, and in one piece.
        let Received { channel, delivery, payload, .. } = memory.inboxes.pop_front(&mut self.packets)?;
        Some((channel, Packet::new(delivery, payload)))
    }

    /// The first packet is about to go: it is not its channel's first any more, and the lists are handed on.
    #[cold]
    fn leave_channel(&self, memory: &mut Memory) {
        let Some(Received { channel, next, by_channel: Some(key), .. }) = memory.inboxes.front(&self.packets)
        else {
            return;
        };
        let (channel, next, key) = (*channel, *next, *key);
        if let Some(by_channel) = memory.by_channel.get_mut(key) {
            by_channel.pass(channel, next);
        }
        self.hand_on(key, memory);
    }

    /// The next packet that came on a channel.
    pub(crate) fn take_from(&mut self, wanted: ChannelId, memory: &mut Memory) -> Option<Packet> {
        let front = memory.inboxes.front(&self.packets)?;
        if front.channel == wanted {
            return self.take(memory).map(|(_, packet)| packet);
        }
        let by_channel = match front.by_channel {
            Some(key) => key,
            None => self.tell_channels_apart(memory)?,
        };
        let by_channel = memory.by_channel.get_mut(by_channel)?;
        let at = by_channel.first(wanted)?;
        let Received { delivery, next, payload, .. } = memory.inboxes.get_mut(at)?;
        by_channel.pass(wanted, *next);
        let packet = Packet::new(*delivery, core::mem::replace(payload, Payload::EMPTY));
        memory.inboxes.discard(&mut self.packets, at);
        self.give_back(packet.len(), memory);
        Some(packet)
    }

    /// Until nothing is left it is known which packets are a channel's, so that nobody looks for them among all others.
    #[cold]
    fn tell_channels_apart(&mut self, memory: &mut Memory) -> Option<Key> {
        let by_channel = memory.take_by_channel()?;
        let mut at = self.packets.first();
        while let Some(key) = at {
            let channel = memory.inboxes.get(key)?.channel;
            memory.by_channel.get_mut(by_channel)?.push(&mut memory.inboxes, channel, key);
            at = memory.inboxes.next(key);
        }
        memory.inboxes.front_mut(&self.packets)?.by_channel = Some(by_channel);
        Some(by_channel)
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
        if let Some(key) = memory.inboxes.front(&self.packets).and_then(|front| front.by_channel) {
            memory.put_by_channel(key);
        }
        memory.inboxes.clear(&mut self.packets);
        self.held = 0;
        self.settle(&mut memory.account);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::VecDeque;

    use super::*;

    fn number_of(packet: &Packet) -> u32 {
        u32::from_be_bytes(<[u8; 4]>::try_from(&packet[..]).unwrap())
    }

    proptest! {
        /// Against a list; and what the lists of the channels begin with is the first of theirs, so that nobody looks
        /// further.
        #[test]
        fn packets_are_taken_in_the_order_of_arrival_from_all_channels_or_one(
            steps in prop::collection::vec((0u8..6, 0u8..4), 1..200),
        ) {
            let (mut inbox, mut memory) = (Inbox::default(), Memory::new(Account::unlimited()));
            let mut model: VecDeque<(u8, u32)> = VecDeque::new();
            for (number, (step, channel)) in (0u32..).zip(steps) {
                let id = ChannelId::new(channel);
                match step {
                    0..=2 => {
                        prop_assert_eq!(inbox.charge(4, false, u32::MAX, &memory.account), Ok(()));
                        inbox.deliver_payload(id, Delivery::Reliable, &number.to_be_bytes(), &mut memory);
                        model.push_back((channel, number));
                    }
                    3 => {
                        let taken = inbox.take(&mut memory).map(|(id, it)| (id.get(), number_of(&it)));
                        prop_assert_eq!(taken, model.pop_front());
                    }
                    _ => {
                        let at = model.iter().position(|it| it.0 == channel);
                        let expected = at.and_then(|at| model.remove(at)).map(|it| it.1);
                        let taken = inbox.take_from(id, &mut memory).map(|it| number_of(&it));
                        prop_assert_eq!(taken, expected);
                    }
                }
                let front = memory.inboxes.front(&inbox.packets).and_then(|front| front.by_channel);
                if let Some(by_channel) = front.and_then(|key| memory.by_channel.get(key)) {
                    for channel in 0..4 {
                        let first = by_channel.first(ChannelId::new(channel));
                        let first = first.and_then(|key| memory.inboxes.get(key));
                        let first = first.map(|it| u32::from_be_bytes(it.payload.as_slice().try_into().unwrap()));
                        prop_assert_eq!(first, model.iter().find(|it| it.0 == channel).map(|it| it.1));
                    }
                }
            }
            inbox.clear(&mut memory);
            prop_assert!(memory.packets() == 0 && memory.by_channel.len() <= 1);
        }
    }

    #[test]
    fn channels_are_told_apart_only_where_somebody_asks_for_one_and_others_wait() {
        let (mut inbox, mut memory) = (Inbox::default(), Memory::new(Account::unlimited()));
        for number in 0..100_u8 {
            inbox.deliver_payload(ChannelId::new(3), Delivery::Reliable, &[number], &mut memory);
            assert!(inbox.take_from(ChannelId::new(3), &mut memory).is_some());
        }
        assert_eq!(memory.by_channel.len(), 0);
        for _ in 0..100 {
            inbox.deliver_payload(ChannelId::new(3), Delivery::Reliable, b"", &mut memory);
            assert!(inbox.take_from(ChannelId::new(2), &mut memory).is_none());
            assert!(inbox.take(&mut memory).is_some());
        }
        assert_eq!(memory.by_channel.len(), 1, "which serves again");
    }
}
