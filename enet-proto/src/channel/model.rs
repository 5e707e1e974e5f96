//! [`Model`]: the rules of receiving (PROTOCOL.md §9.2, §12.5 – §12.8) in sorted maps, with no thought of speed, and the
//! receiver against it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::vec::Vec;

use enet_wire::{ChannelId, Fragment, ReliableSeq, UnreliableSeq, WindowOffset};
use proptest::prelude::*;

use super::account::{Account, ENTRY};
use super::inbox::Inbox;
use super::intake::{Intake, Outcome};
use super::memory::Memory;
use super::receiver::Receiver;
use crate::packet::Delivery;
use crate::stats::DiscardReason;

#[derive(Debug, Clone)]
struct Set {
    count: u32,
    seen: BTreeSet<u32>,
    whole: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Item {
    Whole(Vec<u8>),
    Partial(Set),
}

impl Item {
    fn is_complete(&self) -> bool {
        match self {
            Item::Whole(_) => true,
            Item::Partial(set) => set.seen.len() == set.count as usize,
        }
    }

    fn numbers(&self) -> u32 {
        match self {
            Item::Whole(_) => 1,
            Item::Partial(set) => set.count,
        }
    }

    fn bytes(&self) -> &Vec<u8> {
        match self {
            Item::Whole(bytes) | Item::Partial(Set { whole: bytes, .. }) => bytes,
        }
    }
}

impl Set {
    fn new(fragment: &Fragment<'_>) -> Set {
        let whole = std::vec![0; fragment.total_length as usize];
        Set { count: fragment.count, seen: BTreeSet::new(), whole }
    }

    fn insert(&mut self, fragment: &Fragment<'_>) {
        if self.seen.insert(fragment.number) {
            let offset = fragment.offset as usize;
            self.whole[offset..offset + fragment.payload.len()].copy_from_slice(fragment.payload);
        }
    }

    fn matches(&self, fragment: &Fragment<'_>) -> bool {
        self.whole.len() == fragment.total_length as usize && self.count == fragment.count
    }
}

type Place = (u64, u16);

#[derive(Debug, Default)]
struct Model {
    last: ReliableSeq,
    delivered: u64,
    ahead: BTreeMap<u16, Item>,
    barrier: Option<u64>,
    last_unreliable: u16,
    waiting: BTreeMap<Place, Item>,
    inbox: Vec<(Delivery, Vec<u8>)>,
    waiting_data: usize,
    limit: usize,
    accepting: bool,
}

impl Model {
    fn charge(&mut self, length: usize) -> Outcome {
        if self.waiting_data >= self.limit {
            return Err(DiscardReason::WaitingDataLimit);
        }
        self.waiting_data += length;
        Ok(())
    }

    fn on_reliable(&mut self, seq: ReliableSeq, payload: &[u8]) -> Outcome {
        if !self.accepting || self.is_settled(seq) || self.ahead.contains_key(&seq.0) {
            return Ok(());
        }
        self.charge(payload.len())?;
        if seq == self.last.next() && !self.is_stuck() {
            self.advance(1);
            self.inbox.push((Delivery::Reliable, payload.to_vec()));
            self.deliver_ahead();
            self.on_reliable_delivered();
        } else {
            self.ahead.insert(seq.0, Item::Whole(payload.to_vec()));
        }
        Ok(())
    }

    fn on_reliable_fragment(&mut self, fragment: &Fragment<'_>) -> Outcome {
        let start = ReliableSeq(fragment.start);
        match self.ahead.get_mut(&start.0) {
            Some(Item::Partial(set)) if set.matches(fragment) => set.insert(fragment),
            Some(_) => return Err(DiscardReason::BadFragment),
            None => {
                if !self.accepting || self.is_settled(start) {
                    return Err(DiscardReason::BadFragment);
                }
                self.charge(fragment.total_length as usize)?;
                let mut set = Set::new(fragment);
                set.insert(fragment);
                self.ahead.insert(start.0, Item::Partial(set));
            }
        }
        if self.deliver_ahead() {
            self.on_reliable_delivered();
        }
        Ok(())
    }

    fn on_unreliable(&mut self, reliable: ReliableSeq, seq: u16, payload: &[u8]) -> Outcome {
        let place = self.place(reliable, seq);
        if !self.accepting || self.is_superseded(reliable, seq) || self.waiting.contains_key(&place) {
            return Ok(());
        }
        self.charge(payload.len())?;
        self.waiting.insert(place, Item::Whole(payload.to_vec()));
        self.dispatch(Some(place));
        Ok(())
    }

