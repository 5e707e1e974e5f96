//! [`Scenario`]: what is to be run, and [`run`], which does.

use core::fmt;
use core::time::Duration;

use enet_proto::{ChannelLimit, ConnectOptions, Event, Instant, PeerId};
use serde::Serialize;

use crate::link::{Chance, LinkConfig};
use crate::report::{Closing, Report};
use crate::traffic::{Kind, Traffic};
use crate::world::{Side, World};

/// What is to be run: a client connects to a server, sends messages of every kind, and disconnects once all is sent and
/// everything reliable is acknowledged.
///
/// ```
/// use enet_sim::Scenario;
/// let scenario = Scenario { messages: 100, ..Scenario::new(1) };
/// assert!(scenario.to_string().contains("100 messages of each kind"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scenario {
    /// Everything random follows from it.
    pub seed: u64,
    /// What lies between the two.
    pub link: LinkConfig,
    /// Messages of each kind.
    pub messages: u32,
    /// Time between two messages of a kind; the kinds take turns.
    #[serde(rename = "interval_us", serialize_with = "crate::link::as_micros")]
    pub interval: Duration,
    /// Virtual time after which the run is ended, finished or not.
    #[serde(rename = "limit_us", serialize_with = "crate::link::as_micros")]
    pub limit: Duration,
}

impl Scenario {
    /// A bad but usable network: 10 % loss each way, 50 ms delay, no jitter; 500 messages of each kind, one in 20 ms;
    /// ten minutes at most.
    pub fn new(seed: u64) -> Self {
        Scenario {
            seed,
            link: LinkConfig {
                loss: Chance::percent(10.0).unwrap_or(Chance::NEVER),
                delay: Duration::from_millis(50),
                jitter: Duration::ZERO,
            },
            messages: 500,
            interval: Duration::from_millis(20),
            limit: Duration::from_secs(600),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scenario { seed, link, messages, interval, .. } = self;
        write!(
            f,
            "A client sends {messages} messages of each kind, one in {interval:?}, to a server; on the way "
        )?;
        write!(f, "{} of the datagrams are lost,\nthe others take {:?}", link.loss, link.delay)?;
        if !link.jitter.is_zero() {
            write!(f, " and up to {:?} more", link.jitter)?;
        }
        write!(f, ", both ways. Seed {seed}.")
    }
}

/// Runs a scenario to its end.
pub fn run(scenario: &Scenario) -> Report {
    Run::new(scenario).finish()
}

/// A scenario under way: the application of both hosts.
struct Run<'a> {
    scenario: &'a Scenario,
    world: World,
    traffic: Traffic,
    start: Instant,
    connected: Option<Duration>,
    closing: Closing,
    /// The client's connection, once it stands.
    server: Option<PeerId>,
    /// Messages sent, of all kinds.
    sent: u32,
    next_message: Option<Instant>,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let world = World::new(scenario.link, scenario.seed);
        Run {
            scenario,
            start: world.now(),
            world,
            traffic: Traffic::new(),
            connected: None,
            closing: Closing::default(),
            server: None,
            sent: 0,
            next_message: None,
        }
    }

    fn finish(mut self) -> Report {
        self.connect();
        let deadline = self.start + self.scenario.limit;
        loop {
            self.world.transmit();
            while let Some((side, event)) = self.world.poll_event() {
                self.on_event(side, event);
            }
            self.send_due_messages();
            self.world.transmit();
            let over = self.closing.client.is_some() && self.closing.server.is_some();
            let next = self.world.next_instant().into_iter().chain(self.next_message).min();
            match next.filter(|next| !over && *next <= deadline) {
                Some(next) => self.world.advance(next),
                None => return self.report(),
            }
        }
    }

    fn connect(&mut self) {
        let channels = u8::try_from(Kind::ALL.len()).ok().and_then(ChannelLimit::new);
        let options = ConnectOptions { channels: channels.unwrap_or_default(), ..ConnectOptions::default() };
        if let Err(error) = self.world.host(Side::Client).connect(Side::Server.address(), options) {
            self.traffic.complain(error.to_string());
        }
    }

    fn elapsed(&self) -> Duration {
        self.world.now().saturating_duration_since(self.start)
    }

    fn on_event(&mut self, side: Side, event: Event) {
        let now = self.world.now();
        match (side, event) {
            (Side::Client, Event::Connected { peer, .. }) => {
                self.connected = Some(self.elapsed());
                self.server = Some(peer);
                self.next_message = Some(now);
            }
            (Side::Server, Event::Connected { .. }) => {}
            (Side::Server, Event::Received { channel, packet, .. }) => {
                self.traffic.receive(now, channel.get(), &packet);
            }
            (Side::Client, Event::Disconnected { reason, .. }) => {
                self.server = None;
                self.next_message = None;
                self.closing.client = Some(reason);
            }
            (Side::Server, Event::Disconnected { reason, .. }) => self.closing.server = Some(reason),
            (side, event) => self.traffic.complain(format!("unexpected at {side:?}: {event:?}")),
        }
    }

    fn send_due_messages(&mut self) {
        while let Some((at, peer)) = self.next_message.zip(self.server)
            && at <= self.world.now()
        {
            let Some(kind) = self.next_kind() else {
                self.next_message = None;
                if let Some(mut peer) = self.world.host(Side::Client).peer_mut(peer) {
                    peer.disconnect_later(0);
                }
                return;
            };
            self.sent += 1;
            self.next_message = Some(at + self.scenario.interval / Kind::COUNT);
            let packet = self.traffic.send(at, kind);
            let sent =
                self.world.host(Side::Client).peer_mut(peer).map(|mut it| it.send(kind.channel(), packet));
            if let Some(Err(error)) = sent {
                self.traffic.complain(format!("{kind}: not sent: {error}"));
            }
        }
    }

    /// The kind whose turn it is, until all messages are sent.
    fn next_kind(&self) -> Option<Kind> {
        let kind = Kind::ALL.get((self.sent % Kind::COUNT) as usize).copied();
        kind.filter(|_| self.sent / Kind::COUNT < self.scenario.messages)
    }

    fn report(mut self) -> Report {
        Report {
            scenario: self.scenario.clone(),
            connected: self.connected,
            duration: self.elapsed(),
            closing: self.closing,
            deliveries: self.traffic.reports(),
            client_to_server: self.world.wire(Side::Client),
            server_to_client: self.world.wire(Side::Server),
            trace_hash: self.world.trace(),
            violations: self.traffic.into_violations(),
        }
    }
}
