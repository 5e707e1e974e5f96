//! A datagram that holds a packet and acknowledgements and nothing else is written in a way of its own. That must not
//! show: a host that counts what its peers send goes the long way, and sends the same.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use std::num::NonZeroU8;

use enet_proto::{Host, PeerDefaults, Profile, Redundancy};
use proptest::prelude::*;
use world::{Step, Weather, World, config, delivery, fair, weather};

/// Ticks, in each of which a side has a packet to send, or now and then two, or none.
fn ticks() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![6 => 4usize..60, 1 => 1_000usize..1_600];
    let packet =
        || {
            (0usize..2, 0u8..2, delivery(), len.clone())
                .prop_map(|(side, channel, delivery, len)| Step::Send { side, channel, delivery, len })
        };
    let wait = || prop_oneof![8 => 5u64..40, 1 => 300u64..700].prop_map(Step::Wait);
    let tick = prop_oneof![
        6 => (packet(), wait()).prop_map(|(one, wait)| vec![one, wait]),
        1 => (packet(), packet(), wait()).prop_map(|(one, other, wait)| vec![one, other, wait]),
        1 => wait().prop_map(|wait| vec![wait]),
    ];
    prop::collection::vec(tick, 50..400).prop_map(|ticks| ticks.into_iter().flatten().collect())
}

/// What leaves, and what the hosts think of each other afterwards.
type Seen = (Vec<(u64, usize, Vec<u8>)>, [String; 2]);

/// What is seen of such a script, if both hosts count or neither does.
fn seen(
    script: &[Step],
    weather: &Weather,
    (profile, redundancy): (Profile, Redundancy),
    counted: bool,
) -> Seen {
    let mut world = World::new((false, false), fair());
    for (side, host) in (0..).zip(&mut world.hosts) {
        let mut config = config(side, (false, false));
        let mut defaults = PeerDefaults::default();
        defaults.totals = counted;
        (config.peer_defaults, config.profile, config.redundancy) = (defaults, profile, redundancy);
        *host = Host::new(config);
    }
    world.connect(weather.clone());
    world.run(script);
    world.wait(2_000);
    let stats = world.hosts.each_ref().map(|host| {
        let peers: Vec<_> = host.peers().map(|peer| (peer.stats(), peer.loss())).collect();
        format!("{:?} {peers:?}", host.stats())
    });
    (world.wire, stats)
}

fn settings() -> impl Strategy<Value = (Profile, Redundancy)> {
    let once = NonZeroU8::MIN;
    prop_oneof![
        4 => Just((Profile::Modern, Redundancy::Off)),
        1 => Just((Profile::Modern, Redundancy::Repeat(once))),
        1 => Just((Profile::Compat, Redundancy::Off)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn who_counts_sends_the_same(script in ticks(), weather in weather(40), settings in settings()) {
        let seen = [false, true].map(|counted| seen(&script, &weather, settings, counted));
        let [(one, stats), (other, other_stats)] = seen;
        for (at, (one, other)) in one.iter().zip(&other).enumerate() {
            prop_assert_eq!(one, other, "datagram {}", at);
        }
        prop_assert_eq!((one.len(), stats), (other.len(), other_stats));
    }
}
