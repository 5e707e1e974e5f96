//! [`Table`]: the slots, who is in them, and how they are found.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::num::NonZeroU16;

use enet_wire::{ConnectId, WirePeerId};

use super::origin::{Household, Secret};
use crate::collections::bits::BitSet;
use crate::collections::index::{Index, Name};
use crate::event::PeerId;
use crate::mutants::{self, Mutant};
use crate::peer::{Connection, Sessions, Stage};

/// A place for one connection at a time. Empty slots cost a few words.
#[derive(Debug)]
struct Slot {
    generation: u32,
    sessions: Sessions,
    connection: Option<Box<Connection>>,
    marks: Marks,
}

impl Slot {
    const EMPTY: Slot = Slot { generation: 0, sessions: Sessions::NONE, connection: None, marks: Marks(0) };
}

/// What is noted of a slot, a bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Marks(u8);

impl Marks {
    /// It is counted among those that carry data.
    const ACTIVE: Marks = Marks(1);
    /// It is in the indexes of addresses and origins.
    const INDEXED: Marks = Marks(2);
    /// It is counted among those that leave.
    const LEAVING: Marks = Marks(16);
    const ESTABLISHED: Marks = Marks(1 | 2);
    const COUNTED: Marks = Marks(1 | 2 | 16);
    /// It stands in the queue of those with events.
    const QUEUED: Marks = Marks(4);
    /// It stands in that of those to be settled.
    const TOUCHED: Marks = Marks(8);

    #[inline]
    const fn has(self, marks: Marks) -> bool {
        self.0 & marks.0 == marks.0
    }

    /// Sets or clears marks; whether it had them before.
    #[inline]
    const fn set(&mut self, marks: Marks, on: bool) -> bool {
        let before = self.has(marks);
        self.0 = if on { self.0 | marks.0 } else { self.0 & !marks.0 };
        before
    }

    const fn counted(self) -> Marks {
        Marks(self.0 & Marks::COUNTED.0)
    }
}

/// Slots by number. Under `Compat` the number is also what travels in the datagram header; else that is any number, and
/// names a slot together with the address.
#[derive(Debug)]
pub(crate) struct Table {
    /// As many as were ever taken at once: the lowest free one is taken first.
    slots: Vec<Slot>,
    limit: u16,
    free: BitSet,
    active: BitSet,
    occupied: BitSet,
    /// Connections per household, by address and connect id, and by address and the peer's name for itself; those still
    /// connecting are left out.
    by_household: BTreeMap<Household, u16>,
    by_origin: Index<Occupied>,
    by_remote: Index<Occupied>,
    /// Connections that are about to leave.
    leaving: u16,
    /// Slots by the address and wire id of their connection, unless the id is the slot's own.
    by_id: Option<Index<Occupied>>,
    secret: Secret,
    /// Whose datagram came last: often enough the next one is theirs, too.
    pub(super) latest: u16,
}

/// A slot number, one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Occupied(NonZeroU16);

impl Occupied {
    fn new(slot: u16) -> Self {
        Occupied(NonZeroU16::MIN.saturating_add(slot))
    }

    const fn slot(self) -> u16 {
        self.0.get() - 1
    }
}

impl Table {
    pub(crate) fn new(slots: u16, secret: Secret, has_ids: bool) -> Self {
        let mut free = BitSet::new();
        for slot in 0..slots {
            free.set(slot, true);
        }
        Table {
            slots: Vec::new(),
            limit: slots,
            free,
            active: BitSet::new(),
            occupied: BitSet::new(),
            by_household: BTreeMap::new(),
            by_origin: Index::new(),
            by_remote: Index::new(),
            leaving: 0,
            by_id: has_ids.then(Index::new),
            secret,
            latest: 0,
        }
    }

    // --- finding ---

    /// The slot that the header of a datagram from this address names.
    #[inline]
    pub(crate) fn route(&self, from: SocketAddr, id: WirePeerId) -> Option<u16> {
        let Some(by_id) = &self.by_id else { return self.get(id.get()).map(|_| id.get()) };
        let is_it = |slot: u16| self.get(slot).is_some_and(|it| it.wire_id == id && it.address == from);
        if is_it(self.latest) {
            return Some(self.latest);
        }
        by_id.find(self.secret.of_id(from, id), |it| is_it(it.slot())).map(Occupied::slot)
    }

    /// The slot that connects to everybody's address and goes by this id: its answer comes from another.
    #[cold]
    pub(crate) fn route_from_anybody(&self, id: WirePeerId) -> Option<u16> {
        let by_id = self.by_id.as_ref()?;
        let is_it =
            |it: Occupied| self.get(it.slot()).is_some_and(|it| it.wire_id == id && waits_for_anybody(it));
        by_id.find(self.secret.of_id(ANYBODY, id), is_it).map(Occupied::slot)
    }

