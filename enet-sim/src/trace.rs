//! [`TraceHash`]: everything that happened on the wire, as one number.

use core::fmt;

use serde::{Serialize, Serializer};

/// A hash of every datagram of a run: when, in which direction, its bytes, and when it arrived. Two runs with equal
/// hashes were the same run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceHash(u64);

impl TraceHash {
    /// FNV-1a's offset basis.
    pub(crate) const EMPTY: TraceHash = TraceHash(0xcbf2_9ce4_8422_2325);

    /// The hash with more bytes in it (FNV-1a).
    #[must_use]
    pub(crate) fn with(self, bytes: &[u8]) -> TraceHash {
        TraceHash(
            bytes
                .iter()
                .fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)),
        )
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

    #[test]
    fn the_hash_is_fnv_1a() {
        // Published test vectors of the 64-bit variant.
        assert_eq!(TraceHash::EMPTY.to_string(), "cbf29ce484222325");
        assert_eq!(TraceHash::EMPTY.with(b"foobar").to_string(), "85944171f73967e8");
    }
}
