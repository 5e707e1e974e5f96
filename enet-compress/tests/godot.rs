//! Godot's codecs: what one end compresses the other restores, the real zlib and zstd included, and nothing a stranger sends does harm.
#![cfg(all(feature = "fastlz", feature = "zlib", feature = "zstd"))]
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod inputs;

use std::io::Write;
use std::process::{Command, Stdio};

use enet_compress::{Compressor, FastLz, Zlib, Zstd};
use proptest::prelude::*;

use self::inputs::Kind;

/// What commands may take in a datagram.
const LARGEST: usize = 4096;

fn codecs() -> [(&'static str, Box<dyn Compressor>); 3] {
    [("FastLZ", Box::new(FastLz::new())), ("zlib", Box::new(Zlib::new())), ("zstd", Box::new(Zstd::new()))]
}

fn compressed(codec: &mut dyn Compressor, input: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 2 * input.len() + 64];
    let len = codec.compress(input, &mut block).unwrap();
    block.truncate(len);
    block
}

fn decompressed(codec: &mut dyn Compressor, block: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut text = vec![0; limit];
    let len = codec.decompress(block, &mut text)?;
    assert!(1 <= len && len <= limit);
    text.truncate(len);
    Some(text)
}

/// Zeros behind what is short are FastLZ's.
fn assert_restored(name: &str, input: &[u8], output: &[u8]) {
    let padding = if name == "FastLZ" { 16usize.saturating_sub(input.len()) } else { 0 };
    assert_eq!(output.len(), input.len() + padding, "{name}");
    assert_eq!(output[..input.len()], *input, "{name}");
    assert!(output[input.len()..].iter().all(|byte| *byte == 0), "{name}");
}

#[test]
fn what_games_send_comes_back_and_what_can_shrink_shrinks() {
    for (name, mut codec) in codecs() {
        for kind in Kind::ALL {
            for len in [1, 2, 15, 16, 17, 64, 256, 1200, LARGEST] {
                let input = kind.make(7, len);
                let block = compressed(codec.as_mut(), &input);
                let output = decompressed(codec.as_mut(), &block, LARGEST).unwrap();
                assert_restored(name, &input, &output);
                let shrinks = matches!(kind, Kind::Zeros | Kind::Json) && len >= 256;
                assert!(
                    !shrinks || block.len() < len,
                    "{name}: {} of {len} are {}",
                    kind.name(),
                    block.len()
                );
            }
        }
    }
}

#[test]
fn a_block_that_does_not_fit_is_none() {
    for (name, mut codec) in codecs() {
        let input = Kind::Json.make(3, 1200);
        let block = compressed(codec.as_mut(), &input);
        assert_eq!(codec.compress(&input, &mut vec![0; block.len() - 1]), None, "{name}");
        assert_eq!(codec.compress(&[], &mut [0; 64]), None, "{name}");
        assert_eq!(decompressed(codec.as_mut(), &block, 1199), None, "{name}");
        assert_eq!(decompressed(codec.as_mut(), &block, 1200).as_deref(), Some(&input[..]), "{name}");
        for cut in 0..block.len() {
            let part = decompressed(codec.as_mut(), &block[..cut], LARGEST);
            assert!(part.is_none_or(|part| name == "FastLZ" && input.starts_with(&part)), "{name}, {cut}");
        }
    }
}

proptest! {
    #[test]
    fn everything_comes_back_whatever_was_coded_before(
        texts in prop::collection::vec(prop::collection::vec(0u8..6, 1..2000), 1..6),
    ) {
        for (name, mut codec) in codecs() {
            for text in &texts {
                let block = compressed(codec.as_mut(), text);
                let output = decompressed(codec.as_mut(), &block, LARGEST).unwrap();
                assert_restored(name, text, &output);
                prop_assert_eq!(&block, &compressed(codec_of(name).as_mut(), text), "{} remembers", name);
            }
        }
    }

    #[test]
    fn any_bytes_are_survived(block in prop::collection::vec(any::<u8>(), 0..600), limit in 1usize..LARGEST) {
        for (_, mut codec) in codecs() {
            decompressed(codec.as_mut(), &block, limit);
        }
    }

    #[test]
    fn damaged_blocks_are_survived(
        tick in 0u32..10_000,
        len in 1usize..1400,
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        for (_, mut codec) in codecs() {
            let mut block = compressed(codec.as_mut(), &Kind::GameState.make(tick, len));
            let at = at.index(block.len());
            block[at] = value;
            decompressed(codec.as_mut(), &block, LARGEST);
        }
    }
}

