//! What an application hears of only if it asks: acknowledgements, stalls, and what a lost connection did not deliver; and
//! packets that are queued before there is a connection.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use common::Crafted;
use enet_proto::{
    Delivery, DisconnectReason, Event, Packet, PeerDefaults, PeerState, SendErrorReason, SendOptions, Stalls,
    Timeouts,
};
use enet_testkit::commands::{acknowledge, ping};
use enet_testkit::pair::{Client, End, Pair, PairBuilder, carrying, ms, nth};
use enet_wire::CommandKind;

fn profiles() -> [PairBuilder; 2] {
    [Pair::with(), Pair::with().modern()]
}

fn send_token(end: &mut End, packet: Packet, token: u64) {
    end.peer_mut().send_with(0, packet, SendOptions::with_token(token)).unwrap();
}

/// The tokens that came back since the last call, in their order.
fn tokens(end: &mut End) -> Vec<u64> {
    let token = |event| match event {
        Event::Acknowledged { token, .. } => Some(token),
        _ => None,
    };
    end.events().into_iter().filter_map(token).collect()
}

// ---- Acknowledged

#[test]
fn a_token_comes_back_when_its_packet_has_arrived() {
    for pair in profiles() {
        let mut pair = pair.connected();
        send_token(&mut pair.client, Packet::reliable("a"), 17);
        pair.client.send(0, Packet::reliable("b"));
        pair.run_for(ms(19));
        assert_eq!(pair.server.texts(), ["a", "b"]);
        assert!(tokens(&mut pair.client).is_empty());
        pair.run_for(ms(1));
        assert_eq!(tokens(&mut pair.client), [17]);
        pair.run_for(ms(3000));
        assert!(tokens(&mut pair.client).is_empty());
    }
}

#[test]
fn a_fragmented_packets_token_waits_for_its_last_fragment() {
    for pair in profiles() {
        let mut pair = pair.connected();
        pair.lose(nth(2, carrying(CommandKind::SendFragment)));
        send_token(&mut pair.client, Packet::reliable(vec![7; 6000]), 1);
        send_token(&mut pair.client, Packet::reliable("small"), 2);
        pair.run_until_quiet();
        assert_eq!(tokens(&mut pair.client), [2, 1]);
    }
}

#[test]
fn tokens_come_back_in_the_order_of_arrival_whatever_was_lost() {
    for pair in profiles() {
        let mut pair = pair.connected();
        pair.lose_next(Client, 1);
        send_token(&mut pair.client, Packet::reliable("lost once"), 1);
        pair.run_for(ms(1));
        for token in 2..=5 {
            send_token(&mut pair.client, Packet::reliable("whole"), token);
            pair.run_for(ms(1));
        }
        pair.run_until_quiet();
        assert_eq!(tokens(&mut pair.client), [2, 3, 4, 5, 1]);
    }
}

#[test]
fn of_unreliable_packets_only_those_in_reliable_fragments_are_heard() {
    let mut pair = Pair::connected();
    send_token(&mut pair.client, Packet::unreliable("a"), 1);
    send_token(&mut pair.client, Packet::unsequenced("b"), 2);
    send_token(&mut pair.client, Packet::unreliable_fragments(vec![1; 3000]), 3);
    send_token(&mut pair.client, Packet::unreliable(vec![1; 3000]), 4);
    pair.run_until_quiet();
    assert_eq!(pair.server.received().len(), 4);
    assert_eq!(tokens(&mut pair.client), [4]);
}

#[test]
fn nothing_is_heard_of_tokens_after_a_disconnect() {
    let mut pair = Pair::connected();
    send_token(&mut pair.client, Packet::reliable("a"), 1);
    pair.run_for(ms(5));
    pair.client.disconnect(0);
    pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    let events = pair.client.events();
    assert!(matches!(events[..], [Event::Disconnected { .. }]), "{events:?}");
}

// ---- Ping and Pong

#[test]
fn who_asks_for_it_hears_of_pings_and_of_their_answers() {
    for pair in profiles() {
        let mut defaults = PeerDefaults::default();
        defaults.pings = true;
        let mut pair = pair.delay(ms(20)).client(|config| config.peer_defaults = defaults).connected();
        pair.client.peer_mut().set_ping_interval(ms(60_000));
        pair.server.peer_mut().set_ping_interval(ms(60_000));
        pair.run_until_quiet();
        pair.client.events(); // of the pings that belong to every handshake
        assert!(pair.client.peer_mut().ping());
        pair.run_for(ms(39));
        assert_eq!(pair.client.events(), []);
        pair.run_for(ms(1));
        let peer = pair.client.peer().id();
        assert_eq!(pair.client.events(), [Event::Pong { peer, rtt: ms(40) }]);
        assert!(pair.server.peer_mut().ping());
        pair.run_for(ms(40));
        assert_eq!(pair.client.events(), [Event::Ping { peer }]);
        assert_eq!(pair.server.events(), [], "the server did not ask");
    }
}

