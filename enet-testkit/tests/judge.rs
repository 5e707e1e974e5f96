//! The judge can say no: change anything that is compared in a recording, and it is noticed.

use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use enet_testkit::vectors::check_bytes;
use serde_json::{Value, json};

/// The first `count` entries of a file of recordings.
fn entries(file: &str, count: usize) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file);
    let packed = std::fs::read(&path).expect("a file of the repository");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("gzipped text");
    let entries: Vec<Value> = serde_json::from_str(&text).expect("a list");
    entries.into_iter().take(count).collect()
}

fn verdict(entries: &[Value]) -> Result<String, String> {
    let text = serde_json::to_string(entries).expect("JSON");
    check_bytes("altered", text.as_bytes())
        .map(|report| report.to_string())
        .map_err(|mismatch| mismatch.to_string())
}

/// Every value under this key, anywhere below.
fn under<'a>(value: &'a mut Value, key: &str, found: &mut Vec<&'a mut Value>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == key {
                    found.push(field);
                } else {
                    under(field, key, found);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| under(item, key, found)),
        _ => {}
    }
}

/// Changes a value as little as its form allows.
fn alter(value: &mut Value) {
    match value {
        Value::Null => *value = json!(1),
        Value::Bool(bit) => *bit = !*bit,
        Value::Number(number) => *value = json!(number.as_i64().map_or(0, |n| n + 1)),
        Value::String(text) => {
            let last = if text.pop() == Some('0') { '1' } else { '0' };
            text.push(last);
        }
        Value::Array(items) => match items.last_mut() {
            Some(item) => alter(item),
            None => items.push(json!(1)),
        },
        Value::Object(fields) => fields.clear(),
    }
}

/// Alters one value under each key, in the middle of the recording, and expects to hear of it.
fn notices(recording: &[Value], keys: &[&str]) {
    verdict(recording).expect("an unaltered recording is fine");
    for key in keys {
        let mut altered = Value::Array(recording.to_vec());
        let mut found = Vec::new();
        under(&mut altered, key, &mut found);
        let used = found.into_iter().filter(|value| !matches!(value, Value::Null)).collect::<Vec<_>>();
        let middle = used.len() / 2;
        let value = used.into_iter().nth(middle).unwrap_or_else(|| panic!("nothing is recorded under {key}"));
        let before = value.clone();
        alter(value);
        let after = value.clone();
        let verdict = verdict(altered.as_array().expect("a list"));
        assert!(verdict.is_err(), "{key} went from {before} to {after}: {verdict:?}");
    }
}

#[test]
fn an_altered_datagram_is_noticed() {
    let range_coded = entries("datagrams.json.gz", 1952);
    let both = |entry: &Value| entry["checksum"] == true && entry["range_coder"] == true;
    let recording: Vec<Value> = range_coded.into_iter().filter(both).collect();
    notices(
        &recording,
        &[
            "hex",
            "length",
            "peerID",
            "sessionID",
            "compressed",
            "sentTime_flag",
            "sentTime",
            "header_size",
            "checksum_hex",
            "checksum_seed_hex",
            "checksum_verified",
            "compressed_length",
            "uncompressed_commands_hex",
            "offset",
            "command",
            "number",
            "flag_acknowledge",
            "flag_unsequenced",
            "channelID",
            "reliableSequenceNumber",
            "outgoingPeerID",
            "incomingSessionID",
            "outgoingSessionID",
            "mtu",
            "windowSize",
            "channelCount",
            "incomingBandwidth",
            "outgoingBandwidth",
            "packetThrottleInterval",
            "packetThrottleAcceleration",
            "packetThrottleDeceleration",
            "data",
            "size",
            "receivedReliableSequenceNumber",
            "receivedSentTime",
            "dataLength",
            "payload",
            "unreliableSequenceNumber",
            "unsequencedGroup",
            "startSequenceNumber",
            "fragmentCount",
            "fragmentNumber",
            "totalLength",
            "fragmentOffset",
        ],
    );
}

#[test]
fn an_altered_block_is_noticed() {
    notices(
        &entries("range_coder.json.gz", 60),
        &[
            "input_len",
            "input_hex",
            "output_hex",
            "output_len",
            "enet_would_send_compressed",
            "unbounded_output_hex",
        ],
    );
}

#[test]
fn altered_estimates_are_noticed() {
    notices(
        &entries("rtt_throttle.json.gz", 3),
        &[
            "roundTripTime",
            "roundTripTimeVariance",
            "lowestRoundTripTime",
            "highestRoundTripTimeVariance",
            "lastRoundTripTime",
            "lastRoundTripTimeVariance",
            "packetThrottle",
            "packetThrottleEpoch",
        ],
    );
    notices(&entries("packet_loss.json.gz", 80), &["after_one_ping_datagram", "packetLoss", "epoch_reset"]);
    notices(
        &entries("bandwidth.json.gz", 30),
        &[
            "packetThrottle",
            "packetThrottleLimit",
            "outgoingDataTotal",
            "incomingDataTotal",
            "bandwidth_limit_command",
        ],
    );
    notices(&entries("ack_time.json.gz", 48), &["round_trip_time", "receivedSentTime"]);
}

