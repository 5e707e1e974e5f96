//! Every call of a host and its peers, by its effect.

mod common;

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use common::{CONNECT_ID, Crafted, HERE, ms, stock, two_channels};
use enet_proto::{
    ChannelLimit, ChannelStats, Checksum, ConnectError, ConnectId, ConnectOptions, Datagram, Delivery,
    DiscardReason, DisconnectReason, Event, Host, HostConfig, Instant, Packet, PeerId, PeerLimit, PeerState,
    SendErrorReason, ThrottleSettings, Timeouts,
};
use enet_testkit::commands::{acknowledge, disconnect_now, ping, reliable, unreliable};
use enet_testkit::pair::{Client, Pair, Server};
use enet_wire::{CommandKind, Connect};

/// The host with two clients, from ports 4000 and 4001; the second has 1 channel.
fn two_clients() -> (Crafted, PeerId, PeerId) {
    let mut remote = Crafted::client();
    let first = remote.id;
    remote.address.set_port(4001);
    remote.joins(Connect { connect_id: ConnectId([9; 4]), channel_count: 1, ..two_channels() });
    let ids = first.zip(remote.id);
    let (first, second) = ids.unwrap_or((PeerId::from_bits(0), PeerId::from_bits(0)));
    (remote, first, second)
}

// ---- Host: peers

#[test]
fn broadcast_reaches_every_connected_peer_that_has_the_channel_and_counts_them() {
    let (mut remote, ..) = two_clients();
    assert_eq!(remote.host.broadcast(0, Packet::reliable("all")).queued, 2);
    assert_eq!(remote.host.broadcast(1, Packet::reliable("one")).queued, 1);
    assert_eq!(remote.host.broadcast(7, Packet::reliable("none")).queued, 0);
    let to: Vec<u16> = remote.heard().iter().map(|datagram| datagram.to.port()).collect();
    assert_eq!(to, [4000, 4001]);
}

#[test]
fn broadcast_leaves_out_those_who_are_not_connected() {
    let (mut remote, first, second) = two_clients();
    remote.is_connected_to();
    remote.host.peer_mut(first).unwrap().send(0, Packet::reliable("pending")).unwrap();
    remote.host.peer_mut(first).unwrap().disconnect_later(0);
    assert_eq!(remote.host.broadcast(0, Packet::unreliable("x")).queued, 1);
    remote.host.peer_mut(second).unwrap().disconnect(0);
    // §18.4: every CONNECTED peer; errors are ignored.
    assert_eq!(remote.host.broadcast(0, Packet::unreliable("x")).queued, 0);
}

#[test]
fn peers_are_listed_in_slot_order_whatever_their_state() {
    let (mut remote, first, second) = two_clients();
    let third = remote.is_connected_to();
    let listed: Vec<(PeerId, PeerState)> =
        remote.host.peers().map(|peer| (peer.id(), peer.state())).collect();
    let expected =
        [(first, PeerState::Connected), (second, PeerState::Connected), (third, PeerState::Connecting)];
    assert_eq!(listed, expected);
    assert_eq!(remote.host.connected_peers(), 2);
}

#[test]
fn peer_at_finds_by_slot_and_peer_by_handle() {
    let (remote, _, second) = two_clients();
    assert_eq!(remote.host.peer_at(1).unwrap().id(), second);
    assert_eq!(remote.host.peer(second).unwrap().address().port(), 4001);
    assert!(remote.host.peer_at(2).is_none());
    assert!(remote.host.peer_at(u16::MAX).is_none());
}

