//! A5, A6, A7, A18: what no client sends.

use std::net::SocketAddrV4;
use std::time::Duration;

use enet_testkit::commands;
use enet_wire::{Connect, ThrottleConfigure};

use crate::forge;
use crate::loopback::source;
use crate::session::Session;
use crate::socket::Forger;
use crate::stage::{Finding, Findings, Stage, Target, Trouble};
use crate::victim::Setup;

/// A5: longer than any ENet host can take.
pub(crate) fn oversize(stage: &Stage<'_>) -> Findings {
    let mut target = stage.target(Setup::default())?;
    let (guest, forger) = (target.guest()?, Forger::new()?);
    let mut bytes = forge::stock_connect(0xA5);
    bytes.resize(5_000, 0);
    for number in 0..100 {
        forger.send(source(number), target.at, &bytes)?;
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(100));
    let errors = target.told(|account| account.errors)?;
    Ok(vec![errors, target.disturbed(guest)?])
}

/// A6: CONNECTs from where no answer can go.
pub(crate) fn port_zero(stage: &Stage<'_>) -> Findings {
    let (mut target, raw) = (stage.target(Setup::default())?, stage.raw()?);
    let guest = target.guest()?;
    for number in 0..4 {
        raw.send(SocketAddrV4::new(source(number), 0), target.at, &forge::stock_connect(number))?;
    }
    let watched = Duration::from_secs(stage.scale(2, 6));
    std::thread::sleep(watched);
    let errors = target.told(|account| account.errors)?.note(format!("4 CONNECTs, watched for {watched:?}"));
    Ok(vec![errors, target.disturbed(guest)?])
}

/// A7: nothing, sent back by a server that compresses.
pub(crate) fn empty_packet(stage: &Stage<'_>) -> Findings {
    let mut victim = stage.victim(Setup { range_coder: true, ..Setup::default() })?;
    let mut session = Session::open(victim.at, source(7), 1)?;
    session.send(&[commands::reliable(0, 1, b"")]);
    session.tend_until(Duration::from_secs(1), |session| session.echoes > 0);
    let dead = victim.dies_within(Duration::from_millis(if session.echoes > 0 { 0 } else { 1_000 }));
    if !dead && session.echoes == 0 {
        return Err(Trouble::Failed("the server lives, but sent nothing back".to_owned()));
    }
    Ok(vec![Finding::whether(dead)])
}

/// A18: every limit of every field, and connections with those that pass.
pub(crate) fn hostile_fields(stage: &Stage<'_>) -> Findings {
    let mut target = stage.target(Setup { slots: 512, ..Setup::default() })?;
    let (guest, forger) = (target.guest()?, Forger::new()?);
    let offers = hostile_connects();
    for (number, connect) in (0..).zip(&offers) {
        forger.send(source(number), target.at, &forge::connect(*connect))?;
        std::thread::sleep(Duration::from_micros(500));
    }
    // From here on they are honest about their address.
    let mut connected = 0;
    for (number, connect) in (1_000..).zip(offers.iter().filter(|offer| is_granted(offer))) {
        let Ok(mut session) = Session::open_with(target.at, source(number), *connect) else { continue };
        connected += 1;
        let payload = [0x18; 1_000];
        for seq in 1..=4 {
            session.send(&[commands::reliable(0, seq, &payload)]);
        }
        session.tend(Duration::from_millis(20));
    }
    let note = format!("{} CONNECTs, {connected} connections", offers.len());
    let harm = harm(&mut target)?.note(note);
    Ok(vec![harm, target.disturbed(guest)?])
}

/// Service calls that failed, or a crash.
fn harm(target: &mut Target) -> Result<Finding, Trouble> {
    match target.told(|account| account.errors) {
        Err(Trouble::Failed(_)) if target.victim()?.dies_within(Duration::from_secs(1)) => Ok(Finding::of(1)),
        told => told,
    }
}

/// Those that a server may not refuse.
fn is_granted(connect: &Connect) -> bool {
    (1..=255).contains(&connect.channel_count) && connect.outgoing_peer < 0x0FFF
}

/// Limits of one field at a time, and of all together.
fn hostile_connects() -> Vec<Connect> {
    const LIMITS: [u32; 6] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, u32::MAX - 1, u32::MAX];
    let mut offers = Vec::new();
    for limit in LIMITS {
        let usual = Connect { data: limit, ..commands::stock_connect(limit.to_be_bytes()) };
        let [.., session] = limit.to_be_bytes();
        let throttle = ThrottleConfigure { interval: limit, acceleration: limit, deceleration: limit };
        let worst = Connect {
            mtu: limit,
            window_size: limit,
            incoming_bandwidth: limit,
            outgoing_bandwidth: limit,
            incoming_session: session,
            outgoing_session: session,
            throttle,
            ..usual
        };
        offers.extend([
            Connect { mtu: limit, ..usual },
            Connect { window_size: limit, ..usual },
            Connect { incoming_bandwidth: limit, ..usual },
            Connect { outgoing_bandwidth: limit, ..usual },
            Connect { channel_count: limit, ..usual },
            Connect { throttle, ..usual },
            Connect { incoming_session: session, outgoing_session: session, ..usual },
            Connect { outgoing_peer: 0x0FFF, ..usual },
            Connect { outgoing_peer: u16::MAX, ..usual },
            Connect { channel_count: 255, ..worst },
            worst,
        ]);
    }
    for (offer, id) in offers.iter_mut().zip(0xA180_0000_u32..) {
        offer.connect_id = enet_wire::ConnectId(id.to_be_bytes());
    }
    offers
}
