//! [`CHost`]: the installed C library as an [`Endpoint`], under the world's clock and network.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::OnceLock;

use enet_reference::simulated::{Interposed, Net, Received, Sent, SimulatedHost};
use enet_reference::{CEvent, CHostConfig, CPeer, Library};

use super::slots::Slots;
use super::{Close, Conn, Ended, Endpoint, Happening, Kind, Port, SendFault, Setting, Snapshot};
use crate::scenario::{HostSpec, ThrottleSpec, TimeoutSpec};
use crate::time::{Span, Time};

/// `ENetPacketFlag`
mod flag {
    pub(super) const RELIABLE: u32 = 1;
    pub(super) const UNSEQUENCED: u32 = 2;
    pub(super) const UNRELIABLE_FRAGMENT: u32 = 8;
}

/// `ENET_PEER_STATE_DISCONNECTED`
const DISCONNECTED: u32 = 0;

const NANOS_PER_MILLI: u64 = 1_000_000;

static LIBRARY: OnceLock<Result<Interposed, String>> = OnceLock::new();

fn library() -> Result<Interposed, String> {
    LIBRARY.get_or_init(Library::interposed).clone()
}

/// Whether the C library is installed, and uses the clock and the sockets of this program.
///
/// # Errors
/// A sentence: it is not there, is not version 1.3.17, or the program does not export the functions it should use
/// (`enet_reference::simulated`).
pub(super) fn available() -> Result<(), String> {
    library().map(|_| ())
}

/// A host of `libenet` 1.3.17.
///
/// It knows whom a connection that ends was with, and not why: every end is [`Ended::Unknown`]. A connection closed before
/// it was open, or with [`Close::Now`] or [`Close::Reset`], ends without a word.
pub struct CHost {
    host: SimulatedHost,
    slots: Slots,
    timeouts: Option<TimeoutSpec>,
    ping_interval: Option<Span>,
    throttle: Option<ThrottleSpec>,
    /// When it was last serviced, on its own clock.
    served: Time,
}

impl CHost {
    /// A host with `peers` slots. Its first connect id follows from `seed`, the others count up from there.
    ///
    /// # Errors
    /// What [`Implementation::available`](super::Implementation::available) says, or that the library refuses.
    pub fn new(spec: &HostSpec, peers: u16, seed: [u8; 32]) -> Result<Self, String> {
        let [a, b, c, d, ..] = seed;
        let seed = u32::from_le_bytes([a, b, c, d]);
        let config = CHostConfig {
            peers: usize::from(peers),
            channels: usize::from(spec.channels),
            incoming_bandwidth: spec.incoming_bandwidth.unwrap_or(0),
            outgoing_bandwidth: spec.outgoing_bandwidth.unwrap_or(0),
            mtu: Some(u32::from(spec.mtu)),
            checksum: spec.checksum,
            range_coder: spec.range_coder,
        };
        let mut host = library()?.host(config, seed)?;
        if let Some(limit) = spec.max_waiting_data.and_then(|limit| usize::try_from(limit).ok()) {
            host.limit_waiting_data(limit);
        }
        Ok(CHost {
            host,
            slots: Slots::new(peers),
            timeouts: spec.timeouts,
            ping_interval: spec.ping_interval,
            throttle: spec.throttle,
            served: Time::ZERO,
        })
    }

    /// Uses `first` as the id of the first connection it begins, and successive ones for the next.
    pub fn with_connect_ids(mut self, first: u32) -> Self {
        self.host.seed(first.wrapping_sub(1));
        self
    }

    /// How often `enet_host_service` returned -1.
    pub fn failures(&self) -> u64 {
        self.host.failures()
    }

    fn raise(&mut self, port: &mut Port, event: CEvent) {
        match event {
            CEvent::Connected { peer, data } => {
                self.configure(peer);
                if let Some(conn) = self.slots.name(peer.0).or_else(|| self.slots.open(peer.0)) {
                    port.raise(&Happening::Connected { conn, data });
                }
            }
            CEvent::Disconnected { peer, data } => {
                if let Some(conn) = self.slots.close(peer.0) {
                    port.raise(&Happening::Disconnected { conn, ended: Ended::Unknown, data });
                }
            }
            CEvent::Received { peer, channel, flags, data } => {
                if let Some(conn) = self.slots.name(peer.0) {
                    let kind = Some(kind(flags));
                    port.raise(&Happening::Received { conn, channel, kind, payload: &data });
                }
            }
        }
    }

    /// Gives a new connection the host's settings.
    fn configure(&mut self, peer: CPeer) {
        self.give_timeouts(peer);
        if let Some(interval) = self.ping_interval {
            self.host.ping_interval(peer, millis(interval));
        }
        if let Some(ThrottleSpec { interval, acceleration, deceleration }) = self.throttle {
            self.host.throttle_configure(peer, millis(interval), acceleration, deceleration);
        }
    }

    fn give_timeouts(&mut self, peer: CPeer) {
        if let Some(TimeoutSpec { limit, minimum, maximum }) = self.timeouts {
            self.host.timeout(peer, limit, millis(minimum), millis(maximum));
        }
    }

    fn peer(&self, conn: Conn) -> Option<CPeer> {
        self.slots.find(conn).map(CPeer)
    }
}

/// The port as the C library sees it.
struct Seat<'a>(&'a mut Port);

