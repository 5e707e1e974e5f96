//! See `enet_fuzz::wire_roundtrip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enet_fuzz::wire_roundtrip(data));
