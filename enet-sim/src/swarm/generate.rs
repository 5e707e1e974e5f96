//! [`scenario`]: a random world from one number.
#![allow(clippy::cast_possible_truncation, reason = "what is drawn lies in ranges that fit")]

use super::draw::Draw;
use crate::endpoint::{Close, Kind, SendFault, Setting};
use crate::random::Chance;
use crate::scenario::link::{
    CommandName, Corrupt, Damage, Delay, DropFrom, Duplicate, Gap, Loss, MtuSpec, Pick, Rate, RateSpec,
    Shape, Spike,
};
use crate::scenario::{
    Action, Attack, Deed, Fault, Flow, HostChoice, HostSpec, LinkSpec, NatSpec, Profile, Scenario, Sender,
    Service, ThrottleSpec, TimeoutSpec, Trouble,
};
use crate::time::Span;

/// What a world must have to count as one.
pub const LEAST_FAULTS: usize = 3;
/// What a world must have to count as one.
pub const LEAST_MESSAGES: u64 = 200;
/// What a world must have to count as one.
pub const LEAST_SECONDS: u64 = 30;

const MS: Span = Span::from_millis(1);
const SECOND: Span = Span::from_secs(1);

/// One world in so many is a long one, in which the 16-bit numbers wrap; another one is stuck, so that as many numbers
/// are in flight as may be.
const LONG_WORLDS: u64 = 2_048;

/// The random world of a seed: two hosts, every fault on or off, its parameters from a wide range.
pub fn scenario(seed: u64) -> Scenario {
    let mut draw = Draw::new(seed);
    let mut scenario = match draw.even(1, LONG_WORLDS) {
        1 => long(seed, &mut draw),
        2 => stuck(seed, &mut draw),
        _ => usual(seed, &mut draw),
    };
    // Drawn last: all the rest is as it was when there was one profile.
    for host in [&mut scenario.server, &mut scenario.client] {
        host.profile = if draw.percent(50) { Profile::Modern } else { Profile::Compat };
    }
    scenario.server.strict_handshake = draw.percent(30);
    for host in [&mut scenario.server, &mut scenario.client] {
        host.redundancy = draw.maybe(20, |draw| draw.even(1, 3) as u8).unwrap_or(0);
    }
    // The numbers of slots that only a usual world draws leave room for one more.
    if let Some(peers) = scenario.server.peers.as_mut()
        && let Some(insider) = draw.maybe(12, insider)
    {
        *peers += 1;
        scenario.attacker.push(insider);
    }
    scenario
}

fn usual(seed: u64, draw: &mut Draw) -> Scenario {
    let mut scenario = Scenario {
        name: format!("swarm-{seed:#018x}"),
        seed,
        duration: Span::from_millis(draw.even(30_000, 34_000)),
        settle: Span::from_secs(150),
        service: service(draw),
        ..Scenario::default()
    };
    let shared = Shared::new(draw);
    scenario.server = host(draw, &shared);
    scenario.client = host(draw, &shared);
    scenario.server.peers = draw.maybe(30, |draw| draw.even(2, 4) as u16).or(Some(2));
    scenario.client.reconnect = draw.maybe(85, |draw| draw.span(MS, Span::from_secs(2)));
    scenario.client.nat = draw.maybe(25, |draw| NatSpec {
        group: 1,
        mapping_timeout: draw.span(Span::from_millis(300), Span::from_secs(30)),
    });
    scenario.link = link(draw, shared.may_corrupt);
    if draw.percent(40) {
        scenario.down = Some(link(draw, shared.may_corrupt));
    }
    if draw.percent(10) {
        scenario.bottleneck.push(line(draw));
        scenario.link.bottleneck = Some(0);
        scenario.down.iter_mut().for_each(|down| down.bottleneck = Some(0));
    }
    scenario.traffic = traffic(draw, &scenario);
    scenario.fault = (0..draw.even(0, 4)).map(|_| fault(draw, scenario.duration)).collect();
    scenario.action = (0..draw.even(0, 3)).map(|_| action(draw, scenario.duration)).collect();
    scenario.attacker = draw.maybe(40, |draw| vec![attack(draw)]).unwrap_or_default();
    while scenario.faults() < LEAST_FAULTS {
        scenario.fault.push(fault(draw, scenario.duration));
    }
    scenario
}

