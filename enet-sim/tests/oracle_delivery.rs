//! The judge of deliveries and connections: each rule is seen broken, and seen kept.

mod oracle_script;

use enet_sim::endpoint::{Close, Conn, Ended, Happening, Kind};
use enet_sim::marks::Mark;
use enet_sim::message::Message;
use enet_sim::oracle::{HostRules, JudgeConfig};
use enet_sim::world::observer::{Call, HostChange, Observer};
use oracle_script::*;

const R: Kind = Kind::Reliable;
const U: Kind = Kind::Unreliable;
const Q: Kind = Kind::Unsequenced;

// --- reliable delivery ---

#[test]
fn reliable_messages_in_order_are_lawful() {
    let mut script = Script::connected();
    let messages: Vec<_> = (0..5).map(|_| script.send(CLIENT, 0, R)).collect();
    for message in &messages {
        script.receive(SERVER, 0, R, message);
    }
    script.clean();
}

#[test]
fn a_reliable_message_twice_is_not() {
    let mut script = Script::connected();
    let message = script.send(CLIENT, 0, R);
    script.receive(SERVER, 0, R, &message);
    script.receive(SERVER, 0, R, &message);
    script.broken("R1", "reliable message 0 arrived");
}

#[test]
fn a_reliable_message_left_out_is_not() {
    let mut script = Script::connected();
    script.send(CLIENT, 0, R);
    let second = script.send(CLIENT, 0, R);
    script.receive(SERVER, 0, R, &second);
    script.broken("R1", "the next to arrive reliably was reliable 0");
}

#[test]
fn channels_do_not_wait_for_each_other() {
    let mut script = Script::connected();
    script.send(CLIENT, 0, R);
    let other = script.send(CLIENT, 1, R);
    script.receive(SERVER, 1, R, &other);
    script.clean();
}

#[test]
fn an_altered_message_is_noticed() {
    let mut script = Script::connected();
    let mut message = script.send(CLIENT, 0, R);
    message[50] ^= 4;
    script.receive(SERVER, 0, R, &message);
    script.broken("R1", "altered");
}

#[test]
fn an_altered_message_is_pardoned_where_corruption_is_possible_and_no_checksum_guards() {
    let mut script = Script::connected_under(&JudgeConfig { corruption: true, ..JudgeConfig::new(2) });
    let mut message = script.send(CLIENT, 0, R);
    message[50] ^= 4;
    script.receive(SERVER, 0, R, &message);
    script.clean();
    script.marked(Mark::AlteredDelivered);
}

#[test]
fn a_message_on_another_channel_is_noticed() {
    let mut script = Script::connected();
    let message = script.send(CLIENT, 0, R);
    script.receive(SERVER, 2, R, &message);
    script.broken("R1", "of channel 0");
}

#[test]
fn a_message_of_another_kind_is_noticed() {
    let mut script = Script::connected();
    let message = script.send(CLIENT, 0, R);
    script.receive(SERVER, 0, U, &message);
    script.broken("R1", "arrived as unreliable");
}

#[test]
fn an_unreliable_message_too_long_for_a_datagram_arrives_reliably() {
    let mut script = Script::connected();
    let message = script.send_sized(CLIENT, 0, U, 3_000);
    script.receive(SERVER, 0, R, &message);
    script.clean();
    script.marked(Mark::OversizeSentReliably);
}

#[test]
fn messages_without_a_header_are_told_apart_by_their_bytes() {
    let mut script = Script::connected();
    let first = script.send(CLIENT, 0, R);
    let tiny: Vec<_> = [0, 1, 7, 19].map(|len| script.send_sized(CLIENT, 0, R, len)).into();
    script.receive(SERVER, 0, R, &first);
    for message in &tiny {
        script.receive(SERVER, 0, R, message);
    }
    script.clean();
    script.marked(Mark::EmptyDelivered);
    script.receive(SERVER, 0, R, &tiny[2]);
    script.broken("R1", "arrived twice");
}

