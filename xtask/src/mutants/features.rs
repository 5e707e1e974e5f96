//! `mutants --features`: rows of docs/FEATURES.md whose item is broken, and whether the test that the row names notices.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::edits::{Edit, edit};
use super::{Tree, below};
use crate::Outcome;
use crate::process::root;

/// The first 20 rows of a shuffle: `done` and with a test, Python's `random.Random(7)`, in the order of the tables. Each
/// breaks what its row is about, in whichever crate that is.
pub(super) const FEATURES: &[Edit] = &[
    edit(
        "A27 the remote is not told of the throttle",
        "enet-proto/src/host/view.rs",
        "connection.queue_control(Body::ThrottleConfigure(settings), shared);",
        "let _ = (Body::ThrottleConfigure(settings), shared);",
    ),
    edit(
        "C7 disconnect_later does not wait for what is queued",
        "enet-proto/src/peer/mod.rs",
        "if self.is_active() && !self.is_drained()",
        "if false",
    ),
    edit(
        "D22 zlib streams have no header",
        "enet-compress/src/godot/zlib.rs",
        "const WINDOW_BITS: i32 = 15;",
        "const WINDOW_BITS: i32 = -15;",
    ),
    edit(
        "D35 what the range coder restores lacks its last byte",
        "enet-compress/src/range_coder/mod.rs",
        "Ok(len) => len.filter(|&len| len > 0),",
        "Ok(len) => len.map(|len| len - 1),",
    ),
    edit(
        "E6 an interface is not looked up by its name",
        "enet-mio/src/address.rs",
        "if cfg!(target_os = \"linux\") && is_a_name {",
        "if cfg!(target_os = \"linux\") && is_a_name && false {",
    ),
    edit(
        "D4 FastLZ cannot be decompressed",
        "enet-compress/src/godot/fast_lz.rs",
        "let Some(next) = rest.split_off_first() else { return Some(text.len) };",
        "let Some(next) = rest.split_off_first() else { return None };",
    ),
    edit(
        "F14 another socket is served than the one that was given",
        "enet-mio/src/host.rs",
        "Host::from_udp(Udp::new(socket, true)?, config)\n    }\n\n    fn",
        "drop(socket);\n        Host::bind(\"127.0.0.1:*\", config)\n    }\n\n    fn",
    ),
    edit(
        "E12 who says nothing asks for all channels",
        "enet-proto/src/config.rs",
        "ChannelLimit(u8): \"the channel limit\", 1, 255, 1\n",
        "ChannelLimit(u8): \"the channel limit\", 1, 255, 255\n",
    ),
    edit(
        "B6 a number out of bounds becomes the largest",
        "enet-proto/src/config.rs",
        ".and_then(Self::new).ok_or(error)",
        ".and_then(Self::new).or(Some(Self::MAX)).ok_or(error)",
    ),
    edit(
        "D63 the remote's downstream does not limit the throttle",
        "enet-proto/src/host/bandwidth.rs",
        "if peer.incoming_bandwidth == 0 || wanted <= allowed {",
        "if peer.incoming_bandwidth == 0 || wanted <= allowed || true {",
    ),
    edit(
        "B26 a client has IPv6 alone",
        "enet-mio/src/options.rs",
        "both_or_v4(port, |address| self.bind_one(address, false))",
        "both_or_v4(port, |address| self.bind_one(address, true))",
    ),
    edit(
        "D1 limits that change later are announced to nobody",
        "enet-proto/src/host/calls.rs",
        "        self.recalculate_bandwidth = true;\n    }\n\n    /// The checksum",
        "    }\n\n    /// The checksum",
    ),
    edit(
        "A39 who is refused after a login is not told",
        "enet-proto/src/host/handshake.rs",
        "        self.lobby.refuse(Refusal::of(&candidate, data));\n        true",
        "        let _ = (candidate, data);\n        true",
    ),
    edit(
        "C6 a broadcast leaves out the first",
        "enet-proto/src/host/calls.rs",
        "let mut from = 0;\n        while let Some(slot) = self.table.next_active(from)",
        "let mut from = 1;\n        while let Some(slot) = self.table.next_active(from)",
    ),
    edit(
        "C19b a disconnect is not acknowledged",
        "enet-proto/src/peer/dispatch.rs",
        "Stage::AcknowledgingDisconnect { .. } => of_disconnect,",
        "Stage::AcknowledgingDisconnect { .. } => false,",
    ),
    edit(
        "E9 a host is limited by default",
        "enet-proto/src/config.rs",
        "            incoming_bandwidth: None,",
        "            incoming_bandwidth: core::num::NonZeroU32::new(57_600),",
    ),
    edit(
        "C3 a host listens on IPv4 whatever it was told",
        "enet-mio/src/options.rs",
        "result = self.bind_one(address, true)",
        "result = self.bind_one((std::net::Ipv4Addr::UNSPECIFIED, address.port()).into(), true)",
    ),
    edit(
        "D33 received bytes are not counted",
        "enet-proto/src/host/receive.rs",
        "self.shared.stats.bytes_received += datagram.bytes.len() as u64;",
        "",
    ),
    edit(
        "C14 the lobby sends everybody to the first server",
        "enet-mio/examples/redirect.rs",
        "let mut servers = to.iter().cycle();",
        "let mut servers = to.iter().take(1).cycle();",
    ),
    edit(
        "F1 the checksum is not seeded with the connect id",
        "enet-proto/src/host/transmit.rs",
        "if peer.is_unknown() { [0; CHECKSUM_LEN] } else { connect_id.0 }",
        "if peer.is_unknown() { connect_id.0 } else { [0; CHECKSUM_LEN] }",
    ),
];

