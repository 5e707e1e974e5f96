//! What a client says that believes itself connected, before the host has heard its proof: the acknowledgement of our
//! answer was lost. Stock clients wait long before they say it again, and give up after six times.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Crafted, two_channels};
use std::collections::BTreeSet;
use std::time::Duration;

use enet_proto::{
    Admission, ConnectAttempt, Delivery, DiscardReason, Event, Packet, PeerDefaults, ThrottleSettings,
};
use enet_testkit::commands::{acknowledge, bandwidth_limit, ping, reliable, throttle_configure};
use enet_wire::{Body, Command, ThrottleConfigure};

/// A client that was answered and has proven nothing.
fn answered() -> Crafted {
    let mut remote = Crafted::modern();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    remote
}

/// Numbers and echoed times of sending of all acknowledgements that the remote hears.
fn acknowledgements(remote: &mut Crafted) -> Vec<(u16, u16)> {
    let echo = |command: &Command<'_>| match command.body {
        Body::Acknowledge { received_seq, received_sent_time } => Some((received_seq.0, received_sent_time)),
        _ => None,
    };
    let heard = remote.heard();
    heard
        .iter()
        .flat_map(|datagram| datagram.commands().iter().filter_map(echo).collect::<Vec<_>>())
        .collect()
}

#[test]
fn what_was_said_before_the_proof_is_answered_with_it_as_if_it_had_come_a_moment_ago() {
    let mut remote = answered();
    remote.says(&[ping(2)]);
    remote.wait(7_000);
    remote.says(&[bandwidth_limit(3, 9_000, 0)]);
    remote.wait(40);
    assert_eq!((acknowledgements(&mut remote), remote.host.connected_peers()), (vec![], 0));
    remote.says(&[remote.proof(), ping(4)]);
    let now = remote.clock();
    let (second, third) = (remote.clock_before(1 + 13), remote.clock_before(1));
    assert_eq!(
        acknowledgements(&mut remote),
        [(2, second), (3, third), (4, now)],
        "never the future of a slower clock"
    );
    assert!(matches!(remote.events()[..], [Event::Connected { .. }]));
    assert_eq!(remote.host.stats().discarded.total(), 0);
}

#[test]
fn who_is_accepted_later_is_answered_then() {
    let mut remote = answered_by_the_application();
    remote.says(&[ping(2)]);
    remote.wait(3_000);
    remote.says(&[remote.proof()]);
    let [Event::ConnectRequest { request, .. }] = remote.events()[..] else { panic!("no request") };
    assert_eq!(acknowledgements(&mut remote), []);
    remote.wait(100);
    remote.host.accept(request).unwrap();
    assert_eq!(acknowledgements(&mut remote), [(2, remote.clock_before(100 + 1 + 5))]);
}

