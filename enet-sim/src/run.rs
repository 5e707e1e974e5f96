//! Running a scenario: judged, measured, or both and recorded.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::endpoint::{Implementation, Setting};
use crate::log::{HostName, Log, LogConfig, first_difference};
use crate::marks::Marks;
use crate::measure::{End, Format, Measures, MeasuresConfig, RunRecord, Series};
use crate::oracle::{HostRules, Judge, JudgeConfig, Violation};
use crate::random::Chance;
use crate::scenario::{Attack, Deed, Fault, Profile, Scenario, Service, Trouble};
use crate::time::{Span, Time};
use crate::trace::TraceHash;
use crate::world::observer::{HostIndex, Observer};
use crate::world::{Cast, Extent, World, address};

/// What the judge said of a world.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// Which states were reached.
    pub marks: Marks,
    /// How much happened.
    pub extent: Extent,
    /// Everything that happened, as a number.
    pub trace: TraceHash,
}

impl Verdict {
    /// Of a world that cannot be, or whose making panicked.
    fn failed(property: &'static str, text: String) -> Self {
        Verdict {
            violations: vec![violation(property, text)],
            marks: Marks::default(),
            extent: Extent::default(),
            trace: TraceHash::EMPTY,
        }
    }
}

/// A violation that is of no host in particular.
pub(crate) fn violation(property: &'static str, text: String) -> Violation {
    Violation { at: Time::ZERO, property, host: 0, text }
}

/// Runs a scenario under the eyes of the judge. A panic in it is a violation, too.
///
/// ```
/// use enet_sim::{Scenario, run, world::Cast};
/// let verdict = run::judged(&Scenario::built_in("lan")?, Cast::OURS);
/// assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
/// # Ok::<(), String>(())
/// ```
pub fn judged(scenario: &Scenario, cast: Cast) -> Verdict {
    judged_after(scenario, cast, |_| ())
}

/// The same, for worlds that take long: `progress` is told the time now and then.
pub fn judged_in_steps(scenario: &Scenario, cast: Cast, progress: &mut dyn FnMut(Time)) -> Verdict {
    judged_after(scenario, cast, |world| step_through(world, progress))
}

pub(crate) fn step_through<O: Observer>(world: &mut World<'_, O>, progress: &mut dyn FnMut(Time)) {
    for step in 0u32.. {
        if !world.step() {
            return;
        }
        if step.is_multiple_of(1 << 14) {
            progress(world.now());
        }
    }
}

/// The same; the world may be changed before it runs.
pub fn judged_after(scenario: &Scenario, cast: Cast, prepare: impl FnOnce(&mut World<'_, Judge>)) -> Verdict {
    let run = || -> Result<Verdict, String> {
        let mut world = World::new(scenario, cast, Judge::new(&rules(scenario, cast)))?;
        prepare(&mut world);
        world.run();
        let (mut judge, extent, trace) = world.finish();
        judge.finish(extent.end);
        Ok(Verdict { violations: judge.violations().to_vec(), marks: judge.marks(), extent, trace })
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(reason)) => Verdict::failed("setup", reason),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "a panic without words".to_owned());
            Verdict::failed("B1", format!("it panicked: {text}"))
        }
    }
}

/// What a run showed.
#[derive(Debug)]
pub struct Measured {
    /// Its numbers.
    pub record: RunRecord,
    /// What plots are drawn from.
    pub series: Series,
    /// What the judge said.
    pub verdict: Verdict,
    /// Everything that happened, if it was asked for.
    pub log: Option<Log>,
}

/// Runs a scenario, judges it and measures it; with a log of everything, if so wanted.
///
/// # Errors
/// Why an implementation cannot be had here.
pub fn measured(scenario: &Scenario, cast: Cast, with_log: bool) -> Result<Measured, String> {
    measured_in_steps(scenario, cast, with_log, &mut |_| ())
}

