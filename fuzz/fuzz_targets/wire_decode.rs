//! Any bytes as a datagram: decoding ends, and what it finds encodes to the bytes it was found in.
#![no_main]

use enet_wire::{Command, Commands, Header, split_checksum};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let Ok((header, rest)) = Header::decode(datagram) else { return };
    assert_eq!(datagram, [&header.encode(), rest].concat());

    let mut buffer = vec![0; datagram.len()];
    decode(rest, &mut buffer);
    if let Ok((_, commands)) = split_checksum(rest) {
        decode(commands, &mut buffer);
    }
});

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
