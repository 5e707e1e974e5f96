//! Taking in: what a channel may use of its connection meanwhile, what can come of it, and [`Ahead`], a packet that
//! arrived too early.

use alloc::boxed::Box;

use enet_wire::{ChannelId, Fragment};

use super::account::{ENTRY, counted};
use super::assembly::Assembly;
use super::inbox::Inbox;
use super::memory::Memory;
use crate::packet::{Delivery, Packet};
use crate::stats::DiscardReason;

/// What a channel needs of its connection while it takes something in.
pub(crate) struct Intake<'a> {
    pub(crate) channel: ChannelId,
    pub(crate) inbox: &'a mut Inbox,
    pub(crate) memory: &'a mut Memory,
    pub(crate) max_waiting_data: u32,
    /// Whether new packets are still taken; false once the connection is being drained.
    pub(crate) accepting: bool,
}

impl Intake<'_> {
    /// Hands a packet, whose bytes are charged already, to the application.
    #[inline]
    pub(crate) fn deliver(&mut self, packet: Packet) {
        self.inbox.deliver(self.channel, packet, self.memory);
    }

    /// Hands a payload, whose bytes are charged already, to the application.
    #[inline(always)]
    pub(crate) fn deliver_payload(&mut self, delivery: Delivery, payload: &[u8]) {
        self.inbox.deliver_payload(self.channel, delivery, payload, self.memory);
    }

    /// Hands what waited to the application; it is complete.
    pub(crate) fn deliver_ahead(&mut self, item: Ahead, fragments: Delivery) {
        let packet = match item {
            Ahead::Whole(packet) => packet,
            Ahead::Partial(assembly) => {
                self.resize(counted(assembly.footprint()), assembly.total_length());
                self.memory.finish(assembly, fragments)
            }
        };
        self.deliver(packet);
    }

    /// Gives back what will never be delivered.
    pub(crate) fn discard(&mut self, item: Ahead) {
        if let Ahead::Partial(assembly) = &item {
            self.resize(counted(assembly.footprint()), assembly.total_length());
        }
        self.inbox.release(counted(item.reserved()));
        if let Ahead::Partial(assembly) = item {
            self.memory.abandon(assembly);
        }
    }

    /// Reserves the bytes of a packet, which may be next on its channel.
    #[inline]
    pub(crate) fn charge(&mut self, length: u32, is_next: bool) -> Outcome {
        self.inbox.charge(length, is_next, self.max_waiting_data, &self.memory.account)
    }

    /// A place for the packet of which this fragment is the first to arrive, if there is room for all of it.
    pub(crate) fn begin(
        &mut self,
        fragment: &Fragment<'_>,
        is_next: bool,
    ) -> Result<Box<Assembly>, DiscardReason> {
        let is_alone = fragment.count == 1 && fragment.payload.len() != fragment.total_length as usize;
        if is_alone && self.is_exact() {
            return Err(DiscardReason::BadFragment);
        }
        self.inbox.charge_announced(
            fragment.total_length,
            is_next,
            self.max_waiting_data,
            &self.memory.account,
        )?;
        let assembly = self.memory.assembly(fragment);
        self.resize(0, counted(assembly.footprint()));
        Ok(assembly)
    }

    /// Puts a fragment in its place, if there is room for it; whether the packet is complete now.
    pub(crate) fn insert_more(
        &mut self,
        fragment: &Fragment<'_>,
        assembly: &mut Assembly,
    ) -> Result<bool, DiscardReason> {
        if self.is_exact() && assembly.is_spoiled_by(fragment) {
            return Err(DiscardReason::BadFragment);
        }
        let room = counted(assembly.room_for(fragment));
        self.inbox.admit_begun(room, &self.memory.account)?;
        Ok(self.insert(fragment, assembly))
    }

    /// Whether fragments must make up their packet exactly. Of C, which counts no memory either, they need not.
    const fn is_exact(&self) -> bool {
        self.memory.account.is_limited()
    }

    /// The same for one that there is room for.
    pub(crate) fn insert(&mut self, fragment: &Fragment<'_>, assembly: &mut Assembly) -> bool {
        let before = counted(assembly.footprint());
        assembly.insert(fragment);
        self.resize(before, counted(assembly.footprint()));
        assembly.is_complete()
    }

    /// What took `before` bytes of memory takes `after`.
    pub(crate) fn resize(&mut self, before: u32, after: u32) {
        self.inbox.resize(before, after);
    }
}

/// Handled (queued, delivered or silently discarded), or a reason to stop reading the datagram.
pub(crate) type Outcome = Result<(), DiscardReason>;

/// A packet that cannot be delivered yet.
#[derive(Debug)]
pub(crate) enum Ahead {
    Whole(Packet),
    Partial(Box<Assembly>),
}

impl Ahead {
    pub(crate) const fn is_complete(&self) -> bool {
        match self {
            Ahead::Whole(_) => true,
            Ahead::Partial(assembly) => assembly.is_complete(),
        }
    }

    /// How many reliable numbers it covers.
    pub(crate) const fn numbers(&self) -> u32 {
        match self {
            Ahead::Whole(_) => 1,
            Ahead::Partial(assembly) => assembly.count(),
        }
    }

    /// Bytes of memory it takes.
    pub(crate) fn held(&self) -> usize {
        ENTRY as usize
            + match self {
                Ahead::Whole(packet) => packet.len(),
                Ahead::Partial(assembly) => assembly.footprint(),
            }
    }

    /// Bytes reserved for it among the waiting data.
    pub(crate) fn reserved(&self) -> usize {
        match self {
            Ahead::Whole(packet) => packet.len(),
            Ahead::Partial(assembly) => assembly.total_length() as usize,
        }
    }
}
