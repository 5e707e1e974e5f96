//! [`Shared`]: what every connection of a host works with.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::num::NonZeroU8;

use crate::channel::account::Account;
use crate::channel::memory::Memory;
use crate::config::{Checksum, HostConfig, PeerDefaults, Redundancy};
use crate::error::SendErrorReason;
use crate::peer::acks::Runs;
use crate::peer::command::Commands;
use crate::profile::Profile;
use crate::stats::{DiscardReason, HostStats};
use crate::time::Millis;

/// The host's settings, clock and counters, lent to a connection for the length of a call.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) now: Millis,
    /// Microseconds of the running millisecond.
    pub(crate) micros: u16,
    pub(crate) profile: Profile,
    pub(crate) redundancy: Redundancy,
    pub(crate) mtu: u32,
    pub(crate) channel_limit: u8,
    pub(crate) incoming_bandwidth: u32,
    pub(crate) outgoing_bandwidth: u32,
    pub(crate) max_packet_size: u32,
    pub(crate) max_waiting_data: u32,
    /// Bytes of a connection's queue at which it is full.
    pub(crate) max_queued_data: u64,
    pub(crate) writable_events: bool,
    /// Connections that wait for room in their queue, of which the application is to be told.
    pub(crate) full: Vec<u16>,
    pub(crate) max_peers_per_ip: Option<u16>,
    /// Whether a disconnect that anybody could have sent is confirmed.
    pub(crate) confirms_disconnects: bool,
    /// Whether lost connections give back what they did not deliver.
    pub(crate) returns_undelivered: bool,
    pub(crate) peer_defaults: PeerDefaults,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) stats: HostStats,
    pub(crate) memory: Memory,
    /// The commands of all connections, and the acknowledgements they owe.
    pub(crate) commands: Commands,
    pub(crate) acks: Runs,
    /// Our addresses that peers have used.
    locals: Vec<IpAddr>,
    /// What the acknowledgement before this one in a datagram taught its connection, if the profile looks at evidence.
    pub(crate) heard: Option<Heard>,
    stamp: u32,
}

/// A datagram of ours that arrived: the sent time that its acknowledgements echo, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) echoed: u16,
    pub(crate) datagram: u16,
}

/// One of our addresses, by number: a machine has few, and each connection need not keep it in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LocalAddress(NonZeroU8);

impl Shared {
    pub(crate) fn new(config: &HostConfig) -> Self {
        Shared {
            now: Millis::UNSET,
            micros: 0,
            profile: config.profile,
            redundancy: config.redundancy,
            mtu: u32::from(config.mtu.get()),
            channel_limit: config.channels.get(),
            incoming_bandwidth: config.incoming_bandwidth.map_or(0, core::num::NonZero::get),
            outgoing_bandwidth: config.outgoing_bandwidth.map_or(0, core::num::NonZero::get),
            max_packet_size: config.max_packet_size,
            max_waiting_data: config.max_waiting_data,
            max_queued_data: match config.profile {
                Profile::Compat => u64::MAX,
                Profile::Modern => u64::from(config.max_queued_data.max(1)),
            },
            writable_events: config.writable_events,
            full: Vec::new(),
            max_peers_per_ip: config.max_peers_per_ip,
            confirms_disconnects: config.confirm_disconnects && config.profile.proves_addresses(),
            returns_undelivered: config.return_undelivered,
            peer_defaults: config.peer_defaults,
            checksum: config.checksum,
            stats: HostStats::default(),
            memory: Memory::new(account(config)),
            commands: Commands::new(),
            acks: Runs::new(),
            locals: Vec::new(),
            heard: None,
            stamp: 0,
        }
    }

    /// Why a packet is given back whose connection's queue is full.
    #[cold]
    pub(crate) fn queue_full(&self) -> SendErrorReason {
        SendErrorReason::QueueFull { max: u32::try_from(self.max_queued_data).unwrap_or(u32::MAX) }
    }

    /// Takes `commands` consecutive places in the order in which things were queued; the first of them.
    pub(crate) fn take_stamps(&mut self, commands: u32) -> u32 {
        let first = self.stamp.wrapping_add(1);
        self.stamp = self.stamp.wrapping_add(commands);
        first
    }

    /// The first of those that would be taken next.
    pub(crate) const fn next_stamp(&self) -> u32 {
        self.stamp.wrapping_add(1)
    }

    /// The number of an address of ours. `None` for those of a machine that has more than 255.
    pub(crate) fn note_local(&mut self, address: IpAddr) -> Option<LocalAddress> {
        let known = self.locals.iter().position(|it| *it == address);
        let index = known.unwrap_or(self.locals.len());
        let number = u8::try_from(index + 1).ok().and_then(NonZeroU8::new)?;
        if known.is_none() {
            self.locals.push(address);
        }
        Some(LocalAddress(number))
    }

    pub(crate) fn local_address(&self, local: Option<LocalAddress>) -> Option<IpAddr> {
        self.locals.get(usize::from(local?.0.get()) - 1).copied()
    }

    /// What a connection may hold from now on.
    pub(crate) fn set_max_waiting_data(&mut self, bytes: u32) {
        self.max_waiting_data = bytes;
        self.memory.account.set_share(bytes);
    }

    /// Gives memory back that a burst left behind.
    pub(crate) fn trim(&mut self) {
        self.memory.trim();
        self.commands.trim();
        self.acks.trim();
    }

    pub(crate) fn discard(&mut self, reason: DiscardReason) {
        self.stats.discarded.count(reason);
    }
}

/// The limits on received data; C has none on memory.
fn account(config: &HostConfig) -> Account {
    match config.profile {
        Profile::Compat => Account::unlimited(),
        Profile::Modern => Account::new(config.memory.get(), config.max_waiting_data),
    }
}
