//! The installed C library inside a simulated world: its hosts read the clock of a [`Net`] and send through it.
//!
//! `libenet.so.7` calls its own clock and socket functions by their dynamic symbols. This crate defines functions of
//! those names, so the library, unmodified, calls them in any program that **exports** them. A build script of the
//! package that holds the program sees to that, on Linux:
//!
//! ```text
//! println!("cargo:rustc-link-arg=-Wl,--export-dynamic-symbol=enet_*");
//! ```
//!
//! [`Library::interposed`] finds out whether it worked. Hosts over real sockets ([`Library::host`]) are not affected:
//! outside calls of simulated hosts the functions hand over to the library's own.
//!
//! A run is deterministic: the clock, the network and the seed come from outside, and the library has no other source
//! of chance. Any number of hosts may live at once, in any number of threads.
//!
//! ```
//! use std::net::{Ipv4Addr, SocketAddrV4};
//! use enet_reference::simulated::{Net, Received, Sent};
//! use enet_reference::{CHostConfig, Library};
//!
//! /// A world in which it is noon, and nobody answers.
//! struct Void(Vec<usize>);
//!
//! impl Net for Void {
//!     fn now(&mut self) -> u32 {
//!         43_200_000
//!     }
//!     fn receive(&mut self, _: &mut [u8]) -> Received {
//!         Received::Nothing
//!     }
//!     fn send(&mut self, _: SocketAddrV4, bytes: &[u8]) -> Sent {
//!         self.0.push(bytes.len());
//!         Sent::Sent
//!     }
//! }
//!
//! // This program exports nothing unless a build script says so.
//! let Ok(library) = Library::interposed() else { return };
//! let mut host = library.host(CHostConfig::default(), 7).unwrap();
//! let mut void = Void(Vec::new());
//! let peer = host.connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1), 1, 0).unwrap();
//! assert_eq!(host.service(&mut void), Ok(None));
//! assert_eq!(void.0, [48 + 4]); // one CONNECT
//! assert_eq!(host.stats(peer).connect_id, 8);
//! ```

mod symbols;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::simulated::symbols::{Socket, Symbols, during};
use crate::{CEvent, CHost, CHostConfig, CPeer, CPeerStats, Library, or_skip};

/// The world as one host sees it, for the time of one call.
pub trait Net {
    /// The host's clock in ms. It wraps.
    fn now(&mut self) -> u32;

    /// The next datagram that has arrived, written to the beginning of `buffer`.
    fn receive(&mut self, buffer: &mut [u8]) -> Received;

    /// Sends a datagram.
    fn send(&mut self, to: SocketAddrV4, bytes: &[u8]) -> Sent;
}

/// What a socket gives when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Nothing has arrived.
    Nothing,
    /// A datagram.
    Datagram {
        /// Its length in bytes. Longer than the buffer stands for [`Truncated`](Received::Truncated).
        len: usize,
        /// Who sent it.
        from: SocketAddrV4,
    },
    /// A datagram that is longer than the buffer, and lost. 1.3.17 makes an error of it.
    Truncated,
    /// The socket fails.
    Error,
}

/// What a socket says to a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Taken.
    Sent,
    /// Not now. The library takes it for sent.
    WouldBlock,
    /// The socket fails.
    Error,
}

/// `enet_host_service` returned -1: reading or sending failed, and the call ended there. The host goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceFailed;

impl fmt::Display for ServiceFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("enet_host_service fails")
    }
}

impl std::error::Error for ServiceFailed {}

/// The C library in a program whose clock and sockets it uses.
#[derive(Clone, Copy)]
pub struct Interposed {
    library: Library,
}

impl Library {
    /// The library, once it is shown that it calls this program's functions.
    ///
    /// # Errors
    /// A sentence: what [`load`](Library::load) says, or which of the functions are not called.
    pub fn interposed() -> Result<Interposed, String> {
        let interposed = Interposed { library: Library::load()? };
        interposed.check()?;
        Ok(interposed)
    }
}

/// [`Library::interposed`], or `None` with a word on why the test is skipped.
///
/// # Panics
/// If it is not to be had while the environment says `CI=true`.
pub fn interposed_or_skip(test: &str) -> Option<Interposed> {
    or_skip(Library::interposed(), test)
}

/// A world in which time passes, a millisecond each time it is asked, and nothing else happens.
struct Probe(u32);

impl Net for Probe {
    fn now(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }

    fn receive(&mut self, _: &mut [u8]) -> Received {
        Received::Nothing
    }

    fn send(&mut self, _: SocketAddrV4, _: &[u8]) -> Sent {
        Sent::Sent
    }
}

impl Interposed {
    /// A host whose connect ids count up from `seed`.
    ///
    /// # Errors
    /// A sentence, if the C library refuses.
    pub fn host(&self, config: CHostConfig, seed: u32) -> Result<SimulatedHost, String> {
        let mut socket = Socket::new(seed);
        let mut host = during(&mut Probe(0), &mut socket, || CHost::new(self.library, config))?;
        // The library mixes the host's address in memory into its seed.
        host.seed(seed);
        Ok(SimulatedHost { host, socket, failures: 0 })
    }

    /// Lets a host live a short life, and sees which functions the library calls for it.
    fn check(self) -> Result<(), String> {
        Symbols::keep();
        let mut probe = Probe(0);
        let SimulatedHost { mut host, mut socket, .. } =
            self.host(CHostConfig { peers: 1, ..CHostConfig::default() }, 0)?;
        // Beyond this point a host over a real socket would send.
        if socket.called.contains(Symbols::SOCKET_CREATE) {
            during(&mut probe, &mut socket, || {
                let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9);
                host.connect(to.into(), 1, 0);
                host.try_service(1000);
                drop(host);
            });
        }
        match socket.called.missing().as_slice() {
            [] => Ok(()),
            missing => Err(format!("the program does not export {} to the C library", missing.join(", "))),
        }
    }
}

