//! The judge of datagrams, timers, windows and numbers: each rule is seen broken, and seen kept.

mod oracle_script;

use enet_sim::Span;
use enet_sim::endpoint::{Close, Ended, Kind};
use enet_sim::marks::Mark;
use enet_sim::oracle::{HostRules, JudgeConfig};
use enet_sim::world::observer::{Call, HostChange, Observer};
use enet_wire::{Body, ConnectId};
use oracle_script::*;

/// Reliable command `number` of channel 0 with 100 bytes leaves, arrives, and is acknowledged.
fn exchange(script: &mut Script, number: u16) {
    let time = script.sent_time();
    script.carry(CLIENT, &reliable(0, number, &[1; 100]));
    script.carry(SERVER, &acknowledgement(0, number, time));
    script.serve(SERVER);
    script.serve(CLIENT);
}

// --- datagrams ---

#[test]
fn what_a_stock_sender_sends_is_lawful() {
    let mut script = Script::connected();
    exchange(&mut script, 1);
    let time = script.sent_time();
    script.carry_all(
        CLIENT,
        &[ping(2), unreliable(1, (0, 1), b"u"), unsequenced(2, 1, b"q"), reliable(0, 2, b"r")],
        true,
    );
    script.carry_all(SERVER, &[acknowledgement(0xFF, 2, time), acknowledgement(0, 2, time)], true);
    script.serve(SERVER);
    script.serve(CLIENT);
    script.clean();
    for mark in [
        Mark::SentPing,
        Mark::SentUnreliable,
        Mark::SentUnsequenced,
        Mark::SentReliable,
        Mark::SentVerifyConnect,
    ] {
        script.marked(mark);
    }
}

#[test]
fn a_datagram_is_no_longer_than_the_mtu() {
    let mut script = Script::connected();
    // Header 4, command 6.
    script.carry(CLIENT, &reliable(0, 1, &[0; 1_382]));
    script.clean();
    script.marked(Mark::FullDatagram);
    script.lose(CLIENT, &reliable(0, 2, &[0; 1_383]));
    script.broken("F5", "1393 bytes left; 1392 are allowed");
}

#[test]
fn a_datagram_holds_at_most_32_commands() {
    let mut script = Script::connected();
    let commands: Vec<_> = (1..=32).map(|number| reliable(0, number, b"")).collect();
    script.carry_all(CLIENT, &commands, false);
    script.clean();
    script.marked(Mark::ManyCommands);
    let commands: Vec<_> = (33..=65).map(|number| reliable(0, number, b"")).collect();
    script.carry_all(CLIENT, &commands, false);
    script.broken("F5", "33 commands");
}

#[test]
fn a_datagram_decodes() {
    let mut script = Script::connected();
    script.carry_bytes(CLIENT, &[0, 0, 0x0F, 0, 0, 0], false);
    script.broken("B2", "behind 0 commands");
}

#[test]
fn reserved_bits_are_noticed() {
    let mut script = Script::connected();
    let mut bytes = script.datagram(&[ping(2)]);
    bytes[4] |= 0x10;
    script.carry_bytes(CLIENT, &bytes, false);
    script.broken("B2", "encodes as");
}

#[test]
fn flags_are_those_of_the_command() {
    let mut script = Script::connected();
    let command = enet_wire::Command { acknowledge: false, ..ping(2) };
    script.lose(CLIENT, &command);
    script.broken("F5", "Ping left with acknowledge false");
}

#[test]
fn a_sent_time_is_there_if_and_only_if_something_wants_it() {
    let mut script = Script::connected();
    script.carry_bytes(CLIENT, &[0, 0, 0x85, 0xFF, 0, 2], false);
    script.broken("F5", "sent time None");
}

#[test]
fn nothing_is_compressed_where_nobody_compresses() {
    let mut script = Script::connected();
    script.carry_bytes(CLIENT, &[0x40, 0, 1, 2, 3], false);
    script.broken("F5", "compressed");
}

#[test]
fn a_checksum_is_right() {
    let config = JudgeConfig { checksum: true, ..JudgeConfig::new(2) };
    let mut script = Script::connected_under(&config);
    script.carry(CLIENT, &ping(2));
    script.clean();
    script.marked(Mark::Checksummed);
    let mut bytes = script.datagram(&[ping(3)]);
    bytes[6] ^= 1;
    script.carry_bytes(CLIENT, &bytes, false);
    script.broken("F5", "with checksum");
}