fn answered_by_the_application() -> Crafted {
    let mut remote = Crafted::modern();
    remote.host.set_admission(Some(Box::new(|_: &ConnectAttempt<'_>| Admission::Ask)));
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    remote
}

#[test]
fn packets_and_what_is_long_are_not_kept() {
    let mut remote = answered();
    remote.says(&[reliable(0, 1, b"a")]);
    remote.says(&[ping(2), reliable(0, 1, b"a")]);
    remote.says(&(2..19).map(ping).collect::<Vec<_>>()); // 68 bytes
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::UnexpectedCommand), 3);
    remote.says(&[remote.proof()]);
    assert_eq!(acknowledgements(&mut remote), []);
    assert!(matches!(remote.events()[..], [Event::Connected { .. }]));
}

#[test]
fn what_is_said_in_another_session_is_not_kept() {
    let mut remote = answered();
    let session = remote.header.session;
    remote.header.session = enet_wire::Session::from_bits((u16::from(session.get()) + 1) << 12);
    remote.says(&[ping(2)]);
    remote.header.session = session;
    remote.says(&[remote.proof()]);
    assert_eq!(acknowledgements(&mut remote), []);
}

#[test]
fn eight_datagrams_of_each_are_kept_and_the_oldest_go() {
    let mut remote = answered();
    for seq in 2..12 {
        remote.says(&[ping(seq)]);
    }
    remote.says(&[remote.proof()]);
    let numbers: Vec<u16> = acknowledgements(&mut remote).iter().map(|it| it.0).collect();
    assert_eq!(numbers, (4..12).collect::<Vec<_>>());
}

#[test]
fn no_more_than_256_datagrams_are_kept_and_the_oldest_go() {
    let mut remote = Crafted::modern();
    let knock = |remote: &mut Crafted, client: u16| {
        remote.heard(); // answers to who said something before
        remote.address.set_port(1_000 + client);
        let granted = remote.knocks(two_channels()).unwrap();
        remote.adopts(&granted);
        (remote.header, remote.proof())
    };
    let first = knock(&mut remote, 0);
    remote.says(&[ping(2)]);
    let second = knock(&mut remote, 1);
    remote.says(&[ping(2)]);
    for client in 2..34 {
        knock(&mut remote, client);
        // 255 of them: with the first two it is one too many.
        (2..10).take(if client == 33 { 7 } else { 8 }).for_each(|seq| remote.says(&[ping(seq)]));
    }
    remote.heard();
    for (client, (header, proof), kept) in [(0, first, 0), (1, second, 1)] {
        remote.address.set_port(1_000 + client);
        remote.header = header;
        remote.says(&[proof]);
        assert_eq!(acknowledgements(&mut remote).len(), kept, "client {client}");
    }
}

#[test]
fn what_was_kept_leaves_what_comes_with_the_proof_its_room() {
    let mut remote = answered_by_the_application();
    for seq in 2..140 {
        remote.says(&[ping(seq)]);
    }
    remote.says(&[remote.proof(), reliable(0, 1, b"a")]);
    let [Event::ConnectRequest { request, .. }] = remote.events()[..] else { panic!("no request") };
    remote.host.accept(request).unwrap();
    assert!(remote.events().iter().any(|event| matches!(event, Event::Received { .. })));
    assert_eq!(remote.host.stats().discarded.total(), 0);
}

/// A client that wants the throttle to look back every 1,234 ms, as a host's default does every 7 s, and says so before its
/// proof, with it, or behind it: whether an interval ends within three seconds.
fn wanted_interval_holds(before: bool, with: bool) -> bool {
    let mut remote = Crafted::modern();
    let mut defaults = PeerDefaults::default();
    defaults.throttle = Some(ThrottleSettings { interval: Duration::from_secs(7), ..Default::default() });
    remote.host.set_peer_defaults(defaults);
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    let wanted =
        throttle_configure(2, ThrottleConfigure { interval: 1_234, acceleration: 5, deceleration: 6 });
    match (before, with) {
        (true, _) => {
            remote.says(&[wanted]);
            remote.says(&[remote.proof()]);
        }
        (_, true) => remote.says(&[remote.proof(), wanted]),
        _ => {
            remote.says(&[remote.proof()]);
            remote.says(&[wanted]);
        }
    }
    let mut epochs = BTreeSet::new();
    for _ in 0..6 {
        remote.wait(500);
        remote.acknowledges_everything();
        epochs.insert(remote.stats().throttle_epoch);
    }
    epochs.remove(&0);
    epochs.len() > 1
}

#[test]
fn what_the_client_wants_outlives_what_the_host_gives_everybody() {
    let holds = [(true, false), (false, true), (false, false)];
    assert_eq!(holds.map(|(before, with)| wanted_interval_holds(before, with)), [true; 3]);
}

#[test]
fn an_attempt_that_ends_takes_what_it_said_along() {
    let mut remote = answered();
    remote.says(&[ping(2)]);
    remote.wait(31_000);
    assert_eq!(remote.host.stats().half_open, 0);
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    remote.says(&[remote.proof()]);
    assert_eq!(acknowledgements(&mut remote), []);
}

/// A connected client says its ping so often, one after the other; how often it is acknowledged in the two seconds after it,
/// while the host has a packet to send every 50 ms.
fn answers(said: usize, delivery: Delivery) -> usize {
    let mut remote = Crafted::client_with(common::modern);
    for _ in 0..said {
        remote.says(&[ping(3)]);
    }
    let mut answers = 0;
    for _ in 0..40 {
        remote.host_sends(0, Packet::new(delivery, b"state"));
        remote.wait(1);
        let heard = remote.heard();
        for datagram in &heard {
            let sent = datagram.header().sent_time;
            for command in datagram.commands() {
                answers += usize::from(matches!(command.body, Body::Acknowledge { .. }));
                if let (true, Some(sent)) = (command.acknowledge, sent) {
                    remote.says(&[acknowledge(command.channel.get(), command.seq.0, sent)]);
                }
            }
        }
        remote.wait(49);
    }
    answers
}

#[test]
fn who_asks_again_is_answered_for_half_a_second() {
    for delivery in [Delivery::Unreliable, Delivery::Reliable] {
        assert_eq!((answers(1, delivery), answers(2, delivery)), (1, 2 + 4), "{delivery:?}");
    }
}
