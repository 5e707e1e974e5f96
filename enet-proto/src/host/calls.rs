//! Calls that concern all peers, and settings that change later (PROTOCOL.md §18.1).

use alloc::boxed::Box;
use core::net::SocketAddr;
use core::num::NonZeroU32;

use bytes::Bytes;
use enet_compress::Compressor;
use enet_wire::ChannelId;

use super::{Host, Peer, PeerMut};
use crate::config::{ChannelLimit, Checksum, Mtu, PeerDefaults, Stalls};
use crate::error::{SendError, SendErrorReason};
use crate::event::{Event, PeerId};
use crate::packet::Packet;
use crate::peer::Stage;
use crate::profile::Profile;
use crate::stats::HostStats;

/// What became of a packet for everybody.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Broadcast {
    /// Peers it was queued to, or whose [`Stalls`](crate::Stalls) policy keeps or drops it.
    pub queued: usize,
    /// Peers that did not get it because [their queue is full](crate::SendErrorReason::QueueFull).
    pub full: usize,
    /// Peers that did not get it because they [have no such channel](crate::SendErrorReason::NoSuchChannel), or because it is
    /// [too large](crate::SendErrorReason::TooLarge).
    pub refused: usize,
}

impl Host {
    /// Queues a packet to every connected peer that has the channel. Large payloads are shared, not copied.
    #[doc(alias = "enet_host_broadcast")]
    pub fn broadcast(&mut self, channel: impl Into<ChannelId>, packet: impl Into<Packet>) -> Broadcast {
        self.broadcast_past(None, channel.into(), &packet.into())
    }

    /// As [`broadcast`](Host::broadcast), to all but one: what one player did, told to the others.
    ///
    /// ```
    /// # use enet_proto::{Event, Host, HostConfig, Packet};
    /// # fn relay(host: &mut Host) {
    /// if let Some(Event::Received { peer, channel, packet }) = host.poll_event() {
    ///     host.broadcast_except(peer, channel, packet);
    /// }
    /// # }
    /// # relay(&mut Host::new(HostConfig::new([7; 32])));
    /// ```
    pub fn broadcast_except(
        &mut self,
        peer: PeerId,
        channel: impl Into<ChannelId>,
        packet: impl Into<Packet>,
    ) -> Broadcast {
        self.broadcast_past(Some(peer), channel.into(), &packet.into())
    }

    /// As [`broadcast`](Host::broadcast), to these peers: once for each time one is named. Those that are gone are passed by.
    pub fn broadcast_to(
        &mut self,
        peers: impl IntoIterator<Item = PeerId>,
        channel: impl Into<ChannelId>,
        packet: impl Into<Packet>,
    ) -> Broadcast {
        let (channel, packet) = (channel.into(), packet.into());
        let mut broadcast = Broadcast::default();
        for id in peers {
            if let Some(slot) = self.table.find(id) {
                self.send_copy_to(slot, channel, &packet, &mut broadcast);
            }
        }
        broadcast
    }

    fn broadcast_past(&mut self, except: Option<PeerId>, channel: ChannelId, packet: &Packet) -> Broadcast {
        let except = except.and_then(|id| self.table.find(id));
        let mut broadcast = Broadcast::default();
        let mut from = 0;
        while let Some(slot) = self.table.next_active(from) {
            from = slot + 1;
            if except != Some(slot) {
                self.send_copy_to(slot, channel, packet, &mut broadcast);
            }
        }
        broadcast
    }

    /// Queues a packet to a peer, if it is connected and has the channel.
    #[inline]
    fn send_copy_to(&mut self, slot: u16, channel: ChannelId, packet: &Packet, broadcast: &mut Broadcast) {
        let Some(connection) = self.table.get_mut(slot) else { return };
        if connection.stage != Stage::Connected {
            return;
        }
        match connection.send_copy(channel, packet, &mut self.shared) {
            Ok(()) => broadcast.queued += 1,
            Err(SendErrorReason::QueueFull { .. }) => {
                broadcast.full += 1;
                return;
            }
            Err(_) => {
                broadcast.refused += 1;
                return;
            }
        }
        if connection.is_packet_next(&self.shared) {
            self.schedule.mark_ready(slot);
        } else {
            self.touch(slot);
        }
    }

    /// Queues a packet to a peer: [`PeerMut::send`], of a peer that may be gone.
    ///
    /// # Errors
    ///
    /// As there; [`NotConnected`](SendErrorReason::NotConnected) if it is gone.
    ///
    /// ```
    /// # use enet_proto::{Host, Packet, PeerId};
    /// # fn answer(host: &mut Host, peer: PeerId) {
    /// if let Err(error) = host.send(peer, 0, Packet::reliable("pong")) {
    ///     println!("{peer}: {error}"); // 4 bytes for channel 0 were not queued: …
    /// }
    /// # }
    /// ```
    #[inline]
    pub fn send(
        &mut self,
        peer: PeerId,
        channel: impl Into<ChannelId>,
        packet: impl Into<Packet>,
    ) -> Result<(), SendError> {
        let (channel, packet) = (channel.into(), packet.into());
        match self.peer_mut(peer) {
            Some(mut peer) => peer.send(channel, packet),
            None => Err(SendError { reason: SendErrorReason::NotConnected, channel, packet }),
        }
    }

    /// Queues a datagram of your own, to be sent from the host's socket before everything else.
    pub fn send_raw(&mut self, to: SocketAddr, bytes: impl Into<Bytes>) {
        self.raw.push_back((to, bytes.into()));
    }

    // --- peers ---

