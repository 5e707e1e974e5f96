//! See `enet_fuzz::handshake_attacker`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| enet_fuzz::handshake_attacker(data));
