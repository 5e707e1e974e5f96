//! What a peer of the C library measures and has agreed upon.

use crate::abi::peer;
use crate::{CHost, CPeer};

/// Fields of an `ENetPeer`. They keep their last values when the connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CPeerStats {
    /// `ENetPeerState` as a number (PROTOCOL.md §7).
    pub state: u32,
    /// The connect id.
    pub connect_id: u32,
    /// Mean round trip time in ms.
    pub rtt: u32,
    /// Its variance in ms.
    pub rtt_variance: u32,
    /// `packetThrottle`, of 32: the share of unreliable packets that are sent.
    pub throttle: u32,
    /// `packetThrottleLimit`, of 32: what the throttle may rise to.
    pub throttle_limit: u32,
    /// Bytes of reliable packets sent and not yet acknowledged.
    pub reliable_data_in_transit: u32,
    /// Whether anything is queued or not yet acknowledged.
    pub is_busy: bool,
    /// Bytes of packets received and not yet fetched.
    pub waiting_data: u32,
    /// Reliable commands sent again in the present ten seconds.
    pub packets_lost: u32,
    /// Mean share of reliable commands sent again, of 65,536.
    pub packet_loss: u32,
    /// The negotiated MTU.
    pub mtu: u32,
    /// The negotiated window in bytes.
    pub window: u32,
    /// The remote host's downstream, bytes/s, 0 = unlimited.
    pub incoming_bandwidth: u32,
    /// The remote host's upstream, bytes/s, 0 = unlimited.
    pub outgoing_bandwidth: u32,
}

impl CPeerStats {
    pub(crate) fn of(host: &CHost, peer: CPeer) -> CPeerStats {
        let field = |place| host.peer_field(peer, place);
        CPeerStats {
            state: field(peer::STATE),
            connect_id: field(peer::CONNECT_ID),
            rtt: field(peer::ROUND_TRIP_TIME),
            rtt_variance: field(peer::ROUND_TRIP_TIME_VARIANCE),
            throttle: field(peer::PACKET_THROTTLE),
            throttle_limit: field(peer::PACKET_THROTTLE_LIMIT),
            reliable_data_in_transit: field(peer::RELIABLE_DATA_IN_TRANSIT),
            is_busy: host.has_commands(peer),
            waiting_data: u32::try_from(host.waiting_data(peer)).unwrap_or(u32::MAX),
            packets_lost: field(peer::PACKETS_LOST),
            packet_loss: field(peer::PACKET_LOSS),
            mtu: field(peer::MTU),
            window: field(peer::WINDOW_SIZE),
            incoming_bandwidth: field(peer::INCOMING_BANDWIDTH),
            outgoing_bandwidth: field(peer::OUTGOING_BANDWIDTH),
        }
    }
}
