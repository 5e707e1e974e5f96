//! [`Insiders`]: peers that were let in and mean harm. What they say is nobody's promise; what a host spends on them is
//! (M1, M5), and everybody else is judged as if they were not there.

use std::net::SocketAddr;

use enet_wire::{Body, CHECKSUM_LEN, Commands, Header};

use super::Judge;
use super::ids::SideId;
use crate::endpoint::Snapshot;
use crate::marks::Mark;
use crate::scenario::INSIDER_DATA;
use crate::time::Time;
use crate::world::observer::HostIndex;

/// Bytes sent for each received: an acknowledgement is twice as long as a ping, and may travel alone.
const ANSWERS: u64 = 3;

/// Acknowledgements for each command that wants one: two where much is lost. One of a ping or a setting may ride along in each
/// datagram besides.
const COPIES: u64 = 2;

/// How often at most what the application sends leaves for who acknowledges none of it, or little (docs/SECURITY.md).
const TRANSMISSIONS: u64 = 20;

/// What goes with a message of the application in each datagram: headers of a datagram and of a command.
const ENVELOPE: u64 = 36;

/// Pings and settings, again and again: bytes a second; and the handshake.
const UPKEEP: u64 = 400;
const BEGINNING: u64 = 4 << 10;

/// Bytes of memory for each received. The smallest command that is kept has 6 bytes, its entry 224, and the tree of those
/// that are ahead of their turn may take as much again.
const MEMORY: u64 = 64;

/// What the first of its packets may take beyond that: the fragment of which they are begun may be the smallest.
const BEGUN: u64 = 4 << 10;

/// All of them together: what they sent, and were sent.
#[derive(Debug, Default)]
pub(super) struct Insiders {
    received: u64,
    sent: u64,
    datagrams: u64,
    /// Commands that want an acknowledgement, and acknowledgements.
    wanted: u64,
    acknowledged: u64,
    /// Payload that was delivered.
    delivered: u64,
    /// What the application sent them, with its envelopes.
    queued: u64,
}

impl Insiders {
    /// The application sends them something.
    pub(super) fn is_sent(&mut self, len: usize) {
        // A fragment has at least 500 bytes.
        let datagrams = 1 + len as u64 / 500;
        self.queued += len as u64 + datagrams * ENVELOPE;
    }

    /// What may have been sent to them by now.
    fn allowance(&self, at: Time) -> u64 {
        let upkeep = UPKEEP * (at.0 / 1_000_000_000);
        BEGINNING + upkeep + ANSWERS * self.received + TRANSMISSIONS * self.queued
    }
}

impl Judge {
    /// Whether who sends this along when it connects means harm.
    pub(super) fn is_insider(&self, data: u32) -> bool {
        data == INSIDER_DATA && !self.config.insiders.is_empty()
    }

    /// A datagram arrived; whether it came from one of them.
    pub(super) fn note_insider(&mut self, source: SocketAddr, bytes: &[u8]) -> bool {
        let known = self.config.insiders.contains(&source);
        if known {
            let (wanted, _) = self.count(bytes);
            self.insiders.received += bytes.len() as u64;
            self.insiders.wanted += wanted;
        }
        known
    }

    /// How many of the commands in a datagram want an acknowledgement, and how many are one.
    fn count(&self, bytes: &[u8]) -> (u64, u64) {
        let Ok((header, rest)) = Header::decode(bytes) else { return (0, 0) };
        let skipped = if self.config.checksum { CHECKSUM_LEN } else { 0 };
        let Some(body) = rest.get(skipped..).filter(|_| !header.compressed) else { return (0, 0) };
        let all = Commands::new(body).map_while(Result::ok);
        all.fold((0, 0), |(wanted, acknowledged), it| {
            let is_one = matches!(it.body, Body::Acknowledge { .. });
            (wanted + u64::from(it.acknowledge), acknowledged + u64::from(is_one))
        })
    }

    /// M5: what is sent to one who was let in is bounded by what it sent, and what the application sent it.
    pub(super) fn judge_spending(&mut self, at: Time, from: HostIndex, to: SocketAddr, bytes: &[u8]) {
        if !self.config.insiders.contains(&to) {
            return;
        }
        self.insiders.sent += bytes.len() as u64;
        self.insiders.datagrams += 1;
        self.insiders.acknowledged += self.count(bytes).1;
        let Insiders { received, sent, datagrams, wanted, acknowledged, queued, .. } = self.insiders;
        if acknowledged > COPIES * wanted + datagrams && !self.is_foreign(from) {
            let complaint = || {
                format!(
                    "{acknowledged} acknowledgements in {datagrams} datagrams went to a peer that wanted {wanted}"
                )
            };
            self.verdict.complain(at, "M5", from, complaint);
        }
        let allowance = self.insiders.allowance(at);
        if sent > allowance && !self.is_foreign(from) {
            let complaint = || {
                format!(
                    "{sent} bytes went to a peer that sent {received}, to which the application sent {queued}; {allowance} are allowed"
                )
            };
            self.verdict.complain(at, "M5", from, complaint);
        }
    }

    /// M1: a message of such a peer arrived, of which each byte must have come.
    pub(super) fn judge_insider_heard(&mut self, at: Time, host: HostIndex, len: usize) {
        self.verdict.mark(Mark::InsiderHeard);
        self.insiders.delivered += len as u64;
        let Insiders { received, delivered, .. } = self.insiders;
        if delivered > received && self.is_modern(host) {
            let complaint = || format!("{delivered} bytes were delivered of a peer that sent {received}");
            self.verdict.complain(at, "M1", host, complaint);
        }
    }

    /// M1: what it says takes memory for what it said, and not for what it announced.
    pub(super) fn judge_held(&mut self, at: Time, id: SideId, now: &Snapshot) {
        self.verdict.mark(Mark::InsiderHeld);
        let received = self.insiders.received;
        let limit = BEGUN + MEMORY * received;
        let host = self.side(id).host;
        // C counts what is announced, and has it zeroed.
        if u64::from(now.held) > limit && self.is_modern(host) {
            let complaint = || {
                format!("{} bytes are held for a peer that sent {received}; {limit} are allowed", now.held)
            };
            self.verdict.complain(at, "M1", host, complaint);
        }
    }

    /// An honest peer's message arrived where such a peer is, too.
    pub(super) fn mark_beside_insider(&mut self, receiver: SideId) {
        if self.config.insiders.is_empty() {
            return;
        }
        let host = self.side(receiver).host;
        let living = self.hosts.get(host).map(|book| book.living.as_slice()).unwrap_or_default();
        if living.iter().any(|id| self.sides[id.0].insider) {
            self.verdict.mark(Mark::BesideInsider);
        }
    }
}
