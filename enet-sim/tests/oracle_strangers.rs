//! The judge of hosts that validate addresses, and of effort: each rule is seen broken, and seen kept.

mod oracle_script;

use enet_sim::endpoint::Happening;
use enet_sim::oracle::{HostRules, JudgeConfig};
use enet_wire::ConnectId;
use oracle_script::*;

const ID: ConnectId = ConnectId([3; 4]);

/// A client that asks a server of `Profile::Modern` to let it in.
fn asked(strict: bool) -> Script {
    let server = HostRules { modern: true, strict, ..HostRules::default() };
    let config = JudgeConfig { hosts: vec![server, HostRules::default()], ..JudgeConfig::new(2) };
    let mut script = Script::new(&config);
    script.connect(AT_CLIENT, 7);
    script.carry(CLIENT, &connect_command(ID, 7)); // 52 bytes
    script
}

/// The server sends 48 bytes.
fn answers(script: &mut Script) {
    script.later(500);
    script.lose(SERVER, &verify_command(ID, 0));
}

/// The server says that somebody has connected.
fn is_let_in(script: &mut Script) {
    script.happened(SERVER, &Happening::Connected { conn: AT_SERVER, data: 7 });
}

#[test]
fn three_times_what_a_stranger_sent_goes_back_and_no_more() {
    let mut script = asked(false);
    (0..3).for_each(|_| answers(&mut script));
    script.clean();
    answers(&mut script);
    script.broken("M3", "192 bytes went to");
}

#[test]
fn a_strict_host_sends_a_stranger_no_more_than_came() {
    let mut script = asked(true);
    answers(&mut script);
    script.clean();
    answers(&mut script);
    script.broken("M3", "1 times that is allowed");
}

#[test]
fn who_has_asked_is_not_let_in_for_that() {
    let mut script = asked(false);
    script.carry(SERVER, &verify_command(ID, 0));
    is_let_in(&mut script);
    script.broken("C10", "nobody has proven an address");
}

#[test]
fn who_repeats_the_answer_is_let_in_and_who_guesses_it_is_not() {
    for (number, late, is_right) in [(1, 0, true), (2, 0, false), (1, 1, false)] {
        let mut script = asked(false);
        script.carry(SERVER, &verify_command(ID, 0));
        script.serve(SERVER);
        let time = script.sent_time();
        script.carry(CLIENT, &acknowledgement(0xFF, number, time + late));
        is_let_in(&mut script);
        let said: Vec<_> = script.judge.violations().iter().map(|it| it.property).collect();
        assert_eq!(!said.contains(&"C10"), is_right, "{number}, {late}: {said:?}");
    }
}

#[test]
fn a_call_that_sends_without_end_is_noticed() {
    let mut script = Script::connected();
    for group in (1..=u16::MAX).take(50_001) {
        script.lose(CLIENT, &unsequenced(2, group, b"q"));
    }
    script.serve(CLIENT);
    script.broken("B1", "50001 datagrams left in one service");
}
