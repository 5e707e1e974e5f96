//! The range coder: ENet's built-in compressor (PROTOCOL.md §15), the model's predictions turned into bits.

mod coder;
mod coding;
mod context;
mod cumulative;
mod lanes;
mod model;
mod root;
mod tree;
mod weights;
mod wide;

use core::fmt;

use self::coder::{Damage, Encoder};
use self::model::Model;
use self::tree::Tree;
use crate::Compressor;

/// ENet's built-in compressor: an adaptive order-2 PPM model behind a 32-bit range coder, bit-exact with C ENet 1.3.
///
/// The model learns while it codes and is forgotten at the end of each call, so one coder serves any number of peers in
/// both directions. The value is some 500 KiB large, of which a call touches what its data needs, and allocates nothing: keep
/// it in a `static` or a box.
///
/// A damaged block is refused or gives the wrong bytes, the same ones as in C: a block carries no check of its own. Some of
/// them take a way of their own, which needs 64 KiB of stack.
///
/// ```
/// use enet_compress::{Compressor, RangeCoder};
///
/// let mut coder = RangeCoder::new();
/// let mut output = [0; 64];
/// assert_eq!(coder.compress(&[0; 16], &mut output), Some(6));
/// assert_eq!(output[..6], [0x01, 0x03, 0xe7, 0x3d, 0x17, 0xcf]);
///
/// // The output limit is the length of the slice; a single byte grows to four.
/// assert_eq!(coder.compress(b"a", &mut output[..1]), None);
/// assert_eq!(coder.compress(b"a", &mut output), Some(4));
/// ```
#[doc(alias = "enet_range_coder_create")]
#[doc(alias = "enet_host_compress_with_range_coder")]
pub struct RangeCoder {
    model: Model,
}

impl RangeCoder {
    /// A coder ready for use.
    #[must_use]
    pub const fn new() -> Self {
        Self { model: Model::UNUSED }
    }

    /// A coder ready for use, on the heap. Its 500 KiB cross the stack of this function only, however little a debug
    /// build optimises: prefer it to `Box::new(RangeCoder::new())`.
    ///
    /// ```
    /// use enet_compress::{Compressor, RangeCoder};
    /// let mut coder = RangeCoder::boxed();
    /// assert_eq!(coder.compress(&[0; 16], &mut [0; 64]), Some(6));
    /// ```
    #[cfg(feature = "alloc")]
    #[inline(never)]
    #[must_use]
    pub fn boxed() -> alloc::boxed::Box<Self> {
        alloc::boxed::Box::new(Self::new())
    }

    /// Compresses the concatenation of `parts`, as [`compress`](Compressor::compress) would, without copying it
    /// together first. Empty parts change nothing.
    ///
    /// ```
    /// use enet_compress::{Compressor, RangeCoder};
    ///
    /// let mut coder = RangeCoder::new();
    /// let (mut whole, mut parts) = ([0; 16], [0; 16]);
    /// assert_eq!(coder.compress(b"abab", &mut whole), Some(6));
    /// assert_eq!(coder.compress_parts(&[b"ab", b"", b"ab"], &mut parts), Some(6));
    /// assert_eq!(whole, parts);
    /// ```
    pub fn compress_parts(&mut self, parts: &[&[u8]], output: &mut [u8]) -> Option<usize> {
        self.model.reset();
        let mut encoder = Encoder::new(output);
        for part in parts {
            self.model.encode(part, &mut encoder).ok()?;
        }
        encoder.finish().ok().filter(|&len| len > 0)
    }
}

impl Default for RangeCoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RangeCoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 4096 symbols of a finished call tell nobody anything.
        f.debug_struct("RangeCoder").finish_non_exhaustive()
    }
}

impl Compressor for RangeCoder {
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        self.compress_parts(&[input], output)
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        self.model.reset();
        match self.model.decode(input, output) {
            Ok(len) => len.filter(|&len| len > 0),
            Err(Damage::Nowhere) => None,
            Err(Damage::Beyond) => decompress_with_tree(input, output),
        }
    }
}

