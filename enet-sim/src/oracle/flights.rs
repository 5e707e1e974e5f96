//! Commands on their way: what leaves, what arrives, what is acknowledged (R4, W; marks of the wire).

use enet_wire::{Body, Command, CommandKind, Header};

use super::Judge;
use super::half::{Departure, Flight};
use super::ids::HalfId;
use super::wire::Leaving;
use crate::marks::Mark;
use crate::time::Time;

/// Acknowledgements are demanded for numbers at most so far behind the newest one: old enough ones fall into the
/// windows that get no answer (PROTOCOL.md §4.2).
const ANSWERED_AGE: u16 = 20_000;

impl Judge {
    /// A command leaves.
    pub(super) fn tap_departed(&mut self, leaving: &Leaving, command: &Command<'_>) {
        if leaving.lost {
            self.mark_lost(command);
        }
        let Some(id) = self.half_of(leaving, command) else {
            if let Some(book) = self.hosts.get_mut(leaving.from).filter(|_| leaving.header.peer.is_unknown())
            {
                book.premature = true;
            }
            return;
        };
        self.judge_channel(leaving, id, command);
        match &command.body {
            Body::Acknowledge { received_seq, received_sent_time } => {
                self.acknowledgement_departed(
                    leaving,
                    id,
                    (command.channel.get(), received_seq.0, *received_sent_time),
                );
            }
            Body::SendUnreliable { seq, .. } => self.unreliable_departed(id, command, seq.0),
            Body::SendUnreliableFragment(fragment) => self.unreliable_departed(id, command, fragment.start),
            Body::SendUnsequenced { group, .. } => {
                let half = self.tap.half_mut(id);
                let skipped = group.0.wrapping_sub(half.group).wrapping_sub(1);
                if (1..0x8000).contains(&skipped) {
                    self.verdict.mark(Mark::ThrottleDropped);
                }
                if half.group > 0xC000 && group.0 < 0x4000 {
                    self.verdict.mark(Mark::UnsequencedGroupWrapped);
                }
                half.group = group.0;
            }
            Body::ThrottleConfigure(throttle) => {
                let half = self.tap.half_mut(id);
                half.acceleration = half.acceleration.max(throttle.acceleration);
                half.least_acceleration = half.least_acceleration.min(throttle.acceleration);
                half.deceleration = half.deceleration.max(throttle.deceleration);
            }
            _ => {}
        }
        if command.acknowledge {
            self.reliable_departed(leaving, id, command);
        }
    }

    fn mark_lost(&mut self, command: &Command<'_>) {
        match command.kind() {
            CommandKind::Connect => self.verdict.mark(Mark::ConnectLost),
            CommandKind::VerifyConnect => self.verdict.mark(Mark::VerifyLost),
            CommandKind::Acknowledge => self.verdict.mark(Mark::AcknowledgementLost),
            CommandKind::Disconnect => self.verdict.mark(Mark::DisconnectLost),
            _ => {}
        }
    }

    /// Data goes to channels that were agreed on.
    fn judge_channel(&mut self, leaving: &Leaving, id: HalfId, command: &Command<'_>) {
        let channels = self.tap.half(id).channels;
        let acknowledges = command.kind() == CommandKind::Acknowledge;
        if !command.channel.is_control() && u32::from(command.channel.get()) >= channels && !acknowledges {
            let complaint =
                || format!("{:?} to channel {} of {channels} left", command.kind(), command.channel);
            self.verdict.complain(leaving.at, "C3", leaving.from, complaint);
        }
    }

    fn unreliable_departed(&mut self, id: HalfId, command: &Command<'_>, number: u16) {
        let lane = self.tap.half_mut(id).lane(command.channel.get());
        let (reliable, last) = lane.unreliable;
        let before = if reliable == command.seq.0 { last } else { 0 };
        if number > before.saturating_add(1) {
            self.verdict.mark(Mark::ThrottleDropped);
        }
        lane.unreliable = (command.seq.0, number.max(before));
    }

