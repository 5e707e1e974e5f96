//! stub
/// stub
pub fn handshake_attacker(_: &[u8]) {}
