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
    /// The newest fragment, and when it came.
    fragment: (ChannelId, ReliableSeq, Millis),
}

impl Default for Gaps {
    fn default() -> Self {
        let (channel, seq) = (ChannelId::CONTROL, ReliableSeq(0));
        Gaps { channel, seq, at: Millis::UNSET, spacing: 48 << 8, fragment: (channel, seq, Millis::UNSET) }
    }
}

impl Gaps {
    /// A command came whose predecessor is missing.
    #[cold]
    pub(crate) fn note(&mut self, channel: ChannelId, seq: ReliableSeq, now: Millis) {
        let last = core::mem::replace(&mut self.at, Millis(now.0.max(1)));
        let since = seq.distance_from(self.seq);
        if channel == self.channel {
            if is_older(since, last, now) {
                return;
            }
            self.spacing = self.spacing - self.spacing / 16 + since.min(FAR) * 16;
        }
        (self.channel, self.seq) = (channel, seq);
    }

    /// A fragment came, of so many before it in its packet: those between it and the newest of them are missing.
    #[inline]
    pub(crate) fn note_fragment(&mut self, channel: ChannelId, seq: ReliableSeq, before: u32, now: Millis) {
        let (newest_channel, newest, at) = self.fragment;
        let ahead = seq.distance_from(newest);
        if channel == newest_channel && is_older(ahead, at, now) {
            return;
        }
        self.fragment = (channel, seq, now);
        if channel == newest_channel && ahead > 1 && u32::from(ahead) <= before {
            self.note(channel, seq, now);
        }
    }

    /// Whether much is lost on the way here; and so, presumably, on the way back.
    #[inline]
    pub(crate) fn are_close(&self, now: Millis) -> bool {
        self.spacing <= CLOSE << 8 && now.diff(self.at) < MEMORY
    }
}

/// Whether what lies so far ahead of what came then is something older, which was sent again. What comes long after
/// that is never older: so many others have come since.
const fn is_older(ahead: u16, at: Millis, now: Millis) -> bool {
    ahead >= 1 << 15 && now.diff(at) < MEMORY
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
    fn fragments_that_are_missing_are_gaps_and_what_lies_between_packets_is_none() {
        let after = |every: u16, whole: bool| {
            let mut gaps = Gaps::default();
            for seq in (0..2_000u16).filter(|seq| seq % every > 0) {
                let before = if whole { seq } else { seq % every - 1 };
                gaps.note_fragment(ChannelId::new(0), ReliableSeq(seq), before.into(), Millis(1_000));
            }
            gaps.are_close(Millis(1_500))
        };
        assert!(after(20, true));
        assert!(!after(50, true));
        assert!(!after(20, false), "another packet's number");
    }

    #[test]
    fn a_fragment_that_is_sent_again_is_not_the_newest() {
        let mut gaps = Gaps::default();
        for seq in (1..80u16).flat_map(|tens| [0, 2, 3, 1, 4, 5, 6, 7, 8, 9].map(|one| tens * 10 + one)) {
            gaps.note_fragment(ChannelId::new(0), ReliableSeq(seq), seq.into(), Millis(1_000));
        }
        assert!((9..=11).contains(&(gaps.spacing >> 8)), "{gaps:?}");
    }

    #[test]
    fn what_was_lost_long_ago_does_not_count() {
        assert!(!after_gaps(10).are_close(Millis(3_000)));
        assert!(!Gaps::default().are_close(Millis(1)));
    }

    #[test]
    fn gaps_count_again_after_half_of_all_numbers_came_without_one() {
        let channel = ChannelId::new(0);
        let mut gaps = after_gaps(50);
        for gap in 0..80 {
            let (seq, now) = (40_000 + gap * 10, Millis(700_000 + u32::from(gap)));
            gaps.note(channel, ReliableSeq(seq), now);
        }
        assert!(gaps.are_close(Millis(700_100)), "{gaps:?}");
    }

    #[test]
    fn so_do_those_of_fragments_after_as_many_small_packets() {
        let mut gaps = Gaps::default();
        for (from, now) in [(0, Millis(1_000)), (40_000, Millis(700_000))] {
            for seq in (0..1_000).filter(|seq| seq % 10 > 0) {
                gaps.note_fragment(ChannelId::new(0), ReliableSeq(from + seq), seq.into(), now);
            }
            assert!(gaps.are_close(now), "{gaps:?}");
        }
    }
}