/// A host of the C library in a simulated world. A call that can send or read the clock takes the world; a panic of the
/// world in it goes on to the caller. Calls with a [`CPeer`] that is no slot of the host panic.
pub struct SimulatedHost {
    host: CHost,
    socket: Socket,
    failures: u64,
}

impl SimulatedHost {
    /// `enet_host_service` that does not wait: sends and receives what there is to, until there is an event.
    ///
    /// # Errors
    /// The library returned -1.
    pub fn service(&mut self, net: &mut dyn Net) -> Result<Option<CEvent>, ServiceFailed> {
        let SimulatedHost { host, socket, failures } = self;
        during(net, socket, || host.try_service(0)).ok_or_else(|| {
            *failures += 1;
            ServiceFailed
        })
    }

    /// Lets connect ids count up from `seed`: the next is one more.
    pub fn seed(&mut self, seed: u32) {
        self.host.seed(seed);
    }

    /// How often [`service`](SimulatedHost::service) failed.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Sends what is queued.
    pub fn flush(&mut self, net: &mut dyn Net) {
        self.call(net, CHost::flush);
    }

    /// Starts to connect; `None` if no slot is free.
    pub fn connect(&mut self, to: SocketAddrV4, channels: usize, data: u32) -> Option<CPeer> {
        self.host.connect(to.into(), channels, data)
    }

    /// Changes the host's limits, bytes/s, 0 = unlimited.
    pub fn bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        self.host.bandwidth_limit(incoming, outgoing);
    }

    /// Changes how many received bytes may wait to be fetched, per peer.
    pub fn limit_waiting_data(&mut self, bytes: usize) {
        self.host.limit_waiting_data(bytes);
    }

    /// How many ms after `now` [`service`](SimulatedHost::service) has something to do though nothing arrives and nothing
    /// is queued; at least 1, for `now` is the time of its last call.
    ///
    /// The library has no such function: its applications wait for as long as they think right.
    pub fn due_in(&self, now: u32) -> Option<u32> {
        self.host.due_in(now)
    }

    /// How many peers are connected.
    pub fn connected_peers(&self) -> usize {
        self.host.connected_peers()
    }

    /// Queues a packet to every connected peer, see [`CHost::broadcast`].
    pub fn broadcast(&mut self, channel: u8, data: &[u8], flags: u32) {
        self.host.broadcast(channel, data, flags);
    }

    // ---- Of one peer

    /// Queues a packet; `false` if it is refused, see [`CHost::send`].
    pub fn send(&mut self, peer: CPeer, channel: u8, data: &[u8], flags: u32) -> bool {
        self.host.send(peer, channel, data, flags)
    }

    /// `enet_peer_disconnect`
    pub fn disconnect(&mut self, net: &mut dyn Net, peer: CPeer, data: u32) {
        self.call(net, |host| host.disconnect(peer, data));
    }

    /// `enet_peer_disconnect_later`
    pub fn disconnect_later(&mut self, net: &mut dyn Net, peer: CPeer, data: u32) {
        self.call(net, |host| host.disconnect_later(peer, data));
    }

    /// `enet_peer_disconnect_now`
    pub fn disconnect_now(&mut self, net: &mut dyn Net, peer: CPeer, data: u32) {
        self.call(net, |host| host.disconnect_now(peer, data));
    }

    /// `enet_peer_reset`
    pub fn reset(&mut self, peer: CPeer) {
        self.host.reset(peer);
    }

    /// `enet_peer_ping`
    pub fn ping(&mut self, peer: CPeer) {
        self.host.ping(peer);
    }

    /// `enet_peer_timeout`; times in ms, 0 = default.
    pub fn timeout(&mut self, peer: CPeer, limit: u32, minimum: u32, maximum: u32) {
        self.host.timeout(peer, limit, minimum, maximum);
    }

    /// `enet_peer_ping_interval`; ms, 0 = default.
    pub fn ping_interval(&mut self, peer: CPeer, interval: u32) {
        self.host.ping_interval(peer, interval);
    }

    /// `enet_peer_throttle_configure`; the interval in ms.
    pub fn throttle_configure(&mut self, peer: CPeer, interval: u32, acceleration: u32, deceleration: u32) {
        self.host.throttle_configure(peer, interval, acceleration, deceleration);
    }

    /// What the peer measures and has agreed upon.
    pub fn stats(&self, peer: CPeer) -> CPeerStats {
        CPeerStats::of(&self.host, peer)
    }

    /// How many channels the connection has.
    pub fn channels(&self, peer: CPeer) -> usize {
        self.host.channels(peer)
    }

    /// Whose datagrams are this peer's; that of the last connection when there is none.
    pub fn peer_address(&self, peer: CPeer) -> SocketAddrV4 {
        self.host.peer_address(peer)
    }

    fn call<R>(&mut self, net: &mut dyn Net, call: impl FnOnce(&mut CHost) -> R) -> R {
        let SimulatedHost { host, socket, .. } = self;
        during(net, socket, || call(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit tests are not linked with what `build.rs` asks for integration tests, so here nothing is exported.
    #[test]
    fn a_program_that_exports_nothing_is_told_what_it_should() {
        if let Err(reason) = Library::load() {
            eprintln!("skipped: {reason}");
            return;
        }
        let reason = Library::interposed().err().expect("nothing is exported");
        assert!(reason.contains("enet_time_get, enet_host_random_seed, enet_socket_create"), "{reason}");
    }
}