    fn reliable_departed(&mut self, leaving: &Leaving, id: HalfId, command: &Command<'_>) {
        let (channel, number) = (command.channel.get(), command.seq.0);
        let len = u16::try_from(command.payload().len()).unwrap_or(u16::MAX);
        let half = self.tap.half_mut(id);
        let departure = half.lane(channel).depart(leaving.at, number, len, leaving.lost);
        match departure {
            Departure::First { skipped } => {
                if matches!(command.body, Body::Connect(_) | Body::VerifyConnect(_)) {
                    // Before any sample (PROTOCOL.md §9.5), unless one came from the slot's last connection (docs/QUIRKS.md Q94).
                    if let Some(flight) = half.lane(channel).flight(number) {
                        flight.rto = 500;
                    }
                }
                half.fresh.push((channel, number));
                half.sent_data |= !command.channel.is_control();
                if number == 0 {
                    self.verdict.mark(Mark::ReliableNumberWrapped);
                }
                if skipped > 0 && channel != 0xFF {
                    let complaint = || {
                        format!(
                            "channel {channel}: number {number} left first, {skipped} before it never did"
                        )
                    };
                    self.verdict.complain(leaving.at, "R1", leaving.from, complaint);
                }
                self.judge_span(leaving, id, channel, number);
            }
            Departure::Again(before) => self.departed_again(leaving, id, command, &before),
            // Of a clock that was set it is not known which acknowledgements were believed.
            Departure::Settled if !half.sure => {}
            Departure::Settled => {
                let complaint = || {
                    format!("channel {channel}: number {number} left again, long after its acknowledgement")
                };
                self.verdict.complain(leaving.at, "T1", leaving.from, complaint);
            }
        }
    }

    /// F2: a receiver looks seven windows ahead (PROTOCOL.md §4.2, §9.7).
    fn judge_span(&mut self, leaving: &Leaving, id: HalfId, channel: u8, number: u16) {
        let lane = self.tap.half_mut(id).lane(channel);
        if channel == 0xFF || lane.span() <= 7 * 0x1000 {
            return;
        }
        let oldest = lane.oldest().map_or(number, |(oldest, _)| oldest);
        let span = number.wrapping_sub(oldest);
        if span >= 7 * 0x1000 {
            let complaint =
                || format!("channel {channel}: number {number} left while {oldest} was not acknowledged");
            self.verdict.complain(leaving.at, "F2", leaving.from, complaint);
        }
    }

    fn departed_again(&mut self, leaving: &Leaving, id: HalfId, command: &Command<'_>, before: &Flight) {
        let marks: &[Mark] = match before.attempts {
            1 => &[Mark::Retransmitted],
            2 => &[Mark::BackedOffTwice],
            3 => &[Mark::BackedOffThrice],
            4 => &[Mark::BackedOffFourTimes],
            5 => &[Mark::BackedOffFiveTimes],
            _ => &[],
        };
        let of_kind = match command.kind() {
            CommandKind::Connect => Some(Mark::ConnectRetransmitted),
            CommandKind::VerifyConnect => Some(Mark::VerifyRetransmitted),
            CommandKind::Disconnect => Some(Mark::DisconnectRetransmitted),
            CommandKind::Ping => Some(Mark::PingRetransmitted),
            CommandKind::SendFragment => Some(Mark::FragmentRetransmitted),
            _ => None,
        };
        let needless = before.arrived.then_some(Mark::NeedlesslyRetransmitted);
        for mark in marks.iter().copied().chain(of_kind).chain(needless) {
            self.verdict.mark(mark);
        }
        let by_evidence = self.is_modern(leaving.from)
            && !matches!(command.body, Body::Connect(_) | Body::VerifyConnect(_) | Body::Disconnect { .. });
        if by_evidence {
            self.judge_evidence(leaving, id, command, before);
        } else {
            self.judge_retransmission(leaving, id, command, before);
        }
    }

