//! Crowd: in each tick every peer sends 32 bytes, unreliably, and the server answers each. Each has a socket of its own.

use super::{few, scaled};
use crate::clock::{Counted, Gauge};
use crate::ends::{Crowd, Delivery, End, receive};

const SIZE: usize = 32;
/// In a full run.
const PACKETS: usize = 40_000;
/// Turns a client gets to find its answer.
const TURNS: usize = 3;

/// ns of the server for each packet that it received and answered.
pub fn run<S: End, C: End>(crowd: &mut Option<Crowd<S, C>>, peers: usize, scale: f64) -> Result<f64, String> {
    let crowd = match crowd {
        Some(crowd) => crowd,
        None => crowd.insert(Crowd::open(peers, 1, 0)?),
    };
    crowd.settle()?;
    let ticks = scaled(PACKETS, scale, peers).div_ceil(peers);
    let mut gauge = Gauge::new(Counted::Server);
    let mut answered = 0;
    for _ in 0..ticks {
        for client in &mut crowd.clients {
            client.broadcast(&[0xC0; SIZE])?; // it has one peer
            receive(client, |_, _, packet| Err(format!("{} bytes too early", packet.len())))?;
        }
        gauge.server(|| {
            receive(&mut crowd.server, |server, peer, packet| server.send(peer, Delivery::Unreliable, packet))
        })?;
        for client in &mut crowd.clients {
            for _ in 0..TURNS {
                let came = receive(client, |_, _, packet| check(packet))?;
                answered += came;
                if came > 0 {
                    break;
                }
            }
        }
    }
    few(ticks * peers - answered, ticks * peers)?;
    crowd.settle()?;
    Ok(gauge.each(answered))
}

fn check(packet: &[u8]) -> Result<(), String> {
    if packet.len() == SIZE { Ok(()) } else { Err(format!("a packet of {} bytes", packet.len())) }
}
