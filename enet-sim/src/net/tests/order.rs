//! Delay, jitter, order, cuts, holds, healing.

use super::super::{DropReason, Fate, Network, Plan};
use super::{MS, Sent, dropped, hosts, link, ms, network, run, send_many, send_one};
use crate::scenario::link::{LinkSpec, Shape};
use crate::time::{Span, Time};

/// What each datagram took beyond 20 ms, in multiples of the jitter; sorted.
fn jitter(shape: &str) -> Vec<f64> {
    let text = format!("delay = {{ base = '20ms', jitter = '10ms', shape = '{shape}', reorder = true }}");
    let mut all: Vec<f64> =
        run(&text, 100_000).iter().map(|sent| took(sent).as_millis_f64() / 10.0 - 2.0).collect();
    all.sort_by(f64::total_cmp);
    all
}

fn took(sent: &Sent) -> Span {
    sent.fate.arrives - sent.at
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len() as f64
}

#[test]
fn uniform_jitter_fills_its_range_evenly() {
    let all = jitter("uniform");
    assert!(all[0] >= 0.0 && all[99_999] <= 1.0);
    for decile in 1..10 {
        let (is, expected) = (all[decile * 10_000], decile as f64 / 10.0);
        assert!((is - expected).abs() < 0.01, "{decile}: {is}");
    }
}

#[test]
fn normal_jitter_has_the_quantiles_of_a_bell() {
    let all = jitter("normal");
    assert!(all[0] >= 0.0 && all[99_999] <= 1.0);
    assert!((mean(&all) - 0.5).abs() < 0.005, "{}", mean(&all));
    // One standard deviation, 1/8, below and above the mean.
    assert!((all[15_866] - 0.375).abs() < 0.005, "{}", all[15_866]);
    assert!((all[84_134] - 0.625).abs() < 0.005, "{}", all[84_134]);
}

#[test]
fn pareto_jitter_has_a_heavy_tail() {
    let all = jitter("pareto");
    assert!(all[0] >= 0.0 && all[99_999] <= 25.0);
    assert!((mean(&all) - 0.5).abs() < 0.02, "{}", mean(&all));
    // 2^(1/3) − 1 and 100^(1/3) − 1.
    assert!((all[50_000] - 0.26).abs() < 0.01, "{}", all[50_000]);
    assert!((all[99_000] - 3.64).abs() < 0.25, "{}", all[99_000]);
}

#[test]
fn log_normal_jitter_has_its_median_below_its_mean() {
    let all = jitter("log-normal");
    assert!(all[0] >= 0.0 && all[99_999] <= 15.0);
    assert!((mean(&all) - 0.5).abs() < 0.02, "{}", mean(&all));
    // ½·e^(−½).
    assert!((all[50_000] - 0.303).abs() < 0.01, "{}", all[50_000]);
}

#[test]
fn correlated_jitter_repeats_as_often_as_configured_and_keeps_its_mean() {
    let run = run("delay = { jitter = '10ms', correlation = '75%', reorder = true }", 100_000);
    let all: Vec<f64> = run.iter().map(|sent| took(sent).as_millis_f64()).collect();
    let same = all.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!((74_000..76_000).contains(&same), "{same}");
    assert!((mean(&all) - 5.0).abs() < 0.15, "{}", mean(&all));
}

#[test]
fn without_reordering_a_late_datagram_holds_up_those_behind_it() {
    let mut network = network(1, link("delay = { base = '20ms', jitter = '50ms' }"));
    let run = send_many(&mut network, 10_000, MS);
    assert!(run.is_sorted_by_key(|sent| sent.fate.arrives));
    assert!(run.iter().all(|sent| took(sent) <= Span::from_millis(70)));
    assert_eq!(network.stats(1, 0).reordered, 0);
}

#[test]
fn with_reordering_datagrams_overtake_each_other() {
    let mut network = network(1, link("delay = { base = '20ms', jitter = '50ms', reorder = true }"));
    let run = send_many(&mut network, 10_000, MS);
    let overtakers = run.windows(2).filter(|pair| pair[1].fate.arrives < pair[0].fate.arrives).count();
    assert!(overtakers > 4_000, "{overtakers}");
    assert!(network.stats(1, 0).reordered >= overtakers as u64);
}

