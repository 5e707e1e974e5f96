//! See `enet_fuzz::host_structured`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enet_fuzz::host_structured(data));
