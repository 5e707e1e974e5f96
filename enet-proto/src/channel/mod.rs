//! A channel: the numbers and windows of one ordered stream, in both directions.

pub(crate) mod assembly;
pub(crate) mod inbox;
pub(crate) mod intake;
pub(crate) mod receiver;
pub(crate) mod sender;
pub(crate) mod unreliable;
pub(crate) mod window;

use alloc::vec::Vec;

use enet_wire::{ChannelId, ReliableSeq, WindowOffset};

use receiver::Receiver;
use sender::Sender;

/// One channel of a connection.
#[derive(Debug, Default)]
pub(crate) struct Channel {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
}

/// The channels of a connection. They come into being when they are first used.
#[derive(Debug)]
pub(crate) struct Channels {
    count: u8,
    used: Vec<Channel>,
}

impl Channels {
    pub(crate) const fn new(count: u8) -> Self {
        Channels { count, used: Vec::new() }
    }

    pub(crate) const fn count(&self) -> u8 {
        self.count
    }

    pub(crate) fn shrink_to(&mut self, count: u8) {
        self.count = self.count.min(count);
        self.used.truncate(usize::from(self.count));
    }

    /// The channel if it exists and was used.
    pub(crate) fn get(&self, id: ChannelId) -> Option<&Channel> {
        self.used.get(id.index())
    }

    /// The channel, if it exists.
    pub(crate) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        if id.get() >= self.count {
            return None;
        }
        if self.used.len() <= id.index() {
            self.used.resize_with(id.index() + 1, Channel::default);
        }
        self.used.get_mut(id.index())
    }

    /// Whether a number is too far ahead of what the channel has delivered to be acknowledged (PROTOCOL.md §9.3).
    pub(crate) fn is_too_far_ahead(&self, id: ChannelId, seq: ReliableSeq) -> bool {
        let delivered = self.get(id).map_or(ReliableSeq(0), |channel| channel.receiver.last_reliable());
        id.get() < self.count && seq.offset_from(delivered) == WindowOffset::TooFarAhead
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.used.iter()
    }
}
