//! The judge of datagrams, acknowledgements and retransmissions: each rule is seen broken, and seen kept.

mod oracle_script;

use enet_sim::endpoint::{Close, Ended};
use enet_sim::marks::Mark;
use enet_sim::oracle::{HostRules, JudgeConfig};
use enet_sim::world::observer::{HostChange, Observer};
use enet_wire::{Command, ConnectId, ReliableSeq};
use oracle_script::*;

// --- datagrams ---

#[test]
fn what_a_stock_sender_sends_is_lawful() {
    let mut script = Script::connected();
    script.exchange(1);
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

/// A world whose client is modern.
fn modern(change: impl FnOnce(&mut JudgeConfig)) -> Script {
    let client = HostRules { modern: true, ..HostRules::default() };
    let mut config = JudgeConfig { hosts: vec![HostRules::default(), client], ..JudgeConfig::new(2) };
    change(&mut config);
    Script::connected_under(&config)
}

#[test]
fn a_datagram_of_a_modern_host_holds_as_many_commands_as_fit() {
    let mut script = modern(|_| ());
    let commands: Vec<_> =
        (1..=231).map(|number| reliable(0, number, if number == 1 { b"ab" } else { b"" })).collect();
    script.carry_all(CLIENT, &commands, false);
    script.clean();
    script.marked(Mark::CrowdedDatagram);
    script.marked(Mark::FullDatagram);
    let commands: Vec<_> = (1..=33).map(|number| reliable(0, number, b"")).collect();
    script.carry_all(SERVER, &commands, false);
    script.broken("F5", "33 commands");
}

/// A datagram of one message and zeros, as long as one of a message of `len` bytes.
fn padded(script: &Script, number: u16, len: usize, zeros: usize) -> Vec<u8> {
    let mut bytes = script.datagram(&[reliable(0, number, &vec![7; len - zeros])]);
    bytes.resize(bytes.len() + zeros, 0);
    bytes
}

#[test]
fn zeros_fill_a_modern_host_s_datagram_up_to_the_size_of_the_one_before_it() {
    let mut script = modern(|_| ());
    script.carry(CLIENT, &reliable(0, 1, &[7; 790]));
    for (number, zeros) in [(2, 100), (3, 1), (4, 7)] {
        script.carry_bytes(CLIENT, &padded(&script, number, 790, zeros), false);
    }
    script.clean();
    script.marked(Mark::Padded);
    script.carry_bytes(CLIENT, &padded(&script, 5, 790, 101), false);
    script.broken("F5", "101 zeros, behind one as long");
}

#[test]
fn zeros_follow_no_commands_but_in_a_train_of_a_modern_host() {
    let mut script = modern(|_| ());
    script.carry(CLIENT, &reliable(0, 1, &[7; 790]));
    script.carry_bytes(CLIENT, &padded(&script, 2, 789, 3), false);
    script.broken("F5", "3 zeros, behind none as long");

    let mut script = modern(|_| ());
    script.carry(CLIENT, &reliable(0, 1, &[7; 790]));
    script.later(1);
    script.carry_bytes(CLIENT, &padded(&script, 2, 790, 3), false);
    script.broken("F5", "behind none as long");

    let mut script = modern(|_| ());
    script.carry(SERVER, &reliable(0, 1, &[7; 790]));
    script.carry_bytes(SERVER, &padded(&script, 2, 790, 3), false);
    script.broken("F5", "3 zeros");
}

#[test]
fn where_sockets_refuse_datagrams_that_in_front_of_a_padded_one_may_be_missing() {
    let mut script = modern(|config| config.send_faults = true);
    script.carry_bytes(CLIENT, &padded(&script, 1, 790, 3), false);
    script.clean();
}

#[test]
fn a_datagram_of_zeros_alone_has_no_commands() {
    let mut script = modern(|_| ());
    script.carry_bytes(CLIENT, &[0, 0, 0, 0, 0, 0, 0, 0], false);
    script.broken("F5", "0 commands");
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
    let command = Command { acknowledge: false, ..ping(2) };
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
    for number in (1..=u16::MAX).chain([0, 1]) {
        script.exchange(number);
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
    script.exchange(1);
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
    script.exchange(1);
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
    script.exchange(1);
    script.exchange(2);
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

/// A server may begin with any number, as ours do.
#[test]
fn whose_connection_is_shown_is_known_whatever_number_its_server_began_with() {
    let mut script = Script::new(&JudgeConfig::new(2));
    script.connect(AT_CLIENT, 7);
    script.carry(CLIENT, &connect_command(ID, 7));
    script.carry(SERVER, &Command { seq: ReliableSeq(22_528), ..verify_command(ID, 0) });
    script.serve(SERVER);
    let time = script.sent_time();
    script.carry(CLIENT, &acknowledgement(0xFF, 22_528, time));
    script.opened(AT_CLIENT, AT_SERVER, 7);
    script.clean();
    script.later(1);
    script.ended(SERVER, Ended::TimedOut, 0);
    script.broken("T2", "a connection was given up after 0s");
}

/// Its clock was set, and stands or does not; the copy leaves long after its acknowledgement.
fn repeats_after(set: impl Fn(&mut Script)) -> Script {
    let mut script = Script::new(&JudgeConfig::new(2));
    set(&mut script);
    script.connect(AT_CLIENT, 7);
    script.handshake(ID, 7);
    script.opened(AT_CLIENT, AT_SERVER, 7);
    script.exchange(1);
    script.exchange(2);
    script.later(3_000);
    script.carry(CLIENT, &reliable(0, 2, &[1; 100]));
    script
}

fn sets(script: &mut Script, seconds: i64) {
    let change = HostChange::ClockStepped(seconds * 1_000_000_000);
    script.judge.host_changed(script.now, CLIENT, change);
}

#[test]
fn a_clock_stands_for_as_long_as_it_was_set_back_and_was_stopped_since() {
    let long_ago = |script: &mut Script| {
        sets(script, -1);
        script.later(100_000);
        sets(script, -10);
        script.later(5_000);
    };
    repeats_after(long_ago).clean();
    let stopped = |script: &mut Script| {
        sets(script, -10);
        script.later(1_000);
        script.judge.host_changed(script.now, CLIENT, HostChange::Paused);
        script.later(5_000);
        script.judge.host_changed(script.now, CLIENT, HostChange::Resumed);
        sets(script, -5);
        script.later(8_000);
    };
    repeats_after(stopped).clean();
    let over = |script: &mut Script| {
        sets(script, -10);
        script.later(10_001);
    };
    repeats_after(over).broken("T1", "number 2 left again");
    let back_and_forth = |script: &mut Script| {
        sets(script, -10);
        sets(script, 10);
        script.later(1_000);
    };
    repeats_after(back_and_forth).broken("T1", "number 2 left again");
}

#[test]
fn whose_clock_is_set_is_not_followed_before_it_is_shown_either() {
    let mut script = Script::new(&JudgeConfig::new(2));
    script.connect(AT_CLIENT, 7);
    script.handshake(ID, 7);
    script.judge.host_changed(script.now, SERVER, HostChange::ClockStepped(10_000_000_000));
    script.opened(AT_CLIENT, AT_SERVER, 7);
    script.exchange(1);
    script.exchange(2);
    script.later(3_000);
    script.carry(CLIENT, &reliable(0, 2, &[1; 100]));
    script.clean();
}

#[test]
fn an_answer_to_a_connect_that_is_over_leaves_again_only_if_the_connect_came_again() {
    let ended = || {
        let mut script = Script::connected();
        script.later(1_000);
        script.close(CLIENT, Close::Now, 0);
        script.later(10);
        script.ended(SERVER, Ended::Remote, 0);
        script.serve(SERVER);
        script.later(2_000);
        script
    };
    let mut script = ended();
    script.lose(SERVER, &verify_command(ID, 0));
    script.broken("T1", "left again");
    let mut script = ended();
    let late_copy = script.datagram(&[connect_command(ID, 7)]);
    script.judge.arrived(script.now, SERVER, address(CLIENT), &late_copy);
    script.carry(SERVER, &verify_command(ID, 0));
    script.clean();
}
