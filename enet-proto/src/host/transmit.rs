//! Transmitting: build one datagram for one peer (PROTOCOL.md §13).

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroUsize;

use enet_wire::{CHECKSUM_LEN, Command, CommandKind, Header, MAX_HEADER_LEN, MAX_MTU, Session};

use super::Host;
use crate::event::DisconnectReason;
use crate::mutants::{self, Mutant};
use crate::peer::acks::Ack;
use crate::peer::outgoing::Choice;
use crate::peer::{Connection, Stage};
use crate::shared::Shared;
use crate::time::Instant;

/// A datagram to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// Our address to send from: the one the peer's last datagram came to, if the driver said so.
    pub from: Option<IpAddr>,
    /// Bytes at the end of the caller's buffer.
    pub len: usize,
    /// Size of each datagram if the bytes are a train of several; the last may be shorter.
    pub segment: Option<usize>,
}

/// What the schedule gives next.
enum Visit {
    Slot(u16),
    Farewell,
}

impl Host {
    /// The next datagram to send, appended to `out`. What is returned counts as sent.
    ///
    /// Call it until it gives `None`. Up to `max_segments` datagrams to one destination may come at once, if they are of
    /// equal size but for the last, which may be shorter: [`segment`](Transmit::segment) says where to cut, and a
    /// kernel with segmentation offload does it for you. With [`Profile::Compat`](crate::Profile::Compat), and while
    /// there is a compressor, one comes at a time.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        max_segments: NonZeroUsize,
    ) -> Option<Transmit> {
        let trains = self.shared.profile.forms_trains() && self.compressor.is_none();
        let segments = if trains { max_segments } else { NonZeroUsize::MIN };
        self.settle_touched();
        self.advance(now);
        loop {
            if let Some(transmit) = self.transmit_raw(out) {
                return Some(transmit);
            }
            while let Some(visit) = self.next_visit() {
                if let Some(transmit) = self.visit(&visit, out, segments) {
                    return Some(transmit);
                }
            }
            if !self.schedule.is_anything_ready() && self.farewells.is_empty() {
                return None;
            }
            self.schedule.begin_pass();
        }
    }

    /// Whether [`poll_transmit`](Host::poll_transmit) has something to give at the time the host was last told.
    pub fn has_pending_transmit(&mut self) -> bool {
        self.settle_touched();
        self.schedule.is_anything_ready() || !self.farewells.is_empty() || !self.raw.is_empty()
    }

    /// Visits the next peer of the running pass; `None` when the pass is over. `check_timeouts` as in a service call.
    pub(super) fn transmit_in_pass(
        &mut self,
        out: &mut Vec<u8>,
        check_timeouts: bool,
    ) -> Option<Option<Transmit>> {
        if let Some(transmit) = self.transmit_raw(out) {
            return Some(Some(transmit));
        }
        let visit = self.next_visit()?;
        if let (Visit::Slot(slot), true) = (&visit, check_timeouts)
            && let Some(connection) = self.table.get_mut(*slot)
        {
            connection.check_timeouts(&self.shared); // the visit settles it
        }
        Some(self.visit(&visit, out, NonZeroUsize::MIN))
    }

    fn transmit_raw(&mut self, out: &mut Vec<u8>) -> Option<Transmit> {
        let (to, bytes) = self.raw.pop_front()?;
        out.extend_from_slice(&bytes);
        Some(self.count_sent(to, None, Train::of_one(bytes.len())))
    }

    /// Slots in order, and before each the farewells of its former connections.
    fn next_visit(&mut self) -> Option<Visit> {
        if let Some((farewell, _)) = self.farewells.front()
            && self.schedule.peek_first_round().is_none_or(|slot| *farewell <= slot)
        {
            return Some(Visit::Farewell);
        }
        self.schedule.next_in_pass().map(Visit::Slot)
    }

    fn visit(&mut self, visit: &Visit, out: &mut Vec<u8>, max_segments: NonZeroUsize) -> Option<Transmit> {
        match visit {
            Visit::Farewell => {
                let (_, mut connection) = self.farewells.pop_front()?;
                let built = self.build(&mut connection, out, None);
                let len = built.len?;
                Some(self.count_sent(connection.address, connection.local, Train::of_one(len)))
            }
            Visit::Slot(slot) => {
                let mut connection = self.table.take(*slot)?;
                let (train, again) = self.build_train(&mut connection, out, max_segments.get());
                let (to, from) = (connection.address, connection.local);
                self.table.put_back(*slot, connection);
                if again {
                    self.schedule.visit_again(*slot);
                }
                self.settle(*slot);
                Some(self.count_sent(to, from, train?))
            }
        }
    }

    fn count_sent(&mut self, to: SocketAddr, from: Option<IpAddr>, train: Train) -> Transmit {
        self.shared.stats.datagrams_sent += train.datagrams as u64;
        self.shared.stats.bytes_sent += train.len as u64;
        let segment = (train.datagrams > 1).then_some(train.segment);
        Transmit { to, from, len: train.len, segment }
    }

    /// Builds datagrams of one size, and perhaps a shorter one, as long as the connection fills them; whether it would
    /// go on.
    fn build_train(
        &mut self,
        connection: &mut Connection,
        out: &mut Vec<u8>,
        max_segments: usize,
    ) -> (Option<Train>, bool) {
        let mut built = self.build(connection, out, None);
        let Some(first) = built.len else { return (None, built.again) };
        let mut train = Train::of_one(first);
        while built.again && train.has_room(max_segments) {
            built = self.build(connection, out, Some(train.segment));
            let Some(len) = built.len else { break };
            train.len += len;
            train.datagrams += 1;
            if len < train.segment {
                break;
            }
        }
        (Some(train), built.again)
    }

    /// Builds the next datagram of a connection at the end of `out`, of at most `segment` bytes if it is to follow
    /// others of that size.
    fn build(&mut self, connection: &mut Connection, out: &mut Vec<u8>, segment: Option<usize>) -> Built {
        if connection.is_finished() || connection.held {
            return Built { len: None, again: false };
        }
        let shared = &mut self.shared;
        let mut draft = Draft::new(out, connection.mtu, segment, shared);
        draft.write_acks(connection);
        let nothing_queued = connection.outgoing.is_empty() && !connection.in_flight.has_waiting();
        let may_ping = nothing_queued || !draft.pack(connection, shared);
        if may_ping && connection.is_quiet(shared.now) && draft.fits(CommandKind::Ping.fixed_len(), true) {
            connection.ping(shared);
            draft.pack(connection, shared);
        }
        let again = draft.again;
        if draft.commands == 0 {
            draft.abandon();
            return Built { len: None, again };
        }
        connection.loss = connection.loss.evaluated(shared.now);
        let wrote_unreliable = draft.wrote_unreliable;
        draft.pad();
        let layout = draft.layout();
        let len = self.seal(connection, out, &layout);
        if wrote_unreliable {
            connection.disconnect_if_drained(&mut self.shared);
        }
        Built { len: Some(len), again }
    }

    /// Finishes a datagram whose commands are in place: compression, header, checksum. Its length.
    fn seal(&mut self, connection: &Connection, out: &mut Vec<u8>, layout: &Layout) -> usize {
        let commands = layout.start + layout.room;
        let compressed = self.compress(out.get(commands..).unwrap_or_default());
        let known = !connection.remote_id.is_unknown();
        let session = Session::new(connection.sessions.outgoing).filter(|_| known);
        let header = Header {
            peer: connection.remote_id,
            session: session.unwrap_or_default(),
            compressed: compressed.is_some(),
            sent_time: layout.sent_time.then(|| self.shared.now.sent_time()),
        };
        let encoded = header.encode();
        let seed = if known { connection.connect_id.0 } else { [0; 4] };
        let checksum = self
            .shared
            .checksum
            .map(|checksum| checksum.of(&[&encoded, &seed, out.get(commands..).unwrap_or_default()]));
        if let Some(len) = compressed {
            out.truncate(commands);
            out.extend_from_slice(self.scratch.get(..len).unwrap_or_default());
        }
        let head = encoded.len() + if checksum.is_some() { CHECKSUM_LEN } else { 0 };
        if head < layout.room {
            out.copy_within(commands.., layout.start + head);
            out.truncate(out.len() - (layout.room - head));
        }
        let sum = checksum.unwrap_or_default();
        for (place, byte) in out.iter_mut().skip(layout.start).zip(encoded.iter().chain(&sum).take(head)) {
            *place = *byte;
        }
        out.len() - layout.start
    }

    /// Compresses into the scratch buffer; the length if that saves anything.
    fn compress(&mut self, commands: &[u8]) -> Option<usize> {
        let compressor = self.compressor.as_mut()?;
        self.scratch.resize(commands.len(), 0);
        compressor.compress(commands, &mut self.scratch).filter(|len| (1..commands.len()).contains(len))
    }
}

