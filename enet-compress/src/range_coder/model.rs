//! The model: how often each byte followed the last two, the last one, and none (PROTOCOL.md §15.2).
//!
//! C keeps every context's bytes in a search tree. What can be seen of that from outside are only the cumulative weights,
//! in ascending order of the bytes, and the number of symbols in all; so any structure that gives the same ones gives the
//! same blocks.

use super::coder::{Damage, Decoder, Encoder, Full};
use super::coding::{decode_from, decode_run, encode_from, encode_run, learn};
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

/// The numbers of the contexts of two bytes, of those that occurred.
type Ids = [[u16; 256]; 256];

/// Everything learned since the last reset.
pub(super) struct Model {
    /// Contexts of two bytes, in order of their first occurrence.
    pairs: [Context; PAIRS],
    /// Contexts of one byte.
    singles: [Context; 256],
    ids: Ids,
    root: Root,
    wides: Wides,
    pairs_len: u32,
    symbols_len: u32,
    at: Recent,
}

/// What precedes the next byte. In numbers as large as this, the compiler keeps them apart, in registers.
#[derive(Clone, Copy)]
struct Recent {
    /// The context of the last two bytes.
    pair: u32,
    /// The last byte.
    last: u32,
    longest: Longest,
}

/// The longest context that knows anything of the next byte. A longer one is not looked at, but begun anew.
///
/// A byte put into a context makes a context one byte longer, and the very next byte is put into that. So nothing is known
/// by those that the last byte made, and by no others.
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
    /// cases they get sham ones that know nothing either, and whatever is put there is never looked at: the context of byte 0
    /// is begun anew when it first occurs, and no pair before the third byte is predicted again.
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
                    let next = after(&mut self.ids, at, value);
                    if next.pair == at.pair {
                        let len = encode_run(context, input, encoder)?;
                        input = input.get(len..).unwrap_or_default();
                    }
                    at = next;
                    continue;
                }
                if encode_from(context, &mut self.wides, value, encoder)? {
                    at = after(&mut self.ids, at, value);
                    continue;
                }
            } else {
                context.begin(value);
            }
            let next = self.encode_shorter(at, value, encoder)?;
            at = self.unless_full(next);
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
            return Ok(after(&mut self.ids, at, value));
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
    fn add_pair(&mut self, last: u32, value: u8, is_new: bool) -> Recent {
        let next = self.pairs_len;
        self.pairs_len += 1;
        #[allow(clippy::cast_possible_truncation, reason = "fewer than the symbols")]
        let number = next as u16;
        *id(&mut self.ids, last, value) = number;
        self.symbols_len += 1 + u32::from(is_new);
        if cfg!(test) {
            // For `check_invariants`, which looks at all of them.
            pair(&mut self.pairs, next).reset();
            if is_new {
                single(&mut self.singles, value.into()).reset();
            }
        }
        Recent {
            pair: next,
            last: value.into(),
            longest: if is_new { Longest::Root } else { Longest::Single },
        }
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
                    let next = after(&mut self.ids, at, value);
                    if next.pair == at.pair && knowledge == Knowledge::FEW && context.is_first(value) {
                        decode_run(context, value, &mut decoder, &mut places);
                    }
                    at = next;
                    continue;
                }
            }
            if at.longest != Longest::Root {
                let context = single(&mut self.singles, at.last);
                if let Some(value) = decode_from(context, &mut self.wides, &mut decoder)? {
                    *place = value;
                    self.learn_in_pair(at, value);
                    let next = after(&mut self.ids, at, value);
                    at = self.unless_full(next);
                    continue;
                }
            }
            let Some((found, is_new)) = self.decode_root(&mut decoder)? else {
                let rest = places.len() + 1;
                return Ok(Some(output.len() - rest));
            };
            let value = found.value();
            *place = value;
            self.learn_in_pair(at, value);
            let next = self.learn_in_single(at, value, is_new);
            at = self.unless_full(next);
        }
        self.at = at;
        self.is_at_end(decoder).map(|end| end.then_some(output.len()))
    }

    /// Learns a byte that was not decoded from the context of two bytes.
    #[inline(always)]
    fn learn_in_pair(&mut self, at: Recent, value: u8) {
        let context = pair(&mut self.pairs, at.pair);
        if at.longest != Longest::Pair {
            context.begin(value);
        } else if !learn(context, &mut self.wides, value) {
            return;
        }
        self.symbols_len += 1;
    }

    /// Learns a byte that was decoded from the root. Returns what precedes the next byte.
    #[inline(always)]
    fn learn_in_single(&mut self, at: Recent, value: u8, is_new: bool) -> Recent {
        let context = single(&mut self.singles, at.last);
        if at.longest == Longest::Root {
            context.begin(value);
        } else if !learn(context, &mut self.wides, value) {
            return after(&mut self.ids, at, value);
        }
        self.add_pair(at.last, value, is_new)
    }

    /// Forgets everything if the next byte might not fit.
    #[inline(always)]
    fn unless_full(&mut self, at: Recent) -> Recent {
        if self.symbols_len < NEARLY_FULL {
            return at;
        }
        self.reset();
        self.at
    }

    /// Whether nothing but escapes follows.
    #[inline(never)]
    fn is_at_end(&mut self, mut decoder: Decoder<'_>) -> Result<bool, Damage> {
        let at = self.at;
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
    fn decode_root(&mut self, decoder: &mut Decoder<'_>) -> Result<Option<(Place, bool)>, Damage> {
        let unit = decoder.unit(self.root.total());
        // Nowhere in the root is beyond it, which C survives.
        let position = decoder.position_below(self.root.sum(), unit).map_err(|_| Damage::Beyond)?;
        if position < Root::ESCAPES {
            return Ok(None);
        }
        let (place, interval) = self.root.find(position, |weight| decoder.is_at_or_behind(weight, unit));
        decoder.consume(interval, unit);
        Ok(Some((place, self.root.count(place, interval.count))))
    }
}

#[allow(clippy::indexing_slicing, reason = "masked: cannot leave the table")]
#[inline(always)]
fn pair(pairs: &mut [Context; PAIRS], id: u32) -> &mut Context {
    &mut pairs[id as usize % PAIRS]
}

#[allow(clippy::indexing_slicing, reason = "masked: cannot leave the table")]
#[inline(always)]
fn single(singles: &mut [Context; 256], value: u32) -> &mut Context {
    &mut singles[value as usize % 256]
}

#[allow(clippy::indexing_slicing, reason = "masked: cannot leave the table")]
#[inline(always)]
fn id(ids: &mut Ids, first: u32, second: u8) -> &mut u16 {
    &mut ids[first as usize % 256][usize::from(second)]
}

/// What precedes the next byte, after one that a context of one or two bytes knew.
#[inline(always)]
fn after(ids: &mut Ids, at: Recent, value: u8) -> Recent {
    Recent { pair: (*id(ids, at.last, value)).into(), last: value.into(), longest: Longest::Pair }
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
        let pairs = self.pairs.iter().take(self.pairs_len as usize);
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