    /// A peer, while its connection lasts.
    pub fn peer(&self, id: PeerId) -> Option<Peer<'_>> {
        let slot = self.table.find(id)?;
        Some(Peer::new(self.table.get(slot)?, &self.shared, id))
    }

    /// A peer, to give it orders.
    pub fn peer_mut(&mut self, id: PeerId) -> Option<PeerMut<'_>> {
        self.table.find(id)?;
        self.touch(id.slot);
        Some(PeerMut::new(self, id))
    }

    /// The peer in a slot, counted from 0.
    pub fn peer_at(&self, slot: u16) -> Option<Peer<'_>> {
        Some(Peer::new(self.table.get(slot)?, &self.shared, self.table.id_of(slot)))
    }

    /// Every peer, whatever its state, in slot order.
    pub fn peers(&self) -> impl Iterator<Item = Peer<'_>> {
        self.table.occupied().filter_map(|slot| self.peer_at(slot))
    }

    /// How many connections there is room for.
    #[doc(alias = "peerCount")]
    pub fn peer_limit(&self) -> usize {
        self.table.len()
    }

    /// How many connections are established.
    pub fn connected_peers(&self) -> usize {
        self.table.active_count()
    }

    /// The host's totals.
    pub fn stats(&self) -> HostStats {
        let (held_data, highest_held_data) = self.shared.memory.account.taken();
        HostStats { half_open: self.lobby.half_open.len(), held_data, highest_held_data, ..self.shared.stats }
    }

    /// What came together since this was called last, or since creation.
    #[doc(alias = "pop_statistic")]
    pub fn take_stats(&mut self) -> HostStats {
        let now = self.stats();
        let before = self.taken.replace(Box::new(now));
        before.map_or(now, |before| now.since(&before))
    }

    /// Whose decisions the host takes.
    pub fn profile(&self) -> Profile {
        self.shared.profile
    }

    // --- settings ---

    /// Channels granted to later incoming connections.
    #[doc(alias = "enet_host_channel_limit")]
    pub fn set_channel_limit(&mut self, limit: ChannelLimit) {
        self.shared.channel_limit = limit.get();
    }

    /// Channels granted to incoming connections at most.
    pub fn max_channels(&self) -> ChannelLimit {
        ChannelLimit::new(self.shared.channel_limit).unwrap_or_default()
    }

    /// Tells every peer, those there are and those to come, what [`PeerDefaults`] says. What a peer was told for itself
    /// gives way; what it is told later goes before it.
    pub fn set_peer_defaults(&mut self, defaults: PeerDefaults) {
        self.shared.peer_defaults = defaults;
        let slots: alloc::vec::Vec<u16> = self.table.occupied().collect();
        for slot in slots {
            let Some(connection) = self.table.get_mut(slot) else { continue };
            if defaults.stalls == Stalls::Unnoticed {
                connection.end_stall(&mut self.shared);
            }
            connection.adopt_defaults(&defaults);
            connection.adopt_default_throttle(&mut self.shared);
            self.settle_events(slot);
            self.touch(slot);
        }
    }

    /// What every peer is told.
    pub fn peer_defaults(&self) -> PeerDefaults {
        self.shared.peer_defaults
    }

    /// Our own limits in bytes/s, `None` = unlimited. Peers hear of them at the next bandwidth pass.
    #[doc(alias = "enet_host_bandwidth_limit")]
    pub fn set_bandwidth_limits(&mut self, incoming: Option<NonZeroU32>, outgoing: Option<NonZeroU32>) {
        self.shared.incoming_bandwidth = incoming.map_or(0, NonZeroU32::get);
        self.shared.outgoing_bandwidth = outgoing.map_or(0, NonZeroU32::get);
        self.recalculate_bandwidth = true;
    }

    /// The checksum of all datagrams from now on.
    pub fn set_checksum(&mut self, checksum: Option<Checksum>) {
        self.shared.checksum = checksum;
    }

    /// The compressor of all datagrams from now on.
    #[doc(alias = "enet_host_compress")]
    pub fn set_compressor(&mut self, compressor: Option<Box<dyn Compressor>>) {
        self.compressor = compressor;
    }

    /// The MTU offered by later connections.
    pub fn set_mtu(&mut self, mtu: Mtu) {
        self.shared.mtu = u32::from(mtu.get());
    }

    /// The largest packet sent or accepted from now on, in bytes.
    pub fn set_max_packet_size(&mut self, bytes: u32) {
        self.shared.max_packet_size = bytes;
    }

    /// The waiting data at which a peer's further data is refused, in bytes.
    pub fn set_max_waiting_data(&mut self, bytes: u32) {
        self.shared.set_max_waiting_data(bytes);
    }

    /// Connections one IP address may hold when it asks for another, `None` = unlimited.
    #[doc(alias = "duplicatePeers")]
    pub fn set_max_peers_per_ip(&mut self, limit: Option<u16>) {
        self.shared.max_peers_per_ip = limit;
    }

    // --- leaving, for PeerMut ---

    /// Takes a connection out of its slot; with `farewell`, its last datagram is still to be sent. Nothing is heard of
    /// it any more.
    pub(super) fn take_leave(&mut self, slot: u16, farewell: bool) {
        let id = self.table.id_of(slot);
        self.events.retain(|event: &Event| event.peer() != Some(id));
        let Some(mut connection) = self.vacate(slot) else { return };
        if farewell {
            let at = self.farewells.partition_point(|(other, _)| *other <= slot);
            self.farewells.insert(at, (slot, connection));
        } else {
            connection.clear_queues(&mut self.shared);
        }
    }
}
