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
            Self::TruncatedHeader => f.write_str("the datagram ends inside its header"),
            Self::TruncatedChecksum => f.write_str("the datagram ends inside its checksum"),
            Self::TruncatedCommand => f.write_str("the datagram ends inside a command"),
            Self::UnknownCommand(number) => write!(f, "there is no command number {number}"),
            Self::TruncatedPayload => f.write_str("a payload is longer than the rest of the datagram"),
        }
    }
}

impl Error for DecodeError {}

/// Why something could not be encoded; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EncodeError {
    /// The buffer has too little room left.
    BufferTooSmall,
    /// The payload is longer than the 65,535 bytes its length field can say.
    PayloadTooLong,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BufferTooSmall => "the buffer is too small",
            Self::PayloadTooLong => "the payload is longer than 65535 bytes",
        })
    }
}

impl Error for EncodeError {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn an_unknown_command_is_reported_with_its_number() {
        assert_eq!(DecodeError::UnknownCommand(13).to_string(), "there is no command number 13");
    }

    #[test]
    fn every_error_has_a_text_of_its_own() {
        let texts = [
            DecodeError::TruncatedHeader.to_string(),
            DecodeError::TruncatedChecksum.to_string(),
            DecodeError::TruncatedCommand.to_string(),
            DecodeError::UnknownCommand(0).to_string(),
            DecodeError::TruncatedPayload.to_string(),
            EncodeError::BufferTooSmall.to_string(),
            EncodeError::PayloadTooLong.to_string(),
        ];
        for (at, text) in texts.iter().enumerate() {
            assert!(!text.is_empty());
            assert!(!texts[..at].contains(text), "{text}");
        }
    }
}
