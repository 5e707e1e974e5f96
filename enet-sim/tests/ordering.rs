//! Property suite *ordering*: what arrives, how often, in which order, and at whose connection.
//!
//! The oracle keeps a list of what each connection sent on each channel, and compares: reliable messages arrive exactly
//! once, whole and in order, up to the last one (R1, R2); sequenced unreliable ones at most once, never backwards, and
//! never in front of a reliable one that was sent before them (U1, U2); unsequenced ones at most once (S1); none at
//! another connection than that they were sent over (X1); and nothing before a connection opens or after it ends (C1).
//! The network loses, copies, turns round, damages (under a checksum), stalls; receivers may have little room; connections
//! are closed and opened again.
//!
//! Of the mutants it alone catches `no-dedup`, `unreliable-goes-back`, `unreliable-overtakes`, `unsequenced-twice`,
//! `reliable-wrap` and `full-inbox-acknowledged`; with others it catches `early-reassembly`, `fragment-misplaced`,
//! `stale-generation`, `stale-session` and more.

mod common;

use std::collections::{HashMap, HashSet};

use common::worlds::{clock_start, duplicate, flow, link, ms};
use common::{Broken, Oracle, Suite};
use enet_sim::endpoint::{Close, Conn, Happening, Kind};
use enet_sim::message::Message;
use enet_sim::scenario::link::{Corrupt, LinkSpec, Loss};
use enet_sim::scenario::{
    Action, Deed, Fault, Flow, HostChoice, HostSpec, Profile, Scenario, TimeoutSpec, Trouble,
};
use enet_sim::world::observer::{Call, HostIndex, Observer};
use enet_sim::{Chance, Span, Time};
use proptest::prelude::*;

const PROPERTIES: &[&str] = &["R1", "R2", "R3", "R5", "R6", "U1", "U2", "S1", "X1", "X2", "C1", "B1", "M1"];

/// The channel on which messages may be too short to carry a number: these are the judge's alone.
const TINY: u8 = 2;

/// What the world sends when it takes leave: everything must have arrived by then.
const FAREWELL: u32 = 0xB1E;

fn trouble() -> impl Strategy<Value = Fault> {
    let way = prop_oneof![
        Just((HostChoice::All, HostChoice::All)),
        Just((HostChoice::Host(0), HostChoice::Host(1))),
        Just((HostChoice::Host(1), HostChoice::Host(0))),
    ];
    (500u64..9_000, 20u64..3_000, way, any::<bool>()).prop_map(|(at, long, (from, to), hold)| Fault {
        at: ms(at),
        until: Some(ms(at + long)),
        trouble: if hold { Trouble::Hold { from, to } } else { Trouble::Cut { from, to } },
    })
}

fn closing() -> impl Strategy<Value = Action> {
    let how = prop_oneof![Just(Close::Disconnect), Just(Close::Later), Just(Close::Now), Just(Close::Reset)];
    (500u64..9_000, 0usize..2, how, 1u32..1_000).prop_map(|(at, host, how, data)| Action {
        at: ms(at),
        host,
        deed: Deed::Close { how, data },
    })
}

fn hosts() -> impl Strategy<Value = HostSpec> {
    let room = prop_oneof![3 => Just(None), 1 => (300u32..6_000).prop_map(Some)];
    let mtu = prop_oneof![2 => Just(1_392u16), 1 => 576u16..1_400];
    let profile = prop_oneof![Just(Profile::Compat), Just(Profile::Modern)];
    (room, mtu, clock_start(), profile).prop_map(|(max_waiting_data, mtu, clock_start, profile)| HostSpec {
        peers: Some(3),
        max_waiting_data,
        mtu,
        clock_start,
        profile,
        timeouts: Some(TimeoutSpec { limit: 32, minimum: ms(3_000), maximum: ms(8_000) }),
        ..HostSpec::default()
    })
}

fn worlds() -> impl Strategy<Value = Scenario> {
    let links = (link(250_000, 3_000), link(250_000, 3_000));
    let damage = prop_oneof![2 => Just(0u32), 1 => 1_000u32..80_000];
    let flows = prop::collection::vec(flow(3, &Kind::ALL, 5_000), 1..7);
    let faults = prop::collection::vec(trouble(), 0..3);
    let closings = prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(closing(), 1..4)];
    (any::<u64>(), (hosts(), hosts()), links, damage, flows, faults, closings).prop_map(
        |(seed, (mut server, mut client), (mut up, mut down), damage, traffic, fault, action)| {
            for link in [&mut up, &mut down] {
                let chance = Chance::from_ppm(damage).unwrap_or_default();
                link.corrupt = Corrupt { chance, damage: Vec::new() };
            }
            (server.checksum, client.checksum) = (damage > 0, damage > 0);
            client.reconnect = (!action.is_empty()).then_some(ms(300));
            Scenario {
                name: "ordering".to_owned(),
                seed,
                duration: Span::from_secs(10),
                settle: Span::from_secs(50),
                server,
                client,
                up: Some(up),
                down: Some(down),
                traffic: traffic.into_iter().map(numbered).collect(),
                fault,
                action,
                ..Scenario::default()
            }
        },
    )
}

