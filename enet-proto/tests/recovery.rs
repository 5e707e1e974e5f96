//! Loss recovery on evidence, as `Profile::Modern` does it (docs/RECOVERY.md).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests know their own data")]

use std::num::{NonZeroU8, NonZeroU32};
use std::time::Duration;

use enet_proto::{Delivery, DisconnectReason, Event, HostConfig, Instant, Packet, PeerState, Redundancy};
use enet_testkit::pair::{Client, Pair, Sent, Server, first, ms};
use enet_wire::CommandKind;

const FRAME: Duration = ms(16);

/// Two hosts 40 ms apart that have exchanged packets for a while: the deviation of their round trips is next to nothing.
fn settled() -> Pair {
    settled_with(|_| {})
}

fn settled_with(change: impl Fn(&mut HostConfig)) -> Pair {
    let mut pair = Pair::with().modern().delay(ms(40)).both(change).connected();
    for _ in 0..60 {
        pair.client.send(0, Packet::reliable("-"));
        pair.run_for(FRAME);
    }
    pair.run_until_quiet();
    pair.server.texts();
    pair.mark();
    pair
}

/// Sends these, one in each frame.
fn frames(pair: &mut Pair, texts: &[&str]) {
    for text in texts {
        pair.client.send(0, Packet::reliable(*text));
        pair.run_for(FRAME);
    }
}

/// When the client sent something with this payload, in ms.
fn times_of(pair: &Pair, text: &str) -> Vec<u128> {
    let said = |sent: &&Sent| sent.says(text);
    pair.sent_by(Client).filter(said).map(|sent| sent.at.as_millis()).collect()
}

// ---- Evidence

#[test]
fn a_lost_packet_leaves_again_when_a_later_one_is_acknowledged() {
    let mut pair = settled();
    pair.lose(first(1, |sent| sent.says("a")));
    frames(&mut pair, &["a", "b"]);
    pair.run_for(ms(200));
    // "b" leaves at 16 and is acknowledged at 96.
    assert_eq!(times_of(&pair, "a"), [0, 96]);
    assert_eq!(times_of(&pair, "b"), [16]);
    assert_eq!(pair.server.texts(), ["a", "b"]);
    let stats = pair.client.host.stats();
    assert_eq!((stats.retransmissions, stats.needless_retransmissions), (1, 0));
}

/// Found by `recovery_laws`: the first acknowledgement of a connection seemed older than a clock of more than a day, and
/// nothing was ever taken for evidence.
#[test]
fn a_host_that_has_run_for_days_goes_by_evidence_too() {
    for days in [0, 1, 2, 30, 49, 60] {
        let start = Instant::from_millis(days * 86_400_000 + 5_000);
        let mut pair = Pair::with().modern().delay(ms(40)).starting_at(start).connected();
        frames(&mut pair, &["-"; 60]);
        pair.run_until_quiet();
        pair.mark();
        pair.lose(first(1, |sent| sent.says("a")));
        frames(&mut pair, &["a", "b"]);
        pair.run_for(ms(200));
        assert_eq!(times_of(&pair, "a"), [0, 96], "day {days}");
    }
}