#[test]
fn a_flood_of_pings_does_not_fill_up_whoever_fetches_nothing() {
    let mut defaults = PeerDefaults::default();
    defaults.pings = true;
    let mut remote = Crafted::client_with(|config| config.peer_defaults = defaults);
    for seq in 2..1_000 {
        remote.says(&[ping(seq), ping(seq), ping(seq)]);
        remote.heard();
    }
    let pings = std::iter::from_fn(|| remote.host.poll_event()).count();
    assert_eq!(pings, 64, "one for each datagram, and no more than that");
}

#[test]
fn nor_do_the_answers_to_its_own() {
    let mut defaults = PeerDefaults::default();
    defaults.pings = true;
    let mut remote = Crafted::client_with(|config| config.peer_defaults = defaults);
    remote.events();
    for _ in 0..200 {
        assert!(remote.peer_mut().ping());
        for datagram in remote.heard() {
            let sent_time = datagram.header().sent_time.unwrap_or(0);
            let pings = datagram.commands().into_iter().filter(|it| it.acknowledge);
            let answers: Vec<_> = pings.map(|it| acknowledge(0xff, it.seq.0, sent_time)).collect();
            remote.says(&answers);
        }
    }
    assert_eq!(std::iter::from_fn(|| remote.host.poll_event()).count(), 64);
}

// ---- Stalled and Resumed

fn watching(stalls: Stalls) -> PeerDefaults {
    let mut defaults = PeerDefaults::default();
    defaults.stalls = stalls;
    defaults
}

/// What the application heard of the link since the last call.
fn link(end: &mut End) -> Vec<&'static str> {
    let name = |event| match event {
        Event::Stalled { .. } => Some("stalled"),
        Event::Resumed { .. } => Some("resumed"),
        Event::Disconnected { .. } => Some("gone"),
        _ => None,
    };
    end.events().into_iter().filter_map(name).collect()
}

#[test]
fn a_link_that_breaks_is_stalled_after_a_second_and_resumed_when_it_is_back() {
    for pair in profiles() {
        let mut pair = pair.client(|config| config.peer_defaults = watching(Stalls::Report)).connected();
        pair.cut();
        pair.client.send(0, Packet::reliable("waits"));
        pair.run_for(ms(999));
        assert_eq!(link(&mut pair.client), [""; 0]);
        pair.run_for(ms(1));
        assert_eq!(link(&mut pair.client), ["stalled"]);
        assert!(pair.client.peer().is_stalled());
        pair.client.send(0, Packet::reliable("too"));
        pair.run_for(ms(1000));
        assert_eq!(link(&mut pair.client), [""; 0]);
        pair.heal();
        pair.run_until(|pair| !pair.client.peer().is_stalled());
        pair.run_until_quiet();
        assert_eq!(link(&mut pair.client), ["resumed"]);
        assert_eq!(pair.server.texts(), ["waits", "too"]);
        assert_eq!(link(&mut pair.server), [""; 0], "the server did not ask");
    }
}

#[test]
fn an_idle_link_that_breaks_is_noticed_by_its_pings() {
    let mut pair = Pair::with().client(|config| config.peer_defaults = watching(Stalls::Report)).connected();
    pair.cut();
    let took = pair.run_until(|pair| pair.client.peer().is_stalled());
    assert!((ms(1000)..=ms(1500)).contains(&took), "{took:?}");
}

#[test]
fn a_slow_link_is_no_stall() {
    for pair in profiles() {
        let report = watching(Stalls::Report);
        let mut pair = pair.delay(ms(200)).client(|config| config.peer_defaults = report).connected();
        for delay in (200..=800).step_by(10) {
            pair.set_delay(ms(delay));
            pair.client.send(0, Packet::reliable("slow"));
            pair.run_for(ms(700));
        }
        assert_eq!(link(&mut pair.client), [""; 0]);
        assert!(pair.client.peer().rtt() > ms(1000));
    }
}

#[test]
fn a_link_may_stay_silent_while_nothing_is_in_flight() {
    let mut defaults = watching(Stalls::Report);
    defaults.ping_interval = ms(60_000);
    let mut pair = Pair::with().client(|config| config.peer_defaults = defaults).connected();
    pair.run_for(ms(30_000));
    pair.client.send(0, Packet::reliable("a"));
    pair.run_for(ms(10_000));
    assert_eq!(link(&mut pair.client), [""; 0]);
}

