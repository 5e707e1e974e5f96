//! Command bodies: what follows the 4 bytes every command starts with.

use crate::{CommandKind, ConnectId, ReliableSeq, UnreliableSeq, UnsequencedGroup};

/// What a command says, by kind. Offsets in the layouts count from the start of the command, whose first 4 bytes are
/// the command header; integers are big-endian (`PROTOCOL.md §2.3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body<'a> {
    /// A command has arrived.
    ///
    /// ```text
    ///  4              6              8
    /// +--------------+--------------+
    /// | receivedSeq  | receivedSent |
    /// | u16          | Time u16     |
    /// +--------------+--------------+
    /// ```
    ///
    /// A sender sets the command header's number to `received_seq` too; a receiver reads only the one here.
    #[doc(alias = "ENetProtocolAcknowledge")]
    Acknowledge {
        /// The number of the command that has arrived.
        received_seq: ReliableSeq,
        /// The time of sending of the datagram it arrived in, echoed.
        received_sent_time: u16,
    },
    /// Asks for a connection.
    Connect(Connect),
    /// Grants a connection.
    VerifyConnect(VerifyConnect),
    /// Ends the connection.
    ///
    /// ```text
    ///  4                             8
    /// +-----------------------------+
    /// | data u32                    |
    /// +-----------------------------+
    /// ```
    #[doc(alias = "ENetProtocolDisconnect")]
    Disconnect {
        /// The user's value for the other end's disconnect event.
        data: u32,
    },
    /// Keeps the connection alive. No body: the command is its header.
    #[doc(alias = "ENetProtocolPing")]
    Ping,
    /// A packet that arrives, in order.
    ///
    /// ```text
    ///  4              6
    /// +--------------+------------------
    /// | dataLength   | payload …
    /// | u16          |
    /// +--------------+------------------
    /// ```
    #[doc(alias = "ENetProtocolSendReliable")]
    SendReliable {
        /// The packet.
        payload: &'a [u8],
    },
    /// A packet that may be lost, in order.
    ///
    /// ```text
    ///  4              6              8
    /// +--------------+--------------+------------------
    /// | unreliable   | dataLength   | payload …
    /// | Seq u16      | u16          |
    /// +--------------+--------------+------------------
    /// ```
    #[doc(alias = "ENetProtocolSendUnreliable")]
    SendUnreliable {
        /// The packet's number since the channel's last reliable command.
        seq: UnreliableSeq,
        /// The packet.
        payload: &'a [u8],
    },
    /// A piece of a large packet that arrives.
    SendFragment(Fragment<'a>),
    /// A packet that may be lost, in any order.
    ///
    /// ```text
    ///  4              6              8
    /// +--------------+--------------+------------------
    /// | group u16    | dataLength   | payload …
    /// |              | u16          |
    /// +--------------+--------------+------------------
    /// ```
    #[doc(alias = "ENetProtocolSendUnsequenced")]
    SendUnsequenced {
        /// The packet's number among the unsequenced packets of the connection.
        group: UnsequencedGroup,
        /// The packet.
        payload: &'a [u8],
    },
    /// The sender's bandwidth has changed.
    ///
    /// ```text
    ///  4                             8                             12
    /// +-----------------------------+-----------------------------+
    /// | incomingBandwidth u32       | outgoingBandwidth u32       |
    /// +-----------------------------+-----------------------------+
    /// ```
    #[doc(alias = "ENetProtocolBandwidthLimit")]
    BandwidthLimit {
        /// The sender's own downstream limit, in bytes per second, 0 for none.
        incoming: u32,
        /// The sender's own upstream limit, in bytes per second, 0 for none.
        outgoing: u32,
    },
    /// How the receiver is to adapt its packet throttle.
    ///
    /// ```text
    ///  4               8               12              16
    /// +---------------+---------------+---------------+
    /// | interval u32  | acceleration  | deceleration  |
    /// |               | u32           | u32           |
    /// +---------------+---------------+---------------+
    /// ```
    #[doc(alias = "ENetProtocolThrottleConfigure")]
    ThrottleConfigure(ThrottleConfigure),
    /// A piece of a large packet that may be lost.
    SendUnreliableFragment(Fragment<'a>),
}

/// Asks for a connection: CONNECT (`PROTOCOL.md §2.3`, `§6.1`).
///
/// ```text
///  4               6       7       8
/// +---------------+-------+-------+
/// | outgoingPeer  | in    | out   |   sessions: incoming, outgoing
/// | u16           | sess. | sess. |
/// +---------------+-------+-------+-------------------------------+
/// | 8  mtu u32                    | 12 windowSize u32             |
/// +-------------------------------+-------------------------------+
/// | 16 channelCount u32           | 20 incomingBandwidth u32      |
/// +-------------------------------+-------------------------------+
/// | 24 outgoingBandwidth u32      | 28 throttle interval u32      |
/// +-------------------------------+-------------------------------+
/// | 32 throttle acceleration u32  | 36 throttle deceleration u32  |
/// +-------------------------------+-------------------------------+
/// | 40 connectID, 4 opaque bytes  | 44 data u32                   |  48
/// +-------------------------------+-------------------------------+
/// ```
///
/// Every field is as sent; none has been checked.
#[doc(alias = "ENetProtocolConnect")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Connect {
    /// The sender's peer that replies must name in their header. A valid one is at most 0xFFE; anything above must
    /// be refused, or it would set flags in every reply (`PROTOCOL.md §17.4`).
    pub outgoing_peer: u16,
    /// The sender's last incoming session, 0xFF if it never had one.
    pub incoming_session: u8,
    /// The sender's last outgoing session, 0xFF if it never had one.
    pub outgoing_session: u8,
    /// Largest datagram, in bytes of UDP payload.
    pub mtu: u32,
    /// Most reliable data in flight, in bytes.
    pub window_size: u32,
    /// How many channels the connection is to have.
    pub channel_count: u32,
    /// The sender's own downstream limit, in bytes per second, 0 for none.
    pub incoming_bandwidth: u32,
    /// The sender's own upstream limit, in bytes per second, 0 for none.
    pub outgoing_bandwidth: u32,
    /// How the receiver is to adapt its packet throttle.
    pub throttle: ThrottleConfigure,
    /// The connection's id, chosen by the client.
    pub connect_id: ConnectId,
    /// The user's value for the other end's connect event.
    pub data: u32,
}

