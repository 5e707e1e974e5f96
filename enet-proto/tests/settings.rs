//! Settings of a host that change while it lives (PROTOCOL.md §18.1).

mod common;

use common::{Crafted, ms, two_channels};
use enet_proto::{
    ChannelLimit, Checksum, Compressor, ConnectId, ConnectOptions, DiscardReason, HostConfig, Mtu, Packet,
    RangeCoder, SendErrorReason,
};
use enet_testkit::commands::{acknowledge, bandwidth_limit, fragment, ping, reliable};
use enet_testkit::hex;
use enet_testkit::pair::{Client, Pair};
use enet_wire::{Connect, Fragment, Header};

fn range_coder() -> Option<Box<dyn Compressor>> {
    Some(RangeCoder::boxed())
}

#[test]
fn a_checksum_set_late_seals_and_checks_everything_from_then_on() {
    let mut remote = Crafted::client();
    let unsealed = remote.datagram(&[ping(2)]);
    remote.host.set_checksum(Some(Checksum::CRC32));
    remote.checksum = Some(Checksum::CRC32);
    assert_eq!(remote.is_refused_as(&unsealed), Some(DiscardReason::BadChecksum));
    remote.says(&[ping(2)]);
    let heard = remote.heard();
    // peer 0, 4 bytes of checksum, the ACK
    assert_eq!(heard[0].bytes.len(), 2 + 4 + 8);
    let sum = Checksum::CRC32.of(&[&heard[0].bytes[..2], &common::CONNECT_ID, &heard[0].bytes[6..]]);
    assert_eq!(heard[0].bytes[2..6], sum);
}

#[test]
fn a_checksum_set_late_shortens_fragments_from_then_on() {
    let mut remote = Crafted::client();
    remote.host.set_checksum(Some(Checksum::CRC32));
    remote.checksum = Some(Checksum::CRC32);
    remote.host_sends(0, Packet::reliable(vec![0; 1361]));
    // §12.2: F = 1360 with a checksum
    assert_eq!(remote.heard().len(), 2);
}

#[test]
fn a_checksum_can_be_given_up() {
    let mut remote = Crafted::client_with(|config| config.checksum = Some(Checksum::CRC32));
    remote.host.set_checksum(None);
    remote.checksum = None;
    remote.says(&[ping(2)]);
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
}

#[test]
fn a_compressor_set_late_compresses_everything_from_then_on() {
    let mut pair = Pair::connected();
    pair.client.host.set_compressor(range_coder());
    pair.server.host.set_compressor(range_coder());
    pair.client.send(0, Packet::reliable(vec![0; 600]));
    pair.run_until_quiet();
    assert_eq!(pair.server.received(), [(0, Packet::reliable(vec![0; 600]))]);
    // §20: a 600-byte zero packet, 606 → 16 bytes behind the 4 of the header
    let sent = pair.sent_by(Client).next().unwrap();
    assert!(sent.opened.as_ref().unwrap().header.compressed);
    assert_eq!((sent.bytes.len(), hex::encode(&sent.bytes[4..5])), (20, "86".to_owned()));
}

#[test]
fn a_datagram_that_compression_does_not_shorten_is_sent_as_it_is() {
    let mut remote = Crafted::client();
    remote.host.set_compressor(range_coder());
    remote.says(&[ping(2)]);
    // §1.4: 0 < n < input length; bit 14 clear
    let heard = remote.heard();
    assert_eq!((heard[0].header().compressed, heard[0].bytes.len()), (false, 10));
}

#[test]
fn a_compressor_can_be_given_up() {
    let mut pair = Pair::with().both(|config| config.compressor = range_coder()).connected();
    pair.server.host.set_compressor(None);
    pair.client.send(0, Packet::reliable(vec![0; 600]));
    pair.run_for(ms(10));
    assert_eq!(pair.server.host.stats().discarded.get(DiscardReason::NoCompressor), 1);
    assert_eq!(pair.server.received(), []);
}

#[test]
fn an_mtu_set_late_concerns_later_connections() {
    let mut remote = Crafted::client();
    remote.host.set_mtu(Mtu::new(600).unwrap());
    assert_eq!(remote.peer().mtu(), 1392);
    remote.address.set_port(4001);
    remote.joins(Connect { connect_id: ConnectId([9; 4]), ..two_channels() });
    assert_eq!(remote.peer().mtu(), 600);
    remote.is_connected_to();
    assert_eq!(remote.asked().mtu, 600);
}

