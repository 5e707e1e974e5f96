//! The table for a terminal.

use std::fmt::Write;

use super::{Report, number, times, yes_or_no};

const HEAD: [&str; 11] =
    ["row", "subject", "median", "min", "max", "runs", "unit", "it ÷ ours", "C ÷ it", "goal", "met"];
/// Columns of words; the others are aligned to the right.
const WORDS: [bool; 11] = [true, true, false, false, false, false, true, false, false, false, true];

/// The machine, a line for each row and subject, what is to be flat, and the notes.
pub fn table(report: &Report) -> String {
    let mut cells: Vec<[String; 11]> = vec![HEAD.map(str::to_owned)];
    let mut last = "";
    for line in report.lines() {
        let figure = |value: Option<f64>| value.map_or(String::new(), number);
        let row = if line.row.row == last { String::new() } else { line.row.row.to_owned() };
        last = line.row.row;
        cells.push([
            row,
            line.subject.to_string(),
            if line.failure.is_some() { "FAILED".to_owned() } else { figure(line.median) },
            figure(line.range.map(|range| range.0)),
            figure(line.range.map(|range| range.1)),
            line.runs.to_string(),
            line.row.unit.to_owned(),
            times(line.of_ours),
            times(line.ratio),
            line.goal,
            yes_or_no(line.verdict).to_owned(),
        ]);
    }
    let mut text = format!("{}\n{}\n\n", report.machine, report.command);
    write_cells(&mut text, &cells);
    write_rest(&mut text, report);
    text
}

fn write_cells(text: &mut String, cells: &[[String; 11]]) {
    let mut widths = [0; 11];
    for line in cells {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for line in cells {
        let mut written = String::new();
        for ((cell, width), is_word) in line.iter().zip(widths).zip(WORDS) {
            // Writing to a string does not fail.
            let _ = if is_word {
                write!(written, "{cell:<width$}  ")
            } else {
                write!(written, "{cell:>width$}  ")
            };
        }
        text.push_str(written.trim_end());
        text.push('\n');
    }
}

fn write_rest(text: &mut String, report: &Report) {
    for relation in report.relations() {
        let (row, base, met) = (relation.row, relation.base, yes_or_no(relation.verdict));
        let ratio = relation.ratio.map_or("FAILED".to_owned(), |ratio| format!("{ratio:.2}×"));
        let _ = writeln!(text, "{row}: {ratio} of {base} (goal ≤ {}×: {met})", relation.at_most);
    }
    text.push('\n');
    for line in report.lines() {
        if let Some(failure) = line.failure {
            let _ = writeln!(text, "FAILED: {}, {}: {failure}", line.row.row, line.subject);
        }
    }
    let _ = writeln!(
        text,
        "{}. Less is better; C ÷ it: how many times faster than C; it ÷ ours: how many times slower than ours.",
        report.score()
    );
    for (note, rows) in report.notes() {
        let _ = writeln!(text, "* {}: {note}", rows.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, report_of};

    #[test]
    fn the_table_names_machine_figures_goals_and_failures() {
        let text = table(&report());
        assert!(text.contains("Linux"), "{text}");
        assert!(
            text.contains(
                "idle-1    ours         10   10   10     3  ns/echo              3.00×  ≥ 2.5×  yes\n"
            ),
            "{text}"
        );
        assert!(text.contains("idle-256: 1.20× of idle-1 (goal ≤ 1.1×: NO)"), "{text}");
        assert!(text.contains("FAILED: idle-256, c: a <peer> is lost"), "{text}");
        assert!(text.contains("1 goals met, 1 missed, 1 open"), "{text}");
    }

    #[test]
    fn a_single_round_is_shown_without_a_verdict() {
        let text = table(&report_of(1));
        assert!(
            text.contains(
                "idle-1    ours         10   10   10     1  ns/echo              3.00×  ≥ 2.5×  –\n"
            ),
            "{text}"
        );
        assert!(text.contains("idle-256: 1.20× of idle-1 (goal ≤ 1.1×: –)"), "{text}");
    }
}
