//! [`End`]: a host of ours or of the C library, with the same calls for both.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use enet_mio::enet_proto::{Mtu, Profile, RequestId, Timeouts};
use enet_mio::{
    ChannelLimit, Checksum, ConnectOptions, Delivery, DisconnectReason, Event, HostConfig, Packet, PeerId,
    PeerLimit, RangeCoder, Service, random_seed,
};
use enet_testkit::libenet::{CEvent, CHost, CHostConfig, CPeer, Library};

/// Whose host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    C,
}

/// Who listens and who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) server: Kind,
    pub(crate) client: Kind,
}

pub(crate) const BOTH_WAYS: [Roles; 2] =
    [Roles { server: Kind::Ours, client: Kind::C }, Roles { server: Kind::C, client: Kind::Ours }];

/// What a datagram is wrapped in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) checksum: bool,
    pub(crate) range_coder: bool,
}

pub(crate) const PLAIN: Wire = Wire { checksum: false, range_coder: false };
pub(crate) const CRC32: Wire = Wire { checksum: true, range_coder: false };
pub(crate) const RANGE_CODER: Wire = Wire { checksum: false, range_coder: true };
pub(crate) const CRC32_AND_RANGE_CODER: Wire = Wire { checksum: true, range_coder: true };
pub(crate) const WIRES: [Wire; 4] = [PLAIN, CRC32, RANGE_CODER, CRC32_AND_RANGE_CODER];

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.checksum, self.range_coder) {
            (false, false) => "plain",
            (true, false) => "CRC32",
            (false, true) => "range coder",
            (true, true) => "CRC32 and range coder",
        })
    }
}

/// Both ways, on every wire.
pub(crate) fn every_pairing() -> impl Iterator<Item = (Roles, Wire)> {
    BOTH_WAYS.into_iter().flat_map(|roles| WIRES.map(|wire| (roles, wire)))
}

/// What a host is made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) wire: Wire,
    pub(crate) peers: u16,
    pub(crate) channels: u8,
    /// `None` for the library's own: 1392 of ours, 1400 of C's.
    pub(crate) mtu: Option<u16>,
    /// Bytes/s, 0 = unlimited.
    pub(crate) incoming: u32,
    pub(crate) outgoing: u32,
    /// Whose decisions ours takes.
    pub(crate) profile: Profile,
}

impl Default for Setup {
    fn default() -> Self {
        let profile = Profile::default();
        Setup { wire: PLAIN, peers: 32, channels: 255, mtu: None, incoming: 0, outgoing: 0, profile }
    }
}

impl Setup {
    pub(crate) fn on(wire: Wire) -> Setup {
        Setup { wire, ..Setup::default() }
    }

    pub(crate) fn ours(self) -> HostConfig {
        let mut config = HostConfig::new(random_seed().expect("entropy"));
        config.profile = self.profile;
        config.peers = PeerLimit::new(self.peers).expect("a number of peers");
        config.channels = ChannelLimit::new(self.channels).expect("a number of channels");
        if let Some(mtu) = self.mtu {
            config.mtu = Mtu::new(mtu).expect("an MTU");
        }
        config.incoming_bandwidth = NonZeroU32::new(self.incoming);
        config.outgoing_bandwidth = NonZeroU32::new(self.outgoing);
        config.checksum = self.wire.checksum.then_some(Checksum::CRC32);
        if self.wire.range_coder {
            config.compressor = Some(RangeCoder::boxed());
        }
        config
    }

    fn c(self) -> CHostConfig {
        CHostConfig {
            peers: usize::from(self.peers),
            channels: usize::from(self.channels),
            incoming_bandwidth: self.incoming,
            outgoing_bandwidth: self.outgoing,
            mtu: self.mtu.map(u32::from),
            checksum: self.wire.checksum,
            range_coder: self.wire.range_coder,
        }
    }
}

/// What a client asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) channels: u8,
    pub(crate) data: u32,
    /// Whether to give up as soon as the protocol can.
    pub(crate) hurried: bool,
    /// What goes before the CONNECT; C cannot.
    pub(crate) token: &'static [u8],
}

impl Default for Ask {
    fn default() -> Self {
        Ask { channels: 2, data: 0, hurried: false, token: &[] }
    }
}

/// How to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Disconnect,
    Later,
    Now,
    Reset,
}

