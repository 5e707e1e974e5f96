//! [`Subject`]: a host that is driven by its contract and watched: its own bookkeeping, the laws of driving, the grammar of events, the
//! shape of what it sends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use enet_proto::{
    ChannelLimit, Checksum, Datagram, DiscardReason, Discarded, Event, Host, HostConfig, Instant, Mtu,
    Packet, PeerId, PeerLimit, Profile, RangeCoder, Transmit,
};
use enet_testkit::Opened;

use crate::values;

/// How a host is set up; a value, so that two equal hosts can be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) start: u64,
    pub(crate) profile: Profile,
    pub(crate) checksum: bool,
    pub(crate) range_coder: bool,
    pub(crate) peers: u16,
    pub(crate) channels: u8,
    pub(crate) mtu: u16,
    pub(crate) max_packet_size: u32,
    pub(crate) max_waiting_data: u32,
    pub(crate) max_peers_per_ip: Option<u16>,
    pub(crate) bandwidth: Option<u32>,
}

impl Setup {
    /// From a few bytes.
    pub(crate) fn read(input: &mut Unstructured<'_>) -> Result<Setup> {
        let bits = input.arbitrary::<u16>()?;
        let pick = |at: u32, width: u32| usize::from(bits >> at & ((1 << width) - 1));
        Ok(Setup {
            start: values::start(input)?,
            profile: [Profile::Modern, Profile::Compat][pick(0, 1)],
            checksum: pick(1, 1) == 1,
            range_coder: pick(2, 2) == 3,
            peers: [8, 1, 2, 4][pick(4, 2)],
            channels: [255, 1, 2, 3][pick(6, 2)],
            mtu: [1392, 576, 4096, 4090][pick(8, 2)],
            max_packet_size: [1 << 20, 0, 100, 32 << 20][pick(10, 2)],
            max_waiting_data: [1 << 20, 0, 500, 32 << 20][pick(12, 2)],
            max_peers_per_ip: [None, None, Some(0), Some(1)][pick(14, 2)],
            bandwidth: [None, Some(1), Some(20_000), Some(u32::MAX)][pick(3, 2)],
        })
    }

    pub(crate) fn config(&self) -> HostConfig {
        let mut config = HostConfig::new([7; 32]);
        config.profile = self.profile;
        config.checksum = self.checksum();
        if self.range_coder {
            config.compressor = Some(RangeCoder::boxed());
        }
        config.peers = PeerLimit::new(self.peers).expect("in range");
        config.channels = ChannelLimit::new(self.channels).expect("in range");
        config.mtu = Mtu::new(self.mtu).expect("in range");
        config.max_packet_size = self.max_packet_size;
        config.max_waiting_data = self.max_waiting_data;
        config.max_peers_per_ip = self.max_peers_per_ip;
        config.incoming_bandwidth = self.bandwidth.and_then(NonZeroU32::new);
        config.outgoing_bandwidth = self.bandwidth.and_then(NonZeroU32::new);
        config
    }

    pub(crate) fn checksum(&self) -> Option<Checksum> {
        self.checksum.then_some(Checksum::CRC32)
    }
}

/// How far a connection is, for the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Connected,
    Over,
}

/// A datagram of the host's.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    /// Taken apart, unless it was the application's own.
    pub(crate) opened: Option<Opened>,
}

/// The host and its driver.
pub(crate) struct Subject {
    pub(crate) host: Host,
    pub(crate) now: Instant,
    /// Whether its datagrams carry a checksum.
    pub(crate) with_checksum: bool,
    /// What it sent since somebody took it.
    pub(crate) sent: Vec<Sent>,
    /// What it told its application since somebody took it, but for packets, which are only looked at.
    pub(crate) received: Vec<(PeerId, u8, Packet)>,
    /// Connections that were reported and have not ended.
    lives: BTreeMap<PeerId, Life>,
    /// The largest packet and the largest account that were ever allowed.
    max_packet_size: u32,
    max_waiting_data: u32,
    /// Datagrams in a train at most.
    segments: NonZeroUsize,
    /// A hash of all that it sent and reported.
    pub(crate) hash: u64,
}

/// Datagrams that one round of polling may give: far more than windows and queues can hold.
const DATAGRAMS: usize = 100_000;
/// Deadlines that are visited one by one during a wait; the rest of it is slept through.
const DEADLINES: usize = 40;

/// How often a datagram, or the rest of one, was discarded. What else is counted ends none: a group and a disconnect that are
/// doubted, each for itself, and attempts of others that make room.
fn ends(discarded: &Discarded) -> u64 {
    const IN_PASSING: [DiscardReason; 3] =
        [DiscardReason::DoubtedGroup, DiscardReason::DoubtedDisconnect, DiscardReason::Displaced];
    discarded.total() - IN_PASSING.map(|reason| discarded.get(reason)).iter().sum::<u64>()
}