#[test]
fn a_message_without_a_header_is_not_taken_for_one_of_another_kind() {
    let mut script = Script::connected();
    script.send_sized(CLIENT, 0, Q, 0);
    let empty = script.send_sized(CLIENT, 0, R, 0);
    script.receive(SERVER, 0, R, &empty);
    script.receive(SERVER, 0, Q, &empty);
    script.clean();
}

#[test]
fn a_message_without_a_header_out_of_turn_is_noticed() {
    let mut script = Script::connected();
    let first = script.send(CLIENT, 0, R);
    let tiny: Vec<_> = [7, 8].map(|len| script.send_sized(CLIENT, 0, R, len)).into();
    script.receive(SERVER, 0, R, &first);
    script.receive(SERVER, 0, R, &tiny[1]);
    script.broken("R1", "the next to arrive reliably was reliable 1");
}

// --- unreliable delivery ---

#[test]
fn unreliable_messages_may_be_missing() {
    let mut script = Script::connected();
    let messages: Vec<_> = (0..5).map(|_| script.send(CLIENT, 0, U)).collect();
    script.receive(SERVER, 0, U, &messages[1]);
    script.receive(SERVER, 0, U, &messages[4]);
    script.clean();
    script.marked(Mark::UnreliableOvertaken);
}

#[test]
fn unreliable_messages_never_go_back() {
    let mut script = Script::connected();
    let messages: Vec<_> = (0..2).map(|_| script.send(CLIENT, 0, U)).collect();
    script.receive(SERVER, 0, U, &messages[1]);
    script.receive(SERVER, 0, U, &messages[0]);
    script.broken("U1", "behind a newer message");
}

#[test]
fn an_unreliable_message_twice_is_noticed() {
    let mut script = Script::connected();
    let message = script.send(CLIENT, 0, U);
    script.receive(SERVER, 0, U, &message);
    script.receive(SERVER, 0, U, &message);
    script.broken("U1", "arrived");
}

#[test]
fn an_unreliable_message_waits_for_the_reliable_one_before_it() {
    let mut script = Script::connected();
    let reliable = script.send(CLIENT, 0, R);
    let unreliable = script.send(CLIENT, 0, U);
    script.receive(SERVER, 0, R, &reliable);
    script.receive(SERVER, 0, U, &unreliable);
    script.clean();

    let mut script = Script::connected();
    script.send(CLIENT, 0, R);
    let unreliable = script.send(CLIENT, 0, U);
    script.receive(SERVER, 0, U, &unreliable);
    script.broken("U2", "before the reliable message 0");
}

#[test]
fn an_unreliable_message_behind_the_next_reliable_one_is_noticed() {
    let mut script = Script::connected();
    let unreliable = script.send(CLIENT, 0, U);
    let reliable = script.send(CLIENT, 0, R);
    script.receive(SERVER, 0, R, &reliable);
    script.receive(SERVER, 0, U, &unreliable);
    script.broken("U1", "behind a newer message of its channel");
}

#[test]
fn unsequenced_messages_come_in_any_order_but_once() {
    let mut script = Script::connected();
    let messages: Vec<_> = (0..3).map(|_| script.send(CLIENT, 0, Q)).collect();
    for index in [2, 0, 1] {
        script.receive(SERVER, 0, Q, &messages[index]);
    }
    script.clean();
    script.marked(Mark::UnsequencedReordered);
    script.receive(SERVER, 0, Q, &messages[0]);
    script.broken("S1", "arrived twice");
}

#[test]
fn an_unsequenced_duplicate_beyond_the_horizon_is_pardoned() {
    let mut script = Script::connected();
    let first = script.send(CLIENT, 0, Q);
    script.receive(SERVER, 0, Q, &first);
    for _ in 0..31 * 1024 {
        let message = script.send_sized(CLIENT, 0, Q, 20);
        script.receive(SERVER, 0, Q, &message);
    }
    script.receive(SERVER, 0, Q, &first);
    script.clean();
}

// --- connections ---