    fn on_unreliable_fragment(&mut self, reliable: ReliableSeq, fragment: &Fragment<'_>) -> Outcome {
        let place = self.place(reliable, fragment.start);
        match self.waiting.get(&place) {
            Some(Item::Partial(set)) if set.matches(fragment) => {}
            Some(_) => return Err(DiscardReason::BadFragment),
            None => {
                if !self.accepting || self.is_superseded(reliable, fragment.start) {
                    return Err(DiscardReason::BadFragment);
                }
                self.charge(fragment.total_length as usize)?;
                self.waiting.insert(place, Item::Partial(Set::new(fragment)));
                self.dispatch(Some(place));
            }
        }
        if let Some(Item::Partial(set)) = self.waiting.get_mut(&place) {
            set.insert(fragment);
            if self.waiting[&place].is_complete() {
                self.dispatch(None);
            }
        }
        Ok(())
    }

    fn on_unsequenced(&mut self, payload: &[u8]) -> Outcome {
        if !self.accepting {
            return Ok(());
        }
        self.charge(payload.len())?;
        self.inbox.push((Delivery::Unsequenced, payload.to_vec()));
        self.dispatch(None);
        Ok(())
    }

    fn is_settled(&self, seq: ReliableSeq) -> bool {
        seq == self.last || seq.offset_from(self.last) != WindowOffset::Acceptable
    }

    fn is_superseded(&self, reliable: ReliableSeq, seq: u16) -> bool {
        reliable.offset_from(self.last) != WindowOffset::Acceptable
            || (reliable == self.last && seq <= self.last_unreliable)
    }

    fn place(&self, reliable: ReliableSeq, seq: u16) -> Place {
        (self.delivered + u64::from(reliable.distance_from(self.last)), seq)
    }

    #[allow(clippy::cast_possible_truncation)] // numbers advance modulo 2¹⁶
    fn advance(&mut self, numbers: u32) {
        self.delivered += u64::from(numbers);
        self.last = self.last.add(numbers as u16);
    }

    fn deliver_ahead(&mut self) -> bool {
        let mut any = false;
        while !self.is_stuck() && self.ahead.get(&self.last.next().0).is_some_and(Item::is_complete) {
            let before = self.last;
            let item = self.ahead.remove(&self.last.next().0).unwrap();
            self.inbox.push((Delivery::Reliable, item.bytes().clone()));
            self.advance(item.numbers());
            self.on_overtaken(before);
            any = true;
        }
        any
    }

    fn is_stuck(&self) -> bool {
        self.barrier.is_some_and(|barrier| self.delivered + 1 >= barrier)
    }

    fn on_overtaken(&mut self, before: ReliableSeq) {
        let span = self.last.distance_from(before);
        if span < 2 || self.ahead.is_empty() {
            return;
        }
        if self.ahead.contains_key(&self.last.0) {
            self.barrier = Some(self.delivered + 1);
        } else if self.first_ahead(before, span).is_some()
            && let Some(behind) = self.first_ahead(self.last, 0x7000)
        {
            let stuck = self.delivered + u64::from(behind.distance_from(self.last));
            self.barrier = Some(self.barrier.map_or(stuck, |barrier| barrier.min(stuck)));
        }
    }

    fn first_ahead(&self, from: ReliableSeq, span: u16) -> Option<ReliableSeq> {
        let queued = self.ahead.keys().map(|number| ReliableSeq(*number));
        queued
            .filter(|number| (1..=span).contains(&number.distance_from(from)))
            .min_by_key(|number| number.distance_from(from))
    }

    fn on_reliable_delivered(&mut self) {
        self.last_unreliable = 0;
        self.dispatch(None);
    }

    fn dispatch(&mut self, inserted: Option<Place>) {
        let mut at = self.waiting.keys().next().copied();
        let mut keep_from = at;
        let mut delivering = false;
        while let Some(place) = at
            && place.0 <= self.delivered
        {
            let after = (Bound::Excluded(place), Bound::Unbounded);
            let after = self.waiting.range(after).next().map(|(place, _)| *place);
            if place.0 < self.delivered {
                keep_from = after;
                delivering = false;
            } else if self.waiting[&place].is_complete() {
                let item = self.waiting.remove(&place).unwrap();
                let delivery = match item {
                    Item::Whole(_) => Delivery::Unreliable,
                    Item::Partial(_) => Delivery::UnreliableFragments,
                };
                self.inbox.push((delivery, item.bytes().clone()));
                self.last_unreliable = place.1;
                delivering = true;
            } else {
                if delivering {
                    keep_from = at;
                } else if keep_from != at {
                    keep_from = self.waiting.range(..place).next_back().map(|(place, _)| *place);
                }
                delivering = false;
            }
            at = after;
        }
        if delivering {
            keep_from = at;
        }
        let (limit, data) = (keep_from, &mut self.waiting_data);
        self.waiting.retain(|place, item| {
            let kept = limit.is_some_and(|limit| *place >= limit) || Some(*place) == inserted;
            *data -= if kept { 0 } else { item.bytes().len() };
            kept
        });
    }

