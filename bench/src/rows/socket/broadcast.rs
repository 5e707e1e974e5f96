//! Broadcast: 100 bytes, unreliably, to many peers, each with a socket of its own.

use super::{few, scaled};
use crate::clock::{Counted, Gauge};
use crate::ends::{Crowd, End, quiet, receive};

const SIZE: usize = 100;
/// In a full run.
const PACKETS: usize = 40_000;
/// Turns a client gets to find a packet.
const TURNS: usize = 3;

/// ns of the server for each packet that arrived.
pub fn run<S: End, C: End>(crowd: &mut Option<Crowd<S, C>>, peers: usize, scale: f64) -> Result<f64, String> {
    let crowd = match crowd {
        Some(crowd) => crowd,
        None => crowd.insert(Crowd::open(peers, 1, 0)?),
    };
    crowd.settle()?;
    let broadcasts = scaled(PACKETS, scale, peers).div_ceil(peers);
    let mut gauge = Gauge::new(Counted::Server);
    let mut arrived = 0;
    for _ in 0..broadcasts {
        let server = &mut crowd.server;
        gauge.server(|| {
            server.broadcast(&[0xBC; SIZE])?;
            quiet(server)
        })?;
        for client in &mut crowd.clients {
            for _ in 0..TURNS {
                let came = receive(client, |_, _, packet| {
                    if packet.len() == SIZE {
                        Ok(())
                    } else {
                        Err(format!("a packet of {} bytes", packet.len()))
                    }
                })?;
                arrived += came;
                if came > 0 {
                    break;
                }
            }
        }
    }
    few(broadcasts * peers - arrived, broadcasts * peers)?;
    crowd.settle()?;
    Ok(gauge.each(arrived))
}
