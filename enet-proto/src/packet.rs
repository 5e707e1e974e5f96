//! [`Packet`]: a payload and how it is to be delivered. Small payloads live inline, large ones are shared.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU64;
use core::ops::Deref;

use bytes::Bytes;

/// What the protocol promises for a packet (PROTOCOL.md §12.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Acknowledged, retransmitted, in order within its channel.
    Reliable,
    /// May be lost, never late or twice: a packet older than one already delivered on its channel is dropped. A packet
    /// too large for one datagram travels as reliable fragments.
    Unreliable,
    /// As `Unreliable`, but a packet too large for one datagram is lost when one of its fragments is.
    UnreliableFragments,
    /// May be lost, may arrive in any order, never twice. A packet too large for one datagram travels as reliable
    /// fragments.
    Unsequenced,
    /// As `Unsequenced` if it fits into one datagram, else as `UnreliableFragments` (C's flags 2 | 8).
    UnsequencedOrFragments,
}

/// A message of the application. A received one may share a chunk of up to 64 KiB with its neighbours: copy what is to
/// be kept for long.
///
/// ```
/// use enet_proto::{Delivery, Packet};
/// let packet = Packet::reliable("hello");
/// assert_eq!(&packet[..], b"hello");
/// assert_eq!(packet.delivery(), Delivery::Reliable);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    payload: Payload,
    delivery: Delivery,
}

impl Packet {
    /// A packet of this delivery.
    #[inline]
    pub fn new(delivery: Delivery, payload: impl Into<Payload>) -> Self {
        Packet { payload: payload.into(), delivery }
    }

    /// [`Delivery::Reliable`].
    #[inline]
    pub fn reliable(payload: impl Into<Payload>) -> Self {
        Packet::new(Delivery::Reliable, payload)
    }

    /// [`Delivery::Unreliable`].
    #[inline]
    pub fn unreliable(payload: impl Into<Payload>) -> Self {
        Packet::new(Delivery::Unreliable, payload)
    }

    /// [`Delivery::UnreliableFragments`].
    pub fn unreliable_fragments(payload: impl Into<Payload>) -> Self {
        Packet::new(Delivery::UnreliableFragments, payload)
    }

    /// [`Delivery::Unsequenced`].
    #[inline]
    pub fn unsequenced(payload: impl Into<Payload>) -> Self {
        Packet::new(Delivery::Unsequenced, payload)
    }

    /// A packet around bytes that live for the whole program: never copied.
    pub fn from_static(delivery: Delivery, payload: &'static [u8]) -> Self {
        Packet::new(delivery, Bytes::from_static(payload))
    }

    /// Its contents, to be shared.
    #[inline]
    pub(crate) const fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Its contents.
    #[inline]
    pub(crate) fn into_payload(self) -> Payload {
        self.payload
    }

    /// How it is, or was, delivered.
    #[inline]
    pub const fn delivery(&self) -> Delivery {
        self.delivery
    }
}

impl Deref for Packet {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.payload.as_slice()
    }
}

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({:?}, {} bytes)", self.delivery, self.len())
    }
}

/// The contents of a packet, made from slices (copied), vectors, strings or [`Bytes`] (taken over).
#[derive(Clone)]
pub struct Payload(Repr);

const INLINE: usize = 64;

/// Up to 64 bytes. Blocks of 16 and a word: a payload is written and then moved along the same borders, for a
/// processor that reads across what it has just written waits for it.
#[derive(Clone)]
#[repr(C)]
struct Inline {
    bytes: [u8; INLINE],
    /// One more than there are, which leaves zero to tell the other representation by.
    len: NonZeroU64,
}

impl Inline {
    const EMPTY: Inline = Inline { bytes: [0; INLINE], len: NonZeroU64::MIN };

