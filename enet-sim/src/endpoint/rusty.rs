//! [`Rusty`]: the crate `rusty_enet`, a transpiled ENet 1.3.18, as an [`Endpoint`].

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use rusty_enet::{
    Event, EventNoRef, Host, HostSettings, MTU_MAX, Packet, PacketKind, PacketReceived, Peer, PeerID,
    PeerState, RangeCoder, Socket, crc32,
};

use super::slots::Slots;
use super::{Close, Conn, Ended, Endpoint, Happening, Kind, Port, SendFault, Setting, Snapshot};
use crate::scenario::{HostSpec, ThrottleSpec, TimeoutSpec};
use crate::time::{Span, Time};

/// How long an application that waits for `rusty_enet` may sleep: the crate does not say when it has something to do.
const PATIENCE: Span = Span::from_millis(5);

/// A host of `rusty_enet`.
///
/// It does not say why a connection ended or how a packet was sent, nor what its throttle is.
pub struct Rusty {
    host: Host<Plug>,
    clock: Rc<Cell<Duration>>,
    slots: Slots,
    range_coder: bool,
    timeouts: Option<TimeoutSpec>,
    ping_interval: Option<Span>,
    throttle: Option<ThrottleSpec>,
}

impl Rusty {
    /// A host with `peers` slots.
    ///
    /// # Errors
    /// A sentence, if the crate refuses.
    pub fn new(spec: &HostSpec, peers: u16, seed: [u8; 32]) -> Result<Self, String> {
        let [a, b, c, d, ..] = seed;
        let clock = Rc::new(Cell::new(Duration::ZERO));
        let settings = HostSettings {
            peer_limit: usize::from(peers),
            channel_limit: usize::from(spec.channels),
            incoming_bandwidth_limit: spec.incoming_bandwidth,
            outgoing_bandwidth_limit: spec.outgoing_bandwidth,
            compressor: spec.range_coder.then(|| Box::new(RangeCoder::new()) as Box<_>),
            checksum: spec.checksum.then(|| Box::new(crc32) as Box<_>),
            time: Box::new({
                let clock = Rc::clone(&clock);
                move || clock.get()
            }),
            seed: Some(u32::from_le_bytes([a, b, c, d])),
        };
        let mut host = Host::new(Plug::default(), settings).map_err(|error| error.to_string())?;
        host.set_mtu(spec.mtu).map_err(|error| error.to_string())?;
        if let Some(limit) = spec.max_waiting_data.and_then(|limit| usize::try_from(limit).ok()) {
            host.set_maximum_waiting_data(limit).map_err(|error| error.to_string())?;
        }
        Ok(Rusty {
            host,
            clock,
            slots: Slots::new(peers),
            range_coder: spec.range_coder,
            timeouts: spec.timeouts,
            ping_interval: spec.ping_interval,
            throttle: spec.throttle,
        })
    }

    /// Plugs the host into the port for a call.
    fn with<R>(&mut self, port: &mut Port, call: impl FnOnce(&mut Self) -> R) -> R {
        self.clock.set(port.now().since(Time::ZERO).as_duration());
        std::mem::swap(port, &mut self.host.socket_mut().port);
        let result = call(self);
        std::mem::swap(port, &mut self.host.socket_mut().port);
        result
    }

    /// To be called within [`with`](Rusty::with).
    fn raise(&mut self, event: &EventNoRef) {
        let slot = |peer: PeerID| u16::try_from(peer.0).unwrap_or(u16::MAX);
        match event {
            EventNoRef::Connect { peer, data } => {
                self.configure(*peer);
                let slot = slot(*peer);
                if let Some(conn) = self.slots.name(slot).or_else(|| self.slots.open(slot)) {
                    self.host.socket_mut().port.raise(&Happening::Connected { conn, data: *data });
                }
            }
            EventNoRef::Disconnect { peer, data } => {
                if let Some(conn) = self.slots.close(slot(*peer)) {
                    let happening = Happening::Disconnected { conn, ended: Ended::Unknown, data: *data };
                    self.host.socket_mut().port.raise(&happening);
                }
            }
            EventNoRef::Receive { peer, channel_id, packet } => {
                if let Some(conn) = self.slots.name(slot(*peer)) {
                    let payload = packet.data();
                    let happening = Happening::Received { conn, channel: *channel_id, kind: None, payload };
                    self.host.socket_mut().port.raise(&happening);
                }
            }
        }
    }

    /// Gives a new connection the host's settings.
    fn configure(&mut self, peer: PeerID) {
        let (timeouts, ping_interval, throttle) = (self.timeouts, self.ping_interval, self.throttle);
        let Some(peer) = self.host.get_peer_mut(peer) else { return };
        if let Some(timeouts) = timeouts {
            give_timeouts(peer, timeouts);
        }
        if let Some(interval) = ping_interval {
            peer.set_ping_interval(millis(interval));
        }
        if let Some(ThrottleSpec { interval, acceleration, deceleration }) = throttle {
            peer.set_throttle(millis(interval), acceleration, deceleration);
        }
    }

    fn peer(&mut self, conn: Conn) -> Option<&mut Peer<Plug>> {
        let slot = self.slots.find(conn)?;
        self.host.get_peer_mut(PeerID(usize::from(slot)))
    }
}

impl Endpoint for Rusty {
    fn connect(&mut self, port: &mut Port, to: SocketAddr, channels: u8, data: u32) -> Option<Conn> {
        let timeouts = self.timeouts;
        let slot = self.with(port, |it| {
            let peer = it.host.connect(to, usize::from(channels), data).ok()?;
            if let Some(timeouts) = timeouts {
                give_timeouts(peer, timeouts);
            }
            u16::try_from(peer.id().0).ok()
        })?;
        self.slots.open(slot)
    }

