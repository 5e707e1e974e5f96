//! [`Backlog`]: what waits on a channel. It exists only while something does.

use enet_wire::{ReliableSeq, UnreliableSeq};

use super::intake::{Ahead, Intake};
use super::unreliable::{Place, Waiting};
use crate::collections::tree::Tree;
use crate::packet::Delivery;

/// No acceptable number is further ahead than this.
const ACCEPTED_SPAN: u16 = 0x7000;

/// Reliable packets that came too early or in part, and unreliable ones that wait for those.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// Numbers delivered in order since something waits: the last one without the wrap.
    delivered: u64,
    /// Reliable packets by their numbers.
    ahead: Tree<Ahead>,
    /// Numbers from this one on (counted as `delivered`) are stuck behind one that a fragmented packet overtook.
    barrier: Option<u64>,
    pub(super) unreliable: Waiting,
}

impl Backlog {
    pub(super) const fn new() -> Self {
        Backlog { delivered: 0, ahead: Tree::new(), barrier: None, unreliable: Waiting::new() }
    }

    /// Makes an idle one like new.
    pub(super) fn reset(&mut self) {
        self.delivered = 0;
    }

    /// Whether nothing waits, and nothing has to.
    pub(super) const fn is_idle(&self) -> bool {
        self.ahead.is_empty() && self.barrier.is_none() && self.unreliable.is_empty()
    }

    /// Places for packets, taken or not.
    pub(super) const fn places(&self) -> usize {
        self.ahead.places() + self.unreliable.places()
    }

    /// Bytes of memory it takes, beside what the packets do.
    pub(super) const fn footprint(&self) -> usize {
        size_of::<Backlog>() + self.ahead.footprint() + self.unreliable.footprint()
    }

    /// The same together with the packets, added up anew.
    pub(super) fn held(&self) -> usize {
        let packets = self.ahead.values().chain(self.unreliable.items());
        self.footprint() + packets.map(Ahead::held).sum::<usize>()
    }

    /// Bytes held by packets that wait here.
    pub(super) fn reserved_bytes(&self) -> usize {
        self.ahead.values().chain(self.unreliable.items()).map(Ahead::reserved).sum()
    }

    pub(super) fn contains(&self, seq: ReliableSeq) -> bool {
        self.ahead.contains(u64::from(seq.0))
    }

    pub(super) fn get_mut(&mut self, seq: ReliableSeq) -> Option<&mut Ahead> {
        self.ahead.get_mut(u64::from(seq.0))
    }

    pub(super) fn insert(&mut self, seq: ReliableSeq, item: Ahead) {
        self.ahead.insert(u64::from(seq.0), item);
    }

    /// Where an unreliable packet belongs.
    pub(super) fn place(&self, last: ReliableSeq, reliable: ReliableSeq, seq: UnreliableSeq) -> Place {
        Place::new(self.delivered + u64::from(reliable.distance_from(last)), seq)
    }

    /// Counts numbers as delivered, of which the last was `last` so far.
    pub(super) fn advance(&mut self, last: &mut ReliableSeq, numbers: u32) {
        self.delivered += u64::from(numbers);
        #[allow(clippy::cast_possible_truncation)] // numbers advance modulo 2¹⁶
        let step = numbers as u16;
        *last = last.add(step);
    }

    /// Delivers what is complete and next in order; whether there was anything.
    pub(super) fn deliver_ahead(&mut self, last: &mut ReliableSeq, intake: &mut Intake<'_>) -> bool {
        let mut any = false;
        while !self.is_stuck()
            && let Some(next) = self.ahead.get(u64::from(last.next().0)).filter(|next| next.is_complete())
        {
            let (before, numbers) = (*last, next.numbers());
            if let Some(item) = self.ahead.remove(u64::from(last.next().0)) {
                intake.deliver_ahead(item, Delivery::Reliable);
            }
            self.advance(last, numbers);
            self.on_overtaken(*last, before);
            any = true;
        }
        any
    }

    /// Delivers the unreliable packets that follow the last reliable one; the number of the last of them.
    pub(super) fn dispatch(
        &mut self,
        inserted: Option<Place>,
        intake: &mut Intake<'_>,
    ) -> Option<UnreliableSeq> {
        self.unreliable.dispatch(self.delivered, inserted, intake)
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.barrier.is_some_and(|barrier| self.delivered + 1 >= barrier)
    }

    /// A fragmented packet was delivered over the numbers after `before`. If others were queued there, which only a
    /// foreign sender brings about, stock ENet leaves them standing in its queue: one that bears the last number blocks
    /// the channel, the others block what was queued behind them (docs/QUIRKS.md Q-overlap).
    fn on_overtaken(&mut self, last: ReliableSeq, before: ReliableSeq) {
        let span = last.distance_from(before);
        if span < 2 || self.ahead.is_empty() {
            return;
        }
        if self.contains(last) {
            self.barrier = Some(self.delivered + 1);
        } else if self.first_ahead(before, span).is_some()
            && let Some(behind) = self.first_ahead(last, ACCEPTED_SPAN)
        {
            let stuck = self.delivered + u64::from(behind.distance_from(last));
            self.barrier = Some(self.barrier.map_or(stuck, |barrier| barrier.min(stuck)));
        }
    }

    /// The first queued number after `from`, among the next `span`.
    fn first_ahead(&self, from: ReliableSeq, span: u16) -> Option<ReliableSeq> {
        let later = self.ahead.first_from(u64::from(from.next().0));
        let found = later.or_else(|| self.ahead.first())?;
        let found = ReliableSeq(u16::try_from(found).ok()?);
        (1..=span).contains(&found.distance_from(from)).then_some(found)
    }
}