#[test]
fn a_corrupted_arrival_that_the_checksum_gives_away_counts_for_nothing() {
    let config = JudgeConfig { checksum: true, corruption: true, ..JudgeConfig::new(2) };
    let mut script = Script::connected_under(&config);
    script.lose(CLIENT, &reliable(0, 1, b"lost"));
    // Seems to be acknowledged, but is not.
    let mut bytes = script.datagram(&[acknowledgement(0, 1, 0)]);
    *bytes.last_mut().unwrap() ^= 0x80;
    script.judge.arrived(script.now, CLIENT, address(SERVER), &bytes);
    script.serve(CLIENT);
    script.later(500);
    script.carry(CLIENT, &reliable(0, 1, b"lost")); // would be wrong, had it been acknowledged
    script.clean();
}

#[test]
fn reliable_numbers_leave_one_after_the_other() {
    let mut script = Script::connected();
    script.carry(CLIENT, &reliable(0, 1, b""));
    script.carry(CLIENT, &reliable(0, 3, b""));
    script.broken("R1", "number 3 left first, 1 before it");
}

#[test]
fn numbers_go_round() {
    let mut script = Script::connected();
    for number in 1..=65_537_u32 {
        exchange(&mut script, number as u16);
        if number % 1_000 == 0 {
            script.later(100);
        }
    }
    script.clean();
    script.marked(Mark::ReliableNumberWrapped);
}

#[test]
fn a_sender_stays_within_seven_windows() {
    let mut script = Script::connected();
    for number in 1..=7 * 4_096_u16 {
        script.lose(CLIENT, &reliable(0, number, b""));
    }
    script.clean();
    script.lose(CLIENT, &reliable(0, 7 * 4_096 + 1, b""));
    script.broken("F2", "while 1 was not acknowledged");
}

#[test]
fn data_goes_to_channels_that_exist() {
    let mut script = Script::connected();
    script.lose(CLIENT, &reliable(4, 1, b""));
    script.broken("C3", "channel 4 of 4");
}

// --- acknowledgements ---

#[test]
fn nothing_is_acknowledged_that_did_not_arrive() {
    let mut script = Script::connected();
    script.lose(CLIENT, &reliable(0, 1, b"lost"));
    script.carry(SERVER, &acknowledgement(0, 1, 1_000));
    script.broken("R3", "had not arrived");
}

#[test]
fn everything_that_arrives_is_acknowledged() {
    let mut script = Script::connected();
    script.carry(CLIENT, &reliable(0, 1, b"data"));
    script.serve(SERVER);
    script.broken("R4", "from number 1 of channel 0");
}

#[test]
fn a_duplicate_is_acknowledged_again() {
    let mut script = Script::connected();
    exchange(&mut script, 1);
    let again = script.datagram(&[reliable(0, 1, &[1; 100])]);
    script.judge.arrived(script.now, SERVER, address(CLIENT), &again);
    script.serve(SERVER);
    script.broken("R4", "from number 1 of channel 0");
    script.marked(Mark::ReliableDuplicated);
}

#[test]
fn an_acknowledgement_names_the_copy_that_arrived() {
    let mut script = Script::connected();
    let time = script.sent_time();
    script.carry(CLIENT, &reliable(0, 1, b"data"));
    script.carry(SERVER, &acknowledgement(0, 1, time.wrapping_add(9)));
    script.serve(SERVER);
    script.broken("R4", "were not acknowledged");
}

// --- retransmission ---

#[test]
fn a_retransmission_waits_for_its_timeout_and_doubles_it() {
    let mut script = Script::connected();
    for host in [CLIENT, SERVER] {
        script.numbers(host).rtt = 20;
        script.numbers(host).rtt_variance = 5; // timeout 40 ms
        script.serve(host);
    }
    exchange(&mut script, 1);
    script.lose(CLIENT, &reliable(0, 2, b""));
    script.serve(CLIENT);
    for wait in [40, 80, 160, 320, 640] {
        script.later(wait);
        script.lose(CLIENT, &reliable(0, 2, b""));
        script.serve(CLIENT);
    }
    script.clean();
    script.marked(Mark::BackedOffFiveTimes);
}

