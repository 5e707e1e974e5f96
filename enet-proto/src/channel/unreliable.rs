//! [`Waiting`]: unreliable sequenced packets that cannot be delivered yet, in the order of their numbers.

use enet_wire::UnreliableSeq;

use super::intake::{Ahead, Intake};
use crate::collections::tree::Tree;
use crate::packet::Delivery;

/// Where a packet belongs: behind the reliable packet it follows (counted without the wrap), then by its own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    /// Reliable numbers are counted from where something began to wait: 2⁴⁸ do not come by meanwhile.
    pub(crate) fn new(reliable: u64, seq: UnreliableSeq) -> Place {
        Place(reliable << 16 | u64::from(seq.0))
    }

    const fn reliable(self) -> u64 {
        self.0 >> 16
    }

    #[allow(clippy::cast_possible_truncation)] // the lower half of it
    const fn seq(self) -> UnreliableSeq {
        UnreliableSeq(self.0 as u16)
    }
}

/// Packets waiting for a reliable predecessor or for their own fragments.
#[derive(Debug)]
pub(crate) struct Waiting {
    items: Tree<Ahead>,
}

impl Waiting {
    pub(crate) const fn new() -> Self {
        Waiting { items: Tree::new() }
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) const fn footprint(&self) -> usize {
        self.items.footprint()
    }

    pub(crate) const fn places(&self) -> usize {
        self.items.places()
    }

    pub(crate) fn contains(&self, place: Place) -> bool {
        self.items.contains(place.0)
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut Ahead> {
        self.items.get_mut(place.0)
    }

    pub(crate) fn insert(&mut self, place: Place, item: Ahead) {
        self.items.insert(place.0, item);
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = &Ahead> {
        self.items.values()
    }

    /// Delivers what can be delivered and discards what never can be (PROTOCOL.md §12.6). `delivered` counts the
    /// reliable numbers delivered so far; `inserted` is spared, for its fragment is about to be stored. The number of
    /// the last packet delivered, if there was one.
    pub(crate) fn dispatch(
        &mut self,
        delivered: u64,
        inserted: Option<Place>,
        intake: &mut Intake<'_>,
    ) -> Option<UnreliableSeq> {
        let mut at = self.first();
        let (mut keep_from, mut before) = (at, None);
        let (mut delivering, mut last) = (false, None);
        while let Some(place) = at
            && place.reliable() <= delivered
        {
            let after = self.after(place);
            if place.reliable() < delivered {
                keep_from = after;
                delivering = false;
            } else if self.deliver(place, intake) {
                delivering = true;
                last = Some(place.seq());
            } else {
                if delivering {
                    keep_from = at;
                } else if keep_from != at {
                    keep_from = before;
                }
                delivering = false;
                before = at;
            }
            at = after;
        }
        if delivering {
            keep_from = at;
        }
        self.discard_before(keep_from, inserted, intake);
        last
    }

    /// Delivers the packet at `place` if it is complete.
    fn deliver(&mut self, place: Place, intake: &mut Intake<'_>) -> bool {
        if !self.items.get(place.0).is_some_and(Ahead::is_complete) {
            return false;
        }
        if let Some(item) = self.items.remove(place.0) {
            intake.deliver_ahead(item, Delivery::UnreliableFragments);
        }
        true
    }

    fn discard_before(&mut self, keep_from: Option<Place>, spared: Option<Place>, intake: &mut Intake<'_>) {
        let mut at = self.first();
        while let Some(place) = at
            && keep_from.is_none_or(|keep_from| place.0 < keep_from.0)
        {
            at = self.after(place);
            if Some(place) != spared
                && let Some(item) = self.items.remove(place.0)
            {
                intake.discard(item);
            }
        }
    }

    fn first(&self) -> Option<Place> {
        self.items.first().map(Place)
    }

    fn after(&self, place: Place) -> Option<Place> {
        self.items.after(place.0).map(Place)
    }
}
