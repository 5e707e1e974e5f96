//! The wire format of ENet 1.3: datagrams and their commands, encoded and decoded.
//!
//! This crate is the codec alone. It knows what the bytes are, not what to do about them: no sockets, no clock, no
//! connection state. It is `no_std`, allocates nothing, has no `unsafe` and, unless asked for one, no dependencies;
//! payloads are borrowed from the datagram. Whatever a peer sends, decoding ends with a value or a [`DecodeError`],
//! never with a panic.
//!
//! ```
//! use enet_wire::{Body, ChannelId, Command, Commands, Header, ReliableSeq, WirePeerId, Writer};
//!
//! let header = Header { peer: WirePeerId::new(7).unwrap(), sent_time: Some(0x72DF), ..Header::default() };
//! let hello = Command {
//!     channel: ChannelId::new(0),
//!     seq: ReliableSeq(1),
//!     acknowledge: true,
//!     unsequenced: false,
//!     body: Body::SendReliable { payload: b"hello" },
//! };
//!
//! // Build a datagram …
//! let mut buffer = [0; enet_wire::DEFAULT_MTU as usize];
//! let mut writer = Writer::new(&mut buffer);
//! writer.header(&header)?;
//! writer.command(&hello)?;
//! let datagram = writer.finish();
//! assert_eq!(datagram, b"\x80\x07\x72\xdf\x86\x00\x00\x01\x00\x05hello");
//!
//! // … and take it apart.
//! let (decoded, rest) = Header::decode(datagram)?;
//! assert_eq!(decoded, header);
//! for command in Commands::new(rest) {
//!     assert_eq!(command?, hello);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A datagram
//!
//! ```text
//! +----------+----------------+-----------------+-----------+-----------+------
//! | peer u16 | sentTime u16   | checksum        | command   | command   | …
//! |          | if so flagged  | 4 bytes, if so  |           |           |
//! |          |                | configured      |           |           |
//! +----------+----------------+-----------------+-----------+-----------+------
//!  Header                      split_checksum    Commands: or one compressed block
//!                              crc32             that holds them
//! ```
//!
//! - [`Header`] decodes and encodes the first 2 or 4 bytes; its documentation shows the bits.
//! - [`split_checksum`] and [`crc32`] are for hosts configured with checksums.
//! - [`Commands`] yields each [`Command`] until the bytes end or the first bad one; [`Body`] shows each layout.
//! - [`Writer`] appends header and commands to a buffer. [`Command::head`] gives the fixed part alone, for senders
//!   that gather payloads instead of copying them.
//! - [`ReliableSeq`] holds the arithmetic of numbers that wrap.
//! - Compression is not here: decompress before [`Commands`], compress what was written after the header.
//!
//! # Features
//!
//! - `crc32fast`, off: the processor's own instructions compute the CRC-32 of anything but short parts, four times as
//!   fast as the tables of 16 KiB otherwise used. Needs `std`, which finds out what the processor has.
//!
//! Section numbers refer to the repository's `docs/PROTOCOL.md`.

#![no_std]
#![forbid(unsafe_code)]

mod body;
mod command;
mod commands;
mod crc;
mod cut;
mod error;
mod fixed;
mod header;
mod ids;
mod kind;
mod layout;
mod limits;
mod seq;
mod writer;

pub use body::{Body, Connect, Fragment, ThrottleConfigure, VerifyConnect};
pub use command::Command;
pub use commands::Commands;
pub use crc::{Crc32, crc32};
pub use error::{DecodeError, EncodeError};
pub use fixed::{FixedBytes, Head, HeaderBytes};
pub use header::{CHECKSUM_LEN, Header, MAX_HEADER_LEN, split_checksum};
pub use ids::{ChannelId, ConnectId, Session, WirePeerId};
pub use kind::CommandKind;
pub use limits::{
    DEFAULT_MTU, MAX_CHANNELS, MAX_COMMANDS, MAX_FRAGMENTS, MAX_MTU, MAX_PEERS, MAX_WINDOW, MIN_MTU,
    MIN_WINDOW,
};
pub use seq::{
    FREE_RELIABLE_WINDOWS, FREE_UNSEQUENCED_WINDOWS, RELIABLE_WINDOW_SIZE, RELIABLE_WINDOWS, ReliableSeq,
    UNSEQUENCED_WINDOW_SIZE, UnreliableSeq, UnsequencedGroup, WindowOffset,
};
pub use writer::Writer;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
