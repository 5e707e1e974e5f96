//! docs/PROPERTIES.md: that every property a judge can name is there, and that what is said to show them exists.

mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use sources::{below, lines, quoted, root, tests};

struct Row {
    id: String,
    shown_by: String,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/PROPERTIES.md")).expect("docs/PROPERTIES.md");
    text.lines().filter_map(row).collect()
}

/// A row of the tables, known by its id.
fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let [id, _, _, shown_by] = cells[..] else { return None };
    is_id(id).then(|| Row { id: id.to_owned(), shown_by: shown_by.to_owned() })
}

/// A letter of one of the tables, and a number.
fn is_id(text: &str) -> bool {
    let number = text.strip_prefix(['R', 'U', 'S', 'X', 'C', 'T', 'F', 'M', 'B', 'I']);
    number.is_some_and(|number| {
        (1..=2).contains(&number.len()) && number.chars().all(|digit| digit.is_ascii_digit())
    })
}

/// Files and tests that a cell names: `path.rs`, or `path.rs::name`.
fn named(shown_by: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let names = quoted(shown_by).map(|name| match name.split_once(".rs::") {
        Some((file, test)) => (&name[..file.len() + 3], Some(test)),
        None => (name, None),
    });
    names.filter(|(file, _)| file.ends_with(".rs"))
}

#[test]
fn every_property_that_a_judge_can_name_has_one_row() {
    let rows = rows();
    let there: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(there.len(), rows.len(), "a property is there twice");
    let sources = below(&["enet-sim/src", "enet-sim/tests"]).concat();
    let said: BTreeSet<&str> =
        sources.iter().flat_map(|line| line.split('"')).filter(|it| is_id(it)).collect();
    assert!(said.len() > 25, "judges have been found: {said:?}");
    let missing: Vec<_> = said.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_file_and_test_that_the_properties_name_exists() {
    let mut missing = Vec::new();
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Row { id, shown_by } in rows() {
        for (file, test) in named(&shown_by) {
            let lines = files.entry(file.to_owned()).or_insert_with(|| {
                fs::read_to_string(root().join(file)).map(|text| lines(&text)).unwrap_or_default()
            });
            if lines.is_empty() || test.is_some_and(|test| !tests(lines).contains(test)) {
                missing.push(format!("{id}: {file} {}", test.unwrap_or_default()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_property_is_shown_by_something_or_said_not_to_be() {
    for Row { id, shown_by } in rows() {
        let is_shown = named(&shown_by).next().is_some();
        let says_why = shown_by.split("not shown: ").nth(1).is_some_and(|why| why.len() > 8);
        assert!(is_shown || says_why, "{id}: {shown_by}");
    }
}
