//! The pair harness itself: that its network does what it is told, and that its tests read well.

use enet_proto::{Checksum, DiscardReason, DisconnectReason, Event, HostConfig, Packet, PeerState};
use enet_testkit::commands;
use enet_testkit::pair::{Client, Pair, Server, carrying, first, from, ms, nth};
use enet_wire::CommandKind;

#[test]
fn a_packet_takes_one_delay_and_its_acknowledgement_another() {
    let mut pair = Pair::with().delay(ms(30)).connected();
    pair.client.send(0, Packet::reliable("a"));

    pair.run_for(ms(29));
    assert_eq!(pair.server.received(), []);
    pair.run_for(ms(1));
    assert_eq!(pair.server.received(), [(0, Packet::reliable("a"))]);
    assert_eq!(pair.client.stats().in_flight, 1);
    pair.run_for(ms(30));
    assert_eq!(pair.client.stats().in_flight, 0);
    assert!(pair.is_quiet());
}

#[test]
fn a_connected_pair_keeps_silent_until_the_idle_pings() {
    let mut pair = Pair::connected();
    pair.run_for(ms(450));
    assert_eq!(pair.transcript(), "");
    pair.run_for(ms(100));
    assert_eq!(pair.times_of(Client, CommandKind::Ping).len(), 1);
    assert_eq!(pair.times_of(Server, CommandKind::Ping).len(), 1);
}

#[test]
fn strangers_shake_hands_in_four_datagrams() {
    use CommandKind::{Acknowledge, Connect, Ping, VerifyConnect};
    let mut pair = Pair::strangers();
    let id = pair.connect();
    pair.run_until_quiet();

    assert_eq!(pair.kinds_sent_by(Client), [vec![Connect], vec![Acknowledge, Ping]]);
    assert_eq!(pair.kinds_sent_by(Server), [vec![VerifyConnect], vec![Acknowledge]]);
    assert_eq!(pair.client.events(), [Event::Connected { peer: id, data: 0 }]);
    assert_eq!(pair.elapsed(), ms(40));
}

#[test]
fn a_cut_network_is_noticed_by_the_connecting_side() {
    let mut pair = Pair::strangers();
    pair.cut();
    let id = pair.connect();
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);

    assert_eq!(pair.times_of(Client, CommandKind::Connect), [0, 500, 1500, 3500, 7500, 15_500]);
    assert_eq!(took, ms(31_500));
    let events = pair.client.events();
    assert!(
        matches!(events[..], [Event::Disconnected { peer, reason: DisconnectReason::ConnectTimedOut, .. }] if peer == id),
        "{events:?}"
    );
}

#[test]
fn rules_pick_datagrams_by_side_kind_and_number() {
    let mut pair = Pair::connected();
    pair.lose(first(1, carrying(CommandKind::SendUnreliable)));
    pair.lose(nth(2, from(Client)));
    for text in ["a", "b", "c", "d"] {
        pair.client.send(0, Packet::unreliable(text));
        pair.run_for(ms(1));
    }
    pair.run_for(ms(20));

    // "a" is the first unreliable one. The second rule never saw it, so "c" is its second.
    assert_eq!(pair.server.texts(), ["b", "d"]);
}

#[test]
fn healing_ends_all_rules() {
    let mut pair = Pair::connected();
    pair.cut();
    pair.client.send(0, Packet::unreliable("a"));
    pair.run_for(ms(20));
    pair.heal();
    pair.client.send(0, Packet::unreliable("b"));
    pair.run_for(ms(20));
    assert_eq!(pair.server.texts(), ["b"]);
}

#[test]
fn a_duplicated_datagram_is_delivered_once_and_acknowledged_twice() {
    let mut pair = Pair::connected();
    pair.duplicate(first(1, from(Client)));
    pair.client.send(0, Packet::reliable("a"));
    pair.run_for(ms(20));
    assert_eq!(pair.server.texts(), ["a"]);
    assert_eq!(pair.times_of(Server, CommandKind::Acknowledge), [10, 10]);
}

