//! [`Tap`]: which connection a datagram belongs to, learned from the handshakes that pass by.

use std::collections::HashMap;
use std::net::SocketAddr;

use enet_wire::{Body, Command, Connect, Header, VerifyConnect, split_checksum};

use super::Judge;
use super::half::Half;
use super::side::{Arena, Phase, SideId};
use super::wire::{Leaving, expected_checksum};
use crate::marks::Mark;
use crate::net::Fate;
use crate::time::{Span, Time};
use crate::world::observer::HostIndex;

/// Which half of a connection, over the whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HalfId(u32);

/// A CONNECT and the answers to it.
#[derive(Debug, Clone, Copy)]
struct Handshake {
    client: HalfId,
    server: Option<HalfId>,
}

/// What passes by on the wire.
#[derive(Debug, Default)]
pub(super) struct Tap {
    halves: Arena<Half>,
    handshakes: HashMap<[u8; 4], Handshake>,
}

impl Tap {
    pub(super) fn half(&self, id: HalfId) -> &Half {
        &self.halves[id.0]
    }

    pub(super) fn half_mut(&mut self, id: HalfId) -> &mut Half {
        &mut self.halves[id.0]
    }

    fn add(&mut self, half: Half) -> HalfId {
        HalfId(self.halves.push(half))
    }
}

/// Slot and session as in a header, without the flags.
fn word(header: &Header) -> u16 {
    header.peer.get() | u16::from(header.session.get()) << 12
}

fn word_of(slot: u16, session: u8) -> u16 {
    slot & 0x0FFF | u16::from(session & 3) << 12
}

impl Judge {
    /// The half that a leaving datagram belongs to.
    pub(super) fn outward(&mut self, from: HostIndex, to: SocketAddr, header: &Header) -> Option<HalfId> {
        if header.peer.is_unknown() {
            return None;
        }
        let word = word(header);
        let book = self.hosts.get_mut(from)?;
        if let Some((address, known, half)) = book.outward_last
            && known == word
            && address == to
        {
            return Some(half);
        }
        let half = *book.outward.get(&(to, word))?;
        book.outward_last = Some((to, word, half));
        Some(half)
    }

    /// The half whose host reads a datagram that arrives.
    fn inward(&mut self, host: HostIndex, header: &Header) -> Option<HalfId> {
        let word = word(header);
        let book = self.hosts.get_mut(host)?;
        if let Some((known, half)) = book.inward_last
            && known == word
        {
            return Some(half);
        }
        let half = *book.inward.get(&word)?;
        book.inward_last = Some((word, half));
        Some(half)
    }

    /// Marks a half as one to be looked at when its host was serviced.
    pub(super) fn activate(&mut self, id: HalfId) {
        let half = self.tap.half_mut(id);
        if !half.active {
            half.active = true;
            let host = half.host;
            if let Some(book) = self.hosts.get_mut(host) {
                book.active.push(id);
            }
        }
    }

    /// A CONNECT leaves.
    pub(super) fn connect_departed(&mut self, leaving: &Leaving, connect: &Connect) -> Option<HalfId> {
        if let Some(known) = self.tap.handshakes.get(&connect.connect_id.0) {
            return Some(known.client);
        }
        let (at, from) = (leaving.at, leaving.from);
        let mut half = Half::new(at, from, connect.outgoing_peer, leaving.to, connect.connect_id);
        half.data = connect.data;
        half.client = true;
        half.mtu = self.config.hosts.get(from).map_or(enet_wire::MAX_MTU, |rules| rules.mtu);
        (half.acceleration, half.deceleration) = (connect.throttle.acceleration, connect.throttle.deceleration);
        let living = self.hosts.get(from).map(|book| book.living.as_slice()).unwrap_or_default();
        let waits = |id: &&SideId| {
            let side = &self.sides[id.0];
            side.phase == Phase::Connecting && side.half.is_none() && side.data == connect.data
        };
        half.side = living.iter().find(waits).copied();
        let side = half.side;
        let id = self.tap.add(half);
        if let Some(side) = side {
            self.side_mut(side).half = Some(id);
        }
        self.tap.handshakes.insert(connect.connect_id.0, Handshake { client: id, server: None });
        Some(id)
    }

