//! Reliable commands that are not acknowledged: retransmission and giving up, to the millisecond (PROTOCOL.md §9.5).

mod common;

use std::time::Duration;

use common::{Crafted, ms, stock};
use enet_proto::{DisconnectReason, Packet, PeerState, Timeouts};
use enet_testkit::commands::{acknowledge, disconnect, reliable};
use enet_testkit::pair::{Client, Pair};
use enet_wire::CommandKind;

/// Two hosts 5 ms apart that have measured nothing but the handshake: round trip 10, variance 5, so RTO 30.
fn hosts_with_an_rto_of_30() -> Pair {
    let pair = Pair::with().both(stock).delay(ms(5)).just_connected();
    let stats = pair.client.stats();
    assert_eq!((stats.round_trip_time, stats.round_trip_time_variance), (10, 5));
    pair
}

/// When a reliable packet is sent into silence, and when the connection ends, in ms.
fn timeline(timeouts: Timeouts) -> (Vec<u128>, Duration) {
    let mut pair = hosts_with_an_rto_of_30();
    pair.cut();
    pair.client.peer_mut().set_timeouts(timeouts);
    pair.client.send(0, Packet::reliable("a"));
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    (pair.times_of(Client, CommandKind::SendReliable), took)
}

// ---- The timeline

#[test]
fn timeouts_double_and_end_the_connection_after_six_transmissions_and_five_seconds() {
    // §9.5: RTO₀ · (2^k − 1); disconnect at the first expiry with attempts ≥ 6 and age ≥ 5000
    let (times, took) = timeline(Timeouts::default());
    assert_eq!(times, [0, 30, 90, 210, 450, 930, 1890, 3810]);
    assert_eq!(took, ms(7650));
}

#[test]
fn shorter_timeouts_end_it_earlier() {
    // §9.5: timeout(4, 300, 2000)
    let (times, took) = timeline(Timeouts { limit: 4, minimum: ms(300), maximum: ms(2000) });
    assert_eq!(times, [0, 30, 90, 210]);
    assert_eq!(took, ms(450));
}

#[test]
fn a_limit_of_5_behaves_like_8() {
    // §9.5: compared with 2^(attempts − 1)
    let limited = |limit| timeline(Timeouts { limit, minimum: ms(100), maximum: ms(20_000) }).0;
    assert_eq!(limited(4), [0, 30, 90]);
    assert_eq!(limited(5), [0, 30, 90, 210]);
    assert_eq!(limited(8), [0, 30, 90, 210]);
    assert_eq!(limited(9), [0, 30, 90, 210, 450]);
}

#[test]
fn the_maximum_ends_it_whatever_the_limit() {
    let (times, took) = timeline(Timeouts { limit: u32::MAX, minimum: ms(9000), maximum: ms(1000) });
    // §9.5: age ≥ timeout_maximum is found out at an expiry.
    assert_eq!(times, [0, 30, 90, 210, 450, 930]);
    assert_eq!(took, ms(1890));
}

#[test]
fn zero_timeouts_stand_for_the_defaults() {
    let zeros = Timeouts { limit: 0, minimum: Duration::ZERO, maximum: Duration::ZERO };
    // §17.4
    assert_eq!(timeline(zeros).1, ms(7650));
    let mut remote = Crafted::client_with(stock);
    remote.peer_mut().set_timeouts(zeros);
    assert_eq!(remote.peer().timeouts(), Timeouts::default());
}

#[test]
fn the_end_is_told_as_a_timeout_with_data_0() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("a"));
    assert_eq!(remote.wait_for_event(), 7650);
    assert_eq!(remote.endings(), [(DisconnectReason::TimedOut, 0)]);
}

#[test]
fn the_round_trip_time_before_the_first_sample_is_500_ms() {
    let mut remote = Crafted::stranger_with(stock);
    remote.is_connected_to();
    remote.wait(499);
    assert_eq!(remote.heard().len(), 1);
    remote.wait(1);
    // §9.5 with §3
    assert_eq!(remote.heard().len(), 1);
}

#[test]
fn the_timeout_is_fixed_when_a_command_is_first_sent() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("a"));
    remote.mark();
    // A sample of 90 ms: the round trip time is 20 now, the variance larger.
    remote.says(&[acknowledge(0xff, 1, remote.clock_before(90))]);
    assert_eq!(remote.stats().round_trip_time, 20);
    remote.wait(100);
    // §9.5: "if rto == 0", that is, only once
    assert_eq!(remote.times_of(&reliable(0, 1, b"a")), [30, 90]);
}

#[test]
fn a_retransmission_has_a_time_of_sending_of_its_own() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("a"));
    remote.wait(30);
    let heard = remote.heard();
    let times: Vec<Option<u16>> = heard.iter().map(|datagram| datagram.header().sent_time).collect();
    // §9.5: with a new sentTime header
    assert_eq!(times, [Some(0x5000), Some(0x5000 + 30)]);
}

// ---- The front of the queue

