//! What the application hears of: [`Event`], the handles it carries, and the states a peer goes through.

use alloc::boxed::Box;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use enet_wire::ChannelId;

use crate::packet::Packet;
use crate::stats::DiscardReason;
use crate::undelivered::Undelivered;

/// A connection's handle: slot and generation. It never names a later connection in the same slot; once its
/// connection has ended, every lookup with it gives `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId {
    pub(crate) slot: u16,
    pub(crate) generation: u32,
}

impl PeerId {
    /// The slot, from 0 up to the host's peer limit; reused by later connections.
    pub const fn slot(self) -> u16 {
        self.slot
    }

    /// The handle as a number, for foreign languages and logs.
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 16 | self.slot as u64
    }

    /// The handle that [`to_bits`](Self::to_bits) gave.
    #[allow(clippy::cast_possible_truncation)] // the two fields of to_bits
    pub const fn from_bits(bits: u64) -> PeerId {
        PeerId { slot: bits as u16, generation: (bits >> 16) as u32 }
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.slot, self.generation)
    }
}

/// Somebody who has proven their address and waits to be let in: see [`Host::accept`](crate::Host::accept) and
/// [`Host::refuse`](crate::Host::refuse).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

impl RequestId {
    /// The handle as a number, for foreign languages and logs.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The handle that [`to_bits`](Self::to_bits) gave.
    pub const fn from_bits(bits: u64) -> RequestId {
        RequestId(bits)
    }
}

/// Something the application wants to know. For each `PeerId`:
/// `(Connected (Received | Writable | Acknowledged | Stalled | Resumed | Ping | Pong)*)? Disconnected?`, then nothing.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A connection is established, on both the connecting and the accepting side.
    Connected {
        /// Its handle.
        peer: PeerId,
        /// What the connecting side gave to `connect`; 0 on the connecting side itself.
        data: u32,
    },
    /// A packet arrived.
    Received {
        /// From whom.
        peer: PeerId,
        /// On which channel.
        channel: ChannelId,
        /// The packet, with the delivery it was sent with.
        packet: Packet,
    },
    /// A connection ended, or an attempt to connect failed. The handle is dead.
    Disconnected {
        /// The handle that was.
        peer: PeerId,
        /// Why.
        reason: DisconnectReason,
        /// The number the remote gave when it disconnected; 0 for every other reason.
        data: u32,
        /// Where the peer was.
        address: SocketAddr,
        /// What the application had set with `set_user_value`.
        user_value: u64,
        /// Reliable packets that were not acknowledged, if the host's configuration asks for them and it was not us
        /// who disconnected.
        undelivered: Undelivered,
    },
    /// A packet that was sent with a token has arrived, all of its fragments included.
    Acknowledged {
        /// At whom.
        peer: PeerId,
        /// What was given with it: see [`SendOptions`](crate::SendOptions).
        token: u64,
    },
    /// A connection lags: see [`Stalls`](crate::Stalls), without which this does not come.
    Stalled {
        /// Who does not answer.
        peer: PeerId,
    },
    /// A stalled connection goes on.
    Resumed {
        /// Who has answered.
        peer: PeerId,
    },
    /// Somebody was turned away and told so: because the host is full, their address has its share, or the
    /// [policy](crate::Admit) said so. Only if [`HostConfig::report_refusals`](crate::HostConfig) asks for it. Their
    /// address is **not** proven; at most 1,000 come in a second, and none while 64 events wait; nor for
    /// somebody for whom there was room when they asked, and none when their address was proven.
    Refused {
        /// Where the attempt came from.
        address: SocketAddr,
        /// What they gave to `connect`.
        data: u32,
        /// Why.
        reason: DiscardReason,
    },
    /// A peer that had no room for a packet of ours ([`SendErrorReason::QueueFull`](crate::SendErrorReason::QueueFull))
    /// has: less than half of what may be queued is. Only if the host was told to say so
    /// ([`HostConfig::writable_events`](crate::HostConfig::writable_events)).
    Writable {
        /// Which peer.
        peer: PeerId,
    },
    /// Somebody wants to connect, and [`Admission::Ask`](crate::Admission::Ask) was the answer. Their address is proven.
    /// They have no slot until [`accept`](crate::Host::accept), and are refused after 10 s.
    ConnectRequest {
        /// Whom to accept or refuse.
        request: RequestId,
        /// Where they are.
        address: SocketAddr,
        /// What they gave to `connect`.
        data: u32,
        /// What they gave to [`connect_with_token`](crate::Host::connect_with_token), as the policy saw it.
        token: Option<Box<[u8]>>,
    },
    /// A peer's ping arrived. Only if [`PeerDefaults::pings`](crate::PeerDefaults) asks for it, not while 64 events wait,
    /// and once for several in a datagram.
    Ping {
        /// Whose.
        peer: PeerId,
    },
    /// A ping of ours was answered. Only if [`PeerDefaults::pings`](crate::PeerDefaults) asks for it.
    Pong {
        /// By whom.
        peer: PeerId,
        /// This round trip alone, in whole ms; [`Peer::rtt`](crate::Peer::rtt) is the smoothed one.
        rtt: Duration,
    },
}

