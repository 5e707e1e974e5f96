//! [`Draft`]: a datagram in the making (PROTOCOL.md §13.2).

use alloc::vec::Vec;

use enet_wire::{Body, CHECKSUM_LEN, Command, CommandKind, MAX_HEADER_LEN, MAX_MTU};

use crate::channel::Channels;
use crate::event::DisconnectReason;
use crate::mutants::{self, Mutant};
use crate::peer::acks::Ack;
use crate::peer::command::{Queued, QueuedBody};
use crate::peer::loss::PacketLoss;
use crate::peer::outgoing::Limits;
use crate::peer::{Connection, Stage};
use crate::shared::Shared;

/// Bytes of the header that is there only when something wants an acknowledgement.
const SENT_TIME_LEN: usize = 2;

/// The share of a datagram, one in so many bytes, that may be filled up with zeros to keep a train going.
const PADDING_SHARE: usize = 8;

/// Room for the largest datagram: in front of its commands that of header and checksum.
pub(super) type Buffer = [u8; COMMANDS + MAX_MTU as usize];

/// Where the commands begin.
pub(super) const COMMANDS: usize = MAX_HEADER_LEN + CHECKSUM_LEN;

/// Payloads from this size on go to where they leave from at once; shorter ones wait until they are worth a copy together.
const LARGE: usize = 256;

/// A datagram's commands so far: those that stand at the end of `out`, and those in the buffer behind them.
pub(super) struct Draft<'a> {
    out: &'a mut Vec<u8>,
    span: Span,
    buffer: &'a mut Buffer,
    /// Where the next command begins in the buffer.
    at: usize,
    /// Where the last one must end, and where it might if no other datagram went before.
    end: usize,
    end_alone: usize,
    /// Bytes by which the header grows, and the end comes nearer, with the first command that wants an acknowledgement.
    growth: usize,
    /// Bytes of the datagrams it follows in a train.
    segment: Option<usize>,
    checksum: usize,
    commands: usize,
    max_commands: usize,
    /// Whether something wants an acknowledgement, and the header so tells when it was sent.
    pub(super) sent_time: bool,
    pub(super) wrote_unreliable: bool,
    /// Whether something that could go did not fit.
    pub(super) again: bool,
    /// Whether it was the command whose turn it is: then nothing else is written but what does not wait for its turn.
    is_over: bool,
    /// Whether it would have fitted but for the size of the datagrams in front.
    pub(super) cramped: bool,
}

/// Where a datagram begins in the caller's buffer, and where its commands do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) commands: usize,
}

