//! See `enet_fuzz::diff_libenet`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enet_fuzz::diff_libenet(data));
