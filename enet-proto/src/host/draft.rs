//! [`Draft`]: a datagram in the making (PROTOCOL.md §13.2).

use enet_wire::{Body, CHECKSUM_LEN, Command, CommandKind, MAX_HEADER_LEN, MAX_MTU};

use crate::event::DisconnectReason;
use crate::mutants::{self, Mutant};
use crate::peer::acks::Ack;
use crate::peer::command::{Queued, QueuedBody};
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

/// A datagram's commands so far.
pub(super) struct Draft<'a> {
    buffer: &'a mut Buffer,
    /// Where the next command begins.
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
    /// Whether it would have fitted but for the size of the datagrams in front.
    pub(super) cramped: bool,
}

impl<'a> Draft<'a> {
    /// An empty datagram of at most `mtu` bytes; of at most `segment` if it is to follow others of that size.
    #[inline]
    pub(super) fn new(buffer: &'a mut Buffer, mtu: u32, segment: Option<usize>, shared: &Shared) -> Self {
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
        Draft {
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
            cramped: false,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.commands == 0
    }

    /// Where the commands end.
    pub(super) const fn at(&self) -> usize {
        self.at
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

    #[inline(always)]
    fn put(&mut self, command: &Command<'_>) {
        let room = self.buffer.get_mut(self.at..).unwrap_or_default();
        let Ok(len) = command.encode(room) else { return };
        self.at += len;
        self.commands += 1;
        if command.acknowledge {
            self.sent_time = true;
            self.end -= core::mem::take(&mut self.growth);
        }
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
        let room = usize::from(Ack::LEN);
        while !self.is_full_for(room, false)
            && let Some(ack) = connection.acks.pop_repeated(shared.now, &mut shared.acks)
        {
            self.put(&ack.command());
        }
        let repeats = connection.gaps.are_close(shared.now);
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
            if repeats {
                connection.acks.repeat(ack, shared.now, &mut shared.acks);
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
        connection.outgoing.begin_datagram();
        if connection.outgoing.has_riders() {
            self.write_riders(connection, shared);
        }
        let before = self.commands;
        self.pack_run(connection, shared, limits);
        let mut chose_reliable = self.commands > before;
        self.sequenced_run(connection, shared);
        while let Some((choice, next)) =
            connection.outgoing.choose(&shared.commands, &connection.channels, limits)
        {
            let reliable = next.is_reliable();
            chose_reliable |= reliable;
            let len = next.encoded_len();
            if self.is_full_for(len, reliable) {
                self.again = true;
                self.cramped = self.segment.is_some() && self.at + len <= self.end_alone;
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

    /// Writes copies of what is to ride along, if anything else goes.
    #[inline(never)]
    fn write_riders(&mut self, connection: &mut Connection, shared: &mut Shared) {
        if self.commands == 0 && connection.choose(shared).is_none() {
            return;
        }
        let departure = connection.departure(shared);
        let Connection { outgoing, loss, resent, .. } = connection;
        let mut before = None;
        while let Some((key, rider)) = outgoing.next_rider(before, shared.now, &shared.commands) {
            if self.is_full_for(rider.encoded_len(), true) {
                before = Some(key);
                continue;
            }
            self.write(rider);
            loss.sent = loss.sent.wrapping_add(1);
            shared.stats.copies += 1;
            resent.copies += 1;
            outgoing.ride(key, departure, &mut shared.commands);
        }
    }

    /// Writes packets that need no fragments as long as nothing else could be chosen: what `pack` does, in a loop without
    /// its other cases.
    fn pack_run(&mut self, connection: &mut Connection, shared: &mut Shared, limits: Limits) {
        let departure = connection.departure(shared);
        let Connection { outgoing, channels, loss, .. } = connection;
        while outgoing.send_run(limits, departure, &mut shared.commands, |next, payload| {
            if self.is_full_for(CommandKind::SendReliable.fixed_len() + payload.len(), true) {
                return false;
            }
            let body = Body::SendReliable { payload };
            self.put(&Command { body, ..next.header(true, false) });
            loss.sent = loss.sent.wrapping_add(1);
            if let Some(channel) = channels.get_used(next.channel) {
                channel.sender.windows.on_sent(next.seq);
            }
            true
        }) {}
    }

    /// The same for sequenced packets.
    fn sequenced_run(&mut self, connection: &mut Connection, shared: &mut Shared) {
        let Connection { outgoing, throttle, loss, .. } = connection;
        loop {
            let mut admitted = true;
            outgoing.send_sequenced(&mut shared.commands, |next, seq, payload| {
                if self.is_full_for(CommandKind::SendUnreliable.fixed_len() + payload.len(), false) {
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

    /// Fills up to the size of the datagrams it follows if more is to come, so that it may follow too. Zeros end the
    /// commands (PROTOCOL.md §17.5).
    pub(super) fn pad(&mut self) {
        let Some(segment) = self.segment.filter(|_| self.again) else { return };
        let header = if self.sent_time { MAX_HEADER_LEN } else { MAX_HEADER_LEN - SENT_TIME_LEN };
        let missing = (segment + COMMANDS).saturating_sub(header + self.checksum + self.at);
        if missing <= segment / PADDING_SHARE
            && let Some(room) = self.buffer.get_mut(self.at..self.at + missing)
        {
            room.fill(0);
            self.at += missing;
        }
    }
}
