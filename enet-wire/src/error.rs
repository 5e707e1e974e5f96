//! Why bytes are not a datagram, and why a command does not fit a buffer.

use core::error::Error;
use core::fmt;

/// Why bytes could not be decoded.
///
/// ENet answers none of these: a bad header drops the datagram, a bad command ends it there while the commands
/// before it stand (`PROTOCOL.md §14.1`, `§14.2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// The datagram ends inside its header of 2 or 4 bytes (`PROTOCOL.md §1.1`).
    TruncatedHeader,
    /// Fewer than 4 bytes follow the header where a checksum has to be (`PROTOCOL.md §1.3`).
    TruncatedChecksum,
    /// The datagram ends inside a command's header or fixed part (`PROTOCOL.md §14.2`).
    TruncatedCommand,
    /// The command number, given here, is 0 or above 12 (`PROTOCOL.md §2.2`).
    UnknownCommand(u8),
    /// A command announces more payload than the datagram has left (`PROTOCOL.md §14.4`).
    TruncatedPayload,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TruncatedHeader => {
                f.write_str("the datagram ends inside its header of 2 or 4 bytes: has all of it been read?")
            }
            Self::TruncatedChecksum => {
                f.write_str("the datagram ends inside its checksum of 4 bytes: does the sender put one in?")
            }
            Self::TruncatedCommand => {
                f.write_str("the datagram ends inside a command: has all of it been read, and decompressed?")
            }
            Self::UnknownCommand(number) => write!(
                f,
                "there is no command number {number}, they are 1 to 12: is it ENet 1.3, decompressed, without checksum?"
            ),
            Self::TruncatedPayload => f.write_str(
                "a payload is longer than the rest of the datagram: has all of it been read, and decompressed?",
            ),
        }
    }
}

impl Error for DecodeError {}

/// Why something could not be encoded; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EncodeError {
    /// The buffer has too little room left.
    BufferTooSmall {
        /// Bytes that it would take.
        needed: u32,
    },
    /// The payload is longer than the 65,535 bytes its length field can say.
    PayloadTooLong {
        /// Its bytes.
        len: u32,
    },
}

impl EncodeError {
    #[cold]
    pub(crate) fn buffer_too_small(needed: usize) -> Self {
        Self::BufferTooSmall { needed: u32::try_from(needed).unwrap_or(u32::MAX) }
    }

    #[cold]
    pub(crate) fn payload_too_long(len: usize) -> Self {
        Self::PayloadTooLong { len: u32::try_from(len).unwrap_or(u32::MAX) }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => write!(
                f,
                "{needed} bytes do not fit into what is left of the buffer: begin another datagram, of up to 4096"
            ),
            Self::PayloadTooLong { len } => {
                write!(f, "a payload may have 65535 bytes, this one has {len}: send it in fragments")
            }
        }
    }
}

impl Error for EncodeError {}
