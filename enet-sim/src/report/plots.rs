//! The plots of a scenario: how long messages took, when, and what the connection thought of the network.

use super::number::{percent, short};
use super::scale::Scale;
use super::svg::{Chart, Mark, Panel, Shape};
use crate::measure::{Distribution, Sample, Series};
use crate::time::{Span, Time};

/// A run as plots need it.
pub(super) struct Run<'a> {
    /// What to call it.
    pub(super) label: &'a str,
    /// Which of the page's colours it has.
    pub(super) colour: usize,
    pub(super) series: &'a Series,
}

impl Run<'_> {
    fn class(&self) -> String {
        format!("r{}", self.colour)
    }
}

const RELIABLE: &str = "reliable";
const OTHERS: &str = "others";

fn kinds<'a>(run: &Run<'a>) -> [(&'static str, &'a Distribution); 2] {
    [(RELIABLE, &run.series.reliable), (OTHERS, &run.series.unreliable)]
}

fn latencies<'a>(runs: &'a [Run<'_>]) -> impl Iterator<Item = f64> + 'a {
    runs.iter()
        .flat_map(|run| kinds(run).into_iter().flat_map(|(_, it)| it.shares.iter()))
        .map(|it| it.0.as_millis_f64())
}

/// The share of messages that took at most so long. `None` if nothing arrived.
pub(super) fn distribution(id: &str, runs: &[Run<'_>]) -> Option<String> {
    let panels: Vec<Panel> =
        [RELIABLE, OTHERS].into_iter().filter_map(|kind| share_panel(kind, runs)).collect();
    if panels.is_empty() {
        return None;
    }
    let chart = Chart {
        title: "How long messages took".to_owned(),
        description:
            "For each run, the share of messages that arrived within a time. Further left is quicker."
                .to_owned(),
        x: Scale::around(latencies(runs)),
        x_label: "latency in ms, from the send call to the receiving application",
        panels,
    };
    Some(chart.svg(id, |_, until| {
        let mut told = format!("within {} ms:", short(until));
        for run in runs {
            for (kind, distribution) in kinds(run) {
                if distribution.count > 0 {
                    let share = percent(share_within(distribution, until));
                    told.push_str(&format!("\n{}, {kind}: {share} %", run.label));
                }
            }
        }
        told
    }))
}

fn share_panel(kind: &str, runs: &[Run<'_>]) -> Option<Panel> {
    let of = |run: &Run<'_>| {
        kinds(run).into_iter().find(|it| it.0 == kind).map(|it| it.1.clone()).unwrap_or_default()
    };
    let most = runs.iter().map(|run| of(run).count).max().unwrap_or(0);
    let marks: Vec<Mark> = runs
        .iter()
        .filter(|run| of(run).count > 0)
        .map(|run| {
            let distribution = of(run);
            let first = distribution.shares.first().map(|point| (point.0.as_millis_f64(), 0.0));
            let rest = distribution.shares.iter().map(|point| (point.0.as_millis_f64(), point.1));
            Mark { class: run.class(), shape: Shape::Steps, points: first.into_iter().chain(rest).collect() }
        })
        .collect();
    let title = match kind {
        RELIABLE => "reliable messages: share that arrived within …".to_owned(),
        _ => "other messages (of those that arrived): share within …".to_owned(),
    };
    // The slowest of n messages stands one step above 1 - 1/n.
    let y = Scale::Nines { to: ((most as f64).log10() + 0.15).clamp(1.15, 5.0) };
    (!marks.is_empty()).then_some(Panel { title, height: 150.0, y, marks })
}

fn share_within(distribution: &Distribution, millis: f64) -> f64 {
    let points = distribution.shares.iter().take_while(|point| point.0.as_millis_f64() <= millis);
    points.last().map_or(0.0, |point| point.1)
}

/// The time all runs took together.
fn time_scale(runs: &[Run<'_>]) -> Scale {
    let seconds = |time: Time| time.as_secs_f64();
    let last = |run: &Run<'_>| {
        let dots = kinds(run).map(|(_, it)| it.dots.last().map_or(0.0, |dot| seconds(dot.0)));
        let sample = run.series.samples.last().map_or(0.0, |sample| seconds(sample.at));
        dots.into_iter().fold(sample, f64::max)
    };
    Scale::Linear { from: 0.0, to: runs.iter().map(last).fold(0.001, f64::max) }
}

/// Each message's latency at the time it was sent. `None` if nothing arrived.
pub(super) fn over_time(id: &str, runs: &[Run<'_>]) -> Option<String> {
    let y = Scale::around(latencies(runs));
    let height = if runs.len() > 2 { 92.0 } else { 140.0 };
    let heard: Vec<&Run<'_>> =
        runs.iter().filter(|run| kinds(run).iter().any(|(_, distribution)| distribution.count > 0)).collect();
    let panels: Vec<Panel> = heard
        .iter()
        .map(|run| {
            let points = |it: &Distribution| {
                it.dots.iter().map(|dot| (dot.0.as_secs_f64(), dot.1.as_millis_f64())).collect()
            };
            let marks = vec![
                Mark {
                    class: "other".to_owned(),
                    shape: Shape::Dots,
                    points: points(&run.series.unreliable),
                },
                Mark { class: run.class(), shape: Shape::Dots, points: points(&run.series.reliable) },
            ];
            Panel { title: format!("{}: latency in ms", run.label), height, y, marks }
        })
        .collect();
    if panels.is_empty() {
        return None;
    }
    let chart = Chart {
        title: "Latency over time".to_owned(),
        description: "For each run, a dot per message: when it was sent, and how long it took.".to_owned(),
        x: time_scale(runs),
        x_label: "sent at, in seconds",
        panels,
    };
    Some(chart.svg(id, |from, until| {
        let mut told = format!("sent {} to {} s:", short(from), short(until));
        for run in &heard {
            for (kind, distribution) in kinds(run) {
                let inside = |dot: &&(Time, Span)| (from..until).contains(&dot.0.as_secs_f64());
                let took = || distribution.dots.iter().filter(inside).map(|dot| dot.1);
                if let (Some(least), Some(most)) = (took().min(), took().max()) {
                    let (least, most) = (short(least.as_millis_f64()), short(most.as_millis_f64()));
                    told.push_str(&format!("\n{}, {kind}: {least} to {most} ms", run.label));
                }
            }
        }
        told
    }))
}

/// What the connection thought of the network: round trip time, throttle, bytes under way. `None` without samples.
pub(super) fn connection(id: &str, runs: &[Run<'_>]) -> Option<String> {
    let sampled: Vec<&Run<'_>> = runs.iter().filter(|run| !run.series.samples.is_empty()).collect();
    if sampled.is_empty() {
        return None;
    }
    let rtt = |sample: &Sample| f64::from(sample.numbers.rtt);
    let throttle = |sample: &Sample| f64::from(sample.numbers.throttle) / 0.32;
    let in_flight = |sample: &Sample| f64::from(sample.numbers.in_flight) / 1e3;
    // ENet begins with 500 ms, wherever it goes from there.
    let rtts = sampled.iter().flat_map(|run| run.series.samples.iter()).map(rtt);
    let panel = |title: &str, y: Option<Scale>, value: &dyn Fn(&Sample) -> f64| {
        let all = sampled.iter().flat_map(|run| run.series.samples.iter()).map(value);
        let marks = sampled.iter().map(|run| {
            let points =
                run.series.samples.iter().map(|sample| (sample.at.as_secs_f64(), value(sample))).collect();
            Mark { class: run.class(), shape: Shape::Steps, points }
        });
        let y = y.unwrap_or_else(|| Scale::from_zero(all.fold(0.0, f64::max)));
        Panel { title: title.to_owned(), height: 84.0, y, marks: marks.collect() }
    };
    let chart = Chart {
        title: "What the connection measured".to_owned(),
        description: "Smoothed round trip time, throttle and reliable bytes under way of the first connection, over time."
            .to_owned(),
        x: time_scale(runs),
        x_label: "time in seconds",
        panels: vec![
            panel("round trip time as ENet estimates it, ms", Some(Scale::around(rtts)), &rtt),
            panel("throttle: share of unreliable messages let through, %", Some(Scale::Linear { from: 0.0, to: 100.0 }), &throttle),
            panel("reliable bytes not yet acknowledged, kB", None, &in_flight),
        ],
    };
    Some(chart.svg(id, |from, until| {
        let mut told = format!("{} s:", short(until));
        for run in &sampled {
            let inside = |sample: &&Sample| (from..=until).contains(&sample.at.as_secs_f64());
            if let Some(sample) = run.series.samples.iter().rfind(inside) {
                let (rtt, throttle, bytes) = (rtt(sample), throttle(sample), in_flight(sample));
                let (throttle, bytes) = (short(throttle), short(bytes));
                told.push_str(&format!("\n{}: {rtt} ms, throttle {throttle} %, {bytes} kB", run.label));
            }
        }
        told
    }))
}
