//! [`Addresses`]: which host answers at which address, and which address it shows; network address translation.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::{IpAddr, SocketAddr};

use rand_chacha::ChaCha8Rng;

use crate::random::{Purpose, RngCore, scale, stream};
use crate::time::{Span, Time};

/// The addresses of all hosts.
pub(crate) struct Addresses {
    seed: u64,
    hosts: Vec<SocketAddr>,
    /// Who has, or had last, an address. Looked up, never iterated.
    owners: HashMap<SocketAddr, usize, BuildHasherDefault<Mix>>,
    nats: Vec<Nat>,
    /// For each host that is behind a NAT; empty if there is none.
    inside: Vec<Option<Inside>>,
}

struct Nat {
    public: IpAddr,
    timeout: Span,
    ports: ChaCha8Rng,
}

/// A host behind a NAT.
#[derive(Clone, Copy)]
struct Inside {
    nat: usize,
    mapping: Option<Mapping>,
}

/// The public address of a host behind a NAT, which lives as long as the host uses it.
#[derive(Clone, Copy)]
struct Mapping {
    public: SocketAddr,
    used: Time,
}

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Who has the address, or had it last.
    pub(crate) host: usize,
    /// Whether the host is to be reached there now.
    pub(crate) reachable: bool,
}

/// The lowest port that a NAT gives out.
const FIRST_PORT: u16 = 1024;

impl Addresses {
    pub(crate) fn new(seed: u64, hosts: &[SocketAddr]) -> Self {
        let owners = hosts.iter().enumerate().map(|(host, address)| (*address, host)).collect();
        Addresses { seed, hosts: hosts.to_vec(), owners, nats: Vec::new(), inside: Vec::new() }
    }

    /// Where a datagram from this host to this address goes; `None` if nobody ever had it.
    pub(crate) fn resolve(&self, now: Time, from: usize, to: SocketAddr) -> Option<Destination> {
        let host = *self.owners.get(&to)?;
        let own = self.hosts.get(host) == Some(&to);
        let reachable = match self.inside(host) {
            None => own,
            // Private addresses mean something on this side of the NAT only.
            Some(inside) if own => self.inside(from).is_some_and(|sender| sender.nat == inside.nat),
            Some(inside) => self.live(&inside, now).is_some_and(|mapping| mapping.public == to),
        };
        Some(Destination { host, reachable })
    }

    /// Which source address a datagram from this host to this address shows. Makes or refreshes the mapping.
    pub(crate) fn source(&mut self, now: Time, from: usize, to: SocketAddr) -> Option<SocketAddr> {
        let own = *self.hosts.get(from)?;
        let Some(mut inside) = self.inside(from) else { return Some(own) };
        let neighbour = self.owners.get(&to).copied().filter(|host| self.hosts.get(*host) == Some(&to));
        if neighbour.and_then(|host| self.inside(host)).is_some_and(|other| other.nat == inside.nat) {
            return Some(own);
        }
        let public = match self.live(&inside, now) {
            Some(mapping) => mapping.public,
            None => self.new_port(inside.nat)?,
        };
        inside.mapping = Some(Mapping { public, used: now });
        self.owners.insert(public, from);
        *self.inside.get_mut(from)? = Some(inside);
        Some(public)
    }

    /// Who is to be reached at this address; within a NAT or from outside.
    pub(crate) fn host_at(&self, now: Time, address: SocketAddr) -> Option<usize> {
        let host = *self.owners.get(&address)?;
        let mapped = || self.inside(host).and_then(|inside| self.live(&inside, now));
        let there = self.hosts.get(host) == Some(&address)
            || mapped().is_some_and(|mapping| mapping.public == address);
        there.then_some(host)
    }

    /// What others see as this host's address; `None` if it is behind a NAT without a mapping.
    pub(crate) fn public_address(&self, now: Time, host: usize) -> Option<SocketAddr> {
        match self.inside(host) {
            None => self.hosts.get(host).copied(),
            Some(inside) => self.live(&inside, now).map(|mapping| mapping.public),
        }
    }

    /// The host's own address changes.
    pub(crate) fn set_address(&mut self, host: usize, address: SocketAddr) {
        if let Some(slot) = self.hosts.get_mut(host) {
            *slot = address;
            self.owners.insert(address, host);
        }
    }

    /// These hosts are behind a NAT from now on.
    pub(crate) fn put_behind_nat(&mut self, hosts: &[usize], public: IpAddr, timeout: Span) {
        let nat = self.nats.len();
        // Owners of this purpose are NATs.
        let owner = u32::try_from(nat).unwrap_or(u32::MAX);
        self.nats.push(Nat { public, timeout, ports: stream(self.seed, owner, Purpose::Nat) });
        self.inside.resize(self.hosts.len(), None);
        for host in hosts {
            if let Some(slot) = self.inside.get_mut(*host) {
                *slot = Some(Inside { nat, mapping: None });
            }
        }
    }

    /// The host's mapping is gone.
    pub(crate) fn rebind(&mut self, host: usize) {
        if let Some(Some(inside)) = self.inside.get_mut(host) {
            inside.mapping = None;
        }
    }

    fn inside(&self, host: usize) -> Option<Inside> {
        self.inside.get(host).copied().flatten()
    }

    fn live(&self, inside: &Inside, now: Time) -> Option<Mapping> {
        let timeout = self.nats.get(inside.nat)?.timeout;
        inside.mapping.filter(|mapping| now.since(mapping.used) <= timeout)
    }

    /// A port that was never given out before, while there are such.
    fn new_port(&mut self, nat: usize) -> Option<SocketAddr> {
        let nat = self.nats.get_mut(nat)?;
        let count = u64::from(u16::MAX - FIRST_PORT) + 1;
        let first = scale(nat.ports.next_u32(), count);
        let address = |step: u64| {
            let port = u64::from(FIRST_PORT) + (first + step) % count;
            SocketAddr::new(nat.public, u16::try_from(port).unwrap_or(FIRST_PORT))
        };
        let free = (0..count).map(address).find(|address| !self.owners.contains_key(address));
        Some(free.unwrap_or_else(|| address(0)))
    }
}

/// A hash that is the same in every run, and quick for addresses.
#[derive(Default)]
pub(crate) struct Mix(u64);

impl Mix {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<4>();
        for word in words {
            self.add(u64::from(u32::from_le_bytes(*word)));
        }
        for byte in rest {
            self.add(u64::from(*byte));
        }
    }

    fn write_u16(&mut self, word: u16) {
        self.add(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.add(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.add(word.cast_unsigned() as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its bits from both ends.
        self.0 ^ self.0 >> 29
    }
}
