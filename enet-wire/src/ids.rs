//! Identifiers that travel on the wire: channel, peer, session, connect id.

use core::fmt;

/// The channel of a command: a number, or [`CONTROL`](Self::CONTROL) for commands of the connection itself.
///
/// Any byte decodes; whether the connection has such a channel is the protocol's question (`PROTOCOL.md §14.4`).
///
/// ```
/// use enet_wire::ChannelId;
///
/// assert_eq!(ChannelId::new(3).index(), 3);
/// assert!(ChannelId::CONTROL.is_control());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(u8);

impl ChannelId {
    /// 0xFF: the command concerns the connection, not a channel (`PROTOCOL.md §2.1`).
    pub const CONTROL: Self = Self(0xFF);

    /// The channel numbered `id`; 0xFF gives [`CONTROL`](Self::CONTROL).
    #[must_use]
    #[inline]
    pub const fn new(id: u8) -> Self {
        Self(id)
    }

    /// The byte on the wire.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The number as an index into a table of channels; 255 for [`CONTROL`](Self::CONTROL), which no table has,
    /// since there are at most [`MAX_CHANNELS`](crate::MAX_CHANNELS).
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether this is [`CONTROL`](Self::CONTROL).
    #[must_use]
    #[inline]
    pub const fn is_control(self) -> bool {
        self.0 == Self::CONTROL.0
    }
}

impl From<u8> for ChannelId {
    #[inline]
    fn from(id: u8) -> Self {
        Self(id)
    }
}

impl fmt::Display for ChannelId {
    /// The number, or `control`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_control() { f.pad("control") } else { fmt::Display::fmt(&self.0, f) }
    }
}

/// A peer id as the datagram header carries it: 12 bits, the index of the **receiver's** peer, or
/// [`UNKNOWN`](Self::UNKNOWN) (`PROTOCOL.md §1.1`).
///
/// ```
/// use enet_wire::WirePeerId;
///
/// assert_eq!(WirePeerId::new(7).map(WirePeerId::get), Some(7));
/// assert_eq!(WirePeerId::new(0x0FFF), Some(WirePeerId::UNKNOWN));
/// assert_eq!(WirePeerId::new(0x1000), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WirePeerId(u16);

impl WirePeerId {
    /// 0xFFF: the receiver has no peer for the sender yet. Only CONNECT travels this way.
    #[doc(alias = "ENET_PROTOCOL_MAXIMUM_PEER_ID")]
    pub const UNKNOWN: Self = Self(0x0FFF);

    /// The peer id `id`, or `None` if it needs more than 12 bits.
    #[must_use]
    #[inline]
    pub const fn new(id: u16) -> Option<Self> {
        if id <= Self::UNKNOWN.0 { Some(Self(id)) } else { None }
    }

    /// The low 12 bits of a peer word (`PROTOCOL.md §1.1`).
    #[must_use]
    #[inline]
    pub const fn from_bits(peer_word: u16) -> Self {
        Self(peer_word & Self::UNKNOWN.0)
    }

    /// The number, at most 0xFFF.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether this is [`UNKNOWN`](Self::UNKNOWN).
    #[must_use]
    #[inline]
    pub const fn is_unknown(self) -> bool {
        self.0 == Self::UNKNOWN.0
    }
}

impl Default for WirePeerId {
    /// [`UNKNOWN`](Self::UNKNOWN).
    #[inline]
    fn default() -> Self {
        Self::UNKNOWN
    }
}

/// A session id: 2 bits that tell connections apart which use the same peer one after the other
/// (`PROTOCOL.md §6.4`).
///
/// ```
/// use enet_wire::Session;
///
/// assert_eq!(Session::default().get(), 0);
/// assert_eq!(Session::new(3).map(Session::get), Some(3));
/// assert_eq!(Session::new(4), None);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(u8);

impl Session {
    /// The session `id`, or `None` if it is above 3.
    #[must_use]
    #[inline]
    pub const fn new(id: u8) -> Option<Self> {
        if id <= 3 { Some(Self(id)) } else { None }
    }

    /// Bits 13 and 12 of a peer word (`PROTOCOL.md §1.1`).
    #[must_use]
    #[inline]
    pub const fn from_bits(peer_word: u16) -> Self {
        // The high byte first: then no cast can lose a bit.
        let [high, _] = peer_word.to_be_bytes();
        Self((high >> 4) & 3)
    }

    /// The number, at most 3.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// The id both ends of one connection share: four opaque bytes, in the order in which they travel.
///
/// A C host copies it in its own byte order, so it is never an integer to swap (`PROTOCOL.md §1.3`). It is also the
/// seed of the connection's checksums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectId(pub [u8; 4]);

impl ConnectId {
    /// Four zero bytes: the checksum's seed where the header says [`WirePeerId::UNKNOWN`].
    pub const ZERO: Self = Self([0; 4]);
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_channel_displays_as_its_number_and_the_control_channel_by_name() {
        assert_eq!(ChannelId::new(7).to_string(), "7");
        assert_eq!(ChannelId::CONTROL.to_string(), "control");
    }

    #[test]
    fn every_channel_byte_is_a_channel_and_only_0xff_is_control() {
        for byte in 0..=u8::MAX {
            let channel = ChannelId::from(byte);
            assert_eq!(channel, ChannelId::new(byte));
            assert_eq!(channel.get(), byte);
            assert_eq!(channel.index(), usize::from(byte));
            assert_eq!(channel.is_control(), byte == 0xFF);
        }
    }

    #[test]
    fn a_peer_word_splits_into_peer_and_session_without_its_flags() {
        // 0xE123 = SENT_TIME | COMPRESSED | session 2 | peer 0x123
        assert_eq!(WirePeerId::from_bits(0xE123).get(), 0x123);
        assert_eq!(Session::from_bits(0xE123).get(), 2);
        // 0xC000 = both flags, session 0, peer 0
        assert_eq!(WirePeerId::from_bits(0xC000).get(), 0);
        assert_eq!(Session::from_bits(0xC000).get(), 0);
    }

    #[test]
    fn a_peer_id_has_twelve_bits_and_a_session_two() {
        assert_eq!(WirePeerId::new(0x0FFF), Some(WirePeerId::UNKNOWN));
        assert_eq!(WirePeerId::new(0x1000), None);
        assert_eq!(WirePeerId::default(), WirePeerId::UNKNOWN);
        assert!(WirePeerId::UNKNOWN.is_unknown());
        assert!(!WirePeerId::from_bits(0x0FFE).is_unknown());
        assert!(Session::new(3).is_some());
        assert!(Session::new(4).is_none());
    }
}