/// What both hosts have in common, or nothing gets through.
struct Shared {
    checksum: bool,
    range_coder: bool,
    may_corrupt: bool,
    clock_start: Option<Span>,
}

impl Shared {
    fn new(draw: &mut Draw) -> Self {
        let may_corrupt = draw.percent(30);
        Shared {
            // Without a checksum damage goes unnoticed: seldom, for then little can be promised.
            checksum: draw.percent(if may_corrupt { 85 } else { 15 }),
            // Dear: a datagram costs more than all the rest of the world's work on it.
            range_coder: draw.even(1, 400) == 1,
            may_corrupt,
            clock_start: draw.maybe(10, clock_start),
        }
    }
}

fn service(draw: &mut Draw) -> Service {
    if draw.percent(80) { Service::OnDemand } else { Service::Every(draw.span(10 * MS, 100 * MS)) }
}

/// Anywhere, but rather where something wraps soon.
fn clock_start(draw: &mut Draw) -> Span {
    let before = draw.even(0, 30_000);
    Span::from_millis(match draw.even(0, 3) {
        0 => (1 << 32) - before,
        1 => draw.even(0, 2_000),
        2 => 65_536 * draw.even(2, 30) - before,
        _ => draw.log(1_000, 1 << 40),
    })
}

fn host(draw: &mut Draw, shared: &Shared) -> HostSpec {
    let timeouts = draw.maybe(30, |draw| {
        let minimum = draw.span(Span::from_millis(500), Span::from_secs(5));
        let maximum = draw.span(minimum, Span::from_secs(30)).max(minimum);
        TimeoutSpec { limit: draw.log(2, 64) as u32, minimum, maximum }
    });
    HostSpec {
        channels: draw.even(3, 6) as u8,
        mtu: if draw.percent(60) { 1392 } else { draw.log(576, 4096) as u16 },
        incoming_bandwidth: draw.maybe(10, |draw| draw.log(4_000, 1_000_000) as u32),
        outgoing_bandwidth: draw.maybe(10, |draw| draw.log(4_000, 1_000_000) as u32),
        checksum: shared.checksum,
        range_coder: shared.range_coder,
        max_waiting_data: draw.maybe(3, |draw| draw.log(500, 20_000) as u32),
        timeouts,
        ping_interval: draw.maybe(50, |draw| draw.span(Span::from_millis(200), Span::from_secs(4))),
        throttle: draw.maybe(20, |draw| ThrottleSpec {
            interval: draw.span(100 * MS, Span::from_secs(10)),
            acceleration: draw.even(0, 32) as u32,
            deceleration: draw.even(0, 32) as u32,
        }),
        clock_start: shared.clock_start.unwrap_or_else(|| clock_start(draw)),
        clock_drift_ppm: draw.maybe(20, |draw| draw.even(0, 1_000) as i32 - 500).unwrap_or(0),
        socket_buffer: draw.maybe(10, |draw| draw.log(2_000, 64_000) as u32),
        service: draw.maybe(10, service),
        ..HostSpec::default()
    }
}

fn link(draw: &mut Draw, may_corrupt: bool) -> LinkSpec {
    LinkSpec {
        mtu: draw.maybe(8, |draw| MtuSpec {
            bytes: draw.even(600, 1_400) as u16,
            from: draw.span(SECOND, 20 * SECOND),
            until: draw.maybe(50, |draw| 20 * SECOND + draw.span(SECOND, 8 * SECOND)),
        }),
        loss: loss(draw),
        drop: if draw.percent(20) { picks(draw) } else { Vec::new() },
        corrupt: match may_corrupt {
            true => Corrupt { chance: draw.chance(1_000, 100_000), damage: damage(draw) },
            false => Corrupt::default(),
        },
        duplicate: draw
            .maybe(40, |draw| Duplicate {
                chance: draw.chance(2_000, 400_000),
                copies: if draw.percent(80) { 1 } else { draw.even(2, 5) as u8 },
                within: draw.span(MS, 20 * SECOND),
            })
            .unwrap_or_default(),
        rate: draw.maybe(25, line),
        bottleneck: None,
        delay: delay(draw),
    }
}

