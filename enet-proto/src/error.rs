//! A caller's mistakes, as typed errors that lose nothing.

use core::fmt;
use core::net::SocketAddr;

use enet_wire::ChannelId;

use crate::packet::Packet;

/// A packet that could not be queued; it comes back untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendError {
    /// What was wrong.
    pub reason: SendErrorReason,
    /// The channel it was meant for.
    pub channel: ChannelId,
    /// The packet, for another try.
    pub packet: Packet,
}

/// Why a packet could not be queued (PROTOCOL.md §12.2).
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendErrorReason {
    /// The connection is not established, or already being closed.
    NotConnected,
    /// The connection has only `channels` channels, numbered from 0.
    NoSuchChannel {
        /// How many the two ends agreed on.
        channels: u8,
    },
    /// Longer than the host's `max_packet_size`.
    TooLarge {
        /// That limit, in bytes.
        max: u32,
    },
    /// The peer has not taken what was queued before: as much as the host's
    /// [`max_queued_data`](crate::HostConfig::max_queued_data) waits.
    QueueFull {
        /// That limit, in bytes.
        max: u32,
    },
    /// It would need more fragments than the wire can count.
    TooManyFragments {
        /// How many it would need.
        needed: u32,
        /// That limit.
        max: u32,
    },
}

impl fmt::Display for SendErrorReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendErrorReason::NotConnected => f.write_str(
                "the peer is not connected: wait for Connected, or connect with queue_until_connected; who was told to disconnect is sent nothing more",
            ),
            SendErrorReason::NoSuchChannel { channels } => write!(
                f,
                "the connection has channels 0 to {}: ask for more when connecting, and grant as many",
                channels.saturating_sub(1)
            ),
            SendErrorReason::TooLarge { max } => {
                write!(f, "a packet may have {max} bytes: split it, or raise max_packet_size on both ends")
            }
            SendErrorReason::QueueFull { max } => write!(
                f,
                "{max} bytes or more wait for the peer, which is the limit: send less, raise max_queued_data, or set writable_events and wait for Writable"
            ),
            SendErrorReason::TooManyFragments { needed, max } => write!(
                f,
                "it needs {needed} fragments, a packet may have {max}: split it, or raise the MTU on both ends"
            ),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SendError { reason, channel, packet } = self;
        write!(f, "{} bytes for channel {} were not queued: {reason}", packet.len(), channel.get())
    }
}

impl core::error::Error for SendError {}

/// Why a connection could not be started.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectError {
    /// All of the host's `peers` are in use.
    NoFreeSlot {
        /// How many those are.
        limit: usize,
    },
    /// The token does not fit into its datagram.
    TokenTooLong {
        /// Its length in bytes.
        len: usize,
        /// What would fit.
        max: usize,
    },
    /// Port 0 is nobody's.
    NoPort {
        /// The address that was given.
        to: SocketAddr,
    },
    /// The socket sends nothing to addresses of this family. A [`Host`](crate::Host) knows no socket: this is for who
    /// gives it one, as `enet-mio` does.
    OtherFamily {
        /// The address that was given.
        to: SocketAddr,
    },
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::NoFreeSlot { limit } => write!(
                f,
                "all {limit} peer slots are in use: raise HostConfig::peers, or disconnect somebody"
            ),
            ConnectError::TokenTooLong { len, max } => {
                write!(f, "the token has {len} bytes, {max} fit: send a reference to what does not")
            }
            ConnectError::NoPort { to } => {
                write!(f, "nobody can be at {to}: a peer has a port from 1 to 65535")
            }
            ConnectError::OtherFamily { to } => {
                write!(f, "the host's socket does not reach {to}: bind to `*` for both families")
            }
        }
    }
}

impl core::error::Error for ConnectError {}

/// Why a request could not be [accepted](crate::Host::accept).
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptError {
    /// It was answered, or it took too long.
    Gone,
    /// All of the host's `peers` are in use. The request stays.
    NoFreeSlot {
        /// How many those are.
        limit: usize,
    },
    /// Its address has as many connections as [`max_peers_per_ip`](crate::HostConfig::max_peers_per_ip) allows. The client
    /// is refused.
    TooManyFromAddress {
        /// How many those are.
        limit: u16,
    },
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AcceptError::Gone => {
                f.write_str("nobody waits for this answer: answer each request once, within 10 s")
            }
            AcceptError::NoFreeSlot { limit } => write!(
                f,
                "all {limit} peer slots are in use: disconnect somebody and accept again, or refuse"
            ),
            AcceptError::TooManyFromAddress { limit } => write!(
                f,
                "the client was refused: its address has the {limit} connections that it may have; raise max_peers_per_ip to let more in"
            ),
        }
    }
}

impl core::error::Error for AcceptError {}
