//! Property suite *throttle*: how the share of unreliable packets moves, and what it drops (F3, U3).
//!
//! The oracle predicts the throttle after every service call from the acknowledgements alone (PROTOCOL.md §10.1, §10.2),
//! and from the throttle which unreliable packets leave (§10.3): all of a packet, or nothing of it. The network's round
//! trip steps up and down, applications change the parameters while it does, and packets are lost.
//!
//! Without noise, and once the round trip is back where it began, the throttle is at its limit again within three
//! intervals and as many samples as its steps take.
//!
//! Of the mutants it alone catches `throttle-stays-low`; `throttle-out-of-range` it catches with others, because the
//! host's own checks do.

mod common;

use std::net::SocketAddr;

use common::model::Model;
use common::side::Stage;
use common::worlds::{link, ms, span};
use common::{Broken, Oracle, Suite};
use enet_sim::endpoint::{Endpoint, Happening, Kind, Setting};
use enet_sim::net::Fate;
use enet_sim::scenario::link::LinkSpec;
use enet_sim::scenario::{
    Action, Deed, Fault, Flow, HostChoice, HostSpec, Scenario, Sender, ThrottleSpec, Trouble,
};
use enet_sim::world::observer::{Call, HostIndex, Observer};
use enet_sim::{Span, Time};
use enet_wire::Body;
use proptest::prelude::*;

const PROPERTIES: &[&str] = &["F3", "U3", "B1"];

/// The judge's rules for the throttle are looser than the model, which is exact.
const JUDGED: &[&str] = &["U3", "B1"];

/// Both directions get another link.
fn step(at: Span, link: LinkSpec) -> Fault {
    let (from, to) = (HostChoice::All, HostChoice::All);
    Fault { at, until: None, trouble: Trouble::Link { from, to, link: Box::new(link) } }
}

fn flow(kind: Kind, channel: u8, from: Sender, size: u32, interval: u64) -> Flow {
    Flow { from, channel, kind, size, interval: ms(interval), ..Flow::default() }
}

fn parameters() -> impl Strategy<Value = ThrottleSpec> {
    (100u64..3_000, 0u32..40, 0u32..40).prop_map(|(interval, acceleration, deceleration)| ThrottleSpec {
        interval: ms(interval),
        acceleration,
        deceleration,
    })
}

/// Reliable messages give samples; unreliable ones, of up to five datagrams, show what is dropped.
fn traffic(interval: core::ops::Range<u64>) -> impl Strategy<Value = Vec<Flow>> {
    let kind = prop_oneof![Just(Kind::Unreliable), Just(Kind::Unsequenced), Just(Kind::UnreliableFragments)];
    let from = prop_oneof![Just(Sender::Clients), Just(Sender::Server)];
    let unreliable = (kind, from, 20u32..1_300, 100u64..600).prop_map(|(kind, from, size, interval)| {
        let size = if kind == Kind::UnreliableFragments { size * 5 } else { size };
        flow(kind, 1, from, size, interval)
    });
    (interval, prop::collection::vec(unreliable, 1..3)).prop_map(|(interval, mut flows)| {
        flows.push(flow(Kind::Reliable, 0, Sender::Everyone, 40, interval));
        flows
    })
}

/// The network changes, and so do the parameters.
fn steps() -> impl Strategy<Value = Scenario> {
    let hosts = (prop::option::of(parameters()), prop::option::of(parameters()));
    let changes = prop::collection::vec((2_000u64..11_000, link(100_000, 300)), 0..5);
    let settings = prop::collection::vec((2_000u64..11_000, 0usize..2, parameters()), 0..4);
    (any::<u64>(), hosts, link(100_000, 300), changes, settings, traffic(60..400)).prop_map(
        |(seed, (server, client), link, changes, settings, traffic)| Scenario {
            name: "throttle".to_owned(),
            seed,
            duration: Span::from_secs(12),
            settle: Span::from_secs(48),
            server: HostSpec { throttle: server, ..HostSpec::default() },
            client: HostSpec { throttle: client, ..HostSpec::default() },
            link,
            traffic,
            fault: changes.into_iter().map(|(at, link)| step(ms(at), link)).collect(),
            // Never in the same instant as anything else.
            action: settings
                .into_iter()
                .map(|(at, host, it)| {
                    let (interval, acceleration, deceleration) =
                        (it.interval, it.acceleration, it.deceleration);
                    let setting = Setting::Throttle { interval, acceleration, deceleration };
                    Action { at: ms(at) + Span::from_micros(137), host, deed: Deed::Set(setting) }
                })
                .collect(),
            ..Scenario::default()
        },
    )
}

