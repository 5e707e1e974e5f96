//! [`Candidate`]: a client that asked to connect, and what it has to prove before it gets a slot (docs/SECURITY.md).

use core::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use enet_wire::{
    Body, ChannelId, Command, Connect, ConnectId, ReliableSeq, ThrottleConfigure, VerifyConnect, WirePeerId,
};

use super::establish::Grant;
use crate::mutants::{self, Mutant};
use crate::shared::{LocalAddress, Shared};

/// What only those know who got our VERIFY_CONNECT: 46 bits that their acknowledgement repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Wire id and incoming session, as in the header of a datagram, and above them the outgoing session.
    word: u16,
    pub(crate) seq: ReliableSeq,
    pub(crate) sent_time: u16,
}

impl Proof {
    /// From 34 random bits, a wire id, and the outgoing session that the client had before: the next one, for it must
    /// tell this connection's datagrams from late ones of those before.
    #[allow(clippy::cast_possible_truncation)] // parts of the random number
    pub(crate) fn new(random: u64, id: WirePeerId, known: u8) -> Self {
        let incoming = (random >> 32) as u16 & 3;
        let outgoing = u16::from(known.wrapping_add(1) & 3);
        let word = outgoing << 14 | incoming << 12 | id.get();
        Proof { word, seq: ReliableSeq(random as u16), sent_time: (random >> 16) as u16 }
    }

    pub(crate) const fn id(self) -> WirePeerId {
        WirePeerId::from_bits(self.word)
    }

    /// The session that the client's datagrams must carry.
    pub(crate) const fn incoming(self) -> u8 {
        self.word.to_be_bytes()[0] >> 4 & 3
    }

    /// The session that ours will.
    pub(crate) const fn outgoing(self) -> u8 {
        self.word.to_be_bytes()[0] >> 6
    }
}

/// Where a CONNECT came from, without what a socket address has room for and datagrams do not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    ip: [u8; 16],
    scope: u32,
    port: u16,
    is_v4: bool,
}

impl Source {
    fn new(address: SocketAddr) -> Self {
        let port = address.port();
        match address {
            SocketAddr::V4(it) => {
                Source { ip: it.ip().to_ipv6_mapped().octets(), scope: 0, port, is_v4: true }
            }
            SocketAddr::V6(it) => Source { ip: it.ip().octets(), scope: it.scope_id(), port, is_v4: false },
        }
    }

    fn address(self) -> SocketAddr {
        let ip = Ipv6Addr::from(self.ip);
        match ip.to_ipv4_mapped().filter(|_| self.is_v4) {
            Some(ip) => SocketAddrV4::new(ip, self.port).into(),
            None => SocketAddrV6::new(ip, self.port, 0, self.scope).into(),
        }
    }
}

/// Who sent a CONNECT that was answered, and has not proven yet to be where it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    source: Source,
    pub(crate) connect_id: ConnectId,
    /// The client's name for itself.
    pub(crate) remote_id: WirePeerId,
    pub(crate) mtu: u16,
    /// One less than the window we offer.
    window: u16,
    pub(crate) channels: u8,
    pub(crate) incoming_bandwidth: u32,
    pub(crate) outgoing_bandwidth: u32,
    pub(crate) throttle: ThrottleConfigure,
    pub(crate) data: u32,
    pub(crate) proof: Proof,
    pub(crate) local: Option<LocalAddress>,
    /// When the CONNECT came, in ms of the host's age.
    pub(crate) created: u32,
    /// UDP payload bytes that came from there, and went there.
    received: u16,
    sent: u16,
    /// What proved nothing and no client says.
    wrong: u8,
    flags: u8,
}

/// A reply is to be sent.
const QUEUED: u8 = 1;
/// One was sent, at once: who acknowledges it tells the round trip time.
const PROMPT: u8 = 2;
/// The application wants to be asked.
const ASKS: u8 = 4;

