//! Datagrams with a checksum: its place, its seed, its value.

use enet_wire::{CHECKSUM_LEN, Commands, ConnectId, Header, Writer, crc32, split_checksum};

use crate::CONNECT_ID;

/// A captured datagram with checksum: taken apart it verifies, and built again it is the same.
#[track_caller]
fn assert_checksummed(datagram: &[u8], seed: ConnectId) {
    let (header, rest) = Header::decode(datagram).unwrap();
    let (checksum, commands) = split_checksum(rest).unwrap();
    let crc = crc32([&datagram[..header.encoded_len()], &seed.0, commands]);
    assert_eq!(crc.to_be_bytes(), checksum);

    let mut buffer = [0; 64];
    let mut writer = Writer::new(&mut buffer);
    writer.header(&header).unwrap();
    writer.checksum(seed.0).unwrap();
    for command in Commands::new(commands) {
        writer.command(&command.unwrap()).unwrap();
    }
    let seeded = writer.finish();
    let crc = crc32([seeded]);
    let mut built = seeded.to_vec();
    built[header.encoded_len()..][..CHECKSUM_LEN].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(built, datagram);
}

#[test]
fn a_connect_is_seeded_with_zeros() {
    #[rustfmt::skip]
    let datagram = [
        0x8F, 0xFF, 0x42, 0x40,     // SENT_TIME, peer unknown; sentTime
        0xE6, 0x0F, 0xBC, 0x69,     // checksum
        0x82, 0xFF, 0x00, 0x01,     // CONNECT | ACKNOWLEDGE, control, number 1
        0x00, 0x00, 0xFF, 0xFF,     // outgoingPeerID 0; sessions: never had any
        0x00, 0x00, 0x05, 0x70,     // mtu 1392
        0x00, 0x01, 0x00, 0x00,     // windowSize 65536
        0x00, 0x00, 0x00, 0x02,     // channelCount 2
        0x00, 0x00, 0x00, 0x00,     // incomingBandwidth: no limit
        0x00, 0x00, 0x00, 0x00,     // outgoingBandwidth: no limit
        0x00, 0x00, 0x13, 0x88,     // packetThrottleInterval 5000 ms
        0x00, 0x00, 0x00, 0x02,     // packetThrottleAcceleration
        0x00, 0x00, 0x00, 0x02,     // packetThrottleDeceleration
        0x22, 0xC1, 0x28, 0x4A,     // connectID
        0xDE, 0xAD, 0xBE, 0xEF,     // data
    ];
    assert_checksummed(&datagram, ConnectId::ZERO);
}

#[test]
fn a_grant_is_seeded_with_the_connect_id_it_carries() {
    #[rustfmt::skip]
    let datagram = [
        0x80, 0x00, 0x42, 0x47,     // SENT_TIME, peer 0; sentTime
        0x6D, 0xE1, 0xB4, 0x37,     // checksum
        0x83, 0xFF, 0x00, 0x01,     // VERIFY_CONNECT | ACKNOWLEDGE, control, number 1
        0x00, 0x00, 0x00, 0x00,     // outgoingPeerID 0; sessions 0 and 0
        0x00, 0x00, 0x05, 0x70,     // mtu 1392
        0x00, 0x01, 0x00, 0x00,     // windowSize 65536
        0x00, 0x00, 0x00, 0x02,     // channelCount 2
        0x00, 0x00, 0x00, 0x00,     // incomingBandwidth: no limit
        0x00, 0x00, 0x00, 0x00,     // outgoingBandwidth: no limit
        0x00, 0x00, 0x13, 0x88,     // packetThrottleInterval 5000 ms
        0x00, 0x00, 0x00, 0x02,     // packetThrottleAcceleration
        0x00, 0x00, 0x00, 0x02,     // packetThrottleDeceleration
        0x22, 0xC1, 0x28, 0x4A,     // connectID
    ];
    assert_checksummed(&datagram, CONNECT_ID);
}

#[test]
fn the_checksum_follows_the_sent_time() {
    #[rustfmt::skip]
    let datagram = [
        0x80, 0x00, 0x42, 0x4C,     // SENT_TIME, peer 0; sentTime
        0xD5, 0x14, 0xAE, 0x70,     // checksum
        0x01, 0xFF, 0x00, 0x01,     // ACKNOWLEDGE, control, number 1
        0x00, 0x01, 0x42, 0x47,     // receivedReliableSequenceNumber 1; receivedSentTime
        0x85, 0xFF, 0x00, 0x02,     // PING | ACKNOWLEDGE, control, number 2
    ];
    assert_checksummed(&datagram, CONNECT_ID);
}

#[test]
fn the_checksum_follows_the_short_header() {
    #[rustfmt::skip]
    let datagram = [
        0x00, 0x00,                 // no sentTime, peer 0
        0xC8, 0x5D, 0xE8, 0x31,     // checksum
        0x01, 0xFF, 0x00, 0x02,     // ACKNOWLEDGE, control, number 2
        0x00, 0x02, 0x42, 0x4C,     // receivedReliableSequenceNumber 2; receivedSentTime
    ];
    assert_checksummed(&datagram, CONNECT_ID);
}

#[test]
fn a_compressed_datagram_is_summed_with_its_flag_and_uncompressed_commands() {
    #[rustfmt::skip]
    let header_and_checksum = [
        0xCF, 0xFF, 0x42, 0x40,     // SENT_TIME | COMPRESSED, peer unknown; sentTime
        0xEE, 0x8F, 0x50, 0xAD,     // checksum
    ];
    #[rustfmt::skip]
    let connect = [                 // what the compressed block holds, see above
        0x82, 0xFF, 0x00, 0x01, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00, 0x05, 0x70,
        0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x13, 0x88, 0x00, 0x00, 0x00, 0x02,
        0x00, 0x00, 0x00, 0x02, 0x22, 0xC1, 0x28, 0x4A, 0xDE, 0xAD, 0xBE, 0xEF,
    ];
    let (header, rest) = Header::decode(&header_and_checksum).unwrap();
    let (checksum, _) = split_checksum(rest).unwrap();
    let crc = crc32([&*header.encode(), &ConnectId::ZERO.0, &connect]);
    assert_eq!(crc.to_be_bytes(), checksum);
}
