//! [`Slots`]: names for the connections of a host that knows only slots, as ENet's do.

use super::Conn;

/// Which connection lives in which slot. A slot is used again and again; a name is not.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// How many connections it has had.
    used: u64,
    is_live: bool,
}

impl Slots {
    pub(super) fn new(peers: u16) -> Self {
        Slots { slots: vec![Slot::default(); usize::from(peers)] }
    }

    /// The name of a slot's new connection. An older one, if there is any, is over.
    pub(super) fn open(&mut self, index: u16) -> Option<Conn> {
        let slot = self.slots.get_mut(usize::from(index))?;
        slot.used += 1;
        slot.is_live = true;
        Some(name(index, *slot))
    }

    /// The name of a slot's live connection.
    pub(super) fn name(&self, index: u16) -> Option<Conn> {
        self.slots.get(usize::from(index)).filter(|slot| slot.is_live).map(|&slot| name(index, slot))
    }

    /// The slot of a live connection.
    pub(super) fn find(&self, conn: Conn) -> Option<u16> {
        let index = u16::try_from(conn.0 & u64::from(u16::MAX)).ok()?;
        (self.name(index) == Some(conn)).then_some(index)
    }

    /// Ends a slot's connection, and says which it was.
    pub(super) fn close(&mut self, index: u16) -> Option<Conn> {
        let conn = self.name(index)?;
        self.slots.get_mut(usize::from(index))?.is_live = false;
        Some(conn)
    }
}

fn name(index: u16, slot: Slot) -> Conn {
    Conn(slot.used << 16 | u64::from(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_used_again_has_a_new_name_and_the_old_one_means_nothing() {
        let mut slots = Slots::new(2);
        let first = slots.open(1).unwrap();
        assert_eq!((slots.name(1), slots.find(first)), (Some(first), Some(1)));
        assert_eq!(slots.close(1), Some(first));
        assert_eq!((slots.close(1), slots.find(first)), (None, None));
        let second = slots.open(1).unwrap();
        assert_ne!(first, second);
        assert_eq!((slots.find(first), slots.find(second)), (None, Some(1)));
    }

    #[test]
    fn a_slot_that_is_not_there_is_nothing() {
        let mut slots = Slots::new(1);
        assert_eq!((slots.open(1), slots.name(1), slots.find(Conn(1 << 16 | 1))), (None, None, None));
    }
}
