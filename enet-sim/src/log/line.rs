//! Lines for people: one per entry, one label per command.

use std::fmt;
use std::net::SocketAddr;

use enet_wire::{Body, Command, Fragment};

use super::{AppCall, AppEvent, Entry, Log, What};
use crate::measure::datagram::Reader;
use crate::net::{DropReason, Fate};
use crate::padding::unpadded;
use crate::time::Time;
use crate::world::observer::HostChange;

/// A command in a few letters, and whether it is one that goes out again until it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Label {
    pub(super) text: String,
    pub(super) reliable: bool,
}

/// The commands of a datagram: `REL 17`, `ACK ch2 17`, `FRAG 20 3/8`.
pub(super) fn labels(datagram: &[u8], checksum: bool) -> Vec<Label> {
    let mut reader = Reader::new(checksum);
    let unreadable = || Label { text: "?".to_owned(), reliable: false };
    let Some((_, commands)) = reader.read(datagram) else { return vec![unreadable()] };
    unpadded(commands)
        .map(|command| command.map_or_else(|_| unreadable(), |command| label(&command)))
        .collect()
}

fn label(command: &Command<'_>) -> Label {
    let channel = match command.channel.get() {
        0 => String::new(),
        // Only an acknowledgement does not say by itself that it is the connection's own.
        _ if command.channel.is_control() => "ctl ".to_owned(),
        id => format!("ch{id} "),
    };
    let seq = command.seq.0;
    let part = |fragment: &Fragment<'_>| format!("{}/{}", u64::from(fragment.number) + 1, fragment.count);
    let text = match &command.body {
        Body::Acknowledge { received_seq, .. } => format!("ACK {channel}{}", received_seq.0),
        Body::Connect(_) => "CONNECT".to_owned(),
        Body::VerifyConnect(_) => "VERIFY".to_owned(),
        Body::Disconnect { .. } => "DISCONNECT".to_owned(),
        Body::Ping => format!("PING {seq}"),
        Body::SendReliable { .. } => format!("REL {channel}{seq}"),
        // On a channel without reliable packets, its own number is enough.
        Body::SendUnreliable { seq: own, .. } if seq == 0 => format!("UNREL {channel}{}", own.0),
        Body::SendUnreliable { seq: own, .. } => format!("UNREL {channel}{seq}.{}", own.0),
        Body::SendFragment(fragment) => format!("FRAG {channel}{seq} {}", part(fragment)),
        Body::SendUnsequenced { group, .. } => format!("UNSEQ {channel}{}", group.0),
        Body::BandwidthLimit { .. } => format!("BANDWIDTH {seq}"),
        Body::ThrottleConfigure(_) => format!("THROTTLE {seq}"),
        Body::SendUnreliableFragment(fragment) => {
            format!("UFRAG {channel}{seq}.{} {}", fragment.start, part(fragment))
        }
    };
    Label { text, reliable: command.acknowledge }
}

/// Why a datagram did not arrive, in words.
pub(super) const fn lost_words(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Mtu => "too long for the path",
        DropReason::Loss => "lost",
        DropReason::Scripted => "dropped on purpose",
        DropReason::Queue => "queue full",
        DropReason::Cut => "the way is cut",
        DropReason::NoRoute => "no route",
    }
}

