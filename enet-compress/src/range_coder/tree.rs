//! The model as C keeps it (PROTOCOL.md §15.2): slower than [`Model`](super::model::Model), and right where a damaged block
//! makes the shape of a search tree matter.
//!
//! One table of [`Symbol`]s holds everything. A symbol is a byte seen in some context, and at the same time the context
//! made of that context plus the byte. Each context keeps its bytes in a search tree that sums weights on the way down.
//! Positions in a context's cumulative weight are: first the escape ("not here, ask the next shorter context"), then the
//! bytes in ascending order.

use super::coder::{Decoder, Interval, Total};

/// Number of symbols in the table: a power of two, so that masking keeps any index inside.
const CAPACITY: usize = 4096;
/// A byte adds at most one symbol to each of its three contexts. From here on the next byte might not fit.
const NEARLY_FULL: u16 = 4096 - 2;
/// The longest context used for prediction, in bytes.
const ORDER: u8 = 2;
/// A context whose total exceeds this is rescaled, so that totals stay below the coder's smallest range.
const MAX_TOTAL: u16 = 0xFF00;
/// What an escape adds to the escape weight of a context other than the root.
const ESCAPE_DELTA: u16 = 5;

/// Index of a symbol.
type Index = u16;
/// The context of no preceding bytes.
const ROOT: Index = 0;
/// "No symbol" in a tree. The root context is never a node of a tree.
const NONE: Index = 0;

/// How a kind of context weighs its bytes.
struct Rules {
    /// Weight added by each occurrence.
    delta: u8,
    /// Weight every byte has without having occurred: 1 makes all of them codable.
    minimum: u8,
    /// An occurrence of a byte that already weighed more than this, minimum included, makes the context rescale.
    max_count: u32,
}

const ROOT_RULES: Rules = Rules { delta: 3, minimum: 1, max_count: 250 };
const SUBCONTEXT_RULES: Rules = Rules { delta: 2, minimum: 0, max_count: 251 };

const fn rules(context: Index) -> &'static Rules {
    if context == ROOT { &ROOT_RULES } else { &SUBCONTEXT_RULES }
}

#[derive(Clone, Copy)]
struct Symbol {
    // As a byte of its parent context's tree:
    value: u8,
    count: u8,
    /// `count` plus the counts of the whole left subtree.
    under: u16,
    left: Index,
    right: Index,
    // As a context:
    /// Root of the tree of bytes seen in this context.
    symbols: Index,
    escapes: u16,
    /// The escapes, all counts, and 256 times the minimum.
    total: u16,
    /// The next shorter context. The root has none and keeps the predicted context here instead: the one that the
    /// next byte is looked up in first.
    parent: Index,
}

impl Symbol {
    const EMPTY: Self = Self {
        value: 0,
        count: 0,
        under: 0,
        left: NONE,
        right: NONE,
        symbols: NONE,
        escapes: 0,
        total: 0,
        parent: ROOT,
    };
    const ROOT: Self = Self { escapes: 1, total: 1 + 256, ..Self::EMPTY };

    fn node(value: u8, count: u8) -> Self {
        Self { value, count, under: u16::from(count), ..Self::EMPTY }
    }

    fn left_weight(&self) -> u32 {
        u32::from(self.under.wrapping_sub(self.count.into()))
    }

    /// Counts an occurrence of the byte itself.
    fn add(&mut self, delta: u8) {
        self.count = self.count.wrapping_add(delta);
        self.under = self.under.wrapping_add(delta.into());
    }
}

/// The block points at nothing.
#[derive(Debug)]
struct Corrupt;

/// What a context knew about a byte before it occurred once more. Both weights include the minimum.
#[derive(Debug)]
struct Located {
    symbol: Index,
    context: Index,
    value: u8,
    /// Weight of the bytes before this one, escapes not counted.
    under: u32,
    /// 0 if the context did not know the byte.
    count: u32,
}

/// Everything learned since the last reset, and the context the next byte will be in.
pub(super) struct Tree {
    symbols: [Symbol; CAPACITY],
    len: u16,
    /// Length of the predicted context, in bytes.
    order: u8,
}

