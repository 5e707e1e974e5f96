//! JSON for programs: `{rows: [{row, subject, unit, median, min, max, runs}], ratios: [{row, versus, ratio}]}`, and the
//! machine, goals and failures beside them. `met` stands where something is asked; it is null where it cannot be said.

use serde::Serialize;

use super::{Report, Score};
use crate::machine::Machine;
use crate::measure::Verdict;

#[derive(Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    command: &'a str,
    rows: Vec<RowOf<'a>>,
    ratios: Vec<RatioOf<'a>>,
    failures: Vec<FailureOf<'a>>,
    score: Score,
}

#[derive(Serialize)]
struct RowOf<'a> {
    row: &'a str,
    subject: &'a str,
    unit: &'a str,
    median: f64,
    min: f64,
    max: f64,
    runs: usize,
    /// What ours may be at most, in the unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    /// Whether it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<Option<bool>>,
}

/// The other's figure divided by ours; in a row that is to be flat, ours divided by ours of the row it is compared with.
#[derive(Serialize)]
struct RatioOf<'a> {
    row: &'a str,
    versus: String,
    ratio: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<Option<bool>>,
}

#[derive(Serialize)]
struct FailureOf<'a> {
    row: &'a str,
    subject: &'a str,
    reason: &'a str,
    /// `false` if ours failed where something was asked of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<Option<bool>>,
}

/// The document.
///
/// # Errors
/// A figure that JSON has no number for.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    let lines: Vec<_> = report.lines().collect();
    let rows = lines.iter().filter_map(|line| {
        let (min, max) = line.range?;
        let is_ours = line.verdict != Verdict::Unasked;
        Some(RowOf {
            row: line.row.row,
            subject: &line.subject,
            unit: line.row.unit,
            median: line.median?,
            min,
            max,
            runs: line.runs,
            limit: line.row.limit.filter(|_| is_ours),
            met: line.row.limit_verdict().known().filter(|_| is_ours),
        })
    });
    let document = Document {
        machine: &report.machine,
        command: &report.command,
        rows: rows.collect(),
        ratios: ratios(report),
        failures: (lines.iter())
            .filter_map(|line| {
                let (row, subject, reason) = (line.row.row, &line.subject, line.failure?);
                Some(FailureOf { row, subject, reason, met: line.verdict.known() })
            })
            .collect(),
        score: report.score(),
    };
    serde_json::to_string_pretty(&document)
}

fn ratios(report: &Report) -> Vec<RatioOf<'_>> {
    let mut ratios = Vec::new();
    for row in &report.rows {
        let Some(ours) = row.of_ours().and_then(|ours| ours.median()) else { continue };
        let c = row.of_c().map(|c| c.subject.as_str());
        for other in row.subjects.iter().skip(1) {
            let Some(median) = other.median() else { continue };
            let goal = row.goal.filter(|_| c == Some(&other.subject));
            let (ratio, versus) = (median / ours, other.subject.clone());
            // An empty slot of ours takes nothing; JSON has no number for that.
            if !ratio.is_finite() {
                continue;
            }
            let met = goal.and_then(|_| row.goal_verdict().known());
            ratios.push(RatioOf { row: row.row, versus, ratio, goal, at_most: None, met });
        }
    }
    ratios.extend(report.relations().filter_map(|relation| {
        Some(RatioOf {
            row: relation.row,
            versus: format!("ours in {}", relation.base),
            ratio: relation.ratio?,
            goal: None,
            at_most: Some(relation.at_most),
            met: relation.verdict.known(),
        })
    }));
    ratios
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json as value};

    use super::*;
    use crate::report::tests::{report, report_of};

    #[test]
    fn the_document_has_the_promised_keys() {
        let document: Value = serde_json::from_str(&json(&report()).unwrap()).unwrap();
        let row = value!({
            "row": "idle-1", "subject": "rusty", "unit": "ns/echo", "median": 20.0, "min": 20.0, "max": 20.0, "runs": 3,
        });
        assert_eq!(document["rows"][2], row);
        let ratio = value!({ "row": "idle-1", "versus": "c", "ratio": 3.0, "goal": 2.5, "met": true });
        assert_eq!(document["ratios"][0], ratio);
        let flat = value!({ "row": "idle-256", "versus": "ours in idle-1", "ratio": 1.2, "at_most": 1.1, "met": false });
        assert_eq!(document["ratios"][2], flat);
        let failure = value!({ "row": "idle-256", "subject": "c", "reason": "a <peer> is lost" });
        assert_eq!(document["failures"], value!([failure]));
        assert_eq!(document["rows"].as_array().unwrap().len(), 4, "what failed has no figures");
        assert_eq!(document["score"], value!({ "met": 1, "missed": 1, "open": 1 }));
    }

    #[test]
    fn a_row_with_a_limit_says_whether_it_is_kept() {
        for (rounds, limit, met) in [(3, 10.5, value!(true)), (3, 9.5, value!(false)), (1, 10.5, Value::Null)]
        {
            let mut report = report_of(rounds);
            (report.rows[0].goal, report.rows[0].limit) = (None, Some(limit));
            let document: Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
            assert_eq!(document["rows"][0].get("met"), Some(&met), "{document}");
            assert_eq!(document["rows"][0]["limit"], limit);
            assert_eq!(document["rows"][1].get("met"), None, "nothing is asked of C");
        }
    }

    #[test]
    fn a_single_round_has_ratios_without_a_verdict() {
        let document: Value = serde_json::from_str(&json(&report_of(1)).unwrap()).unwrap();
        let ratio = value!({ "row": "idle-1", "versus": "c", "ratio": 3.0, "goal": 2.5, "met": null });
        assert_eq!(document["ratios"][0], ratio);
    }
}
