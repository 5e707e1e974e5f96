//! A datagram of what most have in them: acknowledgements in one run, and one packet, or either. `build` would write the
//! same bytes, but first look for what else there is, and afterwards for what is left.

use alloc::vec::Vec;

use enet_wire::{Body, Command, Header, MAX_HEADER_LEN, MAX_MTU, Session};

use super::Host;
use super::transmit::{Train, Transmit};
use crate::peer::acks::Ack;
use crate::peer::{Connection, Stage};
use crate::shared::Shared;

/// Acknowledgements that fit beside a packet into what any profile takes for a datagram.
const FEW: u16 = 16;

/// What one datagram is made of: its header, the first of a run of acknowledgements and their number, and a packet.
type Content<'a> = (Header, Option<(Ack, u16)>, Option<Command<'a>>);

/// What kind of packet is in it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    None,
    Unreliable,
    Reliable,
}

impl Kind {
    #[inline(always)]
    fn of(packet: Option<&Command<'_>>) -> Self {
        match packet {
            None => Kind::None,
            Some(packet) if packet.acknowledge => Kind::Reliable,
            Some(_) => Kind::Unreliable,
        }
    }
}

impl Host {
    /// Sends all that a peer has to send if it is no more than that. `None` where anything else may have to be done: nothing
    /// was done then.
    #[inline]
    pub(super) fn transmit_lone(&mut self, slot: u16, out: &mut Vec<u8>) -> Option<Transmit> {
        let Host { table, shared, draft, .. } = self;
        if self.compressor.is_some() || shared.checksum.is_some() {
            return None;
        }
        let connection = table.get_mut(slot)?;
        let (header, acks, packet) = choose(connection, shared)?;
        let len = write(&mut draft[..], &header, acks, packet.as_ref(), connection.mtu)?;
        out.extend_from_slice(draft.get(..len)?);

        let kind = Kind::of(packet.as_ref());
        let was_idle = connection.outgoing.is_idle();
        note_departed(connection, acks.is_some(), kind, shared);
        let (to, from) = (connection.address, shared.local_address(connection.local));
        // The deadline is that of the oldest in flight.
        if kind == Kind::Reliable && was_idle || self.schedule.is_unsettled(slot) {
            let deadline = self.deadline_of(slot);
            self.schedule.update(slot, false, deadline);
        } else {
            self.schedule.mark_visited(slot);
        }
        Some(self.count_sent(to, from, Train::of_one(len)))
    }
}

/// What is to be sent, if it can be no more than is for here.
#[inline(always)]
fn choose<'a>(connection: &Connection, shared: &'a Shared) -> Option<Content<'a>> {
    if !is_plain(connection, shared) {
        return None;
    }
    let acks = match connection.acks.is_empty() {
        true => None,
        false => Some(connection.acks.only_run(&shared.acks).filter(|(_, count)| *count <= FEW)?),
    };
    let packet = if connection.outgoing.is_empty() {
        None
    } else if let Some((next, seq, payload)) = connection.outgoing.next_sequenced(&shared.commands) {
        if !connection.throttle.would_admit() {
            return None;
        }
        let body = Body::SendUnreliable { seq, payload };
        Some(Command { body, ..next.header(false, false) })
    } else {
        let limits = connection.limits(shared);
        let (next, payload) = connection.outgoing.next_packet(&shared.commands, limits)?;
        Some(Command { body: Body::SendReliable { payload }, ..next.header(true, false) })
    };
    let reliable = packet.as_ref().is_some_and(|packet| packet.acknowledge);
    // What is nothing, or goes with a ping, is not for here.
    if packet.is_none() && acks.is_none() || !reliable && connection.is_quiet(shared.now) {
        return None;
    }
    let header = Header {
        peer: connection.remote_id,
        session: Session::new(connection.sessions.outgoing).unwrap_or_default(),
        compressed: false,
        sent_time: reliable.then(|| shared.now.sent_time()),
    };
    Some((header, acks, packet))
}

/// What was chosen left.
#[inline(always)]
fn note_departed(connection: &mut Connection, has_acks: bool, kind: Kind, shared: &mut Shared) {
    if has_acks {
        connection.acks.discard_run(&mut shared.acks);
    }
    if kind != Kind::None {
        connection.loss.sent = connection.loss.sent.wrapping_add(1);
        connection.begin_datagram(shared);
    }
    match kind {
        Kind::None => {}
        Kind::Unreliable => {
            connection.throttle.admit();
            connection.outgoing.discard_sequenced(&mut shared.commands);
        }
        Kind::Reliable => {
            let departure = connection.departure(shared);
            if let Some((id, seq)) = connection.outgoing.send_packet(departure, &mut shared.commands)
                && let Some(channel) = connection.channels.get_used(id)
            {
                channel.sender.windows.on_sent(seq);
            }
        }
    }
    connection.loss.on_datagram(shared.now);
}

/// Whether nothing but acknowledgements that are owed and packets can be what a peer has to send, and nobody looks on.
#[inline(always)]
fn is_plain(connection: &Connection, shared: &Shared) -> bool {
    connection.stage == Stage::Connected
        && !connection.remote_id.is_unknown()
        && !connection.is_watched()
        && connection.outgoing.has_at_most_one()
        && !connection.outgoing.has_riders()
        && !connection.repeats_acks(shared)
}

/// Writes the datagram; its length, if it fits.
#[inline(always)]
fn write(
    room: &mut [u8],
    header: &Header,
    acks: Option<(Ack, u16)>,
    packet: Option<&Command<'_>>,
    mtu: u16,
) -> Option<usize> {
    let (mut ack, count) = acks.unzip();
    let len =
        usize::from(count.unwrap_or(0)) * usize::from(Ack::LEN) + packet.map_or(0, Command::encoded_len);
    if MAX_HEADER_LEN + len > usize::from(mtu).min(MAX_MTU as usize) {
        return None;
    }
    let mut at = header.encode_into(room).ok()?;
    for _ in 0..count.unwrap_or(0) {
        let ack = ack.as_mut()?;
        at += ack.command().encode(room.get_mut(at..)?).ok()?;
        ack.seq = ack.seq.next();
    }
    if let Some(packet) = packet {
        at += packet.encode(room.get_mut(at..)?).ok()?;
    }
    Some(at)
}