struct Built {
    len: Option<usize>,
    again: bool,
}

/// Bytes of the header that is there only when something wants an acknowledgement.
const SENT_TIME_LEN: usize = 2;

/// Bytes of a train: what a UDP datagram over IPv4 may hold, for that is what the kernel is handed.
const MAX_TRAIN: usize = 65_507;

/// The share of a datagram, one in so many bytes, that may be filled up with zeros to keep a train going.
const PADDING_SHARE: usize = 8;

/// Datagrams that leave together.
#[derive(Debug, Clone, Copy)]
struct Train {
    datagrams: usize,
    /// Bytes of each, except of the last.
    segment: usize,
    /// Bytes of all.
    len: usize,
}

impl Train {
    const fn of_one(len: usize) -> Self {
        Train { datagrams: 1, segment: len, len }
    }

    const fn has_room(&self, max_segments: usize) -> bool {
        self.datagrams < max_segments && self.len + self.segment <= MAX_TRAIN
    }
}

/// Where in the buffer a datagram's parts are.
struct Layout {
    start: usize,
    /// Bytes kept for header and checksum.
    room: usize,
    sent_time: bool,
}

/// A datagram in the making: its commands so far, at the end of the caller's buffer.
struct Draft<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    room: usize,
    /// What counts against the MTU: a header (a full one, unless it must be as short as that of the datagrams it
    /// follows), no checksum, the commands.
    size: usize,
    mtu: usize,
    /// Bytes of the datagrams it follows.
    segment: Option<usize>,
    commands: usize,
    max_commands: usize,
    sent_time: bool,
    wrote_unreliable: bool,
    /// Whether something that could go did not fit.
    again: bool,
}