#[test]
fn a_handle_dies_with_its_connection_and_never_names_the_next_one_in_its_slot() {
    let mut remote = Crafted::client();
    let old = remote.id.unwrap();
    remote.says(&[disconnect_now(2, 0)]);
    remote.events();
    assert!(remote.host.peer(old).is_none());
    assert!(remote.host.peer_mut(old).is_none());

    remote.joins(two_channels());
    let new = remote.id.unwrap();
    assert_eq!((new.slot(), old.slot()), (0, 0));
    assert_ne!(new, old);
    assert!(remote.host.peer(old).is_none());
    assert!(remote.host.peer_mut(old).is_none());

    remote.mark();
    remote.host.broadcast_to([old, new], 0, Packet::reliable("to you"));
    assert_eq!(remote.heard().iter().map(|datagram| datagram.commands().len()).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_handle_survives_the_trip_through_bits_and_a_made_up_one_finds_nobody() {
    let (remote, _, second) = two_clients();
    assert_eq!(PeerId::from_bits(second.to_bits()), second);
    for bits in [0, u64::MAX, second.to_bits() + 1, 77 << 16] {
        assert!(remote.host.peer(PeerId::from_bits(bits)).is_none(), "{bits:#x}");
    }
}

/// Datagrams say its low half.
#[test]
fn the_time_of_the_last_service_can_be_read() {
    let mut remote = Crafted::client();
    for wait in [0, 1, 1_000] {
        remote.wait(wait);
        remote.host_sends(0, Packet::reliable("now"));
        let now = remote.host.now();
        assert_eq!(now, remote.now);
        assert_eq!(remote.heard().last().unwrap().header().sent_time, Some(now.wire().sent_time()));
    }
}

// ---- Host: connecting

#[test]
fn a_held_connect_is_prepared_and_sent_when_released() {
    let mut remote = Crafted::stranger();
    let options = ConnectOptions { hold: true, ..ConnectOptions::default() };
    let id = remote.host.connect(remote.address, options).unwrap();
    remote.wait(100_000);
    remote.hears_nothing();
    assert_eq!(remote.host.peer(id).unwrap().state(), PeerState::Connecting);
    assert_eq!(remote.host.poll_timeout(), None);

    remote.host.peer_mut(id).unwrap().release();
    remote.mark();
    assert_eq!(remote.host.peer(id).unwrap().stats().in_flight, 1);
    // The clock of its attempts starts with the release.
    assert_eq!(remote.wait_for_event(), 31_500);
}

#[test]
fn a_held_connect_takes_its_slot() {
    let mut remote = Crafted::stranger_with(|config| config.peers = PeerLimit::MIN);
    let options = ConnectOptions { hold: true, ..ConnectOptions::default() };
    remote.host.connect(remote.address, options).unwrap();
    assert_eq!(remote.host.connect(remote.address, options), Err(ConnectError::NoFreeSlot { limit: 1 }));
}

#[test]
fn a_connect_can_be_given_up_earlier() {
    let mut pair = Pair::with()
        .connecting(|options| {
            options.timeout = Some(Timeouts { limit: 4, minimum: ms(300), maximum: ms(2000) });
        })
        .strangers();
    pair.cut();
    pair.connect();
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    // §9.5: at 500 the age is 500 and 2^0 < 4; at 1500 2^1 < 4; at 3500 the maximum is passed.
    assert_eq!(pair.times_of(Client, CommandKind::Connect), [0, 500, 1500]);
    assert_eq!(took, ms(3500));
}

#[test]
fn the_timeouts_of_a_connect_stay_in_force() {
    let timeouts = Timeouts { limit: 4, minimum: ms(300), maximum: ms(2000) };
    let mut pair = Pair::with().connecting(|options| options.timeout = Some(timeouts)).connected();
    assert_eq!(pair.client.peer().timeouts(), timeouts);
    pair.cut();
    pair.client.send(0, Packet::reliable("a"));
    pair.server.send(0, Packet::reliable("b"));
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    assert!(took < ms(2000), "{took:?}");
    let took = pair.run_until(|pair| pair.server.state() == PeerState::Disconnected);
    assert!(took > ms(3000), "{took:?}: the server has the usual ones");
}

#[test]
fn connect_options_travel_to_the_server() {
    let id = ConnectId(*b"mine");
    let mut pair = Pair::with()
        .connecting(|options| {
            options.connect_id = Some(id);
            options.data = 4711;
            options.channels = ChannelLimit::new(9).unwrap();
        })
        .strangers();
    pair.connect();
    pair.run_until_quiet();
    let server_id = pair.server.id().unwrap();
    assert_eq!(pair.server.events(), [Event::Connected { peer: server_id, data: 4711 }]);
    assert_eq!((pair.server.peer().connect_id(), pair.client.peer().connect_id()), (id, id));
    assert_eq!((pair.server.peer().channels(), pair.client.peer().channels()), (9, 9));
}

#[test]
fn connect_ids_come_from_the_seed() {
    let ids = |seed: [u8; 32]| {
        let mut host = Host::new(HostConfig::new(seed));
        [0, 1].map(|_| {
            let id = host.connect(SocketAddr::from(HERE), ConnectOptions::default()).unwrap();
            host.peer(id).unwrap().connect_id()
        })
    };
    assert_eq!(ids([1; 32]), ids([1; 32]));
    assert_ne!(ids([1; 32]), ids([2; 32]));
    let [first, second] = ids([1; 32]);
    assert_ne!(first, second);
}

// ---- Host: time and readiness

#[test]
fn an_earlier_now_counts_as_the_latest_one_given() {
    let mut remote = Crafted::client();
    let latest = remote.host.now();
    assert_eq!(latest, remote.now);
    remote.host.handle_timeout(Instant::ZERO);
    remote.host.handle_datagram(Instant::from_millis(5), Datagram::new(remote.address, &[]));
    assert_eq!(remote.host.poll_transmit(Instant::from_millis(9), &mut Vec::new(), NonZeroUsize::MIN), None);
    assert_eq!(remote.host.now(), latest);
}

#[test]
fn poll_timeout_names_the_next_deadline_and_nothing_is_pending_before_it() {
    let mut remote = Crafted::client();
    // The idle ping, 500 ms after the last acknowledgement
    assert_eq!(remote.host.poll_timeout(), Some(remote.now + ms(500)));
    assert!(!remote.host.has_pending_transmit());
    remote.host_sends(0, Packet::reliable("a"));
    assert!(remote.host.has_pending_transmit());
    remote.hears(&[reliable(0, 1, b"a")]);
    assert_eq!(remote.host.poll_timeout(), Some(remote.now + ms(30)));
}

#[test]
fn a_host_that_knows_nobody_waits_for_nothing() {
    let mut host = Host::new(HostConfig::new([1; 32]));
    assert_eq!(host.poll_timeout(), None);
    assert_eq!(host.poll_event(), None);
    assert!(!host.has_pending_transmit());
    assert_eq!((host.peers().count(), host.connected_peers()), (0, 0));
    host.check_invariants();
}

#[test]
fn poll_transmit_appends_to_the_callers_buffer() {
    let mut remote = Crafted::client();
    remote.says(&[ping(2)]);
    let mut out = vec![0xee; 3];
    let transmit = remote.host.poll_transmit(remote.now, &mut out, NonZeroUsize::MIN).unwrap();
    assert_eq!((transmit.to, transmit.len, transmit.segment), (remote.address, 10, None));
    assert_eq!((&out[..3], out.len()), (&[0xee; 3][..], 13));
}

// ---- Host: statistics

#[test]
fn a_hosts_totals_count_datagrams_and_bytes_both_ways() {
    let mut pair = Pair::strangers();
    pair.connect();
    pair.run_until_quiet();
    let (client, server) = (pair.client.host.stats(), pair.server.host.stats());
    // §20: CONNECT 4 + 48 and ACK + PING 16; VERIFY_CONNECT 4 + 44 and ACK 10
    assert_eq!((client.datagrams_sent, client.bytes_sent), (2, 52 + 16));
    assert_eq!((server.datagrams_sent, server.bytes_sent), (2, 48 + 10));
    assert_eq!((client.datagrams_received, client.bytes_received), (2, 58));
    assert_eq!((server.datagrams_received, server.bytes_received), (2, 68));
    assert_eq!(client.discarded.total(), 0);
}

#[test]
fn what_is_discarded_is_counted_by_reason() {
    let mut remote = Crafted::client();
    remote.utters(b"x");
    remote.utters(b"y");
    remote.says(&[reliable(9, 1, b"z")]);
    let discarded = remote.host.stats().discarded;
    assert_eq!(discarded.get(DiscardReason::Truncated), 2);
    assert_eq!(discarded.get(DiscardReason::NoSuchChannel), 1);
    assert_eq!(discarded.total(), 3);
    assert_eq!(discarded.iter().map(|(_, count)| count).sum::<u64>(), 3);
}

// ---- Peer: looking at it

#[test]
fn a_peer_shows_what_was_agreed() {
    let remote = Crafted::client();
    let peer = remote.peer();
    assert_eq!(
        (peer.id(), peer.address(), peer.state()),
        (remote.id.unwrap(), SocketAddr::from(HERE), PeerState::Connected)
    );
    assert_eq!((peer.channels(), peer.mtu(), peer.connect_id()), (2, 1392, ConnectId(CONNECT_ID)));
    assert_eq!((peer.rtt(), peer.rtt_variance(), peer.throttle_baseline_rtt()), (ms(10), ms(5), ms(10)));
    assert_eq!((peer.ping_interval(), peer.user_value()), (ms(500), 0));
    assert_eq!(peer.timeouts(), Timeouts { limit: 32, minimum: ms(5000), maximum: ms(30_000) });
}

#[test]
fn a_channel_shows_its_counters_and_one_that_does_not_exist_shows_none() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("r"));
    remote.host_sends(0, Packet::unreliable("u"));
    remote.says(&[reliable(0, 1, b"r"), reliable(0, 2, b"r"), unreliable(0, 2, 3, b"u")]);
    let expected = (2, 3, 1, 1);
    let shown = remote.peer().channel(0).unwrap();
    let ChannelStats {
        incoming_reliable, incoming_unreliable, outgoing_reliable, outgoing_unreliable, ..
    } = shown;
    assert_eq!((incoming_reliable, incoming_unreliable, outgoing_reliable, outgoing_unreliable), expected);
    assert_eq!(remote.peer().channel(1), Some(ChannelStats::default()));
    assert_eq!(remote.peer().channel(2), None);
    assert_eq!(remote.peer().channel(255), None);
}