impl Event {
    /// The peer the event is about; a request is not about one yet, and a refusal never.
    pub const fn peer(&self) -> Option<PeerId> {
        match self {
            Event::Connected { peer, .. }
            | Event::Received { peer, .. }
            | Event::Acknowledged { peer, .. }
            | Event::Stalled { peer }
            | Event::Resumed { peer }
            | Event::Writable { peer }
            | Event::Ping { peer }
            | Event::Pong { peer, .. }
            | Event::Disconnected { peer, .. } => Some(*peer),
            Event::ConnectRequest { .. } | Event::Refused { .. } => None,
        }
    }
}

/// Why a connection ended.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// The remote disconnected.
    Remote,
    /// We disconnected, and the remote confirmed it or stayed silent.
    Local,
    /// Something reliable stayed unacknowledged for too long.
    TimedOut,
    /// No answer to our attempt to connect.
    ConnectTimedOut,
    /// The remote answered our attempt to connect with a disconnect.
    Refused,
    /// The remote's answer to our attempt to connect did not match it.
    HandshakeRejected,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DisconnectReason::Remote => "disconnected by the remote",
            DisconnectReason::Local => "disconnected by us",
            DisconnectReason::TimedOut => "timed out",
            DisconnectReason::ConnectTimedOut => "no answer to the connect",
            DisconnectReason::Refused => "refused by the remote",
            DisconnectReason::HandshakeRejected => "the remote's answer did not match our connect",
        })
    }
}

/// ENet's ten states, with its numbers (PROTOCOL.md §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // the names are the documentation: PROTOCOL.md §7
pub enum PeerState {
    Disconnected = 0,
    Connecting = 1,
    AcknowledgingConnect = 2,
    /// Never seen here: events are queued, so a peer is `Connected` at once.
    ConnectionPending = 3,
    /// Never seen here, for the same reason.
    ConnectionSucceeded = 4,
    Connected = 5,
    DisconnectLater = 6,
    Disconnecting = 7,
    AcknowledgingDisconnect = 8,
    Zombie = 9,
}

impl PeerState {
    /// The name as lua-enet spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            PeerState::Disconnected => "disconnected",
            PeerState::Connecting => "connecting",
            PeerState::AcknowledgingConnect => "acknowledging_connect",
            PeerState::ConnectionPending => "connection_pending",
            PeerState::ConnectionSucceeded => "connection_succeeded",
            PeerState::Connected => "connected",
            PeerState::DisconnectLater => "disconnect_later",
            PeerState::Disconnecting => "disconnecting",
            PeerState::AcknowledgingDisconnect => "acknowledging_disconnect",
            PeerState::Zombie => "zombie",
        }
    }
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_survives_the_trip_through_bits() {
        let id = PeerId { slot: 0x0ffe, generation: 0xdead_beef };
        assert_eq!(PeerId::from_bits(id.to_bits()), id);
    }
}