#[test]
fn what_was_lost_once_rides_along_in_the_next_datagram_and_in_no_other() {
    let mut pair = settled();
    pair.lose(first(1, |sent| sent.says("a")));
    frames(&mut pair, &["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    pair.run_until_quiet();
    assert_eq!(times_of(&pair, "a"), [0, 96, 112]);
    assert_eq!(pair.client.host.stats().copies, 1);
    assert_eq!(pair.server.texts().len(), 9, "nothing is delivered twice");
}

#[test]
fn a_retransmission_that_is_lost_too_costs_one_frame() {
    let mut pair = settled();
    pair.lose(first(2, |sent| sent.says("a")));
    frames(&mut pair, &["a", "b", "c", "d", "e", "f", "g", "h"]);
    let took = pair.run_until(|pair| pair.server.connection().is_some() && pair.is_quiet());
    assert!(took < ms(200), "{took:?}");
    assert_eq!(times_of(&pair, "a"), [0, 96, 112]);
    assert_eq!(pair.server.texts()[0], "a");
}

#[test]
fn the_whole_window_is_not_sent_again_when_a_part_of_it_is_lost() {
    let mut pair = settled();
    pair.lose(first(1, |sent| sent.carries(CommandKind::SendFragment)));
    pair.client.send(0, Packet::reliable(vec![7; 30_000]));
    pair.run_until_quiet();
    let sent = pair.sent_by(Client).filter(|sent| sent.carries(CommandKind::SendFragment)).count();
    assert_eq!(sent, 22 + 1);
    assert_eq!(pair.client.host.stats().needless_retransmissions, 0);
}

#[test]
fn a_packet_that_was_only_late_is_known_to_have_been_sent_again_for_nothing() {
    let mut pair = settled();
    pair.delay(ms(30), first(1, |sent| sent.says("a")));
    frames(&mut pair, &["a", "b", "c"]);
    pair.run_until_quiet();
    assert_eq!(times_of(&pair, "a").len(), 2);
    let stats = pair.client.host.stats();
    assert_eq!((stats.retransmissions, stats.needless_retransmissions), (1, 1));
    assert_eq!(pair.client.stats().packets_lost, 0, "and nothing was lost");
}

#[test]
fn a_path_that_changes_the_order_is_given_the_time_it_needs() {
    let mut pair = settled();
    pair.delay(ms(30), |sent| sent.says("late"));
    for _ in 0..5 {
        frames(&mut pair, &["late", "b", "c", "d", "e"]);
    }
    pair.run_until_quiet();
    let stats = pair.client.host.stats();
    assert_eq!((stats.retransmissions, stats.needless_retransmissions), (1, 1), "the first of five");
}

#[test]
fn three_later_datagrams_of_the_same_millisecond_show_a_loss_at_once() {
    let mut pair = settled();
    let texts: Vec<String> = (0..5).map(|number| format!("{number}").repeat(1_300)).collect();
    let lost = texts[0].clone();
    pair.lose(first(1, move |sent| sent.says(&lost)));
    texts.iter().for_each(|text| pair.client.send(0, Packet::reliable(text.clone())));
    pair.run_for(ms(200));
    assert_eq!(times_of(&pair, &texts[0])[..2], [0, 80]);
}

// ---- Silence

#[test]
fn a_lost_tail_is_probed_one_round_trip_and_an_allowance_later() {
    let mut pair = settled();
    pair.lose(first(1, |sent| sent.says("a")));
    frames(&mut pair, &["a"]);
    pair.run_until_quiet();
    let times = times_of(&pair, "a");
    assert_eq!(times.len(), 2);
    assert!((100..=110).contains(&times[1]), "{times:?}");
}

#[test]
fn a_silent_path_is_probed_with_a_datagram_at_a_time_not_with_the_window() {
    let mut pair = settled();
    pair.cut();
    for number in 0..20_u8 {
        pair.client.send(0, Packet::reliable(vec![number; 1_300]));
    }
    pair.run_for(ms(101));
    assert_eq!(pair.sent_by(Client).count(), 20 + 1);
    // Pauses of 4, 8, 16 and 32 ms.
    pair.run_for(ms(63));
    let stats = pair.client.stats();
    assert_eq!(stats.retransmissions, 5);
    assert_eq!(pair.sent_by(Client).count() as u64, 20 + 5 + stats.copies);
}

/// Found by the swarm: what had been in flight when the throttle fell filled the window for a quarter of a minute.
#[test]
fn a_probe_leaves_though_the_window_is_full() {
    let mut pair = settled();
    pair.cut();
    for _ in 0..30 {
        pair.client.send(0, Packet::reliable(vec![7; 1_000]));
    }
    // The window is taken back to a few bytes within a second.
    pair.client.host.set_bandwidth_limits(None, NonZeroU32::new(1));
    pair.run_for(ms(1_500));
    let stats = pair.client.stats();
    assert!(stats.reliable_data_in_transit > 16_000 && stats.throttle == 0, "{stats:?}");
    pair.mark();
    pair.run_for(ms(1_000));
    // Every 100 ms, and a whole round trip where that is longer.
    assert!(pair.sent_by(Client).filter(|sent| sent.bytes.len() > 1_000).count() >= 8);
}

#[test]
fn a_dead_path_is_probed_about_ten_times_a_second() {
    let mut pair = settled();
    pair.cut();
    pair.client.send(0, Packet::reliable("a"));
    pair.run_for(ms(3_000));
    let times = times_of(&pair, "a");
    assert!((25..=31).contains(&times.len()), "{times:?}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 110), "{times:?}");
}

#[test]
fn a_path_that_comes_back_after_eight_seconds_delivers_within_a_round_trip_and_100_ms() {
    let mut pair = settled();
    pair.cut();
    frames(&mut pair, &["a", "b"]);
    pair.run_for(ms(8_000));
    pair.heal();
    pair.mark();
    pair.run_for(ms(180));
    assert_eq!(pair.server.texts().first().map(String::as_str), Some("a"));
    assert_eq!(pair.client.state(), PeerState::Connected);
}

#[test]
fn a_late_answer_of_a_busy_host_provokes_nothing() {
    let mut pair = settled();
    pair.delay(ms(18), first(1, |sent| sent.from == Server));
    frames(&mut pair, &["a"]);
    pair.run_until_quiet();
    assert_eq!(times_of(&pair, "a"), [0]);
}

// ---- Giving up

#[test]
fn a_silent_peer_is_given_up_after_63_timeouts_of_150_ms() {
    let mut pair = settled();
    pair.cut();
    pair.client.send(0, Packet::reliable("a"));
    let took = pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    assert!((ms(9_450)..ms(9_600)).contains(&took), "{took:?}");
    let events = pair.client.events();
    assert!(
        matches!(events[..], [Event::Disconnected { reason: DisconnectReason::TimedOut, .. }]),
        "{events:?}"
    );
}

#[test]
fn one_packet_without_luck_ends_no_connection_whose_peer_answers() {
    let mut pair = settled();
    pair.lose(|sent| sent.says("a"));
    pair.client.send(0, Packet::reliable("a"));
    for _ in 0..30 * 60 {
        pair.client.send(1, Packet::reliable("b"));
        pair.run_for(FRAME);
    }
    assert_eq!(pair.client.state(), PeerState::Connected);
    assert_eq!(pair.server.state(), PeerState::Connected);
}

#[test]
fn a_farewell_is_repeated_no_more_often_than_stock_hosts_do() {
    let mut pair = settled();
    pair.cut();
    pair.client.disconnect(7);
    pair.run_until(|pair| pair.client.state() == PeerState::Disconnected);
    assert!(pair.times_of(Client, CommandKind::Disconnect).len() <= 8);
}

// ---- Acknowledgements

#[test]
fn where_much_is_lost_acknowledgements_leave_twice() {
    let mut pair = settled();
    let mut left = 0;
    pair.lose(move |sent| {
        left += usize::from(sent.from == Client && sent.carries(CommandKind::SendReliable));
        sent.from == Client && left % 8 == 0
    });
    for _ in 0..300 {
        frames(&mut pair, &["a"]);
    }
    let count = |pair: &Pair, kind| {
        let commands = pair.sent_by(Server).flat_map(Sent::commands);
        commands.filter(|command| command.kind() == kind).count()
    };
    pair.run_until_quiet();
    let before = count(&pair, CommandKind::Acknowledge);
    assert!(before > 450, "{before} acknowledgements of 300 packets");
    // And a network that has recovered sees each of them once.
    pair.heal();
    pair.run_for(ms(3_000));
    pair.mark();
    for _ in 0..100 {
        frames(&mut pair, &["a"]);
    }
    pair.run_until_quiet();
    let after = count(&pair, CommandKind::Acknowledge);
    assert!((100..140).contains(&after), "{after} acknowledgements of 100 packets");
}

#[test]
fn a_lost_acknowledgement_that_is_repeated_spares_a_retransmission() {
    let mut pair = settled();
    // Gaps, until the server repeats.
    let mut left = 0;
    pair.lose(move |sent| {
        left += usize::from(sent.from == Client && sent.carries(CommandKind::SendReliable));
        sent.from == Client && left < 120 && left % 8 == 0
    });
    for _ in 0..110 {
        frames(&mut pair, &["a"]);
    }
    let before = pair.client.host.stats().retransmissions;
    frames(&mut pair, &["b", "c"]);
    pair.lose(first(1, |sent| sent.from == Server && sent.carries(CommandKind::Acknowledge)));
    for _ in 0..20 {
        frames(&mut pair, &["d"]);
    }
    pair.run_until_quiet();
    let spared = pair.client.host.stats().retransmissions - before;
    assert!(spared <= 1, "{spared}");
}

// ---- Redundancy

#[test]
fn repeated_packets_ride_in_the_next_two_datagrams() {
    let mut pair = settled_with(|config| {
        config.redundancy = Redundancy::Repeat(NonZeroU8::new(2).unwrap());
    });
    pair.lose(first(2, |sent| sent.says("a")));
    frames(&mut pair, &["a", "b", "c", "d", "e"]);
    pair.run_until_quiet();
    assert_eq!(times_of(&pair, "a"), [0, 16, 32]);
    assert_eq!(times_of(&pair, "c"), [32, 48, 64]);
    assert_eq!(pair.client.host.stats().retransmissions, 0);
    assert_eq!(pair.server.texts(), ["a", "b", "c", "d", "e"]);
}

#[test]
fn large_packets_are_not_repeated() {
    let mut pair = settled_with(|config| {
        config.redundancy = Redundancy::Repeat(NonZeroU8::new(2).unwrap());
    });
    let large = "x".repeat(300);
    frames(&mut pair, &[&large, "b", "c"]);
    assert_eq!(times_of(&pair, &large), [0]);
}

#[test]
fn a_peer_may_be_given_another_redundancy_than_its_host() {
    let mut pair = settled();
    pair.client.peer_mut().set_redundancy(Redundancy::Repeat(NonZeroU8::MIN));
    frames(&mut pair, &["a", "b", "c"]);
    assert_eq!(times_of(&pair, "a"), [0, 16]);
}

// ---- Bursts and bad paths

#[test]
fn in_a_burst_of_losses_probes_ride_in_what_follows_until_something_arrives() {
    let mut pair = settled();
    pair.lose(first(12, |sent| sent.from == Client));
    frames(&mut pair, &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]);
    pair.run_for(ms(20));
    // The first datagram that gets through has what was lost first aboard.
    assert_eq!(pair.server.texts().first().map(String::as_str), Some("a"));
    let stats = pair.client.stats();
    assert_eq!(stats.copies, pair.client.host.stats().copies);
    assert_eq!(stats.retransmissions, pair.client.host.stats().retransmissions);
}

#[test]
fn a_probe_that_is_lost_rides_once_more_and_no_longer_when_the_silence_is_over() {
    let mut pair = settled();
    pair.lose(first(4, |sent| sent.says("a")));
    pair.lose(first(1, |sent| sent.says("b")));
    frames(&mut pair, &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]);
    // "c" is acknowledged at 112.
    assert_eq!(times_of(&pair, "a"), [0, 100, 112]);
}

/// A path whose losses come four at a time, as the client knows by now.
fn used_to_bursts(change: impl Fn(&mut HostConfig)) -> Pair {
    let mut pair = settled_with(change);
    for _ in 0..30 {
        pair.lose(first(4, |sent| sent.from == Client && sent.carries(CommandKind::SendReliable)));
        frames(&mut pair, &["-"; 80]);
    }
    pair.run_until_quiet();
    pair.server.texts();
    pair.mark();
    pair
}

/// An outage is one event, and says nothing of how single datagrams are lost.
#[test]
fn an_outage_is_no_habit_of_bursts() {
    let mut pair = settled();
    pair.cut();
    frames(&mut pair, &["-"]);
    pair.run_for(ms(3_000));
    pair.heal();
    frames(&mut pair, &["-"; 100]);
    pair.run_until_quiet();
    pair.server.texts();
    pair.mark();
    pair.lose(first(9, |sent| sent.from == Client));
    frames(&mut pair, &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]);
    pair.run_until_quiet();
    // As in `in_a_burst_of_losses`: "b" is not missed before its own answer is overdue.
    assert_eq!(times_of(&pair, "b").get(1), Some(&116));
}

