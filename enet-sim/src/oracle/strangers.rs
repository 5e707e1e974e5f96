//! [`Strangers`]: what a host of `Profile::Modern` sends to addresses that nobody has proven (M3), and on whose word it
//! believes in a connection (C10). Both hold in every world whose datagrams can be read, whoever attacks.

use std::collections::HashMap;
use std::net::SocketAddr;

use enet_wire::{Body, CHECKSUM_LEN, Command, CommandKind, ConnectId, Header};

use super::Judge;
use super::tap::word;
use crate::time::Time;
use crate::world::observer::HostIndex;

/// Bytes sent for each received, before the proof.
const FACTOR: u64 = 3;

/// What a VERIFY_CONNECT said that who acknowledges it has to repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grant {
    id: ConnectId,
    /// Name and session of the datagrams that answer.
    word: u16,
    number: u16,
    time: u16,
}

/// An address, as a host knows it.
#[derive(Debug, Default)]
struct Stranger {
    received: u64,
    sent: u64,
    /// It was proven, or the host's own application wanted to connect to it.
    known: bool,
    /// Connect ids and data of its CONNECTs.
    asked: Vec<(ConnectId, u32)>,
    grants: Vec<Grant>,
}

/// The addresses that a host has heard of. Looked up and never walked, so hashing them is deterministic.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    addresses: HashMap<SocketAddr, Stranger>,
    /// Attempts that were proven and that no event has shown: the data that they sent along.
    proven: Vec<Vec<u32>>,
}

impl Strangers {
    /// A datagram came. `body` is what follows the header.
    fn heard(&mut self, source: SocketAddr, len: usize, header: &Header, mut body: &[u8]) {
        let stranger = self.addresses.entry(source).or_default();
        stranger.received += len as u64;
        if stranger.known && stranger.grants.is_empty() && !header.peer.is_unknown() {
            return;
        }
        while let Ok((command, behind)) = Command::decode(body) {
            match command.body {
                Body::Connect(connect) => stranger.asks(connect.connect_id, connect.data),
                Body::Acknowledge { received_seq, received_sent_time } if command.channel.is_control() => {
                    let given = (word(header), received_seq.0, received_sent_time);
                    self.proven.extend(stranger.proves(given));
                }
                _ => {}
            }
            body = behind;
        }
    }

    /// A datagram leaves. Returns what was received from there and sent to there, if more was sent than may be.
    fn answered(
        &mut self,
        to: SocketAddr,
        len: usize,
        header: &Header,
        body: &[u8],
        factor: u64,
    ) -> Option<(u64, u64)> {
        let stranger = self.addresses.entry(to).or_default();
        stranger.sent += len as u64;
        let kind = body.first().map(|first| first & 0x0F);
        let introduces = [CommandKind::Connect, CommandKind::VerifyConnect].map(CommandKind::number);
        if let Some(kind) = kind.filter(|kind| introduces.contains(kind))
            && let Ok((command, _)) = Command::decode(body)
        {
            match command.body {
                Body::VerifyConnect(verify) => {
                    let word = super::tap::word_of(verify.outgoing_peer, verify.outgoing_session);
                    let (number, time) = (command.seq.0, header.sent_time.unwrap_or(0));
                    let grant = Grant { id: verify.connect_id, word, number, time };
                    if !stranger.grants.contains(&grant) {
                        stranger.grants.push(grant);
                    }
                }
                _ => stranger.known |= kind == CommandKind::Connect.number(),
            }
        }
        let excessive = !stranger.known && stranger.sent > factor * stranger.received;
        // Once is enough.
        stranger.known |= excessive;
        excessive.then_some((stranger.received, stranger.sent))
    }

    /// The application wants to speak to this address.
    pub(super) fn wanted(&mut self, address: SocketAddr) {
        self.addresses.entry(address).or_default().known = true;
    }

    /// Whether somebody with this data has proven an address, and was not shown yet.
    fn admits(&mut self, data: u32) -> bool {
        let place = self.proven.iter().position(|all| all.contains(&data));
        place.map(|place| self.proven.swap_remove(place)).is_some()
    }
}

impl Stranger {
    fn asks(&mut self, id: ConnectId, data: u32) {
        if !self.asked.contains(&(id, data)) {
            self.asked.push((id, data));
        }
    }

    /// Name, number and time were repeated: the data of the attempt, if they are those of one.
    fn proves(&mut self, given: (u16, u16, u16)) -> Option<Vec<u32>> {
        let grant = *self.grants.iter().find(|it| (it.word, it.number, it.time) == given)?;
        self.grants.retain(|it| it.id != grant.id);
        self.known = true;
        Some(self.asked.iter().filter(|(id, _)| *id == grant.id).map(|(_, data)| *data).collect())
    }
}

impl Judge {
    /// A datagram reached the socket of a host.
    pub(super) fn note_heard(&mut self, host: HostIndex, source: SocketAddr, bytes: &[u8]) {
        let Some((header, body)) = self.readable(host, bytes) else { return };
        if let Some(book) = self.hosts.get_mut(host) {
            book.strangers.heard(source, bytes.len(), &header, body);
        }
    }

    /// M3: at most three times what was received is sent to an address that nobody has proven; once, if the host is strict.
    pub(super) fn judge_answer(&mut self, at: Time, from: HostIndex, to: SocketAddr, bytes: &[u8]) {
        let Some((header, body)) = self.readable(from, bytes) else { return };
        let Some(book) = self.hosts.get_mut(from) else { return };
        let factor = if book.rules.strict { 1 } else { FACTOR };
        if let Some((received, sent)) = book.strangers.answered(to, bytes.len(), &header, body, factor) {
            let complaint = || {
                format!(
                    "{sent} bytes went to {to}, which has proven nothing and sent {received}; {factor} times that is allowed"
                )
            };
            self.verdict.complain(at, "M3", from, complaint);
        }
    }

    /// C10: who connects has proven an address.
    pub(super) fn judge_proof(&mut self, at: Time, host: HostIndex, data: u32) {
        if !self.is_modern(host) || self.config.compression {
            return;
        }
        let admitted = self.hosts.get_mut(host).is_some_and(|book| book.strangers.admits(data));
        if !admitted {
            let complaint =
                || format!("a connection opened with data {data:#x}, and nobody has proven an address");
            self.verdict.complain(at, "C10", host, complaint);
        }
    }

    /// Header and commands of a datagram, if the host is judged and they can be read.
    fn readable<'a>(&self, host: HostIndex, bytes: &'a [u8]) -> Option<(Header, &'a [u8])> {
        if !self.is_modern(host) || self.config.compression {
            return None;
        }
        let (header, rest) = Header::decode(bytes).ok()?;
        let skipped = if self.config.checksum { CHECKSUM_LEN } else { 0 };
        Some((header, rest.get(skipped..)?))
    }
}
