//! Commands as a stock sender writes them (PROTOCOL.md §2.2), for tests that forge datagrams.
//!
//! ```
//! use enet_testkit::{commands, describe};
//! let command = commands::unreliable(1, 4, 2, b"hi");
//! assert_eq!(describe(&command), "UNRELIABLE 1#4.2 [2] 6869");
//! ```

use enet_wire::{
    Body, ChannelId, Command, Connect, ConnectId, Fragment, ReliableSeq, ThrottleConfigure, UnreliableSeq,
    UnsequencedGroup,
};

/// A command on the control channel that wants an acknowledgement.
pub const fn control(seq: u16, body: Body<'_>) -> Command<'_> {
    Command {
        channel: ChannelId::CONTROL,
        seq: ReliableSeq(seq),
        acknowledge: true,
        unsequenced: false,
        body,
    }
}

const fn data(channel: u8, seq: u16, acknowledge: bool, body: Body<'_>) -> Command<'_> {
    Command { channel: ChannelId::new(channel), seq: ReliableSeq(seq), acknowledge, unsequenced: false, body }
}

/// CONNECT, the first command of a connection. See [`stock_connect`].
pub const fn connect(connect: Connect) -> Command<'static> {
    control(1, Body::Connect(connect))
}

/// What a stock client with default settings asks for on its first slot: 1 channel, no limits, no data.
pub const fn stock_connect(connect_id: [u8; 4]) -> Connect {
    Connect {
        outgoing_peer: 0,
        incoming_session: 0xff,
        outgoing_session: 0xff,
        mtu: 1392,
        window_size: 65_536,
        channel_count: 1,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle: ThrottleConfigure { interval: 5000, acceleration: 2, deceleration: 2 },
        connect_id: ConnectId(connect_id),
        data: 0,
    }
}

/// PING
pub const fn ping(seq: u16) -> Command<'static> {
    control(seq, Body::Ping)
}

/// DISCONNECT that wants an acknowledgement.
pub const fn disconnect(seq: u16, data: u32) -> Command<'static> {
    control(seq, Body::Disconnect { data })
}

/// DISCONNECT that nobody will acknowledge.
pub const fn disconnect_now(seq: u16, data: u32) -> Command<'static> {
    Command { acknowledge: false, unsequenced: true, ..disconnect(seq, data) }
}

/// ACKNOWLEDGE of what was sent as `seq` on `channel` in a datagram of that `sent_time`. The control channel is 0xFF.
pub const fn acknowledge(channel: u8, seq: u16, sent_time: u16) -> Command<'static> {
    let body = Body::Acknowledge { received_seq: ReliableSeq(seq), received_sent_time: sent_time };
    data(channel, seq, false, body)
}

/// SEND_RELIABLE
pub const fn reliable(channel: u8, seq: u16, payload: &[u8]) -> Command<'_> {
    data(channel, seq, true, Body::SendReliable { payload })
}

/// SEND_UNRELIABLE number `unreliable` after the reliable number `seq`.
pub const fn unreliable(channel: u8, seq: u16, unreliable: u16, payload: &[u8]) -> Command<'_> {
    data(channel, seq, false, Body::SendUnreliable { seq: UnreliableSeq(unreliable), payload })
}

/// SEND_UNSEQUENCED
pub const fn unsequenced(channel: u8, group: u16, payload: &[u8]) -> Command<'_> {
    let body = Body::SendUnsequenced { group: UnsequencedGroup(group), payload };
    Command { unsequenced: true, ..data(channel, 0, false, body) }
}

/// SEND_FRAGMENT
pub const fn fragment(channel: u8, seq: u16, fragment: Fragment<'_>) -> Command<'_> {
    data(channel, seq, true, Body::SendFragment(fragment))
}

/// SEND_UNRELIABLE_FRAGMENT after the reliable number `seq`.
pub const fn unreliable_fragment(channel: u8, seq: u16, fragment: Fragment<'_>) -> Command<'_> {
    data(channel, seq, false, Body::SendUnreliableFragment(fragment))
}

/// BANDWIDTH_LIMIT
pub const fn bandwidth_limit(seq: u16, incoming: u32, outgoing: u32) -> Command<'static> {
    control(seq, Body::BandwidthLimit { incoming, outgoing })
}

/// THROTTLE_CONFIGURE
pub const fn throttle_configure(seq: u16, throttle: ThrottleConfigure) -> Command<'static> {
    control(seq, Body::ThrottleConfigure(throttle))
}