const ALPHABET: [&str; 16] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];

#[test]
fn where_bursts_are_usual_nobody_waits_for_each_answer_in_one() {
    let second = |mut pair: Pair| {
        pair.cut();
        frames(&mut pair, &ALPHABET);
        ["a", "b", "c", "d"].map(|text| times_of(&pair, text)[1])
    };
    assert_eq!(second(settled()), [100, 116, 132, 148]);
    assert_eq!(second(used_to_bursts(|_| {})), [100, 104, 112, 128]);
}

#[test]
fn where_bursts_are_usual_what_was_lost_first_rides_until_a_long_one_ends() {
    let arrived = |mut pair: Pair| {
        pair.lose(first(20, |sent| sent.from == Client));
        frames(&mut pair, &ALPHABET);
        pair.run_for(ms(34));
        pair.server.texts().first().cloned()
    };
    // The twenty take 224 or 240 ms.
    assert_eq!(arrived(settled()), None);
    assert_eq!(arrived(used_to_bursts(|_| {})).as_deref(), Some("a"));
}

#[test]
fn where_bursts_are_usual_a_repeated_packet_is_missed_as_early_as_one_that_is_not() {
    let repeat = |config: &mut HostConfig| {
        config.redundancy = Redundancy::Repeat(NonZeroU8::new(2).unwrap());
    };
    let left = |mut pair: Pair| {
        pair.cut();
        frames(&mut pair, &ALPHABET);
        ["a", "b"].map(|text| times_of(&pair, text)[..4].to_vec())
    };
    assert_eq!(left(settled_with(repeat)), [[0, 16, 32, 132], [16, 32, 48, 148]]);
    // The last copy stands farther off, and what left 20 ms ago leaves together.
    assert_eq!(left(used_to_bursts(repeat)), [[0, 16, 48, 100], [16, 32, 64, 100]]);
}