    /// Whether a connection with this address goes by this id.
    pub(crate) fn is_taken(&self, address: SocketAddr, id: WirePeerId) -> bool {
        if is_broadcast(address) {
            self.route_from_anybody(id).is_some()
        } else {
            self.route(address, id).is_some()
        }
    }

    /// What such a connection is found by.
    pub(crate) fn name_of(&self, address: SocketAddr, id: WirePeerId) -> Name {
        self.secret.of_id(if is_broadcast(address) { ANYBODY } else { address }, id)
    }

    /// What an attempt to connect is found by.
    pub(crate) fn name_of_attempt(&self, from: SocketAddr, id: ConnectId) -> Name {
        self.secret.of_connect(from, id)
    }

    /// Whether slots have ids of their own for the wire.
    pub(crate) const fn has_ids(&self) -> bool {
        self.by_id.is_some()
    }

    pub(crate) fn get(&self, slot: u16) -> Option<&Connection> {
        self.slots.get(usize::from(slot))?.connection.as_deref()
    }

    pub(crate) fn get_mut(&mut self, slot: u16) -> Option<&mut Connection> {
        self.slots.get_mut(usize::from(slot))?.connection.as_deref_mut()
    }

    /// The slot of a handle, unless its connection has ended.
    pub(crate) fn find(&self, id: PeerId) -> Option<u16> {
        let slot = self.slots.get(usize::from(id.slot))?;
        (slot.connection.is_some() && slot.generation == id.generation).then_some(id.slot)
    }

    /// The handle of the connection in a slot.
    pub(crate) fn id_of(&self, slot: u16) -> PeerId {
        let generation = self.slots.get(usize::from(slot)).map_or(0, |slot| slot.generation);
        PeerId { slot, generation }
    }

    /// The connection in a slot, and its handle.
    #[inline]
    pub(crate) fn occupant(&mut self, slot: u16) -> Option<(PeerId, &mut Connection)> {
        let place = self.slots.get_mut(usize::from(slot))?;
        Some((PeerId { slot, generation: place.generation }, place.connection.as_deref_mut()?))
    }

    /// Whether a slot stands in the queue of those with events.
    pub(crate) fn is_queued(&self, slot: u16) -> bool {
        self.slots.get(usize::from(slot)).is_some_and(|slot| slot.marks.has(Marks::QUEUED))
    }

    /// Sets that; what it was before.
    pub(crate) fn set_queued(&mut self, slot: u16, queued: bool) -> bool {
        let place = self.slots.get_mut(usize::from(slot));
        place.is_some_and(|slot| slot.marks.set(Marks::QUEUED, queued))
    }

    /// Sets whether a slot stands in the queue of those to be settled; what it was before.
    pub(crate) fn set_touched(&mut self, slot: u16, touched: bool) -> bool {
        let place = self.slots.get_mut(usize::from(slot));
        place.is_some_and(|slot| slot.marks.set(Marks::TOUCHED, touched))
    }

    /// A connection that is established, is counted so, and has nothing to tell but what is in its inbox; and whether it
    /// stands in the queue of those with events.
    #[inline]
    pub(crate) fn steady(&self, slot: u16) -> Option<(&Connection, bool)> {
        let place = self.slots.get(usize::from(slot))?;
        let connection = place.connection.as_deref().filter(|connection| connection.is_steady())?;
        let marks = place.marks;
        let is_counted =
            marks.has(Marks::ESTABLISHED) && marks.has(Marks::LEAVING) == connection.is_leaving();
        is_counted.then_some((connection, marks.has(Marks::QUEUED)))
    }

    /// Lends a connection out; it must be put back before anything else looks at its slot.
    pub(crate) fn take(&mut self, slot: u16) -> Option<Box<Connection>> {
        self.slots.get_mut(usize::from(slot))?.connection.take()
    }