#[test]
fn a_message_of_another_connection_is_noticed() {
    let mut script = Script::connected();
    let first = script.send(CLIENT, 0, R);
    script.receive(SERVER, 0, R, &first);
    let mut foreign = Vec::new();
    Message { sender: 1, conn: 99, channel: 0, kind: R, id: 0 }.write(100, &mut foreign);
    script.receive(SERVER, 0, R, &foreign);
    script.broken("X1", "connection 99 of host 1");
}

#[test]
fn a_message_of_an_older_connection_is_noticed() {
    let mut script = Script::connected();
    let old = script.send(CLIENT, 0, R);
    script.receive(SERVER, 0, R, &old);
    script.close(CLIENT, Close::Disconnect, 0);
    script.ended(SERVER, Ended::Remote, 0);
    script.ended(CLIENT, Ended::Local, 0);
    let (client, server) = (Conn(0xC1), Conn(0x51));
    script.connect(client, 8);
    script.handshake(enet_wire::ConnectId([9; 4]), 8);
    script.opened(client, server, 8);
    script.clean();
    script.marked(Mark::Reconnected);
    let what = Happening::Received { conn: server, channel: 0, kind: Some(R), payload: &old };
    script.happened(SERVER, &what);
    script.broken("X1", "of connection 0 of host 1");
}

#[test]
fn events_outside_of_a_connection_are_noticed() {
    let mut script = Script::new(&JudgeConfig::new(2));
    let what = Happening::Received { conn: Conn(9), channel: 0, kind: None, payload: &[] };
    script.happened(SERVER, &what);
    script.broken("C1", "which never was");

    let mut script = Script::connected();
    script.close(CLIENT, Close::Disconnect, 3);
    script.ended(CLIENT, Ended::Local, 0);
    script.clean();
    script.ended(CLIENT, Ended::Local, 0);
    script.broken("C1", "that was Over");
}

#[test]
fn nothing_happens_after_disconnect_now_or_reset() {
    for how in [Close::Now, Close::Reset] {
        let mut script = Script::connected();
        script.close(CLIENT, how, 0);
        script.ended(CLIENT, Ended::Local, 0);
        script.broken("C1", "that was Over");
    }
}

#[test]
fn no_message_is_shown_after_disconnect() {
    let mut script = Script::connected();
    let message = script.send(CLIENT, 0, R);
    script.close(SERVER, Close::Disconnect, 0);
    script.receive(SERVER, 0, R, &message);
    script.broken("C1", "not open");
}

#[test]
fn no_message_is_taken_for_a_connection_that_is_over() {
    let mut script = Script::connected();
    script.close(CLIENT, Close::Now, 0);
    script.send(CLIENT, 0, R);
    script.broken("C1", "was taken");
}

#[test]
fn a_second_connect_event_is_noticed() {
    let mut script = Script::connected();
    script.happened(SERVER, &Happening::Connected { conn: AT_SERVER, data: 7 });
    script.broken("C1", "opened that was Open");
}

#[test]
fn connect_data_arrives_unchanged() {
    let mut script = Script::new(&JudgeConfig::new(2));
    script.connect(AT_CLIENT, 7);
    script.happened(SERVER, &Happening::Connected { conn: AT_SERVER, data: 8 });
    script.broken("C3", "0x8, which nobody sent");
}

#[test]
fn disconnect_data_arrives_unchanged() {
    let mut script = Script::connected();
    script.close(CLIENT, Close::Disconnect, 0xCAFE);
    script.ended(SERVER, Ended::Remote, 0xCAFE);
    script.ended(CLIENT, Ended::Local, 0);
    script.clean();
    script.marked(Mark::EndedLocal);

    let mut script = Script::connected();
    script.close(CLIENT, Close::Disconnect, 0xCAFE);
    script.ended(SERVER, Ended::Remote, 0);
    script.broken("C3", "0xcafe");
}

#[test]
fn both_may_close_at_once() {
    let mut script = Script::connected();
    script.close(CLIENT, Close::Disconnect, 1);
    script.close(SERVER, Close::Disconnect, 2);
    script.ended(SERVER, Ended::Remote, 1);
    script.ended(CLIENT, Ended::Remote, 2);
    script.clean();
    script.marked(Mark::ClosedBothWays);
}

