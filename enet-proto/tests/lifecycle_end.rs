//! How connections end: the states after DISCONNECT, `reset`, and what the next connection starts with (PROTOCOL.md §5.2, §7).

mod common;

use common::states::WAYS;
use common::{Crafted, ms, two_channels};
use enet_proto::{
    ConnectOptions, DiscardReason, DisconnectReason, Packet, PeerState, PeerStats, ThrottleSettings, Timeouts,
};
use enet_testkit::commands::{acknowledge, connect, disconnect, disconnect_now, ping, reliable, unreliable};
use enet_testkit::pair::Pair;

// ---- A whole life

#[test]
fn a_state_can_be_read_all_along_a_connections_life() {
    for pair in [Pair::with(), Pair::with().modern()] {
        let mut pair = pair.strangers();
        let (mut client, mut server) = (Vec::new(), Vec::new());
        let mut look = |pair: &Pair| {
            client.push(pair.client.state().as_str());
            server.push(pair.server.state().as_str());
        };
        look(&pair);
        pair.connect();
        pair.run_until(|pair| {
            look(pair);
            pair.server.state() == PeerState::Connected
        });
        pair.run_until_quiet();
        pair.client.send(0, Packet::reliable("last words"));
        pair.client.disconnect_later(0);
        pair.run_until(|pair| {
            look(pair);
            pair.client.state() == PeerState::Disconnected && pair.server.state() == PeerState::Disconnected
        });
        client.dedup();
        server.dedup();
        let way =
            ["disconnected", "connecting", "connected", "disconnect_later", "disconnecting", "disconnected"];
        assert_eq!(client, way);
        assert_eq!(server, ["disconnected", "connected", "disconnected"]);
    }
}

// ---- DISCONNECTING

#[test]
fn while_disconnecting_only_the_acknowledgement_of_the_disconnect_counts() {
    let mut remote = Crafted::disconnecting();
    let sent = remote.clock();
    remote.wait(20);
    remote.says(&[acknowledge(0, 1, sent)]);
    // §7: RTT updated (from 10/5 by a sample of 20), then bad command
    let stats = remote.stats();
    assert_eq!((stats.round_trip_time, stats.round_trip_time_variance), (11, 6));
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::UnexpectedCommand), 1);
    assert_eq!(remote.state(), PeerState::Disconnecting);
}

#[test]
fn a_simultaneous_close_ends_with_the_remotes_data_and_no_acknowledgement() {
    let mut remote = Crafted::disconnecting();
    remote.says(&[disconnect(2, 8)]);
    // §7
    assert_eq!(remote.state(), PeerState::Zombie);
    remote.hears_nothing();
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 8)]);
    remote.gone_without_a_word();
}

#[test]
fn an_unacknowledged_disconnect_is_reported_as_our_own() {
    let mut remote = Crafted::disconnecting();
    remote.wait_for_event();
    remote.mark();
    // §7: DISCONNECT, data 0
    assert_eq!(remote.endings(), [(DisconnectReason::Local, 0)]);
    remote.gone_without_a_word();
}

#[test]
fn a_second_disconnect_changes_nothing() {
    for again in &WAYS[..2] {
        let mut remote = Crafted::disconnecting();
        again(&mut remote);
        remote.hears_nothing();
        assert_eq!(remote.state(), PeerState::Disconnecting);
    }
}

#[test]
fn disconnect_now_while_disconnecting_forgets_the_peer_without_a_word() {
    let mut remote = Crafted::disconnecting();
    remote.peer_mut().disconnect_now(10);
    // §7: reset, nothing sent
    remote.gone_without_a_word();
}

#[test]
fn data_that_arrives_while_disconnecting_is_refused() {
    let mut remote = Crafted::disconnecting();
    // §8: the channel list is freed.
    for late in [reliable(0, 1, b"a"), unreliable(0, 0, 1, b"a"), ping(2)] {
        assert_eq!(remote.is_refused(&[late]), Some(DiscardReason::UnexpectedCommand));
    }
    assert_eq!(remote.peer().channels(), 0);
}

// ---- ACKNOWLEDGING_DISCONNECT