#[test]
fn what_is_unreliable_is_sent_dropped_or_coalesced_during_a_stall() {
    for (stalls, arrives) in
        [(Stalls::DropUnreliable, vec!["order"]), (Stalls::KeepLatest, vec!["order", "place 3", "aim 3"])]
    {
        let mut pair =
            Pair::with().modern().client(|config| config.peer_defaults = watching(stalls)).connected();
        pair.cut();
        pair.client.send(0, Packet::reliable("order"));
        pair.run_until(|pair| pair.client.peer().is_stalled());
        for round in 1..=3 {
            pair.client.send(0, Packet::unreliable(format!("place {round}")));
            assert_eq!(pair.client.host.broadcast(1, Packet::unsequenced(format!("aim {round}"))).queued, 1);
        }
        let refused = pair.client.try_send(9, Packet::unreliable("nowhere")).unwrap_err();
        assert_eq!(refused.reason, SendErrorReason::NoSuchChannel { channels: 2 });
        pair.heal();
        pair.run_until(|pair| !pair.client.peer().is_stalled());
        pair.run_until_quiet();
        assert_eq!(pair.server.texts(), arrives);
    }
}

#[test]
fn a_stalled_peer_that_never_answers_is_given_up_as_ever() {
    let mut pair = Pair::with().client(|config| config.peer_defaults = watching(Stalls::Report)).connected();
    pair.cut();
    pair.client.send(0, Packet::reliable("a"));
    pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    assert_eq!(link(&mut pair.client), ["stalled", "gone"]);
}

// ---- Undelivered

#[test]
fn what_a_lost_connection_did_not_deliver_arrives_over_the_next() {
    for pair in profiles() {
        let mut pair = pair.both(|config| config.return_undelivered = true).connected();
        pair.client.send(0, Packet::reliable("arrives"));
        pair.run_until_quiet();
        assert_eq!(pair.server.texts(), ["arrives"]);
        // Its acknowledgement is lost with the connection: this one arrives twice.
        pair.client.send(0, Packet::reliable("twice"));
        pair.run_for(ms(12));
        pair.cut();
        pair.client.send(1, Packet::reliable(vec![9; 5000]));
        pair.run_for(ms(30));
        pair.client.send(0, Packet::unreliable("gone"));
        pair.client.send(0, Packet::reliable("late"));
        pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
        pair.run_until(|pair| pair.server.state() == PeerState::Disconnected);
        let events = pair.client.events();
        let [Event::Disconnected { reason: DisconnectReason::TimedOut, undelivered, .. }] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(undelivered.len(), 3);
        pair.heal();
        pair.server.events();
        pair.connect();
        pair.run_until(|pair| pair.client.state() == PeerState::Connected);
        for (channel, packet) in undelivered {
            pair.client.send(channel.get(), packet.clone());
        }
        pair.run_until_quiet();
        let received = pair.server.received();
        let expected = [(0, "twice".into()), (1, vec![9; 5000]), (0, b"late".to_vec())];
        let mut found: Vec<(u8, Vec<u8>)> = received.into_iter().map(|(id, it)| (id, it.to_vec())).collect();
        found.sort_by_key(|(id, packet)| (packet != b"twice", *id == 0));
        assert_eq!(found, expected.map(|(id, packet): (u8, Vec<u8>)| (id, packet)));
    }
}

