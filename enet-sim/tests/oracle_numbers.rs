//! The judge of patience, windows, memory and liveness: each rule is seen broken, and seen kept.

mod oracle_script;

use enet_sim::Span;
use enet_sim::endpoint::{Close, Ended, Happening, Kind, Snapshot};
use enet_sim::marks::Mark;
use enet_sim::oracle::{HostRules, JudgeConfig};
use enet_sim::world::observer::{Call, Observer};
use enet_wire::{Body, ConnectId};
use oracle_script::*;

// --- giving up ---

#[test]
fn a_connection_is_given_up_after_long_silence() {
    let mut script = Script::connected();
    script.lose(CLIENT, &reliable(0, 1, b""));
    script.later(16_000);
    script.ended(CLIENT, Ended::TimedOut, 0);
    script.clean();
    script.marked(Mark::TimedOutByLimit);
}

#[test]
fn a_connection_given_up_early_is_noticed() {
    let mut script = Script::connected();
    script.lose(CLIENT, &reliable(0, 1, b""));
    script.later(4_900);
    script.ended(CLIENT, Ended::TimedOut, 0);
    script.broken("T2", "after 4.9s without an answer; 4.999s are due");
}

#[test]
fn a_connection_given_up_late_is_noticed() {
    let mut script = Script::connected();
    script.lose(CLIENT, &reliable(0, 1, b""));
    script.later(67_000);
    script.ended(CLIENT, Ended::TimedOut, 0);
    script.broken("T2", "given up after 67s");
}

#[test]
fn an_attempt_is_given_up_in_its_time() {
    let mut script = Script::new(&JudgeConfig::new(2));
    script.connect(AT_CLIENT, 7);
    script.later(31_500);
    script.ended(CLIENT, Ended::ConnectTimedOut, 0);
    script.clean();
    script.marked(Mark::ConnectTimedOut);

    let mut script = Script::new(&JudgeConfig::new(2));
    script.connect(AT_CLIENT, 7);
    script.later(15_500);
    script.ended(CLIENT, Ended::ConnectTimedOut, 0);
    script.broken("T2", "given up after 15.5s");
}

#[test]
fn a_connection_without_trouble_is_not_given_up() {
    let quick = JudgeConfig { delay_bound: Span::from_millis(50), ..JudgeConfig::new(2) };
    let mut script = Script::connected_under(&quick);
    script.later(100_000);
    script.exchange(1);
    script.carry(CLIENT, &reliable(0, 2, b"never answered"));
    script.later(40_000);
    script.ended(CLIENT, Ended::TimedOut, 0);
    script.broken("T3", "though nothing was lost");

    let mut script = Script::connected_under(&quick);
    script.later(100_000);
    script.exchange(1);
    script.lose(CLIENT, &reliable(0, 2, b"lost"));
    script.later(40_000);
    script.ended(CLIENT, Ended::TimedOut, 0);
    script.clean();
}

// --- flow ---

#[test]
fn what_counts_as_in_flight_is_in_flight() {
    let mut script = Script::connected();
    script.numbers(CLIENT).in_flight = 100;
    script.carry(CLIENT, &reliable(0, 1, &[1; 100]));
    script.serve(CLIENT);
    script.clean();
    script.numbers(CLIENT).in_flight = 101;
    script.serve(CLIENT);
    script.broken("F1", "101 bytes count as in flight; 100 were sent");
}

#[test]
fn what_is_in_flight_counts_as_in_flight() {
    let mut script = Script::connected();
    script.carry(CLIENT, &reliable(0, 1, &[1; 100]));
    for _ in 0..64 {
        script.later(1);
        script.serve(CLIENT);
    }
    script.broken("F1", "0 bytes count as in flight; 100 were sent");
}

#[test]
fn the_byte_window_holds_reliable_data_back() {
    let mut script = Script::connected();
    script.numbers(CLIENT).window = 4_096;
    script.serve(CLIENT);
    for number in 1..=4 {
        script.carry(CLIENT, &reliable(0, number, &[1; 1_000]));
    }
    script.numbers(CLIENT).in_flight = 4_000;
    script.serve(CLIENT);
    script.clean();
    script.marked(Mark::WindowShrunk);
    script.carry(CLIENT, &reliable(0, 5, &[1; 1_000]));
    script.numbers(CLIENT).in_flight = 5_000;
    script.serve(CLIENT);
    script.broken("F1", "5000 bytes are in flight, and 4096 are allowed");
}

