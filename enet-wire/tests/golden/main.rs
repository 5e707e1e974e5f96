//! Datagrams captured from the C library (`PROTOCOL.md §20`), field by field, decoded and encoded.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics has failed")]

mod checksum;
mod connection;
mod packets;

use enet_wire::{
    Body, ChannelId, Command, Commands, ConnectId, Header, ReliableSeq, ThrottleConfigure, WirePeerId, Writer,
};

/// The id of the captured connections.
const CONNECT_ID: ConnectId = ConnectId([0x22, 0xC1, 0x28, 0x4A]);

/// The throttle parameters every host starts with.
const DEFAULT_THROTTLE: ThrottleConfigure =
    ThrottleConfigure { interval: 5000, acceleration: 2, deceleration: 2 };

/// A header for peer 0, as both ends of a first connection use it.
fn to_peer_0(sent_time: Option<u16>) -> Header {
    Header { peer: WirePeerId::new(0).unwrap(), sent_time, ..Header::default() }
}

/// A command as ENet sends it that wants an acknowledgement.
fn acknowledged(channel: u8, seq: u16, body: Body<'_>) -> Command<'_> {
    Command { acknowledge: true, ..plain(channel, seq, body) }
}

/// A command as ENet sends it that has no flag.
fn plain(channel: u8, seq: u16, body: Body<'_>) -> Command<'_> {
    Command {
        channel: ChannelId::new(channel),
        seq: ReliableSeq(seq),
        acknowledge: false,
        unsequenced: false,
        body,
    }
}

/// The acknowledgement ENet sends for number `seq`: both its number fields hold it.
fn acknowledgement(channel: u8, seq: u16, received_sent_time: u16) -> Command<'static> {
    plain(channel, seq, Body::Acknowledge { received_seq: ReliableSeq(seq), received_sent_time })
}

/// The bytes say exactly this header and these commands, and these are written as exactly the bytes.
#[track_caller]
fn assert_golden(bytes: &[u8], header: Header, commands: &[Command<'_>]) {
    let (decoded, rest) = Header::decode(bytes).unwrap();
    assert_eq!(decoded, header);
    let decoded: Result<Vec<_>, _> = Commands::new(rest).collect();
    assert_eq!(decoded.as_deref(), Ok(commands));

    let mut buffer = [0xEE; 4096];
    let mut writer = Writer::new(&mut buffer);
    writer.header(&header).unwrap();
    for command in commands {
        writer.command(command).unwrap();
    }
    assert_eq!(writer.len(), bytes.len());
    assert_eq!(writer.finish(), bytes);
}
