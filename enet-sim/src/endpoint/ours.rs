//! [`Ours`]: `enet-proto` as an [`Endpoint`].

use std::net::SocketAddr;
use std::num::{NonZeroU8, NonZeroU32, NonZeroUsize};
use std::time::Duration;

use enet_proto::{
    ChannelLimit, Checksum, ConnectId, ConnectOptions, Datagram, Delivery, DisconnectReason, Event, Host,
    HostConfig, Instant, Mtu, Packet, PeerId, PeerLimit, RangeCoder, Redundancy, Socket, ThrottleSettings,
    Timeouts, Transmit,
};

use serde::{Deserialize, Serialize};

use super::{Arrived, Close, Conn, Ended, Endpoint, Happening, Kind, Port, Setting, Snapshot};
use crate::scenario::{HostSpec, Profile};
use crate::time::{Span, Time};

/// Datagrams in a train at most: what Linux sends at once.
const TRAIN: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// In which order a service call does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// As the contract of `enet-proto` has it: datagrams in, timeouts, datagrams and events out.
    EventLoop,
    /// As the C library's `enet_host_service` does (PROTOCOL.md §18.2).
    #[default]
    AsC,
}

/// A host of `enet-proto`.
pub struct Ours {
    host: Host,
    order: Order,
    timeouts: Option<Timeouts>,
    ping_interval: Option<Duration>,
    throttle: Option<ThrottleSettings>,
    /// If set, connects use successive ids from here, as hosts of the C library do.
    connect_ids: Option<u32>,
    trains: u64,
    out: Vec<u8>,
}

impl Ours {
    /// A host with `peers` slots. C's order has no trains: a modern host works as an event loop, whatever is asked for.
    pub fn new(spec: &HostSpec, peers: u16, seed: [u8; 32], order: Order) -> Self {
        let mut config = HostConfig::new(seed);
        let (profile, order) = match spec.profile {
            Profile::Compat => (enet_proto::Profile::Compat, order),
            Profile::Modern => (enet_proto::Profile::Modern, Order::EventLoop),
        };
        config.profile = profile;
        config.strict_handshake = spec.strict_handshake;
        config.redundancy = NonZeroU8::new(spec.redundancy).map_or(Redundancy::Off, Redundancy::Repeat);
        config.peers = PeerLimit::new(peers).unwrap_or_default();
        config.channels = ChannelLimit::new(spec.channels).unwrap_or_default();
        config.mtu = Mtu::new(spec.mtu).unwrap_or_default();
        config.incoming_bandwidth = spec.incoming_bandwidth.and_then(NonZeroU32::new);
        config.outgoing_bandwidth = spec.outgoing_bandwidth.and_then(NonZeroU32::new);
        config.checksum = spec.checksum.then_some(Checksum::CRC32);
        if spec.range_coder {
            config.compressor = Some(RangeCoder::boxed());
        }
        if let Some(limit) = spec.max_waiting_data {
            config.max_waiting_data = limit;
        }
        let timeouts = spec.timeouts.map(|it| timeouts(it.limit, it.minimum, it.maximum));
        let throttle = spec.throttle.map(|it| throttle(it.interval, it.acceleration, it.deceleration));
        Ours {
            host: Host::new(config),
            order,
            timeouts,
            ping_interval: spec.ping_interval.map(Span::as_duration),
            throttle,
            connect_ids: None,
            trains: 0,
            out: Vec::new(),
        }
    }

    /// Uses `first` as the id of the first connection it begins, and successive ones for the next.
    pub fn with_connect_ids(mut self, first: u32) -> Self {
        self.connect_ids = Some(first);
        self
    }

    fn raise(&mut self, port: &mut Port, event: Event) {
        match event {
            Event::Connected { peer, data } => {
                self.configure(peer);
                port.raise(&Happening::Connected { conn: Conn(peer.to_bits()), data });
            }
            Event::Received { peer, channel, packet } => port.raise(&Happening::Received {
                conn: Conn(peer.to_bits()),
                channel: channel.get(),
                kind: Some(kind(packet.delivery())),
                payload: &packet,
            }),
            Event::Disconnected { peer, reason, data, .. } => port.raise(&Happening::Disconnected {
                conn: Conn(peer.to_bits()),
                ended: ended(reason),
                data,
            }),
            _ => {}
        }
    }

