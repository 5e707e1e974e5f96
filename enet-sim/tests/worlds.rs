//! Whole worlds: the built-in scenarios, and those that last.
#![allow(clippy::unwrap_used, reason = "clippy.toml covers only functions that are tests themselves")]

use enet_sim::marks::Mark;
use enet_sim::random::Chance;
use enet_sim::scenario::Profile;
use enet_sim::scenario::library::BUILT_IN;
use enet_sim::scenario::link::Loss;
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

/// T5: as long as nobody's patience is over, and whatever a machine's clock is set to, a stall ends no connection.
#[test]
fn a_server_that_stands_still_for_four_seconds_or_whose_clock_is_set_loses_nobody() {
    let [sleep, step] =
        ["pause", "clock-step"].map(|trouble| format!("trouble = \"{trouble}\"\nhost = \"server\""));
    let faults = [
        format!("at = \"5s\"\nuntil = \"9s\"\n{sleep}"),
        format!("at = \"5s\"\nuntil = \"9s\"\n{sleep}\nclock-stops = true"),
        format!("at = \"5s\"\n{step}\nmillis = -3600000"),
        format!("at = \"5s\"\n{step}\nmillis = 4000"),
    ];
    for fault in faults {
        for profile in [Profile::Compat, Profile::Modern] {
            let text = format!(
                "clients = 16\nduration = \"20s\"\n[link]\ndelay = {{ base = \"25ms\" }}\n[[traffic]]\n\
                 from = \"everyone\"\n[[fault]]\n{fault}\n[expect]\ndisconnects = 0"
            );
            let mut scenario = Scenario::from_toml(&text).unwrap();
            [scenario.server.profile, scenario.client.profile] = [profile; 2];
            let measured = run::measured(&scenario, Cast::OURS, false).unwrap();
            assert!(measured.verdict.violations.is_empty(), "{fault}: {:?}", measured.verdict.violations);
            assert_eq!(measured.record.expectation, None, "{profile:?}: {fault}");
            assert_eq!(measured.record.delivered, measured.record.sent, "{profile:?}: {fault}");
        }
    }
}

/// T8: hosts of which one's second is a thousandth longer than the other's keep every promise.
#[test]
fn clocks_that_run_apart_break_no_promise() {
    for profile in [Profile::Compat, Profile::Modern] {
        let mut scenario = Scenario::built_in("lossy-5").unwrap();
        [scenario.server.profile, scenario.client.profile] = [profile; 2];
        let in_step = run::measured(&scenario, Cast::OURS, false).unwrap();
        [scenario.server.clock_drift_ppm, scenario.client.clock_drift_ppm] = [500, -500];
        let measured = run::measured(&scenario, Cast::OURS, false).unwrap();
        assert!(measured.verdict.violations.is_empty(), "{profile:?}: {:?}", measured.verdict.violations);
        assert_eq!(measured.record.expectation, None, "{profile:?}");
        assert_ne!(measured.record.trace_hash, in_step.record.trace_hash, "the clocks make a difference");
    }
}

/// T3, by evidence instead of ENet's seven losses in a row.
#[test]
fn a_modern_connection_idles_for_a_day_though_three_in_ten_datagrams_are_lost() {
    let mut scenario = soak::days(1, Span::from_secs(86_400));
    scenario.traffic.clear();
    scenario.link.loss = Loss::Random { chance: Chance::percent(30) };
    [scenario.server.profile, scenario.client.profile] = [Profile::Modern; 2];
    scenario.expect.disconnects = Some(0);
    let measured = run::measured(&scenario, Cast::OURS, false).unwrap();
    assert!(measured.verdict.violations.is_empty(), "{:?}", measured.verdict.violations);
    assert_eq!(measured.record.expectation, None);
    assert!(measured.record.retransmissions > 10_000, "pings were lost");
}
