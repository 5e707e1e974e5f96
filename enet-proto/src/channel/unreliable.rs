//! [`Waiting`]: unreliable sequenced packets that cannot be delivered yet, in the order of their numbers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use enet_wire::UnreliableSeq;

use super::intake::{Ahead, Intake};
use crate::packet::Delivery;

/// Where a packet belongs: behind the reliable packet it follows (counted without the wrap), then by its own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) reliable: u64,
    pub(crate) seq: UnreliableSeq,
}

/// Packets waiting for a reliable predecessor or for their own fragments.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    last: UnreliableSeq,
    items: BTreeMap<Place, Ahead>,
}

impl Waiting {
    /// Number of the last packet delivered since the last reliable one.
    pub(crate) const fn last(&self) -> UnreliableSeq {
        self.last
    }

    /// A reliable packet was delivered: numbers start over.
    pub(crate) fn restart(&mut self) {
        self.last = UnreliableSeq(0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// A packet was delivered past the empty queue.
    pub(crate) fn pass(&mut self, seq: UnreliableSeq) {
        self.last = seq;
    }

    pub(crate) fn contains(&self, place: Place) -> bool {
        self.items.contains_key(&place)
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut Ahead> {
        self.items.get_mut(&place)
    }

    pub(crate) fn insert(&mut self, place: Place, item: Ahead) {
        self.items.insert(place, item);
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = &Ahead> {
        self.items.values()
    }

    /// Delivers what can be delivered and discards what never can be (PROTOCOL.md §12.6). `delivered` counts the
    /// reliable numbers delivered so far; `inserted` is spared, for its fragment is about to be stored.
    pub(crate) fn dispatch(&mut self, delivered: u64, inserted: Option<Place>, intake: &mut Intake<'_>) {
        let mut at = self.first();
        let mut keep_from = at;
        let mut delivering = false;
        while let Some(place) = at {
            if place.reliable > delivered {
                break;
            }
            let after = self.after(place);
            if place.reliable < delivered {
                keep_from = after;
                delivering = false;
            } else if self.deliver(place, intake) {
                delivering = true;
            } else {
                if delivering {
                    keep_from = at;
                } else if keep_from != at {
                    keep_from = self.before(place);
                }
                delivering = false;
            }
            at = after;
        }
        if delivering {
            keep_from = at;
        }
        self.discard_before(keep_from, inserted, intake);
    }

    /// Delivers the packet at `place` if it is complete.
    fn deliver(&mut self, place: Place, intake: &mut Intake<'_>) -> bool {
        if !self.items.get(&place).is_some_and(Ahead::is_complete) {
            return false;
        }
        if let Some(item) = self.items.remove(&place) {
            intake.inbox.deliver(intake.channel, item.into_packet(Delivery::UnreliableFragments));
        }
        self.last = place.seq;
        true
    }

    fn discard_before(&mut self, keep_from: Option<Place>, spared: Option<Place>, intake: &mut Intake<'_>) {
        let end = keep_from.map_or(Bound::Unbounded, Bound::Excluded);
        let stale: Vec<Place> = self.items.range((Bound::Unbounded, end)).map(|(place, _)| *place).collect();
        for place in stale.into_iter().filter(|place| Some(*place) != spared) {
            if let Some(item) = self.items.remove(&place) {
                intake.inbox.release(u32::try_from(item.reserved()).unwrap_or(u32::MAX));
            }
        }
    }

    fn first(&self) -> Option<Place> {
        self.items.keys().next().copied()
    }

    fn after(&self, place: Place) -> Option<Place> {
        self.items.range((Bound::Excluded(place), Bound::Unbounded)).next().map(|(place, _)| *place)
    }

    fn before(&self, place: Place) -> Option<Place> {
        self.items.range(..place).next_back().map(|(place, _)| *place)
    }
}
