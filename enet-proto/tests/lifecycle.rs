//! A connection's states and what leads from one to the next (PROTOCOL.md §7).

mod common;

use std::num::NonZeroUsize;

use common::states::WAYS;
use common::{Crafted, grant, ms, two_channels, verify_connect};
use enet_proto::{DiscardReason, DisconnectReason, Event, Packet, PeerState, SendErrorReason};
use enet_testkit::commands::{acknowledge, disconnect, disconnect_now, ping, reliable, unreliable};
use enet_testkit::hex;
use enet_wire::CommandKind;

// ---- CONNECTING

/// A driver may learn of the time in another call than the one that does what is due.
#[test]
fn a_ping_is_due_whichever_call_brings_the_time() {
    let mut remote = Crafted::client();
    remote.peer_mut().set_ping_interval(ms(500));
    remote.heard();
    let now = remote.now + ms(510);
    while remote.host.poll_transmit(now, &mut Vec::new(), NonZeroUsize::MIN).is_some() {}
    assert!(remote.host.poll_timeout().is_some_and(|due| due <= now));
    remote.host.handle_timeout(now);
    remote.now = now;
    assert!(remote.heard().iter().any(|it| it.commands().iter().any(|it| it.kind() == CommandKind::Ping)));
}

#[test]
fn leaving_while_connecting_sends_one_disconnect_to_nobody_in_particular_and_raises_no_event() {
    for leave in WAYS {
        let mut remote = Crafted::connecting();
        leave(&mut remote);
        let heard = remote.heard();
        // §7, §8: peerID 0xFFF, no sentTime; DISCONNECT 0x44, control#2, data 13
        assert_eq!(hex::encode(&heard[0].bytes), "0fff44ff00020000000d");
        assert_eq!(heard.len(), 1);
        remote.gone_without_a_word();
    }
}

#[test]
fn leaving_before_connect_was_sent_sends_no_connect() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    remote.peer_mut().disconnect(13);
    // §7: queues cleared
    remote.hears(&[disconnect_now(2, 13)]);
    remote.gone_without_a_word();
}

#[test]
fn a_disconnect_in_either_form_refuses_the_attempt_with_the_remotes_data() {
    for refusal in [disconnect(1, 7), disconnect_now(1, 7)] {
        let mut remote = Crafted::connecting();
        remote.says(&[refusal]);
        // §7: ZOMBIE, so no ACK
        remote.hears_nothing();
        assert_eq!(remote.endings(), [(DisconnectReason::Refused, 7)]);
        remote.gone_without_a_word();
    }
}

#[test]
fn verify_connect_connects_and_a_bad_one_makes_a_zombie() {
    let mut remote = Crafted::connecting();
    remote.says(&[verify_connect(&grant(&two_channels()))]);
    assert_eq!(remote.state(), PeerState::Connected);
    assert_eq!(remote.events(), [Event::Connected { peer: remote.id.unwrap(), data: 0 }]);

    let mut remote = Crafted::connecting();
    let mut bad = grant(&two_channels());
    bad.channel_count = 0;
    remote.says(&[verify_connect(&bad)]);
    assert_eq!(remote.state(), PeerState::Zombie);
    assert_eq!(remote.endings(), [(DisconnectReason::HandshakeRejected, 0)]);
}

#[test]
fn data_for_a_connecting_peer_is_refused() {
    let mut remote = Crafted::connecting();
    // §14.3
    assert_eq!(remote.is_refused(&[reliable(0, 1, b"a")]), Some(DiscardReason::UnexpectedCommand));
    assert_eq!(remote.is_refused(&[ping(1)]), Some(DiscardReason::UnexpectedCommand));
}

// ---- ACKNOWLEDGING_CONNECT

#[test]
fn leaving_a_connect_half_answered_sends_one_disconnect_and_raises_no_event() {
    for leave in WAYS {
        let mut remote = Crafted::acknowledging_connect();
        leave(&mut remote);
        let heard = remote.heard();
        // §7: peer 0, session 0; DISCONNECT 0x44, control#2, data 13
        assert_eq!(hex::encode(&heard[0].bytes), "000044ff00020000000d");
        remote.gone_without_a_word();
    }
}

#[test]
fn a_disconnect_before_the_connection_is_complete_frees_the_slot_silently() {
    for form in [disconnect(2, 7), disconnect_now(2, 7)] {
        let mut remote = Crafted::acknowledging_connect();
        remote.says(&[form]);
        remote.gone_without_a_word();
    }
}

// ---- CONNECTED

#[test]
fn disconnect_is_sent_at_once_and_reported_when_acknowledged() {
    let mut remote = Crafted::server();
    remote.peer_mut().disconnect(0xcafe);
    let sent = remote.clock();
    // §20: sentTime | peer 0, 5000; DISCONNECT 0x84, control#3, data
    assert_eq!(hex::encode(&remote.heard()[0].bytes), "8000500084ff00030000cafe");
    assert_eq!(remote.state(), PeerState::Disconnecting);
    assert_eq!(remote.events(), []);

    remote.says(&[acknowledge(0xff, 3, sent)]);
    // §7: data 0 on the initiating side
    assert_eq!(remote.endings(), [(DisconnectReason::Local, 0)]);
    remote.gone_without_a_word();
}

#[test]
fn disconnect_later_with_nothing_to_send_is_disconnect() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 1, b"a")]);
    remote.peer_mut().disconnect_later(9);
    // §8: queued ACKs do not count; and the queues are cleared.
    assert_eq!(remote.state(), PeerState::Disconnecting);
    remote.hears(&[disconnect(2, 9)]);
}

