//! [`Queued`]: a command on its way out, from the moment it is queued until it is sent or, if it is reliable,
//! acknowledged.

use bytes::Bytes;
use enet_wire::{
    Body, ChannelId, Command, CommandKind, Fragment, ReliableSeq, UnreliableSeq, UnsequencedGroup,
};

use crate::collections::index::{Index, Name};
use crate::collections::lists::Lists;
use crate::collections::slab::Key;
use crate::packet::Payload;
use crate::time::Millis;

/// A command that waits, or is in flight.
#[derive(Debug)]
pub(crate) struct Queued {
    /// Whose it is.
    pub(crate) slot: u16,
    pub(crate) channel: ChannelId,
    /// Its number; of unreliable packets, that of the reliable one they follow.
    pub(crate) seq: ReliableSeq,
    /// Its place in the order in which things were queued.
    pub(crate) stamp: u32,
    /// Payload bytes that go next. Those of reliable packets count against the byte window.
    pub(crate) len: u32,
    pub(crate) sent_time: Millis,
    /// Retransmission timeout of the last transmission, in ms.
    pub(crate) timeout: u32,
    /// When the first transmission left that does not count as lost, as it travels.
    pub(crate) again: u16,
    /// Microseconds of `sent_time`'s millisecond.
    pub(crate) micros: u16,
    /// Number of the datagram that carried the last transmission.
    pub(crate) datagram: u16,
    /// Transmissions so far, but for copies that rode along.
    pub(crate) attempts: u8,
    /// In how many more datagrams it rides along.
    pub(crate) rides: u8,
    /// How often the acknowledgement of something that left later showed that it was lost.
    pub(crate) losses: u8,
    pub(crate) place: Place,
    /// Whether it is found by its name.
    pub(super) indexed: bool,
    pub(crate) body: QueuedBody,
}

/// Which of its connection's lists a command is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Control,
    Data,
    InFlight,
    /// In flight, and to ride along in the next datagram.
    Riding,
    RetryControl,
    RetryData,
}

/// When and how something leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Departure {
    pub(crate) at: Millis,
    /// Microseconds of that millisecond.
    pub(crate) micros: u16,
    /// Retransmission timeout in ms of what leaves for the first time.
    pub(crate) timeout: u32,
    /// In how many further datagrams something small rides that leaves for the first time, and anything that was lost.
    pub(crate) repeats: u8,
    pub(crate) insured: u8,
}

/// What is sent. Of packets that need several fragments, the cut is the one that goes next.
#[derive(Debug)]
pub(crate) enum QueuedBody {
    /// A control command that will be acknowledged.
    Control(Body<'static>),
    /// The disconnect that nobody acknowledges.
    Farewell {
        data: u32,
    },
    Reliable(Payload),
    Fragments(Bytes, Cut),
    Unreliable(UnreliableSeq, Payload),
    UnreliableFragments(Bytes, Cut),
    Unsequenced(UnsequencedGroup, Payload),
}

/// What a command that waits is counted for beside its payload, in bytes: at most what it takes in the list, which may have
/// as much room again, and in the index.
pub(crate) const COMMAND: u64 = 320;
const _: () = assert!((2 * Lists::<Queued>::PLACE + 16) as u64 <= COMMAND);

/// Which part of a packet a fragment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Sequence number that names the set.
    pub(crate) start: u16,
    /// Bytes in every fragment but the last.
    pub(crate) size: u16,
    pub(crate) count: u32,
    pub(crate) number: u32,
}

impl Cut {
    /// The fragment of a packet.
    #[allow(clippy::cast_possible_truncation)] // packets are limited to u32 lengths when they are queued
    #[inline]
    pub(super) fn of(self, packet: &[u8]) -> Fragment<'_> {
        let offset = self.number.saturating_mul(u32::from(self.size));
        let rest = packet.get(offset as usize..).unwrap_or_default();
        let payload = rest.get(..usize::from(self.size)).unwrap_or(rest);
        Fragment {
            start: self.start,
            count: self.count,
            number: self.number,
            total_length: packet.len() as u32,
            offset,
            payload,
        }
    }

    pub(super) const fn is_last(self) -> bool {
        self.number + 1 >= self.count
    }
}

impl QueuedBody {
    /// Whether it is reliable data, which windows may hold back.
    #[inline]
    pub(crate) const fn is_data(&self) -> bool {
        matches!(self, QueuedBody::Reliable(_) | QueuedBody::Fragments(..))
    }

    #[inline]
    pub(crate) const fn kind(&self) -> CommandKind {
        match self {
            QueuedBody::Control(body) => control(ReliableSeq(0), *body).kind(),
            QueuedBody::Farewell { .. } => CommandKind::Disconnect,
            QueuedBody::Reliable(_) => CommandKind::SendReliable,
            QueuedBody::Fragments(..) => CommandKind::SendFragment,
            QueuedBody::Unreliable(..) => CommandKind::SendUnreliable,
            QueuedBody::UnreliableFragments(..) => CommandKind::SendUnreliableFragment,
            QueuedBody::Unsequenced(..) => CommandKind::SendUnsequenced,
        }
    }

