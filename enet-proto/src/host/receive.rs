//! Receiving: open a datagram, find whom it is for, run its commands (PROTOCOL.md §14).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use enet_wire::{Body, Command, DecodeError, Header, MAX_MTU, WirePeerId, split_checksum};

use super::Host;
use super::half_open::Number;
use super::table::waits_for_anybody;
use crate::event::RequestId;
use crate::mutants::{self, Mutant};
use crate::shared::Shared;
use crate::stats::DiscardReason;
use crate::time::Instant;

/// A received datagram.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// Our address it was sent to, if known.
    pub local: Option<IpAddr>,
    /// Its congestion marking, if known.
    pub ecn: Option<Ecn>,
    /// The UDP payload.
    pub bytes: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// A datagram of which only source and contents are known.
    pub const fn new(source: SocketAddr, bytes: &'a [u8]) -> Self {
        Datagram { source, local: None, ecn: None, bytes }
    }
}

/// An explicit congestion notification codepoint (RFC 3168).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ecn {
    /// ECN-capable transport, codepoint 0.
    Ect0,
    /// ECN-capable transport, codepoint 1.
    Ect1,
    /// Congestion experienced.
    Ce,
}

/// Sees every datagram before the protocol does: for other protocols on the same port, and for NAT punching.
///
/// Every `FnMut(&Datagram) -> Verdict` is one.
#[doc(alias = "ENetInterceptCallback")]
pub trait Intercept: Send {
    /// Says whose the datagram is.
    fn intercept(&mut self, datagram: &Datagram<'_>) -> Verdict;
}

impl<F: FnMut(&Datagram<'_>) -> Verdict + Send> Intercept for F {
    fn intercept(&mut self, datagram: &Datagram<'_>) -> Verdict {
        self(datagram)
    }
}

/// What becomes of an intercepted datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The protocol shall look at it.
    Pass,
    /// It was somebody else's, and is dealt with.
    Consume,
}

/// Whom a datagram is for.
enum Route {
    /// Nobody yet: it may hold a CONNECT.
    Stranger,
    Slot(u16),
    /// The same; it answers from another address than the one that was connected to.
    Elsewhere(u16),
    /// Somebody who has to prove the address.
    Candidate(Number),
    /// Somebody who has, and waits for the application.
    Request(RequestId),
}

/// A datagram's commands, in the clear.
enum Opened<'a> {
    AsSent(&'a [u8]),
    Decompressed(Vec<u8>),
}

