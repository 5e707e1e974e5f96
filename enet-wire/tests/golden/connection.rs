//! Connecting, staying connected, disconnecting.

use enet_wire::{Body, Connect, Header, Session, ThrottleConfigure, VerifyConnect, WirePeerId};

use crate::{CONNECT_ID, DEFAULT_THROTTLE, acknowledged, acknowledgement, assert_golden, plain, to_peer_0};

const CONTROL: u8 = 0xFF;

#[test]
fn a_client_asks_for_two_channels() {
    #[rustfmt::skip]
    let bytes = [
        0x8F, 0xFF,                 // SENT_TIME, session 0, peer unknown
        0x42, 0x40,                 // sentTime
        0x82, 0xFF, 0x00, 0x01,     // CONNECT | ACKNOWLEDGE, control, number 1
        0x00, 0x00,                 // outgoingPeerID: the client's peer 0
        0xFF, 0xFF,                 // sessions: never had any
        0x00, 0x00, 0x05, 0x70,     // mtu 1392
        0x00, 0x01, 0x00, 0x00,     // windowSize 65536
        0x00, 0x00, 0x00, 0x02,     // channelCount 2
        0x00, 0x00, 0x00, 0x00,     // incomingBandwidth: no limit
        0x00, 0x00, 0x00, 0x00,     // outgoingBandwidth: no limit
        0x00, 0x00, 0x13, 0x88,     // packetThrottleInterval 5000 ms
        0x00, 0x00, 0x00, 0x02,     // packetThrottleAcceleration
        0x00, 0x00, 0x00, 0x02,     // packetThrottleDeceleration
        0x22, 0xC1, 0x28, 0x4A,     // connectID, opaque
        0xDE, 0xAD, 0xBE, 0xEF,     // data
    ];
    let connect = Connect {
        outgoing_peer: 0,
        incoming_session: 0xFF,
        outgoing_session: 0xFF,
        mtu: 1392,
        window_size: 65_536,
        channel_count: 2,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle: DEFAULT_THROTTLE,
        connect_id: CONNECT_ID,
        data: 0xDEAD_BEEF,
    };
    let header = Header { sent_time: Some(0x4240), ..Header::default() };
    assert_golden(&bytes, header, &[acknowledged(CONTROL, 1, Body::Connect(connect))]);
}

#[test]
fn a_server_grants_the_connection() {
    #[rustfmt::skip]
    let bytes = [
        0x80, 0x00,                 // SENT_TIME, session 0, the client's peer 0
        0x42, 0x47,                 // sentTime
        0x83, 0xFF, 0x00, 0x01,     // VERIFY_CONNECT | ACKNOWLEDGE, control, number 1
        0x00, 0x00,                 // outgoingPeerID: the server's peer 0
        0x00, 0x00,                 // sessions 0 and 0
        0x00, 0x00, 0x05, 0x70,     // mtu 1392
        0x00, 0x01, 0x00, 0x00,     // windowSize 65536
        0x00, 0x00, 0x00, 0x02,     // channelCount 2
        0x00, 0x00, 0x00, 0x00,     // incomingBandwidth: no limit
        0x00, 0x00, 0x00, 0x00,     // outgoingBandwidth: no limit
        0x00, 0x00, 0x13, 0x88,     // packetThrottleInterval 5000 ms
        0x00, 0x00, 0x00, 0x02,     // packetThrottleAcceleration
        0x00, 0x00, 0x00, 0x02,     // packetThrottleDeceleration
        0x22, 0xC1, 0x28, 0x4A,     // connectID, repeated
    ];
    let verify = VerifyConnect {
        outgoing_peer: 0,
        incoming_session: 0,
        outgoing_session: 0,
        mtu: 1392,
        window_size: 65_536,
        channel_count: 2,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle: DEFAULT_THROTTLE,
        connect_id: CONNECT_ID,
    };
    assert_golden(&bytes, to_peer_0(Some(0x4247)), &[acknowledged(CONTROL, 1, Body::VerifyConnect(verify))]);
}

