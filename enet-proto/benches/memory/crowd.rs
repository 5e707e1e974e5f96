//! A server with many peers: [`broadcast`], [`visit`], [`idle`], [`connect`]. Only the server's work is counted.

use super::end::{End, Happening, Kind, Pair, ignore};
use super::watch::{Clock, Spent, Stopwatch};

/// A server and its crowd, kept from one run to the next: they take long to connect.
pub type Crowd<C, S> = Option<Pair<C, S>>;

/// The crowd, which gathers if it is not there.
fn gather<C: End, S: End>(
    crowd: &mut Crowd<C, S>,
    peers: u16,
    slots: u16,
) -> Result<&mut Pair<C, S>, String> {
    if crowd.is_none() {
        let mut pair = Pair::new(slots, slots)?;
        pair.connect(usize::from(peers))?;
        pair.settle(200)?;
        *crowd = Some(pair);
    }
    crowd.as_mut().ok_or_else(|| "nobody came".to_owned())
}

/// µs between two ticks of a game, as real ones have them.
const TICK: u64 = 16_000;

/// The server sends 100 bytes to all, once a tick, and reads what has come since the last: about so many packets to a peer.
pub fn broadcast<C: End, S: End>(
    crowd: &mut Crowd<C, S>,
    clock: Clock,
    peers: u16,
    kind: Kind,
    messages: u64,
) -> Result<Spent, String> {
    let Pair { client, server, wire, .. } = gather(crowd, peers, peers)?;
    let bytes = [7; 100];
    let mut watch = Stopwatch::new(clock);
    let ticks = messages.div_ceil(u64::from(peers));
    let mut arrived = 0;
    for _ in 0..ticks {
        wire.now += TICK;
        watch.time(|| {
            server.broadcast(kind, &bytes);
            server.turn(wire, &mut ignore)
        })?;
        client.turn(wire, &mut |client: &mut C, peer, happening| match happening {
            Happening::Received(_) => {
                arrived += 1;
                Ok(())
            }
            other => ignore(client, peer, other),
        })?;
    }
    let sent = ticks * u64::from(peers);
    if arrived == sent { Ok(watch.over(sent)) } else { Err(format!("{arrived} of {sent} arrived")) }
}

/// In each turn another one of the peers has sent 32 bytes, reliable.
pub fn visit<C: End, S: End>(
    crowd: &mut Crowd<C, S>,
    clock: Clock,
    peers: u16,
    messages: u64,
) -> Result<Spent, String> {
    let Pair { client, server, wire, peers, .. } = gather(crowd, peers, peers)?;
    let mut watch = Stopwatch::new(clock);
    let (mut sent, mut arrived) = (0, 0);
    // The numbers of neighbours in the table are not next to each other in time.
    for &peer in peers.iter().step_by(7).cycle() {
        if sent == messages {
            break;
        }
        sent += 1;
        wire.now += 100;
        client.send(peer, Kind::Reliable, &[7; 32])?;
        client.turn(wire, &mut ignore)?;
        watch.time(|| {
            server.turn(wire, &mut |server: &mut S, peer, happening| match happening {
                Happening::Received(_) => {
                    arrived += 1;
                    Ok(())
                }
                other => ignore(server, peer, other),
            })
        })?;
    }
    if arrived == sent { Ok(watch.over(sent)) } else { Err(format!("{arrived} of {sent} arrived")) }
}

/// Turns of one batch of [`idle`]. A µs passes at each, and none of them is the first in its millisecond: nobody's time
/// has come.
const BATCH: u64 = 800;

/// Turns of a server that has nothing to do.
pub fn idle<C: End, S: End>(
    crowd: &mut Crowd<C, S>,
    clock: Clock,
    peers: u16,
    turns: u64,
) -> Result<Spent, String> {
    let pair = gather(crowd, peers, peers)?;
    let batches = turns.div_ceil(BATCH);
    let mut watch = Stopwatch::new(clock);
    for _ in 0..batches {
        pair.wire.now = pair.wire.now.next_multiple_of(1000);
        pair.turn_both()?; // pings come and go here
        pair.server.turn(&mut pair.wire, &mut ignore)?;
        pair.client.turn(&mut pair.wire, &mut ignore)?;
        watch.time(|| {
            for _ in 0..BATCH {
                pair.wire.now += 1;
                pair.server.turn(&mut pair.wire, &mut ignore)?;
            }
            Ok::<(), String>(())
        })?;
    }
    Ok(watch.over(batches * BATCH))
}

/// Connections of one burst of [`connect`].
const BURST: usize = 64;

/// Others connect while `present` peers are there, 64 in a burst, and vanish.
pub fn connect<C: End, S: End>(
    crowd: &mut Crowd<C, S>,
    clock: Clock,
    present: u16,
    connections: u64,
) -> Result<Spent, String> {
    let pair = gather(crowd, present, 4095)?;
    let mut watch = Stopwatch::new(clock);
    let bursts = connections.div_ceil(BURST as u64);
    for _ in 0..bursts {
        connect_burst(pair, &mut watch)?;
    }
    Ok(watch.over(bursts * BURST as u64))
}

fn connect_burst<C: End, S: End>(pair: &mut Pair<C, S>, watch: &mut Stopwatch) -> Result<(), String> {
    let Pair { client, server, wire, .. } = pair;
    let mut peers = Vec::with_capacity(BURST);
    let mut visitors = Vec::with_capacity(BURST);
    for _ in 0..BURST {
        peers.push(client.connect(wire)?);
    }
    for _ in 0..20 {
        wire.now += 1000;
        client.turn(wire, &mut ignore)?;
        watch.time(|| {
            server.turn(wire, &mut |server: &mut S, peer, happening| {
                if matches!(happening, Happening::Connected) {
                    visitors.push(peer);
                }
                ignore(server, peer, happening)
            })
        })?;
        if visitors.len() == BURST {
            client.forget(&peers, wire);
            server.forget(&visitors, wire);
            wire.clear();
            return Ok(());
        }
    }
    Err(format!("only {} of {BURST} connected", visitors.len()))
}
