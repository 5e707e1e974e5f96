//! The carry-less 32-bit arithmetic coder: intervals of known weight to bytes and back (PROTOCOL.md §15.3).

use core::num::NonZeroU16;
use core::slice;

/// Bytes are settled once the interval lies within one multiple of this.
const TOP: u32 = 1 << 24;
/// The range never stays below this, so no total that fits 16 bits divides it to nothing.
const BOTTOM: u32 = 1 << 16;

/// A share of a context's cumulative weight: `count` of `total`, after the first `under`.
///
/// `count` is at least 1 and, except in a damaged block, `under + count` at most `total`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub(super) under: u32,
    pub(super) count: u32,
    pub(super) total: NonZeroU16,
}

impl Interval {
    /// An interval of the same context, `under` units after the end of this one.
    pub(super) fn followed_by(self, under: u32, count: u32) -> Self {
        Self { under: self.count + under, count, total: self.total }
    }
}

/// The output limit was reached.
#[derive(Debug)]
pub(super) struct Full;

/// The block points at nothing.
#[derive(Debug)]
pub(super) struct Corrupt;

/// The numbers still possible: those from `low` up to `low + range`.
#[derive(Debug)]
struct Span {
    low: u32,
    range: u32,
}

impl Span {
    const FULL: Self = Self { low: 0, range: u32::MAX };

    /// The size of one unit of weight when the span is shared by `total` units.
    fn unit(&self, total: NonZeroU16) -> u32 {
        self.range / u32::from(total.get())
    }

    fn narrow(&mut self, interval: Interval) {
        let unit = self.unit(interval.total);
        self.low = self.low.wrapping_add(interval.under.wrapping_mul(unit));
        self.range = unit.wrapping_mul(interval.count);
    }

    /// Shifts out the top byte of `low` if nothing that follows can change it, or if the range has become too small
    /// to go on: then the range is cut at the next multiple of [`BOTTOM`] so that no carry can reach the byte.
    fn settled_byte(&mut self) -> Option<u8> {
        if self.low ^ self.low.wrapping_add(self.range) >= TOP {
            if self.range >= BOTTOM {
                return None;
            }
            self.range = self.low.wrapping_neg() % BOTTOM;
        }
        self.range <<= 8;
        Some(self.shift_out())
    }

    fn shift_out(&mut self) -> u8 {
        let [top, ..] = self.low.to_be_bytes();
        self.low <<= 8;
        top
    }
}

/// Writes intervals into a caller's buffer.
#[derive(Debug)]
pub(super) struct Encoder<'o> {
    span: Span,
    output: &'o mut [u8],
    len: usize,
}

impl<'o> Encoder<'o> {
    pub(super) fn new(output: &'o mut [u8]) -> Self {
        Self { span: Span::FULL, output, len: 0 }
    }

    pub(super) fn encode(&mut self, interval: Interval) -> Result<(), Full> {
        self.span.narrow(interval);
        while let Some(byte) = self.span.settled_byte() {
            self.push(byte)?;
        }
        Ok(())
    }

    /// Writes the bottom of the last interval without its trailing zeros (the decoder supplies those) and returns the
    /// length of everything written.
    pub(super) fn finish(mut self) -> Result<usize, Full> {
        while self.span.low != 0 {
            let byte = self.span.shift_out();
            self.push(byte)?;
        }
        Ok(self.len)
    }

    fn push(&mut self, byte: u8) -> Result<(), Full> {
        *self.output.get_mut(self.len).ok_or(Full)? = byte;
        self.len += 1;
        Ok(())
    }
}

/// Reads back, position by position, what an [`Encoder`] wrote. The input goes on with zeros for ever.
#[derive(Debug)]
pub(super) struct Decoder<'i> {
    span: Span,
    code: u32,
    input: slice::Iter<'i, u8>,
}

impl<'i> Decoder<'i> {
    pub(super) fn new(input: &'i [u8]) -> Self {
        let mut decoder = Self { span: Span::FULL, code: 0, input: input.iter() };
        for _ in 0..4 {
            decoder.shift_in();
        }
        decoder
    }

    /// Which of `total` units of weight the code points at.
    ///
    /// In an undamaged block always less than `total`. Otherwise cut to 16 bits, as C does.
    pub(super) fn position(&self, total: NonZeroU16) -> Result<u32, Corrupt> {
        let position = self.code.wrapping_sub(self.span.low).checked_div(self.span.unit(total));
        position.map(|position| position & 0xFFFF).ok_or(Corrupt)
    }

    /// Narrows to the interval the position was found in.
    pub(super) fn consume(&mut self, interval: Interval) {
        self.span.narrow(interval);
        while self.span.settled_byte().is_some() {
            self.shift_in();
        }
    }

    fn shift_in(&mut self) {
        let next = self.input.next().copied().unwrap_or(0);
        self.code = self.code << 8 | u32::from(next);
    }
}
