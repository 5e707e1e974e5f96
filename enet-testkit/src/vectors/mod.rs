//! The judge: compares this stack with recordings of the C library, file by file.
//!
//! ```no_run
//! let report = enet_testkit::vectors::check_file("traces.json.gz").unwrap();
//! println!("{report}"); // traces: 171 cases, 12326 datagrams identical, ...
//! ```
//!
//! A file is recognised by its content, so files of the same forms from anywhere can be judged. What each form holds is
//! written in PROTOCOL.md §21.

mod datagrams;
mod delivery;
mod estimators;
mod godot;
mod range_coder;
mod trace;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;

use serde::de::{Deserialize, IgnoredAny};

use crate::hex;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `datagrams.json`
    Datagrams,
    /// `range_coder.json`
    RangeCoder,
    /// `rtt_throttle.json`
    RttThrottle,
    /// `packet_loss.json`
    PacketLoss,
    /// `bandwidth.json`
    Bandwidth,
    /// `ack_time.json`
    AckTime,
    /// `delivery.json`
    Delivery,
    /// `traces.json`
    Traces,
    /// `timelines.json`: datagrams in the order they passed, for people. What the applications did is not recorded, so
    /// nothing can be replayed.
    Timelines,
    /// Lines of hexadecimal digits, a datagram each.
    HexLines,
}

impl Form {
    /// Every form, its name, and the keys by which the first entry of a JSON array shows it.
    const KNOWN: [(Form, &'static str, &'static [&'static str]); 10] = [
        (Form::Datagrams, "datagrams", &["hex", "decoded"]),
        (Form::RangeCoder, "range coder", &["input_hex", "output_hex"]),
        (Form::RttThrottle, "rtt and throttle", &["packetThrottleInterval", "steps"]),
        (Form::PacketLoss, "packet loss", &["packetsSent", "packetsLost"]),
        (Form::Bandwidth, "bandwidth", &["elapsed_ms", "peers", "after"]),
        (Form::AckTime, "acknowledgement time", &["service_time", "receivedSentTime"]),
        (Form::Delivery, "delivery", &["session", "steps"]),
        (Form::Traces, "traces", &["trace", "ops"]),
        (Form::Timelines, "timelines", &["scenario", "timeline"]),
        (Form::HexLines, "hexadecimal lines", &[]),
    ];

    fn name(self) -> &'static str {
        Form::KNOWN.iter().find(|known| known.0 == self).map_or("", |known| known.1)
    }

    fn of(text: &str) -> Option<Form> {
        let text = text.trim_start();
        let Some(entries) = text.strip_prefix('[') else {
            let first = text.lines().next().unwrap_or("").trim();
            return (!first.is_empty() && hex::decode(first).is_some()).then_some(Form::HexLines);
        };
        // Only the first entry is read here: files are large.
        let mut first = serde_json::Deserializer::from_str(entries);
        let entry = std::collections::HashMap::<Cow<'_, str>, IgnoredAny>::deserialize(&mut first).ok()?;
        let keys: HashSet<&str> = entry.keys().map(Cow::as_ref).collect();
        let json = Form::KNOWN.iter().filter(|known| known.0 != Form::HexLines);
        json.into_iter().find(|known| known.2.iter().all(|key| keys.contains(key))).map(|known| known.0)
    }
}

/// What was found identical.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the file holds.
    pub form: Form,
    /// Entries of the file: traces, sessions, cases.
    pub cases: usize,
    /// Datagrams compared byte for byte.
    pub datagrams: usize,
    /// Other things compared: events, counters, fields.
    pub values: usize,
    /// Datagrams or entries that could not be judged, and why.
    pub skipped: Option<(usize, String)>,
}

impl Report {
    fn new(form: Form) -> Self {
        Report { form, cases: 0, datagrams: 0, values: 0, skipped: None }
    }

    fn add(&mut self, other: &Report) {
        self.cases += other.cases;
        self.datagrams += other.datagrams;
        self.values += other.values;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { form, cases, datagrams, values, skipped } = self;
        write!(f, "{}: {cases} cases, {datagrams} datagrams identical, {values} values equal", form.name())?;
        match skipped {
            Some((count, reason)) => write!(f, ", {count} skipped: {reason}"),
            None => Ok(()),
        }
    }
}

/// The first difference between a recording and this stack, with everything needed to understand it; or why a file
/// could not be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The file.
    pub file: String,
    /// The entry of the file, and the place in it; empty if it concerns the whole file.
    pub case: String,
    /// What differs: a sentence, then expected and actual.
    pub what: String,
}

impl Mismatch {
    fn new(case: impl Into<String>, what: impl Into<String>) -> Self {
        Mismatch { file: String::new(), case: case.into(), what: what.into() }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.case.is_empty() {
            true => write!(f, "{}: {}", self.file, self.what),
            false => write!(f, "{}: {}: {}", self.file, self.case, self.what),
        }
    }
}

impl std::error::Error for Mismatch {}

/// What comes of judging something.
pub type Verdict = Result<Report, Mismatch>;

/// Judges one file.
///
/// # Errors
/// The first difference; or that the file cannot be read, or holds none of the known forms.
pub fn check_file(path: impl AsRef<Path>) -> Verdict {
    let name = path.as_ref().display().to_string();
    let bytes = read(path.as_ref()).map_err(in_file(&name))?;
    check_bytes(&name, &bytes)
}

