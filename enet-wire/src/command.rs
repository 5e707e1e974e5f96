//! `Command`: one command with its header, and its encoding.

use crate::cut::Cut;
use crate::{Body, ChannelId, CommandKind, DecodeError, EncodeError, Head, ReliableSeq};

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
    pub const fn kind(&self) -> CommandKind {
        self.body.kind()
    }

    /// The payload; empty for a command that carries none.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.body.payload()
    }

    /// Bytes [`encode`](Self::encode) writes: the fixed part and the payload.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.kind().fixed_len() + self.payload().len()
    }

    /// The fixed part: the bytes to send before [`payload`](Self::payload). For senders that gather a datagram from
    /// pieces, and so need not copy payloads.
    ///
    /// The length field is the payload's length, at most 65,535: keep payloads shorter than that, as every datagram
    /// is.
    #[must_use]
    pub fn head(&self) -> Head {
        let mut first = self.kind().number();
        if self.acknowledge {
            first |= ACKNOWLEDGE;
        }
        if self.unsequenced {
            first |= UNSEQUENCED;
        }
        let mut head = Head::new();
        head.put([first, self.channel.get()]);
        head.put_u16(self.seq.0);
        self.body.encode(&mut head);
        head
    }

    /// Writes the whole command to the start of `out` and returns its length,
    /// [`encoded_len`](Self::encoded_len).
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`] if `out` is shorter than that; [`EncodeError::PayloadTooLong`] for a payload
    /// above 65,535 bytes. `out` is then as it was.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let head: &[u8] = &self.head();
        let payload = self.payload();
        if payload.len() > usize::from(u16::MAX) {
            return Err(EncodeError::PayloadTooLong);
        }
        let (fixed_room, rest) = out.split_at_mut_checked(head.len()).ok_or(EncodeError::BufferTooSmall)?;
        let payload_room = rest.get_mut(..payload.len()).ok_or(EncodeError::BufferTooSmall)?;
        fixed_room.copy_from_slice(head);
        payload_room.copy_from_slice(payload);
        Ok(self.encoded_len())
    }

    /// The command at the start of `bytes`, and the bytes after it.
    ///
    /// # Errors
    /// - [`DecodeError::TruncatedCommand`] if `bytes` ends inside the command header or the fixed part.
    /// - [`DecodeError::UnknownCommand`] for the numbers 0 and 13 … 15.
    /// - [`DecodeError::TruncatedPayload`] if the payload is longer than what follows.
    ///
    /// The rest of the datagram is then to be ignored (`PROTOCOL.md §14.2`).
    pub fn decode(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let mut cut = Cut::new(bytes, DecodeError::TruncatedCommand);
        let [first, channel, high, low] = cut.array()?;
        let number = first & NUMBER;
        let kind = CommandKind::from_number(number).ok_or(DecodeError::UnknownCommand(number))?;
        let command = Self {
            channel: ChannelId::new(channel),
            seq: ReliableSeq(u16::from_be_bytes([high, low])),
            acknowledge: first & ACKNOWLEDGE != 0,
            unsequenced: first & UNSEQUENCED != 0,
            body: Body::decode(kind, &mut cut)?,
        };
        Ok((command, cut.rest()))
    }
}
