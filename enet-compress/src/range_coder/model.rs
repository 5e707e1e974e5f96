//! The model: how often each byte followed the last two, the last one, and none (PROTOCOL.md §15.2).
//!
//! C keeps every context's bytes in a search tree. What can be seen of that from outside are only the cumulative weights,
//! in ascending order of the bytes, and the number of symbols in all; so any structure that gives the same ones gives the
//! same blocks.

use core::slice;

use super::coder::{Decoder, Encoder, Full, Interval};
use super::context::{Context, FIRST, Knowledge};
use super::cumulative::Place;
use super::root::Root;
use super::wide::Wides;

/// From this number of symbols on the model starts anew: the next byte might add three, and C's table holds 4096.
///
/// C counts the root context as well, which makes 4094; but there are no [`SHAM_SYMBOLS`].
const NEARLY_FULL: u32 = 4094 - 1 + SHAM_SYMBOLS;
/// The first two bytes are added to contexts of bytes that do not precede them: see [`Model::reset`].
const SHAM_SYMBOLS: u32 = 3;
/// Room for contexts of two bytes. Each is a symbol (its second byte after the first), and so is, but for the first of
/// them, its second byte after two: that leaves room for 2047. 45 and more different bytes, without which there are not
/// as many pairs, are symbols too, so the two sham pairs fit.
const PAIRS: usize = 2048;

/// A block that no encoder writes.
#[derive(Debug)]
pub(super) enum Damage {
    /// It points at nothing.
    Nowhere,
    /// It points beyond the last byte of the root, or so far beyond a context that 16 bits cannot say where. In C both have
    /// consequences: [`tree`](super::tree) knows them.
    Beyond,
}

/// Number of a context of two bytes.
type PairId = u16;

/// Everything learned since the last reset.
pub(super) struct Model {
    /// Contexts of two bytes, in order of their first occurrence.
    pairs: [Context; PAIRS],
    /// Contexts of one byte. Only those of bytes known to the root are initialised.
    singles: [Context; 256],
    /// The numbers of the contexts of two bytes, of those that occurred.
    ids: [[PairId; 256]; 256],
    root: Root,
    wides: Wides,
    pairs_len: PairId,
    symbols_len: u32,
    at: Recent,
}

/// What precedes the next byte.
#[derive(Clone, Copy)]
struct Recent {
    /// The context of the last two bytes.
    pair: PairId,
    /// The last byte.
    last: u8,
    longest: Longest,
}

/// The longest context that knows anything.
///
/// What is put into a context is a context itself, and knows something as soon as one more byte follows. So those that know
/// nothing are exactly those that the last byte was put into others for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Longest {
    Root,
    Single,
    Pair,
}

impl Recent {
    const NOTHING: Self = Self { pair: 0, last: 0, longest: Longest::Root };
}

impl Model {
    /// [`reset`](Self::reset) makes it usable.
    pub(super) const UNUSED: Self = Self {
        pairs: [Context::NEW; PAIRS],
        singles: [Context::NEW; 256],
        ids: [[0; 256]; 256],
        root: Root::NEW,
        wides: Wides::NEW,
        pairs_len: 0,
        symbols_len: 0,
        at: Recent::NOTHING,
    };

    /// Forgets everything.
    ///
    /// The first byte has no contexts but the root, the second only one more, which knows nothing yet. Instead of special
    /// cases they get sham ones that know nothing either, and whatever is put there is never looked at: what byte 0 was
    /// followed by is forgotten when it first occurs, and no pair before the third byte is predicted again.
    pub(super) fn reset(&mut self) {
        self.root = Root::NEW;
        self.wides.reset();
        self.pairs_len = 1;
        self.symbols_len = 0;
        self.at = Recent::NOTHING;
    }

    /// Encodes bytes and learns from them.
    pub(super) fn encode(&mut self, mut input: &[u8], encoder: &mut Encoder<'_>) -> Result<(), Full> {
        let mut at = self.at;
        while let Some((&value, rest)) = input.split_first() {
            input = rest;
            let context = pair(&mut self.pairs, at.pair);
            if at.longest == Longest::Pair {
                if context.knowledge() == Knowledge::FEW && context.is_first(value) {
                    let (interval, total) = (context.first_interval(), context.total());
                    context.count(FIRST);
                    encoder.encode(interval, total)?;
                    let next = *id(&mut self.ids, at.last, value);
                    if next == at.pair {
                        let len = encode_run(context, input, encoder)?;
                        input = input.get(len..).unwrap_or_default();
                    }
                    at = Recent { pair: next, last: value, longest: Longest::Pair };
                    continue;
                }
                if encode_from(context, &mut self.wides, value, encoder)? {
                    at = Recent {
                        pair: *id(&mut self.ids, at.last, value),
                        last: value,
                        longest: Longest::Pair,
                    };
                    continue;
                }
            } else {
                context.begin(value);
            }
            at = self.encode_shorter(at, value, encoder)?;
            if self.symbols_len >= NEARLY_FULL {
                self.reset();
                at = self.at;
            }
        }
        self.at = at;
        Ok(())
    }

