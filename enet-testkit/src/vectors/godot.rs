//! Lines of hexadecimal digits: datagrams captured from Godot, in any of its compression modes, without checksum.

use enet_compress::{Compressor, RangeCoder};
use enet_wire::{Commands, Header};

use super::{Form, Mismatch, Report, Verdict, bytes_of, same_bytes};

/// Who compressed a capture. Nothing on the wire says it (PROTOCOL.md §1.4), but each leaves its traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Range,
    FastLz,
    Zlib,
    Zstd,
}

impl Codec {
    fn of(block: &[u8]) -> Codec {
        match block {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Codec::Zstd,
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Codec::Zlib,
            // A FastLZ block begins with a run of literals: a count below 32, then the first command as it is, on the
            // control channel in the handshake that every capture begins with.
            [0..0x20, 0x82 | 0x83, 0xff, ..] => Codec::FastLz,
            _ => Codec::Range,
        }
    }
}

pub(super) fn check(text: &str) -> Verdict {
    let mut report = Report::new(Form::HexLines);
    let mut codec = None;
    let mut coder = RangeCoder::boxed();
    let mut skipped = 0;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case = || format!("line {}", index + 1);
        let datagram = bytes_of(line.trim()).map_err(|what| Mismatch::new(case(), what))?;
        let judged = check_one(&datagram, &mut codec, &mut coder)
            .map_err(|what| Mismatch::new(case(), format!("{what}\n  datagram {line}")))?;
        report.cases += 1;
        match judged {
            true => report.datagrams += 1,
            false => skipped += 1,
        }
    }
    if let Some(codec) = codec.filter(|_| skipped > 0) {
        report.skipped = Some((skipped, format!("compressed with {codec:?}, codec not in this build")));
    }
    Ok(report)
}

/// Whether the datagram could be judged; the first compressed one decides which codec made them all.
fn check_one(datagram: &[u8], codec: &mut Option<Codec>, coder: &mut RangeCoder) -> Result<bool, String> {
    let (header, rest) = Header::decode(datagram).map_err(|error| error.to_string())?;
    if !header.compressed {
        check_commands(rest)?;
        return Ok(true);
    }
    match *codec.get_or_insert_with(|| Codec::of(rest)) {
        Codec::FastLz | Codec::Zlib | Codec::Zstd => return Ok(false),
        Codec::Range => {}
    }
    let mut commands = vec![0; 4096 - header.encoded_len()];
    let len = coder.decompress(rest, &mut commands).ok_or("the commands do not decompress")?;
    commands.truncate(len);
    check_commands(&commands)?;
    let mut block = vec![0; len];
    let len = coder.compress(&commands, &mut block).ok_or("the commands do not compress again")?;
    same_bytes("what the commands compress to", rest, block.get(..len).unwrap_or_default())?;
    Ok(true)
}

/// Commands up to the last byte, or up to zeros that nothing claims.
fn check_commands(bytes: &[u8]) -> Result<(), String> {
    let mut commands = Commands::new(bytes);
    let mut encoded = Vec::new();
    for command in commands.by_ref() {
        match command {
            Ok(command) => encoded.extend([command.head().as_ref(), command.payload()].concat()),
            Err(error) if commands_end(bytes, encoded.len()) => {
                let _ = error;
                break;
            }
            Err(error) => return Err(format!("at byte {} of the commands: {error}", encoded.len())),
        }
    }
    same_bytes("the commands encoded again", bytes.get(..encoded.len()).unwrap_or_default(), &encoded)
}

fn commands_end(bytes: &[u8], parsed: usize) -> bool {
    parsed > 0 && bytes.iter().skip(parsed).all(|&byte| byte == 0)
}
