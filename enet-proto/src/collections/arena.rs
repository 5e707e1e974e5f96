//! [`Arena`]: chunks of memory that received payloads are copied into and shared from.

use bytes::{Bytes, BytesMut};

const CHUNK: usize = 64 * 1024;

/// Hands out slices of a chunk; a chunk whose slices are all gone is used again from its start, one that is full before is
/// replaced.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    chunk: BytesMut,
}

impl Arena {
    /// A shared copy of `slice`.
    #[inline(never)]
    pub(crate) fn copy(&mut self, slice: &[u8]) -> Bytes {
        // Starting over as soon as nobody holds anything keeps to the same few cache lines.
        if !self.chunk.try_reclaim(CHUNK) && self.chunk.capacity() < slice.len() {
            self.chunk.reserve(slice.len().max(CHUNK));
        }
        self.chunk.extend_from_slice(slice);
        self.chunk.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn copies_stay_intact_while_chunks_come_and_go() {
        let mut arena = Arena::default();
        let copies: Vec<Bytes> = (0..200u8).map(|i| arena.copy(&[i; 1000])).collect();
        assert!(copies.iter().zip(0u8..).all(|(copy, i)| copy[..] == [i; 1000]));
    }

    #[test]
    fn a_chunk_is_used_again_once_its_copies_are_gone() {
        let mut arena = Arena::default();
        let first = arena.copy(&[1; 1000]);
        let start = first.as_ptr();
        assert_ne!(arena.copy(&[2; 1000]).as_ptr(), start);
        drop(first);
        assert_eq!(arena.copy(&[3; 1000]).as_ptr(), start);
    }
}
