//! What disconnecting looks like on the wire and on the clock (PROTOCOL.md §8).

mod common;

use std::time::Duration;

use common::{Crafted, grant, ms, verify_connect};
use enet_proto::{DiscardReason, DisconnectReason, Event, Packet, PeerState, Profile};
use enet_testkit::commands::{acknowledge, disconnect, ping, reliable};
use enet_testkit::pair::{Client, Pair, Sent, Server, first, from, nth};
use enet_wire::CommandKind;

fn endings(events: &[Event]) -> Vec<(DisconnectReason, u32)> {
    let ending = |event: &Event| match event {
        Event::Disconnected { reason, data, .. } => Some((*reason, *data)),
        _ => None,
    };
    events.iter().filter_map(ending).collect()
}

#[test]
fn an_orderly_disconnect_is_reported_to_both_with_the_data_on_the_other_side() {
    let mut pair = Pair::connected();
    pair.client.disconnect(7);
    pair.run_for(ms(20));
    assert_eq!(pair.kinds_sent_by(Client), [[CommandKind::Disconnect]]);
    assert_eq!(pair.kinds_sent_by(Server), [[CommandKind::Acknowledge]]);
    assert_eq!(endings(&pair.client.events()), [(DisconnectReason::Local, 0)]);
    assert_eq!(endings(&pair.server.events()), [(DisconnectReason::Remote, 7)]);
}

#[test]
fn a_lost_disconnect_is_repeated() {
    let mut pair = Pair::with().delay(ms(5)).just_connected();
    pair.lose_next(Client, 1);
    pair.client.disconnect(7);
    pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    // §9.5: 10 + 4 · 5 ms later
    assert_eq!(pair.times_of(Client, CommandKind::Disconnect), [0, 30]);
    assert_eq!(endings(&pair.server.events()), [(DisconnectReason::Remote, 7)]);
}

#[test]
fn a_lost_disconnect_now_leaves_the_remote_to_time_out() {
    let mut pair = Pair::connected();
    pair.lose_next(Client, 1);
    pair.client.disconnect_now(7);
    pair.run_until(|pair| pair.server.state() == PeerState::Disconnected);
    // §8
    assert_eq!(endings(&pair.server.events()), [(DisconnectReason::TimedOut, 0)]);
    assert_eq!(pair.client.events(), []);
    assert_eq!(pair.sent_by(Client).count(), 1);
}

#[test]
fn a_reset_leaves_the_remote_to_time_out() {
    let mut pair = Pair::connected();
    pair.client.reset();
    pair.run_until(|pair| pair.server.state() == PeerState::Disconnected);
    // §8
    assert_eq!(endings(&pair.server.events()), [(DisconnectReason::TimedOut, 0)]);
    assert_eq!(pair.client.events(), []);
    assert_eq!(pair.sent_by(Client).count(), 0);
}

#[test]
fn both_ends_may_disconnect_at_once() {
    let mut pair = Pair::connected();
    pair.client.disconnect(1);
    pair.server.disconnect(2);
    pair.run_for(ms(10));
    // §7: no ACK is sent, and each is told the other's data.
    assert_eq!(pair.kinds_sent_by(Client), [[CommandKind::Disconnect]]);
    assert_eq!(pair.kinds_sent_by(Server), [[CommandKind::Disconnect]]);
    assert_eq!(endings(&pair.client.events()), [(DisconnectReason::Remote, 2)]);
    assert_eq!(endings(&pair.server.events()), [(DisconnectReason::Remote, 1)]);
}

/// The last packet is acknowledged by the datagram that brings the remote's own farewell: then ours never leaves, and the
/// remote hears of the end by our acknowledgement or, from C, when it gives us up.
#[test]
fn a_farewell_behind_the_acknowledgement_that_ours_waited_for_is_answered() {
    for modern in [false, true] {
        let mut remote =
            Crafted::client_with(
                |config| if modern { common::modern(config) } else { common::stock(config) },
            );
        remote.events();
        remote.peer_mut().send(0, Packet::reliable("last")).unwrap();
        remote.peer_mut().disconnect_later(0);
        let sent_time = remote.heard()[0].header().sent_time.unwrap();
        remote.says(&[acknowledge(0, 1, sent_time), disconnect(2, 5)]);
        let answer = if modern { vec![acknowledge(0xff, 2, remote.clock())] } else { vec![] };
        let heard = remote.heard();
        assert_eq!(heard.iter().flat_map(common::Heard::commands).collect::<Vec<_>>(), answer);
        assert_eq!(endings(&remote.events()), [(DisconnectReason::Remote, 5)]);
    }
}

#[test]
fn when_the_last_acknowledgement_is_lost_the_initiator_ends_by_timeout() {
    let mut pair = Pair::with().delay(ms(5)).just_connected();
    assert_eq!((pair.client.stats().round_trip_time, pair.client.stats().round_trip_time_variance), (10, 5));
    pair.lose(first(1, from(Server)));
    pair.client.disconnect(7);
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    // §8
    assert_eq!(pair.times_of(Client, CommandKind::Disconnect), [0, 30, 90, 210, 450, 930, 1890, 3810]);
    assert_eq!(took, ms(7650));
    assert_eq!(endings(&pair.client.events()), [(DisconnectReason::Local, 0)]);
    // The remote is through with it, and ignores the other seven.
    assert_eq!(pair.server.host.stats().discarded.get(DiscardReason::UnknownPeer), 7);
}

