//! [`Outbox`]: what one side sent on one channel, and which deliveries of it are lawful (R1, U1, U2, S1).

use std::collections::VecDeque;

use crate::endpoint::Kind;
use crate::message::HEADER_LEN;
use crate::time::Time;

/// Unsequenced duplicates are caught while fewer groups than this have been sent since: 31 windows of 1024.
pub(super) const UNSEQUENCED_HORIZON: u64 = 31 * 1024;

/// Settled messages that are kept, for a better account of what came late.
const RECENT: u64 = 64;

/// Messages without a header that are kept: each is compared with each that arrives.
const TINY: usize = 1024;

/// A place in the order of sending.
type Position = u64;

/// A message without a place: it was refused, or has no header.
const NOWHERE: Position = Position::MAX;

/// Why a delivery was not lawful: the property, and what was expected and seen.
pub(super) type Complaint = (&'static str, String);

/// What a lawful delivery was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Delivered {
    /// It was sent as something else than reliable, and arrived reliably.
    pub(super) promoted: bool,
    /// Older messages of the sequenced kinds were passed over; among them a fragmented one.
    pub(super) passed_over: bool,
    pub(super) passed_set: bool,
    /// An unsequenced message behind a newer one.
    pub(super) reordered: bool,
    /// It was older than any state is kept.
    pub(super) forgotten: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Time,
    len: u32,
    id: u32,
    kind: Kind,
    /// What it becomes (PROTOCOL.md §12.2).
    effective: Kind,
    delivered: bool,
    /// The count of unsequenced messages of the connection with this one.
    group: u64,
}

#[derive(Debug, Clone, Default)]
struct Places {
    first: u32,
    positions: VecDeque<Position>,
}

/// The places of the messages of each kind.
#[derive(Debug, Clone, Default)]
struct ByKind {
    reliable: Places,
    unreliable: Places,
    sets: Places,
    unsequenced: Places,
}

impl ByKind {
    fn of_mut(&mut self, kind: Kind) -> &mut Places {
        match kind {
            Kind::Reliable => &mut self.reliable,
            Kind::Unreliable => &mut self.unreliable,
            Kind::UnreliableFragments => &mut self.sets,
            Kind::Unsequenced => &mut self.unsequenced,
        }
    }
}

/// What one side sent on one channel and may still arrive.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    entries: VecDeque<Entry>,
    /// The position of the first entry.
    first: Position,
    places: ByKind,
    /// Payloads too short for a header.
    tiny: VecDeque<(Position, [u8; HEADER_LEN])>,
    /// Positions of what is to arrive reliably and has not.
    reliables: VecDeque<Position>,
    /// Where the merged order of reliable and sequenced unreliable messages goes on.
    cursor: Position,
    /// The newest unsequenced position that arrived.
    newest_unsequenced: Option<Position>,
    /// ENet's `outgoingUnreliableSequenceNumber` (PROTOCOL.md §12.4).
    unreliable_number: u16,
    /// A message was promoted for want of unreliable numbers.
    pub(super) exhausted: bool,
}

/// The oldest message that should have arrived and has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) at: Time,
    pub(super) kind: Kind,
    pub(super) id: u32,
    pub(super) count: usize,
}

impl Outbox {
    /// A message was accepted. `fragment` is the largest payload that is not cut, `group` the count of unsequenced
    /// messages of the connection before this one. Returns what the message becomes.
    pub(super) fn sent(
        &mut self,
        at: Time,
        kind: Kind,
        id: Option<u32>,
        payload: &[u8],
        fragment: usize,
        group: u64,
    ) -> Kind {
        let effective = self.effective(kind, payload.len(), fragment);
        let position = self.first + self.entries.len() as u64;
        let id = self.place(kind, id, position);
        if let Some(bytes) = tiny(payload) {
            self.tiny.push_back((position, bytes));
        }
        if effective == Kind::Reliable {
            self.reliables.push_back(position);
        }
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.entries.push_back(Entry { at, len, id, kind, effective, delivered: false, group: group + 1 });
        effective
    }

    /// Whether anything is to arrive reliably and has not.
    pub(super) fn pending(&self) -> Option<Pending> {
        let entry = self.entry(*self.reliables.front()?)?;
        Some(Pending { at: entry.at, kind: entry.kind, id: entry.id, count: self.reliables.len() })
    }

    /// Whether a message sent before `time` is to arrive reliably and has not.
    pub(super) fn pending_since(&self, time: Time) -> Option<Pending> {
        self.pending().filter(|pending| pending.at <= time)
    }

