//! Recorded faults, replayed with fewer of them; and what holds for every link.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Copy, Network, Plan};
use super::{MS, Sent, hosts, link, network, send_many};
use crate::random::Chance;
use crate::scenario::link::{
    Corrupt, Delay, DropFrom, Duplicate, Gap, LinkSpec, Loss, MtuSpec, Pick, Rate, RateSpec, Shape, Spike,
};
use crate::time::{Span, Time};

fn bad() -> LinkSpec {
    link(
        "loss = { kind = 'random', chance = '5%' }
         corrupt = { chance = '5%' }
         duplicate = { chance = '5%', within = '1s' }
         delay = { base = '20ms', spike = { chance = '5%', by = '500ms' }, reorder = true }",
    )
}

fn replay(allowed: Option<BTreeSet<(usize, usize, u64)>>) -> (Vec<Sent>, Vec<(usize, usize, u64)>) {
    let mut network = network(1, bad());
    network.record_faults();
    network.allow_faults_only(allowed);
    let run = send_many(&mut network, 2_000, MS);
    (run, network.faults_seen().to_vec())
}

fn is_clean(sent: &Sent) -> bool {
    sent.fate.dropped.is_none()
        && !sent.fate.corrupted
        && sent.fate.copies == 1
        && sent.fate.arrives == sent.at + Span::from_millis(20)
}

#[test]
fn the_faults_seen_are_those_that_happened() {
    let (run, seen) = replay(None);
    let happened: Vec<_> =
        run.iter().filter(|sent| !is_clean(sent)).map(|sent| (1, 0, sent.fate.number)).collect();
    assert_eq!(seen, happened);
    assert!((250..500).contains(&seen.len()), "{}", seen.len());
}

#[test]
fn replayed_with_all_its_faults_a_run_is_the_same() {
    let (run, seen) = replay(None);
    assert_eq!(replay(Some(seen.iter().copied().collect())), (run, seen));
}

#[test]
fn replayed_with_some_faults_these_are_the_same_and_nothing_else_goes_wrong() {
    let (run, seen) = replay(None);
    let some: BTreeSet<_> = seen.iter().copied().step_by(3).collect();
    let (fewer, seen) = replay(Some(some.clone()));
    assert_eq!(seen, some.iter().copied().collect::<Vec<_>>());
    for (before, after) in run.iter().zip(&fewer) {
        if some.contains(&(1, 0, before.fate.number)) {
            assert_eq!(before, after);
        } else {
            assert!(is_clean(after));
        }
    }
}

#[test]
fn a_pardoned_datagram_passes_queues_cuts_and_holds() {
    let mut link = bad();
    link.rate = Some(RateSpec { rate: Rate(8_000), queue: 0, drop: DropFrom::Tail });
    for drop in [DropFrom::Tail, DropFrom::Head] {
        link.rate = link.rate.map(|rate| RateSpec { drop, ..rate });
        let mut network = network(1, link.clone());
        network.allow_faults_only(Some(BTreeSet::new()));
        network.cut(1, 0, true);
        network.hold(1, 0, true, Time::ZERO, &mut Vec::new());
        let mut out: Vec<_> =
            send_many(&mut network, 20, MS).into_iter().flat_map(|sent| sent.copies).collect();
        while let Some(at) = network.next_event() {
            network.advance(at, &mut out);
        }
        assert_eq!(out.len(), 20);
        assert_eq!(network.stats(1, 0).dropped(), 0);
    }
    let mut clean = network(1, LinkSpec::default());
    clean.allow_faults_only(Some(BTreeSet::new()));
    clean.cut(1, 0, true);
    assert!(send_many(&mut clean, 20, MS).iter().all(|sent| sent.fate.dropped.is_none()));
}

fn chance() -> impl Strategy<Value = Chance> {
    prop_oneof![Just(0), 0..=1_000_000u32, Just(1_000_000)].prop_map(|ppm| Chance::from_ppm(ppm).unwrap())
}

fn span(millis: u64) -> impl Strategy<Value = Span> {
    prop_oneof![Just(0), 0..=millis * 1_000_000].prop_map(Span)
}

fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(Loss::None),
        chance().prop_map(|chance| Loss::Random { chance }),
        [chance(), chance(), chance(), chance()].prop_map(|[enter, leave, lost_good, lost_bad]| {
            Loss::Burst { enter, leave, lost_good, lost_bad }
        }),
        (1..20u32).prop_flat_map(|every| (0..every).prop_map(move |offset| Loss::Periodic { every, offset })),
    ]
}

fn rate() -> impl Strategy<Value = RateSpec> {
    let drop = prop_oneof![Just(DropFrom::Tail), Just(DropFrom::Head)];
    (1_000..100_000_000u64, 0..20_000u32, drop).prop_map(|(rate, queue, drop)| RateSpec {
        rate: Rate(rate),
        queue,
        drop,
    })
}

fn delay() -> impl Strategy<Value = Delay> {
    let shape =
        prop_oneof![Just(Shape::Uniform), Just(Shape::Normal), Just(Shape::Pareto), Just(Shape::LogNormal)];
    let gap = proptest::option::of((2..10u32, span(100)));
    let spike = proptest::option::of((chance(), span(1_000)));
    (span(100), span(100), shape, chance(), any::<bool>(), gap, spike).prop_map(
        |(base, jitter, shape, correlation, reorder, gap, spike)| Delay {
            base,
            jitter,
            shape,
            correlation,
            reorder,
            gap: gap.map(|(every, early)| Gap { every, early: early.min(base) }),
            spike: spike.map(|(chance, by)| Spike { chance, by }),
        },
    )
}

fn any_link() -> impl Strategy<Value = LinkSpec> {
    let mtu = (0..300u16, span(300), proptest::option::of(span(300)));
    let mtu = proptest::option::of(mtu.prop_map(|(bytes, from, until)| MtuSpec { bytes, from, until }));
    let pick =
        (vec(1..50u32, 0..3), chance()).prop_map(|(nth, chance)| Pick { nth, chance, ..Pick::default() });
    let corrupt = chance().prop_map(|chance| Corrupt { chance, damage: Vec::new() });
    let duplicate = (chance(), 1..=5u8, span(60_000)).prop_map(|(chance, copies, within)| Duplicate {
        chance,
        copies,
        within,
    });
    let lines = (proptest::option::of(rate()), proptest::option::of(Just(0)));
    (mtu, loss(), vec(pick, 0..3), corrupt, duplicate, lines, delay()).prop_map(
        |(mtu, loss, drop, corrupt, duplicate, (rate, bottleneck), delay)| LinkSpec {
            mtu,
            loss,
            drop,
            corrupt,
            duplicate,
            rate,
            bottleneck,
            delay,
        },
    )
}

/// Does what is to be done in the lines, each thing in its time.
fn advance(network: &mut Network, until: Time, out: &mut Vec<Copy>) -> Result<(), TestCaseError> {
    while let Some(at) = network.next_event().filter(|at| *at <= until) {
        let before = out.len();
        network.advance(at, out);
        prop_assert!(out[before..].iter().all(|copy| copy.at >= at));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_link_nothing_arrives_too_early_or_is_unaccounted_for(
        link in any_link(), shared in rate(), seed: u64, lengths in vec(0..400usize, 200),
    ) {
        let mut network = Network::new(seed, &hosts(2), Plan::same(link.clone()), &[shared]);
        let (mut out, mut now) = (Vec::new(), Time::ZERO);
        for len in lengths {
            advance(&mut network, now, &mut out)?;
            let before = out.len();
            let fate = network.send(now, 1, hosts(1)[0], &vec![3; len], &mut out);
            prop_assert!(fate.dropped.is_some() == (fate.copies == 0));
            prop_assert!(fate.dropped.is_some() || fate.arrives >= now + link.delay_floor());
            prop_assert!(out[before..].iter().all(|copy| copy.at >= now + link.delay_floor()));
            if link.rate.is_none() && link.bottleneck.is_none() && link.delay.reorder {
                prop_assert!(fate.arrives <= now + link.delay_bound());
            }
            now += Span::from_millis(2);
        }
        advance(&mut network, Time(u64::MAX), &mut out)?;
        let stats = network.stats(1, 0);
        prop_assert_eq!(stats.sent + stats.duplicated, out.len() as u64 + stats.dropped());
    }

    #[test]
    fn whatever_the_link_its_text_is_read_back(link in any_link()) {
        let text = toml::to_string(&link).unwrap();
        prop_assert_eq!(toml::from_str(&text), Ok(link));
    }
}
