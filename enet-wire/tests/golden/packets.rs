//! Packets of every kind.

use enet_wire::{Body, Command, Fragment, UnreliableSeq, UnsequencedGroup};

use crate::{acknowledged, acknowledgement, assert_golden, plain, to_peer_0};

#[test]
fn a_reliable_packet_and_its_acknowledgement() {
    #[rustfmt::skip]
    let bytes = [
        0x80, 0x00, 0x72, 0xDF,     // SENT_TIME, peer 0; sentTime
        0x86, 0x00, 0x00, 0x01,     // SEND_RELIABLE | ACKNOWLEDGE, channel 0, number 1
        0x00, 0x05,                 // dataLength 5
        b'h', b'e', b'l', b'l', b'o',
    ];
    let command = acknowledged(0, 1, Body::SendReliable { payload: b"hello" });
    assert_golden(&bytes, to_peer_0(Some(0x72DF)), &[command]);

    #[rustfmt::skip]
    let answer = [
        0x00, 0x00,                 // no sentTime, peer 0
        0x01, 0x00, 0x00, 0x01,     // ACKNOWLEDGE, channel 0, number 1
        0x00, 0x01,                 // receivedReliableSequenceNumber 1
        0x72, 0xDF,                 // receivedSentTime
    ];
    assert_golden(&answer, to_peer_0(None), &[acknowledgement(0, 1, 0x72DF)]);
}

#[test]
fn an_empty_reliable_packet() {
    #[rustfmt::skip]
    let bytes = [
        0x80, 0x00, 0x72, 0xEB,     // SENT_TIME, peer 0; sentTime
        0x86, 0x01, 0x00, 0x01,     // SEND_RELIABLE | ACKNOWLEDGE, channel 1, number 1
        0x00, 0x00,                 // dataLength 0
    ];
    let command = acknowledged(1, 1, Body::SendReliable { payload: b"" });
    assert_golden(&bytes, to_peer_0(Some(0x72EB)), &[command]);
}

#[test]
fn two_unreliable_packets_follow_each_other_without_padding() {
    #[rustfmt::skip]
    let bytes = [
        0x00, 0x00,                 // no sentTime, peer 0
        0x07, 0x00, 0x00, 0x00,     // SEND_UNRELIABLE, channel 0, after no reliable
        0x00, 0x02,                 // unreliableSequenceNumber 2
        0x00, 0x07,                 // dataLength 7
        b'u', b'n', b'r', b'e', b'l', b'-', b'2',
        0x07, 0x01, 0x00, 0x00,     // SEND_UNRELIABLE, channel 1, after no reliable
        0x00, 0x01,                 // unreliableSequenceNumber 1
        0x00, 0x08,                 // dataLength 8
        b'u', b'n', b'r', b'e', b'l', b'-', b'c', b'1',
    ];
    let commands = [
        plain(0, 0, Body::SendUnreliable { seq: UnreliableSeq(2), payload: b"unrel-2" }),
        plain(1, 0, Body::SendUnreliable { seq: UnreliableSeq(1), payload: b"unrel-c1" }),
    ];
    assert_golden(&bytes, to_peer_0(None), &commands);
}

#[test]
fn an_unreliable_packet_names_the_reliable_one_before_it() {
    #[rustfmt::skip]
    let bytes = [
        0x80, 0x00, 0x9A, 0x1D,     // SENT_TIME, peer 0; sentTime
        0x86, 0x00, 0x00, 0x01,     // SEND_RELIABLE | ACKNOWLEDGE, channel 0, number 1
        0x00, 0x05,                 // dataLength 5
        b'r', b'e', b'l', b'-', b'1',
        0x07, 0x00, 0x00, 0x01,     // SEND_UNRELIABLE, channel 0, after reliable number 1
        0x00, 0x01,                 // unreliableSequenceNumber 1
        0x00, 0x0F,                 // dataLength 15
        b'u', b'n', b'r', b'e', b'l', b'-', b'a', b'f', b't', b'e', b'r', b'-', b'r', b'e', b'l',
    ];
    let commands = [
        acknowledged(0, 1, Body::SendReliable { payload: b"rel-1" }),
        plain(0, 1, Body::SendUnreliable { seq: UnreliableSeq(1), payload: b"unrel-after-rel" }),
    ];
    assert_golden(&bytes, to_peer_0(Some(0x9A1D)), &commands);
}

#[test]
fn an_unsequenced_packet_has_a_group_and_no_number() {
    #[rustfmt::skip]
    let bytes = [
        0x00, 0x00,                 // no sentTime, peer 0
        0x49, 0x00, 0x00, 0x00,     // SEND_UNSEQUENCED | UNSEQUENCED, channel 0, number 0
        0x00, 0x01,                 // unsequencedGroup 1
        0x00, 0x07,                 // dataLength 7
        b'u', b'n', b's', b'e', b'q', b'-', b'1',
    ];
    let body = Body::SendUnsequenced { group: UnsequencedGroup(1), payload: b"unseq-1" };
    let command = Command { unsequenced: true, ..plain(0, 0, body) };
    assert_golden(&bytes, to_peer_0(None), &[command]);
}