#[test]
fn a_delayed_datagram_is_overtaken() {
    let mut pair = Pair::connected();
    pair.delay(ms(5), first(1, from(Client)));
    for text in ["a", "b"] {
        pair.client.send(0, Packet::unsequenced(text));
        pair.run_for(ms(1));
    }
    pair.run_for(ms(20));
    assert_eq!(pair.server.texts(), ["b", "a"]);
}

#[test]
fn an_altered_datagram_fails_its_checksum() {
    let mut pair = Pair::with().both(|config| config.checksum = Some(Checksum::CRC32)).connected();
    pair.alter(first(1, |sent| sent.says("a")), |bytes| *bytes.last_mut().unwrap() ^= 1);
    pair.client.send(0, Packet::reliable("a"));
    pair.run_until_quiet();
    assert_eq!(pair.server.texts(), ["a"]);
    assert_eq!(pair.server.host.stats().discarded.get(DiscardReason::BadChecksum), 1);
    assert_eq!(pair.times_of(Client, CommandKind::SendReliable).len(), 2);
}

#[test]
fn a_forged_datagram_is_taken_for_the_peers_own() {
    for checksum in [None, Some(Checksum::CRC32)] {
        let mut pair = Pair::with().both(|config| config.checksum = checksum).connected();
        pair.forge_and_deliver(Client, &[commands::reliable(1, 1, b"forged")]);
        assert_eq!(pair.server.received(), [(1, Packet::reliable("forged"))]);
        assert_eq!(pair.kinds_sent_by(Server), [[CommandKind::Acknowledge]]);
    }
}

#[test]
fn a_stranger_can_forge_a_connect() {
    let mut pair = Pair::strangers();
    pair.forge_and_deliver(Client, &[commands::connect(commands::stock_connect(*b"fake"))]);
    assert_eq!(pair.kinds_sent_by(Server), [[CommandKind::VerifyConnect]]);
}

#[test]
fn an_application_that_stops_fetching_lets_data_wait() {
    let mut pair = Pair::connected();
    pair.server.stop_fetching();
    pair.client.send(0, Packet::reliable("four"));
    pair.run_for(ms(20));
    assert_eq!(pair.server.received(), []);
    assert_eq!(pair.server.stats().waiting_data, 4);
    pair.server.fetch_again();
    assert_eq!(pair.server.texts(), ["four"]);
    assert_eq!(pair.server.stats().waiting_data, 0);
}

#[test]
fn a_restarted_client_is_a_new_peer() {
    let mut pair = Pair::connected();
    let before = pair.server.id();
    pair.client.restart(HostConfig::new([3; 32]));
    pair.connect();
    pair.run_until(|pair| pair.server.id() != before);
    pair.client.send(0, Packet::reliable("again"));
    pair.run_until(|pair| pair.client.stats().in_flight == 0);
    assert_eq!(pair.server.texts(), ["again"]);
}

#[test]
fn what_each_side_says_ends_up_in_the_transcript() {
    let mut pair = Pair::connected();
    pair.lose_next(Server, 1);
    pair.client.send(0, Packet::unsequenced("hey"));
    pair.run_for(ms(10));
    pair.server.send(1, Packet::unsequenced("ho"));
    pair.run_for(ms(10));
    assert_eq!(
        pair.transcript(),
        "      0.0 ms C->S peer 0 session 0: UNSEQUENCED 0#0 group 1 [3] 686579\n     10.0 ms S->C peer 0 session 0: UNSEQUENCED 1#0 group 1 [2] 686f  (Lost)\n"
    );
}

#[test]
#[should_panic(expected = "waited in vain")]
fn waiting_for_what_never_happens_ends() {
    let mut pair = Pair::connected();
    pair.run_until(|pair| pair.client.state() == PeerState::Zombie);
}
