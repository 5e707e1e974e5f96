//! [`World`]: two hosts, the link between them, and virtual time that jumps from one event to the next.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::num::NonZeroUsize;
use std::collections::BTreeMap;

use enet_proto::{Datagram, Event, Host, HostConfig, Instant};
use rand_chacha::rand_core::RngCore;

use crate::link::{Link, LinkConfig, stream};
use crate::report::WireReport;
use crate::trace::TraceHash;

/// Which of the two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) const BOTH: [Side; 2] = [Side::Client, Side::Server];

    fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }

    pub(crate) fn address(self) -> SocketAddr {
        let last = match self {
            Side::Client => 1,
            Side::Server => 2,
        };
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), 6789)
    }
}

/// A host and the direction of the link that leads away from it.
struct End {
    host: Host,
    outward: Link,
    wire: WireReport,
}

impl End {
    fn new(side: Side, link: LinkConfig, seed: u64) -> Self {
        let (host_stream, link_stream) = match side {
            Side::Client => (0, 2),
            Side::Server => (1, 4),
        };
        let mut host_seed = [0; 32];
        stream(seed, host_stream).fill_bytes(&mut host_seed);
        End {
            host: Host::new(HostConfig::new(host_seed)),
            outward: Link::new(link, seed, link_stream),
            wire: WireReport::default(),
        }
    }
}

/// A datagram under way.
struct Arrival {
    to: Side,
    bytes: Vec<u8>,
}

pub(crate) struct World {
    now: Instant,
    client: End,
    server: End,
    /// By time of arrival; those that arrive together in the order in which they were sent.
    under_way: BTreeMap<(Instant, u64), Arrival>,
    sent: u64,
    trace: TraceHash,
    out: Vec<u8>,
}

impl World {
    pub(crate) fn new(link: LinkConfig, seed: u64) -> Self {
        World {
            // Hosts out there show the time of day, never a clock that starts at zero.
            now: Instant::from_millis(1_000_000),
            client: End::new(Side::Client, link, seed),
            server: End::new(Side::Server, link, seed),
            under_way: BTreeMap::new(),
            sent: 0,
            trace: TraceHash::EMPTY,
            out: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn host(&mut self, side: Side) -> &mut Host {
        &mut self.end(side).host
    }

    pub(crate) fn wire(&mut self, side: Side) -> WireReport {
        self.end(side).wire
    }

    pub(crate) fn trace(&self) -> TraceHash {
        self.trace
    }

    fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The next event of either host. Call it until `None`; reactions are sent by [`transmit`](World::transmit).
    pub(crate) fn poll_event(&mut self) -> Option<(Side, Event)> {
        Side::BOTH.into_iter().find_map(|side| Some((side, self.host(side).poll_event()?)))
    }

    /// Puts everything the hosts have to send on the link.
    pub(crate) fn transmit(&mut self) {
        for side in Side::BOTH {
            let now = self.now;
            let mut out = core::mem::take(&mut self.out);
            while self.host(side).poll_transmit(now, &mut out, NonZeroUsize::MIN).is_some() {
                self.carry(side, &out);
                out.clear();
            }
            self.out = out;
            self.host(side).check_invariants();
        }
    }

    fn carry(&mut self, from: Side, bytes: &[u8]) {
        let (now, number) = (self.now, self.sent);
        self.sent += 1;
        let end = self.end(from);
        let arrives = end.outward.carry(now);
        end.wire.datagrams += 1;
        end.wire.bytes += bytes.len() as u64;
        end.wire.lost += u64::from(arrives.is_none());
        let verdict = arrives.map_or(u64::MAX, Instant::as_micros);
        self.trace = self
            .trace
            .with(&now.as_micros().to_le_bytes())
            .with(&[from as u8])
            .with(&verdict.to_le_bytes())
            .with(&(bytes.len() as u64).to_le_bytes())
            .with(bytes);
        if let Some(at) = arrives {
            let arrival = Arrival { to: from.other(), bytes: bytes.to_vec() };
            self.under_way.insert((at, number), arrival);
        }
    }

    /// When something happens next by itself: a datagram arrives, or a host's deadline comes.
    pub(crate) fn next_instant(&mut self) -> Option<Instant> {
        let arrival = self.under_way.keys().next().map(|(at, _)| *at);
        let deadlines = Side::BOTH.map(|side| self.host(side).poll_timeout());
        deadlines.into_iter().chain([arrival]).flatten().min()
    }

    /// Moves time to `to`, which is not beyond [`next_instant`](World::next_instant), and does what is due.
    pub(crate) fn advance(&mut self, to: Instant) {
        self.now = self.now.max(to);
        let now = self.now;
        while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= now) {
            let arrival = entry.remove();
            let datagram = Datagram::new(arrival.to.other().address(), &arrival.bytes);
            self.host(arrival.to).handle_datagram(now, datagram);
        }
        for side in Side::BOTH {
            self.host(side).handle_timeout(now);
        }
    }
}
