//! Worlds that last: [`days`] for clocks, [`numbers`] for sequence numbers, [`crowd`] for many peers.

use crate::endpoint::{Kind, Order};
use crate::random::Chance;
use crate::scenario::link::{Delay, Duplicate, LinkSpec, Loss};
use crate::scenario::{Flow, Scenario, Sender, Service};
use crate::time::Span;

/// One connection for so long, with a message of every kind each few seconds, both ways. In 49.7 days its 32-bit
/// millisecond clock wraps.
pub fn days(seed: u64, duration: Span) -> Scenario {
    let flow = |from, channel, kind, seconds| Flow {
        from,
        channel,
        kind,
        size: 64,
        interval: Span::from_secs(seconds),
        ..Flow::default()
    };
    Scenario {
        name: format!("soak for {duration}"),
        seed,
        duration,
        link: LinkSpec {
            loss: Loss::Random { chance: Chance::percent(1) },
            delay: Delay {
                base: Span::from_millis(30),
                jitter: Span::from_millis(10),
                reorder: true,
                ..Delay::default()
            },
            ..LinkSpec::default()
        },
        traffic: vec![
            flow(Sender::Everyone, 0, Kind::Reliable, 5),
            flow(Sender::Everyone, 1, Kind::Unreliable, 7),
            flow(Sender::Everyone, 2, Kind::Unsequenced, 11),
        ],
        ..Scenario::default()
    }
}

/// One connection over which each channel carries `messages` messages of its kind, with loss, duplicates and reordering:
/// 16-bit numbers wrap once in 65,536.
pub fn numbers(seed: u64, messages: u32) -> Scenario {
    const BURST: u32 = 20;
    let flow = |from, channel, kind| Flow {
        from,
        channel,
        kind,
        size: 24,
        interval: Span::from_millis(10),
        burst: BURST,
        count: Some(messages.div_ceil(BURST)),
        ..Flow::default()
    };
    Scenario {
        name: format!("{messages} messages a channel"),
        seed,
        duration: Span::from_millis(u64::from(messages / BURST) * 10 + 60_000),
        link: LinkSpec {
            loss: Loss::Random { chance: Chance::percent(1) },
            duplicate: Duplicate { chance: Chance::percent(1), copies: 1, within: Span::from_millis(500) },
            delay: Delay {
                base: Span::from_millis(5),
                jitter: Span::from_millis(5),
                reorder: true,
                ..Delay::default()
            },
            ..LinkSpec::default()
        },
        traffic: vec![
            flow(Sender::Everyone, 0, Kind::Reliable),
            flow(Sender::Everyone, 1, Kind::Unreliable),
            flow(Sender::Everyone, 2, Kind::Unsequenced),
        ],
        ..Scenario::default()
    }
}

/// A server and `clients` clients, 62 messages a second each, both ways, 100 bytes, half of them reliable, 2 % loss; each
/// host is called once in 16 ms, ours in the given order.
pub fn crowd(seed: u64, clients: u16, duration: Span, order: Order) -> Scenario {
    let flow = |channel, kind| Flow {
        from: Sender::Everyone,
        channel,
        kind,
        interval: Span(1_000_000_000 / 31),
        ..Flow::default()
    };
    Scenario {
        name: format!("1+{clients}"),
        seed,
        clients,
        stagger: Span::from_micros(100),
        duration,
        service: Service::Every(Span::from_millis(16)),
        order,
        link: LinkSpec {
            loss: Loss::Random { chance: Chance::percent(2) },
            ..LinkSpec::delayed(Span::from_millis(20))
        },
        traffic: vec![flow(0, Kind::Reliable), flow(1, Kind::Unreliable)],
        ..Scenario::default()
    }
}
