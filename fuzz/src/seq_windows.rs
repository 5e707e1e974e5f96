//! stub
/// stub
pub fn seq_windows(_: &[u8]) {}
