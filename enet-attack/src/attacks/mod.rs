//! The attacks, by what they are after.

pub(crate) mod disconnect;
pub(crate) mod flood;
pub(crate) mod handshake;
pub(crate) mod malformed;
pub(crate) mod memory;
pub(crate) mod order;
pub(crate) mod reflect;
