//! [`Tap`]: which connection a datagram belongs to, learned from the handshakes that pass by.

use std::collections::HashMap;
use std::net::SocketAddr;

use enet_wire::{Body, Command, Connect, ConnectId, Header, VerifyConnect, split_checksum};

use super::Judge;
use super::half::Half;
use super::ids::{Arena, HalfId, SideId};
use super::side::Phase;
use super::wire::{Leaving, expected_checksum, farewell, granted};
use crate::marks::Mark;
use crate::net::Fate;
use crate::time::{Span, Time};
use crate::world::observer::HostIndex;

/// A CONNECT and the answers to it.
#[derive(Debug, Clone)]
struct Handshake {
    client: HalfId,
    /// When the CONNECT last reached the server.
    knocked: Option<Time>,
    /// Late repetitions of a CONNECT, and those from another address, make more than one.
    servers: Vec<HalfId>,
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

    /// The connect ids of all attempts.
    pub(super) fn attempts(&self) -> impl Iterator<Item = ConnectId> {
        self.halves.iter().filter(|half| half.client).map(|half| half.connect_id)
    }

    /// The halves of a host that no event has shown, yet or ever.
    pub(super) fn unshown(&self, host: HostIndex) -> impl Iterator<Item = HalfId> {
        let is_unshown = move |id: &HalfId| self.half(*id).host == host && self.half(*id).side.is_none();
        (0..self.halves.len()).map(HalfId).filter(is_unshown)
    }

    fn add(&mut self, half: Half) -> HalfId {
        HalfId(self.halves.push(half))
    }
}

/// Slot and session as in a header, without the flags.
pub(super) fn word(header: &Header) -> u16 {
    header.peer.get() | u16::from(header.session.get()) << 12
}

