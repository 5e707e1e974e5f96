//! Property suite *retransmission*: when commands leave again, and what is acknowledged.
//!
//! The oracle is a model of PROTOCOL.md §9 and §10.1, kept by someone who sees only datagrams: it predicts to the
//! millisecond when each command expires (T1), what the round trip estimate is (T7), which copies are acknowledged, each
//! once, with the echo of that copy (R4), and how many bytes are in flight (F1). Nothing leaves again that was
//! acknowledged; what expired leaves in that very service call, unless the byte window is full.

mod common;

use common::model::Model;
use common::worlds::{clock_start, flow, link};
use common::Suite;
use enet_sim::endpoint::Kind;
use enet_sim::scenario::{HostSpec, Scenario};
use enet_sim::Span;
use proptest::prelude::*;

const PROPERTIES: &[&str] = &["T1", "T7", "R2", "R3", "R4", "F1", "F5", "B1"];

/// One client, one connection, traffic of all kinds with large reliable packets, a network that loses, copies and delays.
fn worlds() -> impl Strategy<Value = Scenario> {
    let hosts = (clock_start(), clock_start(), prop_oneof![Just(1_392u16), 576u16..1_400]);
    let flows = prop::collection::vec(flow(3, &Kind::ALL, 6_000), 0..6);
    (any::<u64>(), hosts, link(200_000, 400), link(200_000, 400), flows, 2_000u64..20_000).prop_map(
        |(seed, (server, client, mtu), up, down, traffic, duration)| Scenario {
            name: "retransmission".to_owned(),
            seed,
            duration: Span::from_millis(duration),
            settle: Span::from_secs(40),
            server: HostSpec { clock_start: server, ..HostSpec::default() },
            client: HostSpec { clock_start: client, mtu, ..HostSpec::default() },
            up: Some(up),
            down: Some(down),
            traffic,
            ..Scenario::default()
        },
    )
}

#[test]
fn retransmission_keeps_to_the_schedule() {
    let suite = Suite { name: "retransmission", part: "schedule", cases: 2_000, properties: PROPERTIES, judged: PROPERTIES };
    suite.check(worlds(), Model::new);
}
