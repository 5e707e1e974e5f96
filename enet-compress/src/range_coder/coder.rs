//! The carry-less 32-bit arithmetic coder: intervals of known weight to bytes and back (PROTOCOL.md §15.3).

use core::mem;

/// Bytes are settled once the interval lies within one multiple of this.
const TOP: u32 = 1 << 24;
/// The range never stays below this, so no total that fits 16 bits divides it to nothing.
const BOTTOM: u32 = 1 << 16;

/// A share of a context's cumulative weight: `count`, after the first `under`.
///
/// `count` is at least 1; `under + count` is at most the total, and that fits 16 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub(super) under: u32,
    pub(super) count: u32,
}

/// The output limit was reached.
#[derive(Debug)]
pub(super) struct Full;

/// A block that no encoder writes.
#[derive(Debug)]
pub(super) enum Damage {
    /// It points at nothing.
    Nowhere,
    /// It points beyond the last byte of the root, or so far beyond a context that 16 bits cannot say where. In C both have
    /// consequences: [`tree`](super::tree) knows them.
    Beyond,
}

/// A total weight, in the form in which a range is divided by it: 2⁶⁴ / total, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Total(u64);

/// How many totals the table has.
const FREQUENT: usize = 2048;

/// The totals most often divided by. 0 and 1 are not totals.
#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "at compile time")]
static RECIPROCALS: [u64; FREQUENT] = {
    let mut reciprocals = [0; FREQUENT];
    let mut total = 2;
    while total < FREQUENT {
        reciprocals[total] = Total::new(total as u32).0;
        total += 1;
    }
    reciprocals
};

impl Total {
    pub(super) const UNUSED: Self = Self(0);

    /// At least 2.
    pub(super) const fn new(total: u32) -> Self {
        Self(u64::MAX / total as u64 + 1)
    }

    /// As [`new`](Self::new), of less than 2048: without a division.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the table")]
    pub(super) fn small(total: u32) -> Self {
        Self(RECIPROCALS[total as usize % FREQUENT])
    }

    /// As [`new`](Self::new), without a division in most cases.
    #[inline(always)]
    pub(super) fn look_up(total: u32) -> Self {
        match RECIPROCALS.get(total as usize) {
            Some(&reciprocal) => Self(reciprocal),
            None => Self::new(total),
        }
    }
}

/// The numbers still possible: those from `low` up to `low + range`.
#[derive(Clone, Copy, Debug)]
struct Span {
    low: u32,
    range: u32,
}

impl Span {
    const FULL: Self = Self { low: 0, range: u32::MAX };

    /// The size of one unit of weight when the span is shared by a total.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "a range divided by at least 2")]
    fn unit(&self, total: Total) -> u32 {
        // Exactly range / total: the reciprocal is too large by less than 1, so the product by less than 2³²; and a
        // fraction of range / total is at most 1 - 1/total, which leaves room for 2⁶⁴ / total.
        ((u128::from(self.range) * u128::from(total.0)) >> 64) as u32
    }

    /// Nothing is settled, and the range large enough.
    #[inline(always)]
    fn is_unsettled(&self) -> bool {
        self.low ^ self.low.wrapping_add(self.range) >= TOP && self.range >= BOTTOM
    }

    /// How many bits at the top of `low` are settled, in whole bytes: nothing that follows can change them.
    #[inline(always)]
    fn settled_bits(&self) -> u32 {
        let open = self.low ^ self.low.wrapping_add(self.range);
        // Zeros at its top. Processors of the first x86-64 count those at the bottom in fewer steps.
        open.swap_bytes().trailing_zeros() & 24
    }

    #[inline(always)]
    fn shift(&mut self, bits: u32) {
        self.low <<= bits;
        self.range <<= bits;
    }

    /// Cuts a range that has become too small to go on at the next multiple of [`BOTTOM`], so that no carry can reach
    /// the top byte. Returns whether that was so.
    #[inline(always)]
    fn cut(&mut self) -> bool {
        let small = self.range < BOTTOM;
        if small {
            self.range = self.low.wrapping_neg() % BOTTOM;
        }
        small
    }
}

