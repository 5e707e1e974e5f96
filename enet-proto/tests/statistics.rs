//! What a host and its peers count, in which units, and what a host tells all its peers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

use std::collections::BTreeMap;

use enet_proto::{
    ChannelLimit, Delivery, Event, Host, HostConfig, Packet, Payload, PeerDefaults, PeerState, Profile,
    ThrottleSettings, Timeouts,
};
use enet_testkit::pair::{Client, Pair, Server, ms};
use enet_wire::CommandKind;

fn counting() -> PeerDefaults {
    let mut defaults = PeerDefaults::default();
    defaults.totals = true;
    defaults
}

// ---- Totals, read and taken

#[test]
fn a_peers_totals_are_its_share_of_the_hosts() {
    for profile in [Profile::Compat, Profile::Modern] {
        let mut pair = Pair::with()
            .both(|config| (config.profile, config.peer_defaults) = (profile, counting()))
            .connected();
        let before = (pair.client.host.stats(), pair.client.peer_mut().take_totals().unwrap());
        assert!(before.1.datagrams_sent > 0);
        for size in [1, 100, 4000] {
            pair.client.send(0, Packet::reliable(vec![0; size]));
            pair.server.send(0, Packet::unreliable(vec![0; size]));
        }
        pair.run_for(ms(5000));
        let (host, peer) = (pair.client.host.stats().since(&before.0), pair.client.peer().totals().unwrap());
        assert_eq!((peer.bytes_sent, peer.datagrams_sent), (host.bytes_sent, host.datagrams_sent));
        assert_eq!(
            (peer.bytes_received, peer.datagrams_received),
            (host.bytes_received, host.datagrams_received)
        );
        assert!(peer.bytes_sent > 4101, "{peer:?}");
        // What one end sends the other receives.
        assert_eq!(pair.client.host.stats().bytes_sent, pair.server.host.stats().bytes_received);
    }
}

#[test]
fn totals_that_are_taken_start_anew() {
    let mut pair = Pair::with().client(|config| config.peer_defaults = counting()).connected();
    pair.client.host.take_stats();
    pair.client.peer_mut().take_totals();
    pair.client.send(0, Packet::reliable("five!"));
    pair.run_for(ms(20));
    // 4 of header, 6 of command, 5 of payload; the other way 2 and 8
    let (host, peer) = (pair.client.host.take_stats(), pair.client.peer_mut().take_totals().unwrap());
    assert_eq!((host.bytes_sent, host.datagrams_sent), (15, 1));
    assert_eq!((host.bytes_received, host.datagrams_received), (10, 1));
    assert_eq!((peer.bytes_sent, peer.bytes_received), (15, 10));
    assert_eq!(host.wire_bytes(28), (43, 38));
    assert_eq!(pair.client.host.take_stats().datagrams_sent, 0);
    assert_eq!(pair.client.peer().totals().unwrap().datagrams_sent, 0);
    assert!(pair.client.host.stats().datagrams_sent > 1, "the totals themselves go on");
}

#[test]
fn who_does_not_ask_for_totals_has_none() {
    let mut pair = Pair::connected();
    assert_eq!(pair.client.peer().totals(), None);
    assert_eq!(pair.client.peer_mut().take_totals(), None);
}

#[test]
fn rubbish_counts_as_received_and_as_discarded() {
    let mut pair = Pair::connected();
    pair.client.host.take_stats();
    let from = pair.server.address;
    pair.deliver(Client, from, &[0xff; 7]);
    let stats = pair.client.host.take_stats();
    assert_eq!((stats.bytes_received, stats.datagrams_received, stats.discarded.total()), (7, 1, 1));
}

// ---- Numbers with names and units

