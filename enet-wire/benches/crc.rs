//! CRC-32 by length, whole and in the three parts of a datagram, ours and the C library's:
//! `cargo bench -p enet-wire --bench crc`, and again with `--features crc32fast`.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a benchmark that panics has failed")]

#[cfg(target_os = "linux")]
mod rows {
    use std::hint::black_box;

    use criterion::measurement::WallTime;
    use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
    use enet_wire::crc32;

    const LENGTHS: [usize; 4] = [16, 64, 256, 1200];

    /// Which implementation this is built with.
    const OURS: &str = if cfg!(feature = "crc32fast") { "enet-wire crc32fast" } else { "enet-wire tables" };

    pub(crate) fn all(criterion: &mut Criterion) {
        let bytes: Vec<u8> = (0..1200_u32).map(|at| at.wrapping_mul(0x9E37_79B9).to_be_bytes()[0]).collect();
        let library = enet_reference::library_or_skip("the row of enet_crc32");
        let mut group = criterion.benchmark_group("crc32 whole");
        for len in LENGTHS {
            let whole = &bytes[..len];
            row(&mut group, OURS, whole, |whole| crc32([whole]));
            if let Some(library) = library {
                row(&mut group, "enet_crc32", whole, |whole| library.crc32([whole]));
            }
        }
        group.finish();
        let mut group = criterion.benchmark_group("crc32 header, seed, commands");
        for len in LENGTHS {
            let whole = &bytes[..len];
            row(&mut group, OURS, whole, |whole| crc32(cut(whole)));
            if let Some(library) = library {
                row(&mut group, "enet_crc32", whole, |whole| library.crc32(cut(whole)));
            }
        }
        group.finish();
    }

    fn row(
        group: &mut BenchmarkGroup<'_, WallTime>,
        subject: &str,
        bytes: &[u8],
        crc: impl Fn(&[u8]) -> u32,
    ) {
        group.throughput(Throughput::Bytes(u64::try_from(bytes.len()).unwrap()));
        let id = BenchmarkId::new(subject, bytes.len());
        group.bench_with_input(id, bytes, |bencher, bytes| bencher.iter(|| crc(black_box(bytes))));
    }

    /// A header with its time of sending, the seed, the commands.
    fn cut(datagram: &[u8]) -> [&[u8]; 3] {
        let (header, rest) = datagram.split_at(4);
        let (seed, commands) = rest.split_at(4);
        [header, seed, commands]
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
