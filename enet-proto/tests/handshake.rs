//! How connections begin: CONNECT and what the client makes of the answer (PROTOCOL.md §6).

mod common;

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};

use common::{CONNECT_ID, Crafted, START, grant, ms, two_channels, verify_connect};
use enet_proto::{
    ChannelLimit, ConnectError, ConnectId, ConnectOptions, Datagram, DiscardReason, DisconnectReason, Event,
    Host, HostConfig, Instant, Mtu, Packet, PeerLimit, PeerState,
};
use enet_testkit::commands::{acknowledge, bandwidth_limit, connect, ping, reliable};
use enet_testkit::hex;
use enet_testkit::pair::{Client, Pair, Server};
use enet_wire::{Body, Command, CommandKind, Connect, ThrottleConfigure, VerifyConnect};

// ---- The exchange (§6, §6.7)

#[test]
fn the_handshake_is_byte_for_byte_that_of_the_c_library() {
    let mut pair = Pair::with()
        .delay(ms(7))
        .connecting(|options| {
            options.data = 0xdead_beef;
            options.connect_id = Some(ConnectId(CONNECT_ID));
        })
        .strangers();
    pair.connect();
    pair.run_for(ms(1));
    pair.set_delay(ms(5));
    pair.run_for(ms(7));
    pair.set_delay(ms(6));
    pair.run_for(ms(7));
    pair.set_delay(ms(4));
    pair.run_for(ms(7));
    pair.set_delay(ms(20));
    pair.run_for(ms(500));

    // §20, the first capture: the clock starts at 0x000f_4240.
    let expected = [
        // +0: sentTime | peer 0xFFF, 4240; CONNECT control#1; slot 0, sessions ff ff; mtu 1392; window 65536;
        // 2 channels; bandwidths 0 0; throttle 5000 2 2; connectID; data
        "8fff4240 82ff0001 0000ffff 00000570 00010000 00000002 00000000 00000000 00001388 00000002 00000002 22c1284a deadbeef",
        // +7: sentTime | peer 0, 4247; VERIFY_CONNECT control#1; slot 0, sessions 0 0; the rest as asked
        "80004247 83ff0001 00000000 00000570 00010000 00000002 00000000 00000000 00001388 00000002 00000002 22c1284a",
        // +12: sentTime | peer 0, 424c; ACK control#1 echo 4247; PING control#2
        "8000424c 01ff000100014247 85ff0002",
        // +18: peer 0; ACK control#2 echo 424c
        "0000 01ff00020002424c",
        // +522: sentTime | peer 0, 444a; PING control#3, 500 ms after that ACK came
        "8000444a 85ff0003",
    ];
    let captured = pair.log().iter().filter(|sent| sent.from == Client || sent.at < ms(100));
    let sent: Vec<String> = captured.map(|sent| hex::encode(&sent.bytes)).collect();
    assert_eq!(sent, expected.map(|datagram| datagram.replace(' ', "")));
}

#[test]
fn both_ends_hear_of_the_connection_and_the_server_of_the_clients_data() {
    let mut pair = Pair::with().connecting(|options| options.data = 77).strangers();
    let id = pair.connect();
    pair.run_until_quiet();
    assert_eq!(pair.client.events(), [Event::Connected { peer: id, data: 0 }]);
    let server_id = pair.server.id().unwrap();
    assert_eq!(pair.server.events(), [Event::Connected { peer: server_id, data: 77 }]);
}

#[test]
fn the_first_ping_shares_a_datagram_with_the_acknowledgement_of_verify_connect() {
    let mut pair = Pair::strangers();
    pair.connect();
    pair.run_until_quiet();
    // §6.7: one 16-byte datagram.
    let second = pair.sent_by(Client).nth(1).unwrap();
    assert_eq!(second.bytes.len(), 16);
    let kinds: Vec<CommandKind> = second.commands().map(|command| command.kind()).collect();
    assert_eq!(kinds, [CommandKind::Acknowledge, CommandKind::Ping]);
}

