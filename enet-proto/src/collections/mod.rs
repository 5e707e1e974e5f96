//! Containers shaped for the protocol.

pub(crate) mod arena;
pub(crate) mod bits;
pub(crate) mod ring;
pub(crate) mod slab;
