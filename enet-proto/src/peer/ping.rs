//! [`LonePing`]: a ping with which nothing else is in flight. Quiet connections have nothing else to send, and all of a
//! server's may ping at once: such a ping takes no place among the commands until something joins it or it is overdue.

use core::num::NonZeroU16;

use enet_wire::{Body, ChannelId, Command, CommandKind, ReliableSeq};

use super::command::{COMMAND, Commands, Departure, Queued, QueuedBody};
use super::outgoing::{Acknowledged, Outgoing};
use super::recovery::Recovery;
use super::{Connection, Stage};
use crate::shared::Shared;
use crate::time::Millis;

/// All that such a ping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LonePing {
    seq: ReliableSeq,
    sent_time: Millis,
    /// One more than those of that millisecond.
    micros: NonZeroU16,
    /// Number of the datagram that carried it.
    datagram: u16,
}

impl Connection {
    /// The ping that is due, if nothing else waits or is in flight. It counts as sent.
    pub(crate) fn send_lone_ping(&mut self, shared: &mut Shared) -> Option<Command<'static>> {
        if self.stage != Stage::Connected || !self.goes_by_evidence(shared) || !self.is_drained() {
            return None;
        }
        let seq = self.next_control_seq();
        self.charge_outgoing(&QueuedBody::Control(Body::Ping), 1);
        self.loss.sent = self.loss.sent.wrapping_add(1);
        self.outgoing.send_lone_ping(seq, shared.now, shared.micros);
        Some(Command {
            channel: ChannelId::CONTROL,
            seq,
            acknowledge: true,
            unsequenced: false,
            body: Body::Ping,
        })
    }

    /// A datagram is about to be built: what leaves in it bears its number, and is in flight behind what left before.
    #[inline(always)]
    pub(crate) fn begin_datagram(&mut self, shared: &mut Shared) {
        if self.outgoing.has_lone_ping() {
            self.list_lone_ping(shared);
        }
        self.outgoing.begin_datagram();
    }

    /// Makes it a command as others are.
    #[cold]
    pub(super) fn list_lone_ping(&mut self, shared: &mut Shared) {
        let (slot, stamp, departure) = (self.slot, shared.take_stamps(1), self.departure(shared));
        self.outgoing.list_lone_ping(slot, stamp, departure, &mut shared.commands);
    }
}

impl Outgoing {
    #[inline]
    pub(crate) const fn has_lone_ping(&self) -> bool {
        self.lone_ping.is_some()
    }

    fn send_lone_ping(&mut self, seq: ReliableSeq, sent_time: Millis, micros: u16) {
        self.begin_datagram();
        self.charge(COMMAND);
        let (datagram, micros) = (self.datagram(), NonZeroU16::MIN.saturating_add(micros));
        self.lone_ping = Some(LonePing { seq, sent_time, micros, datagram });
    }

    /// `departure` is that of something that would leave now, of which only the timeout counts.
    fn list_lone_ping(&mut self, slot: u16, stamp: u32, departure: Departure, commands: &mut Commands) {
        let Some(LonePing { seq, sent_time, micros, datagram }) = self.lone_ping.take() else { return };
        let body = QueuedBody::Control(Body::Ping);
        let mut ping = Queued::new(slot, ChannelId::CONTROL, seq, stamp, 0, body);
        ping.enter_flight(Departure { at: sent_time, micros: micros.get() - 1, ..departure }, datagram);
        self.put_in_flight(ping, commands);
    }

    /// Takes it out if this is what is acknowledged.
    pub(super) fn acknowledge_lone_ping(
        &mut self,
        channel: ChannelId,
        seq: ReliableSeq,
    ) -> Option<Acknowledged> {
        let LonePing { sent_time, micros, datagram, .. } =
            self.lone_ping.take_if(|ping| channel == ChannelId::CONTROL && ping.seq == seq)?;
        self.forget(0);
        // No application waits for a ping by its stamp.
        let (kind, stamp, micros) = (CommandKind::Ping, 0, micros.get() - 1);
        Some(Acknowledged { kind, stamp, sent_time, micros, datagram, again: None, waited: false })
    }

    /// When the path is to be probed for its sake. Nothing that left later can have arrived.
    pub(super) fn lone_ping_deadline(&self, recovery: &Recovery, timeout: u32) -> Option<Millis> {
        let sent = self.lone_ping?.sent_time;
        Some(self.probe_deadline((sent, sent), recovery, timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinging() -> (Outgoing, Commands) {
        let mut outgoing = Outgoing::default();
        outgoing.send_lone_ping(ReliableSeq(7), Millis(1_000), 250);
        (outgoing, Commands::new())
    }

    #[test]
    fn a_lone_ping_is_in_flight_without_a_place_among_the_commands() {
        let (mut outgoing, mut commands) = pinging();
        assert!(!outgoing.is_idle() && outgoing.is_waiting());
        assert_eq!((commands.len(), outgoing.queued()), (0, COMMAND));
        let mut acknowledge =
            |channel, seq| outgoing.acknowledge(3, channel, ReliableSeq(seq), &mut commands);
        assert_eq!(acknowledge(ChannelId::CONTROL, 8), None);
        assert_eq!(acknowledge(ChannelId::new(0), 7), None);
        let found = acknowledge(ChannelId::CONTROL, 7).unwrap();
        assert_eq!((found.kind, found.sent_time, found.micros), (CommandKind::Ping, Millis(1_000), 250));
        assert_eq!(acknowledge(ChannelId::CONTROL, 7), None);
        assert!(outgoing.is_idle() && outgoing.queued() == 0);
    }

    #[test]
    fn one_that_is_listed_is_what_it_was() {
        let (mut outgoing, mut commands) = pinging();
        let now = Departure { at: Millis(1_400), micros: 9, timeout: 80, repeats: 0, insured: 0 };
        outgoing.list_lone_ping(3, 1, now, &mut commands);
        assert_eq!((outgoing.count(&commands), outgoing.queued()), ((1, 0), COMMAND));
        let found = outgoing.acknowledge(3, ChannelId::CONTROL, ReliableSeq(7), &mut commands).unwrap();
        assert_eq!((found.kind, found.sent_time, found.micros), (CommandKind::Ping, Millis(1_000), 250));
        assert!(commands.len() == 0 && outgoing.is_idle() && outgoing.queued() == 0);
    }

    #[test]
    fn nobody_waits_for_a_lone_ping_whose_connection_was_cleared() {
        let (mut outgoing, mut commands) = pinging();
        outgoing.clear(&mut commands);
        assert!(outgoing.is_idle() && outgoing.queued() == 0);
    }
}
