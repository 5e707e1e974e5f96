//! Time: T1, T2, T3.

use enet_wire::{Command, CommandKind};

use super::Judge;
use super::half::Flight;
use super::ids::{HalfId, SideId};
use super::wire::Leaving;
use crate::endpoint::Ended;
use crate::marks::Mark;
use crate::time::{Span, Time};
use crate::world::observer::HostIndex;

/// A probe leaves a round trip and so much later, at the least (docs/RECOVERY.md).
const LEAST_PROBE: Span = Span::from_millis(20);

/// In so many datagrams something rides after it left again (docs/RECOVERY.md).
const BURST_RIDES: u8 = 12;

/// Hosts count whole milliseconds: two stamps of theirs can lie so much closer than the times they stand for.
const TICK: Span = Span::from_millis(1);

impl Judge {
    /// T1: never again before the retransmission timeout, which doubles with each attempt; never again after the
    /// acknowledgement was looked at.
    pub(super) fn judge_retransmission(
        &mut self,
        leaving: &Leaving,
        id: HalfId,
        command: &Command<'_>,
        before: &Flight,
    ) {
        let (at, from) = (leaving.at, leaving.from);
        let (channel, number) = (command.channel.get(), command.seq.0);
        let Some(book) = self.hosts.get(from) else { return };
        if !self.tap.half(id).sure || before.attempts == 0 {
            return;
        }
        // Modern hosts repeat their answer whenever they are asked, to who has not proven the address.
        if self.is_modern(from) && command.kind() == CommandKind::VerifyConnect {
            return;
        }
        if before.acked.is_some_and(|acked| acked < book.settled) {
            let complaint =
                || format!("channel {channel}: number {number} left again after its acknowledgement");
            return self.verdict.complain(at, "T1", from, complaint);
        }
        if before.rto == 0 || book.disturbed.is_some_and(|then| then >= before.last) {
            return;
        }
        let doublings = u32::from(before.attempts - 1).min(16);
        let rto = Span::from_millis(u64::from(before.rto) << doublings);
        let least = Span(book.rules.shortest(rto).0.saturating_sub(TICK.0));
        let gap = at.since(before.last);
        if gap < least {
            let complaint = || {
                let attempts = before.attempts;
                format!(
                    "channel {channel}: number {number} left for the {attempts}. time again after {gap}, not {rto}"
                )
            };
            self.verdict.complain(at, "T1", from, complaint);
        }
    }

    /// T1, of a host that goes by evidence: again only if something that left later was acknowledged, or a probe can be due,
    /// or right after it left again, or the first time if it is to be repeated; never twice at once; never after the acknowledgement was looked at.
    pub(super) fn judge_evidence(
        &mut self,
        leaving: &Leaving,
        id: HalfId,
        command: &Command<'_>,
        before: &Flight,
    ) {
        let (at, from) = (leaving.at, leaving.from);
        let (channel, number) = (command.channel.get(), command.seq.0);
        let Some(book) = self.hosts.get(from) else { return };
        if !self.tap.half(id).sure || before.attempts == 0 {
            return;
        }
        if before.acked.is_some_and(|acked| acked < book.settled) {
            let complaint =
                || format!("channel {channel}: number {number} left again after its acknowledgement");
            return self.verdict.complain(at, "T1", from, complaint);
        }
        let gap = at.since(before.last);
        let probe = Span(book.rules.shortest(LEAST_PROBE).0.saturating_sub(TICK.0));
        let overtaken = self.tap.half(id).newest_acked >= before.last;
        let repeated = before.attempts <= book.rules.redundancy;
        let rides = before.attempts > 1 && before.rode < BURST_RIDES;
        let disturbed = book.disturbed.is_some_and(|then| then >= before.last);
        let half = self.tap.half_mut(id);
        if let Some(flight) = half.lane(channel).flight(number) {
            let rode = rides && !overtaken && gap < probe;
            flight.rode = if rode { before.rode + 1 } else { 0 };
        }
        if gap < probe && !overtaken {
            self.verdict.mark(if repeated { Mark::RepeatedUnasked } else { Mark::RodeAlong });
        }
        if gap == Span::ZERO || !(overtaken || rides || repeated || gap >= probe || disturbed) {
            let complaint =
                || format!("channel {channel}: number {number} left again after {gap}, unprovoked");
            self.verdict.complain(at, "T1", from, complaint);
        }
    }

