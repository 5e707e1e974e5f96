//! Admission: who may connect, and the words that refuse the others ([`Admit`], [`Admission`]).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use enet_wire::{Body, Command, ConnectId, Header, Session, WirePeerId};

use super::Host;
use super::half_open::HalfOpen;
use super::origin::{Household, Secret};
use super::resting::Resting;
use super::table::decrement;
use super::token::Tokens;
use crate::config::HostConfig;
use crate::event::{Event, RequestId};
use crate::peer::candidate::Candidate;
use crate::shared::LocalAddress;
use crate::stats::DiscardReason;

/// Somebody asks to connect. Whether the address is theirs is not proven yet.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectAttempt<'a> {
    /// Where the datagram says it comes from.
    pub address: SocketAddr,
    /// What was given to `connect`.
    pub data: u32,
    /// Channels asked for.
    pub channels: u32,
    /// The attempt's id: it stays the same when the client repeats itself.
    pub connect_id: ConnectId,
    /// What was given to [`connect_with_token`](crate::Host::connect_with_token), if it has arrived. Where one is missing,
    /// [`Ignore`](Admission::Ignore) lets a client of ours bring another within half a second.
    pub token: Option<&'a [u8]>,
}

/// Decides about connects before anything is kept of them: see [`Host::set_admission`](crate::Host::set_admission).
///
/// Every `FnMut(&ConnectAttempt) -> Admission` is one.
pub trait Admit: Send {
    /// What to do with somebody who asks to connect.
    fn admit(&mut self, attempt: &ConnectAttempt<'_>) -> Admission;
}

impl<F: FnMut(&ConnectAttempt<'_>) -> Admission + Send> Admit for F {
    fn admit(&mut self, attempt: &ConnectAttempt<'_>) -> Admission {
        self(attempt)
    }
}

/// What becomes of somebody who asks to connect.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// They may, once they have proven their address.
    Accept,
    /// The application decides once they have proven their address: it gets a
    /// [`ConnectRequest`](crate::Event::ConnectRequest). The client believes to be connected meanwhile: of what it sends
    /// in the half second before it is accepted, the first 8 KiB arrive. The rest it says again, if it is reliable.
    Ask,
    /// They may not, and are told so with this number: their attempt ends at once with a disconnect event that carries it.
    Refuse(u32),
    /// They are not answered, and give up after half a minute.
    Ignore,
}

/// A disconnect for somebody who has no slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal {
    pub(crate) to: SocketAddr,
    pub(crate) local: Option<LocalAddress>,
    pub(crate) remote_id: WirePeerId,
    pub(crate) session: Session,
    pub(crate) connect_id: ConnectId,
    pub(crate) data: u32,
}

impl Refusal {
    /// For a client that has heard from us.
    pub(crate) fn of(candidate: &Candidate, data: u32) -> Self {
        Refusal {
            to: candidate.address(),
            local: candidate.local,
            remote_id: candidate.remote_id,
            session: Session::new(candidate.proof.outgoing()).unwrap_or_default(),
            connect_id: candidate.connect_id,
            data,
        }
    }
}

/// Refusals in a second, and refusals that wait to be sent. Who gets none tries again.
const REFUSALS: u32 = 1_000;

/// Events that wait, at which refusals and pings are no longer reported: they must not keep out those who are let in.
pub(crate) const REPORTS: usize = 64;

/// How long the application may think about a request, in ms: less than a stock client waits for its first answer.
const PATIENCE: u64 = 10_000;

/// How much of what one says meanwhile is kept, in bytes, each datagram with this much for itself.
const HELD: usize = 8 << 10;
const HELD_EACH: usize = 64;

/// For how long, in ms: a stock client says what is reliable again by then, and would take what we answer to the first
/// time for a round trip.
const HELD_FOR: u64 = 500;

/// Commands of a client that the application has not decided about.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) header: Header,
    pub(crate) commands: Vec<u8>,
    at: u64,
}

impl Held {
    pub(crate) fn new(header: &Header, commands: &[u8], now: u64) -> Self {
        Held { header: *header, commands: commands.to_vec(), at: now }
    }

    const fn is_old(&self, now: u64) -> bool {
        now >= self.at + HELD_FOR
    }

