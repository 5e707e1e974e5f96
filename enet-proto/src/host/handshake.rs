//! Handshake: connections of our own, and who is let in (PROTOCOL.md §6, docs/SECURITY.md).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;

use enet_wire::{
    Body, ChannelId, Command, Connect, ConnectId, Header, MAX_CHANNELS, ReliableSeq, Session, WirePeerId,
};
use rand_chacha::rand_core::RngCore;

use super::Host;
use super::admission::{Admission, Admit, ConnectAttempt, Held, Refusal};
use super::half_open::Number;
use super::receive::Datagram;
use super::table::is_broadcast;
use super::transmit::{Envelope, Train, Transmit};
use crate::config::{ChannelLimit, Timeouts};
use crate::error::{AcceptError, ConnectError};
use crate::event::{Event, PeerId, RequestId};
use crate::mutants::{self, Mutant};
use crate::peer::candidate::{Candidate, Proof};
use crate::peer::establish::{Grant, Request};
use crate::peer::{Connection, Seat};
use crate::stats::DiscardReason;

/// What to ask for when connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectOptions {
    /// Channels wanted; the remote may grant fewer. Default 1.
    pub channels: ChannelLimit,
    /// Delivered in the remote's `Connected` event. Default 0.
    pub data: u32,
    /// When to give up; ENet's usual limits (31.5 s for an unanswered connect) if `None`. They stay in force once
    /// connected.
    pub timeout: Option<Timeouts>,
    /// The connection's id; drawn from the host's seed if `None`.
    pub connect_id: Option<ConnectId>,
    /// Whether packets may be queued before the connection is established, in which case they leave as soon as it is.
    /// Default false: [`send`](crate::PeerMut::send) fails until [`Connected`](crate::Event::Connected).
    pub queue_until_connected: bool,
    /// Prepare everything but send nothing until [`PeerMut::release`](crate::PeerMut::release).
    pub hold: bool,
}

impl Host {
    /// Starts a connection. Nothing is sent before the next [`poll_transmit`](Host::poll_transmit); success arrives as
    /// [`Connected`](crate::Event::Connected), failure as [`Disconnected`](crate::Event::Disconnected).
    ///
    /// # Errors
    ///
    /// [`NoFreeSlot`](ConnectError::NoFreeSlot) if all peers are in use, [`NoPort`](ConnectError::NoPort) if the port is 0.
    #[doc(alias = "enet_host_connect")]
    pub fn connect(&mut self, to: SocketAddr, options: ConnectOptions) -> Result<PeerId, ConnectError> {
        if to.port() == 0 {
            return Err(ConnectError::NoPort { to });
        }
        self.settle_touched();
        let limit = self.table.len();
        let (slot, sessions) = self.table.vacancy().ok_or(ConnectError::NoFreeSlot { limit })?;
        let connect_id = options.connect_id.unwrap_or_else(|| ConnectId(self.rng.next_u32().to_le_bytes()));
        let wire_id = if self.table.has_ids() { self.draw_id(to) } else { WirePeerId::new(slot) };
        let wire_id = wire_id.ok_or(ConnectError::NoFreeSlot { limit })?;
        let request = Request { channels: options.channels.get(), data: options.data, connect_id };
        let mut connection =
            Connection::connecting(to, Seat { slot, wire_id }, sessions, request, &mut self.shared);
        connection.adopt_defaults(&self.shared.peer_defaults);
        if options.hold {
            connection.hold();
        }
        if options.queue_until_connected {
            connection.keep_early();
        }
        if let Some(timeouts) = options.timeout {
            connection.set_timeouts(timeouts);
        }
        let id = self.table.insert(slot, Box::new(connection));
        self.settle(slot);
        Ok(id)
    }

