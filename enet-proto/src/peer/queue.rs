//! Queuing: packets become commands with numbers (PROTOCOL.md §12.2–§12.4).

use enet_wire::{Body, ChannelId, CommandKind, MAX_FRAGMENTS, ReliableSeq, UnreliableSeq};

use super::command::{COMMAND, Cut, Queued, QueuedBody};
use super::outgoing::{Choice, SMALL};
use super::{Connection, Stage};

use crate::error::{SendError, SendErrorReason};
use crate::mutants::{self, Mutant};
use crate::packet::{Delivery, Packet, Payload};
use crate::shared::Shared;

/// The command a packet travels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vehicle {
    Reliable,
    Unreliable,
    Unsequenced,
    Fragments(Cut),
    UnreliableFragments(Cut),
}

/// The number of a packet that travels in one command.
#[derive(Debug, Clone, Copy)]
enum Number {
    Reliable(ReliableSeq),
    /// Behind the reliable number it follows, its own.
    Sequenced(ReliableSeq, UnreliableSeq),
}

impl Connection {
    /// Queues a packet, or gives it back with the reason.
    #[inline]
    pub(crate) fn send(
        &mut self,
        id: ChannelId,
        packet: Packet,
        shared: &mut Shared,
    ) -> Result<(), SendError> {
        if self.is_detaining(packet.delivery()) {
            return self.detain(id, packet, shared);
        }
        if let Some(number) = self.number_small(id, packet.delivery(), packet.len(), shared) {
            self.queue_small(id, number, packet.len(), shared, || packet.into_payload());
            return Ok(());
        }
        match self.vehicle(id, &packet, shared) {
            Ok(vehicle) => {
                self.queue_packet(id, packet, vehicle, shared);
                Ok(())
            }
            Err(reason) => {
                if matches!(reason, SendErrorReason::QueueFull { .. }) {
                    self.refuse(shared);
                }
                Err(SendError { reason, channel: id, packet })
            }
        }
    }

    /// Notes that a packet found the queue full.
    #[cold]
    fn refuse(&mut self, shared: &mut Shared) {
        shared.stats.queue_full += 1;
        if shared.writable_events && self.outgoing.note_full() {
            shared.full.push(self.slot);
        }
    }

    /// As `send`, of a packet that goes to others too.
    #[inline]
    pub(crate) fn send_copy(
        &mut self,
        id: ChannelId,
        packet: &Packet,
        shared: &mut Shared,
    ) -> Result<(), SendErrorReason> {
        if self.is_detaining(packet.delivery()) {
            return self.detain(id, packet.clone(), shared).map_err(|error| error.reason);
        }
        if let Some(number) = self.number_small(id, packet.delivery(), packet.len(), shared) {
            self.queue_small(id, number, packet.len(), shared, || packet.payload().clone());
            return Ok(());
        }
        self.send(id, packet.clone(), shared).map_err(|error| error.reason)
    }

    /// Numbers for what most packets are: reliable or sequenced, and no larger than a datagram. `None` for all others.
    #[inline(always)]
    fn number_small(
        &mut self,
        id: ChannelId,
        delivery: Delivery,
        len: usize,
        shared: &Shared,
    ) -> Option<Number> {
        if len > self.fragment_size(shared).min(shared.max_packet_size) as usize
            || self.stage != Stage::Connected
            || self.outgoing.is_full(shared.max_queued_data)
        {
            return None;
        }
        let sender = &mut self.channels.get_mut(id, self.channel_count)?.sender;
        match delivery {
            Delivery::Reliable => Some(Number::Reliable(sender.take_reliable(1))),
            Delivery::Unreliable if !sender.is_unreliable_exhausted() => {
                let (reliable, seq) = sender.take_unreliable();
                Some(Number::Sequenced(reliable, seq))
            }
            _ => None,
        }
    }