#[test]
fn every_number_has_a_name_of_its_own_and_a_unit() {
    let pair = Pair::with().both(|config| config.peer_defaults = counting()).connected();
    let (host, peer) = (pair.client.host.stats(), pair.client.stats());
    let totals = pair.client.peer().totals().unwrap();
    for list in [host.iter().collect::<Vec<_>>(), peer.iter().collect(), totals.iter().collect()] {
        let names: BTreeMap<_, _> = list.iter().map(|(name, value, unit)| (*name, (*value, *unit))).collect();
        assert_eq!(names.len(), list.len());
        assert!(list.iter().all(|(name, _, unit)| !name.is_empty() && !unit.is_empty()));
        assert!(names.values().any(|(value, _)| *value > 0));
    }
    let value = |wanted| host.iter().find(|(name, ..)| *name == wanted).unwrap();
    assert_eq!(value("bytes_sent"), ("bytes_sent", host.bytes_sent, "bytes"));
    assert_eq!(value("discarded_no_compressor"), ("discarded_no_compressor", 0, "datagrams"));
    let rtt = peer.iter().find(|(name, ..)| *name == "round_trip_time").unwrap();
    assert_eq!(rtt, ("round_trip_time", 20, "ms"));
}

/// Godot's PeerStatistic, of a connection whose path gets longer by 100 ms and loses every tenth datagram for 25 s.
#[test]
fn every_value_of_godots_peer_statistic_is_there_in_its_unit() {
    let mut pair = Pair::with().delay(ms(20)).connected();
    pair.server.peer_mut().set_throttle(ThrottleSettings {
        interval: ms(4000),
        acceleration: 3,
        deceleration: 1,
    });
    pair.run_for(ms(6000));
    pair.set_delay(ms(70));
    let start = pair.now().wire().0;
    pair.lose(|sent| sent.from == Client && sent.nth % 10 == 0);
    for _ in 0..250 {
        pair.client.send(0, Packet::reliable("a"));
        pair.client.send(0, Packet::unreliable("b"));
        pair.run_for(ms(100));
    }
    let stats = pair.client.stats();
    assert!((130..=150).contains(&stats.round_trip_time), "{stats:?}");
    assert!(stats.round_trip_time_variance < 30, "{stats:?}");
    assert!((130..=150).contains(&stats.last_round_trip_time), "{stats:?}");
    assert!(stats.last_round_trip_time_variance < 60, "{stats:?}");
    // of 65 536: two intervals of a tenth, smoothed by eighths
    assert!((500..4000).contains(&stats.packet_loss), "{stats:?}");
    assert!((500..6000).contains(&stats.packet_loss_variance), "{stats:?}");
    assert!(stats.packet_loss_epoch >= start + 10_000 && stats.packet_loss_epoch <= start + 25_000);
    assert!(stats.throttle <= 32 && stats.throttle_limit == 32, "{stats:?}");
    assert!(stats.throttle_counter < 32, "{stats:?}");
    assert!(pair.now().wire().0 - stats.throttle_epoch <= 5000, "{stats:?}");
    // What the server chose, for both.
    let settings = (stats.throttle_interval, stats.throttle_acceleration, stats.throttle_deceleration);
    assert_eq!(settings, (4000, 3, 1));
}

// ---- Loss

fn loss_after(pair: &mut Pair, seconds: u32) -> Option<f32> {
    for _ in 0..seconds * 20 {
        pair.client.send(0, Packet::reliable("a"));
        pair.run_for(ms(50));
    }
    pair.client.peer().loss()
}

#[test]
fn the_loss_estimate_is_the_share_of_what_was_lost() {
    let mut pair = Pair::with().modern().connected();
    assert_eq!(loss_after(&mut pair, 12), Some(0.0));
    pair.lose(|sent| sent.from == Client && sent.nth % 10 == 0);
    let estimate = loss_after(&mut pair, 25).unwrap();
    assert!((0.07..=0.13).contains(&estimate), "{estimate}");
    // ENet's own needs minutes to say so.
    assert!(pair.client.stats().packet_loss < 65_536 / 20);
}

#[test]
fn a_path_that_gets_longer_loses_nothing_whatever_enets_own_number_says() {
    for profile in [Profile::Modern, Profile::Compat] {
        let mut pair = Pair::with().both(|config| config.profile = profile).connected();
        let mut most = 0;
        for delay in [50, 100, 200, 400] {
            pair.set_delay(ms(delay));
            loss_after(&mut pair, 11);
            most = most.max(pair.client.stats().last_packet_loss);
            assert!(pair.client.peer().loss().is_none_or(|loss| loss < 0.01), "{:?}", pair.client.stats());
        }
        assert_eq!(most > 65_536 / 100, profile == Profile::Compat, "{profile:?}: {most}");
    }
}