impl Host {
    /// Takes in one datagram. Whatever is wrong with it changes a counter and nothing else.
    pub fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.advance(now);
        self.receive(&datagram);
    }

    /// Sets or removes the hook that sees every datagram first.
    pub fn set_intercept(&mut self, hook: Option<Box<dyn Intercept>>) {
        self.intercept = hook;
    }

    pub(super) fn receive(&mut self, datagram: &Datagram<'_>) {
        self.shared.stats.datagrams_received += 1;
        self.shared.stats.bytes_received += datagram.bytes.len() as u64;
        if let Some(hook) = &mut self.intercept
            && hook.intercept(datagram) == Verdict::Consume
        {
            return;
        }
        if self.lobby.policy.is_some() && self.take_token(datagram.source, datagram.bytes) {
            return;
        }
        if let Err(reason) = self.open(datagram) {
            self.shared.discard(reason);
        }
    }

    fn open(&mut self, datagram: &Datagram<'_>) -> Result<(), DiscardReason> {
        if datagram.bytes.len() > MAX_MTU as usize {
            return Err(DiscardReason::Oversize);
        }
        if datagram.source.port() == 0 {
            return Err(DiscardReason::PortZero);
        }
        let (header, rest) = Header::decode(datagram.bytes).map_err(|_| DiscardReason::Truncated)?;
        let route = self.route(&header, datagram.source)?;
        if header.compressed || self.shared.checksum.is_some() {
            return self.unseal(&header, &route, datagram, rest);
        }
        self.run(&header, &route, datagram, datagram.bytes.len(), rest);
        Ok(())
    }

    /// Opens a datagram whose commands are compressed, or follow a checksum.
    #[inline(never)]
    fn unseal(
        &mut self,
        header: &Header,
        route: &Route,
        datagram: &Datagram<'_>,
        rest: &[u8],
    ) -> Result<(), DiscardReason> {
        let (checksum, block) = match self.shared.checksum {
            Some(_) => split_checksum(rest).map(|(sum, block)| (Some(sum), block)),
            None => Ok((None, rest)),
        }
        .map_err(|_| DiscardReason::Truncated)?;
        let header_len = datagram.bytes.len() - block.len();
        let most = match route {
            Route::Stranger if self.table.has_ids() => MAX_STRANGER,
            _ => MAX_MTU as usize - header_len,
        };
        if header.compressed
            && let Route::Candidate(number) = route
        {
            self.check_session(*number, header)?;
        }
        let opened = self.decompress(header, block, most).inspect_err(|_| {
            if let Route::Candidate(number) = route {
                self.note_wrong(*number);
            }
        })?;
        let commands = match &opened {
            Opened::AsSent(commands) => commands,
            Opened::Decompressed(commands) => commands.as_slice(),
        };
        let result = self.verify(header, checksum, route, commands).map(|()| {
            self.run(header, route, datagram, header_len + commands.len(), commands);
        });
        if let Opened::Decompressed(buffer) = opened {
            self.scratch = buffer;
        }
        result
    }

    /// Finds the slot and checks that the datagram comes from its peer's address and session.
    fn route(&self, header: &Header, source: SocketAddr) -> Result<Route, DiscardReason> {
        if header.peer.is_unknown() {
            return Ok(Route::Stranger);
        }
        let Some(slot) = self.table.route(source, header.peer) else {
            return self.route_to_lobby(header.peer, source).ok_or(DiscardReason::UnknownPeer);
        };
        let connection = self.table.get(slot).filter(|it| !it.is_finished() && !it.is_held());
        let connection = connection.ok_or(DiscardReason::UnknownPeer)?;
        // Who has an id of its own was found by its address.
        let elsewhere = !self.table.has_ids() && connection.address != source;
        if elsewhere && !waits_for_anybody(connection) {
            return Err(DiscardReason::WrongAddress);
        }
        if !connection.remote_id.is_unknown()
            && header.session.get() != connection.sessions.incoming
            && !mutants::is(Mutant::StaleSession)
        {
            return Err(DiscardReason::WrongSession);
        }
        Ok(if elsewhere { Route::Elsewhere(slot) } else { Route::Slot(slot) })
    }

    /// Finds those who have no slot, and a connection that may be answered from anywhere.
    #[cold]
    fn route_to_lobby(&self, id: WirePeerId, source: SocketAddr) -> Option<Route> {
        if let Some(number) = self.lobby.half_open.route(source, id) {
            return Some(Route::Candidate(number));
        }
        if let Some(request) = self.lobby.requests.route(source, id) {
            return Some(Route::Request(request));
        }
        let slot = self.table.route_from_anybody(id)?;
        self.table.get(slot).filter(|it| !it.is_held())?;
        Some(Route::Elsewhere(slot))
    }

    fn decompress<'a>(
        &mut self,
        header: &Header,
        block: &'a [u8],
        most: usize,
    ) -> Result<Opened<'a>, DiscardReason> {
        if !header.compressed {
            return Ok(Opened::AsSent(block));
        }
        let compressor = self.compressor.as_mut().ok_or(DiscardReason::NoCompressor)?;
        let mut buffer = core::mem::take(&mut self.scratch);
        buffer.resize(most, 0);
        let Some(len) = compressor.decompress(block, &mut buffer).filter(|len| *len > 0) else {
            self.scratch = buffer;
            return Err(DiscardReason::BadCompression);
        };
        buffer.truncate(len);
        Ok(Opened::Decompressed(buffer))
    }

    fn verify(
        &self,
        header: &Header,
        found: Option<[u8; 4]>,
        route: &Route,
        commands: &[u8],
    ) -> Result<(), DiscardReason> {
        let (Some(checksum), Some(found)) = (self.shared.checksum, found) else { return Ok(()) };
        let seed = match route {
            Route::Stranger => [0; 4],
            Route::Slot(slot) | Route::Elsewhere(slot) => {
                self.table.get(*slot).map_or([0; 4], |connection| connection.connect_id.0)
            }
            Route::Candidate(number) => {
                self.lobby.half_open.get(*number).map_or([0; 4], |it| it.connect_id.0)
            }
            Route::Request(id) => self.lobby.requests.get(*id).map_or([0; 4], |it| it.connect_id.0),
        };
        let expected = checksum.of(&[&header.encode(), &seed, commands]);
        if expected == found { Ok(()) } else { Err(DiscardReason::BadChecksum) }
    }

    /// Takes in commands that came before their sender had a slot.
    pub(super) fn hear_again(&mut self, source: SocketAddr, header: &Header, commands: &[u8]) {
        match self.route(header, source) {
            Ok(route) => {
                let len = header.encoded_len() + commands.len();
                self.run(header, &route, &Datagram::new(source, commands), len, commands);
            }
            Err(reason) => self.shared.discard(reason),
        }
    }

    /// Runs commands until one is bad; those before it stay in effect (PROTOCOL.md §14.2). `len` is the datagram's, were
    /// it not compressed.
    fn run(&mut self, header: &Header, route: &Route, datagram: &Datagram<'_>, len: usize, commands: &[u8]) {
        let mut rest = commands;
        let slot = match route {
            Route::Slot(slot) => {
                self.table.latest = *slot;
                *slot
            }
            Route::Elsewhere(slot) => {
                self.table.move_to(*slot, datagram.source);
                *slot
            }
            _ => match self.admit(route, header, datagram, &mut rest) {
                Ok(Some(slot)) => slot,
                Ok(None) => return,
                Err(reason) => return self.shared.discard(reason),
            },
        };
        let Host { table, shared, .. } = self;
        let Some(connection) = table.get_mut(slot) else { return };
        if !matches!(route, Route::Stranger) {
            let bytes = u32::try_from(len).unwrap_or(0);
            connection.incoming_data_total = connection.incoming_data_total.wrapping_add(bytes);
            if let Some(totals) = connection.totals_mut() {
                totals.datagrams_received += 1;
                totals.bytes_received += datagram.bytes.len() as u64;
            }
        }
        shared.memory.account.open();
        shared.heard = None;
        while !rest.is_empty() {
            match Command::decode(rest) {
                Ok((command, behind)) => {
                    if let Err(reason) = connection.dispatch(&command, header.sent_time, shared) {
                        shared.discard(reason);
                        break;
                    }
                    let is_same = behind.first() == rest.first();
                    rest = behind;
                    if is_same {
                        rest = connection.dispatch_more(&command, header.sent_time, behind, shared);
                    }
                }
                Err(error) => {
                    shared.note_end(error, rest);
                    break;
                }
            }
        }
        connection.on_datagram_end(shared);
        connection.inbox.settle(&mut shared.memory.account);
        if let Some(local) = datagram.local {
            connection.local = shared.note_local(local);
        }
        self.settle_events(slot);
        self.touch(slot);
    }

    /// The slot of somebody who has none yet and is let in. What lets them in, a CONNECT or the acknowledgement of our
    /// answer to it, is taken off the rest.
    #[cold]
    fn admit(
        &mut self,
        route: &Route,
        header: &Header,
        datagram: &Datagram<'_>,
        rest: &mut &[u8],
    ) -> Result<Option<u16>, DiscardReason> {
        match route {
            Route::Candidate(number) => self.on_proof(*number, header, datagram, rest),
            Route::Request(request) => self.on_undecided(*request, header, rest).map(|()| None),
            Route::Stranger | Route::Slot(_) | Route::Elsewhere(_) => match Command::decode(rest) {
                Ok((Command { body: Body::Connect(connect), .. }, behind)) => {
                    *rest = behind;
                    self.on_connect(datagram, &connect)
                }
                Ok(_) => Err(DiscardReason::UnexpectedCommand),
                Err(error) => {
                    self.shared.note_end(error, rest);
                    Ok(None)
                }
            },
        }
    }
}

/// Bytes that a stranger's commands may have when they are decompressed: a CONNECT has 48.
const MAX_STRANGER: usize = 64;

impl Shared {
    /// Counts what is no command and so ends a datagram's commands.
    #[cold]
    fn note_end(&mut self, error: DecodeError, rest: &[u8]) {
        if !rest.is_empty() && !is_padding(error, rest) {
            self.discard(DiscardReason::MalformedCommand);
        }
    }
}

/// Whether the commands end in zeros: compressors and trains pad with them, and stock ENet stops there too.
fn is_padding(error: DecodeError, rest: &[u8]) -> bool {
    match error {
        DecodeError::UnknownCommand(0) => true,
        DecodeError::TruncatedCommand => rest.iter().all(|byte| *byte == 0),
        _ => false,
    }
}
