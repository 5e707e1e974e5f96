//! How connections begin at a server that decides as C does: what it makes of a CONNECT, sessions, and the last step
//! (PROTOCOL.md §6.2, §6.4, §6.6, §6.8). `proof.rs` has what `Profile::Modern` does.

mod common;

use std::net::SocketAddr;
use std::num::NonZeroU32;

use common::{CONNECT_ID, Crafted, HERE, grant, ms, stock, two_channels, verify_connect};
use enet_proto::{
    ChannelLimit, ConnectId, DiscardReason, DisconnectReason, Event, HostConfig, Mtu, PeerLimit, PeerState,
};
use enet_testkit::commands::{acknowledge, connect, disconnect, ping, reliable};
use enet_testkit::pair::{Client, Pair, Server};
use enet_wire::{CommandKind, Connect, Header, Session, ThrottleConfigure};

const OTHER_ID: ConnectId = ConnectId([0, 0, 0, 9]);

// ---- Who is let in (§6.2 steps 1–3)

#[test]
fn a_connect_is_answered_by_verify_connect_and_never_by_an_acknowledgement() {
    let mut remote = Crafted::stranger();
    remote.says(&[connect(two_channels())]);
    // §6
    remote.hears(&[verify_connect(&grant(&two_channels()))]);
    assert_eq!(remote.host.peer_at(0).unwrap().state(), PeerState::AcknowledgingConnect);
    assert_eq!(remote.events(), []);
}

#[test]
fn a_connect_for_no_channels_or_more_than_255_is_ignored() {
    for channel_count in [0, 256, u32::MAX] {
        let mut remote = Crafted::stranger();
        let odd = connect(Connect { channel_count, ..two_channels() });
        // §6.2 step 1
        assert_eq!(remote.is_refused(&[odd]), Some(DiscardReason::BadConnect), "{channel_count}");
    }
}

#[test]
fn a_connect_that_repeats_one_from_the_same_address_is_ignored() {
    let mut remote = Crafted::stranger();
    remote.says(&[connect(two_channels())]);
    // §6.2 step 2, §6.8
    assert_eq!(remote.is_refused(&[connect(two_channels())]), Some(DiscardReason::DuplicateConnect));
}

#[test]
fn a_repeated_connect_is_ignored_in_a_connected_slot_too() {
    let mut remote = Crafted::client();
    remote.header = Header::default();
    // §6.8
    assert_eq!(remote.is_refused(&[connect(two_channels())]), Some(DiscardReason::DuplicateConnect));
}

#[test]
fn the_same_connect_from_another_port_is_another_peer() {
    let mut remote = Crafted::client();
    remote.address.set_port(4001);
    // §6.2 step 2: a duplicate has the same IP, port and connectID.
    assert_eq!(remote.knocks(two_channels()).unwrap().outgoing_peer, 1);
}

#[test]
fn a_restarted_client_gets_another_slot_and_its_old_one_times_out() {
    let mut remote = Crafted::client_with(stock);
    let old = remote.id.unwrap();
    remote.joins(Connect { connect_id: OTHER_ID, ..two_channels() });
    assert_eq!((remote.id.unwrap().slot(), remote.host.connected_peers()), (1, 2));
    // §6.8: the stale slot lingers until it times out.
    remote.wait_for_event();
    let events = remote.events();
    assert!(
        matches!(events[..], [Event::Disconnected { peer, reason: DisconnectReason::TimedOut, .. }] if peer == old),
        "{events:?}"
    );
}

#[test]
fn a_full_host_ignores_connects() {
    let mut remote = Crafted::client_with(|config| config.peers = PeerLimit::new(1).unwrap());
    remote.header = Header::default();
    remote.address.set_port(4001);
    // §6.2 step 3
    assert_eq!(remote.is_refused(&[connect(two_channels())]), Some(DiscardReason::HostFull));
}

#[test]
fn an_ip_address_gets_no_more_slots_than_allowed() {
    let mut remote = Crafted::client_with(|config| config.max_peers_per_ip = Some(1));
    remote.header = Header::default();
    let again = connect(Connect { connect_id: OTHER_ID, ..two_channels() });
    // §6.2 step 3, from any port of that address
    assert_eq!(remote.is_refused(&[again]), Some(DiscardReason::TooManyFromAddress));
    remote.address.set_port(4001);
    assert_eq!(remote.is_refused(&[again]), Some(DiscardReason::TooManyFromAddress));
    remote.address = SocketAddr::from(([192, 0, 2, 2], 4000));
    assert!(remote.knocks(two_channels()).is_some());
}