/// A codec that has done nothing yet.
fn codec_of(name: &str) -> Box<dyn Compressor> {
    let [fast_lz, zlib, zstd] = codecs().map(|(_, codec)| codec);
    match name {
        "FastLZ" => fast_lz,
        "zlib" => zlib,
        _ => zstd,
    }
}

/// A bomb: 4 MiB of zeros in 4 kB. Nothing is written beyond the room there is.
#[test]
fn a_bomb_is_none() {
    for (name, mut codec) in codecs() {
        let zeros = vec![0; if name == "FastLZ" { 65_000 } else { 4 << 20 }];
        let block = compressed(codec.as_mut(), &zeros);
        assert!(block.len() < zeros.len() / 80, "{name}: {}", block.len());
        assert_eq!(decompressed(codec.as_mut(), &block, LARGEST), None, "{name}");
    }
}

/// Has a program of Python's standard library restore what `codec` made of inputs of all kinds, and compress them itself;
/// what that made is restored by `codec`. `None` if there is no Python.
fn exchange(codec: &mut dyn Compressor, script: &str) -> Option<()> {
    let child =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if std::env::var("CI").as_deref() == Ok("true") => panic!("python3: {error}"),
        Err(error) => {
            println!("SKIPPED: the C library is reached through python3: {error}");
            return None;
        }
    };
    let kinds =
        Kind::ALL.into_iter().flat_map(|kind| [1, 64, 256, 1200, LARGEST].map(|len| kind.make(11, len)));
    let inputs: Vec<Vec<u8>> = kinds.collect();
    let lines: String = inputs.iter().map(|input| hex(&compressed(codec, input)) + "\n").collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), inputs.len());
    for (input, answer) in inputs.iter().zip(answers.lines()) {
        let (text, block) = answer.split_once(' ').unwrap();
        assert_eq!(text, hex(input));
        assert_eq!(decompressed(codec, &unhex(block), LARGEST).as_deref(), Some(&input[..]));
    }
    Some(())
}

/// Python's `zlib` is the C library that Godot uses: it reads our streams, and we read its.
#[test]
fn zlib_reads_what_we_write_and_writes_what_we_read() {
    const SCRIPT: &str = "\
import sys, zlib
for line in sys.stdin:
    text = zlib.decompress(bytes.fromhex(line))
    print(text.hex(), zlib.compress(text, 6).hex())
";
    exchange(&mut Zlib::new(), SCRIPT);
}

/// The system's library, of another version than the one that is compiled in. Every Debian has it, for `dpkg` needs it.
/// Our frames must be as Godot's: they say their content's size, and have no checksum.
#[cfg(target_os = "linux")]
#[test]
fn zstd_reads_what_we_write_and_writes_what_we_read() {
    const SCRIPT: &str = "\
import ctypes, sys
zstd = ctypes.CDLL('libzstd.so.1')
zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
zstd.ZSTD_compress.restype = zstd.ZSTD_decompress.restype = ctypes.c_size_t
size = lambda number: ctypes.c_size_t(number)
room = ctypes.create_string_buffer(1 << 14)
for line in sys.stdin:
    block = bytes.fromhex(line)
    assert block[4] & 4 == 0, 'a checksum'
    content = zstd.ZSTD_getFrameContentSize(block, size(len(block)))
    length = zstd.ZSTD_decompress(room, size(len(room)), block, size(len(block)))
    assert length == content, (length, content)
    text = room.raw[:length]
    length = zstd.ZSTD_compress(room, size(len(room)), text, size(len(text)), 3)
    assert not zstd.ZSTD_isError(size(length))
    print(text.hex(), room.raw[:length].hex())
";
    let has_library =
        Command::new("python3").args(["-c", "import ctypes; ctypes.CDLL('libzstd.so.1')"]).output();
    if has_library.is_ok_and(|run| !run.status.success()) {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "no libzstd.so.1");
        return println!("SKIPPED: no libzstd.so.1; try `apt install libzstd1`");
    }
    exchange(&mut Zstd::new(), SCRIPT);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