#[test]
fn the_remote_closes_only_if_it_did() {
    let mut script = Script::connected();
    script.ended(SERVER, Ended::Remote, 0);
    script.broken("C4", "host 1 did not");

    let mut script = Script::connected();
    script.close(CLIENT, Close::Reset, 0);
    script.ended(SERVER, Ended::Remote, 0);
    script.broken("C4", "Reset");
}

#[test]
fn disconnect_later_delivers_what_was_queued() {
    let mut script = Script::connected();
    let message = script.send(CLIENT, 0, R);
    script.close(CLIENT, Close::Later, 5);
    script.receive(SERVER, 0, R, &message);
    script.ended(SERVER, Ended::Remote, 5);
    script.ended(CLIENT, Ended::Local, 0);
    script.clean();
    script.marked(Mark::ClosedLaterWithData);

    let mut script = Script::connected();
    script.send(CLIENT, 0, R);
    script.close(CLIENT, Close::Later, 5);
    script.ended(SERVER, Ended::Remote, 5);
    script.broken("C4", "from reliable 0, had not arrived");
}

#[test]
fn one_connection_has_one_side_at_each_end() {
    let mut script = Script::connected();
    let message = script.send(CLIENT, 0, R);
    script.receive(SERVER, 0, R, &message);
    let second = Conn(0x51);
    script.happened(SERVER, &Happening::Connected { conn: second, data: 7 });
    let next = script.send(CLIENT, 0, R);
    script.happened(SERVER, &Happening::Received { conn: second, channel: 0, kind: Some(R), payload: &next });
    script.broken("C5", "two sides");
}

#[test]
fn a_host_has_no_more_connections_than_slots() {
    let config =
        JudgeConfig { hosts: vec![HostRules { peers: 1, ..HostRules::default() }; 2], ..JudgeConfig::new(2) };
    let mut script = Script::connected_under(&config);
    script.connect(Conn(0xC1), 8);
    script.happened(SERVER, &Happening::Connected { conn: Conn(0x51), data: 8 });
    script.broken("C7", "1 slots");
}

#[test]
fn a_crashed_host_owes_nothing_and_may_use_names_again() {
    let mut script = Script::connected();
    script.judge.host_changed(script.now, CLIENT, HostChange::Crashed);
    script.judge.host_changed(script.now, CLIENT, HostChange::Restarted);
    script.connect(AT_CLIENT, 7);
    script.happened(CLIENT, &Happening::Connected { conn: AT_CLIENT, data: 0 });
    script.ended(SERVER, Ended::TimedOut, 0);
    script.judge.finish(script.now);
    // The old side has lost its partner long before its time.
    assert!(
        script.judge.violations().iter().all(|it| it.property == "T2"),
        "{:?}",
        script.judge.violations()
    );
    script.marked(Mark::Crashed);
}

#[test]
fn attackers_excuse_everything_but_the_grammar() {
    let config = JudgeConfig { attacked: true, ..JudgeConfig::new(2) };
    let mut script = Script::connected_under(&config);
    let mut foreign = Vec::new();
    Message { sender: 1, conn: 99, channel: 0, kind: R, id: 0 }.write(100, &mut foreign);
    script.receive(SERVER, 0, R, &foreign);
    script.ended(SERVER, Ended::Remote, 77);
    script.clean();
    script.ended(SERVER, Ended::Remote, 77);
    script.broken("C1", "that was Over");
}

#[test]
fn a_refused_send_counts_as_nothing() {
    let mut script = Script::connected();
    let mut payload = Vec::new();
    Message { sender: 1, conn: 0, channel: 0, kind: R, id: 0 }.write(100, &mut payload);
    let call = Call::Send { conn: AT_CLIENT, channel: 0, kind: R, payload: &payload, accepted: false };
    script.judge.called(script.now, CLIENT, &call);
    let accepted = script.send(CLIENT, 0, R); // id 0, too
    script.receive(SERVER, 0, R, &accepted);
    script.clean();
}
