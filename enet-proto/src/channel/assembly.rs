//! [`Assembly`]: a packet that arrives in fragments (PROTOCOL.md §12.8).

use alloc::vec::Vec;

use bytes::BytesMut;
use enet_wire::Fragment;

use crate::collections::buffers::rounded;
use crate::collections::tree::Tree;
use crate::mutants::{self, Mutant};

/// Fragments received so far. Memory grows with what arrives, whatever length is announced.
#[derive(Debug)]
pub(crate) struct Assembly {
    total_length: u32,
    count: u32,
    missing: u32,
    /// Number of the first fragment that is missing.
    front: u32,
    /// Which fragments behind it are there: a bit each, by 64.
    seen: Tree<u64>,
    /// Payload bytes that arrived.
    received: usize,
    /// Zero once every fragment begins where another ends.
    seams: u64,
    /// The packet as far as fragments reach into it; between them zeros.
    bytes: BytesMut,
    aside: Aside,
}

/// What lies so far ahead that its place is not worth its memory yet, in the order of arrival.
#[derive(Debug, Default)]
struct Aside {
    pieces: Vec<Piece>,
    bytes: Vec<u8>,
    /// The stretch of the packet that the pieces are in.
    start: usize,
    end: usize,
}

#[derive(Debug)]
struct Piece {
    offset: usize,
    length: usize,
}

impl Assembly {
    /// To be begun.
    pub(crate) fn new() -> Self {
        Assembly {
            total_length: 0,
            count: 0,
            missing: 0,
            front: 0,
            seen: Tree::new(),
            received: 0,
            seams: 0,
            bytes: BytesMut::new(),
            aside: Aside { pieces: Vec::new(), bytes: Vec::new(), start: 0, end: 0 },
        }
    }

    /// An empty set of the shape its first fragment announces, in a buffer that may have room or not.
    pub(crate) fn begin(&mut self, fragment: &Fragment<'_>, buffer: BytesMut) {
        self.total_length = fragment.total_length;
        self.count = fragment.count;
        self.missing = fragment.count;
        self.front = 0;
        self.seen.clear();
        self.received = 0;
        self.seams = seam(fragment.total_length).wrapping_sub(seam(0));
        self.bytes = buffer;
        self.aside.clear();
    }

    /// Bytes of memory it takes.
    pub(crate) fn footprint(&self) -> usize {
        let aside = self.aside.pieces.capacity() * size_of::<Piece>() + self.aside.bytes.capacity();
        size_of::<Assembly>() + self.seen.footprint() + self.bytes.capacity() + aside
    }

