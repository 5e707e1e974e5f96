//! CRC-32, the stock checksum: IEEE 802.3, sixteen bytes at a step.

/// The polynomial, reflected.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// `TABLES[k][b]` is what byte `b` followed by `k` zero bytes leaves in a register that was zero. The register is
/// linear, so sixteen bytes at once are the exclusive or of sixteen table entries.
static TABLES: [[u32; 256]; 16] = tables();

/// Parts at least this long are worth a call: of `crc32fast`, which folds blocks of this size, or of the loop that
/// steps over them.
const LONG: usize = 16;

/// CRC-32 of bytes that come in parts (IEEE 802.3, as in zlib: reflected polynomial 0xEDB88320, start 0xFFFFFFFF,
/// inverted at the end; `PROTOCOL.md §1.3`).
///
/// With the feature `crc32fast` the processor's own instructions do long parts, where it has them; the results are the
/// same.
///
/// ```
/// use enet_wire::Crc32;
///
/// let mut crc = Crc32::new();
/// crc.update(b"1234");
/// crc.update(b"56789");
/// assert_eq!(crc.finish(), 0xCBF4_3926);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Crc32 {
    register: u32,
}

impl Crc32 {
    /// The CRC of nothing so far.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self { register: u32::MAX }
    }

    /// Appends bytes.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        self.register = if bytes.len() < LONG {
            step_short(self.register, bytes)
        } else {
            step_long(self.register, bytes)
        };
    }

    /// The CRC of everything appended.
    #[must_use]
    #[inline]
    pub const fn finish(self) -> u32 {
        !self.register
    }
}

impl Default for Crc32 {
    fn default() -> Self {
        Self::new()
    }
}

/// The CRC-32 of `parts`, one after the other; how they are cut makes no difference.
///
/// The checksum of a datagram is that of its header, the seed in place of the checksum, and the uncompressed
/// commands; its big-endian bytes are the four on the wire (`PROTOCOL.md §1.3`).
///
/// ```
/// use enet_wire::crc32;
///
/// let header = [0x00, 0x00];
/// let seed = [0x22, 0xC1, 0x28, 0x4A]; // the connection's id; zeros if the header's peer is unknown
/// let commands = [0x01, 0xFF, 0x00, 0x02, 0x00, 0x02, 0x42, 0x4C];
/// let crc = crc32([&header[..], &seed, &commands]);
/// assert_eq!(crc.to_be_bytes(), [0xC8, 0x5D, 0xE8, 0x31]);
/// ```
#[doc(alias = "enet_crc32")]
#[must_use]
#[inline]
pub fn crc32<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let mut crc = Crc32::new();
    for part in parts {
        crc.update(part);
    }
    crc.finish()
}

/// Any number of bytes, though few are expected: a datagram's header and seed, which cost nothing but their steps
/// where the compiler knows their lengths.
#[inline]
fn step_short(mut register: u32, bytes: &[u8]) -> u32 {
    let (fours, rest) = bytes.as_chunks::<4>();
    for four in fours {
        register = step_four(register, *four);
    }
    for byte in rest {
        register = step(register, *byte);
    }
    register
}

#[cfg(feature = "crc32fast")]
#[inline]
fn step_long(register: u32, bytes: &[u8]) -> u32 {
    // Its state is the register inverted.
    let mut hasher = crc32fast::Hasher::new_with_initial(!register);
    hasher.update(bytes);
    !hasher.finalize()
}

#[cfg(not(feature = "crc32fast"))]
use step_through as step_long;

#[cfg_attr(feature = "crc32fast", allow(dead_code, reason = "tested all the same"))]
fn step_through(mut register: u32, bytes: &[u8]) -> u32 {
    let (sixteens, rest) = bytes.as_chunks::<16>();
    for sixteen in sixteens {
        register = step_sixteen(register, *sixteen);
    }
    step_short(register, rest)
}

#[inline]
fn step(register: u32, byte: u8) -> u32 {
    let [low, ..] = register.to_le_bytes();
    (register >> 8) ^ entry(0, low ^ byte)
}

#[inline]
fn step_four(register: u32, four: [u8; 4]) -> u32 {
    let [b0, b1, b2, b3] = (register ^ u32::from_le_bytes(four)).to_le_bytes();
    entry(3, b0) ^ entry(2, b1) ^ entry(1, b2) ^ entry(0, b3)
}