    /// A VERIFY_CONNECT leaves.
    pub(super) fn verify_departed(&mut self, leaving: &Leaving, verify: &VerifyConnect) -> Option<HalfId> {
        let (at, from) = (leaving.at, leaving.from);
        let handshake = *self.tap.handshakes.get(&verify.connect_id.0)?;
        let own_mtu = self.config.hosts.get(from).map_or(enet_wire::MAX_MTU, |rules| rules.mtu);
        if let Some(known) = handshake.server {
            let half = self.tap.half(known);
            if half.slot == verify.outgoing_peer && half.to == leaving.to {
                return Some(known);
            }
            self.judge_second_slot(at, from, handshake.client, known);
        }
        let client = handshake.client;
        let client_mtu = self.tap.half(client).mtu;
        let mut half = Half::new(at, from, verify.outgoing_peer, leaving.to, verify.connect_id);
        half.data = self.tap.half(client).data;
        half.mtu = verify.mtu;
        half.channels = verify.channel_count;
        half.other = Some(client);
        (half.acceleration, half.deceleration) = (verify.throttle.acceleration, verify.throttle.deceleration);
        if verify.mtu > client_mtu || (verify.mtu > own_mtu && !self.is_foreign(from)) {
            let complaint = || format!("an MTU of {} was granted to one of {client_mtu}, at {own_mtu}", verify.mtu);
            self.verdict.complain(at, "C3", from, complaint);
        }
        let server = self.tap.add(half);
        self.tap.handshakes.insert(verify.connect_id.0, Handshake { client, server: Some(server) });
        let first = self.tap.half_mut(client);
        if !first.established {
            first.other = Some(server);
            first.mtu = first.mtu.min(verify.mtu);
            first.channels = verify.channel_count;
        }
        let (home, address, slot) = (first.host, first.to, first.slot);
        let to_client = word_of(slot, verify.incoming_session);
        let to_server = word_of(verify.outgoing_peer, verify.outgoing_session);
        if let Some(book) = self.hosts.get_mut(from) {
            book.outward.insert((leaving.to, to_client), server);
            book.inward.insert(to_server, server);
            (book.outward_last, book.inward_last) = (None, None);
        }
        if let Some(book) = self.hosts.get_mut(home) {
            book.outward.insert((address, to_server), client);
            book.inward.insert(to_client, client);
            (book.outward_last, book.inward_last) = (None, None);
        }
        Some(server)
    }

    /// C5: a CONNECT that is repeated does not make a second slot while the first one lives.
    fn judge_second_slot(&mut self, at: Time, from: HostIndex, client: HalfId, known: HalfId) {
        let old = self.tap.half(known);
        let fresh = old.host == from && at.since(old.since) < Span::from_secs(4);
        let restarted = self.hosts.get(from).and_then(|book| book.crashed).is_some_and(|then| then >= old.since);
        let wanted = self.tap.half(client).side.is_some_and(|side| self.side(side).lives());
        let over = old.side.is_some_and(|side| !self.side(side).lives());
        if fresh && wanted && !restarted && !over && old.to == self.tap.half(known).to {
            let slot = old.slot;
            let complaint = || format!("a repeated CONNECT got a second slot, beside slot {slot}");
            self.verdict.complain(at, "C5", from, complaint);
        }
    }

    pub(super) fn is_foreign(&self, host: HostIndex) -> bool {
        self.config.hosts.get(host).is_some_and(|rules| rules.foreign)
    }

    /// A connection opened: which half is it, and who is at the other end?
    pub(super) fn bind(&mut self, at: Time, id: SideId) {
        let side = self.side(id);
        let (host, data, incoming) = (side.host, side.data, side.to.is_none());
        if incoming {
            if self.transparent {
                self.bind_incoming(at, host, id, data);
            } else {
                self.guess_partner(at, host, id, data);
            }
        }
        if let Some(half) = self.side(id).half {
            let half = self.tap.half_mut(half);
            half.established = true;
            let checksum = if self.config.checksum { 4 } else { 0 };
            let fragment = (half.mtu as usize).saturating_sub(28 + checksum);
            self.side_mut(id).fragment = Some(fragment);
        }
    }