impl<'a> Draft<'a> {
    fn new(out: &'a mut Vec<u8>, mtu: u32, segment: Option<usize>, shared: &Shared) -> Self {
        let start = out.len();
        let checksum = if shared.checksum.is_some() { CHECKSUM_LEN } else { 0 };
        // A full datagram may exceed the MTU by its checksum (PROTOCOL.md §1.2), but nobody takes more than 4096.
        let limit =
            (mtu as usize).min(MAX_MTU as usize - checksum) + usize::from(mutants::is(Mutant::MtuExceeded));
        let room = MAX_HEADER_LEN + checksum;
        out.resize(start + room, 0);
        Draft {
            out,
            start,
            room,
            size: if segment.is_some() { MAX_HEADER_LEN - SENT_TIME_LEN } else { MAX_HEADER_LEN },
            mtu: segment.map_or(limit, |segment| limit.min(segment - checksum)),
            segment,
            commands: 0,
            max_commands: shared
                .profile
                .max_commands()
                .saturating_add(usize::from(mutants::is(Mutant::TooManyCommands))),
            sent_time: false,
            wrote_unreliable: false,
            again: false,
        }
    }

    fn fits(&self, len: usize, acknowledged: bool) -> bool {
        self.mtu.saturating_sub(self.size) >= len + self.sent_time_needed(acknowledged)
    }