    fn acknowledgement_departed(&mut self, leaving: &Leaving, id: HalfId, owed: (u8, u16, u16)) {
        let (channel, number, _) = owed;
        let half = self.tap.half_mut(id);
        half.settle(owed);
        let (other, sure) = (half.other, half.sure);
        let Some(other) = other else { return };
        let Some(flight) = self.tap.half_mut(other).lane(channel).flight(number) else { return };
        flight.answered = true;
        if !flight.arrived && sure {
            let complaint =
                || format!("channel {channel}: number {number} was acknowledged and had not arrived");
            self.verdict.complain(leaving.at, "R3", leaving.from, complaint);
        }
    }

    /// A command of a datagram that reached the socket of the half's host.
    pub(super) fn tap_arrived(&mut self, at: Time, id: HalfId, header: &Header, command: &Command<'_>) {
        match &command.body {
            Body::Acknowledge { received_seq, .. } => {
                self.acknowledgement_arrived(at, id, command.channel.get(), received_seq.0);
            }
            Body::VerifyConnect(verify) => self.verify_arrived(at, id, verify),
            Body::ThrottleConfigure(throttle) => {
                let half = self.tap.half_mut(id);
                half.acceleration = half.acceleration.max(throttle.acceleration);
                half.least_acceleration = half.least_acceleration.min(throttle.acceleration);
                half.deceleration = half.deceleration.max(throttle.deceleration);
            }
            _ => {}
        }
        if command.acknowledge
            && let Some(sent_time) = header.sent_time
        {
            self.reliable_arrived(id, command, sent_time);
        }
    }

    fn settled(&self, id: HalfId) -> u32 {
        self.hosts.get(self.tap.half(id).host).map_or(0, |book| book.settled)
    }

    fn acknowledgement_arrived(&mut self, at: Time, id: HalfId, channel: u8, number: u16) {
        let serve = self.settled(id);
        let first = self.tap.half_mut(id).lane(channel).flight(number).map_or(at, |flight| flight.first);
        let book = self.hosts.get(self.tap.half(id).host);
        let stood_still = book.is_some_and(|book| book.disturbed_within(at, at.since(first)));
        let half = self.tap.half_mut(id);
        half.acks += 1;
        if channel == 0xFF && stood_still {
            half.sure = false; // said again for a clock that went on, it may be one of the future (docs/RECOVERY.md)
        }
        half.last_ack = Some(at);
        half.first_ack.get_or_insert(serve);
        if let Some(flight) = half.lane(channel).flight(number)
            && at.since(flight.first).0 > 30_000_000_000
        {
            half.sure = false; // an echo this old may be taken for one of the future (PROTOCOL.md §9.4)
        }
        if let Some(flight) = half.lane(channel).flight(number) {
            let left = flight.last;
            half.newest_acked = half.newest_acked.max(left);
        }
        half.lane(channel).acknowledge(number, serve);
        let opens = !half.client && !half.established && channel == 0xFF && number == half.opening;
        if opens {
            half.established = true;
            let host = half.host;
            if let Some(book) = self.hosts.get_mut(host) {
                book.answered.push(id);
            }
        }
    }

    fn reliable_arrived(&mut self, id: HalfId, command: &Command<'_>, sent_time: u16) {
        let (channel, number) = (command.channel.get(), command.seq.0);
        let half = self.tap.half(id);
        let Some(other) = half.other else { return };
        let connected =
            half.side.is_some_and(|side| self.side(side).snapshot.is_some_and(|(_, it)| it.state == 5));
        let lane = self.tap.half_mut(other).lane(channel);
        let reordered = channel != 0xFF && !lane.predecessor_arrived(number);
        let near = lane.age(number) < ANSWERED_AGE;
        let again = match lane.flight(number) {
            Some(flight) => core::mem::replace(&mut flight.arrived, true),
            None => true,
        };
        if again {
            self.verdict.mark(Mark::ReliableDuplicated);
        }
        if reordered {
            self.verdict.mark(Mark::ReliableReordered);
            if command.kind() == CommandKind::SendFragment {
                self.verdict.mark(Mark::SetOutOfOrder);
            }
        }
        // A disconnect that is doubted is answered when it is believed.
        let doubted = command.kind() == CommandKind::Disconnect && self.is_modern(self.tap.half(id).host);
        if connected && near && !doubted {
            self.tap.half_mut(id).owed.push_back((channel, number, sent_time));
        }
    }
}