/// A host's handle of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Ours(PeerId),
    C(CPeer),
}

impl Peer {
    pub(crate) fn ours(self) -> PeerId {
        match self {
            Peer::Ours(peer) => peer,
            Peer::C(peer) => panic!("{peer:?} is not of ours"),
        }
    }

    pub(crate) fn c(self) -> CPeer {
        match self {
            Peer::C(peer) => peer,
            Peer::Ours(peer) => panic!("{peer:?} is not of C"),
        }
    }
}

/// What an application is told.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Connected {
        peer: Peer,
        data: u32,
    },
    Received {
        peer: Peer,
        channel: u8,
        delivery: Delivery,
        payload: Vec<u8>,
    },
    /// Somebody asks ours to be let in.
    Requested {
        request: RequestId,
        data: u32,
    },
    /// C gives no reason.
    Disconnected {
        peer: Peer,
        reason: Option<DisconnectReason>,
        data: u32,
    },
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Heard::Connected { peer, data } => write!(f, "connected to {peer:?}, data {data:#x}"),
            Heard::Received { peer, channel, delivery, payload } => {
                write!(f, "received from {peer:?} on channel {channel}: {delivery:?}, {}", summary(payload))
            }
            Heard::Requested { request, data } => write!(f, "asked by {request:?}, data {data:#x}"),
            Heard::Disconnected { peer, reason, data } => {
                write!(f, "disconnected from {peer:?}, {reason:?}, data {data:#x}")
            }
        }
    }
}

/// A payload in a few words that differ for different payloads.
pub(crate) fn summary(payload: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    payload.hash(&mut hasher);
    format!("{} bytes #{:04x}", payload.len(), hasher.finish() & 0xFFFF)
}

/// Gives up about half a second after a first transmission, and soon after later ones.
const HURRY: Timeouts =
    Timeouts { limit: 32, minimum: Duration::from_millis(100), maximum: Duration::from_millis(200) };

/// A host.
pub(crate) enum End {
    Ours(Box<Service>),
    C(CHost),
}

impl End {
    pub(crate) fn server(kind: Kind, library: &Library, setup: Setup) -> End {
        match kind {
            Kind::Ours => Service::bind("127.0.0.1:*", setup.ours()).expect("a free port").into(),
            Kind::C => End::C(library.host(setup.c()).expect("a host of C")),
        }
    }

    /// Ours is bound to all addresses, of both families if the machine has them.
    pub(crate) fn client(kind: Kind, library: &Library, setup: Setup) -> End {
        match kind {
            Kind::Ours => Service::client(setup.ours()).expect("a free port").into(),
            Kind::C => End::server(kind, library, setup),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            End::Ours(_) => Kind::Ours,
            End::C(_) => Kind::C,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            End::Ours(service) => service.local_addr().expect("bound"),
            End::C(host) => host.address(),
        }
    }

    pub(crate) fn service(&mut self, timeout: Duration) -> Option<Heard> {
        match self {
            End::Ours(service) => service.service(timeout).expect("a working socket").map(Heard::from),
            End::C(host) => host.service(timeout).map(Heard::from),
        }
    }

    pub(crate) fn connect(&mut self, to: SocketAddr, ask: Ask) -> Peer {
        match self {
            End::Ours(service) => {
                let channels = ChannelLimit::new(ask.channels).expect("a number of channels");
                let timeout = ask.hurried.then_some(HURRY);
                let options =
                    ConnectOptions { channels, data: ask.data, timeout, ..ConnectOptions::default() };
                Peer::Ours(service.connect_with_token(to, options, ask.token).expect("a free slot"))
            }
            End::C(host) => {
                let peer = host.connect(to, usize::from(ask.channels), ask.data);
                let peer = Peer::C(peer.expect("a free slot"));
                if ask.hurried {
                    self.hurry(peer);
                }
                peer
            }
        }
    }

    /// Lets a host give a peer up soon.
    pub(crate) fn hurry(&mut self, peer: Peer) {
        let ms = |duration: Duration| u32::try_from(duration.as_millis()).expect("a short time");
        match self {
            End::Ours(service) => service.peer_mut(peer.ours()).expect("a peer").set_timeouts(HURRY),
            End::C(host) => host.timeout(peer.c(), HURRY.limit, ms(HURRY.minimum), ms(HURRY.maximum)),
        }
    }

