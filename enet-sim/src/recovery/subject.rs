//! [`Subject`]: who plays a row, and how its hosts are set up.

use std::fmt;
use std::str::FromStr;

use crate::endpoint::{Implementation, Kind};
use crate::scenario::{Profile, Scenario, Sender};
use crate::world::Cast;

/// Who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The C library with itself: what the others are held against.
    C,
    /// Ours with itself, doing as C does.
    Compat,
    /// Ours with itself, as it is by default.
    Modern,
    /// Ours sends, C receives.
    ModernToC,
    /// Ours with itself, and small commands ride again twice.
    Repeat2,
    /// The same to C.
    Repeat2ToC,
    /// The crate `rusty_enet` with itself.
    Rusty,
    /// The crate `kcp` with itself, at its fastest.
    Kcp,
    /// The crate `quinn-proto` with itself, as it is by default.
    Quic,
}

impl Subject {
    /// Everyone.
    pub const ALL: [Subject; 9] = [
        Subject::C,
        Subject::Compat,
        Subject::Modern,
        Subject::ModernToC,
        Subject::Repeat2,
        Subject::Repeat2ToC,
        Subject::Rusty,
        Subject::Kcp,
        Subject::Quic,
    ];

    /// As on the command line and in JSON; an arrow's head is the receiver.
    pub const fn as_str(self) -> &'static str {
        match self {
            Subject::C => "c",
            Subject::Compat => "compat",
            Subject::Modern => "modern",
            Subject::ModernToC => "modern-c",
            Subject::Repeat2 => "repeat2",
            Subject::Repeat2ToC => "repeat2-c",
            Subject::Rusty => "rusty",
            Subject::Kcp => "kcp",
            Subject::Quic => "quic",
        }
    }

    /// Who sends, and who receives.
    const fn ends(self) -> (Implementation, Implementation) {
        use Implementation::{C, Kcp, Ours, Quic, Rusty};
        match self {
            Subject::C => (C, C),
            Subject::Compat | Subject::Modern | Subject::Repeat2 => (Ours, Ours),
            Subject::ModernToC | Subject::Repeat2ToC => (Ours, C),
            Subject::Rusty => (Rusty, Rusty),
            Subject::Kcp => (Kcp, Kcp),
            Subject::Quic => (Quic, Quic),
        }
    }

    /// Whether it can play here.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn available(self) -> Result<(), String> {
        let (sender, receiver) = self.ends();
        sender.available().and_then(|()| receiver.available())
    }

    /// Whether it can play a row: KCP and QUIC have nothing but reliable messages here, and cannot talk to C's clients.
    pub fn plays(self, row: &Scenario) -> bool {
        let others = row.measured == Sender::Rest;
        let reliable = row.traffic.iter().all(|flow| flow.kind == Kind::Reliable);
        let c_is_there = Implementation::C.available().is_ok();
        let is_enet = self.ends().0.speaks_enet();
        (is_enet || (reliable && !others)) && (!others || c_is_there)
    }

    /// Who plays which host. Where the others' fate is measured, they are C's.
    pub fn cast(self, row: &Scenario) -> Cast {
        let (sender, receiver) = self.ends();
        let rest = (row.measured == Sender::Rest).then_some(Implementation::C);
        Cast { rest, ..Cast::of(sender, receiver) }
    }

    /// The row with its hosts set up.
    pub fn set_up(self, row: &Scenario) -> Scenario {
        let (profile, redundancy) = match self {
            Subject::Modern | Subject::ModernToC => (Profile::Modern, 0),
            Subject::Repeat2 | Subject::Repeat2ToC => (Profile::Modern, 2),
            Subject::C | Subject::Compat | Subject::Rusty | Subject::Kcp | Subject::Quic => {
                (Profile::Compat, 0)
            }
        };
        let mut row = row.clone();
        for host in [&mut row.server, &mut row.client] {
            (host.profile, host.redundancy) = (profile, redundancy);
        }
        row
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Subject {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Subject::ALL.map(Subject::as_str).join(", ");
        let found = Subject::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is none of {}", names()))
    }
}
