//! [`Receiver`]: a channel's incoming half. Reliable packets are put in order here; unreliable ones wait beside them for
//! the reliable packet they follow.

use alloc::boxed::Box;

use enet_wire::{Fragment, ReliableSeq, UnreliableSeq, WindowOffset};

use super::account::counted;
use super::assembly::Assembly;
use super::backlog::Backlog;
use super::intake::{Ahead, Intake, Outcome};
use super::unreliable::Place;
use crate::mutants::{self, Mutant};
use crate::packet::Delivery;
use crate::stats::DiscardReason;

/// The receiving half of a channel. As long as everything comes in order it is two numbers.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// Number of the last reliable packet (or fragment) delivered in order.
    last: ReliableSeq,
    /// Number of the last unreliable packet delivered since.
    last_unreliable: UnreliableSeq,
    backlog: Option<Box<Backlog>>,
}

impl Receiver {
    pub(crate) const fn last_reliable(&self) -> ReliableSeq {
        self.last
    }

    pub(crate) const fn last_unreliable(&self) -> UnreliableSeq {
        self.last_unreliable
    }

    /// Takes in a SEND_RELIABLE (PROTOCOL.md §9.2).
    #[inline]
    pub(crate) fn on_reliable(
        &mut self,
        seq: ReliableSeq,
        payload: &[u8],
        mut intake: Intake<'_>,
    ) -> Outcome {
        if !self.expects(seq, intake.accepting) {
            return self.on_reliable_aside(seq, payload, intake);
        }
        self.deliver_next(seq, payload, &mut intake).or_else(refused)
    }

    /// Whether a reliable packet is next, and nothing waits that would be delivered with it.
    #[inline(always)]
    pub(crate) fn expects(&self, seq: ReliableSeq, accepting: bool) -> bool {
        seq == self.last.next()
            && self.backlog.is_none()
            && accepting
            && !(mutants::is(Mutant::ReliableWrap) && self.is_settled(seq))
    }

    /// Delivers the packet that it expects, if there is room.
    #[inline(always)]
    pub(crate) fn deliver_next(
        &mut self,
        seq: ReliableSeq,
        payload: &[u8],
        intake: &mut Intake<'_>,
    ) -> Outcome {
        intake.charge(length_of(payload), true)?;
        self.last = seq;
        self.restart_unreliable();
        intake.deliver_payload(Delivery::Reliable, payload);
        Ok(())
    }

    /// One that is not next, or does not come alone.
    #[cold]
    fn on_reliable_aside(&mut self, seq: ReliableSeq, payload: &[u8], mut intake: Intake<'_>) -> Outcome {
        let length = length_of(payload);
        if mutants::is(Mutant::NoDedup) && intake.accepting && self.is_settled(seq) {
            intake.charge(length, false)?;
            intake.deliver_payload(Delivery::Reliable, payload);
            return Ok(());
        }
        if !intake.accepting || self.is_settled(seq) || self.holds(seq) {
            return Ok(());
        }
        if let Err(reason) = intake.charge(length, seq == self.last.next()) {
            return refused(reason);
        }
        let before = self.footprint();
        let backlog = self.backlog.get_or_insert_with(|| intake.memory.backlog());
        if seq == self.last.next() && !backlog.is_stuck() {
            backlog.advance(&mut self.last, 1);
            intake.deliver_payload(Delivery::Reliable, payload);
            backlog.deliver_ahead(&mut self.last, &mut intake);
            self.on_reliable_delivered(&mut intake);
        } else {
            let packet = intake.memory.waiting_packet(Delivery::Reliable, payload);
            backlog.insert(seq, Ahead::Whole(packet));
        }
        intake.resize(before, self.footprint());
        Ok(())
    }

    /// Takes in a SEND_FRAGMENT whose own fields are consistent (PROTOCOL.md §12.8).
    pub(crate) fn on_reliable_fragment(
        &mut self,
        fragment: &Fragment<'_>,
        mut intake: Intake<'_>,
    ) -> Outcome {
        let (start, before) = (ReliableSeq(fragment.start), self.footprint());
        let held = self.backlog.as_mut().and_then(|backlog| backlog.get_mut(start));
        let complete = match held {
            Some(Ahead::Partial(assembly)) if assembly.matches(fragment) => {
                intake.insert_more(fragment, assembly)?
            }
            Some(_) => return Err(DiscardReason::BadFragment),
            None => {
                if !intake.accepting || self.is_settled(start) {
                    return Err(DiscardReason::BadFragment);
                }
                let mut assembly = intake.begin(fragment, start == self.last.next())?;
                let complete = intake.insert(fragment, &mut assembly);
                let backlog = self.backlog.get_or_insert_with(|| intake.memory.backlog());
                backlog.insert(start, Ahead::Partial(assembly));
                complete
            }
        };
        if complete
            && let Some(backlog) = &mut self.backlog
            && backlog.deliver_ahead(&mut self.last, &mut intake)
        {
            self.on_reliable_delivered(&mut intake);
        }
        intake.resize(before, self.footprint());
        Ok(())
    }