#[test]
fn an_altered_receive_session_is_noticed() {
    notices(
        &entries("delivery.json.gz", 10),
        &[
            "channel",
            "flags",
            "payload",
            "acks",
            "incomingReliable",
            "incomingUnreliable",
            "incomingUnsequencedGroup",
            "totalWaitingData",
            "initial_incoming_reliable",
            "hex",
        ],
    );
}

#[test]
fn an_altered_trace_is_noticed() {
    notices(
        &TRACES[..2],
        &[
            "o",
            "to",
            "ret",
            "event",
            "state",
            "rtt",
            "var",
            "throttle",
            "limit",
            "inTransit",
            "lost",
            "sent",
            "loss",
        ],
    );
}

/// The first traces of the file, read once: it is large.
static TRACES: LazyLock<Vec<Value>> = LazyLock::new(|| entries("traces.json.gz", 20));

/// A trace with a call that only sent, and that many datagrams; and where in it.
fn trace_sending(datagrams: usize) -> (Vec<Value>, usize) {
    let only_sent = |op: &Value| {
        let io = op["io"].as_array();
        io.is_some_and(|io| io.len() == datagrams && io.iter().all(|crossing| crossing.get("o").is_some()))
    };
    let place = |trace: &Value| trace["ops"].as_array().and_then(|ops| ops.iter().position(only_sent));
    let found = TRACES.iter().find_map(|trace| Some((vec![trace.clone()], place(trace)?)));
    found.expect("a call that sent that many datagrams")
}

fn io(recording: &mut [Value], op: usize) -> &mut Vec<Value> {
    recording[0]["ops"][op]["io"].as_array_mut().expect("a call with datagrams")
}

#[test]
fn a_datagram_too_many_or_too_few_is_noticed() {
    for datagrams in [1, 2] {
        for crossing in 0..datagrams {
            let (mut recording, op) = trace_sending(datagrams);
            io(&mut recording, op).remove(crossing);
            verdict(&recording).expect_err("a datagram the recording does not have");

            let (mut recording, op) = trace_sending(datagrams);
            let again = io(&mut recording, op)[crossing].clone();
            io(&mut recording, op).insert(crossing, again);
            verdict(&recording).expect_err("a datagram only the recording has");
        }
    }
}

#[test]
fn datagrams_in_another_order_are_noticed() {
    let (mut recording, op) = trace_sending(2);
    io(&mut recording, op).reverse();
    verdict(&recording).expect_err("an order that was not recorded");
}

#[test]
fn a_wrong_deadline_is_noticed_while_something_is_in_flight() {
    let mut recording = vec![TRACES[1].clone()];
    let ops = recording[0]["ops"].as_array_mut().expect("ops");
    let waiting = |op: &&mut Value| op["peers"][0]["inTransit"].as_u64().is_some_and(|bytes| bytes > 0);
    let op = ops.iter_mut().find(waiting).expect("a moment with data in flight");
    alter(&mut op["peers"][0]["nextTimeout"]);
    verdict(&recording).expect_err("a deadline that was not recorded");
}

#[test]
fn a_mismatch_names_its_place_and_shows_both_sides() {
    let (mut recording, op) = trace_sending(1);
    let time = recording[0]["ops"][op]["t"].clone();
    let name = recording[0]["trace"].as_str().expect("a name").to_owned();
    alter(&mut io(&mut recording, op)[0]["o"]);
    let text = verdict(&recording).expect_err("an altered recording");
    let place = [format!("op {op}"), format!("t={time}")];
    for part in ["altered", &name, &place[0], &place[1], "first difference", "expected means", "as recorded"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn a_field_or_an_op_that_nobody_knows_is_refused() {
    let (mut recording, op) = trace_sending(1);
    recording[0]["ops"][op]["surprise"] = json!(1);
    verdict(&recording).expect_err("an unknown field");
    let (mut recording, op) = trace_sending(1);
    recording[0]["ops"][op]["op"] = json!("surprise");
    verdict(&recording).expect_err("an unknown op");
}

#[test]
fn a_damaged_line_of_a_capture_is_noticed() {
    // A PING of control number 2, then the same with a command number that does not exist.
    assert!(check_bytes("lines", b"800001ff85ff0002\n").is_ok());
    assert!(check_bytes("lines", b"800001ff85ff0002\n800001ff8dff0002\n").is_err());
    assert!(check_bytes("lines", b"800001ff85ff0002\nnot hexadecimal\n").is_err());
}

#[test]
fn timelines_are_recognised_and_passed_over() {
    let text =
        br#"[{"scenario": "handshake", "timeline": [{"t": 1}]}, {"scenario": "ping", "timeline": []}]"#;
    let report = check_bytes("timelines.json", text).unwrap();
    assert_eq!((report.cases, report.skipped.map(|(count, _)| count)), (0, Some(2)));
}