/// The same, for worlds that take long: `progress` is told the time now and then.
///
/// # Errors
/// Why an implementation cannot be had here.
pub fn measured_in_steps(
    scenario: &Scenario,
    cast: Cast,
    with_log: bool,
    progress: &mut dyn FnMut(Time),
) -> Result<Measured, String> {
    let started = Instant::now();
    // What is not ENet breaks none of its promises.
    let judge = cast.speaks_enet().then(|| Judge::new(&rules(scenario, cast)));
    let log = with_log.then(|| Log::new(log_config(scenario)));
    let mut world = World::new(scenario, cast, (judge, (measures(scenario, cast), log)))?;
    step_through(&mut world, progress);
    let ((mut judge, (measures, log)), extent, trace) = world.finish();
    let mut violations = Vec::new();
    if let Some(judge) = &mut judge {
        judge.finish(extent.end);
        violations.extend_from_slice(judge.violations());
    }
    let marks = judge.map(|judge| judge.marks()).unwrap_or_default();
    let end = End {
        at: extent.end,
        wall_s: started.elapsed().as_secs_f64(),
        trace_hash: trace.0,
        violations: violations.len() as u64,
        expectation: None,
    };
    let (mut record, series) = measures.finish(end);
    record.expectation = scenario.missed(&record);
    let verdict = Verdict { violations, marks, extent, trace };
    Ok(Measured { record, series, verdict, log })
}

/// Runs a scenario and measures it, without a judge: twice as fast.
///
/// # Errors
/// Why an implementation cannot be had here.
///
/// ```
/// use enet_sim::{Scenario, run, world::Cast};
/// let mut scenario = Scenario::built_in("recovery-0")?;
/// scenario.duration = "5s".parse()?;
/// let record = run::unjudged(&scenario, Cast::OURS)?;
/// assert_eq!(record.sending.transmissions, record.sent, "nothing is lost, nothing sent twice");
/// # Ok::<(), String>(())
/// ```
pub fn unjudged(scenario: &Scenario, cast: Cast) -> Result<RunRecord, String> {
    let started = Instant::now();
    let mut world = World::new(scenario, cast, measures(scenario, cast))?;
    world.run();
    let (measures, extent, trace) = world.finish();
    let wall_s = started.elapsed().as_secs_f64();
    let end = End { at: extent.end, wall_s, trace_hash: trace.0, ..End::default() };
    let (mut record, _) = measures.finish(end);
    record.expectation = scenario.missed(&record);
    Ok(record)
}

/// Who measures a world.
fn measures(scenario: &Scenario, cast: Cast) -> Measures {
    let (sender, receiver) = cast.ends(scenario.measured);
    let hosts = 1 + usize::from(scenario.clients);
    let cut = |fault: &Fault| match fault.trouble {
        Trouble::Cut { .. } => fault.until.filter(|until| *until < scenario.duration),
        _ => None,
    };
    let mut cut_ends: Vec<Time> =
        scenario.fault.iter().filter_map(cut).map(|until| Time::ZERO + until).collect();
    cut_ends.sort_unstable();
    Measures::new(MeasuresConfig {
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        sender: sender.to_string(),
        receiver: receiver.to_string(),
        senders: (0..hosts).filter(|host| scenario.measured.covers(*host)).collect::<BTreeSet<_>>(),
        hosts,
        checksum: scenario.client.checksum,
        format: Format::of(cast.clients),
        cut_ends,
    })
}

/// Runs a scenario twice, and says where the two runs part.
pub fn divergence(scenario: &Scenario, cast: Cast) -> String {
    let record = || -> Result<Log, String> {
        let mut world = World::new(scenario, cast, Log::new(log_config(scenario)))?;
        world.run();
        Ok(world.finish().0)
    };
    match (record(), record()) {
        (Ok(first), Ok(second)) => first_difference(&first, &second)
            .unwrap_or_else(|| "two runs had different hashes, but two more were equal".to_owned()),
        (Err(reason), _) | (_, Err(reason)) => reason,
    }
}

/// The datagrams of a world to which anything happened: from, to, number on that way.
pub fn faults_of(scenario: &Scenario, cast: Cast) -> Option<Vec<(HostIndex, HostIndex, u64)>> {
    let mut world = World::new(scenario, cast, ()).ok()?;
    world.network().record_faults();
    world.run();
    Some(world.network().faults_seen().to_vec())
}

/// How a log is to name the hosts of a scenario.
pub fn log_config(scenario: &Scenario) -> LogConfig {
    let clients = usize::from(scenario.clients);
    let name = |index: HostIndex| match index {
        0 => "server".to_owned(),
        1 if clients == 1 => "client".to_owned(),
        index if index <= clients => format!("client {index}"),
        index => format!("attacker {}", index - clients),
    };
    let hosts = (0..scenario.hosts()).map(|index| HostName { name: name(index), address: address(index) });
    LogConfig { hosts: hosts.collect(), checksum: scenario.client.checksum, keep: None }
}

