//! [`Outgoing`]: what waits to be sent and what waits to be acknowledged, and the pure decision what goes next
//! (PROTOCOL.md §9.5, §13.2).

use enet_wire::{ChannelId, Fragment, ReliableSeq, UnreliableSeq, UnsequencedGroup};

pub(crate) use self::acknowledged::Acknowledged;
use self::clusters::Clusters;
use self::credit::Credit;
use super::command::{COMMAND, Commands, Departure, Place, Queued, QueuedBody};
use super::ping::LonePing;
use crate::channel::Channels;
use crate::collections::lists::List;
use crate::collections::slab::Key;
use crate::mutants::{self, Mutant};
use crate::profile::Profile;
use crate::time::Millis;

/// One connection's lists of commands. Two hold what was not sent yet, in order of queuing: reliable data, and
/// everything else. One holds what is in flight, in order of transmission; another what is in flight, too, but rides
/// along in the next datagram. Two hold what expired or was lost, and goes out again.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    control: List,
    data: List,
    in_flight: List,
    riding: List,
    /// A ping that is all there is in flight.
    pub(super) lone_ping: Option<LonePing>,
    retry_control: List,
    retry_data: List,
    /// The first of those in it that are swallowed, which stand behind all others.
    swallowed: Option<Key>,
    /// Those in flight before this one have an entry in the index; of those from it on only what was sent again.
    unnamed: Option<Key>,
    /// Payload bytes in flight.
    bytes: u32,
    /// Bytes of everything in the lists, as commands are counted.
    queued: u64,
    /// Whether a packet was given back because that was too much.
    was_full: bool,
    /// Payload bytes of a probe, which may leave though the byte window is full (RFC 9002 §7.5).
    probe: u32,
    /// Number of the datagram that is being built, or was last.
    datagram: u16,
    /// The number given last to a control command, and the group to a packet out of sequence.
    pub(crate) control_seq: ReliableSeq,
    pub(crate) unsequenced_group: UnsequencedGroup,
    /// Number of the datagram behind which the last ping was queued that followed fragments.
    followed: Option<u16>,
    /// Commands that ride along.
    riders: u8,
    /// What there is to spend on copies of what was lost.
    credit: Credit,
    /// Whether losses come in bursts.
    clusters: Clusters,
}

/// Payload bytes of the largest command that rides along before anybody misses it.
pub(super) const SMALL: u32 = 256;

/// Commands that ride along at once.
const MAX_RIDERS: u8 = 16;

/// What goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// An expired command, once more.
    Again(Key),
    /// The front of the control queue.
    Control,
    /// The front of the data queue.
    Data,
}

/// The limits that reliable data must respect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) profile: Profile,
    /// Payload bytes that may be in flight.
    pub(crate) byte_window: u32,
    pub(crate) now: Millis,
}

/// What the timeout check does with an expired command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Retransmit it, with this timeout in ms.
    Resend(u32),
    /// Too much: the peer is gone.
    GiveUp,
}

impl Outgoing {
    /// Queues a command.
    pub(crate) fn queue(&mut self, command: Queued, commands: &mut Commands) {
        self.charge(command.cost());
        self.queue_with(command.body.is_data(), || command, commands);
    }

    /// Queues a command that is counted already. It is made where it will stay, and is reliable data or not.
    #[inline(always)]
    pub(crate) fn queue_with(
        &mut self,
        is_data: bool,
        command: impl FnOnce() -> Queued,
        commands: &mut Commands,
    ) {
        let list = if is_data { &mut self.data } else { &mut self.control };
        commands.lists.push_back_with(list, command);
    }

    // --- what goes next ---

