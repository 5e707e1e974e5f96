//! docs/SIMULATION.md: its scenario is one, and it names every key of a scenario, of a run and of a swarm.

use std::path::Path;

use enet_sim::endpoint::{Close, SendFault, Setting};
use enet_sim::scenario::link::{Corrupt, Damage, Delay, DropFrom, Duplicate, Gap, LinkSpec, Loss, MtuSpec};
use enet_sim::scenario::link::{Pick, Rate, RateSpec, Shape, Spike};
use enet_sim::scenario::{
    Action, Attack, Deed, Fault, Flow, HostChoice, HostSpec, NatSpec, Profile, Trouble,
};
use enet_sim::scenario::{ThrottleSpec, TimeoutSpec};
use enet_sim::swarm::{self, Options};
use enet_sim::world::Cast;
use enet_sim::{Chance, Scenario, Span, run};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SIMULATION.md");
    std::fs::read_to_string(path).unwrap().replace("\r\n", "\n")
}

#[test]
fn the_scenario_of_the_page_is_one_and_runs() {
    let page = page();
    let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let scenarios: Vec<&str> = blocks.filter(|text| text.contains("duration")).collect();
    assert_eq!(scenarios.len(), 1);
    for text in scenarios {
        let scenario = Scenario::from_toml(text).unwrap();
        let measured = run::measured(&scenario, Cast::OURS, false).unwrap();
        assert!(measured.verdict.violations.is_empty(), "{:?}", measured.verdict.violations);
        assert_eq!(measured.record.expectation, None);
    }
}

/// A scenario that writes all its keys.
fn everything() -> Scenario {
    let (ms, chance) = (Span::from_millis(1), Chance::percent(1));
    let link = |loss| LinkSpec {
        mtu: Some(MtuSpec { bytes: 1, from: ms, until: Some(ms) }),
        loss,
        drop: vec![Pick { command: None, nth: vec![1], chance, from: ms, until: Some(ms) }],
        corrupt: Corrupt { chance, damage: Damage::ALL.to_vec() },
        duplicate: Duplicate { chance, copies: 2, within: ms },
        rate: Some(RateSpec { rate: Rate(1), queue: 1, drop: DropFrom::Head }),
        bottleneck: Some(0),
        delay: Delay {
            base: ms,
            jitter: ms,
            shape: Shape::Pareto,
            correlation: chance,
            reorder: true,
            gap: Some(Gap { every: 2, early: ms }),
            spike: Some(Spike { chance, by: ms }),
        },
    };
    let host = HostSpec {
        peers: Some(1),
        incoming_bandwidth: Some(1),
        outgoing_bandwidth: Some(1),
        checksum: true,
        range_coder: true,
        max_waiting_data: Some(1),
        timeouts: Some(TimeoutSpec { limit: 1, minimum: ms, maximum: ms }),
        ping_interval: Some(ms),
        throttle: Some(ThrottleSpec { interval: ms, acceleration: 1, deceleration: 1 }),
        clock_drift_ppm: 1,
        socket_buffer: Some(1),
        nat: Some(NatSpec { group: 1, mapping_timeout: ms }),
        profile: Profile::Modern,
        reconnect: Some(ms),
        ..HostSpec::default()
    };
    let (from, to, which) = (HostChoice::All, HostChoice::Clients, HostChoice::All);
    let burst = Loss::Burst { enter: chance, leave: chance, lost_good: chance, lost_bad: chance };
    let troubles = [
        Trouble::Cut { from, to },
        Trouble::Hold { from, to },
        Trouble::Link { from, to, link: Box::new(link(Loss::Periodic { every: 3, offset: 1 })) },
        Trouble::Rebind { host: which },
        Trouble::Crash { host: which },
        Trouble::Pause { host: which, clock_stops: true },
        Trouble::ClockStep { host: which, millis: 1 },
        Trouble::SendErrors { host: which, error: SendFault::WouldBlock, chance },
        Trouble::SendErrors { host: which, error: SendFault::Unreachable, chance },
        Trouble::SendErrors { host: which, error: SendFault::Invalid, chance },
        Trouble::SlowService { host: which, every: ms },
    ];
    let settings = [
        Setting::Timeouts { limit: 1, minimum: ms, maximum: ms },
        Setting::Ping { interval: ms },
        Setting::Throttle { interval: ms, acceleration: 1, deceleration: 1 },
    ];
    let closes = [Close::Disconnect, Close::Later, Close::Now, Close::Reset];
    let deeds = settings.map(Deed::Set).into_iter();
    let deeds = deeds
        .chain(closes.map(|how| Deed::Close { how, data: 1 }))
        .chain([Deed::Connect { to: 1, data: 1 }, Deed::Bandwidth { incoming: Some(1), outgoing: Some(1) }]);
    Scenario {
        name: String::new(),
        server: host,
        link: link(burst),
        up: Some(link(Loss::Random { chance })),
        traffic: vec![Flow { max_size: Some(200), count: Some(1), start: ms, ..Flow::default() }],
        fault: troubles.into_iter().map(|trouble| Fault { at: ms, until: Some(ms), trouble }).collect(),
        action: deeds.map(|deed| Action { at: ms, host: 0, deed }).collect(),
        attacker: vec![
            Attack::Junk { every: ms },
            Attack::Mutate { every: ms, spoof: true },
            Attack::Replay { every: ms },
            Attack::ConnectFlood { every: ms, near: true },
            Attack::Guess { every: ms },
            Attack::Insider { every: ms, answers: true },
        ],
        ..Scenario::built_in("lan").unwrap()
    }
}

/// All keys in a value, and the words that are values.
fn words(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(entries) => {
            for (key, value) in entries {
                into.push(key.clone());
                words(value, into);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| words(item, into)),
        serde_json::Value::String(text) if text.chars().all(|c| c.is_ascii_lowercase() || c == '-') => {
            into.push(text.clone());
        }
        _ => {}
    }
}

#[test]
fn every_key_and_every_choice_is_in_the_page() {
    let page = page();
    let options = Options { worlds: Some(1), jobs: 1, ..Options::default() };
    let mut scenario = Scenario::built_in("lan").unwrap();
    scenario.name.clear();
    let run = run::measured(&scenario, Cast::OURS, false).unwrap().record;
    let mut all = Vec::new();
    words(&serde_json::to_value(everything()).unwrap(), &mut all);
    words(&serde_json::to_value(run).unwrap(), &mut all);
    words(&serde_json::to_value(swarm::run(&options, &|_, _| ())).unwrap(), &mut all);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let said: std::collections::BTreeSet<&str> = page.split(|c: char| !is_part(c)).collect();
    // Names of marks are not in the page: `Mark::ALL` has them.
    let is_mark = |word: &str| enet_sim::marks::Mark::from_name(word).is_some();
    let missing: Vec<_> = all.iter().filter(|word| !said.contains(word.as_str()) && !is_mark(word)).collect();
    assert!(missing.is_empty(), "docs/SIMULATION.md does not say {missing:?}");
    assert!(all.len() > 150, "{}", all.len());
}