#[test]
fn stock_decisions_know_timeouts_only_and_so_no_loss() {
    let mut pair = Pair::connected();
    assert_eq!(loss_after(&mut pair, 12), None);
}

// ---- What all peers are told

fn hasty() -> Timeouts {
    Timeouts { limit: 1, minimum: ms(300), maximum: ms(300) }
}

#[test]
fn timeouts_for_all_reach_peers_there_are_and_peers_to_come() {
    let mut defaults = PeerDefaults::default();
    defaults.timeouts = hasty();
    for early in [false, true] {
        let mut pair = if early {
            Pair::with().server(|config| config.peer_defaults = defaults).connected()
        } else {
            let mut pair = Pair::connected();
            pair.server.host.set_peer_defaults(defaults);
            pair
        };
        pair.cut();
        pair.server.send(0, Packet::reliable("a"));
        let took = pair.run_until(|pair| pair.server.state() == PeerState::Disconnected);
        assert!(took < ms(1000), "{took:?}");
        assert!(pair.client.state() == PeerState::Connected, "the client was told nothing");
    }
}

#[test]
fn an_attempt_s_own_timeout_goes_before_that_for_all() {
    let mut defaults = PeerDefaults::default();
    defaults.timeouts = hasty();
    let own = Timeouts { limit: 1, minimum: ms(3000), maximum: ms(3000) };
    for (timeout, least) in [(None, ms(300)), (Some(own), ms(3000))] {
        let mut pair = Pair::with()
            .client(|config| config.peer_defaults = defaults)
            .connecting(|options| options.timeout = timeout)
            .strangers();
        pair.cut();
        pair.connect();
        let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
        assert!((least..least + ms(4500)).contains(&took), "{took:?}");
        assert!(least > ms(1000) || took < ms(1000), "{took:?}");
    }
}

#[test]
fn a_ping_interval_for_all_shows_on_the_wire() {
    let mut defaults = PeerDefaults::default();
    defaults.ping_interval = ms(100);
    let mut pair = Pair::with().client(|config| config.peer_defaults = defaults).connected();
    pair.mark();
    pair.run_for(ms(3000));
    let (client, server) =
        (pair.times_of(Client, CommandKind::Ping), pair.times_of(Server, CommandKind::Ping));
    assert!(client.len() >= 20, "{client:?}");
    assert!(server.len() <= 6, "{server:?}");
}

#[test]
fn a_throttle_for_all_is_the_remote_s_too_whoever_connected() {
    let throttle = ThrottleSettings { interval: ms(1234), acceleration: 5, deceleration: 7 };
    let mut defaults = PeerDefaults::default();
    defaults.throttle = Some(throttle);
    let seen = |pair: &Pair, side| {
        let stats = pair.end(side).stats();
        (stats.throttle_interval, stats.throttle_acceleration, stats.throttle_deceleration)
    };
    let at_birth = [
        Pair::with().client(|config| config.peer_defaults = defaults).connected(),
        Pair::with().server(|config| config.peer_defaults = defaults).connected(),
        Pair::with().modern().server(|config| config.peer_defaults = defaults).connected(),
    ];
    let mut late = Pair::connected();
    late.server.host.set_peer_defaults(defaults);
    late.run_until_quiet();
    for pair in at_birth.into_iter().chain([late]) {
        assert_eq!([seen(&pair, Client), seen(&pair, Server)], [(1234, 5, 7); 2]);
    }
}

#[test]
fn the_limit_of_channels_can_be_read() {
    let mut host = Host::new(HostConfig::new([1; 32]));
    assert_eq!(host.max_channels(), ChannelLimit::MAX);
    host.set_channel_limit(ChannelLimit::new(3).unwrap());
    assert_eq!(host.max_channels().get(), 3);
    let mut pair =
        Pair::with().channels(9).server(|config| config.channels = host.max_channels()).connected();
    assert_eq!(pair.client.peer().channels(), 3);
    assert_eq!(pair.client.try_send(3, Packet::reliable("x")).unwrap_err().channel.get(), 3);
}