    /// Whether a fragment of this set is outside the window, and so neither stored nor an error.
    pub(crate) fn ignores_fragment_of(&self, reference: ReliableSeq) -> bool {
        reference.offset_from(self.last) != WindowOffset::Acceptable
    }

    /// Takes in a SEND_UNRELIABLE (PROTOCOL.md §12.5).
    #[inline]
    pub(crate) fn on_unreliable(
        &mut self,
        reliable: ReliableSeq,
        seq: UnreliableSeq,
        payload: &[u8],
        mut intake: Intake<'_>,
    ) -> Outcome {
        if !self.expects_unreliable(reliable, seq, intake.accepting) {
            return self.on_unreliable_aside(reliable, seq, payload, intake);
        }
        self.deliver_unreliable(seq, payload, &mut intake)
    }

    /// Whether an unreliable packet can be delivered, and nothing waits that it would be compared with.
    #[inline(always)]
    pub(crate) fn expects_unreliable(
        &self,
        reliable: ReliableSeq,
        seq: UnreliableSeq,
        accepting: bool,
    ) -> bool {
        reliable == self.last && seq > self.last_unreliable && self.backlog.is_none() && accepting
    }

    /// Delivers the packet that it expects, if there is room.
    #[inline(always)]
    pub(crate) fn deliver_unreliable(
        &mut self,
        seq: UnreliableSeq,
        payload: &[u8],
        intake: &mut Intake<'_>,
    ) -> Outcome {
        intake.charge(length_of(payload), false)?;
        self.last_unreliable = seq;
        intake.deliver_payload(Delivery::Unreliable, payload);
        Ok(())
    }

    /// One that is late, too early, or does not come alone.
    #[cold]
    fn on_unreliable_aside(
        &mut self,
        reliable: ReliableSeq,
        seq: UnreliableSeq,
        payload: &[u8],
        mut intake: Intake<'_>,
    ) -> Outcome {
        if !intake.accepting || self.is_superseded(reliable, seq) {
            return Ok(());
        }
        let waiting = self.backlog.as_ref().filter(|backlog| !backlog.unreliable.is_empty());
        let place = waiting.map(|backlog| (backlog, backlog.place(self.last, reliable, seq)));
        if place.is_some_and(|(backlog, place)| backlog.unreliable.contains(place)) {
            return Ok(());
        }
        intake.charge(length_of(payload), false)?;
        let may_pass = reliable == self.last || mutants::is(Mutant::UnreliableOvertakes);
        if may_pass && waiting.is_none() {
            self.last_unreliable = seq;
            intake.deliver_payload(Delivery::Unreliable, payload);
            return Ok(());
        }
        let before = self.footprint();
        let packet = intake.memory.waiting_packet(Delivery::Unreliable, payload);
        let backlog = self.backlog.get_or_insert_with(|| intake.memory.backlog());
        let place = backlog.place(self.last, reliable, seq);
        backlog.unreliable.insert(place, Ahead::Whole(packet));
        self.dispatch(Some(place), &mut intake);
        intake.resize(before, self.footprint());
        Ok(())
    }

    /// Takes in a SEND_UNRELIABLE_FRAGMENT whose own fields are consistent (PROTOCOL.md §12.8).
    pub(crate) fn on_unreliable_fragment(
        &mut self,
        reliable: ReliableSeq,
        fragment: &Fragment<'_>,
        mut intake: Intake<'_>,
    ) -> Outcome {
        let (seq, before) = (UnreliableSeq(fragment.start), self.footprint());
        let held = match &mut self.backlog {
            Some(backlog) => backlog.unreliable.get_mut(backlog.place(self.last, reliable, seq)),
            None => None,
        };
        match held {
            Some(Ahead::Partial(assembly)) if assembly.matches(fragment) => {
                if intake.insert_more(fragment, assembly)? {
                    self.dispatch(None, &mut intake);
                }
            }
            Some(_) => return Err(DiscardReason::BadFragment),
            None => {
                if !intake.accepting || self.is_superseded(reliable, seq) {
                    return Err(DiscardReason::BadFragment);
                }
                let assembly = intake.begin(fragment, false)?;
                self.begin_unreliable(reliable, fragment, assembly, &mut intake);
            }
        }
        intake.resize(before, self.footprint());
        Ok(())
    }

