//! The datagram header, and the checksum that may follow it.

use crate::cut::Cut;
use crate::{DecodeError, EncodeError, HeaderBytes, Session, WirePeerId};

/// Bytes a checksum takes, directly after the header (`PROTOCOL.md §1.3`).
pub const CHECKSUM_LEN: usize = 4;

/// Bytes of a header with its time of sending, the longest form.
pub const MAX_HEADER_LEN: usize = 4;

const SENT_TIME: u16 = 0x8000;
const COMPRESSED: u16 = 0x4000;

/// What stands before the commands of a datagram (`PROTOCOL.md §1.1`).
///
/// ```text
///  bit 15          14           13 12     11 … 0
/// +---------------+------------+---------+----------------+  +----------------+
/// | SENT_TIME = 1 | COMPRESSED | session | peer           |  | sentTime u16   |  4 bytes
/// +---------------+------------+---------+----------------+  +----------------+
/// | SENT_TIME = 0 | COMPRESSED | session | peer           |                      2 bytes
/// +---------------+------------+---------+----------------+
///   peer word, u16, big-endian                                only if SENT_TIME
/// ```
///
/// A checksum, if both ends are configured for one, follows ([`split_checksum`]); nothing in the header tells. After
/// that come the commands, or the one block they were compressed into.
///
/// The default is what a client knows before it is connected: peer unknown, session 0, no flags.
///
/// ```
/// use enet_wire::{Header, WirePeerId};
///
/// let header = Header { sent_time: Some(0x4240), ..Header::default() };
/// assert_eq!(header.encode().as_ref(), [0x8F, 0xFF, 0x42, 0x40]);
///
/// let (decoded, commands) = Header::decode(&[0x8F, 0xFF, 0x42, 0x40, 0x82])?;
/// assert_eq!(decoded, header);
/// assert_eq!(commands, [0x82]);
/// # Ok::<(), enet_wire::DecodeError>(())
/// ```
#[doc(alias = "ENetProtocolHeader")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Header {
    /// The receiver's peer this datagram is for.
    pub peer: WirePeerId,
    /// The session of that peer; 0 while the peer is unknown.
    pub session: Session,
    /// Whether everything after header and checksum is one compressed block.
    pub compressed: bool,
    /// The low 16 bits of the sender's millisecond clock, there if and only if the datagram carries a command that
    /// wants an acknowledgement.
    pub sent_time: Option<u16>,
}

impl Header {
    /// Bytes [`encode`](Self::encode) returns: 4 with a time of sending, otherwise 2.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        if self.sent_time.is_some() { MAX_HEADER_LEN } else { 2 }
    }

    /// The header's bytes.
    #[must_use]
    #[inline]
    pub fn encode(&self) -> HeaderBytes {
        let (word, time) = self.words();
        let ([w0, w1], [t0, t1]) = (word, time.unwrap_or_default());
        HeaderBytes::new([w0, w1, t0, t1], self.encoded_len())
    }

    /// Writes the header to the start of `out` and returns its length, [`encoded_len`](Self::encoded_len).
    ///
    /// ```
    /// use enet_wire::{EncodeError, Header};
    ///
    /// let mut datagram = [0; 4];
    /// let header = Header { sent_time: Some(0x4240), ..Header::default() };
    /// assert_eq!(header.encode_into(&mut datagram), Ok(4));
    /// assert_eq!(datagram, *header.encode());
    /// assert_eq!(header.encode_into(&mut datagram[..3]), Err(EncodeError::BufferTooSmall));
    /// ```
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`] if `out` is shorter than that; `out` is then as it was.
    #[inline(always)]
    pub fn encode_into(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let (word, time) = self.words();
        match time {
            None => *out.first_chunk_mut().ok_or(EncodeError::BufferTooSmall)? = word,
            Some(time) => {
                let ([w0, w1], [t0, t1]) = (word, time);
                *out.first_chunk_mut().ok_or(EncodeError::BufferTooSmall)? = [w0, w1, t0, t1];
            }
        }
        Ok(self.encoded_len())
    }

    /// The peer word, and the time of sending if there is one, as they travel.
    #[inline]
    fn words(&self) -> ([u8; 2], Option<[u8; 2]>) {
        let session = u16::from(self.session.get()) << 12;
        let compressed = if self.compressed { COMPRESSED } else { 0 };
        let sent_time = if self.sent_time.is_some() { SENT_TIME } else { 0 };
        let word = self.peer.get() | session | compressed | sent_time;
        (word.to_be_bytes(), self.sent_time.map(u16::to_be_bytes))
    }

    /// The header of a datagram, and the bytes after it.
    ///
    /// # Errors
    /// [`DecodeError::TruncatedHeader`] if there are fewer than 2 bytes, or fewer than 4 where a time of sending is
    /// announced. Such a datagram is dropped (`PROTOCOL.md §14.1`).
    #[inline]
    pub fn decode(datagram: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut cut = Cut::new(datagram, DecodeError::TruncatedHeader);
        let word = cut.u16()?;
        let header = Self {
            peer: WirePeerId::from_bits(word),
            session: Session::from_bits(word),
            compressed: word & COMPRESSED != 0,
            sent_time: if word & SENT_TIME != 0 { Some(cut.u16()?) } else { None },
        };
        Ok((header, cut.rest()))
    }
}

/// The checksum's 4 bytes at the start of what [`Header::decode`] left, and the bytes after it. Call it only for a
/// host configured with checksums.
///
/// For the stock checksum these are the big-endian bytes of [`crc32`](crate::crc32).
///
/// ```
/// use enet_wire::{DecodeError, split_checksum};
///
/// assert_eq!(split_checksum(&[1, 2, 3, 4, 5]), Ok(([1, 2, 3, 4], &[5][..])));
/// assert_eq!(split_checksum(&[1, 2, 3]), Err(DecodeError::TruncatedChecksum));
/// ```
///
/// # Errors
/// [`DecodeError::TruncatedChecksum`] if there are fewer than 4 bytes; such a datagram is dropped
/// (`PROTOCOL.md §14.1`).
#[inline]
pub fn split_checksum(rest: &[u8]) -> Result<([u8; CHECKSUM_LEN], &[u8]), DecodeError> {
    let mut cut = Cut::new(rest, DecodeError::TruncatedChecksum);
    Ok((*cut.array()?, cut.rest()))
}