// ---- To some, and from some channels

#[test]
fn a_broadcast_can_leave_one_out_or_name_its_peers() {
    let mut pair = Pair::with().modern().connected();
    pair.connect();
    pair.run_until(|pair| pair.server.host.connected_peers() == 2);
    pair.run_until_quiet();
    let ids: Vec<_> = pair.server.host.peers().map(|peer| peer.id()).collect();
    let far: Vec<_> = pair.client.host.peers().map(|peer| (peer.connect_id(), peer.id())).collect();
    let near = |id| pair.server.host.peer(id).unwrap().connect_id();
    let far_of: Vec<_> =
        ids.iter().map(|id| far.iter().find(|(connect, _)| *connect == near(*id)).unwrap().1).collect();
    assert_eq!(pair.server.host.broadcast_except(ids[0], 0, Packet::reliable("not the first")).queued, 1);
    assert_eq!(pair.server.host.broadcast_to([ids[0]], 0, Packet::reliable("the first")).queued, 1);
    assert_eq!(pair.server.host.broadcast_to(ids.clone(), 1, Packet::unreliable("both")).queued, 2);
    assert_eq!(pair.server.host.broadcast_to(ids.clone(), 2, Packet::reliable("no such channel")).queued, 0);
    assert_eq!(pair.server.host.broadcast(0, Packet::reliable("all")).queued, 2);
    pair.server.host.peer_mut(ids[1]).unwrap().reset();
    assert_eq!(pair.server.host.broadcast_to(ids.clone(), 0, Packet::reliable("who is left")).queued, 1);
    pair.run_for(ms(100));
    let mut heard: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for event in pair.client.events() {
        if let Event::Received { peer, packet, .. } = event {
            heard.entry(peer).or_default().push(String::from_utf8(packet.to_vec()).unwrap());
        }
    }
    assert_eq!(heard[&far_of[0]], ["the first", "both", "all", "who is left"]);
    assert!(!heard.contains_key(&far_of[1]), "what was queued for it went with the reset");
}

#[test]
fn packets_can_be_fetched_channel_by_channel() {
    let mut pair = Pair::with().channels(3).connected();
    pair.server.stop_fetching();
    for (channel, text) in [(1, "chat"), (0, "order 1"), (1, "more chat"), (0, "order 2")] {
        pair.client.send(channel, Packet::reliable(text));
    }
    pair.run_for(ms(50));
    let before = pair.server.stats().waiting_data;
    let mut peer = pair.server.peer_mut();
    assert_eq!(peer.receive_on(0), Some(Packet::reliable("order 1")));
    assert_eq!(peer.receive_on(0), Some(Packet::reliable("order 2")));
    assert_eq!((peer.receive_on(0), peer.receive_on(2)), (None, None));
    assert_eq!(before - pair.server.stats().waiting_data, 14);
    pair.server.fetch_again();
    assert_eq!(pair.server.texts(), ["chat", "more chat"]);
}

#[test]
fn owned_and_static_bytes_are_taken_over_not_copied_and_arrive() {
    let mut vector = vec![b'v'; 200];
    vector.truncate(100);
    let at = vector.as_ptr();
    let owned = Packet::reliable(vector);
    assert_eq!(owned.as_ptr(), at);
    static SPLASH: [u8; 5] = *b"fixed";
    let fixed = Packet::from_static(Delivery::Reliable, &SPLASH);
    assert_eq!(fixed.as_ptr(), SPLASH.as_ptr());
    let text = String::from("a string");
    let at = text.as_ptr();
    let string = Packet::new(Delivery::Unreliable, Payload::from(text));
    assert_eq!(string.as_ptr(), at);

    for profile in [Profile::Compat, Profile::Modern] {
        let mut pair = Pair::with().both(|config| config.profile = profile).connected();
        for packet in [&owned, &fixed, &string] {
            pair.client.send(0, packet.clone());
        }
        pair.run_until_quiet();
        assert_eq!(pair.server.texts(), [&*"v".repeat(100), "fixed", "a string"]);
    }
}