    /// The first fragment of an unreliable packet: its place is taken, which may cost older ones theirs, before it is
    /// stored.
    fn begin_unreliable(
        &mut self,
        reliable: ReliableSeq,
        fragment: &Fragment<'_>,
        assembly: Box<Assembly>,
        intake: &mut Intake<'_>,
    ) {
        let backlog = self.backlog.get_or_insert_with(|| intake.memory.backlog());
        let place = backlog.place(self.last, reliable, UnreliableSeq(fragment.start));
        backlog.unreliable.insert(place, Ahead::Partial(assembly));
        self.dispatch(Some(place), intake);
        let held = self.backlog.as_mut().and_then(|backlog| backlog.unreliable.get_mut(place));
        if let Some(Ahead::Partial(assembly)) = held
            && intake.insert(fragment, assembly)
        {
            self.dispatch(None, intake);
        }
    }

    /// Whether a fragment of this unreliable set comes too late, and so is neither stored nor an error.
    pub(crate) fn ignores_unreliable_fragment_of(&self, reliable: ReliableSeq, start: u16) -> bool {
        self.is_superseded(reliable, UnreliableSeq(start))
    }

    /// Takes in a SEND_UNSEQUENCED that is no duplicate: delivered at once, past everything that waits.
    #[inline]
    pub(crate) fn on_unsequenced(&mut self, payload: &[u8], mut intake: Intake<'_>) -> Outcome {
        if !intake.accepting {
            return Ok(());
        }
        intake.charge(length_of(payload), false)?;
        intake.deliver_payload(Delivery::Unsequenced, payload);
        if self.backlog.is_some() {
            let before = self.footprint();
            self.dispatch(None, &mut intake);
            intake.resize(before, self.footprint());
        }
        Ok(())
    }

    /// Bytes of memory that is taken here, added up anew.
    pub(crate) fn held(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.held())
    }

    /// The same without that of the packets.
    #[inline]
    fn footprint(&self) -> u32 {
        self.backlog.as_ref().map_or(0, |backlog| counted(backlog.footprint()))
    }

    /// Bytes held by packets that wait here.
    pub(crate) fn reserved_bytes(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.reserved_bytes())
    }

    pub(crate) fn is_settled(&self, seq: ReliableSeq) -> bool {
        if mutants::is(Mutant::ReliableWrap) {
            return seq.0 <= self.last.0;
        }
        seq == self.last || seq.offset_from(self.last) != WindowOffset::Acceptable
    }

    /// Whether this number arrived, and the one before it has not.
    #[inline]
    pub(crate) fn is_behind_gap(&self, seq: ReliableSeq) -> bool {
        !self.is_settled(seq) && seq != self.last.next() && !self.holds(seq.add(u16::MAX))
    }

    fn is_superseded(&self, reliable: ReliableSeq, seq: UnreliableSeq) -> bool {
        reliable.offset_from(self.last) != WindowOffset::Acceptable
            || (reliable == self.last && seq <= self.last_unreliable)
                && !mutants::is(Mutant::UnreliableGoesBack)
    }

    /// Whether a reliable packet of this number waits.
    fn holds(&self, seq: ReliableSeq) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.contains(seq))
    }

    fn on_reliable_delivered(&mut self, intake: &mut Intake<'_>) {
        self.restart_unreliable();
        self.dispatch(None, intake);
    }

    /// Unreliable numbers start over behind every reliable packet.
    #[inline]
    fn restart_unreliable(&mut self) {
        self.last_unreliable = UnreliableSeq(0);
    }

    /// Delivers the unreliable packets that can be, and lets go of the backlog if nothing is left in it.
    fn dispatch(&mut self, inserted: Option<Place>, intake: &mut Intake<'_>) {
        let Some(backlog) = &mut self.backlog else { return };
        if let Some(seq) = backlog.dispatch(inserted, intake) {
            self.last_unreliable = seq;
        }
        if backlog.is_idle()
            && let Some(backlog) = self.backlog.take()
        {
            intake.memory.put_backlog(backlog);
        }
    }
}

