//! Queuing: packets become commands with numbers (PROTOCOL.md §12.2–§12.4).

use enet_wire::{Body, ChannelId, CommandKind, MAX_FRAGMENTS, ReliableSeq};

use super::in_flight::{Cut, Sent, SentBody};
use super::outgoing::{Choice, Message, Queued, QueuedBody};
use super::{Connection, Stage};
use crate::collections::slab::Key;
use crate::error::{SendError, SendErrorReason};
use crate::mutants::{self, Mutant};
use crate::packet::{Delivery, Packet};
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

impl Connection {
    /// Queues a packet, or gives it back with the reason.
    pub(crate) fn send(
        &mut self,
        id: ChannelId,
        packet: Packet,
        shared: &mut Shared,
    ) -> Result<(), SendError> {
        match self.vehicle(id, &packet, shared) {
            Ok(vehicle) => {
                self.queue_packet(id, packet, vehicle, shared);
                Ok(())
            }
            Err(reason) => Err(SendError { reason, packet }),
        }
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
        self.push_control(QueuedBody::Control { seq, body }, 1, shared);
    }

    /// Queues the disconnect that nobody acknowledges.
    pub(crate) fn queue_farewell(&mut self, data: u32, shared: &mut Shared) {
        let seq = self.next_control_seq();
        self.push_control(QueuedBody::Farewell { seq, data }, 1, shared);
    }

    /// Takes the front of a queue into flight, for its first transmission (PROTOCOL.md §9.5).
    pub(crate) fn send_first(&mut self, choice: Choice, shared: &Shared) -> Option<Key> {
        let mut timeout = shared.profile.first_timeout(self.rtt.mean, self.rtt.variance);
        if mutants::is(Mutant::EarlyResend) {
            timeout = timeout.div_ceil(2);
        }
        if choice == Choice::Data {
            let sent = self.outgoing.take_data(shared.now, timeout)?;
            let (id, seq) = (sent.channel, sent.seq);
            let key = self.in_flight.send(sent);
            let sender = &mut self.channels.get_mut(id)?.sender;
            sender.windows.on_sent(seq);
            sender.in_flight.push(seq, key);
            return Some(key);
        }
        let Queued { stamp, body } = self.outgoing.control.pop_front()?;
        let QueuedBody::Control { seq, body } = body else { return None };
        Some(self.in_flight.send(Sent {
            channel: ChannelId::CONTROL,
            seq,
            stamp,
            sent_time: shared.now,
            timeout,
            attempts: 1,
            body: SentBody::Control(body),
        }))
    }

    fn vehicle(&self, id: ChannelId, packet: &Packet, shared: &Shared) -> Result<Vehicle, SendErrorReason> {
        let channels = self.channels.count();
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
        let exhausted = self.channels.get(id).is_some_and(|channel| channel.sender.is_unreliable_exhausted());
        let size = self.fragment_size(shared);
        if length > size {
            let count = length.div_ceil(size);
            if count > MAX_FRAGMENTS {
                return Err(SendErrorReason::TooManyFragments { max: MAX_FRAGMENTS });
            }
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
    fn fragment_size(&self, shared: &Shared) -> u32 {
        let header = 4 + if shared.checksum.is_some() { 4 } else { 0 };
        #[allow(clippy::cast_possible_truncation)] // 24
        let fixed = CommandKind::SendFragment.fixed_len() as u32;
        let over = u32::from(mutants::is(Mutant::MtuExceeded));
        self.mtu.saturating_sub(header + fixed).max(1) + over
    }

    fn queue_packet(&mut self, id: ChannelId, packet: Packet, vehicle: Vehicle, shared: &mut Shared) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        match vehicle {
            Vehicle::Reliable => {
                let seq = channel.sender.take_reliable(1);
                self.push_data(id, seq, packet, None, shared);
            }
            Vehicle::Fragments(cut) => {
                #[allow(clippy::cast_possible_truncation)] // numbers advance modulo 2¹⁶
                let seq = channel.sender.take_reliable(cut.count as u16);
                self.push_data(id, seq, packet, Some(Cut { start: seq.0, ..cut }), shared);
            }
            Vehicle::Unreliable => {
                let (reliable, seq) = channel.sender.take_unreliable();
                self.push_control(QueuedBody::Unreliable { channel: id, reliable, seq, packet }, 1, shared);
            }
            Vehicle::UnreliableFragments(cut) => {
                let (reliable, seq) = channel.sender.take_unreliable();
                let cut = Cut { start: seq.0, ..cut };
                let body = QueuedBody::Fragments { channel: id, reliable, packet, cut };
                self.push_control(body, cut.count, shared);
            }
            Vehicle::Unsequenced => {
                self.unsequenced_out = self.unsequenced_out.next();
                let group = self.unsequenced_out;
                self.push_control(QueuedBody::Unsequenced { channel: id, group, packet }, 1, shared);
            }
        }
    }

    fn push_data(
        &mut self,
        channel: ChannelId,
        seq: ReliableSeq,
        packet: Packet,
        cut: Option<Cut>,
        shared: &mut Shared,
    ) {
        let commands = cut.map_or(1, |cut| cut.count);
        let kind = if cut.is_some() { CommandKind::SendFragment } else { CommandKind::SendReliable };
        self.charge_outgoing(kind, commands, packet.len());
        let stamp = shared.take_stamps(commands);
        self.outgoing.data.push_back(Message { stamp, channel, seq, packet, cut });
    }

    fn push_control(&mut self, body: QueuedBody, commands: u32, shared: &mut Shared) {
        let payload = match &body {
            QueuedBody::Unreliable { packet, .. }
            | QueuedBody::Fragments { packet, .. }
            | QueuedBody::Unsequenced { packet, .. } => packet.len(),
            QueuedBody::Control { .. } | QueuedBody::Farewell { .. } => 0,
        };
        self.charge_outgoing(body.command().kind(), commands, payload);
        let stamp = shared.take_stamps(commands);
        self.outgoing.control.push_back(Queued { stamp, body });
    }

    /// Counts what is queued for the bandwidth shares (PROTOCOL.md §11.2).
    #[allow(clippy::cast_possible_truncation)] // the total is defined modulo 2³²
    fn charge_outgoing(&mut self, kind: CommandKind, commands: u32, payload: usize) {
        let fixed = commands.wrapping_mul(kind.fixed_len() as u32);
        self.outgoing_data_total = self.outgoing_data_total.wrapping_add(fixed).wrapping_add(payload as u32);
    }

    fn next_control_seq(&mut self) -> ReliableSeq {
        self.control_seq = self.control_seq.next();
        self.control_seq
    }
}
