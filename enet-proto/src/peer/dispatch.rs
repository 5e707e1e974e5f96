//! Dispatch: one function per received command (PROTOCOL.md §14.3), and the rule what is acknowledged.

use enet_wire::{
    Body, ChannelId, Command, CommandKind, Fragment, ReliableSeq, UnreliableSeq, UnsequencedGroup,
};

use super::acks::Ack;
use super::outgoing::Acknowledged;
use super::recovery::SURPRISE;
use super::rtt::round_trip_sample;
use super::unsequenced::Judgement;
use super::{Connection, Stage};
use crate::channel::Channels;
use crate::channel::inbox::Inbox;
use crate::channel::intake::{Intake, Outcome};
use crate::channel::receiver::Receiver;
use crate::event::DisconnectReason;
use crate::mutants::{self, Mutant};
use crate::profile::Profile;
use crate::shared::Shared;
use crate::stats::DiscardReason;
use crate::time::Millis;

/// Gaps in packets of so few fragments are not worth a record.
const FEW: u32 = 4;

impl Connection {
    /// Carries out one command and owes its acknowledgement. An error ends the datagram.
    #[inline(always)]
    pub(crate) fn dispatch(
        &mut self,
        command: &Command<'_>,
        sent_time: Option<u16>,
        shared: &mut Shared,
    ) -> Outcome {
        let unanswered = mutants::is(Mutant::RepeatUnacknowledged)
            && self.channels.get(command.channel).is_some_and(|it| it.receiver.is_settled(command.seq));
        match command.body {
            // Those that datagrams are full of.
            Body::Acknowledge { received_seq, received_sent_time } => {
                self.on_acknowledge(command.channel, received_seq, received_sent_time, shared)
            }
            Body::SendReliable { payload } if self.is_active() => {
                self.on_reliable(command.channel, command.seq, payload, shared)
            }
            Body::SendUnreliable { seq, payload } if self.is_active() => {
                self.on_unreliable(command.channel, command.seq, seq, payload, shared)
            }
            _ => {
                // A copy, so that only this branch needs the command in memory.
                let command = *command;
                self.run(&command, sent_time, shared)
            }
        }?;
        if command.acknowledge && !unanswered {
            self.owe_acknowledgement(command, sent_time, shared)
        } else {
            Ok(())
        }
    }

    #[inline(never)]
    fn run(&mut self, command: &Command<'_>, sent_time: Option<u16>, shared: &mut Shared) -> Outcome {
        let channel = command.channel;
        match command.body {
            Body::Connect(_) => Err(DiscardReason::UnexpectedCommand),
            Body::VerifyConnect(verify) => {
                if self.stage == Stage::Connecting {
                    self.control_in = command.seq;
                }
                self.on_verify_connect(&verify, shared)
            }
            Body::Disconnect { data } => {
                let is_plausible = command.acknowledge && self.follows(command.seq);
                self.on_disconnect(data, command.acknowledge && sent_time.is_some(), is_plausible, shared);
                if let (Some(doubt), Some(sent_time), true) =
                    (self.doubt_mut(), sent_time, command.acknowledge)
                {
                    doubt.owed = Some(Ack { channel, seq: command.seq, sent_time, of_disconnect: true });
                }
                Ok(())
            }
            _ if !self.is_active() => Err(DiscardReason::UnexpectedCommand),
            Body::BandwidthLimit { incoming, outgoing } => {
                if self.is_current(command, self.limits_in, shared) {
                    self.limits_in = command.seq;
                    self.on_bandwidth_limit(incoming, outgoing, shared);
                }
                Ok(())
            }
            Body::ThrottleConfigure(settings) => {
                if self.is_current(command, self.throttle_in, shared) {
                    self.throttle_in = command.seq;
                    self.adopt_throttle(settings);
                }
                Ok(())
            }
            Body::SendUnsequenced { group, payload } => self.on_unsequenced(channel, group, payload, shared),
            Body::SendFragment(fragment) => self.on_fragment(channel, &fragment, shared),
            Body::SendUnreliableFragment(fragment) => {
                self.on_unreliable_fragment(channel, command.seq, &fragment, shared)
            }
            Body::Ping
            | Body::Acknowledge { .. }
            | Body::SendReliable { .. }
            | Body::SendUnreliable { .. } => Ok(()),
        }
    }

