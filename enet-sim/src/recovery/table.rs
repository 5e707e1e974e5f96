//! Cells as text, which is Markdown too, and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Cell, Judged, Limit, Measure, Spread, judge};

const COLUMNS: [&str; 12] = [
    "row",
    "who",
    "p50 ms",
    "p99",
    "p99.9",
    "B/message",
    "datagrams",
    "sent",
    "needless %",
    "worst s %",
    "lost",
    "goals",
];

/// A line for each cell: medians over the seeds, in brackets the least and the greatest where they differ; bytes and
/// datagrams of both sides for each message; how often a command was sent; of the unreliable messages of the worst second, how
/// many percent arrived; runs that lost their connection; what was aimed at and how it came out.
pub fn table(cells: &[Cell]) -> String {
    let mut lines = vec![COLUMNS.map(str::to_owned)];
    lines.extend(cells.iter().map(|cell| line(cell, cells)));
    let mut widths = [0; COLUMNS.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        push(&mut text, line, &widths, ' ');
        if number == 0 {
            push(&mut text, &[const { String::new() }; COLUMNS.len()], &widths, '-');
        }
    }
    text
}

fn push(text: &mut String, line: &[String; COLUMNS.len()], widths: &[usize; COLUMNS.len()], fill: char) {
    for (cell, width) in line.iter().zip(widths) {
        // Formatting into a String cannot fail.
        let _ = write!(text, "|{fill}{cell}");
        text.extend(std::iter::repeat_n(fill, width - cell.chars().count() + 1));
    }
    text.push_str("|\n");
}

fn line(cell: &Cell, cells: &[Cell]) -> [String; COLUMNS.len()] {
    let spread = |measure, decimals| match cell.spread(measure) {
        None => "–".to_owned(),
        Some(Spread { median, min, max }) => {
            let [median, min, max] = [median, min, max].map(|value| number(value, decimals));
            if min == max { median } else { format!("{median} ({min}–{max})") }
        }
    };
    let goals: Vec<String> = judge(cell, cells).iter().map(words).collect();
    [
        cell.row.trim_start_matches("recovery-").to_owned(),
        cell.subject.to_string(),
        spread(Measure::P50, 0),
        spread(Measure::P99, 0),
        spread(Measure::P999, 0),
        median(cell, Measure::WireBytes, 1),
        median(cell, Measure::Datagrams, 2),
        median(cell, Measure::Transmissions, 3),
        median(cell, Measure::NeedlessPercent, 2),
        spread(Measure::WorstSecondPercent, 1),
        format!("{}/{}", cell.lost(), cell.runs.len()),
        goals.join("; "),
    ]
}

fn median(cell: &Cell, measure: Measure, decimals: usize) -> String {
    cell.spread(measure).map_or_else(|| "–".to_owned(), |spread| number(spread.median, decimals))
}

fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}") } else { "dead".to_owned() }
}

/// A goal, with a mark that says whether it was met, and the number if it does not stand in the table.
fn words(judged: &Judged) -> String {
    let Judged { goal, limit, value, met } = judged;
    let name = match goal.measure {
        Measure::P50 => "p50",
        Measure::P99 => "p99",
        Measure::P999 => "p99.9",
        Measure::WireBytes => "bytes",
        Measure::Datagrams => "datagrams",
        Measure::Transmissions => "sent",
        Measure::NeedlessPercent => "needless",
        Measure::Lost => "lost",
        Measure::FirstAfterCut => "first after outage",
        Measure::WorstSecondPercent => "worst second",
    };
    let which = if matches!(goal.limit, Limit::SlowestTimes(..)) { "slowest " } else { "" };
    let mark = if *met { "✓" } else { "✗" };
    let told = match (goal.measure, goal.limit) {
        (Measure::FirstAfterCut, _) | (_, Limit::SlowestTimes(..)) => format!(" {}", number(*value, 1)),
        _ => String::new(),
    };
    let comes_to = match goal.limit {
        Limit::Times(..) | Limit::SlowestTimes(..) => format!(" = {}", number(*limit, 1)),
        _ => String::new(),
    };
    format!("{mark} {which}{name}{told} {}{comes_to}", goal.limit)
}

/// An array with an object for each cell: `row`, `subject`, `seeds`, `lost_runs`, each [`Measure`] as `{median, min, max}`
/// or `null`, and `goals` as `[{measure, goal, limit, value, met}]`. Infinite numbers are `null`.
pub fn json(cells: &[Cell]) -> Value {
    let object = |cell: &Cell| {
        let mut object = json!({
            "row": cell.row,
            "subject": cell.subject.as_str(),
            "seeds": cell.runs.len(),
            "lost_runs": cell.lost(),
        });
        if let Some(map) = object.as_object_mut() {
            let spreads = Measure::ALL.map(|it| (it.as_str().to_owned(), json!(cell.spread(it))));
            map.extend(spreads);
            map.insert("goals".to_owned(), judge(cell, cells).iter().map(goal).collect());
        }
        object
    };
    cells.iter().map(object).collect()
}

fn goal(judged: &Judged) -> Value {
    json!({
        "measure": judged.goal.measure.as_str(),
        "goal": judged.goal.limit.to_string(),
        "limit": judged.limit,
        "value": judged.value,
        "met": judged.met,
    })
}
