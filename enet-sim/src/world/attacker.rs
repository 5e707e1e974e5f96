//! [`Attacker`]: a host that means harm. It speaks no ENet of its own: it forges, repeats and spoils datagrams.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use enet_wire::{
    Body, ChannelId, Command, Connect, ConnectId, Header, ReliableSeq, Session, ThrottleConfigure,
    WirePeerId, Writer,
};
use rand_chacha::ChaCha8Rng;

use super::host::address;
use super::insider::Insider;
use super::observer::HostIndex;
use crate::net::{Copy as NetCopy, Network};
use crate::random::{Purpose, RngCore, scale, stream};
use crate::scenario::Attack;
use crate::time::{Span, Time};

/// Datagrams an attacker remembers.
const MEMORY: usize = 64;

/// A datagram that went by.
struct Overheard {
    source: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// A host that means harm.
pub(super) struct Attacker {
    home: HostIndex,
    attack: Attack,
    rng: ChaCha8Rng,
    overheard: Vec<Overheard>,
    heard: usize,
    forged: Vec<u8>,
    /// What it is besides, if the server lets it in.
    insider: Option<Insider>,
}

impl Attacker {
    /// `checksum`: whether the server reads only what has one.
    pub(super) fn new(seed: u64, home: HostIndex, attack: Attack, checksum: bool) -> Self {
        let rng = stream(seed, home as u32, Purpose::Attack);
        let insider = match attack {
            Attack::Insider { answers, .. } => Some(Insider::new(answers, checksum)),
            _ => None,
        };
        Attacker { home, attack, rng, overheard: Vec::new(), heard: 0, forged: Vec::new(), insider }
    }

    /// Time between two strikes.
    pub(super) fn period(attack: Attack) -> Span {
        let (Attack::Junk { every }
        | Attack::Mutate { every, .. }
        | Attack::Replay { every }
        | Attack::ConnectFlood { every, .. }
        | Attack::Guess { every }
        | Attack::Insider { every, .. }) = attack;
        every.max(Span::from_micros(10))
    }

    /// When it strikes again.
    pub(super) fn next(&mut self, now: Time) -> Time {
        now + Attacker::period(self.attack)
    }

    /// Notes a datagram that goes by, if the attack needs any.
    pub(super) fn overhear(&mut self, from: HostIndex, to: SocketAddr, bytes: &[u8]) {
        if !matches!(self.attack, Attack::Mutate { .. } | Attack::Replay { .. }) {
            return;
        }
        let entry = Overheard { source: address(from), to, bytes: bytes.to_vec() };
        // Old ones go one by one, but the very first, the handshake's, stay.
        let place = if self.heard < MEMORY { self.heard } else { 8 + self.heard % (MEMORY - 8) };
        self.heard += 1;
        match self.overheard.get_mut(place) {
            Some(old) => *old = entry,
            None => self.overheard.push(entry),
        }
    }

    /// A datagram for it has arrived: most attackers do not listen.
    pub(super) fn hear(&mut self, now: Time, bytes: &[u8]) {
        if let Some(insider) = &mut self.insider {
            insider.hear(now, bytes);
        }
    }

    /// Does harm once.
    pub(super) fn strike(&mut self, now: Time, network: &mut Network, copies: &mut Vec<NetCopy>) {
        let (server, home) = (address(0), address(self.home));
        let (source, to) = match self.attack {
            Attack::Junk { .. } => {
                // Now and then more than any host takes (PROTOCOL.md §14.1).
                let most = if self.rng.next_u32().is_multiple_of(16) { 8_000 } else { 1_400 };
                let length = 1 + scale(self.rng.next_u32(), most) as usize;
                self.forged.resize(length, 0);
                self.rng.fill_bytes(&mut self.forged);
                (home, server)
            }
            Attack::Replay { .. } => match self.remember() {
                Some((source, to)) => (source, to),
                None => return,
            },
            Attack::Mutate { spoof, .. } => {
                let Some((source, to)) = self.remember() else { return };
                self.spoil();
                (if spoof { source } else { home }, to)
            }
            Attack::ConnectFlood { near, .. } => {
                self.forge_connect();
                (self.nobody(near), server)
            }
            Attack::Guess { .. } => {
                self.forge_guess();
                (address(1), server)
            }
            Attack::Insider { .. } => {
                let Some(insider) = &mut self.insider else { return };
                insider.strike(now, &mut self.rng, &mut self.forged);
                (home, server)
            }
        };
        network.send_spoofed(now, self.home, source, to, &self.forged, copies);
    }