    /// Encodes a byte that was added to the context of two bytes just now, and learns it in the shorter ones. Returns what
    /// precedes the next byte.
    #[inline(always)]
    fn encode_shorter(&mut self, at: Recent, value: u8, encoder: &mut Encoder<'_>) -> Result<Recent, Full> {
        self.symbols_len += 1;
        let context = single(&mut self.singles, at.last);
        if at.longest == Longest::Root {
            context.begin(value);
        } else if encode_from(context, &mut self.wides, value, encoder)? {
            return Ok(Recent {
                pair: *id(&mut self.ids, at.last, value),
                last: value,
                longest: Longest::Pair,
            });
        }
        let place = Place::of(value);
        let interval = self.root.interval(place);
        encoder.encode(interval, self.root.total())?;
        let is_new = self.root.count(place, interval.count);
        Ok(self.add_pair(at.last, value, is_new))
    }

    /// Adds a context of two bytes, the second of which was added to the context of the first. And one of one, if the root
    /// did not know the byte. Returns what precedes the next byte.
    #[inline(always)]
    fn add_pair(&mut self, last: u8, value: u8, is_new: bool) -> Recent {
        let next = self.pairs_len;
        self.pairs_len += 1;
        *id(&mut self.ids, last, value) = next;
        self.symbols_len += 1 + u32::from(is_new);
        if cfg!(test) {
            pair(&mut self.pairs, next).reset();
            if is_new {
                single(&mut self.singles, value).reset();
            }
        }
        Recent { pair: next, last: value, longest: if is_new { Longest::Root } else { Longest::Single } }
    }

    /// Decodes a whole block and learns from it. Returns the length of what it held. `None`: more than the output has
    /// room for.
    pub(super) fn decode(&mut self, block: &[u8], output: &mut [u8]) -> Result<Option<usize>, Damage> {
        // Made here, to stay in registers.
        let mut decoder = Decoder::new(block);
        let mut at = self.at;
        let mut places = output.iter_mut();
        while let Some(place) = places.next() {
            let context = pair(&mut self.pairs, at.pair);
            if at.longest == Longest::Pair {
                let knowledge = context.knowledge();
                if let Some(value) = decode_from(context, &mut self.wides, &mut decoder)? {
                    *place = value;
                    let next = *id(&mut self.ids, at.last, value);
                    if next == at.pair && knowledge == Knowledge::FEW && context.is_first(value) {
                        decode_run(context, value, &mut decoder, &mut places);
                    }
                    at = Recent { pair: next, last: value, longest: Longest::Pair };
                    continue;
                }
            }
            let mut known = None;
            if at.longest != Longest::Root {
                known = decode_from(single(&mut self.singles, at.last), &mut self.wides, &mut decoder)?;
            }
            let (value, is_new) = match known {
                Some(value) => (value, false),
                None => match self.decode_root(&mut decoder)? {
                    Some(found) => found,
                    None => {
                        let rest = places.len() + 1;
                        return Ok(Some(output.len() - rest));
                    }
                },
            };
            *place = value;
            // A damaged block may have escaped from contexts that know the byte.
            let context = pair(&mut self.pairs, at.pair);
            if at.longest != Longest::Pair {
                context.begin(value);
                self.symbols_len += 1;
            } else if !count_known(context, &mut self.wides, value) {
                insert(context, &mut self.wides, value);
                self.symbols_len += 1;
            }
            let context = single(&mut self.singles, at.last);
            at = if known.is_none() && at.longest == Longest::Root {
                context.begin(value);
                self.add_pair(at.last, value, is_new)
            } else if known.is_none() && !count_known(context, &mut self.wides, value) {
                insert(context, &mut self.wides, value);
                self.add_pair(at.last, value, is_new)
            } else {
                Recent { pair: *id(&mut self.ids, at.last, value), last: value, longest: Longest::Pair }
            };
            if self.symbols_len >= NEARLY_FULL {
                self.reset();
                at = self.at;
            }
        }
        self.is_at_end(at, decoder).map(|end| end.then_some(output.len()))
    }

