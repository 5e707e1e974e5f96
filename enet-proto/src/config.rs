//! What a host is told at birth: [`HostConfig`] and the self-validating types of its fields.

use alloc::boxed::Box;
use core::fmt;
use core::num::{NonZeroU8, NonZeroU32};
use core::time::Duration;

use enet_compress::Compressor;
use enet_wire::Crc32;

use crate::profile::Profile;
use crate::time::millis;

/// Everything a [`Host`](crate::Host) needs to know before it starts. The fields' types are valid by construction.
///
/// ```
/// use enet_proto::{Checksum, HostConfig, PeerLimit};
/// let mut config = HostConfig::new([7; 32]);
/// config.peers = PeerLimit::new(16).unwrap();
/// config.checksum = Some(Checksum::CRC32);
/// assert_eq!(config.mtu.get(), 1392);
/// ```
#[non_exhaustive]
pub struct HostConfig {
    /// Source of everything that must be unguessable (connect ids). Take it from the operating system; equal seeds
    /// and equal calls give equal bytes.
    pub seed: [u8; 32],
    /// Whose decisions the host takes where the wire leaves a choice. Default [`Profile::Modern`].
    pub profile: Profile,
    /// Whether reliable commands ride along before anybody misses them. Default [`Redundancy::Off`].
    pub redundancy: Redundancy,
    /// Simultaneous connections, incoming and outgoing together. Default 64.
    pub peers: PeerLimit,
    /// Channels granted to an incoming connection at most. Default 255.
    pub channels: ChannelLimit,
    /// Downstream limit in bytes/s announced to peers, `None` = unlimited (PROTOCOL.md §11).
    pub incoming_bandwidth: Option<NonZeroU32>,
    /// Upstream limit in bytes/s, `None` = unlimited. It scales windows and throttles; it is not a pacer.
    pub outgoing_bandwidth: Option<NonZeroU32>,
    /// Largest datagram (UDP payload bytes, without the checksum) offered to peers. Default 1392.
    pub mtu: Mtu,
    /// Largest packet sent or accepted, in bytes. No less than what peers send: a reliable packet that is larger is never taken, so
    /// what follows on its channel waits, and in the end the connection times out
    /// ([`DiscardReason::PacketTooLarge`](crate::DiscardReason::PacketTooLarge) counts it). Default 32 MiB.
    pub max_packet_size: u32,
    /// Bytes of received but not yet fetched data per peer at which further data is refused. The memory counts that it
    /// takes, 224 bytes for an empty packet; under [`Profile::Compat`] the payload alone. Packets in fragments that were
    /// begun go on. Default 32 MiB.
    pub max_waiting_data: u32,
    /// Memory that received and not yet fetched data of all peers may take. No peer gets more of it than is left for all
    /// others: a single one half, each of two a third. A packet in fragments longer than that is never taken. Not under
    /// [`Profile::Compat`]. Default 256 MiB.
    pub memory: MemoryLimit,
    /// Bytes queued to a peer, sent and not acknowledged ones included, at which further packets are given back: payload,
    /// and 320 bytes for each command; one packet is always taken. Not under [`Profile::Compat`]. Default 32 MiB.
    pub max_queued_data: u32,
    /// Whether [`Event::Writable`](crate::Event::Writable) says when a queue that was full takes packets again. Default `false`.
    pub writable_events: bool,
    /// Connections that one IPv4 address, or the /64 of an IPv6 address, may hold, `None` = unlimited; `Some(0)` ignores every
    /// incoming connection, and says nothing. Link-local addresses, and those behind NAT64 or Teredo, count each for itself.
    pub max_peers_per_ip: Option<u16>,
    /// Clients that were answered and have not proven their address yet, at most. Each takes 96 bytes while it lasts, and those
    /// with a token for [`Ask`](crate::Admission::Ask) together up to 4 MiB more; in a flood the oldest make room. Default
    /// 65,535.
    pub half_open: HalfOpenLimit,
    /// Never send more to an unproven address than came from there. By default three times as much may go there, so that
    /// a lost answer is repeated, unless there is a flood.
    pub strict_handshake: bool,
    /// Ask a peer that seems to have disconnected whether it has, if anybody could have said so in its name: its end is
    /// then reported after max(500 ms, twice the retransmission timeout). Not under [`Profile::Compat`]. Default true.
    pub confirm_disconnects: bool,
    /// What every peer is told as soon as it exists: see [`Host::set_peer_defaults`](crate::Host::set_peer_defaults).
    pub peer_defaults: PeerDefaults,
    /// Whether [`Disconnected`](crate::Event::Disconnected) carries the reliable packets that a lost connection did not
    /// deliver, to be sent again over another: at least once, see [`Undelivered`](crate::Undelivered). Default false.
    pub return_undelivered: bool,
    /// Whether [`Refused`](crate::Event::Refused) tells whom the host turned away. Default false.
    pub report_refusals: bool,
    /// Checksum of every datagram; both ends must agree. Default none.
    pub checksum: Option<Checksum>,
    /// Compressor of every datagram; both ends must agree. Default none.
    pub compressor: Option<Box<dyn Compressor>>,
}

