//! The network between the hosts: [`Network`] decides what becomes of each datagram.
//!
//! Each direction is a pipeline in fixed order: MTU or black hole → loss → corruption → duplication → own line and queue
//! → shared line and queue → propagation, jitter and order → cut or hold. The nth datagram of a direction gets the nth
//! draw of each purpose, so switching one fault off leaves all other decisions as they were.

mod corrupt;
mod delay;
mod direction;
mod draws;
mod event;
mod loss;
mod nat;
mod network;
mod plan;
mod queue;
mod stats;
mod tables;
#[cfg(test)]
mod tests;
mod transit;

use std::net::SocketAddr;

pub use corrupt::LONGEST;
pub use delay::jitter_bound;
pub use network::Network;
pub use plan::Plan;
pub use stats::DirectionStats;

use crate::time::Time;

/// Why a datagram did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Longer than the path takes.
    Mtu,
    /// By chance, in a burst, periodically.
    Loss,
    /// Picked by a script or by its command.
    Scripted,
    /// The queue of a slow link was full.
    Queue,
    /// The way was cut.
    Cut,
    /// A NAT knows no mapping, or the address belongs to nobody.
    NoRoute,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [DropReason; 6] = [
        DropReason::Mtu,
        DropReason::Loss,
        DropReason::Scripted,
        DropReason::Queue,
        DropReason::Cut,
        DropReason::NoRoute,
    ];
}

/// What the network decided about one datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The how-manieth datagram of its direction, from 0.
    pub number: u64,
    /// Why it does not arrive, if it does not.
    pub dropped: Option<DropReason>,
    /// Whether its bytes were changed.
    pub corrupted: bool,
    /// How many copies arrive (1 unless duplicated, 0 if dropped).
    pub copies: u8,
    /// When the first copy arrives; the send time if none does. [`Fate::UNKNOWN`] while it is held, or waits in a line
    /// that is shared or drops at its head: that queue may still drop it.
    pub arrives: Time,
}

impl Fate {
    /// The arrival of a datagram about which it is not yet decided.
    pub const UNKNOWN: Time = Time(u64::MAX);
}

/// A copy of a datagram on its way to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// When it arrives.
    pub at: Time,
    /// At which host.
    pub to: usize,
    /// The source address it shows.
    pub source: SocketAddr,
    /// Its bytes.
    pub bytes: Vec<u8>,
}
