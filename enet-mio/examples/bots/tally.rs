//! [`Tally`]: what was sent, what came back, and after how long.
#![allow(unreachable_pub)]

use std::time::Duration;

use serde_json::{Value, json};

use crate::histogram::Histogram;
use crate::message::Message;

/// Messages of one delivery that count, or all of a second.
#[derive(Clone)]
pub struct Tally {
    pub sent: u64,
    pub echoed: u64,
    /// Echoes that came twice, or behind later ones.
    pub repeated: u64,
    pub latency: Histogram,
}

impl Tally {
    pub fn new() -> Tally {
        Tally { sent: 0, echoed: 0, repeated: 0, latency: Histogram::new() }
    }

    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.echoed)
    }

    /// Lost ones of a hundred.
    #[allow(clippy::cast_precision_loss)] // a share
    pub fn loss(&self) -> f64 {
        100.0 * self.lost() as f64 / self.sent.max(1) as f64
    }

    /// Without what only an echo tells, if there is none.
    pub fn json(&self, echo: bool) -> Value {
        let known = |value: Value| if echo { value } else { Value::Null };
        json!({
            "sent": self.sent,
            "echoed": known(self.echoed.into()),
            "lost": known(self.lost().into()),
            "loss_percent": known(self.loss().into()),
            "repeated": known(self.repeated.into()),
            "latency_ms": known(self.latency.json()),
        })
    }
}

/// Tells echoes from what else a server sends, and counts them.
pub struct Judge {
    tag: u16,
    /// What every message ends in.
    filling: Vec<u8>,
    /// For each bot the numbers of the last echo, of either delivery, plus one.
    last: Vec<[u32; 2]>,
    /// For each bot the messages that count and are still to come back.
    missing: Vec<[u64; 2]>,
    /// Unreliable and reliable.
    pub classes: [Tally; 2],
    /// Of this second, measured or not.
    pub second: Tally,
    /// What is not ours.
    pub foreign: u64,
    /// Ours, but changed on the way.
    pub wrong: u64,
}

impl Judge {
    pub fn new(tag: u16, bots: usize, filling: Vec<u8>) -> Judge {
        let classes = [Tally::new(), Tally::new()];
        Judge {
            tag,
            filling,
            last: vec![[0; 2]; bots],
            missing: vec![[0; 2]; bots],
            classes,
            second: Tally::new(),
            foreign: 0,
            wrong: 0,
        }
    }

    /// Notes that a message was handed to ENet.
    pub fn sent(&mut self, message: Message) {
        self.second.sent += 1;
        let class = of(&mut self.classes, message.reliable);
        class.sent += u64::from(message.measured);
        if let Some(missing) = self.missing.get_mut(usize::from(message.bot)) {
            *of(missing, message.reliable) += u64::from(message.measured);
        }
    }

    /// Notes that bytes came back to a bot.
    pub fn arrived(&mut self, bot: u16, bytes: &[u8], now: Duration) {
        let message =
            Message::decode(bytes).filter(|(message, _)| (message.tag, message.bot) == (self.tag, bot));
        let Some((message, rest)) = message else {
            self.foreign += 1;
            return;
        };
        let Some(last) = self.last.get_mut(usize::from(bot)) else { return };
        let last = of(last, message.reliable);
        let latency = now.checked_sub(message.sent);
        let Some(latency) = latency.filter(|_| rest == self.filling) else {
            self.wrong += 1;
            return;
        };
        let class = of(&mut self.classes, message.reliable);
        if message.number < *last {
            class.repeated += 1;
            return;
        }
        *last = message.number + 1;
        self.second.echoed += 1;
        self.second.latency.add(latency);
        if message.measured {
            class.echoed += 1;
            class.latency.add(latency);
            if let Some(missing) = self.missing.get_mut(usize::from(bot)) {
                let missing = of(missing, message.reliable);
                *missing = missing.saturating_sub(1);
            }
        }
    }

    /// The tally of the second that is over.
    pub fn end_second(&mut self) -> Tally {
        std::mem::replace(&mut self.second, Tally::new())
    }

    /// Whether nothing that counts has come back.
    pub fn is_silent(&self) -> bool {
        self.classes.iter().all(|class| class.echoed == 0)
    }

    /// Messages, unreliable and reliable, that count and may still come back: those of bots that are there.
    pub fn missing(&self, is_there: impl Fn(usize) -> bool) -> [u64; 2] {
        let there = self.missing.iter().enumerate().filter(|(bot, _)| is_there(*bot));
        there.fold([0; 2], |[sum, reliably], (_, [missing, reliable])| [sum + missing, reliably + reliable])
    }
}

/// One of a pair for unreliable and reliable.
fn of<T>([unreliable, reliable]: &mut [T; 2], is_reliable: bool) -> &mut T {
    if is_reliable { reliable } else { unreliable }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_millis(10);

    fn message(number: u32) -> Message {
        let sent = Duration::from_millis(7);
        Message { tag: 5, bot: 1, number, reliable: true, measured: true, sent }
    }

    fn echo(judge: &mut Judge, message: Message, filling: &[u8]) {
        judge.arrived(1, &[&message.encode(), filling].concat(), NOW);
    }

    #[test]
    fn an_echo_counts_once_and_gives_its_time() {
        let mut judge = Judge::new(5, 2, vec![9, 9]);
        (0..3).for_each(|number| judge.sent(message(number)));
        echo(&mut judge, message(0), &[9, 9]);
        echo(&mut judge, message(0), &[9, 9]);
        echo(&mut judge, message(2), &[9, 9]);
        let [_, reliable] = &judge.classes;
        assert_eq!((reliable.sent, reliable.echoed, reliable.lost(), reliable.repeated), (3, 2, 1, 1));
        assert_eq!(reliable.latency.max(), Some(3.0));
        assert_eq!(judge.missing(|_| true), [0, 1]);
        assert_eq!(judge.missing(|bot| bot != 1), [0, 0], "of who has left nothing comes back");
    }

    #[test]
    fn what_is_not_ours_or_was_changed_is_told_apart() {
        let mut judge = Judge::new(5, 2, vec![9]);
        echo(&mut judge, Message { tag: 6, ..message(0) }, &[9]);
        echo(&mut judge, Message { bot: 0, ..message(0) }, &[9]);
        judge.arrived(1, b"hello", NOW);
        assert_eq!((judge.foreign, judge.wrong), (3, 0));
        echo(&mut judge, message(0), &[8]);
        echo(&mut judge, message(0), &[]);
        echo(&mut judge, Message { sent: NOW * 2, ..message(0) }, &[9]);
        assert_eq!((judge.foreign, judge.wrong), (3, 3));
        let [_, reliable] = &judge.classes;
        assert_eq!(reliable.echoed, 0);
    }

    #[test]
    fn what_was_sent_to_warm_up_counts_for_its_second_only() {
        let mut judge = Judge::new(5, 2, vec![]);
        let warm = Message { measured: false, ..message(0) };
        judge.sent(warm);
        echo(&mut judge, warm, &[]);
        let second = judge.end_second();
        assert_eq!((second.sent, second.echoed), (1, 1));
        assert_eq!(judge.missing(|_| true), [0, 0]);
        let [_, reliable] = &judge.classes;
        assert_eq!((reliable.sent, reliable.echoed), (0, 0));
        assert_eq!(judge.end_second().sent, 0);
    }
}
