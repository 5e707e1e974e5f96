//! Who is let in, who is refused and how they hear of it (docs/SECURITY.md).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use common::{Crafted, modern, two_channels};
use enet_proto::{
    AcceptError, Admission, Checksum, ConnectAttempt, ConnectId, DiscardReason, DisconnectReason, Event,
    HostConfig, PeerLimit, PeerState, RequestId,
};
use enet_testkit::commands::{acknowledge, connect, disconnect, disconnect_now, ping, reliable, unreliable};
use enet_testkit::pair::{Client, Pair, Server, ms};
use enet_wire::{Body, Command, Connect, Header};

fn with_id(id: u32) -> Connect {
    Connect { connect_id: ConnectId(id.to_be_bytes()), ..two_channels() }
}

fn asking(_: &ConnectAttempt) -> Admission {
    Admission::Ask
}

/// A remote whose host asks its application, and the request it made.
fn requested(change: impl FnOnce(&mut HostConfig)) -> (Crafted, RequestId) {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        change(config);
    });
    remote.host.set_admission(Some(Box::new(asking)));
    let granted = remote.knocks(Connect { data: 77, ..two_channels() }).unwrap();
    assert_eq!(remote.events(), []);
    remote.wait(10);
    remote.adopts(&granted);
    remote.says(&[remote.proof(), ping(2)]);
    let events = remote.events();
    let [Event::ConnectRequest { request, address, data: 77, token: None }] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(address, remote.address);
    (remote, request)
}

/// The disconnects that the host sends now: to whom, and what they say.
fn refusals(remote: &mut Crafted) -> Vec<(SocketAddr, u32)> {
    let heard = remote.heard();
    let of = |datagram: &common::Heard| match datagram.commands()[..] {
        [Command { acknowledge: false, unsequenced: true, body: Body::Disconnect { data }, .. }] => {
            Some((datagram.to, data))
        }
        _ => None,
    };
    heard.iter().filter_map(of).collect()
}

// ---- The policy

#[test]
fn the_policy_sees_address_and_data_once_for_each_attempt() {
    let mut remote = Crafted::modern();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let policy = move |attempt: &ConnectAttempt| {
        record.lock().unwrap().push((attempt.address, attempt.data, attempt.channels));
        Admission::Accept
    };
    remote.host.set_admission(Some(Box::new(policy)));
    for _ in 0..3 {
        remote.says(&[connect(Connect { data: 5, ..two_channels() })]);
    }
    assert_eq!(*seen.lock().unwrap(), [(remote.address, 5, 2)]);
    assert_eq!(remote.host.peers().count(), 0);
}

#[test]
fn who_is_refused_is_told_the_number_and_nothing_is_kept() {
    let mut remote = Crafted::modern();
    remote.host.set_admission(Some(Box::new(|_: &ConnectAttempt| Admission::Refuse(0xdead))));
    remote.header = Header::default();
    remote.says(&[connect(Connect { outgoing_peer: 9, ..two_channels() })]);
    let heard = remote.heard();
    assert_eq!((heard.len(), heard[0].header().peer.get(), heard[0].bytes.len()), (1, 9, 10));
    assert!(matches!(heard[0].commands()[0].body, Body::Disconnect { data: 0xdead }));
    let stats = remote.host.stats();
    assert_eq!((stats.half_open, stats.refusals_sent), (0, 1));
    assert_eq!(stats.discarded.get(DiscardReason::Refused), 1);
}

#[test]
fn who_is_ignored_hears_nothing() {
    let mut remote = Crafted::modern();
    remote.host.set_admission(Some(Box::new(|_: &ConnectAttempt| Admission::Ignore)));
    assert_eq!(remote.is_refused(&[connect(two_channels())]), Some(DiscardReason::Ignored));
    remote.hears_nothing();
    assert_eq!(remote.host.stats().half_open, 0);
}

