//! Our hosts: [`Ours`] is a [`Service`], [`Everywhere`] one on all addresses, [`Polled`] a [`Host`] in a poll of the
//! application's, [`Driven`] one without.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use enet_mio::enet_proto::{ThrottleSettings, Timeouts};
use enet_mio::{ConnectOptions, Host, HostConfig, Packet, PeerId, PeerLimit, Service, random_seed};
use mio::{Events, Interest, Poll, Token};

use super::{Delivery, End, Event, GIVE_UP, THROTTLE};

/// `enet_mio::Service`, on the loopback's address or on all.
pub struct Bound<const ON_ALL: bool>(Service);

/// The usual one here.
pub type Ours = Bound<false>;

/// Bound as servers usually are: each datagram tells at which address it arrived, and answers leave from there.
pub type Everywhere = Bound<true>;

/// `enet_mio::Host` in an application's own `mio::Poll`.
pub struct Polled {
    host: Host,
    poll: Poll,
    ready: Events,
}

/// `enet_mio::Host` that is looked at in every turn, without a poll: one file descriptor, for swarms of clients.
pub struct Driven(Host);

fn config(slots: u16) -> Result<HostConfig, String> {
    let mut config = HostConfig::new(random_seed().map_err(text)?);
    config.peers = PeerLimit::new(slots).ok_or("a host has 1 to 4095 slots")?;
    Ok(config)
}

