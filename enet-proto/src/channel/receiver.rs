//! [`Receiver`]: a channel's incoming half. Reliable packets are put in order here; unreliable ones wait beside them for
//! the reliable packet they follow.

use alloc::collections::BTreeMap;

use enet_wire::{Fragment, ReliableSeq, UnreliableSeq, WindowOffset};

use super::assembly::Assembly;
use super::intake::{Ahead, Intake, Outcome, Stay};
use super::unreliable::{Place, Waiting};
use crate::mutants::{self, Mutant};
use crate::packet::{Delivery, Packet};
use crate::stats::DiscardReason;

/// No acceptable number is further ahead than this.
const ACCEPTED_SPAN: u16 = 0x7000;

/// The receiving half of a channel.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// Number of the last reliable packet (or fragment) delivered in order.
    last: ReliableSeq,
    /// Numbers delivered in order so far: `last` without the wrap.
    delivered: u64,
    ahead: BTreeMap<u16, Ahead>,
    /// Numbers from this one on (counted as `delivered`) are stuck behind one that a fragmented packet overtook.
    barrier: Option<u64>,
    unreliable: Waiting,
}

impl Receiver {
    pub(crate) const fn last_reliable(&self) -> ReliableSeq {
        self.last
    }

    pub(crate) const fn last_unreliable(&self) -> UnreliableSeq {
        self.unreliable.last()
    }

    /// Takes in a SEND_RELIABLE (PROTOCOL.md §9.2).
    pub(crate) fn on_reliable(
        &mut self,
        seq: ReliableSeq,
        length: u32,
        packet: impl FnOnce(Stay) -> Packet,
        mut intake: Intake<'_>,
    ) -> Outcome {
        if mutants::is(Mutant::NoDedup) && intake.accepting && self.is_settled(seq) {
            intake.inbox.charge(length, intake.max_waiting_data)?;
            intake.inbox.deliver(intake.channel, packet(Stay::Short));
            return Ok(());
        }
        if !intake.accepting || self.is_settled(seq) || self.ahead.contains_key(&seq.0) {
            return Ok(());
        }
        let charged = intake.inbox.charge(length, intake.max_waiting_data);
        if mutants::is(Mutant::FullInboxAcknowledged) && charged.is_err() {
            return Ok(());
        }
        charged?;
        if seq == self.last.next() && !self.is_stuck() {
            self.advance(1);
            intake.inbox.deliver(intake.channel, packet(Stay::Short));
            self.deliver_ahead(&mut intake);
            self.on_reliable_delivered(&mut intake);
        } else {
            self.ahead.insert(seq.0, Ahead::Whole(packet(Stay::Long)));
        }
        Ok(())
    }

    /// Takes in a SEND_FRAGMENT whose own fields are consistent (PROTOCOL.md §12.8).
    pub(crate) fn on_reliable_fragment(
        &mut self,
        fragment: &Fragment<'_>,
        mut intake: Intake<'_>,
    ) -> Outcome {
        let start = ReliableSeq(fragment.start);
        match self.ahead.get_mut(&start.0) {
            Some(Ahead::Partial(assembly)) if assembly.matches(fragment) => assembly.insert(fragment),
            Some(_) => return Err(DiscardReason::BadFragment),
            None => {
                if !intake.accepting || self.is_settled(start) {
                    return Err(DiscardReason::BadFragment);
                }
                intake.inbox.charge(fragment.total_length, intake.max_waiting_data)?;
                let mut assembly = Assembly::new(fragment);
                assembly.insert(fragment);
                self.ahead.insert(start.0, Ahead::Partial(assembly));
            }
        }
        if self.deliver_ahead(&mut intake) {
            self.on_reliable_delivered(&mut intake);
        }
        Ok(())
    }

    /// Whether a fragment of this set is outside the window, and so neither stored nor an error.
    pub(crate) fn ignores_fragment_of(&self, reference: ReliableSeq) -> bool {
        reference.offset_from(self.last) != WindowOffset::Acceptable
    }

    /// Takes in a SEND_UNRELIABLE (PROTOCOL.md §12.5).
    pub(crate) fn on_unreliable(
        &mut self,
        reliable: ReliableSeq,
        seq: UnreliableSeq,
        length: u32,
        packet: impl FnOnce(Stay) -> Packet,
        mut intake: Intake<'_>,
    ) -> Outcome {
        let place = self.place(reliable, seq);
        if !intake.accepting || self.is_superseded(reliable, seq) || self.unreliable.contains(place) {
            return Ok(());
        }
        intake.inbox.charge(length, intake.max_waiting_data)?;
        let may_pass = reliable == self.last || mutants::is(Mutant::UnreliableOvertakes);
        if may_pass && self.unreliable.is_empty() {
            self.unreliable.pass(seq);
            intake.inbox.deliver(intake.channel, packet(Stay::Short));
            return Ok(());
        }
        self.unreliable.insert(place, Ahead::Whole(packet(Stay::Long)));
        self.unreliable.dispatch(self.delivered, Some(place), &mut intake);
        Ok(())
    }

