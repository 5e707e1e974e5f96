//! `decode`: what is in captured datagrams.

mod capture;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use enet_compress::{Compressor, FastLz, RangeCoder, Zlib};
use enet_testkit::{Opened, hex};
use serde_json::{Value, json};

use self::capture::{Frame, frames};
use crate::Outcome;

/// Prints the commands of captured datagrams, a line for each: of a pcap or pcapng file, as tcpdump, Wireshark and
/// `sim --pcap` write them, or of lines of hexadecimal digits. UDP datagrams that are not ENet's are said to be none.
///
/// Two things no datagram says, so they must be said here: whether there are checksums, and who compressed. Checksums are
/// printed, not compared.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tcpdump -i any -w game.pcap udp port 6789      and then
  cargo xtask decode game.pcap
  cargo xtask decode enet-testkit/vectors/godot3/zstd.hex --compress zstd --json

The exit code is 0 if every datagram could be decoded, else 1.")]
pub(crate) struct Decode {
    /// A pcap or pcapng file, or lines of hexadecimal digits
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What compressed the datagrams that are
    #[arg(long, value_enum, default_value = "range")]
    compress: Codec,
    /// The hosts use a checksum
    #[arg(long)]
    checksum: bool,
    /// A JSON object for each datagram
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Codec {
    Range,
    Fastlz,
    Zlib,
    #[cfg(target_os = "linux")]
    Zstd,
}

impl Codec {
    fn compressor(self) -> Box<dyn Compressor> {
        match self {
            Codec::Range => RangeCoder::boxed(),
            Codec::Fastlz => Box::new(FastLz::new()),
            Codec::Zlib => Box::new(Zlib::new()),
            #[cfg(target_os = "linux")]
            Codec::Zstd => Box::new(enet_compress::Zstd::new()),
        }
    }
}

impl Decode {
    pub(crate) fn run(self) -> Outcome {
        let file = fs::read(&self.file).map_err(|error| format!("{}: {error}", self.file.display()))?;
        let frames = match frames(&file) {
            Some(frames) => frames,
            None => of_lines(&file)?,
        };
        let mut compressor = self.compress.compressor();
        let mut all_decoded = true;
        let mut stdout = io::stdout().lock();
        for frame in &frames {
            let opened = Opened::open_with(&frame.datagram, self.checksum, compressor.as_mut());
            all_decoded &= opened.as_ref().is_ok_and(Opened::is_sound);
            let line = match self.json {
                true => as_json(frame, &opened).to_string(),
                false => heading(frame) + &opened.map_or_else(|why| format!("({why})"), |it| it.to_string()),
            };
            match writeln!(stdout, "{line}") {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break, // `head` has seen enough
                result => result?,
            }
        }
        Ok(all_decoded)
    }
}

fn of_lines(file: &[u8]) -> Result<Vec<Frame>, Box<dyn std::error::Error>> {
    let text = std::str::from_utf8(file).map_err(|_| "neither a capture nor lines of hexadecimal digits")?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            let datagram =
                hex::decode(line.trim()).ok_or(format!("line {}: no hexadecimal digits", at + 1))?;
            Ok(Frame { at: None, way: None, datagram })
        })
        .collect()
}

/// When, from where and where to, as far as the file says it.
fn heading(frame: &Frame) -> String {
    let at = frame.at.map(|at| format!("{at:.6} "));
    let way = frame.way.map(|(from, to)| format!("{from} > {to} "));
    at.into_iter().chain(way).collect()
}

fn as_json(frame: &Frame, opened: &Result<Opened, String>) -> Value {
    let mut line = json!({ "at": frame.at, "bytes": frame.datagram.len() });
    if let Some((from, to)) = frame.way {
        line["from"] = from.to_string().into();
        line["to"] = to.to_string().into();
    }
    match opened {
        Err(why) => line["error"] = why.as_str().into(),
        Ok(opened) => {
            let header = opened.header;
            line["peer"] = json!((!header.peer.is_unknown()).then(|| header.peer.get()));
            line["session"] = header.session.get().into();
            line["sent_time"] = header.sent_time.into();
            line["compressed"] = header.compressed.into();
            line["checksum"] = opened.checksum.map(|sum| hex::encode(&sum)).into();
            let commands = opened.commands().map(|command| match command {
                Ok(command) => json!(enet_testkit::describe(&command)),
                Err(error) => json!({ "error": error.to_string() }),
            });
            line["commands"] = commands.collect();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_from_where_and_what() {
        let datagram = hex::decode("8000424c01ff00010001424785ff0002").unwrap();
        let way = Some(("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap()));
        let frame = Frame { at: Some(1.5), way, datagram };
        assert_eq!(heading(&frame), "1.500000 192.0.2.1:1 > 192.0.2.2:2 ");
        let line = as_json(&frame, &Opened::open(&frame.datagram, false));
        assert_eq!(line["commands"], json!(["ACK control#1 echo 4247", "PING control#2"]));
        assert_eq!(
            (&line["peer"], &line["sent_time"], &line["from"]),
            (&json!(0), &json!(0x424c), &json!("192.0.2.1:1"))
        );
        let line = as_json(&frame, &Opened::open(&[1], false));
        assert!(line["error"].is_string() && line["commands"].is_null(), "{line}");
    }
}