#[test]
fn a_loss_is_not_insured_where_hardly_anything_is_lost() {
    let mut pair = settled();
    let mut number = 0;
    pair.lose(move |sent| {
        number += usize::from(sent.from == Client && sent.carries(CommandKind::SendReliable));
        sent.from == Client && number % 50 == 49
    });
    for _ in 0..2_000 {
        frames(&mut pair, &["a"]);
    }
    let stats = pair.client.stats();
    assert!((38..44).contains(&stats.retransmissions), "{stats:?}");
    assert!(stats.copies < 25, "{stats:?}");
}

/// A client with this packet in each frame, and of whose datagrams one in `every` is lost: its answers to pings of the
/// server for each of them, and how many are said again beside a reliable packet that is all there is.
fn answers_beside(packet: &Packet, every: usize) -> (usize, usize) {
    let mut pair = settled();
    let mut left = 0;
    pair.lose(move |sent| {
        left += usize::from(sent.from == Client);
        sent.from == Client && left % every == 0
    });
    for _ in 0..4_000 {
        pair.client.send(0, packet.clone());
        pair.run_for(FRAME);
    }
    let (mut said, mut packets, mut beside) = (Vec::new(), Vec::new(), 0);
    for sent in pair.sent_by(Client) {
        let commands: Vec<_> = sent.commands().collect();
        let answers = commands.iter().filter(|it| it.kind() == CommandKind::Acknowledge);
        let answers: Vec<_> = answers.map(|it| it.seq).collect();
        let again = answers.iter().any(|it| said.contains(it));
        let others: Vec<_> = commands.iter().filter(|it| it.acknowledge).map(|it| it.seq).collect();
        beside += usize::from(again && others.len() == 1 && !packets.contains(&others[0]));
        said.extend(answers);
        packets.extend(others);
    }
    (said.len() / pair.times_of(Server, CommandKind::Ping).len(), beside)
}