    /// A random wire id that nobody at this address has, or is about to get, and that has not been theirs lately: where
    /// connections come and go faster than ids rest, the one of those looked at that has rested longest. Where nearly all
    /// are taken by clients that have proven nothing, as when somebody forges CONNECTs of that address, one of them has to
    /// go. `None` if connections have all.
    #[allow(clippy::cast_possible_truncation)] // the upper bits are not needed
    fn draw_id(&mut self, address: SocketAddr) -> Option<WirePeerId> {
        let now = self.elapsed;
        let random = self.rng.next_u32();
        // In odd steps, which reach every id: one by one, those that are taken would come to stand together.
        let (start, stride) = (random as u16, (random >> 16) as u16 | 1);
        let mut best: Option<(u64, WirePeerId)> = None;
        let (mut unproven, mut forgeable) = (None, 0);
        // From the first one on that is drawn: all the same to who cannot see it.
        for step in 0..=WirePeerId::UNKNOWN.get() {
            let is_enough = forgeable >= FORGEABLE_AT_MOST || step >= LOOKED_AT_AT_MOST;
            if (step >= LOOKED_AT && best.is_some()) || (is_enough && unproven.is_some()) {
                break;
            }
            let id = WirePeerId::from_bits(start.wrapping_add(step.wrapping_mul(stride)));
            if id.is_unknown()
                || self.table.is_taken(address, id)
                || self.lobby.requests.route(address, id).is_some()
            {
                continue;
            }
            if let Some(number) = self.lobby.half_open.route(address, id) {
                unproven = unproven.or(Some(number));
                forgeable += 1;
                continue;
            }
            let rest = self.lobby.resting.rest_of(now, self.table.name_of(address, id));
            if rest == 0 {
                return Some(id);
            }
            best = best.filter(|(least, _)| *least <= rest).or(Some((rest, id)));
        }
        best.map(|(_, id)| id).or_else(|| {
            let displaced = self.lobby.half_open.remove(unproven?)?;
            self.shared.stats.discarded.count(DiscardReason::Displaced);
            Some(displaced.proof.id())
        })
    }

    // --- a CONNECT ---

    /// Takes in a stranger's CONNECT; the slot it gets at once, under `Compat`.
    pub(super) fn on_connect(
        &mut self,
        datagram: &Datagram<'_>,
        connect: &Connect,
    ) -> Result<Option<u16>, DiscardReason> {
        let from = datagram.source;
        if !(1..=MAX_CHANNELS).contains(&connect.channel_count) || is_broadcast(from) {
            return Err(DiscardReason::BadConnect);
        }
        let remote_id = WirePeerId::new(connect.outgoing_peer).filter(|id| !id.is_unknown());
        let remote_id = remote_id.ok_or(DiscardReason::BadConnect)?;
        if self.table.knows(from, connect.connect_id) && !mutants::is(Mutant::DuplicateConnect) {
            return Err(DiscardReason::DuplicateConnect);
        }
        if self.table.has_ids() {
            return self.on_stranger(datagram, connect, remote_id).map(|()| None);
        }
        self.check_room(from)?;
        let (slot, sessions) = self.table.vacancy().ok_or(DiscardReason::HostFull)?;
        let wire_id = WirePeerId::new(slot).unwrap_or_default();
        let seat = Seat { slot, wire_id };
        let mut connection =
            Connection::accepting(from, seat, remote_id, sessions, connect, &mut self.shared);
        connection.adopt_defaults(&self.shared.peer_defaults);
        self.table.insert(slot, Box::new(connection));
        Ok(Some(slot))
    }

    /// Whether there is a slot for this address.
    fn check_room(&self, from: SocketAddr) -> Result<(), DiscardReason> {
        self.table.vacancy().ok_or(DiscardReason::HostFull)?;
        if self.limit_reached(from, self.lobby.requests.count_from(from.ip())).is_some() {
            return Err(DiscardReason::TooManyFromAddress);
        }
        Ok(())
    }

    /// How many connections an address may have, if it has them, together with as many that it may get.
    fn limit_reached(&self, from: SocketAddr, requests: u16) -> Option<u16> {
        let count = self.table.count_from(from.ip()).saturating_add(requests);
        self.shared.max_peers_per_ip.filter(|limit| count >= *limit)
    }

