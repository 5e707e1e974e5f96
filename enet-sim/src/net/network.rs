//! [`Network`]: all directions, the lines they share, and who has which address.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::direction::Direction;
use super::event::Event;
use super::nat::Addresses;
use super::plan::Plan;
use super::queue::Line;
use super::{Copy, DirectionStats, Fate};
use crate::scenario::link::{LinkSpec, RateSpec};
use crate::time::{Span, Time};

/// Buffers kept for later datagrams.
const POOL: usize = 4096;
/// No direction yet.
const NONE: u32 = u32::MAX;

/// The network between the hosts of a world. `now` must never be earlier than in the call before.
///
/// ```
/// use enet_sim::net::{Network, Plan};
/// use enet_sim::scenario::LinkSpec;
/// use enet_sim::{Span, Time};
///
/// let hosts = ["10.0.0.1:7777".parse()?, "10.0.0.2:40000".parse()?];
/// let mut network = Network::new(1, &hosts, Plan::same(LinkSpec::delayed(Span::from_millis(40))), &[]);
/// let mut out = Vec::new();
/// let fate = network.send(Time::ZERO, 1, hosts[0], b"hello", &mut out);
/// assert_eq!((fate.copies, fate.arrives), (1, Time(40_000_000)));
/// assert_eq!((out[0].to, out[0].source, &*out[0].bytes), (0, hosts[1], &b"hello"[..]));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub struct Network {
    pub(super) seed: u64,
    pub(super) now: Time,
    pub(super) plan: Plan,
    pub(super) addresses: Addresses,
    pub(super) directions: Vec<Direction>,
    /// Per sender and receiver, the direction; rows grow when they are needed.
    pub(super) index: Vec<Vec<u32>>,
    /// Datagrams to addresses that nobody ever had.
    pub(super) astray: u64,
    /// The shared lines, then those of directions that drop at the head.
    pub(super) lines: Vec<Line>,
    pub(super) events: BinaryHeap<Reverse<Event>>,
    pub(super) scheduled: u64,
    pub(super) pool: Vec<Vec<u8>>,
    pub(super) allowed: Option<BTreeSet<(usize, usize, u64)>>,
    pub(super) seen: Option<Vec<(usize, usize, u64)>>,
}

impl Network {
    /// A network between the hosts with these addresses. Directions come into being when they are first used.
    pub fn new(seed: u64, hosts: &[SocketAddr], plan: Plan, bottlenecks: &[RateSpec]) -> Self {
        Network {
            seed,
            now: Time::ZERO,
            plan,
            addresses: Addresses::new(seed, hosts),
            directions: Vec::new(),
            index: vec![Vec::new(); hosts.len()],
            astray: 0,
            lines: bottlenecks.iter().map(|spec| Line::new(*spec)).collect(),
            events: BinaryHeap::new(),
            scheduled: 0,
            pool: Vec::new(),
            allowed: None,
            seen: None,
        }
    }

    /// `from` sends to `to`. Appends the copies that will arrive to `out`, but for those that are held or wait in a line
    /// that is shared or drops at its head: these come out of later calls.
    pub fn send(
        &mut self,
        now: Time,
        from: usize,
        to: SocketAddr,
        bytes: &[u8],
        out: &mut Vec<Copy>,
    ) -> Fate {
        match self.addresses.source(now, from, to) {
            Some(source) => self.carry(now, from, source, to, bytes, out),
            None => self.lose(now),
        }
    }

    /// `from` sends to `to` under a source address of its own choice. A NAT does not touch it.
    pub fn send_spoofed(
        &mut self,
        now: Time,
        from: usize,
        source: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
        out: &mut Vec<Copy>,
    ) -> Fate {
        self.carry(now, from, source, to, bytes, out)
    }