    /// What was sent as `kind` with this number arrived as `shown`. `groups` have been sent.
    pub(super) fn delivered(
        &mut self,
        kind: Kind,
        id: u32,
        len: usize,
        shown: Option<Kind>,
        groups: u64,
    ) -> Result<Delivered, Complaint> {
        let place = self.places.of_mut(kind);
        let position = match id.checked_sub(place.first) {
            Some(index) => place.positions.get(index as usize).copied().unwrap_or(NOWHERE),
            None if kind == Kind::Unsequenced => {
                return Ok(Delivered { forgotten: true, ..Delivered::default() });
            }
            None => {
                let property = if kind == Kind::Reliable { "R1" } else { "U1" };
                return Err((
                    property,
                    format!("{} message {id} arrived long after newer ones", kind.as_str()),
                ));
            }
        };
        let Some(entry) = self.entry(position).copied() else {
            return Err(("R1", format!("{} message {id} arrived, which was never sent", kind.as_str())));
        };
        if entry.len as usize != len {
            return Err((
                "R1",
                format!("{} message {id} of {} bytes arrived with {len}", kind.as_str(), entry.len),
            ));
        }
        self.arrived(position, shown, groups)
    }

    /// A message without a header arrived.
    pub(super) fn delivered_tiny(
        &mut self,
        payload: &[u8],
        shown: Option<Kind>,
        groups: u64,
    ) -> Result<Delivered, Complaint> {
        let wanted = tiny(payload).unwrap_or_default();
        let fits = |entry: &Entry| {
            let lawful = !entry.delivered && shown.is_none_or(|shown| alike(shown, entry.effective));
            lawful && entry.len as usize == payload.len()
        };
        // The earliest that is not behind the merged order; failing that, any: the rules then say what is wrong.
        let mut candidates =
            self.tiny.iter().filter(|(_, bytes)| *bytes == wanted).map(|(position, _)| *position);
        let found = candidates.clone().find(|position| {
            self.entry(*position).is_some_and(|entry| {
                fits(entry) && (entry.effective == Kind::Unsequenced || *position >= self.cursor)
            })
        });
        match found.or_else(|| candidates.next()) {
            Some(position) => self.arrived(position, shown, groups),
            None if shown == Some(Kind::Unsequenced) => {
                Ok(Delivered { forgotten: true, ..Delivered::default() })
            }
            None => Err((
                "R1",
                format!("a message of {} bytes arrived, which was never sent like that", payload.len()),
            )),
        }
    }

    fn arrived(
        &mut self,
        position: Position,
        shown: Option<Kind>,
        groups: u64,
    ) -> Result<Delivered, Complaint> {
        let Some(entry) = self.entry(position).copied() else {
            return Ok(Delivered { forgotten: true, ..Delivered::default() });
        };
        let name = || format!("{} message {}", entry.kind.as_str(), entry.id);
        if let Some(shown) = shown.filter(|shown| !alike(*shown, entry.effective)) {
            let text = format!("{} arrived as {}, not {}", name(), shown.as_str(), entry.effective.as_str());
            return Err(("R1", text));
        }
        let mut what = Delivered {
            promoted: entry.kind != Kind::Reliable && entry.effective == Kind::Reliable,
            ..Delivered::default()
        };
        match entry.effective {
            Kind::Reliable => self.in_order(position, &entry).map_err(|text| ("R1", text))?,
            Kind::Unreliable | Kind::UnreliableFragments => self.not_backwards(position, &entry)?,
            Kind::Unsequenced => {
                if entry.delivered && groups.saturating_sub(entry.group) < UNSEQUENCED_HORIZON {
                    let age = groups - entry.group;
                    return Err(("S1", format!("{} arrived twice, {age} groups after it was sent", name())));
                }
                what.reordered = self.newest_unsequenced.is_some_and(|newest| position < newest);
                self.newest_unsequenced = self.newest_unsequenced.max(Some(position));
            }
        }
        if entry.effective != Kind::Unsequenced {
            (what.passed_over, what.passed_set) = self.passed_over(position);
            self.cursor = position + 1;
        }
        if let Some(entry) = self.entry_mut(position) {
            entry.delivered = true;
        }
        self.forget(groups);
        Ok(what)
    }

    /// Reliable messages arrive once each and in order.
    fn in_order(&mut self, position: Position, entry: &Entry) -> Result<(), String> {
        let name = format_args!("{} message {}", entry.kind.as_str(), entry.id).to_string();
        if entry.delivered {
            return Err(format!("{name} arrived twice"));
        }
        match self.reliables.front() {
            Some(front) if *front == position => {
                self.reliables.pop_front();
                Ok(())
            }
            front => {
                let expected = front.and_then(|front| self.entry(*front));
                let expected =
                    expected.map_or("none".into(), |entry| format!("{} {}", entry.kind.as_str(), entry.id));
                Err(format!("{name} arrived, the next to arrive reliably was {expected}"))
            }
        }
    }

