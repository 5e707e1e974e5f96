//! [`End`]: a host of one implementation on a loopback socket, as the rows use all of them.

mod c;
mod ours;
mod pair;
#[cfg(feature = "renet")]
mod renet;
mod rusty;

use std::net::SocketAddr;
use std::time::Duration;

pub use c::C;
pub use ours::{Driven, Everywhere, Ours, Polled};
pub use pair::{Crowd, Pair, join, part};
#[cfg(feature = "renet")]
pub use renet::Renet;
pub use rusty::Rusty;

/// Bytes of receive and send buffer that every implementation asks the system for: what stock ENet does.
const SOCKET_BUFFER: usize = 256 << 10;

/// A host. Each implementation is used as its documentation says, with its default configuration: no checksum, no
/// compressor, no bandwidth limits.
pub trait End: Sized + Send {
    /// A connection's handle.
    type Peer: Copy + PartialEq + Send;

    /// A host with so many slots on a free port of 127.0.0.1.
    fn open(slots: u16) -> Result<Self, String>;

    /// Where it is bound.
    fn address(&self) -> Result<SocketAddr, String>;

    /// Starts a connection with one channel.
    fn connect(&mut self, to: SocketAddr) -> Result<(), String>;

    /// `enet_host_service`: sends and receives, and waits for an event no longer than `wait`. If there is one it is
    /// handled where the implementation has put it, as an application does.
    fn service(
        &mut self,
        wait: Duration,
        handle: impl FnOnce(&mut Self, Event<Self::Peer, &[u8]>) -> Result<(), String>,
    ) -> Result<bool, String>;

    /// Queues a copy of the bytes on channel 0.
    fn send(&mut self, peer: Self::Peer, delivery: Delivery, bytes: &[u8]) -> Result<(), String>;

    /// Queues bytes that live for ever, reliably: without a copy where the implementation can.
    fn send_static(&mut self, peer: Self::Peer, bytes: &'static [u8]) -> Result<(), String>;

    /// Queues a copy of the bytes, unreliably, to every peer.
    fn broadcast(&mut self, bytes: &[u8]) -> Result<(), String>;

    /// Has this peer not given up for minutes, and not throttled. In a crowd, peers wait while others are served; what
    /// they make of that is no part of what is measured.
    fn steady(&mut self, peer: Self::Peer) -> Result<(), String>;

    /// Starts to disconnect.
    fn disconnect(&mut self, peer: Self::Peer) -> Result<(), String>;
}

/// Power of two, and ms, at which a [steady](End::steady) peer is given up.
const GIVE_UP: (u32, u32) = (1 << 30, 300_000);
/// ms, and additions of 32, of a throttle that never throttles; as usual but for the third, what is taken away.
const THROTTLE: (u32, u32, u32) = (5_000, 2, 0);

/// How a packet travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Acknowledged, in order.
    Reliable,
    /// In order, or lost.
    Unreliable,
}

/// What a host reports.
pub enum Event<P, B> {
    /// A connection is established.
    Connected(P),
    /// A packet arrived.
    Received(P, B),
    /// A connection is over.
    Disconnected(P),
}

/// What a game loop does once a frame: handles all that is there. Gives how many events there were.
pub fn turn<E: End>(
    end: &mut E,
    mut handle: impl FnMut(&mut E, Event<E::Peer, &[u8]>) -> Result<(), String>,
) -> Result<usize, String> {
    let mut events = 0;
    while end.service(Duration::ZERO, &mut handle)? {
        events += 1;
    }
    Ok(events)
}

/// A turn in which only packets may arrive.
pub fn receive<E: End>(
    end: &mut E,
    mut handle: impl FnMut(&mut E, E::Peer, &[u8]) -> Result<(), String>,
) -> Result<usize, String> {
    turn(end, |end, event| match event {
        Event::Received(peer, packet) => handle(end, peer, packet),
        Event::Connected(_) => Err("a connection that nobody asked for".to_owned()),
        Event::Disconnected(_) => Err("a peer is lost".to_owned()),
    })
}

/// A turn in which nothing may happen but acknowledgements and pings.
pub fn quiet<E: End>(end: &mut E) -> Result<(), String> {
    receive(end, |_, _, packet| Err(format!("{} bytes that nobody sent", packet.len()))).map(|_| ())
}

/// Raises this process's limit of open files as far as it may: thousands of clients have a socket each.
pub fn allow_many_sockets() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the place is valid for both calls. Whoever needs more than there is hears of it when it opens a socket.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}
