//! See `enet_fuzz::pair_script`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enet_fuzz::pair_script(data));