    fn is_full_for(&self, len: usize, acknowledged: bool) -> bool {
        self.commands >= self.max_commands || !self.fits(len, acknowledged)
    }

    /// Bytes the header grows by with a command that wants an acknowledgement, or that does not.
    fn sent_time_needed(&self, acknowledged: bool) -> usize {
        if acknowledged && !self.sent_time && self.segment.is_some() { SENT_TIME_LEN } else { 0 }
    }

    fn write(&mut self, command: &Command<'_>) {
        self.out.extend_from_slice(&command.head());
        self.out.extend_from_slice(command.payload());
        self.size += command.encoded_len() + self.sent_time_needed(command.acknowledge);
        self.commands += 1;
        self.sent_time |= command.acknowledge;
    }

    /// Acknowledgements come first. Writing that of a DISCONNECT ends the connection.
    fn write_acks(&mut self, connection: &mut Connection) {
        while !self.is_full_for(usize::from(Ack::LEN), false) {
            let Some(ack) = connection.acks.pop_front() else { return };
            self.write(&ack.command());
            if let (true, Stage::AcknowledgingDisconnect { data }) = (ack.of_disconnect, connection.stage) {
                connection.stage = Stage::Zombie { reason: DisconnectReason::Remote, data };
                connection.lost_turn = true;
            }
        }
        self.again |= !connection.acks.is_empty();
    }

    /// Writes what may go, oldest first, until something does not fit (PROTOCOL.md §13.2). Whether anything reliable
    /// was chosen.
    fn pack(&mut self, connection: &mut Connection, shared: &mut Shared) -> bool {
        let mut chose_reliable = false;
        while let Some(choice) = connection.choose(shared) {
            let (len, reliable) = connection.outgoing.size_of(choice, &connection.in_flight);
            chose_reliable |= reliable;
            if self.is_full_for(len, reliable) {
                self.again = true;
                break;
            }
            if reliable {
                self.write_reliable(choice, connection, shared);
            } else {
                self.write_unreliable(connection);
            }
        }
        if !self.wrote_unreliable {
            connection.disconnect_if_drained(shared);
        }
        chose_reliable
    }

    fn write_reliable(&mut self, choice: Choice, connection: &mut Connection, shared: &Shared) {
        let key = match choice {
            Choice::Again(key) => {
                connection.in_flight.resend(key, shared.now);
                Some(key)
            }
            Choice::Control | Choice::Data => connection.send_first(choice, shared),
        };
        if let Some(sent) = key.and_then(|key| connection.in_flight.get(key)) {
            self.write(&sent.command());
            connection.loss.sent = connection.loss.sent.wrapping_add(1);
        }
    }

    fn write_unreliable(&mut self, connection: &mut Connection) {
        let Some(queued) = connection.outgoing.control.front() else { return };
        if queued.body.is_throttled() && !connection.throttle.admit() {
            connection.outgoing.drop_throttled();
            return;
        }
        self.write(&queued.body.command());
        connection.loss.sent = connection.loss.sent.wrapping_add(1);
        connection.outgoing.advance_control();
        self.wrote_unreliable = true;
    }

    /// Fills up to the size of the datagrams it follows if more are to come, so that they may follow too. Zeros end the
    /// commands (PROTOCOL.md §14.2).
    fn pad(&mut self) {
        let Some(segment) = self.segment.filter(|_| self.again) else { return };
        let unused = if self.sent_time { 0 } else { SENT_TIME_LEN };
        let missing = (segment + unused).saturating_sub(self.out.len() - self.start);
        if missing <= segment / PADDING_SHARE {
            self.out.resize(self.out.len() + missing, 0);
        }
    }

    fn layout(&self) -> Layout {
        Layout { start: self.start, room: self.room, sent_time: self.sent_time }
    }

    fn abandon(self) {
        self.out.truncate(self.start);
    }
}
