//! Shrinking: the smallest world found that still breaks the same property, and [`Regression`], the file it becomes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::log::Log;
use crate::oracle::Violation;
use crate::run::{self, Verdict};
use crate::scenario::link::{Corrupt, Delay, Duplicate, LinkSpec, Loss};
use crate::scenario::{HostSpec, Profile, Scenario, Service};
use crate::time::{Span, Time};
use crate::world::{Cast, World};

/// A datagram of a world: from which host to which, the how-manieth on its way.
pub type Number = (usize, usize, u64);

/// A world that once broke a property, as a file in `regressions/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Regression {
    /// Which property it broke.
    pub property: String,
    /// What was wrong, for people.
    pub what: String,
    /// If given, only to these datagrams anything happened: from, to, number on that way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_faults: Option<Vec<Number>>,
    /// The world.
    pub scenario: Scenario,
}

impl Regression {
    /// Reads a regression, or a bare scenario, which may break any property.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        match toml::from_str::<Regression>(text) {
            Ok(regression) => regression.scenario.validate().map(|()| regression),
            Err(error) if text.contains("[scenario]") => Err(error.to_string()),
            Err(_) => Ok(Regression::of(Scenario::from_toml(text)?)),
        }
    }

    /// A world that is not known to break anything.
    pub fn of(scenario: Scenario) -> Self {
        Regression { property: String::new(), what: String::new(), only_faults: None, scenario }
    }

    /// As [`from_toml`](Regression::from_toml) reads it.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
    }

    /// Runs it again.
    pub fn replay(&self) -> Verdict {
        self.replay_in_steps(&mut |_| ())
    }

    /// The same, for worlds that take long: `progress` is told the time now and then.
    pub fn replay_in_steps(&self, progress: &mut dyn FnMut(Time)) -> Verdict {
        run::judged_after(&self.scenario, Cast::OURS, |world| {
            world.network().allow_faults_only(self.only());
            run::step_through(world, progress);
        })
    }

    /// Everything that happens in it.
    ///
    /// # Errors
    /// Why an implementation cannot be had here.
    pub fn log(&self, cast: Cast) -> Result<Log, String> {
        let mut world = World::new(&self.scenario, cast, Log::new(run::log_config(&self.scenario)))?;
        world.network().allow_faults_only(self.only());
        world.run();
        Ok(world.finish().0)
    }

    fn only(&self) -> Option<BTreeSet<Number>> {
        self.only_faults.as_ref().map(|all| all.iter().copied().collect())
    }

    fn breaks(&self, property: &str) -> Option<Violation> {
        self.replay().violations.into_iter().find(|violation| violation.property == property)
    }
}

/// Finds a smaller world that breaks the same property: first it leaves out whatever the scenario can do without, then
/// it finds the few datagrams whose fate matters. `progress` is told how many worlds were tried. `None` if the scenario
/// breaks nothing.
pub fn shrink(scenario: &Scenario, tries: u64, progress: &mut dyn FnMut(u64)) -> Option<Regression> {
    let mut shrinker = Shrinker { best: Regression::of(scenario.clone()), tried: 0, tries, progress };
    let first = shrinker.best.replay().violations.into_iter().next()?;
    shrinker.best.property = first.property.to_owned();
    shrinker.best.what = first.to_string();
    while shrinker.simplify() {}
    shrinker.minimise_faults();
    Some(shrinker.best)
}

