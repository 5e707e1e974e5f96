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

/// How many steps a test takes. Miri, which is a thousand times slower, takes the first of them.
#[cfg(test)]
pub(crate) const fn steps(natively: usize) -> usize {
    if cfg!(miri) && natively > 80 { 80 } else { natively }
}