#[test]
fn one_in_so_many_comes_early_whatever_the_order() {
    let run = run("delay = { base = '20ms', gap = { every = 5, early = '15ms' } }", 500);
    for sent in run {
        let expected = if sent.fate.number % 5 == 4 { 5 } else { 20 };
        assert_eq!(took(&sent), Span::from_millis(expected), "{}", sent.fate.number);
    }
}

#[test]
fn spikes_are_as_frequent_and_as_long_as_configured() {
    let text = "delay = { base = '20ms', spike = { chance = '2%', by = '1s' }, reorder = true }";
    let run = run(text, 50_000);
    let spikes = run.iter().filter(|sent| took(sent) == Span::from_millis(1_020)).count();
    assert!((900..1_100).contains(&spikes), "{spikes}");
    assert_eq!(run.iter().filter(|sent| took(sent) == Span::from_millis(20)).count(), 50_000 - spikes);
}

#[test]
fn a_jitter_never_exceeds_its_bound() {
    for shape in [Shape::Uniform, Shape::Normal, Shape::Pareto, Shape::LogNormal] {
        let bound = super::super::jitter_bound(shape, MS);
        let all = (0..=u16::MAX).map(|draw| u32::from(draw) << 16 | u32::from(draw));
        assert!(
            all.map(|draw| super::super::delay::jitter_of(shape, MS, draw)).all(|jitter| jitter <= bound)
        );
    }
}

#[test]
fn a_cut_drops_what_is_sent_in_its_direction_while_it_lasts() {
    let mut network = network(1, LinkSpec::delayed(Span::from_millis(20)));
    let mut out = Vec::new();
    send_one(&mut network, ms(0), 10, &mut out);
    network.cut(1, 0, true);
    assert_eq!(send_one(&mut network, ms(1), 10, &mut out).dropped, Some(DropReason::Cut));
    assert_eq!(network.send(ms(1), 0, hosts(3)[1], b"back", &mut out).dropped, None);
    network.cut(1, 0, false);
    assert_eq!(send_one(&mut network, ms(2), 10, &mut out).dropped, None);
    assert_eq!(out.iter().map(|copy| copy.at).collect::<Vec<_>>(), [ms(20), ms(21), ms(22)]);
    assert_eq!(network.stats(1, 0).dropped_for(DropReason::Cut), 1);
}

#[test]
fn a_hold_releases_what_it_held_in_order() {
    let mut network = network(1, link("delay = { base = '20ms', jitter = '30ms', reorder = true }"));
    let mut out = Vec::new();
    network.hold(1, 0, true, ms(0), &mut out);
    for number in 0..50 {
        let fate = send_one(&mut network, ms(number), 10, &mut out);
        assert_eq!((fate.dropped, fate.copies, fate.arrives), (None, 1, Fate::UNKNOWN));
    }
    assert!(out.is_empty());
    network.hold(1, 0, false, ms(60), &mut out);
    assert_eq!(out.len(), 50);
    assert!(out.is_sorted_by_key(|copy| copy.at));
    assert_eq!(out[0].at, ms(60));
    assert!(out[49].at > ms(60), "some are still under way");
    send_one(&mut network, ms(61), 10, &mut out);
    assert_eq!(out.len(), 51);
}

#[test]
fn what_is_sent_after_a_hold_does_not_overtake_what_was_held() {
    let mut network = network(1, LinkSpec::default());
    let mut out = Vec::new();
    network.hold(1, 0, true, ms(0), &mut out);
    send_one(&mut network, ms(1), 10, &mut out);
    network.hold(1, 0, false, ms(50), &mut out);
    send_one(&mut network, ms(50), 20, &mut out);
    assert_eq!(
        out.iter().map(|copy| (copy.at, copy.bytes.len())).collect::<Vec<_>>(),
        [(ms(50), 10), (ms(50), 20)]
    );
}

