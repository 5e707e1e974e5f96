//! [`Shared`]: what every connection of a host works with.

use bytes::Bytes;

use crate::channel::intake::Stay;
use crate::collections::arena::Arena;
use crate::config::{Checksum, HostConfig};
use crate::packet::{Delivery, Packet, Payload};
use crate::profile::Profile;
use crate::stats::{DiscardReason, HostStats};
use crate::time::Millis;

/// The host's settings, clock and counters, lent to a connection for the length of a call.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) now: Millis,
    pub(crate) profile: Profile,
    pub(crate) mtu: u32,
    pub(crate) channel_limit: u8,
    pub(crate) incoming_bandwidth: u32,
    pub(crate) outgoing_bandwidth: u32,
    pub(crate) max_packet_size: u32,
    pub(crate) max_waiting_data: u32,
    pub(crate) max_peers_per_ip: Option<u16>,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) stats: HostStats,
    arena: Arena,
    stamp: u32,
}

impl Shared {
    pub(crate) fn new(config: &HostConfig) -> Self {
        Shared {
            now: Millis::UNSET,
            profile: config.profile,
            mtu: u32::from(config.mtu.get()),
            channel_limit: config.channels.get(),
            incoming_bandwidth: config.incoming_bandwidth.map_or(0, core::num::NonZero::get),
            outgoing_bandwidth: config.outgoing_bandwidth.map_or(0, core::num::NonZero::get),
            max_packet_size: config.max_packet_size,
            max_waiting_data: config.max_waiting_data,
            max_peers_per_ip: config.max_peers_per_ip,
            checksum: config.checksum,
            stats: HostStats::default(),
            arena: Arena::default(),
            stamp: 0,
        }
    }

    /// Takes `commands` consecutive places in the order in which things were queued; the first of them.
    pub(crate) fn take_stamps(&mut self, commands: u32) -> u32 {
        let first = self.stamp.wrapping_add(1);
        self.stamp = self.stamp.wrapping_add(commands);
        first
    }

    /// A received payload as a packet. One that waits for others has memory of its own: in the arena it would keep a
    /// whole chunk alive for as long as the remote likes.
    pub(crate) fn packet(&mut self, delivery: Delivery, payload: &[u8], stay: Stay) -> Packet {
        let share = |slice: &[u8]| match stay {
            Stay::Short => self.arena.copy(slice),
            Stay::Long => Bytes::copy_from_slice(slice),
        };
        Packet::new(delivery, Payload::from_slice_or(payload, share))
    }

    pub(crate) fn discard(&mut self, reason: DiscardReason) {
        self.stats.discarded.count(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_that_may_stay_long_takes_nothing_of_the_arena() {
        let mut shared = Shared::new(&HostConfig::new([0; 32]));
        let first = shared.packet(Delivery::Reliable, &[1; 100], Stay::Short);
        let kept = shared.packet(Delivery::Reliable, &[2; 100], Stay::Long);
        let second = shared.packet(Delivery::Reliable, &[3; 100], Stay::Short);
        assert_eq!(second.as_ptr(), first.as_ptr().wrapping_add(100));
        assert_eq!(&kept[..], &[2; 100]);
    }
}
