//! [`Packet`]: a payload and how it is to be delivered. Small payloads live inline, large ones are shared.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
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
    pub fn new(delivery: Delivery, payload: impl Into<Payload>) -> Self {
        Packet { payload: payload.into(), delivery }
    }

    /// [`Delivery::Reliable`].
    pub fn reliable(payload: impl Into<Payload>) -> Self {
        Packet::new(Delivery::Reliable, payload)
    }

    /// [`Delivery::Unreliable`].
    pub fn unreliable(payload: impl Into<Payload>) -> Self {
        Packet::new(Delivery::Unreliable, payload)
    }

    /// [`Delivery::UnreliableFragments`].
    pub fn unreliable_fragments(payload: impl Into<Payload>) -> Self {
        Packet::new(Delivery::UnreliableFragments, payload)
    }

    /// [`Delivery::Unsequenced`].
    pub fn unsequenced(payload: impl Into<Payload>) -> Self {
        Packet::new(Delivery::Unsequenced, payload)
    }

    /// A packet around bytes that live for the whole program: never copied.
    pub fn from_static(delivery: Delivery, payload: &'static [u8]) -> Self {
        Packet::new(delivery, Bytes::from_static(payload))
    }

    /// How it is, or was, delivered.
    pub const fn delivery(&self) -> Delivery {
        self.delivery
    }
}

impl Deref for Packet {
    type Target = [u8];

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

const INLINE: usize = 38;

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Bytes),
}

impl Payload {
    /// The payload inline, if it is small enough.
    fn inline(slice: &[u8]) -> Option<Payload> {
        let mut bytes = [0; INLINE];
        bytes.get_mut(..slice.len())?.copy_from_slice(slice);
        Some(Payload(Repr::Inline { len: u8::try_from(slice.len()).ok()?, bytes }))
    }

    /// Inline if small enough, else as `share` makes it.
    pub(crate) fn from_slice_or(slice: &[u8], share: impl FnOnce(&[u8]) -> Bytes) -> Payload {
        Payload::inline(slice).unwrap_or_else(|| Payload(Repr::Shared(share(slice))))
    }

    fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
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
    fn from(slice: &[u8]) -> Self {
        Payload::from_slice_or(slice, Bytes::copy_from_slice)
    }
}

impl<const N: usize> From<&[u8; N]> for Payload {
    fn from(array: &[u8; N]) -> Self {
        Payload::from(array.as_slice())
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

impl From<Packet> for Bytes {
    fn from(packet: Packet) -> Bytes {
        match packet.payload.0 {
            Repr::Inline { .. } => Bytes::copy_from_slice(packet.payload.as_slice()),
            Repr::Shared(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_payload_reads_the_same_inline_and_shared() {
        for len in [0, 1, INLINE, INLINE + 1, 4096] {
            let bytes = vec![0xA5; len];
            assert_eq!(&Packet::reliable(bytes.as_slice())[..], &bytes[..]);
            assert_eq!(Packet::reliable(bytes.as_slice()), Packet::reliable(bytes.clone()));
            assert_eq!(Bytes::from(Packet::reliable(bytes.as_slice())), bytes);
        }
    }

    #[test]
    fn small_slices_need_no_heap() {
        assert!(matches!(Payload::from(&[1; INLINE]).0, Repr::Inline { .. }));
        assert!(matches!(Payload::from(&[1; INLINE + 1]).0, Repr::Shared(_)));
        assert_eq!(size_of::<Payload>(), 40);
    }
}
