//! Generated datagrams, encoded and decoded both ways; and bytes that are none.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics has failed")]

mod any;
mod hostile;

use any::{datagram, header, recipe};
use enet_wire::{Command, Commands, EncodeError, Header, Writer};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_header_decodes_to_what_was_encoded(header in header(), rest in any::<[u8; 5]>()) {
        let bytes = [&header.encode(), &rest[..]].concat();
        prop_assert_eq!(header.encode().len(), header.encoded_len());
        prop_assert_eq!(Header::decode(&bytes), Ok((header, &rest[..])));
    }

    #[test]
    fn every_header_encodes_to_the_bytes_it_was_decoded_from(bytes in any::<[u8; 4]>()) {
        let (header, rest) = Header::decode(&bytes).unwrap();
        prop_assert_eq!(&*header.encode(), &bytes[..header.encoded_len()]);
        prop_assert_eq!(rest, &bytes[header.encoded_len()..]);
    }

    #[test]
    fn a_header_is_written_whole_or_not_at_all(header in header(), room in 0..6_usize) {
        let mut bytes = vec![0xEE; room];
        let len = header.encoded_len();
        if room < len {
            let needed = u32::try_from(len).unwrap();
            prop_assert_eq!(header.encode_into(&mut bytes), Err(EncodeError::BufferTooSmall { needed }));
            prop_assert!(bytes.iter().all(|byte| *byte == 0xEE));
        } else {
            prop_assert_eq!(header.encode_into(&mut bytes), Ok(len));
            prop_assert_eq!(&bytes[..len], &*header.encode());
            prop_assert!(bytes[len..].iter().all(|byte| *byte == 0xEE));
        }
    }

    #[test]
    fn a_command_decodes_to_what_was_encoded(recipe in recipe(), rest in any::<[u8; 5]>()) {
        let command = recipe.command();
        let mut bytes = vec![0; command.encoded_len()];
        prop_assert_eq!(command.encode(&mut bytes), Ok(bytes.len()));
        bytes.extend_from_slice(&rest);
        prop_assert_eq!(Command::decode(&bytes), Ok((command, &rest[..])));
    }

    #[test]
    fn head_and_payload_are_the_whole_command(recipe in recipe()) {
        let command = recipe.command();
        let mut bytes = vec![0; command.encoded_len()];
        command.encode(&mut bytes).unwrap();
        prop_assert_eq!(command.head().len(), command.kind().fixed_len());
        prop_assert_eq!([&command.head(), command.payload()].concat(), bytes);
    }

    #[test]
    fn a_command_leaves_a_buffer_that_is_too_small_as_it_was(
        recipe in recipe(),
        part in 0.0..1.0_f64,
    ) {
        let command = recipe.command();
        let mut bytes = vec![0xEE; any::part_of(command.encoded_len(), part)];
        let needed = u32::try_from(command.encoded_len()).unwrap();
        prop_assert_eq!(command.encode(&mut bytes), Err(EncodeError::BufferTooSmall { needed }));
        prop_assert!(bytes.iter().all(|byte| *byte == 0xEE));
    }

    #[test]
    fn a_datagram_decodes_to_what_was_written((header, recipes) in datagram()) {
        let bytes = any::write(&header, &recipes);
        let (decoded, rest) = Header::decode(&bytes).unwrap();
        prop_assert_eq!(decoded, header);
        let mut commands = Commands::new(rest);
        for recipe in &recipes {
            prop_assert_eq!(commands.next(), Some(Ok(recipe.command())));
        }
        prop_assert_eq!(commands.next(), None);
        prop_assert_eq!(commands.remaining(), &[][..]);
    }

    #[test]
    fn a_writer_refuses_what_does_not_fit_and_keeps_the_rest(
        (header, recipes) in datagram(),
        part in 0.0..1.0_f64,
    ) {
        let whole = any::write(&header, &recipes);
        let mut buffer = vec![0xEE; any::part_of(whole.len(), part)];
        let room = buffer.len();
        let mut writer = Writer::new(&mut buffer);
        let mut written = 0;
        if writer.header(&header).is_ok() {
            written = header.encoded_len();
            for recipe in &recipes {
                let len = recipe.command().encoded_len();
                if writer.command(&recipe.command()).is_err() {
                    prop_assert!(written + len > room);
                    break;
                }
                written += len;
            }
        }
        prop_assert_eq!(writer.len(), written);
        prop_assert_eq!(writer.is_empty(), written == 0);
        prop_assert_eq!(writer.finish(), &whole[..written]);
        prop_assert!(buffer[written..].iter().all(|byte| *byte == 0xEE));
    }
}

#[test]
fn a_payload_its_length_field_cannot_say_is_refused() {
    let payload = vec![0x61; 0x1_0000];
    let mut recipe = any::reliable(payload);
    let mut bytes = vec![0xEE; 0x1_0010];
    assert_eq!(recipe.command().encode(&mut bytes), Err(EncodeError::PayloadTooLong { len: 0x1_0000 }));
    assert!(bytes.iter().all(|byte| *byte == 0xEE));
    assert_eq!(recipe.command().head()[4..], [0xFF, 0xFF], "head saturates");

    recipe.payload.pop();
    assert_eq!(recipe.command().encode(&mut bytes), Ok(6 + 0xFFFF));
    let (decoded, _) = Command::decode(&bytes).unwrap();
    assert_eq!(decoded, recipe.command());
}