#[test]
fn while_much_is_lost_the_answer_to_a_ping_is_said_again_so_that_none_need_follow() {
    for packet in [Packet::reliable("a"), Packet::new(Delivery::Unreliable, "a")] {
        let ((calm, _), (lossy, _)) = (answers_beside(&packet, 1_000), answers_beside(&packet, 3));
        assert!(calm == 1 && lossy >= 3, "{packet:?}: {calm}, and {lossy} where much is lost");
    }
}

#[test]
fn the_answer_to_a_ping_is_not_said_again_with_a_reliable_packet_that_leaves_alone() {
    assert_eq!(answers_beside(&Packet::reliable("a"), 3).1, 0);
}

#[test]
fn a_second_in_which_the_order_changed_is_forgotten_within_half_a_minute() {
    let mut pair = settled();
    pair.delay(ms(60), first(3, |sent| sent.says("late")));
    for _ in 0..3 {
        frames(&mut pair, &["late", "b", "c", "d", "e", "f", "g"]);
    }
    let answer = |pair: &mut Pair, text: &'static str| {
        pair.mark();
        pair.lose(first(1, move |sent| sent.says(text)));
        frames(pair, &[text, "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
        times_of(pair, text)[1]
    };
    assert!(answer(&mut pair, "soon") > 140, "it may still come");
    for _ in 0..30 * 1_000 / 16 {
        frames(&mut pair, &["a"]);
    }
    assert_eq!(answer(&mut pair, "after half a minute"), 96);
}

#[test]
fn what_is_swallowed_holds_up_nothing_else_that_was_lost() {
    let mut pair = settled();
    let large = "L".repeat(1_200);
    let swallowed = large.clone();
    pair.lose(move |sent| sent.says(&swallowed));
    pair.client.send(1, Packet::reliable(large.clone()));
    frames(&mut pair, &["-"; 400]);
    let pauses: Vec<u128> = times_of(&pair, &large).windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().max() > Some(&2_000), "{pauses:?}");
    pair.mark();
    pair.lose(first(1, |sent| sent.says("a")));
    frames(&mut pair, &["a", "-", "-", "-", "-", "-", "-", "-", "-", "-"]);
    assert_eq!(times_of(&pair, "a")[..2], [0, 96]);
    // And it still leaves when its own time has come.
    frames(&mut pair, &["-"; 400]);
    assert!(!times_of(&pair, &large).is_empty());
}

