//! Acknowledgements owed: one for each copy of a reliable command that arrived, first in first out (PROTOCOL.md §9.3).

use enet_wire::{Body, ChannelId, Command, ReliableSeq};

use crate::collections::lists::{List, Lists};
use crate::time::Millis;

/// One acknowledgement: which command, and the sent time of the datagram that carried this copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) channel: ChannelId,
    pub(crate) seq: ReliableSeq,
    pub(crate) sent_time: u16,
    /// Whether it answers a DISCONNECT: writing it ends the connection.
    pub(crate) of_disconnect: bool,
}

impl Ack {
    pub(crate) const LEN: u8 = 8;

    pub(crate) const fn command(self) -> Command<'static> {
        Command {
            channel: self.channel,
            seq: self.seq,
            acknowledge: false,
            unsequenced: false,
            body: Body::Acknowledge { received_seq: self.seq, received_sent_time: self.sent_time },
        }
    }
}

/// Acknowledgements whose numbers follow each other, as those of a datagram usually do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    first: Ack,
    count: u16,
}

impl Run {
    /// Whether one of them acknowledges the same command.
    fn acknowledges(&self, Ack { channel, seq, .. }: Ack) -> bool {
        channel == self.first.channel && seq.distance_from(self.first.seq) < self.count
    }

    /// Whether this is the acknowledgement that follows. Field by field: the count was written a moment ago, and a
    /// processor that reads it together with its neighbours waits for it.
    #[inline]
    fn is_followed_by(&self, ack: Ack) -> bool {
        let Ack { channel, seq, sent_time, of_disconnect } = ack;
        seq == self.first.seq.add(self.count)
            && channel == self.first.channel
            && sent_time == self.first.sent_time
            && of_disconnect == self.first.of_disconnect
            && self.has_room()
    }

    /// Whether one more can follow.
    #[inline]
    pub(crate) const fn has_room(&self) -> bool {
        self.count < u16::MAX
    }

    /// The next one follows.
    #[inline]
    pub(crate) const fn grow(&mut self) {
        self.count += 1;
    }
}

/// The runs of all connections of a host.
pub(crate) type Runs = Lists<Run>;

/// One connection's queue of acknowledgements.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    owed: List,
}

/// Those that left in the last datagram, where they are repeated.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    left: List,
    /// When they left.
    at: Millis,
}

/// Runs that all connections of a host may owe together. Then those get no more that owe a few: so that nobody whom others
/// leave no room is deaf.
const MAX_RUNS: usize = 1 << 19;
const FEW: usize = 64;

/// Acknowledgements that are repeated in one datagram, in how many runs; and runs that are owed among which one is looked
/// for that is to be repeated. One that is missed costs eight bytes.
const MAX_REPEATED: usize = 64;
const MAX_RUNS_REPEATED: usize = 8;
const LOOKED_THROUGH: usize = 64;

impl Acks {
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.owed.is_empty()
    }

    /// Owes one more; whether there was room.
    #[inline]
    pub(crate) fn push_back(&mut self, ack: Ack, runs: &mut Runs) -> bool {
        if let Some(run) = runs.back_mut(&self.owed)
            && run.is_followed_by(ack)
        {
            run.grow();
            return true;
        }
        if runs.len() >= MAX_RUNS && runs.iter(&self.owed).nth(FEW - 1).is_some() {
            return false;
        }
        runs.push_back(&mut self.owed, Run { first: ack, count: 1 });
        true
    }

    /// The run that ends with this one, if it was the last to be owed.
    #[inline]
    pub(crate) fn run_to<'a>(&self, ack: Ack, runs: &'a mut Runs) -> Option<&'a mut Run> {
        let run = runs.back_mut(&self.owed)?;
        let last = Ack { seq: run.first.seq.add(run.count.wrapping_sub(1)), ..run.first };
        (last == ack).then_some(run)
    }

    /// Takes those at the front that follow each other, and answer no DISCONNECT, as long as `write` has room for them.
    #[inline(always)]
    pub(crate) fn pop_run(&mut self, runs: &mut Runs, mut write: impl FnMut(Ack) -> bool) {
        while let Some(run) = runs.front_mut(&self.owed).filter(|run| !run.first.of_disconnect) {
            // By value: what is written and read again at once is waited for.
            let Run { mut first, mut count } = *run;
            while count > 0 && write(first) {
                first.seq = first.seq.next();
                count -= 1;
            }
            *run = Run { first, count };
            if count > 0 {
                return;
            }
            runs.discard_front(&mut self.owed);
        }
    }

    /// The first of all that are owed and how many there are, if they follow each other.
    #[inline]
    pub(crate) fn only_run(&self, runs: &Runs) -> Option<(Ack, u16)> {
        let run = runs.front(&self.owed).filter(|_| self.owed.is_single())?;
        Some((run.first, run.count))
    }

    /// Takes those in front that follow each other, all of which were written.
    #[inline]
    pub(crate) fn discard_run(&mut self, runs: &mut Runs) {
        runs.discard_front(&mut self.owed);
    }

    #[inline]
    pub(crate) fn pop_front(&mut self, runs: &mut Runs) -> Option<Ack> {
        pop_front(&mut self.owed, runs)
    }

    /// How many are owed; and how many runs there are.
    pub(crate) fn count(&self, runs: &Runs) -> (usize, usize) {
        let owed = runs.iter(&self.owed).map(|run| usize::from(run.count)).sum();
        (owed, runs.iter(&self.owed).count())
    }

    pub(crate) fn clear(&mut self, runs: &mut Runs) {
        runs.clear(&mut self.owed);
    }
}

