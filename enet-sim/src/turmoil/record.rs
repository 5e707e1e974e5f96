//! [`Record`]: what happened in a simulation, shared by its hosts: a log to read and a hash to compare.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;

use enet_proto::{DisconnectReason, PeerId};

use super::ledger::Ledger;
use super::life::Life;
use crate::trace::TraceHash;

/// What a line of the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A connection was made.
    Connected(Life, PeerId),
    /// A connection ended.
    Disconnected(Life, PeerId, DisconnectReason),
    /// Something was done to the hosts or to the network between them.
    Fault(String),
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Since the simulation began.
    pub at: Duration,
    /// What happened.
    pub what: What,
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As many copies of it were given to turmoil, which may still drop them.
    Sent { copies: usize },
    /// A host received it.
    Arrived,
}

/// How many datagrams there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Datagrams {
    /// Given to sockets.
    pub sent: u64,
    /// Of those, lost one by one; those that went to a host that was down or cut off are not counted here.
    pub lost: u64,
    /// Of those, sent twice.
    pub doubled: u64,
    /// Received.
    pub arrived: u64,
}

/// Who sends messages at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Talkers {
    All,
    Clients,
    /// So that what is under way can arrive.
    Nobody,
}

pub(super) struct State {
    pub(super) log: Vec<Entry>,
    pub(super) hash: TraceHash,
    pub(super) datagrams: Datagrams,
    pub(super) ledger: Ledger,
    pub(super) talkers: Talkers,
}

/// A handle to it; all hosts of a simulation run on one thread.
#[derive(Clone)]
pub(super) struct Record(Rc<RefCell<State>>);

impl Record {
    pub(super) fn new() -> Self {
        Record(Rc::new(RefCell::new(State {
            log: Vec::new(),
            hash: TraceHash::EMPTY,
            datagrams: Datagrams::default(),
            ledger: Ledger::default(),
            talkers: Talkers::All,
        })))
    }

    /// Reads or writes the state. Not to be nested.
    pub(super) fn with<R>(&self, use_it: impl FnOnce(&mut State) -> R) -> R {
        use_it(&mut self.0.borrow_mut())
    }

    /// To be called on a host.
    pub(super) fn datagram(&self, verdict: Verdict, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.with(|state| {
            let datagrams = &mut state.datagrams;
            state.hash.number(micros(here()));
            match verdict {
                Verdict::Sent { copies } => {
                    datagrams.sent += 1;
                    datagrams.lost += u64::from(copies == 0);
                    datagrams.doubled += u64::from(copies > 1);
                    state.hash.number(copies as u64);
                }
                Verdict::Arrived => {
                    datagrams.arrived += 1;
                    state.hash.number(u64::MAX);
                }
            }
            state.hash.bytes(&address(from));
            state.hash.bytes(&address(to));
            state.hash.bytes(bytes);
        });
    }

    /// Writes a line.
    pub(super) fn note(&self, at: Duration, what: What) {
        self.with(|state| {
            let entry = Entry { at, what };
            state.hash.number(micros(at));
            state.hash.bytes(entry.what.to_string().as_bytes());
            state.log.push(entry);
        });
    }
}

/// Time since the simulation began, on a host.
pub(super) fn here() -> Duration {
    ::turmoil::sim_elapsed().unwrap_or_default()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn address(address: SocketAddr) -> [u8; 18] {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 18];
    let parts = ip.octets().into_iter().chain(address.port().to_be_bytes());
    bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    bytes
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Connected(life, peer) => write!(f, "{life}: connected, peer {peer}"),
            What::Disconnected(life, peer, reason) => write!(f, "{life}: lost peer {peer}: {reason}"),
            What::Fault(fault) => write!(f, "* {fault}"),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8.3} s  {}", self.at.as_secs_f64(), self.what)
    }
}
