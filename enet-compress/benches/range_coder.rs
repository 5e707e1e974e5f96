//! The range coder, ours and C's, by kind and length of the data: `cargo bench -p enet-compress`.
//!
//! Each row goes through many different datagrams, as a server does: one alone would be known to the processor's branch
//! predictor by heart. As in a host, compressing may not use more bytes than the input has.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a benchmark that panics has failed")]

#[cfg(target_os = "linux")]
#[path = "../tests/inputs/mod.rs"]
mod inputs;

#[cfg(target_os = "linux")]
mod rows {
    use std::hint::black_box;

    use criterion::measurement::WallTime;
    use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
    use enet_compress::{Compressor, RangeCoder};
    use enet_reference::Library;

    use super::inputs::Kind;

    const LENGTHS: [usize; 4] = [64, 256, 1200, 4096];

    /// All datagrams of a row together, in bytes.
    const VOLUME: usize = 256 * 1024;

    /// A subject's way to work on one datagram.
    type Work<'a> = &'a mut dyn FnMut(&[u8], &mut [u8]) -> Option<usize>;

    pub(crate) fn all(criterion: &mut Criterion) {
        let mut ours = Box::new(RangeCoder::new());
        let mut theirs = match Library::load().and_then(|library| library.range_coder()) {
            Ok(coder) => Some(coder),
            Err(reason) => {
                eprintln!("skipped: the rows of C: {reason}");
                None
            }
        };
        for kind in Kind::ALL {
            for len in LENGTHS {
                let ticks = u32::try_from(VOLUME / len).unwrap().min(512);
                let inputs: Vec<Vec<u8>> = (0..ticks).map(|tick| kind.make(tick, len)).collect();
                let blocks: Vec<Vec<u8>> = inputs
                    .iter()
                    .map(|input| {
                        let mut block = vec![0; 2 * len + 64];
                        let written = ours.compress(input, &mut block).unwrap();
                        block.truncate(written);
                        block
                    })
                    .collect();
                for (verb, datagrams) in [("compress", &inputs), ("decompress", &blocks)] {
                    let mut group = criterion.benchmark_group(format!("{verb} {} {len}", kind.name()));
                    let compresses = verb == "compress";
                    row(&mut group, "enet-compress", datagrams, len, &mut |input, output| match compresses {
                        true => ours.compress(input, output),
                        false => ours.decompress(input, output),
                    });
                    if let Some(coder) = &mut theirs {
                        row(&mut group, "C", datagrams, len, &mut |input, output| match compresses {
                            true => coder.compress(input, output),
                            false => coder.decompress(input, output),
                        });
                    }
                    group.finish();
                }
            }
        }
    }

    /// `len`: of a datagram's plain bytes.
    fn row(
        group: &mut BenchmarkGroup<'_, WallTime>,
        subject: &str,
        datagrams: &[Vec<u8>],
        len: usize,
        work: Work<'_>,
    ) {
        let mut output = vec![0; len];
        group.throughput(Throughput::Bytes((len * datagrams.len()) as u64));
        group.bench_function(BenchmarkId::from_parameter(subject), |bencher| {
            bencher.iter(|| {
                for datagram in datagrams {
                    black_box(work(black_box(datagram), &mut output));
                }
            });
        });
    }
}

fn main() {
    #[cfg(target_os = "linux")]
    {
        let mut criterion = criterion::Criterion::default().configure_from_args();
        rows::all(&mut criterion);
        criterion.final_summary();
    }
}
