//! A8, A9, A11: a little sent, much held.

use std::time::Duration;

use enet_testkit::commands;
use enet_wire::{Command, Fragment};

use crate::load::gently;
use crate::loopback::source;
use crate::session::Session;
use crate::stage::{Finding, Findings, Stage};
use crate::victim::{Setup, Victim};

const PAGE: u32 = 4096;
const MIB: u32 = 1 << 20;

/// A8: packets of 32 MiB, of which one byte in each page is sent.
pub(crate) fn sparse_fragments(stage: &Stage<'_>) -> Findings {
    let mut victim = stage.victim(Setup::default())?;
    let mut sessions = sessions(&victim, stage.scale(2, 4), 1)?;
    let before = settled(&mut victim)?;
    for session in &mut sessions {
        // The first is left out, or the packet would be complete.
        let pieces = |number: u32| {
            let number = number + 1;
            let fragment = Fragment {
                start: 1,
                count: 32 * MIB / PAGE,
                number,
                total_length: 32 * MIB,
                offset: number * PAGE,
                payload: b"x",
            };
            commands::unreliable_fragment(0, 0, fragment)
        };
        send_all(&victim, session, 32 * MIB / PAGE - 1, 100, pieces)?;
    }
    let occupied = settled(&mut victim)?.saturating_sub(before);
    let sent: u64 = sessions.iter().map(|session| session.sent).sum();
    let note = format!(
        "{occupied} bytes for {sent} from {} peers; the kernel dropped {}",
        sessions.len(),
        victim.queue().drops
    );
    Ok(vec![Finding::of(occupied as f64 / sent as f64).note(note)])
}

/// A9: packets without payload, as many as numbers allow, on many channels; the first of each is missing.
pub(crate) fn empty_and_early(stage: &Stage<'_>) -> Findings {
    let mut victim = stage.victim(Setup::default())?;
    let channels: u8 = stage.scale(14, 43);
    let mut session = Session::open(victim.at, source(9), u32::from(channels))?;
    let before = settled(&mut victim)?;
    for channel in 0..channels {
        let early = |number: u32| {
            // 2 to 28,001: all that a receiver keeps.
            let seq = u16::try_from(number + 2).unwrap_or_default();
            commands::reliable(channel, seq, b"")
        };
        send_all(&victim, &mut session, 28_000, 680, early)?;
        session.tend(Duration::from_millis(2));
    }
    let occupied = settled(&mut victim)?.saturating_sub(before);
    let (sent, drops) = (session.sent, victim.queue().drops);
    let note = format!("{sent} bytes sent on {channels} channels; the kernel dropped {drops}");
    Ok(vec![Finding::of(occupied as f64 / f64::from(MIB)).note(note)])
}

/// A11: 64 MiB announced in fragments, each packet given up for the next; then messages.
pub(crate) fn deaf_peer(stage: &Stage<'_>) -> Findings {
    const MESSAGES: u16 = 45;
    let mut victim = stage.victim(Setup::default())?;
    let mut session = Session::open(victim.at, source(11), 2)?;
    for start in 1..=16 {
        let fragment =
            Fragment { start, count: 4096, number: 0, total_length: 4 * MIB, offset: 0, payload: b"x" };
        session.send(&[commands::unreliable_fragment(0, 0, fragment)]);
        session.tend(Duration::from_millis(3));
    }
    let before = victim.report()?.received;
    // Twice, as a client would; the second time changes nothing where all is well.
    for seq in (1..=MESSAGES).chain(1..=MESSAGES) {
        session.send(&[commands::reliable(1, seq, b"are you there?")]);
        session.tend(Duration::from_millis(2));
    }
    let all = before + u64::from(MESSAGES);
    let received =
        victim.report_until(Duration::from_millis(500), |account| account.received >= all)?.received;
    Ok(vec![Finding::of(all.saturating_sub(received) as f64)])
}

fn sessions(victim: &Victim, count: u32, channels: u32) -> Result<Vec<Session>, String> {
    (0..count).map(|number| Session::open(victim.at, source(number), channels)).collect()
}

/// Sends `count` commands, `together` in a datagram.
fn send_all<'a>(
    victim: &Victim,
    session: &mut Session,
    count: u32,
    together: u32,
    command: impl Fn(u32) -> Command<'a>,
) -> Result<(), String> {
    gently(victim, count.div_ceil(together), |number| {
        let first = number * together;
        let commands: Vec<_> = (first..count.min(first + together)).map(&command).collect();
        let before = session.sent;
        session.send(&commands);
        if number % 8 == 7 {
            session.tend(Duration::from_millis(1));
        }
        usize::try_from(session.sent - before).map_err(|error| error.to_string())
    })
}

/// Memory once the victim has seen everything.
fn settled(victim: &mut Victim) -> Result<u64, String> {
    victim.drain();
    victim.report()?;
    std::thread::sleep(Duration::from_millis(30));
    victim.report()?;
    victim.resident()
}
