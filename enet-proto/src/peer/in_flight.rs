//! [`InFlight`]: reliable commands that were sent and are not acknowledged, in order of transmission (PROTOCOL.md §9.5).

use enet_wire::{Body, ChannelId, Command, Fragment, ReliableSeq};

use crate::collections::ring::SeqRing;
use crate::collections::slab::{Key, Slab};
use crate::mutants::{self, Mutant};
use crate::packet::Packet;
use crate::time::Millis;

/// A reliable command that went out at least once.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) channel: ChannelId,
    pub(crate) seq: ReliableSeq,
    /// Its place in the order in which things were queued.
    pub(crate) stamp: u32,
    pub(crate) sent_time: Millis,
    /// Retransmission timeout of the last transmission, in ms.
    pub(crate) timeout: u32,
    pub(crate) attempts: u32,
    pub(crate) body: SentBody,
}

/// What a reliable command carries.
#[derive(Debug, Clone)]
pub(crate) enum SentBody {
    Control(Body<'static>),
    Packet(Packet),
    Fragment(Packet, Cut),
}

/// Which part of a packet a fragment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Sequence number that names the set.
    pub(crate) start: u16,
    /// Bytes in every fragment but the last.
    pub(crate) size: u32,
    pub(crate) count: u32,
    pub(crate) number: u32,
}

impl Cut {
    /// The fragment of `packet`.
    #[allow(clippy::cast_possible_truncation)] // packets are limited to u32 lengths when they are queued
    pub(crate) fn of(self, packet: &Packet) -> Fragment<'_> {
        let offset = self.number.saturating_mul(self.size);
        let rest = packet.get(offset as usize..).unwrap_or_default();
        let payload = rest.get(..self.size as usize).unwrap_or(rest);
        Fragment {
            start: self.start,
            count: self.count,
            number: self.number,
            total_length: packet.len() as u32,
            offset,
            payload,
        }
    }
}

impl Sent {
    /// The command as it goes out.
    pub(crate) fn command(&self) -> Command<'_> {
        let body = match &self.body {
            SentBody::Control(body) => *body,
            SentBody::Packet(packet) => Body::SendReliable { payload: packet },
            SentBody::Fragment(packet, cut) => Body::SendFragment(cut.of(packet)),
        };
        Command { channel: self.channel, seq: self.seq, acknowledge: true, unsequenced: false, body }
    }

    /// Payload bytes, which count against the byte window; none for a control command.
    #[allow(clippy::cast_possible_truncation)] // at most one datagram
    pub(crate) fn payload_len(&self) -> u32 {
        self.command().payload().len() as u32
    }

    fn list(&self) -> Retry {
        match self.body {
            SentBody::Control(_) => Retry::Control,
            SentBody::Packet(_) | SentBody::Fragment(..) => Retry::Data,
        }
    }
}

/// The two queues in which expired commands wait for retransmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    Control,
    Data,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    InFlight,
    Retry(Retry),
}

#[derive(Debug)]
struct Entry {
    previous: Option<Key>,
    next: Option<Key>,
    place: Place,
    sent: Sent,
}

#[derive(Debug, Clone, Copy, Default)]
struct List {
    first: Option<Key>,
    last: Option<Key>,
}

/// What the timeout check does with an expired command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Retransmit it, with this timeout in ms.
    Resend(u32),
    /// Too much: the peer is gone.
    GiveUp,
}

/// A slab of commands threaded onto three lists: in flight by time of transmission, and two of expired ones.
#[derive(Debug)]
pub(crate) struct InFlight {
    entries: Slab<Entry>,
    in_flight: List,
    retry_control: List,
    retry_data: List,
    control: SeqRing<Key>,
    bytes: u32,
}

impl InFlight {
    pub(crate) const fn new() -> Self {
        InFlight {
            entries: Slab::new(),
            in_flight: List { first: None, last: None },
            retry_control: List { first: None, last: None },
            retry_data: List { first: None, last: None },
            control: SeqRing::new(),
            bytes: 0,
        }
    }

