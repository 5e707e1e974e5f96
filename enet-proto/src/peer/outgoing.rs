//! [`Outgoing`]: what waits to be sent for the first time, and the pure decision what goes next (PROTOCOL.md §13.2).

use alloc::collections::VecDeque;

use enet_wire::{Body, ChannelId, Command, CommandKind, ReliableSeq, UnreliableSeq, UnsequencedGroup};

use super::in_flight::{Cut, InFlight, Retry, Sent, SentBody};
use crate::channel::Channels;
use crate::collections::slab::Key;
use crate::mutants::{self, Mutant};
use crate::packet::Packet;
use crate::profile::Profile;
use crate::time::Millis;

/// Two queues in order of queuing: reliable data, and everything else.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) control: VecDeque<Queued>,
    pub(crate) data: VecDeque<Message>,
}

/// A control command or an unreliable packet.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) stamp: u32,
    pub(crate) body: QueuedBody,
}

#[derive(Debug)]
pub(crate) enum QueuedBody {
    /// A control command that will be acknowledged.
    Control {
        seq: ReliableSeq,
        body: Body<'static>,
    },
    /// The disconnect that nobody acknowledges.
    Farewell {
        seq: ReliableSeq,
        data: u32,
    },
    Unreliable {
        channel: ChannelId,
        reliable: ReliableSeq,
        seq: UnreliableSeq,
        packet: Packet,
    },
    /// An unreliable packet in fragments; the cut is the one that goes next.
    Fragments {
        channel: ChannelId,
        reliable: ReliableSeq,
        packet: Packet,
        cut: Cut,
    },
    Unsequenced {
        channel: ChannelId,
        group: UnsequencedGroup,
        packet: Packet,
    },
}

impl QueuedBody {
    /// The command to send next from this entry.
    pub(crate) fn command(&self) -> Command<'_> {
        let unacknowledged =
            |channel, seq, body| Command { channel, seq, acknowledge: false, unsequenced: false, body };
        match self {
            QueuedBody::Control { seq, body } => {
                Command { acknowledge: true, ..unacknowledged(ChannelId::CONTROL, *seq, *body) }
            }
            QueuedBody::Farewell { seq, data } => Command {
                unsequenced: true,
                ..unacknowledged(ChannelId::CONTROL, *seq, Body::Disconnect { data: *data })
            },
            QueuedBody::Unreliable { channel, reliable, seq, packet } => {
                unacknowledged(*channel, *reliable, Body::SendUnreliable { seq: *seq, payload: packet })
            }
            QueuedBody::Fragments { channel, reliable, packet, cut } => {
                unacknowledged(*channel, *reliable, Body::SendUnreliableFragment(cut.of(packet)))
            }
            QueuedBody::Unsequenced { channel, group, packet } => Command {
                unsequenced: true,
                ..unacknowledged(
                    *channel,
                    ReliableSeq(0),
                    Body::SendUnsequenced { group: *group, payload: packet },
                )
            },
        }
    }

    /// Whether the throttle may drop it: unreliable packets, unless a part of them is out already.
    pub(crate) const fn is_throttled(&self) -> bool {
        match self {
            QueuedBody::Control { .. } | QueuedBody::Farewell { .. } => false,
            QueuedBody::Unreliable { .. } | QueuedBody::Unsequenced { .. } => true,
            QueuedBody::Fragments { cut, .. } => cut.number == 0,
        }
    }

    /// The pair of numbers that a throttle drop compares with its followers (PROTOCOL.md §10.3).
    const fn numbers(&self) -> (u16, u16) {
        match self {
            QueuedBody::Control { seq, .. } | QueuedBody::Farewell { seq, .. } => (seq.0, 0),
            QueuedBody::Unreliable { reliable, seq, .. } => (reliable.0, seq.0),
            QueuedBody::Fragments { reliable, cut, .. } => (reliable.0, cut.start),
            QueuedBody::Unsequenced { .. } => (0, 0),
        }
    }
}

/// A reliable packet; `cut` is the fragment that goes next if it needs several.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) stamp: u32,
    pub(crate) channel: ChannelId,
    /// Number of the command that goes next.
    pub(crate) seq: ReliableSeq,
    pub(crate) packet: Packet,
    pub(crate) cut: Option<Cut>,
}

impl Message {
    fn next_len(&self) -> (usize, u32) {
        #[allow(clippy::cast_possible_truncation)] // packets are limited to u32 lengths when they are queued
        match self.cut {
            None => (CommandKind::SendReliable.fixed_len(), self.packet.len() as u32),
            Some(cut) => (CommandKind::SendFragment.fixed_len(), cut.of(&self.packet).payload.len() as u32),
        }
    }
}

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
}