pub(super) fn word_of(slot: u16, session: u8) -> u16 {
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
        let half = match book.outward_last {
            Some((address, known, half)) if known == word && address == to => half,
            _ => (*book.outward.get(&(to, word))?)?,
        };
        book.outward_last = Some((to, word, half));
        self.tap.half(half).sure.then_some(half)
    }

    /// The half whose host reads a datagram that arrives.
    fn inward(&mut self, host: HostIndex, source: SocketAddr, header: &Header) -> Option<HalfId> {
        let word = word(header);
        let book = self.hosts.get_mut(host)?;
        let half = match book.inward_last {
            Some((address, known, half)) if known == word && address == source => half,
            _ => *book.inward.get(&(source, word)).or_else(|| book.inward_anywhere.get(&word))?,
        };
        book.inward_last = Some((source, word, half));
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
        (half.acceleration, half.deceleration) =
            (connect.throttle.acceleration, connect.throttle.deceleration);
        half.least_acceleration = connect.throttle.acceleration;
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
            self.tap.half_mut(id).sure = !self.side(side).tainted && !self.stands(at, from);
        }
        self.tap
            .handshakes
            .insert(connect.connect_id.0, Handshake { client: id, knocked: None, servers: Vec::new() });
        self.activate(id);
        Some(id)
    }

    /// Whether a host's clock stands: of what is acknowledged the echoes may be of its future (PROTOCOL.md §9.4).
    fn stands(&self, at: Time, host: HostIndex) -> bool {
        self.hosts.get(host).and_then(|book| book.disturbed).is_some_and(|until| at < until)
    }

    /// A VERIFY_CONNECT leaves.
    fn verify_departed(&mut self, leaving: &Leaving, verify: &VerifyConnect, number: u16) -> Option<HalfId> {
        let (at, from) = (leaving.at, leaving.from);
        let handshake = self.tap.handshakes.get(&verify.connect_id.0)?;
        let (client, servers, knocked) = (handshake.client, handshake.servers.clone(), handshake.knocked);
        let word = word_of(self.tap.half(client).slot, verify.incoming_session);
        let same_slot = |id: &&HalfId| {
            let half = self.tap.half(**id);
            let crashed =
                self.hosts.get(from).and_then(|book| book.crashed).is_some_and(|then| then >= half.since);
            half.host == from && half.slot == verify.outgoing_peer && half.to == leaving.to && !crashed
        };
        let newest = servers.iter().rev().find(same_slot).copied();
        // A late copy of a CONNECT begins another connection where the first is over, perhaps in the same slot and session.
        let is_another = |id: &HalfId| {
            let ended = self.tap.half(*id).side.and_then(|side| self.side(side).over);
            ended.is_some_and(|ended| knocked.is_some_and(|knocked| knocked >= ended))
        };
        if let Some(known) = newest.filter(|id| self.tap.half(*id).word == word && !is_another(id)) {
            return Some(known);
        }
        self.judge_second_slot(leaving, client, &servers, verify.outgoing_peer);
        self.judge_granted_mtu(at, from, client, verify);
        let mut half = Half::new(at, from, verify.outgoing_peer, leaving.to, verify.connect_id);
        half.data = self.tap.half(client).data;
        half.mtu = verify.mtu;
        half.channels = verify.channel_count;
        half.other = Some(client);
        half.opening = number;
        half.sure = self.tap.half(client).sure && !self.stands(at, from);
        half.word = word;
        (half.acceleration, half.deceleration) = (verify.throttle.acceleration, verify.throttle.deceleration);
        half.least_acceleration = verify.throttle.acceleration;
        let server = self.tap.add(half);
        if let Some(handshake) = self.tap.handshakes.get_mut(&verify.connect_id.0) {
            handshake.servers.push(server);
        }
        self.route_outward(at, from, (leaving.to, word), server);
        if let Some(book) = self.hosts.get_mut(from) {
            book.route_inward(leaving.to, word_of(verify.outgoing_peer, verify.outgoing_session), server);
        }
        Some(server)
    }

    /// A VERIFY_CONNECT reached the client's socket. The first one counts.
    pub(super) fn verify_arrived(&mut self, at: Time, id: HalfId, verify: &VerifyConnect) {
        let half = self.tap.half(id);
        // What answers a late copy of a CONNECT finds its attempt over, and perhaps another connection in the slot.
        let is_over = half.side.is_some_and(|side| !self.side(side).lives());
        if !half.client || half.connect_id != verify.connect_id || is_over {
            return;
        }
        let serve = self.hosts.get(half.host).map_or(0, |book| book.settled);
        let first = !half.established;
        let server = self.tap.handshakes.get(&verify.connect_id.0).and_then(|handshake| {
            let of_slot = |id: &&HalfId| self.tap.half(**id).slot == verify.outgoing_peer;
            handshake.servers.iter().rev().find(of_slot).copied()
        });
        let half = self.tap.half_mut(id);
        if first {
            half.established = true;
            half.other = server;
            half.mtu = half.mtu.min(verify.mtu);
            half.channels = verify.channel_count;
        }
        half.lane(0xFF).acknowledge(1, serve);
        let (host, to, slot) = (half.host, half.to, half.slot);
        if !first {
            return;
        }
        self.route_outward(at, host, (to, word_of(verify.outgoing_peer, verify.outgoing_session)), id);
        if let Some(book) = self.hosts.get_mut(host) {
            book.route_inward(to, word_of(slot, verify.incoming_session), id);
        }
    }

    /// Whether the connection of a half may still exist at its host.
    fn may_live(&self, at: Time, id: HalfId) -> bool {
        let half = self.tap.half(id);
        let crashed =
            self.hosts.get(half.host).and_then(|book| book.crashed).is_some_and(|then| then >= half.since);
        let bound = self
            .config
            .hosts
            .get(half.host)
            .map_or(Span::ZERO, |rules| rules.death_bound(Span::from_secs(1)));
        !crashed
            && match half.side {
                Some(side) => self.side(side).lives(),
                None => at.since(half.since) < bound,
            }
    }

    /// From now on datagrams of a host to this slot and session belong to `half`; if another connection of it may bear
    /// the same marks (a restarted client can bring that about), nobody can tell which.
    fn route_outward(&mut self, at: Time, host: HostIndex, key: (SocketAddr, u16), half: HalfId) {
        let old = self.hosts.get(host).and_then(|book| book.outward.get(&key).copied());
        let clash = match old {
            Some(Some(old)) if old != half => self.may_live(at, old),
            Some(None) => true,
            _ => false,
        };
        if clash {
            for id in [Some(half), old.flatten()].into_iter().flatten() {
                self.lose_track(id);
            }
        }
        if let Some(book) = self.hosts.get_mut(host) {
            book.outward.insert(key, (!clash).then_some(half));
            book.outward_last = None;
        }
    }

    /// From now on not everything of this connection is seen.
    pub(super) fn lose_track(&mut self, id: HalfId) {
        self.tap.half_mut(id).sure = false;
        if let Some(other) = self.tap.half(id).other {
            self.tap.half_mut(other).sure = false;
        }
    }

    /// C3: the MTU is the least of both.
    fn judge_granted_mtu(&mut self, at: Time, from: HostIndex, client: HalfId, verify: &VerifyConnect) {
        let asked =
            self.config.hosts.get(self.tap.half(client).host).map_or(enet_wire::MAX_MTU, |rules| rules.mtu);
        let own = self.config.hosts.get(from).map_or(enet_wire::MAX_MTU, |rules| rules.mtu);
        if verify.mtu > asked || (verify.mtu > own && !self.is_foreign(from)) {
            let complaint = || format!("an MTU of {} was granted to one of {asked}, at {own}", verify.mtu);
            self.verdict.complain(at, "C3", from, complaint);
        }
    }

    /// C5: a CONNECT that is repeated does not make a second slot while the first one lives.
    fn judge_second_slot(&mut self, leaving: &Leaving, client: HalfId, servers: &[HalfId], slot: u16) {
        let at = leaving.at;
        let wanted = self.tap.half(client).side.is_some_and(|side| self.side(side).lives());
        let beside = |id: &&HalfId| {
            let half = self.tap.half(**id);
            // A host that sent its VERIFY_CONNECT so lately has not given up.
            // What a host of Profile::Modern grants before the proof is no slot.
            let granted = !half.established && !self.is_modern(leaving.from);
            let known = half.sure && (half.side.is_some() || granted);
            known
                && half.host == leaving.from
                && half.to == leaving.to
                && self.may_live(at, **id)
                && self.patient(at, half)
        };
        let old = servers.iter().map(|id| (id, self.tap.half(*id).slot)).filter(|(_, other)| *other != slot);
        let old = old.filter(|(id, _)| beside(id)).map(|(_, slot)| slot).next();
        if let Some(slot) = old.filter(|_| wanted) {
            let complaint = || format!("a repeated CONNECT got a second slot, beside slot {slot}");
            self.verdict.complain(at, "C5", leaving.from, complaint);
        }
    }

    /// Whether a host cannot have given up on a half already, opened or not.
    fn patient(&self, at: Time, half: &Half) -> bool {
        let patience = self
            .config
            .hosts
            .get(half.host)
            .map_or(Span::ZERO, |rules| rules.shortest(rules.connect_patience()));
        let since = |then: Option<Time>| then.is_some_and(|then| then >= half.since);
        let book = self.hosts.get(half.host);
        let disturbed = book.is_some_and(|book| since(book.disturbed) || since(book.dismissed));
        at.since(half.since) < Span(patience.0 / 2) && !disturbed
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
        // One that nobody follows any more may be meant as well.
        let lost = |half: &Half| {
            !half.sure && !half.client && half.host == host && half.side.is_none() && half.data == data
        };
        if self.tap.halves.iter().any(lost) {
            return;
        }
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

    /// Without a look at the handshake: the only attempt that ever had this data, if it still lives.
    fn guess_partner(&mut self, at: Time, host: HostIndex, id: SideId, data: u32) {
        let fits = |number: &u32| {
            let side = &self.sides[*number];
            side.to == Some(host) && side.data == data
        };
        let mut candidates = (0..self.sides.len()).filter(fits);
        let found = candidates.next();
        if candidates.next().is_none()
            && let Some(client) = found.filter(|client| self.sides[*client].lives())
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
        if self.note_insider(source, bytes) || !self.transparent {
            return;
        }
        let Ok((header, rest)) = Header::decode(bytes) else { return };
        let body =
            if self.config.checksum { split_checksum(rest).map_or(rest, |(_, body)| body) } else { rest };
        if header.peer.is_unknown() {
            if let Ok((Command { body: Body::Connect(connect), .. }, _)) = Command::decode(body)
                && let Some(handshake) = self.tap.handshakes.get_mut(&connect.connect_id.0)
            {
                handshake.knocked = Some(at);
            }
            return;
        }
        if farewell(body).is_some()
            && let Some(book) = self.hosts.get_mut(host)
        {
            book.dismissed = Some(at);
        }
        let routed = self.inward(host, source, &header);
        let granted = granted(rest, self.config.checksum).and_then(|id| self.tap.handshakes.get(&id.0));
        let client = granted.map(|handshake| handshake.client);
        let Some(id) = client.or(routed) else { return self.troubled(at, host) };
        // While it connects, a client looks at no session; afterwards it does (PROTOCOL.md §6.4).
        if client.is_some() && client != routed && self.tap.half(id).established {
            return self.troubled(at, host);
        }
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
        let sure = half.sure;
        while let Ok((command, behind)) = Command::decode(rest) {
            if sure || matches!(command.body, Body::VerifyConnect(_)) {
                self.tap_arrived(at, id, &header, &command);
            }
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
            Body::VerifyConnect(verify) => self.verify_departed(leaving, verify, command.seq.0),
            _ => leaving.half,
        }
    }
}