    /// Takes back the bytes of a copy that nobody needs any more.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if self.pool.len() < POOL {
            self.pool.push(buffer);
        }
    }

    /// When [`advance`](Network::advance) has something to do.
    pub fn next_event(&self) -> Option<Time> {
        self.events.peek().map(|Reverse(event)| event.at)
    }

    /// Lets everything happen that happens in the shared and head-dropping lines up to `now`, and appends the copies that
    /// have left them. To be called at [`next_event`](Network::next_event); the sending calls include it.
    pub fn advance(&mut self, now: Time, out: &mut Vec<Copy>) {
        self.now = self.now.max(now);
        while let Some(Reverse(event)) = self.events.peek()
            && event.at <= now
            && let Some(Reverse(event)) = self.events.pop()
        {
            let next = |line: &mut Line| line.next(event.at);
            // What comes of it was counted; the sender has long been told that it is not known.
            let _ = if let Some(parcel) = event.enters {
                self.enter(event.line, event.at, parcel, out)
            } else if let Some((parcel, left)) = self.lines.get_mut(event.line).and_then(next) {
                self.leave(event.line, parcel, left, out)
            } else {
                continue;
            };
        }
    }

    /// Cuts a direction, or repairs it. What is under way arrives; what waits in a line does not.
    pub fn cut(&mut self, from: usize, to: usize, on: bool) {
        if let Some(direction) = self.direction(from, to) {
            direction.cut = on;
        }
    }

    /// Holds back what is sent in a direction from now on, or releases it in the order in which it would have arrived.
    pub fn hold(&mut self, from: usize, to: usize, on: bool, now: Time, out: &mut Vec<Copy>) {
        if let Some(direction) = self.direction(from, to) {
            direction.hold(on, now, out);
        }
    }

    /// Another link in this direction from now on. The lengths of its queues, what was drawn and what waits stay.
    pub fn set_link(&mut self, from: usize, to: usize, link: impl Into<Arc<LinkSpec>>) {
        self.plan.set(from, to, link.into());
        let link = self.plan.link(from, to);
        let Some(direction) = self.direction(from, to) else { return };
        direction.set_link(Arc::clone(&link));
        if let (Some(line), Some(spec)) = (direction.line, link.rate)
            && let Some(line) = self.lines.get_mut(line)
        {
            line.spec = spec;
        }
    }

    /// From now on nothing goes wrong any more: base delay and rates are all that is left. Releases what was held.
    pub fn heal(&mut self, now: Time, out: &mut Vec<Copy>) {
        self.plan.heal();
        for direction in &mut self.directions {
            direction.set_link(Arc::new(direction.link.healed()));
            direction.cut = false;
            direction.hold(false, now, out);
        }
    }

    /// The host has another address from now on, as after binding its socket anew.
    pub fn set_address(&mut self, host: usize, address: SocketAddr) {
        self.addresses.set_address(host, address);
    }

    /// Hides hosts behind a NAT with this public address. Each gets a public port when it sends to the outside, and keeps
    /// it until it has sent nothing for longer than `mapping_timeout`. Anybody may send to that port. Several hosts may be
    /// behind one NAT.
    pub fn put_behind_nat(&mut self, hosts: &[usize], public: IpAddr, mapping_timeout: Span) {
        self.addresses.put_behind_nat(hosts, public, mapping_timeout);
    }

    /// The NAT forgets the host: its next datagram gets another public port.
    pub fn rebind(&mut self, now: Time, host: usize) {
        self.now = self.now.max(now);
        self.addresses.rebind(host);
    }

    /// Which host is reached at this address, as of the latest call.
    pub fn host_at(&self, address: SocketAddr) -> Option<usize> {
        self.addresses.host_at(self.now, address)
    }

    /// The address that others see of a host, as of the latest call; `None` while its NAT has no port for it.
    pub fn public_address(&self, host: usize) -> Option<SocketAddr> {
        self.addresses.public_address(self.now, host)
    }

    /// Nothing goes wrong but for the datagrams in the set (sender, receiver, number): the others take the base delay and
    /// the time in queues, which never drop them. `None` lets everything go wrong again. Draws are taken all the same.
    pub fn allow_faults_only(&mut self, allowed: Option<BTreeSet<(usize, usize, u64)>>) {
        self.allowed = allowed;
    }

    /// Begins to note the datagrams with which something goes wrong.
    pub fn record_faults(&mut self) {
        self.seen.get_or_insert_default();
    }

    /// The datagrams (sender, receiver, number) with which something went wrong, in the order in which it was decided:
    /// dropped, corrupted, duplicated, or not of the base delay. Waiting in a queue is not a fault.
    pub fn faults_seen(&self) -> &[(usize, usize, u64)] {
        self.seen.as_deref().unwrap_or_default()
    }

    /// What happened in a direction.
    pub fn stats(&self, from: usize, to: usize) -> DirectionStats {
        self.find(from, to)
            .and_then(|index| self.directions.get(index))
            .map(|found| found.stats)
            .unwrap_or_default()
    }

    /// What happened in all directions that were used, in the order of their first use.
    pub fn all_stats(&self) -> impl Iterator<Item = (usize, usize, &DirectionStats)> {
        self.directions.iter().map(|direction| (direction.from, direction.to, &direction.stats))
    }

    fn find(&self, from: usize, to: usize) -> Option<usize> {
        let index = *self.index.get(from)?.get(to)?;
        (index != NONE).then_some(index as usize)
    }

    /// The direction's number in the list. It is made if it is new.
    pub(super) fn locate(&mut self, from: usize, to: usize) -> Option<usize> {
        if let Some(found) = self.find(from, to) {
            return Some(found);
        }
        let row = self.index.get_mut(from)?;
        if row.len() <= to {
            row.resize(to + 1, NONE);
        }
        let new = self.directions.len();
        *row.get_mut(to)? = u32::try_from(new).ok()?;
        self.directions.push(Direction::new(self.seed, from, to, self.plan.link(from, to)));
        Some(new)
    }

    fn direction(&mut self, from: usize, to: usize) -> Option<&mut Direction> {
        let index = self.locate(from, to)?;
        self.directions.get_mut(index)
    }
}
