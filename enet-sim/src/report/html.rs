//! [`html`]: the report, one file without anything from elsewhere.

use std::fmt::Write;

use super::number::{grouped, or_dash, percent, short};
use super::svg::escape;
use super::{ScenarioReport, plots, sequence};
use crate::measure::{Latency, RunRecord};

/// Colours and line styles that the style sheet has.
const COLOURS: usize = 5;

/// The report: for each scenario what it is, what a good result looks like, the runs side by side, and plots. The same
/// input gives the same bytes.
///
/// ```
/// let page = enet_sim::report::html(&[]);
/// assert!(page.starts_with("<!doctype html>"));
/// assert!(!page.contains("http"));
/// ```
pub fn html(scenarios: &[ScenarioReport]) -> String {
    let labels = all_labels(scenarios);
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    page.push_str("<title>enet-sim report</title>\n<style>\n");
    page.push_str(include_str!("style.css"));
    page.push_str("</style>\n</head>\n<body>\n<header>\n<h1>ENet on simulated networks</h1>\n");
    page.push_str(
        "<p>Each scenario ran in virtual time on a simulated network. <b>from→to</b> says whose messages are measured and \
         who received them: <b>ours</b> is enet-proto, <b>c</b> the installed C library. Point at a plot to read its \
         numbers.</p>\n",
    );
    push_overview(&mut page, scenarios, &labels);
    page.push_str("</header>\n<main>\n");
    for (number, scenario) in scenarios.iter().enumerate() {
        push_scenario(&mut page, number, scenario, &labels);
    }
    page.push_str("</main>\n<footer>\n<p>");
    page.push_str(
        "<b>reliable</b>: messages that arrive once and in order, whatever it takes. <b>others</b>: unreliable and \
         unsequenced messages, which may be lost. <b>p99</b>: 99 of 100 messages took at most so long. A run can be repeated \
         exactly: <code>cargo xtask sim run NAME --seed N</code>; the same trace hash is the same run.",
    );
    page.push_str("</p>\n</footer>\n</body>\n</html>\n");
    page
}

/// What to call the runs of a scenario: by their pairing, and by their seed where that is not enough.
fn run_labels(scenario: &ScenarioReport) -> Vec<String> {
    let pairings: Vec<String> = scenario.runs.iter().map(|run| run.0.pairing()).collect();
    let labels = scenario.runs.iter().zip(&pairings).map(|((record, _, _), pairing)| {
        match pairings.iter().filter(|other| *other == pairing).count() {
            0 | 1 => pairing.clone(),
            _ => format!("{pairing} seed {}", record.seed),
        }
    });
    labels.collect()
}

/// A label that may be broken after its arrow.
fn heading(label: &str) -> String {
    escape(label).replace('→', "→<wbr>")
}

/// The labels of all runs in order of appearance: a label has the same colour everywhere.
fn all_labels(scenarios: &[ScenarioReport]) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for label in scenarios.iter().flat_map(run_labels) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

fn colour(labels: &[String], label: &str) -> usize {
    labels.iter().position(|other| other == label).unwrap_or(0) % COLOURS
}