#[test]
fn our_own_client_hears_of_a_refusal_within_a_round_trip() {
    for checksum in [None, Some(Checksum::CRC32)] {
        let mut pair = Pair::with().modern().both(|config| config.checksum = checksum).strangers();
        pair.server.host.set_admission(Some(Box::new(|_: &ConnectAttempt| Admission::Refuse(3))));
        pair.connect();
        let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
        assert_eq!(took, ms(20));
        let events = pair.client.events();
        assert!(
            matches!(events[..], [Event::Disconnected { reason: DisconnectReason::Refused, data: 3, .. }]),
            "{events:?}"
        );
    }
}

#[test]
fn who_is_turned_away_is_reported_with_address_and_reason() {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.peers = PeerLimit::MIN;
        config.report_refusals = true;
    });
    let policy =
        |it: &ConnectAttempt| if it.data == 9 { Admission::Accept } else { Admission::Refuse(it.data) };
    remote.host.set_admission(Some(Box::new(policy)));
    remote.says(&[connect(Connect { data: 5, ..with_id(1) })]);
    let address = remote.address;
    let reason = DiscardReason::Refused;
    assert_eq!(remote.events(), [Event::Refused { address, data: 5, reason }]);
    remote.joins(Connect { data: 9, ..two_channels() });
    remote.header = Header::default();
    remote.address.set_port(4001);
    remote.says(&[connect(Connect { data: 9, ..with_id(2) })]);
    let address = remote.address;
    let reason = DiscardReason::HostFull;
    assert_eq!(remote.events(), [Event::Refused { address, data: 9, reason }]);
    // Nobody looks: no more of them wait than leave room for others.
    for id in 0..5_000 {
        remote.says(&[connect(Connect { data: 9, ..with_id(id) })]);
    }
    remote.wait(1_000);
    for id in 0..5_000 {
        remote.says(&[connect(Connect { data: 9, ..with_id(id) })]);
    }
    assert_eq!(remote.events().len(), 64);
}

// ---- Full hosts

/// The one client of a host that has room for one.
fn full() -> Crafted {
    Crafted::client_with(|config| {
        modern(config);
        config.peers = PeerLimit::MIN;
    })
}

/// A second connection attempt of the same socket.
fn as_another(id: u32) -> Connect {
    Connect { outgoing_peer: 1, ..with_id(id) }
}

#[test]
fn a_full_host_says_so_and_one_about_to_have_room_does_not() {
    let mut remote = full();
    let header = std::mem::take(&mut remote.header);
    remote.says(&[connect(as_another(1))]);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::HostFull), 1);
    assert_eq!(refusals(&mut remote), [(remote.address, 0)]);
    // The one who is there says farewell, and comes back at once: before that is believed.
    remote.header = header;
    remote.says(&[disconnect_now(2, 0)]);
    remote.header = Header::default();
    assert_eq!(remote.is_refused(&[connect(as_another(2))]), Some(DiscardReason::HostFull));
    assert_eq!(refusals(&mut remote), []);
    remote.wait(500);
    remote.events();
    assert!(remote.knocks(as_another(2)).is_some());
}

/// A stock client repeats its CONNECT until it hears something. If it were let in then, the refusal, still under way to it, would
/// end the connection. Found by `pair_script`.
#[test]
fn who_was_told_that_there_is_no_room_is_not_let_in_by_the_same_connect() {
    let mut remote = full();
    let header = std::mem::take(&mut remote.header);
    remote.says(&[connect(as_another(1))]);
    assert_eq!(refusals(&mut remote), [(remote.address, 0)]);
    remote.header = header;
    remote.says(&[disconnect_now(2, 0)]);
    remote.wait(500);
    remote.events();
    remote.header = Header::default();
    remote.says(&[connect(as_another(1))]);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::DuplicateConnect), 1);
    assert_eq!(refusals(&mut remote), [(remote.address, 0)], "told so once more");
    assert!(remote.knocks(as_another(2)).is_some(), "another attempt is another matter");
    remote.wait(31_000);
    assert!(remote.knocks(as_another(1)).is_some(), "what was under way has arrived");
}