/// The register meets the first four bytes only. The other twelve come first: their entries need not wait for it.
fn step_sixteen(register: u32, sixteen: [u8; 16]) -> u32 {
    let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = sixteen;
    let d = entry(3, d0) ^ entry(2, d1) ^ entry(1, d2) ^ entry(0, d3);
    let c = entry(7, c0) ^ entry(6, c1) ^ entry(5, c2) ^ entry(4, c3);
    let b = entry(11, b0) ^ entry(10, b1) ^ entry(9, b2) ^ entry(8, b3);
    let [a0, a1, a2, a3] = (register ^ u32::from_le_bytes([a0, a1, a2, a3])).to_le_bytes();
    let a = (entry(15, a0) ^ entry(14, a1)) ^ (entry(13, a2) ^ entry(12, a3));
    a ^ (b ^ c ^ d)
}

#[expect(clippy::indexing_slicing, reason = "16 tables, called with 0 … 15; 256 entries, indexed by a byte")]
#[inline]
const fn entry(table: usize, byte: u8) -> u32 {
    TABLES[table][byte as usize]
}

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a bad index does not compile")]
#[expect(clippy::cast_possible_truncation, reason = "the counters stay below 256")]
const fn tables() -> [[u32; 256]; 16] {
    let mut tables = [[0; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        let mut register = byte as u32;
        let mut zeros = 0;
        while zeros < 16 {
            let mut bit = 0;
            while bit < 8 {
                let odd = register & 1 == 1;
                register >>= 1;
                if odd {
                    register ^= POLYNOMIAL;
                }
                bit += 1;
            }
            tables[zeros][byte] = register;
            zeros += 1;
        }
        byte += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One bit at a time, without tables.
    fn crc32_by_bits(bytes: &[u8]) -> u32 {
        let mut register = u32::MAX;
        for byte in bytes {
            register ^= u32::from(*byte);
            for _ in 0..8 {
                let odd = register & 1 == 1;
                register = (register >> 1) ^ if odd { POLYNOMIAL } else { 0 };
            }
        }
        !register
    }

    /// Under Miri, which is a thousand times slower, as many as reach every table and every rest.
    const SAMPLE: usize = if cfg!(miri) { 20 } else { 300 };

    fn sample() -> [u8; SAMPLE] {
        let mut state = 1_u32;
        [0; SAMPLE].map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
    }

    #[test]
    fn the_check_value_of_crc_32_is_0xcbf43926() {
        assert_eq!(crc32([&b"123456789"[..]]), 0xCBF4_3926);
    }

    #[test]
    fn the_crc_of_nothing_is_zero() {
        assert_eq!(crc32([]), 0);
        assert_eq!(Crc32::new().finish(), 0);
        assert_eq!(Crc32::default(), Crc32::new());
    }

    #[test]
    fn the_crcs_of_known_strings_are_the_published_ones() {
        assert_eq!(crc32([&b"a"[..]]), 0xE8B7_BE43);
        assert_eq!(crc32([&b"abc"[..]]), 0x3524_41C2);
        assert_eq!(crc32([&b"message digest"[..]]), 0x2015_9D7F);
        assert_eq!(crc32([&b"abcdefghijklmnopqrstuvwxyz"[..]]), 0x4C27_50BD);
        assert_eq!(crc32([&[0; 32][..]]), 0x190A_55AD);
        assert_eq!(crc32([&[0xFF; 32][..]]), 0xFF6C_AB0B);
    }

    /// With the feature `crc32fast` this compares it, else the tables, with single bits.
    #[test]
    fn every_length_and_every_cut_give_what_single_bits_give() {
        let sample = sample();
        for len in 0..=sample.len() {
            let expected = crc32_by_bits(&sample[..len]);
            for cut in 0..=len {
                let parts = [&sample[..cut], &sample[cut..len]];
                assert_eq!(crc32(parts), expected, "{len} bytes, cut at {cut}");
            }
        }
    }

    #[test]
    fn the_tables_give_what_single_bits_give_at_every_length_with_or_without_the_feature() {
        let sample = sample();
        for len in 0..=sample.len() {
            assert_eq!(!step_through(u32::MAX, &sample[..len]), crc32_by_bits(&sample[..len]), "{len} bytes");
        }
    }

    #[test]
    fn every_cut_into_three_parts_gives_the_same_crc() {
        let sample = sample();
        let sample = &sample[..SAMPLE.min(40)];
        for first in 0..=sample.len() {
            for second in first..=sample.len() {
                let parts = [&sample[..first], &sample[first..second], &sample[second..]];
                assert_eq!(crc32(parts), crc32_by_bits(sample), "cut at {first} and {second}");
            }
        }
    }
}
