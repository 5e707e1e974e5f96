//! Round trip time, throttle and packet loss, as they show in a connection's numbers (PROTOCOL.md §10).

mod common;

use std::collections::BTreeSet;

use common::{Crafted, modern, ms, stock, two_channels};
use enet_proto::{HostConfig, Packet, Profile, ThrottleSettings};
use enet_testkit::commands::{
    acknowledge, reliable, throttle_configure, unreliable, unreliable_fragment, unsequenced,
};
use enet_testkit::hex;
use enet_wire::{Connect, Fragment, ThrottleConfigure};

/// An acknowledgement arrives that measures this round trip, in ms.
fn sample(remote: &mut Crafted, round_trip: u64) {
    remote.says(&[acknowledge(0, 999, remote.clock_before(round_trip))]);
}

/// Round trip time and variance.
fn rtt(remote: &Crafted) -> (u32, u32) {
    (remote.stats().round_trip_time, remote.stats().round_trip_time_variance)
}

/// The extremes of the running throttle interval.
fn running(remote: &Crafted) -> (u32, u32) {
    (remote.stats().lowest_round_trip_time, remote.stats().highest_round_trip_time_variance)
}

/// The extremes of the last throttle interval.
fn last(remote: &Crafted) -> (u32, u32) {
    (remote.stats().last_round_trip_time, remote.stats().last_round_trip_time_variance)
}

// ---- Round trip time (§10.1)

#[test]
fn the_first_sample_is_taken_as_it_is_and_later_ones_smooth_it() {
    let mut remote = Crafted::client_with(stock);
    // rtt = x, var = (x + 1) / 2
    assert_eq!(rtt(&remote), (10, 5));
    sample(&mut remote, 10);
    // var = 5 − 5/4
    assert_eq!(rtt(&remote), (10, 4));
    sample(&mut remote, 50);
    // d = 40: var = 4 − 4/4 + 40/4, rtt = 10 + 40/8
    assert_eq!(rtt(&remote), (15, 13));
    sample(&mut remote, 7);
    // d = 8: var = 13 − 13/4 + 8/4, rtt = 15 − 8/8
    assert_eq!(rtt(&remote), (14, 12));
    assert_eq!(running(&remote), (10, 13));
}

#[test]
fn a_datagram_is_one_sample_however_many_of_its_commands_are_acknowledged_but_as_many_under_compat() {
    // d = 10, 9, 8: var = 5 − 5/4 + 10/4, 6 − 6/4 + 9/4, 7 − 7/4 + 8/4, rtt = 10 + 10/8, 11 + 9/8, 12 + 8/8
    let profiles: [(fn(&mut HostConfig), _); 2] = [(stock, (13, 8)), (modern, (11, 6))];
    for (change, expected) in profiles {
        let mut remote = Crafted::client_with(change);
        for text in ["a", "b", "c"] {
            remote.peer_mut().send(0, Packet::reliable(text)).unwrap();
        }
        remote.wait(20);
        let sent = remote.clock_before(20);
        remote.says(&[1, 2, 3].map(|seq| acknowledge(0, seq, sent)));
        assert_eq!(rtt(&remote), expected);
        assert_eq!(remote.stats().in_flight, 0);
    }
}

#[test]
fn a_first_sample_above_500_ms_leaves_500_as_the_first_baseline() {
    let mut remote = Crafted::stranger();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    remote.now += ms(600);
    remote.says(&[remote.proof()]);
    assert_eq!(rtt(&remote), (600, 300));
    assert_eq!((last(&remote), running(&remote)), ((500, 300), (600, 300)));
}

