//! The plots of loss recovery: latency and bytes by loss, one line for each subject; as a page, and as a drawing alone.

use std::fmt::Write;

use super::number::short;
use super::scale::Scale;
use super::svg::{Chart, Mark, Panel, Shape, escape};
use crate::recovery::{Cell, Measure, Spread, Subject, judge};

/// The rows that differ in nothing but how much is lost, and how much that is, in per cent.
const EVEN_LOSS: [(&str, f64); 6] = [
    ("recovery-0", 0.0),
    ("recovery-2", 2.0),
    ("recovery-5", 5.0),
    ("recovery-10", 10.0),
    ("recovery-20", 20.0),
    ("recovery-30", 30.0),
];

/// Each panel's measure and title.
const PANELS: [(Measure, &str); 3] = [
    (Measure::P99, "99 of 100 reliable messages took at most, ms"),
    (Measure::P999, "999 of 1,000 took at most, ms"),
    (Measure::WireBytes, "bytes on the wire for each message of 100, both ways"),
];

/// Ours has the strongest line.
fn class(subject: Subject) -> String {
    let style = match subject {
        Subject::Modern => 0,
        Subject::C => 1,
        Subject::Repeat2 => 2,
        Subject::Kcp => 3,
        Subject::ModernToC => 4,
        Subject::Compat => 5,
        Subject::Rusty => 6,
        Subject::Repeat2ToC => 7,
        Subject::Quic => 8,
    };
    format!("r{style}")
}

/// What a subject is, for those who do not know its name.
const fn meaning(subject: Subject) -> &'static str {
    match subject {
        Subject::C => "C library",
        Subject::Compat => "ours, compat",
        Subject::Modern => "ours",
        Subject::ModernToC => "ours to C",
        Subject::Repeat2 => "ours, Repeat(2)",
        Subject::Repeat2ToC => "Repeat(2) to C",
        Subject::Rusty => "rusty_enet",
        Subject::Kcp => "KCP",
        Subject::Quic => "quinn",
    }
}

fn subjects(cells: &[Cell]) -> Vec<Subject> {
    let played = |subject: &Subject| cells.iter().any(|cell| cell.subject == *subject);
    Subject::ALL.into_iter().filter(played).collect()
}

/// A subject's medians by loss, as far as it lived.
fn points(cells: &[Cell], subject: Subject, measure: Measure) -> Vec<(f64, f64)> {
    let point = |(row, loss): (&str, f64)| {
        let cell = cells.iter().find(|cell| cell.subject == subject && cell.row == row)?;
        // Bytes of a connection that is no more say nothing.
        let lives = cell.spread(Measure::P99)?.median.is_finite();
        let median = cell.spread(measure)?.median;
        (lives && median.is_finite()).then_some((loss, median))
    };
    EVEN_LOSS.into_iter().filter_map(point).collect()
}

/// `None` without rows that differ in loss alone.
fn chart(cells: &[Cell], id: &str) -> Option<String> {
    let subjects = subjects(cells);
    let panel = |(measure, title): (Measure, &str)| {
        let lines: Vec<_> =
            subjects.iter().map(|subject| (*subject, points(cells, *subject, measure))).collect();
        let values = || lines.iter().flat_map(|(_, points)| points).map(|point| point.1);
        let y = match measure {
            Measure::WireBytes => Scale::from_zero(values().fold(0.0, f64::max)),
            _ => Scale::around(values()),
        };
        let marks = lines
            .into_iter()
            .filter(|(_, points)| !points.is_empty())
            .map(|(subject, points)| Mark { class: class(subject), shape: Shape::Lines, points });
        Panel { title: title.to_owned(), height: 150.0, y, marks: marks.collect() }
    };
    let panels = PANELS.map(panel);
    if panels.iter().all(|panel| panel.marks.is_empty()) {
        return None;
    }
    let chart = Chart {
        title: "Latency and bytes by loss".to_owned(),
        description: "For each subject, how long messages took and what they cost, by the share of datagrams lost. A line ends \
                      where connections were lost."
            .to_owned(),
        x: Scale::Linear { from: 0.0, to: 30.0 },
        x_label: "datagrams lost each way, in %",
        panels: panels.into(),
    };
    let near = |from: f64, until: f64| EVEN_LOSS.into_iter().find(|(_, loss)| (from..until).contains(loss));
    Some(chart.svg(id, |from, until| {
        let Some((row, loss)) = near(from, until) else { return String::new() };
        let mut told = format!("{loss} % lost:");
        for subject in &subjects {
            let cell = cells.iter().find(|cell| cell.subject == *subject && cell.row == row);
            let value = |measure| cell.and_then(|cell| cell.spread(measure));
            let text = |spread: Option<Spread>| match spread {
                Some(Spread { median, .. }) if median.is_finite() => short(median),
                _ => "–".to_owned(),
            };
            let [p99, p999, bytes] = PANELS.map(|(measure, _)| text(value(measure)));
            told.push_str(&format!("\n{}: {p99} / {p999} ms, {bytes} B", meaning(*subject)));
        }
        told
    }))
}

