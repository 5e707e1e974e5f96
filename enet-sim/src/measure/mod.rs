//! [`Measures`]: watches a run and counts; the numbers are a [`RunRecord`], what plots need is a [`Series`].

pub(crate) mod datagram;
mod ends;
mod record;
mod series;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

pub use record::{Latency, RunRecord, Sending};
pub use series::{Distribution, Sample, Series};

use crate::endpoint::{Conn, Endpoint, Happening, Implementation, Kind};
use crate::message::{HEADER_LEN, Message};
use crate::net::Fate;
use crate::time::{Span, Time};
use crate::world::observer::{Call, HostChange, HostIndex, Observer};
use ends::Ends;
use series::Sampler;
use wire::Wire;

/// What [`Measures`] must know about the world it watches.
#[derive(Debug, Clone)]
pub struct MeasuresConfig {
    /// The scenario's name.
    pub scenario: String,
    /// What its chance is drawn from.
    pub seed: u64,
    /// Who implements the measured side.
    pub sender: String,
    /// Who implements the other side.
    pub receiver: String,
    /// The hosts of the measured side: whose messages the latencies, `delivered`, `sent` and the goodput are of.
    pub senders: BTreeSet<HostIndex>,
    /// How many hosts are not attackers; those come after them, and what they send is not counted.
    pub hosts: usize,
    /// Whether datagrams carry a checksum.
    pub checksum: bool,
    /// How they are read.
    pub format: Format,
    /// When cuts end, in order.
    pub cut_ends: Vec<Time>,
}

/// What is in the datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// ENet's commands.
    #[default]
    Enet,
    /// KCP's segments.
    Kcp,
    /// Nothing that can be read: what is sent again is not counted.
    Sealed,
}

impl Format {
    /// Of an implementation.
    pub const fn of(implementation: Implementation) -> Self {
        match implementation {
            Implementation::Kcp => Format::Kcp,
            Implementation::Quic => Format::Sealed,
            Implementation::Ours | Implementation::C | Implementation::Rusty => Format::Enet,
        }
    }
}

/// What only the world knows, at the end of a run.
#[derive(Debug, Clone, Default)]
pub struct End {
    /// When it ended.
    pub at: Time,
    /// How long it really took, in seconds.
    pub wall_s: f64,
    /// The hash over all that happened.
    pub trace_hash: u64,
    /// How often a judge found a property broken.
    pub violations: u64,
    /// In what the run missed the result its scenario calls good.
    pub expectation: Option<String>,
}

/// Watches a run and counts.
pub struct Measures {
    config: MeasuresConfig,
    wire: Wire,
    ends: Ends,
    /// By sender, its connection, channel and kind: the time of sending of each message, by its number.
    under_way: BTreeMap<(u16, u32, u8, Kind), Vec<Option<Time>>>,
    reliable: Vec<(Time, Span)>,
    unreliable: Vec<(Time, Span)>,
    sent: u64,
    delivered: u64,
    delivered_bytes: u64,
    payload_bytes: u64,
    traffic: Option<(Time, Time)>,
    /// Messages that need not arrive, by the second of their sending: how many there were, how many arrived.
    seconds: BTreeMap<u64, (u64, u64)>,
    /// Cuts after which something arrived, and the longest wait for it.
    cuts_over: usize,
    first_after_cut: Span,
    watched: Option<Conn>,
    sampler: Sampler,
}

impl Measures {
    /// Nothing seen so far.
    pub fn new(config: MeasuresConfig) -> Self {
        Self {
            wire: Wire::new(config.checksum, config.format),
            ends: Ends::default(),
            under_way: BTreeMap::new(),
            reliable: Vec::new(),
            unreliable: Vec::new(),
            sent: 0,
            delivered: 0,
            delivered_bytes: 0,
            payload_bytes: 0,
            traffic: None,
            seconds: BTreeMap::new(),
            cuts_over: 0,
            first_after_cut: Span::ZERO,
            watched: None,
            sampler: Sampler::new(),
            config,
        }
    }

    /// The numbers, and what plots are drawn from.
    pub fn finish(self, end: End) -> (RunRecord, Series) {
        let (reliable, reliable_sorted) = Distribution::of(self.reliable);
        let (unreliable, unreliable_sorted) = Distribution::of(self.unreliable);
        let traffic = self.traffic.map_or(0.0, |(first, last)| last.since(first).as_secs_f64());
        let goodput = if traffic > 0.0 { self.delivered_bytes as f64 / traffic } else { 0.0 };
        let record = RunRecord {
            scenario: self.config.scenario,
            seed: self.config.seed,
            sender: self.config.sender,
            receiver: self.config.receiver,
            latency_ms: Latency::of_sorted(&reliable_sorted),
            unreliable_latency_ms: Latency::of_sorted(&unreliable_sorted),
            delivered: self.delivered,
            sent: self.sent,
            goodput_bytes_per_s: (goodput * 10.0).round() / 10.0,
            wire_bytes: self.wire.bytes,
            payload_bytes: self.payload_bytes,
            datagrams: self.wire.datagrams,
            retransmissions: self.wire.retransmissions,
            needless_retransmissions: self.wire.needless,
            disconnects: self.ends.unplanned(),
            trace_hash: format!("{:016x}", end.trace_hash),
            violations: end.violations,
            simulated_s: end.at.as_secs_f64(),
            wall_s: end.wall_s,
            expectation: end.expectation,
            sending: self.wire.sending,
            worst_second: worst(&self.seconds),
            first_after_cut_ms: (self.cuts_over > 0 && self.cuts_over == self.config.cut_ends.len())
                .then(|| self.first_after_cut.as_millis_f64()),
        };
        (record, Series { samples: self.sampler.finish(), reliable, unreliable })
    }

