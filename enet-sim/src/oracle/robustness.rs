//! A host was serviced: look at what it did. Bounded effort: B1, T4; owed acknowledgements: R4.

use enet_proto::{DiscardReason, Discarded};

use super::Judge;
use super::ids::HalfId;
use super::side::Phase;
use crate::endpoint::Endpoint;
use crate::marks::Mark;
use crate::time::{Span, Time};
use crate::world::observer::HostIndex;

/// Services in one instant, with nothing coming and nothing going: more is a loop.
const IDLE_SERVES: u32 = 64;

/// Datagrams that one service may send: far more than windows and ENet's queues of acknowledgements can hold.
const DATAGRAMS: u32 = 50_000;

/// A receive pass reads at most 256 datagrams (PROTOCOL.md §14.6).
const PASS: u32 = 256;

impl Judge {
    pub(super) fn on_served(&mut self, at: Time, host: HostIndex, endpoint: &mut dyn Endpoint) {
        self.judge_effort(at, host);
        let Some(book) = self.hosts.get_mut(host) else { return };
        book.serves += 1;
        let serves = book.serves;
        let settled = book.arrivals <= PASS && !book.stalled;
        if !book.stalled {
            book.arrivals = book.arrivals.saturating_sub(PASS);
        }
        book.stalled = false;
        book.departures = 0;
        if settled {
            let settled = book.settled;
            let active = core::mem::take(&mut book.active);
            for id in &active {
                self.look_at_half(at, *id, endpoint, settled);
            }
            self.look_around(at, host, endpoint);
            if let Some(book) = self.hosts.get_mut(host) {
                book.settled += 1;
                if book.active.is_empty() {
                    book.active = active;
                    book.active.clear(); // keeps its memory
                }
            }
        }
        if serves.is_multiple_of(4)
            && let Some(discarded) = endpoint.discarded()
        {
            self.mark_discarded(host, &discarded);
        }
        if endpoint.trains() > 0 {
            self.verdict.mark(Mark::Train);
        }
        if serves.is_multiple_of(64) {
            endpoint.check_invariants();
        }
    }

    /// A half that was active since the last service.
    fn look_at_half(&mut self, at: Time, id: HalfId, endpoint: &dyn Endpoint, settled: u32) {
        let half = self.tap.half_mut(id);
        half.active = false;
        let side = half.side;
        // After a crash another connection may bear the name of one that is over.
        let living = side.filter(|side| self.side(*side).lives());
        let snapshot = living.and_then(|side| endpoint.snapshot(self.side(side).conn));
        match (side, snapshot) {
            (Some(side), Some(snapshot)) => {
                self.judge_owed(at, id, side, &snapshot);
                self.judge_numbers(at, side, Some(id), &snapshot);
            }
            _ => self.judge_without_numbers(id),
        }
        let half = self.tap.half_mut(id);
        half.owed.clear();
        half.fresh.clear();
        half.acks = 0;
        half.sent_data = false;
        half.prune(settled + 1);
    }

    /// R4: every reliable command that reached an open connection is answered by the end of the next service.
    fn judge_owed(
        &mut self,
        at: Time,
        id: HalfId,
        side: super::ids::SideId,
        snapshot: &crate::endpoint::Snapshot,
    ) {
        let half = self.tap.half(id);
        let Some((channel, number, _)) = half.owed.front().copied() else { return };
        let host = half.host;
        let Some(rules) = self.config.hosts.get(host) else { return };
        let roomy = rules.max_waiting >= 1 << 20;
        let clear = half.sure && !self.side(side).tainted && !self.crashed_lately(at, host);
        if snapshot.state == 5 && roomy && !rules.foreign && clear {
            let count = half.owed.len();
            let complaint = || {
                format!(
                    "{count} reliable commands arrived and were not acknowledged, from number {number} of channel {channel}"
                )
            };
            self.verdict.complain(at, "R4", host, complaint);
        }
    }

    /// Looks at one more of the host's connections, whether anything was heard of it or not.
    fn look_around(&mut self, at: Time, host: HostIndex, endpoint: &dyn Endpoint) {
        let Some(book) = self.hosts.get_mut(host) else { return };
        if book.living.is_empty() {
            return;
        }
        book.round = (book.round + 1) % book.living.len();
        let Some(id) = book.living.get(book.round).copied() else { return };
        let wraps = book.rules.clock_wraps;
        let caught_up = book.caught_up;
        let side = self.side(id);
        if side.phase != Phase::Open {
            return;
        }
        let opened = side.opened.unwrap_or(at);
        if wraps.is_some_and(|wraps| opened < wraps && wraps <= at) {
            self.verdict.mark(Mark::ClockWrapped);
        }
        if caught_up.is_some_and(|then| opened < then && at.since(then) > Span::from_secs(2)) {
            self.verdict.mark(Mark::CaughtUp);
        }
        if let Some(snapshot) = endpoint.snapshot(self.side(id).conn) {
            let half = self.side(id).half;
            self.judge_numbers(at, id, half, &snapshot);
        }
    }

    fn judge_effort(&mut self, at: Time, host: HostIndex) {
        let Some(book) = self.hosts.get_mut(host) else { return };
        let quiet = book.arrivals == 0 && book.departures == 0;
        book.idle = match book.idle {
            (then, count) if then == at && quiet => (at, count + 1),
            _ => (at, 0),
        };
        let (idle, departures) = (book.idle.1, book.departures);
        if idle == IDLE_SERVES {
            let complaint = || format!("{idle} services in one instant, and nothing came or went");
            self.verdict.complain(at, "T4", host, complaint);
        }
        if departures > DATAGRAMS {
            self.verdict.complain(at, "B1", host, || format!("{departures} datagrams left in one service"));
        }
    }

    fn mark_discarded(&mut self, host: HostIndex, discarded: &Discarded) {
        let Some(book) = self.hosts.get_mut(host) else { return };
        let total = discarded.total();
        if core::mem::replace(&mut book.discarded, total) == total {
            return;
        }
        let marks = [
            (DiscardReason::BadChecksum, Mark::DiscardedBadChecksum),
            (DiscardReason::UnknownPeer, Mark::DiscardedUnknownPeer),
            (DiscardReason::WrongAddress, Mark::DiscardedWrongAddress),
            (DiscardReason::WrongSession, Mark::DiscardedWrongSession),
            (DiscardReason::DuplicateConnect, Mark::DiscardedDuplicateConnect),
            (DiscardReason::HostFull, Mark::DiscardedHostFull),
            (DiscardReason::UnexpectedCommand, Mark::DiscardedUnexpected),
            (DiscardReason::MalformedCommand, Mark::DiscardedMalformed),
            (DiscardReason::NoSuchChannel, Mark::DiscardedNoSuchChannel),
            (DiscardReason::BadFragment, Mark::DiscardedBadFragment),
            (DiscardReason::BadCompression, Mark::DiscardedBadCompression),
            (DiscardReason::WaitingDataLimit, Mark::DiscardedWaitingData),
        ];
        for (reason, mark) in marks {
            if discarded.get(reason) > 0 {
                self.verdict.mark(mark);
            }
        }
    }
}
