//! The range coder and the CRC, [`compress`], [`decompress`] and [`checksum`], over the datagrams of [`inputs`].

#[path = "../../../../enet-compress/tests/inputs/mod.rs"]
pub mod inputs;

use std::hint::black_box;

use enet_compress::{Compressor, RangeCoder};
use enet_wire::crc32;

use super::hosts::watch::Stopwatch;
use super::libenet::{CRangeCoder, Libenet};
use super::nanos;
use inputs::Kind;

/// Bytes of the datagrams that take turns, so that no branch predictor learns them by heart: nobody sends the same over and
/// over. Of 64 datagrams of 64 bytes it did, and C took less than half the time that it takes for 512 of them.
const VOLUME: usize = 256 * 1024;

/// As long as any datagram may become.
const ROOM: usize = 2 * 4096;

fn datagrams(kind: Kind, len: usize) -> Vec<Vec<u8>> {
    (0..).map(|tick| kind.make(tick, len)).take(VOLUME / len).collect()
}

/// Somebody's range coder. 0 bytes stand for output that did not fit.
pub trait Coder: Sized {
    /// A fresh one.
    fn new() -> Result<Self, String>;
    /// How many bytes of `output` were written.
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> usize;
    /// How many bytes of `output` were written.
    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> usize;
}

impl Coder for RangeCoder {
    fn new() -> Result<Self, String> {
        Ok(RangeCoder::new())
    }

    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        Compressor::compress(self, input, output).unwrap_or(0)
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        Compressor::decompress(self, input, output).unwrap_or(0)
    }
}

impl Coder for CRangeCoder {
    fn new() -> Result<Self, String> {
        Libenet::load()?.range_coder()
    }

    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        CRangeCoder::compress(self, input, output)
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        CRangeCoder::decompress(self, input, output)
    }
}

impl Coder for rusty_enet::RangeCoder {
    fn new() -> Result<Self, String> {
        Ok(rusty_enet::RangeCoder::new())
    }

    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        rusty_enet::Compressor::compress(self, &[input], input.len(), output)
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        rusty_enet::Compressor::decompress(self, input, output)
    }
}

/// Compresses datagrams, into as much room as they have themselves, as a host does; ns for each byte of `bytes`.
pub fn compress<C: Coder>(kind: Kind, len: usize, bytes: u64) -> Result<f64, String> {
    let (mut coder, datagrams) = (C::new()?, datagrams(kind, len));
    let mut output = vec![0; len];
    go_round(&datagrams, bytes, |datagram| coder.compress(datagram, &mut output))
}

/// Decompresses datagrams; ns for each byte of `bytes` that come out.
pub fn decompress<C: Coder>(kind: Kind, len: usize, bytes: u64) -> Result<f64, String> {
    let mut coder = C::new()?;
    let mut output = vec![0; ROOM];
    let mut blocks = Vec::new();
    for datagram in datagrams(kind, len) {
        let written = coder.compress(&datagram, &mut output);
        let block = output[..written].to_vec();
        let read = coder.decompress(&block, &mut output);
        if output[..read] != datagram {
            return Err(format!("{len} bytes of {} are not what they were", kind.name()));
        }
        blocks.push(block);
    }
    let share = blocks.iter().map(Vec::len).sum::<usize>() as f64 / (len * blocks.len()) as f64;
    let figure =
        go_round(&blocks, (bytes as f64 * share) as u64, |block| coder.decompress(block, &mut output))?;
    Ok(figure * share)
}

/// Checksums of datagrams of random bytes; ns for each byte of `bytes`.
pub fn checksum(crc: impl Fn(&[u8]) -> u32, len: usize, bytes: u64) -> Result<f64, String> {
    let datagrams = datagrams(Kind::Random, len);
    for datagram in &datagrams {
        if crc(datagram) != crc32([&datagram[..]]) {
            return Err("another CRC-32".to_owned());
        }
    }
    go_round(&datagrams, bytes, |datagram| crc(datagram) as usize)
}

/// The work done on one datagram after the other until that many bytes have gone in; ns for each.
fn go_round(datagrams: &[Vec<u8>], bytes: u64, mut work: impl FnMut(&[u8]) -> usize) -> Result<f64, String> {
    let round: u64 = datagrams.iter().map(|datagram| datagram.len() as u64).sum();
    let rounds = bytes.div_ceil(round.max(1));
    let mut all_rounds = |rounds| {
        for _ in 0..rounds {
            for datagram in datagrams {
                black_box(work(black_box(datagram)));
            }
        }
    };
    all_rounds(1);
    let mut watch = Stopwatch::new(nanos);
    watch.time(|| all_rounds(rounds));
    Ok(watch.over(rounds * round).each())
}

/// An error unless both range coders make the same of a kind of datagram.
pub fn agree(kind: Kind, len: usize) -> Result<(), String> {
    let (mut ours, mut theirs) = (<RangeCoder as Coder>::new()?, <CRangeCoder as Coder>::new()?);
    let (mut a, mut b) = (vec![0; len], vec![0; len]);
    for datagram in datagrams(kind, len) {
        let (x, y) = (Coder::compress(&mut ours, &datagram, &mut a), theirs.compress(&datagram, &mut b));
        if a[..x] != b[..y] {
            return Err(format!(
                "{len} bytes of {} become {x} bytes here and {y} other ones in C",
                kind.name()
            ));
        }
    }
    Ok(())
}
