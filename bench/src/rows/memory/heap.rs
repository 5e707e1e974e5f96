//! What hosts occupy: [`empty_slot`], [`peer`]. All subjects use the C library's `malloc`, which is asked before and after:
//! what it adds to a piece of memory is in the figures.

use super::hosts::end::{End, Happening, Kind, Pair, ignore};
use super::hosts::wire::Side;

/// Heap bytes in use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn in_use() -> Result<usize, String> {
    // SAFETY: needs nothing.
    let info = unsafe { libc::mallinfo2() };
    Ok(info.uordblks + info.hblkhd)
}

/// Heap bytes in use.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn in_use() -> Result<usize, String> {
    Err("only glibc's malloc says how much memory is in use".to_owned())
}

/// What a host occupies, found by giving it back.
fn weigh<E: End>(host: E) -> Result<f64, String> {
    let with = in_use()?;
    drop(host);
    Ok(with as f64 - in_use()? as f64)
}

/// Bytes that a slot more costs while nobody is in it.
pub fn empty_slot<E: End>() -> Result<f64, String> {
    let one = weigh(E::new(Side::Server, 1)?)?;
    let most = weigh(E::new(Side::Server, 4095)?)?;
    Ok((most - one) / 4094.0)
}

/// Bytes that a peer more costs, its slot included: of `peers` peers with two channels, after one packet of each kind in
/// both directions and two quiet seconds.
pub fn peer<E: End>(peers: u16) -> Result<f64, String> {
    let empty = weigh(E::new(Side::Server, 1)?)?;
    let mut pair: Pair<E, E> = Pair::connected(peers)?;
    let mut received = 0_usize;
    for kind in [Kind::Reliable, Kind::Unreliable, Kind::Unsequenced] {
        let Pair { client, server, wire, peers, visitors } = &mut pair;
        for &peer in &*peers {
            client.send(peer, kind, &[7; 32])?;
        }
        for &visitor in &*visitors {
            server.send(visitor, kind, &[7; 32])?;
        }
        for _ in 0..4 {
            wire.now += 10_000;
            client.turn(wire, &mut count(&mut received))?;
            server.turn(wire, &mut count(&mut received))?;
        }
    }
    let sent = usize::from(peers) * 6;
    if received != sent {
        return Err(format!("{received} of {sent} arrived"));
    }
    pair.settle(200)?;
    Ok((weigh(pair.server)? - empty) / f64::from(peers))
}

fn count<E: End>(received: &mut usize) -> impl FnMut(&mut E, E::Peer, Happening<'_>) -> Result<(), String> {
    |end, peer, happening| {
        if let Happening::Received(_) = happening {
            *received += 1;
        }
        ignore(end, peer, happening)
    }
}