    /// Takes in a SEND_UNRELIABLE_FRAGMENT whose own fields are consistent (PROTOCOL.md §12.8).
    pub(crate) fn on_unreliable_fragment(
        &mut self,
        reliable: ReliableSeq,
        fragment: &Fragment<'_>,
        mut intake: Intake<'_>,
    ) -> Outcome {
        let seq = UnreliableSeq(fragment.start);
        let place = self.place(reliable, seq);
        match self.unreliable.get_mut(place) {
            Some(Ahead::Partial(assembly)) if assembly.matches(fragment) => {
                assembly.insert(fragment);
                if assembly.is_complete() {
                    self.unreliable.dispatch(self.delivered, None, &mut intake);
                }
            }
            Some(_) => return Err(DiscardReason::BadFragment),
            None => {
                if !intake.accepting || self.is_superseded(reliable, seq) {
                    return Err(DiscardReason::BadFragment);
                }
                intake.inbox.charge(fragment.total_length, intake.max_waiting_data)?;
                self.unreliable.insert(place, Ahead::Partial(Assembly::new(fragment)));
                self.unreliable.dispatch(self.delivered, Some(place), &mut intake);
                if let Some(Ahead::Partial(assembly)) = self.unreliable.get_mut(place) {
                    assembly.insert(fragment);
                    if assembly.is_complete() {
                        self.unreliable.dispatch(self.delivered, None, &mut intake);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a fragment of this unreliable set comes too late, and so is neither stored nor an error.
    pub(crate) fn ignores_unreliable_fragment_of(&self, reliable: ReliableSeq, start: u16) -> bool {
        self.is_superseded(reliable, UnreliableSeq(start))
    }

    /// Takes in a SEND_UNSEQUENCED that is no duplicate: delivered at once, past everything that waits.
    pub(crate) fn on_unsequenced(
        &mut self,
        length: u32,
        packet: impl FnOnce(Stay) -> Packet,
        mut intake: Intake<'_>,
    ) -> Outcome {
        if !intake.accepting {
            return Ok(());
        }
        intake.inbox.charge(length, intake.max_waiting_data)?;
        intake.inbox.deliver(intake.channel, packet(Stay::Short));
        self.unreliable.dispatch(self.delivered, None, &mut intake);
        Ok(())
    }

    /// Bytes held by packets that wait here.
    pub(crate) fn reserved_bytes(&self) -> usize {
        self.ahead.values().chain(self.unreliable.items()).map(Ahead::reserved).sum()
    }

    pub(crate) fn is_settled(&self, seq: ReliableSeq) -> bool {
        if mutants::is(Mutant::ReliableWrap) {
            return seq.0 <= self.last.0;
        }
        seq == self.last || seq.offset_from(self.last) != WindowOffset::Acceptable
    }

    fn is_superseded(&self, reliable: ReliableSeq, seq: UnreliableSeq) -> bool {
        reliable.offset_from(self.last) != WindowOffset::Acceptable
            || (reliable == self.last && seq <= self.unreliable.last())
                && !mutants::is(Mutant::UnreliableGoesBack)
    }

    fn place(&self, reliable: ReliableSeq, seq: UnreliableSeq) -> Place {
        Place { reliable: self.delivered + u64::from(reliable.distance_from(self.last)), seq }
    }

    fn advance(&mut self, numbers: u32) {
        self.delivered += u64::from(numbers);
        #[allow(clippy::cast_possible_truncation)] // numbers advance modulo 2¹⁶
        let step = numbers as u16;
        self.last = self.last.add(step);
    }

    /// Delivers what is complete and next in order; whether there was anything.
    fn deliver_ahead(&mut self, intake: &mut Intake<'_>) -> bool {
        let mut any = false;
        while !self.is_stuck()
            && let Some(next) = self.ahead.get(&self.last.next().0).filter(|next| next.is_complete())
        {
            let (before, numbers) = (self.last, next.numbers());
            if let Some(item) = self.ahead.remove(&self.last.next().0) {
                intake.inbox.deliver(intake.channel, item.into_packet(Delivery::Reliable));
            }
            self.advance(numbers);
            self.on_overtaken(before);
            any = true;
        }
        any
    }

    fn is_stuck(&self) -> bool {
        self.barrier.is_some_and(|barrier| self.delivered + 1 >= barrier)
    }

    /// A fragmented packet was delivered over the numbers after `before`. If others were queued there, which only a
    /// foreign sender brings about, stock ENet leaves them standing in its queue: one that bears the last number blocks
    /// the channel, the others block what was queued behind them (docs/QUIRKS.md Q-overlap).
    fn on_overtaken(&mut self, before: ReliableSeq) {
        let span = self.last.distance_from(before);
        if span < 2 || self.ahead.is_empty() {
            return;
        }
        if self.ahead.contains_key(&self.last.0) {
            self.barrier = Some(self.delivered + 1);
        } else if self.first_ahead(before, span).is_some()
            && let Some(behind) = self.first_ahead(self.last, ACCEPTED_SPAN)
        {
            let stuck = self.delivered + u64::from(behind.distance_from(self.last));
            self.barrier = Some(self.barrier.map_or(stuck, |barrier| barrier.min(stuck)));
        }
    }

    /// The first queued number after `from`, among the next `span`.
    fn first_ahead(&self, from: ReliableSeq, span: u16) -> Option<ReliableSeq> {
        let later = self.ahead.range(from.next().0..).next();
        let (number, _) = later.or_else(|| self.ahead.iter().next())?;
        let found = ReliableSeq(*number);
        (1..=span).contains(&found.distance_from(from)).then_some(found)
    }

    fn on_reliable_delivered(&mut self, intake: &mut Intake<'_>) {
        self.unreliable.restart();
        self.unreliable.dispatch(self.delivered, None, intake);
    }
}

#[cfg(test)]
mod tests {
    use super::super::inbox::Inbox;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    const CHANNEL: enet_wire::ChannelId = enet_wire::ChannelId::new(0);

    fn intake(inbox: &mut Inbox) -> Intake<'_> {
        Intake { channel: CHANNEL, inbox, max_waiting_data: u32::MAX, accepting: true }
    }

    fn take_reliable(receiver: &mut Receiver, inbox: &mut Inbox, seq: u16) {
        let packet = |_| Packet::reliable(&seq.to_be_bytes());
        assert_eq!(receiver.on_reliable(ReliableSeq(seq), 2, packet, intake(inbox)), Ok(()));
    }

    fn delivered(inbox: &mut Inbox) -> Vec<u16> {
        core::iter::from_fn(|| inbox.take())
            .map(|(_, packet)| u16::from_be_bytes([packet[0], packet[1]]))
            .collect()
    }

    proptest! {
        /// Against a set of everything that arrived: what is delivered is its run from the start, whatever the order.
        #[test]
        fn reliable_numbers_are_delivered_once_and_in_order(
            start: u16,
            arrivals in prop::collection::vec(0u16..120, 1..400),
        ) {
            let mut receiver = Receiver { last: ReliableSeq(start), ..Receiver::default() };
            let mut inbox = Inbox::default();
            let (mut arrived, mut out) = (BTreeSet::new(), Vec::new());
            for ahead in arrivals {
                arrived.insert(ahead);
                take_reliable(&mut receiver, &mut inbox, start.wrapping_add(1).wrapping_add(ahead));
                out.extend(delivered(&mut inbox));
                let run = (0..).take_while(|number| arrived.contains(number));
                prop_assert!(out.iter().copied().eq(run.map(|n: u16| start.wrapping_add(1).wrapping_add(n))));
                let held = arrived.len() - out.len();
                prop_assert_eq!(receiver.reserved_bytes(), 2 * held);
            }
            prop_assert_eq!(inbox.waiting_data() as usize, receiver.reserved_bytes());
        }

        /// Against the rule in one line: a packet is delivered when its reliable number is the last delivered one and
        /// its own is higher than that of any packet delivered since.
        #[test]
        fn unreliable_packets_never_go_back(start: u16, arrivals in prop::collection::vec(1u16..40, 1..200)) {
            let mut receiver = Receiver { last: ReliableSeq(start), ..Receiver::default() };
            let mut inbox = Inbox::default();
            let mut newest = 0;
            for seq in arrivals {
                let packet = |_| Packet::unreliable(&seq.to_be_bytes());
                let place = (ReliableSeq(start), UnreliableSeq(seq));
                prop_assert_eq!(receiver.on_unreliable(place.0, place.1, 2, packet, intake(&mut inbox)), Ok(()));
                let expected: &[u16] = if seq > newest { &[seq] } else { &[] };
                prop_assert_eq!(delivered(&mut inbox), expected);
                newest = newest.max(seq);
            }
        }
    }

    #[test]
    fn an_unreliable_packet_waits_for_the_reliable_one_it_follows() {
        let (mut receiver, mut inbox) = (Receiver::default(), Inbox::default());
        let packet = |_| Packet::unreliable(&100u16.to_be_bytes());
        let result = receiver.on_unreliable(ReliableSeq(1), UnreliableSeq(1), 2, packet, intake(&mut inbox));
        assert_eq!(result, Ok(()));
        assert_eq!(delivered(&mut inbox), []);
        take_reliable(&mut receiver, &mut inbox, 1);
        assert_eq!(delivered(&mut inbox), [1, 100]);
    }
}