    /// One acknowledgement for each copy that arrived, but not for numbers too far ahead (PROTOCOL.md §9.3).
    #[inline(always)]
    fn owe_acknowledgement(
        &mut self,
        command: &Command<'_>,
        sent_time: Option<u16>,
        shared: &mut Shared,
    ) -> Outcome {
        let sent_time = sent_time.ok_or(DiscardReason::NoSentTime)?;
        let of_disconnect = matches!(command.body, Body::Disconnect { .. });
        let owed = match self.stage {
            Stage::Connected | Stage::DisconnectLater { .. } if of_disconnect => false, // doubted
            Stage::Connected => true,
            Stage::Disconnecting | Stage::AcknowledgingConnect { .. } => false,
            Stage::AcknowledgingDisconnect { .. } => of_disconnect,
            _ => !self.is_finished(),
        };
        let is_said_again = self.was_said(command) && shared.profile == Profile::Modern;
        self.note_control(command);
        let too_far = self.channels.is_too_far_ahead(command.channel, command.seq, self.channel_count);
        if owed && !too_far {
            let Command { channel, seq, .. } = *command;
            let ack = Ack { channel, seq, sent_time, of_disconnect };
            if !self.acks.push_back(ack, &mut shared.acks) {
                return Err(DiscardReason::AcknowledgementLimit);
            }
            let is_ping = command.body == Body::Ping;
            if (is_ping || matches!(command.body, Body::BandwidthLimit { .. } | Body::ThrottleConfigure(_)))
                && (is_said_again || self.mishaps.is_some())
            {
                self.mishaps_mut().pulse.on_control(ack, is_ping, is_said_again, shared.now);
            }
            if is_ping {
                self.note_ping();
            }
            self.outgoing_data_total = self.outgoing_data_total.wrapping_add(u32::from(Ack::LEN));
        }
        Ok(())
    }

