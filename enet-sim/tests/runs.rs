//! Whole runs: what arrives on which network, and that a run is a function of its scenario.
#![allow(clippy::unwrap_used)] // clippy.toml covers only functions that are tests themselves

use std::time::Duration;

use enet_proto::DisconnectReason;
use enet_sim::{Chance, DeliveryReport, Kind, LinkConfig, Report, Scenario, run};

fn scenario(seed: u64, loss: f64, delay_ms: u64, jitter_ms: u64) -> Scenario {
    let link = LinkConfig {
        loss: Chance::percent(loss).unwrap(),
        delay: Duration::from_millis(delay_ms),
        jitter: Duration::from_millis(jitter_ms),
    };
    Scenario { link, messages: 300, ..Scenario::new(seed) }
}

fn of(report: &Report, kind: Kind) -> &DeliveryReport {
    report.deliveries.iter().find(|delivery| delivery.kind == kind).unwrap()
}

#[test]
fn without_loss_everything_arrives_after_exactly_the_delay() {
    let report = run(&scenario(1, 0.0, 35, 0));
    assert!(report.is_good(), "{report}");
    for kind in Kind::ALL {
        let delivery = of(&report, kind);
        assert_eq!((delivery.sent, delivery.lost), (300, 0), "{report}");
        let latency = delivery.latency.unwrap();
        assert_eq!((latency.mean, latency.p50, latency.max), (35_000, 35_000, 35_000), "{report}");
    }
}

#[test]
fn without_loss_both_ends_see_an_orderly_life() {
    let report = run(&scenario(1, 0.0, 35, 0));
    assert_eq!(report.connected, Some(Duration::from_millis(70)));
    assert_eq!(report.closing.client, Some(DisconnectReason::Local));
    assert_eq!(report.closing.server, Some(DisconnectReason::Remote));
    assert_eq!((report.client_to_server.lost, report.server_to_client.lost), (0, 0));
}

#[test]
fn with_a_fifth_lost_every_reliable_message_arrives_once_and_in_order() {
    for seed in 0..10 {
        let report = run(&Scenario { messages: 100, ..scenario(seed, 20.0, 35, 0) });
        // The judge of the run compares order, number and contents.
        assert_eq!(report.violations, [""; 0], "{report}");
        assert_eq!(of(&report, Kind::Reliable).delivered, 100, "{report}");
        assert!(report.client_to_server.lost > 0, "{report}");
    }
}

#[test]
fn a_connection_that_dies_of_loss_says_so_and_has_delivered_a_prefix() {
    // ENet gives a peer up when one message is lost seven times (PROTOCOL.md §9.5), here 1 in 12.
    let report = run(&scenario(1, 45.0, 35, 0));
    assert_eq!(report.closing.client, Some(DisconnectReason::TimedOut), "{report}");
    assert_eq!(report.violations, [""; 0], "{report}");
    assert!(!report.is_good());
}

#[test]
fn unreliable_messages_are_lost_as_often_as_the_link_loses_datagrams() {
    let (mut small, mut fragmented) = (0, 0);
    for seed in 0..3 {
        let report = run(&Scenario { messages: 2000, ..scenario(seed, 10.0, 35, 0) });
        small += of(&report, Kind::Unreliable).lost + of(&report, Kind::Unsequenced).lost;
        fragmented += of(&report, Kind::UnreliableFragments).lost;
    }
    // Of 12,000 in one datagram each: a tenth. Of 6,000 in three each: 1 - 0.9³ = 27.1 %. A few more are lost when the
    // server does not know yet that it is connected.
    assert!((1_000..1_450).contains(&small), "{small}");
    assert!((1_500..1_850).contains(&fragmented), "{fragmented}");
}

#[test]
fn no_delivery_breaks_its_promise_when_datagrams_overtake_each_other() {
    for seed in 0..20 {
        let report = run(&scenario(seed, 5.0, 20, 60));
        assert_eq!(report.violations, [""; 0], "{report}");
        assert_eq!(of(&report, Kind::Reliable).delivered, 300, "{report}");
    }
}

#[test]
fn a_run_repeats_itself() {
    let scenario = scenario(42, 20.0, 35, 10);
    assert_eq!(run(&scenario), run(&scenario));
}

#[test]
fn every_part_of_the_scenario_shows_in_the_trace() {
    let base = scenario(42, 20.0, 35, 10);
    let changed = [
        Scenario { seed: 43, ..base.clone() },
        Scenario { messages: 301, ..base.clone() },
        Scenario { interval: Duration::from_millis(21), ..base.clone() },
        scenario(42, 21.0, 35, 10),
        scenario(42, 20.0, 36, 10),
        scenario(42, 20.0, 35, 11),
    ];
    let hash = run(&base).trace_hash;
    for changed in changed {
        assert_ne!(run(&changed).trace_hash, hash, "{changed}");
    }
}

#[test]
fn a_dead_link_ends_in_a_connect_that_timed_out() {
    let report = run(&scenario(1, 100.0, 35, 0));
    assert!(!report.is_good());
    assert_eq!(report.connected, None);
    assert_eq!(report.closing.client, Some(DisconnectReason::ConnectTimedOut));
    // PROTOCOL.md §9.5: first expiry with enough attempts, 500 ms · (2⁶ - 1).
    assert_eq!(report.duration, Duration::from_millis(31_500));
}

#[test]
fn a_run_ends_at_its_limit() {
    let scenario = Scenario { limit: Duration::from_millis(500), ..scenario(1, 0.0, 35, 0) };
    let report = run(&scenario);
    assert!(report.duration <= scenario.limit, "{report}");
    assert!(report.duration > Duration::from_millis(450), "{report}");
    assert!(!report.is_good());
}

#[test]
fn the_report_reads_as_a_table_and_as_json() {
    let report = run(&scenario(1, 0.0, 35, 0));
    let table = report.to_string();
    assert!(table.contains("reliable                  300        300      0     0.0"), "{table}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["deliveries"][0]["kind"], "reliable");
    assert_eq!(json["deliveries"][0]["latency"]["p99_us"], 35_000);
    assert_eq!(json["scenario"]["link"]["delay_us"], 35_000);
    assert_eq!(json["trace_hash"], report.trace_hash.to_string());
}