/// Whoever has a line or rents a machine has that many addresses.
#[test]
fn of_ipv6_addresses_one_64_counts_as_one() {
    let mut remote = Crafted::stranger_with(|config| config.max_peers_per_ip = Some(1));
    let from = |address: &str| SocketAddr::new(address.parse().unwrap(), 4000);
    remote.address = from("2001:db8:0:7::1");
    remote.joins(two_channels());
    remote.header = Header::default();
    let again = connect(Connect { connect_id: OTHER_ID, ..two_channels() });
    remote.address = from("2001:db8:0:7:ffff::2");
    assert_eq!(remote.is_refused(&[again]), Some(DiscardReason::TooManyFromAddress));
    remote.address = from("2001:db8:0:8::1");
    assert!(remote.knocks(Connect { connect_id: OTHER_ID, ..two_channels() }).is_some());
}

#[test]
fn a_limit_of_no_peer_an_address_refuses_everyone() {
    let mut remote = Crafted::stranger_with(|config| config.max_peers_per_ip = Some(0));
    // §6.2 step 3
    assert_eq!(remote.is_refused(&[connect(two_channels())]), Some(DiscardReason::TooManyFromAddress));
}

#[test]
fn a_zombie_counts_against_its_address_until_its_event_is_fetched() {
    let mut remote = Crafted::client_with(|config| config.max_peers_per_ip = Some(1));
    remote.says(&[disconnect(2, 0)]);
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
    assert_eq!(remote.state(), PeerState::Zombie);
    // §6.2 step 2
    assert_eq!(remote.knocks(Connect { connect_id: OTHER_ID, ..two_channels() }), None);
    remote.events();
    assert!(remote.knocks(Connect { connect_id: OTHER_ID, ..two_channels() }).is_some());
}

#[test]
fn an_attempt_of_our_own_does_not_count_against_its_address() {
    let mut remote = Crafted::stranger_with(|config| config.max_peers_per_ip = Some(1));
    remote.is_connected_to();
    remote.asked();
    // §6.2 step 2: neither DISCONNECTED nor CONNECTING slots are looked at.
    assert!(remote.knocks(two_channels()).is_some());
}

#[test]
fn a_connect_needs_no_time_of_sending() {
    let mut remote = Crafted::stranger();
    remote.says_without_time(&[connect(two_channels())]);
    // §6.2
    remote.hears(&[verify_connect(&grant(&two_channels()))]);
}

#[test]
fn behind_an_ignored_connect_an_acceptable_one_is_lost() {
    let mut remote = Crafted::stranger();
    let odd = connect(Connect { channel_count: 0, ..two_channels() });
    // §6.2: ignored is a bad command for its datagram.
    assert_eq!(remote.is_refused(&[odd, connect(two_channels())]), Some(DiscardReason::BadConnect));
}

// ---- What is granted (§6.2 steps 4–10)

#[test]
fn no_more_channels_are_granted_than_the_hosts_limit() {
    let mut remote = Crafted::stranger_with(|config| config.channels = ChannelLimit::new(5).unwrap());
    // §20, last capture: 10 channels against limit 5
    let granted = remote.knocks(Connect { channel_count: 10, ..two_channels() }).unwrap();
    assert_eq!(granted.channel_count, 5);
    assert_eq!(remote.host.peer_at(0).unwrap().channels(), 5);
}

#[test]
fn the_mtu_granted_is_the_smaller_one_within_the_protocols_bounds() {
    let ours = |mtu: u16| move |config: &mut HostConfig| config.mtu = Mtu::new(mtu).unwrap();
    // §6.2 step 7
    for (host, asked, granted) in
        [(1392, 1400, 1392), (1392, 1000, 1000), (1392, 0, 576), (4096, 100_000, 4096), (576, 1392, 576)]
    {
        let mut remote = Crafted::stranger_with(ours(host));
        assert_eq!(remote.knocks(Connect { mtu: asked, ..two_channels() }).unwrap().mtu, granted);
        assert_eq!(u32::from(remote.host.peer_at(0).unwrap().mtu()), granted);
    }
}

