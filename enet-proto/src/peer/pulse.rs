//! [`Pulse`]: the acknowledgement of the peer's last control command since something was lost, said again while much is
//! (docs/RECOVERY.md).

use super::acks::Ack;
use crate::time::Millis;

/// How old the command may be, in ms. Two clocks differ by some milliseconds by then.
const MEMORY: u32 = 60_000;

/// A stock host that has nothing reliable to send pings when nothing was acknowledged for half a second, and gives up if
/// half a dozen answers in a row are lost; or if as many answers to its other commands are. What is acknowledged once more spares
/// it the question.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    last: Option<Ack>,
    /// When the command came, and when its acknowledgement left last.
    came: Millis,
    left: Millis,
}

impl Pulse {
    /// A ping or another control command came, and is acknowledged.
    pub(crate) fn on_control(&mut self, ack: Ack, now: Millis) {
        *self = Pulse { last: Some(ack), came: now, left: now };
    }

    /// What is to leave now, so many ms after the last one at the least, if anything is. Its sent time is later than the
    /// command's by the time that has passed here since, so that the round trip that the peer measures does not contain it.
    pub(crate) fn beat(&mut self, now: Millis, interval: u32) -> Option<Ack> {
        let Ack { channel, seq, sent_time, of_disconnect } = self.last?;
        let held = now.diff(self.came);
        if held > MEMORY {
            self.last = None;
        }
        if held > MEMORY || now.diff(self.left) < interval {
            return None;
        }
        self.left = now;
        Some(Ack { channel, seq, sent_time: sent_time.wrapping_add(Millis(held).sent_time()), of_disconnect })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use enet_wire::{ChannelId, ReliableSeq};

    fn pulse() -> Pulse {
        let mut pulse = Pulse::default();
        let ack =
            Ack { channel: ChannelId::CONTROL, seq: ReliableSeq(7), sent_time: 65_500, of_disconnect: false };
        pulse.on_control(ack, Millis(1_000));
        pulse
    }

    #[test]
    fn it_beats_ten_times_a_second_and_leaves_out_the_time_it_waited() {
        let mut pulse = pulse();
        let beats = (1_000..2_000).filter_map(|now| Some((now, pulse.beat(Millis(now), 100)?.sent_time)));
        let beats: std::vec::Vec<_> = beats.collect();
        assert_eq!(beats.len(), 9);
        assert_eq!(beats.first(), Some(&(1_100, 64)));
    }

    #[test]
    fn nobody_is_told_for_ever() {
        let mut pulse = pulse();
        assert!(pulse.beat(Millis(61_000), 100).is_some());
        assert!(pulse.beat(Millis(61_101), 100).is_none());
        assert!(Pulse::default().beat(Millis(5_000), 100).is_none());
    }
}