#[test]
fn the_baseline_is_taken_anew_when_a_throttle_interval_has_passed() {
    let mut remote = Crafted::client_with(stock);
    assert_eq!(last(&remote), (10, 5));
    sample(&mut remote, 50);
    assert_eq!((rtt(&remote), running(&remote)), ((15, 14), (10, 14)));
    remote.wait(4999);
    sample(&mut remote, 15);
    assert_eq!((rtt(&remote), last(&remote)), ((15, 11), (10, 5)));
    remote.wait(1);
    sample(&mut remote, 15);
    // last = (lowest, highest) of the interval; the next one starts from (rtt, var).
    assert_eq!((last(&remote), running(&remote)), ((10, 14), (15, 9)));
}

#[test]
fn a_baseline_without_deviation_counts_as_1() {
    let mut remote = Crafted::client_with(stock);
    for _ in 0..20 {
        sample(&mut remote, 10);
    }
    // Truncating divisions leave a variance of 3 (3 − 3/4 = 3).
    assert_eq!(rtt(&remote), (10, 3));
    let remote = first_sample_at_once();
    // §10.1: max(highest, 1); a sample of 0 counts as 1.
    assert_eq!((rtt(&remote), last(&remote)), ((1, 1), (1, 1)));
}

/// A client that answered within the millisecond.
fn first_sample_at_once() -> Crafted {
    let mut remote = Crafted::stranger();
    if let Some(granted) = remote.knocks(two_channels()) {
        remote.adopts(&granted);
    }
    remote.says(&[remote.proof()]);
    remote
}

// ---- The throttle (§10.2)

#[test]
fn a_sample_beyond_twice_the_deviation_lowers_the_throttle() {
    let mut remote = Crafted::client_with(stock);
    // 10 + 2 · 5 is not beyond.
    sample(&mut remote, 20);
    assert_eq!(remote.stats().throttle, 32);
    sample(&mut remote, 21);
    assert_eq!(remote.stats().throttle, 30);
}

#[test]
fn a_sample_up_to_the_baseline_raises_it_again_and_one_between_does_not() {
    let mut remote = Crafted::client_with(stock);
    for _ in 0..3 {
        sample(&mut remote, 100);
    }
    assert_eq!(remote.stats().throttle, 26);
    sample(&mut remote, 11);
    assert_eq!(remote.stats().throttle, 26);
    sample(&mut remote, 10);
    assert_eq!(remote.stats().throttle, 28);
    for _ in 0..5 {
        sample(&mut remote, 1);
    }
    assert_eq!(remote.stats().throttle, 32, "the limit");
}

#[test]
fn the_throttle_never_falls_below_0() {
    let mut remote = Crafted::client_with(stock);
    for _ in 0..20 {
        sample(&mut remote, 100);
    }
    assert_eq!(remote.stats().throttle, 0);
}

#[test]
fn a_baseline_no_larger_than_its_deviation_opens_the_throttle() {
    let mut remote = first_sample_at_once();
    sample(&mut remote, 100);
    // last_rtt 1 ≤ last_var 1
    assert_eq!(remote.stats().throttle, 32);
}

#[test]
fn set_throttle_applies_here_and_tells_the_remote() {
    let mut remote = Crafted::server_with(stock);
    remote.peer_mut().set_throttle(ThrottleSettings { interval: ms(2000), acceleration: 4, deceleration: 3 });
    // §20: sentTime | peer 0, 5000; THROTTLE_CONFIGURE control#3; interval 2000, acceleration 4, deceleration 3
    let heard = remote.heard();
    assert_eq!(hex::encode(&heard[0].bytes), "800050008bff0003000007d00000000400000003");
    sample(&mut remote, 100);
    assert_eq!(remote.stats().throttle, 32 - 3);
}

#[test]
fn a_throttle_configure_overwrites_ours() {
    let mut remote = Crafted::client_with(stock);
    let throttle = ThrottleConfigure { interval: 2000, acceleration: 5, deceleration: 20 };
    remote.says(&[throttle_configure(2, throttle)]);
    sample(&mut remote, 100);
    assert_eq!(remote.stats().throttle, 12);
    sample(&mut remote, 10);
    assert_eq!(remote.stats().throttle, 17);
}

