//! See `enet_fuzz::seq_windows`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enet_fuzz::seq_windows(data));