    /// Handles an acknowledgement (PROTOCOL.md §9.4). As in C, it counts as a sample and as a sign of life even if its
    /// number is unknown, unless the profile knows better: it may be a copy that was under way for long, or forged.
    #[inline(never)]
    fn on_acknowledge(
        &mut self,
        channel: ChannelId,
        seq: ReliableSeq,
        echoed: u16,
        shared: &mut Shared,
    ) -> Outcome {
        if self.is_finished() {
            return Ok(());
        }
        // A CONNECT is answered by VERIFY_CONNECT alone; this is of the slot's former connection (docs/QUIRKS.md Q94).
        if self.stage == Stage::Connecting && !shared.profile.believes_any_acknowledgement() {
            return Ok(());
        }
        if mutants::is(Mutant::SentTimeWrap) && echoed > shared.now.sent_time() {
            return Ok(());
        }
        let Some(sample) = round_trip_sample(shared.now, echoed) else { return Ok(()) };
        let found = self.take_acknowledged(channel, seq, shared);
        if found.is_none() && !shared.profile.believes_any_acknowledgement() {
            return Ok(());
        }
        self.on_sample(sample, shared);
        if self.extras.is_some() {
            if found.as_ref().is_some_and(|found| found.kind == CommandKind::Ping) {
                self.note_pong(sample);
            }
            self.on_extras_acknowledged(found.map(|found| found.stamp), shared);
        }
        if let (Some(found), Profile::Modern) = (&found, shared.profile) {
            self.learn(found, echoed, sample, shared);
        }
        if let Some(doubt) = self.doubt()
            && sample <= shared.now.diff(doubt.since)
        {
            // It answers what was sent since: it was not its disconnect.
            self.take_doubt();
            shared.discard(DiscardReason::DoubtedDisconnect);
        }
        let acknowledged = found.map(|found| found.kind);
        match self.stage {
            Stage::AcknowledgingConnect { data } => match acknowledged {
                Some(CommandKind::VerifyConnect) => self.establish(data),
                _ => return Err(DiscardReason::UnexpectedCommand),
            },
            Stage::DisconnectOnceKnown { data } if acknowledged.is_some() => {
                self.send_disconnect(data, shared);
            }
            Stage::Disconnecting => match acknowledged {
                Some(CommandKind::Disconnect) => {
                    let event = Some(DisconnectReason::Local);
                    self.stage = Stage::Over { event, was_established: true };
                }
                _ => return Err(DiscardReason::UnexpectedCommand),
            },
            _ => self.disconnect_if_drained(shared),
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn on_sample(&mut self, sample: u32, shared: &Shared) {
        let now = shared.now;
        let first = self.last_receive_time.is_unset();
        let before = self.throttle.value;
        let sample = match shared.profile {
            Profile::Modern => sample.min(self.rtt.mean.saturating_mul(4).max(SURPRISE)),
            Profile::Compat => sample,
        };
        if !first && shared.profile == Profile::Compat {
            self.throttle.on_sample(sample, self.rtt.last, self.rtt.last_variance);
        }
        if mutants::is(Mutant::ThrottleOutOfRange) {
            self.throttle.value = before.saturating_add(self.throttle.acceleration);
        }
        if mutants::is(Mutant::ThrottleStaysLow) {
            self.throttle.value = self.throttle.value.min(before);
        }
        self.rtt.on_sample(sample, now, first, self.throttle.interval);
        self.last_receive_time = Millis(now.0.max(1));
        self.recovery.on_sign_of_life();
        if let Some(mishaps) = &mut self.mishaps
            && !mutants::is(Mutant::BlackoutRunsOn)
        {
            mishaps.earliest_timeout = Millis::UNSET;
        }
    }

    /// For those who want to hear of it.
    #[cold]
    fn on_extras_acknowledged(&mut self, stamp: Option<u32>, shared: &mut Shared) {
        if let Some(stamp) = stamp {
            self.on_stamp(stamp);
        }
        self.end_stall(shared);
    }

    #[inline]
    fn take_acknowledged(
        &mut self,
        id: ChannelId,
        seq: ReliableSeq,
        shared: &mut Shared,
    ) -> Option<Acknowledged> {
        let found = self.outgoing.acknowledge(self.slot, id, seq, &mut shared.commands)?;
        if let Some(channel) = self.channels.get_used(id) {
            channel.sender.windows.on_acknowledged(seq);
        }
        Some(found)
    }

    /// Handles DISCONNECT in either form (PROTOCOL.md §7). One that wants an acknowledgement but cannot have it, for
    /// want of a sent time, counts as the form without (docs/QUIRKS.md Q87).
    fn on_disconnect(&mut self, data: u32, acknowledged: bool, is_plausible: bool, shared: &mut Shared) {
        let data = if mutants::is(Mutant::DisconnectDataLost) { 0 } else { data };
        if self.is_active() && shared.confirms_disconnects && !is_plausible {
            return self.doubt_disconnect(data, shared);
        }
        let next = match self.stage {
            Stage::AcknowledgingDisconnect { .. } | Stage::Zombie { .. } | Stage::Over { .. } => return,
            Stage::AcknowledgingConnect { .. } => Stage::Over { event: None, was_established: false },
            Stage::Connecting => Stage::Zombie { reason: DisconnectReason::Refused, data },
            Stage::Connected | Stage::DisconnectLater { .. } if acknowledged => {
                Stage::AcknowledgingDisconnect { data }
            }
            // Ours may be lost, or not have left: without an answer the remote would wait until it gives us up.
            Stage::DisconnectOnceKnown { .. } | Stage::Disconnecting
                if acknowledged && shared.profile == Profile::Modern =>
            {
                Stage::AcknowledgingDisconnect { data }
            }
            Stage::Connected
            | Stage::DisconnectLater { .. }
            | Stage::DisconnectOnceKnown { .. }
            | Stage::Disconnecting => Stage::Zombie { reason: DisconnectReason::Remote, data },
        };
        self.put_undelivered_aside(shared);
        self.clear_queues(shared);
        self.stage = next;
    }

    #[inline(always)]
    fn on_reliable(
        &mut self,
        id: ChannelId,
        seq: ReliableSeq,
        payload: &[u8],
        shared: &mut Shared,
    ) -> Outcome {
        check_length(payload, shared)?;
        let (profile, now) = (shared.profile, shared.now);
        let (receiver, intake) = self.intake(id, shared)?;
        receiver.on_reliable(seq, payload, intake)?;
        if profile == Profile::Modern && receiver.is_behind_gap(seq) {
            self.mishaps_mut().gaps.note(id, seq, now);
        }
        Ok(())
    }

    fn on_unreliable(
        &mut self,
        id: ChannelId,
        reliable: ReliableSeq,
        seq: UnreliableSeq,
        payload: &[u8],
        shared: &mut Shared,
    ) -> Outcome {
        check_length(payload, shared)?;
        let (receiver, intake) = self.intake(id, shared)?;
        receiver.on_unreliable(reliable, seq, payload, intake)
    }

    fn on_unsequenced(
        &mut self,
        id: ChannelId,
        group: UnsequencedGroup,
        payload: &[u8],
        shared: &mut Shared,
    ) -> Outcome {
        check_length(payload, shared)?;
        if id.get() >= self.channel_count {
            return Err(DiscardReason::NoSuchChannel);
        }
        let datagram = shared.profile.confirms_jumps().then_some(shared.stats.datagrams_received);
        let fresh = match self.unsequenced_in.check(group, datagram) {
            Judgement::Fresh(fresh) => fresh,
            Judgement::Known => return Ok(()),
            Judgement::Doubted => {
                shared.discard(DiscardReason::DoubtedGroup);
                return Ok(());
            }
        };
        let (receiver, intake) = self.intake(id, shared)?;
        receiver.on_unsequenced(payload, intake)?;
        if !mutants::is(Mutant::UnsequencedTwice) {
            self.unsequenced_in.mark(fresh);
        }
        Ok(())
    }

    fn on_fragment(&mut self, id: ChannelId, fragment: &Fragment<'_>, shared: &mut Shared) -> Outcome {
        let max = shared.max_packet_size;
        let (receiver, intake) = self.intake(id, shared)?;
        check_payload(fragment, max)?;
        if receiver.ignores_fragment_of(ReliableSeq(fragment.start)) {
            return Ok(());
        }
        check_shape(fragment, max)?;
        receiver.on_reliable_fragment(fragment, intake)?;
        let Fragment { start, number, count, .. } = *fragment;
        if shared.profile == Profile::Modern && (count > FEW || self.mishaps.is_some()) {
            #[allow(clippy::cast_possible_truncation)] // below a million: numbers advance modulo 2¹⁶
            let seq = ReliableSeq(start).add(number as u16);
            self.mishaps_mut().gaps.note_fragment(id, seq, number, shared.now);
        }
        Ok(())
    }

    fn on_unreliable_fragment(
        &mut self,
        id: ChannelId,
        reliable: ReliableSeq,
        fragment: &Fragment<'_>,
        shared: &mut Shared,
    ) -> Outcome {
        let max = shared.max_packet_size;
        let (receiver, intake) = self.intake(id, shared)?;
        check_payload(fragment, max)?;
        if receiver.ignores_unreliable_fragment_of(reliable, fragment.start) {
            return Ok(());
        }
        check_shape(fragment, max)?;
        receiver.on_unreliable_fragment(reliable, fragment, intake)
    }

    /// The receiving half of a channel, and what it may use.
    #[inline]
    fn intake<'a>(
        &'a mut self,
        id: ChannelId,
        shared: &'a mut Shared,
    ) -> Result<(&'a mut Receiver, Intake<'a>), DiscardReason> {
        let accepting = self.stage == Stage::Connected;
        let Connection { channels, channel_count, inbox, .. } = self;
        let (channels, inbox): (&mut Channels, &mut Inbox) = (channels, inbox);
        let channel = channels.get_mut(id, *channel_count).ok_or(DiscardReason::NoSuchChannel)?;
        let max_waiting_data = shared.max_waiting_data;
        let intake = Intake { channel: id, inbox, memory: &mut shared.memory, max_waiting_data, accepting };
        Ok((&mut channel.receiver, intake))
    }
}

fn check_length(payload: &[u8], shared: &Shared) -> Outcome {
    if payload.len() <= shared.max_packet_size as usize { Ok(()) } else { Err(DiscardReason::PacketTooLarge) }
}

fn check_payload(fragment: &Fragment<'_>, max_packet_size: u32) -> Outcome {
    let fits = (1..=max_packet_size as usize).contains(&fragment.payload.len());
    if fits { Ok(()) } else { Err(DiscardReason::BadFragment) }
}

/// Whether a fragment's fields agree with each other and with our limits (PROTOCOL.md §12.8).
fn check_shape(fragment: &Fragment<'_>, max_packet_size: u32) -> Outcome {
    let Fragment { count, number, total_length, offset, payload, .. } = *fragment;
    let consistent = count <= enet_wire::MAX_FRAGMENTS
        && number < count
        && total_length <= max_packet_size
        && total_length >= count
        && u64::from(offset) + payload.len() as u64 <= u64::from(total_length);
    if consistent { Ok(()) } else { Err(DiscardReason::BadFragment) }
}