/// What was lost and is repeated comes behind what was said later (docs/QUIRKS.md Q46).
#[test]
fn a_throttle_configure_that_comes_late_is_not_applied_over_a_newer_one() {
    for profile in [Profile::Modern, Profile::Compat] {
        let mut remote = Crafted::client_with(|config| config.profile = profile);
        let throttle = ThrottleConfigure { interval: 60_000, acceleration: 2, deceleration: 2 };
        remote.says(&[throttle_configure(3, throttle)]);
        remote.says(&[throttle_configure(2, ThrottleConfigure { interval: 500, ..throttle })]);
        let epochs: BTreeSet<u32> = (0..6)
            .map(|_| {
                remote.wait(500);
                remote.acknowledges_everything();
                remote.stats().throttle_epoch
            })
            .filter(|epoch| *epoch != 0)
            .collect();
        assert_eq!(epochs.len() == 1, profile == Profile::Modern, "{profile:?}: {epochs:?}");
    }
}

#[test]
fn a_throttle_configure_is_accepted_while_disconnecting_later_too() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("a"));
    remote.peer_mut().disconnect_later(0);
    remote.heard();
    remote
        .says(&[throttle_configure(2, ThrottleConfigure { interval: 0, acceleration: 0, deceleration: 32 })]);
    sample(&mut remote, 100);
    assert_eq!(remote.stats().throttle, 0);
}

#[test]
fn both_ends_start_with_the_parameters_of_the_connect() {
    let mut remote = Crafted::stranger_with(stock);
    let throttle = ThrottleConfigure { interval: 5000, acceleration: 2, deceleration: 31 };
    remote.joins(Connect { throttle, ..two_channels() });
    sample(&mut remote, 100);
    assert_eq!(remote.stats().throttle, 1);
}

// ---- Applying it (§10.3)

/// Brings the throttle to this share of 32, for good.
fn throttled_to(share: u32) -> Crafted {
    let mut remote = Crafted::client_with(stock);
    let steep = ThrottleConfigure { interval: 5000, acceleration: 0, deceleration: 32 - share };
    remote.says(&[throttle_configure(2, steep)]);
    sample(&mut remote, 100);
    assert_eq!(remote.stats().throttle, share);
    remote.heard();
    remote
}

#[test]
fn a_full_throttle_drops_nothing() {
    let mut remote = Crafted::client_with(stock);
    for _ in 0..100 {
        remote.host_sends(0, Packet::unreliable("u"));
    }
    let sent: usize = remote.heard().iter().map(|datagram| datagram.commands().len()).sum();
    assert_eq!(sent, 100);
}

#[test]
fn half_a_throttle_drops_by_a_counter_that_steps_by_7() {
    let mut remote = throttled_to(16);
    for _ in 0..8 {
        remote.host_sends(0, Packet::unreliable("u"));
    }
    // The counter reads 7, 14, 21, 28, 3, 10, 17, 24: what is above 16 is dropped.
    remote.hears(&[1, 2, 5, 6].map(|number| unreliable(0, 0, number, b"u")));
    assert_eq!(remote.stats().throttle_counter, 24);
    remote.host_sends(0, Packet::unreliable("dropped"));
    remote.hears_nothing();
    assert_eq!(remote.stats().throttle_counter, 31);
}

#[test]
fn a_closed_throttle_lets_one_in_32_pass() {
    let mut remote = throttled_to(0);
    for _ in 0..96 {
        remote.host_sends(0, Packet::unreliable("u"));
    }
    remote.hears(&[32, 64, 96].map(|number| unreliable(0, 0, number, b"u")));
}

#[test]
fn reliable_packets_pass_any_throttle() {
    let mut remote = throttled_to(0);
    remote.host_sends(0, Packet::reliable("a"));
    remote.hears(&[reliable(0, 1, b"a")]);
}