/// The payload of the fragments: not the captured one, which would fill a page.
const PAYLOAD: [u8; 1364] = [0x61; 1364];

/// A fragment of a 3000-byte packet in three.
fn fragment(number: u32, offset: u32, len: usize) -> Fragment<'static> {
    Fragment { start: 1, count: 3, number, total_length: 3000, offset, payload: &PAYLOAD[..len] }
}

#[test]
fn a_reliable_packet_of_3000_bytes_goes_in_three_fragments() {
    #[rustfmt::skip]
    let first = [
        0x80, 0x00, 0xE8, 0x75,     // SENT_TIME, peer 0; sentTime
        0x88, 0x01, 0x00, 0x01,     // SEND_FRAGMENT | ACKNOWLEDGE, channel 1, number 1
        0x00, 0x01,                 // startSequenceNumber 1
        0x05, 0x54,                 // dataLength 1364
        0x00, 0x00, 0x00, 0x03,     // fragmentCount 3
        0x00, 0x00, 0x00, 0x00,     // fragmentNumber 0
        0x00, 0x00, 0x0B, 0xB8,     // totalLength 3000
        0x00, 0x00, 0x00, 0x00,     // fragmentOffset 0
    ];
    let datagram = [&first[..], &PAYLOAD].concat();
    assert_eq!(datagram.len(), 1392);
    let command = acknowledged(1, 1, Body::SendFragment(fragment(0, 0, 1364)));
    assert_golden(&datagram, to_peer_0(Some(0xE875)), &[command]);

    #[rustfmt::skip]
    let last = [
        0x80, 0x00, 0xE8, 0x75,     // SENT_TIME, peer 0; sentTime
        0x88, 0x01, 0x00, 0x03,     // SEND_FRAGMENT | ACKNOWLEDGE, channel 1, number 3
        0x00, 0x01,                 // startSequenceNumber 1
        0x01, 0x10,                 // dataLength 272
        0x00, 0x00, 0x00, 0x03,     // fragmentCount 3
        0x00, 0x00, 0x00, 0x02,     // fragmentNumber 2
        0x00, 0x00, 0x0B, 0xB8,     // totalLength 3000
        0x00, 0x00, 0x0A, 0xA8,     // fragmentOffset 2728
    ];
    let datagram = [&last[..], &PAYLOAD[..272]].concat();
    assert_eq!(datagram.len(), 300);
    let command = acknowledged(1, 3, Body::SendFragment(fragment(2, 2728, 272)));
    assert_golden(&datagram, to_peer_0(Some(0xE875)), &[command]);
}

#[test]
fn three_fragments_are_acknowledged_one_by_one() {
    #[rustfmt::skip]
    let bytes = [
        0x00, 0x00,                                         // no sentTime, peer 0
        0x01, 0x01, 0x00, 0x01, 0x00, 0x01, 0xE8, 0x75,     // ACKNOWLEDGE, channel 1, number 1 twice, sentTime
        0x01, 0x01, 0x00, 0x02, 0x00, 0x02, 0xE8, 0x75,     // the same for number 2
        0x01, 0x01, 0x00, 0x03, 0x00, 0x03, 0xE8, 0x75,     // and 3
    ];
    let commands = [1, 2, 3].map(|seq| acknowledgement(1, seq, 0xE875));
    assert_golden(&bytes, to_peer_0(None), &commands);
}

#[test]
fn an_unreliable_fragment_has_the_same_layout_and_no_acknowledgement() {
    #[rustfmt::skip]
    let head = [
        0x00, 0x00,                 // no sentTime, peer 0
        0x0C, 0x00, 0x00, 0x00,     // SEND_UNRELIABLE_FRAGMENT, channel 0, after no reliable
        0x00, 0x01,                 // startSequenceNumber 1
        0x05, 0x54,                 // dataLength 1364
        0x00, 0x00, 0x00, 0x03,     // fragmentCount 3
        0x00, 0x00, 0x00, 0x01,     // fragmentNumber 1
        0x00, 0x00, 0x0B, 0xB8,     // totalLength 3000
        0x00, 0x00, 0x05, 0x54,     // fragmentOffset 1364
    ];
    let datagram = [&head[..], &PAYLOAD].concat();
    assert_eq!(datagram.len(), 1390);
    let command = plain(0, 0, Body::SendUnreliableFragment(fragment(1, 1364, 1364)));
    assert_golden(&datagram, to_peer_0(None), &[command]);
}
