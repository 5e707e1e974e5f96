//! [`Goal`]: what is aimed at in each row, and whether it was met.

use std::fmt;

use super::measure::Measure;
use super::{Cell, Subject};

/// Something that is aimed at in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// By ours without repetition, or else by ours with it.
    pub redundant: bool,
    /// What counts.
    pub measure: Measure,
    /// How good it is to be.
    pub limit: Limit,
}

/// How good something is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Not above.
    Most(f64),
    /// Not below.
    Least(f64),
    /// Not above so many times another cell's.
    Times(f64, Of),
    /// The slowest run not above so many times another cell's slowest. One that lost a connection is slower than any other:
    /// how many those are is for [`Measure::Lost`].
    SlowestTimes(f64, Of),
}

/// Another cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// This subject's in the same row.
    Subject(Subject),
    /// One's own in this row.
    Row(&'static str),
}

impl Goal {
    /// Whether it is aimed at by a subject.
    pub fn is_for(&self, subject: Subject) -> bool {
        match subject {
            Subject::Modern | Subject::ModernToC => !self.redundant,
            Subject::Repeat2 | Subject::Repeat2ToC => self.redundant,
            Subject::C | Subject::Compat | Subject::Rusty | Subject::Kcp | Subject::Quic => false,
        }
    }
}

const fn goal(measure: Measure, limit: Limit) -> Goal {
    Goal { redundant: false, measure, limit }
}

const fn repeated(measure: Measure, limit: Limit) -> Goal {
    Goal { redundant: true, measure, limit }
}

const C: Of = Of::Subject(Subject::C);
const MODERN: Of = Of::Subject(Subject::Modern);
const KCP: Of = Of::Subject(Subject::Kcp);

/// What is aimed at in a row; nothing where the row is there to be compared with.
pub fn goals(row: &str) -> Vec<Goal> {
    use Limit::{Least, Most, SlowestTimes, Times};
    use Measure::{FirstAfterCut, Lost, NeedlessPercent, P50, P99, P999, WireBytes, WorstSecondPercent};
    let game = |p99, p999, repeat, bytes| {
        vec![
            goal(P99, Most(p99)),
            goal(P999, Most(p999)),
            goal(WireBytes, bytes),
            goal(Lost, Most(0.0)),
            repeated(P99, Most(repeat)),
            repeated(WireBytes, Times(2.8, MODERN)),
            repeated(Lost, Most(0.0)),
        ]
    };
    let of_none = |times| Times(times, Of::Row("recovery-0"));
    match row {
        "recovery-0" => {
            vec![
                goal(P99, Most(41.0)),
                goal(P999, Most(41.0)),
                goal(WireBytes, Times(1.02, C)),
                repeated(P99, Most(41.0)),
                repeated(WireBytes, Times(2.8, MODERN)),
            ]
        }
        "recovery-2" => game(140.0, 160.0, 60.0, Times(1.03, C)),
        "recovery-5" => game(150.0, 180.0, 75.0, Times(1.06, C)),
        "recovery-10" => game(185.0, 265.0, 90.0, Times(1.1, C)),
        "recovery-20" => game(290.0, 370.0, 190.0, of_none(1.5)),
        "recovery-30" => game(410.0, 530.0, 260.0, of_none(1.75)),
        "recovery-10-far" => game(450.0, 580.0, 250.0, Times(1.1, C)),
        "recovery-burst-2" | "recovery-burst-5" | "recovery-burst-10" => vec![
            goal(P999, Times(0.5, C)),
            goal(P999, Times(1.0, KCP)),
            repeated(P99, Times(0.5, C)),
            repeated(P99, Times(1.0, KCP)),
        ],
        "recovery-jitter" => vec![goal(NeedlessPercent, Most(0.5))],
        "recovery-jitter-held" => vec![goal(WorstSecondPercent, Least(95.0))],
        // A fifth of what a full buffer takes.
        "recovery-overload" => vec![goal(P99, Most(300.0)), goal(Lost, Most(0.0))],
        "recovery-outage-3s" | "recovery-outage-8s" => {
            vec![goal(Lost, Most(0.0)), goal(FirstAfterCut, Most(180.0))]
        }
        "recovery-rtt-step" => vec![goal(WorstSecondPercent, Least(95.0))],
        // Nine tenths of what 2 % of loss leaves.
        "recovery-rtt-step-2" => vec![goal(WorstSecondPercent, Least(88.2))],
        "recovery-state" => vec![goal(Lost, Most(0.0)), repeated(Lost, Most(0.0))],
        "recovery-bulk-2" | "recovery-bulk-5" => vec![goal(P50, Times(1.1, Of::Row("recovery-bulk-0")))],
        "recovery-share-game" => vec![
            goal(P99, Times(1.0, C)),
            goal(P999, Times(1.0, C)),
            goal(P999, SlowestTimes(1.0, C)),
            goal(Lost, Times(1.0, C)),
        ],
        // Five downloads in a run: the 99th of a hundred is the last.
        "recovery-share-bulk" => vec![
            goal(P50, Times(1.0, C)),
            goal(P99, Times(1.0, C)),
            goal(P99, SlowestTimes(1.0, C)),
            goal(Lost, Times(1.0, C)),
        ],
        _ => Vec::new(),
    }
}