struct Shrinker<'a> {
    best: Regression,
    tried: u64,
    tries: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Shrinker<'_> {
    /// Takes a candidate if it breaks the same property.
    fn accept(&mut self, candidate: Regression) -> bool {
        if self.tried >= self.tries || candidate == self.best || candidate.scenario.validate().is_err() {
            return false;
        }
        self.tried += 1;
        (self.progress)(self.tried);
        let Some(violation) = candidate.breaks(&self.best.property) else { return false };
        self.best = Regression { what: violation.to_string(), ..candidate };
        true
    }

    fn try_change(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate.scenario);
        self.accept(candidate)
    }

    /// One round of simpler worlds; whether any was taken.
    fn simplify(&mut self) -> bool {
        let mut any = false;
        any |= self.drop_each(|it| it.attacker.len(), |it, place| _ = it.attacker.remove(place));
        any |= self.drop_each(|it| it.fault.len(), |it, place| _ = it.fault.remove(place));
        any |= self.drop_each(|it| it.action.len(), |it, place| _ = it.action.remove(place));
        any |= self.drop_each(|it| it.traffic.len(), |it, place| _ = it.traffic.remove(place));
        any |= self.try_change(|it| it.down = None);
        any |= self.try_change(|it| it.server = HostSpec { peers: it.server.peers, ..HostSpec::default() });
        any |= self.try_change(|it| it.client = HostSpec::default());
        any |= self.try_change(|it| it.service = Service::OnDemand);
        for change in LINK_CHANGES {
            any |= self.try_change(|it| {
                change(&mut it.link);
                it.down.as_mut().map(change);
            });
        }
        for change in HOST_CHANGES {
            any |= self.try_change(|it| change(&mut it.server));
            any |= self.try_change(|it| change(&mut it.client));
        }
        any |= self.try_change(|it| it.duration = round(Span(it.duration.0 / 2)));
        any |= self.try_change(|it| it.duration = round(Span(it.duration.0 / 8 * 7)));
        for place in 0..self.best.scenario.traffic.len() {
            any |= self.try_change(|it| {
                if let Some(flow) = it.traffic.get_mut(place) {
                    flow.burst = 1;
                }
            });
            any |= self.try_change(|it| {
                if let Some(flow) = it.traffic.get_mut(place) {
                    (flow.max_size, flow.size) = (None, flow.size.min(32));
                }
            });
            any |= self.try_change(|it| {
                if let Some(flow) = it.traffic.get_mut(place) {
                    flow.interval = round(Span(flow.interval.0 * 2));
                }
            });
        }
        any
    }

    fn drop_each(&mut self, len: impl Fn(&Scenario) -> usize, remove: impl Fn(&mut Scenario, usize)) -> bool {
        let mut any = false;
        for place in (0..len(&self.best.scenario)).rev() {
            any |= self.try_change(|it| remove(it, place));
        }
        any
    }

    /// Delta debugging (ddmin) over the datagrams something happened to.
    fn minimise_faults(&mut self) {
        let mut seen = Vec::new();
        let scenario = self.best.scenario.clone();
        let Some(recorded) = run::faults_of(&scenario, Cast::OURS) else { return };
        seen.extend(recorded);
        let all = Regression { only_faults: Some(seen.clone()), ..self.best.clone() };
        if !self.accept(all) {
            return;
        }
        let mut parts = 2;
        while seen.len() >= 2 && self.tried < self.tries {
            let size = seen.len().div_ceil(parts);
            let smaller = (0..parts).find_map(|part| {
                let range = (part * size).min(seen.len())..((part + 1) * size).min(seen.len());
                let mut rest = seen.clone();
                rest.drain(range);
                let candidate = Regression { only_faults: Some(rest.clone()), ..self.best.clone() };
                self.accept(candidate).then_some(rest)
            });
            match smaller {
                Some(rest) => (seen, parts) = (rest, parts.saturating_sub(1).max(2)),
                None if parts >= seen.len() => break,
                None => parts = (parts * 2).min(seen.len()),
            }
        }
    }
}

/// To a whole number of milliseconds, at least one.
fn round(span: Span) -> Span {
    Span::from_millis((span.0 / 1_000_000).max(1))
}

const LINK_CHANGES: [fn(&mut LinkSpec); 9] = [
    |link| link.loss = Loss::None,
    |link| link.drop.clear(),
    |link| link.corrupt = Corrupt::default(),
    |link| link.duplicate = Duplicate::default(),
    |link| link.rate = None,
    |link| link.mtu = None,
    |link| link.delay = Delay { base: link.delay.base, ..Delay::default() },
    |link| (link.delay.spike, link.delay.gap) = (None, None),
    |link| link.delay.base = Span::from_millis(10),
];

const HOST_CHANGES: [fn(&mut HostSpec); 10] = [
    |host| host.profile = Profile::Compat,
    |host| host.nat = None,
    |host| host.timeouts = None,
    |host| host.throttle = None,
    |host| host.ping_interval = None,
    |host| (host.incoming_bandwidth, host.outgoing_bandwidth) = (None, None),
    |host| (host.clock_start, host.clock_drift_ppm) = (Span::from_secs(1_000), 0),
    |host| (host.socket_buffer, host.service) = (None, None),
    |host| host.mtu = 1392,
    |host| (host.checksum, host.range_coder) = (false, false),
];
