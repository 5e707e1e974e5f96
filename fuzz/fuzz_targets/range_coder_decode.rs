//! See `enet_fuzz::range_coder_decode`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enet_fuzz::range_coder_decode(data));
