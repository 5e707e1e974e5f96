//! [`FastLz`]: Godot's `COMPRESS_FASTLZ`.
//!
//! A block of level 1 is a list of instructions, each of which begins with a byte whose upper three bits say what it is:
//!
//! | upper bits | meaning |
//! |---|---|
//! | 0 | literals follow: as many as the lower five bits say, and one |
//! | 1 – 6 | a match: so many bytes and two, from a distance of 13 bits, and one (the lower five bits, the next byte) |
//! | 7 | a long match: nine bytes and as many as the next byte says; the distance as above, but behind that byte |
//!
//! The first instruction is always one of literals; its upper bits are the level, counted from 0.

use crate::Compressor;

/// Inputs are filled up to so many bytes with zeros, as Godot does. Zeros end the commands of a datagram.
const LEAST: usize = 16;

const MAX_LITERALS: usize = 32;
const MAX_DISTANCE: usize = 1 << 13;
const MIN_MATCH: usize = 3;
const LONG_MATCH: usize = 9;
const MAX_MATCH: usize = LONG_MATCH + u8::MAX as usize;

const HASH_BITS: u32 = 11;

/// The codec FastLZ, level 1: fast, and weak on small datagrams. 4 KiB; serves any number of peers.
///
/// What is shorter than 16 bytes comes back with zeros behind it, as in Godot: in a datagram zeros end the commands
/// (PROTOCOL.md §17.5).
///
/// ```
/// use enet_compress::{Compressor, FastLz};
///
/// let mut codec = FastLz::new();
/// let text = b"hello hello hello hello";
/// let mut block = [0; 23];
/// let len = codec.compress(text, &mut block).unwrap();
/// assert_eq!(block[..len], *b"\x05hello \xe0\x08\x05");
///
/// let mut restored = [0; 4096];
/// assert_eq!(codec.decompress(&block[..len], &mut restored), Some(23));
/// assert_eq!(restored[..23], *text);
/// ```
#[derive(Debug, Clone)]
pub struct FastLz {
    /// One more than where a sequence of three bytes was seen last, by its hash.
    seen: [u16; 1 << HASH_BITS],
}

impl FastLz {
    /// A codec.
    pub const fn new() -> Self {
        FastLz { seen: [0; 1 << HASH_BITS] }
    }

    /// Where the three bytes at `at` were seen before, within reach; they count as seen at `at` from now on.
    #[allow(clippy::cast_possible_truncation)] // inputs are shorter than 2¹⁶
    fn recall(&mut self, input: &[u8], at: usize) -> Option<usize> {
        let bytes = *input.get(at..)?.first_chunk::<MIN_MATCH>()?;
        let [a, b, c] = bytes.map(u32::from);
        let hash = (a | b << 8 | c << 16).wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS);
        let place = self.seen.get_mut(hash as usize)?;
        let before = usize::from(core::mem::replace(place, at as u16 + 1)).checked_sub(1)?;
        let is_match = at - before <= MAX_DISTANCE && input.get(before..)?.first_chunk() == Some(&bytes);
        is_match.then_some(before)
    }
}

impl Default for FastLz {
    fn default() -> Self {
        FastLz::new()
    }
}

impl Compressor for FastLz {
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        let mut filled = [0; LEAST];
        let input = match filled.get_mut(..input.len()) {
            Some(front) if !input.is_empty() => {
                front.copy_from_slice(input);
                &filled
            }
            _ => input,
        };
        if input.is_empty() || input.len() >= usize::from(u16::MAX) {
            return None;
        }
        self.seen.fill(0);
        let mut block = Block { bytes: output, len: 0 };
        let (mut at, mut literals) = (0, 0);
        while at + MIN_MATCH <= input.len() {
            let Some(before) = self.recall(input, at) else {
                at += 1;
                continue;
            };
            let (old, new) = (input.get(before..)?, input.get(at..)?);
            let len = new.iter().zip(old).take(MAX_MATCH).take_while(|(new, old)| new == old).count();
            block.put_literals(input.get(literals..at)?)?;
            block.put_match(len, at - before)?;
            at += len;
            literals = at;
        }
        block.put_literals(input.get(literals..)?)?;
        Some(block.len)
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        let (first, mut rest) = input.split_first()?;
        let mut text = Block { bytes: output, len: 0 };
        if usize::from(*first) >= MAX_LITERALS {
            return None; // another level
        }
        let mut instruction = usize::from(*first);
        loop {
            let (kind, low) = (instruction >> 5, instruction & 0x1f);
            if kind == 0 {
                let literals;
                (literals, rest) = rest.split_at_checked(low + 1)?;
                text.put(literals)?;
            } else {
                let mut len = kind + 2;
                if len == LONG_MATCH {
                    len += usize::from(*rest.split_off_first()?);
                }
                let distance = (low << 8 | usize::from(*rest.split_off_first()?)) + 1;
                text.repeat(distance, len)?;
            }
            let Some(next) = rest.split_off_first() else { return Some(text.len) };
            instruction = usize::from(*next);
        }
    }
}

