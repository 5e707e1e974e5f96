//! [`Run`]: the messages at their pace, second by second, to the last echo.
#![allow(unreachable_pub)]

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use enet_mio::{Delivery, random_seed};
use serde_json::json;

use crate::common::Both;
use crate::fleet::{Fleet, Health, Sent, Traffic};
use crate::histogram::Histogram;
use crate::message::{Message, SMALLEST, Share};
use crate::tally::{Judge, Tally};

const SECOND: Duration = Duration::from_secs(1);

/// Messages in a row before anything is received.
const IN_A_ROW: u32 = 256;

/// How long to wait for the last reliable messages, and for unreliable ones, which may never come.
const LATE: Duration = Duration::from_secs(5);
const STRAGGLERS: Duration = SECOND;

/// What is to be sent, and for how long.
pub struct Plan {
    /// Messages of each bot in a second.
    pub hz: f64,
    pub share: Share,
    pub size: usize,
    pub warmup: Duration,
    pub seconds: Duration,
    pub echo: bool,
}

/// What came of it.
pub struct Outcome {
    /// Unreliable and reliable.
    pub classes: [Tally; 2],
    pub foreign: u64,
    pub wrong: u64,
    /// Messages that were not sent, because their bot had too many waiting.
    pub held_back: u64,
    /// How late messages were sent.
    pub lag: Histogram,
    /// ENet's own round trip times, of each bot in each second.
    pub round_trips: Histogram,
    /// Mean of ENet's own loss, commands of a hundred that timed out; ENet looks at it every ten seconds.
    pub enet_loss: f64,
    /// Commands that were not settled in the end.
    pub unsettled: usize,
    /// While it counted.
    pub traffic: Traffic,
    pub measured: Duration,
    pub connected: usize,
    pub connecting_ms: u128,
    pub failures: BTreeMap<String, u64>,
    pub ends: BTreeMap<String, u64>,
}

/// Messages on their way.
pub struct Run {
    plan: Plan,
    fleet: Fleet,
    judge: Judge,
    tag: u16,
    filling: Vec<u8>,
    buffer: Vec<u8>,
    start: Instant,
    connected: usize,
    /// Messages that were due so far, of all bots.
    due: u64,
    held_back: u64,
    lag: Histogram,
    round_trips: Histogram,
    /// Sum and number of what ENet says about loss.
    losses: (u64, u64),
    seconds: u32,
}

impl Run {
    pub fn new(plan: Plan, fleet: Fleet) -> io::Result<Run> {
        let [a, b, ..] = random_seed()?;
        let tag = u16::from_be_bytes([a, b]);
        let rest = plan.size.saturating_sub(usize::try_from(SMALLEST).unwrap_or_default());
        let filling: Vec<u8> = (0..=255_u8).map(|byte| byte.wrapping_mul(167)).cycle().take(rest).collect();
        Ok(Run {
            judge: Judge::new(tag, fleet.bots(), filling.clone()),
            connected: fleet.connected(),
            plan,
            fleet,
            tag,
            filling,
            buffer: Vec::new(),
            start: Instant::now(),
            due: 0,
            held_back: 0,
            lag: Histogram::new(),
            round_trips: Histogram::new(),
            losses: (0, 0),
            seconds: 0,
        })
    }

    /// Warms up, measures, waits for the last echoes and leaves.
    pub fn complete(mut self, both: &Both) -> io::Result<Outcome> {
        self.start = Instant::now();
        let warm = self.plan.warmup;
        self.send_until(warm, both)?;
        let before = self.fleet.traffic();
        let begin = self.start.elapsed();
        self.send_until(warm + self.plan.seconds, both)?;
        let measured = self.start.elapsed().saturating_sub(begin);
        let after = self.fleet.traffic();
        self.wait_for_the_last()?;
        let unsettled = self.look(true).iter().map(|health| health.unsettled).sum();
        let ends = self.fleet.ends().clone();
        self.fleet.leave()?;
        let (losses, looks) = self.losses;
        Ok(Outcome {
            classes: self.judge.classes,
            foreign: self.judge.foreign,
            wrong: self.judge.wrong,
            held_back: self.held_back,
            lag: self.lag,
            round_trips: self.round_trips,
            enet_loss: share(losses, looks.saturating_mul(65_536)),
            unsettled,
            traffic: between(before, after),
            measured,
            connected: self.connected,
            connecting_ms: self.fleet.connecting_ms(),
            failures: self.fleet.failures().clone(),
            ends,
        })
    }

    /// Sends what is due and takes what comes until so long after the start, or until nobody is left.
    fn send_until(&mut self, end: Duration, both: &Both) -> io::Result<()> {
        loop {
            let now = self.start.elapsed();
            if now >= end || self.fleet.connected() == 0 {
                return Ok(());
            }
            let sent_all = self.send_due(now);
            self.report_second(both);
            let wake = if sent_all { self.time_of(self.due).min(end) } else { now };
            self.turn(wake.saturating_sub(self.start.elapsed()))?;
        }
    }

