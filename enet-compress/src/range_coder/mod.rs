//! The range coder: ENet's built-in compressor (PROTOCOL.md §15), the model's predictions turned into bits.

mod coder;
mod model;

use core::fmt;

use self::coder::{Corrupt, Decoder, Encoder};
use self::model::Model;
use crate::Compressor;

/// ENet's built-in compressor: an adaptive order-2 PPM model behind a 32-bit range coder, bit-exact with C ENet 1.3.
///
/// The model learns while it codes and is forgotten at the end of each call, so one coder serves any number of peers in
/// both directions. The value is 64 KiB large and allocates nothing: keep it in a `static`, a field or a box.
///
/// A damaged block is refused or gives the wrong bytes, the same ones as in C: a block carries no check of its own.
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
        Self { model: Model::new() }
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
        for &value in parts.iter().copied().flatten() {
            self.model.record(value, |interval| encoder.encode(interval)).ok()?;
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
        let mut decoder = Decoder::new(input);
        let mut len = 0;
        while let Some(value) = decode(&mut self.model, &mut decoder).ok()? {
            *output.get_mut(len)? = value;
            len += 1;
        }
        (len > 0).then_some(len)
    }
}

/// Reads the next byte; `None` is the end of the data: an escape in every context (PROTOCOL.md §15.5).
fn decode(model: &mut Model, decoder: &mut Decoder<'_>) -> Result<Option<u8>, Corrupt> {
    let mut escaped = 0;
    let mut next = Some(model.predicted());
    while let Some(context) = next {
        // An empty context says nothing, so it cost no code.
        if let Some(escape) = model.escape(context) {
            let position = decoder.position(escape.total)?;
            if position >= escape.count {
                let found = model.locate_at(context, position - escape.count).ok_or(Corrupt)?;
                decoder.consume(escape.followed_by(found.under, found.count));
                model.learn(&found, escaped);
                return Ok(Some(found.value));
            }
            decoder.consume(escape);
        }
        escaped += 1;
        next = model.shorter(context);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const ROOM: usize = 20_000;

    proptest! {
        #[test]
        fn the_model_stays_consistent_while_coding(input in vec(0..200u8, 1..3000)) {
            let mut coder = RangeCoder::new();
            let mut block = [0; ROOM];
            let len = coder.compress(&input, &mut block).unwrap();
            prop_assert!(coder.model.check_invariants());
            coder.decompress(&block[..len], &mut [0; ROOM]).unwrap();
            prop_assert!(coder.model.check_invariants());
        }

        #[test]
        fn the_model_stays_consistent_on_damaged_blocks(input in vec(0..200u8, 1..3000), end in 0..3000usize) {
            let mut coder = RangeCoder::new();
            let mut block = [0; ROOM];
            let len = coder.compress(&input, &mut block).unwrap();
            coder.decompress(&block[..len.min(end)], &mut [0; ROOM]);
            coder.model.check_invariants();
            coder.decompress(&input, &mut [0; ROOM]);
            coder.model.check_invariants();
        }
    }

    #[test]
    fn positions_beyond_a_context_leave_the_model_consistent() {
        // Truncated to one byte, most blocks lead to a code just above the interval, again and again.
        let mut unsorted = 0;
        for byte in 1..=255 {
            let mut coder = RangeCoder::new();
            for limit in 0..200 {
                coder.decompress(&[byte], &mut [0; ROOM][..limit]);
                unsorted += usize::from(!coder.model.check_invariants());
            }
        }
        assert!(unsorted > 50, "the case this is about occurred");
    }
}
