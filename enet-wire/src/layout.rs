//! The layout of each command body: taken from bytes, and put into them.

use crate::cut::Cut;
use crate::{
    Body, CommandKind, Connect, ConnectId, DecodeError, Fragment, ReliableSeq, ThrottleConfigure,
    UnreliableSeq, UnsequencedGroup, VerifyConnect,
};

/// What is to happen with the bytes of a command. Each layout names those of its fixed part once, as arrays: the
/// compiler knows how many there are, and every sink comes down to plain stores.
pub(crate) trait Sink {
    type Output;

    /// Takes the fixed part, command header included: its words and the `T` bytes after them, 2 or none. And the
    /// payload.
    fn take<const N: usize, const T: usize>(
        self,
        words: [[u8; 4]; N],
        tail: [u8; T],
        payload: &[u8],
    ) -> Self::Output;
}

impl<'a> Body<'a> {
    /// The body of a `kind` from the bytes that follow the command header.
    #[inline]
    pub(crate) fn decode(kind: CommandKind, cut: &mut Cut<'a>) -> Result<Self, DecodeError> {
        Ok(match kind {
            CommandKind::Acknowledge => {
                Self::Acknowledge { received_seq: ReliableSeq(cut.u16()?), received_sent_time: cut.u16()? }
            }
            CommandKind::Connect => Self::Connect(Connect::decode(cut)?),
            CommandKind::VerifyConnect => Self::VerifyConnect(VerifyConnect::decode(cut)?),
            CommandKind::Disconnect => Self::Disconnect { data: cut.u32()? },
            CommandKind::Ping => Self::Ping,
            CommandKind::SendReliable => Self::SendReliable { payload: decode_payload(cut)? },
            CommandKind::SendUnreliable => {
                Self::SendUnreliable { seq: UnreliableSeq(cut.u16()?), payload: decode_payload(cut)? }
            }
            CommandKind::SendFragment => Self::SendFragment(Fragment::decode(cut)?),
            CommandKind::SendUnsequenced => {
                Self::SendUnsequenced { group: UnsequencedGroup(cut.u16()?), payload: decode_payload(cut)? }
            }
            CommandKind::BandwidthLimit => {
                Self::BandwidthLimit { incoming: cut.u32()?, outgoing: cut.u32()? }
            }
            CommandKind::ThrottleConfigure => Self::ThrottleConfigure(ThrottleConfigure::decode(cut)?),
            CommandKind::SendUnreliableFragment => Self::SendUnreliableFragment(Fragment::decode(cut)?),
        })
    }
}

impl Connect {
    fn decode(cut: &mut Cut<'_>) -> Result<Self, DecodeError> {
        let shared = VerifyConnect::decode(cut)?;
        Ok(Self {
            outgoing_peer: shared.outgoing_peer,
            incoming_session: shared.incoming_session,
            outgoing_session: shared.outgoing_session,
            mtu: shared.mtu,
            window_size: shared.window_size,
            channel_count: shared.channel_count,
            incoming_bandwidth: shared.incoming_bandwidth,
            outgoing_bandwidth: shared.outgoing_bandwidth,
            throttle: shared.throttle,
            connect_id: shared.connect_id,
            data: cut.u32()?,
        })
    }
}

impl VerifyConnect {
    fn decode(cut: &mut Cut<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            outgoing_peer: cut.u16()?,
            incoming_session: cut.u8()?,
            outgoing_session: cut.u8()?,
            mtu: cut.u32()?,
            window_size: cut.u32()?,
            channel_count: cut.u32()?,
            incoming_bandwidth: cut.u32()?,
            outgoing_bandwidth: cut.u32()?,
            throttle: ThrottleConfigure::decode(cut)?,
            connect_id: ConnectId(*cut.array()?),
        })
    }
}

impl ThrottleConfigure {
    fn decode(cut: &mut Cut<'_>) -> Result<Self, DecodeError> {
        Ok(Self { interval: cut.u32()?, acceleration: cut.u32()?, deceleration: cut.u32()? })
    }
}

impl<'a> Fragment<'a> {
    #[inline]
    fn decode(cut: &mut Cut<'a>) -> Result<Self, DecodeError> {
        let mut fixed = cut.fixed::<20>()?;
        let start = fixed.u16()?;
        let len = fixed.u16()?;
        Ok(Self {
            start,
            count: fixed.u32()?,
            number: fixed.u32()?,
            total_length: fixed.u32()?,
            offset: fixed.u32()?,
            payload: cut.payload(len)?,
        })
    }
}

#[inline]
fn decode_payload<'a>(cut: &mut Cut<'a>) -> Result<&'a [u8], DecodeError> {
    let len = cut.u16()?;
    cut.payload(len)
}

