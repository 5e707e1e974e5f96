//! [`Peer`] and [`PeerMut`]: a connection as the application sees it.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use enet_wire::{Body, ChannelId, ConnectId};

use super::{Host, from_millis};
use crate::config::{Redundancy, ThrottleSettings, Timeouts};
use crate::error::SendError;
use crate::event::{PeerId, PeerState};
use crate::packet::Packet;
use crate::peer::Connection;
use crate::shared::Shared;
use crate::stats::{ChannelStats, PeerStats, PeerTotals};
use crate::time::wait_millis;

/// A connection, to look at.
#[derive(Clone, Copy)]
pub struct Peer<'a> {
    connection: &'a Connection,
    shared: &'a Shared,
    id: PeerId,
}

impl<'a> Peer<'a> {
    pub(super) const fn new(connection: &'a Connection, shared: &'a Shared, id: PeerId) -> Self {
        Peer { connection, shared, id }
    }

    /// Its handle.
    pub const fn id(&self) -> PeerId {
        self.id
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.connection.address
    }

    /// How far the connection has come.
    pub const fn state(&self) -> PeerState {
        self.connection.state()
    }

    /// Channels the two ends agreed on.
    pub const fn channels(&self) -> u8 {
        self.connection.channel_count
    }

    /// The connection's id, chosen by the connecting end.
    pub const fn connect_id(&self) -> ConnectId {
        self.connection.connect_id
    }

    /// Smoothed round trip time; 500 ms before the first sample.
    #[doc(alias = "roundTripTime")]
    pub fn rtt(&self) -> Duration {
        from_millis(self.connection.rtt.mean)
    }

    /// Mean deviation of the round trip time.
    #[doc(alias = "roundTripTimeVariance")]
    pub fn rtt_variance(&self) -> Duration {
        from_millis(self.connection.rtt.variance)
    }

    /// The round trip time the throttle takes for normal: the lowest of the last throttle interval.
    #[doc(alias = "lastRoundTripTime")]
    pub fn throttle_baseline_rtt(&self) -> Duration {
        from_millis(self.connection.rtt.last)
    }

    /// Largest datagram the two ends agreed on, in bytes.
    pub fn mtu(&self) -> u16 {
        self.connection.mtu
    }

    /// Whether one more packet may be queued: whether less than [`max_queued_data`](crate::HostConfig::max_queued_data)
    /// waits for the peer.
    pub fn has_room(&self) -> bool {
        self.connection.has_room(self.shared)
    }

    /// What was set with [`set_user_value`](PeerMut::set_user_value); 0 at first.
    pub fn user_value(&self) -> u64 {
        self.connection.settings().user_value
    }

    /// When the peer is given up.
    pub fn timeouts(&self) -> Timeouts {
        let limits = self.connection.settings().give_up;
        Timeouts {
            limit: limits.limit,
            minimum: from_millis(limits.minimum),
            maximum: from_millis(limits.maximum),
        }
    }

    /// How long nothing may be acknowledged before a ping is sent.
    pub fn ping_interval(&self) -> Duration {
        from_millis(self.connection.settings().ping_interval)
    }

    /// Whether reliable commands ride along before anybody misses them.
    pub fn redundancy(&self) -> Redundancy {
        self.connection.redundancy(self.shared)
    }

    /// The share of commands that were lost, from 0 to 1: in the last full interval of 10 s in which anything was sent, or
    /// in the running one if there was none. What arrived after all does not count, unless what was sent instead of it
    /// arrived first. `None` under [`Profile::Compat`](crate::Profile::Compat), which sees timeouts only, and before
    /// anything was sent.
    ///
    /// Beside it stands ENet's own [`packet_loss`](PeerStats::packet_loss): a rate of retransmission, smoothed over minutes.
    pub fn loss(&self) -> Option<f32> {
        if self.shared.profile != crate::Profile::Modern {
            return None;
        }
        self.connection.loss.share()
    }

    /// Bytes and datagrams of this connection, if [`PeerDefaults::totals`](crate::PeerDefaults) asks for them.
    pub fn totals(&self) -> Option<PeerTotals> {
        self.connection.totals()
    }

    /// Whether the connection lags: see [`Stalls`](crate::Stalls), without which nobody knows.
    pub fn is_stalled(&self) -> bool {
        self.connection.is_stalled()
    }

    /// The connection's numbers.
    pub fn stats(&self) -> PeerStats {
        self.connection.stats(self.shared)
    }

    /// A channel's counters, if the connection has it.
    pub fn channel(&self, channel: impl Into<ChannelId>) -> Option<ChannelStats> {
        self.connection.channel_stats(channel.into())
    }
}

impl fmt::Debug for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({}, {}, {})", self.id, self.address(), self.state())
    }
}

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

