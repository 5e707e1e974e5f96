//! Peers that were let in and mean harm: what the judge says of who serves them, and whole worlds in which honest peers do
//! not notice them.

mod oracle_script;

use enet_sim::endpoint::{Conn, Ended, Happening, Kind};
use enet_sim::marks::Mark;
use enet_sim::net::Fate;
use enet_sim::oracle::{HostRules, JudgeConfig};
use enet_sim::scenario::{INSIDER_DATA, Profile};
use enet_sim::world::Cast;
use enet_sim::world::observer::{Call, Observer};
use enet_sim::{Scenario, Span, run};
use oracle_script::*;

/// Behind the server and the client.
const INSIDER: usize = 2;

/// The insider's connection, as the server calls it.
const CONN: Conn = Conn(0x66);

/// An honest connection, and one with an insider.
fn let_in() -> Script {
    let config = JudgeConfig { insiders: vec![address(INSIDER)], ..JudgeConfig::new(2) };
    let mut script = Script::connected_under(&config);
    script.happened(SERVER, &Happening::Connected { conn: CONN, data: INSIDER_DATA });
    script.numbers[SERVER].0.insert(CONN.0, calm());
    script.clean();
    script.marked(Mark::InsiderConnected);
    script
}

/// The server sends the insider datagrams of 1,000 bytes.
fn spends(script: &mut Script, count: usize) {
    for number in (0..).take(count) {
        let fate = Fate { number, dropped: None, corrupted: false, copies: 1, arrives: script.now };
        let bytes = kilobyte(script);
        script.judge.departed(script.now, SERVER, address(INSIDER), &bytes, &fate);
    }
}

/// A datagram of 1,000 bytes.
fn kilobyte(script: &Script) -> Vec<u8> {
    let bytes = script.datagram(&[unsequenced(0, 1, &[7; 990])]);
    assert_eq!(bytes.len(), 1_000);
    bytes
}

#[test]
fn who_says_nothing_is_sent_next_to_nothing() {
    let mut script = let_in();
    spends(&mut script, 4);
    script.clean();
    spends(&mut script, 1);
    script.broken("M5", "5000 bytes went to a peer that sent 0");
}

/// What it says of itself was corrupted on the way: what the application sends it, it sends a stranger.
#[test]
fn what_is_sent_to_one_of_them_that_is_not_known_for_it_counts_too() {
    for corruption in [false, true] {
        let insiders = vec![address(INSIDER)];
        let config = JudgeConfig { insiders, corruption, attacked: true, ..JudgeConfig::new(2) };
        let mut script = Script::connected_under(&config);
        script.happened(SERVER, &Happening::Connected { conn: CONN, data: INSIDER_DATA ^ 1 });
        script.numbers[SERVER].0.insert(CONN.0, calm());
        let (payload, now) = ([7; 964], script.now);
        let call =
            Call::Send { conn: CONN, channel: 0, kind: Kind::Reliable, payload: &payload, accepted: true };
        script.judge.called(now, SERVER, &call);
        spends(&mut script, 25);
        if corruption {
            script.clean();
        } else {
            script.broken("M5", "5000 bytes went to a peer that sent 0");
        }
    }
}

#[test]
fn who_says_much_is_sent_three_times_that_and_no_more() {
    let mut script = let_in();
    let (now, bytes) = (script.now, kilobyte(&script));
    (0..10).for_each(|_| script.judge.arrived(now, SERVER, address(INSIDER), &bytes));
    spends(&mut script, 34);
    script.clean();
    spends(&mut script, 1);
    script.broken("M5", "sent 10000");
}

#[test]
fn what_the_application_sends_leaves_twenty_times_and_no_more() {
    let mut script = let_in();
    let (payload, now) = ([7; 964], script.now);
    let call = Call::Send { conn: CONN, channel: 0, kind: Kind::Reliable, payload: &payload, accepted: true };
    script.judge.called(now, SERVER, &call);
    spends(&mut script, 25);
    script.clean();
    spends(&mut script, 1);
    script.broken("M5", "the application sent 1036");
}

#[test]
fn what_it_wants_is_acknowledged_twice_and_once_more_in_each_datagram() {
    let mut script = let_in();
    let now = script.now;
    script.judge.arrived(now, SERVER, address(INSIDER), &script.datagram(&[ping(2), ping(3)]));
    let fate = Fate { number: 0, dropped: None, corrupted: false, copies: 1, arrives: now };
    let both = script.datagram(&[acknowledgement(0xFF, 2, 0), acknowledgement(0xFF, 3, 0)]);
    for _ in 0..5 {
        script.clean();
        script.judge.departed(now, SERVER, address(INSIDER), &both, &fate);
    }
    script.broken("M5", "10 acknowledgements in 5 datagrams went to a peer that wanted 2");
}