impl HostConfig {
    /// ENet's defaults with this seed.
    pub fn new(seed: [u8; 32]) -> Self {
        HostConfig {
            seed,
            profile: Profile::default(),
            redundancy: Redundancy::Off,
            peers: PeerLimit::DEFAULT,
            channels: ChannelLimit::MAX,
            incoming_bandwidth: None,
            outgoing_bandwidth: None,
            mtu: Mtu::DEFAULT,
            max_packet_size: 32 << 20,
            max_waiting_data: 32 << 20,
            memory: MemoryLimit::DEFAULT,
            max_queued_data: 32 << 20,
            writable_events: false,
            max_peers_per_ip: None,
            half_open: HalfOpenLimit::DEFAULT,
            strict_handshake: false,
            confirm_disconnects: true,
            peer_defaults: PeerDefaults::default(),
            return_undelivered: false,
            report_refusals: false,
            checksum: None,
            compressor: None,
        }
    }
}

impl fmt::Debug for HostConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostConfig")
            .field("peers", &self.peers)
            .field("channels", &self.channels)
            .field("mtu", &self.mtu)
            .field("checksum", &self.checksum)
            .field("compressed", &self.compressor.is_some())
            .finish_non_exhaustive()
    }
}

/// Whether unacknowledged reliable commands ride again in datagrams that leave anyway, before anything says that they
/// were lost. It buys latency with bytes; nothing of it shows on a network that loses nothing. Receivers, stock ones
/// included, acknowledge the copies and drop them. Only with [`Profile::Modern`].
///
/// ```
/// use core::num::NonZeroU8;
/// use enet_proto::{HostConfig, Redundancy};
/// let mut config = HostConfig::new([7; 32]);
/// assert_eq!(config.redundancy, Redundancy::Off);
/// config.redundancy = Redundancy::Repeat(NonZeroU8::new(2).unwrap());
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redundancy {
    /// A command goes out again when it was lost.
    #[default]
    Off,
    /// A small command rides in up to so many further datagrams until it is acknowledged: with 2, three copies in all.
    /// Only packets of up to 256 bytes. Suspended while the path cannot bear it: while the throttle is below its full share,
    /// where queues grow, and where packets and copies together would exceed a bandwidth limit, ours or the peer's.
    Repeat(NonZeroU8),
}

/// What a host tells all its peers, those it has and those to come. In C each must be told, and anew after each connect.
///
/// ```
/// use core::time::Duration;
/// use enet_proto::{ConnectOptions, Host, HostConfig, PeerDefaults};
/// let mut defaults = PeerDefaults::default();
/// defaults.ping_interval = Duration::from_millis(100);
/// let mut config = HostConfig::new([7; 32]);
/// config.peer_defaults = defaults;
/// let mut host = Host::new(config);
/// let peer = host.connect("192.0.2.1:6789".parse()?, ConnectOptions::default())?;
/// assert_eq!(host.peer(peer).unwrap().ping_interval(), Duration::from_millis(100));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerDefaults {
    /// When a silent peer is given up. An attempt's own [`timeout`](crate::ConnectOptions) goes before it.
    pub timeouts: Timeouts,
    /// How long nothing may be acknowledged before a ping is sent; zero stands for 500 ms.
    pub ping_interval: Duration,
    /// How fast the throttle moves, on both ends; `None` for what the connecting end chose.
    pub throttle: Option<ThrottleSettings>,
    /// Whether silence raises events. Default [`Stalls::Unnoticed`].
    pub stalls: Stalls,
    /// Whether each peer's bytes and datagrams are counted: [`Peer::totals`](crate::Peer::totals). Default false.
    pub totals: bool,
    /// Whether pings and their answers raise events: [`Ping`](crate::Event::Ping), [`Pong`](crate::Event::Pong).
    /// Default false.
    pub pings: bool,
}

impl Default for PeerDefaults {
    fn default() -> Self {
        PeerDefaults {
            timeouts: Timeouts::default(),
            ping_interval: Duration::from_millis(500),
            throttle: None,
            stalls: Stalls::Unnoticed,
            totals: false,
            pings: false,
        }
    }
}

/// Whether a host looks for connections that lag, and what becomes of unreliable packets meanwhile.
///
/// A connection is stalled when something reliable, be it a ping, is in flight and nothing was acknowledged for 1 s or for
/// four retransmission timeouts, whichever is longer. That raises [`Stalled`](crate::Event::Stalled); the next
/// acknowledgement raises [`Resumed`](crate::Event::Resumed). Reliable packets are queued meanwhile, as always.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stalls {
    /// Nobody looks.
    #[default]
    Unnoticed,
    /// Events are raised, and unreliable packets are sent all the same.
    Report,
    /// Unreliable packets that are sent during a stall are dropped.
    DropUnreliable,
    /// Of each channel's unreliable packets that are sent during a stall, the last one is sent when it is over.
    KeepLatest,
}

