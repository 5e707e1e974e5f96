//! Taking in: what a channel may use of its connection meanwhile, what can come of it, and [`Ahead`], a packet that
//! arrived too early.

use alloc::boxed::Box;

use enet_wire::ChannelId;

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
    #[inline]
    pub(crate) fn deliver_payload(&mut self, delivery: Delivery, payload: &[u8]) {
        self.inbox.deliver_payload(self.channel, delivery, payload, self.memory);
    }

    /// Hands what waited to the application; it is complete.
    pub(crate) fn deliver_ahead(&mut self, item: Ahead, fragments: Delivery) {
        let packet = match item {
            Ahead::Whole(packet) => packet,
            Ahead::Partial(assembly) => self.memory.finish(assembly, fragments),
        };
        self.deliver(packet);
    }

    /// Gives back what will never be delivered.
    pub(crate) fn discard(&mut self, item: Ahead) {
        self.inbox.release(u32::try_from(item.reserved()).unwrap_or(u32::MAX));
        if let Ahead::Partial(assembly) = item {
            self.memory.abandon(assembly);
        }
    }

    /// Reserves the bytes of a packet.
    #[inline]
    pub(crate) fn charge(&mut self, length: u32) -> Outcome {
        self.inbox.charge(length, self.max_waiting_data)
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

    /// Bytes reserved for it in the inbox's account.
    pub(crate) fn reserved(&self) -> usize {
        match self {
            Ahead::Whole(packet) => packet.len(),
            Ahead::Partial(assembly) => assembly.total_length() as usize,
        }
    }
}