impl Candidate {
    #[allow(clippy::cast_possible_truncation)] // negotiated values: at most 4096, and 65,536
    pub(crate) fn new(
        from: SocketAddr,
        connect: &Connect,
        remote_id: WirePeerId,
        grant: Grant,
        proof: Proof,
        now: u32,
    ) -> Self {
        Candidate {
            source: Source::new(from),
            connect_id: connect.connect_id,
            remote_id,
            mtu: grant.mtu as u16,
            window: grant.window.saturating_sub(1) as u16,
            channels: grant.channels,
            incoming_bandwidth: connect.incoming_bandwidth,
            outgoing_bandwidth: connect.outgoing_bandwidth,
            throttle: connect.throttle,
            data: connect.data,
            proof,
            local: None,
            created: now,
            received: 0,
            sent: 0,
            wrong: 0,
            flags: 0,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.source.address()
    }

    pub(crate) fn is_at(&self, address: SocketAddr) -> bool {
        self.source == Source::new(address)
    }

    /// VERIFY_CONNECT, the same each time.
    pub(crate) fn reply(&self, shared: &Shared) -> Command<'static> {
        let body = Body::VerifyConnect(VerifyConnect {
            outgoing_peer: self.proof.id().get(),
            incoming_session: self.proof.outgoing(),
            outgoing_session: self.proof.incoming(),
            mtu: u32::from(self.mtu),
            window_size: u32::from(self.window) + 1,
            channel_count: u32::from(self.channels),
            incoming_bandwidth: shared.incoming_bandwidth,
            outgoing_bandwidth: shared.outgoing_bandwidth,
            throttle: self.throttle,
            connect_id: self.connect_id,
        });
        let (channel, seq) = (ChannelId::CONTROL, self.proof.seq);
        Command { channel, seq, acknowledge: true, unsequenced: false, body }
    }

    /// Counts a datagram that came from there.
    pub(crate) fn credit(&mut self, bytes: usize) {
        self.received = u16::try_from(bytes).map_or(u16::MAX, |bytes| self.received.saturating_add(bytes));
    }

    /// Counts a datagram that is to go there, if there may be one: three times the bytes received at most, or no more
    /// than were received.
    pub(crate) fn debit(&mut self, bytes: usize, now: u32, strict: bool) -> bool {
        let most = u32::from(self.received) * if strict { 1 } else { AMPLIFICATION };
        let sent = u16::try_from(bytes).ok().and_then(|bytes| self.sent.checked_add(bytes));
        let most = if mutants::is(Mutant::FreeAmplifier) { u32::MAX } else { most };
        match sent.filter(|sent| u32::from(*sent) <= most) {
            Some(sent) => {
                let is_prompt = self.sent == 0 && self.created == now;
                self.flags = if is_prompt { self.flags | PROMPT } else { self.flags & !PROMPT };
                self.sent = sent;
                true
            }
            None => false,
        }
    }

    /// The round trip time, in ms, if there is no doubt which reply was acknowledged now.
    pub(crate) const fn sample(&self, now: u32) -> Option<u32> {
        let elapsed = now.wrapping_sub(self.created);
        if self.flags & PROMPT == 0 {
            return None;
        }
        Some(if elapsed == 0 { 1 } else { elapsed })
    }

    /// Has the application asked before it is let in.
    pub(crate) const fn ask(&mut self) {
        self.flags |= ASKS;
    }

    /// Notes that a reply is to be sent; whether that is new.
    pub(crate) const fn queue(&mut self) -> bool {
        let is_new = self.flags & QUEUED == 0;
        self.flags |= QUEUED;
        is_new
    }

    /// Notes that none is to be sent; whether one was.
    pub(crate) const fn unqueue(&mut self) -> bool {
        let was = self.flags & QUEUED != 0;
        self.flags &= !QUEUED;
        was
    }

    pub(crate) const fn asks(&self) -> bool {
        self.flags & ASKS != 0
    }

    /// Panics if more was sent than may be.
    #[allow(clippy::panic)] // its purpose
    pub(crate) fn check_invariants(&self) {
        assert!(u32::from(self.sent) <= u32::from(self.received) * AMPLIFICATION, "a reflector");
    }

    /// Notes what proves nothing; whether there was too much of it.
    pub(crate) const fn is_wrong_again(&mut self) -> bool {
        self.wrong += 1;
        self.wrong >= WRONG_ACKNOWLEDGEMENTS
    }
}

/// Bytes sent for each one received from an address that is not proven.
const AMPLIFICATION: u32 = 3;

/// Guesses after which a candidate is given up.
const WRONG_ACKNOWLEDGEMENTS: u8 = 8;