fn line(draw: &mut Draw) -> RateSpec {
    RateSpec {
        rate: Rate(draw.log(100_000, 50_000_000)),
        queue: draw.log(4_000, 200_000) as u32,
        drop: if draw.percent(80) { DropFrom::Tail } else { DropFrom::Head },
    }
}

fn loss(draw: &mut Draw) -> Loss {
    match draw.even(0, 99) {
        0..45 => Loss::Random { chance: draw.chance(1_000, 250_000) },
        45..65 => Loss::Burst {
            enter: draw.chance(500, 30_000),
            leave: draw.chance(20_000, 500_000),
            lost_good: draw.maybe(30, |draw| draw.chance(500, 20_000)).unwrap_or(Chance::NEVER),
            lost_bad: draw.maybe(30, |draw| draw.chance(300_000, 1_000_000)).unwrap_or(Chance::ALWAYS),
        },
        65..72 => {
            let every = draw.log(2, 40) as u32;
            Loss::Periodic { every, offset: draw.even(0, u64::from(every) - 1) as u32 }
        }
        _ => Loss::None,
    }
}

fn picks(draw: &mut Draw) -> Vec<Pick> {
    const COMMANDS: [CommandName; 8] = [
        CommandName::Acknowledge,
        CommandName::Connect,
        CommandName::VerifyConnect,
        CommandName::Disconnect,
        CommandName::SendReliable,
        CommandName::SendFragment,
        CommandName::Ping,
        CommandName::SendUnreliableFragment,
    ];
    let count = draw.even(1, 2);
    (0..count)
        .map(|_| Pick {
            command: draw.pick(&COMMANDS),
            nth: (0..draw.even(1, 4)).map(|_| draw.log(1, 64) as u32).collect(),
            ..Pick::default()
        })
        .collect()
}

fn damage(draw: &mut Draw) -> Vec<Damage> {
    if draw.percent(50) { Vec::new() } else { draw.pick(&Damage::ALL).into_iter().collect() }
}

fn delay(draw: &mut Draw) -> Delay {
    let base = draw.span(MS, 300 * MS);
    Delay {
        base,
        jitter: draw.maybe(50, |draw| draw.span(MS, 400 * MS)).unwrap_or_default(),
        shape: draw
            .pick(&[Shape::Uniform, Shape::Normal, Shape::Pareto, Shape::LogNormal])
            .unwrap_or_default(),
        correlation: draw.maybe(20, |draw| draw.chance(10_000, 900_000)).unwrap_or_default(),
        reorder: draw.percent(50),
        gap: draw.maybe(15, |draw| Gap { every: draw.log(2, 50) as u32, early: Span(base.0 / 2) }),
        spike: draw.maybe(15, |draw| Spike {
            chance: draw.chance(1_000, 20_000),
            by: draw.span(50 * MS, 3 * SECOND),
        }),
    }
}

/// Flows with some 300 to 460 messages in all.
fn traffic(draw: &mut Draw, scenario: &Scenario) -> Vec<Flow> {
    let flows = draw.even(2, 5);
    let each = draw.even(300, 460) / flows;
    let channels = scenario.server.channels.min(scenario.client.channels);
    let interval = scenario.duration.0 / (each + 1);
    (0..flows)
        .map(|number| {
            let burst = draw.maybe(25, |draw| draw.log(2, 40)).unwrap_or(1).min(each);
            let kind = match number {
                0 => Kind::Reliable,
                _ => draw.pick(&Kind::ALL).unwrap_or(Kind::Reliable),
            };
            let size = size(draw, kind, scenario.client.mtu);
            Flow {
                from: match number {
                    0 => Sender::Clients,
                    1 => Sender::Server,
                    _ => draw.pick(&[Sender::Clients, Sender::Server]).unwrap_or_default(),
                },
                channel: draw.even(0, u64::from(channels) - 1) as u8,
                kind,
                size,
                max_size: draw.maybe(30, |draw| size + draw.log(1, 600) as u32),
                interval: Span((interval * burst).max(1)),
                burst: burst as u32,
                ..Flow::default()
            }
        })
        .collect()
}