/// Messages can carry their number, but on one channel.
fn numbered(flow: Flow) -> Flow {
    if flow.channel == TINY {
        return flow;
    }
    let size = flow.size.max(20);
    Flow { size, max_size: flow.max_size.map(|max| max.max(size)), ..flow }
}

/// So many messages that all 16-bit numbers wrap: reliable ones, groups of unsequenced ones.
fn crowds() -> impl Strategy<Value = Scenario> {
    (any::<u64>(), duplicate(100), 1u64..5).prop_map(|(seed, duplicate, base)| {
        let mut link = LinkSpec::delayed(ms(base));
        link.loss = Loss::Random { chance: Chance::from_ppm(2_000).unwrap_or_default() };
        (link.duplicate, link.delay.jitter, link.delay.reorder) = (duplicate, ms(2), true);
        let flow =
            |channel, kind| Flow { channel, kind, size: 20, interval: ms(10), burst: 34, ..Flow::default() };
        Scenario {
            name: "ordering-crowd".to_owned(),
            seed,
            duration: Span::from_secs(20),
            settle: Span::from_secs(40),
            link,
            traffic: vec![flow(0, Kind::Reliable), flow(1, Kind::Unsequenced)],
            ..Scenario::default()
        }
    })
}

/// What one side of a connection sent on a channel.
#[derive(Default)]
struct Lane {
    /// In order: kind, length.
    sent: Vec<(Kind, usize)>,
    /// Where in it a message is.
    places: HashMap<(Kind, u32), usize>,
    /// Everything before it was delivered, or may not be any more.
    next: usize,
    /// Unsequenced messages that were delivered.
    seen: HashSet<u32>,
}

impl Lane {
    fn send(&mut self, message: &Message, len: usize) {
        self.places.insert((message.kind, message.id), self.sent.len());
        self.sent.push((message.kind, len));
    }

    fn deliver(&mut self, message: &Message, len: usize) -> Result<(), Broken> {
        let (kind, id) = (message.kind, message.id);
        let what = format!("{} message {id}", kind.as_str());
        let Some(place) = self.places.get(&(kind, id)).copied() else {
            return Err(("R1", format!("{what} arrived, which was not sent")));
        };
        if self.sent.get(place).is_none_or(|(_, sent)| *sent != len) {
            return Err(("R1", format!("{what} arrived with {len} bytes")));
        }
        if kind == Kind::Unsequenced {
            return if self.seen.insert(id) { Ok(()) } else { Err(("S1", format!("{what} arrived twice"))) };
        }
        if place < self.next {
            let property = if kind == Kind::Reliable { "R1" } else { "U1" };
            return Err((
                property,
                format!("{what} arrived after {} of {} were delivered", self.next, self.sent.len()),
            ));
        }
        if let Some(gap) = self.reliable_between(place) {
            return Err((
                "U2",
                format!("{what} arrived, and the reliable one at place {gap} before it did not"),
            ));
        }
        self.next = place + 1;
        Ok(())
    }

    /// The first reliable message that is skipped by one at `place`.
    fn reliable_between(&self, place: usize) -> Option<usize> {
        let skipped = self.sent.get(self.next..place)?;
        skipped.iter().position(|(kind, _)| *kind == Kind::Reliable).map(|gap| self.next + gap)
    }
}

/// What an application was told of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Connecting,
    Open,
    Closed,
    Over,
}

/// A connection as the world numbers it: its host, its number there.
type Number = (usize, u32);

#[derive(Default)]
struct Order {
    lanes: HashMap<(Number, u8), Lane>,
    told: HashMap<(HostIndex, Conn), Told>,
    /// Which connection of an endpoint has which number.
    conns: HashMap<Number, (HostIndex, Conn)>,
    /// From where a connection receives.
    sources: HashMap<(HostIndex, Conn), Number>,
    farewell: bool,
    healed: Option<Time>,
    broken: Vec<Broken>,
}

