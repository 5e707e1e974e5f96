use std::net::SocketAddr;

use super::*;
use crate::Time;
use crate::endpoint::Implementation;
use crate::measure::Sending;
use crate::measure::datagram::Reader;
use crate::net::Fate;
use crate::world::observer::{HostIndex, Observer};
use crate::world::{Cast, World};
use enet_wire::ChannelId;

/// A quiet line of 40 ms on which only what `drop` says is lost, and a message every 50 ms for ten seconds.
fn crafted(up: &str, down: &str) -> Scenario {
    let text = format!(
        "duration = \"10s\"\n[up]\ndelay = {{ base = \"40ms\" }}\ndrop = [{up}]\n[down]\ndelay = {{ base = \"40ms\" }}\n\
         drop = [{down}]\n[[traffic]]\ninterval = \"50ms\""
    );
    Scenario::from_toml(&text).unwrap()
}

/// When the client sent each reliable command of its messages, by its number.
#[derive(Default)]
struct Departures(Vec<(u16, Time)>);

impl Observer for Departures {
    fn departed(&mut self, at: Time, from: HostIndex, _: SocketAddr, bytes: &[u8], _: &Fate) {
        let mut reader = Reader::new(false);
        let (_, commands) = reader.read(bytes).unwrap();
        let messages =
            commands.map_while(Result::ok).filter(|it| it.acknowledge && it.channel != ChannelId::CONTROL);
        self.0.extend(messages.filter(|_| from == 1).map(|it| (it.seq.0, at)));
    }
}

#[test]
fn one_scripted_loss_is_one_transmission_more_and_a_latency_that_the_wire_explains() {
    let scenario = crafted("{ command = \"send-reliable\", nth = [100] }", "");
    for subject in [Subject::Compat, Subject::Modern] {
        let scenario = subject.set_up(&scenario);
        let record = unjudged(&scenario, Cast::OURS).unwrap();
        let Sending { commands, transmissions, needless, .. } = record.sending;
        assert_eq!(commands, record.sent, "{subject}");
        let mut world = World::new(&scenario, Cast::OURS, Departures::default()).unwrap();
        world.run();
        let sent = world.finish().0.0;
        let again = sent.iter().enumerate().find_map(|(place, (number, first))| {
            let later = sent.get(place + 1..)?.iter().find(|(other, _)| other == number)?;
            Some(later.1.since(*first))
        });
        let expected = 40.0 + again.unwrap().as_millis_f64();
        assert!((record.latency_ms.unwrap().max - expected).abs() < 1e-6, "{subject}: {record:?} {expected}");
        // A lost command may be insured by a further copy, and nothing else is sent again.
        let copies = transmissions - commands;
        assert!(copies == 1 || (subject == Subject::Modern && copies == 2), "{subject}: {copies}");
        assert_eq!(needless, copies - 1, "{subject}");
    }
}

#[test]
fn a_lost_acknowledgement_costs_a_needless_transmission_and_no_time() {
    let record = unjudged(&crafted("", "{ command = \"acknowledge\", nth = [100] }"), Cast::OURS).unwrap();
    let Sending { commands, transmissions, needless, .. } = record.sending;
    assert_eq!((transmissions - commands, needless), (1, 1));
    assert_eq!(record.latency_ms.unwrap().max, 40.0);
}

#[test]
fn kcp_is_counted_by_its_own_segments() {
    if let Err(reason) = Implementation::Kcp.available() {
        return eprintln!("SKIPPED: {reason}");
    }
    let kcp = Cast::of(Implementation::Kcp, Implementation::Kcp);
    let record = unjudged(&crafted("", ""), kcp).unwrap();
    assert_eq!((record.sending.commands, record.sending.transmissions), (record.sent, record.sent));
    assert_eq!((record.delivered, record.disconnects), (record.sent, 0));
    let mut scenario = Scenario::built_in("recovery-10").unwrap();
    scenario.duration = Span::from_secs(20);
    let record = unjudged(&scenario, kcp).unwrap();
    assert_eq!((record.delivered, record.disconnects), (record.sent, 0));
    assert!(record.sending.needless > 0 && record.sending.transmissions > record.sending.commands * 11 / 10);
}

