//! The wire: every datagram is well formed, of lawful size, and says what it should (PROTOCOL.md §1, §2; F5).

use std::net::SocketAddr;

use enet_wire::{
    Body, CHECKSUM_LEN, Command, CommandKind, ConnectId, Crc32, Header, MAX_COMMANDS, MAX_MTU, split_checksum,
};

use super::Judge;
use super::ids::HalfId;
use crate::marks::Mark;
use crate::net::{DropReason, Fate};
use crate::padding::is_padding;
use crate::time::Time;
use crate::world::observer::HostIndex;

/// What the commands of a datagram have to say together.
#[derive(Debug, Default)]
struct Tally {
    commands: usize,
    acknowledgements: usize,
    /// Some command wants an acknowledgement.
    timed: bool,
    /// Some command may go to a slot that is not known.
    introduces: bool,
}

/// A datagram may be filled up with zeros by one in so many bytes.
const PADDING_SHARE: usize = 8;

/// A datagram as it leaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaving {
    pub(super) at: Time,
    pub(super) from: HostIndex,
    pub(super) to: SocketAddr,
    pub(super) header: Header,
    pub(super) lost: bool,
    pub(super) half: Option<HalfId>,
    /// Bytes of the whole datagram.
    pub(super) len: usize,
    /// It is as long as the one that left before it, at the same time for the same place.
    pub(super) follows: bool,
}

impl Judge {
    /// A datagram leaves its host.
    pub(super) fn on_departed(
        &mut self,
        at: Time,
        from: HostIndex,
        to: SocketAddr,
        bytes: &[u8],
        fate: &Fate,
    ) {
        self.note_fate(at, from, fate);
        let Ok((header, rest)) = Header::decode(bytes) else {
            return self
                .verdict
                .complain(at, "F5", from, || format!("a datagram of {} bytes left", bytes.len()));
        };
        // The grant of a new connection may bear the marks of one that is about to be forgotten.
        let granted = if header.compressed { None } else { granted(rest, self.config.checksum) };
        let mut half =
            if self.transparent && granted.is_none() { self.outward(from, to, &header) } else { None };
        let len = bytes.len();
        let before = self.hosts.get_mut(from).and_then(|book| book.departed.replace((at, to, len)));
        let follows = before == Some((at, to, len));
        let mut leaving = Leaving { at, from, to, header, lost: fate.copies == 0, half, len, follows };
        self.judge_size(&leaving);
        let (checksum, body) = match self.config.checksum {
            false => (None, rest),
            true => match split_checksum(rest) {
                Ok((checksum, body)) => (Some(checksum), body),
                Err(_) => {
                    let complaint =
                        || format!("a datagram of {} bytes has no room for its checksum", bytes.len());
                    return self.verdict.complain(at, "F5", from, complaint);
                }
            },
        };
        if header.compressed {
            self.verdict.mark(Mark::Compressed);
            if !self.config.compression {
                self.verdict
                    .complain(at, "F5", from, || "a compressed datagram left, and nobody compresses".into());
            }
            return;
        }
        let farewell = farewell(body).filter(|_| self.is_modern(from));
        self.farewells |= farewell == Some(0);
        if let Some(checksum) = checksum {
            self.verdict.mark(Mark::Checksummed);
            let id = granted.or_else(|| half.map(|half| self.tap.half(half).connect_id));
            let expected = expected_checksum(bytes, &header, body, id);
            // A refusal bears the marks of an attempt that never was a connection.
            let matches = |id| expected_checksum(bytes, &header, body, Some(id)) == Some(checksum);
            if expected != Some(checksum) && farewell.is_some() && self.tap.attempts().any(matches) {
                half = None;
            } else if expected.is_some_and(|expected| expected != checksum) {
                let complaint =
                    || format!("a datagram left with checksum {checksum:02x?}, expected {expected:02x?}");
                self.verdict.complain(at, "F5", from, complaint);
            }
        }
        leaving.half = half;
        self.judge_commands(&leaving, body);
        if let Some(half) = half {
            self.note_departure(half, &leaving, fate);
        }
    }

