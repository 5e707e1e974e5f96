//! Laws of loss recovery for whatever a path does to datagrams (docs/RECOVERY.md): what is known of it is a value, so
//! any history will do.

use enet_proto::estimators::{Arrival, Fate, Millis, Queueing, Recovery};
use proptest::prelude::*;

/// A datagram that arrived: so many ms after the one before it was sent, its round trip in ms.
type Step = (u32, u32);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0_u32..200, 1_u32..2_000), 1..60)
}

/// What is known, after all of it, at the time of the last acknowledgement; and when each datagram was sent.
struct Path {
    recovery: Recovery,
    now: Millis,
    sent: Vec<Millis>,
}

/// Datagrams are numbered from 0, the first is sent at `start`, and each is acknowledged once its round trip is over.
fn path(start: u32, steps: &[Step]) -> Path {
    let mut at = start;
    let mut sent = Vec::new();
    let mut arrivals = Vec::new();
    for (number, (pause, rtt)) in (0_u16..).zip(steps) {
        at = at.wrapping_add(*pause);
        sent.push(Millis(at));
        let arrival = Arrival { sent: Millis(at), datagram: Some(number), rtt: rtt * 1_000 };
        arrivals.push((at.wrapping_sub(start) + rtt, arrival));
    }
    arrivals.sort_by_key(|(age, arrival)| (*age, arrival.datagram));
    let mut recovery = Recovery::default();
    let mut now = Millis(start);
    for (age, arrival) in arrivals {
        now = Millis(start.wrapping_add(age));
        recovery.on_arrival(arrival, now);
    }
    Path { recovery, now, sent }
}

fn later(time: Millis, ms: u32) -> Millis {
    Millis(time.0.wrapping_add(ms))
}

