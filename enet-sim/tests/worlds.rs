//! Whole worlds: the built-in scenarios, and those that last.
#![allow(clippy::unwrap_used, reason = "clippy.toml covers only functions that are tests themselves")]

use enet_sim::scenario::library::BUILT_IN;
use enet_sim::world::Cast;
use enet_sim::{Scenario, Span, run, soak};

fn nothing_is_wrong(scenario: &Scenario) -> run::Verdict {
    let verdict = run::judged(scenario, Cast::OURS);
    assert!(verdict.violations.is_empty(), "{}: {:?}", scenario.name, verdict.violations);
    verdict
}

#[test]
fn every_built_in_scenario_is_as_good_as_it_says() {
    for (name, _) in BUILT_IN {
        let mut scenario = Scenario::built_in(name).unwrap();
        // A thousand clients take their time without optimisation.
        scenario.clients = scenario.clients.min(64);
        let measured = run::measured(&scenario, Cast::OURS, false).unwrap();
        assert!(measured.verdict.violations.is_empty(), "{name}: {:?}", measured.verdict.violations);
        assert_eq!(measured.record.expectation, None, "{name}");
        assert!(measured.record.delivered > 0, "{name}");
    }
}

#[test]
fn an_expectation_that_is_not_met_is_reported() {
    let mut scenario = Scenario::built_in("lossy-20").unwrap();
    scenario.duration = Span::from_secs(5);
    scenario.expect.p99 = Some(Span::from_millis(50));
    let missed = run::measured(&scenario, Cast::OURS, false).unwrap().record.expectation.unwrap();
    assert!(missed.contains("not 50ms"), "{missed}");
}

#[test]
fn a_day_of_idling_on_a_good_line_ends_nothing() {
    // On worse lines ENet's rule, seven losses in a row, ends idle connections after some hours, C's as well.
    let mut scenario = soak::days(1, Span::from_secs(86_400));
    scenario.traffic.clear();
    scenario.expect.disconnects = Some(0);
    let measured = run::measured(&scenario, Cast::OURS, false).unwrap();
    assert!(measured.verdict.violations.is_empty(), "{:?}", measured.verdict.violations);
    assert_eq!(measured.record.expectation, None);
    assert!(measured.record.retransmissions > 1_000, "pings were lost");
}

#[test]
fn the_numbers_of_pings_wrap_and_nobody_notices() {
    let mut scenario = soak::days(1, Span::from_secs(5 * 3_600));
    for host in [&mut scenario.server, &mut scenario.client] {
        host.ping_interval = Some(Span::from_millis(200));
    }
    let verdict = nothing_is_wrong(&scenario);
    assert!(verdict.extent.datagrams > 4 * 65_536, "{:?}", verdict.extent);
}

#[test]
fn the_numbers_of_messages_wrap_and_nobody_notices() {
    let verdict = nothing_is_wrong(&soak::numbers(1, 70_000));
    assert_eq!(verdict.extent.messages, 6 * 70_000);
}

#[test]
fn the_millisecond_clock_wraps_and_nobody_notices() {
    let mut scenario = soak::days(1, Span::from_secs(600));
    for host in [&mut scenario.server, &mut scenario.client] {
        host.clock_start = Span::from_millis((1 << 32) - 300_000);
    }
    nothing_is_wrong(&scenario);
}
