//! [`Lab`]: a server and its clients in turmoil's world, what is done to them, and what is expected of them.

use core::cell::{Cell, RefCell};
use core::net::SocketAddr;
use core::time::Duration;
use std::rc::Rc;
use std::time::SystemTime;

use turmoil::Sim;

use super::life::Life;
use super::node::{self, Plan};
use super::record::{Datagrams, Record, Talkers, What};
use super::report::Report;
use crate::net::{Network, Plan as Links};
use crate::scenario::LinkSpec;

const MS: Duration = Duration::from_millis(1);

/// Every host's port.
const PORT: u16 = 7777;

/// How a scenario begins.
pub(super) struct Setup {
    pub(super) name: &'static str,
    pub(super) seed: u64,
    pub(super) clients: u8,
    /// What happens to single datagrams, in each direction. Its delays and rates have no effect: time is turmoil's.
    pub(super) link: LinkSpec,
}

/// A running scenario. Everything said to the network or to a host is logged.
pub(super) struct Lab {
    sim: Sim<'static>,
    name: &'static str,
    seed: u64,
    record: Record,
    lives: Vec<Rc<Cell<u8>>>,
    failed: bool,
}

impl Lab {
    /// The hosts are up, and nothing has happened.
    pub(super) fn new(setup: Setup) -> Self {
        let mut sim = turmoil::Builder::new()
            .rng_seed(setup.seed)
            .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
            .tick_duration(MS)
            // One way. Equal, so that turmoil's own floating-point draws decide nothing.
            .min_message_latency(20 * MS)
            .max_message_latency(20 * MS)
            .fail_rate(0.0)
            .udp_capacity(4096)
            .build();
        let (record, seed) = (Record::new(), setup.seed);
        let addresses: Vec<_> =
            (0..=setup.clients).map(|host| SocketAddr::new(sim.lookup(name_of(host)), PORT)).collect();
        let network = Network::new(seed, &addresses, Links::same(setup.link), &[]);
        let network = Rc::new(RefCell::new(network));
        let mut lives = Vec::new();
        for (host, at) in (0..).zip(&addresses) {
            let (record, network, life) = (record.clone(), network.clone(), Rc::new(Cell::new(0)));
            lives.push(life.clone());
            let (at, server) = (*at, addresses.first().copied().filter(|_| host > 0));
            sim.host(name_of(host), move || {
                let plan = Plan { life: Life { host, life: life.get() }, at, server, pace: 50 * MS, seed };
                life.set(life.get() + 1);
                node::run(plan, network.clone(), record.clone())
            });
        }
        Lab { sim, name: setup.name, seed, record, lives, failed: false }
    }

    /// Since the simulation began.
    pub(super) fn now(&self) -> Duration {
        self.sim.elapsed()
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end && !self.failed {
            self.step();
        }
    }

    fn step(&mut self) {
        if let Err(error) = self.sim.step() {
            self.failed = true;
            self.check(false, &format!("all programs run on, but {error}"));
        }
    }

    /// Lets time pass until `what` has happened since the last fault; after `limit` it is a violation that it has not.
    /// The time when it happened.
    pub(super) fn wait(&mut self, limit: Duration, expected: &str, what: impl Fn(&What) -> bool) -> Duration {
        let end = self.now() + limit;
        loop {
            if let Some(at) = self.since_fault(&what).first() {
                return *at;
            }
            if self.failed || self.now() >= end {
                self.check(false, &format!("within {limit:?} {expected}"));
                return end;
            }
            self.step();
        }
    }

    /// When `what` has happened since the last fault.
    fn since_fault(&self, what: impl Fn(&What) -> bool) -> Vec<Duration> {
        self.record.with(|state| {
            let recent =
                state.log.rsplit(|entry| matches!(entry.what, What::Fault(_))).next().unwrap_or_default();
            recent.iter().filter(|entry| what(&entry.what)).map(|entry| entry.at).collect()
        })
    }

    /// From now on these send messages.
    pub(super) fn let_talk(&mut self, talkers: Talkers) {
        self.record.with(|state| state.talkers = talkers);
    }

    /// Counts what happened since the beginning.
    pub(super) fn count(&self, what: impl Fn(&What) -> bool) -> usize {
        self.record.with(|state| state.log.iter().filter(|entry| what(&entry.what)).count())
    }

    /// A violation, unless it holds.
    pub(super) fn check(&mut self, holds: bool, expected: &str) {
        if !holds {
            let at = self.now();
            self.record.with(|state| state.ledger.violations.push(format!("{at:?}: not so: {expected}")));
        }
    }

    /// Reliable messages of all connections that are open: sent and delivered.
    pub(super) fn reliable(&self) -> (u32, u32) {
        self.record.with(|state| {
            let counts = state.ledger.open().into_iter().map(|(_, session)| state.ledger.reliable(session));
            counts.fold((0, 0), |(sent, delivered), count| (sent + count.0, delivered + count.1))
        })
    }

    /// Datagrams so far.
    pub(super) fn datagrams(&self) -> Datagrams {
        self.record.with(|state| state.datagrams)
    }

    /// How many connections are open, counted at both ends.
    pub(super) fn open_ends(&self) -> usize {
        self.record.with(|state| state.ledger.open().len())
    }

    /// Checks what holds whenever the network has been whole and silent for a while; the report.
    pub(super) fn finish(self) -> Report {
        let simulated = self.now();
        self.record.with(|state| {
            state.ledger.settle();
            Report {
                scenario: self.name,
                seed: self.seed,
                log: core::mem::take(&mut state.log),
                violations: core::mem::take(&mut state.ledger.violations),
                delivered: state.ledger.delivered,
                datagrams: state.datagrams,
                simulated,
                trace_hash: state.hash,
            }
        })
    }
}

/// What can be done to hosts and links.
impl Lab {
    pub(super) fn crash(&mut self, host: u8) {
        let life = self.lives.get(usize::from(host)).map_or(0, |lives| lives.get().saturating_sub(1));
        self.fault(format!("{} crashes", Life { host, life }));
        self.sim.crash(name_of(host));
        self.record.with(|state| state.ledger.crashed(Life { host, life }));
    }

    pub(super) fn bounce(&mut self, host: u8) {
        self.fault(format!("{} starts again", Life { host, life: 0 }));
        self.sim.bounce(name_of(host));
    }

    pub(super) fn partition(&mut self, a: u8, b: u8) {
        self.fault(format!("no way between {} and {}", name_of(a), name_of(b)));
        self.sim.partition(name_of(a), name_of(b));
    }

    pub(super) fn partition_one_way(&mut self, from: u8, to: u8) {
        self.fault(format!("no way from {} to {}", name_of(from), name_of(to)));
        self.sim.partition_oneway(name_of(from), name_of(to));
    }

    pub(super) fn repair(&mut self, a: u8, b: u8) {
        self.fault(format!("{} and {} reach each other again", name_of(a), name_of(b)));
        self.sim.repair(name_of(a), name_of(b));
    }

    pub(super) fn hold(&mut self, a: u8, b: u8) {
        self.fault(format!("what is between {} and {} stands still", name_of(a), name_of(b)));
        self.sim.hold(name_of(a), name_of(b));
    }

    pub(super) fn release(&mut self, a: u8, b: u8) {
        self.fault(format!("what was held between {} and {} arrives", name_of(a), name_of(b)));
        self.sim.release(name_of(a), name_of(b));
    }

    fn fault(&mut self, what: String) {
        self.record.note(self.now(), What::Fault(what));
    }
}

fn name_of(host: u8) -> String {
    if host == 0 { "server".into() } else { format!("client-{host}") }
}