/// A goal held against a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The goal.
    pub goal: Goal,
    /// What it comes to in numbers: the other cell's times the factor.
    pub limit: f64,
    /// What counts: the median, or of what must never happen the worst run; how many runs lost a connection.
    pub value: f64,
    /// Whether it was met.
    pub met: bool,
}

/// Each goal of a cell. Those that need a cell that was not run are left out.
pub fn judge(cell: &Cell, cells: &[Cell]) -> Vec<Judged> {
    let goals = goals(&cell.row).into_iter().filter(|goal| goal.is_for(cell.subject));
    goals.filter_map(|goal| judge_one(goal, cell, cells)).collect()
}

fn judge_one(goal: Goal, cell: &Cell, cells: &[Cell]) -> Option<Judged> {
    let value = match counts(goal, cell) {
        Some(value) => value,
        // After an outage that nobody survives nothing arrives.
        None if goal.measure == Measure::FirstAfterCut => f64::INFINITY,
        None => return None,
    };
    let (limit, met) = match goal.limit {
        Limit::Most(limit) => (limit, value <= limit),
        Limit::Least(limit) => (limit, value >= limit),
        Limit::Times(times, of) | Limit::SlowestTimes(times, of) => {
            let (row, subject) = match of {
                Of::Subject(subject) => (cell.row.as_str(), subject),
                Of::Row(row) => (row, cell.subject),
            };
            let other = cells.iter().find(|it| it.row == row && it.subject == subject)?;
            let limit = times * counts(goal, other)?;
            let may_be_lost = matches!(goal.limit, Limit::SlowestTimes(..));
            (limit, value <= limit && (value.is_finite() || may_be_lost))
        }
    };
    Some(Judged { goal, limit, value, met })
}

/// What counts of a cell.
fn counts(goal: Goal, cell: &Cell) -> Option<f64> {
    if let Limit::SlowestTimes(..) = goal.limit {
        return cell.runs.iter().filter_map(|run| goal.measure.of(run)).max_by(f64::total_cmp);
    }
    match goal.measure {
        Measure::Lost => Some(cell.lost() as f64),
        Measure::FirstAfterCut => Some(cell.spread(goal.measure)?.max),
        Measure::WorstSecondPercent => Some(cell.spread(goal.measure)?.min),
        _ => Some(cell.spread(goal.measure)?.median),
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Most(limit) => write!(f, "≤ {limit}"),
            Limit::Least(limit) => write!(f, "≥ {limit}"),
            Limit::Times(times, Of::Subject(subject)) => write!(f, "≤ {times} × {subject}"),
            Limit::Times(times, Of::Row(row)) => write!(f, "≤ {times} × {row}"),
            Limit::SlowestTimes(times, Of::Subject(subject)) => write!(f, "≤ {times} × {subject}'s"),
            Limit::SlowestTimes(times, Of::Row(row)) => write!(f, "≤ {times} × {row}'s"),
        }
    }
}
