//! [`Assembly`]: a packet that arrives in fragments (PROTOCOL.md §12.8).

use alloc::vec;
use alloc::vec::Vec;

use enet_wire::Fragment;

use crate::mutants::{self, Mutant};
use crate::packet::{Delivery, Packet};

/// Fragments received so far. Memory grows with what arrives, whatever length is announced.
#[derive(Debug)]
pub(crate) struct Assembly {
    total_length: u32,
    count: u32,
    missing: u32,
    seen: Vec<u64>,
    /// The start of the packet, as long as fragments come in order.
    start: Vec<u8>,
    /// From the first that does not on, each with its offset, as they arrived.
    rest: Vec<(u32, Vec<u8>)>,
}

impl Assembly {
    /// An empty set of the shape its first fragment announces.
    pub(crate) fn new(fragment: &Fragment<'_>) -> Self {
        Assembly {
            total_length: fragment.total_length,
            count: fragment.count,
            missing: fragment.count,
            seen: vec![],
            start: vec![],
            rest: vec![],
        }
    }

    /// Whether a fragment announces the same shape.
    pub(crate) const fn matches(&self, fragment: &Fragment<'_>) -> bool {
        self.total_length == fragment.total_length && self.count == fragment.count
    }

    /// Bytes reserved for the packet.
    pub(crate) const fn total_length(&self) -> u32 {
        self.total_length
    }

    /// Number of fragments the packet has.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Puts a fragment in its place; a number seen before is ignored. The fragment lies within the set's bounds.
    pub(crate) fn insert(&mut self, fragment: &Fragment<'_>) {
        let (word, bit) = (fragment.number as usize / 64, 1 << (fragment.number % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        match self.seen.get_mut(word) {
            Some(seen) if *seen & bit == 0 => *seen |= bit,
            _ => return,
        }
        self.missing = self.missing.saturating_sub(1);
        if mutants::is(Mutant::EarlyReassembly) && self.missing == 1 {
            self.missing = 0;
        }
        if self.rest.is_empty() && fragment.offset as usize == self.start.len() {
            self.start.extend_from_slice(fragment.payload);
        } else {
            let early = u32::from(mutants::is(Mutant::FragmentMisplaced));
            self.rest.push((fragment.offset.saturating_sub(early), fragment.payload.to_vec()));
        }
    }

    /// The whole packet. Bytes that no fragment covered, which only a foreign sender leaves, are zero; of fragments that
    /// overlap, the later one counts.
    pub(crate) fn into_packet(self, delivery: Delivery) -> Packet {
        if self.start.len() == self.total_length as usize {
            return Packet::new(delivery, self.start);
        }
        let mut whole = vec![0; self.total_length as usize];
        for (offset, piece) in core::iter::once((0, self.start)).chain(self.rest) {
            let place = whole.get_mut(offset as usize..).and_then(|rest| rest.get_mut(..piece.len()));
            if let Some(place) = place {
                place.copy_from_slice(&piece);
            }
        }
        Packet::new(delivery, whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[allow(clippy::cast_possible_truncation)] // small numbers
    fn fragment(whole: &[u8], size: usize, number: usize) -> Fragment<'_> {
        let offset = number * size;
        Fragment {
            start: 1,
            count: whole.len().div_ceil(size) as u32,
            number: number as u32,
            total_length: whole.len() as u32,
            offset: offset as u32,
            payload: &whole[offset..whole.len().min(offset + size)],
        }
    }

    proptest! {
        #[test]
        fn any_order_with_duplicates_gives_the_packet_back(
            whole in prop::collection::vec(any::<u8>(), 1..3000),
            size in 1usize..200,
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
            order in any::<prop::sample::Index>(),
        ) {
            let count = whole.len().div_ceil(size);
            let mut assembly = Assembly::new(&fragment(&whole, size, 0));
            for pick in picks {
                if !assembly.is_complete() {
                    assembly.insert(&fragment(&whole, size, pick.index(count)));
                }
            }
            let step = order.index(count);
            for number in (0..count).rev().map(|n| (n + step) % count) {
                prop_assert!(assembly.matches(&fragment(&whole, size, number)));
                assembly.insert(&fragment(&whole, size, number));
            }
            prop_assert!(assembly.is_complete());
            prop_assert_eq!(&assembly.into_packet(Delivery::Reliable)[..], &whole[..]);
        }
    }

    #[test]
    fn a_fragment_costs_what_it_brings_wherever_it_belongs() {
        let far = Fragment {
            start: 1,
            count: 2,
            number: 1,
            total_length: 32 << 20,
            offset: (32 << 20) - 1,
            payload: &[1],
        };
        let mut assembly = Assembly::new(&far);
        assembly.insert(&far);
        assert_eq!((assembly.start.capacity(), assembly.rest.len(), assembly.rest[0].1.len()), (0, 1, 1));
    }

    #[test]
    fn of_overlapping_fragments_the_later_arrival_counts() {
        let part = |number, offset, payload| Fragment {
            start: 1,
            count: 3,
            number,
            total_length: 4,
            offset,
            payload,
        };
        let mut assembly = Assembly::new(&part(0, 0, b"aa"));
        for fragment in [part(0, 0, b"aa"), part(2, 1, b"ccc"), part(1, 2, b"b")] {
            assembly.insert(&fragment);
        }
        assert_eq!(&assembly.into_packet(Delivery::Reliable)[..], b"acbc");
    }
}
