//! stub
/// stub
pub fn pair_script(_: &[u8]) {}
