//! The limits every ENet 1.3 host keeps (`PROTOCOL.md §1.2`, `§3`).
//!
//! Decoding enforces none of them: a value outside is well-formed on the wire, and what to do about it is the
//! protocol's decision.

/// Smallest MTU a connection negotiates, in bytes of UDP payload (`PROTOCOL.md §3`).
#[doc(alias = "ENET_PROTOCOL_MINIMUM_MTU")]
pub const MIN_MTU: u32 = 576;

/// Largest MTU a connection negotiates, and the size of a stock host's receive buffer, in bytes of UDP payload
/// (`PROTOCOL.md §1.2`).
#[doc(alias = "ENET_PROTOCOL_MAXIMUM_MTU")]
pub const MAX_MTU: u32 = 4096;

/// MTU a host proposes unless told otherwise, in bytes of UDP payload: the default since ENet 1.3.18, 1400 before
/// (`PROTOCOL.md §3`).
#[doc(alias = "ENET_HOST_DEFAULT_MTU")]
pub const DEFAULT_MTU: u32 = 1392;

/// Most commands a sender puts into one datagram, acknowledgements included; a receiver has no such limit
/// (`PROTOCOL.md §1.2`).
#[doc(alias = "ENET_PROTOCOL_MAXIMUM_PACKET_COMMANDS")]
pub const MAX_COMMANDS: usize = 32;

/// Smallest window of reliable data in flight, in bytes (`PROTOCOL.md §3`).
#[doc(alias = "ENET_PROTOCOL_MINIMUM_WINDOW_SIZE")]
pub const MIN_WINDOW: u32 = 4096;

/// Largest window of reliable data in flight, in bytes (`PROTOCOL.md §3`).
#[doc(alias = "ENET_PROTOCOL_MAXIMUM_WINDOW_SIZE")]
pub const MAX_WINDOW: u32 = 65_536;

/// Most channels of one connection; at least one is always there (`PROTOCOL.md §3`).
#[doc(alias = "ENET_PROTOCOL_MAXIMUM_CHANNEL_COUNT")]
pub const MAX_CHANNELS: u32 = 255;

/// Most fragments one packet may be cut into (`PROTOCOL.md §3`).
#[doc(alias = "ENET_PROTOCOL_MAXIMUM_FRAGMENT_COUNT")]
pub const MAX_FRAGMENTS: u32 = 1_048_576;

/// Most peers of one host: the peer ids `0 … 0xFFE` (`PROTOCOL.md §3`).
#[doc(alias = "ENET_PROTOCOL_MAXIMUM_PEER_ID")]
pub const MAX_PEERS: usize = 4095;