#[test]
fn disconnecting_in_a_blackout_counts_its_silence_from_the_beginning() {
    let mut pair = Pair::strangers();
    pair.lose(|sent| sent.from == Server && !sent.carries(CommandKind::VerifyConnect));
    pair.connect();
    pair.run_until(|pair| pair.client.state() == PeerState::Connected);
    // The PING of the handshake goes out now and is never acknowledged: RTO 500 ms.
    pair.mark();
    pair.run_for(ms(20_000));
    pair.client.disconnect(7);
    pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    // §8: earliest_timeout survives the call; 30 s after it is enough.
    assert_eq!(pair.times_of(Client, CommandKind::Disconnect), [20_000, 20_500, 21_500, 23_500, 27_500]);
    assert_eq!(pair.elapsed(), ms(35_500));
    assert_eq!(endings(&pair.client.events()).last(), Some(&(DisconnectReason::Local, 0)));
}

#[test]
fn disconnect_drops_what_is_queued_and_in_flight_in_both_directions() {
    let mut pair = Pair::connected();
    pair.lose_next(Client, 1);
    pair.client.send(0, Packet::reliable("in flight"));
    pair.run_for(ms(1));
    pair.client.send(0, Packet::reliable("queued"));
    pair.client.disconnect(7);
    pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    // §8
    assert_eq!(pair.server.texts(), Vec::<String>::new());
    assert_eq!(pair.times_of(Client, CommandKind::SendReliable), [0]);
}

#[test]
fn disconnect_later_delivers_everything_first() {
    let mut pair = Pair::connected();
    pair.lose_next(Client, 1);
    for text in ["a", "b", "c"] {
        pair.client.send(0, Packet::reliable(text));
    }
    pair.client.send(1, Packet::unreliable("d"));
    pair.client.disconnect_later(7);
    pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    // §8
    assert_eq!(pair.server.texts(), ["a", "b", "c"]);
    assert_eq!(endings(&pair.server.events()), [(DisconnectReason::Remote, 7)]);
    assert_eq!(endings(&pair.client.events()), [(DisconnectReason::Local, 0)]);
}

#[test]
fn an_acknowledgement_of_something_else_in_front_costs_a_stock_disconnect_its_own() {
    for profile in [Profile::Compat, Profile::Modern] {
        let mut remote = Crafted::server_with(|config| config.profile = profile);
        remote.host_sends(0, Packet::reliable("a"));
        remote.acknowledges_everything();
        remote.host_sends(0, Packet::reliable("b"));
        remote.heard();
        let sent = remote.clock();
        remote.peer_mut().disconnect(7);
        let seq = remote.heard()[0].commands()[0].seq.0;
        remote.says(&[acknowledge(0, 2, sent), acknowledge(0xff, seq, sent)]);
        if profile == Profile::Modern {
            assert_eq!(endings(&remote.events()), [(DisconnectReason::Local, 0)]);
            continue;
        }
        // §8, the quirk: the first is a bad command in DISCONNECTING, so the second is not read.
        assert_eq!(remote.state(), PeerState::Disconnecting);
        remote.wait(100);
        assert_eq!(remote.times_of(&disconnect(seq, 7)).len(), 2, "30 and 90 ms after the first");
    }
}

// ---- Leaving at once (docs/QUIRKS.md Q92)

#[test]
fn who_leaves_in_direct_answer_to_connected_keeps_the_proof_that_it_was_there() {
    for modern in [true, false] {
        let change = if modern { common::modern } else { common::stock };
        let mut remote = Crafted::stranger_with(change);
        remote.is_connected_to();
        let asked = remote.asked();
        remote.says(&[verify_connect(&grant(&asked)), reliable(0, 1, b"welcome")]);
        assert!(matches!(remote.host.poll_event(), Some(Event::Connected { .. })));
        remote.peer_mut().disconnect(7);
        assert_eq!(remote.state(), PeerState::Disconnecting);
        let echo = remote.clock();
        if !modern {
            remote.hears(&[disconnect(2, 7)]);
            continue;
        }
        remote.hears(&[acknowledge(0xff, 1, echo), acknowledge(0, 1, echo), ping(2)]);
        remote.peer_mut().disconnect(8); // once is enough
        assert!(remote.peer_mut().send(0, Packet::reliable("late")).is_err());
        remote.says(&[verify_connect(&grant(&asked))]);
        remote.hears(&[acknowledge(0xff, 1, remote.clock())]);
        remote.says(&[acknowledge(0xff, 2, echo)]);
        remote.hears(&[disconnect(3, 7)]);
        remote.says(&[acknowledge(0xff, 3, echo)]);
        assert_eq!(endings(&remote.events()), [(DisconnectReason::Local, 0)], "and no packet");
    }
}

/// With one datagram lost: a client that leaves as soon as it is connected, though its proof has left by then.
fn leaving_at_once(server: Profile, lost: impl FnMut(&Sent) -> bool + 'static) -> Duration {
    let mut pair = Pair::with().delay(ms(5)).modern().server(|config| config.profile = server).strangers();
    pair.lose(lost);
    pair.connect();
    pair.run_until(|pair| pair.client.state() == PeerState::Connected);
    pair.client.disconnect(7);
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    let heard = pair.server.events();
    assert!(matches!(heard.first(), Some(Event::Connected { .. })), "{heard:?}");
    assert_eq!(endings(&heard), [(DisconnectReason::Remote, 7)]);
    took
}

#[test]
fn who_leaves_as_soon_as_it_is_connected_repeats_what_was_lost() {
    for server in [Profile::Modern, Profile::Compat] {
        // A ping and its answer, then DISCONNECT and its own.
        assert_eq!(leaving_at_once(server, |_| false), ms(20));
        for side in [Client, Server] {
            // Of the client the proof is the second datagram; of the server the answer to it.
            let took = leaving_at_once(server, nth(2, from(side)));
            assert!(took < ms(1_100), "{took:?} with {server:?}, one of the {side:?}'s lost");
        }
    }
}
