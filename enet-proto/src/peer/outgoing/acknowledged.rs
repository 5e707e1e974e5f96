//! [`Acknowledged`]: what an acknowledgement takes out of what waits.

use enet_wire::{ChannelId, CommandKind, ReliableSeq};

use super::Outgoing;
use crate::mutants::{self, Mutant};
use crate::peer::command::{Commands, Place, Queued, name};
use crate::time::Millis;

/// What an acknowledgement found: a command as it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) kind: CommandKind,
    pub(crate) stamp: u32,
    /// Its last transmission: when, and in which datagram.
    pub(crate) sent_time: Millis,
    pub(crate) micros: u16,
    pub(crate) datagram: u16,
    /// As it travels, when the first transmission left after it last counted as lost; if it ever did.
    pub(crate) again: Option<u16>,
    /// Whether it was still to be sent again.
    pub(crate) waited: bool,
}

impl Acknowledged {
    #[inline(always)]
    pub(super) const fn of(sent: &Queued) -> Self {
        Acknowledged {
            kind: sent.body.kind(),
            stamp: sent.stamp,
            sent_time: sent.sent_time,
            micros: sent.micros,
            datagram: sent.datagram,
            again: if sent.attempts > 1 { Some(sent.again) } else { None },
            waited: matches!(sent.place, Place::RetryControl | Place::RetryData),
        }
    }
}

impl Outgoing {
    /// Takes an acknowledged command out, wherever it waits; what it was and how it stood.
    #[inline(always)]
    pub(crate) fn acknowledge(
        &mut self,
        slot: u16,
        channel: ChannelId,
        seq: ReliableSeq,
        commands: &mut Commands,
    ) -> Option<Acknowledged> {
        let oldest = commands.lists.front(&self.in_flight);
        // Acknowledgements come in the order of transmission, as long as nothing is lost.
        let Some(sent) = oldest.filter(|it| it.seq == seq && it.channel == channel && !it.indexed) else {
            return self.acknowledge_any((slot, channel, seq), commands);
        };
        let (found, len) = (Acknowledged::of(sent), sent.len);
        self.discard_oldest(found.kind, len, commands);
        Some(found)
    }

    /// Takes the oldest in flight out as long as they have always been there, left in this datagram, and are acknowledged,
    /// as is asked of each in turn.
    #[inline(always)]
    pub(crate) fn acknowledge_more(
        &mut self,
        datagram: u16,
        commands: &mut Commands,
        mut is_acknowledged: impl FnMut(ChannelId, ReliableSeq) -> bool,
    ) {
        let (mut count, mut bytes, mut flying) = (0, 0_u32, 0_u32);
        commands.lists.discard_front_while(&mut self.in_flight, |sent| {
            let is_it = sent.datagram == datagram && !sent.indexed && is_acknowledged(sent.channel, sent.seq);
            if is_it {
                count += 1;
                bytes += sent.len;
                flying += counted_in_flight(sent.body.kind(), sent.len);
            }
            is_it
        });
        if count > 0 {
            self.bytes = self.bytes.saturating_sub(flying);
            self.forget_all(count, bytes);
            self.unnamed = self.in_flight.first();
        }
    }

    /// Drops the oldest in flight, none of which has a name.
    #[inline(always)]
    fn discard_oldest(&mut self, kind: CommandKind, len: u32, commands: &mut Commands) {
        self.leave_flight(kind, len);
        self.forget(len);
        commands.lists.discard_front(&mut self.in_flight);
        self.unnamed = self.in_flight.first();
    }

    #[inline(never)]
    fn acknowledge_any(
        &mut self,
        (slot, channel, seq): (u16, ChannelId, ReliableSeq),
        commands: &mut Commands,
    ) -> Option<Acknowledged> {
        if self.has_lone_ping() {
            return self.acknowledge_lone_ping(channel, seq);
        }
        while let Some(key) = self.unnamed {
            self.unnamed = commands.lists.next(key);
            commands.enter(key);
        }
        let key = commands.strike(name(slot, channel, seq))?;
        self.leave_swallowed(key, commands);
        let sent = commands.get(key)?;
        let found = Acknowledged::of(sent);
        self.forget(sent.len);
        let list = match sent.place {
            Place::InFlight => {
                self.leave_flight(found.kind, sent.len);
                &mut self.in_flight
            }
            Place::Riding => {
                self.leave_flight(found.kind, sent.len);
                self.riders = self.riders.saturating_sub(1);
                &mut self.riding
            }
            Place::RetryControl => &mut self.retry_control,
            Place::RetryData => &mut self.retry_data,
            Place::Control => &mut self.control,
            Place::Data => &mut self.data,
        };
        commands.lists.discard(list, key);
        Some(found)
    }

    #[inline]
    pub(super) fn leave_flight(&mut self, kind: CommandKind, bytes: u32) {
        self.bytes = self.bytes.saturating_sub(counted_in_flight(kind, bytes));
    }
}

/// What a command counts for that leaves flight.
#[inline]
fn counted_in_flight(kind: CommandKind, bytes: u32) -> u32 {
    if mutants::is(Mutant::InTransitLeak) && kind == CommandKind::SendFragment { 0 } else { bytes }
}