impl Net for Seat<'_> {
    fn now(&mut self) -> u32 {
        wire_millis(self.0.now())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Received {
        while let Some(arrived) = self.0.receive() {
            let received = match (arrived.source, buffer.get_mut(..arrived.bytes.len())) {
                // Its sockets are IPv4's.
                (SocketAddr::V6(_), _) => None,
                (SocketAddr::V4(_), None) => Some(Received::Truncated),
                (SocketAddr::V4(from), Some(place)) => {
                    place.copy_from_slice(&arrived.bytes);
                    Some(Received::Datagram { len: arrived.bytes.len(), from })
                }
            };
            self.0.recycle(arrived.bytes);
            if let Some(received) = received {
                return received;
            }
        }
        Received::Nothing
    }

    fn send(&mut self, to: SocketAddrV4, bytes: &[u8]) -> Sent {
        match self.0.send(SocketAddr::V4(to), bytes) {
            Ok(()) => Sent::Sent,
            Err(SendFault::WouldBlock) => Sent::WouldBlock,
            Err(SendFault::Unreachable | SendFault::Invalid) => Sent::Error,
        }
    }
}

impl Endpoint for CHost {
    fn connect(&mut self, _: &mut Port, to: SocketAddr, channels: u8, data: u32) -> Option<Conn> {
        let SocketAddr::V4(to) = to else { return None };
        let peer = self.host.connect(to, usize::from(channels), data)?;
        self.give_timeouts(peer);
        self.slots.open(peer.0)
    }

    /// An empty message is refused where the host compresses: the library would crash.
    fn send(&mut self, _: &mut Port, conn: Conn, channel: u8, kind: Kind, payload: &[u8]) -> bool {
        self.peer(conn).is_some_and(|peer| self.host.send(peer, channel, payload, flags(kind)))
    }

    fn close(&mut self, port: &mut Port, conn: Conn, how: Close, data: u32) {
        let Some(peer) = self.peer(conn) else { return };
        let net = &mut Seat(port);
        match how {
            Close::Disconnect => self.host.disconnect(net, peer, data),
            Close::Later => self.host.disconnect_later(net, peer, data),
            Close::Now => self.host.disconnect_now(net, peer, data),
            Close::Reset => self.host.reset(peer),
        }
        if self.host.stats(peer).state == DISCONNECTED {
            self.slots.close(peer.0);
        }
    }

    fn set(&mut self, _: &mut Port, conn: Conn, setting: Setting) {
        let Some(peer) = self.peer(conn) else { return };
        match setting {
            Setting::Timeouts { limit, minimum, maximum } => {
                self.host.timeout(peer, limit, millis(minimum), millis(maximum));
            }
            Setting::Ping { interval } => self.host.ping_interval(peer, millis(interval)),
            Setting::Throttle { interval, acceleration, deceleration } => {
                self.host.throttle_configure(peer, millis(interval), acceleration, deceleration);
            }
        }
    }

    fn limit_bandwidth(&mut self, _: &mut Port, incoming: Option<u32>, outgoing: Option<u32>) {
        self.host.bandwidth_limit(incoming.unwrap_or(0), outgoing.unwrap_or(0));
    }

    /// Calls `enet_host_service` as long as it gives events, and again while there is something to read: a pass ends
    /// after 256 datagrams, and at one that is an error.
    fn service(&mut self, port: &mut Port) {
        self.served = port.now();
        loop {
            let waiting = port.inbox.len();
            let result = self.host.service(&mut Seat(port));
            let has_read = port.inbox.len() < waiting;
            match result {
                Ok(Some(event)) => self.raise(port, event),
                Err(_) if has_read => {}
                Ok(None) if has_read && !port.inbox.is_empty() => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn deadline(&mut self) -> Option<Time> {
        let due_in = self.host.due_in(wire_millis(self.served))?;
        let millis = self.served.0 / NANOS_PER_MILLI + u64::from(due_in);
        Some(Time(millis.saturating_mul(NANOS_PER_MILLI)))
    }

    fn snapshot(&self, conn: Conn) -> Option<Snapshot> {
        let stats = self.host.stats(self.peer(conn)?);
        Some(Snapshot {
            state: u8::try_from(stats.state).unwrap_or(u8::MAX),
            rtt: stats.rtt,
            rtt_variance: stats.rtt_variance,
            baseline_rtt: 0,
            throttle: stats.throttle,
            throttle_limit: stats.throttle_limit,
            in_flight: stats.reliable_data_in_transit,
            window: stats.window,
            mtu: stats.mtu,
            waiting: stats.waiting_data,
            held: 0,
            packet_loss: stats.packet_loss,
            // How many is not needed, and would have to be counted.
            queued: u32::from(stats.is_busy),
        })
    }
}

/// What the wire has of a clock: milliseconds, the lower 32 bits.
fn wire_millis(time: Time) -> u32 {
    let millis = time.0 / NANOS_PER_MILLI;
    u32::try_from(millis & u64::from(u32::MAX)).unwrap_or(0)
}

fn millis(span: Span) -> u32 {
    u32::try_from(span.0 / NANOS_PER_MILLI).unwrap_or(u32::MAX)
}

const fn flags(kind: Kind) -> u32 {
    match kind {
        Kind::Reliable => flag::RELIABLE,
        Kind::Unreliable => 0,
        Kind::UnreliableFragments => flag::UNRELIABLE_FRAGMENT,
        Kind::Unsequenced => flag::UNSEQUENCED,
    }
}

const fn kind(flags: u32) -> Kind {
    if flags & flag::RELIABLE != 0 {
        Kind::Reliable
    } else if flags & flag::UNSEQUENCED != 0 {
        Kind::Unsequenced
    } else if flags & flag::UNRELIABLE_FRAGMENT != 0 {
        Kind::UnreliableFragments
    } else {
        Kind::Unreliable
    }
}
