//! [`compare`]: ours against the C library. The same scenario in all four pairings, datagram by datagram, and by the
//! distribution of latencies.
//!
//! Hosts that are called every so often are called alike, whoever implements them. Then ours does its work in C's order
//! and takes C's connect ids, and whatever it sends must be what C would have sent: the same bytes at the same time, and
//! so with the same fate. Where newer versions of the C library, which ours follows, do something else than the installed
//! 1.3.17, a run parts from C's, and this module knows the reason: [`QUEUE_OF_ITS_OWN`].
//!
//! An event loop calls its host when something arrives or is due. There ours reads before it sends and draws its connect
//! ids, so runs part at once; what remains to be equal are latencies and throttles over many seeds.

use std::net::SocketAddr;

use enet_wire::{Command, Header};
use serde::Serialize;

use crate::endpoint::Implementation;
use crate::log::{Entry, Log, What, first_difference};
use crate::measure::datagram::Reader;
use crate::measure::{RunRecord, Series};
use crate::net::Fate;
use crate::run;
use crate::scenario::{Profile, Scenario, Service};
use crate::time::Time;
use crate::world::observer::{HostIndex, Observer};
use crate::world::{Cast, World};

/// How far two medians may lie apart to count as equal, as a share.
pub const TOLERANCE: f64 = 0.05;

/// A difference between 1.3.17 and newer versions, and the reason why a run may part from C's.
pub const QUEUE_OF_ITS_OWN: &str = "since 1.3.18 reliable data has a queue of its own: of what goes out again, data and \
    control commands are merged by age; in 1.3.17 they stay in the order in which they last left (PROTOCOL.md §9.5, \
    §13.2, §16.1)";

/// All pairings. The first is what the others are compared with.
pub const CASTS: [Cast; 4] = {
    use Implementation::{C, Ours};
    [Cast::of(C, C), Cast::of(Ours, Ours), Cast::of(Ours, C), Cast::of(C, Ours)]
};

/// A scenario in all four pairings, over many seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The scenario's name.
    pub scenario: String,
    /// When applications call their hosts.
    pub service: Service,
    /// How many seeds, from the scenario's own on.
    pub seeds: u64,
    /// What came of each of [`CASTS`].
    pub pairings: Vec<Pairing>,
}

/// What came of one pairing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pairing {
    /// Who implements the measured side.
    pub sender: Implementation,
    /// Who implements the other side.
    pub receiver: Implementation,
    /// Seeds with the very run that C has with C: every datagram, its time and fate, and every event. `None` under an
    /// event loop, and where ours are modern.
    pub identical: Option<u64>,
    /// Seeds whose run parts from that at a known difference between versions.
    pub explained: u64,
    /// Where a run parts; one without a known reason, if there is any.
    pub difference: Option<Difference>,
    /// Latencies of reliable messages; `None` if none arrived.
    pub latency_ms: Option<Medians>,
    /// The median over the seeds of the sender's mean round trip time, ms.
    pub rtt_ms: f64,
    /// The median over the seeds of the sender's mean throttle, of 32.
    pub throttle: f64,
    /// Connections and attempts that ended though no application closed them.
    pub disconnects: u64,
    /// How often the judge found a property broken.
    pub violations: u64,
}

/// Where a run parts from that of C with C.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// In which world.
    pub seed: u64,
    /// The how-manieth datagram of the world, from 0.
    pub datagram: u64,
    /// Why, where it is known.
    pub reason: Option<&'static str>,
    /// The datagram before, and this one in both runs.
    pub text: String,
}

/// Percentiles of latency: the medians over the seeds, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Medians {
    /// Of the median.
    pub p50: f64,
    /// Of what 95 % of the messages took at most.
    pub p95: f64,
    /// Of what 99 % took at most.
    pub p99: f64,
    /// The greatest of what 99 % took at most, of all seeds.
    pub worst_p99: f64,
}

