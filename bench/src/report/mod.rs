//! What is made of the figures: a table, JSON, a page.

mod html;
mod json;
mod table;

use std::borrow::Cow;

pub use html::page;
pub use json::json;
pub use table::table;

use crate::machine::Machine;
use crate::measure::{Figures, Measured, Verdict, implementation};
use crate::rows::FLAT;

/// All there is to report.
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// The command that gives it again.
    pub command: String,
    /// The rows.
    pub rows: Vec<Measured>,
}

/// A line of the table.
pub struct Line<'a> {
    pub row: &'a Measured,
    pub subject: Cow<'a, str>,
    pub median: Option<f64>,
    pub range: Option<(f64, f64)>,
    pub runs: usize,
    /// C's figure divided by this one.
    pub ratio: Option<f64>,
    /// This figure divided by ours.
    pub of_ours: Option<f64>,
    /// In words, for ours.
    pub goal: String,
    /// On all that is asked of ours.
    pub verdict: Verdict,
    pub failure: Option<&'a str>,
}

/// What ours does in one row, as a multiple of what it does in another.
pub struct Relation {
    pub row: &'static str,
    pub base: &'static str,
    /// Nothing if ours failed in one of them.
    pub ratio: Option<f64>,
    /// The multiple may not be greater.
    pub at_most: f64,
    pub verdict: Verdict,
}

/// How many goals are reached.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Score {
    pub met: usize,
    /// Those of rows in which ours failed, too.
    pub missed: usize,
    /// Too few runs, or nobody to compare with.
    pub open: usize,
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} goals met, {} missed", self.met, self.missed)?;
        match self.open {
            0 => Ok(()),
            open => {
                write!(f, ", {open} open (fewer than {} runs, or nothing to compare with)", Verdict::RUNS)
            }
        }
    }
}

impl Report {
    /// The table's lines: a line for each row and subject.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.rows.iter().flat_map(|row| (0..row.subjects.len()).filter_map(|index| line(row, index)))
    }

    /// Figures that are to be flat.
    pub fn relations(&self) -> impl Iterator<Item = Relation> {
        let find = |id: &str| self.rows.iter().find(|row| row.row == id);
        let median = |row: &Measured| row.of_ours().and_then(Figures::median);
        FLAT.iter().filter_map(move |&(row, base, at_most)| {
            let (one, other) = (find(row)?, find(base)?);
            let ratio = median(one).zip(median(other)).map(|(one, other)| one / other);
            // Either may have failed, or have too few runs.
            let is_flat = |_| ratio.map(|ratio| ratio <= at_most);
            let verdict = one.judged(is_flat).and(other.judged(is_flat));
            Some(Relation { row, base, ratio, at_most, verdict })
        })
    }

    /// Goals met and missed.
    pub fn score(&self) -> Score {
        let mut score = Score::default();
        let of_rows = self.rows.iter().map(Measured::verdict);
        for verdict in of_rows.chain(self.relations().map(|it| it.verdict)) {
            match verdict {
                Verdict::Unasked => {}
                Verdict::Open => score.open += 1,
                Verdict::Met => score.met += 1,
                Verdict::Missed => score.missed += 1,
            }
        }
        score
    }

    /// How many subjects failed.
    pub fn failures(&self) -> usize {
        self.lines().filter(|line| line.failure.is_some()).count()
    }

    /// Each note, with the rows it is of.
    pub fn notes(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let mut notes: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
        for row in self.rows.iter().filter(|row| !row.note.is_empty()) {
            match notes.iter_mut().find(|(note, _)| *note == row.note) {
                Some((_, rows)) => rows.push(row.row),
                None => notes.push((row.note, vec![row.row])),
            }
        }
        notes
    }
}

fn line(row: &Measured, index: usize) -> Option<Line<'_>> {
    let figures = row.subjects.get(index)?;
    let is_first = index == 0;
    let of_c = row.of_c().and_then(|c| c.median());
    let ratio = if implementation(&figures.subject) == "c" {
        None
    } else {
        figures.median().and_then(|own| Some(of_c? / own))
    };
    let of_ours = match row.of_ours().and_then(|ours| ours.median()) {
        Some(ours) if !is_first => figures.median().map(|own| own / ours),
        _ => None,
    };
    let goal = match (row.goal, row.limit) {
        _ if !is_first => String::new(),
        (Some(goal), _) => format!("≥ {goal}×"),
        (None, Some(limit)) => format!("≤ {}", number(limit)),
        (None, None) => String::new(),
    };
    Some(Line {
        row,
        subject: Cow::Borrowed(&figures.subject),
        median: figures.median(),
        range: figures.range(),
        runs: figures.sorted.len(),
        ratio,
        of_ours,
        goal,
        verdict: if is_first { row.verdict() } else { Verdict::Unasked },
        failure: figures.failure.as_deref(),
    })
}