/// Writes intervals into a caller's buffer.
#[derive(Debug)]
pub(super) struct Encoder<'o> {
    span: Span,
    /// What is not written yet.
    room: &'o mut [u8],
    output_len: usize,
}

impl<'o> Encoder<'o> {
    pub(super) fn new(output: &'o mut [u8]) -> Self {
        Self { span: Span::FULL, output_len: output.len(), room: output }
    }

    #[inline(always)]
    pub(super) fn encode(&mut self, interval: Interval, total: Total) -> Result<(), Full> {
        let unit = self.span.unit(total);
        self.span.low = self.span.low.wrapping_add(interval.under.wrapping_mul(unit));
        self.span.range = interval.count.wrapping_mul(unit);
        self.settle()
    }

    /// As [`encode`](Self::encode), for an interval so large that it seldom settles anything.
    #[inline(always)]
    pub(super) fn encode_large(&mut self, interval: Interval, total: Total) -> Result<(), Full> {
        let unit = self.span.unit(total);
        self.span.low = self.span.low.wrapping_add(interval.under.wrapping_mul(unit));
        self.span.range = interval.count.wrapping_mul(unit);
        if self.span.is_unsettled() { Ok(()) } else { self.settle() }
    }

    /// Encodes the interval at the beginning.
    #[inline(always)]
    pub(super) fn encode_escape(&mut self, escapes: u32, total: Total) -> Result<(), Full> {
        self.span.range = escapes.wrapping_mul(self.span.unit(total));
        self.settle()
    }

    #[inline(always)]
    fn settle(&mut self) -> Result<(), Full> {
        // Mostly none or one. Which of them nobody can predict, so there is no branch.
        let bits = self.span.settled_bits();
        self.push(bits)?;
        while self.span.cut() {
            self.push(8)?;
            let bits = self.span.settled_bits();
            self.push(bits)?;
        }
        Ok(())
    }

    /// Writes the bottom of the last interval without its trailing zeros (the decoder supplies those) and returns the
    /// length of everything written.
    pub(super) fn finish(mut self) -> Result<usize, Full> {
        while self.span.low != 0 {
            self.push(8)?;
        }
        Ok(self.output_len - self.room.len())
    }

    /// Writes the top bytes of `low`: three at most.
    #[inline(always)]
    fn push(&mut self, bits: u32) -> Result<(), Full> {
        let bytes = (bits / 8) as usize;
        let top = self.span.low.to_be_bytes();
        let room = mem::take(&mut self.room);
        self.room = if let Some(first) = room.first_chunk_mut() {
            *first = top;
            room.get_mut(bytes..).unwrap_or_default()
        } else {
            push_last(room, top, bytes)?
        };
        self.span.shift(bits);
        Ok(())
    }
}

/// Writes bytes where there is no room for four. Returns the rest of it.
#[cold]
fn push_last(room: &mut [u8], bytes: [u8; 4], len: usize) -> Result<&mut [u8], Full> {
    let (places, rest) = room.split_at_mut_checked(len).ok_or(Full)?;
    for (place, byte) in places.iter_mut().zip(bytes) {
        *place = byte;
    }
    Ok(rest)
}

/// Reads back, position by position, what an [`Encoder`] wrote. The input goes on with zeros for ever.
#[derive(Debug)]
pub(super) struct Decoder<'i> {
    span: Span,
    /// Where in the span the code is.
    offset: u32,
    input: &'i [u8],
}

impl<'i> Decoder<'i> {
    pub(super) fn new(input: &'i [u8]) -> Self {
        let offset = last_bytes(input);
        Self { span: Span::FULL, offset, input: input.get(4..).unwrap_or_default() }
    }

    /// The size of one unit of weight.
    #[inline(always)]
    pub(super) fn unit(&self, total: Total) -> u32 {
        self.span.unit(total)
    }

