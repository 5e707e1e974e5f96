//! `FixedBytes`: a few bytes by value, filled from the front.

use core::fmt;
use core::ops::Deref;

/// Up to `N` bytes by value: what [`Header::encode`](crate::Header::encode) and
/// [`Command::head`](crate::Command::head) return. Reads as the slice of the bytes that were written.
///
/// ```
/// use enet_wire::Header;
///
/// let bytes = Header::default().encode();
/// assert_eq!(bytes.len(), 2);
/// assert_eq!(bytes.as_ref(), [0x0F, 0xFF]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FixedBytes<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

/// An encoded datagram header: 2 or 4 bytes.
pub type HeaderBytes = FixedBytes<4>;

/// The encoded fixed part of a command, everything but its payload: 4 to 48 bytes.
pub type Head = FixedBytes<48>;

impl<const N: usize> FixedBytes<N> {
    /// The first `len` of `bytes`; those after them are zero, so that equal contents are equal values.
    #[inline]
    pub(crate) const fn new(bytes: [u8; N], len: usize) -> Self {
        Self { bytes, len }
    }
}

impl Head {
    /// `words` and `tail`. Room is the caller's promise: no layout is longer than a head.
    #[inline]
    pub(crate) fn of<const W: usize, const T: usize>(words: [[u8; 4]; W], tail: [u8; T]) -> Self {
        let mut bytes = [0; 48];
        let rest = put_fixed(&mut bytes, words, tail);
        debug_assert!(rest.is_some(), "a layout of more than 48 bytes");
        Self::new(bytes, 4 * W + T)
    }
}

/// Writes `words`, then `tail`, to the start of `room`; the bytes after them. Nothing is written where they do not fit.
#[inline]
pub(crate) fn put_fixed<const W: usize, const T: usize>(
    room: &mut [u8],
    words: [[u8; 4]; W],
    tail: [u8; T],
) -> Option<&mut [u8]> {
    // Stores of arrays: `copy_from_slice` and `as_flattened` would be calls in a build without any LTO.
    let (words_room, rest) = room.split_at_mut_checked(4 * W)?;
    let (tail_room, rest) = rest.split_first_chunk_mut()?;
    let (words_room, _) = words_room.as_chunks_mut();
    *words_room.first_chunk_mut()? = words;
    *tail_room = tail;
    Some(rest)
}

impl<const N: usize> Deref for FixedBytes<N> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl<const N: usize> AsRef<[u8]> for FixedBytes<N> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<const N: usize> fmt::Debug for FixedBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn only_the_bytes_written_are_read_and_shown() {
        let bytes = FixedBytes::new([1, 2, 3, 0], 3);
        assert_eq!(*bytes, [1, 2, 3]);
        assert_eq!(std::format!("{bytes:?}"), "[1, 2, 3]");
    }

    #[test]
    fn a_head_is_its_words_and_what_follows_them() {
        assert_eq!(*Head::of([[1, 2, 3, 4]], [5, 6]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(*Head::of([[7; 4]; 12], []), [7; 48]);
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let mut room = [0; 6];
        assert_eq!(put_fixed(&mut room, [[1; 4]; 2], []), None);
        assert_eq!(put_fixed(&mut room, [[1; 4]], [2; 3]), None);
        assert_eq!(room, [0; 6]);
        assert_eq!(put_fixed(&mut room, [[1; 4]], [2]), Some(&mut [0][..]));
        assert_eq!(room, [1, 1, 1, 1, 2, 0]);
    }
}
