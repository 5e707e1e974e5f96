//! A datagram that holds a packet and acknowledgements and nothing else is written in a way of its own. That must not
//! show: a host that counts what its peers send goes the long way, and sends the same.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use std::num::NonZeroU8;

use enet_proto::{Delivery, Host, PeerDefaults, Profile, Redundancy};
use proptest::prelude::*;
use world::{Fate, Step, Weather, World, config, delivery, fair, weather};

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
    prop_oneof![
        4 => Just((Profile::Modern, Redundancy::Off)),
        2 => (1..=3u8).prop_map(|copies| (Profile::Modern, Redundancy::Repeat(NonZeroU8::new(copies).unwrap()))),
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

/// What is lost is averaged every ten seconds: before or after the packet that the datagram brings is looked at.
#[test]
fn who_counts_sends_the_same_when_losses_are_forgotten() {
    let send = Step::Send { side: 0, channel: 0, delivery: Delivery::Reliable, len: 20 };
    let mut script = vec![send.clone(), Step::Wait(500)];
    for _ in 0..1_800 {
        for wait in [4, 4, 487] {
            script.extend([send.clone(), Step::Wait(wait)]);
        }
    }
    let settings = (Profile::Modern, Redundancy::Repeat(NonZeroU8::new(2).unwrap()));
    for shift in 0..16 {
        // The first packet is lost, behind so many others.
        let mut fates = vec![Fate { copies: 1, delay: 10 }; 20_000];
        fates[0].copies = 0;
        let others = (0..shift).flat_map(|_| {
            [Step::Send { side: 0, channel: 1, delivery: Delivery::Unreliable, len: 20 }, Step::Wait(20)]
        });
        let script: Vec<Step> =
            script[..2].iter().cloned().chain(others).chain(script[2..].iter().cloned()).collect();
        let [one, other] =
            [false, true].map(|counted| seen(&script, &Weather { fates: fates.clone() }, settings, counted));
        let differs = one.0.iter().zip(&other.0).position(|(one, other)| one != other);
        assert_eq!(differs, None, "shift {shift}");
    }
}
