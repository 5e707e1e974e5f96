//! Slow lines, full queues, lines that directions share.

use super::super::{Copy, DropReason, Fate, Network, Plan};
use super::{hosts, link, ms, network, send_one};
use crate::scenario::link::{DropFrom, LinkSpec, Rate, RateSpec};
use crate::time::{Span, Time};

fn micros(micros: u64) -> Time {
    Time(micros * 1_000)
}

/// A byte each microsecond.
fn line(queue: u32, drop: DropFrom) -> RateSpec {
    RateSpec { rate: Rate(8_000_000), queue, drop }
}

fn slow(queue: u32, drop: DropFrom) -> LinkSpec {
    LinkSpec { rate: Some(line(queue, drop)), ..LinkSpec::delayed(Span::from_millis(10)) }
}

/// Lets all lines run empty.
fn drain(network: &mut Network, out: &mut Vec<Copy>) {
    while let Some(at) = network.next_event() {
        network.advance(at, out);
    }
}

/// Arrival, in microseconds after the 10 ms of delay, and length.
fn arrivals(out: &[Copy]) -> Vec<(u64, usize)> {
    out.iter().map(|copy| (copy.at.0 / 1_000 - 10_000, copy.bytes.len())).collect()
}

#[test]
fn a_line_takes_its_time_for_each_byte() {
    for drop in [DropFrom::Tail, DropFrom::Head] {
        let (mut network, mut out) = (network(1, slow(10_000, drop)), Vec::new());
        send_one(&mut network, micros(0), 100, &mut out);
        send_one(&mut network, micros(50), 30, &mut out);
        send_one(&mut network, micros(50), 20, &mut out);
        send_one(&mut network, micros(500), 1, &mut out);
        drain(&mut network, &mut out);
        assert_eq!(arrivals(&out), [(100, 100), (130, 30), (150, 20), (501, 1)], "{drop:?}");
    }
}

#[test]
fn a_rate_that_does_not_divide_evenly_is_rounded_up() {
    assert_eq!(Rate(3).time_for(1), Span(2_666_666_667));
    assert_eq!(Rate(1_000_000_000).time_for(1_392), Span(11_136));
}

#[test]
fn a_queue_drops_exactly_when_it_is_full() {
    let (mut network, mut out) = (network(1, slow(300, DropFrom::Tail)), Vec::new());
    let mut fate = |now, len| send_one(&mut network, now, len, &mut out).dropped;
    assert_eq!(fate(micros(0), 1_000), None, "the line is idle, whatever the length");
    assert_eq!(fate(micros(0), 200), None);
    assert_eq!(fate(micros(0), 101), Some(DropReason::Queue));
    assert_eq!(fate(micros(0), 100), None, "exactly full");
    assert_eq!(fate(micros(999), 1), Some(DropReason::Queue));
    assert_eq!(fate(micros(1_000), 200), None, "the 200 bytes have begun to leave");
    assert_eq!(fate(micros(1_000), 1), Some(DropReason::Queue));
    assert_eq!(network.stats(1, 0).dropped_for(DropReason::Queue), 3);
    assert_eq!(arrivals(&out), [(1_000, 1_000), (1_200, 200), (1_300, 100), (1_500, 200)]);
}

#[test]
fn a_queue_of_no_bytes_still_sends_when_the_line_is_idle() {
    let (mut network, mut out) = (network(1, slow(0, DropFrom::Tail)), Vec::new());
    let mut fate = |now, len| send_one(&mut network, now, len, &mut out).dropped;
    assert_eq!([fate(micros(0), 10), fate(micros(9), 10)], [None, Some(DropReason::Queue)]);
    assert_eq!(fate(micros(10), 10), None);
}

#[test]
fn a_full_queue_drops_the_newest_at_its_tail_and_the_oldest_at_its_head() {
    let survivors = |drop| {
        let (mut network, mut out) = (network(1, slow(300, drop)), Vec::new());
        for len in [100, 101, 102, 95, 96] {
            send_one(&mut network, micros(0), len, &mut out);
        }
        drain(&mut network, &mut out);
        let stats = network.stats(1, 0);
        assert_eq!(stats.dropped_for(DropReason::Queue), stats.dropped());
        assert_eq!(out.len() as u64 + stats.dropped(), stats.sent);
        out.iter().map(|copy| copy.bytes.len()).collect::<Vec<_>>()
    };
    assert_eq!(survivors(DropFrom::Tail), [100, 101, 102, 95]);
    assert_eq!(survivors(DropFrom::Head), [100, 102, 95, 96]);
}

#[test]
fn dropping_at_the_head_lets_the_others_leave_sooner() {
    let (mut network, mut out) = (network(1, slow(200, DropFrom::Head)), Vec::new());
    send_one(&mut network, micros(0), 1_000, &mut out);
    for len in [100, 90, 80] {
        let fate = send_one(&mut network, micros(10), len, &mut out);
        assert_eq!((fate.dropped, fate.arrives), (None, Fate::UNKNOWN));
    }
    drain(&mut network, &mut out);
    assert_eq!(arrivals(&out), [(1_000, 1_000), (1_090, 90), (1_170, 80)]);
}