/// One line per scenario, where there are several.
fn push_overview(page: &mut String, scenarios: &[ScenarioReport], labels: &[String]) {
    if scenarios.len() < 2 {
        return;
    }
    page.push_str("<nav class=\"scroll\" aria-label=\"scenarios\">\n<table id=\"overview\">\n<thead><tr><th>scenario</th><th>result</th>");
    for label in labels {
        let _ = write!(page, "<th>{}</th>", heading(label));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (number, scenario) in scenarios.iter().enumerate() {
        let _ = write!(page, "<tr><th><a href=\"#s{number}\">{}</a></th>", escape(&scenario.name));
        let bad: Vec<&RunRecord> =
            scenario.runs.iter().map(|run| &run.0).filter(|record| record.verdict() != "ok").collect();
        match bad.first() {
            None => page.push_str("<td class=\"ok\">✓ ok</td>"),
            Some(record) => {
                let _ = write!(page, "<td class=\"bad\">✗ {}</td>", escape(&record.verdict()));
            }
        }
        let own = run_labels(scenario);
        for label in labels {
            let run = own.iter().position(|other| other == label).and_then(|place| scenario.runs.get(place));
            let latency = run.and_then(|run| run.0.latency_ms.or(run.0.unreliable_latency_ms));
            let text =
                latency.map_or_else(|| "–".to_owned(), |it| format!("{} / {}", short(it.p50), short(it.p99)));
            let _ = write!(page, "<td>{text}</td>");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n<p class=\"soft\">latency in ms, half of the messages / 99 of 100: of the reliable ");
    page.push_str("messages, or of the others where none are reliable</p>\n</nav>\n");
}

fn push_scenario(page: &mut String, number: usize, scenario: &ScenarioReport, labels: &[String]) {
    let (name, about, good) = (escape(&scenario.name), escape(&scenario.about), escape(&scenario.good));
    let _ = write!(
        page,
        "<section id=\"s{number}\">\n<h2>{name}</h2>\n<p class=\"about\">{about}</p>\n\
         <p class=\"good\"><b>A good result:</b> {good}</p>\n"
    );
    let own = run_labels(scenario);
    page.push_str("<div class=\"plots\">\n");
    push_comparison(page, scenario, &own);
    let runs: Vec<plots::Run<'_>> = scenario
        .runs
        .iter()
        .zip(&own)
        .map(|(run, label)| plots::Run { label, colour: colour(labels, label), series: &run.1 })
        .collect();
    let lines = legend(&runs, "M1 5H25", "l");
    let dots = legend(&runs, "M13 5h0", "d") + &key("other", "M13 5h0", "d", "others");
    let told = "Further left is quicker. Going up, each line leaves fewer messages that took longer: 99 % is one in a \
                hundred.";
    push_figure(
        page,
        "How long messages took",
        told,
        &lines,
        plots::distribution(&format!("s{number}-cdf"), &runs),
    );
    let told = "A dot per message, or the quickest, median and slowest where there are many. Peaks are messages that had \
                to wait for one sent again.";
    push_figure(page, "Latency over time", told, &dots, plots::over_time(&format!("s{number}-time"), &runs));
    let told = "Seen from the first measured connection. The throttle closes when round trips get slower.";
    let drawn = plots::connection(&format!("s{number}-rtt"), &runs);
    push_figure(page, "What the connection measured", told, &lines, drawn);
    push_sequences(page, number, scenario, &own);
    page.push_str("</div>\n</section>\n");
}

/// A sequence chart per window; runs with the same window share one.
fn push_sequences(page: &mut String, number: usize, scenario: &ScenarioReport, labels: &[String]) {
    let keys = key("w", "M1 5H25", "l", "datagram")
        + &key("w s", "M1 5H25", "l", "holds a command sent before")
        + &cross("did not arrive");
    let told = "Time goes down. REL is a reliable message with its number, ACK its acknowledgement; UNREL and UNSEQ are \
                messages that may be lost.";
    let windows = || scenario.runs.iter().map(|run| run.2.as_ref());
    for (place, window) in windows().enumerate() {
        let Some(window) =
            window.filter(|window| windows().position(|other| other == Some(*window)) == Some(place))
        else {
            continue;
        };
        let same = windows()
            .zip(labels)
            .filter(|(other, _)| *other == Some(window))
            .map(|(_, label)| label.as_str());
        let title = format!("Datagrams one by one, {}", same.collect::<Vec<_>>().join(", "));
        push_figure(page, &title, told, &keys, sequence::chart(&format!("s{number}-seq{place}"), window));
    }
}

fn push_figure(page: &mut String, title: &str, told: &str, legend: &str, drawing: Option<String>) {
    let Some(drawing) = drawing else { return };
    let title = escape(title);
    let _ = write!(
        page,
        "<figure>\n<figcaption><h3>{title}</h3><p>{told}</p><p class=\"keys\">{legend}</p></figcaption>\n{drawing}\n</figure>\n"
    );
}

fn legend(runs: &[plots::Run<'_>], path: &str, shape: &str) -> String {
    runs.iter().map(|run| key(&format!("r{}", run.colour), path, shape, run.label)).collect()
}

fn key(class: &str, path: &str, shape: &str, label: &str) -> String {
    let label = escape(label);
    format!(
        "<span class=\"key\"><svg viewBox=\"0 0 26 10\" aria-hidden=\"true\"><path class=\"{class} {shape}\" d=\"{path}\"/>\
         </svg>{label}</span>"
    )
}

fn cross(label: &str) -> String {
    format!(
        "<span class=\"key\"><svg viewBox=\"0 0 26 10\" aria-hidden=\"true\"><g class=\"w\"><path class=\"x\" \
         d=\"M9 1l8 8m0-8l-8 8\"/></g></svg>{}</span>",
        escape(label)
    )
}

/// A row of the comparison: its title, its cells, and which direction is better, if any.
struct Row {
    title: &'static str,
    values: Vec<Option<f64>>,
    text: fn(f64) -> String,
    better: Option<Better>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Less,
    More,
}

fn push_comparison(page: &mut String, scenario: &ScenarioReport, labels: &[String]) {
    let records: Vec<&RunRecord> = scenario.runs.iter().map(|run| &run.0).collect();
    page.push_str("<div class=\"scroll numbers\">\n<table class=\"runs\">\n<thead><tr><th>from→to</th>");
    for label in labels {
        let _ = write!(page, "<th>{}</th>", heading(label));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    let columns = labels.len() + 1;
    let group = |page: &mut String, title: &str| {
        let _ = writeln!(page, "<tr class=\"group\"><th colspan=\"{columns}\">{title}</th></tr>");
    };
    if records.iter().any(|record| record.latency_ms.is_some()) {
        group(page, "latency of reliable messages, ms");
        push_rows(page, &latency_rows(&records, |record| record.latency_ms));
    }
    if records.iter().any(|record| record.unreliable_latency_ms.is_some()) {
        group(page, "latency of the others, ms");
        push_rows(page, &latency_rows(&records, |record| record.unreliable_latency_ms));
    }
    group(page, "traffic");
    push_rows(page, &traffic_rows(&records));
    group(page, "outcome");
    push_outcome(page, &records);
    page.push_str("</tbody>\n</table>\n");
    let same: Vec<&str> = records
        .iter()
        .zip(labels)
        .filter(|(record, _)| {
            records.iter().filter(|other| other.trace_hash == record.trace_hash).count() > 1
        })
        .map(|(_, label)| label.as_str())
        .collect();
    if !same.is_empty() {
        let _ = writeln!(
            page,
            "<p class=\"soft\">{}: runs with the same trace hash sent the same datagrams, byte for byte and at the same \
             times. Their lines lie on one another.</p>",
            escape(&same.join(", "))
        );
    }
    page.push_str("</div>\n");
}

fn latency_rows(records: &[&RunRecord], of: fn(&RunRecord) -> Option<Latency>) -> Vec<Row> {
    type Figure = fn(Latency) -> f64;
    let figures: [(&str, Figure); 6] = [
        ("half (p50)", |it| it.p50),
        ("mean", |it| it.mean),
        ("95 % (p95)", |it| it.p95),
        ("99 % (p99)", |it| it.p99),
        ("99.9 % (p99.9)", |it| it.p999),
        ("slowest", |it| it.max),
    ];
    let row = |(title, figure): (&'static str, Figure)| {
        let values = records.iter().map(|record| of(record).map(figure)).collect();
        Row { title, values, text: short, better: Some(Better::Less) }
    };
    figures.into_iter().map(row).collect()
}

fn traffic_rows(records: &[&RunRecord]) -> Vec<Row> {
    let row = |title, better, text, value: fn(&RunRecord) -> Option<f64>| Row {
        title,
        values: records.iter().map(|record| value(record)).collect(),
        text,
        better,
    };
    vec![
        row("messages sent", None, grouped, |record| Some(record.sent as f64)),
        row("of them delivered, %", Some(Better::More), percent, RunRecord::delivered_share),
        row("goodput, kB/s", Some(Better::More), short, |record| Some(record.goodput_bytes_per_s / 1e3)),
        row("wire / payload bytes", Some(Better::Less), |it| format!("{it:.2}"), RunRecord::overhead),
        row("datagrams", None, grouped, |record| Some(record.datagrams as f64)),
        row("commands sent again", None, grouped, |record| Some(record.retransmissions as f64)),
        row("of them needlessly, %", Some(Better::Less), percent, RunRecord::needless_share),
    ]
}

/// The best values stand out, those within 1 % of each other alike, where the worst is more than 5 % off.
fn push_rows(page: &mut String, rows: &[Row]) {
    for row in rows {
        let known = || row.values.iter().flatten().copied();
        let (least, most) =
            (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
        let differs = most - least > 0.05 * most.abs();
        let is_best = |value: f64| match row.better {
            Some(Better::Less) => differs && value <= least * 1.01,
            Some(Better::More) => differs && value >= most * 0.99,
            None => false,
        };
        let _ = write!(page, "<tr class=\"in\"><th>{}</th>", row.title);
        for value in &row.values {
            let class = if value.is_some_and(is_best) { " class=\"best\"" } else { "" };
            let _ = write!(page, "<td{class}>{}</td>", escape(&or_dash(*value, row.text)));
        }
        page.push_str("</tr>\n");
    }
}

fn push_outcome(page: &mut String, records: &[&RunRecord]) {
    let mut row = |title: &str, class: &str, cell: &dyn Fn(&RunRecord) -> String| {
        let _ = write!(page, "<tr class=\"in{class}\"><th>{title}</th>");
        for record in records {
            page.push_str(&cell(record));
        }
        page.push_str("</tr>\n");
    };
    row("connections lost", "", &|record| match record.disconnects {
        0 => "<td>0</td>".to_owned(),
        lost => format!("<td class=\"bad\">{lost}</td>"),
    });
    row("result", " wrap", &|record| match (record.verdict().as_str(), &record.expectation) {
        ("ok", _) => "<td class=\"ok\">✓ ok</td>".to_owned(),
        (verdict, missed) => {
            let why = missed.as_ref().map_or_else(String::new, |why| format!(": {}", escape(why)));
            format!("<td class=\"bad\">✗ {}{why}</td>", escape(verdict))
        }
    });
    row("seed", "", &|record| format!("<td>{}</td>", record.seed));
    row("trace hash", "", &|record| format!("<td><code>{}</code></td>", escape(&record.trace_hash)));
    row("simulated, s", "", &|record| format!("<td>{}</td>", short(record.simulated_s)));
}
