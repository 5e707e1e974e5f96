//! A datagram of one packet: what a broadcast sends to each peer that has nothing else to say. `build` would write the same
//! bytes, but first look for what else there is, and afterwards for what is left.

use alloc::vec::Vec;

use enet_wire::{Body, Command, Header, MAX_HEADER_LEN, MAX_MTU, Session};

use super::Host;
use super::transmit::{Train, Transmit};
use crate::peer::Stage;

impl Host {
    /// Sends the one packet that a peer has to send. `None` where anything else may have to be done: nothing was done then.
    #[inline]
    pub(super) fn transmit_lone(&mut self, slot: u16, out: &mut Vec<u8>) -> Option<Transmit> {
        if self.compressor.is_some() || self.shared.checksum.is_some() {
            return None;
        }
        let connection = self.table.get_mut(slot)?;
        let known = connection.stage == Stage::Connected && !connection.remote_id.is_unknown();
        let in_company = connection.outgoing.has_riders()
            || !connection.acks.is_empty()
            || connection.repeats_acks(&self.shared);
        if !known
            || connection.held
            || connection.is_watched()
            || !connection.outgoing.is_lone()
            || in_company
        {
            return None;
        }
        let shared = &mut self.shared;
        let mut throttle = connection.throttle;
        let (reliable, command) = match connection.outgoing.next_sequenced(&shared.commands) {
            Some(_) if connection.is_quiet(shared.now) || !throttle.admit() => return None,
            Some((next, seq, payload)) => {
                let body = Body::SendUnreliable { seq, payload };
                (false, Command { body, ..next.header(false, false) })
            }
            None => {
                let limits = connection.limits(shared);
                let (next, payload) = connection.outgoing.next_packet(&shared.commands, limits)?;
                (true, Command { body: Body::SendReliable { payload }, ..next.header(true, false) })
            }
        };
        if command.encoded_len()
            > usize::from(connection.mtu).min(MAX_MTU as usize).saturating_sub(MAX_HEADER_LEN)
        {
            return None;
        }
        let header = Header {
            peer: connection.remote_id,
            session: Session::new(connection.sessions.outgoing).unwrap_or_default(),
            compressed: false,
            sent_time: reliable.then(|| shared.now.sent_time()),
        };
        let head = header.encode_into(&mut self.draft[..]).ok()?;
        let len = head + command.encode(self.draft.get_mut(head..)?).ok()?;
        out.extend_from_slice(self.draft.get(..len)?);

        connection.loss.sent = connection.loss.sent.wrapping_add(1);
        connection.loss.on_datagram(shared.now);
        connection.begin_datagram(shared);
        let was_idle = connection.outgoing.is_idle();
        if reliable {
            let departure = connection.departure(shared);
            let sent = connection.outgoing.send_packet(departure, &mut shared.commands);
            if let Some((id, seq)) = sent
                && let Some(channel) = connection.channels.get_used(id)
            {
                channel.sender.windows.on_sent(seq);
            }
        } else {
            connection.throttle = throttle;
            connection.outgoing.discard_sequenced(&mut shared.commands);
        }
        let (to, from) = (connection.address, shared.local_address(connection.local));
        // The deadline is that of the oldest in flight.
        if reliable && was_idle || self.schedule.is_unsettled(slot) {
            let deadline = self.deadline_of(slot);
            self.schedule.update(slot, false, deadline);
        } else {
            self.schedule.mark_visited(slot);
        }
        Some(self.count_sent(to, from, Train::of_one(len)))
    }
}