/// Nothing is lost; the round trip takes longer for a while.
fn bulges() -> impl Strategy<Value = Scenario> {
    let throttle = (span(100..2_000), 1u32..33, 1u32..33);
    (any::<u64>(), 1u64..100, 10u64..400, 1_000u64..10_000, throttle, traffic(200..700)).prop_map(
        |(seed, base, more, long, (interval, acceleration, deceleration), traffic)| {
            let parameters = ThrottleSpec { interval, acceleration, deceleration };
            let spec = HostSpec { throttle: Some(parameters), ..HostSpec::default() };
            let plain = LinkSpec::delayed(ms(base));
            Scenario {
                name: "throttle-bulge".to_owned(),
                seed,
                duration: Span::from_secs(40),
                settle: Span::from_secs(20),
                server: spec.clone(),
                client: spec,
                link: plain.clone(),
                traffic,
                fault: vec![
                    step(ms(10_000), LinkSpec::delayed(ms(base + more))),
                    step(ms(10_000 + long), plain),
                ],
                ..Scenario::default()
            }
        },
    )
}

/// What of a host's unreliable packets has to leave.
#[derive(Default)]
struct Sieve {
    counter: u64,
    /// Lengths of packets given to the host in this service call.
    given: Vec<u64>,
    /// Lengths of packets of which the beginning left.
    begun: Vec<u64>,
    /// Fragments still missing of the packet whose beginning left last.
    missing: u32,
}

struct Watch {
    model: Model,
    sieves: [Sieve; 2],
    broken: Vec<Broken>,
}

impl Watch {
    fn new(scenario: &Scenario) -> Self {
        Watch { model: Model::new(scenario), sieves: Default::default(), broken: Vec::new() }
    }

    fn complain(&mut self, property: &'static str, text: String) {
        self.broken.push((property, text));
    }

    /// What left is what the throttle lets pass.
    fn judge_sieve(&mut self, at: Time, host: HostIndex) {
        let Some((side, _)) = self.model.side(at, host) else { return };
        let (throttle, known) = (side.estimate.throttle, side.stage == Stage::Open);
        let Some(sieve) = self.sieves.get_mut(host) else { return };
        let mut expected = Vec::new();
        for len in sieve.given.drain(..) {
            sieve.counter = (sieve.counter + 7) % 32;
            if sieve.counter <= throttle {
                expected.push(len);
            }
        }
        let begun = core::mem::take(&mut sieve.begun);
        let missing = core::mem::take(&mut sieve.missing);
        if known && begun != expected {
            let text = format!(
                "{at}: host {host} sent unreliable packets of {begun:?} bytes, not {expected:?}, at a throttle of {throttle}"
            );
            self.complain("F3", text);
        }
        if known && missing > 0 {
            self.complain("U3", format!("{at}: host {host} left out {missing} fragments of a packet"));
        }
    }
}

impl Observer for Watch {
    fn called(&mut self, at: Time, host: HostIndex, call: &Call<'_>) {
        self.model.called(at, host, call);
        if let (Call::Send { kind, payload, accepted: true, .. }, Some(sieve)) =
            (call, self.sieves.get_mut(host))
            && *kind != Kind::Reliable
        {
            sieve.given.push(payload.len() as u64);
        }
    }

    fn happened(&mut self, at: Time, host: HostIndex, what: &Happening<'_>) {
        self.model.happened(at, host, what);
    }

    fn departed(&mut self, at: Time, from: HostIndex, to: SocketAddr, bytes: &[u8], fate: &Fate) {
        self.model.departed(at, from, to, bytes, fate);
        let Some((_, commands)) = self.model.commands(bytes) else { return };
        let Some(sieve) = self.sieves.get_mut(from) else { return };
        for command in commands.map_while(Result::ok) {
            match command.body {
                Body::SendUnreliable { payload, .. } | Body::SendUnsequenced { payload, .. } => {
                    sieve.begun.push(payload.len() as u64);
                }
                Body::SendUnreliableFragment(it) if it.number == 0 => {
                    sieve.begun.push(it.total_length.into());
                    sieve.missing += it.count - 1;
                }
                // What began is not there to be taken from: a fragment of a packet that was dropped.
                Body::SendUnreliableFragment(_) if sieve.missing == 0 => {
                    self.broken.push((
                        "U3",
                        format!("{at}: host {from} sent a fragment of a packet that was dropped"),
                    ));
                    break;
                }
                Body::SendUnreliableFragment(_) => sieve.missing -= 1,
                _ => {}
            }
        }
    }

