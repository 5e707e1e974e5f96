//! Property suite *timeouts*: how connections begin and end, and how long that takes.
//!
//! *Blackouts*: the way is cut at a random instant, in one direction or both, while limits, minima, maxima and ping
//! intervals are anything; a model of PROTOCOL.md §9.5 and §13.4 predicts to the millisecond when each side pings (T3) and
//! gives the other up (T2). *Closings*: each way to end a connection, at a random instant, on a bad network (C1 to C4).
//! *Restarts*: clients crash, close and come back on the same address while their old connections still live (C5, C8):
//! nobody is refused as long as there are slots (C7), and in the end nobody holds a connection that has no other side (C2).
//!
//! Of the mutants it alone catches `blackout-runs-on`, `no-ping`, `duplicate-connect`, `disconnect-data-lost` and
//! `later-drops-data`; with others it catches `no-timeout`, `hasty-timeout`, `clock-wrap`, `slot-leak` and more.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod common;

use std::collections::HashMap;
use std::net::SocketAddr;

use common::model::Model;
use common::worlds::{clock_start, flow, link, ms, span, timeouts};
use common::{Broken, Oracle, Suite};
use enet_sim::endpoint::{Close, Conn, Ended, Happening, Kind, Setting};
use enet_sim::net::Fate;
use enet_sim::scenario::link::LinkSpec;
use enet_sim::scenario::{Action, Deed, Fault, HostChoice, HostSpec, Scenario, TimeoutSpec, Trouble};
use enet_sim::world::observer::{Call, HostChange, HostIndex, Observer};
use enet_sim::world::{Cast, World};
use enet_sim::{Span, Time};
use enet_wire::{CommandKind, Commands, Header};
use proptest::prelude::*;

