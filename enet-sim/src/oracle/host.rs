//! [`HostBook`]: what a judge notes about one host.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::config::HostRules;
use super::ids::{HalfId, SideId};
use super::strangers::Strangers;
use crate::endpoint::Conn;
use crate::time::{Span, Time};

/// What a judge notes about one host. Its tables are looked up and never walked, so hashing them is deterministic.
#[derive(Debug, Default)]
pub(super) struct HostBook {
    pub(super) rules: HostRules,
    by_conn: HashMap<u64, SideId>,
    by_number: HashMap<u32, SideId>,
    last: Option<(Conn, SideId)>,
    /// Sides that live.
    pub(super) living: Vec<SideId>,
    /// When it crashed last.
    pub(super) crashed: Option<Time>,
    pub(super) down: bool,
    pub(super) paused: Option<Time>,
    /// It went on after a pause, with a connection.
    pub(super) caught_up: Option<Time>,
    /// When it was last told of a disconnect that nobody acknowledges. It may have been meant for an attempt whose slot
    /// another handshake has by now, which it ends.
    pub(super) dismissed: Option<Time>,
    /// Until when its clock or its pace was disturbed. One that is set back stands, for time only moves forward: that may be
    /// to come.
    pub(super) disturbed: Option<Time>,
    /// When something last went wrong with a datagram from it or to it.
    pub(super) trouble: Option<Time>,
    /// Its halves by destination, slot and session: the way out. `None`: two connections cannot be told apart.
    pub(super) outward: HashMap<(SocketAddr, u16), Option<HalfId>>,
    pub(super) outward_last: Option<(SocketAddr, u16, HalfId)>,
    /// Its halves by source, own slot and session: the way in.
    pub(super) inward: HashMap<(SocketAddr, u16), HalfId>,
    pub(super) inward_last: Option<(SocketAddr, u16, HalfId)>,
    /// The latest by slot and session alone: whose source may have changed.
    pub(super) inward_anywhere: HashMap<u16, HalfId>,
    /// Halves that were active since the last service.
    pub(super) active: Vec<HalfId>,
    /// Where the round through all living sides goes on.
    pub(super) round: usize,
    pub(super) serves: u64,
    /// It sent control commands to a remote that had not answered yet: whose, nobody can tell.
    pub(super) premature: bool,
    /// Its socket has dropped something since the last service.
    pub(super) overflowed: bool,
    /// Datagrams that arrived since the last service.
    pub(super) arrivals: u32,
    /// An empty datagram arrived, which ends a receive pass (PROTOCOL.md §14.1).
    pub(super) stalled: bool,
    /// Services after which nothing can have been left in the socket.
    pub(super) settled: u32,
    /// Its halves whose VERIFY_CONNECT was acknowledged, and which no event has shown yet.
    pub(super) answered: Vec<HalfId>,
    /// The last datagram it sent: when, where to, how long.
    pub(super) departed: Option<(Time, SocketAddr, usize)>,
    /// Datagrams sent since the last service.
    pub(super) departures: u32,
    /// Services since anything arrived, was called or time moved.
    pub(super) idle: (Time, u32),
    /// Who is where, and has proven it.
    pub(super) strangers: Strangers,
    /// What had been discarded when it was last looked at.
    pub(super) discarded: u64,
}

impl HostBook {
    pub(super) fn new(rules: &HostRules) -> Self {
        HostBook { rules: rules.clone(), ..HostBook::default() }
    }

    /// The side of this name.
    pub(super) fn side(&mut self, conn: Conn) -> Option<SideId> {
        if let Some((last, id)) = self.last
            && last == conn
        {
            return Some(id);
        }
        let id = *self.by_conn.get(&conn.0)?;
        self.last = Some((conn, id));
        Some(id)
    }

    pub(super) fn name(&mut self, conn: Conn, id: SideId) {
        self.by_conn.insert(conn.0, id);
        self.last = Some((conn, id));
        self.living.push(id);
    }

    /// The side whose messages carry this number.
    pub(super) fn numbered(&self, number: u32) -> Option<SideId> {
        self.by_number.get(&number).copied()
    }

    pub(super) fn number(&mut self, number: u32, id: SideId) {
        self.by_number.insert(number, id);
    }

    pub(super) fn is_over(&mut self, id: SideId) {
        self.living.retain(|living| *living != id);
    }

    /// It lost all it knew. Names may be used again.
    pub(super) fn forget(&mut self) {
        self.by_conn.clear();
        self.last = None;
        self.living.clear();
        self.outward.clear();
        self.outward_last = None;
        self.inward.clear();
        self.inward_last = None;
        self.inward_anywhere.clear();
        self.active.clear();
        self.strangers = Strangers::default();
    }

    /// From now on datagrams with this slot and session belong to `half`.
    pub(super) fn route_inward(&mut self, source: SocketAddr, word: u16, half: HalfId) {
        self.inward.insert((source, word), half);
        self.inward_anywhere.insert(word, half);
        self.inward_last = None;
    }

    /// Whether a disturbance of its clock or its pace lies at most so long back.
    pub(super) fn disturbed_within(&self, at: Time, span: Span) -> bool {
        self.paused.is_some() || self.disturbed.is_some_and(|then| at.since(then) <= span)
    }

    /// Whether its socket and links were without trouble for so long.
    pub(super) fn untroubled_for(&self, at: Time, span: Span) -> bool {
        self.trouble.is_none_or(|then| at.since(then) > span) && at.0 > span.0
    }
}
