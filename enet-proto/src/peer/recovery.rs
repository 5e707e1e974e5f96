//! [`Recovery`]: what acknowledgements have shown of a path, and what follows from it for what is in flight
//! (docs/RECOVERY.md).

use crate::mutants::{self, Mutant};
use crate::time::{HALF_A_DAY, Millis};

/// Least allowance for the deviation of the round trip time, in µs: hosts that are busy or work in frames answer late.
pub(super) const LEAST_ALLOWANCE: u32 = 20_000;

/// How late a datagram may come, at most, on a path where none was seen to be late, in ms; and at least, for the clock on
/// the wire counts whole ones.
const PATIENCE: core::ops::RangeInclusive<u32> = 3..=10;

/// A datagram counts as lost when so many later ones arrived, on a path that was not seen to change their order
/// (RFC 9002 §6.1.1).
const LATER_DATAGRAMS: u16 = 3;

/// How long lateness is remembered at least, in ms, and at most twice that.
const MEMORY: u32 = 15_000;

/// Longest pause between probes on a silent path, in ms, unless a round trip takes longer.
const LONGEST_PAUSE: u32 = 100;

/// Shortest one, in ms: that after the first. The first probes leave as their commands' answers are overdue.
const SHORTEST_PAUSE: u32 = 2;

/// A path silent for so many pauses is probed less and less often.
const PATIENT_PAUSES: u32 = 80;

/// A round trip that is longer than so many ms, and than four usual ones, counts as no longer: a clock that was set, or a host
/// that slept, makes some of hours, which take hours to average away. A path that is as long is believed in a few steps.
pub(super) const SURPRISE: u32 = 5_000;

/// What evidence and time say of a transmission that was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing sent later arrived.
    Unknown,
    /// Something sent later arrived. If it does not arrive before then, it is lost.
    LostAt(Millis),
    /// Lost.
    Lost,
}

/// What is known of one path. A value: what is learned from an acknowledgement goes in, what is to be done comes out.
///
/// Each ENet acknowledgement echoes the sent time of the very datagram that carried what it acknowledges. So every one is
/// a sample of the round trip time, retransmission or not, and says which transmission arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Smoothed round trip time in µs (RFC 6298 §2); 0 before the first sample.
    pub smoothed: u32,
    /// Its mean deviation in µs.
    pub deviation: u32,
    /// When the newest transmission known to have arrived was sent.
    newest: Millis,
    /// When that was known.
    known: Millis,
    /// Its datagram's number, unless an older transmission than a command's last one was acknowledged.
    datagram: Option<u16>,
    /// One more than the ms by which datagrams came too late, at most: in the running and in the last period; 0 if none.
    late: [u16; 2],
    /// When the running period began.
    epoch: Millis,
    /// Probes since the last acknowledgement, and when the last one was due.
    probes: u8,
    probed: Millis,
    /// How long the path had been silent by then, in ms.
    silent: u32,
    /// When the oldest transmission left whose answer a silence kept back, as it travels.
    awaited: u16,
    /// Whether what was acknowledged last ended a silence that was probed.
    ended_silence: bool,
    /// Of the silences of late, those in which nothing was lost, in 256ths.
    delays: u8,
}

/// A transmission that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When it was sent.
    pub sent: Millis,
    /// The number of the datagram that carried it, if it is known.
    pub datagram: Option<u16>,
    /// Its round trip time in µs.
    pub rtt: u32,
}

impl Recovery {
    /// Something was acknowledged: the pauses between probes start over.
    #[inline(always)]
    pub(crate) const fn on_sign_of_life(&mut self) {
        self.ended_silence = self.probes > 0;
        self.probes = 0;
    }

    /// What was acknowledged echoes this sent time. If it ended a silence, and is the very datagram that was waited for, that
    /// was a delay, and no burst of losses.
    #[inline(always)]
    pub(crate) const fn note_echo(&mut self, echoed: u16) {
        if self.ended_silence {
            self.ended_silence = false;
            self.delays -= self.delays / 4;
            self.delays += if echoed == self.awaited { u8::MAX / 4 } else { 0 };
        }
    }

