//! docs/FEATURES.md: that no row is missing, and that everything it names exists.

mod sources;

use std::collections::BTreeSet;
use std::fs;

use sources::{below, quoted, root, tests};

/// Rows of the five documents, and of what they rely on, by letter. B and others divide some numbers: 31a, 31b.
const ROWS: [(char, u32, &[u32]); 6] = [
    ('A', 40, &[]),
    ('B', 51, &[40, 41, 42]),
    ('C', 35, &[]),
    ('D', 69, &[]),
    ('E', 27, &[]),
    ('F', 14, &[]),
];

/// Names of the standard library.
const FOREIGN: [&str; 5] = ["Bytes", "None", "Drop", "Result", "SocketAddrV6::scope_id"];

struct Row {
    id: String,
    items: Vec<String>,
    test: Option<String>,
    status: String,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/FEATURES.md")).expect("docs/FEATURES.md");
    text.lines().filter_map(row).collect()
}

/// A row of the tables, known by its number.
fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let [id, _, here, test, status] = cells[..] else { return None };
    let (letter, number) = id.split_at_checked(1)?;
    if !letter.starts_with(|c: char| c.is_ascii_uppercase())
        || !number.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let items = quoted(here).filter(|name| is_item(name)).map(str::to_owned).collect();
    let test = quoted(test).next().map(str::to_owned);
    Some(Row { id: id.to_owned(), items, test, status: status.to_owned() })
}

/// `Type` or `Type::member`.
fn is_item(name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(is_word)
        && !FOREIGN.contains(&name)
}

/// The words that a source defines: functions, types, fields, constants and variants.
fn definitions(lines: &[String]) -> BTreeSet<String> {
    let word = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned);
    let starts = ["fn ", "struct ", "enum ", "trait ", "const ", "type ", "mod "];
    let mut found = BTreeSet::new();
    for line in lines.iter().filter(|line| !line.starts_with("//")) {
        found.extend(starts.iter().flat_map(|start| line.split(start).skip(1)).filter_map(word));
        // A field, or a variant; macros make some of them.
        let bare = line.strip_prefix("pub ").unwrap_or(line);
        if let Some(name) = word(bare).filter(|name| !name.is_empty()) {
            let rest = &bare[name.len()..];
            if [":", ",", " {", "(", " ="].iter().any(|end| rest.starts_with(end)) {
                found.insert(name);
            }
        }
    }
    found
}

#[test]
fn no_row_of_the_features_is_missing_or_there_twice() {
    let rows = rows();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "a row is there twice");
    for (letter, last, gaps) in ROWS {
        for number in (1..=last).filter(|number| !gaps.contains(number)) {
            let whole = format!("{letter}{number}");
            let found = ids.contains(whole.as_str()) || ids.contains(format!("{whole}a").as_str());
            assert!(found, "{whole} is missing");
        }
    }
}

#[test]
fn every_item_that_the_features_name_exists() {
    let files = below(&["enet-proto/src", "enet-mio/src", "enet-compress/src"]);
    let defined: Vec<BTreeSet<String>> = files.iter().map(|lines| definitions(lines)).collect();
    // A member stands where its type is spoken of.
    let exists = |item: &str| match item.split_once("::") {
        None => defined.iter().any(|words| words.contains(item)),
        Some((owner, member)) => files
            .iter()
            .zip(&defined)
            .any(|(lines, words)| words.contains(member) && lines.iter().any(|line| line.contains(owner))),
    };
    let rows = rows();
    let named = rows.iter().flat_map(|row| row.items.iter().map(|item| (&row.id, item)));
    let missing: Vec<_> = named.filter(|(_, item)| !exists(item)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_test_that_the_features_name_exists() {
    let folders = [
        "enet-proto",
        "enet-mio/src",
        "enet-mio/tests",
        "enet-compress",
        "enet-testkit",
        "enet-reference",
        "xtask/tests",
    ];
    let lines: Vec<String> = below(&folders).concat();
    let tests = tests(&lines);
    let named = rows().into_iter().filter_map(|row| Some((row.id, row.test?)));
    let missing: Vec<_> = named.filter(|(_, test)| !tests.contains(test.as_str())).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn what_is_done_is_shown_and_what_is_not_says_why() {
    for Row { id, test, status, .. } in rows() {
        let why = |start| status.strip_prefix(start).is_some_and(|why: &str| why.len() > 8);
        let is_known = match status.as_str() {
            "done" => test.is_some(),
            _ => ["partly: ", "open: ", "not ours: "].into_iter().any(why),
        };
        assert!(is_known, "{id}: {status}");
    }
}