impl Order {
    fn receive(&mut self, host: HostIndex, conn: Conn, channel: u8, payload: &[u8]) -> Result<(), Broken> {
        if self.told.get(&(host, conn)) != Some(&Told::Open) && !self.may_drain(host, conn) {
            return Err(("C1", format!("host {host} received over a connection that is not open")));
        }
        if channel == TINY {
            return Ok(());
        }
        let message = Message::read(payload)
            .ok_or_else(|| ("R1", format!("{} altered bytes arrived", payload.len())))?;
        let source = (usize::from(message.sender), message.conn);
        let expected = *self.sources.entry((host, conn)).or_insert(source);
        if expected != source || source.0 == host {
            return Err(("X1", format!("host {host} received from {source:?}, not from {expected:?}")));
        }
        match self.lanes.get_mut(&(source, channel)) {
            Some(lane) if message.channel == channel => lane.deliver(&message, payload.len()),
            _ => {
                Err(("X1", format!("a message of channel {} arrived on channel {channel}", message.channel)))
            }
        }
    }

    /// A connection that is to close later still receives what had begun to arrive.
    fn may_drain(&self, host: HostIndex, conn: Conn) -> bool {
        self.told.get(&(host, conn)) == Some(&Told::Closed)
    }

    /// Nobody waits for anything any more: every reliable message of a connection that lives has arrived.
    fn judge_completeness(&mut self, at: Time) {
        for ((number, channel), lane) in &self.lanes {
            let open = self.conns.get(number).is_some_and(|conn| self.told.get(conn) == Some(&Told::Open));
            let unequal = self
                .sources
                .iter()
                .any(|(conn, source)| source == number && self.told.get(conn) != Some(&Told::Open));
            if !open || unequal || *channel == TINY {
                continue;
            }
            if let Some(gap) = lane.reliable_between(lane.sent.len()) {
                let text = format!(
                    "{at}: of {number:?} on channel {channel} the reliable message at place {gap} never arrived"
                );
                self.broken.push(("R2", text));
            }
        }
    }
}

impl Observer for Order {
    fn called(&mut self, at: Time, host: HostIndex, call: &Call<'_>) {
        match *call {
            Call::Connect { conn, .. } => _ = self.told.insert((host, conn), Told::Connecting),
            Call::ConnectRefused => {}
            Call::Send { conn, channel, payload, accepted, .. } => {
                if let (true, Some(message)) = (accepted, Message::peek(payload)) {
                    let number = (host, message.conn);
                    self.conns.insert(number, (host, conn));
                    self.lanes.entry((number, channel)).or_default().send(&message, payload.len());
                }
            }
            Call::Close { conn, how, data } => {
                if data == FAREWELL && !core::mem::replace(&mut self.farewell, true) {
                    self.judge_completeness(at);
                }
                let told = self.told.entry((host, conn)).or_insert(Told::Over);
                *told = match (*told, how) {
                    (Told::Open, Close::Disconnect | Close::Later) => Told::Closed,
                    (Told::Closed, Close::Disconnect | Close::Later) => Told::Closed,
                    _ => Told::Over,
                };
            }
        }
    }

    fn happened(&mut self, at: Time, host: HostIndex, what: &Happening<'_>) {
        let broken = match *what {
            Happening::Connected { conn, .. } => match self.told.insert((host, conn), Told::Open) {
                None if host == 0 => Ok(()),
                Some(Told::Connecting) => Ok(()),
                _ => Err(("C1", format!("host {host} connected twice"))),
            },
            Happening::Disconnected { conn, .. } => match self.told.insert((host, conn), Told::Over) {
                Some(Told::Connecting | Told::Open | Told::Closed) => Ok(()),
                _ => Err(("C1", format!("host {host} was disconnected from what was not connected"))),
            },
            Happening::Received { conn, channel, payload, .. } => self.receive(host, conn, channel, payload),
        };
        if let Err((property, text)) = broken {
            self.broken.push((property, format!("{at}: {text}")));
        }
    }

    fn healed(&mut self, at: Time) {
        self.healed = Some(at);
    }
}

impl Oracle for Order {
    fn verdict(mut self, end: Time) -> Vec<Broken> {
        // Two blackouts in a row are over by then.
        let patience = Span::from_secs(45);
        if !self.farewell && self.healed.is_some_and(|healed| end.since(healed) >= patience) {
            self.judge_completeness(end);
        }
        self.broken
    }
}

#[test]
fn ordering_holds_on_any_network() {
    let suite = Suite {
        name: "ordering",
        part: "any network",
        cases: 1_500,
        properties: PROPERTIES,
        judged: PROPERTIES,
    };
    suite.check(worlds(), |_| Order::default());
}

#[test]
fn ordering_holds_when_numbers_wrap() {
    let suite = Suite {
        name: "ordering",
        part: "numbers wrap",
        cases: 2,
        properties: PROPERTIES,
        judged: PROPERTIES,
    };
    suite.check(crowds(), |_| Order::default());
}
