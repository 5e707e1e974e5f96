//! [`World`]: hosts, the network between them, and virtual time that jumps from one event to the next.
#![allow(
    clippy::cast_possible_truncation,
    reason = "a scenario has few enough hosts, flows and faults: see validate"
)]

mod agenda;
mod application;
mod attacker;
mod cast;
mod clock;
mod host;
mod insider;
pub mod observer;
mod troubles;

use rand_chacha::ChaCha8Rng;

use crate::endpoint::{Close, Ended, Happening, Order, Snapshot};
use crate::net::{Copy as NetCopy, Network};
use crate::random::{Purpose, RngCore, stream};
use crate::scenario::{Scenario, Service};
use crate::time::{Span, Time};
use crate::trace::TraceHash;
use agenda::{Agenda, Item};
use attacker::Attacker;
pub use cast::Cast;
pub use host::address;

use host::{Host, Stage};
use observer::{HostIndex, Observer};

/// How often a healed world is asked whether it has come to rest.
const LOOK: Span = Span::from_millis(500);

/// How long nothing must have arrived until hosts that do not tell what they have in flight count as at rest.
const SILENCE: Span = Span::from_secs(20);

/// How much happened in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// When it came to rest.
    pub end: Time,
    /// Messages that endpoints took.
    pub messages: u64,
    /// Datagrams given to the network.
    pub datagrams: u64,
    /// Items of the agenda.
    pub steps: u64,
}

/// In which part of its life a world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The traffic flows, and things go wrong.
    Safety,
    /// Nothing goes wrong any more; what was promised must come.
    Healed,
    /// Everyone takes leave.
    Parting,
}

/// A world in progress.
pub struct World<'a, O> {
    scenario: &'a Scenario,
    cast: Cast,
    now: Time,
    hosts: Vec<Host>,
    network: Network,
    /// The earliest time noted for the network itself.
    network_wake: Option<Time>,
    agenda: Agenda,
    attackers: Vec<Attacker>,
    phase: Phase,
    over: bool,
    /// When a message last arrived.
    heard: Time,
    extent: Extent,
    trace: TraceHash,
    sizes: ChaCha8Rng,
    copies: Vec<NetCopy>,
    payload: Vec<u8>,
    observer: O,
}

impl<'a, O: Observer> World<'a, O> {
    /// A world at its first instant.
    ///
    /// # Errors
    /// Why an implementation cannot be had here.
    pub fn new(scenario: &'a Scenario, cast: Cast, observer: O) -> Result<Self, String> {
        let count = scenario.hosts();
        let addresses: Vec<_> = (0..count).map(address).collect();
        let mut world = World {
            scenario,
            cast,
            now: Time::ZERO,
            hosts: (0..count).map(|index| new_host(scenario, index)).collect(),
            network: troubles::network(scenario, &addresses),
            network_wake: None,
            agenda: Agenda::default(),
            attackers: Vec::new(),
            phase: Phase::Safety,
            over: false,
            heard: Time::ZERO,
            extent: Extent::default(),
            trace: TraceHash::EMPTY,
            sizes: stream(scenario.seed, 0, Purpose::Traffic),
            copies: Vec::new(),
            payload: Vec::new(),
            observer,
        };
        for index in 0..=usize::from(scenario.clients) {
            world.boot(index)?;
        }
        world.note_everything();
        Ok(world)
    }

    /// The network, to be changed before the world runs.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Lets everything happen, until the world has come to rest or its time is up.
    pub fn run(&mut self) {
        while self.step() {}
    }

    /// Lets the next thing happen; false if the world has come to its end.
    pub fn step(&mut self) -> bool {
        if self.over {
            return false;
        }
        let Some((at, item)) = self.agenda.pop() else { return self.end() };
        if at > self.deadline() {
            return self.end();
        }
        debug_assert!(at >= self.now, "time runs forward");
        self.now = at;
        self.extent.steps += 1;
        match item {
            Item::Arrival(place) => self.arrive(place),
            Item::Wake(host) => self.wake(host as usize),
            Item::Tick(host) => self.tick(host as usize),
            Item::Connect(host) => self.connect_to_server(host as usize),
            Item::Flow { flow, host, round } => self.flow(flow, host, round),
            Item::Fault { index, begins } => self.fault(usize::from(index), begins),
            Item::Action(index) => self.act(usize::from(index)),
            Item::Strike(attacker) => self.strike(attacker),
            Item::Network => self.advance_network(),
            Item::Heal => self.heal(),
            Item::Look => return self.look(),
        }
        true
    }