    /// Bytes for which there must be memory so that a fragment can be put in its place. With the last one the whole
    /// packet is there, whatever the others brought.
    pub(crate) fn room_for(&self, fragment: &Fragment<'_>) -> usize {
        let whole = self.total_length as usize;
        if self.missing == 1 { whole.saturating_sub(self.footprint()) } else { fragment.payload.len() }
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

    #[inline]
    pub(crate) const fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Puts a fragment in its place; a number seen before is ignored. The fragment lies within the set's bounds.
    pub(crate) fn insert(&mut self, fragment: &Fragment<'_>) {
        if !self.mark(fragment.number) {
            return;
        }
        self.missing = self.missing.saturating_sub(1);
        if mutants::is(Mutant::EarlyReassembly) && self.missing == 1 {
            self.missing = 0;
        }
        self.received = self.received.saturating_add(fragment.payload.len());
        self.seams = self.seams_with(fragment);
        let mut offset = fragment.offset as usize;
        if mutants::is(Mutant::FragmentMisplaced) && offset != self.bytes.len() {
            offset = offset.saturating_sub(1);
        }
        let end = offset + fragment.payload.len();
        let hidden = !self.aside.pieces.is_empty() && end > self.aside.start;
        if hidden || (offset > self.bytes.len() && end > self.reach()) {
            self.aside.push(offset, fragment.payload);
        } else {
            self.put(offset, fragment.payload);
        }
        if !self.aside.pieces.is_empty() && self.aside.end <= self.reach() {
            self.fetch_aside();
        }
    }

    /// Whether with this fragment they overlap, or leave a hole in the packet that it completes. Nobody who means well sends
    /// such, and a few bytes would become a packet of any length.
    pub(crate) fn is_spoiled_by(&self, fragment: &Fragment<'_>) -> bool {
        let (received, total) =
            (self.received.saturating_add(fragment.payload.len()), self.total_length as usize);
        let fits = if self.missing > 1 {
            received < total
        } else {
            received == total && self.seams_with(fragment) == 0
        };
        !fits && !self.has(fragment.number)
    }

    /// The sum over the places where fragments begin, without those where one ends.
    fn seams_with(&self, fragment: &Fragment<'_>) -> u64 {
        let end =
            u32::try_from(fragment.payload.len()).map_or(u32::MAX, |len| fragment.offset.saturating_add(len));
        self.seams.wrapping_add(seam(fragment.offset)).wrapping_sub(seam(end))
    }

    /// Whether a fragment of this number has arrived.
    fn has(&self, number: u32) -> bool {
        let seen =
            || self.seen.get(u64::from(number / 64)).is_some_and(|seen| seen >> (number % 64) & 1 == 1);
        number < self.front || seen()
    }

    /// The whole packet. Bytes that no fragment covered, which only a foreign sender leaves, are zero; of fragments that
    /// overlap, the later one counts.
    pub(crate) fn finish(&mut self) -> BytesMut {
        let total = self.total_length as usize;
        if total > self.reach() {
            // Memory that the system gives zeroed costs nothing until somebody reads it.
            let arrived = core::mem::replace(&mut self.bytes, BytesMut::zeroed(total));
            if let Some(start) = self.bytes.get_mut(..arrived.len()) {
                start.copy_from_slice(&arrived);
            }
        }
        self.fetch_aside();
        if total > self.bytes.len() {
            self.bytes.resize(total, 0);
        }
        core::mem::take(&mut self.bytes)
    }

    /// Forgets what arrived; the buffer it was in.
    pub(crate) fn abandon(&mut self) -> BytesMut {
        core::mem::take(&mut self.bytes)
    }

    /// Places for flags and pieces that this keeps for the next packet.
    pub(crate) fn places(&self) -> usize {
        self.seen.places() + self.aside.pieces.capacity() + self.aside.bytes.capacity() / 16
    }

    /// Notes a fragment as there; whether it was missing.
    fn mark(&mut self, number: u32) -> bool {
        if number == self.front {
            self.front += 1;
            self.pass_seen();
            return true;
        }
        let (word, bit) = (u64::from(number / 64), 1 << (number % 64));
        if number < self.front {
            return false;
        }
        match self.seen.get_mut(word) {
            Some(seen) if *seen & bit != 0 => return false,
            Some(seen) => *seen |= bit,
            None => self.seen.insert(word, bit),
        }
        true
    }

    /// Moves the front over what is there, and drops the flags that it leaves behind.
    #[inline]
    fn pass_seen(&mut self) {
        while !self.seen.is_empty() {
            let word = u64::from(self.front / 64);
            if self.front.is_multiple_of(64)
                && let Some(before) = word.checked_sub(1)
            {
                self.seen.remove(before);
            }
            let there = self.seen.get(word).copied().unwrap_or(0) >> (self.front % 64);
            let run = there.trailing_ones().min(64 - self.front % 64);
            self.front += run;
            if run == 0 || !self.front.is_multiple_of(64) {
                break;
            }
        }
    }

    /// The end of the room that may be taken for what arrived: one byte of each of a thousand packets must not cost more.
    const fn reach(&self) -> usize {
        self.received.saturating_mul(2)
    }

    /// Writes a piece over what is there, behind it, or behind a gap.
    fn put(&mut self, offset: usize, piece: &[u8]) {
        let end = offset + piece.len();
        if end > self.bytes.capacity() {
            let room = rounded(self.reach().min(self.total_length as usize).max(end));
            self.bytes.reserve(room - self.bytes.len());
        }
        if self.bytes.len() < offset {
            self.bytes.resize(offset, 0);
        }
        let over = (self.bytes.len() - offset).min(piece.len());
        let (over, behind) = piece.split_at_checked(over).unwrap_or((piece, &[]));
        if let Some(place) = self.bytes.get_mut(offset..offset + over.len()) {
            place.copy_from_slice(over);
        }
        self.bytes.extend_from_slice(behind);
    }

    fn fetch_aside(&mut self) {
        let mut aside = core::mem::take(&mut self.aside);
        let mut bytes = aside.bytes.as_slice();
        for piece in &aside.pieces {
            let Some((payload, rest)) = bytes.split_at_checked(piece.length) else { break };
            self.put(piece.offset, payload);
            bytes = rest;
        }
        aside.clear();
        self.aside = aside;
    }
}

/// A number for a place in the packet, such that sums of some are those of others hardly ever.
const fn seam(place: u32) -> u64 {
    let mixed = (place as u64 ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

impl Aside {
    fn push(&mut self, offset: usize, payload: &[u8]) {
        let end = offset + payload.len();
        let empty = self.pieces.is_empty();
        self.start = if empty { offset } else { self.start.min(offset) };
        self.end = if empty { end } else { self.end.max(end) };
        self.pieces.push(Piece { offset, length: payload.len() });
        self.bytes.extend_from_slice(payload);
    }

    fn clear(&mut self) {
        self.pieces.clear();
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    fn begun(fragment: &Fragment<'_>) -> Assembly {
        let mut assembly = Assembly::new();
        assembly.begin(fragment, BytesMut::new());
        assembly
    }

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

    fn check_any_order(whole: &[u8], size: usize, picks: &[prop::sample::Index], step: usize) {
        let count = whole.len().div_ceil(size);
        let mut assembly = begun(&fragment(whole, size, 0));
        for pick in picks {
            if !assembly.is_complete() {
                assembly.insert(&fragment(whole, size, pick.index(count)));
            }
        }
        for number in (0..count).rev().map(|n| (n + step) % count) {
            assert!(assembly.matches(&fragment(whole, size, number)));
            assert!(!assembly.is_spoiled_by(&fragment(whole, size, number)));
            assembly.insert(&fragment(whole, size, number));
            assert!(assembly.bytes.capacity() <= 2 * rounded(assembly.reach()));
        }
        assert!(assembly.is_complete());
        assert!(assembly.seen.len() <= 1);
        assert_eq!(&assembly.finish()[..], whole);
    }

    proptest! {
        #[test]
        fn any_order_with_duplicates_gives_the_packet_back(
            whole in prop::collection::vec(any::<u8>(), 1..3000),
            size in 1usize..200,
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
            step in 0usize..3000,
        ) {
            check_any_order(&whole, size, &picks, step);
        }

        /// Against a packet that is there from the start, to which every fragment is written as it arrives.
        #[test]
        fn of_overlapping_fragments_the_later_arrival_counts(
            total in 20u32..200_000,
            pieces in prop::collection::vec((any::<prop::sample::Index>(), 1usize..60, 0u32..20), 1..60),
        ) {
            let mut model = vec![0; total as usize];
            let shape = Fragment { start: 1, count: 20, number: 0, total_length: total, offset: 0, payload: &[] };
            let mut assembly = begun(&shape);
            let mut seen = std::collections::BTreeSet::new();
            for (fill, (at, length, number)) in (1u8..).zip(pieces) {
                let offset = at.index(total as usize);
                let payload = vec![fill; length.min(total as usize - offset)];
                let offset = u32::try_from(offset).unwrap();
                assembly.insert(&Fragment { number, offset, payload: &payload, ..shape });
                if seen.insert(number) {
                    model[offset as usize..][..payload.len()].fill(fill);
                }
                prop_assert_eq!(assembly.missing as usize, 20 - seen.len());
            }
            prop_assert_eq!(&assembly.finish()[..], &model[..]);
        }
    }

    /// On a machine of 32 bits that is what foreign fragments that overlap add up to.
    #[test]
    fn more_than_can_be_counted_has_no_end() {
        let mut assembly = begun(&FAR);
        assembly.received = usize::MAX - 1;
        assembly.insert(&FAR);
        assert_eq!((assembly.received, assembly.reach()), (usize::MAX, usize::MAX));
    }

    #[test]
    fn a_large_packet_backwards_gives_the_packet_back() {
        let whole: Vec<u8> = (0..300_000u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
        check_any_order(&whole, 1_000, &[], 0);
        check_any_order(&whole, 1_000, &[], 299);
    }

    /// A fragment with the highest number there is, at the end of the largest packet.
    const FAR: Fragment<'static> = Fragment {
        start: 1,
        count: 1 << 20,
        number: (1 << 20) - 1,
        total_length: 32 << 20,
        offset: (32 << 20) - 1,
        payload: &[1],
    };

    #[test]
    fn a_fragment_costs_what_it_brings_wherever_it_belongs() {
        let mut assembly = begun(&FAR);
        assembly.insert(&FAR);
        assert_eq!((assembly.bytes.capacity(), assembly.aside.pieces.len()), (0, 1));
        assert!(assembly.aside.bytes.capacity() <= 16);
        assert_eq!(assembly.seen.places(), 1);
    }

    #[test]
    fn a_packet_that_was_hardly_begun_takes_hardly_any_memory() {
        for offset in [0, 1, 2_000, 16_000_000] {
            let first = Fragment {
                start: 1,
                count: 1 << 20,
                number: 7,
                total_length: 16 << 20,
                offset,
                payload: b"x",
            };
            let mut assembly = begun(&first);
            assembly.insert(&first);
            assert!(assembly.footprint() <= 400, "{offset}: {}", assembly.footprint());
        }
    }

    #[test]
    fn flags_that_are_passed_are_dropped() {
        let piece = |number| Fragment { number, offset: number, ..FAR };
        let mut assembly = begun(&FAR);
        for number in (1..1000).rev() {
            assembly.insert(&piece(number));
        }
        assert_eq!((assembly.front, assembly.seen.len()), (0, 16));
        assembly.insert(&piece(0));
        assert_eq!((assembly.front, assembly.seen.len()), (1000, 1));
        assembly.insert(&piece(999));
        assert_eq!(assembly.missing, (1 << 20) - 1000);
    }

    #[test]
    fn what_no_fragment_covered_is_zero_even_in_a_buffer_that_was_used_before() {
        let part = |number, offset, payload| Fragment {
            start: 1,
            count: 3,
            number,
            total_length: 6,
            offset,
            payload,
        };
        let mut assembly = Assembly::new();
        let mut used = BytesMut::from(&b"xxxxxxxx"[..]);
        used.clear();
        assembly.begin(&part(0, 0, b"a"), used);
        for fragment in [part(0, 0, b"a"), part(2, 4, b"c"), part(1, 2, b"b")] {
            assembly.insert(&fragment);
        }
        assert_eq!(&assembly.finish()[..], b"a\0b\0c\0");
    }
}
