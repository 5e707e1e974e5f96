//! [`Assembly`]: a packet that arrives in fragments (PROTOCOL.md §12.8).

use alloc::vec;
use alloc::vec::Vec;

use enet_wire::Fragment;

use crate::packet::{Delivery, Packet};

/// Fragments received so far. Memory grows with what arrives, up to the length announced.
#[derive(Debug)]
pub(crate) struct Assembly {
    total_length: u32,
    count: u32,
    missing: u32,
    seen: Vec<u64>,
    bytes: Vec<u8>,
}

impl Assembly {
    /// An empty set of the shape its first fragment announces.
    pub(crate) fn new(fragment: &Fragment<'_>) -> Self {
        Assembly {
            total_length: fragment.total_length,
            count: fragment.count,
            missing: fragment.count,
            seen: vec![],
            bytes: vec![],
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
        let start = fragment.offset as usize;
        let end = start.saturating_add(fragment.payload.len()).min(self.total_length as usize);
        if start == self.bytes.len() {
            self.bytes.extend_from_slice(fragment.payload);
            return;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        if let Some(place) = self.bytes.get_mut(start..end) {
            place.copy_from_slice(fragment.payload);
        }
    }

    /// The whole packet. Bytes that no fragment covered, which only a foreign sender leaves, are zero.
    pub(crate) fn into_packet(mut self, delivery: Delivery) -> Packet {
        self.bytes.resize(self.total_length as usize, 0);
        Packet::new(delivery, self.bytes)
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
    fn one_fragment_reserves_no_more_than_it_brings() {
        let far =
            Fragment { start: 1, count: 2, number: 0, total_length: 32 << 20, offset: 0, payload: &[1] };
        let mut assembly = Assembly::new(&far);
        assembly.insert(&far);
        assert!(assembly.bytes.capacity() < 64);
    }
}