#[test]
fn the_throttle_moves_in_steps() {
    let mut script = Script::connected();
    script.exchange(1);
    let time = script.sent_time();
    script.carry(CLIENT, &reliable(0, 2, b""));
    script.carry(SERVER, &acknowledgement(0, 2, time));
    script.numbers(CLIENT).throttle = 30;
    script.serve(CLIENT);
    script.clean();
    script.marked(Mark::ThrottleLowered);
    script.numbers(CLIENT).throttle = 28;
    script.serve(CLIENT);
    script.broken("F3", "from 30 to 28");
}

/// A message and its acknowledgement with the throttle at 20, after which the numbers are as `change` has them.
fn after_a_round_trip(change: impl FnOnce(&mut Snapshot)) -> Script {
    let mut script = Script::connected();
    script.exchange(1);
    script.numbers(CLIENT).throttle = 22;
    let time = script.sent_time();
    script.carry(CLIENT, &reliable(0, 2, b""));
    script.carry(SERVER, &acknowledgement(0, 2, time));
    script.numbers(CLIENT).throttle = 30;
    script.serve(CLIENT);
    script.carry(CLIENT, &reliable(0, 3, b""));
    script.carry(SERVER, &acknowledgement(0, 3, time));
    change(script.numbers(CLIENT));
    script.serve(CLIENT);
    script
}

#[test]
fn the_throttle_rises_when_a_round_trip_was_below_the_baseline() {
    after_a_round_trip(|it| (it.rtt, it.throttle) = (490, 32)).clean();
    after_a_round_trip(|it| it.rtt = 490).broken("F3", "the throttle stays at 30");
}

#[test]
fn the_throttle_may_stay_when_round_trips_do_not_fall_or_the_baseline_is_new() {
    after_a_round_trip(|_| ()).clean();
    after_a_round_trip(|it| (it.rtt, it.baseline_rtt) = (490, 495)).clean();
}

#[test]
fn the_throttle_stays_below_its_limit() {
    let mut script = Script::connected();
    script.numbers(CLIENT).throttle = 33;
    script.serve(CLIENT);
    script.broken("F3", "stands at 33");
}

#[test]
fn both_sides_have_the_mtu_they_agreed_on() {
    let mut script = Script::connected();
    script.numbers(CLIENT).mtu = 1_400;
    script.serve(CLIENT);
    script.broken("C3", "the MTU is 1400");
}

// --- memory, effort ---

#[test]
fn waiting_data_is_limited() {
    let rules = HostRules { max_waiting: 1_000, ..HostRules::default() };
    let mut script = Script::connected_under(&JudgeConfig { hosts: vec![rules; 2], ..JudgeConfig::new(2) });
    let message = script.send(CLIENT, 0, Kind::Reliable);
    script.receive(SERVER, 0, Kind::Reliable, &message);
    script.send(CLIENT, 0, Kind::Reliable);
    script.numbers(SERVER).waiting = 1_100;
    script.serve(SERVER);
    script.clean();
    script.numbers(SERVER).waiting = 1_101;
    script.serve(SERVER);
    script.broken("M1", "1101 received bytes wait, and 1100 are allowed");
}

#[test]
fn nothing_waits_when_nothing_is_missing() {
    let mut script = Script::connected();
    let message = script.send(CLIENT, 0, Kind::Reliable);
    script.receive(SERVER, 0, Kind::Reliable, &message);
    script.numbers(SERVER).waiting = 100;
    script.serve(SERVER);
    script.broken("M1", "though all reliable messages were delivered");
}