    /// Enters a command that goes out for the first time.
    pub(crate) fn send(&mut self, sent: Sent) -> Key {
        self.bytes = self.bytes.saturating_add(sent.payload_len());
        let is_control = sent.list() == Retry::Control;
        let seq = sent.seq;
        let entry = Entry { previous: None, next: None, place: Place::InFlight, sent };
        let key = self.entries.insert(entry);
        if is_control {
            self.control.push(seq, key);
        }
        self.push_back(Place::InFlight, key);
        key
    }

    /// Moves an expired command back into flight; it goes out once more at `now`.
    pub(crate) fn resend(&mut self, key: Key, now: Millis) {
        self.unlink(key);
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.sent.sent_time = now;
        entry.sent.attempts = entry.sent.attempts.saturating_add(1);
        let bytes = entry.sent.payload_len();
        self.bytes = self.bytes.saturating_add(bytes);
        self.push_back(Place::InFlight, key);
    }

    /// Takes an acknowledged command out, wherever it waits.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Sent> {
        self.unlink(key);
        let entry = self.entries.remove(key)?;
        let stays = mutants::is(Mutant::InTransitLeak) && matches!(entry.sent.body, SentBody::Fragment(..));
        if entry.place == Place::InFlight && !stays {
            self.bytes = self.bytes.saturating_sub(entry.sent.payload_len());
        }
        Some(entry.sent)
    }

    /// Takes a control command out by its number.
    pub(crate) fn remove_control(&mut self, seq: ReliableSeq) -> Option<Sent> {
        let key = self.control.remove(seq)?;
        self.remove(key)
    }

    /// Looks at the commands in flight, oldest transmission first, once the oldest is due. Those whose own timeout has
    /// passed go to the front of their retry queue, in order. Whether the peer must be given up.
    pub(crate) fn expire(&mut self, now: Millis, mut judge: impl FnMut(&Sent) -> Expiry) -> bool {
        if self.deadline().is_none_or(|deadline| now.less(deadline)) {
            return false;
        }
        let (before_control, before_data) = (self.retry_control.first, self.retry_data.first);
        let mut at = self.in_flight.first;
        while let Some((key, entry)) = at.and_then(|key| Some((key, self.entries.get(key)?))) {
            at = entry.next;
            if now.diff(entry.sent.sent_time) < entry.sent.timeout {
                continue;
            }
            match judge(&entry.sent) {
                Expiry::GiveUp => return true,
                Expiry::Resend(timeout) => {
                    let before = match entry.sent.list() {
                        Retry::Control => before_control,
                        Retry::Data => before_data,
                    };
                    self.postpone(key, timeout, before);
                }
            }
        }
        false
    }

    /// When the oldest transmission is due, while there is one.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        let oldest = &self.entries.get(self.in_flight.first?)?.sent;
        if mutants::is(Mutant::ForgottenTimer) && oldest.attempts > 1 {
            return None;
        }
        Some(oldest.sent_time.plus(oldest.timeout))
    }

    /// The next command to retransmit from a queue.
    pub(crate) fn retry(&self, retry: Retry) -> Option<(Key, &Sent)> {
        let list = match retry {
            Retry::Control => &self.retry_control,
            Retry::Data => &self.retry_data,
        };
        let key = list.first?;
        Some((key, &self.entries.get(key)?.sent))
    }

    /// The command under a key.
    pub(crate) fn get(&self, key: Key) -> Option<&Sent> {
        Some(&self.entries.get(key)?.sent)
    }

    /// Whether nothing is in flight; expired commands do not count.
    pub(crate) const fn is_idle(&self) -> bool {
        self.in_flight.first.is_none()
    }

    /// Whether no command awaits an acknowledgement, in flight or expired.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether expired commands wait to go out again.
    pub(crate) const fn has_waiting(&self) -> bool {
        self.retry_control.first.is_some() || self.retry_data.first.is_some()
    }

    /// Expired commands waiting to go out again. Counts them one by one.
    pub(crate) fn waiting(&self) -> usize {
        self.walk(self.retry_control).count() + self.walk(self.retry_data).count()
    }

    /// Payload bytes in flight.
    pub(crate) const fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Payload bytes in flight, added up anew.
    pub(crate) fn recount(&self) -> u64 {
        self.walk(self.in_flight).map(|sent| u64::from(sent.payload_len())).sum()
    }

    /// Forgets every command. The byte count stays, as it does in stock ENet (PROTOCOL.md §7).
    pub(crate) fn clear(&mut self) {
        *self = InFlight { bytes: self.bytes, ..InFlight::new() };
    }

    fn postpone(&mut self, key: Key, timeout: u32, before: Option<Key>) {
        self.unlink(key);
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.sent.timeout = timeout;
        let bytes = entry.sent.payload_len();
        let place = Place::Retry(entry.sent.list());
        self.bytes = self.bytes.saturating_sub(bytes);
        self.insert_before(place, key, before);
    }

    fn walk(&self, list: List) -> impl Iterator<Item = &Sent> {
        let mut at = list.first;
        core::iter::from_fn(move || {
            let entry = self.entries.get(at?)?;
            at = entry.next;
            Some(&entry.sent)
        })
    }

    fn list_mut(&mut self, place: Place) -> &mut List {
        match place {
            Place::InFlight => &mut self.in_flight,
            Place::Retry(Retry::Control) => &mut self.retry_control,
            Place::Retry(Retry::Data) => &mut self.retry_data,
        }
    }

    fn push_back(&mut self, place: Place, key: Key) {
        self.insert_before(place, key, None);
    }

    /// Links `key` into a list in front of `before`, or at its end.
    fn insert_before(&mut self, place: Place, key: Key, before: Option<Key>) {
        let previous = match before {
            Some(next) => self.entries.get(next).and_then(|entry| entry.previous),
            None => self.list_mut(place).last,
        };
        if let Some(entry) = self.entries.get_mut(key) {
            (entry.place, entry.previous, entry.next) = (place, previous, before);
        }
        match previous.and_then(|key| self.entries.get_mut(key)) {
            Some(entry) => entry.next = Some(key),
            None => self.list_mut(place).first = Some(key),
        }
        match before.and_then(|key| self.entries.get_mut(key)) {
            Some(entry) => entry.previous = Some(key),
            None => self.list_mut(place).last = Some(key),
        }
    }

    fn unlink(&mut self, key: Key) {
        let Some(entry) = self.entries.get(key) else { return };
        let (place, previous, next) = (entry.place, entry.previous, entry.next);
        match previous.and_then(|key| self.entries.get_mut(key)) {
            Some(entry) => entry.next = next,
            None => self.list_mut(place).first = next,
        }
        match next.and_then(|key| self.entries.get_mut(key)) {
            Some(entry) => entry.previous = previous,
            None => self.list_mut(place).last = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn sent(seq: u16, control: bool, now: u32, timeout: u32) -> Sent {
        let body = if control {
            SentBody::Control(Body::Ping)
        } else {
            SentBody::Packet(Packet::reliable(&[0; 10][..usize::from(seq % 11)]))
        };
        let channel = if control { ChannelId::CONTROL } else { ChannelId::new(0) };
        Sent { channel, seq: ReliableSeq(seq), stamp: 0, sent_time: Millis(now), timeout, attempts: 1, body }
    }

    /// The same in the simplest way: three vectors of numbers.
    #[derive(Default)]
    struct Model {
        in_flight: Vec<u16>,
        control: Vec<u16>,
        data: Vec<u16>,
    }

    fn order<'a>(commands: impl Iterator<Item = &'a Sent>) -> Vec<u16> {
        commands.map(|sent| sent.seq.0).collect()
    }

    proptest! {
        #[test]
        fn commands_stand_where_the_model_has_them(
            ops in prop::collection::vec((0u8..5, any::<bool>(), any::<prop::sample::Index>(), 10u32..60, 0u32..30), 1..300),
        ) {
            let mut in_flight = InFlight::new();
            let mut model = Model::default();
            let (mut now, mut seq) = (1_000u32, 0u16);
            let mut known: Vec<(u16, Key, bool, u32, u32)> = Vec::new();
            for (op, control, pick, timeout, wait) in ops {
                now += wait;
                match op {
                    0 | 1 => {
                        seq += 1;
                        let key = in_flight.send(sent(seq, control, now, timeout));
                        known.push((seq, key, control, now, timeout));
                        model.in_flight.push(seq);
                    }
                    2 if !known.is_empty() => {
                        let (seq, key, ..) = known.remove(pick.index(known.len()));
                        prop_assert_eq!(in_flight.remove(key).map(|sent| sent.seq.0), Some(seq));
                        for list in [&mut model.in_flight, &mut model.control, &mut model.data] {
                            list.retain(|other| *other != seq);
                        }
                    }
                    3 => {
                        let retry = if control { Retry::Control } else { Retry::Data };
                        let list = if control { &mut model.control } else { &mut model.data };
                        let next = in_flight.retry(retry).map(|(key, sent)| (key, sent.seq.0));
                        prop_assert_eq!(next.map(|(_, seq)| seq), list.first().copied());
                        if let Some((key, seq)) = next {
                            list.remove(0);
                            in_flight.resend(key, Millis(now));
                            model.in_flight.push(seq);
                            let entry = known.iter_mut().find(|entry| entry.0 == seq);
                            prop_assert!(entry.is_some());
                            if let Some(entry) = entry {
                                entry.3 = now;
                            }
                        }
                    }
                    4 => {
                        let due = in_flight.deadline().is_some_and(|deadline| deadline.0 <= now);
                        prop_assert!(!in_flight.expire(Millis(now), |sent| Expiry::Resend(sent.timeout)));
                        if due {
                            let expired = |seq: &u16| known.iter().any(|(other, _, _, sent, timeout)| other == seq && sent + timeout <= now);
                            let is_control = |seq: &u16| known.iter().any(|(other, _, control, ..)| other == seq && *control);
                            let (gone, kept): (Vec<u16>, Vec<u16>) = model.in_flight.iter().partition(|seq| expired(seq));
                            model.in_flight = kept;
                            let (control, data): (Vec<u16>, Vec<u16>) = gone.iter().partition(|seq| is_control(seq));
                            model.control.splice(0..0, control);
                            model.data.splice(0..0, data);
                        }
                    }
                    _ => {}
                }
                prop_assert_eq!(order(in_flight.walk(in_flight.in_flight)), model.in_flight.clone());
                prop_assert_eq!(order(in_flight.walk(in_flight.retry_control)), model.control.clone());
                prop_assert_eq!(order(in_flight.walk(in_flight.retry_data)), model.data.clone());
                prop_assert_eq!(in_flight.len(), known.len());
                prop_assert_eq!(u64::from(in_flight.bytes()), in_flight.recount());
            }
        }
    }

    #[test]
    fn only_the_oldest_transmission_s_deadline_opens_the_gate() {
        let mut in_flight = InFlight::new();
        in_flight.send(sent(1, false, 0, 1_000));
        in_flight.send(sent(2, false, 0, 30));
        in_flight.expire(Millis(500), |_| Expiry::Resend(60));
        assert!(!in_flight.has_waiting());
        in_flight.expire(Millis(1_000), |_| Expiry::Resend(60));
        assert_eq!(in_flight.waiting(), 2);
    }
}