#[test]
fn a_peers_numbers_follow_what_is_queued_in_flight_and_owed() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("abc"));
    remote.host_sends(0, Packet::unreliable("u"));
    remote.says(&[ping(2)]);
    let counted = |remote: &Crafted| {
        let stats = remote.stats();
        (stats.queued, stats.in_flight, stats.acknowledgements_owed, stats.reliable_data_in_transit)
    };
    assert_eq!(counted(&remote), (2, 0, 1, 0));
    remote.heard();
    assert_eq!(counted(&remote), (0, 1, 0, 3));
    remote.says(&[acknowledge(0, 1, remote.clock())]);
    assert_eq!(counted(&remote), (0, 0, 0, 0));
}

// ---- Peer: giving it orders

#[test]
fn every_refused_packet_comes_back_with_the_reason() {
    let mut remote = Crafted::client_with(|config| config.max_packet_size = 10);
    let refuse = |remote: &mut Crafted, channel: u8, packet: Packet| {
        let error = remote.peer_mut().send(channel, packet.clone()).unwrap_err();
        assert_eq!(error.packet, packet);
        error.reason
    };
    let small = Packet::new(Delivery::Unsequenced, "small");
    let large = Packet::reliable(vec![1; 11]);
    assert_eq!(refuse(&mut remote, 2, small.clone()), SendErrorReason::NoSuchChannel { channels: 2 });
    assert_eq!(refuse(&mut remote, 255, small.clone()), SendErrorReason::NoSuchChannel { channels: 2 });
    assert_eq!(refuse(&mut remote, 0, large), SendErrorReason::TooLarge { max: 10 });
    remote.peer_mut().disconnect(0);
    assert_eq!(refuse(&mut remote, 0, small.clone()), SendErrorReason::NotConnected);

    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    assert_eq!(refuse(&mut remote, 0, small), SendErrorReason::NotConnected);
}

