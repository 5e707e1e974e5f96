//! Bulk: the server sends reliable packets of 1 MiB, four at a time.

use std::sync::LazyLock;

use super::scaled;
use crate::clock::{Counted, Gauge, Patience};
use crate::ends::{End, Pair, quiet, receive};

/// Bytes of a packet.
pub const SIZE: usize = 1 << 20;
/// Packets queued or under way.
const OUTSTANDING: usize = 4;

/// What is sent. It lives for ever, so nobody has to copy it.
pub static PAYLOAD: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..SIZE).map(|place| ((place * 31) >> 3).to_le_bytes()[0]).collect());

/// ns per byte.
pub fn run<S: End, C: End>(packets: usize, counted: Counted, scale: f64) -> Result<f64, String> {
    let packets = scaled(packets, scale, OUTSTANDING);
    let mut pair = Pair::<S, C>::open()?;
    transfer(&mut pair, OUTSTANDING, &mut Gauge::new(counted))?;
    let mut gauge = Gauge::new(counted);
    transfer(&mut pair, packets, &mut gauge)?;
    Ok(gauge.each(packets * SIZE))
}

fn transfer<S: End, C: End>(pair: &mut Pair<S, C>, packets: usize, gauge: &mut Gauge) -> Result<(), String> {
    let Pair { server, client, to_client, .. } = pair;
    let (mut sent, mut arrived) = (0, 0);
    let mut patience = Patience::new();
    while arrived < packets {
        gauge.server(|| {
            while sent < packets && sent < arrived + OUTSTANDING {
                server.send_static(*to_client, &PAYLOAD)?;
                sent += 1;
            }
            quiet(server)
        })?;
        let came = receive(client, |_, _, packet| {
            arrived += 1;
            is_whole(packet)
        })?;
        patience.note(came, || format!("{arrived} of {packets} packets arrived"))?;
    }
    Ok(())
}

/// Looks at a byte in every fragment, so that the check costs nothing beside the work.
pub fn is_whole(packet: &[u8]) -> Result<(), String> {
    if packet.len() != SIZE {
        return Err(format!("a packet of {} bytes", packet.len()));
    }
    match (0..SIZE).step_by(1024).find(|&place| packet[place] != PAYLOAD[place]) {
        Some(place) => Err(format!("byte {place} arrived changed")),
        None => Ok(()),
    }
}