    /// Queues a packet that has its number. Its payload is put where it will stay.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // it fits into a datagram
    fn queue_small(
        &mut self,
        id: ChannelId,
        number: Number,
        len: usize,
        shared: &mut Shared,
        payload: impl FnOnce() -> Payload,
    ) {
        let (slot, stamp, len) = (self.slot, shared.take_stamps(1), len as u32);
        let commands = &mut shared.commands;
        let kind = match number {
            Number::Reliable(seq) => {
                if len <= SMALL {
                    let fixed = CommandKind::SendReliable.fixed_len() as u32;
                    self.repeatable = self.repeatable.wrapping_add(fixed + len);
                }
                let queued = || Queued::new(slot, id, seq, stamp, len, QueuedBody::Reliable(payload()));
                self.outgoing.queue_with(true, queued, commands);
                CommandKind::SendReliable
            }
            Number::Sequenced(reliable, seq) => {
                let body = || QueuedBody::Unreliable(seq, payload());
                let queued = || Queued::new(slot, id, reliable, stamp, len, body());
                self.outgoing.queue_with(false, queued, commands);
                CommandKind::SendUnreliable
            }
        };
        self.outgoing.charge(COMMAND + u64::from(len));
        self.outgoing_data_total = self.outgoing_data_total.wrapping_add(kind.fixed_len() as u32 + len);
    }

    /// Queues a ping, if connected.
    pub(crate) fn ping(&mut self, shared: &mut Shared) -> bool {
        let connected = self.stage == Stage::Connected;
        if connected {
            self.queue_control(Body::Ping, shared);
        }
        connected
    }

    /// Queues a control command that the remote will acknowledge.
    pub(crate) fn queue_control(&mut self, body: Body<'static>, shared: &mut Shared) {
        let seq = self.next_control_seq();
        self.queue(ChannelId::CONTROL, seq, QueuedBody::Control(body), 1, shared);
    }

    /// Queues the disconnect that nobody acknowledges.
    pub(crate) fn queue_farewell(&mut self, data: u32, shared: &mut Shared) {
        let seq = self.next_control_seq();
        self.queue(ChannelId::CONTROL, seq, QueuedBody::Farewell { data }, 1, shared);
    }

    /// Takes what was chosen into flight: for its first transmission (PROTOCOL.md §9.5), or again.
    #[inline]
    pub(crate) fn send_chosen(&mut self, choice: Choice, shared: &mut Shared) {
        let departure = self.departure(shared);
        let sent = match choice {
            Choice::Data => self.outgoing.send_data(departure, &mut shared.commands),
            Choice::Control => {
                self.outgoing.send_control(departure, &mut shared.commands);
                None
            }
            Choice::Again(key) => {
                shared.stats.retransmissions += 1;
                self.mishaps_mut().resent.retransmissions += 1;
                self.outgoing.resend(key, departure, &mut shared.commands);
                None
            }
        };
        if let Some((id, seq)) = sent
            && let Some(channel) = self.channels.get_used(id)
        {
            channel.sender.windows.on_sent(seq);
        }
    }

    /// Retransmission timeout of what is sent for the first time now.
    pub(crate) fn first_timeout(&self, shared: &Shared) -> u32 {
        let timeout = shared.profile.first_timeout(self.rtt.mean, self.rtt.variance);
        if mutants::is(Mutant::EarlyResend) { timeout.div_ceil(2) } else { timeout }
    }

    #[inline(never)]
    fn vehicle(&self, id: ChannelId, packet: &Packet, shared: &Shared) -> Result<Vehicle, SendErrorReason> {
        let channels = self.channel_count;
        if self.stage != Stage::Connected {
            return Err(SendErrorReason::NotConnected);
        }
        if id.get() >= channels {
            return Err(SendErrorReason::NoSuchChannel { channels });
        }
        let max = shared.max_packet_size;
        let Some(length) = u32::try_from(packet.len()).ok().filter(|length| *length <= max) else {
            return Err(SendErrorReason::TooLarge { max });
        };
        if self.outgoing.is_full(shared.max_queued_data) {
            return Err(shared.queue_full());
        }
        let size = self.fragment_size(shared);
        let exhausted = self.channels.get(id).is_some_and(|channel| channel.sender.is_unreliable_exhausted());
        if length > size {
            let count = length.div_ceil(size);
            if count > MAX_FRAGMENTS {
                return Err(SendErrorReason::TooManyFragments { needed: count, max: MAX_FRAGMENTS });
            }
            let size = u16::try_from(size).unwrap_or(u16::MAX);
            let cut = Cut { start: 0, size, count, number: 0 };
            return Ok(match packet.delivery() {
                Delivery::UnreliableFragments | Delivery::UnsequencedOrFragments if !exhausted => {
                    Vehicle::UnreliableFragments(cut)
                }
                _ => Vehicle::Fragments(cut),
            });
        }
        Ok(match packet.delivery() {
            Delivery::Unsequenced | Delivery::UnsequencedOrFragments => Vehicle::Unsequenced,
            Delivery::Reliable => Vehicle::Reliable,
            Delivery::Unreliable | Delivery::UnreliableFragments if exhausted => Vehicle::Reliable,
            Delivery::Unreliable | Delivery::UnreliableFragments => Vehicle::Unreliable,
        })
    }