    /// T2, T3: nobody is given up too early, too late, or without a reason.
    pub(super) fn judge_patience(&mut self, at: Time, host: HostIndex, id: SideId, ended: Ended) {
        let Some(rules) = self.config.hosts.get(host) else { return };
        match ended {
            Ended::ConnectTimedOut => {
                let waited = at.since(self.side(id).since);
                // The timer of another command can bring the end sooner.
                let company = self.hosts.get(host).is_some_and(|book| book.premature)
                    || self.side(id).half.is_some_and(|half| self.tap.half(half).has_company());
                let patience = if company { rules.least_silence() } else { rules.connect_patience() };
                let least = Span(rules.shortest(patience).0.saturating_sub(TICK.0));
                let disturbed = self.hosts.get(host).is_some_and(|book| book.disturbed_within(at, waited));
                if waited < least && !disturbed {
                    let complaint = || format!("an attempt was given up after {waited}; {least} are due");
                    self.verdict.complain(at, "T2", host, complaint);
                }
            }
            Ended::TimedOut => {
                self.judge_early_death(at, host, id);
                self.judge_groundless_death(at, host, id);
            }
            _ => {}
        }
    }

    /// Something must have been unacknowledged for the minimum.
    fn judge_early_death(&mut self, at: Time, host: HostIndex, id: SideId) {
        let Some(half) = self.side(id).half.map(|half| self.tap.half(half)).filter(|half| half.sure) else {
            return;
        };
        let Some(rules) = self.config.hosts.get(host) else { return };
        let settled = self.hosts.get(host).map_or(0, |book| book.settled);
        let waited = half.waiting_since(settled).map_or(Span::ZERO, |since| at.since(since));
        let least = Span(rules.shortest(rules.least_silence()).0.saturating_sub(TICK.0));
        let disturbed =
            self.hosts.get(host).is_some_and(|book| book.disturbed_within(at, rules.longest_maximum()));
        if disturbed {
            return;
        }
        self.verdict.mark(if waited >= rules.longest_maximum() {
            Mark::TimedOutByMaximum
        } else {
            Mark::TimedOutByLimit
        });
        if waited < least {
            let complaint =
                || format!("a connection was given up after {waited} without an answer; {least} are due");
            return self.verdict.complain(at, "T2", host, complaint);
        }
        let bound = rules.longest(rules.death_bound(self.side(id).rto) + half.longest_timer());
        let silence = half.last_ack.or(self.side(id).opened).map_or(Span::ZERO, |last| at.since(last));
        if silence > bound && !self.hosts.get(host).is_some_and(|book| book.disturbed_within(at, silence)) {
            let complaint =
                || format!("a connection was given up after {silence} without an answer, not {bound}");
            self.verdict.complain(at, "T2", host, complaint);
        }
    }

    /// While nothing goes wrong on the way, nobody times out.
    fn judge_groundless_death(&mut self, at: Time, host: HostIndex, id: SideId) {
        let Some(partner) = self.side(id).partner.filter(|partner| self.side(*partner).is_open()) else {
            return;
        };
        let other = self.side(partner).host;
        // Where the remote has room for little, it takes nothing and acknowledges nothing.
        if self.config.hosts.get(other).is_some_and(|rules| rules.max_waiting < 1 << 20) {
            return;
        }
        let Some(rules) = self.config.hosts.get(host) else { return };
        // Where round trips are as long as patience, a late answer is enough.
        let pace = |host: HostIndex| self.config.hosts.get(host).map_or(0, |rules| rules.service_interval.0);
        let round = self.side(id).rto.0 + pace(host) + pace(other) + 2 * self.config.delay_bound.0;
        if rules.least_silence().0 < round.saturating_mul(4) {
            return;
        }
        let span = rules.death_bound(self.side(id).rto) + self.config.delay_bound;
        let sound = |host: HostIndex| {
            self.hosts
                .get(host)
                .is_some_and(|book| book.untroubled_for(at, span) && book.paused.is_none() && !book.down)
        };
        if self.transparent && sound(host) && sound(other) {
            let complaint = || {
                format!("a connection timed out, though nothing was lost for {span} and the other side lives")
            };
            self.verdict.complain(at, "T3", host, complaint);
        }
    }
}