    fn reserved_bytes(&self) -> usize {
        self.ahead.values().chain(self.waiting.values()).map(|item| item.bytes().len()).sum()
    }
}

/// Something that happens to a channel. Numbers count from the last reliable one delivered.
#[derive(Debug, Clone)]
enum Step {
    Reliable { ahead: u16, length: usize },
    Fragment { ahead: u16, count: u32, number: u32 },
    Unreliable { ahead: u16, seq: u16, length: usize },
    UnreliableFragment { ahead: u16, seq: u16, count: u32, number: u32 },
    Unsequenced { length: usize },
    Fetch { all: bool },
    Drain,
}

fn ahead() -> impl Strategy<Value = u16> {
    prop_oneof![6 => 0u16..4, 6 => 0u16..14, 1 => 0x5ff0u16..0x7100, 1 => 0xfff0u16..=0xffff]
}

fn step() -> impl Strategy<Value = Step> {
    let length = || prop_oneof![0usize..60, 0usize..3];
    prop_oneof![
        6 => (ahead(), length()).prop_map(|(ahead, length)| Step::Reliable { ahead, length }),
        6 => (ahead(), 1u32..5, 0u32..5).prop_map(|(ahead, count, number)| {
            Step::Fragment { ahead, count, number: number % count }
        }),
        1 => (ahead(), 60_000u32..70_000)
            .prop_map(|(ahead, count)| Step::Fragment { ahead, count, number: 0 }),
        4 => (ahead(), 0u16..9, length())
            .prop_map(|(ahead, seq, length)| Step::Unreliable { ahead, seq, length }),
        6 => (ahead(), 1u16..7, 1u32..4, 0u32..4).prop_map(|(ahead, seq, count, number)| {
            Step::UnreliableFragment { ahead, seq, count, number: number % count }
        }),
        1 => length().prop_map(|length| Step::Unsequenced { length }),
        2 => any::<bool>().prop_map(|all| Step::Fetch { all }),
    ]
}

/// The receiver and the model of it.
struct Both {
    receiver: Receiver,
    inbox: Inbox,
    memory: Memory,
    model: Model,
    fill: u8,
}

impl Both {
    fn new(start: u16, limit: usize) -> Both {
        let model = Model { last: ReliableSeq(start), limit, accepting: true, ..Model::default() };
        Both {
            receiver: Receiver::starting_at(ReliableSeq(start)),
            inbox: Inbox::default(),
            memory: Memory::new(Account::unlimited()),
            model,
            fill: 0,
        }
    }

    fn payload(&mut self, length: usize) -> Vec<u8> {
        self.fill = self.fill.wrapping_add(1);
        std::vec![self.fill; length]
    }

    /// Lets it happen to both, which must come to the same.
    fn take(&mut self, step: &Step) {
        let (ours, expected) = self.outcomes(step);
        assert_eq!(ours, expected, "{step:?}");
    }