fn bind(slots: u16) -> Result<Host, String> {
    Host::bind("127.0.0.1:*", config(slots)?).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A wrapper of a host: all that differs between them is how one is made and how it comes by events.
trait Wrapper: Sized + Send {
    fn make(slots: u16) -> Result<Self, String>;
    fn host(&self) -> &Host;
    fn host_mut(&mut self) -> &mut Host;
    /// The next event that needs no I/O, where that is asked for apart.
    fn at_hand(&mut self) -> Option<enet_mio::Event> {
        None
    }
    fn next(&mut self, wait: Duration) -> io::Result<Option<enet_mio::Event>>;
}

impl<const ON_ALL: bool> Wrapper for Bound<ON_ALL> {
    fn make(slots: u16) -> Result<Self, String> {
        let to = if ON_ALL { "0.0.0.0:*" } else { "127.0.0.1:*" };
        Service::bind(to, config(slots)?).map(Bound).map_err(text)
    }

    fn host(&self) -> &Host {
        &self.0
    }

    fn host_mut(&mut self) -> &mut Host {
        &mut self.0
    }

    #[inline]
    fn next(&mut self, wait: Duration) -> io::Result<Option<enet_mio::Event>> {
        self.0.service(wait)
    }
}

impl Wrapper for Polled {
    fn make(slots: u16) -> Result<Self, String> {
        let (mut host, poll) = (bind(slots)?, Poll::new().map_err(text)?);
        poll.registry().register(&mut host, Token(0), Interest::READABLE).map_err(text)?;
        Ok(Polled { host, poll, ready: Events::with_capacity(4) })
    }

    fn host(&self) -> &Host {
        &self.host
    }

    fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    fn at_hand(&mut self) -> Option<enet_mio::Event> {
        self.host.poll_event()
    }

    /// The other steps of the loop that `enet_mio::Host` documents.
    fn next(&mut self, wait: Duration) -> io::Result<Option<enet_mio::Event>> {
        let wait = self.host.timeout().map_or(wait, |own| own.min(wait));
        self.poll.poll(&mut self.ready, Some(wait))?;
        if !self.ready.is_empty() {
            self.host.on_ready();
        }
        self.host.drive()?;
        Ok(self.host.poll_event())
    }
}

impl Wrapper for Driven {
    fn make(slots: u16) -> Result<Self, String> {
        bind(slots).map(Driven)
    }

    fn host(&self) -> &Host {
        &self.0
    }

    fn host_mut(&mut self) -> &mut Host {
        &mut self.0
    }

    fn at_hand(&mut self) -> Option<enet_mio::Event> {
        self.0.poll_event()
    }

    /// Does not wait.
    fn next(&mut self, _: Duration) -> io::Result<Option<enet_mio::Event>> {
        self.0.on_ready();
        self.0.drive()?;
        Ok(self.0.poll_event())
    }
}

impl<W: Wrapper> End for W {
    type Peer = PeerId;

    fn open(slots: u16) -> Result<Self, String> {
        W::make(slots)
    }

    fn address(&self) -> Result<SocketAddr, String> {
        let bound = self.host().local_addr().map_err(text)?;
        let ip = if bound.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { bound.ip() };
        Ok(SocketAddr::new(ip, bound.port()))
    }

    fn connect(&mut self, to: SocketAddr) -> Result<(), String> {
        self.host_mut().connect(to, ConnectOptions::default()).map(|_| ()).map_err(text)
    }

    #[inline]
    fn service(
        &mut self,
        wait: Duration,
        handle: impl FnOnce(&mut Self, Event<PeerId, &[u8]>) -> Result<(), String>,
    ) -> Result<bool, String> {
        if let Some(event) = &self.at_hand() {
            return tell(self, event, handle);
        }
        match &self.next(wait) {
            Ok(Some(event)) => tell(self, event, handle),
            Ok(None) => Ok(false),
            Err(error) => Err(text(error)),
        }
    }

    fn send(&mut self, peer: PeerId, delivery: Delivery, bytes: &[u8]) -> Result<(), String> {
        let packet = match delivery {
            Delivery::Reliable => Packet::reliable(bytes),
            Delivery::Unreliable => Packet::unreliable(bytes),
        };
        send(self.host_mut(), peer, packet)
    }

    fn send_static(&mut self, peer: PeerId, bytes: &'static [u8]) -> Result<(), String> {
        send(self.host_mut(), peer, Packet::from_static(enet_mio::Delivery::Reliable, bytes))
    }

    fn broadcast(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.host_mut().broadcast(0, Packet::unreliable(bytes));
        Ok(())
    }

    fn steady(&mut self, peer: PeerId) -> Result<(), String> {
        let mut peer = self.host_mut().peer_mut(peer).ok_or("the peer is gone")?;
        let (limit, time) = (GIVE_UP.0, Duration::from_millis(GIVE_UP.1.into()));
        peer.set_timeouts(Timeouts { limit, minimum: time, maximum: time });
        let (interval, acceleration, deceleration) = THROTTLE;
        let interval = Duration::from_millis(interval.into());
        peer.set_throttle(ThrottleSettings { interval, acceleration, deceleration });
        Ok(())
    }

    fn disconnect(&mut self, peer: PeerId) -> Result<(), String> {
        self.host_mut().peer_mut(peer).ok_or("the peer is gone")?.disconnect(0);
        Ok(())
    }
}

/// Handles an event where it lies; that there was one.
#[inline]
fn tell<W>(
    end: &mut W,
    event: &enet_mio::Event,
    handle: impl FnOnce(&mut W, Event<PeerId, &[u8]>) -> Result<(), String>,
) -> Result<bool, String> {
    match event {
        enet_mio::Event::Received { peer, packet, .. } => handle(end, Event::Received(*peer, packet))?,
        enet_mio::Event::Connected { peer, .. } => handle(end, Event::Connected(*peer))?,
        enet_mio::Event::Disconnected { peer, .. } => handle(end, Event::Disconnected(*peer))?,
        other => return Err(format!("an event that is new to the benchmark: {other:?}")),
    }
    Ok(true)
}

fn send(host: &mut Host, peer: PeerId, packet: Packet) -> Result<(), String> {
    let mut peer = host.peer_mut(peer).ok_or("the peer is gone")?;
    peer.send(0, packet).map_err(|error| format!("the packet is refused: {error}"))
}