/// Runs a scenario with as many seeds, from its own on, in all four pairings. `progress` is told after each seed how many
/// are done.
///
/// # Errors
/// Why the C library cannot be had here.
pub fn compare(scenario: &Scenario, seeds: u64, progress: &mut dyn FnMut(u64)) -> Result<Comparison, String> {
    let mut scenario = scenario.clone();
    let first = scenario.seed;
    let is_alike = [&scenario.server, &scenario.client].into_iter().all(|host| {
        host.service.unwrap_or(scenario.service) != Service::OnDemand && host.profile == Profile::Compat
    });
    let mut tallies = CASTS.map(|_| Tally::default());
    for seed in first..first.saturating_add(seeds) {
        scenario.seed = seed;
        let mut reference = None;
        for (cast, tally) in CASTS.into_iter().zip(&mut tallies) {
            let measured = run::measured(&scenario, cast, false)?;
            let trace = measured.verdict.trace;
            if *reference.get_or_insert(trace) == trace {
                tally.identical += 1;
            } else if is_alike && let Some(difference) = difference(&scenario, cast)? {
                tally.parts(difference);
            }
            tally.add(&measured.record, &measured.series);
        }
        progress(seed - first + 1);
    }
    let pairings = CASTS.into_iter().zip(tallies).map(|(cast, tally)| {
        let (sender, receiver) = cast.ends(scenario.measured);
        tally.finish(sender, receiver, is_alike)
    });
    Ok(Comparison {
        scenario: scenario.name.clone(),
        service: scenario.service,
        seeds,
        pairings: pairings.collect(),
    })
}

/// Where a pairing parts from C with C, in the scenario with its own seed. `None` if every datagram is the same.
///
/// # Errors
/// Why the C library cannot be had here.
pub fn difference(scenario: &Scenario, cast: Cast) -> Result<Option<Difference>, String> {
    let [reference, ..] = CASTS;
    let (theirs, other) = (datagrams(scenario, reference)?, datagrams(scenario, cast)?);
    let Some(text) = first_difference(&theirs, &other) else { return Ok(None) };
    let same = theirs.entries().zip(other.entries()).take_while(|(one, two)| one == two).count();
    let (one, two) = (at_once(&theirs, same), at_once(&other, same));
    let is_known = differ_by_place_only(&one, &two, scenario.client.checksum);
    let reason = is_known.then_some(QUEUE_OF_ITS_OWN);
    Ok(Some(Difference { seed: scenario.seed, datagram: same as u64, reason, text }))
}

/// Every datagram of a run.
fn datagrams(scenario: &Scenario, cast: Cast) -> Result<Log, String> {
    let mut world = World::new(scenario, cast, Datagrams(Log::new(run::log_config(scenario))))?;
    world.run();
    let (Datagrams(log), ..) = world.finish();
    Ok(log)
}

/// A log of what is sent and nothing else: hosts of different make call their connections differently.
struct Datagrams(Log);

impl Observer for Datagrams {
    fn departed(&mut self, at: Time, from: HostIndex, to: SocketAddr, bytes: &[u8], fate: &Fate) {
        self.0.departed(at, from, to, bytes, fate);
    }
}

/// A datagram, and those that its host sends right after it in the same instant.
fn at_once(log: &Log, place: usize) -> Vec<&Entry> {
    let mut rest = log.entries().skip(place).peekable();
    let first = rest.peek().map(|entry| (entry.at, entry.host));
    rest.take_while(|entry| first == Some((entry.at, entry.host))).collect()
}

/// Whether datagrams have the same commands, and only the connection's own have another place among the data.
fn differ_by_place_only(one: &[&Entry], two: &[&Entry], checksum: bool) -> bool {
    let when = |entries: &[&Entry]| entries.first().map(|entry| (entry.at, entry.host));
    let readers = |entries: &[&Entry]| entries.iter().map(|_| Reader::new(checksum)).collect::<Vec<_>>();
    let (mut first, mut second) = (readers(one), readers(two));
    let halves = cut(&mut first, one);
    when(one).is_some() && when(one) == when(two) && halves.is_some() && halves == cut(&mut second, two)
}

/// The first header, the commands of the connection itself, and those of channels.
type Halves<'a> = (Option<Header>, Vec<Command<'a>>, Vec<Command<'a>>);

