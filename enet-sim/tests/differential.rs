//! Ours against the installed C library in the same worlds: the same datagrams where both are called alike, the same
//! deliveries and the same latencies where they are not.
#![cfg(feature = "c-reference")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // it is a test

use std::collections::BTreeMap;
use std::sync::LazyLock;

use enet_sim::differential::{CASTS, QUEUE_OF_ITS_OWN, compare, difference};
use enet_sim::endpoint::{Happening, Implementation, Kind};
use enet_sim::message::Message;
use enet_sim::scenario::Service;
use enet_sim::world::observer::{Call, HostIndex, Observer};
use enet_sim::world::{Cast, World};
use enet_sim::{Scenario, Span, Time, run};

/// Whether the C library can be had. In CI it has to be there.
fn is_there() -> bool {
    static AVAILABLE: LazyLock<Result<(), String>> = LazyLock::new(|| Implementation::C.available());
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    match &*AVAILABLE {
        Ok(()) => true,
        Err(reason) if ci => panic!("the C library is needed: {reason}"),
        Err(reason) => {
            eprintln!("skipped: {reason}");
            false
        }
    }
}

fn scenario(name: &str, seed: u64) -> Scenario {
    Scenario { seed, ..Scenario::built_in(name).unwrap() }
}

/// Runs a scenario with a few seeds: every datagram and every event must be the same in all pairings.
fn is_identical(name: &str, seeds: u64) {
    if !is_there() {
        return;
    }
    let comparison = compare(&scenario(name, 1), seeds, &mut |_| ()).unwrap();
    for pairing in &comparison.pairings {
        assert_eq!(pairing.identical, Some(seeds), "{name}: {pairing:#?}");
    }
    assert_eq!(comparison.objections(), Vec::<String>::new());
}

#[test]
fn every_datagram_is_the_same_at_5_percent_loss() {
    is_identical("lossy-5", 3);
}

#[test]
fn every_datagram_is_the_same_at_10_percent_loss() {
    is_identical("lossy-10", 3);
}

#[test]
fn every_datagram_is_the_same_while_four_mebibytes_go_over() {
    is_identical("bulk-4mib", 1);
}

#[test]
fn every_datagram_is_the_same_while_the_throttle_falls_and_rises() {
    is_identical("throttle", 2);
}

#[test]
fn every_datagram_is_the_same_on_a_good_line() {
    is_identical("lan", 1);
}

#[test]
fn every_datagram_is_the_same_if_some_come_twice() {
    is_identical("duplicate", 2);
}

#[test]
fn every_datagram_is_the_same_if_some_overtake_others() {
    is_identical("reorder", 2);
}

#[test]
fn every_datagram_is_the_same_over_an_outage() {
    is_identical("outage-3s", 2);
}

#[test]
fn checksums_compression_and_limits_change_nothing_of_it() {
    if !is_there() {
        return;
    }
    let mut world = scenario("lossy-5", 1);
    world.duration = Span::from_secs(15);
    for host in [&mut world.server, &mut world.client] {
        (host.checksum, host.range_coder) = (true, true);
        (host.incoming_bandwidth, host.outgoing_bandwidth) = (Some(100_000), Some(50_000));
    }
    let comparison = compare(&world, 2, &mut |_| ()).unwrap();
    assert!(comparison.pairings.iter().all(|pairing| pairing.identical == Some(2)), "{comparison:#?}");
}

/// In this world a BANDWIDTH_LIMIT and data go out again together.
#[test]
fn a_queue_of_its_own_is_the_known_difference_between_versions() {
    if !is_there() {
        return;
    }
    let world = scenario("lossy-10", 87);
    let [_, ours, from_ours, from_c] = CASTS;
    for cast in [ours, from_ours] {
        let found = difference(&world, cast).unwrap().expect("1.3.17 has another order");
        assert_eq!(found.reason, Some(QUEUE_OF_ITS_OWN), "{found:#?}");
        assert!(found.text.contains("BANDWIDTH"), "{}", found.text);
    }
    assert_eq!(difference(&world, from_c).unwrap(), None);
}

