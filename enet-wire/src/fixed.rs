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
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// Appends a field. Room is the caller's promise: `N` is the size of the largest layout built in it.
    pub(crate) fn put<const M: usize>(&mut self, field: [u8; M]) {
        let room = self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut);
        debug_assert!(room.is_some(), "a layout of more than {N} bytes");
        if let Some(room) = room {
            *room = field;
            self.len += M;
        }
    }

    pub(crate) fn put_u16(&mut self, field: u16) {
        self.put(field.to_be_bytes());
    }

    pub(crate) fn put_u32(&mut self, field: u32) {
        self.put(field.to_be_bytes());
    }
}

impl<const N: usize> Deref for FixedBytes<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl<const N: usize> AsRef<[u8]> for FixedBytes<N> {
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
        let mut bytes = FixedBytes::<8>::new();
        assert_eq!(bytes.as_ref(), []);
        bytes.put([1]);
        bytes.put_u16(0x0203);
        assert_eq!(*bytes, [1, 2, 3]);
        assert_eq!(std::format!("{bytes:?}"), "[1, 2, 3]");
    }

    #[test]
    fn all_of_the_room_can_be_used() {
        let mut bytes = FixedBytes::<4>::new();
        bytes.put_u32(0x0102_0304);
        assert_eq!(*bytes, [1, 2, 3, 4]);
    }
}
