//! This stack against every recording in `vectors/`: one test per file, its report printed (`-- --nocapture`).

use std::path::Path;

use enet_testkit::vectors::{Report, check_bytes, check_file};

fn identical(file: &str) -> Report {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file);
    match check_file(&path) {
        Ok(report) => {
            println!("{file}: {report}");
            report
        }
        Err(mismatch) => panic!("{mismatch}"),
    }
}

#[test]
fn datagrams_decode_and_encode_as_recorded() {
    assert_eq!(identical("datagrams.json.gz").datagrams, 1952);
}

#[test]
fn the_range_coder_writes_and_reads_the_recorded_blocks() {
    assert_eq!(identical("range_coder.json.gz").cases, 183);
}

#[test]
fn round_trip_times_and_throttle_follow_the_recorded_samples() {
    assert_eq!(identical("rtt_throttle.json.gz").cases, 24);
}

#[test]
fn packet_loss_is_estimated_as_recorded() {
    assert_eq!(identical("packet_loss.json.gz").cases, 80);
}

#[test]
fn bandwidth_is_shared_as_recorded() {
    assert_eq!(identical("bandwidth.json.gz").cases, 300);
}

#[test]
fn echoed_times_are_expanded_as_recorded() {
    assert_eq!(identical("ack_time.json.gz").cases, 48);
}

#[test]
fn receive_sessions_deliver_and_acknowledge_as_recorded() {
    assert_eq!(identical("delivery.json.gz").cases, 200);
}

#[test]
fn hosts_live_as_recorded() {
    let report = identical("traces.json.gz");
    assert_eq!((report.cases, report.datagrams), (171, 12_326));
}

#[test]
fn hosts_survive_bulk_traffic_as_recorded() {
    let report = identical("traces_volume.json.gz");
    assert_eq!((report.cases, report.datagrams), (2, 1_895));
}

#[test]
fn godots_plain_datagrams_parse_to_the_last_byte() {
    let report = identical("godot3/none.hex");
    assert_eq!((report.datagrams, report.skipped), (63, None));
}

#[test]
fn godots_range_coded_datagrams_decompress() {
    let report = identical("godot3/range.hex");
    assert_eq!((report.datagrams, report.skipped), (63, None));
}

#[test]
fn godots_other_codecs_restore_its_datagrams_or_are_named_when_they_are_missing() {
    for codec in ["FastLz", "Zlib", "Zstd"] {
        let report = identical(&format!("godot3/{}.hex", codec.to_lowercase()));
        match report.skipped {
            None => assert_eq!(report.datagrams, report.cases, "{codec}"),
            Some((skipped, reason)) => {
                assert!(
                    codec == "Zstd" && !cfg!(feature = "zstd") && skipped > 0 && reason.contains(codec),
                    "{reason}"
                );
            }
        }
    }
}

#[test]
fn an_unknown_form_is_refused_with_the_known_ones() {
    for content in [&b"[{\"name\": \"x\"}]"[..], b"hello", b"", b"[]", b"{}", b"\xff\xfe"] {
        let refused = check_bytes("somewhere", content).expect_err("no known form");
        assert_eq!(refused.file, "somewhere");
    }
    let refused = check_bytes("somewhere", b"[{\"name\": \"x\"}]").expect_err("no known form");
    assert!(refused.what.contains("range coder"), "{refused}");
}
