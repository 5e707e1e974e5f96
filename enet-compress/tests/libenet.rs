//! Byte-for-byte agreement with the installed C library, on many thousand inputs and damaged blocks.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod inputs;

use enet_compress::{Compressor, RangeCoder};
use enet_reference::{CRangeCoder, library_or_skip};

use self::inputs::{Draw, Kind};

/// Both coders, used for all inputs of a test, so that whatever one remembered from an earlier call would show.
struct Pair {
    ours: RangeCoder,
    theirs: CRangeCoder,
}

impl Pair {
    fn or_skip(test: &str) -> Option<Box<Pair>> {
        let theirs = library_or_skip(test)?.range_coder().unwrap();
        Some(Box::new(Pair { ours: RangeCoder::new(), theirs }))
    }

    /// What both make of an input, if they agree.
    fn compress(&mut self, input: &[u8], limit: usize) -> Option<Vec<u8>> {
        let (mut ours, mut theirs) = (vec![0; limit], vec![0; limit]);
        let len = self.theirs.compress(input, &mut theirs);
        assert_eq!(self.ours.compress(input, &mut ours), len, "limit {limit}, input {input:?}");
        let len = len?;
        assert_eq!(ours[..len], theirs[..len], "limit {limit}, input {input:?}");
        ours.truncate(len);
        Some(ours)
    }

    /// What both make of a block, if they agree.
    fn decompress(&mut self, block: &[u8], limit: usize) -> Option<Vec<u8>> {
        let (mut ours, mut theirs) = (vec![0; limit], vec![0; limit]);
        let len = self.theirs.decompress(block, &mut theirs);
        assert_eq!(self.ours.decompress(block, &mut ours), len, "limit {limit}, block {block:?}");
        let len = len?;
        assert_eq!(ours[..len], theirs[..len], "limit {limit}, block {block:?}");
        ours.truncate(len);
        Some(ours)
    }
}

/// An input of some length and some structure, now and then with a few bytes changed.
fn any_input(draw: &mut Draw) -> Vec<u8> {
    let longest = [64, 300, 1400, 9000][draw.index(4)];
    let len = 1 + draw.index(longest);
    let mut input: Vec<u8> = match draw.index(9) {
        kind @ 0..4 => Kind::ALL[kind].make(draw.below(10_000), len),
        4 => {
            let (first, values) = (draw.byte(), 1 + draw.below(256));
            (0..len).map(|_| first.wrapping_add(draw.below(values).to_le_bytes()[0])).collect()
        }
        5 => {
            let period = 1 + draw.index(600);
            let record: Vec<u8> = (0..period).map(|_| draw.byte()).collect();
            record.into_iter().cycle().take(len).collect()
        }
        6 => {
            let mut value = 0;
            let mut next = || {
                if draw.below(20) == 0 {
                    value = draw.byte();
                }
                value
            };
            (0..len).map(|_| next()).collect()
        }
        7 => {
            let values = 37 * (1 + draw.below(7));
            (0..len).map(|at| if at % 3 < 2 { 7 } else { draw.below(values).to_le_bytes()[0] }).collect()
        }
        _ => {
            let step = draw.next();
            (0..9000_u32).map(|at| at.wrapping_mul(step).to_be_bytes()[0]).take(len).collect()
        }
    };
    for _ in 0..[0, 0, 3, 40][draw.index(4)] {
        let at = draw.index(len);
        input[at] = draw.byte();
    }
    input
}

#[test]
fn inputs_of_all_kinds_compress_alike_within_any_limit() {
    let Some(mut pair) = Pair::or_skip("inputs_of_all_kinds_compress_alike_within_any_limit") else { return };
    let mut draw = Draw::new(1);
    let (mut fitting, mut refused) = (0, 0);
    for _ in 0..3000 {
        let input = any_input(&mut draw);
        let any = draw.index(input.len() + 70);
        for limit in [input.len(), 2 * input.len() + 64, any] {
            let block = pair.compress(&input, limit);
            *if block.is_some() { &mut fitting } else { &mut refused } += 1;
        }
    }
    assert!(fitting > 3000 && refused > 1000, "{fitting} {refused}");
}

#[test]
fn sound_blocks_decompress_alike_and_to_the_input() {
    let Some(mut pair) = Pair::or_skip("sound_blocks_decompress_alike_and_to_the_input") else { return };
    let mut draw = Draw::new(2);
    for _ in 0..2000 {
        let input = any_input(&mut draw);
        let block = pair.compress(&input, 2 * input.len() + 64).unwrap();
        assert_eq!(pair.decompress(&block, input.len()).as_ref(), Some(&input));
        assert_eq!(pair.decompress(&block, input.len() - 1), None);
    }
}

#[test]
fn damaged_blocks_decompress_alike() {
    let Some(mut pair) = Pair::or_skip("damaged_blocks_decompress_alike") else { return };
    let mut draw = Draw::new(3);
    let (mut garbage, mut refused) = (0, 0);
    for _ in 0..2000 {
        let input = any_input(&mut draw);
        let sound = pair.compress(&input, 2 * input.len() + 64).unwrap();
        let mut changed = sound.clone();
        for _ in 0..1 + draw.below(5) {
            let at = draw.index(changed.len());
            changed[at] = draw.byte();
        }
        let truncated = sound[..draw.index(sound.len())].to_vec();
        let random: Vec<u8> = (0..draw.below(1000)).map(|_| draw.byte()).collect();
        for block in [changed, truncated, random, input] {
            let limit = [4096, 20_000, draw.index(4096)][draw.index(3)];
            let output = pair.decompress(&block, limit);
            *if output.is_some() { &mut garbage } else { &mut refused } += 1;
        }
    }
    assert!(garbage > 1000 && refused > 1000, "{garbage} {refused}");
}

#[test]
fn every_block_of_up_to_two_bytes_decompresses_alike() {
    let Some(mut pair) = Pair::or_skip("every_block_of_up_to_two_bytes_decompresses_alike") else { return };
    for block in (0..=u16::MAX).map(u16::to_be_bytes) {
        pair.decompress(&block, 40);
    }
    for byte in 0..=255 {
        pair.decompress(&[byte], 4096);
    }
}
