//! [`Ours`]: `enet-proto` at one side of a wire.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use enet_proto::{
    ChannelLimit, ConnectOptions, Datagram, Delivery, Event, Host, HostConfig, Instant, Packet, PeerId,
    PeerLimit,
};

use super::end::{End, Happening, Kind};
use super::wire::{Side, Wire};

/// Datagrams of one train, as a driver over a kernel with segmentation offload asks for them.
const SEGMENTS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// A host of `enet-proto` in its default configuration.
pub struct Ours {
    host: Host,
    side: Side,
    /// Room for a train of datagrams.
    out: Vec<u8>,
}

impl End for Ours {
    type Peer = PeerId;

    fn new(side: Side, slots: u16) -> Result<Self, String> {
        let mut config = HostConfig::new([side as u8 + 1; 32]);
        config.peers = PeerLimit::new(slots).ok_or_else(|| format!("no host has {slots} slots"))?;
        Ok(Ours { host: Host::new(config), side, out: Vec::new() })
    }

    fn connect(&mut self, wire: &Wire) -> Result<PeerId, String> {
        self.host.handle_timeout(instant(wire));
        let channels = ChannelLimit::new(2).ok_or("two channels")?;
        let options = ConnectOptions { channels, ..ConnectOptions::default() };
        let to = SocketAddr::V4(self.side.other().address());
        self.host.connect(to, options).map_err(|error| error.to_string())
    }

    fn send(&mut self, peer: PeerId, kind: Kind, bytes: &[u8]) -> Result<(), String> {
        let mut peer = self.host.peer_mut(peer).ok_or("a peer is gone")?;
        peer.send(0, packet(kind, bytes)).map_err(|error| error.to_string())
    }

    fn broadcast(&mut self, kind: Kind, bytes: &[u8]) {
        self.host.broadcast(0, packet(kind, bytes));
    }

    fn forget(&mut self, peers: &[PeerId], _: &mut Wire) {
        for &peer in peers {
            if let Some(peer) = self.host.peer_mut(peer) {
                peer.reset();
            }
        }
    }

    fn turn(
        &mut self,
        wire: &mut Wire,
        app: &mut impl FnMut(&mut Self, PeerId, Happening<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let now = instant(wire);
        let source = SocketAddr::V4(self.side.other().address());
        while let Some(bytes) = wire.inbox(self.side).pop() {
            self.host.handle_datagram(now, Datagram::new(source, bytes));
        }
        // Handled where it lies: an event is not small.
        while let Some(event) = &self.host.poll_event() {
            match event {
                Event::Connected { peer, .. } => app(self, *peer, Happening::Connected)?,
                Event::Received { peer, packet, .. } => app(self, *peer, Happening::Received(packet))?,
                Event::Disconnected { peer, .. } => app(self, *peer, Happening::Disconnected)?,
                _ => {}
            }
        }
        self.host.handle_timeout(now);
        let outbox = wire.outbox(self.side);
        while let Some(train) = self.host.poll_transmit(now, &mut self.out, SEGMENTS) {
            for datagram in self.out.chunks(train.segment.unwrap_or(train.len.max(1))) {
                outbox.push(datagram);
            }
            self.out.clear();
        }
        std::hint::black_box(self.host.poll_timeout());
        Ok(())
    }
}

fn instant(wire: &Wire) -> Instant {
    Instant::from_micros(wire.now)
}

fn packet(kind: Kind, bytes: &[u8]) -> Packet {
    let delivery = match kind {
        Kind::Reliable => Delivery::Reliable,
        Kind::Unreliable => Delivery::Unreliable,
        Kind::Unsequenced => Delivery::Unsequenced,
    };
    Packet::new(delivery, bytes)
}
