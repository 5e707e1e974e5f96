//! [`table`]: runs as lines of text.

use std::fmt::Write;

use super::number::{grouped, or_dash, percent, short};
use crate::measure::RunRecord;

/// Title above, title below, of each column. All but the first two and the last stand to the right.
const COLUMNS: [(&str, &str); 15] = [
    ("", "scenario"),
    ("", "from→to"),
    ("reliable", "p50 ms"),
    ("", "p95"),
    ("", "p99"),
    ("", "max"),
    ("others", "p50 ms"),
    ("", "p99"),
    ("arrived", "%"),
    ("goodput", "kB/s"),
    ("wire/", "payload"),
    ("sent", "again"),
    ("need-", "less %"),
    ("lost", "conn."),
    ("", "verdict"),
];

/// One line per run, at most 130 columns wide: latencies in milliseconds of reliable messages and of all others, and
/// what they cost. Runs of a scenario stand together.
///
/// ```
/// assert!(enet_sim::report::table(&[]).contains("verdict"));
/// ```
pub fn table(records: &[RunRecord]) -> String {
    let mut lines =
        vec![COLUMNS.map(|(above, _)| above.to_owned()), COLUMNS.map(|(_, below)| below.to_owned())];
    lines.extend(records.iter().map(cells));
    let mut widths = [0; COLUMNS.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let before = number.checked_sub(1).and_then(|before| lines.get(before));
        if number > 2 && before.is_some_and(|before| before.first() != line.first()) {
            text.push('\n');
        }
        push_line(&mut text, line, &widths);
    }
    text
}

fn push_line(text: &mut String, cells: &[String; COLUMNS.len()], widths: &[usize; COLUMNS.len()]) {
    let mut line = String::new();
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        // Groups of columns that belong together stand a little apart.
        line.push_str(match index {
            0 => "",
            1 | 2 | 6 | 8 | 11 | 14 => "  ",
            _ => " ",
        });
        // Formatting into a String cannot fail.
        let _ = match index {
            0 | 1 | 14 => write!(line, "{cell:<width$}"),
            _ => write!(line, "{cell:>width$}"),
        };
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

fn cells(record: &RunRecord) -> [String; COLUMNS.len()] {
    let (reliable, others) = (record.latency_ms, record.unreliable_latency_ms);
    let thousands = |value: f64| grouped(value).replace('\u{202f}', "");
    let number = |value: f64| short(value).replace('\u{202f}', "");
    let lengthy = |name: &str| match name.chars().count() > 14 {
        true => name.chars().take(13).chain(['…']).collect(),
        false => name.to_owned(),
    };
    [
        lengthy(&record.scenario),
        lengthy(&record.pairing()),
        or_dash(reliable.map(|latency| latency.p50), number),
        or_dash(reliable.map(|latency| latency.p95), number),
        or_dash(reliable.map(|latency| latency.p99), number),
        or_dash(reliable.map(|latency| latency.max), number),
        or_dash(others.map(|latency| latency.p50), number),
        or_dash(others.map(|latency| latency.p99), number),
        or_dash(record.delivered_share(), percent),
        number(record.goodput_bytes_per_s / 1e3),
        or_dash(record.overhead(), |ratio| format!("{ratio:.2}")),
        thousands(record.retransmissions as f64),
        or_dash(record.needless_share(), percent),
        record.disconnects.to_string(),
        record.verdict(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Latency, Sending};

    fn record(scenario: &str, receiver: &str) -> RunRecord {
        RunRecord {
            scenario: scenario.to_owned(),
            seed: 1,
            sender: "ours".to_owned(),
            receiver: receiver.to_owned(),
            latency_ms: Some(Latency {
                mean: 50.0,
                p50: 41.24,
                p95: 102.3,
                p99: 301.8,
                p999: 900.0,
                max: 1_024.0,
            }),
            unreliable_latency_ms: None,
            delivered: 976,
            sent: 1_000,
            goodput_bytes_per_s: 6_150.4,
            wire_bytes: 324,
            payload_bytes: 200,
            datagrams: 10,
            retransmissions: 40,
            needless_retransmissions: 1,
            disconnects: 0,
            trace_hash: "0".repeat(16),
            violations: 0,
            simulated_s: 30.0,
            wall_s: 0.1,
            expectation: None,
            sending: Sending::default(),
            worst_second: None,
            first_after_cut_ms: None,
        }
    }

    #[test]
    fn a_line_per_run_aligned_with_units_above() {
        let mut missed = record("lan", "c");
        missed.expectation = Some("p99 is 302 ms, not below 50".to_owned());
        let text = table(&[record("lossy-5", "ours"), record("lossy-5", "c"), missed]);
        let expected = [
            "                     reliable               others      arrived goodput   wire/   sent  need-  lost",
            "scenario  from→to      p50 ms p95 p99  max  p50 ms p99        %    kB/s payload  again less % conn.  verdict",
            "lossy-5   ours→ours      41.2 102 302 1024       –   –     97.6    6.15    1.62     40    2.5     0  ok",
            "lossy-5   ours→c         41.2 102 302 1024       –   –     97.6    6.15    1.62     40    2.5     0  ok",
            "",
            "lan       ours→c         41.2 102 302 1024       –   –     97.6    6.15    1.62     40    2.5     0  missed",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_line_is_at_most_130_columns_wide() {
        let long = Latency { mean: 1e5, p50: 1e5, p95: 1e5, p99: 1e5, p999: 1e5, max: 1e5 };
        let mut record = record("a-scenario-with-a-very-long-name", "rusty");
        record.latency_ms = Some(long);
        record.unreliable_latency_ms = Some(long);
        record.delivered = 999_999;
        record.sent = 1_000_000;
        record.retransmissions = 123_456;
        record.goodput_bytes_per_s = 1.2e8;
        record.violations = 12;
        let text = table(&[record]);
        assert!(text.lines().all(|line| line.chars().count() <= 130), "{text}");
    }
}
