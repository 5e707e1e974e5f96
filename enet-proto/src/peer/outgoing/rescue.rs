//! What of a lost connection's commands can be sent again over another one.

use alloc::vec::Vec;

use enet_wire::ChannelId;

use super::{Commands, Outgoing, Queued, QueuedBody};
use crate::packet::{Delivery, Packet};

impl Outgoing {
    /// The reliable packets of which something is not acknowledged, in the order in which they were queued. `next` is the
    /// stamp that would be given next.
    pub(crate) fn undelivered(&self, next: u32, commands: &Commands) -> Vec<(ChannelId, Packet)> {
        let lists = [&self.in_flight, &self.riding, &self.retry_data, &self.data];
        let waiting = lists.into_iter().flat_map(|list| commands.lists.iter(list));
        let mut packets: Vec<(u32, ChannelId, Packet)> = waiting
            .filter_map(|queued| {
                let (first, packet) = whole(queued)?;
                // The older, the more stamps were given since.
                Some((u32::MAX - next.wrapping_sub(first), queued.channel, packet))
            })
            .collect();
        packets.sort_by_key(|(age, ..)| *age);
        packets.dedup_by_key(|(age, ..)| *age);
        packets.into_iter().map(|(_, channel, packet)| (channel, packet)).collect()
    }

    /// Whether something waits for an acknowledgement, be it that it is to be sent once more.
    #[inline]
    pub(crate) const fn is_waiting(&self) -> bool {
        !self.is_idle() || !self.retry_control.is_empty() || !self.retry_data.is_empty()
    }

    /// Whether the reliable packet that was queued last begins with this stamp.
    pub(crate) fn ends_with_data(&self, stamp: u32, commands: &Commands) -> bool {
        commands.lists.back(&self.data).is_some_and(|last| last.stamp == stamp)
    }
}

/// The packet that a command belongs to, and the stamp of its first command.
fn whole(queued: &Queued) -> Option<(u32, Packet)> {
    match &queued.body {
        QueuedBody::Reliable(payload) => {
            Some((queued.stamp, Packet::new(Delivery::Reliable, payload.clone())))
        }
        QueuedBody::Fragments(packet, cut) => {
            let first = queued.stamp.wrapping_sub(cut.number);
            Some((first, Packet::new(Delivery::Reliable, packet.clone())))
        }
        _ => None,
    }
}