    /// Which unit of weight the code points at.
    ///
    /// In an undamaged block always less than the total. Otherwise it may be anything: C cuts it to 16 bits.
    #[inline(always)]
    pub(super) fn position(&self, unit: u32) -> u32 {
        self.offset.checked_div(unit).unwrap_or(0)
    }

    /// As [`position`](Self::position), if it is below the total.
    #[inline(always)]
    pub(super) fn position_below(&self, total: u32, unit: u32) -> Result<u32, Damage> {
        match self.position(unit) {
            position if position < total => Ok(position),
            0..=0xFFFF => Err(Damage::Nowhere),
            _ => Err(Damage::Beyond),
        }
    }

    /// Whether the code points below some multiple of the unit.
    #[inline(always)]
    pub(super) fn is_below(&self, end: u32) -> bool {
        self.offset < end
    }

    /// Whether the position is not below some weight. This is known sooner than the position.
    #[inline(always)]
    pub(super) fn is_at_or_behind(&self, weight: u32, unit: u32) -> bool {
        self.offset >= weight.wrapping_mul(unit)
    }

    /// Narrows to the interval the position was found in.
    #[inline(always)]
    pub(super) fn consume(&mut self, interval: Interval, unit: u32) {
        self.narrow(interval.under.wrapping_mul(unit), interval.count.wrapping_mul(unit));
    }

    /// Narrows to `range` after the first `under`.
    #[inline(always)]
    pub(super) fn narrow(&mut self, under: u32, range: u32) {
        self.offset = self.offset.wrapping_sub(under);
        self.span.low = self.span.low.wrapping_add(under);
        self.span.range = range;
        self.settle();
    }

    /// As [`narrow`](Self::narrow), for a range so large that it seldom settles anything.
    #[inline(always)]
    pub(super) fn narrow_large(&mut self, under: u32, range: u32) {
        self.offset = self.offset.wrapping_sub(under);
        self.span.low = self.span.low.wrapping_add(under);
        self.span.range = range;
        if !self.span.is_unsettled() {
            self.settle();
        }
    }

    #[inline(always)]
    fn settle(&mut self) {
        let bits = self.span.settled_bits();
        self.shift_in(bits);
        while self.span.cut() {
            self.shift_in(8);
            let bits = self.span.settled_bits();
            self.shift_in(bits);
        }
    }

    #[inline(always)]
    fn shift_in(&mut self, bits: u32) {
        let next = match self.input.first_chunk() {
            Some(&bytes) => {
                self.input = self.input.get((bits / 8) as usize..).unwrap_or_default();
                u32::from_be_bytes(bytes)
            }
            None => {
                let next = last_bytes(self.input);
                self.input = self.input.get((bits / 8) as usize..).unwrap_or_default();
                next
            }
        };
        self.offset = ((u64::from(self.offset) << 32 | u64::from(next)) << bits >> 32) as u32;
        self.span.shift(bits);
    }
}

/// Up to four bytes, and zeros for those that are not there.
#[inline(always)]
fn last_bytes(input: &[u8]) -> u32 {
    u32::from_be_bytes([0, 1, 2, 3].map(|at| input.get(at).copied().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Miri, which is a thousand times slower, looks at some totals; all others at every one.
    const STEP: usize = if cfg!(miri) { 0x3FF } else { 1 };

    #[test]
    fn a_product_with_a_reciprocal_is_a_division() {
        for total in (2..=u32::from(u16::MAX)).step_by(STEP) {
            let divisor = total;
            let last_multiple = u32::MAX / divisor * divisor;
            for range in [BOTTOM, BOTTOM + 1, TOP, u32::MAX / 3, last_multiple - 1, last_multiple, u32::MAX] {
                let unit = Span { low: 0, range }.unit(Total::look_up(total));
                assert_eq!(unit, range / divisor, "{range} / {total}");
            }
        }
    }
}
