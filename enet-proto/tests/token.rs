//! Tokens that go before a CONNECT (docs/SECURITY.md).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::sync::{Arc, Mutex};

use common::{Crafted, two_channels};
use enet_proto::{
    Admission, Checksum, ConnectAttempt, ConnectOptions, DisconnectReason, Event, PeerState, RangeCoder,
};
use enet_testkit::commands::connect;
use enet_testkit::pair::{Client, Pair, ms};
use enet_wire::{CommandKind, Header};

/// Who brings this token may connect; others may try again or, with a wrong one, not.
fn doorkeeper(attempt: &ConnectAttempt<'_>) -> Admission {
    match attempt.token {
        Some(b"open sesame") => Admission::Accept,
        Some(_) => Admission::Refuse(401),
        None => Admission::Ignore,
    }
}

fn knock(pair: &mut Pair, token: &'static str) {
    let to = pair.server.address;
    pair.client.host.connect_with_token(to, ConnectOptions::default(), token).unwrap();
}

fn guarded() -> Pair {
    let mut pair = Pair::with().modern().strangers();
    pair.server.host.set_admission(Some(Box::new(doorkeeper)));
    pair
}

#[test]
fn the_right_token_opens_the_door_and_a_wrong_one_is_told_so() {
    let mut pair = guarded();
    knock(&mut pair, "open sesame");
    pair.run_for(ms(100));
    assert!(matches!(pair.client.events()[..], [Event::Connected { .. }]));
    knock(&mut pair, "open barley");
    pair.run_for(ms(100));
    let events = pair.client.events();
    let [Event::Disconnected { reason: DisconnectReason::Refused, data: 401, .. }] = events[..] else {
        panic!("{events:?}")
    };
    pair.connect();
    pair.run_for(ms(20_000));
    assert_eq!(pair.client.state(), PeerState::Connecting, "who brings none is ignored");
}

#[test]
fn the_datagram_is_what_the_document_says_and_goes_before_every_connect() {
    let mut pair = guarded();
    pair.cut();
    knock(&mut pair, "?");
    pair.run_for(ms(4000));
    let connect_id = pair.client.host.peers().next().unwrap().connect_id();
    let sent: Vec<&[u8]> = pair.sent_by(Client).map(|sent| &sent.bytes[..]).collect();
    assert_eq!(sent.len(), 2 * pair.times_of(Client, CommandKind::Connect).len());
    assert!(sent.len() >= 8);
    // nobody 0fff, no command 00, "tok1", the connect id, the token
    let token = [&b"\x0f\xff\x00tok1"[..], &connect_id.0, b"?"].concat();
    for pair in sent.chunks(2) {
        assert_eq!(pair[0], token);
        assert_ne!(pair[1], token);
    }
}