/// The first build is of everything.
const BUILD: Duration = Duration::from_secs(1_800);

/// Some tests build examples.
const RUN: Duration = Duration::from_secs(600);

/// A test that a row names.
struct Named {
    name: String,
    package: String,
    /// `--lib`, or `--test NAME`.
    target: Vec<String>,
}

impl Named {
    /// The test that docs/FEATURES.md names for the row that the edit breaks.
    fn of(edit: &Edit) -> Result<Named, Box<dyn std::error::Error>> {
        let id = edit.rule.split(' ').next().unwrap_or_default();
        let page = fs::read_to_string(root().join("docs/FEATURES.md"))?;
        let row = page.lines().find(|line| line.starts_with(&format!("| {id} |")));
        let cell = row.and_then(|row| row.rsplit(" | ").nth(1)).unwrap_or_default();
        let name = cell.split('`').nth(1).ok_or_else(|| format!("row {id} names no test"))?;
        let file = file_with(name).ok_or_else(|| format!("no file has the test {name}"))?;
        let mut parts = file.split('/');
        let package = parts.next().unwrap_or_default().to_owned();
        let target = match (parts.next(), parts.next()) {
            (Some("tests"), Some(test)) => vec!["--test".to_owned(), test.trim_end_matches(".rs").to_owned()],
            _ => vec!["--lib".to_owned()],
        };
        Ok(Named { name: name.to_owned(), package, target })
    }

    fn arguments(&self) -> Vec<&str> {
        let mut arguments = vec!["test", "--quiet", "--package", &self.package, "--all-features"];
        arguments.extend(self.target.iter().map(String::as_str));
        arguments
    }

    /// Whether it fails; an error if it cannot be built.
    fn notices(&self, tree: &Tree) -> Result<bool, Box<dyn std::error::Error>> {
        let built = tree.cargo_within(BUILD, &[&self.arguments()[..], &["--no-run"]].concat())?;
        if !built.passed {
            return Err(format!("{} does not compile in time: {}", self.package, built.output).into());
        }
        let run = tree.cargo_within(RUN, &[&self.arguments()[..], &[self.name.as_str()]].concat())?;
        match () {
            () if run.output.contains(" 1 failed;") => Ok(true),
            () if run.output.contains(" 1 passed;") => Ok(false),
            () => Err(format!("{} was not run, or does not end: {}", self.name, run.output).into()),
        }
    }
}

/// The source, from the workspace's root, in which a test stands.
fn file_with(test: &str) -> Option<String> {
    let wanted = format!("fn {test}(");
    let folders =
        ["enet-proto", "enet-mio", "enet-compress", "enet-testkit", "enet-reference", "xtask/tests"];
    let mut files = folders.iter().flat_map(|folder| below(&root().join(folder)));
    let found = files.find(|file| fs::read_to_string(file).is_ok_and(|text| text.contains(&wanted)))?;
    Some(found.strip_prefix(root()).ok()?.to_str()?.to_owned())
}

/// Breaks one row after another; whether each test turned red.
pub(super) fn run(edits: &[&Edit], tree: &Tree) -> Outcome {
    println!("checking the unchanged tree ...");
    let named = edits.iter().map(|edit| Named::of(edit)).collect::<Result<Vec<_>, _>>()?;
    for named in &named {
        if named.notices(tree)? {
            return Err(format!("{} fails already", named.name).into());
        }
    }
    let mut survivors = 0;
    println!("{:60} {:>5}  red test", "row, and what is broken", "s");
    for (edit, named) in edits.iter().zip(&named) {
        let started = Instant::now();
        let noticed = tree.with(edit, |tree| named.notices(tree))?;
        survivors += usize::from(!noticed);
        let by = if noticed { &named.name } else { "NONE: it stays green" };
        println!("{:60} {:>5}  {by}", edit.rule, started.elapsed().as_secs());
    }
    println!("{} rows, {} red, {survivors} not", edits.len(), edits.len() - survivors);
    Ok(survivors == 0)
}

/// Whether every edit applies, and every row names a test.
pub(super) fn check(edit: &Edit, root: &Path) -> Result<(), Box<dyn std::error::Error>> {
    super::apply(edit, root)?;
    Named::of(edit).map(|_| ())
}
