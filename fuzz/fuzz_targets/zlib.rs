//! See `enet_fuzz::zlib`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enet_fuzz::zlib(data));
