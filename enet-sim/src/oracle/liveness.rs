//! Liveness: what must have happened by the end of a healed world (R2, C2), and why it has not.

use super::Judge;
use super::ids::SideId;
use super::outbox::Pending;
use super::side::{Phase, Side};
use crate::time::{Span, Time};
use crate::world::observer::HostIndex;

impl Judge {
    /// Looks for what is stuck. Without healing, nothing was promised.
    pub(super) fn judge_liveness(&mut self, at: Time) {
        let Some(healed) = self.healed else { return };
        if !self.trusted {
            return;
        }
        let all: Vec<SideId> = self.hosts.iter().flat_map(|book| book.living.iter().copied()).collect();
        for id in all {
            let host = self.side(id).host;
            let asleep = self.hosts.get(host).is_none_or(|book| book.paused.is_some() || book.down);
            let stepped = self.hosts.get(host).and_then(|book| book.disturbed).unwrap_or_default();
            let calm = healed.max(stepped);
            if asleep || self.side(id).tainted {
                continue;
            }
            match self.side(id).phase {
                Phase::Connecting => self.judge_attempt(at, host, id, calm),
                Phase::Open => {
                    self.judge_half_open(at, host, id, calm);
                    self.judge_completeness(at, host, id, calm);
                }
                Phase::Over | Phase::Lost => {}
            }
        }
    }

    /// How long a side may be at a loss after the last disturbance.
    fn patience(&self, host: HostIndex, side: &Side) -> Span {
        let timer = side.half.map_or(Span::ZERO, |half| self.tap.half(half).longest_timer());
        let bound = |rules: &super::HostRules| rules.longest(rules.death_bound(side.rto) + timer);
        self.config.hosts.get(host).map_or(Span::ZERO, bound) + self.config.delay_bound
    }

    fn judge_attempt(&mut self, at: Time, host: HostIndex, id: SideId, calm: Time) {
        let side = self.side(id);
        let waited = at.since(side.since.max(calm));
        if waited > self.patience(host, side) && !self.follows_another(side) {
            let complaint = || format!("an attempt has neither succeeded nor failed after {waited}");
            self.verdict.complain(at, "C2", host, complaint);
        }
    }

    /// Whether there was a connection between the same hosts not long before this attempt. While nobody has answered it,
    /// no session is checked: an old acknowledgement of number 1 takes the CONNECT out of flight, and the attempt waits
    /// without a timer, in the C library too (docs/QUIRKS.md Q94).
    fn follows_another(&self, attempt: &Side) -> bool {
        let Some(to) = attempt.to else { return false };
        let window = self.confusion_window(to).max(self.confusion_window(attempt.host));
        self.sides.iter().any(|other| {
            let between = (other.host, other.to) == (attempt.host, Some(to))
                || (other.host, other.to) == (to, Some(attempt.host));
            let recent = other.over.is_none_or(|over| attempt.since.since(over) < window);
            between && other.since < attempt.since && recent
        })
    }

    /// C2: nobody holds a connection for ever whose other side is gone.
    fn judge_half_open(&mut self, at: Time, host: HostIndex, id: SideId, calm: Time) {
        let side = self.side(id);
        let patience = self.patience(host, side);
        let gone = match side.partner {
            Some(partner) => match self.side(partner).over {
                Some(over) => over,
                None if side.closed.is_some() => side.closed.map_or(at, |(.., then)| then),
                None => return,
            },
            None => match side.to {
                Some(to) if !self.has_unknown_side(to) => side.opened.unwrap_or(at),
                _ => return,
            },
        };
        let waited = at.since(gone.max(calm));
        // Closing later waits for what is queued, however long that takes.
        let later = matches!(side.closed, Some((crate::endpoint::Close::Later, ..)));
        if waited > patience && !(later && at.since(side.progress.max(calm)) <= patience) {
            let stuck = self.why_stuck(id, at);
            let complaint = || {
                format!(
                    "the other side is gone or was told to go, and after {waited} the connection lives: {stuck}"
                )
            };
            self.verdict.complain(at, "C2", host, complaint);
        }
    }

    /// Whether a host has a connection of which is not known whose it is.
    fn has_unknown_side(&self, host: HostIndex) -> bool {
        let unknown = |side: &Side| side.to.is_none() && side.partner.is_none() && !side.insider;
        self.sides.iter().any(|side| side.host == host && unknown(side))
    }

    /// R2: everything reliable arrives, unless somebody hears that the connection ended.
    fn judge_completeness(&mut self, at: Time, host: HostIndex, id: SideId, calm: Time) {
        let side = self.side(id);
        if side.closed.is_some() {
            return;
        }
        let Some(partner) =
            side.partner.map(|partner| self.side(partner)).filter(|partner| partner.is_open())
        else {
            return;
        };
        let patience = self.patience(host, side).max(self.patience(partner.host, partner));
        let asleep = self.hosts.get(partner.host).is_none_or(|book| book.paused.is_some() || book.down);
        let quiet = at.since(calm.max(side.progress));
        if asleep || quiet <= patience {
            return;
        }
        let since = Time(at.0.saturating_sub(patience.0));
        let stuck: Option<(usize, Pending)> = side
            .sent
            .iter()
            .enumerate()
            .find_map(|(channel, outbox)| Some((channel, outbox.pending_since(since)?)));
        let Some((channel, pending)) = stuck else { return };
        let reason = self.why_stuck(id, at);
        let complaint = || {
            let (count, kind, id, sent) = (pending.count, pending.kind.as_str(), pending.id, pending.at);
            format!(
                "{count} messages of channel {channel} did not arrive, from {kind} {id} of {sent}; nothing did for {quiet}: {reason}"
            )
        };
        self.verdict.complain(at, "R2", host, complaint);
    }

    /// What a connection waits for, as far as it shows.
    fn why_stuck(&self, id: SideId, at: Time) -> String {
        let side = self.side(id);
        let numbers = side.snapshot.map_or("no numbers".to_owned(), |(_, it)| {
            format!(
                "state {}, {} in flight, {} queued, throttle {}, window {}",
                it.state, it.in_flight, it.queued, it.throttle, it.window
            )
        });
        let Some(half) = side.half.map(|half| self.tap.half(half)) else { return numbers };
        let oldest = half.lanes().filter_map(|(channel, lane)| Some((channel, lane.oldest()?)));
        let Some((channel, (number, flight))) = oldest.min_by_key(|(_, (_, flight))| flight.first) else {
            return format!("everything that left was acknowledged ({numbers})");
        };
        let (first, last, silent) = (flight.first, flight.last, at.since(flight.last));
        let fate = match (flight.arrived, flight.answered) {
            (false, _) => "no copy arrived",
            (true, false) => "it arrived and was not acknowledged",
            (true, true) => "its acknowledgement did not arrive",
        };
        let (attempts, lost) = (flight.attempts, flight.lost);
        format!(
            "number {number} of channel {channel} was sent {attempts} times, first at {first}, last at {last}, lost {lost} times, {fate}; its timer has been silent for {silent} ({numbers})"
        )
    }
}