/// A connection with an insider, at a server that wants an address proven: of which the judge saw nothing, and says so.
fn unproven() -> Script {
    let server = HostRules { modern: true, ..HostRules::default() };
    let hosts = vec![server, HostRules::default()];
    let config = JudgeConfig { hosts, insiders: vec![address(INSIDER)], ..JudgeConfig::new(2) };
    let mut script = Script::new(&config);
    script.happened(SERVER, &Happening::Connected { conn: CONN, data: INSIDER_DATA });
    script.numbers[SERVER].0.insert(CONN.0, calm());
    script.broken("C10", "nobody has proven");
    script
}

/// The last thing that was wrong.
#[track_caller]
fn ends_with(script: &Script, text: &str) {
    let last = script.judge.violations().last().map(ToString::to_string);
    assert!(last.as_deref().is_some_and(|last| last.ends_with(text)), "{last:?}");
}

#[test]
fn no_more_is_delivered_than_it_has_sent() {
    let mut script = unproven();
    let (now, bytes) = (script.now, kilobyte(&script));
    script.judge.arrived(now, SERVER, address(INSIDER), &bytes);
    for (len, violations) in [(1_000, 1), (1, 2)] {
        let payload = vec![0; len];
        let kind = Some(Kind::Reliable);
        script.happened(SERVER, &Happening::Received { conn: CONN, channel: 0, kind, payload: &payload });
        assert_eq!(script.judge.violations().len(), violations);
    }
    ends_with(&script, "M1 at host 0: 1001 bytes were delivered of a peer that sent 1000");
}

#[test]
fn what_it_announces_takes_no_memory() {
    let mut script = unproven();
    for (held, is_right) in [(4 << 10, true), (5 << 10, false)] {
        let numbers = script.numbers[SERVER].0.get_mut(&CONN.0).unwrap();
        (numbers.waiting, numbers.held) = (32 << 20, held);
        (0..3).for_each(|_| script.serve(SERVER));
        assert_eq!(script.judge.violations().len() == 1, is_right);
    }
    script.marked(Mark::InsiderHeld);
    ends_with(&script, "M1 at host 0: 5120 bytes are held for a peer that sent 0; 4096 are allowed");
}

#[test]
fn what_it_says_is_nobody_s_and_what_others_say_is_judged_all_the_same() {
    let mut script = let_in();
    let payload = [0xEE; 40];
    let heard = Happening::Received { conn: CONN, channel: 3, kind: Some(Kind::Reliable), payload: &payload };
    (0..2).for_each(|_| script.happened(SERVER, &heard));
    script.clean();
    script.marked(Mark::InsiderHeard);
    let message = script.send(CLIENT, 0, Kind::Reliable);
    script.receive(SERVER, 0, Kind::Reliable, &message);
    script.clean();
    script.marked(Mark::BesideInsider);
    script.happened(SERVER, &Happening::Disconnected { conn: CONN, ended: Ended::TimedOut, data: 0 });
    script.clean();
    script.marked(Mark::InsiderGivenUp);
    script.receive(SERVER, 0, Kind::Reliable, &message);
    script.broken("R1", "arrived twice");
}

#[test]
fn honest_peers_do_not_notice_who_sits_beside_them() {
    for (profile, answers) in [Profile::Compat, Profile::Modern].into_iter().zip([true, false]) {
        for checksum in [false, true] {
            let text = format!(
                "clients = 4\nduration = \"20s\"\n[server]\npeers = 8\nchecksum = {checksum}\n[client]\n\
                 checksum = {checksum}\n[link]\ndelay = {{ base = \"25ms\" }}\n[[traffic]]\nfrom = \"everyone\"\n\
                 [[attacker]]\nattack = \"insider\"\nevery = \"10ms\"\nanswers = {answers}\n\
                 [[attacker]]\nattack = \"insider\"\nevery = \"30ms\"\n"
            );
            let mut scenario = Scenario::from_toml(&text).unwrap();
            [scenario.server.profile, scenario.client.profile] = [profile; 2];
            scenario.settle = Span::from_secs(150);
            let measured = run::measured(&scenario, Cast::OURS, false).unwrap();
            assert_eq!(measured.verdict.violations, [], "{profile:?}");
            let marks = measured.verdict.marks;
            for mark in [Mark::InsiderConnected, Mark::InsiderHeard, Mark::InsiderHeld, Mark::BesideInsider] {
                assert!(marks.has(mark), "{mark}: {profile:?}, checksum {checksum}");
            }
        }
    }
}