#[test]
fn with_a_clock_below_the_ping_interval_the_first_ping_waits_until_it_reads_500() {
    let mut pair = Pair::with().starting_at(Instant::from_millis(100)).strangers();
    pair.connect();
    pair.run_for(ms(450));
    // §6.7: last_receive_time is still 0, so the clock itself is the silence.
    assert_eq!(pair.kinds_sent_by(Client)[1], [CommandKind::Acknowledge]);
    assert_eq!(pair.times_of(Client, CommandKind::Ping), [400]);
}

#[test]
fn each_side_announces_its_bandwidth_within_a_second_of_the_connect() {
    let mut pair = Pair::just_connected();
    pair.run_for(ms(1000));
    // §6.7
    assert_eq!(pair.times_of(Client, CommandKind::BandwidthLimit).len(), 1);
    assert_eq!(pair.times_of(Server, CommandKind::BandwidthLimit).len(), 1);
}

// ---- CONNECT (§6.1)

#[test]
fn a_client_asks_for_the_channels_it_wants_whatever_its_own_limit_for_others() {
    let mut remote = Crafted::stranger_with(|config| config.channels = ChannelLimit::new(3).unwrap());
    let channels = ChannelLimit::new(10).unwrap();
    remote.host.connect(remote.address, ConnectOptions { channels, ..ConnectOptions::default() }).unwrap();
    // §6.1 step 1
    assert_eq!(remote.asked().channel_count, 10);
    remote.host.connect(remote.address, ConnectOptions::default()).unwrap();
    assert_eq!(remote.asked().channel_count, 1, "who says nothing gets one");
}

/// A CONNECT names the slot that its answers are for.
#[test]
fn a_host_has_as_many_slots_as_it_was_told_from_1_to_4095() {
    for limit in [PeerLimit::MIN, PeerLimit::MAX] {
        let mut remote = Crafted::stranger_with(|config| config.peers = limit);
        for slot in 0..limit.get() {
            remote.host.connect(remote.address, ConnectOptions::default()).unwrap();
            assert_eq!(remote.asked().outgoing_peer, slot);
        }
        let refused = remote.host.connect(remote.address, ConnectOptions::default());
        assert_eq!(refused, Err(ConnectError::NoFreeSlot { limit: limit.get().into() }));
    }
}

/// C sends to it until it gives up, and nothing says why.
#[test]
fn nobody_is_at_port_0() {
    let mut remote = Crafted::stranger();
    let to = SocketAddr::from(([192, 0, 2, 1], 0));
    let refused = Err(ConnectError::NoPort { to });
    assert_eq!(remote.host.connect(to, ConnectOptions::default()), refused);
    assert_eq!(remote.host.connect_with_token(to, ConnectOptions::default(), "token"), refused);
    assert_eq!(remote.host.peers().count(), 0);
}

/// The defaults of `HostConfig` and `ConnectOptions`, as the other end sees them.
#[test]
fn a_hosts_defaults_show_on_the_wire() {
    let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
    let said = |host: &mut Host| {
        let mut bytes = Vec::new();
        host.poll_transmit(Instant::ZERO, &mut bytes, NonZeroUsize::MIN).expect("a datagram");
        bytes
    };
    let mut client = Host::new(HostConfig::new([1; 32]));
    client.connect(at(1), ConnectOptions::default()).unwrap();
    let bytes = said(&mut client);
    assert_eq!(bytes.len(), 52, "neither compressed nor with a checksum");
    let (Command { body: Body::Connect(asked), .. }, _) = Command::decode(&bytes[4..]).unwrap() else {
        panic!("{bytes:02x?}")
    };
    assert_eq!((asked.mtu, asked.window_size, asked.channel_count, asked.data), (1392, 65_536, 1, 0));
    assert_eq!((asked.incoming_bandwidth, asked.outgoing_bandwidth), (0, 0));
    assert_eq!(asked.throttle, ThrottleConfigure { interval: 5000, acceleration: 2, deceleration: 2 });

    let mut server = Host::new(HostConfig::new([2; 32]));
    let generous = connect(Connect { channel_count: 255, mtu: 4096, ..asked });
    let mut bytes = bytes[..4].to_vec();
    bytes.resize(52, 0);
    generous.encode(&mut bytes[4..]).unwrap();
    server.handle_datagram(Instant::ZERO, Datagram::new(at(2), &bytes));
    let answer = said(&mut server);
    let (Command { body: Body::VerifyConnect(granted), .. }, _) = Command::decode(&answer[4..]).unwrap()
    else {
        panic!("{answer:02x?}")
    };
    assert_eq!((granted.channel_count, granted.mtu, granted.window_size), (255, 1392, 65_536));

    for port in 2..=64 {
        client.connect(at(port), ConnectOptions::default()).unwrap();
    }
    let refused = client.connect(at(65), ConnectOptions::default());
    assert_eq!(refused, Err(ConnectError::NoFreeSlot { limit: 64 }));
}