    /// An address where nobody is.
    fn nobody(&mut self, near: bool) -> SocketAddr {
        let (number, port) = (self.rng.next_u32(), self.rng.next_u32() as u16 | 0x8000);
        let ip = match near {
            true => Ipv4Addr::new(10, 0, 0, number as u8),
            // 32.0.0.0 to 63.255.255.255
            false => Ipv4Addr::from(0x2000_0000 | number & 0x1FFF_FFFF),
        };
        SocketAddr::new(IpAddr::V4(ip), port)
    }

    /// Takes one of the datagrams that went by.
    fn remember(&mut self) -> Option<(SocketAddr, SocketAddr)> {
        let place = scale(self.rng.next_u32(), self.overheard.len() as u64) as usize;
        let old = self.overheard.get(place)?;
        self.forged.clear();
        self.forged.extend_from_slice(&old.bytes);
        Some((old.source, old.to))
    }

    /// Changes some bytes, or the length.
    fn spoil(&mut self) {
        for _ in 0..1 + self.rng.next_u32() % 4 {
            let place = scale(self.rng.next_u32(), self.forged.len() as u64) as usize;
            let value = self.rng.next_u32();
            if let Some(byte) = self.forged.get_mut(place) {
                *byte = value as u8;
            }
        }
        match self.rng.next_u32() % 4 {
            0 => self.forged.truncate(scale(self.rng.next_u32(), self.forged.len() as u64) as usize),
            1 => self.forged.extend_from_slice(&self.rng.next_u64().to_le_bytes()),
            _ => {}
        }
    }

    /// A connect like anybody's, but for its random id.
    fn forge_connect(&mut self) {
        let header = Header {
            peer: WirePeerId::UNKNOWN,
            sent_time: Some(self.rng.next_u32() as u16),
            ..Header::default()
        };
        let body = Body::Connect(Connect {
            outgoing_peer: 0,
            incoming_session: 0xFF,
            outgoing_session: 0xFF,
            mtu: 1392,
            window_size: 65_536,
            channel_count: 4,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            throttle: ThrottleConfigure { interval: 5_000, acceleration: 2, deceleration: 2 },
            connect_id: ConnectId(self.rng.next_u32().to_le_bytes()),
            data: 0,
        });
        self.forge(&header, &command(ChannelId::CONTROL, 1, true, body));
    }

    /// A disconnect, an acknowledgement or a message under the first client's name, the rest guessed.
    fn forge_guess(&mut self) {
        let number = self.rng.next_u32() as u16 % 64;
        let time = self.rng.next_u32() as u16;
        // C's names are the lowest numbers.
        let name = self.rng.next_u32();
        let names = if name >> 31 == 0 { 4 } else { 4_095 };
        let peer = WirePeerId::new((name % names) as u16).unwrap_or_default();
        let session = Session::new((self.rng.next_u32() % 4) as u8).unwrap_or_default();
        let header = Header { peer, session, sent_time: Some(time), ..Header::default() };
        let control = ChannelId::CONTROL;
        let made = match self.rng.next_u32() % 4 {
            0 => command(control, 0, false, Body::Disconnect { data: 0xBAD }),
            1 => {
                let body = Body::Acknowledge { received_seq: ReliableSeq(number), received_sent_time: time };
                command(control, 0, false, body)
            }
            2 => command(ChannelId::new(0), number, true, Body::SendReliable { payload: b"forged" }),
            _ => command(control, number, true, Body::Ping),
        };
        self.forge(&header, &made);
    }

    fn forge(&mut self, header: &Header, command: &Command<'_>) {
        self.forged.resize(256, 0);
        let mut writer = Writer::new(&mut self.forged);
        let written = writer.header(header).and_then(|()| writer.command(command));
        let length = if written.is_ok() { writer.finish().len() } else { 0 };
        self.forged.truncate(length);
    }
}

fn command<'a>(channel: ChannelId, number: u16, acknowledge: bool, body: Body<'a>) -> Command<'a> {
    Command { channel, seq: ReliableSeq(number), acknowledge, unsequenced: false, body }
}
