//! Faults: how what goes wrong is done to the network and the hosts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::World;
use super::observer::{HostChange, HostIndex, Observer};
use crate::net::{Network, Plan};
use crate::random::{Purpose, stream};
use crate::scenario::{HostChoice, Scenario, Service, Trouble};

/// The network of a scenario.
pub(super) fn network(scenario: &Scenario, addresses: &[SocketAddr]) -> Network {
    let plan = Plan::new(scenario.up().clone(), scenario.down().clone());
    let mut network = Network::new(scenario.seed, addresses, plan, &scenario.bottleneck);
    // All clients are set up alike, so they share one NAT; the server has none, or nobody could reach it.
    if let Some(nat) = scenario.client.nat {
        let public = IpAddr::V4(Ipv4Addr::new(198, 51, 100, nat.group));
        let clients: Vec<HostIndex> = (1..=usize::from(scenario.clients)).collect();
        network.put_behind_nat(&clients, public, nat.mapping_timeout);
    }
    network
}

impl<O: Observer> World<'_, O> {
    /// Begins or ends a fault.
    pub(super) fn fault(&mut self, number: usize, begins: bool) {
        let scenario = self.scenario;
        let Some(fault) = scenario.fault.get(number) else { return };
        match &fault.trouble {
            Trouble::Cut { from, to } => {
                self.for_pairs(*from, *to, |world, from, to| world.network.cut(from, to, begins));
            }
            Trouble::Hold { from, to } => self.for_pairs(*from, *to, |world, from, to| {
                world.network.hold(from, to, begins, world.now, &mut world.copies);
                world.expect_copies();
            }),
            Trouble::Link { from, to, link } if begins => {
                self.for_pairs(*from, *to, |world, from, to| {
                    world.network.set_link(from, to, (**link).clone());
                });
            }
            Trouble::Rebind { host } if begins => {
                self.for_hosts(*host, |world, index| world.network.rebind(world.now, index));
            }
            Trouble::Link { .. } | Trouble::Rebind { .. } => {}
            Trouble::Crash { host } => self.for_hosts(*host, |world, index| world.crash(index, begins)),
            Trouble::Pause { host, clock_stops } => {
                self.for_hosts(*host, |world, index| world.pause(index, begins, *clock_stops));
            }
            Trouble::ClockStep { host, millis } if begins => self.for_hosts(*host, |world, index| {
                let nanos = millis.saturating_mul(1_000_000);
                if let Some(host) = world.hosts.get_mut(index) {
                    host.clock.step(nanos);
                    host.wake = None;
                    world.observer.host_changed(world.now, index, HostChange::ClockStepped(nanos));
                    world.note_wake(index);
                }
            }),
            Trouble::ClockStep { .. } => {}
            Trouble::SendErrors { host, error, chance } => self.for_hosts(*host, |world, index| {
                let rng = stream(world.scenario.seed, index as u32, Purpose::SendError);
                if let Some(host) = world.hosts.get_mut(index) {
                    host.port.trouble = begins.then_some((*error, *chance, rng));
                }
            }),
            Trouble::SlowService { host, every } => self.for_hosts(*host, |world, index| {
                world.slow_down(index, begins.then_some(Service::Every(*every)));
            }),
        }
    }

    fn for_hosts(&mut self, choice: HostChoice, mut each: impl FnMut(&mut Self, HostIndex)) {
        for index in 0..=usize::from(self.scenario.clients) {
            if choice.covers(index) {
                each(self, index);
            }
        }
    }

    /// Pairs between which there is a link: all but two clients that never meet.
    fn for_pairs(
        &mut self,
        from: HostChoice,
        to: HostChoice,
        mut each: impl FnMut(&mut Self, HostIndex, HostIndex),
    ) {
        let narrow = |choice: HostChoice| matches!(choice, HostChoice::Host(_));
        for first in 0..=usize::from(self.scenario.clients) {
            for second in 0..=usize::from(self.scenario.clients) {
                let meet = first == 0 || second == 0 || (narrow(from) && narrow(to));
                if first != second && meet && from.covers(first) && to.covers(second) {
                    each(self, first, second);
                }
            }
        }
    }

    fn crash(&mut self, index: HostIndex, begins: bool) {
        let Some(host) = self.hosts.get_mut(index) else { return };
        if begins == host.endpoint.is_none() {
            return;
        }
        if begins {
            host.crash();
            self.observer.host_changed(self.now, index, HostChange::Crashed);
            return;
        }
        if self.boot(index).is_ok() {
            self.observer.host_changed(self.now, index, HostChange::Restarted);
            if index != 0 {
                self.connect_to_server(index);
            }
        }
    }

    fn pause(&mut self, index: HostIndex, begins: bool, clock_stops: bool) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(index) else { return };
        if begins == host.paused_since.is_some() {
            return;
        }
        if begins {
            host.paused_since = Some(now);
            self.observer.host_changed(now, index, HostChange::Paused);
            return;
        }
        let since = host.paused_since.take();
        let behind = since.filter(|_| clock_stops);
        let step = behind.map(|since| -i64::try_from(now.since(since).0).unwrap_or(i64::MAX));
        host.clock.step(step.unwrap_or_default());
        host.wake = None;
        self.observer.host_changed(now, index, HostChange::Resumed);
        if let Some(nanos) = step {
            self.observer.host_changed(now, index, HostChange::ClockStepped(nanos));
        }
        self.serve(index);
    }

    /// Has a host serviced rarely; or, with `None`, as often as before.
    fn slow_down(&mut self, index: HostIndex, service: Option<Service>) {
        let usual = super::new_host(self.scenario, index).service;
        let Some(host) = self.hosts.get_mut(index) else { return };
        let was = host.service;
        host.service = service.unwrap_or(usual);
        // A host that ticks already goes on with its next tick.
        if let (Service::OnDemand, Service::Every(span)) = (was, host.service) {
            self.agenda.note(self.now + span, super::Item::Tick(index as u32));
        }
        if host.service == Service::OnDemand && was != host.service {
            host.wake = None;
            self.serve(index);
        }
    }
}
