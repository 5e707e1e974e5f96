//! [`Judge`]: watches a world and says which of the promises that `docs/PROPERTIES.md` lists were broken.
//!
//! It sees what is visible from outside: calls, events, datagrams, and the numbers of connections. From these it keeps
//! books of its own; it shares no code with `enet-proto` but the codec.

mod config;
mod delivery;
mod flights;
mod flow;
mod half;
mod host;
mod ids;
mod insiders;
mod lifecycle;
mod liveness;
mod memory;
mod outbox;
mod robustness;
mod side;
mod strangers;
mod tap;
mod time;
mod wire;

use std::fmt;
use std::net::SocketAddr;

pub use config::{HostRules, JudgeConfig};

use crate::endpoint::{Conn, Endpoint, Happening};
use crate::marks::{Mark, Marks};
use crate::net::Fate;
use crate::time::Time;
use crate::world::observer::{Call, HostChange, HostIndex, Observer};
use host::HostBook;
use ids::{Arena, SideId};
use insiders::Insiders;
use side::Side;
use tap::Tap;

/// More violations than this say nothing new.
const ENOUGH: usize = 32;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// When it was seen.
    pub at: Time,
    /// Which property: docs/PROPERTIES.md lists them.
    pub property: &'static str,
    /// Where it was seen.
    pub host: HostIndex,
    /// What was expected and what was seen.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at host {}: {}", self.at, self.property, self.host, self.text)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Verdict {
    violations: Vec<Violation>,
    marks: Marks,
}

impl Verdict {
    /// Something is wrong.
    fn complain(&mut self, at: Time, property: &'static str, host: HostIndex, text: impl FnOnce() -> String) {
        if self.violations.len() < ENOUGH {
            self.violations.push(Violation { at, property, host, text: text() });
        }
    }

    fn mark(&mut self, mark: Mark) {
        self.marks.set(mark);
    }
}

/// Watches a world and judges it.
///
/// ```
/// use enet_sim::oracle::{Judge, JudgeConfig};
/// use enet_sim::endpoint::{Conn, Ended, Happening};
/// use enet_sim::world::observer::Observer;
/// use enet_sim::Time;
///
/// let mut judge = Judge::new(&JudgeConfig::new(2));
/// // A connection that never was cannot end.
/// let end = Happening::Disconnected { conn: Conn(1), ended: Ended::Remote, data: 0 };
/// judge.happened(Time::ZERO, 0, &end);
/// assert_eq!(judge.violations()[0].property, "C1");
/// ```
#[derive(Debug)]
pub struct Judge {
    config: JudgeConfig,
    /// Payloads arrive as they were sent.
    trusted: bool,
    /// All commands are seen.
    transparent: bool,
    hosts: Vec<HostBook>,
    sides: Arena<Side>,
    tap: Tap,
    insiders: Insiders,
    verdict: Verdict,
    /// A host of Profile::Modern has sent a lone DISCONNECT with 0 that nobody acknowledges.
    farewells: bool,
    healed: Option<Time>,
    /// When a host crashed last.
    crash: Option<Time>,
}

impl Judge {
    /// A judge for a world.
    pub fn new(config: &JudgeConfig) -> Self {
        Judge {
            config: config.clone(),
            trusted: config.trusted(),
            transparent: config.transparent(),
            hosts: config.hosts.iter().map(HostBook::new).collect(),
            sides: Arena::default(),
            tap: Tap::default(),
            insiders: Insiders::default(),
            verdict: Verdict::default(),
            farewells: false,
            healed: None,
            crash: None,
        }
    }

    /// The world has come to its end: what should have happened by now, and has not?
    pub fn finish(&mut self, at: Time) {
        self.judge_liveness(at);
        self.judge_leftovers(at);
    }

    /// What was wrong, in the order in which it was seen; at most 32.
    pub fn violations(&self) -> &[Violation] {
        &self.verdict.violations
    }

    /// What the world has reached.
    pub fn marks(&self) -> Marks {
        self.verdict.marks
    }

    fn side_of(&mut self, host: HostIndex, conn: Conn) -> Option<SideId> {
        self.hosts.get_mut(host)?.side(conn)
    }

    fn side(&self, id: SideId) -> &Side {
        &self.sides[id.0]
    }

    fn side_mut(&mut self, id: SideId) -> &mut Side {
        &mut self.sides[id.0]
    }
}

impl Observer for Judge {
    fn called(&mut self, at: Time, host: HostIndex, call: &Call<'_>) {
        match *call {
            Call::Connect { conn, to, data } => self.on_connect(at, host, conn, to, data),
            Call::ConnectRefused => self.verdict.mark(Mark::NoFreeSlot),
            Call::Send { conn, channel, kind, payload, accepted } => {
                if accepted {
                    self.on_send(at, host, conn, channel, kind, payload);
                }
            }
            Call::Close { conn, how, data } => self.on_close(at, host, conn, how, data),
        }
    }

    fn happened(&mut self, at: Time, host: HostIndex, what: &Happening<'_>) {
        match *what {
            Happening::Connected { conn, data } => self.on_connected(at, host, conn, data),
            Happening::Received { conn, channel, kind, payload } => {
                self.on_received(at, host, conn, channel, kind, payload);
            }
            Happening::Disconnected { conn, ended, data } => {
                self.on_disconnected(at, host, conn, ended, data);
            }
        }
    }

    fn departed(&mut self, at: Time, from: HostIndex, to: SocketAddr, bytes: &[u8], fate: &Fate) {
        if from < self.hosts.len() {
            self.judge_answer(at, from, to, bytes);
            self.judge_spending(at, from, to, bytes);
            self.on_departed(at, from, to, bytes, fate);
        }
    }

    fn arrived(&mut self, at: Time, host: HostIndex, source: SocketAddr, bytes: &[u8]) {
        if host < self.hosts.len() {
            self.note_heard(host, source, bytes);
            self.on_arrived(at, host, source, bytes);
        }
    }

    fn overflowed(&mut self, at: Time, host: HostIndex, _: &[u8]) {
        self.verdict.mark(Mark::SocketOverflowed);
        if let Some(book) = self.hosts.get_mut(host) {
            book.trouble = Some(at);
            book.overflowed = true;
        }
    }

    fn host_changed(&mut self, at: Time, host: HostIndex, change: HostChange) {
        if host < self.hosts.len() {
            self.on_host_changed(at, host, change);
        }
    }

    fn served(&mut self, at: Time, host: HostIndex, endpoint: &mut dyn Endpoint) {
        if host < self.hosts.len() {
            self.on_served(at, host, endpoint);
        }
    }

    fn healed(&mut self, at: Time) {
        self.healed = Some(at);
    }
}