proptest! {
    /// Evidence is something that was sent later and arrived.
    #[test]
    fn what_left_behind_all_that_arrived_is_never_lost(steps in steps(), after in 0_u32..5_000, wait in 0_u32..60_000) {
        let Path { recovery, now, sent } = path(1_000, &steps);
        let newest = sent[sent.len() - 1];
        let number = u16::try_from(steps.len()).unwrap_or(u16::MAX);
        let looked_at = later(now, after.saturating_add(wait));
        prop_assert_eq!(recovery.fate(later(newest, after), number, looked_at), Fate::Unknown);
    }

    /// The host sleeps until then, and does not look in vain.
    #[test]
    fn what_is_said_to_be_lost_at_a_time_is_lost_then_and_not_before(steps in steps(), before in 1_u32..300) {
        let Path { recovery, now, sent } = path(100_000, &steps);
        // One that was not acknowledged, a little older than the first that was.
        let missing = Millis(sent[0].0 - before);
        if let Fate::LostAt(at) = recovery.fate(missing, u16::MAX, now) {
            prop_assert!(now.less(at));
            prop_assert_eq!(recovery.fate(missing, u16::MAX, at), Fate::Lost);
            prop_assert_eq!(recovery.fate(missing, u16::MAX, Millis(at.0 - 1)), Fate::LostAt(at));
        }
    }

    /// A path whose datagrams come so late, within a round trip, is given that time: its next late one is not sent again.
    #[test]
    fn a_path_is_given_the_lateness_it_has_shown(rtt in 20_u32..500, share in 1_u32..100) {
        let lateness = (rtt * share / 100).max(1);
        let mut recovery = Recovery::default();
        let (first, second) = (Millis(10_000), Millis(10_001));
        let known = later(second, rtt);
        recovery.on_arrival(Arrival { sent: second, datagram: Some(1), rtt: rtt * 1_000 }, known);
        let came = later(known, lateness - 1);
        recovery.on_arrival(Arrival { sent: first, datagram: Some(0), rtt: rtt * 1_000 }, came);
        // The same once more: number 2 is overtaken by number 3, and by as many others as you like.
        let (third, fourth) = (Millis(11_000), Millis(11_001));
        let known = later(fourth, rtt);
        recovery.on_arrival(Arrival { sent: fourth, datagram: Some(9), rtt: rtt * 1_000 }, known);
        prop_assert_ne!(recovery.fate(third, 2, later(known, lateness - 1)), Fate::Lost);
        prop_assert!(recovery.patience() <= rtt.max(10) + 1);
    }

    /// No smoothing leaves the range of what was seen.
    #[test]
    fn the_round_trip_time_lies_between_the_shortest_and_the_longest_seen(steps in steps()) {
        let Path { recovery, .. } = path(5, &steps);
        let rtts = || steps.iter().map(|(_, rtt)| rtt * 1_000);
        let (least, most) = (rtts().min().unwrap_or(0), rtts().max().unwrap_or(0));
        prop_assert!((least..=most).contains(&recovery.smoothed), "{recovery:?}");
        prop_assert!(recovery.deviation <= most, "{recovery:?}");
    }

    /// The wire's clock passes 2³² in the middle of a connection.
    #[test]
    fn a_clock_that_comes_round_changes_nothing(steps in steps(), start in 0_u32.., before in 0_u32..300, wait in 0_u32..500) {
        // 0 stands for a time that is not set.
        prop_assume!((0..40_000).all(|ms| start.wrapping_add(ms) != 0 || ms > 30_000));
        let (here, there) = (path(1_000_000, &steps), path(start, &steps));
        let fate = |path: &Path| {
            let missing = Millis(path.sent[0].0.wrapping_sub(before));
            let now = later(path.now, wait);
            match path.recovery.fate(missing, 7, now) {
                Fate::LostAt(at) => Some(Some(at.0.wrapping_sub(now.0))),
                Fate::Lost => Some(None),
                Fate::Unknown => None,
            }
        };
        prop_assert_eq!(fate(&here), fate(&there));
        prop_assert_eq!(here.recovery.probe_timeout(), there.recovery.probe_timeout());
    }

    /// Nothing is acknowledged: probes leave less and less often, never at once, and never a second and a round trip apart.
    #[test]
    fn pauses_between_probes_grow_up_to_a_tenth_of_a_second_or_a_timeout(timeout in 1_u32..1_000, oldest in 1_u32..1_000_000) {
        let (mut recovery, mut pause_before) = (Recovery::default(), 0);
        let mut probed = recovery.probe_deadline(Millis(oldest), timeout);
        prop_assert_eq!(probed, later(Millis(oldest), timeout));
        for probe in 0..60 {
            let silent = probed.0 - oldest;
            recovery.on_probe(probed, silent, probed);
            // What else is in flight is overdue as well.
            let next = recovery.probe_deadline(Millis(oldest), timeout);
            let pause = next.0 - probed.0;
            prop_assert!(pause > 0 && pause >= pause_before, "probe {probe}: {pause} after {pause_before}");
            prop_assert!(pause <= timeout.max(100).max(silent / 80), "probe {probe}: {pause}");
            (probed, pause_before) = (next, pause);
        }
    }
}

proptest! {
    /// The same for what tells a queue from a longer way.
    #[test]
    fn a_clock_that_comes_round_changes_no_queue(steps in steps(), start in 1_u32..) {
        prop_assume!(start.checked_add(40_000).is_some() || start < u32::MAX - 1_000);
        let judged = |start: u32| {
            let (mut queueing, mut at) = (Queueing::default(), start);
            let mut all = Vec::new();
            for (pause, rtt) in &steps {
                at = at.wrapping_add(pause + 1);
                queueing.on_round_trip(rtt * 1_000, 1_000, Millis(at), 5_000);
                all.push((queueing.read(rtt * 1_000), queueing.is_growing(), queueing.base()));
            }
            all
        };
        prop_assert_eq!(judged(1_000_000), judged(start));
    }
}