    /// Whether nothing but escapes follows.
    #[inline(never)]
    fn is_at_end(&mut self, at: Recent, mut decoder: Decoder<'_>) -> Result<bool, Damage> {
        let contexts = [
            (pair(&mut self.pairs, at.pair), at.longest == Longest::Pair),
            (single(&mut self.singles, at.last), at.longest != Longest::Root),
        ];
        for (context, knows) in contexts {
            if knows && decode_from(context, &mut self.wides, &mut decoder)?.is_some() {
                return Ok(false);
            }
        }
        Ok(self.decode_root(&mut decoder)?.is_none())
    }

    #[inline(always)]
    fn decode_root(&mut self, decoder: &mut Decoder<'_>) -> Result<Option<(u8, bool)>, Damage> {
        let unit = decoder.unit(self.root.total());
        // Nowhere in the root is beyond it, which C survives.
        let position = position_below(self.root.sum(), decoder, unit).map_err(|_| Damage::Beyond)?;
        if position < Root::ESCAPES {
            return Ok(None);
        }
        let (place, interval) = self.root.find(position, |weight| decoder.is_at_or_behind(weight, unit));
        decoder.consume(interval, unit);
        Ok(Some((place.value(), self.root.count(place, interval.count))))
    }
}

#[allow(clippy::indexing_slicing, reason = "masked: cannot leave the table")]
#[inline(always)]
fn pair(pairs: &mut [Context; PAIRS], id: PairId) -> &mut Context {
    &mut pairs[usize::from(id) % PAIRS]
}

#[allow(clippy::indexing_slicing, reason = "a byte cannot leave the table")]
#[inline(always)]
fn single(singles: &mut [Context; 256], value: u8) -> &mut Context {
    &mut singles[usize::from(value)]
}

#[allow(clippy::indexing_slicing, reason = "bytes cannot leave the table")]
#[inline(always)]
fn id(ids: &mut [[PairId; 256]; 256], first: u8, second: u8) -> &mut PairId {
    &mut ids[usize::from(first)][usize::from(second)]
}

/// Adds a byte that the context does not know, after its escape.
#[inline(always)]
fn insert(context: &mut Context, wides: &mut Wides, value: u8) {
    match context.knowledge() {
        Knowledge::FEW if context.is_full() => wides.take_over(context, value),
        Knowledge::FEW => context.insert(value),
        wide => wides.insert(wide.wide(), value),
    }
}

/// Counts an occurrence of the byte if the context knows it.
#[inline(always)]
fn count_known(context: &mut Context, wides: &mut Wides, value: u8) -> bool {
    match context.knowledge() {
        Knowledge::FEW => {
            let known = context.find(value);
            if let Some(lane) = known {
                context.count(lane);
            }
            known.is_some()
        }
        wide => wides.count(wide.wide(), value).is_some(),
    }
}

/// Encodes the byte if the context knows it, otherwise the escape; and learns it. Returns whether the context knew it.
#[inline(always)]
fn encode_from(
    context: &mut Context,
    wides: &mut Wides,
    value: u8,
    encoder: &mut Encoder<'_>,
) -> Result<bool, Full> {
    if context.knowledge() == Knowledge::FEW {
        let total = context.total();
        let Some(lane) = context.find(value) else {
            encoder.encode_escape(context.escapes(), total)?;
            insert(context, wides, value);
            return Ok(false);
        };
        let interval = context.interval(lane);
        context.count(lane);
        encoder.encode(interval, total)?;
        return Ok(true);
    }
    let wide = context.knowledge().wide();
    let Some((interval, total)) = wides.count(wide, value) else {
        let (escapes, total) = wides.escapes(wide);
        encoder.encode_escape(escapes, total)?;
        wides.insert(wide, value);
        return Ok(false);
    };
    encoder.encode(interval, total)?;
    Ok(true)
}

/// Encodes repetitions of a context's first byte, at the front of `input`, if the context is also that of the next byte.
/// Returns how many.
#[inline(always)]
fn encode_run(context: &mut Context, input: &[u8], encoder: &mut Encoder<'_>) -> Result<usize, Full> {
    let value = context.value(FIRST);
    let mut run = context.run();
    let mut len = 0;
    for _ in input.iter().take_while(|&&byte| byte == value) {
        if run.is_at_limit() {
            break;
        }
        encoder.encode_large(run.interval(), run.total())?;
        run.count();
        len += 1;
    }
    context.end_run(run);
    Ok(len)
}

