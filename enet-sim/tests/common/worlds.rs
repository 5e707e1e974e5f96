//! Strategies: the parts that the suites' worlds are made of. Simple values come first, so that worlds shrink to them.

use enet_sim::endpoint::Kind;
use enet_sim::scenario::link::{Delay, Duplicate, LinkSpec, Loss, Shape, Spike};
use enet_sim::scenario::{Flow, Sender, TimeoutSpec};
use enet_sim::{Chance, Span};
use proptest::prelude::*;

pub(crate) fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

fn chance(ppm: u32) -> Chance {
    Chance::from_ppm(ppm).unwrap_or(Chance::ALWAYS)
}

/// A span of whole milliseconds.
pub(crate) fn span(range: core::ops::Range<u64>) -> impl Strategy<Value = Span> {
    range.prop_map(ms)
}

/// None, by chance up to `most` ppm, in bursts, or one in so many.
pub(crate) fn loss(most: u32) -> impl Strategy<Value = Loss> {
    prop_oneof![
        2 => Just(Loss::None),
        4 => (0..=most).prop_map(|ppm| Loss::Random { chance: chance(ppm) }),
        2 => (500u32..20_000, 50_000u32..500_000).prop_map(|(enter, leave)| Loss::Burst {
            enter: chance(enter),
            leave: chance(leave),
            lost_good: Chance::NEVER,
            lost_bad: Chance::ALWAYS,
        }),
        2 => (4u32..30, 0u32..4).prop_map(|(every, offset)| Loss::Periodic { every, offset }),
    ]
}

/// Copies, up to `within` late.
pub(crate) fn duplicate(within: u64) -> impl Strategy<Value = Duplicate> {
    prop_oneof![
        Just(Duplicate::default()),
        (10_000u32..300_000, 1u8..4, 0..within).prop_map(|(ppm, copies, within)| Duplicate {
            chance: chance(ppm),
            copies,
            within: ms(within),
        }),
    ]
}

/// Up to 150 ms, and jitter that may turn the order round.
pub(crate) fn delay() -> impl Strategy<Value = Delay> {
    let spike = prop_oneof![
        3 => Just(None),
        1 => (1_000u32..30_000, 50u64..2_000).prop_map(|(ppm, by)| Some(Spike { chance: chance(ppm), by: ms(by) })),
    ];
    let shape = prop_oneof![Just(Shape::Uniform), Just(Shape::Normal), Just(Shape::Pareto)];
    (1u64..150, prop_oneof![Just(0), 0u64..200], shape, any::<bool>(), spike).prop_map(
        |(base, jitter, shape, reorder, spike)| Delay {
            base: ms(base),
            jitter: ms(jitter),
            shape,
            reorder,
            spike,
            ..Delay::default()
        },
    )
}

/// Loss up to `most` ppm, copies up to `within` ms late, delay.
pub(crate) fn link(most: u32, within: u64) -> impl Strategy<Value = LinkSpec> {
    (loss(most), duplicate(within), delay()).prop_map(|(loss, duplicate, delay)| LinkSpec {
        loss,
        duplicate,
        delay,
        ..LinkSpec::default()
    })
}

/// What a host's clock shows first: rather something that wraps soon, in 16 bits or in 32.
pub(crate) fn clock_start() -> impl Strategy<Value = Span> {
    prop_oneof![
        2 => Just(Span::from_secs(1_000)),
        2 => (1u64..30_000).prop_map(|before| ms((1 << 32) - before)),
        2 => (2u64..50, 1u64..30_000).prop_map(|(wraps, before)| ms(wraps * 65_536 - before)),
        1 => (1_000u64..1 << 40).prop_map(ms),
    ]
}

/// When to give up, within seconds.
pub(crate) fn timeouts() -> impl Strategy<Value = TimeoutSpec> {
    (1u32..70, 200u64..4_000, 100u64..6_000).prop_map(|(limit, minimum, more)| TimeoutSpec {
        limit,
        minimum: ms(minimum),
        maximum: ms(minimum + more),
    })
}

/// A few messages of a kind on one of `channels` channels, from either side.
pub(crate) fn flow(channels: u8, kinds: &'static [Kind], most: u32) -> impl Strategy<Value = Flow> {
    let from = prop_oneof![Just(Sender::Clients), Just(Sender::Server)];
    let size = prop_oneof![4 => 20u32..200, 1 => 0u32..24, 2 => 200..most];
    let more = prop_oneof![Just(None), (1u32..2_000).prop_map(Some)];
    let times = (5u64..300, prop_oneof![3 => Just(1u32), 1 => 2u32..12], 1u32..60, 0u64..6_000);
    (from, 0..channels, prop::sample::select(kinds), size, more, times).prop_map(
        |(from, channel, kind, size, more, (interval, burst, count, start))| Flow {
            from,
            channel,
            kind,
            size,
            max_size: more.map(|more| size + more),
            interval: ms(interval),
            burst,
            count: Some((count / burst).max(1)),
            start: ms(start),
        },
    )
}