#[test]
fn a_later_command_waits_for_the_deadline_of_the_front_one() {
    let mut pair = hosts_with_an_rto_of_30();
    pair.cut();
    pair.client.send(0, Packet::reliable("front"));
    pair.run_for(ms(3000));
    // §9.5: the BANDWIDTH_LIMIT, due after 30 ms, is sent again 900 ms later, together with the packet.
    let packets = pair.times_of(Client, CommandKind::SendReliable);
    let limits = pair.times_of(Client, CommandKind::BandwidthLimit);
    assert_eq!(packets, [0, 30, 90, 210, 450, 930, 1890]);
    assert_eq!(limits, [990, 1890]);
    assert_eq!(
        pair.kinds_sent_by(Client).last().unwrap()[..],
        [CommandKind::SendReliable, CommandKind::BandwidthLimit]
    );
}

#[test]
fn acknowledging_the_front_command_opens_the_gate_for_the_next() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("front"));
    remote.wait(35);
    remote.host_sends(0, Packet::reliable("next"));
    remote.wait(40);
    // The front one was sent again at 30, with 60 ms to go; the next one was due at 65.
    remote.heard();
    remote.says(&[acknowledge(0, 1, remote.clock_before(45))]);
    // §9.5
    remote.wait(0);
    remote.hears(&[reliable(0, 2, b"next")]);
}

#[test]
fn commands_that_expire_together_keep_their_order_and_go_before_new_ones() {
    let mut remote = Crafted::client_with(stock);
    for text in ["a", "b", "c"] {
        remote.host_sends(0, Packet::reliable(text));
    }
    remote.wait(29);
    remote.heard();
    remote.host_sends(0, Packet::reliable("d"));
    remote.now += ms(1);
    remote.host.handle_timeout(remote.now);
    // §9.5 step 4: "d" was queued before they expired, and is sent behind them in the same datagram.
    let (a, b, c, d) =
        (reliable(0, 1, b"a"), reliable(0, 2, b"b"), reliable(0, 3, b"c"), reliable(0, 4, b"d"));
    remote.hears_datagrams(&[&[a, b, c, d]]);
}

#[test]
fn only_what_has_expired_is_sent_again() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("a"));
    remote.wait(10);
    remote.host_sends(0, Packet::reliable("b"));
    remote.wait(0);
    remote.heard();
    remote.wait(20);
    // §9.5 step 1
    remote.hears(&[reliable(0, 1, b"a")]);
    remote.wait(10);
    remote.hears(&[reliable(0, 2, b"b")]);
}

// ---- What an acknowledgement resets

#[test]
fn any_acknowledgement_starts_the_count_of_silence_anew() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("a"));
    remote.wait(5000);
    remote.says(&[acknowledge(0, 999, remote.clock_before(10))]);
    // §9.5: at 7650 the age counts from the transmission at 3810 and is too low; at 15330 it is 11520.
    assert_eq!(remote.wait_for_event(), 15_330 - 5000);
    assert_eq!(remote.times_of(&reliable(0, 1, b"a")), [0, 30, 90, 210, 450, 930, 1890, 3810, 7650]);
}

#[test]
fn one_answer_in_time_keeps_a_slow_connection_alive() {
    let mut pair = hosts_with_an_rto_of_30();
    pair.lose(enet_testkit::pair::first(7, enet_testkit::pair::carrying(CommandKind::SendReliable)));
    pair.client.send(0, Packet::reliable("a"));
    pair.run_until(|pair| pair.client.stats().in_flight == 0);
    // The eighth transmission, at 3810, arrives.
    assert_eq!(pair.elapsed(), ms(3820));
    assert_eq!(pair.server.texts(), ["a"]);
}

// ---- Extremes

#[test]
fn forty_transmissions_overflow_nothing() {
    let mut remote = Crafted::client_with(stock);
    let forever = Duration::from_secs(u64::from(u32::MAX));
    remote.peer_mut().set_timeouts(Timeouts { limit: u32::MAX, minimum: forever, maximum: forever });
    remote.peer_mut().disconnect(7);
    let mut transmissions = 0;
    for _ in 0..60 {
        remote.wait(12 * 3600 * 1000);
        transmissions += remote.times_of(&disconnect(2, 7)).len();
    }
    // §17.4: 2^(attempts − 1) beyond 31, rto doubling
    assert!(transmissions > 40, "{transmissions}");
    assert_eq!(remote.state(), PeerState::Disconnecting);
}

#[test]
fn the_clock_may_wrap_while_a_command_is_repeated() {
    let mut pair = Pair::with()
        .both(stock)
        .delay(ms(5))
        .starting_at(enet_proto::Instant::from_millis((1 << 32) - 2000))
        .just_connected();
    pair.cut();
    pair.client.send(0, Packet::reliable("a"));
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    // §4.1
    assert_eq!(pair.times_of(Client, CommandKind::SendReliable), [0, 30, 90, 210, 450, 930, 1890, 3810]);
    assert_eq!(took, ms(7650));
}

#[test]
fn a_second_timeout_before_anything_is_sent_counts_too() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("a"));
    remote.wait(7);
    remote.host_sends(0, Packet::reliable("b"));
    remote.wait(0);
    let first = remote.host.poll_timeout().expect("something is in flight");
    remote.host.handle_timeout(first);
    let second = first + ms(7);
    remote.host.handle_timeout(second);
    remote.now = second;
    remote.heard();
    assert!(remote.host.poll_timeout() > Some(second));
}