/// A figure with about three digits that count.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value == value.round() => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A ratio, or nothing: there is none to somebody who needs nothing.
pub fn times(ratio: Option<f64>) -> String {
    ratio.filter(|ratio| ratio.is_finite()).map_or(String::new(), |ratio| format!("{ratio:.2}×"))
}

/// `yes`, `NO`, a dash where it cannot be said, or nothing where nothing is asked.
pub fn yes_or_no(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "yes",
        Verdict::Missed => "NO",
        Verdict::Open => "–",
        Verdict::Unasked => "",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::measure::{Effort, measure, tests::scripted};

    /// Two rows: `idle-1` goes well, and in `idle-256` something fails.
    pub(crate) fn report() -> Report {
        report_of(3)
    }

    pub(crate) fn report_of(rounds: usize) -> Report {
        let all = rounds + 1;
        let rows = vec![
            scripted(
                "idle-1",
                vec![
                    ("ours", vec![Ok(10.0); all]),
                    ("c", vec![Ok(30.0); all]),
                    ("rusty", vec![Ok(20.0); all]),
                ],
            ),
            scripted(
                "idle-256",
                vec![("ours", vec![Ok(12.0); all]), ("c", vec![Err("a <peer> is lost".to_owned())])],
            ),
        ];
        let effort = Effort { rounds, ..Effort::FULL };
        Report {
            machine: Machine::here(),
            command: "cargo xtask bench".to_owned(),
            rows: measure(rows, effort, |_| ()),
        }
    }

    #[test]
    fn numbers_keep_three_digits() {
        for (value, expected) in [
            (0.31, "0.310"),
            (2.556, "2.56"),
            (25.56, "25.6"),
            (255.6, "256"),
            (25_556.0, "25556"),
            (4.0, "4"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn nobody_needs_infinitely_often_what_ours_does_without() {
        assert_eq!([times(Some(f64::INFINITY)), times(Some(f64::NAN)), times(None)], ["", "", ""]);
        assert_eq!(times(Some(2.5)), "2.50×");
    }

    #[test]
    fn lines_compare_with_c_and_relations_with_ourselves() {
        let report = report();
        let ratios: Vec<_> = report.lines().map(|line| line.ratio).collect();
        assert_eq!(ratios, [Some(3.0), None, Some(1.5), None, None]);
        let of_ours: Vec<_> = report.lines().map(|line| line.of_ours).collect();
        assert_eq!(of_ours, [None, Some(3.0), Some(2.0), None, None]);
        let relation = report.relations().next().unwrap();
        assert_eq!((relation.row, relation.base, relation.verdict), ("idle-256", "idle-1", Verdict::Missed));
        assert_eq!(report.score(), Score { met: 1, missed: 1, open: 1 }, "C failed in idle-256");
        assert_eq!(report.failures(), 1);
        assert_eq!(report.notes(), [("What it does not say.", vec!["idle-1", "idle-256"])]);
    }

    #[test]
    fn goals_of_rows_in_which_ours_failed_are_missed() {
        let failing = || vec![("ours", vec![Err("lost".to_owned())]), ("c", vec![Ok(30.0); 4])];
        let fine = || vec![("ours", vec![Ok(10.0); 4]), ("c", vec![Ok(30.0); 4])];
        for (base, crowd, met, missed) in
            [(fine(), failing(), 1, 2), (failing(), fine(), 1, 2), (failing(), failing(), 0, 3)]
        {
            let rows = vec![scripted("idle-1", base), scripted("idle-256", crowd)];
            let rows = measure(rows, Effort { rounds: 3, ..Effort::FULL }, |_| ());
            let report = Report { rows, ..report() };
            assert_eq!(report.score(), Score { met, missed, open: 0 });
        }
    }

    #[test]
    fn a_single_round_decides_nothing() {
        let score = report_of(1).score();
        assert_eq!(score, Score { met: 0, missed: 0, open: 3 });
        assert!(score.to_string().starts_with("0 goals met, 0 missed, 3 open (fewer than 3 runs"), "{score}");
    }
}