    /// Gives a new connection the host's settings.
    fn configure(&mut self, peer: PeerId) {
        let Some(mut peer) = self.host.peer_mut(peer) else { return };
        if let Some(timeouts) = self.timeouts {
            peer.set_timeouts(timeouts);
        }
        if let Some(interval) = self.ping_interval {
            peer.set_ping_interval(interval);
        }
        if let Some(throttle) = self.throttle {
            peer.set_throttle(throttle);
        }
    }

    fn service_as_event_loop(&mut self, port: &mut Port) {
        let now = instant(port.now());
        while let Some(Arrived { source, bytes }) = port.receive() {
            self.host.handle_datagram(now, Datagram::new(source, &bytes));
            port.recycle(bytes);
        }
        self.host.handle_timeout(now);
        loop {
            self.out.clear();
            while let Some(transmit) = self.host.poll_transmit(now, &mut self.out, TRAIN) {
                self.trains += u64::from(transmit.segment.is_some());
                for datagram in self.out.chunks(transmit.segment.unwrap_or(transmit.len).max(1)) {
                    let _ = port.send(transmit.to, datagram); // what cannot be sent is lost, as on any network
                }
                self.out.clear();
            }
            let mut quiet = true;
            while let Some(event) = self.host.poll_event() {
                quiet = false;
                self.raise(port, event);
            }
            if quiet {
                return;
            }
        }
    }

    /// Calls again after each event, and while datagrams are left: a pass takes 256 of them, and ends at an empty one.
    fn service_as_c(&mut self, port: &mut Port) {
        let now = instant(port.now());
        loop {
            let waiting = port.inbox.len();
            let mut socket = PortSocket { port, read: None };
            let event = self.host.service_pass(now, &mut socket);
            if let Some(arrived) = socket.read.take() {
                port.recycle(arrived.bytes);
            }
            match event {
                Some(event) => self.raise(port, event),
                None if (1..waiting).contains(&port.inbox.len()) => {}
                None => return,
            }
        }
    }
}

/// The port as `service_pass` sees it.
struct PortSocket<'a> {
    port: &'a mut Port,
    read: Option<Arrived>,
}

impl Socket for PortSocket<'_> {
    fn receive(&mut self) -> Option<Datagram<'_>> {
        if let Some(arrived) = self.read.take() {
            self.port.recycle(arrived.bytes);
        }
        let arrived = self.read.insert(self.port.receive()?);
        Some(Datagram::new(arrived.source, &arrived.bytes))
    }

    fn send(&mut self, transmit: &Transmit, bytes: &[u8]) {
        let _ = self.port.send(transmit.to, bytes); // what cannot be sent is lost, as on any network
    }
}

impl Endpoint for Ours {
    fn connect(&mut self, _: &mut Port, to: SocketAddr, channels: u8, data: u32) -> Option<Conn> {
        let connect_id = self.connect_ids.map(|next| ConnectId(next.to_ne_bytes()));
        let channels = ChannelLimit::new(channels)?;
        let options =
            ConnectOptions { channels, data, connect_id, timeout: self.timeouts, ..Default::default() };
        let peer = self.host.connect(to, options).ok()?;
        // As in C, an attempt that finds no slot takes no id.
        self.connect_ids = self.connect_ids.map(|next| next.wrapping_add(1));
        Some(Conn(peer.to_bits()))
    }

    fn send(&mut self, _: &mut Port, conn: Conn, channel: u8, kind: Kind, payload: &[u8]) -> bool {
        let packet = Packet::new(delivery(kind), payload);
        self.host
            .peer_mut(PeerId::from_bits(conn.0))
            .is_some_and(|mut peer| peer.send(channel, packet).is_ok())
    }

    fn close(&mut self, _: &mut Port, conn: Conn, how: Close, data: u32) {
        let Some(mut peer) = self.host.peer_mut(PeerId::from_bits(conn.0)) else { return };
        match how {
            Close::Disconnect => peer.disconnect(data),
            Close::Later => peer.disconnect_later(data),
            Close::Now => peer.disconnect_now(data),
            Close::Reset => peer.reset(),
        }
    }

