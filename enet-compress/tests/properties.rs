//! What holds for every input: round trips, output limits, and calm on damaged blocks.

use enet_compress::{Compressor, RangeCoder};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Long enough for several model resets: they come after at most 4094 new symbols, three of them per byte.
const LONGEST: usize = 8192;

/// Enough room for any input up to [`LONGEST`] bytes.
const ROOM: usize = 2 * LONGEST + 64;

fn compress(input: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut output = vec![0; limit];
    let len = RangeCoder::new().compress(input, &mut output)?;
    output.truncate(len);
    Some(output)
}

fn decompress(block: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut output = vec![0; limit];
    let len = RangeCoder::new().decompress(block, &mut output)?;
    output.truncate(len);
    Some(output)
}

/// Bytes as games send them: few values, repeated records, now and then a change.
fn structured() -> impl Strategy<Value = Vec<u8>> {
    let record = vec(any::<u8>(), 1..80);
    let changes = vec((any::<Index>(), any::<u8>()), 0..100);
    (record, 1..=LONGEST, changes).prop_map(|(record, len, changes)| {
        let mut bytes: Vec<u8> = record.into_iter().cycle().take(len).collect();
        for (at, value) in changes {
            *at.get_mut(&mut bytes) = value;
        }
        bytes
    })
}

fn few_values() -> impl Strategy<Value = Vec<u8>> {
    (1..=8u8, 1..=255u8).prop_flat_map(|(values, step)| {
        vec((0..values).prop_map(move |value| value.wrapping_mul(step)), 1..=LONGEST)
    })
}

fn any_input() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 1..=64), vec(any::<u8>(), 1..=LONGEST), structured(), few_values()]
}

proptest! {
    #[test]
    fn whatever_was_compressed_comes_back(input in any_input()) {
        let block = compress(&input, ROOM).unwrap();
        prop_assert_eq!(decompress(&block, input.len()), Some(input));
    }

    #[test]
    fn only_the_concatenation_of_the_parts_matters(parts in vec(vec(any::<u8>(), 0..50), 0..20)) {
        let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let mut output = vec![0; ROOM];
        let len = RangeCoder::new().compress_parts(&slices, &mut output);
        prop_assert_eq!(len.map(|len| output[..len].to_vec()), compress(&parts.concat(), ROOM));
    }

    #[test]
    fn earlier_calls_change_nothing(first in any_input(), second in any_input()) {
        let mut coder = RangeCoder::new();
        let mut output = vec![0; ROOM];
        coder.compress(&first, &mut output).unwrap();
        coder.decompress(&second, &mut output);
        coder.compress(&first, &mut output[..4]);

        let len = coder.compress(&second, &mut output).unwrap();
        prop_assert_eq!(compress(&second, ROOM).unwrap(), &output[..len]);
        let block = output[..len].to_vec();
        let len = coder.decompress(&block, &mut output).unwrap();
        prop_assert_eq!(&output[..len], second);
    }

    #[test]
    fn random_blocks_stay_within_the_output(block in vec(any::<u8>(), 0..2000), limit in 0..5000usize) {
        let output = decompress(&block, limit);
        prop_assert!(output.is_none_or(|output| !output.is_empty()));
    }

    #[test]
    fn truncated_blocks_stay_within_the_output(input in any_input(), end in any::<Index>(), limit in 0..5000usize) {
        let block = compress(&input, ROOM).unwrap();
        let output = decompress(&block[..end.index(block.len())], limit);
        prop_assert!(output.is_none_or(|output| !output.is_empty()));
    }

    #[test]
    fn altered_blocks_stay_within_the_output(
        input in any_input(),
        changes in vec((any::<Index>(), any::<u8>()), 1..10),
        limit in 0..5000usize,
    ) {
        let mut block = compress(&input, ROOM).unwrap();
        for (at, value) in changes {
            *at.get_mut(&mut block) = value;
        }
        let output = decompress(&block, limit);
        prop_assert!(output.is_none_or(|output| !output.is_empty()));
    }
}

#[test]
fn every_output_limit_gives_the_whole_result_or_none() {
    let pattern: Vec<u8> = (0..500u16).map(|i| i.to_le_bytes()[0] % 7).collect();
    let ramp: Vec<u8> = (0..=255).collect();
    for input in [b"a".as_slice(), b"\xff", b"hello hello hello hello", &[0; 1000], &pattern, &ramp] {
        let block = compress(input, ROOM).unwrap();
        for limit in 0..=block.len() + 1 {
            let fits = limit >= block.len();
            assert_eq!(compress(input, limit), fits.then(|| block.clone()), "{limit} of {}", block.len());
        }
        for limit in 0..=input.len() + 1 {
            let fits = limit >= input.len();
            assert_eq!(decompress(&block, limit), fits.then(|| input.to_vec()), "{limit} of {}", input.len());
        }
    }
}

#[test]
fn nothing_gives_none() {
    assert_eq!(compress(&[], 64), None);
    assert_eq!(decompress(&[], 64), None);
    let mut output = [0; 64];
    assert_eq!(RangeCoder::new().compress_parts(&[], &mut output), None);
    assert_eq!(RangeCoder::new().compress_parts(&[&[], &[]], &mut output), None);
}

#[test]
fn a_block_that_ends_before_its_first_byte_gives_none() {
    // Zeros are the escape in the root: the end of the data.
    assert_eq!(decompress(&[0], 64), None);
    assert_eq!(decompress(&[0; 100], 64), None);
}

#[test]
fn a_coder_is_a_compressor_on_any_thread() {
    let mut coder: Box<dyn Compressor> = Box::new(RangeCoder::default());
    let len = std::thread::spawn(move || coder.compress(&[0; 16], &mut [0; 16])).join().unwrap();
    assert_eq!(len, Some(6));
}

#[test]
fn the_debug_form_leaves_out_the_symbol_table() {
    assert_eq!(format!("{:?}", RangeCoder::new()), "RangeCoder { .. }");
}