/// Bytes written one after the other, as long as there is room.
struct Block<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl Block<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.len..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
        self.len += bytes.len();
        Some(())
    }

    /// Writes again what stands so far back, which may reach into what it writes.
    fn repeat(&mut self, distance: usize, len: usize) -> Option<()> {
        let from = self.len.checked_sub(distance)?;
        if len > self.bytes.len() - self.len {
            return None;
        }
        for offset in from..from + len {
            *self.bytes.get_mut(offset + distance)? = *self.bytes.get(offset)?;
        }
        self.len += len;
        Some(())
    }

    #[allow(clippy::cast_possible_truncation)] // at most 32
    fn put_literals(&mut self, literals: &[u8]) -> Option<()> {
        for run in literals.chunks(MAX_LITERALS) {
            self.put(&[run.len() as u8 - 1])?;
            self.put(run)?;
        }
        Some(())
    }

    #[allow(clippy::cast_possible_truncation)] // 13 bits, and at most 264
    fn put_match(&mut self, len: usize, distance: usize) -> Option<()> {
        let (high, low) = (((distance - 1) >> 8) as u8, (distance - 1) as u8);
        match len.checked_sub(LONG_MATCH) {
            Some(more) => self.put(&[7 << 5 | high, more as u8, low]),
            None => self.put(&[(len as u8 - 2) << 5 | high, low]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decompressed(block: &[u8]) -> Option<std::vec::Vec<u8>> {
        let mut output = [0; 4096];
        let len = FastLz::new().decompress(block, &mut output)?;
        Some(output[..len].to_vec())
    }

    #[test]
    fn each_instruction_does_what_the_format_says() {
        assert_eq!(decompressed(b"\x02abc").unwrap(), b"abc");
        assert_eq!(decompressed(b"\x02abc\x20\x02").unwrap(), b"abcabc", "three bytes from three back");
        assert_eq!(
            decompressed(b"\x00a\xc0\x00").unwrap(),
            b"aaaaaaaaa",
            "a match that reads what it writes"
        );
        assert_eq!(decompressed(b"\x00a\xe0\x01\x00").unwrap(), [b'a'; 11], "a long match");
        let far = [&[0x1f][..], &[7; 32], &[0xe0, 0xff, 0], &[0x20, 31]].concat();
        assert_eq!(decompressed(&far).unwrap(), [7; 32 + 264 + 3]);
    }

    #[test]
    fn damaged_blocks_are_refused() {
        for block in [&b""[..], b"\x20\x00", b"\x02ab", b"\x00a\x20", b"\x00a\xe0\x01", b"\x00a\x20\x01"] {
            assert_eq!(decompressed(block), None, "{block:?}");
        }
        assert_eq!(FastLz::new().decompress(b"\x00a\xe0\xff\x00", &mut [0; 264]), None, "too long by one");
    }

    #[test]
    fn what_is_short_is_filled_up_to_sixteen_bytes() {
        let mut block = [0; 16];
        let len = FastLz::new().compress(b"abcabcabc", &mut block).unwrap();
        assert_eq!(decompressed(&block[..len]).unwrap(), b"abcabcabc\0\0\0\0\0\0\0");
        assert_eq!(FastLz::new().compress(b"", &mut block), None);
    }
}
