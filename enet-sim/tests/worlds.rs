//! Whole worlds: the built-in scenarios, and those that last.
#![allow(clippy::unwrap_used, reason = "clippy.toml covers only functions that are tests themselves")]

use enet_sim::marks::Mark;
use enet_sim::scenario::Profile;
use enet_sim::scenario::library::BUILT_IN;
use enet_sim::world::Cast;
use enet_sim::{Scenario, Span, run, soak, swarm};

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
        assert_eq!((scenario.server.profile, scenario.client.profile), (Profile::Compat, Profile::Compat));
        let measured = run::measured(&scenario, Cast::OURS, false).unwrap();
        assert!(measured.verdict.violations.is_empty(), "{name}: {:?}", measured.verdict.violations);
        assert_eq!(measured.record.expectation, None, "{name}");
        assert!(measured.record.delivered > 0, "{name}");
    }
}

#[test]
fn modern_hosts_keep_every_promise_in_every_built_in_scenario() {
    for (name, _) in BUILT_IN {
        let mut scenario = Scenario::built_in(name).unwrap();
        scenario.clients = scenario.clients.min(64);
        for profiles in [[Profile::Modern; 2], [Profile::Compat, Profile::Modern]] {
            [scenario.server.profile, scenario.client.profile] = profiles;
            let measured = run::measured(&scenario, Cast::OURS, false).unwrap();
            assert!(measured.verdict.violations.is_empty(), "{name}: {:?}", measured.verdict.violations);
            assert!(measured.record.delivered > 0, "{name}, {profiles:?}");
        }
    }
}

#[test]
fn a_host_is_modern_if_its_scenario_says_so() {
    let text = "[client]\nprofile = \"modern\"\n[[traffic]]\nsize = 100000";
    let mut scenario = Scenario::from_toml(text).unwrap();
    assert_eq!((scenario.server.profile, scenario.client.profile), (Profile::Compat, Profile::Modern));
    assert_eq!(Scenario::from_toml(&scenario.to_toml()).unwrap(), scenario);
    scenario.duration = Span::from_secs(2);
    assert!(nothing_is_wrong(&scenario).marks.has(Mark::Train));
    scenario.client.profile = Profile::Compat;
    assert!(!nothing_is_wrong(&scenario).marks.has(Mark::Train));
    assert!(Scenario::from_toml("[client]\nprofile = \"ancient\"").is_err());
}

#[test]
fn the_swarm_draws_hosts_of_either_profile_for_either_end() {
    let drawn: Vec<_> = (0..400).map(swarm::scenario).collect();
    for profiles in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let is_one = |it: &&Scenario| (it.server.profile as u8, it.client.profile as u8) == profiles;
        let count = drawn.iter().filter(is_one).count();
        assert!((60..140).contains(&count), "{profiles:?}: {count}");
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