/// A number outside the range of a configuration type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigError {
    what: &'static str,
    value: usize,
    minimum: u64,
    maximum: u64,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigError { what, value, minimum, maximum } = self;
        write!(f, "{what} is {value}: choose a number between {minimum} and {maximum}")
    }
}

impl core::error::Error for ConfigError {}

macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident($inner:ty): $what:literal, $min:expr, $max:expr, $default:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// The smallest value.
            pub const MIN: Self = $name($min);
            /// The largest value.
            pub const MAX: Self = $name($max);
            /// ENet's usual value.
            pub const DEFAULT: Self = $name($default);

            /// `None` outside [`MIN`](Self::MIN)`..=`[`MAX`](Self::MAX).
            pub const fn new(value: $inner) -> Option<Self> {
                match value {
                    $min..=$max => Some($name(value)),
                    #[allow(unreachable_patterns)] // where the type's own range ends there
                    _ => None,
                }
            }

            /// The number itself.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::DEFAULT
            }
        }

        impl TryFrom<usize> for $name {
            type Error = ConfigError;

            fn try_from(value: usize) -> Result<Self, ConfigError> {
                let (minimum, maximum) = (Self::MIN.0 as u64, Self::MAX.0 as u64);
                let error = ConfigError { what: $what, value, minimum, maximum };
                <$inner>::try_from(value).ok().and_then(Self::new).ok_or(error)
            }
        }
    };
}

bounded! {
    /// How many peers a host holds: 1 to 4095.
    PeerLimit(u16): "the peer limit", 1, 4095, 64
}
bounded! {
    /// How many channels a connection has: 1 to 255.
    ChannelLimit(u8): "the channel limit", 1, 255, 1
}
bounded! {
    /// Largest UDP payload, in bytes: 576 to 4096.
    Mtu(u16): "the MTU", 576, 4096, 1392
}

bounded! {
    /// How many clients may be about to connect: 1 to 65,535.
    HalfOpenLimit(u16): "the limit of half-open connections", 1, 65_535, 65_535
}

bounded! {
    /// Bytes of memory for received data of all peers: 1 MiB to 1 TiB.
    MemoryLimit(u64): "the memory limit", 0x10_0000, 0x100_0000_0000, 0x1000_0000
}

/// A checksum over whole datagrams (PROTOCOL.md §1.3): nothing on the wire announces it, so both ends must agree.
#[derive(Clone, Copy)]
pub struct Checksum(fn(&[&[u8]]) -> [u8; 4]);

impl Checksum {
    /// The stock `enet_crc32`.
    pub const CRC32: Checksum = Checksum(|parts| {
        let mut crc = Crc32::new();
        for part in parts {
            crc.update(part);
        }
        crc.finish().to_be_bytes()
    });

    /// A checksum of your own: from the parts, in order, to the four bytes as they appear on the wire.
    pub const fn custom(function: fn(&[&[u8]]) -> [u8; 4]) -> Checksum {
        Checksum(function)
    }

    /// The checksum of the concatenated parts.
    pub fn of(self, parts: &[&[u8]]) -> [u8; 4] {
        (self.0)(parts)
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checksum")
    }
}

/// When a silent peer is given up (PROTOCOL.md §9.5). A zero stands for that field's default.
///
/// A reliable command that is not acknowledged is retransmitted with doubling delays. The peer is gone when the oldest
/// such command has waited `maximum`, or has waited `minimum` and 2^(transmissions − 1) has reached `limit`.
/// With [`Profile::Modern`] it is the peer's silence that is measured, and the transmissions are those that timeouts of at
/// least 150 ms would have led to: with the defaults it lasts 9.45 s or more (docs/RECOVERY.md).
#[doc(alias = "enet_peer_timeout")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Power of two that the doublings must reach; 32 means six transmissions.
    pub limit: u32,
    /// Never give up before this.
    pub minimum: Duration,
    /// Always give up after this; while connecting or disconnecting at the next retransmission, whose delays double: up to
    /// half as long again.
    pub maximum: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { limit: 32, minimum: Duration::from_secs(5), maximum: Duration::from_secs(30) }
    }
}

impl Timeouts {
    /// The same with defaults in place of zeros, and the durations in ms.
    pub(crate) fn resolve(self) -> (u32, u32, u32) {
        let or = |value: u32, default: u32| if value == 0 { default } else { value };
        (or(self.limit, 32), or(millis(self.minimum), 5_000), or(millis(self.maximum), 30_000))
    }
}

/// How fast the share of unreliable packets that are sent follows the round trip time (PROTOCOL.md §10.2).
#[doc(alias = "enet_peer_throttle_configure")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleSettings {
    /// How often the baseline round trip time is measured anew.
    pub interval: Duration,
    /// Added (of 32) for each acknowledgement at or below the baseline.
    pub acceleration: u32,
    /// Taken (of 32) for each acknowledgement well above the baseline. Zero never throttles.
    pub deceleration: u32,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        ThrottleSettings { interval: Duration::from_secs(5), acceleration: 2, deceleration: 2 }
    }
}
