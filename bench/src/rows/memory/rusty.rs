//! [`Rusty`]: the crate `rusty_enet` at one side of a wire.

use std::cell::Cell;
use std::convert::Infallible;
use std::mem;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use rusty_enet::{
    Event, EventNoRef, Host, HostSettings, MTU_MAX, Packet, PacketKind, PacketReceived, PeerID, Socket,
};

use super::hosts::end::{End, Happening, Kind};
use super::hosts::wire::{Side, Wire};

/// A host of `rusty_enet` in its default configuration.
pub struct Rusty {
    host: Host<Seat>,
    clock: Rc<Cell<Duration>>,
    side: Side,
}

impl End for Rusty {
    type Peer = PeerID;

    fn new(side: Side, slots: u16) -> Result<Self, String> {
        let clock = Rc::new(Cell::new(Duration::ZERO));
        let settings = HostSettings {
            peer_limit: usize::from(slots),
            time: Box::new({
                let clock = Rc::clone(&clock);
                move || clock.get()
            }),
            seed: Some(side as u32 * 0x1000_0000),
            ..HostSettings::default()
        };
        let seat = Seat { wire: Wire::default(), side };
        let host = Host::new(seat, settings).map_err(|error| error.to_string())?;
        Ok(Rusty { host, clock, side })
    }

    fn connect(&mut self, wire: &Wire) -> Result<PeerID, String> {
        self.clock.set(Duration::from_micros(wire.now));
        let to = SocketAddr::V4(self.side.other().address());
        let peer = self.host.connect(to, 2, 0).map_err(|error| error.to_string())?;
        Ok(peer.id())
    }

    fn send(&mut self, peer: PeerID, kind: Kind, bytes: &[u8]) -> Result<(), String> {
        self.host.peer_mut(peer).send(0, &packet(kind, bytes)).map_err(|error| error.to_string())
    }

    fn broadcast(&mut self, kind: Kind, bytes: &[u8]) {
        self.host.broadcast(0, &packet(kind, bytes));
    }

    fn forget(&mut self, peers: &[PeerID], wire: &mut Wire) {
        mem::swap(wire, &mut self.host.socket_mut().wire);
        for &peer in peers {
            self.host.peer_mut(peer).reset();
        }
        mem::swap(wire, &mut self.host.socket_mut().wire);
    }

    fn turn(
        &mut self,
        wire: &mut Wire,
        app: &mut impl FnMut(&mut Self, PeerID, Happening<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        self.clock.set(Duration::from_micros(wire.now));
        mem::swap(wire, &mut self.host.socket_mut().wire);
        let result = self.serve(app);
        mem::swap(wire, &mut self.host.socket_mut().wire);
        result
    }
}

impl Rusty {
    /// A turn, while the socket holds the wire.
    fn serve(
        &mut self,
        app: &mut impl FnMut(&mut Self, PeerID, Happening<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        loop {
            match self.host.service().map(|event| event.map(Event::no_ref)) {
                Ok(Some(EventNoRef::Connect { peer, .. })) => app(self, peer, Happening::Connected)?,
                Ok(Some(EventNoRef::Disconnect { peer, .. })) => app(self, peer, Happening::Disconnected)?,
                Ok(Some(EventNoRef::Receive { peer, packet, .. })) => {
                    app(self, peer, Happening::Received(packet.data()))?;
                }
                // A call reads 256 datagrams at most.
                Ok(None) if self.host.socket_mut().wire.inbox(self.side).is_empty() => return Ok(()),
                Ok(None) => {}
            }
        }
    }
}

fn packet(kind: Kind, bytes: &[u8]) -> Packet {
    let kind = match kind {
        Kind::Reliable => PacketKind::Reliable,
        Kind::Unreliable => PacketKind::Unreliable { sequenced: true },
        Kind::Unsequenced => PacketKind::Unreliable { sequenced: false },
    };
    Packet::new(bytes, kind)
}

/// The host's socket. It holds the wire while the host is being called.
#[derive(Debug)]
struct Seat {
    wire: Wire,
    side: Side,
}

impl Socket for Seat {
    type Address = SocketAddr;
    type Error = Infallible;

    fn send(&mut self, _: SocketAddr, bytes: &[u8]) -> Result<usize, Infallible> {
        self.wire.outbox(self.side).push(bytes);
        Ok(bytes.len())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8; MTU_MAX],
    ) -> Result<Option<(SocketAddr, PacketReceived)>, Infallible> {
        let Some(datagram) = self.wire.inbox(self.side).pop() else { return Ok(None) };
        let received = match buffer.get_mut(..datagram.len()) {
            None => PacketReceived::Partial,
            Some(place) => {
                place.copy_from_slice(datagram);
                PacketReceived::Complete(datagram.len())
            }
        };
        Ok(Some((SocketAddr::V4(self.side.other().address()), received)))
    }
}