const PROPERTIES: &[&str] = &["T2", "T3", "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "B1"];

/// The judge's bounds for how long a silence may last know nothing of pings; the model is exact.
const LIFECYCLE: &[&str] = &["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "B1"];

fn way() -> impl Strategy<Value = (HostChoice, HostChoice)> {
    prop_oneof![
        Just((HostChoice::All, HostChoice::All)),
        Just((HostChoice::Host(0), HostChoice::Host(1))),
        Just((HostChoice::Host(1), HostChoice::Host(0))),
    ]
}

/// Patience and pings of a host; its clock may wrap.
fn host() -> impl Strategy<Value = HostSpec> {
    let ping = prop_oneof![Just(None), span(100..4_000).prop_map(Some)];
    (prop::option::of(timeouts()), ping, clock_start()).prop_map(|(timeouts, ping_interval, clock_start)| {
        HostSpec { timeouts, ping_interval, clock_start, ..HostSpec::default() }
    })
}

fn blackout() -> impl Strategy<Value = Fault> {
    // Never in the same instant as anything else.
    (0u64..15_000, prop::option::of(10u64..8_000), way()).prop_map(|(at, long, (from, to))| Fault {
        at: ms(at) + Span::from_micros(71),
        until: long.map(|long| ms(at + long) + Span::from_micros(71)),
        trouble: Trouble::Cut { from, to },
    })
}

fn change_of_mind() -> impl Strategy<Value = Action> {
    let setting = prop_oneof![
        timeouts().prop_map(|it| Setting::Timeouts {
            limit: it.limit,
            minimum: it.minimum,
            maximum: it.maximum
        }),
        span(100..4_000).prop_map(|interval| Setting::Ping { interval }),
    ];
    (2_000u64..20_000, 0usize..2, setting).prop_map(|(at, host, setting)| Action {
        at: ms(at) + Span::from_micros(137),
        host,
        deed: Deed::Set(setting),
    })
}

fn blackouts(changes: core::ops::Range<usize>) -> impl Strategy<Value = Scenario> {
    let flows = prop::collection::vec(flow(2, &[Kind::Reliable, Kind::Unreliable], 500), 0..3);
    let faults = prop::collection::vec(blackout(), 1..4);
    let actions = prop::collection::vec(change_of_mind(), changes);
    (any::<u64>(), host(), host(), link(150_000, 300), flows, faults, actions).prop_map(
        |(seed, server, client, link, traffic, fault, action)| Scenario {
            name: "timeouts-blackout".to_owned(),
            seed,
            duration: Span::from_secs(45),
            settle: Span::from_secs(15),
            server,
            client,
            link,
            traffic,
            fault,
            action,
            ..Scenario::default()
        },
    )
}

fn how() -> impl Strategy<Value = Close> {
    prop_oneof![Just(Close::Disconnect), Just(Close::Later), Just(Close::Now), Just(Close::Reset)]
}

fn short_patience() -> HostSpec {
    let timeouts = Some(TimeoutSpec { limit: 32, minimum: ms(1_000), maximum: ms(6_000) });
    HostSpec { timeouts, ..HostSpec::default() }
}

/// One connection, which one side or both end; traffic goes on until then.
fn closings() -> impl Strategy<Value = Scenario> {
    let closing = (0u64..6_000, 0usize..2, how(), any::<u32>()).prop_map(|(at, host, how, data)| Action {
        at: ms(at),
        host,
        deed: Deed::Close { how, data },
    });
    let flows = prop::collection::vec(flow(2, &[Kind::Reliable, Kind::Unreliable], 3_000), 0..4);
    (any::<u64>(), link(250_000, 300), link(250_000, 300), flows, prop::collection::vec(closing, 1..3))
        .prop_map(|(seed, up, down, traffic, action)| Scenario {
            name: "timeouts-closing".to_owned(),
            seed,
            duration: Span::from_secs(8),
            settle: Span::from_secs(52),
            server: short_patience(),
            client: short_patience(),
            up: Some(up),
            down: Some(down),
            traffic,
            action,
            ..Scenario::default()
        })
}

/// What ends a client's connection.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Crash(u64),
    Close(Close),
}

/// A client that crashes or closes, and each time comes back before it does so again.
fn restarts() -> impl Strategy<Value = Scenario> {
    let ending = prop_oneof![2 => how().prop_map(Ending::Close), 1 => (20u64..200).prop_map(Ending::Crash)];
    let link = prop_oneof![
        2 => (1u64..80).prop_map(|base| LinkSpec::delayed(ms(base))),
        1 => link(150_000, 5_000),
    ];
    let flows = prop::collection::vec(flow(2, &[Kind::Reliable, Kind::Unreliable], 500), 0..3);
    let endings = prop::collection::vec((ending, 0u64..300), 0..10);
    (any::<u64>(), link, 200u64..600, endings, flows).prop_map(|(seed, link, reconnect, endings, traffic)| {
        let (mut fault, mut action, mut stale) = (Vec::new(), Vec::new(), 0);
        for (place, (ending, late)) in (0u64..).zip(endings) {
            let at = ms(1_000 + 1_500 * place + late);
            match ending {
                Ending::Crash(long) => {
                    let trouble = Trouble::Crash { host: HostChoice::Host(1) };
                    fault.push(Fault { at, until: Some(at + ms(long)), trouble });
                }
                Ending::Close(how) => action.push(Action { at, host: 1, deed: Deed::Close { how, data: 7 } }),
            }
            // Nobody tells the server, which finds out later.
            stale += u16::from(matches!(ending, Ending::Crash(_) | Ending::Close(Close::Reset)));
        }
        Scenario {
            name: "timeouts-restart".to_owned(),
            seed,
            duration: Span::from_secs(16),
            settle: Span::from_secs(44),
            server: HostSpec { peers: Some(2 + stale), ..short_patience() },
            client: HostSpec { reconnect: Some(ms(reconnect)), peers: Some(2), ..short_patience() },
            link,
            traffic,
            fault,
            action,
            ..Scenario::default()
        }
    })
}

/// What one side was told and told the other.
#[derive(Default, Clone)]
struct Tale {
    opened: bool,
    closed: Vec<(Close, u32)>,
    over: Option<(Ended, u32)>,
    reliable_sent: u64,
    reliable_received: u64,
}

/// Follows connections from their beginning to their end.
struct Ends {
    tales: HashMap<(HostIndex, Conn), Tale>,
    /// The world has one connection at most.
    single: bool,
    /// Nothing is lost on the way, and there are slots for everybody.
    clean: bool,
    broken: Vec<Broken>,
}

impl Ends {
    fn new(scenario: &Scenario) -> Self {
        let link = scenario.up();
        Ends {
            tales: HashMap::new(),
            single: scenario.client.reconnect.is_none(),
            clean: link.is_clean() && scenario.client.reconnect.is_some(),
            broken: Vec::new(),
        }
    }

    fn complain(&mut self, property: &'static str, text: String) {
        self.broken.push((property, text));
    }

    fn ended(&mut self, at: Time, host: HostIndex, conn: Conn, ended: Ended, data: u32) {
        let before = self.tales.get(&(host, conn)).cloned();
        let tale = self.tales.entry((host, conn)).or_default();
        tale.over = Some((ended, data));
        let tale = tale.clone();
        match before {
            Some(before) if before.over.is_none() => {}
            _ => {
                self.complain(
                    "C1",
                    format!("{at}: host {host} was disconnected from what was not connected"),
                );
            }
        }
        if ended == Ended::Local && tale.closed.is_empty() {
            self.complain("C4", format!("{at}: host {host} was told that it had closed what it had not"));
        }
        if self.clean && ended == Ended::ConnectTimedOut {
            self.complain("C7", format!("{at}: nobody answered host {host}, though there was a free slot"));
        }
        if self.single && ended == Ended::Remote {
            self.judge_farewell(at, host, data, &tale);
        }
    }

    /// The other side has said so, with this data; and if it wanted to say everything first, it did.
    fn judge_farewell(&mut self, at: Time, host: HostIndex, data: u32, tale: &Tale) {
        let other = self.tales.iter().find(|((other, _), _)| *other != host).map(|(_, tale)| tale.clone());
        let Some(other) = other.filter(|other| !other.closed.is_empty()) else {
            return self.complain("C4", format!("{at}: host {host} heard of a close that nobody wanted"));
        };
        // Of several calls it depends on what was still queued which of them counts.
        if !other.closed.iter().any(|(_, sent)| *sent == data) {
            let closed = &other.closed;
            self.complain("C3", format!("{at}: host {host} was told the data {data:#x}, after {closed:x?}"));
        }
        // One that is to close itself throws away what arrives (§12.9).
        let complete = tale.closed.is_empty() && other.closed.iter().all(|(how, _)| *how == Close::Later);
        let (all, received) = (other.reliable_sent, tale.reliable_received);
        if complete && received < all {
            self.complain(
                "C4",
                format!("{at}: host {host} has {received} of {all} messages sent before the close"),
            );
        }
    }
}

impl Observer for Ends {
    fn called(&mut self, at: Time, host: HostIndex, call: &Call<'_>) {
        match *call {
            Call::Connect { conn, .. } => {
                if self.tales.insert((host, conn), Tale::default()).is_some() {
                    self.complain("C1", format!("{at}: host {host} gave a name twice"));
                }
            }
            Call::ConnectRefused if self.clean => {
                self.complain("C7", format!("{at}: host {host} had no free slot"));
            }
            Call::ConnectRefused => {}
            Call::Send { conn, kind, accepted, .. } => {
                let tale = self.tales.entry((host, conn)).or_default();
                tale.reliable_sent += u64::from(accepted && kind == Kind::Reliable);
            }
            Call::Close { conn, how, data } => {
                let tale = self.tales.entry((host, conn)).or_default();
                if tale.over.is_none() {
                    tale.closed.push((how, data));
                }
                if matches!(how, Close::Now | Close::Reset) || !tale.opened {
                    tale.over = Some((Ended::Local, 0));
                }
            }
        }
    }

    fn happened(&mut self, at: Time, host: HostIndex, what: &Happening<'_>) {
        match *what {
            Happening::Connected { conn, .. } => {
                let tale = self.tales.entry((host, conn)).or_default();
                if core::mem::replace(&mut tale.opened, true) || tale.over.is_some() {
                    self.complain("C1", format!("{at}: host {host} connected twice"));
                }
            }
            Happening::Received { conn, kind, .. } => {
                let tale = self.tales.entry((host, conn)).or_default();
                tale.reliable_received += u64::from(kind == Some(Kind::Reliable));
                if !tale.opened || tale.over.is_some() {
                    self.complain(
                        "C1",
                        format!("{at}: host {host} received over a connection that is not open"),
                    );
                }
            }
            Happening::Disconnected { conn, ended, data } => self.ended(at, host, conn, ended, data),
        }
    }

    fn host_changed(&mut self, _: Time, host: HostIndex, change: HostChange) {
        if change == HostChange::Crashed {
            self.tales.retain(|(other, _), _| *other != host);
        }
    }
}

impl Oracle for Ends {
    fn verdict(mut self, _: Time) -> Vec<Broken> {
        let still = |side: usize| {
            let open = |tale: &Tale| tale.opened && tale.over.is_none() && tale.closed.len() < 2;
            self.tales.iter().filter(|((host, _), tale)| *host == side && open(tale)).count()
        };
        let (server, client) = (still(0), still(1));
        if server != client {
            self.complain(
                "C2",
                format!("at the end the server has {server} connections, and the client {client}"),
            );
        }
        self.broken
    }
}

/// Notes when a command leaves, and when a host hears that its attempt failed.
#[derive(Default)]
struct Attempts {
    left: Vec<(CommandKind, f64)>,
    over: Option<f64>,
}

impl Observer for Attempts {
    fn departed(&mut self, at: Time, _: HostIndex, _: SocketAddr, bytes: &[u8], _: &Fate) {
        let Ok((_, rest)) = Header::decode(bytes) else { return };
        for command in Commands::new(rest).map_while(Result::ok) {
            self.left.push((command.kind(), at.as_secs_f64()));
        }
    }

    fn happened(&mut self, at: Time, _: HostIndex, what: &Happening<'_>) {
        if let Happening::Disconnected { ended: Ended::ConnectTimedOut, .. } = what {
            self.over = Some(at.as_secs_f64());
        }
    }
}

/// One attempt, and nothing gets through this way.
fn attempt(from: HostChoice, to: HostChoice) -> Attempts {
    common::select_mutant();
    let cut = Fault { at: Span::ZERO, until: None, trouble: Trouble::Cut { from, to } };
    let scenario = Scenario { duration: Span::from_secs(60), fault: vec![cut], ..Scenario::default() };
    let mut world = World::new(&scenario, Cast::OURS, Attempts::default()).unwrap();
    world.run();
    world.finish().0
}

/// The C library was seen to send CONNECT at these times, and to give up at 31.5 s (PROTOCOL.md §6.1).
const SCHEDULE: [f64; 6] = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5];