#[test]
fn what_was_acknowledged_has_arrived() {
    let mut script = Script::connected();
    let message = script.send(CLIENT, 0, Kind::Reliable);
    script.numbers(CLIENT).queued = 1;
    script.serve(CLIENT);
    script.receive(SERVER, 0, Kind::Reliable, &message);
    script.numbers(CLIENT).queued = 0;
    script.serve(CLIENT);
    script.clean();
    script.send(CLIENT, 0, Kind::Reliable);
    script.serve(CLIENT);
    script.broken("R3", "from reliable 1, did not arrive");
}

#[test]
fn a_host_that_is_called_for_nothing_is_noticed() {
    let mut script = Script::connected();
    for _ in 0..100 {
        script.serve(CLIENT);
    }
    script.broken("T4", "services in one instant");
}

// --- liveness ---

/// A world that was healed long ago.
fn at_rest(script: &mut Script) {
    script.judge.healed(script.now);
    script.later(200_000);
    let now = script.now;
    script.judge.finish(now);
}

#[test]
fn everything_reliable_arrives_in_the_end() {
    let mut script = Script::connected();
    let message = script.send(CLIENT, 0, Kind::Reliable);
    script.receive(SERVER, 0, Kind::Reliable, &message);
    at_rest(&mut script);
    script.clean();
}

#[test]
fn what_is_stuck_is_named() {
    let mut script = Script::connected();
    script.send(CLIENT, 2, Kind::Reliable);
    script.lose(CLIENT, &reliable(2, 1, &[1; 100]));
    at_rest(&mut script);
    script.broken("R2", "number 1 of channel 2 was sent 1 times, first at 1.000000");
    let text = &script.judge.violations()[0].text;
    assert!(text.contains("lost 1 times, no copy arrived; its timer has been silent for"), "{text}");
}

#[test]
fn a_world_that_was_not_healed_owes_nothing() {
    let mut script = Script::connected();
    script.send(CLIENT, 2, Kind::Reliable);
    script.later(200_000);
    script.judge.finish(script.now);
    script.clean();
}

#[test]
fn nobody_holds_a_connection_alone() {
    let mut script = Script::connected();
    script.close(CLIENT, Close::Now, 0);
    at_rest(&mut script);
    script.broken("C2", "the other side is gone");
}

#[test]
fn an_attempt_comes_to_an_end() {
    let mut script = Script::new(&JudgeConfig::new(2));
    script.connect(AT_CLIENT, 7);
    at_rest(&mut script);
    script.broken("C2", "neither succeeded nor failed");
}

#[test]
fn a_connection_whose_other_side_never_opened_is_noticed() {
    let mut script = Script::new(&JudgeConfig::new(2));
    script.connect(AT_CLIENT, 7);
    script.handshake(ConnectId([3; 4]), 7);
    let what = Happening::Connected { conn: AT_CLIENT, data: 0 };
    script.happened(CLIENT, &what);
    at_rest(&mut script);
    script.broken("C2", "the other side is gone");
}

#[test]
fn a_second_slot_for_the_same_connect_is_noticed() {
    let mut script = Script::new(&JudgeConfig::new(2));
    let id = ConnectId([3; 4]);
    script.connect(AT_CLIENT, 7);
    script.carry(CLIENT, &connect_command(id, 7));
    script.lose(SERVER, &verify_command(id, 0));
    script.later(100);
    script.lose(SERVER, &verify_command(id, 1));
    script.broken("C5", "beside slot 0");
}

#[test]
fn a_refused_connect_is_marked() {
    let mut script = Script::new(&JudgeConfig::new(2));
    script.judge.called(script.now, CLIENT, &Call::ConnectRefused);
    script.clean();
    script.marked(Mark::NoFreeSlot);
}

#[test]
fn throttle_configure_changes_the_steps() {
    let mut script = Script::connected();
    script.exchange(1);
    let time = script.sent_time();
    let throttle = enet_wire::ThrottleConfigure { interval: 5_000, acceleration: 8, deceleration: 9 };
    script.carry(CLIENT, &control(2, Body::ThrottleConfigure(throttle)));
    script.carry(SERVER, &acknowledgement(0xFF, 2, time));
    script.numbers(CLIENT).throttle = 23;
    script.serve(CLIENT);
    script.serve(SERVER);
    script.clean();
}
