//! A channel: the numbers and windows of one ordered stream, in both directions.

pub(crate) mod account;
pub(crate) mod assembly;
mod backlog;
pub(crate) mod inbox;
pub(crate) mod intake;
pub(crate) mod memory;
#[cfg(test)]
mod model;
pub(crate) mod receiver;
pub(crate) mod sender;
pub(crate) mod unreliable;
pub(crate) mod window;

use alloc::boxed::Box;

use enet_wire::{ChannelId, FREE_RELIABLE_WINDOWS, RELIABLE_WINDOW_SIZE, ReliableSeq, WindowOffset};

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
    used: Box<[Channel]>,
}

impl Channels {
    pub(crate) fn new(count: u8) -> Self {
        Channels { count, used: Box::default() }
    }

    pub(crate) const fn count(&self) -> u8 {
        self.count
    }

    pub(crate) fn shrink_to(&mut self, count: u8) {
        self.count = self.count.min(count);
        if self.used.len() > usize::from(self.count) {
            let used = core::mem::take(&mut self.used);
            self.used = used.into_iter().take(usize::from(self.count)).collect();
        }
    }

    /// The channel if it exists and was used.
    #[inline]
    pub(crate) fn get(&self, id: ChannelId) -> Option<&Channel> {
        self.used.get(id.index())
    }

    /// The channel, if it exists.
    #[inline]
    pub(crate) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        if id.get() >= self.count {
            return None;
        }
        if self.used.len() <= id.index() {
            self.use_up_to(id);
        }
        self.used.get_mut(id.index())
    }

    #[cold]
    fn use_up_to(&mut self, id: ChannelId) {
        let used = core::mem::take(&mut self.used);
        let more = core::iter::repeat_with(Channel::default);
        self.used = used.into_iter().chain(more).take(id.index() + 1).collect();
    }

    /// The channel if it was used, to change it.
    #[inline]
    pub(crate) fn get_used(&mut self, id: ChannelId) -> Option<&mut Channel> {
        self.used.get_mut(id.index())
    }

    /// Whether a number is too far ahead of what the channel has delivered to be acknowledged (PROTOCOL.md §9.3).
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // 8
    pub(crate) fn is_too_far_ahead(&self, id: ChannelId, seq: ReliableSeq) -> bool {
        let delivered = self.get(id).map_or(ReliableSeq(0), |channel| channel.receiver.last_reliable());
        // Up to here, whatever the windows' borders, it is not.
        if seq.distance_from(delivered) <= (FREE_RELIABLE_WINDOWS as u16 - 2) * RELIABLE_WINDOW_SIZE {
            return false;
        }
        id.get() < self.count && seq.offset_from(delivered) == WindowOffset::TooFarAhead
    }

    /// Gives back what is not needed now.
    pub(crate) fn trim(&mut self) {
        for channel in &mut self.used {
            channel.sender.windows.trim();
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.used.iter()
    }
}