#[test]
fn whoever_has_to_wait_for_the_applications_answer_shows_it_the_token() {
    let mut pair = Pair::with().modern().strangers();
    pair.server.host.set_admission(Some(Box::new(|_: &ConnectAttempt<'_>| Admission::Ask)));
    // The proof is lost, so that the answer is repeated, and with it the token's time to wait.
    pair.lose(|sent| sent.from == Client && (3..6).contains(&sent.nth));
    knock(&mut pair, "from the lobby");
    pair.run_for(ms(4_000));
    let events = pair.server.events();
    let [Event::ConnectRequest { token: Some(token), .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(token[..], *b"from the lobby");
    pair.connect();
    pair.run_for(ms(100));
    let events = pair.server.events();
    assert!(matches!(events[..], [Event::ConnectRequest { token: None, .. }]), "{events:?}");
}

/// Else an application that trusts its policy would be shown what that never saw.
#[test]
fn a_token_cannot_be_exchanged_once_the_policy_has_seen_it() {
    for first in [Some(&b"user=bob"[..]), None] {
        let mut remote = Crafted::modern();
        remote.host.set_admission(Some(Box::new(|_: &ConnectAttempt<'_>| Admission::Ask)));
        let token = |text: &[u8]| [&b"\x0f\xff\x00tok1"[..], &two_channels().connect_id.0, text].concat();
        if let Some(first) = first {
            remote.utters(&token(first));
        }
        let granted = remote.knocks(two_channels()).unwrap();
        remote.utters(&token(b"user=admin"));
        // As late as a proof may come.
        remote.wait(29_000);
        remote.adopts(&granted);
        remote.says(&[remote.proof()]);
        let events = remote.events();
        let [Event::ConnectRequest { token, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(token.as_deref(), first);
    }
}

/// Or 24 kB a second of them would keep everybody out where the application wants one.
#[test]
fn a_token_that_the_policy_has_seen_is_not_displaced_by_those_whose_connect_does_not_come() {
    let mut remote = Crafted::modern();
    remote.host.set_admission(Some(Box::new(|_: &ConnectAttempt<'_>| Admission::Ask)));
    remote.utters(&[&b"\x0f\xff\x00tok1"[..], &two_channels().connect_id.0, b"user=bob"].concat());
    let granted = remote.knocks(two_channels()).unwrap();
    for number in 0..1_000_u32 {
        remote.utters(&[&b"\x0f\xff\x00tok1"[..], &number.to_be_bytes(), b"?"].concat());
    }
    remote.wait(150);
    remote.adopts(&granted);
    remote.says(&[remote.proof()]);
    let events = remote.events();
    let [Event::ConnectRequest { token: Some(token), .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(token[..], *b"user=bob");
}

#[test]
fn a_lost_token_comes_again_with_the_next_connect() {
    let mut pair = guarded();
    pair.lose_next(Client, 1);
    knock(&mut pair, "open sesame");
    pair.run_for(ms(2000));
    assert_eq!(pair.server.host.connected_peers(), 1);
}

#[test]
fn checksum_and_compressor_do_not_concern_it() {
    let mut pair = Pair::with()
        .modern()
        .both(|config| {
            config.checksum = Some(Checksum::CRC32);
            config.compressor = Some(RangeCoder::boxed());
        })
        .strangers();
    pair.server.host.set_admission(Some(Box::new(doorkeeper)));
    knock(&mut pair, "open sesame");
    pair.run_for(ms(100));
    assert_eq!(pair.server.host.connected_peers(), 1);
}

#[test]
fn who_has_no_policy_does_not_notice_it() {
    for compat in [false, true] {
        let mut pair = if compat { Pair::strangers() } else { Pair::with().modern().strangers() };
        knock(&mut pair, "hello");
        pair.run_for(ms(100));
        assert_eq!(pair.server.host.connected_peers(), 1);
        assert_eq!(pair.server.host.stats().discarded.total(), 0);
    }
}

#[test]
fn a_token_counts_for_its_own_address_and_connect_only_and_once() {
    let mut remote = Crafted::modern();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let policy = move |attempt: &ConnectAttempt<'_>| {
        record.lock().unwrap().push(attempt.token.map(<[u8]>::to_vec));
        Admission::Ignore
    };
    remote.host.set_admission(Some(Box::new(policy)));
    let token = |id: &[u8], token: &[u8]| [b"\x0f\xff\x00tok1", id, token].concat();
    let theirs = two_channels().connect_id.0;
    remote.header = Header::default();
    remote.utters(&token(&[1, 2, 3, 4], b"of another connect"));
    remote.says(&[connect(two_channels())]);
    remote.utters(&token(&theirs, b"first"));
    remote.utters(&token(&theirs, b"second"));
    remote.address.set_port(4001);
    remote.says(&[connect(two_channels())]);
    remote.address.set_port(4000);
    remote.says(&[connect(two_channels())]);
    remote.says(&[connect(two_channels())]);
    remote.utters(&token(&theirs, b"too old"));
    remote.wait(5000);
    remote.says(&[connect(two_channels())]);
    assert_eq!(*seen.lock().unwrap(), [None, None, Some(b"second".to_vec()), None, None]);
    remote.hears_nothing();
    assert_eq!(remote.host.peers().count(), 0);
}