#[test]
fn another_link_takes_effect_at_once_and_the_draws_go_on() {
    let lossy = "loss = { kind = 'random', chance = '50%' }";
    let whole: Vec<bool> = run(lossy, 300).iter().map(|sent| sent.fate.dropped.is_some()).collect();
    let mut network = network(1, link(lossy));
    let lost = |network: &mut Network, now| send_one(network, now, 10, &mut Vec::new()).dropped.is_some();
    let first: Vec<bool> = (0..100).map(|now| lost(&mut network, ms(now))).collect();
    network.set_link(1, 0, LinkSpec::default());
    let second: Vec<bool> = (100..200).map(|now| lost(&mut network, ms(now))).collect();
    network.set_link(1, 0, link(lossy));
    let third: Vec<bool> = (200..300).map(|now| lost(&mut network, ms(now))).collect();
    assert_eq!(first, whole[..100]);
    assert!(!second.contains(&true));
    assert_eq!(third, whole[200..]);
}

#[test]
fn a_healed_network_has_base_delay_and_rates_and_nothing_else() {
    let text = "mtu = { bytes = 50 }
                loss = { kind = 'random', chance = '90%' }
                drop = [{ chance = '50%' }]
                corrupt = { chance = '90%' }
                duplicate = { chance = '90%', within = '1s' }
                rate = { rate = '8mbit', queue = 100000 }
                delay = { base = '20ms', jitter = '1s', spike = { chance = '50%', by = '1s' } }";
    let mut network = network(1, link(text));
    let mut out = Vec::new();
    network.hold(1, 0, true, ms(0), &mut out);
    send_one(&mut network, ms(0), 10, &mut out);
    network.cut(1, 0, true);
    network.heal(ms(10_000), &mut out);
    // Host 2 was never heard of: its direction must be born healed.
    network.set_link(2, 0, link(text));
    out.clear();
    for number in 0..1_000 {
        let now = ms(10_000 + 10 * number);
        for from in [1, 2] {
            // 100 bytes at a byte a microsecond.
            let fate = network.send(now, from, hosts(1)[0], &[7; 100], &mut out);
            assert_eq!(fate.arrives, now + Span::from_millis(20) + Span::from_micros(100));
            assert_eq!((fate.dropped, fate.corrupted, fate.copies), (None, false, 1));
        }
    }
    assert_eq!(out.len(), 2_000);
}

#[test]
fn healing_releases_what_was_held() {
    let mut network = network(1, LinkSpec::default());
    let mut out = Vec::new();
    network.hold(1, 0, true, ms(0), &mut out);
    send_one(&mut network, ms(0), 10, &mut out);
    network.heal(ms(5), &mut out);
    assert_eq!(out.iter().map(|copy| copy.at).collect::<Vec<_>>(), [ms(5)]);
}

#[test]
fn each_direction_may_have_a_link_of_its_own() {
    let delayed = |millis| LinkSpec::delayed(Span::from_millis(millis));
    let plan = Plan::new(delayed(1), delayed(2)).with(2, 0, delayed(3));
    let mut network = Network::new(1, &hosts(3), plan, &[]);
    let mut arrival =
        |from, to: usize| network.send(Time::ZERO, from, hosts(3)[to], b"", &mut Vec::new()).arrives;
    assert_eq!([arrival(1, 0), arrival(0, 1), arrival(2, 0), arrival(0, 2)], [ms(1), ms(2), ms(3), ms(2)]);
}

#[test]
fn equal_seeds_have_equal_fates_and_other_seeds_other_ones() {
    let text = "loss = { kind = 'burst', enter = '5%', leave = '30%' }
                corrupt = { chance = '5%' }
                duplicate = { chance = '5%', copies = 5, within = '1min' }
                delay = { base = '20ms', jitter = '30ms', shape = 'pareto', correlation = '30%', reorder = true }";
    let fates = |seed| send_many(&mut network(seed, link(text)), 5_000, MS);
    assert_eq!(fates(1), fates(1));
    assert_ne!(fates(1), fates(2));
    assert!(dropped(&fates(1)) > 100);
}
