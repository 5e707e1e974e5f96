//! `Command`: one command with its header, and its encoding.

use crate::cut::Cut;
use crate::fixed::put_fixed;
use crate::layout::Sink;
use crate::{
    Body, ChannelId, CommandKind, DecodeError, EncodeError, Head, ReliableSeq, UnreliableSeq,
    UnsequencedGroup,
};

const ACKNOWLEDGE: u8 = 0x80;
const UNSEQUENCED: u8 = 0x40;
const NUMBER: u8 = 0x0F;

/// One command of a datagram (`PROTOCOL.md §2.1`).
///
/// ```text
///  bit 7         6             5 4    3 … 0
/// +-------------+-------------+------+---------+-----------+---------------+---------------
/// | ACKNOWLEDGE | UNSEQUENCED | 0 0  | number  | channel   | reliableSeq   | body, payload
/// |             |             |      |         | u8        | u16           |
/// +-------------+-------------+------+---------+-----------+---------------+---------------
///  0                                           1           2               4
/// ```
///
/// Decoding takes what a peer may legally or oddly send: any channel, any combination of flags, any value of any
/// field. Bits 5 and 4 are ignored. What cannot be a command is an error (see [`decode`](Self::decode)).
///
/// ```
/// use enet_wire::{Body, ChannelId, Command, ReliableSeq};
///
/// let hello = Command {
///     channel: ChannelId::new(0),
///     seq: ReliableSeq(1),
///     acknowledge: true,
///     unsequenced: false,
///     body: Body::SendReliable { payload: b"hello" },
/// };
/// let mut buffer = [0; 64];
/// let len = hello.encode(&mut buffer)?;
/// assert_eq!(&buffer[..len], b"\x86\x00\x00\x01\x00\x05hello");
/// assert_eq!(Command::decode(&buffer[..len]), Ok((hello, &[][..])));
/// # Ok::<(), enet_wire::EncodeError>(())
/// ```
#[doc(alias = "ENetProtocolCommandHeader")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Command<'a> {
    /// The channel, or [`ChannelId::CONTROL`].
    pub channel: ChannelId,
    /// The reliable sequence number; what it counts depends on the kind (`PROTOCOL.md §2.4`).
    pub seq: ReliableSeq,
    /// Whether the sender wants an acknowledgement.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_FLAG_ACKNOWLEDGE")]
    pub acknowledge: bool,
    /// Set for unsequenced packets, and for a DISCONNECT nobody will acknowledge.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_FLAG_UNSEQUENCED")]
    pub unsequenced: bool,
    /// What the command says.
    pub body: Body<'a>,
}

impl<'a> Command<'a> {
    /// Which of the twelve commands this is.
    #[must_use]
    #[inline]
    pub const fn kind(&self) -> CommandKind {
        self.body.kind()
    }

