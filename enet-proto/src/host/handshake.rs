//! Handshake: who is let in, and connections of our own (PROTOCOL.md §6).

use alloc::boxed::Box;
use core::net::SocketAddr;

use enet_wire::{Connect, ConnectId, MAX_CHANNELS, WirePeerId};
use rand_chacha::rand_core::RngCore;

use super::Host;
use super::receive::is_broadcast;
use super::table::Table;
use crate::config::{ChannelLimit, Timeouts};
use crate::error::ConnectError;
use crate::event::PeerId;
use crate::mutants::{self, Mutant};
use crate::peer::Connection;
use crate::peer::establish::Request;
use crate::stats::DiscardReason;

/// What to ask for when connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectOptions {
    /// Channels wanted; the remote may grant fewer. Default 1.
    pub channels: ChannelLimit,
    /// Delivered in the remote's `Connected` event. Default 0.
    pub data: u32,
    /// When to give up; ENet's usual limits (31.5 s for an unanswered connect) if `None`. They stay in force once
    /// connected.
    pub timeout: Option<Timeouts>,
    /// The connection's id; drawn from the host's seed if `None`.
    pub connect_id: Option<ConnectId>,
    /// Prepare everything but send nothing until [`PeerMut::release`](crate::PeerMut::release).
    pub hold: bool,
}

impl Host {
    /// Starts a connection. Nothing is sent before the next [`poll_transmit`](Host::poll_transmit); success arrives as
    /// [`Connected`](crate::Event::Connected), failure as [`Disconnected`](crate::Event::Disconnected).
    #[doc(alias = "enet_host_connect")]
    pub fn connect(&mut self, to: SocketAddr, options: ConnectOptions) -> Result<PeerId, ConnectError> {
        self.settle_touched();
        let (slot, sessions) = self.table.vacancy().ok_or(ConnectError::NoFreeSlot)?;
        let connect_id = options.connect_id.unwrap_or_else(|| ConnectId(self.rng.next_u32().to_le_bytes()));
        let request = Request { channels: options.channels.get(), data: options.data, connect_id };
        let mut connection =
            Connection::connecting(to, Table::wire_id(slot), sessions, request, &mut self.shared);
        connection.held = options.hold;
        if let Some(timeouts) = options.timeout {
            connection.set_timeouts(timeouts);
        }
        let id = self.table.insert(slot, Box::new(connection));
        self.settle(slot);
        Ok(id)
    }

    /// Lets a CONNECT in, or says why not; nothing is answered to one that is not (PROTOCOL.md §6.2).
    pub(super) fn on_connect(&mut self, from: SocketAddr, connect: &Connect) -> Result<u16, DiscardReason> {
        if !(1..=MAX_CHANNELS).contains(&connect.channel_count) || is_broadcast(from) {
            return Err(DiscardReason::BadConnect);
        }
        let remote_id = WirePeerId::new(connect.outgoing_peer).filter(|id| !id.is_unknown());
        let remote_id = remote_id.ok_or(DiscardReason::BadConnect)?;
        if self.table.knows(from, connect.connect_id) && !mutants::is(Mutant::DuplicateConnect) {
            return Err(DiscardReason::DuplicateConnect);
        }
        let (slot, sessions) = self.table.vacancy().ok_or(DiscardReason::HostFull)?;
        if self.shared.max_peers_per_ip.is_some_and(|limit| self.table.count_from(from.ip()) >= limit) {
            return Err(DiscardReason::TooManyFromAddress);
        }
        let own_id = Table::wire_id(slot);
        let connection = Connection::accepting(from, own_id, remote_id, sessions, connect, &mut self.shared);
        self.table.insert(slot, Box::new(connection));
        Ok(slot)
    }
}
