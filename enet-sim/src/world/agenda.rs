//! [`Agenda`]: what happens when.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::observer::HostIndex;
use crate::net::Copy as NetCopy;
use crate::time::Time;

/// Something that happens at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// A datagram arrives; its place among those under way.
    Arrival(u32),
    /// A host wanted to be called.
    Wake(u32),
    /// A host is called regularly.
    Tick(u32),
    /// A client connects to the server.
    Connect(u32),
    /// A host sends the messages of a flow.
    Flow { flow: u16, host: u32, round: u32 },
    /// A fault begins, or ends.
    Fault { index: u16, begins: bool },
    /// An application does something.
    Action(u16),
    /// An attacker strikes.
    Strike(u16),
    /// The network itself has something to do.
    Network,
    /// The world is healed.
    Heal,
    /// Has everything come to rest?
    Look,
}

/// An item and when it is due; those of the same instant in the order in which they were noted.
#[derive(Debug)]
struct Entry {
    at: Time,
    noted: u64,
    item: Item,
}

impl Ord for Entry {
    /// The heap gives the greatest first: that is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.noted).cmp(&(self.at, self.noted))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

/// What happens when. Things of the same instant happen in the order in which they were noted.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Entry>,
    noted: u64,
    under_way: Vec<Option<NetCopy>>,
    free: Vec<u32>,
}

impl Agenda {
    pub(super) fn note(&mut self, at: Time, item: Item) {
        self.noted += 1;
        self.heap.push(Entry { at, noted: self.noted, item });
    }

    /// Notes a datagram's arrival.
    pub(super) fn expect(&mut self, copy: NetCopy) {
        let at = copy.at;
        let place = self.free.pop().unwrap_or_else(|| {
            self.under_way.push(None);
            u32::try_from(self.under_way.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(slot) = self.under_way.get_mut(place as usize) {
            *slot = Some(copy);
        }
        self.note(at, Item::Arrival(place));
    }

    /// The datagram that arrives.
    pub(super) fn take_arrival(&mut self, place: u32) -> Option<NetCopy> {
        let copy = self.under_way.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(copy)
    }

    /// What happens next.
    pub(super) fn pop(&mut self) -> Option<(Time, Item)> {
        self.heap.pop().map(|Entry { at, item, .. }| (at, item))
    }

    /// When something happens next, and to which host if it is an arrival.
    pub(super) fn next_is_arrival_at(&self, now: Time, host: HostIndex) -> bool {
        let Some(Entry { at, item: Item::Arrival(place), .. }) = self.heap.peek() else { return false };
        *at == now
            && self.under_way.get(*place as usize).and_then(Option::as_ref).is_some_and(|it| it.to == host)
    }
}
