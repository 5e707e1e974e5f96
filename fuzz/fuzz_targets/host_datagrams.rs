//! See `enet_fuzz::host_datagrams`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enet_fuzz::host_datagrams(data));