    /// Payload bytes in all.
    pub(crate) fn whole_len(&self) -> usize {
        match self {
            QueuedBody::Control(_) | QueuedBody::Farewell { .. } => 0,
            QueuedBody::Reliable(payload)
            | QueuedBody::Unreliable(_, payload)
            | QueuedBody::Unsequenced(_, payload) => payload.as_slice().len(),
            QueuedBody::Fragments(packet, _) | QueuedBody::UnreliableFragments(packet, _) => packet.len(),
        }
    }

    /// Payload bytes that go next.
    #[allow(clippy::cast_possible_truncation)] // at most one datagram
    pub(crate) fn next_len(&self) -> u32 {
        match self {
            QueuedBody::Control(_) | QueuedBody::Farewell { .. } => 0,
            QueuedBody::Reliable(payload)
            | QueuedBody::Unreliable(_, payload)
            | QueuedBody::Unsequenced(_, payload) => payload.as_slice().len() as u32,
            QueuedBody::Fragments(packet, cut) | QueuedBody::UnreliableFragments(packet, cut) => {
                cut.of(packet).payload.len() as u32
            }
        }
    }
}

impl Queued {
    /// A command with this number and place in the order; `len` is [`QueuedBody::next_len`].
    #[inline(always)]
    pub(crate) const fn new(
        slot: u16,
        channel: ChannelId,
        seq: ReliableSeq,
        stamp: u32,
        len: u32,
        body: QueuedBody,
    ) -> Self {
        let place = if body.is_data() { Place::Data } else { Place::Control };
        let (sent_time, timeout, attempts, rides, losses, indexed) = (Millis::UNSET, 0, 0, 0, 0, false);
        let (again, micros, datagram) = (0, 0, 0);
        Queued {
            slot,
            channel,
            seq,
            stamp,
            len,
            sent_time,
            timeout,
            again,
            micros,
            datagram,
            attempts,
            rides,
            losses,
            place,
            indexed,
            body,
        }
    }

    /// The command as it goes out next.
    #[inline]
    pub(crate) fn command(&self) -> Command<'_> {
        let (acknowledge, unsequenced, body) = match &self.body {
            QueuedBody::Reliable(payload) => {
                (true, false, Body::SendReliable { payload: payload.as_slice() })
            }
            QueuedBody::Unreliable(seq, payload) => {
                (false, false, Body::SendUnreliable { seq: *seq, payload: payload.as_slice() })
            }
            QueuedBody::Unsequenced(group, payload) => {
                (false, true, Body::SendUnsequenced { group: *group, payload: payload.as_slice() })
            }
            QueuedBody::Fragments(packet, cut) => (true, false, Body::SendFragment(cut.of(packet))),
            QueuedBody::UnreliableFragments(packet, cut) => {
                (false, false, Body::SendUnreliableFragment(cut.of(packet)))
            }
            QueuedBody::Control(body) => (true, false, *body),
            QueuedBody::Farewell { data } => (false, true, Body::Disconnect { data: *data }),
        };
        Command { channel: self.channel, seq: self.seq, acknowledge, unsequenced, body }
    }

    /// A command of this channel and number, its body still to be filled in.
    #[inline(always)]
    pub(crate) const fn header(&self, acknowledge: bool, unsequenced: bool) -> Command<'static> {
        Command { channel: self.channel, seq: self.seq, acknowledge, unsequenced, body: Body::Ping }
    }

    /// Bytes it is counted for while it waits for anything, together with the fragments that follow.
    pub(crate) fn cost(&self) -> u64 {
        let (rest, commands) = match &self.body {
            QueuedBody::Fragments(packet, cut) | QueuedBody::UnreliableFragments(packet, cut)
                if !matches!(self.place, Place::InFlight | Place::Riding | Place::RetryData) =>
            {
                let gone = u64::from(cut.number) * u64::from(cut.size);
                (packet.len() as u64 - gone, cut.count.saturating_sub(cut.number))
            }
            _ => (u64::from(self.len), 1),
        };
        rest + u64::from(commands) * COMMAND
    }

    /// Bytes it takes in a datagram.
    #[inline]
    pub(crate) const fn encoded_len(&self) -> usize {
        self.body.kind().fixed_len() + self.len as usize
    }

    /// Whether it will be acknowledged.
    #[inline]
    pub(crate) const fn is_reliable(&self) -> bool {
        matches!(self.body, QueuedBody::Control(_) | QueuedBody::Reliable(_) | QueuedBody::Fragments(..))
    }

    /// Whether the throttle may drop it: unreliable packets, unless a part of them is out already.
    pub(crate) const fn is_throttled(&self) -> bool {
        match &self.body {
            QueuedBody::Unreliable(..) | QueuedBody::Unsequenced(..) => true,
            QueuedBody::UnreliableFragments(_, cut) => cut.number == 0,
            _ => false,
        }
    }

    /// The pair of numbers that a throttle drop compares with its followers (PROTOCOL.md §10.3).
    pub(crate) const fn numbers(&self) -> (u16, u16) {
        match &self.body {
            QueuedBody::Unreliable(seq, _) => (self.seq.0, seq.0),
            QueuedBody::UnreliableFragments(_, cut) => (self.seq.0, cut.start),
            _ => (self.seq.0, 0),
        }
    }

    /// Goes out for the first time.
    #[inline(always)]
    pub(super) fn enter_flight(&mut self, departure: Departure, datagram: u16) {
        (self.timeout, self.attempts, self.again) = (departure.timeout, 1, departure.at.sent_time());
        self.place = Place::InFlight;
        self.depart(departure, datagram);
    }

    /// Goes out, for whatever reason.
    #[inline(always)]
    pub(super) const fn depart(&mut self, departure: Departure, datagram: u16) {
        (self.sent_time, self.micros, self.datagram) = (departure.at, departure.micros, datagram);
    }

    /// If this is not the last fragment of its packet, that fragment as a command of its own; the rest stays.
    #[inline(always)]
    pub(crate) fn split_fragment(&mut self) -> Option<Queued> {
        let (packet, cut) = match &mut self.body {
            QueuedBody::Fragments(packet, cut) if !cut.is_last() => (packet.clone(), cut),
            _ => return None,
        };
        let body = QueuedBody::Fragments(packet, *cut);
        cut.number += 1;
        let Queued { slot, channel, seq, stamp, len, .. } = *self;
        let fragment = Queued::new(slot, channel, seq, stamp, len, body);
        self.seq = self.seq.next();
        self.stamp = self.stamp.wrapping_add(1);
        self.len = self.body.next_len();
        Some(fragment)
    }

    /// Moves on to the next fragment of an unreliable packet, if there is one.
    pub(crate) fn skip_fragment(&mut self) -> bool {
        let QueuedBody::UnreliableFragments(_, cut) = &mut self.body else { return false };
        if cut.is_last() {
            return false;
        }
        cut.number += 1;
        self.stamp = self.stamp.wrapping_add(1);
        self.len = self.body.next_len();
        true
    }
}

