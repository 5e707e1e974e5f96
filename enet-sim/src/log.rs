//! [`Log`]: everything that happened in a run, in order; as text, as a window for a sequence chart, for comparison.

mod line;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

pub use window::{Arrow, Window};

use crate::endpoint::{Close, Conn, Ended, Happening, Kind};
use crate::net::Fate;
use crate::time::Time;
use crate::world::observer::{Call, HostChange, HostIndex, Observer};

/// So far back is looked for the sender of a datagram from an unknown address.
const MOST_UNDER_WAY: usize = 2_000;

/// What a log knows about the hosts it writes of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    /// What to call it: `server`, `client 1`.
    pub name: String,
    /// Where it is. What it sends is shown as coming from there.
    pub address: SocketAddr,
}

/// How to log.
#[derive(Debug, Clone, Default)]
pub struct LogConfig {
    /// The hosts, by their index.
    pub hosts: Vec<HostName>,
    /// Whether datagrams carry a checksum.
    pub checksum: bool,
    /// How many of the latest entries to keep; `None` keeps all.
    pub keep: Option<usize>,
}

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// At which host; of the whole network if there is none.
    pub host: Option<HostIndex>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The host sent a datagram.
    Departed {
        /// To where.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
        /// What the network did with it.
        fate: Fate,
    },
    /// A datagram arrived at the host.
    Arrived {
        /// From where, as it seems.
        source: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// A datagram did not fit into the host's receive buffer, or nobody was there to read it.
    Overflowed {
        /// What.
        bytes: Vec<u8>,
    },
    /// Its application called it.
    Called(AppCall),
    /// It told its application something.
    Happened(AppEvent),
    /// Something happened to the whole host.
    Changed(HostChange),
    /// The network was healed.
    Healed,
}

/// A [`Call`], its payload as a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in Call")]
pub enum AppCall {
    Connect { conn: Conn, to: HostIndex, data: u32 },
    ConnectRefused,
    Send { conn: Conn, channel: u8, kind: Kind, len: usize, accepted: bool },
    Close { conn: Conn, how: Close, data: u32 },
}

/// A [`Happening`], its payload as a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in Happening")]
pub enum AppEvent {
    Connected { conn: Conn, data: u32 },
    Received { conn: Conn, channel: u8, kind: Option<Kind>, len: usize },
    Disconnected { conn: Conn, ended: Ended, data: u32 },
}

/// Everything that happened, or the latest of it.
#[derive(Debug, Clone)]
pub struct Log {
    config: LogConfig,
    entries: VecDeque<Entry>,
    forgotten: u64,
    /// Hosts that were seen under an address that is not their own.
    aliases: BTreeMap<SocketAddr, HostIndex>,
}

impl Log {
    /// Nothing happened so far.
    pub fn new(config: LogConfig) -> Self {
        Self { config, entries: VecDeque::new(), forgotten: 0, aliases: BTreeMap::new() }
    }

    /// What happened, in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The hosts, by their index.
    pub fn hosts(&self) -> &[HostName] {
        &self.config.hosts
    }

    /// How many entries were too many to keep.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Whose address it is: a host's own, or one under which it appeared.
    fn host_at(&self, address: SocketAddr) -> Option<HostIndex> {
        let own = self.config.hosts.iter().position(|host| host.address == address);
        own.or_else(|| self.aliases.get(&address).copied())
    }

    /// Remembers who sent what arrived from an address that nobody has, as behind a NAT.
    fn learn(&mut self, source: SocketAddr, arrived: &[u8]) {
        if self.host_at(source).is_some() {
            return;
        }
        let sent = |entry: &Entry| matches!(&entry.what, What::Departed { bytes, .. } if bytes == arrived);
        let sender = self.entries.iter().rev().take(MOST_UNDER_WAY).find(|entry| sent(entry));
        if let Some(host) = sender.and_then(|entry| entry.host) {
            self.aliases.insert(source, host);
        }
    }

    fn push(&mut self, at: Time, host: Option<HostIndex>, what: What) {
        self.entries.push_back(Entry { at, host, what });
        if self.config.keep.is_some_and(|keep| self.entries.len() > keep) {
            self.entries.pop_front();
            self.forgotten += 1;
        }
    }
}

/// Where two logs part, as text: what came last in both, and what came next in each. `None` if they are equal.
pub fn first_difference(one: &Log, two: &Log) -> Option<String> {
    let place = (0..one.entries.len().max(two.entries.len()))
        .find(|&place| one.entries.get(place) != two.entries.get(place))?;
    let show = |log: &Log, place: usize| match log.entries.get(place) {
        Some(entry) => log.line(entry),
        None => "nothing more".to_owned(),
    };
    let before = match place.checked_sub(1) {
        Some(before) => show(one, before),
        None => "nothing".to_owned(),
    };
    let number = one.forgotten + place as u64;
    let (first, second) = (show(one, place), show(two, place));
    let mut text =
        format!("entry {number} differs\n  before: {before}\n  first:  {first}\n  second: {second}\n");
    if first == second {
        text.push_str("  (what differs does not show here: bytes of a payload)\n");
    }
    Some(text)
}

impl Observer for Log {
    fn called(&mut self, at: Time, host: HostIndex, call: &Call<'_>) {
        let call = match *call {
            Call::Connect { conn, to, data } => AppCall::Connect { conn, to, data },
            Call::ConnectRefused => AppCall::ConnectRefused,
            Call::Send { conn, channel, kind, payload, accepted } => {
                AppCall::Send { conn, channel, kind, len: payload.len(), accepted }
            }
            Call::Close { conn, how, data } => AppCall::Close { conn, how, data },
        };
        self.push(at, Some(host), What::Called(call));
    }

    fn happened(&mut self, at: Time, host: HostIndex, what: &Happening<'_>) {
        let event = match *what {
            Happening::Connected { conn, data } => AppEvent::Connected { conn, data },
            Happening::Received { conn, channel, kind, payload } => {
                AppEvent::Received { conn, channel, kind, len: payload.len() }
            }
            Happening::Disconnected { conn, ended, data } => AppEvent::Disconnected { conn, ended, data },
        };
        self.push(at, Some(host), What::Happened(event));
    }

    fn departed(&mut self, at: Time, from: HostIndex, to: SocketAddr, bytes: &[u8], fate: &Fate) {
        self.push(at, Some(from), What::Departed { to, bytes: bytes.to_vec(), fate: fate.clone() });
    }

    fn arrived(&mut self, at: Time, host: HostIndex, source: SocketAddr, bytes: &[u8]) {
        self.learn(source, bytes);
        self.push(at, Some(host), What::Arrived { source, bytes: bytes.to_vec() });
    }

    fn overflowed(&mut self, at: Time, host: HostIndex, bytes: &[u8]) {
        self.push(at, Some(host), What::Overflowed { bytes: bytes.to_vec() });
    }

    fn host_changed(&mut self, at: Time, host: HostIndex, change: HostChange) {
        self.push(at, Some(host), What::Changed(change));
    }

    fn healed(&mut self, at: Time) {
        self.push(at, None, What::Healed);
    }
}

#[cfg(test)]
mod tests;
