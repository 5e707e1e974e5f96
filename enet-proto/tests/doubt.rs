//! What anybody could have said in a peer's name is confirmed before it is believed, under `Profile::Modern`
//! (docs/SECURITY.md).

mod common;

use common::{Crafted, modern};
use enet_proto::{DiscardReason, DisconnectReason, HostConfig, Packet, PeerState};
use enet_testkit::commands::{acknowledge, disconnect, disconnect_now, ping, reliable, unsequenced};
use enet_testkit::pair::{Client, Pair, Server, ms};
use enet_wire::CommandKind;

#[test]
fn a_farewell_that_the_peer_denies_is_ignored() {
    let mut remote = Crafted::client_with(modern);
    remote.says(&[disconnect_now(0, 0xbad)]);
    let heard = remote.heard();
    let commands = heard[0].commands();
    assert_eq!(commands[0].kind(), CommandKind::Ping);
    let answer = acknowledge(0xff, commands[0].seq.0, heard[0].header().sent_time.unwrap());
    remote.wait(10);
    remote.says(&[answer]);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::DoubtedDisconnect), 1);
    assert_eq!(remote.state(), PeerState::Connected);
    // Neither then nor later.
    remote.mark();
    remote.wait(400);
    assert_eq!((remote.events(), remote.state()), (vec![], PeerState::Connected));
}

#[test]
fn a_farewell_that_nobody_denies_is_believed_after_half_a_second() {
    let mut remote = Crafted::client_with(modern);
    remote.says(&[disconnect_now(2, 7)]);
    assert_eq!(remote.events(), []);
    remote.mark();
    let took = remote.wait_for_event();
    assert_eq!(took, 500);
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 7)]);
}

#[test]
fn on_a_slow_path_the_peer_has_twice_the_retransmission_timeout() {
    let mut remote = Crafted::client_with(modern);
    remote.peer_mut().set_round_trip_time(ms(1_000));
    remote.says(&[disconnect_now(2, 7)]);
    // Twice 1000 + 4 · 5.
    assert_eq!(remote.wait_for_event(), 2_040);
}

#[test]
fn an_acknowledgement_of_what_was_sent_before_denies_nothing() {
    let mut remote = Crafted::client_with(modern);
    remote.host_sends(0, Packet::reliable("x"));
    remote.heard();
    let sent = remote.clock();
    remote.wait(10);
    remote.says(&[disconnect_now(2, 7)]);
    remote.wait(5);
    remote.says(&[acknowledge(0, 1, sent)]);
    remote.wait_for_event();
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 7)]);
}

/// The question is acknowledged, though with the time of an older datagram: nothing is in flight, and the doubt goes on.
#[test]
fn a_doubt_holds_up_no_ping() {
    let mut remote = Crafted::client_with(modern);
    remote.wait(300);
    remote.peer_mut().set_round_trip_time(ms(1_000));
    let before = remote.clock().wrapping_sub(100);
    remote.says(&[disconnect_now(2, 7)]);
    let question = remote.heard()[0].commands()[0].seq.0;
    remote.says(&[acknowledge(0xff, question, before)]);
    remote.wait(500);
    let pings = remote.heard();
    assert_eq!(pings.len(), 1);
    assert_eq!(pings[0].commands()[0].kind(), CommandKind::Ping);
}

#[test]
fn a_disconnect_with_the_next_number_is_believed_and_acknowledged_at_once() {
    let mut remote = Crafted::client_with(modern);
    remote.says(&[ping(2)]);
    remote.heard();
    remote.says(&[disconnect(3, 9)]);
    remote.hears(&[acknowledge(0xff, 3, remote.clock())]);
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);
}

#[test]
fn a_disconnect_out_of_number_is_acknowledged_once_it_is_believed() {
    let mut remote = Crafted::client_with(modern);
    remote.says(&[disconnect(40_000, 9)]);
    assert!(remote.heard()[0].commands().iter().all(|command| command.kind() == CommandKind::Ping));
    remote.wait(200);
    remote.says(&[disconnect(40_000, 9)]);
    let echo = remote.clock();
    remote.wait(299);
    remote.heard();
    assert_eq!(remote.events(), []);
    remote.wait(1);
    remote.hears(&[acknowledge(0xff, 40_000, echo)]);
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);
}

#[test]
fn forged_disconnects_do_not_make_the_next_one_plausible() {
    let mut remote = Crafted::client_with(modern);
    for seq in 20_000..20_040 {
        remote.says(&[disconnect(seq, 9)]);
        assert_eq!(remote.state(), PeerState::Connected);
    }
}

#[test]
fn control_commands_say_which_disconnect_is_the_next_one_and_packets_do_not() {
    let mut remote = Crafted::client_with(modern);
    for seq in 1..=40 {
        remote.says(&[reliable(0, seq, b"x")]);
    }
    remote.says(&[disconnect(41, 9)]);
    assert_eq!(remote.state(), PeerState::Connected);

    let mut remote = Crafted::client_with(modern);
    for seq in 2..=40 {
        remote.says(&[ping(seq)]);
    }
    remote.says(&[disconnect(41, 9)]);
    remote.heard();
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);
}

#[test]
fn who_does_not_want_to_ask_believes_at_once() {
    let trusting = |config: &mut HostConfig| {
        modern(config);
        config.confirm_disconnects = false;
    };
    let mut remote = Crafted::client_with(trusting);
    remote.says(&[disconnect_now(2, 7)]);
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 7)]);
}

#[test]
fn a_doubt_survives_the_loss_of_the_question() {
    let mut pair = Pair::with().modern().connected();
    pair.lose_next(Server, 1);
    pair.forge_and_deliver(Client, &[disconnect_now(0, 1)]);
    pair.run_for(ms(2_000));
    assert_eq!(pair.server.host.connected_peers(), 1);
}

#[test]
fn a_client_that_asked_to_leave_is_not_asked_back() {
    for now in [false, true] {
        let mut pair = Pair::with().modern().connected();
        let id = pair.client.id().unwrap();
        let mut peer = pair.client.host.peer_mut(id).unwrap();
        if now {
            peer.disconnect_now(5);
        } else {
            peer.disconnect(5);
        }
        pair.mark();
        let took = pair.run_until(|pair| pair.server.state() == PeerState::Disconnected);
        assert!(took <= ms(if now { 520 } else { 30 }), "{took:?}");
    }
}

#[test]
fn a_forged_group_makes_no_more_than_a_block_undeliverable() {
    let mut remote = Crafted::client_with(modern);
    for group in 1..=10 {
        remote.says(&[unsequenced(0, group, b"x")]);
    }
    remote.says(&[unsequenced(0, 31_000, b"forged"), unsequenced(0, 31_001, b"forged")]);
    for group in 11..=510 {
        remote.says(&[unsequenced(0, group, b"x")]);
    }
    let texts = remote.texts();
    assert_eq!(texts.len(), 510);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::DoubtedGroup), 2);
}

/// Each one of its groups is in the block behind that of the one before.
#[test]
fn a_forged_datagram_that_climbs_from_block_to_block_costs_no_more_than_one() {
    let mut remote = Crafted::client_with(modern);
    let forged: Vec<_> = (1..=30).map(|block| unsequenced(0, block * 1_024, b"forged")).collect();
    remote.says(&forged);
    for group in 1..=3_000 {
        remote.says(&[unsequenced(0, group, b"x")]);
    }
    let genuine = remote.texts().iter().filter(|text| *text == "x").count();
    assert_eq!(3_000 - genuine, 1_024, "the block that was jumped over, and the group itself");
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::DoubtedGroup), 29);
}
