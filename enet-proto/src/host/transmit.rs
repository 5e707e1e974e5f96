//! Transmitting: build one datagram for one peer (PROTOCOL.md §13).

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroUsize;

use enet_wire::{CHECKSUM_LEN, Command, ConnectId, Header, Session, WirePeerId};

use super::Host;
use super::draft::{Draft, Span};
use crate::peer::Connection;
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
        self.ready_touched();
        self.advance(now);
        loop {
            if !self.raw.is_empty() {
                return self.transmit_raw(out);
            }
            if self.lobby.wants_transmit()
                && let Some(transmit) = self.transmit_to_lobby(out)
            {
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
        self.schedule.is_anything_ready()
            || !self.farewells.is_empty()
            || !self.raw.is_empty()
            || self.lobby.wants_transmit()
    }

    /// Visits the next peer of the running pass; `None` when the pass is over. `check_timeouts` as in a service call.
    pub(super) fn transmit_in_pass(
        &mut self,
        out: &mut Vec<u8>,
        check_timeouts: bool,
    ) -> Option<Option<Transmit>> {
        if !self.raw.is_empty() {
            return Some(self.transmit_raw(out));
        }
        if self.lobby.wants_transmit()
            && let Some(transmit) = self.transmit_to_lobby(out)
        {
            return Some(Some(transmit));
        }
        let visit = self.next_visit()?;
        if let (Visit::Slot(slot), true) = (&visit, check_timeouts)
            && let Some(connection) = self.table.get_mut(*slot)
        {
            connection.check_timeouts(&mut self.shared); // the visit settles it
        }
        Some(self.visit(&visit, out, NonZeroUsize::MIN))
    }

    fn transmit_raw(&mut self, out: &mut Vec<u8>) -> Option<Transmit> {
        let (to, bytes) = self.raw.pop_front()?;
        out.extend_from_slice(&bytes);
        Some(self.count_sent(to, None, Train::of_one(bytes.len())))
    }

    /// Slots in order, and before each the farewells of its former connections.
    #[inline]
    fn next_visit(&mut self) -> Option<Visit> {
        if let Some((farewell, _)) = self.farewells.front()
            && self.schedule.peek_first_round().is_none_or(|slot| *farewell <= slot)
        {
            return Some(Visit::Farewell);
        }
        self.schedule.next_in_pass().map(Visit::Slot)
    }

    #[inline]
    fn visit(&mut self, visit: &Visit, out: &mut Vec<u8>, max_segments: NonZeroUsize) -> Option<Transmit> {
        match visit {
            Visit::Farewell => {
                let (_, mut connection) = self.farewells.pop_front()?;
                let (train, _) = self.build_train(&mut connection, out, 1);
                connection.clear_queues(&mut self.shared);
                let train = train?;
                let from = self.shared.local_address(connection.local);
                Some(self.count_sent(connection.address, from, train))
            }
            Visit::Slot(slot) => {
                if let Some(transmit) = self.transmit_lone(*slot, out) {
                    return Some(transmit);
                }
                let mut connection = self.table.take(*slot)?;
                if connection.token_mut().is_some() {
                    self.table.put_back(*slot, connection);
                    if let Some(transmit) = self.transmit_token(*slot, out) {
                        return Some(transmit);
                    }
                    connection = self.table.take(*slot)?;
                }
                let before = connection.stage;
                let (train, again) = self.build_train(&mut connection, out, max_segments.get());
                let (to, from) = (connection.address, self.shared.local_address(connection.local));
                if connection.is_watched() {
                    self.note_departure(&mut connection, train);
                }
                let moved_on = connection.stage != before
                    || connection.is_finished()
                    || connection.lost_turn
                    || connection.has_notices();
                self.table.put_back(*slot, connection);
                if again {
                    self.schedule.visit_again(*slot);
                }
                if moved_on {
                    self.settle_events(*slot);
                }
                self.settle_schedule(*slot);
                Some(self.count_sent(to, from, train?))
            }
        }
    }

    /// For those who want to hear of it.
    #[cold]
    fn note_departure(&self, connection: &mut Connection, train: Option<Train>) {
        connection.note_waiting(self.shared.now);
        if let (Some(totals), Some(train)) = (connection.totals_mut(), train) {
            totals.datagrams_sent += train.datagrams as u64;
            totals.bytes_sent += train.len as u64;
        }
    }

    #[inline]
    pub(super) fn count_sent(&mut self, to: SocketAddr, from: Option<IpAddr>, train: Train) -> Transmit {
        self.shared.stats.datagrams_sent += train.datagrams as u64;
        self.shared.stats.bytes_sent += train.len as u64;
        let segment = (train.datagrams > 1).then_some(train.segment);
        Transmit { to, from, len: train.len, segment }
    }

    /// Builds datagrams of one size, and perhaps a shorter one, as long as the connection fills them; whether it would
    /// go on.
    #[inline(never)]
    fn build_train(
        &mut self,
        connection: &mut Connection,
        out: &mut Vec<u8>,
        max_segments: usize,
    ) -> (Option<Train>, bool) {
        let most = usize::from(connection.mtu);
        let mut train: Option<Train> = None;
        loop {
            let turn =
                train.map(|it| Turn { segment: it.segment, is_last: !it.has_room_for(2, max_segments) });
            let built = self.build(connection, out, turn);
            let Some(len) = built.len else { return (train, built.again) };
            let longer = train.map_or(Train::of_one(len), |it| it.and(len));
            train = Some(longer);
            // A small datagram in front must not make many small ones of what would fill large ones.
            let is_over = len < longer.segment || built.cramped && longer.segment < most - most / SMALLER;
            if !built.again || is_over || !longer.has_room_for(1, max_segments) {
                return (train, built.again);
            }
        }
    }

    /// Builds the next datagram of a connection at the end of `out`, for a turn in a train if there is one.
    #[inline(always)]
    fn build(&mut self, connection: &mut Connection, out: &mut Vec<u8>, turn: Option<Turn>) -> Built {
        if connection.is_finished() || connection.is_held() {
            return Built { len: None, again: false, cramped: false };
        }
        let segment = turn.map(|turn| turn.segment);
        let shared = &mut self.shared;
        let mut draft = Draft::new(out, &mut self.draft, connection.mtu.into(), segment, shared);
        draft.write_acks(connection, shared);
        let may_ping = connection.outgoing.is_empty() || !draft.pack(connection, shared);
        if may_ping && connection.is_quiet(shared.now) && draft.fits_ping() {
            draft.write_ping(connection, shared);
        }
        let (again, cramped) = (draft.again, draft.cramped);
        if draft.is_empty() {
            return Built { len: None, again, cramped };
        }
        connection.loss.on_datagram(shared.now);
        let span = draft.finish(turn.is_some_and(|turn| !turn.is_last));
        let (sent_time, wrote_unreliable) = (draft.sent_time, draft.wrote_unreliable);
        let envelope = Envelope::of(connection, sent_time.then(|| self.shared.now.sent_time()));
        let len = self.seal(&envelope, out, span);
        if wrote_unreliable {
            connection.disconnect_if_drained(&mut self.shared);
        }
        Built { len: Some(len), again, cramped }
    }

    /// Finishes the datagram at the end of `out`: header, compression, checksum. Its length.
    #[inline(always)]
    fn seal(&mut self, envelope: &Envelope, out: &mut Vec<u8>, span: Span) -> usize {
        let Envelope { peer, session, sent_time, .. } = *envelope;
        let header = Header { peer, session, compressed: false, sent_time };
        if self.compressor.is_some()
            || self.shared.checksum.is_some()
            || span.start + header.encoded_len() != span.commands
        {
            return self.seal_elaborately(envelope, header, out, span);
        }
        let _ = header.encode_into(out.get_mut(span.start..).unwrap_or_default()); // there is room
        out.len() - span.start
    }

    #[inline(never)]
    fn seal_elaborately(
        &mut self,
        envelope: &Envelope,
        header: Header,
        out: &mut Vec<u8>,
        span: Span,
    ) -> usize {
        let block = self.compress(out, span);
        let header = Header { compressed: block.is_some(), ..header };
        let checksum = self.shared.checksum;
        let head = header.encoded_len() + checksum.map_or(0, |_| CHECKSUM_LEN);
        shift(out, span.commands, span.start + head);
        let datagram = out.get_mut(span.start..).unwrap_or_default();
        let _ = header.encode_into(datagram); // there is room
        if let Some(checksum) = checksum {
            // The connect id stands in the checksum's place while it is computed, of commands that are not compressed
            // (PROTOCOL.md §1.3).
            let seed = if envelope.peer.is_unknown() { [0; CHECKSUM_LEN] } else { envelope.connect_id.0 };
            put_at(datagram, header.encoded_len(), seed);
            let sum = checksum.of(&[datagram]);
            put_at(datagram, header.encoded_len(), sum);
        }
        if let Some(block) = block.and_then(|len| self.scratch.get(..len)) {
            out.truncate(span.start + head);
            out.extend_from_slice(block);
        }
        out.len() - span.start
    }

    /// Builds a datagram of one command for somebody without a slot. Its length.
    pub(super) fn seal_alone(
        &mut self,
        envelope: &Envelope,
        command: &Command<'_>,
        out: &mut Vec<u8>,
    ) -> usize {
        let span = Span { start: out.len(), commands: out.len() };
        out.extend_from_slice(&command.head());
        out.extend_from_slice(command.payload());
        self.seal(envelope, out, span)
    }

    /// Compresses a datagram's commands into the scratch buffer; the length if that saves anything.
    fn compress(&mut self, out: &[u8], span: Span) -> Option<usize> {
        let compressor = self.compressor.as_mut()?;
        let commands = out.get(span.commands..)?;
        self.scratch.resize(commands.len(), 0);
        let len = compressor.compress(commands, &mut self.scratch);
        len.filter(|len| (1..commands.len()).contains(len))
    }
}