    fn set(&mut self, _: &mut Port, conn: Conn, setting: Setting) {
        let Some(mut peer) = self.host.peer_mut(PeerId::from_bits(conn.0)) else { return };
        match setting {
            Setting::Timeouts { limit, minimum, maximum } => {
                peer.set_timeouts(timeouts(limit, minimum, maximum));
            }
            Setting::Ping { interval } => peer.set_ping_interval(interval.as_duration()),
            Setting::Throttle { interval, acceleration, deceleration } => {
                peer.set_throttle(throttle(interval, acceleration, deceleration));
            }
        }
    }

    fn limit_bandwidth(&mut self, _: &mut Port, incoming: Option<u32>, outgoing: Option<u32>) {
        self.host
            .set_bandwidth_limits(incoming.and_then(NonZeroU32::new), outgoing.and_then(NonZeroU32::new));
    }

    fn service(&mut self, port: &mut Port) {
        match self.order {
            Order::EventLoop => self.service_as_event_loop(port),
            Order::AsC => self.service_as_c(port),
        }
    }

    fn deadline(&mut self) -> Option<Time> {
        let deadline = self.host.poll_timeout()?;
        Some(Time(deadline.as_micros().saturating_mul(1_000)))
    }

    fn snapshot(&self, conn: Conn) -> Option<Snapshot> {
        let peer = self.host.peer(PeerId::from_bits(conn.0))?;
        let stats = peer.stats();
        Some(Snapshot {
            state: peer.state() as u8,
            rtt: stats.round_trip_time,
            rtt_variance: stats.round_trip_time_variance,
            baseline_rtt: stats.last_round_trip_time,
            throttle: stats.throttle,
            throttle_limit: stats.throttle_limit,
            in_flight: stats.reliable_data_in_transit,
            window: stats.window_size,
            mtu: u32::from(peer.mtu()),
            waiting: stats.waiting_data,
            held: stats.held_data,
            packet_loss: stats.packet_loss,
            queued: u32::try_from(stats.queued + stats.in_flight).unwrap_or(u32::MAX),
        })
    }

    fn discarded(&self) -> Option<enet_proto::Discarded> {
        Some(self.host.stats().discarded)
    }

    fn trains(&self) -> u64 {
        self.trains
    }

    fn check_invariants(&mut self) {
        self.host.check_invariants();
    }
}

fn instant(time: Time) -> Instant {
    Instant::from_micros(time.0 / 1_000)
}

fn timeouts(limit: u32, minimum: Span, maximum: Span) -> Timeouts {
    Timeouts { limit, minimum: minimum.as_duration(), maximum: maximum.as_duration() }
}

fn throttle(interval: Span, acceleration: u32, deceleration: u32) -> ThrottleSettings {
    ThrottleSettings { interval: interval.as_duration(), acceleration, deceleration }
}

const fn delivery(kind: Kind) -> Delivery {
    match kind {
        Kind::Reliable => Delivery::Reliable,
        Kind::Unreliable => Delivery::Unreliable,
        Kind::UnreliableFragments => Delivery::UnreliableFragments,
        Kind::Unsequenced => Delivery::Unsequenced,
    }
}

const fn kind(delivery: Delivery) -> Kind {
    match delivery {
        Delivery::Reliable => Kind::Reliable,
        Delivery::Unreliable => Kind::Unreliable,
        Delivery::UnreliableFragments => Kind::UnreliableFragments,
        Delivery::Unsequenced | Delivery::UnsequencedOrFragments => Kind::Unsequenced,
    }
}

const fn ended(reason: DisconnectReason) -> Ended {
    match reason {
        DisconnectReason::Remote => Ended::Remote,
        DisconnectReason::Local => Ended::Local,
        DisconnectReason::TimedOut => Ended::TimedOut,
        DisconnectReason::ConnectTimedOut => Ended::ConnectTimedOut,
        DisconnectReason::Refused | DisconnectReason::HandshakeRejected => Ended::Refused,
        _ => Ended::Unknown,
    }
}