    /// An empty message is refused where the host compresses: the range coder would read past it.
    fn send(&mut self, port: &mut Port, conn: Conn, channel: u8, kind: Kind, payload: &[u8]) -> bool {
        if self.range_coder && payload.is_empty() {
            return false;
        }
        let packet = Packet::new(payload, packet_kind(kind));
        self.with(port, |it| it.peer(conn).is_some_and(|peer| peer.send(channel, &packet).is_ok()))
    }

    fn close(&mut self, port: &mut Port, conn: Conn, how: Close, data: u32) {
        let is_over = self.with(port, |it| {
            let peer = it.peer(conn)?;
            match how {
                Close::Disconnect => peer.disconnect(data),
                Close::Later => peer.disconnect_later(data),
                Close::Now => peer.disconnect_now(data),
                Close::Reset => peer.reset(),
            }
            Some(peer.state() == PeerState::Disconnected)
        });
        if is_over == Some(true)
            && let Some(slot) = self.slots.find(conn)
        {
            self.slots.close(slot);
        }
    }

    fn set(&mut self, port: &mut Port, conn: Conn, setting: Setting) {
        self.with(port, |it| {
            let Some(peer) = it.peer(conn) else { return };
            match setting {
                Setting::Timeouts { limit, minimum, maximum } => {
                    peer.set_timeout(limit, millis(minimum), millis(maximum));
                }
                Setting::Ping { interval } => peer.set_ping_interval(millis(interval)),
                Setting::Throttle { interval, acceleration, deceleration } => {
                    peer.set_throttle(millis(interval), acceleration, deceleration);
                }
            }
        });
    }

    /// A limit of 0 is none, as in C.
    fn limit_bandwidth(&mut self, port: &mut Port, incoming: Option<u32>, outgoing: Option<u32>) {
        let given = |limit: Option<u32>| limit.filter(|&limit| limit > 0);
        self.with(port, |it| {
            let _ = it.host.set_bandwidth_limit(given(incoming), given(outgoing)); // refuses nothing but 0
        });
    }

    /// Calls the host as long as it gives events, and again while there is something to read: a pass ends after 256
    /// datagrams, and at one that is an error.
    fn service(&mut self, port: &mut Port) {
        self.with(port, |it| {
            loop {
                let waiting = it.host.socket().port.inbox.len();
                let result = it.host.service().map(|event| event.map(Event::no_ref));
                let left = it.host.socket().port.inbox.len();
                match result {
                    Ok(Some(event)) => it.raise(&event),
                    Err(Fault) if left < waiting => {}
                    Ok(None) if left < waiting && left > 0 => {}
                    Ok(None) | Err(Fault) => return,
                }
            }
        });
    }

    fn deadline(&mut self) -> Option<Time> {
        let is_idle = self.host.peers().all(|peer| peer.state() == PeerState::Disconnected);
        let served = u64::try_from(self.clock.get().as_nanos()).unwrap_or(u64::MAX);
        (!is_idle).then(|| Time(served) + PATIENCE)
    }

    fn snapshot(&self, conn: Conn) -> Option<Snapshot> {
        let slot = self.slots.find(conn)?;
        let peer = self.host.get_peer(PeerID(usize::from(slot)))?;
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        Some(Snapshot {
            state: peer.state() as u8,
            rtt: millis(peer.round_trip_time()),
            rtt_variance: millis(peer.round_trip_time_variance()),
            mtu: u32::from(peer.mtu()),
            packet_loss: peer.packet_loss(),
            ..Snapshot::default()
        })
    }
}

/// The host's socket: it holds the port while the host is being called.
#[derive(Debug, Default)]
struct Plug {
    port: Port,
}

impl Socket for Plug {
    type Address = SocketAddr;
    type Error = Fault;

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> Result<usize, Fault> {
        match self.port.send(to, bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(SendFault::WouldBlock) => Ok(0),
            Err(SendFault::Unreachable | SendFault::Invalid) => Err(Fault),
        }
    }

    fn receive(&mut self, buffer: &mut [u8; MTU_MAX]) -> Result<Option<(SocketAddr, PacketReceived)>, Fault> {
        let Some(arrived) = self.port.receive() else { return Ok(None) };
        let received = match buffer.get_mut(..arrived.bytes.len()) {
            Some(place) => {
                place.copy_from_slice(&arrived.bytes);
                PacketReceived::Complete(arrived.bytes.len())
            }
            None => PacketReceived::Partial,
        };
        self.port.recycle(arrived.bytes);
        Ok(Some((arrived.source, received)))
    }
}

/// The socket fails.
#[derive(Debug, Clone, Copy)]
struct Fault;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the socket fails")
    }
}

impl std::error::Error for Fault {}

fn give_timeouts(peer: &mut Peer<Plug>, timeouts: TimeoutSpec) {
    peer.set_timeout(timeouts.limit, millis(timeouts.minimum), millis(timeouts.maximum));
}

fn millis(span: Span) -> u32 {
    u32::try_from(span.as_duration().as_millis()).unwrap_or(u32::MAX)
}

const fn packet_kind(kind: Kind) -> PacketKind {
    match kind {
        Kind::Reliable => PacketKind::Reliable,
        Kind::Unreliable => PacketKind::Unreliable { sequenced: true },
        Kind::UnreliableFragments => PacketKind::AlwaysUnreliable { sequenced: true },
        Kind::Unsequenced => PacketKind::Unreliable { sequenced: false },
    }
}