/// Judges the content of a file; `name` is only for the messages.
///
/// # Errors
/// As [`check_file`].
pub fn check_bytes(name: &str, bytes: &[u8]) -> Verdict {
    open(bytes)
        .and_then(|(form, text)| match form {
            Form::Datagrams => datagrams::check(&text),
            Form::RangeCoder => range_coder::check(&text),
            Form::RttThrottle => estimators::check_rtt_throttle(&text),
            Form::PacketLoss => estimators::check_packet_loss(&text),
            Form::Bandwidth => estimators::check_bandwidth(&text),
            Form::AckTime => estimators::check_ack_time(&text),
            Form::Delivery => delivery::check(&text),
            Form::Traces => trace::check(&text),
            Form::Timelines => pass_over_timelines(&text),
            Form::HexLines => godot::check(&text),
        })
        .map_err(in_file(name))
}

fn pass_over_timelines(text: &str) -> Verdict {
    let entries: Vec<IgnoredAny> =
        serde_json::from_str(text).map_err(|error| Mismatch::new("", error.to_string()))?;
    let reason = "timelines are for reading, calls are not recorded in them".to_owned();
    Ok(Report { skipped: Some((entries.len(), reason)), ..Report::new(Form::Timelines) })
}

/// A verdict for each trace of a file of traces, where [`check_file`] stops at the first that fails.
///
/// # Errors
/// That the file cannot be read, or holds no traces.
pub fn survey(path: impl AsRef<Path>) -> Result<Vec<(String, Verdict)>, Mismatch> {
    let name = path.as_ref().display().to_string();
    let verdicts =
        read_traces(path.as_ref()).and_then(|text| trace::survey(&text)).map_err(in_file(&name))?;
    Ok(verdicts.into_iter().map(|(trace, verdict)| (trace, verdict.map_err(in_file(&name)))).collect())
}

/// Replays one trace of a file and tells every step to `to`.
///
/// # Errors
/// As [`check_file`]; or that there is no such trace.
pub fn narrate(path: impl AsRef<Path>, trace: &str, to: &mut dyn Write) -> Verdict {
    let name = path.as_ref().display().to_string();
    read_traces(path.as_ref()).and_then(|text| trace::narrate(&text, trace, to)).map_err(in_file(&name))
}

fn read_traces(path: &Path) -> Result<String, Mismatch> {
    match open(&read(path)?)? {
        (Form::Traces, text) => Ok(text),
        (form, _) => Err(Mismatch::new("", format!("holds no traces but {}", form.name()))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Mismatch> {
    std::fs::read(path).map_err(|error| Mismatch::new("", format!("cannot be read: {error}")))
}

fn in_file(name: &str) -> impl Fn(Mismatch) -> Mismatch {
    move |mismatch| Mismatch { file: name.to_owned(), ..mismatch }
}

/// The text of a file, gzipped or not, and its form.
fn open(bytes: &[u8]) -> Result<(Form, String), Mismatch> {
    let unreadable = |error: &dyn fmt::Display| Mismatch::new("", format!("cannot be read: {error}"));
    let mut plain = Vec::new();
    let bytes = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => {
            flate2::read::MultiGzDecoder::new(bytes)
                .read_to_end(&mut plain)
                .map_err(|error| unreadable(&error))?;
            plain
        }
        false => bytes.to_vec(),
    };
    let text = String::from_utf8(bytes).map_err(|error| unreadable(&error))?;
    let form = Form::of(&text).ok_or_else(|| {
        let known = Form::KNOWN.map(|(_, name, keys)| format!("{name} {keys:?}")).join(", ");
        Mismatch::new("", format!("holds no form of vectors known here. Known are: {known}"))
    })?;
    Ok((form, text))
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<Vec<T>, Mismatch> {
    serde_json::from_str(text)
        .map_err(|error| Mismatch::new("", format!("not of the form it seems to be: {error}")))
}

/// The bytes a hexadecimal field spells.
fn bytes_of(text: &str) -> Result<Vec<u8>, String> {
    hex::decode(text).ok_or_else(|| format!("the recording has a field that is not hexadecimal: {text:?}"))
}

fn same<T: PartialEq + fmt::Debug>(what: &str, expected: &T, actual: &T) -> Result<(), String> {
    match expected == actual {
        true => Ok(()),
        false => Err(format!("{what} differs\n  expected {expected:?}\n  actual   {actual:?}")),
    }
}

fn same_bytes(what: &str, expected: &[u8], actual: &[u8]) -> Result<(), String> {
    match expected == actual {
        true => Ok(()),
        false => Err(format!("{what} differs\n{}", show_difference(expected, actual))),
    }
}

/// Both byte strings around their first difference, and its offset.
fn show_difference(expected: &[u8], actual: &[u8]) -> String {
    const BEFORE: usize = 48;
    const SHOWN: usize = 128;
    let offset = expected.iter().zip(actual).take_while(|(a, b)| a == b).count();
    let start = if expected.len().max(actual.len()) <= SHOWN { 0 } else { offset.saturating_sub(BEFORE) };
    let show = |bytes: &[u8]| {
        let from = bytes.get(start..).unwrap_or_default();
        let (shown, rest) = from.split_at_checked(SHOWN).unwrap_or((from, &[]));
        let (front, back) = (if start > 0 { ".." } else { "" }, if rest.is_empty() { "" } else { ".." });
        format!("{front}{}{back} ({} bytes)", hex::encode(shown), bytes.len())
    };
    format!(
        "  expected {}\n  actual   {}\n           first difference at byte {offset}{}",
        show(expected),
        show(actual),
        if start > 0 { format!(" (shown from byte {start})") } else { String::new() },
    )
}
