//! [`End`]: a host of some implementation at one side of a [`Wire`], and [`Pair`]: two of them.

use super::wire::{Side, Wire};

/// How a packet is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Acknowledged and in order.
    Reliable,
    /// In order.
    Unreliable,
    /// Neither.
    Unsequenced,
}

/// What a host reports.
#[derive(Debug, Clone, Copy)]
pub enum Happening<'a> {
    /// A connection is established.
    Connected,
    /// A connection is over, which no row expects.
    Disconnected,
    /// A packet arrived.
    Received(&'a [u8]),
}

/// A host at one side of a wire.
pub trait End: Sized {
    /// One of its peers.
    type Peer: Copy;

    /// A host of the default configuration with `slots` slots for peers.
    fn new(side: Side, slots: u16) -> Result<Self, String>;

    /// Starts to connect to the other side with two channels.
    fn connect(&mut self, wire: &Wire) -> Result<Self::Peer, String>;

    /// Queues a packet on channel 0.
    fn send(&mut self, peer: Self::Peer, kind: Kind, bytes: &[u8]) -> Result<(), String>;

    /// Queues a packet to all peers on channel 0.
    fn broadcast(&mut self, kind: Kind, bytes: &[u8]);

    /// Ends all connections on this side at once, without events; what that sends is of no interest.
    fn forget(&mut self, peers: &[Self::Peer], wire: &mut Wire);

    /// One turn of an event loop: reads all that has arrived, reports what happened, then sends all there is to send and
    /// asks how long to sleep, as far as the implementation knows. `app` may send.
    fn turn(
        &mut self,
        wire: &mut Wire,
        app: &mut impl FnMut(&mut Self, Self::Peer, Happening<'_>) -> Result<(), String>,
    ) -> Result<(), String>;
}

/// Takes notice of nothing but that a connection ends.
pub fn ignore<E: End>(_: &mut E, _: E::Peer, happening: Happening<'_>) -> Result<(), String> {
    match happening {
        Happening::Disconnected => Err("a connection is over".to_owned()),
        Happening::Connected | Happening::Received(_) => Ok(()),
    }
}

/// Two hosts and the wire between them.
pub struct Pair<C: End, S: End> {
    /// The host that connects.
    pub client: C,
    /// The host that is connected to.
    pub server: S,
    /// Between them.
    pub wire: Wire,
    /// The client's peers, in the order they connected.
    pub peers: Vec<C::Peer>,
    /// The server's peers, in the order they connected.
    pub visitors: Vec<S::Peer>,
}

/// Turns in which a handshake of any number of peers is over, many times.
const PATIENCE: usize = 1000;

impl<C: End, S: End> Pair<C, S> {
    /// Hosts with as many slots, and nobody connected.
    pub fn new(client_slots: u16, server_slots: u16) -> Result<Self, String> {
        Ok(Pair {
            client: C::new(Side::Client, client_slots)?,
            server: S::new(Side::Server, server_slots)?,
            wire: Wire::default(),
            peers: Vec::new(),
            visitors: Vec::new(),
        })
    }

    /// Hosts with that many connections, and no slot free.
    pub fn connected(peers: u16) -> Result<Self, String> {
        let mut pair = Self::new(peers, peers)?;
        pair.connect(usize::from(peers))?;
        pair.settle(100)?;
        Ok(pair)
    }

    /// That many connections more, in bursts as small servers would see them.
    pub fn connect(&mut self, count: usize) -> Result<(), String> {
        let wanted = self.visitors.len() + count;
        while self.visitors.len() < wanted {
            for _ in 0..64.min(wanted - self.visitors.len()) {
                self.peers.push(self.client.connect(&self.wire)?);
            }
            for _ in 0..PATIENCE {
                if self.visitors.len() == self.peers.len() {
                    break;
                }
                self.turn_both()?;
            }
            if self.visitors.len() < self.peers.len() {
                let (some, all) = (self.visitors.len(), self.peers.len());
                return Err(format!("only {some} of {all} peers connected"));
            }
        }
        Ok(())
    }

    /// Lets so many turns of both pass, 10 ms each: acknowledgements come and go, pings are answered.
    pub fn settle(&mut self, turns: usize) -> Result<(), String> {
        for _ in 0..turns {
            self.wire.now += 10_000;
            self.turn_both()?;
        }
        Ok(())
    }

    /// A turn of each; who connects to the server is remembered.
    pub fn turn_both(&mut self) -> Result<(), String> {
        let Pair { client, server, wire, visitors, .. } = self;
        wire.now += 100;
        client.turn(wire, &mut ignore)?;
        server.turn(wire, &mut |end: &mut S, peer, happening| {
            if matches!(happening, Happening::Connected) {
                visitors.push(peer);
            }
            ignore(end, peer, happening)
        })
    }
}