#[test]
fn kcp_takes_messages_of_many_segments_and_no_unreliable_ones() {
    if let Err(reason) = Implementation::Kcp.available() {
        return eprintln!("SKIPPED: {reason}");
    }
    let kcp = Cast::of(Implementation::Kcp, Implementation::Kcp);
    let mut scenario = Scenario::built_in("recovery-bulk-2").unwrap();
    scenario.traffic[0].count = Some(1);
    scenario.duration = Span::from_secs(20); // it begins after half of its interval
    let record = unjudged(&scenario, kcp).unwrap();
    assert_eq!((record.delivered, record.payload_bytes), (1, 4_194_304));
    scenario.traffic[0].kind = crate::endpoint::Kind::Unreliable;
    assert_eq!(unjudged(&scenario, kcp).unwrap().sent, 0);
}

#[test]
fn quinn_delivers_what_it_is_given_in_order_and_is_not_looked_into() {
    if let Err(reason) = Implementation::Quic.available() {
        return eprintln!("SKIPPED: {reason}");
    }
    let quic = Cast::of(Implementation::Quic, Implementation::Quic);
    let mut scenario = Scenario::built_in("recovery-10").unwrap();
    scenario.duration = Span::from_secs(20);
    let record = unjudged(&scenario, quic).unwrap();
    assert_eq!((record.delivered, record.disconnects), (record.sent, 0));
    assert!(record.sent > 1_000 && record.wire_bytes > 100 * record.sent && record.sending.commands == 0);
    let mut scenario = Scenario::built_in("recovery-bulk-2").unwrap();
    scenario.traffic[0].count = Some(1);
    scenario.duration = Span::from_secs(60);
    let record = unjudged(&scenario, quic).unwrap();
    assert_eq!((record.delivered, record.payload_bytes), (1, 4_194_304));
}

#[test]
fn every_row_with_goals_exists_and_every_other_is_compared_with() {
    let names: Vec<&str> = RECOVERY.iter().map(|(name, _)| *name).collect();
    for name in &names {
        let is_base = ["recovery-bulk-0"].contains(name);
        assert_eq!(goals(name).is_empty(), is_base, "{name}");
        for goal in goals(name) {
            if let Limit::Times(_, Of::Row(row)) = goal.limit {
                assert!(names.contains(&row), "{name}: {row}");
            }
        }
    }
}

#[test]
fn a_row_named_in_full_is_alone_and_a_part_of_a_name_is_all_that_have_it() {
    let rows = |pattern| Options::new(pattern).map(|options| options.rows.len());
    assert_eq!((rows("recovery-2"), rows("burst"), rows("")), (Ok(1), Ok(3), Ok(RECOVERY.len())));
    assert!(rows("no such row").unwrap_err().contains("recovery-20"));
}

fn cell(row: &str, subject: Subject, p99: f64, lost: u64) -> Cell {
    let mut scenario = crafted("", "");
    scenario.duration = Span::from_secs(1);
    let mut record = unjudged(&scenario, Cast::OURS).unwrap();
    record.disconnects = lost;
    if let Some(latency) = &mut record.latency_ms {
        (latency.p99, latency.p999) = (p99, p99);
    }
    Cell { row: row.to_owned(), subject, runs: vec![record; 3] }
}

fn met(cell: &Cell, cells: &[Cell], measure: Measure) -> Vec<bool> {
    judge(cell, cells).iter().filter(|it| it.goal.measure == measure).map(|it| it.met).collect()
}

