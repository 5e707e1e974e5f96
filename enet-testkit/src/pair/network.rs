//! The network of a pair: what becomes of each datagram, and the log of them all.

use std::fmt;
use std::time::Duration;

use enet_wire::{Command, CommandKind};

use super::{Client, Server, Side};
use crate::datagram::Opened;
use crate::hex;

/// What becomes of a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It arrives after the network's delay.
    Arrives,
    /// It does not arrive.
    Lost,
    /// It arrives, and again right after.
    Twice,
    /// It arrives that much later than others.
    Late(Duration),
    /// These bytes arrive in its place.
    Altered(Vec<u8>),
}

/// A datagram that a host of the pair sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When, since the [mark](super::Pair::mark).
    pub at: Duration,
    /// By whom.
    pub from: Side,
    /// Its number among those of the same side since the mark, from 1.
    pub nth: usize,
    /// What became of it.
    pub fate: Fate,
    /// As it was sent.
    pub bytes: Vec<u8>,
    /// Taken apart; `None` if that is impossible, as when compressed with a codec of the test.
    pub opened: Option<Opened>,
}

impl Sent {
    /// Its commands; none if they cannot be read.
    pub fn commands(&self) -> impl Iterator<Item = Command<'_>> {
        self.opened.iter().flat_map(|opened| opened.commands().flatten())
    }

    /// Whether it carries a command of this kind.
    pub fn carries(&self, kind: CommandKind) -> bool {
        self.commands().any(|command| command.kind() == kind)
    }

    /// Whether one of its commands carries exactly this payload.
    pub fn says(&self, payload: impl AsRef<[u8]>) -> bool {
        self.commands().any(|command| command.payload() == payload.as_ref())
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.from {
            Client => "C->S",
            Server => "S->C",
        };
        write!(f, "{:>9.1} ms {arrow} ", self.at.as_secs_f64() * 1e3)?;
        match &self.opened {
            Some(opened) => opened.fmt(f)?,
            None => f.write_str(&hex::encode(&self.bytes))?,
        }
        match &self.fate {
            Fate::Arrives => Ok(()),
            other => write!(f, "  ({other:?})"),
        }
    }
}

/// Picks the datagrams of one side.
pub fn from(side: Side) -> impl FnMut(&Sent) -> bool {
    move |sent| sent.from == side
}

/// Picks the datagrams that carry a command of this kind.
pub fn carrying(kind: CommandKind) -> impl FnMut(&Sent) -> bool {
    move |sent| sent.carries(kind)
}

/// Picks the first `count` of those that `which` picks.
pub fn first(count: usize, mut which: impl FnMut(&Sent) -> bool) -> impl FnMut(&Sent) -> bool {
    let mut left = count;
    move |sent| {
        let picked = left > 0 && which(sent);
        left -= usize::from(picked);
        picked
    }
}

/// Picks one of those that `which` picks; the next is number 1.
pub fn nth(number: usize, mut which: impl FnMut(&Sent) -> bool) -> impl FnMut(&Sent) -> bool {
    let mut seen = 0;
    move |sent| {
        let counts = which(sent);
        seen += usize::from(counts);
        counts && seen == number
    }
}

type Rule = Box<dyn FnMut(&Sent) -> Fate>;

pub(super) struct Network {
    pub(super) delay: Duration,
    pub(super) rules: Vec<Rule>,
    pub(super) log: Vec<Sent>,
    /// How many each side has sent since the log was cleared.
    sent: [usize; 2],
}

impl Network {
    pub(super) fn new(delay: Duration) -> Self {
        Network { delay, rules: Vec::new(), log: Vec::new(), sent: [0; 2] }
    }

    /// Empties the log.
    pub(super) fn clear(&mut self) {
        self.log.clear();
        self.sent = [0; 2];
    }

    /// Logs a datagram and says what arrives of it, and after how long.
    pub(super) fn send(
        &mut self,
        from: Side,
        at: Duration,
        bytes: &[u8],
        with_checksum: bool,
    ) -> Vec<(Duration, Vec<u8>)> {
        let nth = &mut self.sent[from as usize];
        *nth += 1;
        let opened = Opened::open(bytes, with_checksum).ok();
        let mut sent = Sent { at, from, nth: *nth, fate: Fate::Arrives, bytes: bytes.to_vec(), opened };
        let decided = self.rules.iter_mut().map(|rule| rule(&sent)).find(|fate| *fate != Fate::Arrives);
        sent.fate = decided.unwrap_or(Fate::Arrives);
        let arrivals = match &sent.fate {
            Fate::Arrives => vec![(self.delay, bytes.to_vec())],
            Fate::Lost => Vec::new(),
            Fate::Twice => vec![(self.delay, bytes.to_vec()), (self.delay, bytes.to_vec())],
            Fate::Late(extra) => vec![(self.delay + *extra, bytes.to_vec())],
            Fate::Altered(bytes) => vec![(self.delay, bytes.clone())],
        };
        self.log.push(sent);
        arrivals
    }
}
