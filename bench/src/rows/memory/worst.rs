//! [`descending`]: the worst that a legal peer can send.

use enet_wire::{Body, ChannelId, Command, Header, ReliableSeq, Writer};

use super::hosts::end::{End, Happening, Kind, Pair, ignore};
use super::hosts::ours::Ours;
use super::hosts::watch::Stopwatch;
use super::hosts::wire::{Side, Wire};
use super::nanos;

/// As many as fit into the window of ENet's receivers, seven blocks of 4,096 numbers, and a few less.
const COMMANDS: u16 = 28_000;

/// `COMMANDS` reliable packets of two bytes arrive in descending order, the one all wait for at the end; the receiver's
/// milliseconds until the application has them all.
pub fn descending<S: End>() -> Result<f64, String> {
    let mut pair: Pair<Ours, S> = Pair::connected(1)?;
    let header = header_of_client(&mut pair)?;
    let Pair { server, wire, .. } = &mut pair;
    write(&header, wire)?;
    let (mut next, mut watch) = (1_u16, Stopwatch::new(nanos));
    for _ in 0..10 {
        wire.now += 100;
        watch.time(|| {
            server.turn(wire, &mut |server: &mut S, peer, happening| match happening {
                Happening::Received(bytes) if bytes == next.to_be_bytes() => {
                    next += 1;
                    Ok(())
                }
                Happening::Received(bytes) => Err(format!("{bytes:?} came instead of {next}")),
                other => ignore(server, peer, other),
            })
        })?;
    }
    if next == COMMANDS + 1 {
        Ok(watch.over(1).each() / 1e6)
    } else {
        Err(format!("only {} of {COMMANDS} arrived", next - 1))
    }
}

/// What the client writes at the head of its datagrams, learnt from one of them.
fn header_of_client<S: End>(pair: &mut Pair<Ours, S>) -> Result<Header, String> {
    pair.client.send(pair.peers[0], Kind::Unsequenced, b"")?;
    pair.client.turn(&mut pair.wire, &mut ignore)?;
    let datagram = pair.wire.inbox(Side::Server).pop().ok_or("the client sends nothing")?;
    let (header, _) = Header::decode(datagram).map_err(|error| error.to_string())?;
    Ok(Header { sent_time: Some(pair.wire.millis() as u16), ..header })
}

/// The datagrams, as full as may be.
fn write(header: &Header, wire: &mut Wire) -> Result<(), String> {
    let mut numbers = (1..=COMMANDS).rev().peekable();
    let mut buffer = [0; 1392];
    while numbers.peek().is_some() {
        let mut writer = Writer::new(&mut buffer);
        writer.header(header).map_err(|error| error.to_string())?;
        while let Some(number) = numbers.peek() {
            let command = Command {
                channel: ChannelId::new(0),
                seq: ReliableSeq(*number),
                acknowledge: true,
                unsequenced: false,
                body: Body::SendReliable { payload: &number.to_be_bytes() },
            };
            if writer.command(&command).is_err() {
                break; // full
            }
            numbers.next();
        }
        wire.outbox(Side::Client).push(writer.finish());
    }
    Ok(())
}
