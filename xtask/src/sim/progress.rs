//! Progress on standard error, for whatever takes longer than two seconds.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Tells how far something is, once it has taken two seconds, and no more than once a second.
pub(crate) struct Progress {
    started: Instant,
    told: Mutex<Option<Instant>>,
    on_one_line: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Progress {
            started: Instant::now(),
            told: Mutex::new(None),
            on_one_line: std::io::stderr().is_terminal(),
        }
    }

    /// How long it has taken.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Tells, if it is time to.
    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        // A log grows a line at a time: seldom, then.
        let pause = Duration::from_secs(if self.on_one_line { 1 } else { 10 });
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = match *told {
            None => self.started.elapsed() >= Duration::from_secs(2),
            Some(last) => last.elapsed() >= pause,
        };
        if due {
            *told = Some(Instant::now());
            let text = what();
            if self.on_one_line {
                eprint!("\r\x1b[2K{text}");
                let _ = std::io::stderr().flush(); // a progress line that cannot be shown is no loss
            } else {
                eprintln!("{text}");
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if told && self.on_one_line {
            eprint!("\r\x1b[2K");
        }
    }
}
