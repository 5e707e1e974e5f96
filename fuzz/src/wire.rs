//! The codec: what it reads it writes back, what it writes it reads back, and checksums cover every byte.

use arbitrary::{Result, Unstructured};
use enet_wire::{CHECKSUM_LEN, Command, Commands, Crc32, EncodeError, Header, Writer, crc32, split_checksum};

use crate::speech::{Script, Spoken};

/// Any bytes as a datagram: decoding ends, and what it finds encodes to the bytes it was found in.
pub fn wire_decode(datagram: &[u8]) {
    let Ok((header, rest)) = Header::decode(datagram) else { return };
    assert_eq!(datagram, [&header.encode(), rest].concat());

    let mut buffer = vec![0; datagram.len()];
    decode(rest, &mut buffer);
    if let Ok((_, commands)) = split_checksum(rest) {
        decode(commands, &mut buffer);
    }
}

fn decode(bytes: &[u8], buffer: &mut [u8]) {
    let mut commands = Commands::new(bytes);
    let mut before = bytes;
    while let Some(next) = commands.next() {
        let Ok(command) = next else {
            assert_eq!(commands.remaining(), before);
            assert_eq!(commands.next(), None);
            return;
        };
        let len =
            command.encode(buffer).expect("the buffer is as long as the datagram the command came from");
        let encoded = &buffer[..len];
        assert_eq!(Command::decode(encoded), Ok((command, &[][..])));

        let (consumed, after) = before.split_at(len);
        assert_eq!(after, commands.remaining());
        // Bits 5 and 4 of the first byte are ignored and written as zero.
        assert_eq!(encoded[0], consumed[0] & 0b1100_1111);
        assert_eq!(encoded[1..], consumed[1..]);
        before = after;
    }
    assert!(before.is_empty());
}

/// Any commands, with edge values in every field: the writer and the gathered form agree, and the datagram reads as it was said. A
/// buffer that is too small takes a command whole or not at all.
pub fn wire_roundtrip(data: &[u8]) {
    let _ = roundtrip(&mut Unstructured::new(data)); // an input that ends early is a short one
}

fn roundtrip(input: &mut Unstructured<'_>) -> Result<()> {
    let header = Header { compressed: input.arbitrary()?, ..crate::values::header(input)? };
    let room = usize::from(input.arbitrary::<u16>()?) % 5000;
    let spoken: Vec<Spoken> = input.arbitrary()?;
    // A script of a channel on which nothing was said.
    let script = Script::default();
    let payload = script.filler();
    let commands: Vec<Command<'_>> = spoken.iter().map(|it| it.command(&script, payload)).collect();

    let mut buffer = vec![0xA5; room];
    let mut writer = Writer::new(&mut buffer);
    let mut expected = Vec::new();
    let mut written = Vec::new();
    if writer.header(&header).is_ok() {
        expected.extend_from_slice(&header.encode());
    } else {
        assert!(room < header.encoded_len());
        return Ok(());
    }
    for command in &commands {
        let before = writer.len();
        assert_eq!(command.encoded_len(), command.head().len() + command.payload().len());
        match writer.command(command) {
            Ok(()) => {
                assert_eq!(writer.len() - before, command.encoded_len());
                expected.extend_from_slice(&command.head());
                expected.extend_from_slice(command.payload());
                written.push(*command);
            }
            Err(error) => {
                let needed = command.encoded_len() as u32;
                assert_eq!(error, EncodeError::BufferTooSmall { needed });
                assert!(before + command.encoded_len() > room);
                assert_eq!(writer.len(), before);
            }
        }
    }
    let len = writer.len();
    assert_eq!(writer.finish(), expected);
    assert!(buffer[len..].iter().all(|byte| *byte == 0xA5), "written beyond the end");

    let (read, rest) = Header::decode(&expected).expect("a header was written");
    assert_eq!(read, header);
    let read: Vec<Command<'_>> = Commands::new(rest).map(|it| it.expect("a good command")).collect();
    assert_eq!(read, written);
    Ok(())
}

/// Any bytes with a checksum: the sum is that of single bits however the bytes are cut, it is found where it was put, and any one bit
/// that changes shows.
pub fn header_checksum(data: &[u8]) {
    let _ = checksum(&mut Unstructured::new(data));
}

fn checksum(input: &mut Unstructured<'_>) -> Result<()> {
    let header = Header { compressed: input.arbitrary()?, ..crate::values::header(input)? };
    let seed: [u8; CHECKSUM_LEN] = input.arbitrary()?;
    let (cut, flip) = (input.arbitrary::<u16>()?, input.arbitrary::<u16>()?);
    let body = input.bytes(input.len())?;

    let whole = [&header.encode(), &seed[..], body].concat();
    let sum = crc32([&header.encode()[..], &seed, body]);
    assert_eq!(sum, by_bits(&whole));
    let (front, back) = whole.split_at(usize::from(cut) % (whole.len() + 1));
    let mut parts = Crc32::new();
    parts.update(front);
    parts.update(back);
    assert_eq!(parts.finish(), sum);

    let mut buffer = vec![0; whole.len()];
    let mut writer = Writer::new(&mut buffer);
    writer.header(&header).expect("room");
    writer.checksum(sum.to_be_bytes()).expect("room");
    let head = writer.finish().to_vec();
    let datagram = [&head, body].concat();
    let (read, rest) = Header::decode(&datagram).expect("a header was written");
    assert_eq!(read, header);
    assert_eq!(split_checksum(rest), Ok((sum.to_be_bytes(), body)));
    assert!(split_checksum(&rest[..rest.len().min(CHECKSUM_LEN - 1)]).is_err());

    let mut changed = whole;
    let bit = usize::from(flip) % (changed.len() * 8);
    changed[bit / 8] ^= 1 << (bit % 8);
    assert_ne!(crc32([&changed[..]]), sum, "bit {bit}");
    Ok(())
}

/// IEEE 802.3, one bit at a time.
fn by_bits(bytes: &[u8]) -> u32 {
    let mut register = u32::MAX;
    for byte in bytes {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            let odd = register & 1 == 1;
            register = (register >> 1) ^ if odd { 0xEDB8_8320 } else { 0 };
        }
    }
    !register
}