impl Subject {
    pub(crate) fn new(setup: &Setup) -> Subject {
        Subject {
            host: Host::new(setup.config()),
            now: Instant::from_millis(setup.start),
            with_checksum: setup.checksum,
            sent: Vec::new(),
            received: Vec::new(),
            lives: BTreeMap::new(),
            max_packet_size: setup.max_packet_size,
            max_waiting_data: setup.max_waiting_data,
            segments: NonZeroUsize::new(if setup.start.is_multiple_of(2) { 64 } else { 1 })
                .expect("not zero"),
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// The low half of the clock.
    pub(crate) fn clock(&self) -> u16 {
        (self.now.as_millis() & 0xFFFF) as u16
    }

    /// Allows more from now on, and holds the host to the most that was ever allowed.
    pub(crate) fn limit(&mut self, max_packet_size: u32, max_waiting_data: u32) {
        self.host.set_max_packet_size(max_packet_size);
        self.host.set_max_waiting_data(max_waiting_data);
        self.max_packet_size = self.max_packet_size.max(max_packet_size);
        self.max_waiting_data = self.max_waiting_data.max(max_waiting_data);
    }

    /// Hands in a datagram; nothing is polled.
    pub(crate) fn hears(&mut self, from: SocketAddr, bytes: &[u8]) {
        let before = self.host.stats();
        self.host.handle_datagram(self.now, Datagram::new(from, bytes));
        let after = self.host.stats();
        assert_eq!(after.datagrams_received, before.datagrams_received + 1);
        assert!(ends(&after.discarded) <= ends(&before.discarded) + 1, "one reason is enough");
        self.check();
    }

    /// Lets time pass, with all that is due in it.
    pub(crate) fn wait(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        for _ in 0..DEADLINES {
            let Some(due) = self.host.poll_timeout().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// Does what is due and polls until there is nothing: then nothing is left, and the next deadline lies ahead.
    pub(crate) fn settle(&mut self) {
        self.host.handle_timeout(self.now);
        self.poll();
        assert!(
            !self.host.has_pending_transmit() && !self.host.has_pending_event(),
            "polled dry, and more to come"
        );
        let deadline = self.host.poll_timeout();
        assert!(deadline.is_none_or(|due| due > self.now), "{deadline:?} is not after {:?}", self.now);
        self.check();
    }

    /// Polls until there is nothing.
    pub(crate) fn poll(&mut self) {
        let mut datagrams = 0;
        let mut out = Vec::new();
        loop {
            let mut quiet = true;
            while let Some(transmit) = self.host.poll_transmit(self.now, &mut out, self.segments) {
                assert_eq!(transmit.len, out.len());
                let bytes = std::mem::take(&mut out);
                for datagram in bytes.chunks(transmit.segment.unwrap_or(transmit.len).max(1)) {
                    datagrams += 1;
                    self.depart(&transmit, datagram);
                }
                assert!(datagrams < DATAGRAMS, "sending has no end");
            }
            while let Some(event) = self.host.poll_event() {
                quiet = false;
                self.note(event);
            }
            if quiet {
                return;
            }
        }
    }

    /// Looks at something it sends.
    pub(crate) fn depart(&mut self, transmit: &Transmit, bytes: &[u8]) {
        assert!(bytes.len() <= 4096, "nobody can receive {} bytes", bytes.len());
        self.hash_bytes(bytes);
        let opened = (transmit.to != RAW).then(|| {
            let opened = Opened::open(bytes, self.with_checksum).expect("a datagram that can be read");
            let commands = opened.commands();
            let good = commands.clone().take_while(|it| it.is_ok()).count();
            let mut rest = commands;
            rest.by_ref().take(good).for_each(drop);
            assert!(rest.remaining().iter().all(|byte| *byte == 0), "commands nobody can read");
            opened
        });
        self.sent.push(Sent { to: transmit.to, bytes: bytes.to_vec(), opened });
    }

    /// Looks at an event: for each peer `(Connected Received*)? Disconnected?`.
    pub(crate) fn note(&mut self, event: Event) {
        let peer = event.peer().expect("nobody asks to be asked");
        self.hash_bytes(&peer.to_bits().to_le_bytes());
        let life = self.lives.get(&peer).copied();
        match event {
            Event::Connected { data, .. } => {
                assert_eq!(life, None, "connected twice");
                self.hash_bytes(&data.to_le_bytes());
                self.lives.insert(peer, Life::Connected);
            }
            Event::Received { channel, packet, .. } => {
                assert_eq!(life, Some(Life::Connected), "a packet out of season");
                assert!(self.host.peer(peer).is_some_and(|peer| channel.get() < peer.channels()));
                self.hash_bytes(&packet);
                self.received.push((peer, channel.get(), packet));
            }
            Event::Disconnected { data, .. } => {
                assert_ne!(life, Some(Life::Over), "ended twice");
                self.hash_bytes(&data.to_le_bytes());
                assert!(self.host.peer(peer).is_none(), "a handle that outlives its end");
                self.lives.insert(peer, Life::Over);
            }
            other => panic!("an event nobody asked for: {other:?}"),
        }
    }

    /// The application has forgotten a connection: nothing may be heard of it any more.
    pub(crate) fn forget(&mut self, peer: PeerId) {
        self.lives.insert(peer, Life::Over);
    }

    /// Connections that were reported, whatever became of them.
    pub(crate) fn stories(&self) -> usize {
        self.lives.len()
    }

    /// Peers that live, in slot order.
    pub(crate) fn peers(&self) -> Vec<PeerId> {
        self.host.peers().map(|peer| peer.id()).collect()
    }

    /// The host's books, and the bounds on what others make it hold.
    pub(crate) fn check(&mut self) {
        self.host.check_invariants();
        let limit = u64::from(self.max_waiting_data) + u64::from(self.max_packet_size);
        let mut connected = 0;
        for peer in self.host.peers() {
            let waiting = u64::from(peer.stats().waiting_data);
            assert!(waiting <= limit, "{waiting} bytes wait, {limit} are allowed");
            connected += usize::from(self.lives.get(&peer.id()) == Some(&Life::Connected));
        }
        assert!(connected <= self.host.peer_limit());
    }

    fn hash_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Where datagrams of the application's own go.
pub(crate) const RAW: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 99)), 9);