#[test]
fn ping_is_sent_when_connected_and_only_then() {
    let mut remote = Crafted::client();
    assert!(remote.peer_mut().ping());
    remote.hears(&[ping(2)]);
    remote.peer_mut().disconnect(0);
    remote.heard();
    // §18.4
    assert!(!remote.peer_mut().ping());
    remote.hears_nothing();
}

#[test]
fn a_seeded_round_trip_time_sets_the_first_timeout() {
    let mut remote = Crafted::client_with(stock);
    remote.peer_mut().set_round_trip_time(ms(100));
    assert_eq!(remote.peer().rtt(), ms(100));
    remote.host_sends(0, Packet::reliable("a"));
    remote.wait(200);
    // 100 + 4 · 5
    assert_eq!(remote.times_of(&reliable(0, 1, b"a")), [0, 120]);
    remote.peer_mut().set_round_trip_time(ms(0));
    assert_eq!(remote.peer().rtt(), ms(1), "a round trip takes 1 ms at least");
}

#[test]
fn a_seeded_baseline_decides_what_the_throttle_takes_for_slow() {
    let mut remote = Crafted::client_with(stock);
    remote.peer_mut().set_throttle_baseline_rtt(ms(100));
    assert_eq!(remote.peer().throttle_baseline_rtt(), ms(100));
    remote.says(&[acknowledge(0, 9, remote.clock_before(110))]);
    assert_eq!(remote.stats().throttle, 32);
    remote.says(&[acknowledge(0, 9, remote.clock_before(111))]);
    assert_eq!(remote.stats().throttle, 30);
}

