#![doc = include_str!("../README.md")]
//!
//! # The layers
//!
//! Each one derefs to the one below, so nothing is hidden:
//!
//! * [`Service`] waits. It owns a [`mio::Poll`] and has C's calls: `service(timeout)`, `check_events`, `flush`.
//! * [`Host`] does I/O. It is a [`mio::event::Source`] for a poll of your own.
//! * [`enet_proto::Host`] is the protocol: `connect`, `broadcast`, `peer_mut`, settings and statistics.
#![forbid(unsafe_code)]

mod address;
mod alone;
mod batch;
mod burst;
mod clock;
mod error;
mod family;
mod handle;
mod handler;
mod host;
mod kernel;
mod lan;
mod log;
mod looks;
mod lookup;
mod options;
mod seed;
mod service;
mod stats;
mod train;
mod udp;
mod waker;
mod watch;

pub use address::{Bind, ToBind};
pub use handle::{HandleError, HandleErrorReason, HostHandle};
pub use handler::{Gone, Handler};
pub use host::Host;
pub use lan::broadcast_addresses;
pub use lookup::Lookup;
pub use options::SocketOptions;
pub use seed::random_seed;
pub use service::Service;
pub use stats::{IoCapabilities, IoStats};
pub use waker::Waker;

#[doc(no_inline)]
pub use enet_proto::{
    self, Admission, Broadcast, ChannelId, ChannelLimit, Checksum, Compressor, ConnectAttempt, ConnectError,
    ConnectOptions, Delivery, DiscardReason, DisconnectReason, Event, HalfOpenLimit, HostConfig, MemoryLimit,
    Mtu, Packet, Peer, PeerDefaults, PeerId, PeerLimit, PeerMut, PeerState, Profile, RangeCoder, Redundancy,
    RequestId, SendError, SendErrorReason, SendOptions, Stalls, ThrottleSettings, Timeouts, Undelivered,
};

/// Its program is run like those of the documentation here.
#[cfg(doctest)]
#[doc = include_str!("../../docs/MIGRATING.md")]
struct Migrating;

/// So is this one's.
#[cfg(doctest)]
#[doc = include_str!("../../docs/COMPRESSION.md")]
struct Compression;
