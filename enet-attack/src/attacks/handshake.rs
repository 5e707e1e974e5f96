//! A1, A2, A3: CONNECTs of hosts that do not exist.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use enet_testkit::commands;
use enet_wire::Connect;
use rand_core::RngCore;

use crate::forge::{self, Addressee};
use crate::honest::{self, HOME};
use crate::kernel::Queue;
use crate::load::{Flood, gently, steadily};
use crate::loopback::source;
use crate::socket::Forger;
use crate::stage::{Finding, Findings, Stage, Trouble};
use crate::victim::Setup;

/// A1: what one datagram makes a server send to somebody who did not ask, and how long it remembers.
pub(crate) fn one_connect(stage: &Stage<'_>) -> Findings {
    let mut target = stage.target(Setup::default())?;
    let forger = Forger::new()?;
    let connect = forge::stock_connect(0xA1);
    forger.send(source(1), target.at, &connect)?;
    // C tries for 15.5 s and gives up after 31.5 s.
    let watched = Duration::from_millis(stage.scale(4_200, 33_000));
    let (start, mut reflected, mut held) = (Instant::now(), 0, Duration::ZERO);
    while start.elapsed() < watched {
        std::thread::sleep(Duration::from_millis(100));
        reflected += forger.reflected();
        if target.told(|account| account.peers)?.figure.is_some_and(|peers| peers > 0.0) {
            held = start.elapsed();
        }
    }
    let seconds = watched.as_secs_f64();
    let held = match target.told(|_| 0)?.figure {
        None => Finding::none("needs to look into the victim"),
        Some(_) => Finding::of(held.as_secs_f64()).note(format!("watched for {seconds} s")),
    };
    let times = reflected as f64 / connect.len() as f64;
    let note = format!("{} bytes in, {reflected} out in {seconds} s", connect.len());
    Ok(vec![Finding::of(times).note(note), held])
}

/// A2: a table full of them: from everywhere, a prefix after the other, and all from the honest clients' own.
pub(crate) fn connect_flood(stage: &Stage<'_>) -> Findings {
    let everywhere = [Forger::deaf()?];
    let far = flooded(stage, |number| (everywhere.first(), source(number)))?;
    let nearby: Vec<Forger> = (0..128).map(|_| Forger::deaf()).collect::<Result<_, _>>()?;
    let near = flooded(stage, |number| {
        // 254 addresses, with 128 ports each.
        let [a, b, c, _] = HOME.octets();
        let [host, ..] = (number % 254).to_le_bytes();
        (nearby.get(number as usize / 254 % 128), Ipv4Addr::new(a, b, c, host + 1))
    })?;
    Ok(vec![far, near])
}

/// How many honest clients get in while CONNECTs come from where `forge` says.
fn flooded<'f>(
    stage: &Stage<'_>,
    forge: impl Fn(u32) -> (Option<&'f Forger>, Ipv4Addr) + Sync,
) -> Result<Finding, Trouble> {
    // A receive buffer with which a moment's pause of the process is no loss.
    let setup = Setup { slots: 256, receive_buffer: Some(1 << 20), ..Setup::default() };
    let mut target = stage.target(setup)?;
    let at = target.at;
    let send = |number: u32| {
        let (forger, from) = forge(number);
        forger.map_or(Ok(0), |forger| forger.send(from, at, &forge::stock_connect(number)))
    };
    // Half of what the server can take, with a table that is full afterwards.
    let rate = match target.victim() {
        Ok(victim) => {
            let flood = Flood::of(victim, 1e9, Duration::from_millis(400), send)?;
            (0.5e6 / flood.cost()).min(flood.per_second())
        }
        Err(_) => 20_000.0,
    };
    let before = Queue::of(at.port()).drops;
    let (over, time) = (AtomicBool::new(false), Duration::from_millis(stage.scale(1_500, 6_000)));
    let (guests, rate) = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let (start, mut sent) = (Instant::now(), 0);
            while !over.load(Ordering::Relaxed) && start.elapsed() < Duration::from_secs(30) {
                sent += steadily(rate, Duration::from_millis(100), |number| send(100_000 + sent + number))?;
            }
            Ok::<f64, String>(f64::from(sent) / start.elapsed().as_secs_f64())
        });
        std::thread::sleep(Duration::from_millis(200));
        let guests = honest::queue(at, 16, time);
        over.store(true, Ordering::Relaxed);
        (guests, flood.join())
    });
    let (guests, rate) = (guests?, rate.map_err(|_| "the flood panicked")??);
    let note = format!(
        "{} of {} at a round trip of 150 ms, under {rate:.0} CONNECTs/s; the kernel dropped {}",
        guests.connected,
        guests.tried,
        Queue::of(at.port()).drops.saturating_sub(before)
    );
    Ok(Finding::of(100.0 * f64::from(guests.connected) / f64::from(guests.tried.max(1))).note(note))
}

/// A3: acknowledgements of VERIFY_CONNECTs that went to somebody else.
pub(crate) fn blind_handshakes(stage: &Stage<'_>) -> Findings {
    let mut victim = stage.victim(Setup { slots: 64, ..Setup::default() })?;
    let (at, forger, mut rng) = (victim.at, Forger::new()?, stage.rng());
    let mut guesses = 0;
    // What C chooses: the first free slot, session 0, number 1, the clock on the wall. A peer id of 0xFFF in CONNECT
    // makes it forget to look at the session.
    for slot in 0..16 {
        let from = source(u32::from(slot));
        let outgoing_peer = if slot % 2 == 0 { 0x0FFF } else { 0 };
        let connect = Connect { outgoing_peer, ..commands::stock_connect([0xA3, 0, 0, slot]) };
        forger.send(from, at, &forge::connect(connect))?;
        std::thread::sleep(Duration::from_millis(10));
        for (peer, eighth) in (0..=slot).flat_map(|peer| (0..8).map(move |eighth| (peer, eighth))) {
            let time = wall_clock().wrapping_sub(eighth * 0x2000).wrapping_sub(5);
            let to = Addressee::new(u16::from(peer), 0);
            forger.send(from, at, &forge::acknowledgement(to, 1, time))?;
            guesses += 1;
        }
    }
    // What nobody can know better than at random: as many for each source as it takes until it is forgotten.
    let random = stage.scale(20_000, 200_000);
    gently(&victim, random / 8, |number| {
        let from = source(1_000 + number);
        let mut sent = forger.send(from, at, &forge::stock_connect(number))?;
        for _ in 0..8 {
            let [a, b, c, d] = rng.next_u32().to_le_bytes();
            let (seq, time) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
            let guess = forge::acknowledgement(Addressee::guess(&mut rng), seq, time);
            sent += forger.send(from, at, &guess)? + 200;
        }
        Ok(sent)
    })?;
    guesses += random;
    victim.drain();
    let connected =
        victim.report_until(Duration::from_millis(300), |account| account.connected > 0)?.connected;
    Ok(vec![Finding::of(connected as f64).note(format!("{guesses} guesses"))])
}

/// The low half of the milliseconds that C puts on the wire.
fn wall_clock() -> u16 {
    let [.., high, low] =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_be_bytes();
    u16::from_be_bytes([high, low])
}
