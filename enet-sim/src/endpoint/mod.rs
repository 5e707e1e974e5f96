//! [`Endpoint`]: a host in a simulated world, whoever implements it; [`Port`]: its socket, clock and application.

#[cfg(feature = "c-reference")]
mod c;
mod implementation;
#[cfg(feature = "kcp")]
mod kcp;
mod ours;
#[cfg(feature = "quic")]
mod quic;
#[cfg(feature = "rusty")]
mod rusty;
#[cfg(any(feature = "c-reference", feature = "rusty"))]
mod slots;

#[cfg(feature = "c-reference")]
pub use c::CHost;
pub use implementation::Implementation;
#[cfg(feature = "kcp")]
pub use kcp::Kcp;
pub use ours::{Order, Ours};
#[cfg(feature = "quic")]
pub use quic::Quic;
#[cfg(feature = "rusty")]
pub use rusty::Rusty;

use std::collections::VecDeque;
use std::net::SocketAddr;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::random::{Chance, RngCore};
use crate::time::{Span, Time};

/// One side of a connection, as its host names it. A host never uses a name twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn(pub u64);

/// The four ways of delivery (PROTOCOL.md §12.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Arrives once, whole, in order.
    Reliable,
    /// At most once, never behind a newer one of its channel.
    Unreliable,
    /// The same, for messages of several datagrams.
    UnreliableFragments,
    /// At most once, in any order.
    Unsequenced,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] =
        [Kind::Reliable, Kind::Unreliable, Kind::UnreliableFragments, Kind::Unsequenced];

    /// As in scenario files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Reliable => "reliable",
            Kind::Unreliable => "unreliable",
            Kind::UnreliableFragments => "unreliable-fragments",
            Kind::Unsequenced => "unsequenced",
        }
    }
}

/// The ways to end a connection (PROTOCOL.md §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Close {
    /// Tell the remote and wait for its acknowledgement.
    Disconnect,
    /// The same, once everything queued is acknowledged.
    Later,
    /// Tell the remote once and forget the connection.
    Now,
    /// Forget the connection.
    Reset,
}

/// Why a connection ended, where the endpoint knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The remote closed it.
    Remote,
    /// This side closed it, and the remote acknowledged.
    Local,
    /// The remote went silent.
    TimedOut,
    /// Nobody answered the attempt.
    ConnectTimedOut,
    /// The remote answered with a refusal, or with nonsense.
    Refused,
    /// The C library does not say.
    Unknown,
}

/// Something an endpoint tells its application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening<'a> {
    /// A connection is open.
    Connected {
        /// Which.
        conn: Conn,
        /// What the connecting side sent along; 0 for the connecting side itself.
        data: u32,
    },
    /// A message arrived.
    Received {
        /// Over which connection.
        conn: Conn,
        /// On which channel.
        channel: u8,
        /// How it was sent; the C library does not distinguish between unreliable messages of one and of several datagrams.
        kind: Option<Kind>,
        /// The message.
        payload: &'a [u8],
    },
    /// A connection or an attempt ended.
    Disconnected {
        /// Which.
        conn: Conn,
        /// Why.
        ended: Ended,
        /// What the closing side sent along.
        data: u32,
    },
}

/// What a setting call changes on a live connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "set", deny_unknown_fields)]
pub enum Setting {
    /// When to give the remote up (PROTOCOL.md §9.5).
    Timeouts {
        /// Backoff factor, ENet's `timeoutLimit`.
        limit: u32,
        /// Not before this silence.
        minimum: Span,
        /// Always after this.
        maximum: Span,
    },
    /// Time without traffic after which a ping goes out.
    Ping {
        /// How long.
        interval: Span,
    },
    /// How the throttle moves (PROTOCOL.md §10).
    Throttle {
        /// Time between baselines.
        interval: Span,
        /// Steps up, of 32.
        acceleration: u32,
        /// Steps down, of 32.
        deceleration: u32,
    },
}

/// A connection's numbers, in ENet's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// ENet's state number, 0..=9 (PROTOCOL.md §5).
    pub state: u8,
    /// Smoothed round trip time, ms.
    pub rtt: u32,
    /// Its mean deviation, ms.
    pub rtt_variance: u32,
    /// What the throttle compares round trips with, ms; 0 where not known.
    pub baseline_rtt: u32,
    /// Share of unreliable packets sent, of 32.
    pub throttle: u32,
    /// What bandwidth limits allow at most, of 32.
    pub throttle_limit: u32,
    /// Reliable payload bytes sent and not acknowledged.
    pub in_flight: u32,
    /// Window size in bytes.
    pub window: u32,
    /// Largest datagram.
    pub mtu: u32,
    /// Received bytes the application has not fetched.
    pub waiting: u32,
    /// Memory that received data takes which the application has not fetched; 0 where not known.
    pub held: u32,
    /// Smoothed share of lost commands, of 65 536.
    pub packet_loss: u32,
    /// Commands queued or unacknowledged; the C library's hosts say 1 for any number, `rusty_enet`'s always 0.
    pub queued: u32,
}

impl Snapshot {
    /// Whether the implementation tells its windows, and what it has in flight.
    pub const fn tells(&self) -> bool {
        self.window > 0
    }
}

/// A datagram in a socket's receive buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Who seems to have sent it.
    pub source: SocketAddr,
    /// Its payload.
    pub bytes: Vec<u8>,
}

/// Why a socket did not take a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendFault {
    /// The send buffer is full.
    WouldBlock,
    /// No route to the destination.
    Unreachable,
    /// The destination makes no sense.
    Invalid,
}