fn cut<'a>(readers: &'a mut [Reader], entries: &[&'a Entry]) -> Option<Halves<'a>> {
    let (mut header, mut all) = (None, Vec::new());
    for (reader, entry) in readers.iter_mut().zip(entries) {
        let What::Departed { bytes, .. } = &entry.what else { return None };
        let (its, commands) = reader.read(bytes)?;
        header.get_or_insert(its);
        for command in commands {
            all.push(command.ok()?);
        }
    }
    let (control, data) = all.into_iter().partition(|command| command.channel.is_control());
    Some((header, control, data))
}

/// What the runs of a pairing add up to.
#[derive(Debug, Default)]
struct Tally {
    identical: u64,
    explained: u64,
    difference: Option<Difference>,
    p50: Vec<f64>,
    p95: Vec<f64>,
    p99: Vec<f64>,
    rtt: Vec<f64>,
    throttle: Vec<f64>,
    disconnects: u64,
    violations: u64,
}

impl Tally {
    fn parts(&mut self, difference: Difference) {
        self.explained += u64::from(difference.reason.is_some());
        let is_better = |known: &Difference| known.reason.is_some() && difference.reason.is_none();
        if self.difference.as_ref().is_none_or(is_better) {
            self.difference = Some(difference);
        }
    }

    fn add(&mut self, record: &RunRecord, series: &Series) {
        if let Some(latency) = record.latency_ms {
            self.p50.push(latency.p50);
            self.p95.push(latency.p95);
            self.p99.push(latency.p99);
        }
        let samples = &series.samples;
        self.rtt.extend(mean(samples.iter().map(|sample| sample.numbers.rtt)));
        self.throttle.extend(mean(samples.iter().map(|sample| sample.numbers.throttle)));
        self.disconnects += record.disconnects;
        self.violations += record.violations;
    }

    fn finish(self, sender: Implementation, receiver: Implementation, is_alike: bool) -> Pairing {
        let worst_p99 = self.p99.iter().copied().max_by(f64::total_cmp);
        let medians = |p50, p95, p99, worst_p99| Medians { p50, p95, p99, worst_p99 };
        let (p50, p95, p99) = (median(self.p50), median(self.p95), median(self.p99));
        Pairing {
            sender,
            receiver,
            identical: is_alike.then_some(self.identical),
            explained: self.explained,
            difference: self.difference,
            latency_ms: p50.zip(p95).zip(p99.zip(worst_p99)).map(|((a, b), (c, d))| medians(a, b, c, d)),
            rtt_ms: median(self.rtt).unwrap_or_default(),
            throttle: median(self.throttle).unwrap_or_default(),
            disconnects: self.disconnects,
            violations: self.violations,
        }
    }
}

impl Comparison {
    /// What speaks against the pairings being equal, a sentence each; nothing if they are:
    ///
    /// * a run of hosts that are called alike parts from C's, and not at a known difference between versions;
    /// * the median of a percentile, of the mean round trip time or of the mean throttle lies more than [`TOLERANCE`] from
    ///   C's;
    /// * the worst percentile is longer than C's by more than that, or more connections are lost than C loses, by more
    ///   than chance does it (three standard deviations of a count);
    /// * a property is broken.
    pub fn objections(&self) -> Vec<String> {
        let Some((reference, others)) = self.pairings.split_first() else { return Vec::new() };
        let all = others.iter().flat_map(|pairing| {
            let objections = pairing.objections(reference, self.seeds);
            objections.into_iter().map(|text| format!("{}→{}: {text}", pairing.sender, pairing.receiver))
        });
        all.collect()
    }
}

impl Pairing {
    fn objections(&self, reference: &Pairing, seeds: u64) -> Vec<String> {
        let mut texts = Vec::new();
        let parted = self.identical.map_or(0, |identical| seeds.saturating_sub(identical + self.explained));
        if parted > 0 {
            texts.push(format!("{parted} of {seeds} runs part from C's for no known reason"));
        }
        let mut compare = |what: &str, ours: f64, theirs: f64| {
            if (ours - theirs).abs() > TOLERANCE * theirs {
                texts.push(format!("the median {what} is {ours:.2}, C's {theirs:.2}"));
            }
        };
        compare("round trip time", self.rtt_ms, reference.rtt_ms);
        compare("throttle", self.throttle, reference.throttle);
        if let (Some(ours), Some(theirs)) = (self.latency_ms, reference.latency_ms) {
            compare("p50", ours.p50, theirs.p50);
            compare("p95", ours.p95, theirs.p95);
            compare("p99", ours.p99, theirs.p99);
            if ours.worst_p99 > theirs.worst_p99 * (1.0 + TOLERANCE) {
                texts.push(format!("the worst p99 is {:.0}, C's {:.0}", ours.worst_p99, theirs.worst_p99));
            }
        } else if self.latency_ms != reference.latency_ms {
            texts.push("reliable messages arrive in one and not in the other".to_owned());
        }
        let usual = reference.disconnects as f64;
        if self.disconnects as f64 > usual + 3.0 * (usual + 1.0).sqrt() {
            texts.push(format!(
                "{} connections are lost, C loses {}",
                self.disconnects, reference.disconnects
            ));
        }
        if self.violations > 0 {
            texts.push(format!("{} properties are broken", self.violations));
        }
        texts
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn mean(values: impl ExactSizeIterator<Item = u32>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.map(f64::from).sum::<f64>() / count as f64)
}

#[cfg(test)]
mod tests {
    use enet_wire::{Body, ChannelId, ReliableSeq, Writer};

    use super::*;

    /// A datagram of pings of the connection (`None`) and messages on channel 0, by their numbers.
    fn sent(commands: &[(Option<u8>, u16)]) -> Entry {
        let mut bytes = vec![0; 200];
        let mut writer = Writer::new(&mut bytes);
        writer.header(&Header { sent_time: Some(7), ..Header::default() }).unwrap();
        for &(payload, number) in commands {
            let payload = payload.map(|byte| [byte; 3]);
            let (channel, body) = match &payload {
                None => (ChannelId::CONTROL, Body::Ping),
                Some(payload) => (ChannelId::new(0), Body::SendReliable { payload }),
            };
            let command =
                Command { channel, seq: ReliableSeq(number), acknowledge: true, unsequenced: false, body };
            writer.command(&command).unwrap();
        }
        let length = writer.finish().len();
        bytes.truncate(length);
        let fate = Fate { number: 0, dropped: None, corrupted: false, copies: 1, arrives: Time(9) };
        let to = crate::world::address(0);
        Entry { at: Time(5), host: Some(1), what: What::Departed { to, bytes, fate } }
    }

    #[test]
    fn only_another_place_of_control_commands_among_data_is_a_known_difference() {
        let [ping, two, three] = [(None, 1), (Some(2), 2), (Some(3), 3)];
        let usual = sent(&[two, ping, three]);
        let is_known = |others: &[&Entry]| differ_by_place_only(&[&usual], others, false);
        assert!(is_known(&[&sent(&[ping, two, three])]));
        assert!(is_known(&[&sent(&[two, three, ping])]));
        assert!(is_known(&[&sent(&[two, three]), &sent(&[ping])]), "it went into the next datagram");
        for other in
            [&[three, ping, two][..], &[two, ping], &[two, ping, (Some(4), 3)], &[two, (None, 2), three]]
        {
            assert!(!is_known(&[&sent(other)]), "{other:?}");
        }
        assert!(!is_known(&[&Entry { at: Time(6), ..sent(&[ping, two, three]) }]));
        assert!(!is_known(&[]) && !differ_by_place_only(&[], &[], false));
    }

    fn pairing(identical: Option<u64>) -> Pairing {
        Pairing {
            sender: Implementation::Ours,
            receiver: Implementation::C,
            identical,
            explained: 0,
            difference: None,
            latency_ms: Some(Medians { p50: 40.0, p95: 100.0, p99: 300.0, worst_p99: 900.0 }),
            rtt_ms: 80.0,
            throttle: 32.0,
            disconnects: 3,
            violations: 0,
        }
    }

    fn objections(other: Pairing) -> usize {
        let pairings = vec![pairing(Some(10)), other];
        let comparison =
            Comparison { scenario: "test".to_owned(), service: Service::OnDemand, seeds: 10, pairings };
        comparison.objections().len()
    }

    #[test]
    fn equal_and_nearly_equal_pairings_pass() {
        assert_eq!(objections(pairing(Some(10))), 0);
        assert_eq!(objections(pairing(None)), 0);
        assert_eq!(objections(Pairing { explained: 1, ..pairing(Some(9)) }), 0);
        let medians = Medians { p50: 41.9, p95: 95.1, p99: 314.0, worst_p99: 940.0 };
        assert_eq!(objections(Pairing { latency_ms: Some(medians), disconnects: 9, ..pairing(None) }), 0);
    }

    #[test]
    fn each_thing_that_may_not_differ_is_objected_to() {
        let usual = pairing(None).latency_ms.unwrap();
        let with = |medians| Pairing { latency_ms: Some(medians), ..pairing(None) };
        for other in [
            pairing(Some(9)),
            with(Medians { p50: 42.1, ..usual }),
            with(Medians { p95: 94.0, ..usual }),
            with(Medians { p99: 316.0, ..usual }),
            with(Medians { worst_p99: 946.0, ..usual }),
            Pairing { latency_ms: None, ..pairing(None) },
            Pairing { rtt_ms: 75.0, ..pairing(None) },
            Pairing { throttle: 30.0, ..pairing(None) },
            Pairing { disconnects: 10, ..pairing(None) },
            Pairing { violations: 1, ..pairing(None) },
        ] {
            assert_eq!(objections(other.clone()), 1, "{other:?}");
        }
    }
}