fn times(attempts: &Attempts, kind: CommandKind) -> Vec<f64> {
    attempts.left.iter().filter(|(left, _)| *left == kind).map(|(_, at)| *at).collect()
}

#[test]
fn timeouts_of_an_attempt_that_nobody_hears_are_those_of_the_c_library() {
    let seen = attempt(HostChoice::All, HostChoice::All);
    assert_eq!(times(&seen, CommandKind::Connect), SCHEDULE);
    assert_eq!(seen.over, Some(31.5));
}

#[test]
fn timeouts_of_an_answer_that_nobody_hears_are_the_same() {
    let seen = attempt(HostChoice::Host(0), HostChoice::Host(1));
    assert_eq!(times(&seen, CommandKind::VerifyConnect), SCHEDULE);
    assert_eq!(seen.over, Some(31.5));
}

#[test]
fn timeouts_come_when_they_are_due() {
    let suite = Suite {
        name: "timeouts",
        part: "when they are due",
        cases: 1_500,
        properties: PROPERTIES,
        judged: LIFECYCLE,
    };
    suite.check(blackouts(0..1), Model::new);
}

#[test]
fn timeouts_follow_the_application_when_it_changes_its_mind() {
    // The judge knows only what hosts began with.
    let suite =
        Suite { name: "timeouts", part: "changes its mind", cases: 500, properties: PROPERTIES, judged: &[] };
    suite.check(blackouts(1..4), Model::new);
}

#[test]
fn timeouts_and_closes_end_both_sides() {
    let suite =
        Suite { name: "timeouts", part: "closes", cases: 1_000, properties: PROPERTIES, judged: PROPERTIES };
    suite.check(closings(), Ends::new);
}

#[test]
fn timeouts_free_the_slots_of_clients_that_restart() {
    let suite =
        Suite { name: "timeouts", part: "restart", cases: 800, properties: PROPERTIES, judged: PROPERTIES };
    suite.check(restarts(), Ends::new);
}
