//! One connection and what goes over it: [`echo`], [`flood`] and [`bulk`], where both hosts' work is counted, and [`serve`],
//! where only the server's is.

use super::end::{End, Happening, Kind, Pair, ignore};
use super::watch::{Clock, Spent, Stopwatch};

/// Turns without any progress after which something is wrong.
const PATIENCE: usize = 10_000;

/// Slots of the server, as in ENet's tutorial. The client has one.
const SLOTS: u16 = 32;

fn connected<C: End, S: End>() -> Result<Pair<C, S>, String> {
    let mut pair = Pair::new(1, SLOTS)?;
    pair.connect(1)?;
    pair.settle(100)?;
    Ok(pair)
}

/// The client sends 32 bytes, reliable, and the server sends them back, `outstanding` at a time: `messages`, half of which go
/// there and half back.
pub fn echo<E: End>(clock: Clock, outstanding: u64, messages: u64) -> Result<Spent, String> {
    let mut pair: Pair<E, E> = connected()?;
    let rounds = (messages / 2).max(outstanding);
    let mut off = Stopwatch::off();
    echo_rounds(&mut pair, outstanding, outstanding * 2, &mut off)?; // everybody's memory is warm
    let mut watch = Stopwatch::new(clock);
    watch.time(|| echo_rounds(&mut pair, outstanding, rounds, &mut off))?;
    Ok(watch.over(rounds * 2))
}

/// As [`echo`], for two implementations; the work of the one that echoes.
pub fn serve<C: End, S: End>(clock: Clock, outstanding: u64, messages: u64) -> Result<Spent, String> {
    let mut pair: Pair<C, S> = connected()?;
    let rounds = (messages / 2).max(outstanding);
    echo_rounds(&mut pair, outstanding, outstanding * 2, &mut Stopwatch::off())?;
    let mut watch = Stopwatch::new(clock);
    echo_rounds(&mut pair, outstanding, rounds, &mut watch)?;
    Ok(watch.over(rounds * 2))
}

fn echo_rounds<C: End, S: End>(
    pair: &mut Pair<C, S>,
    outstanding: u64,
    total: u64,
    servers: &mut Stopwatch,
) -> Result<(), String> {
    let Pair { client, server, wire, peers, .. } = pair;
    let peer = *peers.first().ok_or("nobody is connected")?;
    let bytes = [7; 32];
    let (mut sent, mut echoed, mut idle) = (0, 0, 0);
    for _ in 0..outstanding.min(total) {
        client.send(peer, Kind::Reliable, &bytes)?;
        sent += 1;
    }
    while echoed < total {
        wire.now += 100;
        let before = echoed;
        client.turn(wire, &mut |client: &mut C, peer, happening| match happening {
            Happening::Received(bytes) => {
                echoed += 1;
                if sent < total {
                    sent += 1;
                    client.send(peer, Kind::Reliable, bytes)?;
                }
                Ok(())
            }
            other => ignore(client, peer, other),
        })?;
        servers.time(|| {
            server.turn(wire, &mut |server: &mut S, peer, happening| match happening {
                Happening::Received(bytes) => server.send(peer, Kind::Reliable, bytes),
                other => ignore(server, peer, other),
            })
        })?;
        idle = if echoed == before { idle + 1 } else { 0 };
        if idle > PATIENCE {
            return Err(format!("only {echoed} of {total} came back"));
        }
    }
    Ok(())
}

/// The client sends 64 bytes, unreliable, `burst` at a time: `messages` in all, and all arrive.
pub fn flood<E: End>(clock: Clock, burst: u64, messages: u64) -> Result<Spent, String> {
    let mut pair: Pair<E, E> = connected()?;
    let bursts = (messages / burst).max(1);
    flood_bursts(&mut pair, burst, 4)?;
    let mut watch = Stopwatch::new(clock);
    watch.time(|| flood_bursts(&mut pair, burst, bursts))?;
    Ok(watch.over(bursts * burst))
}

fn flood_bursts<E: End>(pair: &mut Pair<E, E>, burst: u64, bursts: u64) -> Result<(), String> {
    let Pair { client, server, wire, peers, .. } = pair;
    let peer = *peers.first().ok_or("nobody is connected")?;
    let bytes = [7; 64];
    let mut arrived = 0;
    for _ in 0..bursts {
        wire.now += 100;
        for _ in 0..burst {
            client.send(peer, Kind::Unreliable, &bytes)?;
        }
        client.turn(wire, &mut ignore)?;
        server.turn(wire, &mut |server: &mut E, peer, happening| match happening {
            Happening::Received(_) => {
                arrived += 1;
                Ok(())
            }
            other => ignore(server, peer, other),
        })?;
    }
    if arrived == burst * bursts { Ok(()) } else { Err(format!("{arrived} of {} arrived", burst * bursts)) }
}

/// A packet of [`bulk`].
pub const BULK: usize = 1 << 20;

/// The client sends reliable packets of 1 MiB, two at a time. Spent is over bytes.
pub fn bulk<E: End>(clock: Clock, packets: u64) -> Result<Spent, String> {
    let mut pair: Pair<E, E> = connected()?;
    bulk_packets(&mut pair, 2)?; // the window has opened
    let mut watch = Stopwatch::new(clock);
    watch.time(|| bulk_packets(&mut pair, packets))?;
    Ok(watch.over(packets * BULK as u64))
}

fn bulk_packets<E: End>(pair: &mut Pair<E, E>, packets: u64) -> Result<(), String> {
    let Pair { client, server, wire, peers, .. } = pair;
    let peer = *peers.first().ok_or("nobody is connected")?;
    let bytes = vec![7; BULK];
    let (mut sent, mut arrived, mut turns) = (0, 0, 0);
    while arrived < packets {
        wire.now += 100;
        while sent < packets && sent < arrived + 2 {
            client.send(peer, Kind::Reliable, &bytes)?;
            sent += 1;
        }
        client.turn(wire, &mut ignore)?;
        server.turn(wire, &mut |server: &mut E, peer, happening| match happening {
            Happening::Received(packet) if packet.len() == BULK => {
                arrived += 1;
                Ok(())
            }
            Happening::Received(packet) => Err(format!("{} of {BULK} bytes arrived", packet.len())),
            other => ignore(server, peer, other),
        })?;
        turns += 1;
        if turns > PATIENCE as u64 * packets {
            return Err(format!("only {arrived} of {packets} packets arrived"));
        }
    }
    Ok(())
}
