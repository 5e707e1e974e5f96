//! CRC-32, the stock checksum: IEEE 802.3, eight bytes at a step.

/// The polynomial, reflected.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// `TABLES[k][b]` is what byte `b` followed by `k` zero bytes leaves in a register that was zero. The register is
/// linear, so eight bytes at once are the exclusive or of eight table entries.
static TABLES: [[u32; 256]; 8] = tables();

/// CRC-32 of bytes that come in parts (IEEE 802.3, as in zlib: reflected polynomial 0xEDB88320, start 0xFFFFFFFF,
/// inverted at the end; `PROTOCOL.md §1.3`).
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
    pub const fn new() -> Self {
        Self { register: u32::MAX }
    }

    /// Appends bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            self.register = step_eight(self.register, *eight);
        }
        for byte in rest {
            self.register = step(self.register, *byte);
        }
    }

    /// The CRC of everything appended.
    #[must_use]
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
pub fn crc32<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let mut crc = Crc32::new();
    for part in parts {
        crc.update(part);
    }
    crc.finish()
}

fn step(register: u32, byte: u8) -> u32 {
    let [low, ..] = register.to_le_bytes();
    (register >> 8) ^ entry(0, low ^ byte)
}

fn step_eight(register: u32, [b0, b1, b2, b3, b4, b5, b6, b7]: [u8; 8]) -> u32 {
    let [r0, r1, r2, r3] = register.to_le_bytes();
    entry(7, r0 ^ b0)
        ^ entry(6, r1 ^ b1)
        ^ entry(5, r2 ^ b2)
        ^ entry(4, r3 ^ b3)
        ^ entry(3, b4)
        ^ entry(2, b5)
        ^ entry(1, b6)
        ^ entry(0, b7)
}

#[expect(clippy::indexing_slicing, reason = "8 tables, called with 0 … 7; 256 entries, indexed by a byte")]
const fn entry(table: usize, byte: u8) -> u32 {
    TABLES[table][byte as usize]
}

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a bad index does not compile")]
#[expect(clippy::cast_possible_truncation, reason = "the counters stay below 256")]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut register = byte as u32;
        let mut zeros = 0;
        while zeros < 8 {
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

    fn sample() -> [u8; 300] {
        let mut state = 1_u32;
        [0; 300].map(|_| {
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
    fn eight_bytes_at_a_step_give_what_single_bits_give_at_every_length() {
        let sample = sample();
        for len in 0..=sample.len() {
            assert_eq!(crc32([&sample[..len]]), crc32_by_bits(&sample[..len]), "{len} bytes");
        }
    }

    #[test]
    fn every_cut_into_three_parts_gives_the_same_crc() {
        let sample = &sample()[..40];
        for first in 0..=sample.len() {
            for second in first..=sample.len() {
                let parts = [&sample[..first], &sample[first..second], &sample[second..]];
                assert_eq!(crc32(parts), crc32_by_bits(sample), "cut at {first} and {second}");
            }
        }
    }
}