#[test]
fn what_no_queue_could_hold_pushes_nobody_out_of_it() {
    let (mut network, mut out) = (network(1, slow(200, DropFrom::Head)), Vec::new());
    send_one(&mut network, micros(0), 1_000, &mut out);
    send_one(&mut network, micros(0), 100, &mut out);
    assert_eq!(send_one(&mut network, micros(0), 201, &mut out).dropped, Some(DropReason::Queue));
    drain(&mut network, &mut out);
    assert_eq!(arrivals(&out), [(1_000, 1_000), (1_100, 100)]);
}

fn shared(up: LinkSpec, queue: u32) -> Network {
    let plan = Plan::same(LinkSpec { bottleneck: Some(0), ..up });
    Network::new(1, &hosts(3), plan, &[line(queue, DropFrom::Tail)])
}

#[test]
fn directions_share_a_bottleneck_in_the_order_of_their_datagrams() {
    let (mut network, mut out) = (shared(LinkSpec::delayed(Span::from_millis(10)), 150), Vec::new());
    let mut send =
        |now, from, len: usize| network.send(now, from, hosts(1)[0], &vec![1; len], &mut out).dropped;
    assert_eq!(send(micros(0), 1, 100), None);
    assert_eq!(send(micros(0), 2, 101), None);
    assert_eq!(send(micros(5), 1, 50), Some(DropReason::Queue), "host 2 has filled the queue");
    assert_eq!(send(micros(5), 2, 49), None);
    assert_eq!(send(micros(100), 1, 50), None);
    drain(&mut network, &mut out);
    assert_eq!(arrivals(&out), [(100, 100), (201, 101), (250, 49), (300, 50)]);
    assert_eq!(network.stats(1, 0).dropped_for(DropReason::Queue), 1);
    assert_eq!(network.stats(2, 0).dropped_for(DropReason::Queue), 0);
}

#[test]
fn a_datagram_that_is_late_on_its_own_line_is_late_at_the_bottleneck() {
    let quick = LinkSpec { bottleneck: Some(0), ..LinkSpec::delayed(Span::from_millis(10)) };
    let slow = RateSpec { rate: Rate(800_000), queue: 10_000, drop: DropFrom::Tail };
    let plan = Plan::same(quick.clone()).with(1, 0, LinkSpec { rate: Some(slow), ..quick });
    for drop in [DropFrom::Tail, DropFrom::Head] {
        let mut network = Network::new(1, &hosts(3), plan.clone(), &[line(1_000, drop)]);
        let mut out = Vec::new();
        // Host 1's 100 bytes take 1 ms on its own line; meanwhile host 2 has the shared one for itself.
        network.send(micros(0), 1, hosts(1)[0], &[1; 100], &mut out);
        network.send(micros(500), 2, hosts(1)[0], &[2; 40], &mut out);
        network.send(micros(990), 2, hosts(1)[0], &[2; 30], &mut out);
        drain(&mut network, &mut out);
        assert_eq!(arrivals(&out), [(540, 40), (1_020, 30), (1_120, 100)], "{drop:?}");
    }
}

#[test]
fn the_network_says_when_a_line_is_to_be_looked_after() {
    let (mut network, mut out) = (shared(LinkSpec::default(), 1_000), Vec::new());
    assert_eq!(network.next_event(), None);
    send_one(&mut network, micros(0), 100, &mut out);
    send_one(&mut network, micros(0), 100, &mut out);
    assert_eq!((out.len(), network.next_event()), (1, Some(micros(100))));
    network.advance(micros(99), &mut out);
    assert_eq!(out.len(), 1);
    network.advance(micros(100), &mut out);
    assert_eq!((out.len(), out[1].at), (2, micros(200)));
    drain(&mut network, &mut out);
    assert_eq!((out.len(), network.next_event()), (2, None));
}

#[test]
fn a_rate_may_change_under_way() {
    let (mut network, mut out) = (network(1, slow(10_000, DropFrom::Tail)), Vec::new());
    send_one(&mut network, micros(0), 100, &mut out);
    let mut slower = slow(10_000, DropFrom::Tail);
    slower.rate = Some(RateSpec { rate: Rate(800_000), queue: 10_000, drop: DropFrom::Tail });
    network.set_link(1, 0, slower);
    send_one(&mut network, micros(50), 10, &mut out);
    assert_eq!(arrivals(&out), [(100, 100), (200, 10)], "the queue is kept, the new datagram takes longer");
}

#[test]
fn duplicates_pass_the_line_like_others() {
    let text = "duplicate = { chance = '100%', copies = 2 }\nrate = { rate = '8mbit', queue = 100 }";
    let (mut network, mut out) = (network(1, link(text)), Vec::new());
    let fate = send_one(&mut network, ms(0), 100, &mut out);
    assert_eq!(fate.copies, 2, "the third finds the queue full");
    assert_eq!(out.iter().map(|copy| copy.at).collect::<Vec<_>>(), [micros(100), micros(200)]);
}

#[test]
fn a_cut_takes_what_still_waits() {
    let (mut network, mut out) = (network(1, slow(1_000, DropFrom::Head)), Vec::new());
    send_one(&mut network, micros(0), 100, &mut out);
    send_one(&mut network, micros(0), 100, &mut out);
    network.cut(1, 0, true);
    drain(&mut network, &mut out);
    assert_eq!(out.len(), 1);
    assert_eq!(network.stats(1, 0).dropped_for(DropReason::Cut), 1);
}