#[test]
fn a_peer_is_connected_before_its_event_is_fetched() {
    for pair in [Pair::with(), Pair::with().modern()] {
        let mut pair = pair.strangers();
        pair.client.stop_fetching();
        pair.server.stop_fetching();
        pair.connect();
        pair.run_for(ms(100));
        for host in [&mut pair.client.host, &mut pair.server.host] {
            // In C it would be in one of the two states between until then.
            assert_eq!(host.peers().next().unwrap().state(), PeerState::Connected);
            assert!(host.has_pending_event());
        }
    }
}

#[test]
fn the_lowest_free_slot_is_used() {
    let mut remote = Crafted::stranger();
    let ids: Vec<_> = (0..3).map(|_| remote.is_connected_to()).collect();
    assert_eq!(ids.iter().map(|id| id.slot()).collect::<Vec<_>>(), [0, 1, 2]);
    remote.host.peer_mut(ids[1]).unwrap().reset();
    // §6.1 step 2
    assert_eq!(remote.is_connected_to().slot(), 1);
}

#[test]
fn a_host_without_a_free_slot_cannot_connect() {
    let mut remote = Crafted::stranger_with(|config| config.peers = PeerLimit::new(1).unwrap());
    remote.is_connected_to();
    // §6.1 step 2
    let second = remote.host.connect(remote.address, ConnectOptions::default());
    assert_eq!(second, Err(ConnectError::NoFreeSlot { limit: 1 }));
}

#[test]
fn the_window_asked_for_follows_the_own_upstream_limit() {
    // §6.1 step 4: ⌊bandwidth / 65536⌋ · 4096 within 4096…65536; the third is that of §20's capture.
    for (bandwidth, window) in
        [(0, 65_536), (60_000, 4_096), (500_000, 0x7000), (2_000_000, 65_536), (u32::MAX, 65_536)]
    {
        let limited = |config: &mut HostConfig| {
            config.outgoing_bandwidth = NonZeroU32::new(bandwidth);
        };
        let mut remote = Crafted::stranger_with(limited);
        remote.is_connected_to();
        assert_eq!(remote.asked().window_size, window, "for {bandwidth} bytes/s");
    }
}

#[test]
fn connect_states_the_own_limits_and_the_default_throttle() {
    let mut remote = Crafted::stranger_with(|config| {
        config.incoming_bandwidth = NonZeroU32::new(400_000);
        config.outgoing_bandwidth = NonZeroU32::new(500_000);
        config.mtu = Mtu::new(1200).unwrap();
    });
    remote.is_connected_to();
    // §6.1 step 5
    let expected = Connect {
        mtu: 1200,
        window_size: 0x7000,
        incoming_bandwidth: 400_000,
        outgoing_bandwidth: 500_000,
        throttle: ThrottleConfigure { interval: 5000, acceleration: 2, deceleration: 2 },
        ..two_channels()
    };
    assert_eq!(remote.asked(), expected);
}

#[test]
fn an_unanswered_connect_is_repeated_five_times_and_fails_after_31_500_ms() {
    let mut pair = Pair::strangers();
    pair.cut();
    let id = pair.connect();
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    // §6.1
    assert_eq!(pair.times_of(Client, CommandKind::Connect), [0, 500, 1500, 3500, 7500, 15_500]);
    assert_eq!(took, ms(31_500));
    let events = pair.client.events();
    assert!(
        matches!(events[..], [Event::Disconnected { peer, reason: DisconnectReason::ConnectTimedOut, data: 0, .. }] if peer == id),
        "{events:?}"
    );
}

