//! Hosts that find each other: [`Pair`], [`Crowd`] and the way both connect.

use super::{End, Event, quiet, turn};
use crate::clock::{Counted, Gauge, Patience};

/// A server and a client, connected.
pub struct Pair<S: End, C: End> {
    /// Who listens.
    pub server: S,
    /// Who connected.
    pub client: C,
    /// The client, to the server.
    pub to_client: S::Peer,
    /// The server, to the client.
    pub to_server: C::Peer,
}

impl<S: End, C: End> Pair<S, C> {
    /// Both with a single slot.
    pub fn open() -> Result<Self, String> {
        let (mut server, mut client) = (S::open(1)?, C::open(1)?);
        let mut gauge = Gauge::new(Counted::Server);
        let (at_server, at_client) = join(&mut server, &mut client, 1, &mut gauge)?;
        let (Some(&to_client), Some(&to_server)) = (at_server.first(), at_client.first()) else {
            return Err("nobody is connected".to_owned());
        };
        Ok(Pair { server, client, to_client, to_server })
    }
}

/// Peers as the server knows them, and as the client does.
pub type Joined<S, C> = (Vec<<S as End>::Peer>, Vec<<C as End>::Peer>);

/// Connects a client host `count` times, all at once. The gauge
/// sees the server's turns.
pub fn join<S: End, C: End>(
    server: &mut S,
    client: &mut C,
    count: usize,
    gauge: &mut Gauge,
) -> Result<Joined<S, C>, String> {
    let to = server.address()?;
    for _ in 0..count {
        client.connect(to)?;
    }
    let (mut at_server, mut at_client) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut patience = Patience::new();
    while at_server.len() < count || at_client.len() < count {
        let asked = turn(client, |_, event| connected(&event).map(|peer| at_client.push(peer)))?;
        let answered =
            gauge.server(|| turn(server, |_, event| connected(&event).map(|peer| at_server.push(peer))))?;
        patience.note(asked + answered, || {
            format!("{} of {count} connections are made, {} confirmed", at_client.len(), at_server.len())
        })?;
    }
    // The last acknowledgements.
    for _ in 0..2 {
        quiet(client)?;
        gauge.server(|| quiet(server))?;
    }
    Ok((at_server, at_client))
}

fn connected<P: Copy>(event: &Event<P, &[u8]>) -> Result<P, String> {
    match event {
        Event::Connected(peer) => Ok(*peer),
        Event::Received(..) => Err("a packet that nobody sent".to_owned()),
        Event::Disconnected(_) => Err("a connection failed".to_owned()),
    }
}

/// Ends connections from the client's side, and waits until both sides know.
pub fn part<S: End, C: End>(server: &mut S, client: &mut C, peers: &[C::Peer]) -> Result<(), String> {
    for peer in peers {
        client.disconnect(*peer)?;
    }
    let (mut left, mut gone) = (0, 0);
    let mut patience = Patience::new();
    while left < peers.len() || gone < peers.len() {
        let asked = turn(client, |_, event| disconnected(&event).map(|()| left += 1))?;
        let answered = turn(server, |_, event| disconnected(&event).map(|()| gone += 1))?;
        patience.note(asked + answered, || format!("{left} of {} connections are ended", peers.len()))?;
    }
    Ok(())
}

fn disconnected<P>(event: &Event<P, &[u8]>) -> Result<(), String> {
    match event {
        Event::Disconnected(_) => Ok(()),
        _ => Err("something other than the end of a connection".to_owned()),
    }
}

/// A server and many peers of it, in one or more client hosts.
pub struct Crowd<S: End, C: End> {
    /// Who listens.
    pub server: S,
    /// Where the peers live.
    pub clients: Vec<C>,
}

impl<S: End, C: End> Crowd<S, C> {
    /// Connections made at once: few enough for any receive buffer.
    const WAVE: usize = 64;

    /// A server with `spare` slots more than peers. A client host holds up to `each` of them: 1 gives every peer a
    /// socket of its own.
    pub fn open(peers: usize, each: usize, spare: usize) -> Result<Self, String> {
        let slots = |number: usize| u16::try_from(number).map_err(|_| "more than 4095 slots".to_owned());
        let mut server = S::open(slots(peers + spare)?)?;
        let mut clients = Vec::new();
        let mut gauge = Gauge::new(Counted::Server);
        let mut left = peers;
        while left > 0 {
            let here = left.min(each);
            let mut client = C::open(slots(here)?)?;
            for start in (0..here).step_by(Self::WAVE) {
                let wave = (here - start).min(Self::WAVE);
                let (at_server, at_client) = join(&mut server, &mut client, wave, &mut gauge)?;
                at_server.into_iter().try_for_each(|peer| server.steady(peer))?;
                at_client.into_iter().try_for_each(|peer| client.steady(peer))?;
            }
            clients.push(client);
            left -= here;
        }
        Ok(Crowd { server, clients })
    }

    /// Lets pings and acknowledgements pass that have become due.
    pub fn settle(&mut self) -> Result<(), String> {
        for _ in 0..3 {
            quiet(&mut self.server)?;
            for client in &mut self.clients {
                quiet(client)?;
            }
        }
        quiet(&mut self.server)
    }
}
