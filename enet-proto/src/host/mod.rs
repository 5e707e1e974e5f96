//! [`Host`]: the public face, and the only room that knows the table, the schedule and the datagram codec.

mod admission;
pub(crate) mod bandwidth;
mod calls;
mod deadlines;
mod draft;
mod half_open;
mod handshake;
mod lone;
mod origin;
mod receive;
mod resting;
mod schedule;
mod service;
mod settle;
mod table;
mod token;
mod transmit;
mod view;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;
use enet_compress::Compressor;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::config::HostConfig;
use crate::event::{Event, PeerId};
use crate::mutants::{self, Mutant};
use crate::peer::{Connection, Stage};
use crate::profile::Profile;
use crate::shared::Shared;
use crate::time::{HALF_A_DAY, Instant};
use admission::Lobby;
use bandwidth::{INTERVAL, PeerShare};
use origin::Secret;
use schedule::Schedule;
use table::Table;

pub use admission::{Admission, Admit, ConnectAttempt};
pub use calls::Broadcast;
pub use handshake::ConnectOptions;
pub use receive::{Datagram, Ecn, Intercept, Verdict};
pub use service::Socket;
pub use transmit::Transmit;
pub use view::{Peer, PeerMut, SendOptions};

/// One end of any number of ENet connections: a state machine without socket, clock or entropy.
///
/// See the [crate documentation](crate) for the contract between a host and whoever drives it.
pub struct Host {
    now: Instant,
    /// When the host was first told the time, in ms; and how many have passed since, which is what the schedule counts in,
    /// whatever the driver's epoch.
    origin: Option<u64>,
    elapsed: u64,
    /// What of that time ENet's clock did not see, in ms.
    skipped: u64,
    shared: Shared,
    table: Table,
    /// Those who have no slot.
    lobby: Lobby,
    schedule: Schedule,
    /// Lifecycle events, fetched before everything else.
    events: VecDeque<Event>,
    /// Slots with a packet, or their end, to be fetched; one event a turn.
    dispatch: VecDeque<u16>,
    /// Slots something happened to since they were last settled.
    touched: Vec<u16>,
    /// Connections that have left their slot and owe one last datagram, by slot.
    farewells: VecDeque<(u16, Box<Connection>)>,
    /// Datagrams of the application's own.
    raw: VecDeque<(SocketAddr, Bytes)>,
    /// What `take_stats` has told already.
    taken: Option<Box<crate::stats::HostStats>>,
    recalculate_bandwidth: bool,
    bandwidth_epoch: crate::time::Millis,
    /// Room for the bandwidth pass.
    shares: Vec<PeerShare>,
    settled: Vec<bool>,
    compressor: Option<Box<dyn Compressor>>,
    intercept: Option<Box<dyn Intercept>>,
    /// Room for the datagram being built.
    draft: Box<draft::Buffer>,
    /// Room for one datagram's commands, compressed or decompressed.
    scratch: Vec<u8>,
    /// Room for one datagram of a service pass, and for the slots due in it.
    out: Vec<u8>,
    due: Vec<u16>,
    rng: ChaCha20Rng,
}

impl Host {
    /// A host that knows nobody yet.
    #[doc(alias = "enet_host_create")]
    pub fn new(config: HostConfig) -> Self {
        let slots = config.peers.get();
        let mut rng = ChaCha20Rng::from_seed(config.seed);
        // From a stream of its own: connect ids stay as they were.
        rng.set_stream(1);
        let secret = Secret([rng.next_u64(), rng.next_u64()]);
        rng = ChaCha20Rng::from_seed(config.seed);
        Host {
            now: Instant::ZERO,
            origin: None,
            elapsed: 0,
            skipped: 0,
            shared: Shared::new(&config),
            table: Table::new(slots, secret, config.profile.proves_addresses()),
            lobby: Lobby::new(&config, secret),
            schedule: Schedule::new(),
            events: VecDeque::new(),
            dispatch: VecDeque::new(),
            touched: Vec::new(),
            farewells: VecDeque::new(),
            raw: VecDeque::new(),
            taken: None,
            recalculate_bandwidth: false,
            bandwidth_epoch: crate::time::Millis::UNSET,
            shares: Vec::new(),
            settled: Vec::new(),
            compressor: config.compressor,
            intercept: None,
            draft: Box::new([0; _]),
            scratch: Vec::new(),
            out: Vec::new(),
            due: Vec::new(),
            rng,
        }
    }

    // --- time ---