    /// Whether silences are delays, usually, and not bursts of losses.
    #[inline]
    pub(crate) const fn is_often_late(&self) -> bool {
        self.delays >= 1 << 7
    }

    /// Whether an arrival says anything new: it is not more of the datagram that is known to be the newest.
    #[inline]
    pub fn is_news(&self, arrival: Arrival) -> bool {
        arrival.sent != self.newest || arrival.datagram != self.datagram || self.smoothed == 0
    }

    /// One more transmission arrived.
    #[inline]
    pub fn on_arrival(&mut self, arrival: Arrival, now: Millis) {
        self.sample(arrival.rtt);
        if self.late != [0; 2] {
            self.forget_lateness(now);
        }
        // The first is ahead of everything, however old the clock.
        if !self.known.is_unset() && self.is_behind(arrival.sent, arrival.datagram) {
            self.note_late(self.lateness(arrival.sent, now), now);
        } else {
            (self.newest, self.datagram, self.known) = (arrival.sent, arrival.datagram, now);
        }
    }

    /// Smooths one more sample in, in µs (RFC 6298 §2).
    pub fn sample(&mut self, rtt: u32) {
        let rtt = rtt.clamp(1, self.smoothed.saturating_mul(4).max(SURPRISE * 1_000));
        if self.smoothed == 0 {
            (self.smoothed, self.deviation) = (rtt, rtt / 2);
            return;
        }
        let distance = rtt.abs_diff(self.smoothed);
        self.deviation = self.deviation - self.deviation / 4 + distance / 4;
        self.smoothed = if rtt > self.smoothed {
            self.smoothed.saturating_add(distance / 8)
        } else {
            self.smoothed - distance / 8
        };
    }

    /// Takes so many ms for the round trip time.
    pub(crate) const fn assume(&mut self, rtt: u32) {
        self.smoothed = rtt.saturating_mul(1_000);
    }

    // --- loss ---

    /// What has become of a transmission (RFC 9002 §6.1, RFC 8985 §6.2).
    #[inline]
    pub fn fate(&self, sent: Millis, datagram: u16, now: Millis) -> Fate {
        if self.known.is_unset() || !self.is_behind(sent, Some(datagram)) {
            return Fate::Unknown;
        }
        let (lateness, patience) = (self.lateness(sent, now), self.patience());
        let overtaken = self.datagram.map_or(0, |newest| newest.wrapping_sub(datagram));
        if lateness >= patience || (self.late == [0; 2] && (LATER_DATAGRAMS..1 << 15).contains(&overtaken)) {
            return Fate::Lost;
        }
        Fate::LostAt(now.plus(patience - lateness))
    }

    /// By how many ms it comes later than what was sent after it, if it comes now.
    fn lateness(&self, sent: Millis, now: Millis) -> u32 {
        self.newest.diff(sent).saturating_add(now.diff(self.known))
    }

    /// Whether a transmission left before the newest that arrived.
    fn is_behind(&self, sent: Millis, datagram: Option<u16>) -> bool {
        if sent != self.newest {
            return sent.less(self.newest);
        }
        match (datagram, self.datagram) {
            (Some(this), Some(newest)) => (1..1 << 15).contains(&newest.wrapping_sub(this)),
            _ => false,
        }
    }

    /// How late a datagram may come before it counts as lost, in ms: an eighth of the round trip, or later than any came
    /// within memory (RFC 8985 §6.2 step 4; there it grows after the harm is done).
    pub fn patience(&self) -> u32 {
        let usual = (self.smoothed / 8_000).clamp(*PATIENCE.start(), *PATIENCE.end());
        let [running, last] = self.late;
        let seen = u32::from(running.max(last));
        let most = self.smoothed / 1_000;
        if seen == 0 { usual } else { (seen + seen / 4 + 1).min(most).max(usual) }
    }

    /// Ends the running period of the memory once it is over.
    fn forget_lateness(&mut self, now: Millis) {
        let elapsed = now.diff(self.epoch);
        if elapsed >= MEMORY {
            let last = if elapsed < 2 * MEMORY { self.late[0] } else { 0 };
            (self.late, self.epoch) = ([0, last], now);
        }
    }

