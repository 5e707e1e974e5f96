//! [`Victim`]: a server in a process of its own, so that its death is a figure and its memory and time are its own.

pub(crate) mod c;
mod ours;
mod serve;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kernel::{self, Queue};
use crate::loopback::Loopback;

pub use serve::serve;

/// Longer than any service call of a victim that is still alive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This workspace's, through `enet-mio`.
    Ours,
    /// The installed C library.
    C,
}

impl Whose {
    /// As the command line and the JSON name it.
    pub const fn name(self) -> &'static str {
        match self {
            Whose::Ours => "ours",
            Whose::C => "c",
        }
    }
}

/// How a victim is set up. Whatever it receives it sends back on the same channel, in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Slots for peers.
    pub slots: u16,
    /// Whether datagrams are compressed with the range coder.
    pub range_coder: bool,
    /// How long a game's frame takes: one service call without waiting in each. `None`: calls that wait.
    pub frame: Option<Duration>,
    /// Bytes for the socket's receive buffer; `None` leaves the 256 KiB that both ask for.
    pub receive_buffer: Option<usize>,
    /// Whether it says nothing of its own accord to who is silent. C always pings.
    pub quiet: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Setup { slots: 32, range_coder: false, frame: None, receive_buffer: None, quiet: false }
    }
}

/// The program that becomes a victim when started with these arguments, followed by those of [`Setup`]:
/// `ours|c --slots N [--range-coder] [--frame MS] [--receive-buffer BYTES] [--quiet]`. It calls [`serve`].
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<OsString>,
}

/// What a victim tells of itself, in totals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    pub(crate) connected: u64,
    pub(crate) disconnected: u64,
    pub(crate) received: u64,
    /// Service calls that failed.
    pub(crate) errors: u64,
    /// Slots that are not free.
    pub(crate) peers: u64,
    /// The longest service call in milliseconds of processor time; only with [`Setup::frame`].
    pub(crate) slowest: f64,
}

/// A running victim. It ends when this is dropped.
pub(crate) struct Victim {
    child: Child,
    commands: Option<ChildStdin>,
    lines: Receiver<String>,
    pub(crate) at: Loopback,
}

impl Victim {
    /// Starts one and waits until it listens.
    pub(crate) fn start(launcher: &Launcher, whose: Whose, setup: Setup) -> Result<Victim, String> {
        let mut command = Command::new(&launcher.program);
        command.args(&launcher.arguments).arg(whose.name()).arg("--slots").arg(setup.slots.to_string());
        if setup.range_coder {
            command.arg("--range-coder");
        }
        if let Some(frame) = setup.frame {
            command.arg("--frame").arg(frame.as_millis().to_string());
        }
        if setup.quiet {
            command.arg("--quiet");
        }
        if let Some(bytes) = setup.receive_buffer {
            command.arg("--receive-buffer").arg(bytes.to_string());
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child =
            child.map_err(|error| format!("{} does not start: {error}", launcher.program.display()))?;
        let commands = child.stdin.take();
        let output = child.stdout.take().ok_or("a victim without output")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let first = lines.recv_timeout(PATIENCE).map_err(|_| "a victim that says nothing")?;
        let at =
            first.strip_prefix("listening on ").ok_or_else(|| format!("a victim that says `{first}`"))?;
        Ok(Victim { child, commands, lines, at: at.parse()? })
    }

    /// What it tells of itself now; an error if it is dead.
    pub(crate) fn report(&mut self) -> Result<Account, String> {
        let asked = self.commands.as_mut().is_some_and(|commands| writeln!(commands, "report").is_ok());
        let answer = match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => serde_json::from_str::<Value>(&line).map_err(|error| error.to_string())?,
            Err(RecvTimeoutError::Timeout) if asked => {
                return Err(format!("the victim has not answered for {PATIENCE:?}"));
            }
            Err(_) => return Err("the victim is dead".to_owned()),
        };
        let number = |key: &str| answer.get(key).and_then(Value::as_u64).unwrap_or_default();
        Ok(Account {
            connected: number("connected"),
            disconnected: number("disconnected"),
            received: number("received"),
            errors: number("errors"),
            peers: number("peers"),
            slowest: answer.get("slowest_ms").and_then(Value::as_f64).unwrap_or_default(),
        })
    }

    /// Asks until the account is as wanted, or for `patience`; the last account.
    pub(crate) fn report_until(
        &mut self,
        patience: Duration,
        done: impl Fn(&Account) -> bool,
    ) -> Result<Account, String> {
        let end = Instant::now() + patience;
        loop {
            let account = self.report()?;
            if done(&account) || Instant::now() >= end {
                return Ok(account);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it still runs, `patience` from now at the latest.
    pub(crate) fn dies_within(&mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(Some(_)) => return true,
                _ if Instant::now() >= end => return false,
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Waits until its socket is empty, or for ten seconds.
    pub(crate) fn drain(&mut self) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.queue().waiting > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn queue(&self) -> Queue {
        Queue::of(self.at.port())
    }

    pub(crate) fn processor_time(&self) -> Result<Duration, String> {
        kernel::processor_time(self.child.id())
    }

    pub(crate) fn resident(&self) -> Result<u64, String> {
        kernel::resident(self.child.id())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // Without commands it ends by itself; it may be busy, though.
        drop(self.commands.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
