//! A13 to A16: what a datagram costs that is worth nothing.

use std::slice;
use std::time::Duration;

use enet_proto::{Compressor, RangeCoder};
use enet_testkit::commands;
use enet_wire::Header;

use crate::forge;
use crate::load::{Flood, gently};
use crate::loopback::{Loopback, source};
use crate::run::Against;
use crate::session::Session;
use crate::socket::Forger;
use crate::stage::{Finding, Findings, Stage, Trouble};
use crate::victim::{Setup, Victim, Whose};

/// As fast as the machine can.
const FLAT_OUT: f64 = 1e9;

/// Junk, the same for everybody.
fn rubbish(stage: &Stage<'_>) -> Vec<Vec<u8>> {
    let mut rng = stage.rng();
    (0..1024).map(|_| forge::junk(&mut rng)).collect()
}

/// Floods with datagrams in turn, each from another source.
fn flood_with(
    victim: &mut Victim,
    rate: f64,
    time: Duration,
    datagrams: &[Vec<u8>],
) -> Result<Flood, Trouble> {
    let (at, forger) = (victim.at, Forger::deaf()?);
    let flood = Flood::of(victim, rate, time, |number| {
        let bytes = datagrams.get(number as usize % datagrams.len().max(1)).map_or(&[][..], |bytes| bytes);
        forger.send(source(number), at, bytes)
    })?;
    Ok(flood)
}

/// Rounds of which the cheapest counts: what disturbs a measurement adds to it.
const ROUNDS: usize = 5;

/// The cheapest of some floods.
fn cheapest(mut flood: impl FnMut() -> Result<Flood, Trouble>) -> Result<Flood, Trouble> {
    let floods: Vec<Flood> = (0..ROUNDS).map(|_| flood()).collect::<Result<_, _>>()?;
    let cheapest = floods.into_iter().min_by(|a, b| a.cost().total_cmp(&b.cost()));
    cheapest.ok_or_else(|| "no flood".into())
}

/// A13: as much as comes, while the server waits for it.
pub(crate) fn junk(stage: &Stage<'_>) -> Findings {
    let (rubbish, time) = (rubbish(stage), Duration::from_millis(stage.scale(150, 800)));
    let mut victim = stage.victim(Setup::default())?;
    let flood = cheapest(|| flood_with(&mut victim, FLAT_OUT, time, &rubbish))?;
    let (rate, dropped) = (flood.per_second(), flood.dropped);
    let note = format!("{rate:.0}/s taken, {dropped} of {} dropped by the kernel", flood.sent);
    Ok(vec![Finding::of(flood.cost()).note(note)])
}

/// A14: as much as comes between two frames of a game.
pub(crate) fn junk_between_frames(stage: &Stage<'_>) -> Findings {
    const OFFERED: f64 = 120_000.0;
    let frame = Some(Duration::from_millis(16));
    let mut victim = stage.victim(Setup { frame, receive_buffer: Some(1 << 20), ..Setup::default() })?;
    let time = Duration::from_millis(stage.scale(1_000, 3_000));
    let flood = flood_with(&mut victim, OFFERED, time, &rubbish(stage))?;
    let offered = f64::from(flood.sent) / time.as_secs_f64();
    let share = 100.0 * flood.taken() / f64::from(flood.sent.max(1));
    let note = format!("{offered:.0}/s came, the kernel dropped {} of {}", flood.dropped, flood.sent);
    let taken = flood.taken() / time.as_secs_f64();
    // Who takes nearly all there is may take more, but this machine has not shown it.
    let taken = match offered < 100_000.0 && share >= 95.0 {
        true => Finding::none(format!("the attacker made only {offered:.0}/s on this machine")),
        false => Finding::of(taken).note(note.clone()),
    };
    Ok(vec![taken, Finding::of(share).note(note)])
}

/// A15: CONNECTs when no slot is left, by how many there are. Both victims in turn, so that what else the machine does
/// hits both.
pub(crate) fn connects_and_slots(stage: &Stage<'_>) -> Findings {
    let (forger, time) = (Forger::deaf()?, Duration::from_millis(stage.scale(100, 400)));
    let send = |at, number| forger.send(source(number), at, &forge::stock_connect(number));
    let (mut few, few_clients) = full(stage, 32, send)?;
    let (mut many, many_clients) = full(stage, 4_095, send)?;
    let mut victims = [&mut few, &mut many];
    let mut costs = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        for (victim, cost) in victims.iter_mut().zip(&mut costs) {
            let at = victim.at;
            let flood = Flood::of(victim, FLAT_OUT, time, |number| send(at, 10_000 + number))?;
            *cost = flood.cost().min(*cost);
        }
    }
    let taken =
        victims.iter_mut().map(|victim| victim.report().map(|it| it.peers)).collect::<Result<Vec<_>, _>>()?;
    drop((few_clients, many_clients));
    let [few, many] = costs;
    let note = format!("{few:.2} µs at 32 slots, {many:.2} µs at 4,095; {taken:?} taken in the end");
    Ok(vec![Finding::of(many / few).note(note)])
}

/// A victim whose slots are all taken: C's by CONNECTs in somebody else's name; ours, where those take none, by clients that
/// connect, answer what they are asked, and then are silent as the host is.
fn full(
    stage: &Stage<'_>,
    slots: u16,
    forge: impl Fn(Loopback, u32) -> Result<usize, String>,
) -> Result<(Victim, Vec<Session>), Trouble> {
    let mut victim = stage.victim(Setup { slots, quiet: true, ..Setup::default() })?;
    let mut clients = Vec::new();
    if let Against::Victim(Whose::C) = stage.against {
        gently(&victim, u32::from(slots) + 100, |number| forge(victim.at, number))?;
    } else {
        for number in 0..u32::from(slots) {
            let [.., high, low] = number.to_be_bytes();
            clients.push(Session::open_with(
                victim.at,
                source(number),
                commands::stock_connect([9, 9, high, low]),
            )?);
            if number % 256 == 0 {
                clients.iter_mut().for_each(Session::answer);
            }
        }
        // Everybody is told the bandwidth within a second of the last connect.
        for _ in 0..20 {
            clients.iter_mut().for_each(Session::answer);
            std::thread::sleep(Duration::from_millis(100));
        }
        if victim.report()?.peers != u64::from(slots) {
            return Err("not all slots are taken".into());
        }
    }
    victim.drain();
    Ok((victim, clients))
}

/// A16: a few bytes that grow to a whole datagram before anybody asks who sent them.
pub(crate) fn compressed_junk(stage: &Stage<'_>) -> Findings {
    let mut victim = stage.victim(Setup { range_coder: true, ..Setup::default() })?;
    let mut block = [0; 64];
    let len = RangeCoder::boxed().compress(&[0; 4_092], &mut block).ok_or("zeros shrink")?;
    let mut bomb = Header { compressed: true, ..Header::default() }.encode().to_vec();
    bomb.extend(block.iter().take(len));
    // Plain, and as long.
    let plain = vec![0x0F; bomb.len()];
    let time = Duration::from_millis(stage.scale(60, 300));
    let plain = cheapest(|| flood_with(&mut victim, FLAT_OUT, time, slice::from_ref(&plain)))?.cost();
    let bomb = cheapest(|| flood_with(&mut victim, FLAT_OUT, time, slice::from_ref(&bomb)))?.cost();
    let note = format!("{bomb:.2} µs, plain {plain:.2} µs; {len} bytes that grow to 4,092");
    Ok(vec![Finding::of((bomb - plain).max(0.0)).note(note)])
}
