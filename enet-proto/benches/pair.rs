//! Two hosts in memory: what the protocol costs without the kernel. ns for each message, byte, call or connection.
//!
//! `cargo bench -p enet-proto` measures this crate. The C library does the same work beside it where it is installed and the
//! benchmark exports the functions by which the library gets its clock and its sockets from `enet-reference`. A build
//! script would see to that, but this crate is to have none for the sake of a benchmark, so it is asked for by hand:
//!
//! ```text
//! RUSTFLAGS='-C link-arg=-Wl,--export-dynamic-symbol=enet_*' cargo bench -p enet-proto
//! ```
//!
//! `cargo xtask bench` compares more implementations, interleaved, and by processor time.

#[cfg(target_os = "linux")]
mod memory;

#[cfg(target_os = "linux")]
mod rows {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    use criterion::measurement::WallTime;
    use criterion::{BenchmarkGroup, BenchmarkId, Criterion};

    use crate::memory::end::{End, Kind};
    use crate::memory::work::Work;
    use crate::memory::{c, ours};

    /// Nanoseconds since the first call.
    fn nanos() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Lets an implementation do the work as often as criterion wishes. Hosts with a crowd are kept from one time to the next.
    #[allow(clippy::panic)] // a benchmark that goes wrong has no figure
    fn play<E: End>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, case: &str, work: Work) {
        let mut crowd = None;
        group.bench_function(BenchmarkId::new(name, case), |bencher| {
            bencher.iter_custom(|times| match work.run::<E, E>(&mut crowd, nanos, times) {
                Ok(spent) => Duration::from_secs_f64(spent.each() * times as f64 / 1e9),
                Err(reason) => panic!("{name}, {case}: {reason}"),
            });
        });
    }

    /// Why the C library does not take part, if it does not.
    fn absent() -> Option<&'static str> {
        static ABSENT: OnceLock<Option<String>> = OnceLock::new();
        let reason = ABSENT.get_or_init(|| {
            let reason = c::library().err()?;
            eprintln!("without C (the head of benches/pair.rs says how to have it): {reason}");
            Some(reason)
        });
        reason.as_deref()
    }

    /// A group of benchmarks: some kind of work in several cases.
    fn group(criterion: &mut Criterion, name: &str, cases: &[(&str, Work)]) {
        let mut group = criterion.benchmark_group(name);
        group
            .sample_size(20)
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(1));
        for &(case, work) in cases {
            play::<ours::Ours>(&mut group, "ours", case, work);
            if absent().is_none() {
                play::<c::C>(&mut group, "c", case, work);
            }
        }
        group.finish();
    }

    /// One connection; both hosts' work.
    pub(crate) fn traffic(criterion: &mut Criterion) {
        let cases = [("1", Work::Echo(1)), ("64", Work::Echo(64)), ("512", Work::Echo(512))];
        group(criterion, "echo 32 B reliable, outstanding", &cases);
        group(criterion, "flood 64 B, burst", &[("32", Work::Flood(32)), ("256", Work::Flood(256))]);
        group(criterion, "bulk", &[("1 MiB", Work::Bulk)]);
    }

    /// A server and its crowd; the server's work.
    pub(crate) fn crowds(criterion: &mut Criterion) {
        let broadcast = |kind| {
            let cast = |peers| Work::Broadcast(peers, kind);
            [("64", cast(64)), ("512", cast(512)), ("2000", cast(2000))]
        };
        group(criterion, "broadcast 100 B unreliable, peers", &broadcast(Kind::Unreliable));
        group(criterion, "broadcast 100 B reliable, peers", &broadcast(Kind::Reliable));
        let idle = [("1", Work::Idle(1)), ("1024", Work::Idle(1024)), ("4000", Work::Idle(4000))];
        group(criterion, "idle, peers", &idle);
    }

    /// Settling one peer and keeping the schedule of all; the server's work.
    pub(crate) fn schedule(criterion: &mut Criterion) {
        let visit = [("1", Work::Visit(1)), ("1024", Work::Visit(1024)), ("4000", Work::Visit(4000))];
        group(criterion, "one message from one of the peers", &visit);
        group(criterion, "connect, present", &[("512", Work::Connect(512)), ("2000", Work::Connect(2000))]);
    }
}

fn main() {
    #[cfg(target_os = "linux")]
    {
        let mut criterion = criterion::Criterion::default().configure_from_args();
        rows::traffic(&mut criterion);
        rows::crowds(&mut criterion);
        rows::schedule(&mut criterion);
        criterion.final_summary();
    }
}