    fn outcomes(&mut self, step: &Step) -> (Outcome, Outcome) {
        let base = self.model.last;
        let length = match step {
            Step::Reliable { length, .. }
            | Step::Unreliable { length, .. }
            | Step::Unsequenced { length } => *length,
            _ => 20,
        };
        let payload = self.payload(length);
        let Both { receiver, inbox, memory, model, .. } = self;
        let max_waiting_data = u32::try_from(model.limit).unwrap();
        let accepting = model.accepting;
        let intake = Intake { channel: ChannelId::new(0), inbox, memory, max_waiting_data, accepting };
        match *step {
            Step::Reliable { ahead, .. } => {
                let seq = base.add(ahead);
                (receiver.on_reliable(seq, &payload, intake), model.on_reliable(seq, &payload))
            }
            Step::Fragment { ahead, count, number } => {
                let fragment = fragment(base.add(ahead).0, count, number, &payload);
                if receiver.ignores_fragment_of(base.add(ahead)) {
                    return (Ok(()), Ok(()));
                }
                (receiver.on_reliable_fragment(&fragment, intake), model.on_reliable_fragment(&fragment))
            }
            Step::Unreliable { ahead, seq, .. } => {
                let reliable = base.add(ahead);
                let ours = receiver.on_unreliable(reliable, UnreliableSeq(seq), &payload, intake);
                (ours, model.on_unreliable(reliable, seq, &payload))
            }
            Step::UnreliableFragment { ahead, seq, count, number } => {
                let reliable = base.add(ahead);
                let fragment = fragment(seq, count, number, &payload);
                let ignored = receiver.ignores_unreliable_fragment_of(reliable, seq);
                assert_eq!(ignored, model.is_superseded(reliable, seq));
                if ignored {
                    return (Ok(()), Ok(()));
                }
                let ours = receiver.on_unreliable_fragment(reliable, &fragment, intake);
                (ours, model.on_unreliable_fragment(reliable, &fragment))
            }
            Step::Unsequenced { .. } => {
                (receiver.on_unsequenced(&payload, intake), model.on_unsequenced(&payload))
            }
            Step::Fetch { all } => {
                self.fetch(if all { usize::MAX } else { 1 });
                (Ok(()), Ok(()))
            }
            Step::Drain => {
                model.accepting = false;
                (Ok(()), Ok(()))
            }
        }
    }

    /// The application takes what was delivered.
    fn fetch(&mut self, most: usize) {
        for _ in 0..most.min(self.model.inbox.len()) {
            let (_, packet) = self.inbox.take(&mut self.memory).unwrap();
            let (delivery, bytes) = self.model.inbox.remove(0);
            assert_eq!((packet.delivery(), &packet[..]), (delivery, &bytes[..]));
            self.model.waiting_data -= bytes.len();
        }
        assert_eq!(self.inbox.is_empty(), self.model.inbox.is_empty());
    }

    fn compare(&self) {
        let model = &self.model;
        assert_eq!(self.receiver.last_reliable(), model.last);
        assert_eq!(self.receiver.last_unreliable().0, model.last_unreliable);
        assert_eq!(self.receiver.reserved_bytes(), model.reserved_bytes());
        assert_eq!(self.inbox.waiting_data() as usize, model.waiting_data);
        let (packets, bytes) = self.inbox.queued(&self.memory);
        assert_eq!(packets, model.inbox.len());
        let held = self.receiver.held() + bytes + packets * ENTRY as usize;
        assert_eq!(self.inbox.held() as usize, held);
        let waits = !model.ahead.is_empty() || !model.waiting.is_empty() || model.barrier.is_some();
        assert_eq!(self.receiver.is_idle(), !waits);
    }
}

/// A fragment of a packet of which every fragment has twenty bytes, or one if there are many.
fn fragment(start: u16, count: u32, number: u32, payload: &[u8]) -> Fragment<'_> {
    let size = if count < 100 { 20 } else { 1 };
    let payload = &payload[..size];
    Fragment { start, count, number, total_length: count * 20, offset: number * 20, payload }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_receiver_does_what_the_model_does(
        start: u16,
        limit in prop_oneof![4 => Just(10_000_000usize), 1 => 40usize..400],
        mut steps in prop::collection::vec(step(), 1..150),
        drain in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        if let Some(index) = drain {
            steps.insert(index.index(steps.len()), Step::Drain);
        }
        let mut both = Both::new(start, limit);
        for step in &steps {
            both.take(step);
            both.compare();
        }
        both.fetch(usize::MAX);
    }
}

/// A packet of more than 2¹⁶ fragments passes every number once and more: whatever waited is stale then, under whichever
/// number.
#[test]
fn a_packet_of_more_fragments_than_there_are_numbers() {
    for others in [std::vec![], std::vec![3, 70], std::vec![2]] {
        let mut both = Both::new(65_000, 10_000_000);
        for ahead in others {
            both.take(&Step::Reliable { ahead, length: 5 });
        }
        for ahead in [0, 1, 2, 3, 0x6000] {
            both.take(&Step::Unreliable { ahead, seq: 1, length: 5 });
        }
        for number in (0..65_540).rev() {
            both.take(&Step::Fragment { ahead: 1, count: 65_540, number });
        }
        both.compare();
        assert_eq!(both.model.delivered, 65_540);
        for ahead in 0..100 {
            both.take(&Step::Reliable { ahead, length: 5 });
            both.take(&Step::Unreliable { ahead, seq: 1, length: 5 });
            both.compare();
        }
        both.fetch(usize::MAX);
    }
}
