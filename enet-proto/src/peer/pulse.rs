//! [`Pulse`]: the acknowledgements of the peer's last ping and of its last other control command since something was lost,
//! said again while much is, as if it had not been late (docs/RECOVERY.md).

use super::acks::Ack;
use crate::time::Millis;

/// How old a ping may be, in ms.
const PING_MEMORY: u32 = 60_000;

/// The same of other commands: a stock host that has no answer by then has given up.
const OTHER_MEMORY: u32 = 10_000;

/// For how long after a question that was repeated its answer is said again, in ms.
const QUESTION: u32 = 500;

/// Clocks round, and what echoes the future is no acknowledgement (PROTOCOL.md §9.4): in ms. No more is left for clocks that run
/// apart: what grows with the time that has passed is a queue to a stock host, and it throttles itself.
const ROUNDING: u32 = 1;

/// A stock host that has nothing reliable to send pings when nothing was acknowledged for half a second, and gives up if
/// half a dozen answers in a row are lost; or if as many answers to one of its other commands are. What is acknowledged once
/// more spares it the question.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    ping: Option<Answer>,
    other: Option<Answer>,
    ways: Ways,
}

/// How long the peer's last control commands were under way.
#[derive(Debug, Default)]
struct Ways {
    last: Option<[Way; 8]>,
}

/// In ms, with an unknown added: what the clocks differ by. And when that was, in units of 64 ms.
#[derive(Debug, Clone, Copy)]
struct Way {
    took: u16,
    came: u16,
}

impl Way {
    /// How much later this one is than another that came before, for certain: clocks run apart, by less than a thousandth.
    #[allow(clippy::cast_possible_wrap)] // its purpose: ahead is negative
    fn later_than(self, other: Way) -> u16 {
        let drift = self.came.wrapping_sub(other.came).div_ceil(16);
        let later = (self.took.wrapping_sub(other.took) as i16).max(0).unsigned_abs();
        later.saturating_sub(drift)
    }
}

impl Ways {
    /// How much later this one is than two that were earlier, of the last eight; at first, than the first.
    #[allow(clippy::cast_possible_truncation)] // it goes round, after an hour
    fn lateness(&mut self, took: u16, now: Millis) -> u16 {
        let way = Way { took, came: (now.0 / 64) as u16 };
        let last = self.last.get_or_insert([way; 8]);
        last.rotate_right(1);
        last[0] = way;
        let mut later = last.map(|other| way.later_than(other));
        later.sort_unstable();
        later[5]
    }
}

/// An acknowledgement; when the command came, whether it had come before, and when this left last.
#[derive(Debug)]
struct Answer {
    ack: Ack,
    again: bool,
    came: Millis,
    left: Millis,
}

impl Pulse {
    /// A ping or another control command came, perhaps not for the first time, and is acknowledged. Said again, the answer to one
    /// that was late would make a stock host believe as often that the path is slow, and throttle itself.
    pub(crate) fn on_control(&mut self, ack: Ack, is_ping: bool, again: bool, now: Millis) {
        let late = self.ways.lateness(now.sent_time().wrapping_sub(ack.sent_time), now);
        let ack = Ack { sent_time: ack.sent_time.wrapping_add(late), ..ack };
        let answer = if is_ping { &mut self.ping } else { &mut self.other };
        *answer = Some(Answer { ack, again, came: now, left: now });
    }

    /// Whether one has just come again: the peer had not heard the answer.
    pub(crate) fn is_asked_again(&self, now: Millis) -> bool {
        let is_new = |it: &Answer| it.again && now.diff(it.came) < QUESTION;
        self.ping.as_ref().is_some_and(is_new) || self.other.as_ref().is_some_and(is_new)
    }

    /// What is to leave now, so many ms after it left last at the least, if anything is.
    pub(crate) fn beat(&mut self, now: Millis, interval: u32) -> Option<Ack> {
        beat(&mut self.other, OTHER_MEMORY, now, interval)
            .or_else(|| beat(&mut self.ping, PING_MEMORY, now, interval))
    }
}

