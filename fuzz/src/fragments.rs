//! stub
/// stub
pub fn fragments(_: &[u8]) {}