/// What may be said about a packet besides its delivery.
///
/// ```
/// use enet_proto::SendOptions;
/// assert_eq!(SendOptions::with_token(17).token, Some(17));
/// assert_eq!(SendOptions::default().token, None);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendOptions {
    /// Comes back in [`Acknowledged`](crate::Event::Acknowledged) when the whole packet has arrived. Only what travels
    /// reliably is ever acknowledged: of other packets nothing is heard.
    pub token: Option<u64>,
}

impl SendOptions {
    /// With this token.
    pub const fn with_token(token: u64) -> Self {
        SendOptions { token: Some(token) }
    }
}

/// A connection, to give orders to. Orders take effect at the host's next `poll_*` or `handle_*`.
#[derive(Debug)]
pub struct PeerMut<'a> {
    host: &'a mut Host,
    id: PeerId,
}

impl<'a> PeerMut<'a> {
    pub(super) const fn new(host: &'a mut Host, id: PeerId) -> Self {
        PeerMut { host, id }
    }

    /// The same, to look at.
    pub fn view(&self) -> Option<Peer<'_>> {
        self.host.peer(self.id)
    }

    fn with<R>(&mut self, order: impl FnOnce(&mut Connection, &mut Shared) -> R) -> Option<R> {
        let Host { table, shared, .. } = &mut *self.host;
        let done = order(table.get_mut(self.id.slot)?, shared);
        self.host.settle_events(self.id.slot);
        Some(done)
    }

    // --- data ---

    /// Queues a packet (PROTOCOL.md §12.2). Packets of one channel arrive in the order they were queued; see
    /// [`Delivery`](crate::Delivery).
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the packet back with the reason: the connection is not established or being closed, has no such
    /// channel, or has no room; or the packet is too large.
    #[doc(alias = "enet_peer_send")]
    #[inline]
    pub fn send(
        &mut self,
        channel: impl Into<ChannelId>,
        packet: impl Into<Packet>,
    ) -> Result<(), SendError> {
        self.send_packet(channel.into(), packet.into())
    }

    /// Not inlined, so that the packet is moved once: to where it waits.
    #[inline(never)]
    fn send_packet(&mut self, channel: ChannelId, packet: Packet) -> Result<(), SendError> {
        let Host { table, shared, .. } = &mut *self.host;
        match table.get_mut(self.id.slot) {
            Some(connection) => connection.send(channel, packet, shared),
            None => Err(SendError { reason: crate::SendErrorReason::NotConnected, channel, packet }),
        }
    }

    /// As [`send`](PeerMut::send), with more to say about the packet.
    ///
    /// # Errors
    ///
    /// Those of `send`.
    pub fn send_with(
        &mut self,
        channel: impl Into<ChannelId>,
        packet: impl Into<Packet>,
        options: SendOptions,
    ) -> Result<(), SendError> {
        let (channel, packet) = (channel.into(), packet.into());
        let Some(token) = options.token else { return self.send_packet(channel, packet) };
        let Host { table, shared, .. } = &mut *self.host;
        match table.get_mut(self.id.slot) {
            Some(connection) => connection.send_awaited(channel, packet, token, shared),
            None => Err(SendError { reason: crate::SendErrorReason::NotConnected, channel, packet }),
        }
    }

    /// Fetches the next packet of this peer that came on one channel, as [`receive`](PeerMut::receive) does; what came on
    /// others stays. It passes by what waits in front.
    ///
    /// ```no_run
    /// # use enet_proto::{Host, PeerId};
    /// # fn both(host: &mut Host, id: PeerId) -> Option<()> {
    /// let mut peer = host.peer_mut(id)?;
    /// while let Some(order) = peer.receive_on(0) { /* orders before chat */ }
    /// # Some(()) }
    /// ```
    pub fn receive_on(&mut self, channel: impl Into<ChannelId>) -> Option<Packet> {
        let channel = channel.into();
        self.with(|connection, shared| connection.inbox.take_from(channel, &mut shared.memory))?
    }

    /// Fetches the next packet of this peer, past the host's events, in whatever state the connection is.
    #[doc(alias = "enet_peer_receive")]
    pub fn receive(&mut self) -> Option<(ChannelId, Packet)> {
        self.with(|connection, shared| connection.inbox.take(&mut shared.memory))?
    }

    /// Queues a ping; `false` if not connected. Idle connections do so by themselves.
    #[doc(alias = "enet_peer_ping")]
    pub fn ping(&mut self) -> bool {
        self.with(Connection::ping).unwrap_or(false)
    }

    // --- leaving (PROTOCOL.md §8) ---

    /// Disconnects: `data` reaches the remote's event, and ours comes when it has confirmed. **Everything queued or
    /// in flight, in both directions, is lost**; see [`disconnect_later`](PeerMut::disconnect_later). Before the
    /// connection is established this gives it up without an event. In direct answer to `Connected` it takes another round trip:
    /// the remote has to know first that it was connected. Under [`Profile::Compat`](crate::Profile::Compat) it may never
    /// learn of either then, and ours takes until it is given up, half a minute (docs/QUIRKS.md Q92), unless
    /// [`poll_transmit`](Host::poll_transmit) was asked until `None` before.
    #[doc(alias = "enet_peer_disconnect")]
    pub fn disconnect(&mut self, data: u32) {
        self.leave(|connection, shared| connection.disconnect(data, shared));
    }

    /// Disconnects once everything queued has been sent, and what is reliable acknowledged; what was queued before the connection was
    /// established, if it could be, included. With nothing queued it is [`disconnect`](PeerMut::disconnect), with all that is said
    /// there. What the remote's application has not fetched when the disconnect comes, it never sees: unreliable packets that arrive
    /// together with it are lost. From now on incoming data is discarded, reliable data
    /// although it is acknowledged; what had arrived before raises no events any more, but can be fetched with
    /// [`receive`](PeerMut::receive).
    #[doc(alias = "enet_peer_disconnect_later")]
    pub fn disconnect_later(&mut self, data: u32) {
        self.leave(|connection, shared| connection.disconnect_later(data, shared));
    }

    /// Disconnects with one datagram that may get lost, built at the next [`poll_transmit`](Host::poll_transmit); the
    /// slot is free at once and no event comes.
    #[doc(alias = "enet_peer_disconnect_now")]
    pub fn disconnect_now(mut self, data: u32) {
        let farewell = self.with(|connection, shared| connection.disconnect_now(data, shared));
        self.host.take_leave(self.id.slot, farewell.unwrap_or(false));
    }

    /// Forgets the connection without a word; the remote will time out. No event comes.
    #[doc(alias = "enet_peer_reset")]
    pub fn reset(self) {
        self.host.take_leave(self.id.slot, false);
    }

    /// Lets a connect go that was made with `hold`.
    pub fn release(&mut self) {
        self.with(|connection, _| connection.release());
    }

    fn leave(&mut self, order: impl FnOnce(&mut Connection, &mut Shared) -> bool) {
        if self.with(order) == Some(true) {
            self.host.take_leave(self.id.slot, true);
        }
    }

    // --- settings of this connection ---

    /// When the peer is given up.
    #[doc(alias = "enet_peer_timeout")]
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.with(|connection, _| connection.set_timeouts(timeouts));
    }

    /// How long nothing may be acknowledged before a ping is sent: at most half a day, and zero stands for the default
    /// of 500 ms.
    #[doc(alias = "enet_peer_ping_interval")]
    pub fn set_ping_interval(&mut self, interval: Duration) {
        let ms = wait_millis(interval);
        self.with(|connection, _| connection.set_ping_interval(ms));
    }

    /// Whether reliable commands to this peer ride along before anybody misses them, instead of what the host's
    /// configuration says.
    pub fn set_redundancy(&mut self, redundancy: Redundancy) {
        self.with(|connection, _| connection.settings_mut().redundancy = Some(redundancy));
    }

    /// How the throttle moves, on this end and, by a command, on the remote's. Not while connecting: the remote's answer
    /// would no longer match what was asked for, and the attempt would fail (docs/QUIRKS.md Q86).
    #[doc(alias = "enet_peer_throttle_configure")]
    pub fn set_throttle(&mut self, settings: ThrottleSettings) {
        let settings = settings.on_wire();
        self.with(|connection, shared| {
            connection.adopt_throttle(settings);
            if !connection.is_finished() {
                connection.queue_control(Body::ThrottleConfigure(settings), shared);
            }
        });
    }

    /// Seeds the round trip time with a better guess than the smoothed one.
    #[doc(alias = "roundTripTime")]
    pub fn set_round_trip_time(&mut self, rtt: Duration) {
        let ms = wait_millis(rtt).max(1);
        self.with(|connection, _| {
            connection.rtt.mean = ms;
            connection.recovery.assume(ms);
        });
    }

    /// Seeds the round trip time the throttle takes for normal.
    #[doc(alias = "lastRoundTripTime")]
    pub fn set_throttle_baseline_rtt(&mut self, rtt: Duration) {
        let ms = wait_millis(rtt).max(1);
        self.with(|connection, _| {
            connection.rtt.last = ms;
            connection.queueing.get_or_insert_default().assume(ms.saturating_mul(1_000));
        });
    }

    /// The connection's [totals](Peer::totals), which start anew.
    #[doc(alias = "pop_statistic")]
    pub fn take_totals(&mut self) -> Option<PeerTotals> {
        self.with(|connection, _| connection.totals_mut().map(core::mem::take))?
    }

    /// A number of the application's own, which comes back in the `Disconnected` event.
    pub fn set_user_value(&mut self, value: u64) {
        self.with(|connection, _| connection.settings_mut().user_value = value);
    }
}
