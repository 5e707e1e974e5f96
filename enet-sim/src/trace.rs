//! [`TraceHash`]: everything that happened in a world, as one number.
#![allow(clippy::cast_possible_truncation, reason = "halves of numbers are what is wanted")]

use std::fmt;

use serde::{Serialize, Serializer};

/// A rolling 64-bit hash of what happened, in order: each datagram with its time, fate and bytes, each event. Equal
/// worlds have equal hashes, on every platform; the first difference changes it for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceHash(pub u64);

// Odd constants without structure: the fractional parts of the square roots of 2, 3 and 5.
const K: [u64; 3] = [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b];

/// A product of two words folded to one: fast, and every bit of both counts.
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

impl TraceHash {
    /// Nothing has happened.
    pub const EMPTY: TraceHash = TraceHash(K[0]);

    /// Adds a number.
    pub fn number(&mut self, number: u64) {
        self.0 = mix(self.0 ^ number ^ K[1], self.0.rotate_left(29) ^ K[2]).wrapping_add(number);
    }

    /// Adds bytes, with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            self.pair(u128::from_le_bytes(*pair));
        }
        let mut last = [0; 16];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.pair(u128::from_le_bytes(last));
        self.number(bytes.len() as u64);
    }

    fn pair(&mut self, pair: u128) {
        let (low, high) = (pair as u64, (pair >> 64) as u64);
        // The sum keeps what went before even where a factor happens to be zero.
        self.0 = mix(self.0 ^ low ^ K[1], high ^ K[2]).wrapping_add(self.0.rotate_left(23));
    }
}

impl Default for TraceHash {
    fn default() -> Self {
        TraceHash::EMPTY
    }
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for TraceHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // JSON's numbers lose 64-bit integers in many readers.
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> TraceHash {
        let mut hash = TraceHash::EMPTY;
        hash.bytes(bytes);
        hash
    }

    #[test]
    fn every_byte_and_the_length_count() {
        let base = [7u8; 21];
        for place in 0..base.len() {
            let mut other = base;
            other[place] ^= 1;
            assert_ne!(of(&base), of(&other), "byte {place}");
        }
        assert_ne!(of(&[0; 8]), of(&[0; 9]));
        assert_ne!(of(b""), TraceHash::EMPTY);
    }

    #[test]
    fn order_counts() {
        let (mut first, mut second) = (TraceHash::EMPTY, TraceHash::EMPTY);
        first.number(1);
        first.number(2);
        second.number(2);
        second.number(1);
        assert_ne!(first, second);
    }

    #[test]
    fn the_hash_never_changes() {
        // Golden hashes elsewhere rest on this.
        assert_eq!(of(b"the quick brown fox").to_string(), "98aa872f47eb3d2a");
    }
}