    /// Payload bytes of the largest fragment: what is left of a datagram with a checksum, if there is one.
    #[inline]
    fn fragment_size(&self, shared: &Shared) -> u32 {
        let header = 4 + if shared.checksum.is_some() { 4 } else { 0 };
        #[allow(clippy::cast_possible_truncation)] // 24
        let fixed = CommandKind::SendFragment.fixed_len() as u32;
        let over = u32::from(mutants::is(Mutant::MtuExceeded));
        u32::from(self.mtu).saturating_sub(header + fixed).max(1) + over
    }

    #[inline(never)]
    fn queue_packet(&mut self, id: ChannelId, packet: Packet, vehicle: Vehicle, shared: &mut Shared) {
        let Some(channel) = self.channels.get_mut(id, self.channel_count) else { return };
        let sender = &mut channel.sender;
        let (seq, body, commands) = match vehicle {
            Vehicle::Reliable => (sender.take_reliable(1), QueuedBody::Reliable(packet.into_payload()), 1),
            Vehicle::Fragments(cut) => {
                #[allow(clippy::cast_possible_truncation)] // numbers advance modulo 2¹⁶
                let seq = sender.take_reliable(cut.count as u16);
                (seq, QueuedBody::Fragments(packet.into(), Cut { start: seq.0, ..cut }), cut.count)
            }
            Vehicle::Unreliable => {
                let (reliable, seq) = sender.take_unreliable();
                (reliable, QueuedBody::Unreliable(seq, packet.into_payload()), 1)
            }
            Vehicle::UnreliableFragments(cut) => {
                let (reliable, seq) = sender.take_unreliable();
                let cut = Cut { start: seq.0, ..cut };
                (reliable, QueuedBody::UnreliableFragments(packet.into(), cut), cut.count)
            }
            Vehicle::Unsequenced => {
                let group = self.outgoing.unsequenced_group.next();
                self.outgoing.unsequenced_group = group;
                (ReliableSeq(0), QueuedBody::Unsequenced(group, packet.into_payload()), 1)
            }
        };
        self.queue(id, seq, body, commands, shared);
    }

    /// Queues what goes out in so many commands.
    fn queue(
        &mut self,
        channel: ChannelId,
        seq: ReliableSeq,
        body: QueuedBody,
        commands: u32,
        shared: &mut Shared,
    ) {
        self.charge_outgoing(&body, commands);
        let len = body.next_len();
        if matches!(body, QueuedBody::Reliable(_)) && len <= SMALL {
            #[allow(clippy::cast_possible_truncation)] // 6
            let fixed = body.kind().fixed_len() as u32;
            self.repeatable = self.repeatable.wrapping_add(fixed + len);
        }
        let queued = Queued::new(self.slot, channel, seq, shared.take_stamps(commands), len, body);
        self.outgoing.queue(queued, &mut shared.commands);
    }

    /// Counts what is queued for the bandwidth shares (PROTOCOL.md §11.2).
    #[allow(clippy::cast_possible_truncation)] // the total is defined modulo 2³²
    #[inline]
    pub(super) fn charge_outgoing(&mut self, body: &QueuedBody, commands: u32) {
        let fixed = commands.wrapping_mul(body.kind().fixed_len() as u32);
        self.outgoing_data_total =
            self.outgoing_data_total.wrapping_add(fixed).wrapping_add(body.whole_len() as u32);
    }

    pub(super) fn next_control_seq(&mut self) -> ReliableSeq {
        self.outgoing.control_seq = self.outgoing.control_seq.next();
        self.outgoing.control_seq
    }
}
