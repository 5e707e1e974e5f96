//! Containers shaped for the protocol.

pub(crate) mod arena;
pub(crate) mod bits;
pub(crate) mod buffers;
pub(crate) mod heap;
pub(crate) mod index;
pub(crate) mod lists;
pub(crate) mod slab;
pub(crate) mod tree;
pub(crate) mod wheel;