    /// Whether the host takes the packet.
    pub(crate) fn send(&mut self, to: Peer, channel: u8, delivery: Delivery, payload: &[u8]) -> bool {
        match self {
            End::Ours(service) => {
                let mut peer = service.peer_mut(to.ours()).expect("a peer");
                peer.send(channel, Packet::new(delivery, payload)).is_ok()
            }
            End::C(host) => host.send(to.c(), channel, payload, flags(delivery)),
        }
    }

    pub(crate) fn broadcast(&mut self, channel: u8, delivery: Delivery, payload: &[u8]) {
        match self {
            End::Ours(service) => {
                service.broadcast(channel, Packet::new(delivery, payload));
            }
            End::C(host) => host.broadcast(channel, payload, flags(delivery)),
        }
    }

    pub(crate) fn leave(&mut self, peer: Peer, manner: Manner, data: u32) {
        match self {
            End::Ours(service) => {
                let mut peer = service.peer_mut(peer.ours()).expect("a peer");
                match manner {
                    Manner::Disconnect => peer.disconnect(data),
                    Manner::Later => peer.disconnect_later(data),
                    Manner::Now => peer.disconnect_now(data),
                    Manner::Reset => peer.reset(),
                }
            }
            End::C(host) => match manner {
                Manner::Disconnect => host.disconnect(peer.c(), data),
                Manner::Later => host.disconnect_later(peer.c(), data),
                Manner::Now => host.disconnect_now(peer.c(), data),
                Manner::Reset => host.reset(peer.c()),
            },
        }
    }

    pub(crate) fn channels(&self, peer: Peer) -> usize {
        match self {
            End::Ours(service) => usize::from(service.peer(peer.ours()).expect("a peer").channels()),
            End::C(host) => host.channels(peer.c()),
        }
    }

    pub(crate) fn mtu(&self, peer: Peer) -> u32 {
        match self {
            End::Ours(service) => u32::from(service.peer(peer.ours()).expect("a peer").mtu()),
            End::C(host) => host.mtu(peer.c()),
        }
    }

    pub(crate) fn connected_peers(&self) -> usize {
        match self {
            End::Ours(service) => service.connected_peers(),
            End::C(host) => host.connected_peers(),
        }
    }
}

impl From<Service> for End {
    fn from(service: Service) -> End {
        End::Ours(Box::new(service))
    }
}

impl From<Event> for Heard {
    fn from(event: Event) -> Heard {
        if let Event::ConnectRequest { request, data, .. } = event {
            return Heard::Requested { request, data };
        }
        let peer = Peer::Ours(event.peer().expect("an event of a peer"));
        match event {
            Event::Connected { data, .. } => Heard::Connected { peer, data },
            Event::Received { channel, packet, .. } => Heard::Received {
                peer,
                channel: channel.get(),
                delivery: packet.delivery(),
                payload: packet.to_vec(),
            },
            Event::Disconnected { reason, data, .. } => {
                Heard::Disconnected { peer, reason: Some(reason), data }
            }
            other => panic!("{other:?}"),
        }
    }
}

impl From<CEvent> for Heard {
    fn from(event: CEvent) -> Heard {
        match event {
            CEvent::Connected { peer, data } => Heard::Connected { peer: Peer::C(peer), data },
            CEvent::Received { peer, channel, flags, data } => {
                let delivery = delivery(flags);
                Heard::Received { peer: Peer::C(peer), channel, delivery, payload: data }
            }
            CEvent::Disconnected { peer, data } => {
                Heard::Disconnected { peer: Peer::C(peer), reason: None, data }
            }
        }
    }
}

/// `ENET_PACKET_FLAG_*` (PROTOCOL.md §12.1)
const fn flags(delivery: Delivery) -> u32 {
    match delivery {
        Delivery::Reliable => 1,
        Delivery::Unreliable => 0,
        Delivery::UnreliableFragments => 8,
        Delivery::Unsequenced => 2,
        Delivery::UnsequencedOrFragments => 10,
    }
}

/// What the flags of a packet that C received say.
fn delivery(flags: u32) -> Delivery {
    match flags {
        1 => Delivery::Reliable,
        0 => Delivery::Unreliable,
        8 => Delivery::UnreliableFragments,
        2 => Delivery::Unsequenced,
        other => panic!("a packet with flags {other:#x}"),
    }
}