fn size(draw: &mut Draw, kind: Kind, mtu: u16) -> u32 {
    match draw.even(0, 99) {
        0..60 => draw.log(16, 200) as u32,
        60..68 => draw.even(0, 24) as u32,
        68..82 => u32::from(mtu) - draw.even(0, 40) as u32,
        82..95 => draw.log(200, 3_000) as u32,
        _ if kind == Kind::Unreliable => draw.log(200, 1_200) as u32,
        _ => draw.log(3_000, 12_000) as u32,
    }
}

fn any_host(draw: &mut Draw) -> HostChoice {
    draw.pick(&[HostChoice::Host(0), HostChoice::Host(1), HostChoice::Host(1)]).unwrap_or_default()
}

fn fault(draw: &mut Draw, duration: Span) -> Fault {
    let at = Span::from_millis(draw.even(0, duration.0 / 1_000_000));
    let short = at + draw.span(50 * MS, 8 * SECOND);
    let host = any_host(draw);
    let (from, to) = match draw.even(0, 2) {
        0 => (HostChoice::All, HostChoice::All),
        1 => (HostChoice::Host(0), HostChoice::Host(1)),
        _ => (HostChoice::Host(1), HostChoice::Host(0)),
    };
    let (until, trouble) = match draw.even(0, 99) {
        0..25 => (draw.maybe(80, |_| short), Trouble::Cut { from, to }),
        25..35 => (Some(short), Trouble::Hold { from, to }),
        35..45 => (None, Trouble::Link { from, to, link: Box::new(link(draw, false)) }),
        45..55 => (None, Trouble::Rebind { host: HostChoice::Clients }),
        55..65 => (Some(short), Trouble::Crash { host }),
        65..75 => (Some(short), Trouble::Pause { host, clock_stops: draw.percent(40) }),
        75..82 => (None, Trouble::ClockStep { host, millis: clock_step(draw) }),
        82..90 => {
            let faults = [SendFault::WouldBlock, SendFault::Unreachable, SendFault::Invalid];
            let error = draw.pick(&faults).unwrap_or(SendFault::WouldBlock);
            (Some(short), Trouble::SendErrors { host, error, chance: draw.chance(10_000, 1_000_000) })
        }
        _ => (Some(short), Trouble::SlowService { host, every: draw.span(20 * MS, 3 * SECOND) }),
    };
    Fault { at, until, trouble }
}

fn clock_step(draw: &mut Draw) -> i64 {
    let millis = i64::try_from(draw.log(1, 3_600_000)).unwrap_or(1);
    if draw.percent(50) { millis } else { -millis.min(10_000) }
}

fn action(draw: &mut Draw, duration: Span) -> Action {
    let at = Span::from_millis(draw.even(0, duration.0 / 1_000_000));
    let host = draw.even(0, 1) as usize;
    let deed = match draw.even(0, 9) {
        0..5 => {
            let how = draw
                .pick(&[Close::Disconnect, Close::Later, Close::Now, Close::Reset])
                .unwrap_or(Close::Later);
            Deed::Close { how, data: draw.even(0, u64::from(u32::MAX)) as u32 }
        }
        5 => Deed::Bandwidth {
            incoming: draw.maybe(60, |draw| draw.log(2_000, 500_000) as u32),
            outgoing: draw.maybe(60, |draw| draw.log(2_000, 500_000) as u32),
        },
        6 => Deed::Set(Setting::Throttle {
            interval: draw.span(100 * MS, 10 * SECOND),
            acceleration: draw.even(0, 32) as u32,
            deceleration: draw.even(0, 32) as u32,
        }),
        7 => Deed::Set(Setting::Ping { interval: draw.span(100 * MS, 5 * SECOND) }),
        8 => Deed::Connect { to: 1 - host, data: draw.even(0, 1_000) as u32 },
        _ => Deed::Set(Setting::Timeouts {
            limit: draw.log(2, 64) as u32,
            minimum: draw.span(Span::from_millis(500), 5 * SECOND),
            maximum: draw.span(5 * SECOND, 30 * SECOND),
        }),
    };
    Action { at, host, deed }
}