#[test]
fn the_connect_fields_keep_their_places_when_all_of_them_differ() {
    // Built by hand from the table of PROTOCOL.md §2.3: the captures repeat values, so they cannot show a swap.
    #[rustfmt::skip]
    let bytes = [
        0xB1, 0x23,                 // SENT_TIME, session 3, peer 0x123
        0x01, 0x02,                 // sentTime
        0x82, 0xFF, 0xFE, 0xFD,     // CONNECT | ACKNOWLEDGE, control, number 0xFEFD
        0x0A, 0xBC,                 // outgoingPeerID
        0x01, 0x02,                 // incomingSessionID, outgoingSessionID
        0x10, 0x11, 0x12, 0x13,     // mtu
        0x20, 0x21, 0x22, 0x23,     // windowSize
        0x30, 0x31, 0x32, 0x33,     // channelCount
        0x40, 0x41, 0x42, 0x43,     // incomingBandwidth
        0x50, 0x51, 0x52, 0x53,     // outgoingBandwidth
        0x60, 0x61, 0x62, 0x63,     // packetThrottleInterval
        0x70, 0x71, 0x72, 0x73,     // packetThrottleAcceleration
        0x80, 0x81, 0x82, 0x83,     // packetThrottleDeceleration
        0x22, 0xC1, 0x28, 0x4A,     // connectID
        0xA0, 0xA1, 0xA2, 0xA3,     // data
    ];
    let connect = Connect {
        outgoing_peer: 0x0ABC,
        incoming_session: 1,
        outgoing_session: 2,
        mtu: 0x1011_1213,
        window_size: 0x2021_2223,
        channel_count: 0x3031_3233,
        incoming_bandwidth: 0x4041_4243,
        outgoing_bandwidth: 0x5051_5253,
        throttle: ThrottleConfigure {
            interval: 0x6061_6263,
            acceleration: 0x7071_7273,
            deceleration: 0x8081_8283,
        },
        connect_id: CONNECT_ID,
        data: 0xA0A1_A2A3,
    };
    let header = Header {
        peer: WirePeerId::new(0x123).unwrap(),
        session: Session::new(3).unwrap(),
        compressed: false,
        sent_time: Some(0x0102),
    };
    assert_golden(&bytes, header, &[acknowledged(CONTROL, 0xFEFD, Body::Connect(connect))]);
}

#[test]
fn a_client_acknowledges_and_pings_in_one_datagram() {
    #[rustfmt::skip]
    let bytes = [
        0x80, 0x00, 0x42, 0x4C,     // SENT_TIME, the server's peer 0; sentTime
        0x01, 0xFF, 0x00, 0x01,     // ACKNOWLEDGE, control, number 1
        0x00, 0x01,                 // receivedReliableSequenceNumber 1
        0x42, 0x47,                 // receivedSentTime: that of the VERIFY_CONNECT
        0x85, 0xFF, 0x00, 0x02,     // PING | ACKNOWLEDGE, control, number 2
    ];
    let commands = [acknowledgement(CONTROL, 1, 0x4247), acknowledged(CONTROL, 2, Body::Ping)];
    assert_golden(&bytes, to_peer_0(Some(0x424C)), &commands);
}

#[test]
fn a_datagram_of_acknowledgements_alone_has_the_short_header() {
    #[rustfmt::skip]
    let bytes = [
        0x00, 0x00,                 // no sentTime, the client's peer 0
        0x01, 0xFF, 0x00, 0x02,     // ACKNOWLEDGE, control, number 2
        0x00, 0x02,                 // receivedReliableSequenceNumber 2
        0x42, 0x4C,                 // receivedSentTime
    ];
    assert_golden(&bytes, to_peer_0(None), &[acknowledgement(CONTROL, 2, 0x424C)]);
}

#[test]
fn an_idle_client_pings() {
    #[rustfmt::skip]
    let bytes = [
        0x80, 0x00, 0x44, 0x4A,     // SENT_TIME, peer 0; sentTime
        0x85, 0xFF, 0x00, 0x03,     // PING | ACKNOWLEDGE, control, number 3
    ];
    assert_golden(&bytes, to_peer_0(Some(0x444A)), &[acknowledged(CONTROL, 3, Body::Ping)]);
}

#[test]
fn a_bandwidth_limit_names_incoming_before_outgoing() {
    #[rustfmt::skip]
    let captured = [
        0x80, 0x00, 0x46, 0x3E,     // SENT_TIME, peer 0; sentTime
        0x8A, 0xFF, 0x00, 0x04,     // BANDWIDTH_LIMIT | ACKNOWLEDGE, control, number 4
        0x00, 0x00, 0x00, 0x00,     // incomingBandwidth: no limit
        0x00, 0x00, 0x00, 0x00,     // outgoingBandwidth: no limit
    ];
    let unlimited = Body::BandwidthLimit { incoming: 0, outgoing: 0 };
    assert_golden(&captured, to_peer_0(Some(0x463E)), &[acknowledged(CONTROL, 4, unlimited)]);

    // The same with the limits of another capture, the server's 131072 down and 262144 up.
    #[rustfmt::skip]
    let limited = [
        0x80, 0x00, 0x46, 0x3E,     // SENT_TIME, peer 0; sentTime
        0x8A, 0xFF, 0x00, 0x04,     // BANDWIDTH_LIMIT | ACKNOWLEDGE, control, number 4
        0x00, 0x02, 0x00, 0x00,     // incomingBandwidth 131072 bytes/s
        0x00, 0x04, 0x00, 0x00,     // outgoingBandwidth 262144 bytes/s
    ];
    let limits = Body::BandwidthLimit { incoming: 131_072, outgoing: 262_144 };
    assert_golden(&limited, to_peer_0(Some(0x463E)), &[acknowledged(CONTROL, 4, limits)]);
}