    pub(crate) fn put_back(&mut self, slot: u16, connection: Box<Connection>) {
        if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
            slot.connection = Some(connection);
        }
    }

    /// The lowest free slot, and the sessions of its last connection.
    pub(crate) fn vacancy(&self) -> Option<(u16, Sessions)> {
        let slot = self.free.next_from(0)?;
        Some((slot, self.slots.get(usize::from(slot)).map_or(Sessions::NONE, |slot| slot.sessions)))
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.limit)
    }

    /// Occupied slots, in order.
    pub(crate) fn occupied(&self) -> impl Iterator<Item = u16> + '_ {
        self.occupied.iter()
    }

    /// Slots whose connection carries data, in order.
    pub(crate) fn active(&self) -> impl Iterator<Item = u16> + '_ {
        self.active.iter()
    }

    /// The first active slot from `from` on.
    pub(crate) fn next_active(&self, from: u16) -> Option<u16> {
        self.active.next_from(from)
    }

    pub(crate) const fn has_active(&self) -> bool {
        !self.active.is_empty()
    }

    pub(crate) fn active_count(&self) -> usize {
        self.active.len()
    }

    /// Connections held from where this address is.
    pub(crate) fn count_from(&self, ip: IpAddr) -> u16 {
        self.by_household.get(&Household::of(ip)).copied().unwrap_or(0)
    }

    /// Whether a CONNECT with this id from this address has a slot already.
    pub(crate) fn knows(&self, from: SocketAddr, id: ConnectId) -> bool {
        let is_it = |it: Occupied| {
            let connection = self.get(it.slot());
            connection.is_some_and(|it| it.address == from && it.connect_id == id)
        };
        self.by_origin.find(self.secret.of_connect(from, id), is_it).is_some()
    }

    /// Whether a connection with this address has this name for itself; those still connecting are left out.
    pub(crate) fn has_remote(&self, address: SocketAddr, id: WirePeerId) -> bool {
        let is_it =
            |it: Occupied| self.get(it.slot()).is_some_and(|it| it.remote_id == id && it.address == address);
        self.by_remote.find(self.secret.of_id(address, id), is_it).is_some()
    }

    /// Whether somebody is about to leave.
    pub(crate) const fn has_leaving(&self) -> bool {
        self.leaving > 0
    }

    // --- changing ---

    /// Puts a connection into a free slot.
    pub(crate) fn insert(&mut self, slot: u16, connection: Box<Connection>) -> PeerId {
        while self.slots.len() <= usize::from(slot) {
            self.slots.push(Slot::EMPTY);
        }
        if let Some(place) = self.slots.get_mut(usize::from(slot)) {
            if !mutants::is(Mutant::StaleGeneration) {
                place.generation = place.generation.wrapping_add(1);
            }
            place.connection = Some(connection);
            self.free.set(slot, false);
            self.occupied.set(slot, true);
        }
        self.enter_id(slot);
        self.recount(slot);
        self.id_of(slot)
    }

    /// Notes that a connection to everybody's address was answered from this one.
    #[cold]
    pub(crate) fn move_to(&mut self, slot: u16, address: SocketAddr) {
        self.strike_id(slot);
        if let Some(connection) = self.get_mut(slot) {
            connection.address = address;
        }
        self.enter_id(slot);
    }

    fn enter_id(&mut self, slot: u16) {
        let Table { by_id: Some(by_id), slots, secret, .. } = self else { return };
        let at = Occupied::new(slot);
        if let Some(name) = id_of(slots, *secret, at) {
            by_id.insert(name, at, |it| id_of(slots, *secret, it));
        }
    }

    fn strike_id(&mut self, slot: u16) {
        let Table { by_id: Some(by_id), slots, secret, .. } = self else { return };
        let at = Occupied::new(slot);
        if let Some(name) = id_of(slots, *secret, at) {
            by_id.remove(name, |it| it == at, |it| id_of(slots, *secret, it));
        }
    }

    /// Empties a slot. Its sessions stay with it.
    pub(crate) fn remove(&mut self, slot: u16) -> Option<Box<Connection>> {
        self.strike_id(slot);
        let place = self.slots.get_mut(usize::from(slot))?;
        let connection = place.connection.take()?;
        place.sessions = connection.sessions;
        let counted = place.marks.counted();
        place.marks.set(Marks::COUNTED, false);
        self.count(slot, counted, Marks(0), &Names::of(&connection, self.secret));
        self.occupied.set(slot, false);
        self.free.set(slot, !mutants::is(Mutant::SlotLeak));
        Some(connection)
    }

    /// Brings the counts and indexes up to date with the connection in a slot.
    pub(crate) fn recount(&mut self, slot: u16) {
        let Some(place) = self.slots.get_mut(usize::from(slot)) else { return };
        let Some(connection) = place.connection.as_deref() else { return };
        let before = place.marks.counted();
        place.marks.set(Marks::ACTIVE, connection.is_active());
        place.marks.set(Marks::INDEXED, connection.stage != Stage::Connecting);
        place.marks.set(Marks::LEAVING, connection.is_leaving());
        let now = place.marks.counted();
        if before != now {
            let names = Names::of(connection, self.secret);
            self.count(slot, before, now, &names);
        }
    }

    fn count(&mut self, slot: u16, before: Marks, now: Marks, names: &Names) {
        self.active.set(slot, now.has(Marks::ACTIVE));
        self.leaving =
            self.leaving - u16::from(before.has(Marks::LEAVING)) + u16::from(now.has(Marks::LEAVING));
        let Table { by_household, by_origin, by_remote, slots, secret, .. } = self;
        let names_at = |it: Occupied| {
            let connection = slots.get(usize::from(it.slot()))?.connection.as_deref()?;
            Some(Names::of(connection, *secret))
        };
        let origin_of = |it| names_at(it).map(|names| names.origin);
        let remote_of = |it| names_at(it).map(|names| names.remote);
        let at = Occupied::new(slot);
        match (before.has(Marks::INDEXED), now.has(Marks::INDEXED)) {
            (false, true) => {
                *by_household.entry(names.household).or_default() += 1;
                by_origin.insert(names.origin, at, origin_of);
                by_remote.insert(names.remote, at, remote_of);
            }
            (true, false) => {
                decrement(by_household, &names.household);
                by_origin.remove(names.origin, |it| it == at, origin_of);
                by_remote.remove(names.remote, |it| it == at, remote_of);
            }
            _ => {}
        }
    }

    /// Panics if a count or an index disagrees with the slots.
    #[allow(clippy::panic)] // its purpose
    pub(crate) fn check_invariants(&self) {
        let (mut indexed, mut leaving) = (0usize, 0);
        for (number, slot) in (0u16..).zip(&self.slots) {
            let taken = slot.connection.is_some();
            assert_eq!(self.free.contains(number), !taken, "slot {number} is free and taken");
            assert_eq!(self.occupied.contains(number), taken, "slot {number} is occupied and empty");
            assert_eq!(self.active.contains(number), slot.marks.has(Marks::ACTIVE), "slot {number}: active");
            indexed += usize::from(slot.marks.has(Marks::INDEXED));
            if let Some(connection) = &slot.connection {
                assert_eq!(
                    slot.marks.has(Marks::ACTIVE),
                    connection.is_active(),
                    "slot {number} was not settled"
                );
                assert!(
                    !slot.marks.has(Marks::INDEXED) || self.knows(connection.address, connection.connect_id)
                );
                assert!(
                    !slot.marks.has(Marks::INDEXED)
                        || self.has_remote(connection.address, connection.remote_id)
                );
                assert_eq!(slot.marks.has(Marks::LEAVING), connection.is_leaving(), "slot {number}: leaving");
                leaving += u16::from(slot.marks.has(Marks::LEAVING));
                let (address, id) = (connection.address, connection.wire_id);
                let found = self.route(address, id).or_else(|| self.route_from_anybody(id));
                assert_eq!(found, Some(number), "slot {number} is not found by its id");
            }
        }
        let households: usize = self.by_household.values().map(|count| usize::from(*count)).sum();
        assert_eq!(households, indexed, "by_household");
        assert_eq!((self.by_origin.len(), self.by_remote.len()), (indexed, indexed), "by_origin, by_remote");
        assert_eq!(self.leaving, leaving, "leaving");
        let taken = self.occupied.len();
        assert!(self.by_id.as_ref().is_none_or(|index| index.len() == taken), "by_id");
    }
}