    fn arrived(&mut self, at: Time, host: HostIndex, source: SocketAddr, bytes: &[u8]) {
        self.model.arrived(at, host, source, bytes);
    }

    fn overflowed(&mut self, at: Time, host: HostIndex, bytes: &[u8]) {
        self.model.overflowed(at, host, bytes);
    }

    fn served(&mut self, at: Time, host: HostIndex, endpoint: &mut dyn Endpoint) {
        self.model.served(at, host, endpoint);
        self.judge_sieve(at, host);
    }
}

impl Oracle for Watch {
    fn verdict(self, end: Time) -> Vec<Broken> {
        let mut broken = self.broken;
        broken.extend(self.model.verdict(end));
        broken
    }
}

/// Expects the throttle to be at its limit again some time after the last step.
struct Recovery {
    watch: Watch,
    /// By when.
    due: Time,
    acceleration: u64,
    /// What the throttle stood at lowest, and stands at now, at each host.
    seen: [(u32, u32); 2],
    /// Samples since it was due.
    samples: [u64; 2],
}

impl Recovery {
    fn new(scenario: &Scenario) -> Self {
        let last = scenario.fault.iter().map(|fault| fault.at).max().unwrap_or_default();
        let it = scenario.client.throttle;
        let longest = scenario.fault.iter().filter_map(|fault| match &fault.trouble {
            Trouble::Link { link, .. } => Some(link.delay.base),
            _ => None,
        });
        let longest = longest.max().unwrap_or_default();
        // Three intervals; each ends with a sample, and those of before are still under way for a while.
        let due = last + 3 * (it.map_or(Span::ZERO, |it| it.interval) + ms(500)) + 2 * longest;
        Recovery {
            watch: Watch::new(scenario),
            due: Time(due.0),
            acceleration: it.map_or(2, |it| u64::from(it.acceleration)),
            seen: [(32, 32); 2],
            samples: [0; 2],
        }
    }
}

impl Observer for Recovery {
    fn called(&mut self, at: Time, host: HostIndex, call: &Call<'_>) {
        self.watch.called(at, host, call);
    }

    fn happened(&mut self, at: Time, host: HostIndex, what: &Happening<'_>) {
        self.watch.happened(at, host, what);
    }

    fn departed(&mut self, at: Time, from: HostIndex, to: SocketAddr, bytes: &[u8], fate: &Fate) {
        self.watch.departed(at, from, to, bytes, fate);
    }

    fn arrived(&mut self, at: Time, host: HostIndex, source: SocketAddr, bytes: &[u8]) {
        self.watch.arrived(at, host, source, bytes);
        let Some((_, commands)) = self.watch.model.commands(bytes) else { return };
        let acknowledges =
            commands.map_while(Result::ok).filter(|it| matches!(it.body, Body::Acknowledge { .. }));
        if let Some(samples) = self.samples.get_mut(host).filter(|_| at > self.due) {
            *samples += acknowledges.count() as u64;
        }
    }

    fn overflowed(&mut self, at: Time, host: HostIndex, bytes: &[u8]) {
        self.watch.overflowed(at, host, bytes);
    }

    fn served(&mut self, at: Time, host: HostIndex, endpoint: &mut dyn Endpoint) {
        self.watch.served(at, host, endpoint);
        let Some(throttle) = self.watch.model.shown(host, endpoint).map(|shown| shown.throttle) else {
            return;
        };
        let (Some(seen), Some(samples)) = (self.seen.get_mut(host), self.samples.get(host)) else { return };
        *seen = (seen.0.min(throttle), throttle);
        if *samples > 32u64.div_ceil(self.acceleration) && throttle != 32 {
            let text = format!(
                "{at}: host {host} has a throttle of {throttle}; by {} it had to be back at 32",
                self.due
            );
            self.watch.complain("F3", text);
        }
    }
}

impl Oracle for Recovery {
    fn verdict(self, end: Time) -> Vec<Broken> {
        self.watch.verdict(end)
    }
}

#[test]
fn throttle_moves_as_the_model_says() {
    let suite = Suite { name: "throttle", part: "moves", cases: 400, properties: PROPERTIES, judged: JUDGED };
    suite.check(steps(), Watch::new);
}

#[test]
fn throttle_recovers_within_three_intervals() {
    let suite =
        Suite { name: "throttle", part: "recovers", cases: 200, properties: PROPERTIES, judged: JUDGED };
    suite.check(bulges(), Recovery::new);
}
