//! What a client says that believes itself connected, before the host has heard its proof: the acknowledgement of our
//! answer was lost. Stock clients wait long before they say it again, and give up after six times.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Crafted, two_channels};
use enet_proto::{Admission, ConnectAttempt, Delivery, DiscardReason, Event, Packet};
use enet_testkit::commands::{acknowledge, bandwidth_limit, ping, reliable};
use enet_wire::{Body, Command};

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
fn what_was_said_before_the_proof_is_answered_with_it_as_if_it_had_just_come() {
    let mut remote = answered();
    remote.says(&[ping(2)]);
    remote.wait(7_000);
    remote.says(&[bandwidth_limit(3, 9_000, 0)]);
    remote.wait(40);
    assert_eq!((acknowledgements(&mut remote), remote.host.connected_peers()), (vec![], 0));
    remote.says(&[remote.proof(), ping(4)]);
    let now = remote.clock();
    assert_eq!(acknowledgements(&mut remote), [(2, now), (3, now), (4, now)]);
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
    assert_eq!(acknowledgements(&mut remote), [(2, remote.clock_before(100))]);
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
fn no_more_than_256_datagrams_are_kept_and_the_oldest_go() {
    let mut remote = answered();
    for seq in 2..260 {
        remote.says(&[ping(seq)]);
    }
    remote.says(&[remote.proof()]);
    let numbers: Vec<u16> = acknowledgements(&mut remote).iter().map(|it| it.0).collect();
    assert_eq!(numbers, (4..260).collect::<Vec<_>>());
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
