//! Acknowledgements owed: one for each copy of a reliable command that arrived, first in first out (PROTOCOL.md §9.3).

use alloc::collections::VecDeque;

use enet_wire::{Body, ChannelId, Command, ReliableSeq};

/// One acknowledgement: which command, and the sent time of the datagram that carried this copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) channel: ChannelId,
    pub(crate) seq: ReliableSeq,
    pub(crate) sent_time: u16,
    /// Whether it answers a DISCONNECT: writing it ends the connection.
    pub(crate) of_disconnect: bool,
}

impl Ack {
    pub(crate) const LEN: u8 = 8;

    pub(crate) const fn command(self) -> Command<'static> {
        Command {
            channel: self.channel,
            seq: self.seq,
            acknowledge: false,
            unsequenced: false,
            body: Body::Acknowledge { received_seq: self.seq, received_sent_time: self.sent_time },
        }
    }
}

/// The queue of them.
pub(crate) type Acks = VecDeque<Ack>;