impl Repeats {
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// What is to be repeated now: what left in an earlier millisecond, unless it is owed anyway, for another copy.
    #[inline]
    pub(crate) fn pop_front(&mut self, acks: &Acks, now: Millis, runs: &mut Runs) -> Option<Ack> {
        if self.left.is_empty() || self.at == now {
            return None;
        }
        loop {
            let ack = pop_front(&mut self.left, runs)?;
            if !runs.iter(&acks.owed).take(LOOKED_THROUGH).any(|run| run.acknowledges(ack)) {
                return Some(ack);
            }
        }
    }

    /// This one left now and is to be repeated. What else was to be, and did not fit, is forgotten.
    #[inline(never)]
    pub(crate) fn push_back(&mut self, ack: Ack, now: Millis, runs: &mut Runs) {
        if self.at != now {
            runs.clear(&mut self.left);
            self.at = now;
        }
        let left = || runs.iter(&self.left);
        let count: usize = left().map(|run| usize::from(run.count)).sum();
        if !ack.of_disconnect && count < MAX_REPEATED && left().count() < MAX_RUNS_REPEATED {
            match runs.back_mut(&self.left).filter(|run| run.is_followed_by(ack)) {
                Some(run) => run.count += 1,
                None => {
                    runs.push_back(&mut self.left, Run { first: ack, count: 1 });
                }
            }
        }
    }

    /// How many runs there are.
    pub(crate) fn count(&self, runs: &Runs) -> usize {
        runs.iter(&self.left).count()
    }

    pub(crate) fn clear(&mut self, runs: &mut Runs) {
        runs.clear(&mut self.left);
    }
}

#[inline]
fn pop_front(list: &mut List, runs: &mut Runs) -> Option<Ack> {
    let run = runs.front_mut(list)?;
    let ack = run.first;
    if run.count > 1 {
        run.first.seq = ack.seq.next();
        run.count -= 1;
    } else {
        runs.pop_front(list);
    }
    Some(ack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn acknowledgements_leave_as_they_came(
            owed in prop::collection::vec((0u8..2, 0u16..4, 0u16..2, any::<bool>()), 0..100),
            from: u16,
        ) {
            let (mut acks, mut runs) = (Acks::default(), Runs::new());
            let mut seq = ReliableSeq(from);
            let mut expected = Vec::new();
            for (channel, step, sent_time, of_disconnect) in owed {
                seq = seq.add(if step == 3 { u16::MAX } else { step });
                expected.push(Ack { channel: ChannelId::new(channel), seq, sent_time, of_disconnect });
            }
            for ack in &expected {
                prop_assert!(acks.push_back(*ack, &mut runs));
            }
            prop_assert_eq!(acks.count(&runs), (expected.len(), runs.len()));
            let left: Vec<Ack> = core::iter::from_fn(|| acks.pop_front(&mut runs)).collect();
            prop_assert_eq!(left, expected);
            prop_assert!(acks.is_empty() && runs.len() == 0);
        }
    }

    fn ack(seq: u16) -> Ack {
        Ack { channel: ChannelId::new(0), seq: ReliableSeq(seq), sent_time: 7, of_disconnect: false }
    }

    #[test]
    fn what_is_acknowledged_anyway_for_another_copy_is_not_repeated() {
        let (mut acks, mut repeats, mut runs) = (Acks::default(), Repeats::default(), Runs::new());
        (1..=3).for_each(|seq| repeats.push_back(ack(seq), Millis(10), &mut runs));
        assert_eq!(repeats.pop_front(&acks, Millis(10), &mut runs), None, "not in the same millisecond");
        acks.push_back(Ack { sent_time: 9, ..ack(2) }, &mut runs);
        let repeated: Vec<_> =
            core::iter::from_fn(|| repeats.pop_front(&acks, Millis(11), &mut runs)).collect();
        assert_eq!(repeated, [ack(1), ack(3)]);
    }

    /// Numbers that never follow each other.
    fn fill(acks: &mut Acks, runs: &mut Runs) -> usize {
        (0u16..60_000).step_by(2).cycle().map(ack).take_while(|ack| acks.push_back(*ack, runs)).count()
    }

    #[test]
    fn where_too_many_acknowledgements_are_owed_everybody_may_owe_a_few() {
        let (mut first, mut second, mut runs) = (Acks::default(), Acks::default(), Runs::new());
        assert_eq!(fill(&mut first, &mut runs), MAX_RUNS);
        assert_eq!(fill(&mut second, &mut runs), FEW);
        assert!(!first.push_back(ack(1), &mut runs));
        first.clear(&mut runs);
        assert_eq!(fill(&mut second, &mut runs), MAX_RUNS - FEW);
    }

    #[test]
    fn a_datagram_s_acknowledgements_take_the_room_of_one() {
        let (mut acks, mut runs) = (Acks::default(), Runs::new());
        for number in 0..300 {
            acks.push_back(ack(ReliableSeq(65_400).add(number).0), &mut runs);
        }
        assert_eq!(runs.len(), 1);
    }
}