#[cfg(test)]
impl Receiver {
    /// One that has received this many reliable packets.
    pub(super) fn starting_at(last: ReliableSeq) -> Receiver {
        Receiver { last, ..Receiver::default() }
    }

    /// Whether it is no more than its numbers.
    pub(super) const fn is_idle(&self) -> bool {
        self.backlog.is_none()
    }
}

/// The outcome for a packet that the inbox has no room for.
fn refused(reason: DiscardReason) -> Outcome {
    if mutants::is(Mutant::FullInboxAcknowledged) { Ok(()) } else { Err(reason) }
}

/// Bytes of a payload that came in a datagram.
fn length_of(payload: &[u8]) -> u32 {
    u32::try_from(payload.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::account::Account;
    use super::super::inbox::Inbox;
    use super::super::memory::Memory;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    const CHANNEL: enet_wire::ChannelId = enet_wire::ChannelId::new(0);

    struct Owner {
        inbox: Inbox,
        memory: Memory,
    }

    fn owner() -> Owner {
        Owner { inbox: Inbox::default(), memory: Memory::new(Account::unlimited()) }
    }

    fn intake(Owner { inbox, memory }: &mut Owner) -> Intake<'_> {
        Intake { channel: CHANNEL, inbox, memory, max_waiting_data: u32::MAX, accepting: true }
    }

    fn take_reliable(receiver: &mut Receiver, owner: &mut Owner, seq: u16) {
        assert_eq!(receiver.on_reliable(ReliableSeq(seq), &seq.to_be_bytes(), intake(owner)), Ok(()));
    }

    fn delivered(Owner { inbox, memory }: &mut Owner) -> Vec<u16> {
        core::iter::from_fn(|| inbox.take(memory))
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
            let mut inbox = owner();
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
            prop_assert_eq!(inbox.inbox.waiting_data() as usize, receiver.reserved_bytes());
        }

        /// Against the rule in one line: a packet is delivered when its reliable number is the last delivered one and
        /// its own is higher than that of any packet delivered since.
        #[test]
        fn unreliable_packets_never_go_back(start: u16, arrivals in prop::collection::vec(1u16..40, 1..200)) {
            let mut receiver = Receiver { last: ReliableSeq(start), ..Receiver::default() };
            let mut inbox = owner();
            let mut newest = 0;
            for seq in arrivals {
                let place = (ReliableSeq(start), UnreliableSeq(seq));
                let result = receiver.on_unreliable(place.0, place.1, &seq.to_be_bytes(), intake(&mut inbox));
                prop_assert_eq!(result, Ok(()));
                let expected: &[u16] = if seq > newest { &[seq] } else { &[] };
                prop_assert_eq!(delivered(&mut inbox), expected);
                newest = newest.max(seq);
            }
        }
    }

    #[test]
    fn an_unreliable_packet_waits_for_the_reliable_one_it_follows() {
        let (mut receiver, mut inbox) = (Receiver::default(), owner());
        let place = (ReliableSeq(1), UnreliableSeq(1));
        let result = receiver.on_unreliable(place.0, place.1, &100u16.to_be_bytes(), intake(&mut inbox));
        assert_eq!(result, Ok(()));
        assert!(delivered(&mut inbox).is_empty());
        take_reliable(&mut receiver, &mut inbox, 1);
        assert_eq!(delivered(&mut inbox), [1, 100]);
    }

    #[test]
    fn a_receiver_is_two_words() {
        assert!(size_of::<Receiver>() <= 16);
    }

    #[test]
    fn a_channel_on_which_nothing_waits_any_more_holds_nothing() {
        let (mut receiver, mut owner) = (Receiver::default(), owner());
        for seq in [3, 2] {
            take_reliable(&mut receiver, &mut owner, seq);
            let place = (ReliableSeq(seq), UnreliableSeq(1));
            assert_eq!(receiver.on_unreliable(place.0, place.1, &[1; 100], intake(&mut owner)), Ok(()));
            assert!(!receiver.is_idle());
        }
        take_reliable(&mut receiver, &mut owner, 1);
        assert!(receiver.is_idle());
    }

    /// The accepted window from its far end to the near: each costs a path no longer than a number has bits, and in the
    /// end all are there.
    #[test]
    fn the_whole_window_backwards_is_delivered_in_order() {
        let (mut receiver, mut owner) = (Receiver::default(), owner());
        for seq in (1..0x7000).rev() {
            take_reliable(&mut receiver, &mut owner, seq);
        }
        assert!(delivered(&mut owner).into_iter().eq(1..0x7000));
        assert!(receiver.is_idle());
    }
}
