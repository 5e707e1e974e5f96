//! [`Report`]: the figures, ours beside C's, and what they are worth.

use std::fmt;

use serde_json::{Value, json};

use crate::stage::Finding;
use crate::table::{Attack, Goal, Row};

/// How the note of an attack begins that could not be carried out.
pub(crate) const FAILED: &str = "FAILED: ";

/// One figure.
#[derive(Debug, Clone)]
pub struct Record {
    /// `A1` to `A18`.
    pub attack: &'static str,
    /// What is counted.
    pub what: &'static str,
    /// `ours`, `c`, or the address.
    pub against: String,
    /// `None` if there is none; the note says why.
    pub figure: Option<f64>,
    /// Its unit.
    pub unit: &'static str,
    /// What it is to be.
    pub target: Goal,
    /// Whether it is; `None` if that cannot be said.
    pub met: Option<bool>,
    /// How it came about.
    pub note: String,
    /// Whether the attack is one that C suffers from.
    pub(crate) harms_c: bool,
}

impl Record {
    pub(crate) fn new(attack: &Attack, row: &Row, against: String, finding: Finding) -> Record {
        Record {
            attack: attack.id,
            what: row.what,
            against,
            figure: finding.figure,
            unit: row.unit,
            target: row.goal,
            met: None,
            note: finding.note,
            harms_c: attack.harms_c,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "attack": self.attack,
            "what": self.what,
            "against": self.against,
            "figure": self.figure,
            "unit": self.unit,
            "target": self.target.to_string(),
            "met": self.met,
            "note": self.note,
        })
    }
}

/// Why a goal that is met proves nothing, or that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    Counts,
    NoDamage,
    NoneKnown,
    NotCompared,
}

impl fmt::Display for Worth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Worth::Counts => "yes",
            Worth::NoDamage => "no, C showed no damage",
            Worth::NoneKnown => "no, none is known in C",
            Worth::NotCompared => "no, C has no figure",
        })
    }
}

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// In the order of the table, ours before C's.
    pub records: Vec<Record>,
    /// How long it took.
    pub seconds: f64,
}

impl Report {
    /// With each figure judged.
    pub(crate) fn new(mut records: Vec<Record>, seconds: f64) -> Report {
        let of_c: Vec<_> = records
            .iter()
            .filter(|record| record.against == "c")
            .map(|record| (record.what, record.figure))
            .collect();
        for record in &mut records {
            let c = of_c.iter().find(|(what, _)| *what == record.what).and_then(|(_, figure)| *figure);
            record.met = record.figure.and_then(|figure| record.target.is_met(figure, c));
        }
        Report { records, seconds }
    }

    /// Whether every attack went as planned, and every figure that could be had is as it is to be; C's do not count.
    pub fn is_met(&self) -> bool {
        let went_wrong = |record: &Record| record.note.starts_with(FAILED);
        let missed = |record: &Record| record.against != "c" && record.met == Some(false);
        !self.records.iter().any(|record| went_wrong(record) || missed(record))
    }

    /// `[{attack, what, against, figure, unit, target, met, note}]`; figure and met are null where there is none.
    pub fn to_json(&self) -> Value {
        self.records.iter().map(Record::to_json).collect()
    }