#[test]
fn disconnect_now_sends_one_datagram_and_raises_no_event() {
    let mut remote = Crafted::server();
    remote.peer_mut().disconnect_now(0xabcd);
    // §20: peer 0, no sentTime; DISCONNECT 0x44, control#3, data
    assert_eq!(hex::encode(&remote.heard()[0].bytes), "000044ff00030000abcd");
    remote.gone_without_a_word();
}

#[test]
fn a_disconnect_is_acknowledged_and_then_reported() {
    let mut remote = Crafted::acknowledging_disconnect();
    // §7: the event comes once the ACK is written.
    assert_eq!(remote.events(), []);
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
    assert_eq!(remote.state(), PeerState::Zombie);
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);
    remote.gone_without_a_word();
}

#[test]
fn a_disconnect_that_wants_no_acknowledgement_is_reported_at_once() {
    let mut remote = Crafted::zombie();
    remote.hears_nothing();
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);
    remote.gone_without_a_word();
}

#[test]
fn a_disconnect_discards_what_came_before_it_and_was_not_fetched() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 1, b"never seen"), disconnect_now(2, 9)]);
    // §7: only the DISCONNECT event.
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 9)]);

    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 1, b"never seen")]);
    remote.peer_mut().disconnect(9);
    assert_eq!(remote.events(), []);
}

#[test]
fn a_disconnect_takes_everything_out_of_the_queues() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("in flight"));
    remote.heard();
    remote.host_sends(0, Packet::reliable("queued"));
    remote.says(&[reliable(0, 1, b"unfetched"), ping(2), disconnect(3, 9)]);
    // §7: acks, sent_reliable, outgoing and dispatched; only the DISCONNECT itself is answered.
    remote.hears(&[acknowledge(0xff, 3, remote.clock())]);
    assert_eq!((remote.stats().in_flight, remote.stats().queued), (0, 0));
    assert_eq!((remote.peer_mut().receive(), remote.peer().channels()), (None, 0));
}

#[test]
fn a_timeout_is_reported_with_data_0_and_the_applications_own_value() {
    let mut remote = Crafted::client();
    remote.peer_mut().set_user_value(42);
    remote.host_sends(0, Packet::reliable("a"));
    remote.wait_for_event();
    remote.mark();
    let expected = Event::Disconnected {
        peer: remote.id.unwrap(),
        reason: DisconnectReason::TimedOut,
        data: 0,
        address: remote.address,
        user_value: 42,
        undelivered: enet_proto::Undelivered::default(),
    };
    assert_eq!(remote.events(), [expected]);
    remote.gone_without_a_word();
}

// ---- DISCONNECT_LATER

#[test]
fn disconnect_later_waits_for_the_last_acknowledgement() {
    let mut remote = Crafted::disconnect_later();
    let sent = remote.clock();
    remote.wait(5);
    remote.hears_nothing();
    remote.says(&[acknowledge(0, 1, sent)]);
    // §7: checked after each ACK handled
    assert_eq!(remote.state(), PeerState::Disconnecting);
    remote.hears(&[disconnect(2, 9)]);
    remote.says(&[acknowledge(0xff, 2, remote.clock())]);
    assert_eq!(remote.endings(), [(DisconnectReason::Local, 0)]);
}

#[test]
fn disconnect_later_follows_the_last_unreliable_packet_in_a_datagram_of_its_own() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::unreliable("a"));
    remote.peer_mut().disconnect_later(9);
    // §7: after a datagram that carried unreliable data was sent
    remote.hears_datagrams(&[&[unreliable(0, 0, 1, b"a")], &[disconnect(2, 9)]]);
    assert_eq!(remote.state(), PeerState::Disconnecting);
}

#[test]
fn disconnect_does_not_wait_for_what_disconnect_later_waits_for() {
    let mut remote = Crafted::disconnect_later();
    remote.peer_mut().disconnect(10);
    // §7: as in CONNECTED
    remote.hears(&[disconnect(2, 10)]);
    assert_eq!(remote.state(), PeerState::Disconnecting);
}

#[test]
fn disconnect_now_does_not_wait_either() {
    let mut remote = Crafted::disconnect_later();
    remote.peer_mut().disconnect_now(10);
    remote.hears(&[disconnect_now(2, 10)]);
    remote.gone_without_a_word();
}

#[test]
fn the_remote_may_disconnect_before_disconnect_later_does() {
    let mut remote = Crafted::disconnect_later();
    remote.says(&[disconnect(2, 8)]);
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 8)]);

    let mut remote = Crafted::disconnect_later();
    remote.says(&[disconnect_now(2, 8)]);
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 8)]);
}

#[test]
fn disconnect_later_can_time_out() {
    let mut remote = Crafted::disconnect_later();
    remote.wait_for_event();
    remote.mark();
    // §7
    assert_eq!(remote.endings(), [(DisconnectReason::TimedOut, 0)]);
    remote.gone_without_a_word();
}

#[test]
fn nothing_more_can_be_sent_after_disconnect_later() {
    let mut remote = Crafted::disconnect_later();
    let refused = remote.peer_mut().send(0, Packet::reliable("more")).unwrap_err();
    // §12.2: DISCONNECT_LATER also refuses.
    assert_eq!(refused.reason, SendErrorReason::NotConnected);
}
