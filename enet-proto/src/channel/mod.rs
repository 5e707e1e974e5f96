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

/// The channels of a connection. The first has its place, for most use that; others come into being when they are first used.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    first: Channel,
    /// From the second on.
    others: Box<[Channel]>,
}

impl Channels {
    /// There are only so many from now on.
    pub(crate) fn shrink_to(&mut self, count: u8) {
        let others = usize::from(count.saturating_sub(1));
        if self.others.len() > others {
            let used = core::mem::take(&mut self.others);
            self.others = used.into_iter().take(others).collect();
        }
    }

    /// The channel if it exists and was used.
    #[inline]
    pub(crate) fn get(&self, id: ChannelId) -> Option<&Channel> {
        match id.index().checked_sub(1) {
            None => Some(&self.first),
            Some(other) => self.others.get(other),
        }
    }

    /// The channel, if it exists: there are `count`.
    #[inline]
    pub(crate) fn get_mut(&mut self, id: ChannelId, count: u8) -> Option<&mut Channel> {
        if id.get() >= count {
            return None;
        }
        if self.others.len() < id.index() {
            self.use_up_to(id);
        }
        self.get_used(id)
    }

    #[cold]
    fn use_up_to(&mut self, id: ChannelId) {
        let used = core::mem::take(&mut self.others);
        let more = core::iter::repeat_with(Channel::default);
        self.others = used.into_iter().chain(more).take(id.index()).collect();
    }

    /// The channel if it was used, to change it.
    #[inline]
    pub(crate) fn get_used(&mut self, id: ChannelId) -> Option<&mut Channel> {
        match id.index().checked_sub(1) {
            None => Some(&mut self.first),
            Some(other) => self.others.get_mut(other),
        }
    }

    /// Whether a number is too far ahead of what the channel, of `count`, has delivered to be acknowledged (PROTOCOL.md
    /// §9.3).
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // 8
    pub(crate) fn is_too_far_ahead(&self, id: ChannelId, seq: ReliableSeq, count: u8) -> bool {
        let delivered = self.get(id).map_or(ReliableSeq(0), |channel| channel.receiver.last_reliable());
        // Up to here, whatever the windows' borders, it is not.
        if seq.distance_from(delivered) <= (FREE_RELIABLE_WINDOWS as u16 - 2) * RELIABLE_WINDOW_SIZE {
            return false;
        }
        id.get() < count && seq.offset_from(delivered) == WindowOffset::TooFarAhead
    }

    /// Gives back what is not needed now.
    pub(crate) fn trim(&mut self) {
        self.first.sender.windows.trim();
        self.others.iter_mut().for_each(|channel| channel.sender.windows.trim());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        core::iter::once(&self.first).chain(&self.others)
    }
}
