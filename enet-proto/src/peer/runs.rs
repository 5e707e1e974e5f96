//! Runs: commands that stand behind each other in a datagram with numbers that follow each other, as most do. What need
//! not be looked at again is not: they are carried out in loops that know what comes next.

use enet_wire::{Body, ChannelId, Command, CommandKind};

use super::acks::Ack;
use super::{Connection, Stage};
use crate::channel::intake::Intake;
use crate::shared::{Heard, Shared};

impl Connection {
    /// Carries out what follows a command as long as it is more of the same; the rest of the datagram. What is refused or
    /// unusual in any way is left to `dispatch`.
    #[inline(always)]
    pub(crate) fn dispatch_more<'a>(
        &mut self,
        command: &Command<'_>,
        sent_time: Option<u16>,
        rest: &'a [u8],
        shared: &mut Shared,
    ) -> &'a [u8] {
        match (&command.body, sent_time) {
            (Body::Acknowledge { .. }, _) => self.acknowledge_more(rest, shared),
            (Body::SendReliable { .. }, Some(sent_time)) => {
                let Command { channel, seq, .. } = *command;
                self.deliver_more(Ack { channel, seq, sent_time, of_disconnect: false }, rest, shared)
            }
            (Body::SendUnreliable { .. }, _) => self.deliver_more_unreliable(command.channel, rest, shared),
            _ => rest,
        }
    }

    /// Takes what was acknowledged as long as it left in the same datagram of ours as what was acknowledged before it. Then
    /// nothing more is to be learned from it: a datagram is one sample of the path, however many commands it carried.
    #[inline(never)]
    fn acknowledge_more<'a>(&mut self, rest: &'a [u8], shared: &mut Shared) -> &'a [u8] {
        let is_plain = self.stage == Stage::Connected && self.extras.is_none() && self.doubt.is_none();
        let Some(Heard { echoed, datagram }) = shared.heard.filter(|_| is_plain) else { return rest };
        let Connection { outgoing, channels, .. } = self;
        let mut rest = rest;
        outgoing.acknowledge_more(datagram, &mut shared.commands, |id, seq| {
            let Some((ack, behind)) = Command::decode_as(CommandKind::Acknowledge, rest) else {
                return false;
            };
            let Body::Acknowledge { received_seq, received_sent_time } = ack.body else { return false };
            if (received_seq, received_sent_time, ack.channel) != (seq, echoed, id) || ack.acknowledge {
                return false;
            }
            rest = behind;
            if let Some(channel) = channels.get_used(id) {
                channel.sender.windows.on_acknowledged(seq);
            }
            true
        });
        rest
    }

    /// Delivers packets as long as each is the next one and nothing waits beside it. `before` is owed for the packet in
    /// front of them.
    #[inline(never)]
    fn deliver_more<'a>(&mut self, before: Ack, rest: &'a [u8], shared: &mut Shared) -> &'a [u8] {
        let (accepting, id) = (self.stage == Stage::Connected, before.channel);
        let Connection { channels, inbox, acks, outgoing_data_total, .. } = self;
        let Shared { memory, acks: runs, max_packet_size, max_waiting_data, .. } = shared;
        let (Some(channel), Some(owed)) = (channels.get_used(id), acks.run_to(before, runs)) else {
            return rest;
        };
        if channel.receiver.last_reliable() != before.seq {
            return rest;
        }
        let mut intake =
            Intake { channel: id, inbox, memory, max_waiting_data: *max_waiting_data, accepting };
        let mut rest = rest;
        while let Some((next, behind)) = Command::decode_as(CommandKind::SendReliable, rest)
            && let Body::SendReliable { payload } = next.body
            && next.acknowledge
            && next.channel == id
            && payload.len() <= *max_packet_size as usize
            && channel.receiver.expects(next.seq, accepting)
            && owed.has_room()
            && channel.receiver.deliver_next(next.seq, payload, &mut intake).is_ok()
        {
            owed.grow();
            *outgoing_data_total = outgoing_data_total.wrapping_add(u32::from(Ack::LEN));
            rest = behind;
        }
        rest
    }

    /// The same for unreliable packets.
    #[inline(never)]
    fn deliver_more_unreliable<'a>(
        &mut self,
        id: ChannelId,
        rest: &'a [u8],
        shared: &mut Shared,
    ) -> &'a [u8] {
        let accepting = self.stage == Stage::Connected;
        let Connection { channels, inbox, .. } = self;
        let Shared { memory, max_packet_size, max_waiting_data, .. } = shared;
        let Some(channel) = channels.get_used(id) else { return rest };
        let mut intake =
            Intake { channel: id, inbox, memory, max_waiting_data: *max_waiting_data, accepting };
        let mut rest = rest;
        while let Some((next, behind)) = Command::decode_as(CommandKind::SendUnreliable, rest)
            && let Body::SendUnreliable { seq, payload } = next.body
            && !next.acknowledge
            && next.channel == id
            && payload.len() <= *max_packet_size as usize
            && channel.receiver.expects_unreliable(next.seq, seq, accepting)
            && channel.receiver.deliver_unreliable(seq, payload, &mut intake).is_ok()
        {
            rest = behind;
        }
        rest
    }
}