    /// Does what is due at `now`: retransmissions are queued, dead peers given up, pings and the bandwidth pass made
    /// ready. Call it when [`poll_timeout`](Host::poll_timeout)'s instant has come; early or repeated calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        self.tick_if_due();
        // A deadline of theirs may have come forward since they were last settled.
        self.ready_touched();
        let mut from = 0;
        while let Some(slot) = self.schedule.next_unsettled(from) {
            from = slot + 1;
            if self.table.get(slot).is_some_and(Connection::waits_for_something)
                && self.deadline_of(slot).is_some_and(|deadline| deadline <= self.elapsed)
            {
                self.check_timeouts(slot);
            }
        }
        let due = self.take_due();
        for slot in &due {
            self.check_timeouts(*slot);
        }
        self.due = due;
        self.visit_lobby();
    }

    /// When [`handle_timeout`](Host::handle_timeout) wants to be called next; `None` while nothing is under way.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.settle_touched();
        // Those a driver that cannot send has not visited yet.
        while let Some(slot) = self.schedule.next_unsettled(0) {
            self.settle_schedule(slot);
        }
        let mut earliest = self.next_deadline().unwrap_or(u64::MAX);
        if self.table.has_active() {
            let elapsed = self.shared.now.diff(self.bandwidth_epoch);
            earliest = earliest.min(self.elapsed + u64::from(INTERVAL.saturating_sub(elapsed)));
        }
        if !self.lobby.is_empty() {
            earliest = earliest.min(self.lobby_deadline().unwrap_or(u64::MAX));
        }
        let origin = self.origin.unwrap_or_default().saturating_add(self.skipped);
        (earliest < u64::MAX).then(|| Instant::from_millis(origin.saturating_add(earliest)))
    }

    /// The latest time the host was told.
    #[doc(alias = "serviceTime")]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time only moves forward.
    #[inline]
    fn advance(&mut self, now: Instant) {
        if now <= self.now && self.origin.is_some() {
            return;
        }
        // ENet's clock takes what is more than a day ago for the future: who slept for longer slept for half a day.
        let slept = self.origin.map_or(0, |_| now.as_millis().saturating_sub(self.now.as_millis()));
        if slept > u64::from(HALF_A_DAY) && self.shared.profile != Profile::Compat {
            self.skipped += slept - u64::from(HALF_A_DAY);
        }
        let origin = *self.origin.get_or_insert(now.as_millis());
        self.now = self.now.max(now);
        self.elapsed = self.now.as_millis().saturating_sub(origin).saturating_sub(self.skipped);
        let clock = Instant::from_millis(self.now.as_millis().saturating_sub(self.skipped));
        (self.shared.now, self.shared.micros) = (clock.wire(), self.now.micros_of_milli());
    }

    /// The earliest deadline of a peer.
    fn next_deadline(&mut self) -> Option<u64> {
        while let Some((known, slot)) = self.schedule.earliest() {
            let deadline = self.deadline_of(slot);
            // One that has come already is nobody's deadline any more, and due all the same.
            if deadline == Some(known) || known <= self.elapsed && self.is_due(slot, deadline) {
                return Some(known);
            }
            self.schedule.put_off(slot, deadline);
        }
        None
    }

    /// When a peer wants to be looked at, now.
    fn deadline_of(&self, slot: u16) -> Option<u64> {
        let deadline = self.table.get(slot)?.deadline(&self.shared)?;
        Some(self.elapsed + u64::from(self.shared.now.until(deadline)))
    }

    /// The slots whose deadline has come, in order; they have none any more.
    fn take_due(&mut self) -> Vec<u16> {
        let mut due = core::mem::take(&mut self.due);
        due.clear();
        let now = self.elapsed;
        while let Some((_, slot)) = self.schedule.earliest().filter(|(known, _)| *known <= now) {
            let deadline = self.deadline_of(slot).filter(|deadline| *deadline > now);
            self.schedule.put_off(slot, deadline);
            if self.is_due(slot, deadline) {
                due.push(slot);
            }
        }
        due.sort_unstable();
        self.schedule.pass_time(now);
        due
    }

    /// Whether a slot whose time has come wants anything; it may have put it off until the next deadline. What time alone
    /// makes ready, as a ping, has none any more.
    fn is_due(&self, slot: u16, deadline: Option<u64>) -> bool {
        deadline.is_none() || self.table.get(slot).is_some_and(|it| it.wants_transmit(&self.shared))
    }

    fn check_timeouts(&mut self, slot: u16) {
        let Some(connection) = self.table.get_mut(slot) else { return };
        connection.check_timeouts(&mut self.shared);
        self.settle(slot);
    }

    // --- events ---

    /// The next event: connects and disconnects as they happened, then packets, one peer after the other.
    #[doc(alias = "enet_host_check_events")]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.poll_event_as(|event| event)
    }

    /// The same as part of something larger: an event is large itself, and costs most where it is moved.
    #[doc(hidden)] // for `enet_mio::Service`
    #[inline(always)]
    pub fn poll_event_as<R>(&mut self, wrap: impl Fn(Option<Event>) -> R) -> R {
        if !self.events.is_empty() {
            return wrap(self.events.pop_front());
        }
        while let Some(slot) = self.dispatch.front().copied() {
            if let Some(connection) = self.has_packet(slot) {
                if connection.inbox.is_single() {
                    self.leave_dispatch();
                } else if self.dispatch.len() > 1 {
                    self.dispatch.rotate_left(1);
                }
                let Some((peer, connection)) = self.table.occupant(slot) else { return wrap(None) };
                let Some((channel, packet)) = connection.inbox.take(&mut self.shared.memory) else {
                    return wrap(None);
                };
                return wrap(Some(Event::Received { peer, channel, packet }));
            }
            self.leave_dispatch();
            let peer = self.table.id_of(slot);
            if let Some(event) = self.fetch_end(slot, peer) {
                return wrap(Some(event));
            }
        }
        wrap(self.raise_writable())
    }

    /// Whether the next event is a packet.
    #[doc(hidden)] // for `enet_mio::Service`
    #[inline]
    pub fn has_packet_at_hand(&self) -> bool {
        self.events.is_empty() && self.dispatch.front().is_some_and(|slot| self.has_packet(*slot).is_some())
    }

    /// The connection in a slot if there is a packet to be fetched from it.
    #[inline]
    fn has_packet(&self, slot: u16) -> Option<&Connection> {
        let connection = self.table.get(slot)?;
        (connection.stage == Stage::Connected && !connection.inbox.is_empty()).then_some(connection)
    }

    /// Takes the slot in front off the queue of those with events.
    fn leave_dispatch(&mut self) {
        if let Some(slot) = self.dispatch.pop_front() {
            self.table.set_queued(slot, false);
        }
    }

    /// The event of a connection that has ended, which frees its slot.
    #[cold]
    fn fetch_end(&mut self, slot: u16, peer: PeerId) -> Option<Event> {
        let connection = self.table.get(slot)?;
        let Stage::Zombie { reason, data } = connection.stage else { return None };
        self.recalculate_bandwidth = true;
        let event = self.end_of(slot, peer, reason, data)?;
        if mutants::is(Mutant::EventAfterDisconnect) {
            self.events.push_back(event.clone());
        }
        Some(event)
    }

    /// Whether [`poll_event`](Host::poll_event) has something to give.
    pub fn has_pending_event(&mut self) -> bool {
        self.settle_touched();
        if !self.shared.full.is_empty() {
            self.note_writable();
        }
        !self.events.is_empty() || !self.dispatch.is_empty()
    }

    fn is_tick_overdue(&self) -> bool {
        self.shared.now.diff(self.bandwidth_epoch) >= INTERVAL
    }

    /// Panics if the host's own bookkeeping contradicts itself. Costs a look at every slot: for tests and simulators.
    #[allow(clippy::panic)] // its purpose
    pub fn check_invariants(&mut self) {
        self.settle_touched();
        self.table.check_invariants();
        self.lobby.half_open.check_invariants();
        let connections = self.table.occupied().filter_map(|slot| self.table.get(slot));
        let held = connections.chain(self.farewells.iter().map(|(_, connection)| &**connection));
        let (mut packets, mut commands, mut acks, mut names, mut memory) = (0, 0, 0, 0, 0);
        for connection in held {
            let stats = connection.stats(&self.shared);
            names += connection.outgoing.check_names(&self.shared.commands);
            memory += u64::from(stats.held_data);
            packets += connection.inbox.queued(&self.shared.memory).0;
            let (listed, queued) = connection.outgoing.count(&self.shared.commands);
            commands += listed + queued;
            acks += connection.acks.count(&self.shared.acks).1;
            acks += connection.mishaps.as_ref().map_or(0, |it| it.repeats.count(&self.shared.acks));
        }
        assert_eq!(self.shared.memory.account.taken().0, memory, "memory that nobody holds");
        assert_eq!(self.shared.memory.packets(), packets, "packets that are in no inbox");
        assert_eq!(self.shared.commands.len(), commands, "commands that are in no list");
        assert_eq!(self.shared.commands.names(), names, "names of nobody");
        assert_eq!(self.shared.acks.len(), acks, "acknowledgements that nobody owes");
        for slot in self.table.occupied() {
            let Some(connection) = self.table.get(slot) else { continue };
            connection.check_invariants(&self.shared);
            let wants = connection.wants_transmit(&self.shared);
            let overdue = self.schedule.is_due(slot, self.elapsed);
            assert!(self.schedule.is_ready(slot) == wants || overdue, "slot {slot}: readiness");
            let deadline = self.deadline_of(slot);
            let known = self.schedule.deadline_of(slot);
            let in_time = deadline.is_none_or(|deadline| known.is_some_and(|known| known <= deadline));
            assert!(in_time || overdue, "slot {slot}: looked at {known:?} instead of {deadline:?}");
            let dispatch = connection.wants_dispatch();
            let places = self.dispatch.iter().filter(|other| **other == slot).count();
            assert_eq!(places, usize::from(dispatch), "slot {slot}: events");
            assert_eq!(self.table.is_queued(slot), dispatch, "slot {slot}: queued flag");
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("now", &self.now)
            .field("connected", &self.table.active_count())
            .field("events", &self.events.len())
            .field("stats", &self.shared.stats)
            .finish_non_exhaustive()
    }
}

/// Duration from ENet's milliseconds.
fn from_millis(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}
