//! [`Insiders`]: peers that were let in and mean harm. What they say is nobody's promise; what a host spends on them is
//! (M1, M5), and everybody else is judged as if they were not there.

use std::net::SocketAddr;

use super::Judge;
use super::ids::SideId;
use crate::endpoint::Snapshot;
use crate::marks::Mark;
use crate::scenario::INSIDER_DATA;
use crate::time::Time;
use crate::world::observer::HostIndex;

/// Bytes sent for each received: an acknowledgement is twice as long as a ping, and may travel alone.
const ANSWERS: u64 = 3;

/// How often at most what the application sends leaves for who acknowledges none of it, or little (docs/SECURITY.md).
const TRANSMISSIONS: u64 = 20;

/// What goes with a message of the application in each datagram: headers of a datagram and of a command.
const ENVELOPE: u64 = 36;

/// Pings and settings, again and again: bytes a second; and the handshake.
const UPKEEP: u64 = 400;
const BEGINNING: u64 = 4 << 10;

/// Bytes of memory for each received. The smallest command that is kept has 6 bytes, its entry 128, and the tree of those
/// that are ahead of their turn may take as much again.
const MEMORY: u64 = 48;

/// A long packet in fragments takes 64 KiB to begin with. A peer that announces packets of 16 MiB has room for three.
const BEGUN: u64 = 256 << 10;

/// All of them together: what they sent, and were sent.
#[derive(Debug, Default)]
pub(super) struct Insiders {
    received: u64,
    sent: u64,
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
    pub(super) fn note_insider(&mut self, source: SocketAddr, len: usize) -> bool {
        let known = self.config.insiders.contains(&source);
        if known {
            self.insiders.received += len as u64;
        }
        known
    }

    /// M5: what is sent to one who was let in is bounded by what it sent, and what the application sent it.
    pub(super) fn judge_spending(&mut self, at: Time, from: HostIndex, to: SocketAddr, len: usize) {
        if !self.config.insiders.contains(&to) {
            return;
        }
        self.insiders.sent += len as u64;
        let Insiders { received, sent, queued } = self.insiders;
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

    /// M1: what it says takes memory for what it said, and not for what it announced.
    pub(super) fn judge_held(&mut self, at: Time, id: SideId, now: &Snapshot) {
        self.verdict.mark(Mark::InsiderHeld);
        let received = self.insiders.received;
        let limit = BEGUN + MEMORY * received;
        if u64::from(now.held) > limit {
            let host = self.side(id).host;
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
