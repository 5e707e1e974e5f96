//! [`Rusty`]: the crate `rusty_enet`, a transpiled ENet, on a socket of the standard library.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rusty_enet::{EventNoRef, Host, HostSettings, Packet, PeerID};
use socket2::SockRef;

use super::{Delivery, End, Event, GIVE_UP, SOCKET_BUFFER, THROTTLE};

/// A host of `rusty_enet`.
pub struct Rusty(Host<UdpSocket>);

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

impl End for Rusty {
    type Peer = PeerID;

    fn open(slots: u16) -> Result<Self, String> {
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(text)?;
        // The crate leaves this to its user, since the standard library cannot.
        SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER).map_err(text)?;
        SockRef::from(&socket).set_send_buffer_size(SOCKET_BUFFER).map_err(text)?;
        let settings = HostSettings { peer_limit: usize::from(slots), ..HostSettings::default() };
        Host::new(socket, settings).map(Rusty).map_err(text)
    }

    fn address(&self) -> Result<SocketAddr, String> {
        self.0.socket().local_addr().map_err(text)
    }

    fn connect(&mut self, to: SocketAddr) -> Result<(), String> {
        self.0.connect(to, 1, 0).map(|_| ()).map_err(text)
    }

    /// The crate does not wait, so this looks again until the time is over, and sleeps as long as a careful user would.
    fn service(
        &mut self,
        wait: Duration,
        handle: impl FnOnce(&mut Self, Event<PeerID, &[u8]>) -> Result<(), String>,
    ) -> Result<bool, String> {
        let deadline = (!wait.is_zero()).then(|| Instant::now() + wait);
        let event = loop {
            let event = self.0.service().map_err(text)?.map(rusty_enet::Event::no_ref);
            match event {
                Some(event) => break event,
                None if deadline.is_none_or(|deadline| Instant::now() >= deadline) => return Ok(false),
                None => std::thread::sleep(Duration::from_micros(50)),
            }
        };
        match event {
            EventNoRef::Connect { peer, .. } => handle(self, Event::Connected(peer))?,
            EventNoRef::Disconnect { peer, .. } => handle(self, Event::Disconnected(peer))?,
            EventNoRef::Receive { peer, packet, .. } => handle(self, Event::Received(peer, packet.data()))?,
        }
        Ok(true)
    }

    fn send(&mut self, peer: PeerID, delivery: Delivery, bytes: &[u8]) -> Result<(), String> {
        let packet = match delivery {
            Delivery::Reliable => Packet::reliable(bytes),
            Delivery::Unreliable => Packet::unreliable(bytes),
        };
        self.0.peer_mut(peer).send(0, &packet).map_err(text)
    }

    /// There is no way around a copy.
    fn send_static(&mut self, peer: PeerID, bytes: &'static [u8]) -> Result<(), String> {
        self.send(peer, Delivery::Reliable, bytes)
    }

    fn broadcast(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.0.broadcast(0, &Packet::unreliable(bytes));
        Ok(())
    }

    fn steady(&mut self, peer: PeerID) -> Result<(), String> {
        let peer = self.0.peer_mut(peer);
        peer.set_timeout(GIVE_UP.0, GIVE_UP.1, GIVE_UP.1);
        peer.set_throttle(THROTTLE.0, THROTTLE.1, THROTTLE.2);
        Ok(())
    }

    fn disconnect(&mut self, peer: PeerID) -> Result<(), String> {
        self.0.peer_mut(peer).disconnect(0);
        Ok(())
    }
}