/// The commands of all connections of a host, and the names of those in flight that were not acknowledged in order.
#[derive(Debug)]
pub(crate) struct Commands {
    pub(super) lists: Lists<Queued>,
    index: Index<Key>,
}

impl Commands {
    pub(crate) const fn new() -> Self {
        Commands { lists: Lists::new(), index: Index::new() }
    }

    /// Commands of all connections.
    pub(crate) const fn len(&self) -> usize {
        self.lists.len()
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&Queued> {
        self.lists.get(key)
    }

    /// How many names there are.
    pub(crate) const fn names(&self) -> usize {
        self.index.len()
    }

    /// Whether a command is found by its name.
    pub(super) fn knows(&self, queued: &Queued) -> bool {
        let is_it = |key| self.get(key).map(Queued::name) == Some(queued.name());
        self.index.find(queued.name(), is_it).is_some()
    }

    /// Makes a command known by its name.
    pub(super) fn enter(&mut self, key: Key) {
        let Commands { lists, index } = self;
        if let Some(queued) = lists.get_mut(key)
            && !core::mem::replace(&mut queued.indexed, true)
        {
            index.insert(queued.name(), key, |key| lists.get(key).map(Queued::name));
        }
    }

    /// Finds a command by its name, and forgets the name.
    pub(super) fn strike(&mut self, name: Name) -> Option<Key> {
        let Commands { lists, index } = self;
        let name_of = |key| lists.get(key).map(Queued::name);
        index.remove(name, |key| name_of(key) == Some(name), name_of)
    }

    /// Gives memory back that a burst left behind.
    pub(crate) fn trim(&mut self) {
        let Commands { lists, index } = self;
        index.trim(|key| lists.get(key).map(Queued::name));
        lists.trim();
    }
}

const fn control(seq: ReliableSeq, body: Body<'static>) -> Command<'static> {
    Command { channel: ChannelId::CONTROL, seq, acknowledge: true, unsequenced: false, body }
}

/// What an acknowledgement says of a command.
#[inline]
pub(super) const fn name(slot: u16, channel: ChannelId, seq: ReliableSeq) -> Name {
    Name((slot as u64) << 24 | (channel.get() as u64) << 16 | seq.0 as u64)
}

impl Queued {
    #[inline]
    pub(super) const fn name(&self) -> Name {
        name(self.slot, self.channel, self.seq)
    }
}