    fn bind_incoming(&mut self, at: Time, host: HostIndex, id: SideId, data: u32) {
        let Some(book) = self.hosts.get_mut(host) else { return };
        let answered = core::mem::take(&mut book.answered);
        let fits = |half: &HalfId| {
            let half = self.tap.half(*half);
            half.side.is_none() && half.data == data
        };
        let mut candidates = answered.iter().copied().filter(fits);
        let found = candidates.next();
        let alone = candidates.next().is_none();
        let Some(half) = found.filter(|_| alone) else {
            let Some(book) = self.hosts.get_mut(host) else { return };
            book.answered = answered; // several with the same data: their messages will tell
            return;
        };
        if let Some(book) = self.hosts.get_mut(host) {
            book.answered = answered.into_iter().filter(|it| *it != half).collect();
        }
        self.tap.half_mut(half).side = Some(id);
        self.side_mut(id).half = Some(half);
        let client = self.tap.half(half).other.and_then(|other| self.tap.half(other).side);
        if let Some(client) = client
            && self.sides[client.0].lives()
            && let Err((property, text)) = self.pair(at, client, id)
        {
            self.verdict.complain(at, property, host, || text);
        }
    }

    /// Without a look at the handshake: the one attempt with this data that has no partner.
    fn guess_partner(&mut self, at: Time, host: HostIndex, id: SideId, data: u32) {
        let fits = |number: &u32| {
            let side = &self.sides[*number];
            side.to == Some(host) && side.data == data && side.partner.is_none() && side.lives()
        };
        let mut candidates = (0..self.sides.len()).filter(fits);
        let found = candidates.next();
        if candidates.next().is_none()
            && let Some(client) = found
            && self.trusted
            && let Err((property, text)) = self.pair(at, SideId(client), id)
        {
            self.verdict.complain(at, property, host, || text);
        }
    }

    /// After the commands of a leaving datagram.
    pub(super) fn note_departure(&mut self, id: HalfId, leaving: &Leaving, fate: &Fate) {
        let half = self.tap.half_mut(id);
        if fate.copies > 0 && fate.arrives != Fate::UNKNOWN {
            if fate.arrives < half.latest {
                self.verdict.mark(Mark::Overtaken);
            }
            half.latest = half.latest.max(fate.arrives);
        }
        if let Some(time) = leaving.header.sent_time {
            if half.sent_time.is_some_and(|before| before > 0xC000 && time < 0x4000) {
                self.verdict.mark(Mark::SentTimeWrapped);
            }
            half.sent_time = Some(time);
        }
        self.activate(id);
    }

    /// A datagram reached its host's socket.
    pub(super) fn on_arrived(&mut self, at: Time, host: HostIndex, source: SocketAddr, bytes: &[u8]) {
        let corruption = self.config.corruption;
        let Some(book) = self.hosts.get_mut(host) else { return };
        book.arrivals += 1;
        if bytes.is_empty() {
            book.stalled = true;
        }
        if !self.transparent {
            return;
        }
        let Ok((header, rest)) = Header::decode(bytes) else { return };
        if header.peer.is_unknown() {
            return;
        }
        let Some(id) = self.inward(host, &header) else { return self.troubled(at, host) };
        let half = self.tap.half(id);
        if half.to != source {
            self.verdict.mark(Mark::Rebound);
            return self.troubled(at, host);
        }
        let connect_id = half.connect_id;
        let body = if self.config.checksum {
            let Ok((checksum, body)) = split_checksum(rest) else { return };
            if corruption && expected_checksum(bytes, &header, body, Some(connect_id)) != Some(checksum) {
                return;
            }
            body
        } else {
            rest
        };
        let mut rest = body;
        while let Ok((command, behind)) = Command::decode(rest) {
            self.tap_arrived(at, id, &header, &command);
            rest = behind;
        }
        self.activate(id);
    }

    fn troubled(&mut self, at: Time, host: HostIndex) {
        if let Some(book) = self.hosts.get_mut(host) {
            book.trouble = Some(at);
        }
    }

    /// Which half a leaving command belongs to; handshakes introduce theirs.
    pub(super) fn half_of(&mut self, leaving: &Leaving, command: &Command<'_>) -> Option<HalfId> {
        match &command.body {
            Body::Connect(connect) => self.connect_departed(leaving, connect),
            Body::VerifyConnect(verify) => self.verify_departed(leaving, verify),
            _ => leaving.half,
        }
    }
}
