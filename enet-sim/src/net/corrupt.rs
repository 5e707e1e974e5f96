//! What damage does to a datagram's bytes.

use rand_chacha::ChaCha8Rng;

use crate::random::{RngCore, scale};
use crate::scenario::link::Damage;

/// Damage never makes a datagram longer than this: the largest ENet datagram and 64 bytes.
pub const LONGEST: usize = 4096 + 64;

/// Damages a datagram in one of these ways, or in any if there are none. Afterwards it is never what it was: where a way
/// would change nothing, bits are flipped instead, or a byte is added where there is none. Takes at most 20 words.
pub(crate) fn damage(ways: &[Damage], bytes: &mut Vec<u8>, previous: &[u8], rng: &mut ChaCha8Rng) {
    let ways = if ways.is_empty() { &Damage::ALL } else { ways };
    let way = ways.get(below(rng, ways.len())).copied().unwrap_or(Damage::Flip);
    let changed = match way {
        Damage::Flip => false,
        Damage::Truncate => truncate(bytes, rng),
        Damage::Extend => extend(bytes, rng),
        Damage::Swap => swap(bytes, rng),
        Damage::Splice => splice(bytes, previous, rng),
    };
    if !changed && !flip(bytes, rng) {
        let [byte, ..] = rng.next_u32().to_le_bytes();
        bytes.push(byte);
    }
}

#[allow(clippy::cast_possible_truncation)] // below the limit
fn below(rng: &mut ChaCha8Rng, limit: usize) -> usize {
    scale(rng.next_u32(), limit as u64) as usize
}

fn flip(bytes: &mut [u8], rng: &mut ChaCha8Rng) -> bool {
    let mut flipped = [None; 4];
    let count = 1 + below(rng, flipped.len());
    for index in 0..count {
        let bit = below(rng, bytes.len() * 8);
        // The same bit twice would undo the damage.
        if flipped.contains(&Some(bit)) {
            continue;
        }
        let Some(byte) = bytes.get_mut(bit / 8) else { return false };
        *byte ^= 1 << (bit % 8);
        if let Some(slot) = flipped.get_mut(index) {
            *slot = Some(bit);
        }
    }
    true
}

fn truncate(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) -> bool {
    let len = below(rng, bytes.len());
    let changed = len < bytes.len();
    bytes.truncate(len);
    changed
}

fn extend(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) -> bool {
    let room = LONGEST.saturating_sub(bytes.len()).min(64);
    let mut tail = [0; 64];
    let count = 1 + below(rng, room);
    rng.fill_bytes(&mut tail);
    bytes.extend_from_slice(tail.get(..count.min(room)).unwrap_or_default());
    room > 0
}

fn swap(bytes: &mut [u8], rng: &mut ChaCha8Rng) -> bool {
    let first = below(rng, bytes.len());
    let start = below(rng, bytes.len());
    let Some(value) = bytes.get(first).copied() else { return false };
    let differs = |index: &usize| bytes.get(*index).is_some_and(|byte| *byte != value);
    let Some(second) = (start..bytes.len()).chain(0..start).find(differs) else { return false };
    bytes.swap(first, second);
    true
}

fn splice(bytes: &mut Vec<u8>, previous: &[u8], rng: &mut ChaCha8Rng) -> bool {
    let keep = below(rng, bytes.len() + 1);
    let skip = below(rng, previous.len() + 1);
    let rest = previous.get(skip..).unwrap_or_default();
    let rest = rest.get(..rest.len().min(LONGEST.saturating_sub(keep))).unwrap_or_default();
    if bytes.get(keep..) == Some(rest) {
        return false;
    }
    bytes.truncate(keep);
    bytes.extend_from_slice(rest);
    true
}