#[test]
fn an_address_that_has_its_share_is_told_so() {
    let mut remote = Crafted::client_with(|config| {
        modern(config);
        config.max_peers_per_ip = Some(1);
    });
    remote.header = Header::default();
    remote.says(&[connect(as_another(1))]);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::TooManyFromAddress), 1);
    assert_eq!(refusals(&mut remote), [(remote.address, 0)]);
}

/// An old CONNECT that comes late, of an attempt that was given up: its name at the other end is another connection's by now,
/// which a stock peer would end when it hears the refusal. Found by `pair_script`.
#[test]
fn nobody_is_refused_under_a_name_that_a_connection_has() {
    let mut remote = full();
    remote.header = Header::default();
    assert_eq!(remote.is_refused(&[connect(with_id(1))]), Some(DiscardReason::HostFull));
    remote.host.set_admission(Some(Box::new(|_: &ConnectAttempt| Admission::Refuse(3))));
    assert_eq!(remote.is_refused(&[connect(with_id(2))]), Some(DiscardReason::HostFull));
    assert_eq!(refusals(&mut remote), []);
    remote.address.set_port(6_000);
    remote.says(&[connect(with_id(3))]);
    assert_eq!(refusals(&mut remote), [(remote.address, 0)], "of another socket it is somebody else's");
}

#[test]
fn a_host_that_lets_nobody_in_answers_nobody() {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.max_peers_per_ip = Some(0);
    });
    remote.says(&[connect(two_channels())]);
    remote.hears_nothing();
}

#[test]
fn who_proves_the_address_when_the_last_slot_is_gone_is_told_so() {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.peers = PeerLimit::MIN;
    });
    let late = remote.knocks(with_id(1)).unwrap();
    let proof = remote.proof();
    remote.joins(with_id(2));
    remote.adopts(&late);
    remote.says(&[proof]);
    assert_eq!(refusals(&mut remote), [(remote.address, 0)]);
    assert_eq!((remote.host.connected_peers(), remote.host.stats().half_open), (1, 0));
}

#[test]
fn refusals_are_fewer_than_a_thousand_a_second_and_smaller_than_what_they_answer() {
    let mut remote = Crafted::modern();
    remote.host.set_admission(Some(Box::new(|_: &ConnectAttempt| Admission::Refuse(1))));
    for id in 0..5_000 {
        remote.says(&[connect(with_id(id))]);
    }
    let heard = remote.heard();
    assert_eq!(heard.len(), 1_000);
    assert!(heard.iter().all(|datagram| datagram.bytes.len() < 52));
    remote.now += ms(1_000);
    remote.says(&[connect(with_id(9_999))]);
    assert_eq!(refusals(&mut remote).len(), 1);
}

// ---- Requests

#[test]
fn what_is_said_before_the_decision_arrives_with_it() {
    let (mut remote, request) = requested(|_| {});
    remote.says(&[reliable(0, 1, b"a"), unreliable(0, 1, 1, b"b")]);
    remote.wait(499);
    remote.hears_nothing();
    assert_eq!(remote.host.stats().discarded.total(), 0);
    let peer = remote.host.accept(request).unwrap();
    assert_eq!(remote.host.poll_event(), Some(Event::Connected { peer, data: 77 }));
    assert_eq!(remote.texts(), ["a", "b"]);
    assert_eq!(remote.heard()[0].commands().len(), 2, "the ping and the packet are acknowledged");
    assert_eq!(remote.host.peer(peer).unwrap().stats().round_trip_time, 10);
    assert_eq!(remote.host.accept(request), Err(AcceptError::Gone));
    assert!(!remote.host.refuse(request, 1));
}

#[test]
fn what_is_half_a_second_old_at_the_decision_is_said_again_if_it_is_reliable() {
    let (mut remote, request) = requested(|_| {});
    remote.says(&[reliable(0, 1, b"a"), unreliable(0, 1, 1, b"b")]);
    remote.wait(500);
    let peer = remote.host.accept(request).unwrap();
    assert_eq!(remote.events(), [Event::Connected { peer, data: 77 }]);
    remote.hears_nothing();
    remote.says(&[reliable(0, 1, b"a")]);
    assert_eq!(remote.texts(), ["a"]);
}

