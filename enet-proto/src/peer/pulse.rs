//! [`Pulse`]: the acknowledgement of the last ping since something was lost, said again while much is (docs/RECOVERY.md).

use super::acks::Ack;
use crate::time::Millis;

/// How old the ping may be, in ms. Two clocks differ by some milliseconds by then.
const MEMORY: u32 = 60_000;

/// A stock host that has nothing reliable to send pings when nothing was acknowledged for half a second, and gives up if
/// half a dozen answers in a row are lost. What is acknowledged once more spares it the question.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    ping: Option<Ack>,
    /// When the ping came, and when its acknowledgement left last.
    came: Millis,
    left: Millis,
}

impl Pulse {
    /// A ping came, and is acknowledged.
    pub(crate) fn on_ping(&mut self, ack: Ack, now: Millis) {
        *self = Pulse { ping: Some(ack), came: now, left: now };
    }

    /// What is to leave now, so many ms after the last one at the least, if anything is. Its sent time is later than the
    /// ping's by the time that has passed here since, so that the round trip that the peer measures does not contain it.
    pub(crate) fn beat(&mut self, now: Millis, interval: u32) -> Option<Ack> {
        let Ack { channel, seq, sent_time, of_disconnect } = self.ping?;
        let held = now.diff(self.came);
        if held > MEMORY {
            self.ping = None;
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
        pulse.on_ping(ack, Millis(1_000));
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
