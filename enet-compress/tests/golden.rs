//! Byte-for-byte agreement with the C library, on recorded results (`tests/vectors/README.md`).
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use enet_compress::{Compressor, RangeCoder};

/// ENet's limit for the commands of one datagram: 4096 bytes less a header of two times two.
const DATAGRAM_SPACE: usize = 4092;

fn hex(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    let (unit, times) = text.split_once('*').unwrap_or((text, "1"));
    let digits = unit.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    let bytes: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    bytes.repeat(times.parse().unwrap())
}

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

/// A line of `range_coder.txt`.
struct Recorded {
    name: &'static str,
    chunks: Vec<usize>,
    input: Vec<u8>,
    output: Vec<u8>,
}

fn recorded() -> Vec<Recorded> {
    let parse = |line: &'static str| {
        let [name, chunks, input, output] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("not four fields: {line}");
        };
        let chunks = chunks.split(',').map(|len| len.parse().unwrap()).collect();
        Recorded { name, chunks, input: hex(input), output: hex(output) }
    };
    include_str!("vectors/range_coder.txt").lines().map(parse).collect()
}

#[test]
fn the_worked_example_comes_out_step_by_step() {
    // PROTOCOL.md §15.7, input 61 62 61 62
    let block = [
        // First 61: root, under 98, count 1 of 257; settles nothing.
        // First 62: the context of 61 is empty and costs nothing; root, 102, 1 of 260.
        0x62, //
        // Second 61: the contexts of 62 and of 61 62 are empty; root, 98, 4 of 263.
        0x02, //
        // Second 62: the context of 62 61 is empty; the context of 61 knows it, 5, 2 of 7; settles nothing.
        // End: the bottom of the interval, cbdeef21.
        0xcb, 0xde, 0xef, 0x21,
    ];
    assert_eq!(compress(b"abab", 64).unwrap(), block);
    assert_eq!(decompress(&block, 64).unwrap(), b"abab");
}

#[test]
fn the_outputs_listed_in_the_specification_come_out() {
    // PROTOCOL.md §15.7
    let listed: [(&[u8], &str); 5] = [
        (&[0x61], "619e619e"),
        (&[0x00], "00ff00ff"),
        (&[0xff], "ff00ff"), // one trailing zero dropped
        (&[0x00; 16], "0103e73d17cf"),
        (b"hello hello hello hello", "68fbe0c33d7072bdd5e06ce58e"),
    ];
    for (input, output) in listed {
        assert_eq!(compress(input, 64).unwrap(), hex(output));
        assert_eq!(decompress(&hex(output), 64).unwrap(), input);
    }
}

#[test]
fn every_recorded_input_compresses_to_the_recorded_bytes() {
    assert_eq!(recorded().len(), 189);
    for Recorded { name, input, output, .. } in recorded() {
        let expected = (!input.is_empty()).then_some(output);
        assert_eq!(compress(&input, 2 * input.len() + 64), expected, "{name}");
    }
}

#[test]
fn a_limit_of_the_input_length_fails_exactly_when_the_recorded_bytes_are_longer() {
    let mut fitting = 0;
    for Recorded { name, input, output, .. } in recorded() {
        let fits = !input.is_empty() && output.len() <= input.len();
        fitting += usize::from(fits);
        assert_eq!(compress(&input, input.len()), fits.then_some(output), "{name}");
    }
    assert!((50..180).contains(&fitting), "both answers occur");
}

#[test]
fn every_recorded_block_decompresses_to_the_recorded_input() {
    for Recorded { name, input, output, .. } in recorded() {
        let expected = (!input.is_empty()).then(|| input.clone());
        assert_eq!(decompress(&output, input.len()), expected, "{name}: exactly enough room");
        if let Some(short) = input.len().checked_sub(1) {
            assert_eq!(decompress(&output, short), None, "{name}: one byte short");
        }
    }
}

#[test]
fn an_input_in_chunks_compresses_as_their_concatenation() {
    let mut chunked = 0;
    for Recorded { name, chunks, input, output } in recorded() {
        let mut rest = &input[..];
        let mut parts = vec![];
        for len in chunks {
            parts.push(rest.split_off(..len).unwrap());
            parts.push(&[]);
        }
        assert!(rest.is_empty(), "{name}");
        chunked += usize::from(parts.len() > 2);

        let mut space = vec![0; 2 * input.len() + 64];
        let len = RangeCoder::new().compress_parts(&parts, &mut space).unwrap_or(0);
        assert_eq!(space[..len], output, "{name}");
    }
    assert_eq!(chunked, 4);
}

#[test]
fn damaged_blocks_give_what_the_c_library_gives() {
    let (mut garbage, mut failures) = (0, 0);
    for line in include_str!("vectors/damaged.txt").lines() {
        let (block, output) = line.split_once(' ').unwrap();
        let expected = (output != "-").then(|| hex(output));
        *if expected.is_some() { &mut garbage } else { &mut failures } += 1;
        assert_eq!(decompress(&hex(block), DATAGRAM_SPACE), expected, "{block}");
    }
    assert_eq!((garbage, failures), (75, 32));
}

/// The compressed blocks of the datagrams captured from Godot.
fn godot_blocks() -> Vec<Vec<u8>> {
    let datagrams = include_str!("vectors/godot3_range.hex").lines().map(hex);
    // First byte: 0x80 a sent time follows the peer id, 0x40 the rest is compressed (PROTOCOL.md §1.1).
    let compressed = datagrams.filter(|datagram| datagram[0] & 0x40 != 0);
    compressed.map(|datagram| datagram[if datagram[0] & 0x80 != 0 { 4 } else { 2 }..].to_vec()).collect()
}

/// Length of the command at the front of `commands`, payload included (PROTOCOL.md §2.2).
fn command_len(commands: &[u8]) -> usize {
    let payload = |at: usize| usize::from(u16::from_be_bytes([commands[at], commands[at + 1]]));
    match commands[0] & 0x0f {
        1 => 8,                    // ACKNOWLEDGE
        5 => 4,                    // PING
        2 => 48,                   // CONNECT
        3 => 44,                   // VERIFY_CONNECT
        4 => 8,                    // DISCONNECT
        6 => 6 + payload(4),       // SEND_RELIABLE
        7 | 9 => 8 + payload(6),   // SEND_UNRELIABLE, SEND_UNSEQUENCED
        8 | 12 => 24 + payload(6), // SEND_FRAGMENT, SEND_UNRELIABLE_FRAGMENT
        10 => 12,                  // BANDWIDTH_LIMIT
        11 => 16,                  // THROTTLE_CONFIGURE
        other => panic!("no such command: {other}"),
    }
}

#[test]
fn godot_datagrams_decompress_to_whole_commands() {
    assert!(godot_blocks().len() > 40);
    for block in godot_blocks() {
        let commands = decompress(&block, DATAGRAM_SPACE).unwrap();
        let mut rest = &commands[..];
        while !rest.is_empty() {
            rest.split_off(..command_len(rest)).expect("a command ends within its datagram");
        }
    }
}

#[test]
fn godot_datagrams_compress_back_to_the_captured_bytes() {
    for block in godot_blocks() {
        let commands = decompress(&block, DATAGRAM_SPACE).unwrap();
        assert_eq!(compress(&commands, commands.len()).unwrap(), block);
    }
}
