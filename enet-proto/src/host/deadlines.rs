//! [`Deadlines`]: when each slot is to be looked at, and which of them first.

use crate::collections::heap::DeadlineHeap;
use crate::collections::wheel::Wheel;

/// Most deadlines are near and change with every packet: a wheel holds those. A heap holds what it does not reach.
#[derive(Debug)]
pub(crate) struct Deadlines {
    near: Wheel,
    far: DeadlineHeap,
}

impl Deadlines {
    pub(crate) const fn new() -> Self {
        Deadlines { near: Wheel::new(), far: DeadlineHeap::new() }
    }

    /// The earliest deadline and whose it is.
    pub(crate) fn peek(&self) -> Option<(u64, u16)> {
        match (self.near.peek(), self.far.peek()) {
            (Some(near), Some(far)) => Some(near.min(far)),
            (near, far) => near.or(far),
        }
    }

    pub(crate) fn get(&self, slot: u16) -> Option<u64> {
        self.near.get(slot).or_else(|| self.far.get(slot))
    }

    /// Sets, moves or removes a slot's deadline.
    #[inline]
    pub(crate) fn update(&mut self, slot: u16, deadline: Option<u64>) {
        match deadline {
            Some(deadline) if self.near.reaches(deadline) => {
                self.far.update(slot, None);
                self.near.put(slot, deadline);
            }
            deadline => {
                self.near.remove(slot);
                self.far.update(slot, deadline);
            }
        }
    }

    /// Gives memory back that a burst left behind.
    pub(crate) fn trim(&mut self) {
        self.far.trim();
    }

    /// No deadline up to then is left.
    pub(crate) fn pass_time(&mut self, now: u64) {
        self.near.start_from(now + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_earliest_deadline_is_known_near_and_far_while_time_passes(
            ops in prop::collection::vec((0u16..40, prop::option::of(0u64..3_000), 0u64..300), 1..300),
        ) {
            let (mut deadlines, mut model, mut now) = (Deadlines::new(), BTreeMap::new(), 0);
            for (slot, wait, passed) in ops {
                let deadline = wait.map(|wait| now + wait);
                deadlines.update(slot, deadline);
                match deadline {
                    Some(deadline) => model.insert(slot, deadline),
                    None => model.remove(&slot),
                };
                prop_assert_eq!(deadlines.get(slot), deadline);
                now += passed;
                deadlines.pass_time(now); // it must not forget who was not looked at
                let earliest = model.values().min().copied();
                prop_assert_eq!(deadlines.peek().map(|it| it.0), earliest);
                prop_assert!(deadlines.peek().is_none_or(|(at, slot)| model.get(&slot) == Some(&at)));
            }
            for (slot, deadline) in model {
                prop_assert_eq!(deadlines.get(slot), Some(deadline));
            }
        }
    }
}