/// A page with plots and the table. The same cells give the same bytes.
///
/// ```
/// assert!(enet_sim::report::recovery_html(&[]).starts_with("<!doctype html>"));
/// ```
pub fn recovery_html(cells: &[Cell]) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    page.push_str("<title>Loss recovery</title>\n<style>\n");
    page.push_str(include_str!("style.css"));
    page.push_str("</style>\n</head>\n<body>\n<header>\n<h1>Loss recovery</h1>\n<p>60 reliable messages of 100 bytes a second, ");
    page.push_str("unless a row says otherwise; medians over the seeds. A line ends where connections were lost.</p>\n</header>\n");
    if let Some(drawing) = chart(cells, "loss") {
        page.push_str("<main class=\"plots\"><figure><figcaption><p class=\"keys\">");
        for subject in subjects(cells) {
            let _ = write!(
                page,
                "<span class=\"key\"><svg viewBox=\"0 0 26 10\" aria-hidden=\"true\"><path class=\"{} l\" \
                 d=\"M1 5H25\"/></svg>{}</span>",
                class(subject),
                meaning(subject)
            );
        }
        let _ = writeln!(page, "</p></figcaption>{drawing}</figure></main>");
    }
    push_table(&mut page, cells);
    page.push_str("</body>\n</html>\n");
    page
}

fn push_table(page: &mut String, cells: &[Cell]) {
    page.push_str(
        "<div class=\"scroll\"><table><thead><tr><th>row</th><th>who</th><th>p50 ms</th><th>p99</th><th>p99.9</th>\
         <th>bytes a message</th><th>transmissions</th><th>needless %</th><th>worst second %</th><th>lost</th><th>goals met</th></tr></thead>\n<tbody>\n",
    );
    for cell in cells {
        let number = |measure| match cell.spread(measure) {
            Some(Spread { median, .. }) if median.is_finite() => short(median),
            Some(_) => "dead".to_owned(),
            None => "–".to_owned(),
        };
        let _ = write!(page, "<tr><th>{}</th><td>{}</td>", escape(&cell.row), meaning(cell.subject));
        for measure in [
            Measure::P50,
            Measure::P99,
            Measure::P999,
            Measure::WireBytes,
            Measure::Transmissions,
            Measure::NeedlessPercent,
            Measure::WorstSecondPercent,
        ] {
            let _ = write!(page, "<td>{}</td>", number(measure));
        }
        let judged = judge(cell, cells);
        let met = judged.iter().filter(|it| it.met).count();
        let (class, text) = match judged.len() {
            0 => ("", "–".to_owned()),
            all if all == met => ("ok", format!("✓ {met} of {all}")),
            all => ("bad", format!("✗ {met} of {all}")),
        };
        let _ = writeln!(
            page,
            "<td>{} of {}</td><td class=\"{class}\">{text}</td></tr>",
            cell.lost(),
            cell.runs.len()
        );
    }
    page.push_str("</tbody></table></div>\n");
}

/// The plots alone, as an SVG file with its own style; `None` without rows that differ in loss alone.
pub fn recovery_svg(cells: &[Cell]) -> Option<String> {
    const KEYS: f64 = 22.0;
    let drawing = chart(cells, "loss")?;
    // The drawing says how high it is.
    let height: f64 =
        drawing.split("viewBox=\"0 0 520 ").nth(1)?.split('"').next()?.parse().unwrap_or_default();
    let subjects = subjects(cells);
    let rows = subjects.len().div_ceil(4);
    let above = KEYS * rows as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 520 {:.0}\" font-family=\"system-ui,sans-serif\">\n<style>\n",
        height + above
    );
    svg.push_str(include_str!("style.css"));
    svg.push_str("</style>\n<rect width=\"100%\" height=\"100%\" fill=\"var(--bg)\"/>\n");
    for (number, subject) in subjects.iter().enumerate() {
        let (x, y) = (10.0 + 127.0 * (number % 4) as f64, KEYS * (number / 4) as f64 + 15.0);
        let _ = writeln!(
            svg,
            "<path class=\"{} l\" d=\"M{x} {:.0}h24\"/><text class=\"t\" x=\"{:.0}\" y=\"{y}\">{}</text>",
            class(*subject),
            y - 4.0,
            x + 29.0,
            meaning(*subject)
        );
    }
    let place = format!(
        "<svg y=\"{above:.0}\" width=\"520\" height=\"{height:.0}\" style=\"width:520px;height:{height:.0}px\""
    );
    svg.push_str(&drawing.replacen("<svg", &place, 1));
    svg.push_str("\n</svg>\n");
    Some(svg)
}
