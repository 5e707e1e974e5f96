//! [`Side`]: what one side of a connection has in flight, and when it must do what about it, written down again from
//! PROTOCOL.md §9.3 to §9.6 and §13.4. Times are whole milliseconds of the side's own clock.

use std::collections::HashSet;

use enet_sim::Span;
use enet_sim::scenario::TimeoutSpec;

use super::Broken;
use super::estimate::Estimate;

/// A reliable command: its channel and number.
pub(crate) type Name = (u8, u16);

/// A reliable command that waits for its acknowledgement.
#[derive(Debug, Clone)]
struct Flight {
    name: Name,
    at: u64,
    rto: u64,
    attempts: u32,
    len: u64,
}

/// How far a side has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stage {
    /// There is no connection.
    #[default]
    Nothing,
    /// CONNECT or VERIFY_CONNECT is under way.
    Opening,
    /// It is open.
    Open,
    /// It ended, or begins to: the model ends here.
    Over,
}

/// One side of a connection.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) stage: Stage,
    pub(crate) estimate: Estimate,
    /// Commands under way, in the order of their last transmission.
    sent: Vec<Flight>,
    /// Commands whose timeout is over, and which have to leave again.
    expired: Vec<Flight>,
    acknowledged: HashSet<Name>,
    /// When the first in `sent` expires, and when that was decided.
    deadline: (u64, u64),
    /// Since when nothing was acknowledged, once something has expired.
    silent_since: Option<u64>,
    /// Arrived commands that must be acknowledged, with the sent time of their datagrams.
    owed: Vec<(Name, u16)>,
    limits: (u64, u64, u64),
    ping_interval: u64,
    last_acknowledgement: Option<u64>,
    /// Since when nothing is under way.
    idle_since: u64,
    /// Whether data left in this service call.
    data_left: bool,
    /// When the remote must be given up.
    pub(crate) dead: Option<u64>,
    pub(crate) broken: Vec<Broken>,
}

impl Side {
    /// A side that begins to connect, or to answer.
    pub(crate) fn opening(now: u64) -> Self {
        Side {
            stage: Stage::Opening,
            limits: (32, 5_000, 30_000),
            ping_interval: 500,
            idle_since: now,
            ..Side::default()
        }
    }

    pub(crate) fn set_limits(&mut self, limits: TimeoutSpec) {
        self.limits = (u64::from(limits.limit), millis(limits.minimum), millis(limits.maximum));
    }

    pub(crate) fn set_ping(&mut self, now: u64, interval: Span) {
        self.ping_interval = millis(interval);
        self.idle_since = now;
    }

    /// The connection is open; in this very call the application may set a shorter interval between pings.
    pub(crate) fn open(&mut self, now: u64, ping_interval: Option<Span>) {
        self.stage = Stage::Open;
        self.idle_since = now;
        self.ping_interval = ping_interval.map_or(500, |interval| millis(interval).min(500));
    }

    /// Whether a model of it makes sense.
    pub(crate) fn lives(&self) -> bool {
        matches!(self.stage, Stage::Opening | Stage::Open)
    }

    /// Bytes that were sent and neither acknowledged nor taken back.
    pub(crate) fn in_flight(&self) -> u64 {
        self.sent.iter().map(|flight| flight.len).sum()
    }

    fn complain(&mut self, property: &'static str, text: String) {
        self.broken.push((property, text));
    }

    // --- what it sends ---

    /// The timeout check of a send pass (§9.5).
    pub(crate) fn check_timeouts(&mut self, now: u64) {
        let due = self.deadline.0.max(self.deadline.1);
        if self.dead.is_some() || self.sent.is_empty() || now < self.deadline.0 {
            return;
        }
        if now > due {
            self.complain(
                "T1",
                format!("nothing was done at {due} ms, when a command's time was over, until {now} ms"),
            );
        }
        let (limit, minimum, maximum) = self.limits;
        let mut place = 0;
        while let Some(flight) = self.sent.get(place) {
            if now - flight.at < flight.rto {
                place += 1;
                continue;
            }
            let since = self.silent_since.map_or(flight.at, |since| since.min(flight.at));
            self.silent_since = Some(since);
            let age = now - since;
            let patience_over = 1u64 << flight.attempts.saturating_sub(1).min(40) >= limit;
            if age >= maximum || (patience_over && age >= minimum) {
                self.dead = Some(now);
                return;
            }
            let mut flight = self.sent.remove(place);
            flight.rto *= 2;
            self.expired.push(flight);
        }
        self.rearm(now);
    }

    fn rearm(&mut self, now: u64) {
        if let Some(first) = self.sent.first() {
            self.deadline = (first.at + first.rto, now);
        } else {
            self.idle_since = now;
        }
    }

    /// A reliable command leaves.
    pub(crate) fn leaves(&mut self, now: u64, name: Name, len: u64) {
        if self.acknowledged.contains(&name) {
            self.complain("T1", format!("{} left at {now} ms, after its acknowledgement", text(name)));
        }
        let again = self.expired.iter().position(|flight| flight.name == name);
        let early = self.sent.iter().position(|flight| flight.name == name);
        let mut flight = match (again, early) {
            (Some(place), _) => self.expired.remove(place),
            (None, Some(place)) => {
                let flight = self.sent.remove(place);
                let (due, attempt) = (flight.at + flight.rto, flight.attempts + 1);
                self.complain(
                    "T1",
                    format!("{} left for the {attempt}. time at {now} ms, not {due} ms", text(name)),
                );
                flight
            }
            (None, None) => Flight { name, at: now, rto: self.estimate.rto(), attempts: 0, len },
        };
        if self.sent.is_empty() {
            self.deadline = (now + flight.rto, now);
        }
        flight.at = now;
        flight.attempts += 1;
        self.data_left |= flight.name.0 != 0xFF;
        self.sent.push(flight);
    }

