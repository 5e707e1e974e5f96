//! docs/FEATURES.md: that no row is missing, and that everything it names exists.

mod sources;

use std::collections::BTreeSet;
use std::fs;

use sources::{below, quoted, root, tests};

/// Rows of the five documents, and of what they rely on, by letter: the last one, and the numbers that are not used.
const ROWS: [(char, u32, &[u32]); 6] = [
    ('A', 40, &[]),
    ('B', 51, &[40, 41, 42]),
    ('C', 35, &[]),
    ('D', 69, &[]),
    ('E', 27, &[]),
    ('F', 14, &[]),
];

/// Rows that are divided, and the letter of their last part: B31a, B31b, B31c.
const DIVIDED: [(&str, char); 7] =
    [("B31", 'c'), ("B39", 'k'), ("B45", 'b'), ("C16", 'b'), ("C17", 'b'), ("C19", 'b'), ("E23", 'f')];

/// Names of the standard library.
const FOREIGN: [&str; 5] = ["Bytes", "None", "Drop", "Result", "SocketAddrV6::scope_id"];

struct Row {
    id: String,
    items: Vec<String>,
    tests: Vec<String>,
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
    let tests = quoted(test).map(str::to_owned).collect();
    Some(Row { id: id.to_owned(), items, tests, status: status.to_owned() })
}

/// `Type` or `Type::member`.
fn is_item(name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(is_word)
        && !FOREIGN.contains(&name)
}

/// What the libraries offer, by path: the lists that `.ci/api` compares with the sources.
fn offered() -> Vec<String> {
    let mut paths = Vec::new();
    for library in ["enet-compress", "enet-mio", "enet-proto"] {
        let list = root().join(format!("xtask/tests/api/{library}.txt"));
        let text = fs::read_to_string(&list).expect("a list");
        // `pub fn enet_proto::Host::new(…)`, `pub enet_proto::Event::Ping`: the first path is what the line offers.
        let lines = text.lines().filter(|line| !line.starts_with("impl"));
        let path = |line: &str| {
            let end = |c: char| !c.is_alphanumeric() && c != '_' && c != ':';
            let line = line.replace("<'a>", "").replace("<'_>", ""); // of a type with a lifetime
            let word = line.split(end).find(|word| word.starts_with("enet_"));
            word.map(|word| word.trim_end_matches(':').to_owned())
        };
        paths.extend(lines.filter_map(path));
    }
    paths
}

/// Whether an item, named without its crate and modules, is among them.
fn is_offered(item: &str, offered: &[String]) -> bool {
    offered.iter().any(|path| path.strip_suffix(item).is_some_and(|before| before.ends_with("::")))
}

#[test]
fn no_row_of_the_features_is_missing_or_there_twice() {
    let rows = rows();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "a row is there twice");
    for (letter, last, gaps) in ROWS {
        for number in (1..=last).filter(|number| !gaps.contains(number)) {
            let whole = format!("{letter}{number}");
            let parts: Vec<String> = match DIVIDED.iter().find(|(row, _)| *row == whole) {
                Some((_, last)) => ('a'..=*last).map(|part| format!("{whole}{part}")).collect(),
                None => vec![whole],
            };
            let missing: Vec<_> = parts.iter().filter(|row| !ids.contains(row.as_str())).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    }
}

#[test]
fn every_item_that_the_features_name_exists() {
    let offered = offered();
    let rows = rows();
    let named = rows.iter().flat_map(|row| row.items.iter().map(|item| (&row.id, item)));
    let missing: Vec<_> = named.filter(|(_, item)| !is_offered(item, &offered)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_member_of_another_type_is_not_taken_for_one() {
    let offered = offered();
    for item in
        ["Host::broadcast", "Handler::on_pong", "PeerStats::throttle", "DiscardReason::HostFull", "Zstd"]
    {
        assert!(is_offered(item, &offered), "{item}");
    }
    for item in ["Peer::broadcast", "Host::on_pong", "HostStats::throttle", "Event::HostFull", "std"] {
        assert!(!is_offered(item, &offered), "{item}");
    }
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
    let rows = rows();
    let named = rows.iter().flat_map(|row| row.tests.iter().map(|test| (&row.id, test)));
    let missing: Vec<_> = named.filter(|(_, test)| !tests.contains(test.as_str())).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn what_is_done_is_shown_and_what_is_not_says_why() {
    for Row { id, tests, status, .. } in rows() {
        let why = |start| status.strip_prefix(start).is_some_and(|why: &str| why.len() > 8);
        let is_known = match status.as_str() {
            "done" => !tests.is_empty(),
            _ => ["partly: ", "open: ", "not ours: "].into_iter().any(why),
        };
        assert!(is_known, "{id}: {status}");
    }
}