/// Has the end of a buffer that begins at `from` begin at `to`: the header in front of it turned out longer, or shorter.
fn shift(out: &mut Vec<u8>, from: usize, to: usize) {
    if from == to {
        return;
    }
    let end = out.len();
    let moved = end + to - from;
    out.resize(moved.max(end), 0);
    out.copy_within(from..end, to);
    out.truncate(moved);
}

/// Overwrites four bytes of a datagram.
fn put_at(datagram: &mut [u8], at: usize, bytes: [u8; CHECKSUM_LEN]) {
    if let Some(place) = datagram.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = bytes;
    }
}

/// What is around the commands of a datagram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope {
    /// Whom it is for, as they call themselves.
    pub(super) peer: WirePeerId,
    pub(super) session: Session,
    /// Seed of the checksum for who knows it.
    pub(super) connect_id: ConnectId,
    pub(super) sent_time: Option<u16>,
}

impl Envelope {
    #[inline]
    fn of(connection: &Connection, sent_time: Option<u16>) -> Self {
        let peer = connection.remote_id;
        let session = Session::new(connection.sessions.outgoing).filter(|_| !peer.is_unknown());
        Envelope { peer, session: session.unwrap_or_default(), connect_id: connection.connect_id, sent_time }
    }
}

struct Built {
    len: Option<usize>,
    /// Whether there is more to send.
    again: bool,
    /// Whether more would have fitted into a datagram that follows no others.
    cramped: bool,
}

/// Where in a train a datagram is to go.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// Bytes of those in front.
    segment: usize,
    is_last: bool,
}

/// Datagrams smaller than the MTU by more than one such part of it are not followed by others that could be larger.
const SMALLER: usize = 8;

/// Bytes of a train: what a UDP datagram over IPv4 may hold, for that is what the kernel is handed.
const MAX_TRAIN: usize = 65_507;

/// Datagrams that leave together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Train {
    datagrams: usize,
    /// Bytes of each, except of the last.
    segment: usize,
    /// Bytes of all.
    len: usize,
}

impl Train {
    pub(super) const fn of_one(len: usize) -> Self {
        Train { datagrams: 1, segment: len, len }
    }

    /// With one more of so many bytes.
    const fn and(self, len: usize) -> Self {
        Train { datagrams: self.datagrams + 1, len: self.len + len, ..self }
    }

    const fn has_room_for(&self, more: usize, max_segments: usize) -> bool {
        self.datagrams + more <= max_segments && self.len + more * self.segment <= MAX_TRAIN
    }
}