#[test]
fn a_second_connection_on_a_slot_names_the_sessions_of_the_first() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    let asked = remote.asked();
    assert_eq!((asked.incoming_session, asked.outgoing_session), (0xff, 0xff));
    remote.says(&[verify_connect(&VerifyConnect {
        incoming_session: 2,
        outgoing_session: 1,
        ..grant(&asked)
    })]);
    remote.peer_mut().reset();
    remote.events();

    remote.is_connected_to();
    let asked = remote.asked();
    // §6.1 step 5, §6.3: incoming is what VERIFY_CONNECT called incoming.
    assert_eq!((asked.incoming_session, asked.outgoing_session), (2, 1));
}

// ---- VERIFY_CONNECT at the client (§6.3)

#[test]
fn the_client_takes_verify_connect_for_the_acknowledgement_of_its_connect() {
    let mut remote = Crafted::server();
    // §6: CONNECT is not in flight any more, so nothing is repeated; only an idle ping comes.
    assert_eq!(remote.stats().in_flight, 0);
    remote.wait(510);
    remote.hears(&[ping(3)]);
}

#[test]
fn a_client_whose_connect_is_acknowledged_hangs() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    let sent = remote.clock();
    remote.asked();
    remote.says(&[acknowledge(0xff, 1, sent)]);
    remote.wait(600_000);
    // §6: no retransmission, no ping, no timeout.
    remote.hears_nothing();
    assert_eq!(remote.state(), PeerState::Connecting);
    assert_eq!(remote.events(), []);
}

#[test]
fn under_modern_no_acknowledgement_means_anything_while_connecting() {
    let mut remote = Crafted::modern();
    remote.is_connected_to();
    let sent = remote.clock();
    remote.asked();
    remote.wait(10);
    // Late ones of the slot's former connection, or forged: docs/QUIRKS.md Q88, Q94.
    remote.says(&[acknowledge(0xff, 1, sent), acknowledge(0, 7, sent)]);
    remote.mark();
    remote.wait(600);
    let repeated: Vec<u64> = remote.heard().iter().map(|datagram| datagram.at).collect();
    assert_eq!(repeated, [490]);
    assert_eq!(remote.wait_for_event(), 30_890);
    assert_eq!(remote.endings(), [(DisconnectReason::ConnectTimedOut, 0)]);
}

#[test]
fn the_client_takes_the_smaller_of_what_it_asked_for_and_what_it_is_granted() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    let asked = remote.asked();
    remote.says(&[verify_connect(&VerifyConnect {
        mtu: 1000,
        window_size: 8192,
        channel_count: 1,
        incoming_bandwidth: 70_000,
        outgoing_bandwidth: 80_000,
        ..grant(&asked)
    })]);
    // §6.3
    assert_eq!((remote.peer().mtu(), remote.peer().channels()), (1000, 1));
    let stats = remote.stats();
    assert_eq!(stats.window_size, 8192);
    assert_eq!((stats.incoming_bandwidth, stats.outgoing_bandwidth), (70_000, 80_000));
}

#[test]
fn the_client_never_takes_more_than_it_asked_for() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    let asked = remote.asked();
    let generous = VerifyConnect { mtu: 4096, window_size: 1 << 20, channel_count: 255, ..grant(&asked) };
    remote.says(&[verify_connect(&generous)]);
    // §6.3
    assert_eq!((remote.peer().mtu(), remote.peer().channels()), (1392, 2));
    assert_eq!(remote.stats().window_size, 65_536);
}

#[test]
fn a_grant_below_the_protocols_minima_is_raised_to_them() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    let asked = remote.asked();
    remote.says(&[verify_connect(&VerifyConnect { mtu: 0, window_size: 0, ..grant(&asked) })]);
    // §6.3: clamp(VERIFY.mtu, 576, 4096), clamp(VERIFY.windowSize, 4096, 65536)
    assert_eq!(remote.peer().mtu(), 576);
    assert_eq!(remote.stats().window_size, 4096);
}