/// Never inlined: a sound block has no use for the stack that a tree takes.
#[cold]
#[inline(never)]
fn decompress_with_tree(input: &[u8], output: &mut [u8]) -> Option<usize> {
    Tree::new().decompress(input, output)
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const ROOM: usize = 20_000;

    /// Bytes of a long input; under Miri, which is a thousand times slower, fewer.
    const LONG: usize = if cfg!(miri) { 100 } else { 6000 };

    fn compress(input: &[u8]) -> Vec<u8> {
        let mut coder = RangeCoder::new();
        let mut block = vec![0; ROOM];
        let len = coder.compress(input, &mut block).unwrap();
        coder.model.check_invariants();
        block.truncate(len);
        block
    }

    /// What the tree makes of a block, after comparing the model's opinion with it.
    fn decompress(block: &[u8]) -> Option<Vec<u8>> {
        let (mut ours, mut theirs) = (vec![0; ROOM], vec![0; ROOM]);
        let expected = Tree::new().decompress(block, &mut theirs).map(|len| &theirs[..len]);
        let mut coder = RangeCoder::new();
        coder.model.reset();
        match coder.model.decode(block, &mut ours) {
            Ok(len) => assert_eq!(len.filter(|&len| len > 0).map(|len| &ours[..len]), expected),
            Err(Damage::Nowhere) => assert_eq!(expected, None),
            Err(Damage::Beyond) => {}
        }
        coder.model.check_invariants();
        expected.map(<[u8]>::to_vec)
    }

    fn few_values() -> impl Strategy<Value = Vec<u8>> {
        (1..60_u8, 1..60_u8).prop_flat_map(|(values, step)| {
            vec((0..values).prop_map(move |value| value.wrapping_mul(step)), 1..LONG)
        })
    }

    proptest! {
        #[test]
        fn the_tree_reads_what_the_model_writes(
            input in prop_oneof![vec(any::<u8>(), 1..LONG), vec(0..200_u8, 1..LONG / 20), few_values()],
        ) {
            prop_assert_eq!(decompress(&compress(&input)), Some(input));
        }

        #[test]
        fn model_and_tree_read_the_same_from_damaged_blocks(
            input in prop_oneof![vec(any::<u8>(), 1..LONG / 3), few_values()],
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        ) {
            let mut block = compress(&input);
            for (at, value) in changes {
                *at.get_mut(&mut block) = value;
            }
            decompress(&block);
            decompress(&block[..block.len() / 2]);
            decompress(&input);
        }
    }

    #[test]
    fn a_coder_takes_no_more_than_its_documentation_says() {
        assert!(size_of::<RangeCoder>() < 512 * 1024, "{}", size_of::<RangeCoder>());
        assert!(size_of::<Tree>() <= 64 * 1024 + 4, "{}", size_of::<Tree>());
    }

    #[test]
    fn codes_beyond_the_root_are_left_to_the_tree() {
        // Truncated to one byte, most blocks lead to a code just above the interval.
        let beyond = (1..=255).filter(|&byte| {
            let mut coder = RangeCoder::new();
            coder.model.reset();
            matches!(coder.model.decode(&[byte], &mut [0; 300]), Err(Damage::Beyond))
        });
        assert!(beyond.count() > 100, "the case this is about occurred");
    }

    #[test]
    fn a_byte_repeated_for_ever_is_rescaled_again_and_again() {
        for input in [vec![7; LONG / 2 * 3], [7, 0].repeat(LONG / 4 * 3), [255, 255, 0].repeat(LONG / 2)] {
            assert_eq!(decompress(&compress(&input)), Some(input));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "a hundred thousand symbols take half an hour")]
    fn contexts_of_all_bytes_are_rescaled_when_their_total_passes_65280() {
        // Few symbols, so no reset, and every byte as often as any other after 7 7.
        let round = (0..=255).filter(|&value| value != 7).flat_map(|value| [7, 7, value]);
        let round: Vec<u8> = round.collect();
        let (mut block, mut output) = (vec![0; 200_000], vec![0; 200_000]);
        let mut coder = RangeCoder::new();
        coder.model.reset();
        let mut encoder = Encoder::new(&mut block);
        let mut highest = 0;
        for _ in 0..140 {
            coder.model.encode(&round, &mut encoder).unwrap();
            highest = highest.max(coder.model.check_invariants());
        }
        assert!((64_700..=65_280).contains(&highest), "{highest}");
        let len = encoder.finish().unwrap();
        let len = Tree::new().decompress(&block[..len], &mut output).unwrap();
        assert_eq!(output[..len], round.repeat(140));
    }

    #[test]
    #[cfg_attr(miri, ignore = "eight thousand symbols take minutes")]
    fn the_model_starts_anew_before_4096_symbols_are_known() {
        let mut value: u32 = 1;
        let mut next = || {
            value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            value.to_be_bytes()[0]
        };
        let mut coder = RangeCoder::new();
        coder.model.reset();
        let mut block = vec![0; ROOM];
        let mut encoder = Encoder::new(&mut block);
        let (mut resets, mut before) = (0, 0);
        for _ in 0..8192 {
            coder.model.encode(&[next()], &mut encoder).unwrap();
            resets += usize::from(coder.model.symbols_len() < before);
            before = coder.model.symbols_len();
            assert!(before < 4096);
        }
        assert!(resets >= 2, "{resets}");
        coder.model.check_invariants();
    }
}
