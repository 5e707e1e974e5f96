//! [`Model`]: watches a world of one client that connects once, over a network that does not alter datagrams, and knows
//! to the millisecond what each side must do: when it sends again, when it gives up, when it pings, what it estimates.

use std::net::SocketAddr;

use enet_sim::Time;
use enet_sim::endpoint::{Conn, Ended, Endpoint, Happening, Setting, Snapshot};
use enet_sim::net::Fate;
use enet_sim::scenario::{Deed, HostSpec, Scenario, TimeoutSpec};
use enet_sim::world::observer::{Call, HostIndex, Observer};
use enet_wire::{Body, Command, Commands, Header, split_checksum};

use super::side::{Side, Stage, millis};
use super::{Broken, Oracle};

/// The state CONNECTED, by number.
const CONNECTED: u8 = 5;

/// A host of the world, and its side of the connection.
#[derive(Debug)]
struct Post {
    spec: HostSpec,
    conn: Option<Conn>,
    side: Side,
    /// What waits in the socket until the host is serviced.
    inbox: Vec<Vec<u8>>,
}

impl Post {
    fn new(spec: &HostSpec) -> Self {
        Post { spec: spec.clone(), conn: None, side: Side::default(), inbox: Vec::new() }
    }

    /// The host's own clock.
    fn millis(&self, at: Time) -> u64 {
        (at.0 + self.spec.clock_start.0) / 1_000_000
    }

    /// The numbers of its connection.
    fn shown(&self, endpoint: &dyn Endpoint) -> Option<Snapshot> {
        self.conn.and_then(|conn| endpoint.snapshot(conn)).filter(|shown| shown.state == CONNECTED)
    }

    /// The application hears that the connection is open, and gives it the host's settings.
    fn configure(&mut self, now: u64) {
        if let Some(limits) = self.spec.timeouts {
            self.side.set_limits(limits);
        }
        if let Some(interval) = self.spec.ping_interval {
            self.side.set_ping(now, interval);
        }
        if let Some(it) = self.spec.throttle {
            self.set_throttle(millis(it.interval), it.acceleration, it.deceleration);
        }
    }

    fn set_throttle(&mut self, interval: u64, acceleration: u32, deceleration: u32) {
        let estimate = &mut self.side.estimate;
        estimate.interval = interval;
        (estimate.acceleration, estimate.deceleration) = (acceleration.into(), deceleration.into());
    }

    fn set(&mut self, now: u64, setting: Setting) {
        match setting {
            _ if self.side.stage != Stage::Open => self.side.stage = Stage::Over,
            Setting::Timeouts { limit, minimum, maximum } => {
                self.side.set_limits(TimeoutSpec { limit, minimum, maximum });
            }
            Setting::Ping { interval } => self.side.set_ping(now, interval),
            Setting::Throttle { interval, acceleration, deceleration } => {
                self.set_throttle(millis(interval), acceleration, deceleration);
            }
        }
    }
}

/// Watches both sides.
#[derive(Debug)]
pub(crate) struct Model {
    posts: Vec<Post>,
    /// Settings that applications change, in order.
    settings: Vec<(Time, usize, Setting)>,
    checksum: bool,
    /// How often numbers were compared.
    pub(crate) compared: u64,
}