#[test]
fn a_retransmission_before_its_timeout_is_noticed() {
    let mut script = Script::connected();
    script.lose(CLIENT, &reliable(0, 1, b""));
    script.serve(CLIENT);
    script.later(490);
    script.lose(CLIENT, &reliable(0, 1, b""));
    script.broken("T1", "after 490ms, not 500ms");
}

#[test]
fn a_timeout_that_does_not_double_is_noticed() {
    let mut script = Script::connected();
    script.lose(CLIENT, &reliable(0, 1, b""));
    script.serve(CLIENT);
    for _ in 0..2 {
        script.later(500);
        script.lose(CLIENT, &reliable(0, 1, b""));
        script.serve(CLIENT);
    }
    script.broken("T1", "after 500ms, not 1s");
}

#[test]
fn a_connect_is_repeated_after_half_a_second() {
    let mut script = Script::new(&JudgeConfig::new(2));
    script.connect(AT_CLIENT, 7);
    script.lose(CLIENT, &connect_command(ConnectId([5; 4]), 7));
    script.serve(CLIENT);
    script.later(500);
    script.lose(CLIENT, &connect_command(ConnectId([5; 4]), 7));
    script.clean();
    script.marked(Mark::ConnectRetransmitted);
    script.later(500);
    script.lose(CLIENT, &connect_command(ConnectId([5; 4]), 7));
    script.broken("T1", "not 1s");
}

#[test]
fn what_was_acknowledged_is_not_sent_again() {
    let mut script = Script::connected();
    exchange(&mut script, 1);
    exchange(&mut script, 2);
    script.later(3_000);
    script.carry(CLIENT, &reliable(0, 2, &[1; 100]));
    script.broken("T1", "number 2 left again");
}

#[test]
fn a_set_clock_excuses_an_early_retransmission() {
    let mut script = Script::connected();
    script.lose(CLIENT, &reliable(0, 1, b""));
    script.serve(CLIENT);
    script.judge.host_changed(script.now, CLIENT, HostChange::ClockStepped(1_000_000_000));
    script.later(10);
    script.lose(CLIENT, &reliable(0, 1, b""));
    script.clean();
}

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
    script.later(64_000);
    script.ended(CLIENT, Ended::TimedOut, 0);
    script.broken("T2", "given up after 64s");
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
    let mut script = Script::connected();
    script.later(100_000);
    script.carry(CLIENT, &reliable(0, 1, b""));
    script.later(20_000);
    script.judge.departed(
        script.now,
        CLIENT,
        address(SERVER),
        &script.datagram(&[reliable(0, 1, b"")]),
        &delivered(&script),
    );
    script.later(20_000);
    script.ended(CLIENT, Ended::TimedOut, 0);
    assert!(
        script.judge.violations().iter().any(|it| it.property == "T3"),
        "{:?}",
        script.judge.violations()
    );
}

fn delivered(script: &Script) -> enet_sim::net::Fate {
    enet_sim::net::Fate { number: 0, dropped: None, corrupted: false, copies: 1, arrives: script.now }
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
    let time = script.sent_time();
    script.carry(CLIENT, &reliable(0, 1, &[1; 100]));
    for _ in 0..64 {
        script.later(1);
        script.serve(CLIENT);
    }
    script.broken("F1", "0 bytes count as in flight; 100 were sent");
    let _ = time;
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
    exchange(&mut script, 1);
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
    let what = enet_sim::endpoint::Happening::Connected { conn: AT_CLIENT, data: 0 };
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
    exchange(&mut script, 1);
    let time = script.sent_time();
    let throttle = enet_wire::ThrottleConfigure { interval: 5_000, acceleration: 8, deceleration: 9 };
    script.carry(CLIENT, &control(2, Body::ThrottleConfigure(throttle)));
    script.carry(SERVER, &acknowledgement(0xFF, 2, time));
    script.numbers(CLIENT).throttle = 23;
    script.serve(CLIENT);
    script.serve(SERVER);
    script.clean();
    let _ = Span::ZERO;
}
