//! Crowds: many peers, each with a socket of its own, who are told something once a tick, or answered.

use super::{few, scaled};
use crate::clock::{Counted, Gauge};
use crate::ends::{Crowd, Delivery, End, quiet, receive};

/// Bytes of what all are told, and of what each says and hears back.
const TOLD: usize = 100;
const SAID: usize = 32;
/// In a full run.
const PACKETS: usize = 40_000;
/// Turns a client gets to find a packet.
const TURNS: usize = 3;

/// 100 bytes to all, unreliably: ns of the server for each packet that arrived.
pub fn broadcast<S: End, C: End>(
    crowd: &mut Option<Crowd<S, C>>,
    peers: usize,
    scale: f64,
) -> Result<f64, String> {
    ticks(crowd, peers, scale, TOLD, |crowd, gauge| {
        let server = &mut crowd.server;
        gauge.server(|| {
            server.broadcast(&[0xBC; TOLD])?;
            quiet(server)
        })
    })
}

/// Each peer says 32 bytes, unreliably, and the server says them back: ns of the server for each that it answered.
pub fn answer<S: End, C: End>(
    crowd: &mut Option<Crowd<S, C>>,
    peers: usize,
    scale: f64,
) -> Result<f64, String> {
    ticks(crowd, peers, scale, SAID, |crowd, gauge| {
        for client in &mut crowd.clients {
            client.broadcast(&[0xC0; SAID])?; // it has one peer
            receive(client, |_, _, packet| Err(format!("{} bytes too early", packet.len())))?;
        }
        let server = &mut crowd.server;
        let answers =
            || receive(server, |server, peer, packet| server.send(peer, Delivery::Unreliable, packet));
        gauge.server(answers).map(|_| ())
    })
}

/// In each tick every client is to hear one packet of so many bytes.
fn ticks<S: End, C: End>(
    crowd: &mut Option<Crowd<S, C>>,
    peers: usize,
    scale: f64,
    size: usize,
    mut tick: impl FnMut(&mut Crowd<S, C>, &mut Gauge) -> Result<(), String>,
) -> Result<f64, String> {
    let crowd = match crowd {
        Some(crowd) => crowd,
        None => crowd.insert(Crowd::open(peers, 1, 0)?),
    };
    crowd.settle()?;
    let ticks = scaled(PACKETS, scale, peers).div_ceil(peers);
    let mut gauge = Gauge::new(Counted::Server);
    let mut arrived = 0;
    let check = |len: usize| if len == size { Ok(()) } else { Err(format!("a packet of {len} bytes")) };
    for _ in 0..ticks {
        tick(crowd, &mut gauge)?;
        for client in &mut crowd.clients {
            for _ in 0..TURNS {
                let came = receive(client, |_, _, packet| check(packet.len()))?;
                arrived += came;
                if came > 0 {
                    break;
                }
            }
        }
    }
    few(ticks * peers - arrived, ticks * peers)?;
    crowd.settle()?;
    Ok(gauge.each(arrived))
}