    /// What goes next, and the command: the older of the two queues' heads, expired commands standing before all
    /// others. Reliable data that its windows hold back is passed over.
    #[inline(always)]
    pub(crate) fn choose<'a>(
        &self,
        commands: &'a Commands,
        channels: &Channels,
        limits: Limits,
    ) -> Option<(Choice, &'a Queued)> {
        let data = self.choose_data(commands, channels, limits);
        if self.control.is_empty() && self.retry_control.is_empty() {
            return data;
        }
        let control = match self.retry_control.first() {
            Some(key) => (Choice::Again(key), commands.get(key)?),
            None => (Choice::Control, commands.lists.front(&self.control)?),
        };
        match data {
            Some(data) if Millis(data.1.stamp).less(Millis(control.1.stamp)) => Some(data),
            _ => Some(control),
        }
    }

    #[inline(always)]
    fn choose_data<'a>(
        &self,
        commands: &'a Commands,
        channels: &Channels,
        limits: Limits,
    ) -> Option<(Choice, &'a Queued)> {
        let again = self.retry_data.first().and_then(|key| Some((key, commands.get(key)?)));
        let (choice, next) = match again.filter(|(_, lost)| lost.held_until(limits.now).is_none()) {
            Some((key, lost)) => (Choice::Again(key), lost),
            None => (Choice::Data, commands.lists.front(&self.data)?),
        };
        let fits = self.bytes.saturating_add(next.len) <= limits.byte_window
            || limits.profile == Profile::Modern
                && next.len <= self.probe
                && matches!(choice, Choice::Again(_))
            || mutants::is(Mutant::ByteWindowIgnored);
        if !fits
            || choice == Choice::Data
                && next.seq.starts_window()
                && is_blocked(next, channels, limits.profile)
        {
            return None;
        }
        Some((choice, next))
    }

    /// The packet that goes next, if it needs no fragments and nothing but its size can hold it back.
    #[inline(always)]
    pub(crate) fn next_packet<'a>(
        &self,
        commands: &'a Commands,
        limits: Limits,
    ) -> Option<(&'a Queued, &'a [u8])> {
        if !self.is_data_next() {
            return None;
        }
        let next = commands.lists.front(&self.data)?;
        let QueuedBody::Reliable(payload) = &next.body else { return None };
        let fits = self.bytes.saturating_add(next.len) <= limits.byte_window;
        (fits && !next.seq.starts_window()).then_some((next, payload.as_slice()))
    }

    /// The sequenced packet that goes next, if it needs no fragments and nothing but the throttle can hold it back.
    #[inline(always)]
    pub(crate) fn next_sequenced<'a>(
        &self,
        commands: &'a Commands,
    ) -> Option<(&'a Queued, UnreliableSeq, &'a [u8])> {
        if !self.is_control_next() {
            return None;
        }
        let next = commands.lists.front(&self.control)?;
        let QueuedBody::Unreliable(seq, payload) = &next.body else { return None };
        Some((next, *seq, payload.as_slice()))
    }

    /// Whether no more than one packet waits, be it in the queue of data or in the other.
    #[inline(always)]
    pub(crate) const fn has_at_most_one(&self) -> bool {
        (self.control.is_empty() && (self.data.is_empty() || self.data.is_single())
            || self.control.is_single() && self.data.is_empty())
            && self.retry_control.is_empty()
            && self.retry_data.is_empty()
    }

    /// Whether one reliable packet is all that leaves: none rides along, and it needs no fragments.
    #[inline]
    pub(crate) fn is_lone_reliable(&self, commands: &Commands) -> bool {
        self.data.is_single()
            && self.is_data_next()
            && !self.has_riders()
            && commands.lists.front(&self.data).is_some_and(|it| matches!(it.body, QueuedBody::Reliable(_)))
    }

    // --- sending ---

    /// Takes sequenced packets off the queue that need no fragments as long as nothing but the throttle can hold them back,
    /// and `write` them.
    #[inline(always)]
    pub(crate) fn send_sequenced(
        &mut self,
        commands: &mut Commands,
        mut write: impl FnMut(&Queued, UnreliableSeq, &[u8]) -> bool,
    ) {
        if !self.is_control_next() {
            return;
        }
        let (mut count, mut bytes) = (0, 0);
        commands.lists.discard_front_while(&mut self.control, |next| {
            let QueuedBody::Unreliable(seq, payload) = &next.body else { return false };
            let is_written = write(next, *seq, payload.as_slice());
            if is_written {
                count += 1;
                bytes += next.len;
            }
            is_written
        });
        self.forget_all(count, bytes);
    }

    /// Takes a sequenced packet that was written off the queue.
    #[inline(always)]
    pub(crate) fn discard_sequenced(&mut self, commands: &mut Commands) {
        if let Some(sent) = commands.lists.front(&self.control) {
            self.forget(sent.len);
        }
        commands.lists.discard_front(&mut self.control);
    }

    /// Takes the front of the data queue into flight: a packet, or a packet's next fragment. Its channel and number.
    #[inline(always)]
    pub(crate) fn send_data(
        &mut self,
        departure: Departure,
        commands: &mut Commands,
    ) -> Option<(ChannelId, ReliableSeq)> {
        match commands.lists.front_mut(&self.data)?.split_fragment() {
            Some(fragment) => self.send_fragment(fragment, departure, commands),
            None => self.send_packet(departure, commands),
        }
    }

    /// Takes packets into flight that need no fragments as long as nothing but their size can hold them back, and `write`
    /// has room for them. Whether it must be called again for the rest of them.
    #[inline(always)]
    pub(crate) fn send_run(
        &mut self,
        limits: Limits,
        departure: Departure,
        commands: &mut Commands,
        mut write: impl FnMut(&Queued, &[u8]) -> bool,
    ) -> bool {
        if !self.is_data_next() {
            return false;
        }
        let Outgoing { data, in_flight, bytes, datagram, riders, .. } = self;
        let (mut rider, mut first, mut count) = (None, None, 0_u8);
        commands.lists.move_front_while(data, in_flight, |key, next| {
            let QueuedBody::Reliable(payload) = &next.body else { return false };
            let fits = bytes.saturating_add(next.len) <= limits.byte_window && !next.seq.starts_window();
            if rider.is_some() || !fits || !write(next, payload.as_slice()) {
                return false;
            }
            *bytes = bytes.saturating_add(next.len);
            next.enter_flight(departure, *datagram);
            count = count.saturating_add(1);
            if departure.repeats > 0 && next.len <= SMALL && *riders < MAX_RIDERS {
                rider = Some(key);
            } else {
                first = first.or(Some(key));
            }
            true
        });
        self.credit.earn_all(count);
        self.unnamed = self.unnamed.or(first);
        if let Some(key) = rider {
            self.begin_to_ride(key, departure.repeats, commands);
        }
        rider.is_some()
    }

    /// The same with the fragments of a packet; whether the last of them left.
    #[inline(always)]
    pub(crate) fn send_fragments(
        &mut self,
        limits: Limits,
        departure: Departure,
        commands: &mut Commands,
        mut write: impl FnMut(&Queued, Fragment<'_>) -> bool,
    ) -> bool {
        while self.is_data_next()
            && let Some(next) = commands.lists.front(&self.data)
            && let QueuedBody::Fragments(packet, cut) = &next.body
            && self.bytes.saturating_add(next.len) <= limits.byte_window
            && !next.seq.starts_window()
            && write(next, cut.of(packet))
        {
            let is_last = cut.is_last();
            self.send_data(departure, commands);
            if is_last {
                return true;
            }
        }
        false
    }

    /// As `send_data`, for one that is not in fragments, or the last of them.
    #[inline(always)]
    pub(crate) fn send_packet(
        &mut self,
        departure: Departure,
        commands: &mut Commands,
    ) -> Option<(ChannelId, ReliableSeq)> {
        let key = self.data.first()?;
        let sent = commands.lists.move_front(&mut self.data, &mut self.in_flight)?;
        self.bytes = self.bytes.saturating_add(sent.len);
        sent.enter_flight(departure, self.datagram);
        self.credit.earn();
        let number = (sent.channel, sent.seq);
        let is_whole = matches!(sent.body, QueuedBody::Reliable(_));
        if departure.repeats > 0 && is_whole && sent.len <= SMALL && self.riders < MAX_RIDERS {
            self.begin_to_ride(key, departure.repeats, commands);
        } else {
            self.unnamed.get_or_insert(key);
        }
        Some(number)
    }

    #[inline(never)]
    fn send_fragment(
        &mut self,
        mut fragment: Queued,
        departure: Departure,
        commands: &mut Commands,
    ) -> Option<(ChannelId, ReliableSeq)> {
        self.bytes = self.bytes.saturating_add(fragment.len);
        fragment.enter_flight(departure, self.datagram);
        self.credit.earn();
        let number = (fragment.channel, fragment.seq);
        self.put_in_flight(fragment, commands);
        Some(number)
    }

    /// Lists a command that has left behind those that left before it.
    pub(super) fn put_in_flight(&mut self, sent: Queued, commands: &mut Commands) {
        if let Some(key) = commands.lists.push_back(&mut self.in_flight, sent) {
            self.unnamed.get_or_insert(key);
        }
    }

    /// Takes the front of the control queue into flight.
    pub(crate) fn send_control(&mut self, departure: Departure, commands: &mut Commands) {
        let Some(key) = self.control.first() else { return };
        if let Some(sent) = commands.lists.move_front(&mut self.control, &mut self.in_flight) {
            sent.enter_flight(departure, self.datagram);
            self.unnamed.get_or_insert(key);
        }
    }

    /// Takes an expired or lost command back into flight; it goes out once more.
    pub(crate) fn resend(&mut self, key: Key, departure: Departure, commands: &mut Commands) {
        self.leave_swallowed(key, commands);
        let Some(sent) = commands.lists.get_mut(key) else { return };
        sent.depart(departure, self.datagram);
        sent.again = departure.at.sent_time();
        sent.attempts = sent.attempts.saturating_add(1);
        self.probe = self.probe.saturating_sub(sent.len);
        self.bytes = self.bytes.saturating_add(sent.len);
        let place = core::mem::replace(&mut sent.place, Place::InFlight);
        let from = if place == Place::RetryData { &mut self.retry_data } else { &mut self.retry_control };
        commands.lists.move_back(from, key, &mut self.in_flight);
        self.insure(key, departure, commands);
    }

    /// Moves past the unreliable command just written: to the next fragment, or off the queue.
    #[inline]
    pub(crate) fn advance_control(&mut self, commands: &mut Commands) {
        let Some(sent) = commands.lists.front_mut(&self.control) else { return };
        self.forget(sent.len);
        if !sent.skip_fragment() {
            commands.lists.pop_front(&mut self.control);
        }
    }

    /// Drops the front of the control queue, and with it those directly behind it that bear the same pair of numbers,
    /// as stock ENet does (PROTOCOL.md §10.3).
    pub(crate) fn drop_throttled(&mut self, commands: &mut Commands) {
        let Some(dropped) = commands.lists.pop_front(&mut self.control) else { return };
        self.queued = self.queued.saturating_sub(dropped.cost());
        while let Some(next) = commands.lists.front(&self.control)
            && next.numbers() == dropped.numbers()
        {
            self.queued = self.queued.saturating_sub(next.cost());
            commands.lists.pop_front(&mut self.control);
        }
    }

    /// Forgets every command. The byte count stays, as it does in stock ENet (PROTOCOL.md §7).
    pub(crate) fn clear(&mut self, commands: &mut Commands) {
        let lists = [&mut self.in_flight, &mut self.riding, &mut self.retry_control, &mut self.retry_data];
        for list in lists {
            while let Some(sent) = commands.lists.front(list) {
                if sent.indexed {
                    commands.strike(sent.name());
                }
                commands.lists.pop_front(list);
            }
        }
        commands.lists.clear(&mut self.control);
        commands.lists.clear(&mut self.data);
        (self.lone_ping, self.unnamed, self.swallowed) = (None, None, None);
        self.riders = 0;
        self.queued = 0;
        self.was_full = false;
    }

    // --- views ---

    /// Whether nothing waits to be sent for the first time or again.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.control.is_empty()
            && self.data.is_empty()
            && self.retry_control.is_empty()
            && self.retry_data.is_empty()
    }

    /// Whether reliable data is all that waits, and none of it was lost.
    #[inline(always)]
    pub(crate) const fn is_data_next(&self) -> bool {
        !self.data.is_empty()
            && self.control.is_empty()
            && self.retry_control.is_empty()
            && self.retry_data.is_empty()
    }

    /// Whether what is not reliable data is all that waits, and none of it was lost.
    #[inline(always)]
    pub(crate) const fn is_control_next(&self) -> bool {
        !self.control.is_empty()
            && self.data.is_empty()
            && self.retry_control.is_empty()
            && self.retry_data.is_empty()
    }

    /// Whether something waits that no window can hold back.
    #[inline]
    pub(crate) const fn has_control(&self) -> bool {
        !self.control.is_empty() || !self.retry_control.is_empty()
    }

    /// Whether nothing is in flight; expired commands do not count.
    #[inline]
    pub(crate) const fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.riding.is_empty() && self.lone_ping.is_none()
    }

    /// Payload bytes in flight.
    pub(crate) const fn bytes(&self) -> u32 {
        self.bytes
    }
}

/// Whether the first number of a sequence window must wait (PROTOCOL.md §9.7).
#[cold]
fn is_blocked(next: &Queued, channels: &Channels, profile: Profile) -> bool {
    let blocked = channels
        .get(next.channel)
        .is_some_and(|channel| profile.sequence_window_blocked(&channel.sender.windows, next.seq.window()));
    blocked && !mutants::is(Mutant::SequenceWindowIgnored)
}

mod acknowledged;
mod amount;
mod clusters;
mod credit;
mod evidence;
mod expiry;
mod rescue;
#[cfg(test)]
mod tests;