#[test]
fn goals_are_for_ours_and_relative_to_the_cell_they_name() {
    let c = cell("recovery-burst-2", Subject::C, 300.0, 0);
    let good = cell("recovery-burst-2", Subject::Modern, 150.0, 0);
    let bad = cell("recovery-burst-2", Subject::ModernToC, 151.0, 0);
    let cells = [c.clone(), good.clone(), bad.clone()];
    assert_eq!(judge(&c, &cells), []);
    // There is no KCP here: nothing is said of it.
    assert_eq!(met(&good, &cells, Measure::P999), [true]);
    assert_eq!(met(&bad, &cells, Measure::P999), [false]);
}

#[test]
fn a_lost_connection_is_dead_however_quick_it_was_and_one_is_enough() {
    let mut dying = cell("recovery-10", Subject::Modern, 100.0, 0);
    assert_eq!(met(&dying, &[], Measure::P99), [true]);
    dying.runs[0].disconnects = 1;
    assert_eq!(met(&dying, &[], Measure::P99), [true], "the median lives");
    assert_eq!(met(&dying, &[], Measure::Lost), [false]);
    dying.runs[1].disconnects = 1;
    assert_eq!(met(&dying, &[], Measure::P99), [false]);
    assert!(table(&[dying]).contains("| dead"));
}

#[test]
fn beside_others_lost_connections_and_the_slowest_run_are_held_against_c_s() {
    let share = |subject| cell("recovery-share-bulk", subject, 300.0, 0);
    let (mut c, mut ours) = (share(Subject::C), share(Subject::Modern));
    let judged = |c: &Cell, ours: &Cell| {
        let cells = [c.clone(), ours.clone()];
        // The median and the slowest, then what was lost.
        [met(ours, &cells, Measure::P99), met(ours, &cells, Measure::Lost)].concat()
    };
    assert_eq!(judged(&c, &ours), [true, true, true]);
    ours.runs[0].latency_ms.as_mut().unwrap().p99 = 301.0;
    assert_eq!(judged(&c, &ours), [true, false, true]);
    ours.runs[0].disconnects = 1;
    assert_eq!(judged(&c, &ours), [true, false, false], "a lost one is slower than any");
    // C loses as many.
    c.runs[2].disconnects = 2;
    assert_eq!(judged(&c, &ours), [true; 3]);
    ours.runs[1].disconnects = 1;
    assert_eq!(judged(&c, &ours), [false, true, false]);
    assert!(table(&[c, ours]).contains("✓ slowest p99 dead ≤ 1 × c's = dead; ✗ lost ≤ 1 × c = 1.0"));
}

#[test]
fn the_worst_second_of_unreliable_messages_stands_in_the_table_for_every_subject() {
    let mut c = cell("recovery-rtt-step", Subject::C, 40.0, 0);
    for (run, share) in c.runs.iter_mut().zip([0.033, 0.5, 1.0]) {
        run.worst_second = Some(share);
    }
    let without = cell("recovery-0", Subject::C, 40.0, 0);
    assert!(table(&[c]).contains("| 50.0 (3.3–100.0) |"));
    assert!(table(&[without]).contains("| –         |"));
}

#[test]
fn the_same_options_give_the_same_cells_on_any_number_of_threads() {
    let mut options = Options::new("recovery-10").unwrap();
    (options.subjects, options.seeds) = (vec![Subject::Compat, Subject::Modern], 3);
    options.duration = Some(Span::from_secs(3));
    let mut hashes = Vec::new();
    for jobs in [1, 3] {
        options.jobs = jobs;
        let cells = run(&options, &|_, _| ()).unwrap();
        assert_eq!(cells.iter().map(|cell| cell.runs.len()).collect::<Vec<_>>(), [3, 3]);
        hashes.push(
            cells.iter().flat_map(|it| it.runs.iter().map(|run| run.trace_hash.clone())).collect::<Vec<_>>(),
        );
    }
    assert_eq!(hashes[0], hashes[1]);
}
