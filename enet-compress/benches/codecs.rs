//! What each codec makes of game state, and what that takes: a table in Markdown.
//!
//! `cargo bench -p enet-compress --features alloc,fastlz,zlib,zstd --bench codecs`
//!
//! Each cell goes through many datagrams of one length, in rounds in which every codec has its turn; the time is that of the
//! quietest round, since whatever else the machine does only adds to it. As in a host, a datagram that does not shrink goes as it is.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark that panics has failed"
)]

#[path = "../tests/inputs/mod.rs"]
mod inputs;

use std::hint::black_box;
use std::time::Instant;

use enet_compress::{Compressor, FastLz, RangeCoder, Zlib, Zstd};
use inputs::Kind;

const LENGTHS: [usize; 7] = [64, 128, 256, 512, 1_024, 2_048, 4_096];
const DATAGRAMS: u32 = 256;
const ROUNDS: usize = 50;

/// What a codec did to the datagrams of one length.
#[derive(Default)]
struct Cell {
    /// Bytes that leave, of those there were.
    ratio: f64,
    /// µs for one datagram, by round.
    compress: Vec<f64>,
    decompress: Vec<f64>,
}

fn main() {
    let mut codecs: [(&str, Box<dyn Compressor>); 4] = [
        ("range", RangeCoder::boxed()),
        ("fastlz", Box::new(FastLz::new())),
        ("zlib", Box::new(Zlib::new())),
        ("zstd", Box::new(Zstd::new())),
    ];
    println!("| bytes | {} |", codecs.each_ref().map(|(name, _)| *name).join(" | "));
    println!("|---:|{}", "---:|".repeat(codecs.len()));
    for len in LENGTHS {
        let datagrams: Vec<_> = (0..DATAGRAMS).map(|tick| Kind::GameState.make(tick, len)).collect();
        let mut cells = [const { Cell { ratio: 0.0, compress: Vec::new(), decompress: Vec::new() } }; 4];
        for _ in 0..ROUNDS {
            for ((_, codec), cell) in codecs.iter_mut().zip(&mut cells) {
                round(codec.as_mut(), &datagrams, cell);
            }
        }
        let cells = cells.map(|cell| {
            let [compress, decompress] = [least(&cell.compress), least(&cell.decompress)];
            format!("{:.0} %, {compress:.1} + {decompress:.1} µs", 100.0 * cell.ratio)
        });
        println!("| {len} | {} |", cells.join(" | "));
    }
}

fn round(codec: &mut dyn Compressor, datagrams: &[Vec<u8>], cell: &mut Cell) {
    let len = datagrams[0].len();
    let mut output = vec![0; 2 * len + 64];
    let start = Instant::now();
    for datagram in datagrams {
        // No longer than the input: what a host offers.
        black_box(codec.compress(datagram, &mut output[..len]));
    }
    cell.compress.push(micros(start) / datagrams.len() as f64);
    let mut sent = 0;
    let mut blocks = Vec::new();
    for datagram in datagrams {
        sent += codec.compress(datagram, &mut output[..len]).unwrap_or(len).min(len);
        let block = codec.compress(datagram, &mut output).unwrap();
        blocks.push(output[..block].to_vec());
    }
    cell.ratio = sent as f64 / (len * datagrams.len()) as f64;
    let start = Instant::now();
    for block in &blocks {
        black_box(codec.decompress(block, &mut output)).unwrap();
    }
    cell.decompress.push(micros(start) / datagrams.len() as f64);
}

fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}