    /// Answers who may connect, and remembers them for a while. Nothing else is done for them before they prove that
    /// the answer reached them.
    fn on_stranger(
        &mut self,
        datagram: &Datagram<'_>,
        connect: &Connect,
        remote_id: WirePeerId,
    ) -> Result<(), DiscardReason> {
        let (from, bytes) = (datagram.source, datagram.bytes.len());
        if self.lobby.requests.knows(from, connect.connect_id) {
            return Err(DiscardReason::DuplicateConnect);
        }
        if let Some(number) = self.lobby.half_open.find(from, connect.connect_id) {
            self.credit(number, bytes);
            self.lobby.half_open.reply_to(number);
            return Err(DiscardReason::DuplicateConnect);
        }
        let local = datagram.local.and_then(|local| self.shared.note_local(local));
        let refusal = Refusal {
            to: from,
            local,
            remote_id,
            session: Session::default(),
            connect_id: connect.connect_id,
            data: 0,
        };
        if self.is_turned_away(&refusal) {
            return Err(DiscardReason::DuplicateConnect);
        }
        if let Err(reason) = self.check_room(from) {
            // Hosts that let nobody in do not say so.
            if self.shared.max_peers_per_ip != Some(0) {
                self.refuse_stranger(refusal, connect.data, reason);
            }
            return Err(reason);
        }
        let token = self.lobby.tokens.take(from, connect.connect_id, self.elapsed);
        let admission = self.lobby.policy.as_mut().map_or(Admission::Accept, |policy| {
            policy.admit(&ConnectAttempt {
                address: from,
                data: connect.data,
                channels: connect.channel_count,
                connect_id: connect.connect_id,
                token: token.as_deref(),
            })
        });
        match admission {
            Admission::Refuse(data) => {
                self.refuse_stranger(Refusal { data, ..refusal }, connect.data, DiscardReason::Refused);
                return Err(DiscardReason::Refused);
            }
            Admission::Ignore => return Err(DiscardReason::Ignored),
            Admission::Accept | Admission::Ask => {}
        }
        let id = self.draw_id(from).ok_or(DiscardReason::TooManyFromAddress)?;
        let proof = Proof::new(self.rng.next_u64(), id, connect.incoming_session);
        let grant = Grant::of(connect, &self.shared);
        let mut candidate = Candidate::new(from, connect, remote_id, grant, proof, self.age());
        candidate.local = local;
        candidate.credit(bytes);
        let is_asked = admission == Admission::Ask;
        if is_asked {
            candidate.ask();
        }
        let (number, gone) = self.lobby.half_open.insert(candidate, token.filter(|_| is_asked));
        self.shared.stats.discarded.count_many(DiscardReason::Displaced, gone);
        self.lobby.half_open.reply_to(number);
        Ok(())
    }

    fn credit(&mut self, number: Number, bytes: usize) {
        if let Some(candidate) = self.lobby.half_open.get_mut(number) {
            candidate.credit(bytes);
        }
    }

    // --- the proof ---

    /// Takes in what a client says that we have answered. Its slot, if it repeats what only that answer can have told:
    /// in an acknowledgement that comes before everything else, and is taken off the rest. `None` if the application is
    /// asked first.
    pub(super) fn on_proof(
        &mut self,
        number: Number,
        header: &Header,
        datagram: &Datagram<'_>,
        rest: &mut &[u8],
    ) -> Result<Option<u16>, DiscardReason> {
        self.credit(number, datagram.bytes.len());
        let proof = self.lobby.half_open.get(number).ok_or(DiscardReason::UnknownPeer)?.proof;
        let in_session = header.session.get() == proof.incoming();
        let Ok((Command { channel, body, .. }, behind)) = Command::decode(rest) else {
            if in_session {
                self.note_wrong(number);
            }
            return Err(DiscardReason::MalformedCommand);
        };
        match body {
            Body::Acknowledge { received_seq, received_sent_time } => {
                let is_right = in_session
                    && channel.is_control()
                    && received_seq == proof.seq
                    && received_sent_time == proof.sent_time;
                let is_right = is_right || (in_session && mutants::is(Mutant::AnyProof));
                if is_right {
                    *rest = behind;
                    return self.on_proven(number, header, behind);
                }
                self.note_wrong(number);
                Err(DiscardReason::BadProof)
            }
            _ if !in_session => Err(DiscardReason::WrongSession),
            Body::Disconnect { .. } => {
                self.lobby.half_open.remove(number);
                Err(DiscardReason::UnexpectedCommand)
            }
            _ => {
                // Its acknowledgement was lost. Another answer brings another one.
                self.lobby.half_open.reply_to(number);
                match self.lobby.half_open.keep_early(number, header, rest, self.elapsed) {
                    true => Ok(None),
                    false => Err(DiscardReason::UnexpectedCommand),
                }
            }
        }
    }

    /// Looks at the session before anything expensive is done: a blind guess has it once in four times.
    pub(super) fn check_session(&self, number: Number, header: &Header) -> Result<(), DiscardReason> {
        let candidate = self.lobby.half_open.get(number).ok_or(DiscardReason::UnknownPeer)?;
        let is_right = candidate.proof.incoming() == header.session.get();
        if is_right { Ok(()) } else { Err(DiscardReason::WrongSession) }
    }

    /// Notes what proves nothing and no client says; after some of it the attempt is forgotten.
    pub(super) fn note_wrong(&mut self, number: Number) {
        if self.lobby.half_open.get_mut(number).is_some_and(Candidate::is_wrong_again) {
            self.lobby.half_open.remove(number);
        }
    }