#[test]
fn no_more_than_eight_kibibytes_wait_for_a_decision() {
    let (mut remote, request) = requested(|_| {});
    let kilobyte = [b'x'; 1_000];
    for number in 1..=7 {
        assert_eq!(remote.is_refused(&[unreliable(0, 0, number, &kilobyte)]), None);
    }
    assert_eq!(remote.is_refused(&[unreliable(0, 0, 8, &kilobyte)]), Some(DiscardReason::Undecided));
    remote.wait(500); // what is old makes room
    assert_eq!(remote.is_refused(&[unreliable(0, 0, 9, b"late")]), None);
    remote.host.accept(request).unwrap();
    assert!(matches!(remote.host.poll_event(), Some(Event::Connected { .. })));
    assert_eq!(remote.texts(), ["late"]);
}

#[test]
fn who_connects_and_leaves_before_the_decision_does_both_after_it() {
    let mut remote = Crafted::stranger_with(modern);
    remote.host.set_admission(Some(Box::new(asking)));
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    let farewell = disconnect(2, 9);
    remote.says(&[remote.proof(), farewell]);
    let [Event::ConnectRequest { request, .. }] = remote.events()[..] else { panic!("no request") };
    let peer = remote.host.accept(request).unwrap();
    remote.heard(); // the farewell is confirmed
    let events = remote.events();
    assert!(
        matches!(events[..], [Event::Connected { .. }, Event::Disconnected { peer: it, data: 9, .. }] if it == peer),
        "{events:?}"
    );
}

#[test]
fn who_is_refused_later_is_told_in_the_session_it_has() {
    let (mut remote, request) = requested(|_| {});
    assert!(remote.host.refuse(request, 12));
    assert_eq!(refusals(&mut remote), [(remote.address, 12)]);
    assert_eq!(remote.host.accept(request), Err(AcceptError::Gone));
    remote.wait(60_000);
    assert_eq!(remote.events(), []);
}

#[test]
fn who_is_forgotten_is_refused_after_ten_seconds() {
    let (mut remote, request) = requested(|_| {});
    remote.wait(9_998);
    remote.hears_nothing();
    remote.wait(2);
    assert_eq!(refusals(&mut remote), [(remote.address, 0)]);
    assert_eq!(remote.host.accept(request), Err(AcceptError::Gone));
}

#[test]
fn a_request_waits_for_a_slot() {
    let (mut remote, request) = requested(|config| config.peers = PeerLimit::MIN);
    let other = remote.host.connect("192.0.2.9:9".parse().unwrap(), Default::default()).unwrap();
    assert_eq!(remote.host.accept(request), Err(AcceptError::NoFreeSlot { limit: 1 }));
    remote.host.peer_mut(other).unwrap().reset();
    assert!(remote.host.accept(request).is_ok());
}

/// Name and session are 14 bits: a disconnect that bears them may be anybody's.
#[test]
fn who_says_farewell_before_the_decision_is_asked_whether_it_is_there_once_accepted() {
    for is_there in [false, true] {
        let (mut remote, request) = requested(|_| {});
        assert_eq!(remote.is_refused(&[disconnect_now(3, 9)]), Some(DiscardReason::Undecided));
        let peer = remote.host.accept(request).unwrap();
        assert_eq!(remote.events(), [Event::Connected { peer, data: 77 }]);
        let sent = remote.clock();
        let heard = remote.heard();
        let commands: Vec<_> = heard.iter().flat_map(common::Heard::commands).collect();
        // What the client said with its proof was a ping.
        let [Command { body: Body::Acknowledge { .. }, .. }, Command { body: Body::Ping, seq, .. }] =
            commands[..]
        else {
            panic!("{commands:?}")
        };
        if is_there {
            remote.wait(10);
            remote.says(&[acknowledge(0xff, seq.0, sent)]);
        }
        remote.wait(600);
        let left = matches!(remote.events()[..], [Event::Disconnected { data: 9, .. }]);
        assert_eq!((left, remote.host.connected_peers()), (!is_there, usize::from(is_there)));
    }
}

