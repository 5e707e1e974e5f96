//! What the C library does in an outage of eight seconds, whoever sends to it (docs/RECOVERY.md).
#![cfg(feature = "c-reference")]
#![allow(clippy::unwrap_used, reason = "a test knows its own scenario")]

use enet_sim::endpoint::Implementation;
use enet_sim::scenario::Profile;
use enet_sim::world::Cast;
use enet_sim::{Scenario, Span, run};

/// The row's first outage: from 20 to 28 s.
#[test]
fn c_ends_a_connection_by_its_own_ping_before_an_outage_of_eight_seconds_is_over_and_ours_would_not() {
    if let Err(reason) = Implementation::C.available() {
        eprintln!("skipped: the C library: {reason}");
        return;
    }
    let mut scenario = Scenario::built_in("recovery-outage-8s").unwrap();
    scenario.client.profile = Profile::Modern;
    scenario.duration = Span::from_secs(30);
    let run = run::measured(&scenario, Cast::of(Implementation::Ours, Implementation::C), true).unwrap();
    let log = run.log.unwrap().timeline();
    let times = |what: &[&str]| -> Vec<f64> {
        let lines = log.lines().filter(|line| what.iter().all(|word| line.contains(word)));
        lines.map(time).filter(|at| (20.0..30.0).contains(at)).collect()
    };
    // The first timeout is 92 ms; the sixth ends it.
    let pings = times(&["server ──✗ client  PING"]);
    let pauses: Vec<String> = pings.windows(2).map(|two| format!("{:.0}", (two[1] - two[0]) * 1e3)).collect();
    assert_eq!(pauses, ["92", "184", "368", "736", "1472"]);
    let [c, ours] = ["server app", "client app"].map(|app| times(&[app, "ended"]));
    assert!(c.len() == 1 && (25.9..26.0).contains(&c[0]), "{c:?}");
    // Nobody answers any more.
    assert!(ours.len() == 1 && ours[0] > 28.0, "{ours:?}");
}

/// Seconds.
fn time(line: &str) -> f64 {
    line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}
