//! Processor time of this thread, kernel included: other programs on the machine do not count.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Processor time this thread has used since it began. Reading it is a system call.
pub fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is valid for the call.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "every thread has a clock");
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What a look at the clock adds to what is measured.
static OVERHEAD: LazyLock<Duration> = LazyLock::new(|| {
    let mut empty: Vec<Duration> = (0..1001)
        .map(|_| {
            let start = thread_time();
            thread_time() - start
        })
        .collect();
    empty.sort_unstable();
    empty[500]
});

/// Whose work counts when both ends take turns on one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Everything from beginning to end.
    Both,
    /// The server's turns.
    Server,
}

/// Sums up processor time.
pub struct Gauge {
    counted: Counted,
    start: Duration,
    /// Of the server's turns.
    spent: Duration,
    /// What reading the clock adds to each turn.
    overhead: Duration,
}

impl Gauge {
    /// Begins.
    pub fn new(counted: Counted) -> Gauge {
        Gauge { counted, start: thread_time(), spent: Duration::ZERO, overhead: *OVERHEAD }
    }

    /// A turn of the server's.
    pub fn server<R>(&mut self, work: impl FnOnce() -> R) -> R {
        if self.counted == Counted::Both {
            return work();
        }
        let start = thread_time();
        let result = work();
        self.spent += (thread_time() - start).saturating_sub(self.overhead);
        result
    }

    /// Ends: nanoseconds for each of `count`.
    pub fn each(&self, count: usize) -> f64 {
        match self.counted {
            Counted::Both => each(thread_time() - self.start, count),
            Counted::Server => each(self.spent, count),
        }
    }
}

/// Nanoseconds for each of `count`.
pub fn each(spent: Duration, count: usize) -> f64 {
    spent.as_nanos() as f64 / count.max(1) as f64
}

/// How long to go on while nothing happens.
pub struct Patience {
    idle: u32,
    since: Instant,
}

impl Patience {
    /// Turns without an event before the thread begins to sleep between turns; a large packet takes many.
    const TURNS: u32 = 1000;
    const NAP: Duration = Duration::from_micros(100);
    const LIMIT: Duration = Duration::from_secs(5);

    /// Just begun.
    pub fn new() -> Patience {
        Patience { idle: 0, since: Instant::now() }
    }

    /// Takes note of a turn with so many events. An error after seconds without any; `missing` says what is awaited.
    pub fn note(&mut self, events: usize, missing: impl FnOnce() -> String) -> Result<(), String> {
        if events > 0 {
            self.idle = 0;
            return Ok(());
        }
        self.idle += 1;
        if self.idle < Self::TURNS {
            return Ok(());
        }
        if self.idle == Self::TURNS {
            self.since = Instant::now();
        }
        if self.since.elapsed() >= Self::LIMIT {
            return Err(missing());
        }
        std::thread::sleep(Self::NAP);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(rounds: u64) {
        let step = |sum: u64, number: u64| std::hint::black_box(sum.wrapping_mul(31) ^ number);
        std::hint::black_box((0..rounds).fold(1, step));
    }

    #[test]
    fn a_servers_gauge_counts_its_turns_and_not_what_happens_between() {
        let (mut server, both) = (Gauge::new(Counted::Server), Gauge::new(Counted::Both));
        server.server(|| work(1_000));
        work(20_000_000);
        assert!(server.each(1) * 10.0 < both.each(1));
    }

    #[test]
    fn waiting_in_vain_ends_with_a_word_on_what_is_missing() {
        let mut patience = Patience { idle: Patience::TURNS, since: Instant::now() - Patience::LIMIT };
        assert_eq!(patience.note(0, || "3 of 4 came".to_owned()), Err("3 of 4 came".to_owned()));
        assert_eq!(patience.note(1, || "3 of 4 came".to_owned()), Ok(()));
        assert_eq!(patience.idle, 0);
    }
}