#[test]
fn who_says_farewell_before_the_decision_is_believed_by_who_confirms_nothing() {
    let (mut remote, request) = requested(|config| config.confirm_disconnects = false);
    remote.says(&[disconnect_now(3, 0)]);
    assert_eq!(remote.host.accept(request), Err(AcceptError::Gone));
    assert_eq!(remote.host.peers().count(), 0);
}

#[test]
fn who_waits_counts_among_those_of_an_address() {
    let (mut remote, request) = requested(|config| config.max_peers_per_ip = Some(1));
    remote.header = Header::default();
    remote.says(&[connect(as_another(1))]);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::TooManyFromAddress), 1);
    assert!(remote.host.refuse(request, 0));
    assert_eq!(refusals(&mut remote), [(remote.address, 0); 2]);
    assert!(remote.knocks(as_another(2)).is_some());
}

#[test]
fn of_those_who_were_answered_no_more_wait_than_an_address_may_have() {
    let (mut remote, request) = requested(|config| config.max_peers_per_ip = Some(2));
    let later = [1, 2].map(|id| {
        let granted = remote.knocks(as_another(id)).unwrap();
        remote.adopts(&granted);
        (remote.header, remote.proof())
    });
    for (header, proof) in later {
        remote.header = header;
        remote.says(&[proof]);
    }
    let events = remote.events();
    let [Event::ConnectRequest { request: second, .. }] = events[..] else { panic!("{events:?}") };
    assert_eq!(refusals(&mut remote), [(remote.address, 0)]);
    // Fewer are allowed by the time they are let in.
    remote.host.set_max_peers_per_ip(Some(1));
    assert!(remote.host.accept(request).is_ok());
    assert_eq!(remote.host.accept(second), Err(AcceptError::TooManyFromAddress { limit: 1 }));
    assert_eq!(refusals(&mut remote), [(remote.address, 0)]);
    assert_eq!(remote.host.accept(second), Err(AcceptError::Gone));
}

#[test]
fn a_connect_that_comes_again_while_the_application_thinks_changes_nothing() {
    let (mut remote, _) = requested(|_| {});
    remote.header = Header::default();
    assert_eq!(remote.is_refused(&[connect(two_channels())]), Some(DiscardReason::DuplicateConnect));
    assert_eq!((remote.host.stats().half_open, remote.events()), (0, vec![]));
}

#[test]
fn no_more_wait_than_there_are_slots() {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.peers = PeerLimit::new(3).unwrap();
    });
    remote.host.set_admission(Some(Box::new(asking)));
    for id in 0..5 {
        let granted = remote.knocks(with_id(id)).unwrap();
        remote.adopts(&granted);
        remote.says(&[remote.proof()]);
    }
    assert_eq!(remote.events().len(), 3);
    assert_eq!((refusals(&mut remote).len(), remote.host.stats().refusals_sent), (1, 2));
}

#[test]
fn a_request_is_no_peer_s_event() {
    let (_, request) = requested(|_| {});
    let event =
        Event::ConnectRequest { request, address: "192.0.2.1:1".parse().unwrap(), data: 0, token: None };
    assert_eq!(event.peer(), None);
    assert_eq!(RequestId::from_bits(request.to_bits()), request);
}

#[test]
fn a_client_that_is_refused_later_hears_the_number() {
    let mut pair = Pair::with().modern().strangers();
    pair.server.host.set_admission(Some(Box::new(asking)));
    pair.connect();
    pair.run_for(ms(50));
    let events = pair.server.events();
    let [Event::ConnectRequest { request, .. }] = events[..] else { panic!("{events:?}") };
    assert_eq!(pair.end(Client).state(), PeerState::Connected);
    pair.end_mut(Server).host.refuse(request, 8);
    // An unsequenced disconnect: the client, too, asks whether it is meant. It has measured no round trip yet.
    pair.run_for(ms(1_100));
    let events = pair.client.events();
    assert!(
        matches!(events[..], [Event::Connected { .. }, Event::Disconnected { data: 8, .. }]),
        "{events:?}"
    );
}