    fn on_proven(
        &mut self,
        number: Number,
        header: &Header,
        rest: &[u8],
    ) -> Result<Option<u16>, DiscardReason> {
        // Every connection brings two at least. It stays as it is, and the client will be asked again.
        if self.events.len() >= 2 * self.table.len() + EVENTS {
            return Err(DiscardReason::EventLimit);
        }
        let token = self.lobby.half_open.take_token(number);
        let early = self.lobby.half_open.take_early(number, self.elapsed);
        let candidate = self.lobby.half_open.remove(number).ok_or(DiscardReason::UnknownPeer)?;
        let sample = candidate.sample(self.age());
        if let Err(reason) = self.check_room(candidate.address()) {
            self.lobby.refuse(Refusal::of(&candidate, 0));
            return Err(reason);
        }
        if !candidate.asks() {
            let slot = self.seat(&candidate, sample).ok_or(DiscardReason::HostFull)?;
            self.settle_events(slot);
            for Held { header, commands, .. } in early {
                self.hear_again(candidate.address(), &header, &commands);
            }
            return Ok(Some(slot));
        }
        if self.lobby.requests.len() >= self.table.len() {
            self.lobby.refuse(Refusal::of(&candidate, 0));
            return Err(DiscardReason::HostFull);
        }
        let (address, data, now) = (candidate.address(), candidate.data, self.elapsed);
        let request = self.lobby.requests.insert(candidate, sample, now);
        self.events.push_back(Event::ConnectRequest { request, address, data, token });
        // They fit, all of them: there are a few at most, and short.
        for Held { header, commands, .. } in early {
            let _ = self.hold(request, &header, &commands);
        }
        self.hold(request, header, rest).map(|()| None)
    }

    /// Gives a slot to who has proven to be where it says.
    fn seat(&mut self, candidate: &Candidate, sample: Option<u32>) -> Option<u16> {
        let (slot, _) = self.table.vacancy()?;
        let mut connection =
            Connection::admitted(candidate.address(), slot, candidate, sample, &mut self.shared);
        connection.adopt_defaults(&self.shared.peer_defaults);
        self.table.insert(slot, Box::new(connection));
        self.table.get_mut(slot)?.establish(candidate.data);
        Some(slot)
    }

    // --- the application's part ---

    /// Sets or removes what decides who may connect; without it, everybody may. Not asked under
    /// [`Profile::Compat`](crate::Profile::Compat).
    ///
    /// It is asked once for each CONNECT, before anything is kept of it: who sent it is not proven, and a flood asks a
    /// hundred thousand times a second. What takes longer is done after [`Admission::Ask`]. A closure in a box has to say
    /// what it takes: `|it: &ConnectAttempt|`.
    ///
    /// ```
    /// use enet_proto::{Admission, ConnectAttempt, Host, HostConfig};
    /// let mut host = Host::new(HostConfig::new([7; 32]));
    /// // Who does not bring the number of this version of the game is told which one it is.
    /// let policy = |it: &ConnectAttempt| if it.data == 5 { Admission::Accept } else { Admission::Refuse(5) };
    /// host.set_admission(Some(Box::new(policy)));
    /// ```
    pub fn set_admission(&mut self, policy: Option<Box<dyn Admit>>) {
        if policy.is_none() {
            self.lobby.tokens.clear();
        }
        self.lobby.policy = policy;
    }

    /// Lets somebody in who [asked](crate::Event::ConnectRequest). [`Connected`](crate::Event::Connected) follows, and what
    /// they have said in the last half second. What they said before that was not acknowledged, and comes again.
    ///
    /// # Errors
    ///
    /// The request is gone, as after 10 s; or no slot is free, and the request stays; or the address has as many connections
    /// by now as `max_peers_per_ip` allows, and the client is refused.
    pub fn accept(&mut self, request: RequestId) -> Result<PeerId, AcceptError> {
        self.lobby.requests.get(request).ok_or(AcceptError::Gone)?;
        let limit = self.table.len();
        self.table.vacancy().ok_or(AcceptError::NoFreeSlot { limit })?;
        let held = self.lobby.requests.take_held(request, self.elapsed);
        let (candidate, sample, farewell) = self.lobby.requests.remove(request).ok_or(AcceptError::Gone)?;
        if let Some(limit) = self.limit_reached(candidate.address(), 0) {
            self.lobby.refuse(Refusal::of(&candidate, 0));
            return Err(AcceptError::TooManyFromAddress { limit });
        }
        let slot = self.seat(&candidate, sample).ok_or(AcceptError::NoFreeSlot { limit })?;
        if let (Some(connection), Some(data)) = (self.table.get_mut(slot), farewell) {
            connection.doubt_disconnect(data, &mut self.shared);
        }
        let peer = self.table.id_of(slot);
        self.settle_events(slot);
        self.touch(slot);
        for Held { header, commands, .. } in held {
            self.hear_again(candidate.address(), &header, &commands);
        }
        Ok(peer)
    }

