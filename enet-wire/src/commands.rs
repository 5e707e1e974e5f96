//! `Commands`: the commands of a datagram, one after the other.

use core::iter::FusedIterator;

use crate::{Command, DecodeError};

/// Decodes commands one after the other, borrowing their payloads, and stops for good at the first bad one: that one
/// is an `Err`, after it everything is `None` (`PROTOCOL.md §14.2`).
///
/// `bytes` is a datagram without header and checksum, decompressed. Each command takes at least 4 bytes, so there are
/// at most a quarter as many as bytes.
///
/// ```
/// use enet_wire::{Commands, CommandKind, DecodeError};
///
/// // PING 2 on the control channel, then a command that does not exist, then PING 3.
/// let bytes = [0x85, 0xFF, 0, 2, 0x0D, 0xFF, 0, 0, 0x85, 0xFF, 0, 3];
/// let mut commands = Commands::new(&bytes);
///
/// assert_eq!(commands.next().map(|c| c.map(|c| c.kind())), Some(Ok(CommandKind::Ping)));
/// assert_eq!(commands.next(), Some(Err(DecodeError::UnknownCommand(13))));
/// assert_eq!(commands.next(), None);
/// assert_eq!(commands.remaining(), &bytes[4..]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an iterator decodes nothing until it is asked"]
pub struct Commands<'a> {
    remaining: &'a [u8],
    stopped: bool,
}

impl<'a> Commands<'a> {
    /// The commands in `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { remaining: bytes, stopped: false }
    }

    /// The bytes not decoded yet; after an error, those from the bad command on.
    #[must_use]
    #[inline]
    pub const fn remaining(&self) -> &'a [u8] {
        self.remaining
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, DecodeError>;

    // As `Command::decode`, and for the same reason.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped || self.remaining.is_empty() {
            return None;
        }
        match Command::decode(self.remaining) {
            Ok((command, rest)) => {
                self.remaining = rest;
                Some(Ok(command))
            }
            Err(error) => {
                self.stopped = true;
                Some(Err(error))
            }
        }
    }
}

impl FusedIterator for Commands<'_> {}