    /// The payload; empty for a command that carries none.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.body.payload()
    }

    /// Bytes [`encode`](Self::encode) writes: the fixed part and the payload.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        self.kind().fixed_len() + self.payload().len()
    }

    /// The fixed part: the bytes to send before [`payload`](Self::payload). For senders that gather a datagram from
    /// pieces, and so need not copy payloads.
    ///
    /// The length field is the payload's length, at most 65,535: keep payloads shorter than that, as every datagram
    /// is.
    #[must_use]
    #[inline]
    pub fn head(&self) -> Head {
        self.put(IntoHead)
    }

    /// Writes the whole command to the start of `out` and returns its length,
    /// [`encoded_len`](Self::encoded_len).
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`] if `out` is shorter than that; [`EncodeError::PayloadTooLong`] for a payload
    /// above 65,535 bytes. `out` is then as it was.
    #[inline(always)]
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.put(IntoBuffer(out))
    }

    /// Inlined because most callers have just made the command: its kind is known there, and nearly all of this goes.
    #[inline(always)]
    fn put<S: Sink>(&self, sink: S) -> S::Output {
        let acknowledge = if self.acknowledge { ACKNOWLEDGE } else { 0 };
        let unsequenced = if self.unsequenced { UNSEQUENCED } else { 0 };
        self.body.put(acknowledge | unsequenced, self.channel.get(), self.seq.0.to_be_bytes(), sink)
    }

    /// The command at the start of `bytes`, and the bytes after it.
    ///
    /// # Errors
    /// - [`DecodeError::TruncatedCommand`] if `bytes` ends inside the command header or the fixed part.
    /// - [`DecodeError::UnknownCommand`] for the numbers 0 and 13 … 15.
    /// - [`DecodeError::TruncatedPayload`] if the payload is longer than what follows.
    ///
    /// The rest of the datagram is then to be ignored (`PROTOCOL.md §14.2`).
    ///
    /// Cheapest where the command stays where it was decoded, since `Command` has room for a CONNECT:
    ///
    /// ```
    /// # use enet_wire::{Command, DecodeError};
    /// # let mut seen = 0;
    /// # let mut run = |command: &Command<'_>| seen += command.encoded_len();
    /// # let datagram = [0x85, 0xFF, 0, 2, 0x86, 0, 0, 3, 0, 1, b'!'];
    /// let mut rest = &datagram[..];
    /// while !rest.is_empty() {
    ///     match Command::decode(rest) {
    ///         Ok((ref command, behind)) => {
    ///             run(command);
    ///             rest = behind;
    ///         }
    ///         Err(_) => break,
    ///     }
    /// }
    /// # assert_eq!(seen, datagram.len());
    /// ```
    // Inlined: two thirds of the work would be the call and the moves of what it returns.
    #[inline(always)]
    pub fn decode(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        match Self::decode_frequent(bytes) {
            Some(decoded) => Ok(decoded),
            None => Self::decode_any(bytes),
        }
    }

    /// [`decode`](Self::decode) where one expects a command of this kind. `None` for another, or for one that is cut short.
    ///
    /// For loops over what datagrams are full of: where the kind is a constant, what the other kinds need is not there.
    ///
    /// ```
    /// use enet_wire::{Body, Command, CommandKind};
    ///
    /// let datagram = [0x86, 0, 0, 3, 0, 1, b'!', 0x85, 0xFF, 0, 2];
    /// let (command, rest) = Command::decode_as(CommandKind::SendReliable, &datagram).unwrap();
    /// assert_eq!(command.body, Body::SendReliable { payload: b"!" });
    /// assert_eq!(Command::decode_as(CommandKind::SendReliable, rest), None);
    /// ```
    #[inline(always)]
    pub fn decode_as(kind: CommandKind, bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        if bytes.first()? & NUMBER != kind.number() {
            return None;
        }
        Self::decode(bytes).ok()
    }

    /// [`decode`](Self::decode) of the kinds most datagrams consist of: one look at the length finds all their fields.
    /// `None` leaves it to [`decode_any`](Self::decode_any), which knows the other kinds, and what is wrong.
    #[inline(always)]
    fn decode_frequent(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let &[first, channel, s0, s1, b4, b5, b6, b7] = bytes.first_chunk()?;
        let (half, next_half) = (u16::from_be_bytes([b4, b5]), u16::from_be_bytes([b6, b7]));
        let (body, rest) = match CommandKind::from_number(first & NUMBER)? {
            CommandKind::SendReliable => {
                let (payload, rest) = bytes.get(6..)?.split_at_checked(usize::from(half))?;
                (Body::SendReliable { payload }, rest)
            }
            CommandKind::Acknowledge => {
                let received_seq = ReliableSeq(half);
                (Body::Acknowledge { received_seq, received_sent_time: next_half }, bytes.get(8..)?)
            }
            CommandKind::SendUnreliable => {
                let (payload, rest) = bytes.get(8..)?.split_at_checked(usize::from(next_half))?;
                (Body::SendUnreliable { seq: UnreliableSeq(half), payload }, rest)
            }
            CommandKind::SendUnsequenced => {
                let (payload, rest) = bytes.get(8..)?.split_at_checked(usize::from(next_half))?;
                (Body::SendUnsequenced { group: UnsequencedGroup(half), payload }, rest)
            }
            CommandKind::Connect
            | CommandKind::VerifyConnect
            | CommandKind::Disconnect
            | CommandKind::Ping
            | CommandKind::SendFragment
            | CommandKind::BandwidthLimit
            | CommandKind::ThrottleConfigure
            | CommandKind::SendUnreliableFragment => return None,
        };
        Some((Self::new(first, channel, [s0, s1], body), rest))
    }

    /// [`decode`](Self::decode), whatever the kind and however little is left.
    #[inline(never)]
    fn decode_any(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let mut cut = Cut::new(bytes, DecodeError::TruncatedCommand);
        let &[first, channel, s0, s1] = cut.array()?;
        let number = first & NUMBER;
        let kind = CommandKind::from_number(number).ok_or(DecodeError::UnknownCommand(number))?;
        let body = Body::decode(kind, &mut cut)?;
        Ok((Self::new(first, channel, [s0, s1], body), cut.rest()))
    }

    #[inline]
    const fn new(first: u8, channel: u8, seq: [u8; 2], body: Body<'a>) -> Self {
        Self {
            channel: ChannelId::new(channel),
            seq: ReliableSeq(u16::from_be_bytes(seq)),
            acknowledge: first & ACKNOWLEDGE != 0,
            unsequenced: first & UNSEQUENCED != 0,
            body,
        }
    }
}

