//! The victim's side: an echo server, and what it tells of itself when asked.

use std::io::BufRead;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use serde_json::json;

use super::c::CEcho;
use super::ours::OurEcho;
use super::{Setup, Whose};
use crate::loopback::Loopback;

/// A call that waits does so for no longer, so that questions are answered.
const WAIT: Duration = Duration::from_millis(5);

/// What one service call gave; what was received has been sent back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Nothing,
    Connected,
    Disconnected,
    Received,
    Other,
    Failed,
}

/// An echo server of either implementation.
pub(crate) trait Echo {
    fn turn(&mut self, wait: Duration) -> Turn;
    /// Slots that are not free.
    fn peers(&self) -> usize;
    fn address(&self) -> Result<std::net::SocketAddr, String>;
}

/// Serves on a free port of 127.0.0.1 until standard input ends. Prints `listening on ADDRESS`, and for each line
/// `report` a line of JSON.
///
/// # Errors
/// A sentence, if there is no such server on this machine.
pub fn serve(whose: Whose, setup: Setup) -> Result<(), String> {
    match whose {
        Whose::Ours => Server::new(OurEcho::open(setup)?).run(setup.frame),
        Whose::C => Server::new(CEcho::open(setup)?).run(setup.frame),
    }
}

struct Server<E> {
    echo: E,
    connected: u64,
    disconnected: u64,
    received: u64,
    errors: u64,
    slowest: Duration,
}

impl<E: Echo> Server<E> {
    fn new(echo: E) -> Self {
        Server { echo, connected: 0, disconnected: 0, received: 0, errors: 0, slowest: Duration::ZERO }
    }

    fn run(mut self, frame: Option<Duration>) -> Result<(), String> {
        let at = Loopback::new(self.echo.address()?)?;
        println!("listening on {at}");
        let questions = questions();
        let mut next = Instant::now();
        loop {
            match questions.try_recv() {
                Ok(()) => println!("{}", self.account()),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
            match frame {
                None => drop(self.turn(WAIT)),
                Some(frame) => {
                    self.frame();
                    next = (next + frame).max(Instant::now());
                    std::thread::sleep(next.saturating_duration_since(Instant::now()));
                }
            }
        }
    }

    /// What a game does: takes events until there are none.
    fn frame(&mut self) {
        loop {
            let start = processor_time();
            let turn = self.turn(Duration::ZERO);
            self.slowest = self.slowest.max(processor_time().saturating_sub(start));
            if matches!(turn, Turn::Nothing | Turn::Failed) {
                return;
            }
        }
    }

    fn turn(&mut self, wait: Duration) -> Turn {
        let turn = self.echo.turn(wait);
        match turn {
            Turn::Nothing | Turn::Other => {}
            Turn::Connected => self.connected += 1,
            Turn::Disconnected => self.disconnected += 1,
            Turn::Received => self.received += 1,
            Turn::Failed => self.errors += 1,
        }
        turn
    }

    fn account(&self) -> serde_json::Value {
        json!({
            "connected": self.connected,
            "disconnected": self.disconnected,
            "received": self.received,
            "errors": self.errors,
            "peers": self.echo.peers(),
            "slowest_ms": self.slowest.as_secs_f64() * 1e3,
        })
    }
}

/// The lines of standard input; it ends when they do.
fn questions() -> Receiver<()> {
    let (sender, questions) = channel();
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(()).is_err() {
                break;
            }
        }
    });
    questions
}

/// Of this thread: what other programs do to the machine is no fault of a victim.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}