    /// Sends what is due; whether that is all.
    fn send_due(&mut self, now: Duration) -> bool {
        for _ in 0..IN_A_ROW {
            let due = self.time_of(self.due);
            if due > now {
                return true;
            }
            self.send_one(now.saturating_sub(due));
            self.due += 1;
        }
        false
    }

    fn send_one(&mut self, lag: Duration) {
        let bots = u64::try_from(self.fleet.bots()).unwrap_or(1).max(1);
        let bot = usize::try_from(self.due % bots).unwrap_or_default();
        let number = self.fleet.next_number(bot);
        let sent = self.start.elapsed();
        // Not all bots send reliably at the same time.
        let reliable = self.plan.share.includes(number.wrapping_add(u32::try_from(bot).unwrap_or_default()));
        let measured = sent >= self.plan.warmup;
        let message = Message {
            tag: self.tag,
            bot: u16::try_from(bot).unwrap_or(u16::MAX),
            number,
            reliable,
            measured,
            sent,
        };
        self.buffer.clear();
        self.buffer.extend_from_slice(&message.encode());
        self.buffer.extend_from_slice(&self.filling);
        let delivery = if reliable { Delivery::Reliable } else { Delivery::Unreliable };
        match self.fleet.send(bot, delivery, &self.buffer) {
            Sent::Yes => {
                self.judge.sent(message);
                if measured {
                    self.lag.add(lag);
                }
            }
            Sent::HeldBack => self.held_back += u64::from(measured),
            Sent::Nobody => {}
        }
    }

    /// When the message with this number is due.
    #[allow(clippy::cast_precision_loss)] // a schedule, and numbers below 2^52
    fn time_of(&self, number: u64) -> Duration {
        let rate = self.plan.hz * self.fleet.bots() as f64;
        Duration::try_from_secs_f64(number as f64 / rate).unwrap_or(Duration::MAX)
    }

    fn turn(&mut self, wait: Duration) -> io::Result<()> {
        self.fleet.turn(wait)?;
        for arrival in self.fleet.arrivals() {
            self.judge.arrived(arrival.bot, &arrival.packet, self.start.elapsed());
        }
        Ok(())
    }

    /// Waits until everything reliable has come back, and a moment for the rest.
    fn wait_for_the_last(&mut self) -> io::Result<()> {
        let begin = Instant::now();
        while self.fleet.connected() > 0 {
            let [unreliable, reliable] = self.judge.missing(|bot| self.fleet.is_connected(bot));
            let limit = match self.plan.echo {
                true if reliable > 0 && !self.judge.is_silent() => LATE,
                true if reliable + unreliable > 0 => STRAGGLERS,
                true => return Ok(()),
                false if self.fleet.look().iter().any(|health| health.unsettled > 0) => LATE,
                false => return Ok(()),
            };
            let Some(left) = limit.checked_sub(begin.elapsed()) else { return Ok(()) };
            self.turn(left.min(Duration::from_millis(10)))?;
        }
        Ok(())
    }

    /// Asks ENet about each connection.
    fn look(&mut self, measured: bool) -> Vec<Health> {
        let all = self.fleet.look();
        for health in all.iter().filter(|_| measured) {
            self.round_trips.add(health.round_trip);
            self.losses.0 += u64::from(health.loss);
            self.losses.1 += 1;
        }
        all
    }

    /// Once a second: what happened in it.
    fn report_second(&mut self, both: &Both) {
        let now = self.start.elapsed();
        if now < SECOND * (self.seconds + 1) {
            return;
        }
        self.seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        let measured = now > self.plan.warmup;
        self.look(measured);
        let second = self.judge.end_second();
        let (echoed, [p50, p99]) = match self.plan.echo {
            true => (Some(second.echoed), [500, 990].map(|permille| second.latency.quantile(permille))),
            false => (None, [None; 2]),
        };
        both.say(&json!({
            "event": "progress", "second": self.seconds, "measured": measured, "connected": self.fleet.connected(),
            "sent": second.sent, "echoed": echoed, "p50_ms": p50, "p99_ms": p99,
        }));
    }
}

/// So many of a hundred.
#[allow(clippy::cast_precision_loss)] // a share
fn share(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn between(before: Traffic, after: Traffic) -> Traffic {
    Traffic {
        bytes_sent: after.bytes_sent - before.bytes_sent,
        bytes_received: after.bytes_received - before.bytes_received,
        datagrams_sent: after.datagrams_sent - before.datagrams_sent,
        datagrams_received: after.datagrams_received - before.datagrams_received,
        refused: after.refused - before.refused,
    }
}
