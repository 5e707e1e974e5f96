//! [`Table`]: the slots, who is in them, and how they are found.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use enet_wire::{ConnectId, WirePeerId};

use crate::collections::bits::BitSet;
use crate::event::PeerId;
use crate::mutants::{self, Mutant};
use crate::peer::{Connection, Sessions, Stage};

/// A place for one connection at a time. Empty slots cost a few words.
#[derive(Debug)]
struct Slot {
    generation: u32,
    sessions: Sessions,
    connection: Option<Box<Connection>>,
    /// Whether it stands in the queue of those with events.
    queued: bool,
    /// What the table's counts and indexes hold of it.
    counted: Counted,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    active: bool,
    indexed: bool,
}

/// Slots by number. Under `Compat` the number is also what travels in the datagram header.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    free: BitSet,
    active: BitSet,
    occupied: BitSet,
    /// Connections per IP address, and by address and connect id; those still connecting are left out.
    by_ip: BTreeMap<IpAddr, u16>,
    by_origin: BTreeMap<(SocketAddr, ConnectId), u16>,
}

impl Table {
    pub(crate) fn new(slots: u16) -> Self {
        let mut free = BitSet::new();
        for slot in 0..slots {
            free.set(slot, true);
        }
        let empty = |_| Slot {
            generation: 0,
            sessions: Sessions::NONE,
            connection: None,
            queued: false,
            counted: Counted::default(),
        };
        Table {
            slots: (0..slots).map(empty).collect(),
            free,
            active: BitSet::new(),
            occupied: BitSet::new(),
            by_ip: BTreeMap::new(),
            by_origin: BTreeMap::new(),
        }
    }

    // --- finding ---

    /// The slot a datagram header names.
    pub(crate) fn route(&self, id: WirePeerId) -> Option<u16> {
        self.get(id.get()).map(|_| id.get())
    }

    /// What travels in the headers of datagrams for a slot.
    pub(crate) fn wire_id(slot: u16) -> WirePeerId {
        WirePeerId::new(slot).unwrap_or(WirePeerId::UNKNOWN)
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

    /// Whether a slot stands in the queue of those with events.
    pub(crate) fn is_queued(&self, slot: u16) -> bool {
        self.slots.get(usize::from(slot)).is_some_and(|slot| slot.queued)
    }

    pub(crate) fn set_queued(&mut self, slot: u16, queued: bool) {
        if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
            slot.queued = queued;
        }
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
        Some((slot, self.slots.get(usize::from(slot))?.sessions))
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
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

    pub(crate) fn active_count(&self) -> usize {
        self.active.len()
    }

    /// Connections held from an IP address.
    pub(crate) fn count_from(&self, ip: IpAddr) -> u16 {
        self.by_ip.get(&ip).copied().unwrap_or(0)
    }

    /// Whether a CONNECT with this id from this address has a slot already.
    pub(crate) fn knows(&self, from: SocketAddr, id: ConnectId) -> bool {
        self.by_origin.contains_key(&(from, id))
    }

    // --- changing ---

    /// Puts a connection into a free slot.
    pub(crate) fn insert(&mut self, slot: u16, connection: Box<Connection>) -> PeerId {
        if let Some(place) = self.slots.get_mut(usize::from(slot)) {
            if !mutants::is(Mutant::StaleGeneration) {
                place.generation = place.generation.wrapping_add(1);
            }
            place.connection = Some(connection);
            self.free.set(slot, false);
            self.occupied.set(slot, true);
        }
        self.recount(slot);
        self.id_of(slot)
    }

    /// Empties a slot. Its sessions stay with it.
    pub(crate) fn remove(&mut self, slot: u16) -> Option<Box<Connection>> {
        let place = self.slots.get_mut(usize::from(slot))?;
        let connection = place.connection.take()?;
        place.sessions = connection.sessions;
        let counted = core::mem::take(&mut place.counted);
        self.count(slot, counted, Counted::default(), connection.address, connection.connect_id);
        self.occupied.set(slot, false);
        self.free.set(slot, !mutants::is(Mutant::SlotLeak));
        Some(connection)
    }

    /// Brings the counts and indexes up to date with the connection in a slot.
    pub(crate) fn recount(&mut self, slot: u16) {
        let Some(place) = self.slots.get_mut(usize::from(slot)) else { return };
        let Some(connection) = place.connection.as_deref() else { return };
        let now = Counted { active: connection.is_active(), indexed: connection.stage != Stage::Connecting };
        let (address, id) = (connection.address, connection.connect_id);
        let before = core::mem::replace(&mut place.counted, now);
        if before != now {
            self.count(slot, before, now, address, id);
        }
    }

    fn count(&mut self, slot: u16, before: Counted, now: Counted, address: SocketAddr, id: ConnectId) {
        self.active.set(slot, now.active);
        match (before.indexed, now.indexed) {
            (false, true) => {
                *self.by_ip.entry(address.ip()).or_default() += 1;
                *self.by_origin.entry((address, id)).or_default() += 1;
            }
            (true, false) => {
                decrement(&mut self.by_ip, &address.ip());
                decrement(&mut self.by_origin, &(address, id));
            }
            _ => {}
        }
    }

    /// Panics if a count or an index disagrees with the slots.
    #[allow(clippy::panic)] // its purpose
    pub(crate) fn check_invariants(&self) {
        let mut indexed = 0;
        for (number, slot) in (0u16..).zip(&self.slots) {
            let taken = slot.connection.is_some();
            assert_eq!(self.free.contains(number), !taken, "slot {number} is free and taken");
            assert_eq!(self.occupied.contains(number), taken, "slot {number} is occupied and empty");
            assert_eq!(self.active.contains(number), slot.counted.active, "slot {number}: active");
            indexed += u32::from(slot.counted.indexed);
            if let Some(connection) = &slot.connection {
                assert_eq!(slot.counted.active, connection.is_active(), "slot {number} was not settled");
                assert!(!slot.counted.indexed || self.knows(connection.address, connection.connect_id));
            }
        }
        assert_eq!(self.by_ip.values().map(|n| u32::from(*n)).sum::<u32>(), indexed, "by_ip");
        assert_eq!(self.by_origin.values().map(|n| u32::from(*n)).sum::<u32>(), indexed, "by_origin");
    }
}

fn decrement<K: Ord>(counts: &mut BTreeMap<K, u16>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