    #[cold]
    fn note_late(&mut self, lateness: u32, now: Millis) {
        if self.late == [0; 2] {
            self.epoch = now;
        }
        let seen = u16::try_from(lateness.saturating_add(1)).unwrap_or(u16::MAX);
        self.late[0] = self.late[0].max(seen);
    }

    // --- silence ---

    /// How long an acknowledgement may take, in ms, before the path is probed (RFC 9002 §6.2.1).
    #[inline]
    pub fn probe_timeout(&self) -> Option<u32> {
        let allowance = self.deviation.saturating_mul(4).max(LEAST_ALLOWANCE);
        (self.smoothed > 0).then(|| self.smoothed.saturating_add(allowance).div_ceil(1_000))
    }

    /// When the path is to be probed if the oldest transmission in flight left then: when its answer is overdue, but with
    /// pauses between probes. They double, but only up to what lets a path that comes back be noticed at once: a probe is
    /// one datagram.
    #[inline]
    pub fn probe_deadline(&self, oldest: Millis, timeout: u32) -> Millis {
        if mutants::is(Mutant::NoProbe) {
            return oldest.plus(HALF_A_DAY);
        }
        let overdue = oldest.plus(timeout);
        if self.probes == 0 {
            return overdue;
        }
        let most = timeout.max(LONGEST_PAUSE).max(self.silent / PATIENT_PAUSES);
        let next = self.probed.plus((SHORTEST_PAUSE << self.probes.min(16)).min(most));
        if next.less(overdue) { overdue } else { next }
    }

    /// Whether probes are not answered, but not more than so many.
    #[inline(always)]
    pub(crate) const fn is_probing(&self, most: u8) -> bool {
        self.probes > 0 && self.probes <= most
    }

    /// Whether more probes than that are not answered.
    pub(crate) const fn has_probed_more_than(&self, most: u8) -> bool {
        self.probes > most
    }

    /// Whether nothing was acknowledged that left then or later.
    #[inline]
    pub(crate) const fn is_silent_since(&self, sent: Millis) -> bool {
        self.newest.less(sent)
    }