#[test]
fn set_throttle_reaches_the_remote() {
    let mut pair = Pair::with().both(stock).connected();
    pair.client.peer_mut().set_throttle(ThrottleSettings {
        interval: ms(5000),
        acceleration: 2,
        deceleration: 32,
    });
    pair.run_until_quiet();
    assert_eq!(pair.times_of(Client, CommandKind::ThrottleConfigure), [0]);
    // One slow acknowledgement now shuts the server's throttle, too.
    pair.set_delay(ms(200));
    pair.server.send(0, Packet::reliable("slow"));
    pair.run_until_quiet();
    assert_eq!(pair.server.stats().throttle, 0);
}

#[test]
fn the_users_value_comes_back_with_the_end() {
    let mut remote = Crafted::client();
    remote.peer_mut().set_user_value(0xdead_beef_0000_0001);
    assert_eq!(remote.peer().user_value(), 0xdead_beef_0000_0001);
    remote.says(&[disconnect_now(2, 8)]);
    let expected = Event::Disconnected {
        peer: remote.id.unwrap(),
        reason: DisconnectReason::Remote,
        data: 8,
        address: remote.address,
        user_value: 0xdead_beef_0000_0001,
        undelivered: enet_proto::Undelivered::default(),
    };
    assert_eq!(remote.events(), [expected]);
}

#[test]
fn peer_mut_shows_what_peer_shows() {
    let mut remote = Crafted::client();
    let id = remote.id;
    assert_eq!(remote.peer_mut().view().map(|peer| peer.id()), id);
}

#[test]
fn release_of_a_connection_that_was_not_held_does_nothing() {
    let mut remote = Crafted::client();
    remote.peer_mut().release();
    remote.hears_nothing();
    assert_eq!(remote.state(), PeerState::Connected);
}

// ---- Checksums of your own

#[test]
fn a_custom_checksum_stands_on_the_wire_as_it_is_returned() {
    const LENGTH: Checksum = Checksum::custom(|parts| {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        u32::try_from(length).unwrap_or(0).to_le_bytes()
    });
    let mut remote = Crafted::client_with(|config| config.checksum = Some(LENGTH));
    remote.says(&[ping(2)]);
    // peer 0; 2 bytes of header, 4 of seed, 8 of ACK; control#2
    assert_eq!(remote.heard()[0].bytes[..10], [0, 0, 14, 0, 0, 0, 1, 0xff, 0, 2]);

    let mut pair = Pair::with().both(|config| config.checksum = Some(LENGTH)).connected();
    pair.client.send(0, Packet::reliable("works"));
    pair.run_until_quiet();
    assert_eq!(pair.server.texts(), ["works"]);
    assert_eq!(pair.end(Server).host.stats().discarded.total(), 0);
}