/// What the judge must know of a scenario.
pub fn rules(scenario: &Scenario, cast: Cast) -> JudgeConfig {
    let links: Vec<_> = scenario
        .fault
        .iter()
        .filter_map(|fault| match &fault.trouble {
            Trouble::Link { link, .. } => Some(link.as_ref()),
            _ => None,
        })
        .chain([scenario.up(), scenario.down()])
        .collect();
    let delay = links.iter().map(|link| link.delay_bound() + link.duplicate.within).max();
    let hosts = (0..=usize::from(scenario.clients)).map(|index| host_rules(scenario, cast, index)).collect();
    JudgeConfig {
        hosts,
        checksum: scenario.server.checksum && scenario.client.checksum,
        compression: scenario.server.range_coder || scenario.client.range_coder,
        corruption: links.iter().any(|link| link.corrupt.chance > Chance::NEVER),
        attacked: scenario.attacker.iter().any(|attack| disturbs(*attack, scenario, cast)),
        insiders: insiders(scenario),
        rebinding: scenario.client.nat.is_some(),
        send_faults: scenario.fault.iter().any(|fault| matches!(fault.trouble, Trouble::SendErrors { .. })),
        delay_bound: delay.unwrap_or_default(),
    }
}

/// Where those are who connect and mean harm.
fn insiders(scenario: &Scenario) -> Vec<SocketAddr> {
    let first = 1 + usize::from(scenario.clients);
    let all = scenario.attacker.iter().zip(first..);
    all.filter(|(attack, _)| matches!(attack, Attack::Insider { .. }))
        .map(|(_, home)| address(home))
        .collect()
}

/// Whether an attack can be taken for a client. Junk cannot; connects from elsewhere take nothing from a server that has
/// addresses proven; and who connects speaks for himself.
fn disturbs(attack: Attack, scenario: &Scenario, cast: Cast) -> bool {
    match attack {
        Attack::Junk { .. } | Attack::Insider { .. } => false,
        Attack::ConnectFlood { .. } => !host_rules(scenario, cast, 0).modern,
        Attack::Mutate { .. } | Attack::Replay { .. } | Attack::Guess { .. } => true,
    }
}

fn host_rules(scenario: &Scenario, cast: Cast, index: HostIndex) -> HostRules {
    let spec = scenario.host(index);
    let mut rules = HostRules { mtu: u32::from(spec.mtu), ..HostRules::default() };
    let needed = if index == 0 { scenario.clients.max(1) } else { 1 };
    rules.peers = usize::from(spec.peers.unwrap_or(needed));
    if let Some(timeouts) = spec.timeouts {
        rules.timeout_limit = timeouts.limit;
        rules.timeout_minimum = timeouts.minimum;
        rules.timeout_maximum = timeouts.maximum;
    }
    rules.timeout_changes = scenario
        .action
        .iter()
        .filter(|action| action.host == index)
        .filter_map(|action| match action.deed {
            Deed::Set(Setting::Timeouts { limit, minimum, maximum }) => Some((limit, minimum, maximum)),
            _ => None,
        })
        .collect();
    rules.clock_drift_ppm = spec.clock_drift_ppm.unsigned_abs();
    if let Some(limit) = spec.max_waiting_data {
        rules.max_waiting = limit;
    }
    let slow = scenario.fault.iter().filter_map(|fault| match fault.trouble {
        Trouble::SlowService { host, every } if host.covers(index) => Some(every),
        _ => None,
    });
    let usual = match spec.service.unwrap_or(scenario.service) {
        Service::OnDemand => Span::ZERO,
        Service::Every(span) => span,
    };
    rules.service_interval = slow.chain([usual]).max().unwrap_or_default();
    let wrap = 1u64 << 32;
    let start = spec.clock_start.0 / 1_000_000;
    rules.clock_wraps = Some(Time((wrap - start % wrap).saturating_mul(1_000_000)));
    rules.foreign = cast.role(index) != Implementation::Ours;
    rules.strict = spec.strict_handshake;
    rules.modern = !rules.foreign && spec.profile == Profile::Modern;
    rules.redundancy = if rules.modern { spec.redundancy } else { 0 };
    rules
}
