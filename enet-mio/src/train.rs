//! [`Trains`]: whether to hand the kernel several datagrams at once.

use std::num::NonZeroUsize;

/// Datagrams that one call hands over at most: what every kernel that cuts trains takes (`UDP_MAX_SEGMENTS`).
const MAX_SEGMENTS: NonZeroUsize = match NonZeroUsize::new(64) {
    Some(segments) => segments,
    None => NonZeroUsize::MIN,
};

/// Sends without trains after the first refusal, and at most.
const PAUSE: u32 = 16;
const LONGEST_PAUSE: u32 = 4_096;

/// Remembers how trains fared. A kernel may refuse one for the sake of its route: a device that cannot compute
/// checksums (`EIO`), a path narrower than the datagrams (`EMSGSIZE`, `EINVAL`). So a refusal is not for ever, but each
/// makes the pause before the next attempt twice as long, until one succeeds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trains {
    possible: bool,
    pause: u32,
    /// Sends until trains are tried again.
    paused: u32,
}

impl Trains {
    pub(crate) const fn new(possible: bool) -> Self {
        Trains { possible, pause: 0, paused: 0 }
    }

    /// Whether the kernel cuts trains at all.
    pub(crate) const fn are_possible(&self) -> bool {
        self.possible
    }

    /// Whether the last one was refused.
    pub(crate) const fn are_refused(&self) -> bool {
        self.pause > 0
    }

    /// Whether one is to be tried now.
    pub(crate) const fn are_tried(&self) -> bool {
        self.possible && self.paused == 0
    }

    /// Datagrams to hand over at once now.
    pub(crate) const fn max_segments(&self) -> NonZeroUsize {
        if self.are_tried() { MAX_SEGMENTS } else { NonZeroUsize::MIN }
    }

    /// Notes that a single datagram was handed over.
    pub(crate) const fn on_single(&mut self) {
        self.paused = self.paused.saturating_sub(1);
    }

    /// Notes that a train left.
    pub(crate) const fn on_sent(&mut self) {
        self.pause = 0;
    }

    /// Notes that a train was refused whose datagrams left one by one.
    pub(crate) const fn on_refused(&mut self) {
        self.pause = if self.pause == 0 { PAUSE } else { self.pause * 2 };
        if self.pause > LONGEST_PAUSE {
            self.pause = LONGEST_PAUSE;
        }
        self.paused = self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Single sends until the next train.
    fn pause(trains: &mut Trains) -> u32 {
        let mut sends = 0;
        while trains.max_segments().get() == 1 {
            trains.on_single();
            sends += 1;
        }
        sends
    }

    #[test]
    fn each_refusal_doubles_the_pause_up_to_a_limit() {
        let mut trains = Trains::new(true);
        assert_eq!(trains.max_segments().get(), 64);
        for expected in [16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 4_096, 4_096] {
            trains.on_refused();
            assert_eq!(pause(&mut trains), expected);
        }
    }

    #[test]
    fn a_success_forgives_earlier_refusals() {
        let mut trains = Trains::new(true);
        for _ in 0..3 {
            trains.on_refused();
            pause(&mut trains);
        }
        trains.on_sent();
        trains.on_refused();
        assert_eq!(pause(&mut trains), PAUSE);
    }

    #[test]
    fn what_is_impossible_is_never_tried() {
        let mut trains = Trains::new(false);
        trains.on_single();
        trains.on_sent();
        assert_eq!(trains.max_segments().get(), 1);
        assert!(!trains.are_possible());
    }
}