#[test]
fn a_disconnect_that_came_twice_is_acknowledged_twice_and_reported_once() {
    let mut remote = Crafted::acknowledging_disconnect();
    remote.says(&[disconnect(2, 10)]);
    let echo = remote.clock();
    // §7, §9.3 step 2: ignored, but acked again; nothing else is acked.
    remote.hears_datagrams(&[&[acknowledge(0xff, 2, echo), acknowledge(0xff, 2, echo)]]);
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);
}

#[test]
fn behind_a_disconnect_nothing_is_accepted_or_acknowledged() {
    for late in [ping(3), reliable(0, 1, b"a")] {
        let mut remote = Crafted::client();
        remote.says(&[disconnect(2, 9), late]);
        // §14.3
        assert_eq!(remote.host.stats().discarded.get(DiscardReason::UnexpectedCommand), 1);
        remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
        assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);
    }
}

#[test]
fn disconnecting_from_a_remote_that_disconnected_already_changes_nothing() {
    for leave in &WAYS[..2] {
        let mut remote = Crafted::acknowledging_disconnect();
        leave(&mut remote);
        remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
        assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);
    }
}

#[test]
fn disconnect_now_instead_of_an_acknowledgement_raises_no_event() {
    let mut remote = Crafted::acknowledging_disconnect();
    remote.peer_mut().disconnect_now(10);
    // §7: 0x44 flushed, reset
    remote.hears(&[disconnect_now(2, 10)]);
    remote.gone_without_a_word();
}

// ---- ZOMBIE

#[test]
fn a_zombie_holds_its_slot_until_the_event_is_fetched() {
    let mut remote = Crafted::zombie();
    // §7, §14.1 #5: datagrams dropped
    assert_eq!(remote.host.peers().count(), 1);
    remote
        .host
        .handle_datagram(remote.now, enet_proto::Datagram::new(remote.address, &remote.datagram(&[ping(3)])));
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::UnknownPeer), 1);
    remote.hears_nothing();
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);
    remote.gone_without_a_word();
}

#[test]
fn a_zombie_neither_pings_nor_times_out() {
    let mut remote = Crafted::zombie();
    remote.wait(60_000);
    // §7: the send pass skips it.
    remote.hears_nothing();
    assert_eq!(remote.state(), PeerState::Zombie);
}

#[test]
fn leaving_a_zombie_changes_nothing_except_for_disconnect_now() {
    for leave in &WAYS[..2] {
        let mut remote = Crafted::zombie();
        leave(&mut remote);
        remote.hears_nothing();
        assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);
    }
    let mut remote = Crafted::zombie();
    remote.peer_mut().disconnect_now(10);
    remote.gone_without_a_word();
}

#[test]
fn a_peer_that_disconnects_loses_its_place_in_the_queue_of_events() {
    let mut remote = Crafted::client();
    let (first, header) = (remote.id.unwrap(), remote.header);
    remote.says(&[reliable(0, 1, b"never seen")]);
    remote.address.set_port(4001);
    let other = enet_wire::Connect { connect_id: enet_proto::ConnectId([9; 4]), ..two_channels() };
    let granted = remote.knocks(other).unwrap();
    remote.adopts(&granted);
    remote.says(&[remote.proof()]);
    let second = remote.id.unwrap();
    remote.says(&[reliable(0, 1, b"b")]);
    remote.address.set_port(4000);
    remote.header = header;
    remote.says(&[disconnect_now(2, 9)]);
    // §7: taken off the dispatch queue, then queued for its DISCONNECT. The second is told of its CONNECT first.
    let told: Vec<_> = remote.events().iter().map(enet_proto::Event::peer).collect();
    assert_eq!(told, [second, second, first].map(Some));
}

// ---- reset(), and what a new connection starts with (§5.2)

#[test]
fn reset_forgets_a_peer_in_any_state_without_a_word() {
    let states = [
        Crafted::connecting,
        Crafted::acknowledging_connect,
        Crafted::client,
        Crafted::disconnect_later,
        Crafted::disconnecting,
        Crafted::acknowledging_disconnect,
        Crafted::zombie,
    ];
    for state in states {
        let mut remote = state();
        remote.peer_mut().reset();
        remote.gone_without_a_word();
    }
}