impl Tree {
    /// Nothing is known.
    pub(super) fn new() -> Self {
        Self { symbols: [Symbol::EMPTY; CAPACITY], len: 0, order: 0 }
    }

    /// Forgets everything.
    fn reset(&mut self) {
        self.len = 1;
        self.order = 0;
        *self.symbol_mut(ROOT) = Symbol::ROOT;
    }

    /// The context that the next byte is looked up in first.
    fn predicted(&self) -> Index {
        self.symbol(ROOT).parent
    }

    /// Decodes a whole block, as [`Compressor::decompress`](crate::Compressor::decompress).
    pub(super) fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        self.reset();
        let mut decoder = Decoder::new(input);
        let mut len = 0;
        while let Some(value) = self.decode(&mut decoder).ok()? {
            *output.get_mut(len)? = value;
            len += 1;
        }
        (len > 0).then_some(len)
    }

    /// Reads the next byte; `None` is the end of the data: an escape in every context (PROTOCOL.md §15.5).
    fn decode(&mut self, decoder: &mut Decoder<'_>) -> Result<Option<u8>, Corrupt> {
        let mut escaped = 0;
        let mut next = Some(self.predicted());
        while let Some(context) = next {
            let Symbol { escapes, total, .. } = *self.symbol(context);
            // An empty context says nothing, so it cost no code.
            if total > 0 {
                let unit = decoder.unit(Total::new(total.into()));
                #[allow(clippy::cast_possible_truncation, reason = "as C does, where the block is damaged")]
                let position = decoder.position(unit) as u16;
                if let Some(position) = position.checked_sub(escapes) {
                    let found = self.locate_at(context, position.into()).ok_or(Corrupt)?;
                    let under = u32::from(escapes) + found.under;
                    decoder.consume(Interval { under, count: found.count }, unit);
                    self.learn(&found, escaped);
                    return Ok(Some(found.value));
                }
                decoder.consume(Interval { under: 0, count: escapes.into() }, unit);
            }
            escaped += 1;
            next = (context != ROOT).then(|| self.symbol(context).parent);
        }
        Ok(None)
    }

    /// Counts the byte that was [located](Self::locate_at) after escapes from `escaped` contexts in each of those.
    ///
    /// All of them count the byte, known or not: a damaged block may escape from a context that knows it.
    fn learn(&mut self, found: &Located, escaped: usize) {
        self.weigh(found);
        let mut longer = ROOT;
        let mut context = self.predicted();
        for _ in 0..escaped {
            let located = self.locate(context, found.value);
            self.link(&mut longer, &located);
            self.weigh(&located);
            context = self.symbol(context).parent;
        }
        self.link(&mut longer, found);
        self.advance();
    }

    /// Finds `value` in the context's tree, or adds it, and counts the occurrence there.
    fn locate(&mut self, context: Index, value: u8) -> Located {
        let Rules { delta, minimum, .. } = *rules(context);
        let mut under = u32::from(value) * u32::from(minimum);
        let added = self.len;
        let mut slot = &mut self.symbol_mut(context).symbols;
        while *slot != NONE {
            let node = *slot;
            let symbol = self.symbol_mut(node);
            if value < symbol.value {
                symbol.under = symbol.under.wrapping_add(delta.into());
                slot = &mut symbol.left;
            } else if value > symbol.value {
                under += u32::from(symbol.under);
                slot = &mut symbol.right;
            } else {
                under += symbol.left_weight();
                let count = u32::from(symbol.count) + u32::from(minimum);
                symbol.add(delta);
                return Located { symbol: node, context, value, under, count };
            }
        }
        *slot = added;
        self.push(Symbol::node(value, delta));
        Located { symbol: added, context, value, under, count: minimum.into() }
    }

    /// Finds the byte that owns `position` of the context's cumulative weight, escapes not counted, and counts the
    /// occurrence there. In the root it may be a new one.
    ///
    /// `None` if `position` is not below the context's weight and the context is not the root. In the root such a
    /// position gives some byte beyond the last one, modulo 256: the tree is then no longer sorted along its right
    /// edge, and C must be followed to the same place.
    fn locate_at(&mut self, context: Index, position: u32) -> Option<Located> {
        let Rules { delta, minimum, .. } = *rules(context);
        let minimum = u32::from(minimum);
        // Weight of the symbols left of the tree under `slot`, without minimum.
        let mut before = 0;
        let added = self.len;
        let mut slot = &mut self.symbol_mut(context).symbols;
        while *slot != NONE {
            let node = *slot;
            let symbol = self.symbol_mut(node);
            let value = symbol.value;
            let under = before + symbol.left_weight() + minimum * u32::from(value);
            let count = u32::from(symbol.count) + minimum;
            if position < under {
                symbol.under = symbol.under.wrapping_add(delta.into());
                slot = &mut symbol.left;
            } else if position - under >= count {
                before += u32::from(symbol.under);
                slot = &mut symbol.right;
            } else {
                symbol.add(delta);
                return Some(Located { symbol: node, context, value, under, count });
            }
        }
        if minimum == 0 {
            return None;
        }
        // Between two known bytes each unknown one weighs the minimum of 1.
        let [.., value] = position.wrapping_sub(before).to_be_bytes();
        *slot = added;
        self.push(Symbol::node(value, delta));
        Some(Located { symbol: added, context, value, under: position, count: minimum })
    }

    fn push(&mut self, symbol: Symbol) {
        let added = self.len;
        *self.symbol_mut(added) = symbol;
        self.len = added.wrapping_add(1);
    }

    /// Makes the located symbol the shorter context of the one located before; the first becomes the predicted one.
    fn link(&mut self, longer: &mut Index, located: &Located) {
        self.symbol_mut(*longer).parent = located.symbol;
        *longer = located.symbol;
    }

    /// Keeps the totals of the located symbol's context in step.
    fn weigh(&mut self, located: &Located) {
        let rules = rules(located.context);
        let context = self.symbol_mut(located.context);
        if located.count == 0 {
            context.escapes = context.escapes.wrapping_add(ESCAPE_DELTA);
            context.total = context.total.wrapping_add(ESCAPE_DELTA);
        }
        context.total = context.total.wrapping_add(rules.delta.into());
        if located.count > rules.max_count || context.total > MAX_TOTAL {
            self.rescale(located.context);
        }
    }

    /// Halves all weights of a context, so that old statistics fade and counts stay within a byte.
    fn rescale(&mut self, context: Index) {
        // In order. A node that waits for its left subtree keeps the weight before that subtree in `under`. It waits
        // inside the left subtree of the one before, so has a smaller value: there are never more than 256.
        let mut waiting = [NONE; 256];
        let mut depth = 0;
        let mut weight: u16 = 0;
        let mut node = self.symbol(context).symbols;
        loop {
            while node != NONE {
                let Some(top) = waiting.get_mut(depth) else { break };
                *top = node;
                depth += 1;
                let symbol = self.symbol_mut(node);
                symbol.under = weight;
                node = symbol.left;
            }
            let Some(&next) = depth.checked_sub(1).and_then(|top| waiting.get(top)) else { break };
            depth -= 1;
            let symbol = self.symbol_mut(next);
            symbol.count -= symbol.count >> 1;
            weight = weight.wrapping_add(symbol.count.into());
            symbol.under = weight.wrapping_sub(symbol.under);
            node = symbol.right;
        }

        let minimum = u16::from(rules(context).minimum);
        let symbol = self.symbol_mut(context);
        symbol.escapes -= symbol.escapes >> 1;
        symbol.total = weight.wrapping_add(symbol.escapes).wrapping_add(256 * minimum);
    }

    /// Makes the context of the byte just recorded the predicted one.
    fn advance(&mut self) {
        if self.order < ORDER {
            self.order += 1;
        } else {
            // The symbol located first is a context one byte too long.
            let predicted = self.symbol(ROOT).parent;
            self.symbol_mut(ROOT).parent = self.symbol(predicted).parent;
        }
        if self.len >= NEARLY_FULL {
            self.reset();
        }
    }

    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the table")]
    fn symbol(&self, index: Index) -> &Symbol {
        &self.symbols[usize::from(index) % CAPACITY]
    }

    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the table")]
    fn symbol_mut(&mut self, index: Index) -> &mut Symbol {
        &mut self.symbols[usize::from(index) % CAPACITY]
    }
}

