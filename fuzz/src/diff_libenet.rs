//! stub
/// stub
pub fn diff_libenet(_: &[u8]) {}
