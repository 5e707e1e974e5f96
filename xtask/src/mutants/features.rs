//! `mutants --features`: rows of docs/FEATURES.md whose item is broken, and whether the test that the row names notices.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::edits::{Edit, edit};
use super::{Tree, below};
use crate::Outcome;
use crate::process::root;

/// The first 20 rows of a shuffle: `done` and with a test, Python's `random.Random(14)`, in the order of the tables. Each
/// breaks what its row is about, in whichever crate that is.
pub(super) const FEATURES: &[Edit] = &[
    edit(
        "B39c a CONNECT takes a slot before the address is proven",
        "enet-proto/src/host/handshake.rs",
        "if self.table.has_ids() {\n            return self.on_stranger",
        "if false {\n            return self.on_stranger",
    ),
    edit(
        "C27 who is left by the other side hears of a timeout",
        "enet-proto/src/host/draft.rs",
        "Stage::Zombie { reason: DisconnectReason::Remote, data }",
        "Stage::Zombie { reason: DisconnectReason::TimedOut, data }",
    ),
    edit(
        "F11 a token does not come back",
        "enet-proto/src/peer/extras.rs",
        "self.notices.push_back(Notice::Acknowledged(found.token));",
        "let _ = Notice::Acknowledged(found.token);",
    ),
    edit(
        "D12 the local address has no port",
        "enet-mio/src/host.rs",
        "        self.udp.local_addr()",
        "        self.udp.local_addr().map(|at| (at.ip(), 0).into())",
    ),
    edit(
        "F8 two windows more are free",
        "enet-proto/src/profile.rs",
        "(window..window + FREE_RELIABLE_WINDOWS + 2)",
        "(window..window + FREE_RELIABLE_WINDOWS)",
    ),
    edit(
        "D63 the remote's downstream does not limit the throttle",
        "enet-proto/src/host/bandwidth.rs",
        "if peer.incoming_bandwidth == 0 || wanted <= allowed {",
        "if peer.incoming_bandwidth == 0 || wanted <= allowed || true {",
    ),
    edit(
        "D22 zlib streams have no header",
        "enet-compress/src/godot/zlib.rs",
        "const WINDOW_BITS: i32 = 15;",
        "const WINDOW_BITS: i32 = -15;",
    ),
    edit(
        "B39j a zombie goes on listening",
        "enet-proto/src/peer/mod.rs",
        "matches!(self.stage, Stage::Zombie { .. } | Stage::Over { .. })",
        "matches!(self.stage, Stage::Over { .. })",
    ),
    edit(
        "D15 totals that are taken do not start anew",
        "enet-proto/src/host/calls.rs",
        "before.map_or(now, |before| now.since(&before))",
        "before.map_or(now, |_| now)",
    ),
    edit(
        "D26 an error of one destination is the socket's",
        "enet-mio/src/udp/send.rs",
        "Err(_) => self.stats.send_errors += 1,",
        "Err(error) => self.failure = Some(error.kind().into()),",
    ),
    edit(
        "A12 one number is taken for both limits",
        "enet-proto/src/host/calls.rs",
        "self.shared.outgoing_bandwidth = outgoing.map_or(0, NonZeroU32::get);",
        "self.shared.outgoing_bandwidth = outgoing.and(incoming).map_or(0, NonZeroU32::get);",
    ),
    edit(
        "B43 the remote is not told of the host's default throttle",
        "enet-proto/src/peer/extras.rs",
        "            self.adopt_throttle(settings);\n            self.queue_control(Body::ThrottleConfigure(settings), shared);",
        "            let _ = shared;\n            self.adopt_throttle(settings);",
    ),
    edit(
        "D51 the throttle is set at the remote alone",
        "enet-proto/src/host/view.rs",
        "            connection.adopt_throttle(settings);\n",
        "",
    ),
    edit(
        "C16b a CONNECT is not answered",
        "enet-proto/src/peer/establish.rs",
        "        new.queue_control(body, shared);\n        new\n    }\n\n    /// A connection whose client",
        "        let _ = body;\n        new\n    }\n\n    /// A connection whose client",
    ),
    edit(
        "D67 deceleration shows the acceleration",
        "enet-proto/src/peer/report.rs",
        "throttle_deceleration: self.throttle.deceleration,",
        "throttle_deceleration: self.throttle.acceleration,",
    ),
    edit(
        "A17 whoever has a slot counts as connected",
        "enet-proto/src/host/calls.rs",
        "        self.table.active_count()\n",
        "        self.peers().count()\n",
    ),
    edit(
        "D53 a peer has all channels whatever was agreed",
        "enet-proto/src/host/view.rs",
        "pub const fn channels(&self) -> u8 {\n        self.connection.channel_count",
        "pub const fn channels(&self) -> u8 {\n        255",
    ),
    edit(
        "D35 what the range coder restores lacks its last byte",
        "enet-compress/src/range_coder/mod.rs",
        "Ok(len) => len.filter(|&len| len > 0),",
        "Ok(len) => len.map(|len| len - 1),",
    ),
    edit(
        "B12 every call says something",
        "enet-proto/src/host/service.rs",
        "        self.advance(now);\n        self.tick_if_due();",
        "        self.advance(now);\n        socket.send(&crate::Transmit { to: ([127, 0, 0, 1], 9).into(), from: None, len: 0, segment: None }, &[]);\n        self.tick_if_due();",
    ),
    edit(
        "E17 an empty packet cannot be sent",
        "enet-proto/src/peer/queue.rs",
        ".filter(|length| *length <= max) else {",
        ".filter(|length| (1..=max).contains(length)) else {",
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