#[test]
fn a_packet_limit_set_late_concerns_what_is_sent_and_accepted_from_then_on() {
    let mut remote = Crafted::client();
    remote.host.set_max_packet_size(3);
    let refused = remote.peer_mut().send(0, Packet::reliable("four")).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::TooLarge { max: 3 });
    assert!(remote.is_refused(&[reliable(0, 1, b"four")]).is_some());
    let piece = Fragment { start: 1, count: 2, number: 0, total_length: 4, offset: 0, payload: b"fo" };
    assert_eq!(remote.is_refused(&[fragment(0, 1, piece)]), Some(DiscardReason::BadFragment));
    remote.host.set_max_packet_size(4);
    remote.says(&[reliable(0, 1, b"four")]);
    assert_eq!(remote.texts(), ["four"]);
}

#[test]
fn a_waiting_data_limit_set_late_concerns_what_arrives_from_then_on() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 1, b"waiting")]);
    remote.heard();
    remote.host.set_max_waiting_data(7);
    assert_eq!(remote.is_refused(&[reliable(0, 2, b"more")]), Some(DiscardReason::WaitingDataLimit));
    remote.host.set_max_waiting_data(8);
    remote.says(&[reliable(0, 2, b"more")]);
    assert_eq!(remote.texts(), ["waiting", "more"]);
}

#[test]
fn a_channel_limit_set_late_concerns_later_connections() {
    let mut remote = Crafted::client();
    remote.host.set_channel_limit(ChannelLimit::MIN);
    assert_eq!(remote.peer().channels(), 2);
    remote.header = Header::default();
    remote.address.set_port(4001);
    let granted = remote.knocks(Connect { connect_id: ConnectId([9; 4]), ..two_channels() }).unwrap();
    assert_eq!(granted.channel_count, 1);
}

#[test]
fn a_limit_of_peers_an_address_set_late_concerns_later_connections() {
    let mut remote = Crafted::client();
    remote.host.set_max_peers_per_ip(Some(1));
    assert_eq!(remote.knocks(Connect { connect_id: ConnectId([9; 4]), ..two_channels() }), None);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::TooManyFromAddress), 1);
    remote.host.set_max_peers_per_ip(None);
    assert!(remote.knocks(Connect { connect_id: ConnectId([9; 4]), ..two_channels() }).is_some());
}

#[test]
fn bandwidth_limits_set_late_concern_windows_from_the_next_message_on() {
    let mut remote = Crafted::client();
    remote.host.set_bandwidth_limits(None, std::num::NonZeroU32::new(131_072));
    assert_eq!(remote.stats().window_size, 65_536);
    remote.says(&[bandwidth_limit(2, 0, 0)]);
    // §11.4 with y = host.outgoing_bandwidth: 2 · 4096
    assert_eq!(remote.stats().window_size, 8192);
    remote.is_connected_to();
    assert_eq!(remote.asked().window_size, 8192);
}

#[test]
fn hosts_whose_settings_differ_do_not_understand_each_other_and_survive_it() {
    let sealed = |config: &mut HostConfig| config.checksum = Some(Checksum::CRC32);
    let compressed = |config: &mut HostConfig| config.compressor = range_coder();
    for mut pair in [
        Pair::with().client(sealed).strangers(),
        Pair::with().server(sealed).strangers(),
        Pair::with().client(compressed).strangers(),
    ] {
        pair.connect();
        pair.run_for(ms(40_000));
        assert_eq!(pair.server.host.connected_peers(), 0);
        assert_eq!(pair.client.events().len(), 1, "the attempt timed out");
    }
    // A compressor on one side only hurts when something compresses well.
    let mut pair = Pair::with().server(compressed).strangers();
    pair.connect();
    pair.run_for(ms(1000));
    assert!(pair.client.host.stats().discarded.get(DiscardReason::NoCompressor) > 0);
    drop(pair);
}

#[test]
fn a_datagram_of_your_own_leaves_before_everything_else() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("a"));
    let there = std::net::SocketAddr::from(([203, 0, 113, 9], 9999));
    remote.host.send_raw(there, &b"punch"[..]);
    assert!(remote.host.has_pending_transmit());
    let before = remote.host.stats();
    let heard = remote.heard();
    assert_eq!((heard[0].to, &heard[0].bytes[..]), (there, &b"punch"[..]));
    assert_eq!(heard.len(), 2);
    assert_eq!(remote.host.stats().datagrams_sent - before.datagrams_sent, 2);
    // "punch", and the packet: 4 + 6 + 1
    assert_eq!(remote.host.stats().bytes_sent - before.bytes_sent, 5 + 11);
}

#[test]
fn a_host_may_send_datagrams_of_its_own_without_any_peer() {
    let mut remote = Crafted::stranger();
    remote.host.send_raw(remote.address, vec![1, 2, 3]);
    assert_eq!(remote.heard()[0].bytes, [1, 2, 3]);
    assert_eq!(remote.host.connect(remote.address, ConnectOptions::default()).unwrap().slot(), 0);
}
