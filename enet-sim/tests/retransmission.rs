//! Property suite *retransmission*: when commands leave again, and what is acknowledged.
//!
//! The oracle is a model of PROTOCOL.md §9 and §10.1, kept by someone who sees only datagrams: it predicts to the
//! millisecond when each command expires (T1), what the round trip estimate is (T7), which copies are acknowledged, each
//! once, with the echo of that copy (R4), and how many bytes are in flight (F1). Nothing leaves again that was
//! acknowledged; what expired leaves in that very service call, unless the byte window is full.
//!
//! Of the mutants it alone catches `repeat-unacknowledged`, `sequence-window-ignored` and `too-many-commands`; with others
//! it catches `byte-window-ignored`, `no-backoff`, `early-resend`, `forgotten-timer`, `sent-time-wrap`, `acks-wait`,
//! `in-transit-leak`, `mtu-exceeded` and more.

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use common::Suite;
use common::model::Model;
use common::worlds::{clock_start, flow, link};
use enet_sim::endpoint::Kind;
use enet_sim::net::Fate;
use enet_sim::scenario::{Fault, Flow, HostChoice, HostSpec, Scenario, Trouble};
use enet_sim::world::observer::{HostIndex, Observer};
use enet_sim::world::{Cast, World};
use enet_sim::{Span, Time};
use enet_wire::{CommandKind, Commands, Header};
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
    let suite = Suite {
        name: "retransmission",
        part: "schedule",
        cases: 2_000,
        properties: PROPERTIES,
        judged: PROPERTIES,
    };
    suite.check(worlds(), Model::new);
}

/// The reliable numbers of channel 0 that a host used.
#[derive(Default)]
struct Numbers(BTreeSet<u16>);

impl Observer for Numbers {
    fn departed(&mut self, at: Time, from: HostIndex, _: SocketAddr, bytes: &[u8], _: &Fate) {
        let Ok((_, rest)) = Header::decode(bytes) else { return };
        let commands = Commands::new(rest).map_while(Result::ok);
        let data = commands.filter(|it| from == 1 && it.kind() == CommandKind::SendReliable);
        self.0.extend(data.filter(|_| at < Time(SILENCE.0 + 4_000_000_000)).map(|it| it.seq.0));
    }
}

/// When the server falls silent.
const SILENCE: Span = Span::from_secs(1);

#[test]
fn retransmission_never_makes_numbers_ambiguous() {
    common::select_mutant();
    let (from, to) = (HostChoice::Host(0), HostChoice::Host(1));
    let flow = Flow { size: 4, burst: 9_000, count: Some(1), start: Span::from_secs(2), ..Flow::default() };
    let scenario = Scenario {
        duration: Span::from_secs(5),
        traffic: vec![flow],
        fault: vec![Fault { at: SILENCE, until: None, trouble: Trouble::Cut { from, to } }],
        ..Scenario::default()
    };
    let mut world = World::new(&scenario, Cast::OURS, Numbers::default()).unwrap();
    world.run();
    // PROTOCOL.md §9.7: if nothing is acknowledged, the C library was seen to send 1 to 0x1FFF of however many.
    let numbers = world.finish().0.0;
    assert_eq!((numbers.first(), numbers.last(), numbers.len()), (Some(&1), Some(&0x1FFF), 0x1FFF));
}
