//! [`Work`]: what hosts in memory are made to do.

use super::crowd::{Crowd, broadcast, connect, idle, visit};
use super::end::{End, Kind};
use super::traffic::{BULK, bulk, echo, flood, serve};
use super::watch::{Clock, Spent};

/// A kind of work over hosts in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// 32 bytes there and back, reliable, so many at a time.
    Echo(u64),
    /// The same; the server's share.
    Serve(u64),
    /// 64 bytes there, unreliable, so many at a time.
    Flood(u64),
    /// 1 MiB there, reliable.
    Bulk,
    /// 100 bytes to so many peers at once.
    Broadcast(u16, Kind),
    /// 32 bytes from one of so many peers, reliable.
    Visit(u16),
    /// Nothing, with so many peers.
    Idle(u16),
    /// Others connect, with so many peers present.
    Connect(u16),
}

impl Work {
    /// What the figure counts.
    pub const fn unit(self) -> &'static str {
        match self {
            Work::Echo(_) | Work::Serve(_) | Work::Flood(_) | Work::Broadcast(..) | Work::Visit(_) => {
                "message"
            }
            Work::Bulk => "byte",
            Work::Idle(_) => "call",
            Work::Connect(_) => "connection",
        }
    }

    /// Whether only the server's work counts.
    pub const fn is_the_servers(self) -> bool {
        matches!(
            self,
            Work::Serve(_) | Work::Broadcast(..) | Work::Visit(_) | Work::Idle(_) | Work::Connect(_)
        )
    }

    /// Units that take long enough to be timed.
    pub const fn units(self) -> u64 {
        match self {
            Work::Echo(1) => 200_000,
            Work::Echo(_) | Work::Serve(_) | Work::Flood(_) => 400_000,
            Work::Bulk => 64 * BULK as u64,
            Work::Broadcast(..) => 300_000,
            Work::Visit(0..100) => 100_000,
            Work::Visit(_) => 4_000,
            Work::Idle(0..100) => 200_000,
            Work::Idle(100..1000) => 50_000,
            Work::Idle(_) => 8_000,
            Work::Connect(_) => 1920,
        }
    }

    /// Does it, about so many units of it. Where both hosts' work counts, both are of the server's kind.
    ///
    /// # Errors
    /// A sentence on what is missing, or was lost.
    pub fn run<C: End, S: End>(
        self,
        crowd: &mut Crowd<C, S>,
        clock: Clock,
        units: u64,
    ) -> Result<Spent, String> {
        match self {
            Work::Echo(outstanding) => echo::<S>(clock, outstanding, units),
            Work::Serve(outstanding) => serve::<C, S>(clock, outstanding, units),
            Work::Flood(burst) => flood::<S>(clock, burst, units),
            Work::Bulk => bulk::<S>(clock, units.div_ceil(BULK as u64)),
            Work::Broadcast(peers, kind) => broadcast(crowd, clock, peers, kind, units),
            Work::Visit(peers) => visit(crowd, clock, peers, units),
            Work::Idle(peers) => idle(crowd, clock, peers, units),
            Work::Connect(present) => connect(crowd, clock, present, units),
        }
    }
}