#[test]
fn an_answer_that_does_not_match_the_question_ends_the_attempt() {
    let fits = grant(&two_channels());
    let throttle = fits.throttle;
    let misfits = [
        ("channel count 0", VerifyConnect { channel_count: 0, ..fits }),
        ("channel count 256", VerifyConnect { channel_count: 256, ..fits }),
        ("interval", VerifyConnect { throttle: ThrottleConfigure { interval: 4999, ..throttle }, ..fits }),
        (
            "acceleration",
            VerifyConnect { throttle: ThrottleConfigure { acceleration: 3, ..throttle }, ..fits },
        ),
        (
            "deceleration",
            VerifyConnect { throttle: ThrottleConfigure { deceleration: 1, ..throttle }, ..fits },
        ),
        ("connect id", VerifyConnect { connect_id: ConnectId([0x22, 0xc1, 0x28, 0x4b]), ..fits }),
    ];
    for (what, misfit) in misfits {
        let mut remote = Crafted::stranger();
        remote.is_connected_to();
        remote.asked();
        remote.says(&[verify_connect(&misfit), verify_connect(&fits)]);
        // §6.3: ZOMBIE, the rest of the datagram is not read, and no ACK.
        assert_eq!(remote.state(), PeerState::Zombie, "{what}");
        assert_eq!(remote.host.stats().discarded.get(DiscardReason::BadVerify), 1, "{what}");
        remote.hears_nothing();
        assert_eq!(remote.endings(), [(DisconnectReason::HandshakeRejected, 0)], "{what}");
    }
}

#[test]
fn verify_connect_measures_nothing() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    let asked = remote.asked();
    remote.wait(100);
    remote.says(&[verify_connect(&grant(&asked))]);
    // §6.3: only ACKs update the round trip time.
    assert_eq!(remote.state(), PeerState::Connected);
    assert_eq!(remote.stats().round_trip_time, 500);
}

#[test]
fn a_repeated_verify_connect_is_acknowledged_and_changes_nothing() {
    let mut remote = Crafted::server();
    let other = VerifyConnect { mtu: 600, channel_count: 1, ..grant(&two_channels()) };
    remote.says(&[verify_connect(&other)]);
    // §6.3: in any state but CONNECTING it is ignored, and acked under the general rule.
    remote.hears(&[acknowledge(0xff, 1, remote.clock())]);
    assert_eq!((remote.peer().mtu(), remote.peer().channels()), (1392, 2));
    assert_eq!(remote.events(), []);
}

#[test]
fn data_behind_verify_connect_in_the_same_datagram_arrives() {
    let mut remote = Crafted::stranger();
    let id = remote.is_connected_to();
    let asked = remote.asked();
    remote.says(&[verify_connect(&grant(&asked)), reliable(0, 1, b"welcome")]);
    // §6.5: with events queued the state is CONNECTED at once.
    let events = remote.events();
    assert!(
        matches!(&events[..], [Event::Connected { peer, data: 0 }, Event::Received { packet, .. }]
            if *peer == id && *packet == Packet::reliable("welcome")),
        "{events:?}"
    );
}

#[test]
fn the_clients_round_trip_time_starts_with_its_first_acknowledgement() {
    let remote = Crafted::server();
    // §10.1: the first sample, of 10 ms: rtt = x, var = (x + 1) / 2.
    assert_eq!((remote.stats().round_trip_time, remote.stats().round_trip_time_variance), (10, 5));
    assert_eq!(remote.now.as_millis(), START);
}

#[test]
fn a_bandwidth_limit_may_follow_the_handshake_in_its_first_datagram() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    let asked = remote.asked();
    remote.says(&[verify_connect(&grant(&asked)), bandwidth_limit(2, 131_072, 0)]);
    // §11.4 overwrites what §6.3 had negotiated: 2 · 4096.
    assert_eq!(remote.stats().window_size, 8192);
    let echo = remote.clock();
    remote.hears(&[acknowledge(0xff, 1, echo), acknowledge(0xff, 2, echo), ping(2)]);
}
