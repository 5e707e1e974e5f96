//! A caller's mistakes, as typed errors that lose nothing.

use core::fmt;

use crate::packet::Packet;

/// A packet that could not be queued; it comes back untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendError {
    /// What was wrong.
    pub reason: SendErrorReason,
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
    QueueFull,
    /// It would need more fragments than the wire can count.
    TooManyFragments {
        /// That limit.
        max: u32,
    },
}

impl fmt::Display for SendErrorReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendErrorReason::NotConnected => f.write_str("the peer is not connected"),
            SendErrorReason::NoSuchChannel { channels } => {
                write!(f, "no such channel: the connection has {channels}, numbered from 0")
            }
            SendErrorReason::TooLarge { max } => write!(f, "the packet is longer than {max} bytes"),
            SendErrorReason::QueueFull => f.write_str("the peer's queue is full"),
            SendErrorReason::TooManyFragments { max } => {
                write!(f, "the packet needs more than {max} fragments at this MTU")
            }
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl core::error::Error for SendError {}

/// Why a connection could not be started.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectError {
    /// All of the host's `peers` are in use.
    NoFreeSlot,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::NoFreeSlot => f.write_str("every peer slot of the host is in use"),
        }
    }
}

impl core::error::Error for ConnectError {}

/// Why a request could not be [accepted](crate::Host::accept).
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptError {
    /// It was answered, it took too long, or the client has left.
    Gone,
    /// All of the host's `peers` are in use. The request stays.
    NoFreeSlot,
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AcceptError::Gone => "nobody waits for this answer",
            AcceptError::NoFreeSlot => "every peer slot of the host is in use",
        })
    }
}

impl core::error::Error for AcceptError {}