    /// Sequenced unreliable messages never go back, and never in front of a reliable one that was sent before them.
    fn not_backwards(&self, position: Position, entry: &Entry) -> Result<(), Complaint> {
        let name = || format!("{} message {}", entry.kind.as_str(), entry.id);
        if entry.delivered {
            return Err(("U1", format!("{} arrived twice", name())));
        }
        if position < self.cursor {
            let newer = self
                .entry(self.cursor - 1)
                .map_or(String::new(), |e| format!(": {} {}", e.kind.as_str(), e.id));
            return Err(("U1", format!("{} arrived behind a newer message of its channel{newer}", name())));
        }
        match self
            .reliables
            .front()
            .and_then(|front| (*front < position).then(|| self.entry(*front)).flatten())
        {
            Some(missing) => {
                let text = format!(
                    "{} arrived before the reliable message {} that was sent first",
                    name(),
                    missing.id
                );
                Err(("U2", text))
            }
            None => Ok(()),
        }
    }

    /// Whether something between the cursor and `position` never arrived; whether it had fragments.
    fn passed_over(&self, position: Position) -> (bool, bool) {
        let (mut any, mut set) = (false, false);
        for passed in self.cursor..position {
            let missing = self.entry(passed).filter(|e| !e.delivered && e.effective != Kind::Unsequenced);
            any |= missing.is_some();
            set |= missing.is_some_and(|entry| entry.effective == Kind::UnreliableFragments);
        }
        (any, set)
    }

    /// What a message becomes (PROTOCOL.md §12.2), with the bookkeeping of §12.4.
    fn effective(&mut self, kind: Kind, len: usize, fragment: usize) -> Kind {
        let whole = len <= fragment;
        let effective = match kind {
            Kind::Unsequenced if whole => Kind::Unsequenced,
            Kind::Unreliable | Kind::UnreliableFragments if self.unreliable_number == u16::MAX => {
                self.exhausted = true;
                Kind::Reliable
            }
            Kind::Unreliable | Kind::UnreliableFragments if whole => Kind::Unreliable,
            Kind::UnreliableFragments => Kind::UnreliableFragments,
            Kind::Reliable | Kind::Unreliable | Kind::Unsequenced => Kind::Reliable,
        };
        match effective {
            Kind::Reliable => self.unreliable_number = 0,
            Kind::Unreliable | Kind::UnreliableFragments => self.unreliable_number += 1,
            Kind::Unsequenced => {}
        }
        effective
    }

    /// Files a position under its number; a message without one gets the number that its place has.
    fn place(&mut self, kind: Kind, id: Option<u32>, position: Position) -> u32 {
        let place = self.places.of_mut(kind);
        let next = place.first.saturating_add(u32::try_from(place.positions.len()).unwrap_or(u32::MAX));
        let id = id.unwrap_or(next);
        if id < next {
            return id; // a number used twice: the second message cannot be told from the first
        }
        for _ in next..id.min(next.saturating_add(1 << 20)) {
            place.positions.push_back(NOWHERE); // refused
        }
        place.positions.push_back(position);
        id
    }

    /// Lets go of what no rule asks for any more.
    fn forget(&mut self, groups: u64) {
        let settled = self.reliables.front().map_or(self.cursor, |front| self.cursor.min(*front));
        while let Some(entry) = self.entries.front() {
            let done = match entry.effective {
                Kind::Unsequenced => groups.saturating_sub(entry.group) >= UNSEQUENCED_HORIZON,
                _ => self.first + RECENT < settled,
            };
            if !done {
                break;
            }
            let place = self.places.of_mut(entry.kind);
            while place.positions.front().is_some_and(|p| *p == NOWHERE || *p <= self.first) {
                place.positions.pop_front();
                place.first += 1;
            }
            self.entries.pop_front();
            self.first += 1;
        }
        // What is still to arrive is remembered, however much that is.
        while self.tiny.len() > TINY
            && self.tiny.front().is_some_and(|(position, _)| {
                self.entry(*position).is_none_or(|it| it.delivered || it.effective != Kind::Reliable)
            })
        {
            self.tiny.pop_front();
        }
        while self.tiny.front().is_some_and(|(position, _)| *position < self.first) {
            self.tiny.pop_front();
        }
    }

    fn entry(&self, position: Position) -> Option<&Entry> {
        self.entries.get(usize::try_from(position.checked_sub(self.first)?).ok()?)
    }

    fn entry_mut(&mut self, position: Position) -> Option<&mut Entry> {
        self.entries.get_mut(usize::try_from(position.checked_sub(self.first)?).ok()?)
    }
}

/// A payload shorter than a header, padded; the length is compared apart.
fn tiny(payload: &[u8]) -> Option<[u8; HEADER_LEN]> {
    let mut bytes = [0; HEADER_LEN];
    bytes.get_mut(..payload.len()).filter(|_| payload.len() < HEADER_LEN)?.copy_from_slice(payload);
    Some(bytes)
}

/// Not every implementation tells the two sequenced unreliable kinds apart.
fn alike(shown: Kind, effective: Kind) -> bool {
    let plain = |kind| if kind == Kind::UnreliableFragments { Kind::Unreliable } else { kind };
    plain(shown) == plain(effective)
}
