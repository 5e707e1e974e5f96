//! [`C`]: the installed C library at one side of a wire.

use std::net::SocketAddrV4;

use enet_reference::simulated::{Interposed, Net, Received, Sent, SimulatedHost};
use enet_reference::{CEvent, CHostConfig, CPeer, Library};

use super::end::{End, Happening, Kind};
use super::wire::{Side, Wire};

/// A host of `libenet` in its default configuration.
pub struct C {
    host: SimulatedHost,
    side: Side,
}

impl End for C {
    type Peer = CPeer;

    fn new(side: Side, slots: u16) -> Result<Self, String> {
        let config = CHostConfig { peers: usize::from(slots), ..CHostConfig::default() };
        Ok(C { host: library()?.host(config, side as u32 * 0x1000_0000)?, side })
    }

    fn connect(&mut self, _: &Wire) -> Result<CPeer, String> {
        self.host.connect(self.side.other().address(), 2, 0).ok_or_else(|| "no slot is free".to_owned())
    }

    fn send(&mut self, peer: CPeer, kind: Kind, bytes: &[u8]) -> Result<(), String> {
        let sent = self.host.send(peer, 0, bytes, flags(kind));
        sent.then_some(()).ok_or_else(|| "enet_peer_send refuses".to_owned())
    }

    fn broadcast(&mut self, kind: Kind, bytes: &[u8]) {
        self.host.broadcast(0, bytes, flags(kind));
    }

    fn forget(&mut self, peers: &[CPeer], _: &mut Wire) {
        for &peer in peers {
            self.host.reset(peer);
        }
    }

    fn turn(
        &mut self,
        wire: &mut Wire,
        app: &mut impl FnMut(&mut Self, CPeer, Happening<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut seat = Seat { wire, side: self.side };
        loop {
            match self.host.service(&mut seat).map_err(|failed| failed.to_string())? {
                Some(CEvent::Connected { peer, .. }) => app(self, peer, Happening::Connected)?,
                Some(CEvent::Received { peer, data, .. }) => app(self, peer, Happening::Received(&data))?,
                Some(CEvent::Disconnected { peer, .. }) => app(self, peer, Happening::Disconnected)?,
                // A call reads 256 datagrams at most.
                None if seat.wire.inbox(self.side).is_empty() => return Ok(()),
                None => {}
            }
        }
    }
}

/// The C library, if it is installed and uses this program's sockets.
///
/// # Errors
/// A sentence on what is missing.
pub fn library() -> Result<Interposed, String> {
    use std::sync::OnceLock;
    static LIBRARY: OnceLock<Result<Interposed, String>> = OnceLock::new();
    LIBRARY.get_or_init(Library::interposed).clone()
}

/// `ENetPacketFlag`
const fn flags(kind: Kind) -> u32 {
    match kind {
        Kind::Reliable => 1,
        Kind::Unreliable => 0,
        Kind::Unsequenced => 2,
    }
}

/// The wire as the library sees it.
struct Seat<'a> {
    wire: &'a mut Wire,
    side: Side,
}

impl Net for Seat<'_> {
    fn now(&mut self) -> u32 {
        self.wire.millis()
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Received {
        let from = self.side.other().address();
        match self.wire.inbox(self.side).pop() {
            None => Received::Nothing,
            Some(datagram) => match buffer.get_mut(..datagram.len()) {
                None => Received::Truncated,
                Some(place) => {
                    place.copy_from_slice(datagram);
                    Received::Datagram { len: datagram.len(), from }
                }
            },
        }
    }

    fn send(&mut self, _: SocketAddrV4, bytes: &[u8]) -> Sent {
        self.wire.outbox(self.side).push(bytes);
        Sent::Sent
    }
}