/// An event in a [`Port`], its payload in the port's arena.
#[derive(Debug, Clone, Copy)]
enum Stored {
    Connected { conn: Conn, data: u32 },
    Received { conn: Conn, channel: u8, kind: Option<Kind>, start: usize, end: usize },
    Disconnected { conn: Conn, ended: Ended, data: u32 },
}

/// What an endpoint sees of the world during a call: the time on its own clock, its socket, its application's mailbox.
#[derive(Debug, Default)]
pub struct Port {
    now: Time,
    /// Datagrams to be read, in order.
    pub(crate) inbox: VecDeque<Arrived>,
    /// Buffers that have been read, for reuse.
    pub(crate) spare: Vec<Vec<u8>>,
    /// Datagrams sent: destination and place in `sent_bytes`.
    pub(crate) outbox: Vec<(SocketAddr, usize, usize)>,
    pub(crate) sent_bytes: Vec<u8>,
    events: Vec<Stored>,
    event_bytes: Vec<u8>,
    /// What goes wrong with sends, and how often.
    pub(crate) trouble: Option<(SendFault, Chance, ChaCha8Rng)>,
}

impl Port {
    /// The time on this host's own clock.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Sets the host's clock. For tests of endpoints without a world.
    pub fn set_now(&mut self, now: Time) {
        self.now = now;
    }

    /// Puts a datagram into the receive buffer. For the world, and tests of endpoints without one.
    pub fn deliver(&mut self, source: SocketAddr, bytes: Vec<u8>) {
        self.inbox.push_back(Arrived { source, bytes });
    }

    /// The next received datagram. Give the buffer back with [`recycle`](Port::recycle).
    pub fn receive(&mut self) -> Option<Arrived> {
        self.inbox.pop_front()
    }

    /// Takes a read buffer back for reuse.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.spare.push(buffer);
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// What the simulated socket says; the datagram is gone.
    pub fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> Result<(), SendFault> {
        if let Some((fault, chance, rng)) = &mut self.trouble
            && chance.hit(rng.next_u32())
        {
            return Err(*fault);
        }
        let start = self.sent_bytes.len();
        self.sent_bytes.extend_from_slice(bytes);
        self.outbox.push((to, start, self.sent_bytes.len()));
        Ok(())
    }

    /// Tells the application.
    pub fn raise(&mut self, happening: &Happening<'_>) {
        self.events.push(match *happening {
            Happening::Connected { conn, data } => Stored::Connected { conn, data },
            Happening::Disconnected { conn, ended, data } => Stored::Disconnected { conn, ended, data },
            Happening::Received { conn, channel, kind, payload } => {
                let start = self.event_bytes.len();
                self.event_bytes.extend_from_slice(payload);
                Stored::Received { conn, channel, kind, start, end: self.event_bytes.len() }
            }
        });
    }

    /// Hands what was sent to `each`, in order, and forgets it.
    pub fn take_sent(&mut self, mut each: impl FnMut(SocketAddr, &[u8])) {
        for (to, start, end) in self.outbox.drain(..) {
            each(to, self.sent_bytes.get(start..end).unwrap_or_default());
        }
        self.sent_bytes.clear();
    }

    /// Hands what happened to `each`, in order, and forgets it.
    pub fn take_happenings(&mut self, mut each: impl FnMut(&Happening<'_>)) {
        for event in self.events.drain(..) {
            each(&match event {
                Stored::Connected { conn, data } => Happening::Connected { conn, data },
                Stored::Disconnected { conn, ended, data } => Happening::Disconnected { conn, ended, data },
                Stored::Received { conn, channel, kind, start, end } => {
                    let payload = self.event_bytes.get(start..end).unwrap_or_default();
                    Happening::Received { conn, channel, kind, payload }
                }
            });
        }
        self.event_bytes.clear();
    }

    /// Whether something was raised and not yet taken.
    pub fn has_happenings(&self) -> bool {
        !self.events.is_empty()
    }
}

/// A host in a simulated world. Every call gets the [`Port`], whose clock is the host's own: it may stand at any time of
/// day, drift, and jump.
///
/// What it sends and raises goes into the port at any call; the world looks after each.
pub trait Endpoint {
    /// Begins to connect; `None` if there is no free slot.
    fn connect(&mut self, port: &mut Port, to: SocketAddr, channels: u8, data: u32) -> Option<Conn>;

    /// Queues a message; false if it is refused (not connected, too large).
    fn send(&mut self, port: &mut Port, conn: Conn, channel: u8, kind: Kind, payload: &[u8]) -> bool;

    /// Ends a connection.
    fn close(&mut self, port: &mut Port, conn: Conn, how: Close, data: u32);

    /// Changes a setting of a live connection.
    fn set(&mut self, port: &mut Port, conn: Conn, setting: Setting);

    /// Changes the host's bandwidth limits, bytes/s; `None` is unlimited.
    fn limit_bandwidth(&mut self, port: &mut Port, incoming: Option<u32>, outgoing: Option<u32>);

    /// Reads everything received, does what is due, sends everything that is ready, raises every event.
    fn service(&mut self, port: &mut Port);

    /// When [`service`](Endpoint::service) wants to be called though nothing arrives, on the host's own clock.
    fn deadline(&mut self) -> Option<Time>;

    /// A live connection's numbers.
    fn snapshot(&self, conn: Conn) -> Option<Snapshot>;

    /// How many received datagrams and commands were discarded, by reason, where the implementation counts them.
    fn discarded(&self) -> Option<enet_proto::Discarded> {
        None
    }

    /// How many trains of several datagrams it has sent, if it sends such.
    fn trains(&self) -> u64 {
        0
    }

    /// Checks the implementation's own bookkeeping, as far as it can.
    ///
    /// # Panics
    /// If it is inconsistent.
    fn check_invariants(&mut self) {}
}