    fn sends(&mut self, at: Time, host: HostIndex, conn: Conn, payload: &[u8]) {
        let measured = self.config.senders.contains(&host);
        if measured {
            self.sent += 1;
            let first = self.traffic.map_or(at, |(first, _)| first);
            self.traffic = Some((first, at));
        }
        let Some(message) = Message::peek(payload) else { return };
        self.ends.sends(host, conn, &message);
        if measured {
            if message.kind != Kind::Reliable {
                self.seconds.entry(second(at)).or_default().0 += 1;
            }
            let key = (message.sender, message.conn, message.channel, message.kind);
            let times = self.under_way.entry(key).or_default();
            let number = usize::try_from(message.id).unwrap_or(usize::MAX);
            // Numbers count up; those of messages the endpoint refused are missing.
            if number >= times.len() && number - times.len() < 0x10_0000 {
                times.resize(number + 1, None);
            }
            if let Some(time) = times.get_mut(number) {
                *time = Some(at);
            }
        }
    }

    fn receives(&mut self, at: Time, host: HostIndex, conn: Conn, payload: &[u8]) {
        let measured = match Message::read(payload) {
            Some(message) => {
                self.ends.receives(host, conn, &message);
                match self.config.senders.contains(&HostIndex::from(message.sender)) {
                    true if self.arrives(at, &message) => true,
                    true => return, // It came before, or comes from nowhere.
                    false => false,
                }
            }
            // Too short to say whose it is: the other side's, then.
            None if payload.len() < HEADER_LEN => {
                !self.config.senders.contains(&host) || self.config.senders.len() >= self.config.hosts
            }
            None => return, // Damaged on the way.
        };
        self.payload_bytes += payload.len() as u64;
        if measured {
            self.delivered += 1;
            self.delivered_bytes += payload.len() as u64;
            self.traffic = self.traffic.map(|(first, _)| (first, at));
        }
    }

    /// Notes the latency of a message; false if none is under way.
    fn arrives(&mut self, at: Time, message: &Message) -> bool {
        let key = (message.sender, message.conn, message.channel, message.kind);
        let number = usize::try_from(message.id).unwrap_or(usize::MAX);
        let sent = self.under_way.get_mut(&key).and_then(|times| times.get_mut(number)?.take());
        let Some(sent) = sent else { return false };
        let latency = (sent, at.since(sent));
        match message.kind {
            Kind::Reliable => {
                self.reliable.push(latency);
                while let Some(end) = self.config.cut_ends.get(self.cuts_over).filter(|end| **end <= at) {
                    self.first_after_cut = self.first_after_cut.max(at.since(*end));
                    self.cuts_over += 1;
                }
            }
            Kind::Unreliable | Kind::UnreliableFragments | Kind::Unsequenced => {
                self.unreliable.push(latency);
                self.seconds.entry(second(sent)).or_default().1 += 1;
            }
        }
        true
    }

    fn is_watched(&self, host: HostIndex) -> bool {
        self.config.senders.first() == Some(&host)
    }

    /// The first measured connection is the one whose numbers are sampled; when it has ended, the next.
    fn begins(&mut self, host: HostIndex, conn: Conn) {
        if self.is_watched(host) && self.watched.is_none() {
            self.watched = Some(conn);
        }
    }
}

const fn second(at: Time) -> u64 {
    at.0 / 1_000_000_000
}

/// The share that arrived of the worst second. The first and the last are not whole.
fn worst(seconds: &BTreeMap<u64, (u64, u64)>) -> Option<f64> {
    let inner = seconds.len().saturating_sub(1);
    let whole = seconds.values().take(inner).skip(1);
    whole.map(|(sent, arrived)| *arrived as f64 / *sent as f64).min_by(f64::total_cmp)
}

impl Observer for Measures {
    fn called(&mut self, at: Time, host: HostIndex, call: &Call<'_>) {
        match *call {
            Call::Connect { conn, to, data } => {
                self.ends.connects(host, conn, to, data);
                self.begins(host, conn);
            }
            Call::Send { conn, payload, accepted: true, .. } => self.sends(at, host, conn, payload),
            Call::Close { conn, .. } => self.ends.closes(host, conn),
            Call::Send { accepted: false, .. } | Call::ConnectRefused => {}
        }
    }

    fn happened(&mut self, at: Time, host: HostIndex, what: &Happening<'_>) {
        match *what {
            Happening::Connected { conn, data } => {
                self.ends.connected(host, conn, data);
                self.begins(host, conn);
            }
            Happening::Received { conn, payload, .. } => self.receives(at, host, conn, payload),
            Happening::Disconnected { conn, ended, .. } => {
                self.ends.ended(host, conn, ended);
                if self.is_watched(host) && self.watched == Some(conn) {
                    self.watched = None;
                }
            }
        }
    }

    fn departed(&mut self, _: Time, from: HostIndex, to: SocketAddr, bytes: &[u8], fate: &Fate) {
        if from < self.config.hosts {
            self.wire.departed(from, to, bytes, fate, self.config.senders.contains(&from));
        }
    }

    fn host_changed(&mut self, _: Time, host: HostIndex, change: HostChange) {
        if change == HostChange::Crashed {
            self.ends.crashed(host);
            if self.is_watched(host) {
                self.watched = None;
            }
        }
    }

    fn served(&mut self, at: Time, host: HostIndex, endpoint: &mut dyn Endpoint) {
        if self.is_watched(host)
            && self.sampler.is_due(at)
            && let Some(numbers) = self.watched.and_then(|conn| endpoint.snapshot(conn))
        {
            self.sampler.take(at, numbers);
        }
    }
}

#[cfg(test)]
mod tests;
