//! That the table of error texts, in enet-mio, has a row for every error that the libraries can give.

mod sources;

use std::fs;

use sources::{below, root};

const TABLE: &str = "enet-mio/src/error/tests.rs";

/// Every error: `Type::Variant` of an enum, else `Type`, and the bounded numbers of the configuration.
fn errors(lines: &[String]) -> Vec<String> {
    let mut errors = Vec::new();
    let mut within = None;
    for line in lines {
        let first = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        if let Some(name) = declared(line, "enum ") {
            within = is_error(name).then_some(name);
        } else if let Some(name) = declared(line, "struct ").filter(|name| is_error(name)) {
            errors.push(name.to_owned());
        } else if line == "}" {
            within = None;
        } else if let Some(name) = within
            // A variant ends its line, or begins a list of fields.
            && first.starts_with(|c: char| c.is_ascii_uppercase())
            && line[first.len()..].starts_with([',', '(', ' '])
        {
            errors.push(format!("{name}::{first}"));
        }
    }
    let bounded = lines.iter().filter(|line| line.contains("): \"the "));
    errors.extend(bounded.filter_map(|line| Some(format!("{}::try_from", line.split_once('(')?.0))));
    errors.sort();
    errors.dedup();
    errors
}

/// What a line declares with `keyword`.
fn declared<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let line = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
    line.strip_prefix(keyword)?.split(|c: char| !c.is_alphanumeric()).next()
}

/// What implements `Error`, or is part of the text of one that does.
fn is_error(name: &str) -> bool {
    name.contains("Error") || ["Mistake", "Flaw", "Hint"].contains(&name)
}

/// Of the four libraries that a program is made of. enet-reference's, enet-sim's and the other tools' are read by whoever tests
/// or measures, and enet-mio, where the table is, knows nothing of them.
#[test]
fn every_error_has_a_row_in_the_table_of_their_texts() {
    let table = fs::read_to_string(root().join(TABLE)).expect("the table");
    let files = below(&["enet-wire/src", "enet-compress/src", "enet-proto/src", "enet-mio/src"]);
    let errors: Vec<String> = files.iter().flat_map(|lines| errors(lines)).collect();
    assert!(errors.len() > 40, "{errors:#?}");
    let is_there = |error: &str| {
        let ends = table.match_indices(error).map(|(at, _)| &table[at + error.len()..]);
        ends.into_iter().any(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    let missing: Vec<_> = errors.iter().filter(|error| !is_there(error)).collect();
    assert!(missing.is_empty(), "no row in {TABLE}: {missing:#?}");
}

/// Other `io::Error`s are the system's, or a test's.
#[test]
fn every_io_error_of_our_own_is_made_where_its_text_stands() {
    for lines in below(&["enet-mio/src"]) {
        let of_the_library = lines.iter().take_while(|line| *line != "#[cfg(test)]");
        let elsewhere = of_the_library
            .filter(|line| ["io::Error::new(", "io::Error::other("].iter().any(|made| line.contains(made)));
        let elsewhere: Vec<_> =
            elsewhere.filter(|line| *line != "io::Error::new(mistake.kind(), mistake.to_string())").collect();
        let is_the_table = lines.iter().any(|line| line.contains("every_error_names_the_value"));
        assert!(elsewhere.is_empty() || is_the_table, "{elsewhere:?}");
    }
}

#[test]
fn a_variant_a_structure_and_a_bounded_number_are_found() {
    let text = "pub enum SendErrorReason {\n/// X\nGone,\nTooLarge {\n/// Bytes.\nmax: u32,\n},\nOther(u8),\n}\nenum Colour {\nRed,\n}\n\
        pub struct SendError {\npub reason: SendErrorReason,\n}\nbounded! {\nMtu(u16): \"the MTU\", 576, 4096, 1392\n}";
    let expected = [
        "Mtu::try_from",
        "SendError",
        "SendErrorReason::Gone",
        "SendErrorReason::Other",
        "SendErrorReason::TooLarge",
    ];
    assert_eq!(errors(&sources::lines(text)), expected);
}