impl Log {
    /// An entry as a line: time in seconds, host, what happened.
    pub fn line(&self, entry: &Entry) -> String {
        let host = entry.host.map_or("", |host| self.name(host));
        let width = self.hosts().iter().map(|host| host.name.chars().count()).max().unwrap_or(0);
        let what = match &entry.what {
            What::Departed { to, bytes, fate } => {
                let arrow = if fate.dropped.is_some() { "──✗" } else { "──▶" };
                let to = self.name_of(*to);
                let fate = fate_words(entry.at, fate);
                format!("{arrow} {to:<width$}  {}  [{} B, {fate}]", self.commands(bytes), bytes.len())
            }
            What::Arrived { source, bytes } => {
                format!(
                    "◀── {:<width$}  {}  [{} B]",
                    self.name_of(*source),
                    self.commands(bytes),
                    bytes.len()
                )
            }
            What::Overflowed { bytes } => {
                format!(
                    "✗   {:<width$}  {}  [{} B, not taken by the socket]",
                    "",
                    self.commands(bytes),
                    bytes.len()
                )
            }
            What::Called(call) => format!("app {:<width$}  {call}", ""),
            What::Happened(event) => format!("app {:<width$}  {event}", ""),
            What::Changed(change) => format!("!!! {}", change_words(*change)),
            What::Healed => "!!! the network is healed".to_owned(),
        };
        format!("{:>11}  {host:<width$} {what}", entry.at)
    }

    /// Every entry as a line.
    pub fn timeline(&self) -> String {
        let mut text = String::new();
        if self.forgotten() > 0 {
            text.push_str(&format!("({} earlier entries are not kept)\n", self.forgotten()));
        }
        for entry in self.entries() {
            text.push_str(&self.line(entry));
            text.push('\n');
        }
        text
    }

    pub(super) fn name(&self, host: usize) -> &str {
        self.hosts().get(host).map_or("?", |host| &host.name)
    }

    fn name_of(&self, address: SocketAddr) -> String {
        match self.host_at(address) {
            None => address.to_string(),
            Some(host) if self.hosts().get(host).is_some_and(|host| host.address == address) => {
                self.name(host).to_owned()
            }
            Some(host) => format!("{}@{address}", self.name(host)),
        }
    }

    fn commands(&self, bytes: &[u8]) -> String {
        let labels = labels(bytes, self.config.checksum);
        let texts: Vec<&str> = labels.iter().map(|label| label.text.as_str()).collect();
        texts.join(", ")
    }
}

fn fate_words(at: Time, fate: &Fate) -> String {
    let mut words = match fate.dropped {
        Some(reason) => lost_words(reason).to_owned(),
        None if fate.arrives == Time(u64::MAX) => "held".to_owned(),
        None => format!("arrives after {:.2} ms", fate.arrives.since(at).as_millis_f64()),
    };
    if fate.dropped.is_none() && fate.copies != 1 {
        words.push_str(&format!(", {} times", fate.copies));
    }
    if fate.corrupted {
        words.push_str(", damaged");
    }
    words
}

fn change_words(change: HostChange) -> String {
    match change {
        HostChange::Crashed => "crashes".to_owned(),
        HostChange::Restarted => "starts again".to_owned(),
        HostChange::Paused => "stands still".to_owned(),
        HostChange::Resumed => "goes on".to_owned(),
        HostChange::ClockStepped(nanos) => format!("its clock is set by {:+.3} ms", nanos as f64 / 1e6),
    }
}

impl fmt::Display for AppCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppCall::Connect { conn, to, data } => {
                write!(f, "calls connect to host {to}, data {data}: #{}", conn.0)
            }
            AppCall::ConnectRefused => f.write_str("calls connect: no free slot"),
            AppCall::Send { conn, channel, kind, len, accepted } => {
                let refused = if *accepted { "" } else { ": refused" };
                write!(f, "calls send on #{}, channel {channel}, {}, {len} B{refused}", conn.0, kind.as_str())
            }
            AppCall::Close { conn, how, data } => write!(f, "calls {how:?} on #{}, data {data}", conn.0),
        }
    }
}

impl fmt::Display for AppEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppEvent::Connected { conn, data } => write!(f, "hears: #{} connected, data {data}", conn.0),
            AppEvent::Received { conn, channel, kind, len } => {
                let kind = kind.map_or("a", |kind| kind.as_str());
                write!(f, "hears: {kind} message of {len} B on #{}, channel {channel}", conn.0)
            }
            AppEvent::Disconnected { conn, ended, data } => {
                write!(f, "hears: #{} ended ({ended:?}), data {data}", conn.0)
            }
        }
    }
}
