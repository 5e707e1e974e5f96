//! [`Undelivered`]: the reliable packets that a lost connection gives back.

use alloc::boxed::Box;
use alloc::vec::{self, Vec};
use core::fmt;

use enet_wire::ChannelId;

use crate::packet::Packet;

/// Reliable packets that were queued and never acknowledged when their connection was lost, in the order in which they were
/// queued, each with its channel; empty unless [`HostConfig::return_undelivered`](crate::HostConfig) asks for them.
///
/// Sent again over a new connection they arrive **at least once**: what is not acknowledged may have arrived all the same,
/// its acknowledgement having been lost with the connection. Whoever must not act twice gives packets numbers of their own.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Undelivered(Option<Box<Packets>>);

/// Behind a pointer: every event is as large as the largest.
#[derive(Clone, PartialEq, Eq, Default)]
struct Packets {
    packets: Vec<(ChannelId, Packet)>,
}

impl Undelivered {
    /// How many packets.
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The packets with their channels, the oldest first.
    pub fn iter(&self) -> core::slice::Iter<'_, (ChannelId, Packet)> {
        self.0.as_ref().map_or_else(Default::default, |it| it.packets.iter())
    }

    pub(crate) fn push(&mut self, channel: ChannelId, packet: Packet) {
        self.0.get_or_insert_default().packets.push((channel, packet));
    }
}

impl IntoIterator for Undelivered {
    type Item = (ChannelId, Packet);
    type IntoIter = vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map(|it| it.packets).unwrap_or_default().into_iter()
    }
}

impl<'a> IntoIterator for &'a Undelivered {
    type Item = &'a (ChannelId, Packet);
    type IntoIter = core::slice::Iter<'a, (ChannelId, Packet)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
