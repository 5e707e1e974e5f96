//! `Writer`: builds a datagram in a caller's buffer.

use crate::{CHECKSUM_LEN, Command, EncodeError, Header};

/// Appends header and commands to a buffer. What does not fit is refused whole, and the writer can go on with
/// something shorter.
///
/// ```
/// use enet_wire::{Body, ChannelId, Command, EncodeError, Header, ReliableSeq, Writer};
///
/// let ping = Command {
///     channel: ChannelId::CONTROL,
///     seq: ReliableSeq(3),
///     acknowledge: true,
///     unsequenced: false,
///     body: Body::Ping,
/// };
/// let mut buffer = [0; 10];
/// let mut writer = Writer::new(&mut buffer);
/// writer.header(&Header { sent_time: Some(0x444A), ..Header::default() })?;
/// writer.command(&ping)?;
/// assert_eq!(writer.command(&ping), Err(EncodeError::BufferTooSmall { needed: 4 }));
/// assert_eq!(writer.finish(), [0x8F, 0xFF, 0x44, 0x4A, 0x85, 0xFF, 0x00, 0x03]);
/// # Ok::<(), EncodeError>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> Writer<'b> {
    /// A writer that starts at the front of `buffer`.
    #[must_use]
    #[inline]
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// Bytes written so far.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written yet.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends the datagram header.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`].
    #[inline]
    pub fn header(&mut self, header: &Header) -> Result<(), EncodeError> {
        self.len += header.encode_into(self.free())?;
        Ok(())
    }

    /// Appends the 4 bytes that stand between header and commands on hosts with checksums.
    ///
    /// Append the seed (the [`ConnectId`](crate::ConnectId), or zeros for an unknown peer), then the commands: the
    /// checksum is the [`crc32`](crate::crc32) of exactly these bytes, and replaces the seed (`PROTOCOL.md §1.3`).
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`].
    #[inline]
    pub fn checksum(&mut self, bytes: [u8; CHECKSUM_LEN]) -> Result<(), EncodeError> {
        let room = self.free().first_chunk_mut();
        *room.ok_or_else(|| EncodeError::buffer_too_small(CHECKSUM_LEN))? = bytes;
        self.len += bytes.len();
        Ok(())
    }

    /// Appends a command.
    ///
    /// # Errors
    /// As [`Command::encode`].
    #[inline]
    pub fn command(&mut self, command: &Command<'_>) -> Result<(), EncodeError> {
        self.len += command.encode(self.free())?;
        Ok(())
    }

    /// The datagram.
    #[must_use]
    #[inline]
    pub fn finish(self) -> &'b [u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    #[inline]
    fn free(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.len..).unwrap_or_default()
    }
}