    fn c(&self, what: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.against == "c" && record.what == what)
    }

    /// Whether C's figure in this run shows that the attack hurts.
    pub(crate) fn worth(&self, record: &Record) -> Worth {
        // What is done without a victim is worth what the same is worth with one.
        let same = || self.records.iter().find(|it| it.against == "c" && it.attack == record.attack);
        match self.c(record.what).or_else(same).map(|c| (c.figure, c.met)) {
            _ if !record.harms_c => Worth::NoneKnown,
            None | Some((None, _)) => Worth::NotCompared,
            // The C library is the measure itself.
            Some(_) if record.target == Goal::NoMoreThanC => Worth::Counts,
            Some((_, Some(false))) => Worth::Counts,
            Some(_) => Worth::NoDamage,
        }
    }

    /// Figures of the same attack for everybody, in the order of the table.
    fn rows(&self) -> Vec<(&Record, Option<&Record>)> {
        let others = self.records.iter().filter(|record| record.against != "c");
        let mut rows: Vec<_> = others.map(|record| (record, self.c(record.what))).collect();
        if rows.is_empty() {
            rows = self.records.iter().map(|record| (record, Some(record))).collect();
        }
        rows
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let whose = match rows.first() {
            Some((record, _)) if record.against == "ours" => "ours",
            Some((record, _)) if record.against == "c" => "c",
            _ => "the server",
        };
        let heads = ["figure", "target", whose, "C", "met", "counts"];
        writeln!(
            f,
            "{:<4}{:<66}{:>13}{:>12}{:>12}  {:<5}{}",
            "", heads[0], heads[1], heads[2], heads[3], heads[4], heads[5]
        )?;
        for (record, c) in &rows {
            let target = format!("{} {}", record.target, record.unit);
            let (own, of_c) = (shown(Some(record)), shown(*c));
            let met = match record.met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "-",
            };
            let (id, what, worth) = (record.attack, record.what, self.worth(record));
            writeln!(f, "{id:<4}{what:<66}{:>13}{own:>12}{of_c:>12}  {met:<5}{worth}", target.trim())?;
        }
        writeln!(f)?;
        for record in self.records.iter().filter(|record| !record.note.is_empty()) {
            writeln!(f, "{:<4}{:<5} {}: {}", record.attack, record.against, record.what, record.note)?;
        }
        let judged = rows.iter().filter(|(record, _)| record.met.is_some()).count();
        let met = rows.iter().filter(|(record, _)| record.met == Some(true)).count();
        let counting = rows
            .iter()
            .filter(|(record, _)| record.met == Some(true) && self.worth(record) == Worth::Counts)
            .count();
        writeln!(
            f,
            "{met} of {judged} targets met, {counting} of them where C showed the damage in this run; {:.0} s",
            self.seconds
        )
    }
}

fn shown(record: Option<&Record>) -> String {
    match record.and_then(|record| record.figure) {
        None => "-".to_owned(),
        Some(figure) if figure == figure.trunc() || figure >= 1_000.0 => format!("{figure:.0}"),
        Some(figure) => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::ATTACKS;

    fn report(figures: &[(&str, Option<f64>)]) -> Report {
        let attack = &ATTACKS[3];
        let records = figures.iter().map(|(against, figure)| {
            let finding = Finding { figure: *figure, note: String::new() };
            Record::new(attack, &attack.rows[0], (*against).to_owned(), finding)
        });
        Report::new(records.collect(), 1.0)
    }

    #[test]
    fn a_target_that_is_met_counts_only_where_c_is_hurt() {
        let worth = |c| {
            let report = report(&[("ours", Some(0.0)), ("c", c)]);
            assert!(report.is_met());
            report.worth(&report.records[0])
        };
        assert_eq!(worth(Some(1.0)), Worth::Counts);
        assert_eq!(worth(Some(0.0)), Worth::NoDamage);
        assert_eq!(worth(None), Worth::NotCompared);
    }

    #[test]
    fn a_missed_target_is_said_and_cs_own_is_not_held_against_us() {
        let missed = report(&[("ours", Some(1.0)), ("c", Some(1.0))]);
        assert!(!missed.is_met());
        assert!(missed.to_string().contains("NO"), "{missed}");
        assert!(report(&[("ours", Some(0.0)), ("c", Some(1.0))]).is_met());
    }

    #[test]
    fn an_attack_that_could_not_be_carried_out_is_not_passed_over() {
        let mut report = report(&[("ours", Some(0.0)), ("c", None)]);
        assert!(report.is_met());
        report.records[1].note = format!("{FAILED}it said nothing");
        assert!(!report.is_met());
    }

    #[test]
    fn without_a_figure_nothing_is_met_and_nothing_missed() {
        let report = report(&[("ours", None)]);
        assert_eq!(report.records[0].met, None);
        assert!(report.to_json()[0]["figure"].is_null());
    }
}
