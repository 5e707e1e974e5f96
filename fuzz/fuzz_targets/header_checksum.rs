//! See `enet_fuzz::header_checksum`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enet_fuzz::header_checksum(data));