    fn note_fate(&mut self, at: Time, from: HostIndex, fate: &Fate) {
        let Some(book) = self.hosts.get_mut(from) else { return };
        book.departures += 1;
        let mut marks = [None; 3];
        if let Some(reason) = fate.dropped {
            let [mark, ..] = &mut marks;
            *mark = Some(match reason {
                DropReason::Loss | DropReason::Scripted => Mark::Lost,
                DropReason::Mtu => Mark::TooLongForPath,
                DropReason::Queue => Mark::QueueOverflowed,
                DropReason::Cut => Mark::WayCut,
                DropReason::NoRoute => Mark::NoRoute,
            });
        }
        let [_, corrupted, duplicated] = &mut marks;
        *corrupted = fate.corrupted.then_some(Mark::Corrupted);
        *duplicated = (fate.copies > 1).then_some(Mark::Duplicated);
        // Late is as bad as lost for whoever counts on a quick answer.
        if fate.copies == 0 || fate.corrupted || fate.arrives.since(at).0 > 1_000_000_000 {
            book.trouble = Some(at);
        }
        for mark in marks.into_iter().flatten() {
            self.verdict.mark(mark);
        }
    }

    /// F5: no datagram is longer than what was agreed on. The checksum is not in the packing account (PROTOCOL.md §1.2).
    fn judge_size(&mut self, leaving: &Leaving) {
        let len = leaving.len;
        let mtu = leaving.half.map_or(MAX_MTU, |half| self.tap.half(half).mtu) as usize;
        let limit = mtu + if self.config.checksum { CHECKSUM_LEN } else { 0 };
        if len > limit {
            let complaint = || format!("a datagram of {len} bytes left; {limit} are allowed");
            self.verdict.complain(leaving.at, "F5", leaving.from, complaint);
        }
        if leaving.half.is_some() && len == mtu {
            self.verdict.mark(Mark::FullDatagram);
        }
    }

    fn judge_commands(&mut self, leaving: &Leaving, body: &[u8]) {
        let (at, from) = (leaving.at, leaving.from);
        let mut tally = Tally::default();
        let mut rest = body;
        while !is_padding(rest) {
            let (command, behind) = match Command::decode(rest) {
                Ok(decoded) => decoded,
                Err(error) => {
                    let count = tally.commands;
                    return self
                        .verdict
                        .complain(at, "B2", from, || format!("behind {count} commands: {error}"));
                }
            };
            let head = command.head();
            if !rest.starts_with(head.as_ref()) {
                let complaint = || format!("{command:?} encodes as {:02x?}", head.as_ref());
                self.verdict.complain(at, "B2", from, complaint);
            }
            tally.commands += 1;
            self.judge_command(leaving, &command, &mut tally);
            rest = behind;
        }
        self.judge_tally(leaving, &tally);
        self.judge_padding(leaving, rest.len());
    }

    fn judge_tally(&mut self, leaving: &Leaving, tally: &Tally) {
        let (at, from, header) = (leaving.at, leaving.from, leaving.header);
        let count = tally.commands;
        let most = if self.is_modern(from) { usize::MAX } else { MAX_COMMANDS };
        if !(1..=most).contains(&count) {
            self.verdict.complain(at, "F5", from, || format!("a datagram with {count} commands left"));
        }
        if tally.timed != header.sent_time.is_some() {
            let complaint =
                || format!("sent time {:?}; a command wants it: {}", header.sent_time, tally.timed);
            self.verdict.complain(at, "F5", from, complaint);
        }
        if header.peer.is_unknown() && !tally.introduces && self.trusted {
            self.verdict.complain(at, "F5", from, || "a datagram for nobody left, without a CONNECT".into());
        }
        if count == MAX_COMMANDS {
            self.verdict.mark(Mark::ManyCommands);
        }
        if count > MAX_COMMANDS {
            self.verdict.mark(Mark::CrowdedDatagram);
        }
        if tally.acknowledgements == MAX_COMMANDS {
            self.verdict.mark(Mark::ManyAcknowledgements);
        }
    }

    /// F5: zeros follow the commands only in a train, up to the size of the datagrams in front, and not many.
    fn judge_padding(&mut self, leaving: &Leaving, zeros: usize) {
        if zeros == 0 {
            return;
        }
        let (at, from, len) = (leaving.at, leaving.from, leaving.len);
        self.verdict.mark(Mark::Padded);
        // Where sockets refuse datagrams, the one in front may be missing.
        let follows = leaving.follows || self.config.send_faults;
        if !self.is_modern(from) || !follows || zeros > len / PADDING_SHARE {
            let place = if leaving.follows { "behind one as long" } else { "behind none as long" };
            let complaint = || format!("a datagram of {len} bytes left with {zeros} zeros, {place}");
            self.verdict.complain(at, "F5", from, complaint);
        }
    }

    pub(super) fn is_modern(&self, host: HostIndex) -> bool {
        self.config.hosts.get(host).is_some_and(|rules| rules.modern)
    }

