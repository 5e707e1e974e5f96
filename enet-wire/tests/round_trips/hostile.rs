//! Bytes nobody encoded: random ones, and datagrams that were damaged or cut.

use enet_wire::{Command, Commands, DecodeError, Header};
use proptest::prelude::*;

use crate::any;

/// What holds for any bytes: every decoded command encodes to the bytes it came from, but for the two bits that are
/// ignored; what was decoded and what remains are the whole; after an error nothing comes.
fn decode_everything(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut commands = Commands::new(bytes);
    let mut consumed = 0;
    while let Some(next) = commands.next() {
        let Ok(command) = next else {
            prop_assert_eq!(commands.remaining(), &bytes[consumed..]);
            prop_assert_eq!(commands.next(), None);
            prop_assert_eq!(commands.next(), None);
            prop_assert_eq!(commands.remaining(), &bytes[consumed..]);
            return Ok(());
        };
        let mut canonical = bytes[consumed..][..command.encoded_len()].to_vec();
        canonical[0] &= 0b1100_1111;
        let mut encoded = vec![0; command.encoded_len()];
        command.encode(&mut encoded).unwrap();
        prop_assert_eq!(encoded, canonical);

        consumed += command.encoded_len();
        prop_assert_eq!(commands.remaining(), &bytes[consumed..]);
    }
    prop_assert_eq!(consumed, bytes.len());
    prop_assert_eq!(commands.next(), None);
    Ok(())
}

proptest! {
    #[test]
    fn random_bytes_decode_to_commands_and_an_end(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        decode_everything(&bytes)?;
        if let Ok((_, rest)) = Header::decode(&bytes) {
            decode_everything(rest)?;
        }
    }

    #[test]
    fn a_damaged_datagram_decodes_to_commands_and_an_end(
        (header, recipes) in any::datagram(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = any::write(&header, &recipes);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok((_, rest)) = Header::decode(&bytes) {
            decode_everything(rest)?;
        }
    }

    #[test]
    fn a_cut_datagram_decodes_to_its_first_commands_and_an_error(
        (header, recipes) in any::datagram(),
        part in 0.0..1.0_f64,
    ) {
        let whole = any::write(&header, &recipes);
        let cut = &whole[..any::part_of(whole.len(), part)];
        if cut.len() < header.encoded_len() {
            prop_assert_eq!(Header::decode(cut), Err(DecodeError::TruncatedHeader));
            return Ok(());
        }
        let (decoded, rest) = Header::decode(cut).unwrap();
        prop_assert_eq!(decoded, header);

        let mut left = rest.len();
        let mut commands = Commands::new(rest);
        for recipe in &recipes {
            let command = recipe.command();
            let expected = if left == 0 {
                None
            } else if left < command.kind().fixed_len() {
                Some(Err(DecodeError::TruncatedCommand))
            } else if left < command.encoded_len() {
                Some(Err(DecodeError::TruncatedPayload))
            } else {
                Some(Ok(command))
            };
            let goes_on = matches!(expected, Some(Ok(_)));
            prop_assert_eq!(commands.next(), expected);
            if !goes_on {
                break;
            }
            left -= command.encoded_len();
        }
        prop_assert_eq!(commands.next(), None);
    }

    #[test]
    fn a_number_that_is_no_command_is_named_whatever_its_flags(
        high in any::<u8>(),
        number in prop::sample::select(vec![0_u8, 13, 14, 15]),
        rest in prop::collection::vec(any::<u8>(), 3..60),
    ) {
        let bytes = [&[(high & 0xF0) | number], &rest[..]].concat();
        prop_assert_eq!(Command::decode(&bytes), Err(DecodeError::UnknownCommand(number)));
    }

    #[test]
    fn bits_5_and_4_of_a_command_change_nothing(recipe in any::recipe(), bits in 0..=3_u8) {
        let command = recipe.command();
        let mut bytes = vec![0; command.encoded_len()];
        command.encode(&mut bytes).unwrap();
        prop_assert_eq!(bytes[0] & 0b0011_0000, 0);
        bytes[0] |= bits << 4;
        prop_assert_eq!(Command::decode(&bytes), Ok((command, &[][..])));
    }
}

#[test]
fn no_bytes_are_no_commands() {
    let mut commands = Commands::new(&[]);
    assert_eq!(commands.next(), None);
}

#[test]
fn fewer_bytes_than_a_command_header_are_a_truncated_command() {
    for len in 1..4 {
        let mut commands = Commands::new(&[0; 4][..len]);
        assert_eq!(commands.next(), Some(Err(DecodeError::TruncatedCommand)));
        assert_eq!(commands.next(), None);
    }
}

#[test]
fn a_sound_command_after_a_bad_one_is_not_decoded() {
    // A command numbered 0, then PING 2 on the control channel.
    let bytes = [0x00, 0xFF, 0, 0, 0x85, 0xFF, 0, 2];
    let mut commands = Commands::new(&bytes);
    assert_eq!(commands.next(), Some(Err(DecodeError::UnknownCommand(0))));
    assert_eq!(commands.next(), None);
    assert_eq!(commands.remaining(), bytes);
}

#[test]
fn an_announced_sent_time_must_be_there() {
    assert_eq!(Header::decode(&[0x80]), Err(DecodeError::TruncatedHeader));
    assert_eq!(Header::decode(&[0x80, 0x00]), Err(DecodeError::TruncatedHeader));
    assert_eq!(Header::decode(&[0x80, 0x00, 0x42]), Err(DecodeError::TruncatedHeader));
    assert!(Header::decode(&[0x80, 0x00, 0x42, 0x40]).is_ok());
    assert!(Header::decode(&[0x00, 0x00]).is_ok());
}