    /// What is known after a probe, the path having been silent for so many ms, and `oldest` having left when it was.
    pub fn on_probe(&mut self, now: Millis, silent: u32, oldest: Millis) {
        if self.probes == 0 {
            self.awaited = oldest.sent_time();
        }
        self.probes = self.probes.saturating_add(1);
        (self.probed, self.silent) = (now, silent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(sent: u32, datagram: u16) -> Arrival {
        Arrival { sent: Millis(sent), datagram: Some(datagram), rtt: 80_000 }
    }

    #[test]
    fn round_trips_are_smoothed_by_an_eighth_and_deviations_by_a_quarter() {
        let mut path = Recovery::default();
        let smoothed = [80_000, 96_000, 74_000, 0].map(|rtt| {
            path.sample(rtt);
            (path.smoothed, path.deviation)
        });
        // The last one took no time at all, and counts as a microsecond.
        assert_eq!(smoothed, [(80_000, 40_000), (82_000, 34_000), (81_000, 27_500), (70_876, 40_874)]);
    }

    #[test]
    fn a_round_trip_time_that_is_given_is_taken_for_measured() {
        let mut path = Recovery::default();
        assert_eq!(path.probe_timeout(), None);
        path.assume(80);
        assert_eq!(path.probe_timeout(), Some(100));
    }

    #[test]
    fn a_clock_that_was_set_makes_nobody_wait_for_minutes() {
        let mut path = Recovery::default();
        let hour = 3_600_000;
        path.on_arrival(arrival(1_010, 8), Millis(1_090));
        path.on_arrival(Arrival { rtt: hour * 1_000, ..arrival(1_000, 7) }, Millis(1_000 + hour));
        // An eighth of five seconds, and four quarters.
        assert_eq!((path.patience(), path.probe_timeout()), (695, Some(5_735)));
    }

    #[test]
    fn a_long_path_is_believed_in_a_few_steps() {
        let mut path = Recovery::default();
        path.sample(80_000);
        for _ in 0..40 {
            path.sample(25_000_000);
        }
        assert!(path.smoothed > 24_000_000 && path.deviation < 1_000_000, "{path:?}");
        let mut path = Recovery::default();
        path.sample(8_000_000);
        path.sample(8_000_000);
        assert_eq!(path.smoothed, 5_375_000, "the second counts in full");
    }

    #[test]
    fn more_of_the_newest_datagram_is_no_news() {
        let mut path = Recovery::default();
        assert!(path.is_news(Arrival { sent: path.newest, datagram: path.datagram, rtt: 1 }), "the first");
        path.on_arrival(arrival(1_000, 7), Millis(1_080));
        assert!(!path.is_news(arrival(1_000, 7)));
        assert!(path.is_news(arrival(1_000, 8)));
        assert!(path.is_news(arrival(1_001, 7)));
        assert!(path.is_news(Arrival { datagram: None, ..arrival(1_000, 7) }));
    }

    #[test]
    fn a_sign_of_life_ends_the_pauses_between_probes() {
        let mut path = Recovery::default();
        path.on_arrival(arrival(1_000, 7), Millis(1_080));
        for _ in 0..6 {
            path.on_probe(Millis(1_300), 200, Millis(1_100));
        }
        assert_eq!(path.probe_deadline(Millis(1_200), 100), Millis(1_400));
        path.on_sign_of_life();
        assert_eq!(path.probe_deadline(Millis(1_200), 100), Millis(1_300));
    }

    #[test]
    fn where_silences_end_with_what_was_awaited_they_are_delays() {
        let mut path = Recovery::default();
        let mut ends_with = |echoed| {
            path.on_probe(Millis(1_300), 200, Millis(1_100));
            path.on_probe(Millis(1_310), 210, Millis(1_300));
            path.on_sign_of_life();
            path.note_echo(echoed);
            path.on_sign_of_life();
            path.note_echo(1_100); // no silence before it
            path.is_often_late()
        };
        assert_eq!([1_100; 3].map(&mut ends_with), [false, false, true]);
        assert!(!ends_with(1_300), "a probe was the first to arrive: that was a burst");
        assert!(ends_with(1_100));
    }

    #[test]
    fn overtaken_by_three_it_is_lost_at_once_and_by_two_when_patience_ends() {
        let mut path = Recovery::default();
        path.on_arrival(arrival(1_000, 7), Millis(1_080));
        let fate = |datagram| path.fate(Millis(1_000), datagram, Millis(1_080));
        assert_eq!(fate(4), Fate::Lost);
        assert_eq!(fate(5), Fate::LostAt(Millis(1_090)));
        assert_eq!(fate(7), Fate::Unknown);
        // On a path that changes the order, the number of datagrams says nothing.
        path.on_arrival(arrival(998, 3), Millis(1_081));
        path.on_arrival(arrival(1_010, 20), Millis(1_090));
        assert_eq!(path.fate(Millis(1_009), 16, Millis(1_090)), Fate::LostAt(Millis(1_099)));
    }

    #[test]
    fn lateness_is_remembered_for_15_to_30_seconds_though_nothing_comes_late_again() {
        let mut path = Recovery::default();
        path.on_arrival(arrival(1_000, 7), Millis(1_080));
        path.on_arrival(arrival(990, 6), Millis(1_090));
        let late = path.patience();
        let mut in_order = (1..=3_000_u16).map(|packet| {
            let sent = 1_000 + u32::from(packet) * 16;
            path.on_arrival(arrival(sent, 7 + packet), Millis(sent + 80));
            (sent + 80, path.patience())
        });
        let (forgotten, usual) = in_order.find(|(_, patience)| *patience != late).unwrap();
        assert_eq!((late, usual), (27, 10));
        assert!((16_000..32_000).contains(&forgotten), "{forgotten}");
        assert!(in_order.all(|(_, patience)| patience == usual));
        // Once more three later datagrams of one millisecond show a loss.
        assert_eq!(path.fate(path.newest, path.datagram.unwrap() - 3, path.known), Fate::Lost);
    }
}