/// Keeps the fixed part by value.
struct IntoHead;

impl Sink for IntoHead {
    type Output = Head;

    #[inline]
    fn take<const N: usize, const T: usize>(self, words: [[u8; 4]; N], tail: [u8; T], _: &[u8]) -> Head {
        Head::of(words, tail)
    }
}

/// Writes the fixed part and the payload to the start of a buffer, or nothing.
struct IntoBuffer<'o>(&'o mut [u8]);

impl Sink for IntoBuffer<'_> {
    type Output = Result<usize, EncodeError>;

    #[inline(always)]
    fn take<const N: usize, const T: usize>(
        self,
        words: [[u8; 4]; N],
        tail: [u8; T],
        payload: &[u8],
    ) -> Self::Output {
        if payload.len() > usize::from(u16::MAX) {
            return Err(EncodeError::PayloadTooLong);
        }
        let len = 4 * N + T + payload.len();
        let room = self.0.get_mut(..len).ok_or(EncodeError::BufferTooSmall)?;
        let payload_room = put_fixed(room, words, tail).ok_or(EncodeError::BufferTooSmall)?;
        // Without any LTO this is a call, which a kind that never has a payload is spared.
        if !payload.is_empty() {
            payload_room.copy_from_slice(payload);
        }
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    /// Bytes that begin with `first` and announce, in both places where a length can be, a payload of `payload` bytes.
    fn bytes(first: u8, payload: u8, len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (1..=len).map(|at| u8::try_from(at).unwrap()).collect();
        for (at, byte) in [(0, first), (4, 0), (5, payload), (6, 0), (7, payload)] {
            if let Some(room) = bytes.get_mut(at) {
                *room = byte;
            }
        }
        bytes
    }

    #[test]
    fn the_short_way_decodes_what_the_long_way_does_or_leaves_it_to_it() {
        let mut short = Vec::new();
        // Miri is a thousand times slower: it gets every command, and some of their flags and lengths.
        let [flags, payloads, lens] = if cfg!(miri) { [0x8F, 5, 14] } else { [0xFF, 1, 1] };
        for first in (0..=u8::MAX).filter(|first| first & flags == *first) {
            let lens = || (0..60).step_by(lens.into());
            for (payload, len) in
                (0..12).step_by(payloads.into()).flat_map(|it| lens().map(move |len| (it, len)))
            {
                let bytes = bytes(first, payload, len);
                if let Some(decoded) = Command::decode_frequent(&bytes) {
                    assert_eq!(Command::decode_any(&bytes), Ok(decoded), "{bytes:02X?}");
                    short.push(decoded.0.kind());
                }
                assert_eq!(Command::decode(&bytes), Command::decode_any(&bytes), "{bytes:02X?}");
            }
        }
        short.sort();
        short.dedup();
        let frequent = [
            CommandKind::Acknowledge,
            CommandKind::SendReliable,
            CommandKind::SendUnreliable,
            CommandKind::SendUnsequenced,
        ];
        assert_eq!(short, frequent);
    }

    #[test]
    fn a_command_too_short_for_the_short_way_is_decoded_all_the_same() {
        // SEND_RELIABLE with one byte of payload: seven bytes in all.
        let bytes = [0x86, 0, 0, 1, 0, 1, b'!'];
        assert_eq!(Command::decode_frequent(&bytes), None);
        let (command, rest) = Command::decode(&bytes).unwrap();
        assert_eq!(command.payload(), b"!");
        assert_eq!(rest, []);
    }
}