    /// As if it had been sent later by the time it was kept: the round trip that the client measures does not contain it.
    /// Clocks round, and no two run alike: it is a little less, for what echoes the future is no acknowledgement (PROTOCOL.md
    /// §9.4).
    #[allow(clippy::cast_possible_truncation)] // as times of sending are
    pub(crate) fn put_forward(mut self, now: u64) -> Self {
        let kept = now.saturating_sub(self.at);
        let kept = kept.saturating_sub(1 + kept / 512) as u16;
        self.header.sent_time = self.header.sent_time.map(|sent| sent.wrapping_add(kept));
        self
    }
}

/// Those who have proven their address, and whom the application has to decide about.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    waiting: BTreeMap<RequestId, Waiting>,
    by_id: BTreeMap<(SocketAddr, WirePeerId), RequestId>,
    by_origin: BTreeMap<(SocketAddr, ConnectId), RequestId>,
    by_household: BTreeMap<Household, u16>,
    last: u64,
}

#[derive(Debug)]
struct Waiting {
    candidate: Candidate,
    sample: Option<u32>,
    until: u64,
    held: Vec<Held>,
    /// What a disconnect said that came meanwhile. Anybody could have sent it.
    farewell: Option<u32>,
}

impl Requests {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn insert(&mut self, candidate: Candidate, sample: Option<u32>, now: u64) -> RequestId {
        self.last += 1;
        let id = RequestId(self.last);
        let from = candidate.address();
        self.by_id.insert((from, candidate.proof.id()), id);
        self.by_origin.insert((from, candidate.connect_id), id);
        *self.by_household.entry(Household::of(from.ip())).or_default() += 1;
        let until = now.saturating_add(PATIENCE);
        self.waiting.insert(id, Waiting { candidate, sample, until, held: Vec::new(), farewell: None });
        id
    }

    /// Keeps commands for when their client is accepted. Whether there was room.
    pub(crate) fn hold(&mut self, id: RequestId, header: &Header, commands: &[u8], now: u64) -> bool {
        let Some(Waiting { held, .. }) = self.waiting.get_mut(&id) else { return false };
        held.retain(|it| !it.is_old(now));
        let kept: usize = held.iter().map(|it| it.commands.len() + HELD_EACH).sum();
        let fits = kept + commands.len() + HELD_EACH <= HELD;
        if fits && !commands.is_empty() {
            held.push(Held::new(header, commands, now));
        }
        fits
    }

    /// What has not been kept for too long, in the order in which it came.
    pub(crate) fn take_held(&mut self, id: RequestId, now: u64) -> Vec<Held> {
        let Some(Waiting { held, .. }) = self.waiting.get_mut(&id) else { return Vec::new() };
        held.retain(|it| !it.is_old(now));
        core::mem::take(held)
    }

    /// The candidate, the round trip time its acknowledgement told, and what it said if it said farewell.
    pub(crate) fn remove(&mut self, id: RequestId) -> Option<(Candidate, Option<u32>, Option<u32>)> {
        let Waiting { candidate, sample, farewell, .. } = self.waiting.remove(&id)?;
        let from = candidate.address();
        self.by_id.remove(&(from, candidate.proof.id()));
        self.by_origin.remove(&(from, candidate.connect_id));
        decrement(&mut self.by_household, &Household::of(from.ip()));
        Some((candidate, sample, farewell))
    }

    /// Notes what a disconnect said.
    pub(crate) fn note_farewell(&mut self, id: RequestId, data: u32) {
        if let Some(it) = self.waiting.get_mut(&id) {
            it.farewell = Some(data);
        }
    }

    /// Requests from where this address is.
    pub(crate) fn count_from(&self, ip: IpAddr) -> u16 {
        self.by_household.get(&Household::of(ip)).copied().unwrap_or(0)
    }

    pub(crate) fn get(&self, id: RequestId) -> Option<&Candidate> {
        Some(&self.waiting.get(&id)?.candidate)
    }

    /// The request whose client's datagrams carry this id.
    pub(crate) fn route(&self, from: SocketAddr, id: WirePeerId) -> Option<RequestId> {
        self.by_id.get(&(from, id)).copied()
    }

    /// Whether a CONNECT belongs to one of them.
    pub(crate) fn knows(&self, from: SocketAddr, connect_id: ConnectId) -> bool {
        self.by_origin.contains_key(&(from, connect_id))
    }

    /// One that has waited for too long.
    pub(crate) fn expired(&self, now: u64) -> Option<RequestId> {
        self.waiting.first_key_value().filter(|(_, it)| it.until <= now).map(|(id, _)| *id)
    }

    /// When the first one will have.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|(_, it)| it.until)
    }
}