    /// What the watcher has seen, how much happened, and its hash.
    pub fn finish(self) -> (O, Extent, TraceHash) {
        (self.observer, self.extent, self.trace)
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    // --- beginning and end ---

    fn note_everything(&mut self) {
        let scenario = self.scenario;
        let tick = |agenda: &mut Agenda, host: usize, service: Service| {
            if let Service::Every(span) = service {
                // Hosts are not in step with each other.
                let phase = span.0 * (host as u64 * 7 % 16) / 16;
                agenda.note(Time(phase), Item::Tick(host as u32));
            }
        };
        for index in 0..=usize::from(scenario.clients) {
            tick(
                &mut self.agenda,
                index,
                self.hosts.get(index).map_or(Service::OnDemand, |host| host.service),
            );
        }
        for client in 1..=u32::from(scenario.clients) {
            let at = Time(scenario.stagger.0.saturating_mul(u64::from(client - 1)));
            self.agenda.note(at, Item::Connect(client));
        }
        for (number, flow) in scenario.traffic.iter().enumerate() {
            for host in (0..=usize::from(scenario.clients)).filter(|host| flow.from.covers(*host)) {
                // Spread evenly: clients are not in step with each other.
                let spread = flow.interval.0 * host as u64 / (u64::from(scenario.clients) + 1);
                let item = Item::Flow { flow: number as u16, host: host as u32, round: 0 };
                self.agenda.note(Time(flow.start.0 + spread), item);
            }
        }
        for (number, fault) in scenario.fault.iter().enumerate() {
            let index = number as u16;
            if fault.at < scenario.duration {
                self.agenda.note(Time(fault.at.0), Item::Fault { index, begins: true });
            }
            if let Some(until) = fault.until.filter(|until| *until < scenario.duration) {
                self.agenda.note(Time(until.0), Item::Fault { index, begins: false });
            }
        }
        for (number, action) in scenario.action.iter().enumerate() {
            self.agenda.note(Time(action.at.0), Item::Action(number as u16));
        }
        for (number, attack) in scenario.attacker.iter().enumerate() {
            let home = 1 + usize::from(scenario.clients) + number;
            let checksum = scenario.server.checksum;
            self.attackers.push(Attacker::new(scenario.seed, home, *attack, checksum));
            self.agenda.note(Time(Attacker::period(*attack).0), Item::Strike(number as u16));
        }
        self.agenda.note(Time(scenario.duration.0), Item::Heal);
    }

    fn deadline(&self) -> Time {
        Time(self.scenario.duration.0) + self.scenario.settle
    }

    fn end(&mut self) -> bool {
        self.over = true;
        self.extent.end = self.now;
        false
    }

    /// Starts a host's endpoint.
    fn boot(&mut self, index: HostIndex) -> Result<(), String> {
        let Some(host) = self.hosts.get_mut(index) else { return Ok(()) };
        let spec = self.scenario.host(index);
        let needed = if index == 0 { self.scenario.clients.max(1) } else { 1 };
        let mut seed = [0; 32];
        let owner = (index as u32) << 8 | (host.life & 0xFF);
        stream(self.scenario.seed, owner, Purpose::HostSeed).fill_bytes(&mut seed);
        let peers = spec.peers.unwrap_or(needed);
        let order = match host.service {
            Service::OnDemand => Order::EventLoop,
            Service::Every(_) => self.scenario.order,
        };
        host.endpoint = Some(self.cast.role(index).create(spec, peers, seed, order)?);
        Ok(())
    }

    /// Nothing goes wrong any more.
    fn heal(&mut self) {
        self.phase = Phase::Healed;
        self.heard = self.now;
        self.trace_states();
        for index in 0..self.scenario.fault.len() {
            self.fault(index, false);
        }
        let mut copies = core::mem::take(&mut self.copies);
        self.network.heal(self.now, &mut copies);
        self.copies = copies;
        self.expect_copies();
        self.observer.healed(self.now);
        self.agenda.note(self.now + LOOK, Item::Look);
    }

    /// Has everything come to rest? Then everyone takes leave; and has everyone left, the world ends.
    fn look(&mut self) -> bool {
        self.trace_states();
        let hosts = &self.hosts;
        let silence = self.now.since(self.heard);
        let rests = |it: Snapshot| match it.tells() {
            true => it.queued == 0 && it.in_flight == 0,
            false => silence >= SILENCE,
        };
        let quiet = |host: &Host| {
            let Some(endpoint) = &host.endpoint else { return true };
            host.connections.iter().all(|connection| {
                connection.stage == Stage::Open && endpoint.snapshot(connection.conn).is_some_and(rests)
            })
        };
        match self.phase {
            Phase::Parting if hosts.iter().all(|host| host.connections.len() == 0) => return self.end(),
            Phase::Healed if hosts.iter().all(quiet) => {
                self.phase = Phase::Parting;
                for host in 1..self.hosts.len() {
                    self.close_all(host, Close::Disconnect, 0xB1E);
                }
            }
            _ => {}
        }
        self.agenda.note(self.now + LOOK, Item::Look);
        true
    }

    /// Adds the numbers of all connections to the trace.
    fn trace_states(&mut self) {
        for host in &self.hosts {
            let Some(endpoint) = &host.endpoint else { continue };
            for it in host.connections.iter().filter_map(|connection| endpoint.snapshot(connection.conn)) {
                self.trace.number(u64::from(it.rtt) << 32 | u64::from(it.rtt_variance));
                self.trace.number(u64::from(it.throttle) << 32 | u64::from(it.in_flight));
                self.trace.number(u64::from(it.window) << 32 | u64::from(it.mtu));
            }
        }
    }

    // --- datagrams ---

    fn arrive(&mut self, place: u32) {
        let Some(copy) = self.agenda.take_arrival(place) else { return };
        let index = copy.to;
        let attacker = index.checked_sub(1 + usize::from(self.scenario.clients));
        if let Some(attacker) = attacker.and_then(|number| self.attackers.get_mut(number)) {
            attacker.hear(self.now, &copy.bytes);
            return self.network.recycle(copy.bytes);
        }
        let Some(host) = self.hosts.get_mut(index) else { return self.network.recycle(copy.bytes) };
        if host.has_room(copy.bytes.len()) {
            self.observer.arrived(self.now, index, copy.source, &copy.bytes);
            host.receive(copy.source, copy.bytes);
        } else {
            self.observer.overflowed(self.now, index, &copy.bytes);
            self.network.recycle(copy.bytes);
        }
        // What arrives in the same instant is read in one go.
        if host.service == Service::OnDemand && !self.agenda.next_is_arrival_at(self.now, index) {
            self.serve(index);
        }
    }

    /// Gives what a host has sent to the network.
    fn collect_sent(&mut self, index: HostIndex) {
        let Some(host) = self.hosts.get_mut(index) else { return };
        let World { network, observer, trace, copies, extent, attackers, now, .. } = self;
        host.port.take_sent(|to, bytes| {
            let fate = network.send(*now, index, to, bytes, copies);
            extent.datagrams += 1;
            trace.number(now.0);
            trace.number((index as u64) << 32 | u64::from(to.port()) << 8 | u64::from(fate.copies));
            trace.number(fate.arrives.0);
            trace.bytes(bytes);
            observer.departed(*now, index, to, bytes, &fate);
            for attacker in attackers.iter_mut() {
                attacker.overhear(index, to, bytes);
            }
        });
        self.expect_copies();
    }

    /// Notes the arrivals of what is under way, and when the network itself has something to do.
    fn expect_copies(&mut self) {
        for copy in self.copies.drain(..) {
            self.agenda.expect(copy);
        }
        if let Some(at) = self.network.next_event()
            && self.network_wake.is_none_or(|noted| at < noted)
        {
            self.network_wake = Some(at);
            self.agenda.note(at, Item::Network);
        }
    }

    /// Queues that several directions share move on.
    fn advance_network(&mut self) {
        if self.network_wake == Some(self.now) {
            self.network_wake = None;
        }
        self.network.advance(self.now, &mut self.copies);
        self.expect_copies();
    }

    fn strike(&mut self, number: u16) {
        if self.phase != Phase::Safety {
            return;
        }
        let Some(attacker) = self.attackers.get_mut(usize::from(number)) else { return };
        attacker.strike(self.now, &mut self.network, &mut self.copies);
        let again = attacker.next(self.now);
        self.expect_copies();
        self.agenda.note(again, Item::Strike(number));
    }

    // --- hosts ---

    /// Services a host and looks after everything that comes of it.
    fn serve(&mut self, index: HostIndex) {
        let Some(host) = self.hosts.get_mut(index) else { return };
        if !host.is_up() {
            return;
        }
        host.serve(self.now);
        self.collect(index);
        let Some(host) = self.hosts.get_mut(index) else { return };
        // Buffers that were read go back to the network.
        for buffer in host.port.spare.drain(..) {
            self.network.recycle(buffer);
        }
        if let Some(endpoint) = &mut host.endpoint {
            self.observer.served(self.now, index, endpoint.as_mut());
        }
        self.note_wake(index);
    }

    /// Looks after what a host has sent and raised.
    fn collect(&mut self, index: HostIndex) {
        self.collect_sent(index);
        let Some(host) = self.hosts.get_mut(index) else { return };
        if !host.port.has_happenings() {
            return;
        }
        let mut reconnect = false;
        let World { observer, trace, now, phase, heard, .. } = self;
        let connections = &mut host.connections;
        host.port.take_happenings(|what| {
            observer.happened(*now, index, what);
            trace.number(now.0);
            match *what {
                Happening::Connected { conn, data } => {
                    trace.number(u64::from(data) << 8 | 1);
                    match connections.get_mut(conn) {
                        Some(connection) => connection.stage = Stage::Open,
                        None => connections.begin(conn, Stage::Open),
                    }
                }
                Happening::Received { payload, channel, .. } => {
                    *heard = *now;
                    trace.number(u64::from(channel) << 8 | 2);
                    trace.bytes(payload);
                }
                Happening::Disconnected { conn, data, ended } => {
                    trace.number(u64::from(data) << 8 | 3);
                    connections.end(conn);
                    reconnect |= *phase == Phase::Safety && index != 0 && ended != Ended::Local;
                }
            }
        });
        if let Some(after) = host.reconnect.filter(|_| reconnect) {
            self.agenda.note(self.now + after, Item::Connect(index as u32));
        }
    }

    /// Notes when a host wants to be called.
    fn note_wake(&mut self, index: HostIndex) {
        let Some(host) = self.hosts.get_mut(index) else { return };
        if host.service != Service::OnDemand || !host.is_up() {
            return;
        }
        let Some(deadline) = host.endpoint.as_mut().and_then(|endpoint| endpoint.deadline()) else { return };
        let at = host.clock.when(deadline).max(self.now);
        if host.wake.is_none_or(|noted| at < noted) {
            host.wake = Some(at);
            self.agenda.note(at, Item::Wake(index as u32));
        }
    }

    fn wake(&mut self, index: HostIndex) {
        let Some(host) = self.hosts.get_mut(index) else { return };
        if host.wake != Some(self.now) {
            return; // an earlier wake, or a crash, has made this one void
        }
        host.wake = None;
        // What was a deadline may since have moved away: then there is nothing to do.
        let due = |host: &mut Host| host.endpoint.as_mut().and_then(|endpoint| endpoint.deadline());
        match due(host).map(|deadline| host.clock.when(deadline)) {
            Some(at) if at > self.now => self.note_wake(index),
            _ => self.serve(index),
        }
    }

    fn tick(&mut self, index: HostIndex) {
        let Some(host) = self.hosts.get(index) else { return };
        if let Service::Every(span) = host.service {
            self.serve(index);
            self.agenda.note(self.now + span, Item::Tick(index as u32));
        }
    }

    /// After an application's call: an event loop gets to work at once, a game waits for its frame.
    fn after_calls(&mut self, index: HostIndex) {
        match self.hosts.get(index).map(|host| host.service) {
            Some(Service::OnDemand) => self.serve(index),
            Some(Service::Every(_)) => self.collect(index),
            None => {}
        }
    }
}

fn new_host(scenario: &Scenario, index: HostIndex) -> Host {
    let spec = scenario.host(index);
    Host::new(spec, spec.service.unwrap_or(scenario.service))
}
