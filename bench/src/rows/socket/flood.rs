//! Flood: unreliable packets in bursts; the receiver takes each burst before the next is sent.

use super::{few, scaled};
use crate::clock::{Counted, Gauge};
use crate::ends::{Delivery, End, Pair, quiet, receive};

/// Turns the receiver gets to find a burst.
const TURNS: usize = 4;

/// ns for each packet that arrived.
pub fn run<S: End, C: End>(
    size: usize,
    burst: usize,
    packets: usize,
    counted: Counted,
    scale: f64,
) -> Result<f64, String> {
    let bursts = scaled(packets, scale, burst).div_ceil(burst);
    let mut pair = Pair::<S, C>::open()?;
    bursts_of(&mut pair, size, burst, bursts.div_ceil(10), &mut Gauge::new(counted))?;
    let mut gauge = Gauge::new(counted);
    let arrived = bursts_of(&mut pair, size, burst, bursts, &mut gauge)?;
    Ok(gauge.each(arrived))
}

/// How many packets arrived.
pub(super) fn bursts_of<S: End, C: End>(
    pair: &mut Pair<S, C>,
    size: usize,
    burst: usize,
    bursts: usize,
    gauge: &mut Gauge,
) -> Result<usize, String> {
    let Pair { server, client, to_server, .. } = pair;
    let packet = vec![0xF1; size];
    let (sent, mut arrived) = (bursts * burst, 0usize);
    for _ in 0..bursts {
        let before = arrived;
        for _ in 0..burst {
            client.send(*to_server, Delivery::Unreliable, &packet)?;
        }
        quiet(client)?;
        for _ in 0..TURNS {
            gauge.server(|| {
                receive(server, |_, _, packet| {
                    arrived += 1;
                    if packet.len() == size {
                        Ok(())
                    } else {
                        Err(format!("a packet of {} bytes", packet.len()))
                    }
                })
            })?;
            // Of this burst: what an earlier one lost will not come, however often the receiver looks.
            if arrived - before >= burst {
                break;
            }
        }
    }
    few(sent.saturating_sub(arrived), sent)?;
    Ok(arrived)
}
