//! Taking in: what a channel may use of its connection meanwhile, what can come of it, and [`Ahead`], a packet that
//! arrived too early.

use enet_wire::ChannelId;

use super::assembly::Assembly;
use super::inbox::Inbox;
use crate::packet::{Delivery, Packet};
use crate::stats::DiscardReason;

/// What a channel needs of its connection while it takes something in.
pub(crate) struct Intake<'a> {
    pub(crate) channel: ChannelId,
    pub(crate) inbox: &'a mut Inbox,
    pub(crate) max_waiting_data: u32,
    /// Whether new packets are still taken; false once the connection is being drained.
    pub(crate) accepting: bool,
}

/// How long a packet stays here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stay {
    /// Until the application fetches it.
    Short,
    /// Until others have come, which is up to the remote.
    Long,
}

/// Handled (queued, delivered or silently discarded), or a reason to stop reading the datagram.
pub(crate) type Outcome = Result<(), DiscardReason>;

/// A packet that cannot be delivered yet.
#[derive(Debug)]
pub(crate) enum Ahead {
    Whole(Packet),
    Partial(Assembly),
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

    pub(crate) fn into_packet(self, fragments: Delivery) -> Packet {
        match self {
            Ahead::Whole(packet) => packet,
            Ahead::Partial(assembly) => assembly.into_packet(fragments),
        }
    }
}