/// Its sent time is later than the command's by the time that has passed here since, so that the round trip that the peer
/// measures does not contain it.
fn beat(answer: &mut Option<Answer>, memory: u32, now: Millis, interval: u32) -> Option<Ack> {
    let Answer { ack, came, left, .. } = answer.as_mut()?;
    let held = now.diff(*came);
    if held > memory {
        *answer = None;
        return None;
    }
    if now.diff(*left) < interval {
        return None;
    }
    *left = now;
    Some(Ack {
        sent_time: ack.sent_time.wrapping_add(Millis(held.saturating_sub(ROUNDING)).sent_time()),
        ..*ack
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use enet_wire::{ChannelId, ReliableSeq};

    fn pulse() -> Pulse {
        let mut pulse = Pulse::default();
        let ack =
            Ack { channel: ChannelId::CONTROL, seq: ReliableSeq(7), sent_time: 65_500, of_disconnect: false };
        pulse.on_control(ack, true, false, Millis(1_000));
        pulse
    }

    #[test]
    fn another_command_is_answered_beside_the_pings_and_not_for_so_long() {
        let mut pulse = pulse();
        let limits =
            Ack { channel: ChannelId::CONTROL, seq: ReliableSeq(8), sent_time: 0, of_disconnect: false };
        pulse.on_control(limits, false, false, Millis(1_000));
        let mut beats = |at| std::array::from_fn(|_| pulse.beat(Millis(at), 100).map(|it| it.seq.0));
        assert_eq!(beats(1_100), [Some(8), Some(7), None]);
        assert_eq!(beats(1_150), [None; 3]);
        assert_eq!(beats(10_900), [Some(8), Some(7), None]);
        assert_eq!(beats(11_100), [Some(7), None, None]);
    }

    #[test]
    fn it_beats_ten_times_a_second_and_leaves_out_the_time_it_waited() {
        let mut pulse = pulse();
        let beats = (1_000..2_000).filter_map(|now| Some((now, pulse.beat(Millis(now), 100)?.sent_time)));
        let beats: std::vec::Vec<_> = beats.collect();
        assert_eq!(beats.len(), 9);
        assert_eq!(beats.first(), Some(&(1_100, 63)));
        assert_eq!(pulse.beat(Millis(50_000), 40).unwrap().sent_time, 65_500_u16.wrapping_add(49_000 - 1));
    }

    #[test]
    fn who_says_something_again_asks_for_half_a_second() {
        let mut pulse = pulse();
        assert!(!pulse.is_asked_again(Millis(1_000)));
        let ack =
            Ack { channel: ChannelId::CONTROL, seq: ReliableSeq(7), sent_time: 65_500, of_disconnect: false };
        pulse.on_control(ack, true, true, Millis(2_000));
        assert!(pulse.is_asked_again(Millis(2_499)) && !pulse.is_asked_again(Millis(2_500)));
        let next = Ack { seq: ReliableSeq(8), ..ack };
        pulse.on_control(next, true, false, Millis(2_100));
        assert!(!pulse.is_asked_again(Millis(2_200)));
    }

    /// A ping that leaves at a time of the peer's clock and comes at one of ours.
    fn ping(pulse: &mut Pulse, left: Millis, came: Millis) {
        let (channel, seq) = (ChannelId::CONTROL, ReliableSeq(7));
        let ack = Ack { channel, seq, sent_time: left.sent_time(), of_disconnect: false };
        pulse.on_control(ack, true, false, came);
    }

    #[test]
    fn what_is_said_again_is_not_later_than_usual() {
        let mut pulse = Pulse::default();
        // When a ping left, how long it was under way, and how long it seems to have been. The peer's clock is 65,000 ms ahead.
        let pings = [
            (0, 40, 40),
            (500, 45, 41),
            (1_000, 42, 41),
            (1_500, 180, 42),
            (2_000, 41, 41),
            (2_500, 300, 43),
            (3_000, 38, 38),
            (3_500, 190, 44),
        ];
        for (at, way, seems) in pings {
            ping(&mut pulse, Millis(at + 65_000), Millis(at + way));
            let said_again = at + way + 100;
            let echo = pulse.beat(Millis(said_again), 100).unwrap().sent_time;
            assert_eq!(echo, Millis(65_000 + said_again - seems - ROUNDING).sent_time(), "the ping of {at}");
        }
    }

    /// What echoes the future is no acknowledgement to a stock host.
    #[test]
    fn what_is_said_again_echoes_no_future_of_a_slow_clock() {
        let mut pulse = Pulse::default();
        let theirs = |ours: u32| Millis(ours - ours / 2_000);
        for number in 0..60 {
            let (left, way) = (number * 5_000, if number % 3 == 2 { 1_200 } else { 1 });
            ping(&mut pulse, theirs(left), Millis(left + way));
            let said_again = left + way + 100;
            let echo = pulse.beat(Millis(said_again), 100).unwrap().sent_time;
            let arrives = theirs(said_again + 1);
            assert!(arrives.sent_time().wrapping_sub(echo) < 1_200, "ping {number}");
        }
    }

    #[test]
    fn nobody_is_told_for_ever() {
        let mut pulse = pulse();
        assert!(pulse.beat(Millis(61_000), 100).is_some());
        assert!(pulse.beat(Millis(61_101), 100).is_none());
        assert!(Pulse::default().beat(Millis(5_000), 100).is_none());
    }
}