/// The bytes that the client sends in each of some seconds, where hosts send and receive so much at most, and how many
/// copies are among them.
fn repeated_under(outgoing: u32, incoming: u32) -> (Vec<u64>, u64) {
    let mut pair = settled_with(|config| {
        config.redundancy = Redundancy::Repeat(NonZeroU8::new(2).unwrap());
        config.outgoing_bandwidth = NonZeroU32::new(outgoing);
        config.incoming_bandwidth = NonZeroU32::new(incoming);
    });
    frames(&mut pair, &["-"; 125]); // limits are known a second later
    let before = pair.client.stats().copies;
    let packet = "p".repeat(100);
    let seconds = (0..8).map(|_| {
        let before = pair.client.host.stats().bytes_sent;
        frames(&mut pair, &[packet.as_str(); 60]);
        pair.client.host.stats().bytes_sent - before
    });
    (seconds.collect(), pair.client.stats().copies - before)
}

#[test]
fn copies_that_nobody_asked_for_keep_to_the_limits_of_bandwidth() {
    // A host that says what it sends at most is told what the other one receives.
    for (outgoing, incoming) in [(10_000, 0), (1_000_000, 10_000)] {
        let (seconds, copies) = repeated_under(outgoing, incoming);
        assert!(seconds[2..].iter().all(|bytes| *bytes < 10_000), "{outgoing}, {incoming}: {seconds:?}");
        assert!(copies < 250, "{copies}");
    }
    for (outgoing, incoming) in [(0, 0), (25_000, 0), (1_000_000, 25_000)] {
        let (seconds, _) = repeated_under(outgoing, incoming);
        assert!(seconds[2..].iter().all(|bytes| *bytes > 18_000), "{outgoing}, {incoming}: {seconds:?}");
    }
}