    /// Refuses somebody who [asked](crate::Event::ConnectRequest): their connection, which they believe to have, ends
    /// with this number. Whether the request was still there.
    pub fn refuse(&mut self, request: RequestId, data: u32) -> bool {
        let Some((candidate, ..)) = self.lobby.requests.remove(request) else { return false };
        self.lobby.refuse(Refusal::of(&candidate, data));
        true
    }

    // --- time, and what is sent ---

    /// Does what is due for those without a slot.
    #[inline]
    pub(super) fn visit_lobby(&mut self) {
        if !self.lobby.is_empty() {
            self.visit_half_open();
        }
    }

    fn visit_half_open(&mut self) {
        let gone = self.lobby.half_open.on_time(self.age());
        self.shared.stats.discarded.count_many(DiscardReason::Unproven, gone);
        while let Some(request) = self.lobby.requests.expired(self.elapsed) {
            self.refuse(request, 0);
        }
    }

    /// When that will be.
    pub(super) fn lobby_deadline(&mut self) -> Option<u64> {
        let age = self.age();
        let half_open = self.lobby.half_open.wait(age).map(|wait| self.elapsed + u64::from(wait));
        half_open.into_iter().chain(self.lobby.requests.deadline()).min()
    }

    /// The host's age in ms, as far as half-open connections tell it apart.
    #[allow(clippy::cast_possible_truncation)] // it is compared within half a minute
    fn age(&self) -> u32 {
        self.elapsed as u32
    }

    /// The next datagram for somebody without a slot.
    #[cold]
    pub(super) fn transmit_to_lobby(&mut self, out: &mut Vec<u8>) -> Option<Transmit> {
        if let Some(refusal) = self.lobby.refusals.pop_front() {
            self.shared.stats.refusals_sent += 1;
            return Some(self.transmit_refusal(&refusal, out));
        }
        let now = self.age();
        let strict = self.lobby.half_open.is_strict(now);
        while let Some(number) = self.lobby.half_open.next_reply() {
            let Some(candidate) = self.lobby.half_open.get(number) else { continue };
            let (to, from) = (candidate.address(), self.shared.local_address(candidate.local));
            let envelope = Envelope {
                peer: candidate.remote_id,
                session: Session::new(candidate.proof.outgoing()).unwrap_or_default(),
                connect_id: candidate.connect_id,
                sent_time: Some(candidate.proof.sent_time),
            };
            let before = out.len();
            let reply = candidate.reply(&self.shared);
            let len = self.seal_alone(&envelope, &reply, out);
            let candidate = self.lobby.half_open.get_mut(number);
            if candidate.is_some_and(|candidate| candidate.debit(len, now, strict)) {
                return Some(self.count_sent(to, from, Train::of_one(len)));
            }
            out.truncate(before);
        }
        None
    }

    fn transmit_refusal(&mut self, refusal: &Refusal, out: &mut Vec<u8>) -> Transmit {
        let Refusal { to, local, remote_id, session, connect_id, data } = *refusal;
        let envelope = Envelope { peer: remote_id, session, connect_id, sent_time: None };
        let command = Command {
            channel: ChannelId::CONTROL,
            seq: ReliableSeq(1),
            acknowledge: false,
            unsequenced: true,
            body: Body::Disconnect { data },
        };
        let len = self.seal_alone(&envelope, &command, out);
        let from = self.shared.local_address(local);
        self.count_sent(to, from, Train::of_one(len))
    }
}

/// Ids among which one is looked for that need not rest any more.
const LOOKED_AT: u16 = 8;
/// The same where each of them is taken: more, for thousands of honest clients may be behind one address and port.
const LOOKED_AT_AT_MOST: u16 = 512;
/// Of these names so many at most that forged CONNECTs can have taken: no more than such a one may cost.
const FORGEABLE_AT_MOST: u16 = 64;

/// Events, beside two for each slot, that may wait to be fetched while anybody is let in.
const EVENTS: usize = 64;