    /// Takes over a slice of at most `INLINE` bytes: as two blocks of one size that may overlap, for which no call is
    /// needed.
    #[inline(always)]
    fn fill(&mut self, slice: &[u8]) {
        fn blocks<const N: usize>(from: &[u8], to: &mut [u8]) -> Option<()> {
            *to.last_chunk_mut()? = *from.last_chunk::<N>()?;
            *to.first_chunk_mut()? = *from.first_chunk::<N>()?;
            Some(())
        }
        let Some(to) = self.bytes.get_mut(..slice.len()) else { return };
        let _ = match slice.len() {
            32.. => blocks::<32>(slice, to),
            16.. => blocks::<16>(slice, to),
            8.. => blocks::<8>(slice, to),
            4.. => blocks::<4>(slice, to),
            2.. => blocks::<2>(slice, to),
            _ => blocks::<1>(slice, to),
        };
        self.len = NonZeroU64::MIN.saturating_add(slice.len() as u64);
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // at most 65
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len.get() as usize - 1).unwrap_or_default()
    }
}

#[derive(Clone)]
enum Repr {
    Inline(Inline),
    Shared(Bytes),
}

impl Payload {
    /// Nothing.
    pub(crate) const EMPTY: Payload = Payload(Repr::Inline(Inline::EMPTY));

    /// Inline if small enough, else as `share` makes it.
    #[inline(always)]
    pub(crate) fn from_slice_or(slice: &[u8], share: impl FnOnce(&[u8]) -> Bytes) -> Payload {
        let mut payload = Payload::EMPTY;
        if Payload::is_small(slice) {
            payload.fill(slice);
        } else {
            payload = Payload(Repr::Shared(share(slice)));
        }
        payload
    }

    /// Whether a slice is small enough to be inline.
    #[inline(always)]
    pub(crate) const fn is_small(slice: &[u8]) -> bool {
        slice.len() <= INLINE
    }

    /// Puts a small slice where an empty payload stands.
    #[inline(always)]
    pub(crate) fn fill(&mut self, slice: &[u8]) {
        if let Repr::Inline(inline) = &mut self.0 {
            inline.fill(slice);
        }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(inline) => inline.as_slice(),
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_slice(), f)
    }
}

impl From<&[u8]> for Payload {
    #[inline]
    fn from(slice: &[u8]) -> Self {
        Payload::from_slice_or(slice, Bytes::copy_from_slice)
    }
}

impl<const N: usize> From<&[u8; N]> for Payload {
    fn from(array: &[u8; N]) -> Self {
        Payload::from(array.as_slice())
    }
}

impl From<&Vec<u8>> for Payload {
    #[inline]
    fn from(vector: &Vec<u8>) -> Self {
        Payload::from(vector.as_slice())
    }
}

impl From<&String> for Payload {
    fn from(text: &String) -> Self {
        Payload::from(text.as_bytes())
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Payload::from(text.as_bytes())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(vector: Vec<u8>) -> Self {
        Payload::from(Bytes::from(vector))
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Payload::from(text.into_bytes())
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Payload(Repr::Shared(bytes))
    }
}

impl From<Payload> for Bytes {
    fn from(payload: Payload) -> Bytes {
        match payload.0 {
            Repr::Inline(inline) => Bytes::copy_from_slice(inline.as_slice()),
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl From<Packet> for Bytes {
    fn from(packet: Packet) -> Bytes {
        packet.payload.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_reads_the_same_inline_and_shared() {
        for len in (0..=INLINE + 1).chain([4096]) {
            let bytes: Vec<u8> = (1..=255).cycle().take(len).collect();
            assert_eq!(&Packet::reliable(bytes.as_slice())[..], &bytes[..]);
            assert_eq!(Packet::reliable(bytes.as_slice()), Packet::reliable(bytes.clone()));
            assert_eq!(Bytes::from(Packet::reliable(bytes.as_slice())), bytes);
        }
    }

    #[test]
    fn small_slices_need_no_heap() {
        assert!(matches!(Payload::from(&[1; INLINE]).0, Repr::Inline(_)));
        assert!(matches!(Payload::from(&[1; INLINE + 1]).0, Repr::Shared(_)));
        assert_eq!(size_of::<Payload>(), 72);
    }
}