#[test]
fn windows_follow_both_ends_bandwidths() {
    // §6.2: hostIn, hostOut, CONNECT.in, CONNECT.window → VERIFY.window, server window
    let recorded = [
        ((0, 0, 0, 65_536), (65_536, 65_536)),
        ((0, 0, 131_072, 65_536), (65_536, 8_192)),
        ((131_072, 262_144, 0, 65_536), (8_192, 16_384)),
        ((131_072, 262_144, 0, 4_096), (4_096, 16_384)),
        ((60_000, 60_000, 60_000, 65_536), (4_096, 4_096)),
        ((2_000_000, 3_000_000, 1_000_000, 65_536), (65_536, 61_440)),
        ((0, 0, 0, 0), (4_096, 65_536)),
    ];
    for ((host_in, host_out, incoming_bandwidth, window_size), (granted, own)) in recorded {
        let mut remote = Crafted::stranger_with(|config| {
            config.incoming_bandwidth = NonZeroU32::new(host_in);
            config.outgoing_bandwidth = NonZeroU32::new(host_out);
        });
        let verify = remote.knocks(Connect { incoming_bandwidth, window_size, ..two_channels() }).unwrap();
        let stats = remote.host.peer_at(0).unwrap().stats();
        assert_eq!((verify.window_size, stats.window_size), (granted, own));
        assert_eq!((verify.incoming_bandwidth, verify.outgoing_bandwidth), (host_in, host_out));
    }
}

#[test]
fn throttle_and_connect_id_are_echoed_and_the_remotes_limits_remembered() {
    let mut remote = Crafted::stranger();
    let throttle = ThrottleConfigure { interval: 0, acceleration: u32::MAX, deceleration: 7 };
    let asked =
        Connect { throttle, incoming_bandwidth: 10, outgoing_bandwidth: 20, data: 5, ..two_channels() };
    let granted = remote.knocks(asked).unwrap();
    // §6.2 step 10
    assert_eq!((granted.throttle, granted.connect_id), (throttle, ConnectId(CONNECT_ID)));
    let peer = remote.host.peer_at(0).unwrap();
    assert_eq!(peer.connect_id(), ConnectId(CONNECT_ID));
    assert_eq!((peer.stats().incoming_bandwidth, peer.stats().outgoing_bandwidth), (10, 20));
}

#[test]
fn replies_carry_the_slot_the_connect_named() {
    let mut remote = Crafted::stranger();
    remote.says(&[connect(Connect { outgoing_peer: 0x0abc, ..two_channels() })]);
    // §2.3: outgoingPeerID is what replies must carry. 8abc = sentTime | session 0 | peer 0xabc
    assert_eq!(remote.heard()[0].bytes[..2], [0x8a, 0xbc]);
}

// ---- Sessions (§6.4)

#[test]
fn sessions_follow_the_recorded_sequence() {
    let mut remote = Crafted::stranger();
    // §6.4: CONNECT(in, out) → VERIFY(in, out), one connection after the other in slot 0
    let recorded = [
        ((255, 0), (0, 1)),
        ((0, 1), (1, 2)),
        ((1, 2), (2, 3)),
        ((2, 3), (3, 0)),
        ((3, 7), (0, 1)),
        ((7, 255), (1, 2)),
    ];
    for ((incoming_session, outgoing_session), expected) in recorded {
        let granted =
            remote.knocks(Connect { incoming_session, outgoing_session, ..two_channels() }).unwrap();
        assert_eq!((granted.incoming_session, granted.outgoing_session), expected);
        remote.adopts(&granted);
        remote.peer_mut().reset();
    }
}

#[test]
fn reconnecting_on_the_same_slots_counts_sessions_round() {
    let mut pair = Pair::strangers();
    for session in [0, 1, 2, 3, 0, 1] {
        pair.mark();
        pair.connect();
        pair.run_until(|pair| pair.client.state() == PeerState::Connected);
        pair.run_until_quiet();
        // §6.4: both directions carry the same number, once the receiver's slot is known.
        let known = |sent: &&enet_testkit::pair::Sent| !sent.carries(CommandKind::Connect);
        let sessions: Vec<u8> = pair
            .log()
            .iter()
            .filter(known)
            .map(|sent| sent.opened.as_ref().unwrap().header.session.get())
            .collect();
        assert_eq!(sessions, [session; 3]);
        pair.client.disconnect_now(0);
        pair.run_until(|pair| pair.server.state() == PeerState::Disconnected);
    }
}

#[test]
fn a_datagram_of_another_session_is_dropped() {
    let mut remote = Crafted::client();
    for wrong in [1, 2, 3] {
        remote.header.session = Session::new(wrong).unwrap();
        // §6.4
        assert_eq!(remote.is_refused(&[ping(2)]), Some(DiscardReason::WrongSession));
    }
    remote.header.session = Session::new(0).unwrap();
    remote.says(&[ping(2)]);
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
}

#[test]
fn a_connecting_client_checks_no_session() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    let asked = remote.asked();
    remote.header.session = Session::new(3).unwrap();
    remote.says(&[verify_connect(&grant(&asked))]);
    // §6.4: it does not know the remote slot yet.
    assert_eq!(remote.state(), PeerState::Connected);
}