#[test]
fn a_slot_is_free_as_soon_as_its_end_is_told() {
    let mut remote = Crafted::client_with(|config| config.peers = enet_proto::PeerLimit::new(1).unwrap());
    remote.says(&[disconnect_now(2, 9)]);
    assert!(remote.host.connect(remote.address, ConnectOptions::default()).is_err());
    remote.endings();
    // §7
    assert!(remote.host.connect(remote.address, ConnectOptions::default()).is_ok());
}

#[test]
fn a_new_connection_on_a_slot_starts_from_scratch() {
    let mut remote = Crafted::client();
    let fresh = remote.stats();
    remote.peer_mut().set_timeouts(Timeouts { limit: 2, minimum: ms(1), maximum: ms(2) });
    remote.peer_mut().set_ping_interval(ms(50));
    remote.peer_mut().set_throttle(ThrottleSettings { interval: ms(1), acceleration: 0, deceleration: 9 });
    remote.peer_mut().set_round_trip_time(ms(77));
    remote.peer_mut().set_user_value(5);
    remote.host_sends(0, Packet::reliable("a"));
    remote.host_sends(1, Packet::unsequenced("b"));
    remote.says(&[reliable(0, 1, b"never fetched")]);
    remote.heard();
    remote.peer_mut().reset();
    remote.wait(990);

    remote.joins(two_channels());
    // §5.2
    let peer = remote.peer();
    assert_eq!(peer.id().slot(), 0);
    assert_eq!(peer.timeouts(), Timeouts::default());
    assert_eq!((peer.ping_interval(), peer.user_value()), (ms(500), 0));
    assert_eq!(peer.channel(0).unwrap(), enet_proto::ChannelStats::default());
    // But for the times at which the intervals began.
    let epochs = |stats: PeerStats| (stats.packet_loss_epoch, stats.throttle_epoch);
    let mut now = remote.stats();
    assert_ne!(epochs(now), epochs(fresh));
    (now.packet_loss_epoch, now.throttle_epoch) = epochs(fresh);
    assert_eq!(now, fresh);
}

#[test]
fn a_disconnect_keeps_the_books_that_only_a_reset_closes() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable(vec![0; 100]));
    remote.host_sends(0, Packet::unsequenced("b"));
    remote.heard();
    let before = remote.stats();
    remote.peer_mut().disconnect(9);
    let after = remote.stats();
    // §7: "queues cleared" leaves bytes in transit, RTT, counters and the unsequenced state as they were.
    assert_eq!(after.reliable_data_in_transit, 100);
    assert_eq!((after.round_trip_time, after.round_trip_time_variance), (10, 5));
    assert_eq!((after.packets_sent, after.outgoing_unsequenced_group), (before.packets_sent, 1));
    assert_eq!(after.in_flight, 0);
}

#[test]
fn connected_peers_counts_those_that_carry_data() {
    // §5.1: CONNECTED or DISCONNECT_LATER
    let counted = |remote: &Crafted| remote.host.connected_peers();
    assert_eq!(
        [Crafted::client(), Crafted::disconnect_later()].iter().map(counted).collect::<Vec<_>>(),
        [1, 1]
    );
    let others = [
        Crafted::connecting(),
        Crafted::acknowledging_connect(),
        Crafted::disconnecting(),
        Crafted::acknowledging_disconnect(),
        Crafted::zombie(),
    ];
    assert_eq!(others.iter().map(counted).collect::<Vec<_>>(), [0; 5]);
}

#[test]
fn a_connect_inside_a_connection_is_refused_in_every_state() {
    for state in [
        Crafted::connecting,
        Crafted::acknowledging_connect,
        Crafted::client,
        Crafted::disconnect_later,
        Crafted::disconnecting,
    ] {
        let mut remote = state();
        // §14.4
        assert_eq!(remote.is_refused(&[connect(two_channels())]), Some(DiscardReason::UnexpectedCommand));
    }
}