#[cfg(test)]
impl Tree {
    /// Panics unless every symbol is in one tree, once, and every sum is the sum of its parts.
    ///
    /// Returns whether each tree holds each byte at most once, in ascending order. Only damaged blocks break that.
    pub(super) fn check_invariants(&self) -> bool {
        let mut sorted = true;
        assert!((1..NEARLY_FULL).contains(&self.len));
        let mut nodes = 0;
        for context in 0..self.len {
            let symbol = self.symbol(context);
            let mut values = std::vec![];
            let weight = self.check_tree(symbol.symbols, &mut values);
            nodes += values.len();
            let minimum = u32::from(rules(context).minimum);
            assert_eq!(u32::from(symbol.total), u32::from(symbol.escapes) + weight + 256 * minimum);
            assert_eq!(symbol.escapes == 0, symbol.total == 0, "only empty contexts have no escape");
            assert_eq!(
                symbol.total == 0,
                context != ROOT && values.is_empty(),
                "only empty contexts weigh nothing"
            );
            assert!(symbol.total <= MAX_TOTAL);
            sorted &= values.is_sorted_by(|a, b| a < b);
        }
        assert_eq!(nodes, usize::from(self.len) - 1, "the root context is in no tree");
        sorted
    }

    /// Appends the tree's values in order and returns their weight.
    fn check_tree(&self, mut node: Index, values: &mut std::vec::Vec<u8>) -> u32 {
        let mut weight = 0;
        while node != NONE {
            assert!(node < self.len);
            let symbol = self.symbol(node);
            let first = values.len();
            let left = self.check_tree(symbol.left, values);
            assert!(
                values[first..].iter().all(|&value| value < symbol.value),
                "sorted to the left even if damaged"
            );
            assert!(symbol.count > 0);
            assert_eq!(u32::from(symbol.under), left + u32::from(symbol.count));
            assert!(symbol.parent < self.len);
            values.push(symbol.value);
            weight += u32::from(symbol.under);
            node = symbol.right;
        }
        weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_takes_16_bytes() {
        assert_eq!(size_of::<Symbol>(), 16);
    }

    #[test]
    fn a_rescale_halves_every_weight_of_the_deepest_tree() {
        let descending = (0..=255).rev();
        let ascending = 0..=255;
        let inward = (0..128).flat_map(|value| [value, 255 - value]);
        for values in [descending.collect(), ascending.collect(), inward.collect::<std::vec::Vec<u8>>()] {
            let mut tree = Tree::new();
            tree.reset();
            for value in values {
                let located = tree.locate(ROOT, value);
                tree.weigh(&located);
            }
            assert_eq!(tree.symbol(ROOT).total, 1 + 256 * 3 + 256);

            tree.rescale(ROOT);
            // 3 − 3/2, rounded in favour of the byte; the escape's 1 cannot shrink.
            assert!(tree.symbols[1..=256].iter().all(|symbol| symbol.count == 2));
            assert_eq!(tree.symbol(ROOT).total, 1 + 256 * 2 + 256);
            assert!(tree.check_invariants());
        }
    }

    #[test]
    #[cfg_attr(
        miri,
        ignore = "after each block the whole tree is looked at, which takes more than twenty minutes"
    )]
    fn positions_beyond_the_root_leave_it_consistent_but_unsorted() {
        // Truncated to one byte, most blocks lead to a code just above the interval, again and again.
        let mut tree = Tree::new();
        let mut unsorted = 0;
        for byte in 1..=255 {
            for limit in 0..200 {
                tree.decompress(&[byte], &mut [0; 200][..limit]);
                unsorted += usize::from(!tree.check_invariants());
            }
        }
        assert!(unsorted > 50, "the case this is about occurred");
    }
}
