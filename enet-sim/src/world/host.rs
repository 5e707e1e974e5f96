//! [`Host`]: a machine of the world with an endpoint on it, and what its application knows.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::clock::Clock;
use super::observer::HostIndex;
use crate::endpoint::{Conn, Endpoint, Kind, Port};
use crate::scenario::{HostSpec, Service};
use crate::time::{Span, Time};

/// Linux's default receive buffer.
const SOCKET_BUFFER: usize = 212_992;

/// What the kernel charges for a datagram beyond its bytes, roughly.
const DATAGRAM_OVERHEAD: usize = 256;

/// A machine.
pub(super) struct Host {
    /// `None` while it is crashed.
    pub(super) endpoint: Option<Box<dyn Endpoint>>,
    pub(super) port: Port,
    pub(super) clock: Clock,
    pub(super) service: Service,
    /// Crashes so far; each life has a seed of its own.
    pub(super) life: u32,
    pub(super) paused_since: Option<Time>,
    /// The earliest wake that is noted in the agenda.
    pub(super) wake: Option<Time>,
    pub(super) connections: Connections,
    pub(super) reconnect: Option<Span>,
    socket_buffer: usize,
    buffered: usize,
}

impl Host {
    pub(super) fn new(spec: &HostSpec, service: Service) -> Self {
        Host {
            endpoint: None,
            port: Port::default(),
            clock: Clock::new(spec.clock_start, spec.clock_drift_ppm),
            service,
            life: 0,
            paused_since: None,
            wake: None,
            connections: Connections::default(),
            reconnect: spec.reconnect,
            socket_buffer: spec.socket_buffer.map_or(SOCKET_BUFFER, |bytes| bytes as usize),
            buffered: 0,
        }
    }

    /// Whether it runs.
    pub(super) fn is_up(&self) -> bool {
        self.endpoint.is_some() && self.paused_since.is_none()
    }

    /// Whether the receive buffer takes a datagram of so many bytes. An empty one takes any, as the kernel's does.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let full = self.buffered > 0 && self.buffered + bytes + DATAGRAM_OVERHEAD > self.socket_buffer;
        self.endpoint.is_some() && !full
    }

    /// Puts a datagram into the receive buffer.
    pub(super) fn receive(&mut self, source: SocketAddr, bytes: Vec<u8>) {
        self.buffered += bytes.len() + DATAGRAM_OVERHEAD;
        self.port.deliver(source, bytes);
    }

    /// Calls the endpoint's service. The world looks after what it put into the port.
    pub(super) fn serve(&mut self, now: Time) {
        let Some(endpoint) = &mut self.endpoint else { return };
        self.port.set_now(self.clock.at(now));
        endpoint.service(&mut self.port);
        self.buffered = self.port.inbox.iter().map(|it| it.bytes.len() + DATAGRAM_OVERHEAD).sum();
    }

    /// Loses all it knows.
    pub(super) fn crash(&mut self) {
        self.endpoint = None;
        self.wake = None;
        self.connections = Connections::default();
        self.buffered = 0;
        self.life += 1;
        self.port = Port::default();
    }
}

/// Wireshark takes 7777 for nothing in particular.
const PORT: u16 = 7_777;

/// Where host `index` is.
pub fn address(index: HostIndex) -> SocketAddr {
    let [.., high, low] = index.to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, high, low.wrapping_add(1))), PORT)
}

/// How far a connection is, for the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Open,
    /// Closed by the application, which waits for the event.
    Closing,
}

/// One side of a connection, as the application keeps it.
pub(super) struct Connection {
    pub(super) conn: Conn,
    /// The how-manieth connection or attempt of this host: what messages carry.
    pub(super) number: u32,
    pub(super) stage: Stage,
    /// Next message number by channel and kind.
    next_ids: Vec<[u32; 4]>,
}

impl Connection {
    /// Takes the next number of a channel and kind.
    pub(super) fn next_id(&mut self, channel: u8, kind: Kind) -> u32 {
        let channel = usize::from(channel);
        if self.next_ids.len() <= channel {
            self.next_ids.resize(channel + 1, [0; 4]);
        }
        let next = self.next_ids.get_mut(channel).and_then(|kinds| kinds.get_mut(kind as usize));
        next.map_or(0, |next| {
            let id = *next;
            *next += 1;
            id
        })
    }
}

/// The connections of an application, in the order in which they began.
#[derive(Default)]
pub(super) struct Connections {
    all: Vec<Connection>,
    index: BTreeMap<Conn, usize>,
    begun: u32,
}

impl Connections {
    pub(super) fn begin(&mut self, conn: Conn, stage: Stage) {
        self.index.insert(conn, self.all.len());
        self.all.push(Connection { conn, number: self.begun, stage, next_ids: Vec::new() });
        self.begun += 1;
    }

    pub(super) fn get_mut(&mut self, conn: Conn) -> Option<&mut Connection> {
        self.all.get_mut(*self.index.get(&conn)?)
    }

    pub(super) fn end(&mut self, conn: Conn) {
        if let Some(place) = self.index.remove(&conn) {
            self.all.remove(place);
            for later in self.all.iter().skip(place) {
                self.index.entry(later.conn).and_modify(|place| *place -= 1);
            }
        }
    }

    /// How many there have been.
    pub(super) fn begun(&self) -> u32 {
        self.begun
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn at_mut(&mut self, place: usize) -> Option<&mut Connection> {
        self.all.get_mut(place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.all.iter()
    }
}
