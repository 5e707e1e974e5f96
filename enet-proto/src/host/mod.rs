//! [`Host`]: the public face, and the only room that knows the table, the schedule and the datagram codec.

pub(crate) mod bandwidth;
mod calls;
mod handshake;
mod receive;
mod schedule;
mod service;
mod table;
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
use rand_chacha::rand_core::SeedableRng;

use crate::config::HostConfig;
use crate::event::Event;
use crate::mutants::{self, Mutant};
use crate::peer::{Connection, Stage};
use crate::shared::Shared;
use crate::time::Instant;
use bandwidth::{INTERVAL, PeerShare};
use schedule::Schedule;
use table::Table;

pub use handshake::ConnectOptions;
pub use receive::{Datagram, Ecn, Intercept, Verdict};
pub use service::Socket;
pub use transmit::Transmit;
pub use view::{Peer, PeerMut};

/// One end of any number of ENet connections: a state machine without socket, clock or entropy.
///
/// See the [crate documentation](crate) for the contract between a host and whoever drives it.
pub struct Host {
    now: Instant,
    shared: Shared,
    table: Table,
    schedule: Schedule,
    /// Lifecycle events, fetched before everything else.
    events: VecDeque<Event>,
    /// Slots with a packet, or their end, to be fetched; one event a turn.
    dispatch: VecDeque<u16>,
    /// Slots the application had its hands on since they were last settled.
    touched: Vec<u16>,
    /// Connections that have left their slot and owe one last datagram, by slot.
    farewells: VecDeque<(u16, Box<Connection>)>,
    /// Datagrams of the application's own.
    raw: VecDeque<(SocketAddr, Bytes)>,
    recalculate_bandwidth: bool,
    bandwidth_epoch: crate::time::Millis,
    /// Room for the bandwidth pass.
    shares: Vec<PeerShare>,
    settled: Vec<bool>,
    compressor: Option<Box<dyn Compressor>>,
    intercept: Option<Box<dyn Intercept>>,
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
        Host {
            now: Instant::ZERO,
            shared: Shared::new(&config),
            table: Table::new(slots),
            schedule: Schedule::new(usize::from(slots)),
            events: VecDeque::new(),
            dispatch: VecDeque::new(),
            touched: Vec::new(),
            farewells: VecDeque::new(),
            raw: VecDeque::new(),
            recalculate_bandwidth: false,
            bandwidth_epoch: crate::time::Millis::UNSET,
            shares: Vec::new(),
            settled: Vec::new(),
            compressor: config.compressor,
            intercept: None,
            scratch: Vec::new(),
            out: Vec::new(),
            due: Vec::new(),
            rng: ChaCha20Rng::from_seed(config.seed),
        }
    }

    // --- time ---

    /// Does what is due at `now`: retransmissions are queued, dead peers given up, pings and the bandwidth pass made
    /// ready. Call it when [`poll_timeout`](Host::poll_timeout)'s instant has come; early or repeated calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.settle_touched();
        self.advance(now);
        self.tick_if_due();
        let due = self.take_due();
        for slot in &due {
            self.check_timeouts(*slot);
        }
        self.due = due;
    }

    /// When [`handle_timeout`](Host::handle_timeout) wants to be called next; `None` while nothing is under way.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.settle_touched();
        let peers = self.schedule.next_deadline();
        let tick = (self.table.active_count() > 0).then(|| {
            let elapsed = self.shared.now.diff(self.bandwidth_epoch);
            self.now.as_millis() + u64::from(INTERVAL.saturating_sub(elapsed))
        });
        peers.into_iter().chain(tick).min().map(Instant::from_millis)
    }

    /// The latest time the host was told.
    #[doc(alias = "serviceTime")]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time only moves forward.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.shared.now = self.now.wire();
    }

    /// The slots whose deadline has come, off the heap.
    fn take_due(&mut self) -> Vec<u16> {
        let mut due = core::mem::take(&mut self.due);
        due.clear();
        while let Some(slot) = self.schedule.pop_due(self.now.as_millis()) {
            due.push(slot);
        }
        due
    }

    fn check_timeouts(&mut self, slot: u16) {
        if let Some(connection) = self.table.get_mut(slot) {
            connection.check_timeouts(&self.shared);
            self.settle(slot);
        }
    }

    // --- events ---

    /// The next event: connects and disconnects as they happened, then packets, one peer after the other.
    #[doc(alias = "enet_host_check_events")]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.settle_touched();
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        while let Some(slot) = self.dispatch.pop_front() {
            let peer = self.table.id_of(slot);
            self.table.set_queued(slot, false);
            let Some(connection) = self.table.get_mut(slot) else { continue };
            if let Stage::Zombie { reason, data } = connection.stage {
                let (address, user_value) = (connection.address, connection.user_value);
                self.recalculate_bandwidth = true;
                self.vacate(slot);
                let event = Event::Disconnected { peer, reason, data, address, user_value };
                if mutants::is(Mutant::EventAfterDisconnect) {
                    self.events.push_back(event.clone());
                }
                return Some(event);
            }
            if let Some((channel, packet)) = connection.inbox.take() {
                let more = !connection.inbox.is_empty();
                self.queue_for_dispatch(slot, more, false);
                return Some(Event::Received { peer, channel, packet });
            }
        }
        None
    }

    /// Whether [`poll_event`](Host::poll_event) has something to give.
    pub fn has_pending_event(&mut self) -> bool {
        self.settle_touched();
        !self.events.is_empty() || !self.dispatch.is_empty()
    }

    // --- settling ---

    /// Turns what a connection wants, after anything happened to it, into entries of the queues: the only place that
    /// does, so nothing can forget to schedule itself.
    fn settle(&mut self, slot: u16) {
        let peer = self.table.id_of(slot);
        let before = self.table.active_count();
        self.table.recount(slot);
        if before == 0 && self.table.active_count() == 1 && self.is_tick_overdue() {
            self.bandwidth_epoch = self.shared.now;
        }
        let Some(connection) = self.table.get_mut(slot) else { return };
        if let Some(data) = connection.announce.take() {
            self.recalculate_bandwidth = true;
            self.events.push_back(Event::Connected { peer, data });
        }
        let lost_turn = core::mem::take(&mut connection.lost_turn);
        if let Stage::Over { event, was_established } = connection.stage {
            let (address, user_value) = (connection.address, connection.user_value);
            self.recalculate_bandwidth |= was_established;
            self.vacate(slot);
            if let Some((reason, data)) = event {
                self.events.push_back(Event::Disconnected { peer, reason, data, address, user_value });
            }
            return;
        }
        let interests = connection.interests(&self.shared);
        let now = self.now.as_millis();
        let deadline = interests.deadline.map(|deadline| now + u64::from(self.shared.now.until(deadline)));
        self.schedule.update(slot, interests.transmit, deadline);
        self.queue_for_dispatch(slot, interests.dispatch, lost_turn);
    }

    /// Keeps a slot's place in the queue of those with events; one that lost its turn starts over at the back.
    fn queue_for_dispatch(&mut self, slot: u16, wanted: bool, lost_turn: bool) {
        let queued = self.table.is_queued(slot);
        if queued && (!wanted || lost_turn) {
            self.dispatch.retain(|queued| *queued != slot);
        }
        if wanted && (!queued || lost_turn) {
            self.dispatch.push_back(slot);
        }
        self.table.set_queued(slot, wanted);
    }

    /// Settles what the application had its hands on.
    fn settle_touched(&mut self) {
        while let Some(slot) = self.touched.pop() {
            self.settle(slot);
        }
    }

    /// Empties a slot and forgets what was scheduled for it.
    fn vacate(&mut self, slot: u16) -> Option<Box<Connection>> {
        self.schedule.update(slot, false, None);
        self.queue_for_dispatch(slot, false, false);
        self.table.remove(slot)
    }

    fn is_tick_overdue(&self) -> bool {
        self.shared.now.diff(self.bandwidth_epoch) >= INTERVAL
    }

    /// Panics if the host's own bookkeeping contradicts itself. Costs a look at every slot: for tests and simulators.
    #[allow(clippy::panic)] // its purpose
    pub fn check_invariants(&mut self) {
        self.settle_touched();
        self.table.check_invariants();
        for slot in self.table.occupied() {
            let Some(connection) = self.table.get(slot) else { continue };
            connection.check_invariants();
            let wants = connection.interests(&self.shared);
            let overdue = self.schedule.is_due(slot, self.now.as_millis());
            assert!(self.schedule.is_ready(slot) == wants.transmit || overdue, "slot {slot}: readiness");
            assert_eq!(self.dispatch.contains(&slot), wants.dispatch, "slot {slot}: events");
            assert_eq!(self.table.is_queued(slot), wants.dispatch, "slot {slot}: queued flag");
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