/// Grants a connection: VERIFY_CONNECT (`PROTOCOL.md §2.3`, `§6.2`). The layout is that of [`Connect`] without its
/// last field, 44 bytes.
///
/// Every field is as sent; none has been checked.
#[doc(alias = "ENetProtocolVerifyConnect")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct VerifyConnect {
    /// The sender's peer that the receiver must name in its headers from now on; a valid one is at most 0xFFE.
    pub outgoing_peer: u16,
    /// The session of datagrams the receiver of this command will get; a valid one is at most 3.
    pub incoming_session: u8,
    /// The session of datagrams the receiver of this command must send; a valid one is at most 3.
    pub outgoing_session: u8,
    /// Largest datagram, in bytes of UDP payload.
    pub mtu: u32,
    /// Most reliable data in flight, in bytes.
    pub window_size: u32,
    /// How many channels the connection has.
    pub channel_count: u32,
    /// The sender's own downstream limit, in bytes per second, 0 for none.
    pub incoming_bandwidth: u32,
    /// The sender's own upstream limit, in bytes per second, 0 for none.
    pub outgoing_bandwidth: u32,
    /// The throttle parameters of the CONNECT, repeated.
    pub throttle: ThrottleConfigure,
    /// The id of the CONNECT, repeated.
    pub connect_id: ConnectId,
}

/// How a packet throttle adapts to the round trip time (`PROTOCOL.md §10.2`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ThrottleConfigure {
    /// Time between two measurements, in milliseconds; 0 is legal.
    pub interval: u32,
    /// What is added to the throttle, of 32, when round trips are short.
    pub acceleration: u32,
    /// What is taken from the throttle, of 32, when round trips are long.
    pub deceleration: u32,
}

/// A piece of a packet too large for one datagram: SEND_FRAGMENT and SEND_UNRELIABLE_FRAGMENT (`PROTOCOL.md §2.3`,
/// `§12.8`).
///
/// ```text
///  4              6              8
/// +--------------+--------------+-----------------------------+
/// | startSeq u16 | dataLength   | fragmentCount u32           |
/// |              | u16          |                             |
/// +--------------+--------------+-----------------------------+
/// | 12 fragmentNumber u32       | 16 totalLength u32          |
/// +-----------------------------+-----------------------------+
/// | 20 fragmentOffset u32       | 24 payload …
/// +-----------------------------+------------------
/// ```
///
/// Every field is as sent: nothing says yet that the piece lies inside the packet.
#[doc(alias = "ENetProtocolSendFragment")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fragment<'a> {
    /// The number the packet's fragments have in common: the first one's reliable number, or the packet's unreliable
    /// number.
    pub start: u16,
    /// How many fragments the packet has.
    pub count: u32,
    /// Which of them this is, counted from 0.
    pub number: u32,
    /// Length of the whole packet in bytes.
    pub total_length: u32,
    /// Where in the packet this fragment's payload begins, in bytes.
    pub offset: u32,
    /// This fragment's part of the packet.
    pub payload: &'a [u8],
}

impl<'a> Body<'a> {
    #[inline]
    pub(crate) const fn kind(&self) -> CommandKind {
        match self {
            Self::Acknowledge { .. } => CommandKind::Acknowledge,
            Self::Connect(_) => CommandKind::Connect,
            Self::VerifyConnect(_) => CommandKind::VerifyConnect,
            Self::Disconnect { .. } => CommandKind::Disconnect,
            Self::Ping => CommandKind::Ping,
            Self::SendReliable { .. } => CommandKind::SendReliable,
            Self::SendUnreliable { .. } => CommandKind::SendUnreliable,
            Self::SendFragment(_) => CommandKind::SendFragment,
            Self::SendUnsequenced { .. } => CommandKind::SendUnsequenced,
            Self::BandwidthLimit { .. } => CommandKind::BandwidthLimit,
            Self::ThrottleConfigure(_) => CommandKind::ThrottleConfigure,
            Self::SendUnreliableFragment(_) => CommandKind::SendUnreliableFragment,
        }
    }

    #[inline]
    pub(crate) const fn payload(&self) -> &'a [u8] {
        match *self {
            Self::SendReliable { payload }
            | Self::SendUnreliable { payload, .. }
            | Self::SendUnsequenced { payload, .. }
            | Self::SendFragment(Fragment { payload, .. })
            | Self::SendUnreliableFragment(Fragment { payload, .. }) => payload,
            Self::Acknowledge { .. }
            | Self::Connect(_)
            | Self::VerifyConnect(_)
            | Self::Disconnect { .. }
            | Self::Ping
            | Self::BandwidthLimit { .. }
            | Self::ThrottleConfigure(_) => &[],
        }
    }
}