#[test]
fn a_run_that_parts_is_noticed() {
    if !is_there() {
        return;
    }
    // Under an event loop ours draws its connect id, so the first datagram already is another.
    let mut world = scenario("lan", 1);
    (world.service, world.duration) = (Service::OnDemand, Span::from_secs(1));
    let found = difference(&world, Cast::OURS).unwrap().expect("another connect id");
    assert_eq!((found.datagram, found.reason), (0, None), "{found:#?}");
}

#[test]
fn the_throttle_falls_and_rises_as_that_of_c_does() {
    if !is_there() {
        return;
    }
    let series = CASTS.map(|cast| {
        let samples = run::measured(&scenario("throttle", 1), cast, false).unwrap().series.samples;
        let numbers = |it: &enet_sim::measure::Sample| {
            let now = it.numbers;
            (
                it.at,
                now.throttle,
                now.throttle_limit,
                now.rtt,
                now.rtt_variance,
                now.in_flight,
                now.packet_loss,
            )
        };
        samples.iter().map(numbers).collect::<Vec<_>>()
    });
    for other in &series[1..] {
        assert_eq!(other, &series[0]);
    }
    let lowest = |from: u64, until: u64| {
        let span = Time(from * 1_000_000_000)..Time(until * 1_000_000_000);
        series[0].iter().filter(|sample| span.contains(&sample.0)).map(|sample| sample.1).min()
    };
    // The round trip grows at 12 s, and is short again from 22 s on.
    assert_eq!((lowest(1, 12), lowest(37, 59)), (Some(32), Some(32)));
    assert!(lowest(12, 22) < Some(8), "{:?}", lowest(12, 22));
}

/// The reliable messages that came, by sender and channel, in order; and how many were taken for sending.
#[derive(Debug, Default, PartialEq, Eq)]
struct Deliveries {
    came: BTreeMap<(u16, u8), Vec<u32>>,
    taken: BTreeMap<(u16, u8), u32>,
}

impl Observer for Deliveries {
    fn called(&mut self, _: Time, _: HostIndex, call: &Call<'_>) {
        if let Call::Send { payload, accepted: true, kind: Kind::Reliable, .. } = call {
            let message = Message::peek(payload).unwrap();
            *self.taken.entry((message.sender, message.channel)).or_default() += 1;
        }
    }

    fn happened(&mut self, _: Time, _: HostIndex, what: &Happening<'_>) {
        if let Happening::Received { payload, .. } = what {
            let message = Message::read(payload).expect("as it was sent");
            if message.kind == Kind::Reliable {
                self.came.entry((message.sender, message.channel)).or_default().push(message.id);
            }
        }
    }
}

#[test]
fn under_an_event_loop_all_that_is_reliable_comes_once_and_in_order_in_every_pairing() {
    if !is_there() {
        return;
    }
    for (name, seed) in [("lossy-5", 1), ("duplicate", 2), ("reorder", 3), ("outage-3s", 4)] {
        let mut world = scenario(name, seed);
        world.service = Service::OnDemand;
        for cast in CASTS {
            let mut world = World::new(&world, cast, Deliveries::default()).unwrap();
            world.run();
            let (deliveries, ..) = world.finish();
            assert!(!deliveries.taken.is_empty(), "{name} {cast:?}");
            for (flow, taken) in deliveries.taken {
                let came = deliveries.came.get(&flow).map_or(&[][..], Vec::as_slice);
                assert!(
                    came.iter().copied().eq(0..taken),
                    "{name} {cast:?} {flow:?}: {} of {taken}",
                    came.len()
                );
            }
        }
    }
}

#[test]
fn under_an_event_loop_latencies_and_throttles_are_those_of_c() {
    if !is_there() {
        return;
    }
    for name in ["lossy-5", "throttle"] {
        let mut world = scenario(name, 1);
        (world.service, world.duration) = (Service::OnDemand, Span::from_secs(30));
        let comparison = compare(&world, 12, &mut |_| ()).unwrap();
        assert_eq!(comparison.objections(), Vec::<String>::new(), "{comparison:#?}");
        assert!(comparison.pairings.iter().all(|pairing| pairing.identical.is_none()));
    }
}