/// Everybody who has no slot yet, or none any more.
pub(crate) struct Lobby {
    pub(crate) half_open: HalfOpen,
    pub(crate) requests: Requests,
    pub(crate) tokens: Tokens,
    pub(crate) resting: Resting,
    /// Attempts that were told that there is no room: with the same CONNECT they are not let in, for that may still be under way
    /// to them, and would end the connection.
    pub(crate) turned_away: Resting,
    pub(crate) policy: Option<Box<dyn Admit>>,
    pub(crate) refusals: VecDeque<Refusal>,
    /// Whether the application hears of them.
    pub(crate) reports: bool,
    /// When the running second began, and refusals in it.
    refused: (u64, u32),
}

impl Lobby {
    pub(crate) fn new(config: &HostConfig, secret: Secret) -> Self {
        Lobby {
            half_open: HalfOpen::new(config.half_open.get(), config.strict_handshake, secret),
            requests: Requests::default(),
            tokens: Tokens::default(),
            resting: Resting::default(),
            turned_away: Resting::default(),
            policy: None,
            refusals: VecDeque::new(),
            reports: config.report_refusals,
            refused: (0, 0),
        }
    }

    /// Whether nobody here has to be remembered.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.half_open.len() == 0 && self.requests.len() == 0
    }

    /// Whether somebody here is to be written to.
    #[inline]
    pub(crate) fn wants_transmit(&self) -> bool {
        self.half_open.wants_to_reply() || !self.refusals.is_empty()
    }

    /// Has a refusal sent, unless very many wait already: who gets none will notice.
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        if self.refusals.len() < 2 * REFUSALS as usize {
            self.refusals.push_back(refusal);
        }
    }

    /// Whether another refusal may be sent.
    pub(crate) fn may_refuse(&mut self, now: u64) -> bool {
        let (began, count) = self.refused;
        let (began, count) = if now.saturating_sub(began) < 1_000 { (began, count) } else { (now, 0) };
        let may = count < REFUSALS && self.refusals.len() < REFUSALS as usize;
        self.refused = (began, count + u32::from(may));
        may
    }
}

impl Host {
    /// Refuses somebody without a slot, if that does no harm and not too many were refused.
    pub(super) fn refuse_stranger(&mut self, refusal: Refusal, data: u32, reason: DiscardReason) {
        if self.is_to_be_silent(&refusal, reason) || !self.lobby.may_refuse(self.elapsed) {
            return;
        }
        if self.lobby.reports && self.events.len() < REPORTS {
            self.events.push_back(Event::Refused { address: refusal.to, data, reason });
        }
        if reason != DiscardReason::Refused {
            let attempt = self.table.name_of_attempt(refusal.to, refusal.connect_id);
            self.lobby.turned_away.add(self.elapsed, attempt);
        }
        self.lobby.refuse(refusal);
    }

    /// Whether a refusal does harm: where somebody is about to leave, another try may succeed; and if the name it goes to
    /// is that of a connection we have, its CONNECT is an old one, and the refusal would be believed by the connection.
    fn is_to_be_silent(&self, refusal: &Refusal, reason: DiscardReason) -> bool {
        let is_full = reason != DiscardReason::Refused;
        (is_full && self.table.has_leaving()) || self.table.has_remote(refusal.to, refusal.remote_id)
    }

    /// Whether this attempt was told that there is no room; it is told once more.
    pub(super) fn is_turned_away(&mut self, refusal: &Refusal) -> bool {
        let attempt = self.table.name_of_attempt(refusal.to, refusal.connect_id);
        let is_known = self.lobby.turned_away.rest_of(self.elapsed, attempt) > 0;
        if is_known
            && !self.table.has_remote(refusal.to, refusal.remote_id)
            && self.lobby.may_refuse(self.elapsed)
        {
            self.lobby.refuse(*refusal);
        }
        is_known
    }

    /// Takes in what a client says that the application has not decided about. A farewell is remembered, and confirmed once
    /// it is accepted, as any other that anybody can have sent.
    pub(super) fn on_undecided(
        &mut self,
        id: RequestId,
        header: &Header,
        rest: &[u8],
    ) -> Result<(), DiscardReason> {
        let candidate = self.lobby.requests.get(id);
        if candidate.is_none_or(|it| it.proof.incoming() != header.session.get()) {
            return Err(DiscardReason::WrongSession);
        }
        let Ok((Command { body: Body::Disconnect { data }, .. }, _)) = Command::decode(rest) else {
            return self.hold(id, header, rest);
        };
        if self.shared.confirms_disconnects {
            self.lobby.requests.note_farewell(id, data);
        } else {
            self.lobby.requests.remove(id);
        }
        Err(DiscardReason::Undecided)
    }

