//! [`Gaps`]: how often something is missing in what arrives, from which follows whether acknowledgements are worth repeating
//! (docs/RECOVERY.md).

use enet_wire::{ChannelId, ReliableSeq};

use crate::time::Millis;

/// With fewer commands than this from one gap to the next, so many acknowledgements are lost, too, that a second copy of
/// them costs less than what is sent again for want of them.
const CLOSE: u16 = 32;

/// Commands in whose number gaps are counted at most: farther apart means nothing.
const FAR: u16 = 255;

/// How long the last gap counts, in ms.
const MEMORY: u32 = 2_000;

/// The gaps in a connection's reliable commands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gaps {
    channel: ChannelId,
    /// The number behind the last gap, and when it came.
    seq: ReliableSeq,
    at: Millis,
    /// Commands from one gap to the next, smoothed, in 256ths.
    spacing: u16,
}

impl Default for Gaps {
    fn default() -> Self {
        Gaps { channel: ChannelId::CONTROL, seq: ReliableSeq(0), at: Millis::UNSET, spacing: 48 << 8 }
    }
}

impl Gaps {
    /// A command came whose predecessor is missing.
    #[cold]
    pub(crate) fn note(&mut self, channel: ChannelId, seq: ReliableSeq, now: Millis) {
        self.at = Millis(now.0.max(1));
        let since = seq.distance_from(self.seq);
        if channel == self.channel {
            if since >= 1 << 15 {
                return; // something older, which was sent again: no new gap
            }
            self.spacing = self.spacing - self.spacing / 16 + since.min(FAR) * 16;
        }
        (self.channel, self.seq) = (channel, seq);
    }

    /// Whether much is lost on the way here; and so, presumably, on the way back.
    #[inline]
    pub(crate) fn are_close(&self, now: Millis) -> bool {
        self.spacing <= CLOSE << 8 && now.diff(self.at) < MEMORY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_gaps(every: u16) -> Gaps {
        let mut gaps = Gaps::default();
        for gap in 1..=80 {
            gaps.note(ChannelId::new(0), ReliableSeq(gap * every), Millis(1_000));
        }
        gaps
    }

    #[test]
    fn one_in_twenty_is_much_and_one_in_fifty_is_not() {
        assert!(after_gaps(20).are_close(Millis(1_500)));
        assert!(!after_gaps(50).are_close(Millis(1_500)));
    }

    #[test]
    fn what_is_sent_again_and_still_stands_behind_a_gap_is_no_new_one() {
        let mut gaps = after_gaps(50);
        for seq in 1..100 {
            gaps.note(ChannelId::new(0), ReliableSeq(seq), Millis(1_000));
        }
        assert!(!gaps.are_close(Millis(1_500)));
    }

    #[test]
    fn what_was_lost_long_ago_does_not_count() {
        assert!(!after_gaps(10).are_close(Millis(3_000)));
        assert!(!Gaps::default().are_close(Millis(1)));
    }
}
