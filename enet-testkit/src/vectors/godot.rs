//! Lines of hexadecimal digits: datagrams captured from Godot, in any of its compression modes, without checksum.

use enet_compress::{Compressor, FastLz, RangeCoder, Zlib};
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

impl Codec {
    /// `None` where this build has no such codec.
    fn compressor(self) -> Option<Box<dyn Compressor>> {
        match self {
            Codec::Range => Some(RangeCoder::boxed()),
            Codec::FastLz => Some(Box::new(FastLz::new())),
            Codec::Zlib => Some(Box::new(Zlib::new())),
            #[cfg(target_os = "linux")]
            Codec::Zstd => Some(Box::new(enet_compress::Zstd::new())),
            #[cfg(not(target_os = "linux"))]
            Codec::Zstd => None,
        }
    }

    /// Whether equal commands have equal blocks, whoever made them. The others leave it to the encoder.
    const fn is_canonical(self) -> bool {
        matches!(self, Codec::Range)
    }
}

pub(super) fn check(text: &str) -> Verdict {
    let mut report = Report::new(Form::HexLines);
    let mut codec = None;
    let mut skipped = 0;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case = || format!("line {}", index + 1);
        let datagram = bytes_of(line.trim()).map_err(|what| Mismatch::new(case(), what))?;
        let judged = check_one(&datagram, &mut codec)
            .map_err(|what| Mismatch::new(case(), format!("{what}\n  datagram {line}")))?;
        report.cases += 1;
        match judged {
            true => report.datagrams += 1,
            false => skipped += 1,
        }
    }
    if let Some((codec, _)) = codec.filter(|_| skipped > 0) {
        report.skipped = Some((skipped, format!("compressed with {codec:?}, codec not in this build")));
    }
    Ok(report)
}

/// The codec of a capture.
type Chosen = (Codec, Option<Box<dyn Compressor>>);

/// Whether the datagram could be judged; the first compressed one decides which codec made them all.
fn check_one(datagram: &[u8], chosen: &mut Option<Chosen>) -> Result<bool, String> {
    let (header, rest) = Header::decode(datagram).map_err(|error| error.to_string())?;
    if !header.compressed {
        check_commands(rest)?;
        return Ok(true);
    }
    let (codec, compressor) = chosen.get_or_insert_with(|| {
        let codec = Codec::of(rest);
        (codec, codec.compressor())
    });
    let Some(compressor) = compressor else { return Ok(false) };
    let commands = decompressed(compressor.as_mut(), rest)?;
    check_commands(&commands)?;
    let mut block = vec![0; commands.len() + 64];
    let len = compressor.compress(&commands, &mut block).ok_or("the commands do not compress again")?;
    block.truncate(len);
    if codec.is_canonical() {
        same_bytes("what the commands compress to", rest, &block)?;
    }
    same_bytes("what that decompresses to", &commands, &decompressed(compressor.as_mut(), &block)?)?;
    Ok(true)
}

fn decompressed(compressor: &mut dyn Compressor, block: &[u8]) -> Result<Vec<u8>, String> {
    let mut commands = vec![0; 4096];
    let len = compressor.decompress(block, &mut commands).ok_or("the commands do not decompress")?;
    commands.truncate(len);
    Ok(commands)
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