    /// What a client says at once with its proof, or soon after, need not be said twice.
    pub(super) fn hold(
        &mut self,
        id: RequestId,
        header: &Header,
        commands: &[u8],
    ) -> Result<(), DiscardReason> {
        let is_held = self.lobby.requests.hold(id, header, commands, self.elapsed);
        if is_held { Ok(()) } else { Err(DiscardReason::Undecided) }
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use enet_wire::Connect;

    use super::*;
    use crate::peer::candidate::Proof;
    use crate::peer::establish::Grant;

    fn lobby() -> Lobby {
        Lobby::new(&HostConfig::new([7; 32]), Secret([3, 5]))
    }

    fn candidate() -> Candidate {
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 5_000));
        let id = WirePeerId::from_bits(5);
        let grant = Grant { channels: 1, mtu: 1_400, window: 65_536 };
        Candidate::new(from, &Connect::default(), id, grant, Proof::new(9, id, 0), 0)
    }

    /// One request, made at 2,000 ms.
    fn requests() -> (Requests, RequestId) {
        let mut requests = Requests::default();
        let id = requests.insert(candidate(), None, 2_000);
        (requests, id)
    }

    #[test]
    fn a_thousand_are_refused_in_a_second_and_a_thousand_in_the_next() {
        let mut lobby = lobby();
        for began in [0, 1_000] {
            assert!((0..REFUSALS).all(|_| lobby.may_refuse(began)));
            assert!(!lobby.may_refuse(began) && !lobby.may_refuse(began + 999));
        }
    }

    #[test]
    fn strangers_are_not_refused_while_a_thousand_refusals_wait_and_nobody_while_two_thousand_do() {
        let mut lobby = lobby();
        for waiting in 0..3 * REFUSALS {
            assert_eq!(lobby.refusals.len(), waiting.min(2 * REFUSALS) as usize);
            let now = u64::from(waiting) * 1_000;
            assert_eq!(lobby.may_refuse(now), waiting < REFUSALS, "{waiting}");
            lobby.refuse(Refusal::of(&candidate(), 0));
        }
    }

    #[test]
    fn eight_kilobytes_are_held_of_who_is_not_decided_about_each_datagram_with_64_for_itself() {
        for before in 0..4 {
            for (more, fits) in [(0, true), (1, false)] {
                let (mut requests, id) = requests();
                assert!((0..before).all(|_| requests.hold(id, &Header::default(), &[1; 900], 2_000)));
                let left = HELD - before * (900 + HELD_EACH) - HELD_EACH;
                let commands = std::vec![2; left + more];
                assert_eq!(requests.hold(id, &Header::default(), &commands, 2_000), fits, "{before}");
                assert_eq!(requests.take_held(id, 2_000).len(), before + usize::from(fits));
            }
        }
    }

    #[test]
    fn what_is_held_is_forgotten_after_half_a_second_and_makes_room() {
        let (mut requests, id) = requests();
        assert!(requests.hold(id, &Header::default(), &[1; 5_000], 2_000));
        assert!(!requests.hold(id, &Header::default(), &[2; 5_000], 2_499));
        assert!(requests.hold(id, &Header::default(), &[3; 5_000], 2_500));
        let mut late = requests.take_held(id, 2_999);
        assert_eq!(late.pop().map(|it| it.commands[0]), Some(3));
        assert!(late.is_empty());

        assert!(requests.hold(id, &Header::default(), &[4; 5_000], 3_000));
        assert!(requests.take_held(id, 3_500).is_empty());
    }

    #[test]
    fn a_request_is_there_for_ten_seconds_and_known_by_each_of_its_names() {
        let (mut requests, id) = requests();
        let it = candidate();
        assert_eq!(requests.deadline(), Some(12_000));
        assert_eq!((requests.expired(11_999), requests.expired(12_000)), (None, Some(id)));
        let names = |requests: &Requests| {
            let route = requests.route(it.address(), it.proof.id());
            (route, requests.knows(it.address(), it.connect_id), requests.count_from(it.address().ip()))
        };
        assert_eq!((requests.len(), names(&requests)), (1, (Some(id), true, 1)));
        assert!(requests.remove(id).is_some());
        assert_eq!((requests.len(), names(&requests)), (0, (None, false, 0)));
    }
}
