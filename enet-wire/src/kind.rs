//! `CommandKind`: the twelve commands by number.

/// The twelve commands; the discriminant is the number on the wire (`PROTOCOL.md §2.2`).
///
/// ```
/// use enet_wire::CommandKind;
///
/// assert_eq!(CommandKind::from_number(5), Some(CommandKind::Ping));
/// assert_eq!(CommandKind::Ping.number(), 5);
/// assert_eq!(CommandKind::Connect.fixed_len(), 48);
/// assert_eq!(CommandKind::from_number(13), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CommandKind {
    /// A reliable command has arrived.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_ACKNOWLEDGE")]
    Acknowledge = 1,
    /// Asks for a connection.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_CONNECT")]
    Connect = 2,
    /// Grants it.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_VERIFY_CONNECT")]
    VerifyConnect = 3,
    /// Ends it.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_DISCONNECT")]
    Disconnect = 4,
    /// Keeps it alive.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_PING")]
    Ping = 5,
    /// A packet that arrives, in order.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_SEND_RELIABLE")]
    SendReliable = 6,
    /// A packet that may be lost, in order.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_SEND_UNRELIABLE")]
    SendUnreliable = 7,
    /// A piece of a large packet that arrives.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_SEND_FRAGMENT")]
    SendFragment = 8,
    /// A packet that may be lost, in any order.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_SEND_UNSEQUENCED")]
    SendUnsequenced = 9,
    /// The sender's bandwidth has changed.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_BANDWIDTH_LIMIT")]
    BandwidthLimit = 10,
    /// How the other end is to adapt its packet throttle.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_THROTTLE_CONFIGURE")]
    ThrottleConfigure = 11,
    /// A piece of a large packet that may be lost.
    #[doc(alias = "ENET_PROTOCOL_COMMAND_SEND_UNRELIABLE_FRAGMENT")]
    SendUnreliableFragment = 12,
}

impl CommandKind {
    /// The command with this number, or `None` for 0 and everything above 12.
    #[must_use]
    #[inline]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Acknowledge,
            2 => Self::Connect,
            3 => Self::VerifyConnect,
            4 => Self::Disconnect,
            5 => Self::Ping,
            6 => Self::SendReliable,
            7 => Self::SendUnreliable,
            8 => Self::SendFragment,
            9 => Self::SendUnsequenced,
            10 => Self::BandwidthLimit,
            11 => Self::ThrottleConfigure,
            12 => Self::SendUnreliableFragment,
            _ => return None,
        })
    }

    /// The number on the wire, `1 … 12`.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Bytes of the fixed part: command header and body without payload (`PROTOCOL.md §2.2`).
    #[must_use]
    #[inline]
    pub const fn fixed_len(self) -> usize {
        match self {
            Self::Acknowledge => 8,
            Self::Connect => 48,
            Self::VerifyConnect => 44,
            Self::Disconnect => 8,
            Self::Ping => 4,
            Self::SendReliable => 6,
            Self::SendUnreliable => 8,
            Self::SendFragment => 24,
            Self::SendUnsequenced => 8,
            Self::BandwidthLimit => 12,
            Self::ThrottleConfigure => 16,
            Self::SendUnreliableFragment => 24,
        }
    }
}
