//! Padding: zeros behind the commands of a datagram, which receivers skip (PROTOCOL.md §14.2).

use enet_wire::{Command, Commands, DecodeError};

/// Whether nothing but zeros is left. No command begins with one.
pub(crate) fn is_padding(rest: &[u8]) -> bool {
    rest.iter().all(|byte| *byte == 0)
}

/// A datagram's commands, up to its padding.
pub(crate) fn unpadded(mut commands: Commands<'_>) -> impl Iterator<Item = Result<Command<'_>, DecodeError>> {
    core::iter::from_fn(move || if is_padding(commands.remaining()) { None } else { commands.next() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: [u8; 4] = [0x85, 0xFF, 0, 2];

    fn kinds(bytes: &[u8]) -> Vec<bool> {
        unpadded(Commands::new(bytes)).map(|command| command.is_ok()).collect()
    }

    #[test]
    fn zeros_behind_the_commands_are_none_and_other_rubbish_is_one_that_is_bad() {
        assert!(kinds(&[]).is_empty());
        assert_eq!(kinds(&PING), [true]);
        for zeros in 1..10 {
            assert_eq!(kinds(&[&PING[..], &vec![0; zeros]].concat()), [true], "{zeros}");
        }
        assert_eq!(kinds(&[&PING[..], &[0, 0, 0, 1]].concat()), [true, false]);
        assert_eq!(kinds(&[&PING[..], &PING[..2]].concat()), [true, false]);
    }
}