/// What a connection is counted and found by that is no longer connecting: none of it changes.
struct Names {
    household: Household,
    /// Of its CONNECT.
    origin: Name,
    /// Of the peer's name for itself.
    remote: Name,
}

impl Names {
    fn of(connection: &Connection, secret: Secret) -> Names {
        let Connection { address, connect_id, remote_id, .. } = *connection;
        Names {
            household: Household::of(address.ip()),
            origin: secret.of_connect(address, connect_id),
            remote: secret.of_id(address, remote_id),
        }
    }
}

fn id_of(slots: &[Slot], secret: Secret, at: Occupied) -> Option<Name> {
    let connection = slots.get(usize::from(at.slot()))?.connection.as_deref()?;
    let address = if is_broadcast(connection.address) { ANYBODY } else { connection.address };
    Some(secret.of_id(address, connection.wire_id))
}

/// Where those are looked for that connect to everybody's address.
const ANYBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::BROADCAST), 0);

pub(super) fn waits_for_anybody(connection: &Connection) -> bool {
    connection.stage == Stage::Connecting && is_broadcast(connection.address)
}

/// Whether this is everybody's address: who connects to it is answered from another (PROTOCOL.md §14.5).
pub(super) fn is_broadcast(address: SocketAddr) -> bool {
    address.ip() == IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Counts one less; what there is none of is forgotten.
pub(super) fn decrement<K: Ord>(counts: &mut BTreeMap<K, u16>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