    /// A PING leaves by itself: the connection must have been idle for so long, and no longer (§13.4).
    pub(crate) fn pings(&mut self, now: u64, name: Name) {
        if self.stage != Stage::Open
            || self.expired.iter().chain(&self.sent).any(|flight| flight.name == name)
        {
            return;
        }
        let due = self.ping_due();
        // Each datagram of a pass that finds nothing reliable under way queues one, whether or not it has room for it.
        let idle = self.sent.iter().all(|flight| flight.at == now && flight.name.0 == 0xFF);
        if !idle || now < due {
            let waiting = self.sent.len();
            self.complain(
                "T3",
                format!("a PING left at {now} ms, with {waiting} commands in flight, not at {due} ms"),
            );
        } else if now > due {
            self.complain("T3", format!("a PING left only at {now} ms, not at {due} ms"));
        }
    }

    fn ping_due(&self) -> u64 {
        let quiet = match self.last_acknowledgement {
            Some(last) => last + self.ping_interval,
            // The clock is compared with 0, which stands for never.
            None => {
                let since_wrap = self.idle_since & 0xFFFF_FFFF;
                let until_wrap = (1 << 32) - since_wrap;
                match (since_wrap < 86_400_000, until_wrap < self.ping_interval) {
                    (true, _) => self.idle_since + self.ping_interval.saturating_sub(since_wrap),
                    (false, true) => self.idle_since + until_wrap + self.ping_interval,
                    (false, false) => self.idle_since,
                }
            }
        };
        quiet.max(self.idle_since)
    }

    /// An acknowledgement leaves.
    pub(crate) fn acknowledges(&mut self, now: u64, name: Name, echo: u16) {
        match self.owed.iter().position(|owed| *owed == (name, echo)) {
            Some(place) => _ = self.owed.remove(place),
            None if self.stage == Stage::Open => {
                let what = text(name);
                self.complain(
                    "R4",
                    format!("an acknowledgement of {what} left at {now} ms that nobody waits for"),
                );
            }
            None => {}
        }
    }

    // --- what arrives ---

    /// A command arrives that must be acknowledged.
    pub(crate) fn owes(&mut self, name: Name, sent_time: u16) {
        self.owed.push((name, sent_time));
    }

    /// An acknowledgement arrives.
    pub(crate) fn is_acknowledged(&mut self, now: u64, name: Name, echo: u16) {
        if !self.estimate.acknowledged(now, echo) {
            return;
        }
        // A clock of 0 would stand for never.
        self.last_acknowledgement = Some(now + u64::from(now & 0xFFFF_FFFF == 0));
        self.silent_since = None;
        self.remove(now, name);
    }

    /// A command need not be sent any more.
    pub(crate) fn remove(&mut self, now: u64, name: Name) {
        let before = self.sent.len() + self.expired.len();
        self.sent.retain(|flight| flight.name != name);
        self.expired.retain(|flight| flight.name != name);
        if self.sent.len() + self.expired.len() < before {
            self.acknowledged.insert(name);
        }
        if self.sent.is_empty() && before > 0 {
            self.idle_since = now;
        }
        self.rearm_if_any(now);
    }

    fn rearm_if_any(&mut self, now: u64) {
        if let Some(first) = self.sent.first() {
            let deadline = first.at + first.rto;
            if deadline != self.deadline.0 {
                self.deadline = (deadline, now);
            }
        }
    }

    // --- what must have been done ---

    /// A service call is over; the byte window was so large.
    pub(crate) fn served(&mut self, now: u64, window: u64) {
        if !self.owed.is_empty() && self.stage == Stage::Open {
            let count = self.owed.len();
            let first = self.owed.first().map_or(String::new(), |(name, _)| text(*name));
            self.complain(
                "R4",
                format!("{count} copies were not acknowledged at {now} ms, the first of {first}"),
            );
            self.owed.clear();
        }
        if self.stage == Stage::Open
            && self.sent.is_empty()
            && self.expired.is_empty()
            && now >= self.ping_due()
        {
            let due = self.ping_due();
            self.complain("T3", format!("no PING left at {now} ms; one was due at {due} ms"));
        }
        let in_flight = self.in_flight();
        if core::mem::take(&mut self.data_left) && in_flight > window {
            self.complain(
                "F1",
                format!("data left at {now} ms: {in_flight} bytes are in flight, and {window} are allowed"),
            );
        }
        let blocked =
            self.expired.iter().any(|flight| flight.name.0 != 0xFF && in_flight + flight.len > window);
        let held = |flight: &&Flight| flight.name.0 == 0xFF || !blocked;
        if let Some(flight) = self.expired.iter().find(held) {
            let text = text(flight.name);
            self.complain("T1", format!("{text} expired, and did not leave again at {now} ms"));
        }
    }

    /// The world is over.
    pub(crate) fn finish(&mut self, now: u64) {
        if !self.lives() {
            return;
        }
        let due = self.deadline.0.max(self.deadline.1);
        if !self.sent.is_empty() && now > due {
            self.complain(
                "T1",
                format!("a command's time was over at {due} ms, and nothing was done until {now} ms"),
            );
        }
        if self.stage == Stage::Open
            && self.sent.is_empty()
            && self.expired.is_empty()
            && now > self.ping_due()
        {
            let due = self.ping_due();
            self.complain("T3", format!("a PING was due at {due} ms, and none left until {now} ms"));
        }
    }
}

pub(crate) fn millis(span: Span) -> u64 {
    span.0 / 1_000_000
}

fn text((channel, number): Name) -> String {
    match channel {
        0xFF => format!("control command {number}"),
        channel => format!("number {number} of channel {channel}"),
    }
}