impl Outgoing {
    pub(crate) fn is_empty(&self) -> bool {
        self.control.is_empty() && self.data.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.control.clear();
        self.data.clear();
    }

    /// What goes next: the older of the two queues' heads, expired commands standing before all others. Reliable data
    /// that its windows hold back is passed over.
    pub(crate) fn choose(&self, in_flight: &InFlight, channels: &Channels, limits: Limits) -> Option<Choice> {
        let control = match in_flight.retry(Retry::Control) {
            Some((key, sent)) => Some((sent.stamp, Choice::Again(key))),
            None => self.control.front().map(|queued| (queued.stamp, Choice::Control)),
        };
        let data = self.choose_data(in_flight, channels, limits);
        match (control, data) {
            (Some((control_stamp, _)), Some((data_stamp, data)))
                if Millis(data_stamp).less(Millis(control_stamp)) =>
            {
                Some(data)
            }
            (Some((_, control)), _) => Some(control),
            (None, data) => data.map(|(_, choice)| choice),
        }
    }

    fn choose_data(
        &self,
        in_flight: &InFlight,
        channels: &Channels,
        limits: Limits,
    ) -> Option<(u32, Choice)> {
        let fits = |payload: u32| {
            in_flight.bytes().saturating_add(payload) <= limits.byte_window
                || mutants::is(Mutant::ByteWindowIgnored)
        };
        if let Some((key, sent)) = in_flight.retry(Retry::Data) {
            return fits(sent.payload_len()).then_some((sent.stamp, Choice::Again(key)));
        }
        let message = self.data.front()?;
        let blocked = message.seq.starts_window()
            && channels.get(message.channel).is_some_and(|channel| {
                limits.profile.sequence_window_blocked(&channel.sender.windows, message.seq.window())
            });
        let blocked = blocked && !mutants::is(Mutant::SequenceWindowIgnored);
        (!blocked && fits(message.next_len().1)).then_some((message.stamp, Choice::Data))
    }

    /// Bytes the chosen command takes in a datagram, and whether it will be acknowledged.
    pub(crate) fn size_of(&self, choice: Choice, in_flight: &InFlight) -> (usize, bool) {
        match choice {
            Choice::Again(key) => (in_flight.get(key).map_or(0, |sent| sent.command().encoded_len()), true),
            Choice::Control => match self.control.front() {
                Some(Queued { body: body @ QueuedBody::Control { .. }, .. }) => {
                    (body.command().encoded_len(), true)
                }
                Some(Queued { body, .. }) => (body.command().encoded_len(), false),
                None => (0, false),
            },
            Choice::Data => (
                self.data.front().map_or(0, |message| message.next_len().0 + message.next_len().1 as usize),
                true,
            ),
        }
    }

    /// Takes the next command off the data queue: a whole packet, or its next fragment.
    pub(crate) fn take_data(&mut self, now: Millis, timeout: u32) -> Option<Sent> {
        let message = self.data.front_mut()?;
        let (channel, seq, stamp) = (message.channel, message.seq, message.stamp);
        let body = match &mut message.cut {
            Some(cut) if cut.number + 1 < cut.count => {
                let body = SentBody::Fragment(message.packet.clone(), *cut);
                cut.number += 1;
                message.seq = seq.next();
                message.stamp = stamp.wrapping_add(1);
                body
            }
            Some(_) | None => match self.data.pop_front()? {
                Message { packet, cut: Some(cut), .. } => SentBody::Fragment(packet, cut),
                Message { packet, cut: None, .. } => SentBody::Packet(packet),
            },
        };
        Some(Sent { channel, seq, stamp, sent_time: now, timeout, attempts: 1, body })
    }

    /// Moves past the unreliable command just written: to the next fragment, or off the queue.
    pub(crate) fn advance_control(&mut self) {
        if let Some(Queued { stamp, body: QueuedBody::Fragments { cut, .. } }) = self.control.front_mut()
            && cut.number + 1 < cut.count
        {
            cut.number += 1;
            *stamp = stamp.wrapping_add(1);
            return;
        }
        self.control.pop_front();
    }

    /// Drops the front of the control queue, and with it those directly behind it that bear the same pair of numbers,
    /// as stock ENet does (PROTOCOL.md §10.3).
    pub(crate) fn drop_throttled(&mut self) {
        let Some(dropped) = self.control.pop_front() else { return };
        while self.control.front().is_some_and(|next| next.body.numbers() == dropped.body.numbers()) {
            self.control.pop_front();
        }
    }
}