    fn judge_command(&mut self, leaving: &Leaving, command: &Command<'_>, tally: &mut Tally) {
        let (at, from) = (leaving.at, leaving.from);
        let kind = command.kind();
        self.verdict.mark(mark_of(kind, command.acknowledge));
        tally.timed |= command.acknowledge;
        let unknown = leaving.header.peer.is_unknown();
        match &command.body {
            Body::Acknowledge { received_seq, .. } => {
                tally.acknowledgements += 1;
                if *received_seq != command.seq {
                    self.verdict.complain(at, "B2", from, || format!("two numbers in {command:?}"));
                }
            }
            Body::Connect(_) => tally.introduces = true,
            // An attempt can be given up, and its throttle be set, before anybody has answered.
            Body::Disconnect { .. } | Body::ThrottleConfigure(_) => tally.introduces |= unknown,
            _ => {}
        }
        if unknown && !tally.introduces && self.trusted {
            self.verdict.complain(at, "F5", from, || format!("{kind:?} to nobody left"));
        }
        if !flags_are_lawful(command) {
            let complaint = || {
                format!(
                    "{kind:?} left with acknowledge {}, unsequenced {}, channel {}",
                    command.acknowledge, command.unsequenced, command.channel
                )
            };
            self.verdict.complain(at, "F5", from, complaint);
        }
        if self.transparent {
            self.tap_departed(leaving, command);
        }
    }
}

/// The connect id of a VERIFY_CONNECT that comes first in a datagram.
pub(super) fn granted(rest: &[u8], checksum: bool) -> Option<ConnectId> {
    let body = if checksum { rest.get(CHECKSUM_LEN..)? } else { rest };
    if body.first()? & 0x0F != CommandKind::VerifyConnect.number() {
        return None;
    }
    match Command::decode(body).ok()?.0.body {
        Body::VerifyConnect(verify) => Some(verify.connect_id),
        _ => None,
    }
}

/// What a DISCONNECT says that nobody acknowledges, if it is the only command.
pub(super) fn farewell(body: &[u8]) -> Option<u32> {
    match Command::decode(body) {
        Ok((Command { body: Body::Disconnect { data }, unsequenced: true, .. }, [])) => Some(data),
        _ => None,
    }
}

/// The checksum of PROTOCOL.md §1.3; `None` if the connect id is needed and not known.
pub(super) fn expected_checksum(
    bytes: &[u8],
    header: &Header,
    body: &[u8],
    id: Option<ConnectId>,
) -> Option<[u8; 4]> {
    let seed = if header.peer.is_unknown() { ConnectId::ZERO } else { id? };
    let mut crc = Crc32::new();
    crc.update(bytes.get(..header.encoded_len())?);
    crc.update(&seed.0);
    crc.update(body);
    Some(crc.finish().to_be_bytes())
}

/// The first byte and the channel are as in the table of PROTOCOL.md §2.2.
fn flags_are_lawful(command: &Command<'_>) -> bool {
    let (acknowledge, unsequenced) = (command.acknowledge, command.unsequenced);
    let control = command.channel.is_control();
    match command.kind() {
        CommandKind::Acknowledge => !acknowledge && !unsequenced,
        CommandKind::Disconnect => control && acknowledge != unsequenced,
        CommandKind::Connect
        | CommandKind::VerifyConnect
        | CommandKind::Ping
        | CommandKind::BandwidthLimit
        | CommandKind::ThrottleConfigure => control && acknowledge && !unsequenced,
        CommandKind::SendReliable | CommandKind::SendFragment => !control && acknowledge && !unsequenced,
        CommandKind::SendUnreliable | CommandKind::SendUnreliableFragment => {
            !control && !acknowledge && !unsequenced
        }
        CommandKind::SendUnsequenced => !control && !acknowledge && unsequenced,
    }
}

fn mark_of(kind: CommandKind, acknowledge: bool) -> Mark {
    match kind {
        CommandKind::Acknowledge => Mark::SentAcknowledge,
        CommandKind::Connect => Mark::SentConnect,
        CommandKind::VerifyConnect => Mark::SentVerifyConnect,
        CommandKind::Disconnect if acknowledge => Mark::SentDisconnect,
        CommandKind::Disconnect => Mark::SentFarewell,
        CommandKind::Ping => Mark::SentPing,
        CommandKind::SendReliable => Mark::SentReliable,
        CommandKind::SendUnreliable => Mark::SentUnreliable,
        CommandKind::SendFragment => Mark::SentFragment,
        CommandKind::SendUnsequenced => Mark::SentUnsequenced,
        CommandKind::BandwidthLimit => Mark::SentBandwidthLimit,
        CommandKind::ThrottleConfigure => Mark::SentThrottleConfigure,
        CommandKind::SendUnreliableFragment => Mark::SentUnreliableFragment,
    }
}