/// Decodes repetitions of a context's first byte, if the context is also that of the next byte.
#[inline(always)]
fn decode_run(
    context: &mut Context,
    value: u8,
    decoder: &mut Decoder<'_>,
    places: &mut slice::IterMut<'_, u8>,
) {
    let mut run = context.run();
    while !run.is_at_limit() {
        let unit = decoder.unit(run.total());
        let Interval { under, count } = run.interval();
        let (escape, first) = (under.wrapping_mul(unit), count.wrapping_mul(unit));
        if decoder.is_below(escape) || !decoder.is_below(escape.wrapping_add(first)) {
            break;
        }
        let Some(place) = places.next() else { break };
        *place = value;
        decoder.narrow_large(escape, first);
        run.count();
    }
    context.end_run(run);
}

/// Decodes a byte, or an escape, from one context.
#[inline(always)]
fn decode_from(
    context: &mut Context,
    wides: &mut Wides,
    decoder: &mut Decoder<'_>,
) -> Result<Option<u8>, Damage> {
    match context.knowledge() {
        Knowledge::FEW => decode_from_few(context, decoder),
        wide => decode_from_wide(wides, wide.wide(), decoder),
    }
}

/// Which unit of a context's weight the code points at, if it has so many.
#[inline(always)]
fn position_below(sum: u32, decoder: &Decoder<'_>, unit: u32) -> Result<u32, Damage> {
    match decoder.position(unit) {
        position if position < sum => Ok(position),
        0..=0xFFFF => Err(Damage::Nowhere),
        _ => Err(Damage::Beyond),
    }
}

#[inline(always)]
fn decode_from_few(context: &mut Context, decoder: &mut Decoder<'_>) -> Result<Option<u8>, Damage> {
    let unit = decoder.unit(context.total());
    let escape = context.escapes().wrapping_mul(unit);
    if decoder.is_below(escape) {
        decoder.narrow(0, escape);
        return Ok(None);
    }
    // Trying the first ones is quicker than a division. None overflows: the sum of all weights times the unit is at most
    // the range.
    let mut under = escape;
    for lane in [FIRST, 16, 24] {
        let range = u32::from(context.weight(lane)).wrapping_mul(unit);
        if decoder.is_below(under.wrapping_add(range)) {
            decoder.narrow(under, range);
            context.count(lane);
            return Ok(Some(context.value(lane)));
        }
        under = under.wrapping_add(range);
    }
    let position = position_below(context.sum(), decoder, unit)?;
    let (lane, interval) = context.find_position(position);
    decoder.consume(interval, unit);
    if lane == 0 {
        return Ok(None);
    }
    context.count(lane);
    Ok(Some(context.value(lane)))
}

#[inline(always)]
fn decode_from_wide(wides: &mut Wides, wide: u32, decoder: &mut Decoder<'_>) -> Result<Option<u8>, Damage> {
    let (escapes, total) = wides.escapes(wide);
    let unit = decoder.unit(total);
    let position = position_below(wides.sum(wide), decoder, unit)?;
    if position < escapes {
        decoder.narrow(0, escapes.wrapping_mul(unit));
        return Ok(None);
    }
    let (place, interval) = wides.find(wide, position, |weight| decoder.is_at_or_behind(weight, unit));
    decoder.consume(interval, unit);
    wides.count_at(wide, place, interval.count);
    Ok(Some(place.value()))
}

#[cfg(test)]
impl Model {
    pub(super) fn symbols_len(&self) -> u32 {
        self.symbols_len
    }

    /// Panics unless every sum is that of its parts. Returns the largest total.
    pub(super) fn check_invariants(&mut self) -> u32 {
        let (mut largest, weighed) = self.root.check();
        let mut symbols = weighed.iter().filter(|&&weight| weight > 1).count();
        let singles =
            self.singles.iter().zip(weighed).filter(|&(_, weight)| weight > 1).map(|(single, _)| single);
        let pairs = self.pairs.iter().take(self.pairs_len.into());
        for context in singles.chain(pairs) {
            let (total, known) = match context.knowledge() {
                Knowledge::NOTHING => (0, 0),
                Knowledge::FEW => context.check(),
                wide => self.wides.check(wide.wide()),
            };
            largest = largest.max(total);
            symbols += known;
        }
        // One more was put where a byte 0 would have had to precede the first.
        assert!(self.symbols_len == 0 || symbols + 1 == self.symbols_len as usize);
        largest
    }
}