impl Model {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let mut settings: Vec<_> = scenario
            .action
            .iter()
            .filter_map(|action| match action.deed {
                Deed::Set(setting) => Some((Time(action.at.0), action.host, setting)),
                _ => None,
            })
            .collect();
        settings.sort_by_key(|(at, ..)| *at);
        settings.reverse();
        Model {
            posts: vec![Post::new(&scenario.server), Post::new(&scenario.client)],
            settings,
            checksum: scenario.client.checksum,
            compared: 0,
        }
    }

    /// A host's side, and its time.
    pub(crate) fn side(&mut self, at: Time, host: HostIndex) -> Option<(&mut Side, u64)> {
        self.apply_settings(at);
        let post = self.posts.get_mut(host)?;
        let now = post.millis(at);
        Some((&mut post.side, now))
    }

    /// The numbers of a host's connection, if it is open.
    pub(crate) fn shown(&self, host: HostIndex, endpoint: &dyn Endpoint) -> Option<Snapshot> {
        self.posts.get(host)?.shown(endpoint)
    }

    fn apply_settings(&mut self, at: Time) {
        while self.settings.last().is_some_and(|(then, ..)| *then <= at) {
            let Some((_, host, setting)) = self.settings.pop() else { return };
            if let Some(post) = self.posts.get_mut(host) {
                let now = post.millis(at);
                post.set(now, setting);
            }
        }
    }

    /// The commands of a datagram, and its sent time.
    pub(crate) fn commands<'a>(&self, bytes: &'a [u8]) -> Option<(Option<u16>, Commands<'a>)> {
        let (header, rest) = Header::decode(bytes).ok()?;
        let rest = if self.checksum { split_checksum(rest).ok()?.1 } else { rest };
        Some((header.sent_time, Commands::new(rest)))
    }

    fn command_leaves(&mut self, at: Time, from: HostIndex, command: &Command<'_>) {
        let Some((side, now)) = self.side(at, from) else { return };
        let name = (command.channel.get(), command.seq.0);
        match command.body {
            Body::VerifyConnect(_) if side.stage == Stage::Nothing => *side = Side::opening(now),
            Body::Acknowledge { received_seq, received_sent_time } if side.lives() => {
                side.acknowledges(now, (command.channel.get(), received_seq.0), received_sent_time);
            }
            Body::Ping => side.pings(now, name),
            Body::Disconnect { .. } => side.stage = Stage::Over,
            _ => {}
        }
        if command.acknowledge && side.lives() {
            let data = command.payload().len() as u64;
            side.leaves(now, name, data);
        }
    }

    /// The host is serviced, and reads what has arrived.
    fn read(&mut self, at: Time, host: HostIndex) {
        let inbox = self.posts.get_mut(host).map(|post| core::mem::take(&mut post.inbox));
        for bytes in inbox.unwrap_or_default() {
            let Some((sent_time, commands)) = self.commands(&bytes) else { continue };
            for command in commands.map_while(Result::ok) {
                if !self.command_arrives(at, host, sent_time, &command) {
                    break;
                }
            }
        }
    }

    /// False if the rest of the datagram is not read.
    fn command_arrives(
        &mut self,
        at: Time,
        host: HostIndex,
        sent_time: Option<u16>,
        command: &Command<'_>,
    ) -> bool {
        let Some((side, now)) = self.side(at, host) else { return false };
        let name = (command.channel.get(), command.seq.0);
        let is_open = side.stage == Stage::Open;
        match command.body {
            Body::Connect(_) => return false,
            _ if !side.lives() => return false,
            Body::Acknowledge { received_seq, received_sent_time } => {
                let name = (command.channel.get(), received_seq.0);
                side.is_acknowledged(now, name, received_sent_time);
                if host == 0 && !is_open && name == (0xFF, 1) {
                    self.open(host, now);
                }
                return true;
            }
            Body::VerifyConnect(_) if !is_open => {
                side.remove(now, (0xFF, 1));
                self.open(host, now);
            }
            Body::VerifyConnect(_) => {}
            Body::Disconnect { .. } => {
                side.stage = Stage::Over;
                return false;
            }
            _ if !is_open => return false,
            Body::ThrottleConfigure(it) => {
                if let Some(post) = self.posts.get_mut(host) {
                    post.set_throttle(it.interval.into(), it.acceleration, it.deceleration);
                }
            }
            _ => {}
        }
        if let (true, Some(sent_time), Some((side, _))) =
            (command.acknowledge, sent_time, self.side(at, host))
        {
            side.owes(name, sent_time);
        }
        true
    }

    fn open(&mut self, host: HostIndex, now: u64) {
        if let Some(post) = self.posts.get_mut(host) {
            post.side.open(now, post.spec.ping_interval);
        }
    }

    /// The numbers an endpoint shows are those that the model has.
    fn compare(&mut self, at: Time, host: HostIndex, endpoint: &mut dyn Endpoint) {
        let Some(post) = self.posts.get_mut(host) else { return };
        let now = post.millis(at);
        let shown = post.shown(endpoint);
        let window = shown.map_or(u64::MAX, |shown| {
            (u64::from(shown.throttle) * u64::from(shown.window) / 32).max(shown.mtu.into())
        });
        let (side, mut wrong) = (&mut post.side, Vec::new());
        if let Some(shown) = shown.filter(|_| side.stage == Stage::Open) {
            self.compared += 1;
            let (rtt, var) = (side.estimate.rtt, side.estimate.var);
            if (u64::from(shown.rtt), u64::from(shown.rtt_variance)) != (rtt, var) {
                let (seen, spread) = (shown.rtt, shown.rtt_variance);
                wrong.push((
                    "T7",
                    format!("at {now} ms the round trip time is {seen} ± {spread}, not {rtt} ± {var}"),
                ));
            }
            let (throttle, expected) = (u64::from(shown.throttle), side.estimate.throttle);
            if throttle != expected {
                wrong.push(("F3", format!("at {now} ms the throttle stands at {throttle}, not {expected}")));
            }
            let (in_flight, expected) = (u64::from(shown.in_flight), side.in_flight());
            if in_flight != expected {
                wrong.push((
                    "F1",
                    format!("at {now} ms {in_flight} bytes count as in flight, not {expected}"),
                ));
            }
        }
        side.broken.extend(wrong);
        if side.lives() {
            side.served(now, window);
        }
    }
}

