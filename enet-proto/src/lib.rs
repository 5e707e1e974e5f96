//! The ENet protocol as a state machine without sockets, clocks or entropy: datagrams, calls and time go in; datagrams,
//! events and the next deadline come out. It runs under any event loop and in simulators, and replays bit for bit.
//! On the wire it is ENet 1.3: stock programs do not notice the difference.
//!
//! ```
//! use std::net::SocketAddr;
//! use std::num::NonZeroUsize;
//! use enet_proto::{ConnectOptions, Datagram, Event, Host, HostConfig, Instant, Packet};
//!
//! // Two hosts, joined by handing one's datagrams to the other.
//! fn carry(now: Instant, from: &mut Host, from_at: SocketAddr, to: &mut Host) {
//!     from.handle_timeout(now);
//!     let mut datagram = Vec::new();
//!     while from.poll_transmit(now, &mut datagram, NonZeroUsize::MIN).is_some() {
//!         to.handle_datagram(now, Datagram::new(from_at, &datagram));
//!         datagram.clear();
//!     }
//! }
//! let client_at: SocketAddr = "192.0.2.1:1000".parse()?;
//! let server_at: SocketAddr = "192.0.2.2:2000".parse()?;
//! let mut client = Host::new(HostConfig::new([1; 32]));
//! let mut server = Host::new(HostConfig::new([2; 32]));
//! client.connect(server_at, ConnectOptions::default())?;
//!
//! let mut received = Vec::new();
//! for ms in 0..50 {
//!     let now = Instant::from_millis(1_000_000 + ms);
//!     carry(now, &mut client, client_at, &mut server);
//!     carry(now, &mut server, server_at, &mut client);
//!     while let Some(event) = client.poll_event() {
//!         if let Event::Connected { peer, .. } = event {
//!             client.peer_mut(peer).unwrap().send(0, Packet::reliable("hello"))?;
//!         }
//!     }
//!     while let Some(event) = server.poll_event() {
//!         if let Event::Received { packet, .. } = event {
//!             received.push(packet);
//!         }
//!     }
//! }
//! assert_eq!(received, [Packet::reliable("hello")]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The contract between a host and its driver
//!
//! The driver owns a socket and a clock. It hands in what happens, in any order, with
//! [`handle_datagram`](Host::handle_datagram), [`handle_timeout`](Host::handle_timeout) and the application's calls;
//! then it empties [`poll_transmit`](Host::poll_transmit) and after it [`poll_event`](Host::poll_event), for sending may
//! raise an event (with the last acknowledgement a connection ends); or events first and then both, so that answers
//! share their datagrams with acknowledgements; then it sleeps until the
//! socket is readable or [`poll_timeout`](Host::poll_timeout)'s instant has come. In return the host keeps these laws,
//! each of which has a property test of its name in `tests/laws.rs`:
//!
//! 1. **time**: `now` only moves forward; an earlier `now` counts as the latest one given.
//! 2. **determinism**: equal configuration, seed and calls give equal bytes and events, on every platform.
//! 3. **drive**: inputs may come in any order and number between two rounds of polling.
//! 4. **readiness**: no stall: after polling until `None`, nothing observable happens before the next input or
//!    deadline. No false wake: at the deadline something is done, be it the once-a-second pass over the bandwidth shares.
//! 5. **progress**: after `handle_timeout(t)` and polling, the next deadline is later than `t`.
//! 6. **silence**: bad input changes a counter ([`HostStats::discarded`]) and nothing else an application or a peer can
//!    notice.
//! 7. **prefix**: commands before a bad one in a datagram take effect, those after it do not.
//! 8. **bounds**: what a peer can make a host hold is limited by the configuration, as long as events are fetched.
//!    Memory is counted as it is taken; under [`Profile::Compat`] payload bytes alone, as in stock ENet (docs/QUIRKS.md Q59).
//! 9. **lifecycle**: for each [`PeerId`], `(Connected (Received | Writable | Acknowledged | Ping | Pong | Stalled | Resumed)*)? Disconnected?`
//!    and then never again. No event after
//!    [`reset`](PeerMut::reset), [`disconnect_now`](PeerMut::disconnect_now), or a disconnect while connecting.
//! 10. **delivery**: reliable packets arrive once, whole, in order within their channel; unreliable ones at most once
//!     and never behind a newer one of their channel; unsequenced ones at most once.
//!
//! A caller's mistake is a typed error that gives the packet back. Nothing a peer sends can panic.
//!
//! # Layers
//!
//! Everything here rests on [`enet_wire`](https://docs.rs/enet-wire) (the datagram codec) and
//! [`enet_compress`](https://docs.rs/enet-compress) (the range coder), which can be used alone. `enet-mio` puts a socket
//! and an event loop around it. References of the form `PROTOCOL.md §9.5` are to the repository's `docs/PROTOCOL.md`,
//! `docs/QUIRKS.md` lists where stock ENet and this crate differ.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod channel;
mod collections;
mod config;
mod error;
pub mod estimators;
mod event;
mod host;
#[cfg(not(enet_mutants))]
mod mutants;
#[cfg(enet_mutants)]
#[doc(hidden)]
pub mod mutants;
mod packet;
mod peer;
mod profile;
mod shared;
mod stats;
mod time;
mod undelivered;

pub use bytes::Bytes;
pub use config::{
    ChannelLimit, Checksum, ConfigError, HalfOpenLimit, HostConfig, MemoryLimit, Mtu, PeerDefaults,
    PeerLimit, Redundancy, Stalls, ThrottleSettings, Timeouts,
};
pub use enet_compress::{Compressor, RangeCoder};
pub use enet_wire::{ChannelId, ConnectId};
pub use error::{AcceptError, ConnectError, SendError, SendErrorReason};
pub use event::{DisconnectReason, Event, PeerId, PeerState, RequestId};
pub use host::{
    Admission, Admit, Broadcast, ConnectAttempt, ConnectOptions, Datagram, Ecn, Host, Intercept, Peer,
    PeerMut, SendOptions, Socket, Transmit, Verdict,
};
pub use packet::{Delivery, Packet, Payload};
pub use profile::Profile;
pub use stats::{ChannelStats, DiscardReason, Discarded, HostStats, PeerStats, PeerTotals};
pub use time::Instant;
pub use undelivered::Undelivered;