impl<'a> Draft<'a> {
    /// An empty datagram of at most `mtu` bytes; of at most `segment` if it is to follow others of that size.
    #[inline(always)]
    pub(super) fn new(
        out: &'a mut Vec<u8>,
        buffer: &'a mut Buffer,
        mtu: u32,
        segment: Option<usize>,
        shared: &Shared,
    ) -> Self {
        let checksum = if shared.checksum.is_some() { CHECKSUM_LEN } else { 0 };
        // A full datagram may exceed the MTU by its checksum (PROTOCOL.md §1.2), but nobody takes more than 4096.
        let most =
            (mtu as usize).min(MAX_MTU as usize - checksum) + usize::from(mutants::is(Mutant::MtuExceeded));
        // The header counts in full, unless it must be as short as those of the datagrams in front.
        let alone = most.saturating_sub(MAX_HEADER_LEN);
        let room = match segment {
            None => alone,
            Some(segment) => most.min(segment - checksum).saturating_sub(MAX_HEADER_LEN - SENT_TIME_LEN),
        };
        let more = usize::from(mutants::is(Mutant::TooManyCommands));
        let start = out.len();
        Draft {
            out,
            span: Span { start, commands: start },
            buffer,
            at: COMMANDS,
            end: COMMANDS + room,
            end_alone: COMMANDS + alone,
            growth: if segment.is_some() { SENT_TIME_LEN } else { 0 },
            segment,
            checksum,
            commands: 0,
            max_commands: shared.profile.max_commands().saturating_add(more),
            sent_time: false,
            wrote_unreliable: false,
            again: false,
            is_over: false,
            cramped: false,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.commands == 0
    }

    /// Whether a ping still fits.
    pub(super) fn fits_ping(&self) -> bool {
        self.fits(CommandKind::Ping.fixed_len(), true)
    }

    #[inline]
    fn fits(&self, len: usize, acknowledged: bool) -> bool {
        self.at + len + if acknowledged { self.growth } else { 0 } <= self.end
    }

    #[inline]
    fn is_full_for(&self, len: usize, acknowledged: bool) -> bool {
        let is_full = self.commands >= self.max_commands || !self.fits(len, acknowledged);
        // Too large for any datagram, since a checksum was added to the host's settings: it must not wait for ever.
        let is_too_large = self.commands == 0 && self.segment.is_none();
        is_full && !is_too_large
    }

    /// Ends the datagram if the command whose turn it is does not fit; whether it does not.
    #[inline(always)]
    fn ends_before(&mut self, len: usize, acknowledged: bool) -> bool {
        let is_over = self.is_full_for(len, acknowledged);
        if is_over {
            (self.is_over, self.again) = (true, true);
            self.cramped = self.segment.is_some() && self.at + len <= self.end_alone;
        }
        is_over
    }

    #[inline(always)]
    fn put(&mut self, command: &Command<'_>) {
        self.commands += 1;
        if command.acknowledge {
            self.sent_time = true;
            self.end -= core::mem::take(&mut self.growth);
        }
        if command.payload().len() >= LARGE {
            let head = command.head();
            if let Some(room) = self.buffer.get_mut(self.at..self.at + head.len()) {
                room.copy_from_slice(&head); // there is room
            }
            self.at += head.len();
            return self.put_large(command.payload());
        }
        let room = self.buffer.get_mut(self.at..).unwrap_or_default();
        let len = command.encode(room).unwrap_or(0); // there is room
        self.at += len;
    }

    #[inline(never)]
    fn put_large(&mut self, payload: &[u8]) {
        self.flush();
        self.out.extend_from_slice(payload);
        self.leave(payload.len());
    }

    /// Moves what is in the buffer to where it leaves from.
    #[inline]
    fn flush(&mut self) {
        let mut from = COMMANDS;
        if self.span.start == self.span.commands {
            from -= self.head();
            self.span.commands += self.head();
        }
        self.out.extend_from_slice(self.buffer.get(from..self.at).unwrap_or_default());
        self.leave(self.at - COMMANDS);
        self.at = COMMANDS;
    }

    /// So many bytes of commands are not in the buffer.
    #[inline]
    fn leave(&mut self, bytes: usize) {
        self.end = self.end.saturating_sub(bytes);
        self.end_alone = self.end_alone.saturating_sub(bytes);
    }

    /// Bytes in front of the commands, if it stays as it is.
    #[inline]
    const fn head(&self) -> usize {
        self.checksum + MAX_HEADER_LEN - if self.sent_time { 0 } else { SENT_TIME_LEN }
    }

    /// Writes a command. What datagrams are full of has a branch of its own, so that its layout is known there.
    #[inline(always)]
    fn write(&mut self, queued: &Queued) {
        match &queued.body {
            QueuedBody::Reliable(payload) => {
                let body = Body::SendReliable { payload: payload.as_slice() };
                self.put(&Command { body, ..queued.header(true, false) });
            }
            QueuedBody::Unreliable(seq, payload) => {
                let body = Body::SendUnreliable { seq: *seq, payload: payload.as_slice() };
                self.put(&Command { body, ..queued.header(false, false) });
            }
            _ => self.write_other(queued),
        }
    }

    #[inline(never)]
    fn write_other(&mut self, queued: &Queued) {
        self.put(&queued.command());
    }

    /// Acknowledgements come first. Writing that of a DISCONNECT ends the connection.
    #[inline]
    pub(super) fn write_acks(&mut self, connection: &mut Connection, shared: &mut Shared) {
        if connection.acks.is_empty() && connection.mishaps.is_none() {
            return;
        }
        let room = usize::from(Ack::LEN);
        while !self.is_full_for(room, false)
            && let Some(mishaps) = &mut connection.mishaps
            && let Some(ack) = mishaps.repeats.pop_front(&connection.acks, shared.now, &mut shared.acks)
        {
            self.put(&ack.command());
        }
        let repeats = connection.mishaps.as_ref().is_some_and(|it| it.gaps.are_close(shared.now));
        if !repeats {
            connection.acks.pop_run(&mut shared.acks, |ack| {
                let fits = !self.is_full_for(room, false);
                if fits {
                    self.put(&ack.command());
                }
                fits
            });
        }
        while !self.is_full_for(room, false) {
            let Some(ack) = connection.acks.pop_front(&mut shared.acks) else { break };
            self.put(&ack.command());
            if let Some(mishaps) = &mut connection.mishaps
                && mishaps.gaps.are_close(shared.now)
            {
                mishaps.repeats.push_back(ack, shared.now, &mut shared.acks);
            }
            if let (true, Stage::AcknowledgingDisconnect { data }) = (ack.of_disconnect, connection.stage) {
                connection.stage = Stage::Zombie { reason: DisconnectReason::Remote, data };
                connection.lost_turn = true;
            }
        }
        self.again |= !connection.acks.is_empty();
        if !self.is_full_for(room, false)
            && let Some(ack) = connection.beat(shared)
        {
            self.put(&ack.command());
        }
    }

    /// Writes what may go, oldest first, until something does not fit (PROTOCOL.md §13.2). Whether anything reliable
    /// was chosen.
    pub(super) fn pack(&mut self, connection: &mut Connection, shared: &mut Shared) -> bool {
        let limits = connection.limits(shared);
        connection.begin_datagram(shared);
        if connection.outgoing.has_riders() {
            self.write_riders(connection, shared);
        }
        let before = self.commands;
        self.pack_run(connection, shared, limits);
        let mut chose_reliable = self.commands > before || self.is_over;
        self.sequenced_run(connection, shared);
        while !self.is_over
            && let Some((choice, next)) =
                connection.outgoing.choose(&shared.commands, &connection.channels, limits)
        {
            let reliable = next.is_reliable();
            chose_reliable |= reliable;
            if self.ends_before(next.encoded_len(), reliable) {
                break;
            }
            if !reliable && next.is_throttled() && !connection.throttle.admit() {
                connection.outgoing.drop_throttled(&mut shared.commands);
                continue;
            }
            self.write(next);
            connection.loss.sent = connection.loss.sent.wrapping_add(1);
            if reliable {
                connection.send_chosen(choice, shared);
                self.pack_run(connection, shared, limits);
            } else {
                connection.outgoing.advance_control(&mut shared.commands);
                self.wrote_unreliable = true;
                self.sequenced_run(connection, shared);
            }
        }
        if !self.wrote_unreliable {
            connection.disconnect_if_drained(shared);
        }
        chose_reliable
    }

    /// Writes a ping, or queues it behind what cannot go yet.
    pub(super) fn write_ping(&mut self, connection: &mut Connection, shared: &mut Shared) {
        let is_full = self.is_full_for(CommandKind::Ping.fixed_len(), true);
        if !is_full && let Some(ping) = connection.send_lone_ping(shared) {
            self.put(&ping);
        } else {
            connection.ping(shared);
            self.pack(connection, shared);
        }
    }

    /// Writes copies of what is to ride along, if anything else goes.
    #[inline(never)]
    fn write_riders(&mut self, connection: &mut Connection, shared: &mut Shared) {
        if self.commands == 0 && connection.choose(shared).is_none() {
            return;
        }
        let departure = connection.departure(shared);
        let Connection { outgoing, loss, .. } = connection;
        let (mut before, mut copies) = (None, 0);
        while let Some((key, rider)) = outgoing.next_rider(before, shared.now, &shared.commands) {
            if self.is_full_for(rider.encoded_len(), true) {
                before = Some(key);
                continue;
            }
            self.write(rider);
            loss.sent = loss.sent.wrapping_add(1);
            copies += 1;
            outgoing.ride(key, departure, &mut shared.commands);
        }
        shared.stats.copies += copies;
        if copies > 0 {
            connection.mishaps_mut().resent.copies += copies;
        }
    }

    /// Writes packets and fragments of packets as long as nothing else could be chosen: what `pack` does, in loops without
    /// its other cases.
    fn pack_run(&mut self, connection: &mut Connection, shared: &mut Shared, limits: Limits) {
        if !connection.outgoing.is_data_next() {
            return;
        }
        let departure = connection.departure(shared);
        let Connection { outgoing, channels, loss, .. } = connection;
        let commands = &mut shared.commands;
        while outgoing.send_run(limits, departure, commands, |next, payload| {
            self.write_data(next, Body::SendReliable { payload }, channels, loss)
        }) || outgoing.send_fragments(limits, departure, commands, |next, fragment| {
            self.write_data(next, Body::SendFragment(fragment), channels, loss)
        }) {}
    }

    /// Writes reliable data that is about to enter flight; whether it fits.
    #[inline(always)]
    fn write_data(
        &mut self,
        next: &Queued,
        body: Body<'_>,
        channels: &mut Channels,
        loss: &mut PacketLoss,
    ) -> bool {
        let command = Command { body, ..next.header(true, false) };
        if self.ends_before(command.encoded_len(), true) {
            return false;
        }
        self.put(&command);
        loss.sent = loss.sent.wrapping_add(1);
        if let Some(channel) = channels.get_used(next.channel) {
            channel.sender.windows.on_sent(next.seq);
        }
        true
    }

    /// As `pack_run`, with sequenced packets.
    fn sequenced_run(&mut self, connection: &mut Connection, shared: &mut Shared) {
        let Connection { outgoing, throttle, loss, .. } = connection;
        while outgoing.is_control_next() {
            let mut admitted = true;
            outgoing.send_sequenced(&mut shared.commands, |next, seq, payload| {
                if self.ends_before(CommandKind::SendUnreliable.fixed_len() + payload.len(), false) {
                    return false;
                }
                admitted = throttle.admit();
                if admitted {
                    let body = Body::SendUnreliable { seq, payload };
                    self.put(&Command { body, ..next.header(false, false) });
                    loss.sent = loss.sent.wrapping_add(1);
                    self.wrote_unreliable = true;
                }
                admitted
            });
            if admitted {
                return;
            }
            outgoing.drop_throttled(&mut shared.commands);
        }
    }

    /// The datagram is complete. If more is to come it is filled up to the size of those it follows, so that it may
    /// follow too: zeros end the commands (PROTOCOL.md §17.5).
    #[inline(always)]
    pub(super) fn finish(&mut self, fills_up: bool) -> Span {
        if self.at > COMMANDS {
            self.flush();
        }
        if let Some(segment) = self.segment
            && self.again
            && fills_up
        {
            let missing = segment.saturating_sub(self.head() + self.out.len() - self.span.commands);
            if (1..=segment / PADDING_SHARE).contains(&missing) {
                self.out.resize(self.out.len() + missing, 0);
            }
        }
        self.span
    }
}