#[test]
fn consecutive_unsequenced_packets_vanish_together() {
    let mut remote = throttled_to(0);
    for _ in 0..3 {
        remote.host_sends(0, Packet::unsequenced("q"));
    }
    for _ in 0..31 {
        remote.host_sends(0, Packet::unreliable("u"));
    }
    // The quirk: all three bear the numbers (0, 0) and take one step of the counter; 31 steps later it reads 0.
    remote.hears(&[unreliable(0, 0, 31, b"u")]);
}

#[test]
fn packets_of_two_channels_with_the_same_numbers_vanish_together() {
    let mut remote = throttled_to(0);
    remote.host_sends(0, Packet::unreliable("u"));
    remote.host_sends(1, Packet::unreliable("u"));
    for _ in 0..31 {
        remote.host_sends(0, Packet::unreliable("v"));
    }
    // The quirk: channel 1's (0, 1) goes with channel 0's (0, 1).
    remote.hears(&[unreliable(0, 0, 32, b"v")]);
}

#[test]
fn a_fragmented_packet_is_dropped_or_sent_as_a_whole() {
    let mut remote = throttled_to(7);
    let whole = vec![0xab; 3000];
    for _ in 0..2 {
        remote.host_sends(0, Packet::unreliable_fragments(whole.clone()));
    }
    let piece = |number: u32| {
        let offset = 1364 * number;
        let payload = whole.chunks(1364).nth(number as usize).unwrap();
        unreliable_fragment(
            0,
            0,
            Fragment { start: 1, count: 3, number, total_length: 3000, offset, payload },
        )
    };
    // The counter reads 7 for the first packet, and the two fragments behind are not asked; then it reads 14.
    remote.hears(&[piece(0), piece(1), piece(2)]);
}

#[test]
fn what_does_not_fit_into_the_datagram_takes_no_step_of_the_counter() {
    let mut remote = throttled_to(7);
    remote.host_sends(0, Packet::reliable(vec![0; 1200]));
    remote.host_sends(1, Packet::unsequenced(vec![1; 300]));
    // §10.3: only after it was found to fit; in the next datagram the counter reads 7.
    let (large, behind) = (vec![0; 1200], vec![1; 300]);
    remote.hears_datagrams(&[&[reliable(0, 1, &large)], &[unsequenced(1, 1, &behind)]]);
}

// ---- Packet loss (§10.4)

#[test]
fn packet_loss_is_evaluated_ten_seconds_after_the_first_datagram() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("a"));
    remote.wait(30);
    remote.heard();
    remote.says(&[acknowledge(0, 1, remote.clock())]);
    // VERIFY_CONNECT, "a", and "a" again
    assert_eq!((remote.stats().packets_sent, remote.stats().packets_lost), (3, 1));

    // VERIFY_CONNECT was sent 10 ms before time began here.
    remote.now += ms(10_000 - 10 - 30 - 1);
    remote.host_sends(0, Packet::unreliable("b"));
    remote.heard();
    // "b", and the idle ping that shares its datagram
    assert_eq!((remote.stats().packets_sent, remote.stats().packet_loss), (5, 0));
    remote.now += ms(1);
    remote.host_sends(0, Packet::unreliable("c"));
    remote.heard();
    // loss = 1 · 65536 / 6; (0 · 7 + loss) / 8; (0 · 3 + loss) / 4
    assert_eq!((remote.stats().packet_loss, remote.stats().packet_loss_variance), (10_922 / 8, 10_922 / 4));
    assert_eq!((remote.stats().packets_sent, remote.stats().packets_lost), (0, 0));
}

#[test]
fn acknowledgements_do_not_count_as_packets_sent() {
    let mut remote = Crafted::client_with(stock);
    let before = remote.stats().packets_sent;
    remote.says(&[reliable(0, 1, b"a")]);
    remote.heard();
    assert_eq!(remote.stats().packets_sent, before);
}