// ---- The last step (§6.6)

#[test]
fn the_acknowledgement_of_verify_connect_completes_the_connection() {
    let mut remote = Crafted::stranger();
    let sent = remote.clock();
    let granted = remote.knocks(Connect { data: 99, ..two_channels() }).unwrap();
    remote.adopts(&granted);
    assert_eq!(remote.host.connected_peers(), 0);
    remote.says(&[acknowledge(0xff, 1, sent)]);
    assert_eq!(remote.state(), PeerState::Connected);
    assert_eq!(remote.host.connected_peers(), 1);
    assert_eq!(remote.events(), [Event::Connected { peer: remote.id.unwrap(), data: 99 }]);
}

#[test]
fn any_other_acknowledgement_is_unexpected_before_that() {
    let mut remote = Crafted::stranger();
    let sent = remote.clock();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    remote.says(&[acknowledge(0xff, 2, sent), acknowledge(0xff, 1, sent)]);
    // §6.6: a parse error, so the right one behind it is not read.
    assert_eq!(remote.state(), PeerState::AcknowledgingConnect);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::UnexpectedCommand), 1);
}

#[test]
fn what_comes_before_that_is_refused_and_not_acknowledged() {
    use enet_testkit::commands::{bandwidth_limit, throttle_configure, unreliable, unsequenced};
    let mut remote = Crafted::stranger();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    let throttle = granted.throttle;
    // §6.6, §7
    for early in [
        ping(2),
        reliable(0, 1, b"a"),
        unreliable(0, 0, 1, b"a"),
        unsequenced(0, 1, b"a"),
        bandwidth_limit(2, 1, 1),
        throttle_configure(2, throttle),
    ] {
        assert_eq!(remote.is_refused(&[early]), Some(DiscardReason::UnexpectedCommand), "{:?}", early.kind());
    }
}

#[test]
fn data_may_follow_the_acknowledgement_in_the_same_datagram() {
    let mut remote = Crafted::stranger();
    let sent = remote.clock();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    remote.says(&[acknowledge(0xff, 1, sent), reliable(0, 1, b"early")]);
    // §17.1 item 8
    remote.hears(&[acknowledge(0, 1, sent)]);
    assert_eq!(remote.events().len(), 2);
}

#[test]
fn an_unacknowledged_verify_connect_is_repeated_and_its_slot_freed_silently_after_31_500_ms() {
    let mut remote = Crafted::stranger();
    remote.says(&[connect(two_channels())]);
    remote.wait(31_499);
    assert!(remote.host.peer_at(0).is_some());
    remote.wait(1);
    // §6.6
    assert!(remote.host.peer_at(0).is_none());
    let verify = verify_connect(&grant(&two_channels()));
    assert_eq!(remote.times_of(&verify), [0, 500, 1500, 3500, 7500, 15_500]);
    assert_eq!(remote.events(), []);
}

#[test]
fn a_lost_verify_connect_delays_the_connection_by_500_ms() {
    let mut pair = Pair::strangers();
    pair.lose_next(Server, 1);
    pair.connect();
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Connected);
    // §6.1, §6.8: at 500 the CONNECT repeated is ignored as a duplicate; the VERIFY_CONNECT repeated comes at 510 + 10.
    assert_eq!(took, ms(520));
    assert_eq!(pair.times_of(Client, CommandKind::Connect), [0, 500]);
    assert_eq!(pair.times_of(Server, CommandKind::VerifyConnect), [10, 510]);
    assert_eq!(pair.server.host.stats().discarded.get(DiscardReason::DuplicateConnect), 1);
}

#[test]
fn two_hosts_may_connect_to_each_other_at_the_same_time() {
    let mut pair = Pair::strangers();
    pair.connect();
    let to = pair.client.address;
    pair.server.connect(to, enet_proto::ConnectOptions::default());
    pair.run_for(ms(100));
    // §6.2 step 2: CONNECTING slots are no duplicates, so two connections come about.
    assert_eq!((pair.client.host.connected_peers(), pair.server.host.connected_peers()), (2, 2));
}

#[test]
fn a_slot_s_address_is_where_its_connect_came_from() {
    let mut remote = Crafted::client();
    assert_eq!(remote.peer().address(), SocketAddr::from(HERE));
    remote.host_sends(0, enet_proto::Packet::reliable("a"));
    // §6.2 step 5
    assert_eq!(remote.heard()[0].to, SocketAddr::from(HERE));
}