impl Observer for Model {
    fn called(&mut self, at: Time, host: HostIndex, call: &Call<'_>) {
        self.apply_settings(at);
        let Some(post) = self.posts.get_mut(host) else { return };
        let now = post.millis(at);
        match *call {
            Call::Connect { conn, .. } if post.side.stage == Stage::Nothing => {
                post.conn = Some(conn);
                post.side = Side::opening(now);
                if let Some(limits) = post.spec.timeouts {
                    post.side.set_limits(limits);
                }
            }
            Call::Close { .. } => post.side.stage = Stage::Over,
            _ => {}
        }
    }

    fn happened(&mut self, at: Time, host: HostIndex, what: &Happening<'_>) {
        self.read(at, host);
        let Some(post) = self.posts.get_mut(host) else { return };
        let now = post.millis(at);
        match *what {
            Happening::Connected { conn, .. } => {
                post.conn = Some(conn);
                if post.side.stage == Stage::Open {
                    post.configure(now);
                }
            }
            Happening::Received { .. } => {}
            Happening::Disconnected { ended, .. } => {
                if post.side.lives() {
                    post.side.check_timeouts(now);
                }
                let timed_out = matches!(ended, Ended::TimedOut | Ended::ConnectTimedOut);
                if timed_out && post.side.lives() && post.side.dead != Some(now) {
                    let since = post
                        .side
                        .dead
                        .map_or("is not due yet".to_owned(), |due| format!("was due at {due} ms"));
                    post.side
                        .broken
                        .push(("T2", format!("the remote was given up at {now} ms, which {since}")));
                }
                post.side.stage = Stage::Over;
            }
        }
    }

    fn departed(&mut self, at: Time, from: HostIndex, _: SocketAddr, bytes: &[u8], _: &Fate) {
        self.read(at, from);
        let Some((side, now)) = self.side(at, from) else { return };
        if side.lives() {
            side.check_timeouts(now);
        }
        let Some((_, commands)) = self.commands(bytes) else { return };
        for command in commands.map_while(Result::ok) {
            self.command_leaves(at, from, &command);
        }
    }

    fn arrived(&mut self, _: Time, host: HostIndex, _: SocketAddr, bytes: &[u8]) {
        if let Some(post) = self.posts.get_mut(host) {
            post.inbox.push(bytes.to_vec());
        }
    }

    fn overflowed(&mut self, _: Time, host: HostIndex, _: &[u8]) {
        if let Some(post) = self.posts.get_mut(host) {
            post.inbox.pop();
        }
    }

    fn served(&mut self, at: Time, host: HostIndex, endpoint: &mut dyn Endpoint) {
        self.read(at, host);
        let Some((side, now)) = self.side(at, host) else { return };
        if side.lives() {
            side.check_timeouts(now);
        }
        if let (Some(due), true) = (side.dead, side.lives()) {
            if side.stage == Stage::Open || host != 0 {
                side.broken.push(("T2", format!("the remote was not given up at {due} ms")));
            }
            side.stage = Stage::Over;
        }
        self.compare(at, host, endpoint);
    }
}

impl Oracle for Model {
    fn verdict(mut self, end: Time) -> Vec<Broken> {
        for host in 0..self.posts.len() {
            if let Some((side, now)) = self.side(end, host) {
                side.finish(now);
            }
        }
        self.posts.into_iter().flat_map(|post| post.side.broken).collect()
    }
}