fn attack(draw: &mut Draw) -> Attack {
    let every = draw.span(5 * MS, SECOND);
    match draw.even(0, 4) {
        0 => Attack::Junk { every },
        1 => Attack::Mutate { every, spoof: draw.percent(50) },
        2 => Attack::Replay { every },
        3 => Attack::ConnectFlood { every, near: draw.percent(50) },
        _ => Attack::Guess { every },
    }
}

/// Seldom enough that its datagrams do not cost more than all the rest of the world.
fn insider(draw: &mut Draw) -> Attack {
    Attack::Insider { every: draw.span(50 * MS, 2 * SECOND), answers: draw.percent(50) }
}

/// A world in which the numbers of messages wrap: little goes wrong, but a lot is sent.
fn long(seed: u64, draw: &mut Draw) -> Scenario {
    let duration = Span::from_secs(40);
    let flow = |from, channel, kind, burst| Flow {
        from,
        channel,
        kind,
        size: 24,
        interval: 10 * MS,
        burst,
        ..Flow::default()
    };
    Scenario {
        name: format!("swarm-{seed:#018x}"),
        seed,
        duration,
        settle: Span::from_secs(150),
        link: LinkSpec {
            loss: Loss::Random { chance: draw.chance(100, 5_000) },
            duplicate: Duplicate { chance: draw.chance(100, 10_000), copies: 1, within: SECOND },
            delay: Delay { base: draw.span(MS, 10 * MS), jitter: 2 * MS, reorder: true, ..Delay::default() },
            ..LinkSpec::default()
        },
        traffic: vec![
            flow(Sender::Clients, 0, Kind::Reliable, 18),
            flow(Sender::Clients, 1, Kind::Unreliable, 18),
            flow(Sender::Clients, 2, Kind::Unsequenced, 18),
        ],
        ..Scenario::default()
    }
}

/// A world in which nothing is acknowledged for eight seconds, and many thousands of the smallest messages are waiting.
fn stuck(seed: u64, draw: &mut Draw) -> Scenario {
    let patient = TimeoutSpec { limit: 1 << 20, minimum: 20 * SECOND, maximum: 30 * SECOND };
    let begins = Span::from_millis(draw.even(1_000, 3_000));
    let server = HostSpec { timeouts: Some(patient), ..HostSpec::default() };
    Scenario {
        name: format!("swarm-{seed:#018x}"),
        seed,
        duration: Span::from_secs(31),
        settle: Span::from_secs(150),
        client: server.clone(),
        server,
        link: LinkSpec {
            loss: Loss::Random { chance: draw.chance(100, 5_000) },
            // Afterwards 40,000 messages pass in no time: a later copy would be taken for a new one of its 16-bit number.
            duplicate: Duplicate { chance: draw.chance(100, 5_000), copies: 1, within: 10 * MS },
            delay: Delay { base: draw.span(MS, 10 * MS), jitter: 2 * MS, reorder: true, ..Delay::default() },
            ..LinkSpec::default()
        },
        traffic: vec![Flow { size: 1, interval: 10 * MS, burst: 50, count: Some(1_200), ..Flow::default() }],
        fault: vec![Fault {
            at: begins,
            until: Some(begins + 8 * SECOND),
            trouble: Trouble::Cut { from: HostChoice::Host(0), to: HostChoice::Host(1) },
        }],
        ..Scenario::default()
    }
}
