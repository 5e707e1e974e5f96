//! A10, A12: numbers in an unhappy order.

use std::time::Duration;

use enet_testkit::commands;

use crate::loopback::source;
use crate::session::Session;
use crate::stage::{Finding, Findings, Stage};
use crate::victim::Setup;

const FRAME: Duration = Duration::from_millis(16);

/// A10: every packet belongs in front of all that came before.
pub(crate) fn backwards(stage: &Stage<'_>) -> Findings {
    let setup = Setup { frame: Some(FRAME), receive_buffer: Some(1 << 20), ..Setup::default() };
    let mut victim = stage.victim(setup)?;
    let mut session = Session::open(victim.at, source(10), 1)?;
    let last_to_first: Vec<u16> = (2..=28_001).rev().collect();
    for numbers in last_to_first.chunks(680) {
        let commands: Vec<_> = numbers.iter().map(|seq| commands::reliable(0, *seq, b"")).collect();
        session.send(&commands);
    }
    let sent = session.sent;
    victim.drain();
    session.tend(Duration::from_millis(50));
    let note = format!("{sent} bytes; processor time");
    Ok(vec![Finding::of(victim.report()?.slowest).note(note)])
}

/// A12: one datagram that leads far ahead, step by step and at once, and then those that were to come.
pub(crate) fn unsequenced_jump(stage: &Stage<'_>) -> Findings {
    const GENUINE: u16 = 3_000;
    let mut victim = stage.victim(Setup::default())?;
    let mut session = Session::open(victim.at, source(12), 1)?;
    let before = victim.report()?.received;
    let steps: Vec<_> = (1..=30).map(|block| commands::unsequenced(0, block * 1_024, b"step")).collect();
    session.send(&[&steps[..], &[commands::unsequenced(0, 31_000, b"jump")]].concat());
    let forged = before + steps.len() as u64 + 1;
    let after =
        victim.report_until(Duration::from_millis(200), |account| account.received >= forged)?.received;
    let genuine: Vec<u16> = (1..=GENUINE).collect();
    for groups in genuine.chunks(20) {
        let commands: Vec<_> = groups.iter().map(|group| commands::unsequenced(0, *group, b"true")).collect();
        session.send(&commands);
        session.tend(Duration::from_millis(2));
    }
    let all = after + u64::from(GENUINE);
    let received =
        victim.report_until(Duration::from_millis(500), |account| account.received >= all)?.received;
    Ok(vec![Finding::of(all.saturating_sub(received) as f64)])
}