#[test]
fn a_throttle_configuration_is_interval_acceleration_deceleration() {
    #[rustfmt::skip]
    let bytes = [
        0x80, 0x00, 0xBB, 0x93,     // SENT_TIME, peer 0; sentTime
        0x8B, 0xFF, 0x00, 0x03,     // THROTTLE_CONFIGURE | ACKNOWLEDGE, control, number 3
        0x00, 0x00, 0x07, 0xD0,     // interval 2000 ms
        0x00, 0x00, 0x00, 0x04,     // acceleration 4
        0x00, 0x00, 0x00, 0x03,     // deceleration 3
    ];
    let throttle = ThrottleConfigure { interval: 2000, acceleration: 4, deceleration: 3 };
    let command = acknowledged(CONTROL, 3, Body::ThrottleConfigure(throttle));
    assert_golden(&bytes, to_peer_0(Some(0xBB93)), &[command]);
}

#[test]
fn a_disconnect_that_waits_for_its_acknowledgement_has_that_flag() {
    #[rustfmt::skip]
    let bytes = [
        0x80, 0x00, 0x31, 0x2B,     // SENT_TIME, peer 0; sentTime
        0x84, 0xFF, 0x00, 0x03,     // DISCONNECT | ACKNOWLEDGE, control, number 3
        0x00, 0x00, 0xCA, 0xFE,     // data
    ];
    let command = acknowledged(CONTROL, 3, Body::Disconnect { data: 0xCAFE });
    assert_golden(&bytes, to_peer_0(Some(0x312B)), &[command]);

    #[rustfmt::skip]
    let answer = [
        0x00, 0x00,                 // no sentTime, peer 0
        0x01, 0xFF, 0x00, 0x03,     // ACKNOWLEDGE, control, number 3
        0x00, 0x03,                 // receivedReliableSequenceNumber 3
        0x31, 0x2B,                 // receivedSentTime
    ];
    assert_golden(&answer, to_peer_0(None), &[acknowledgement(CONTROL, 3, 0x312B)]);
}

#[test]
fn a_disconnect_that_does_not_wait_is_unsequenced() {
    #[rustfmt::skip]
    let bytes = [
        0x00, 0x00,                 // no sentTime, peer 0
        0x44, 0xFF, 0x00, 0x03,     // DISCONNECT | UNSEQUENCED, control, number 3
        0x00, 0x00, 0xAB, 0xCD,     // data
    ];
    let mut command = plain(CONTROL, 3, Body::Disconnect { data: 0xABCD });
    command.unsequenced = true;
    assert_golden(&bytes, to_peer_0(None), &[command]);
}

#[test]
fn a_second_connection_of_the_same_peers_has_session_1() {
    #[rustfmt::skip]
    let bytes = [
        0x90, 0x00, 0x44, 0x4A,     // SENT_TIME, session 1 (bit 12), peer 0; sentTime
        0x85, 0xFF, 0x00, 0x03,     // PING | ACKNOWLEDGE, control, number 3
    ];
    let header = Header { session: Session::new(1).unwrap(), ..to_peer_0(Some(0x444A)) };
    assert_golden(&bytes, header, &[acknowledged(CONTROL, 3, Body::Ping)]);
}

#[test]
fn a_compressed_datagram_is_flagged_in_its_header() {
    #[rustfmt::skip]
    let bytes = [
        0xCF, 0xFF,                 // SENT_TIME | COMPRESSED, session 0, peer unknown
        0x42, 0x40,                 // sentTime
        0x83, 0x7B, 0x88, 0xB1,     // the compressed block begins
    ];
    let header = Header { compressed: true, sent_time: Some(0x4240), ..Header::default() };
    assert_eq!(Header::decode(&bytes), Ok((header, &bytes[4..])));
    assert_eq!(*header.encode(), bytes[..4]);
}