#[test]
fn who_is_disconnected_by_the_remote_gets_back_what_waited() {
    let mut pair = Pair::with().client(|config| config.return_undelivered = true).connected();
    pair.client.send(0, Packet::reliable("a"));
    pair.server.disconnect(5);
    pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    let events = pair.client.events();
    let [Event::Disconnected { reason: DisconnectReason::Remote, undelivered, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(undelivered.iter().map(|(_, packet)| &packet[..]).collect::<Vec<_>>(), [b"a"]);
}

#[test]
fn nothing_comes_back_unasked_or_when_we_disconnect() {
    for asked in [false, true] {
        let mut pair = Pair::with().client(|config| config.return_undelivered = asked).connected();
        pair.client.send(0, Packet::reliable("a"));
        if asked {
            pair.client.disconnect(0);
        } else {
            pair.cut();
        }
        pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
        let events = pair.client.events();
        let [Event::Disconnected { undelivered, .. }] = &events[..] else { panic!("{events:?}") };
        assert!(undelivered.is_empty());
    }
}

// ---- Before there is a connection

#[test]
fn who_asks_for_it_may_send_before_the_connection_is_established() {
    for pair in profiles() {
        let mut pair = pair.connecting(|options| options.queue_until_connected = true).strangers();
        pair.connect();
        pair.client.send(0, Packet::reliable("first"));
        send_token(&mut pair.client, Packet::reliable("second"), 8);
        pair.client.send(1, Packet::unreliable("third"));
        let refused = pair.client.try_send(2, Packet::reliable("nowhere")).unwrap_err();
        assert_eq!(refused.reason, SendErrorReason::NoSuchChannel { channels: 2 });
        pair.run_until(|pair| pair.client.state() == PeerState::Connected);
        pair.run_until_quiet();
        assert_eq!(pair.server.texts(), ["first", "second", "third"]);
        assert_eq!(tokens(&mut pair.client), [8]);
    }
}

#[test]
fn who_does_not_ask_gets_the_packet_back() {
    let mut pair = Pair::strangers();
    pair.connect();
    let refused = pair.client.try_send(0, Packet::reliable("early")).unwrap_err();
    assert_eq!((refused.reason, refused.packet), (SendErrorReason::NotConnected, Packet::reliable("early")));
}

#[test]
fn what_was_queued_for_a_connection_that_never_came_is_given_back() {
    let mut pair = Pair::with()
        .client(|config| config.return_undelivered = true)
        .connecting(|options| {
            options.queue_until_connected = true;
            options.timeout = Some(Timeouts { limit: 1, minimum: ms(700), maximum: ms(700) });
        })
        .strangers();
    pair.cut();
    pair.connect();
    pair.client.send(1, Packet::reliable("a"));
    pair.client.send(0, Packet::unreliable("b"));
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    assert!(took <= ms(1600), "{took:?}");
    let events = pair.client.events();
    let [Event::Disconnected { reason: DisconnectReason::ConnectTimedOut, undelivered, .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    let packets: Vec<_> = undelivered.clone().into_iter().collect();
    assert_eq!(packets.len(), 1);
    assert_eq!((packets[0].0.get(), packets[0].1.delivery()), (1, Delivery::Reliable));
}

#[test]
fn a_server_that_grants_fewer_channels_than_were_used_loses_nothing_else() {
    let mut pair = Pair::with()
        .connecting(|options| options.queue_until_connected = true)
        .server(|config| config.channels = enet_proto::ChannelLimit::MIN)
        .strangers();
    pair.connect();
    pair.client.send(1, Packet::reliable("too high"));
    pair.client.send(0, Packet::reliable("fits"));
    pair.run_until(|pair| pair.client.state() == PeerState::Connected);
    pair.run_until_quiet();
    assert_eq!(pair.server.texts(), ["fits"]);
}

#[test]
fn what_is_queued_early_has_the_limit_of_what_is_queued_later_and_all_of_it_arrives() {
    let mut pair = Pair::with()
        .modern()
        .both(|config| config.max_queued_data = 3_000)
        .connecting(|options| options.queue_until_connected = true)
        .strangers();
    pair.connect();
    let taken =
        (0..20).take_while(|_| pair.client.try_send(0, Packet::reliable(vec![7; 400])).is_ok()).count();
    // 656 bytes each, up to the one that reaches the limit.
    assert_eq!(taken, 5);
    let refused = pair.client.try_send(0, Packet::reliable("more")).unwrap_err();
    assert_eq!(
        (refused.reason, refused.packet),
        (SendErrorReason::QueueFull { max: 3_000 }, Packet::reliable("more"))
    );
    pair.run_until(|pair| pair.client.state() == PeerState::Connected);
    pair.run_until_quiet();
    assert_eq!(pair.server.received().len(), taken);
}

#[test]
fn who_disconnects_later_while_connecting_has_delivered_what_was_queued_by_then() {
    let mut pair = Pair::with().connecting(|options| options.queue_until_connected = true).strangers();
    pair.connect();
    pair.client.send(0, Packet::reliable("one shot"));
    pair.client.disconnect_later(5);
    pair.run_for(ms(2_000));
    assert_eq!(pair.server.texts(), ["one shot"]);
    assert_eq!(pair.client.state(), PeerState::Disconnected);
}

#[test]
fn a_stall_that_is_to_go_unnoticed_from_now_on_ends_first() {
    let mut pair = Pair::with().client(|config| config.peer_defaults = watching(Stalls::Report)).connected();
    pair.cut();
    pair.client.send(0, Packet::reliable("a"));
    pair.run_for(ms(3_000));
    let peer = pair.client.id().unwrap();
    assert_eq!(pair.client.events(), [Event::Stalled { peer }]);
    pair.client.host.set_peer_defaults(watching(Stalls::Unnoticed));
    assert_eq!(pair.client.host.poll_event(), Some(Event::Resumed { peer }));
}