impl Body<'_> {
    /// Gives `sink` the fixed part of a command with this body, which begins with `flags`, `channel` and `seq`, and
    /// the payload.
    ///
    /// The kinds most datagrams consist of are put where this is called; the rest is out of the way.
    #[inline(always)]
    pub(crate) fn put<S: Sink>(&self, flags: u8, channel: u8, [high, low]: [u8; 2], sink: S) -> S::Output {
        let command = |kind: CommandKind| [flags | kind.number(), channel, high, low];
        match self {
            Self::SendReliable { payload } => {
                sink.take([command(CommandKind::SendReliable)], length_field(payload), payload)
            }
            Self::Acknowledge { received_seq, received_sent_time } => {
                let fields = pair(received_seq.0.to_be_bytes(), received_sent_time.to_be_bytes());
                sink.take([command(CommandKind::Acknowledge), fields], [], &[])
            }
            Self::SendUnreliable { seq, payload } => {
                let fields = pair(seq.0.to_be_bytes(), length_field(payload));
                sink.take([command(CommandKind::SendUnreliable), fields], [], payload)
            }
            Self::SendUnsequenced { group, payload } => {
                let fields = pair(group.0.to_be_bytes(), length_field(payload));
                sink.take([command(CommandKind::SendUnsequenced), fields], [], payload)
            }
            Self::SendFragment(fragment) => {
                let command = command(CommandKind::SendFragment);
                sink.take(fragment.layout(command), [], fragment.payload)
            }
            Self::Ping
            | Self::Connect(_)
            | Self::VerifyConnect(_)
            | Self::Disconnect { .. }
            | Self::BandwidthLimit { .. }
            | Self::ThrottleConfigure(_)
            | Self::SendUnreliableFragment(_) => self.put_rare(command(self.kind()), sink),
        }
    }

    #[inline(never)]
    fn put_rare<S: Sink>(&self, command: [u8; 4], sink: S) -> S::Output {
        match self {
            Self::Connect(connect) => sink.take(connect.layout(command), [], &[]),
            Self::VerifyConnect(verify) => sink.take(verify.layout(command), [], &[]),
            Self::Disconnect { data } => sink.take([command, data.to_be_bytes()], [], &[]),
            Self::BandwidthLimit { incoming, outgoing } => {
                sink.take([command, incoming.to_be_bytes(), outgoing.to_be_bytes()], [], &[])
            }
            Self::ThrottleConfigure(throttle) => {
                let [interval, acceleration, deceleration] = throttle.layout();
                sink.take([command, interval, acceleration, deceleration], [], &[])
            }
            Self::SendUnreliableFragment(fragment) => {
                sink.take(fragment.layout(command), [], fragment.payload)
            }
            // A PING is its header. The others are put above, and never come here.
            Self::Ping
            | Self::SendReliable { .. }
            | Self::Acknowledge { .. }
            | Self::SendUnreliable { .. }
            | Self::SendUnsequenced { .. }
            | Self::SendFragment(_) => sink.take([command], [], &[]),
        }
    }
}

impl Connect {
    fn layout(&self, command: [u8; 4]) -> [[u8; 4]; 12] {
        let [peer_high, peer_low] = self.outgoing_peer.to_be_bytes();
        let [interval, acceleration, deceleration] = self.throttle.layout();
        [
            command,
            [peer_high, peer_low, self.incoming_session, self.outgoing_session],
            self.mtu.to_be_bytes(),
            self.window_size.to_be_bytes(),
            self.channel_count.to_be_bytes(),
            self.incoming_bandwidth.to_be_bytes(),
            self.outgoing_bandwidth.to_be_bytes(),
            interval,
            acceleration,
            deceleration,
            self.connect_id.0,
            self.data.to_be_bytes(),
        ]
    }
}

impl VerifyConnect {
    fn layout(&self, command: [u8; 4]) -> [[u8; 4]; 11] {
        let [peer_high, peer_low] = self.outgoing_peer.to_be_bytes();
        let [interval, acceleration, deceleration] = self.throttle.layout();
        [
            command,
            [peer_high, peer_low, self.incoming_session, self.outgoing_session],
            self.mtu.to_be_bytes(),
            self.window_size.to_be_bytes(),
            self.channel_count.to_be_bytes(),
            self.incoming_bandwidth.to_be_bytes(),
            self.outgoing_bandwidth.to_be_bytes(),
            interval,
            acceleration,
            deceleration,
            self.connect_id.0,
        ]
    }
}

impl ThrottleConfigure {
    fn layout(&self) -> [[u8; 4]; 3] {
        [self.interval.to_be_bytes(), self.acceleration.to_be_bytes(), self.deceleration.to_be_bytes()]
    }
}

impl Fragment<'_> {
    #[inline]
    fn layout(&self, command: [u8; 4]) -> [[u8; 4]; 6] {
        [
            command,
            pair(self.start.to_be_bytes(), length_field(self.payload)),
            self.count.to_be_bytes(),
            self.number.to_be_bytes(),
            self.total_length.to_be_bytes(),
            self.offset.to_be_bytes(),
        ]
    }
}

#[inline]
const fn pair([a, b]: [u8; 2], [c, d]: [u8; 2]) -> [u8; 4] {
    [a, b, c, d]
}

/// Saturates; `Command::encode` refuses longer payloads before it comes to that.
#[inline]
fn length_field(payload: &[u8]) -> [u8; 2] {
    u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes()
}
