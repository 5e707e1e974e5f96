//! [`Stopwatch`]: how long pieces of work take, by the clock it is given.

use std::hint::black_box;

/// Nanoseconds since some moment.
pub type Clock = fn() -> u64;

/// Adds up the time that pieces of work take.
#[derive(Debug)]
pub struct Stopwatch {
    nanos: u64,
    /// `None`: it takes no notice.
    clock: Option<Clock>,
    /// What it costs to look at the clock, in ns.
    look: u64,
}

impl Stopwatch {
    /// Nothing is timed yet.
    pub fn new(clock: Clock) -> Stopwatch {
        let looks = (0..100).map(|_| {
            let before = clock();
            clock() - before
        });
        Stopwatch { nanos: 0, clock: Some(clock), look: looks.min().unwrap_or(0) }
    }

    /// One that takes no notice.
    pub fn off() -> Stopwatch {
        Stopwatch { nanos: 0, clock: None, look: 0 }
    }

    /// Does the work, and takes its time.
    pub fn time<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let Some(clock) = self.clock else { return work() };
        let before = clock();
        let result = counted(work);
        self.nanos += (clock() - before).saturating_sub(self.look);
        result
    }

    /// That was spent over so many units of work.
    pub fn over(&self, units: u64) -> Spent {
        Spent { nanos: self.nanos, units }
    }
}

/// Time that was spent.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// By the stopwatch's clock.
    pub nanos: u64,
    /// Messages, bytes, calls, connections: what is counted.
    pub units: u64,
}

impl Spent {
    /// ns for each unit.
    pub fn each(self) -> f64 {
        self.nanos as f64 / self.units.max(1) as f64
    }
}

/// Does the work. callgrind is told this function's name, and counts only what is done inside.
#[inline(never)]
pub fn counted<R>(work: impl FnOnce() -> R) -> R {
    black_box(work())
}
