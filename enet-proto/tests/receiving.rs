//! What happens to a datagram before its commands are read: every reason to drop it, and nothing else changes
//! (PROTOCOL.md §14.1, §14.5).

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use common::{CONNECT_ID, Crafted, HERE, encoded, grant, ms, two_channels, verify_connect};
use enet_proto::{
    Checksum, Compressor, ConnectOptions, Datagram, DiscardReason, Event, Host, HostConfig, Packet,
    PeerLimit, PeerState, RangeCoder, Verdict,
};
use enet_testkit::commands::{acknowledge, connect, disconnect_now, ping, reliable};
use enet_testkit::pair::Pair;
use enet_wire::{Command, Header, WirePeerId};

fn with_checksum(config: &mut HostConfig) {
    config.checksum = Some(Checksum::CRC32);
}

fn with_range_coder(config: &mut HostConfig) {
    config.compressor = Some(RangeCoder::boxed());
}

/// A datagram with these commands, compressed by the range coder.
fn compressed(remote: &Crafted, commands: &[Command<'_>]) -> Vec<u8> {
    let mut block = vec![0; 4096];
    let len = RangeCoder::boxed().compress(&encoded(commands), &mut block).unwrap_or(0);
    let header = Header { compressed: true, sent_time: Some(remote.clock()), ..remote.header };
    block.truncate(len);
    [&*header.encode(), &block].concat()
}

/// Asserts that the connection works as if nothing had happened.
#[track_caller]
fn is_unaffected(remote: &mut Crafted) {
    remote.says(&[reliable(0, 1, b"still here")]);
    remote.hears(&[acknowledge(0, 1, remote.clock())]);
    assert_eq!(remote.texts(), ["still here"]);
}

// ---- The rows of §14.1

#[test]
fn row_1_an_empty_datagram_is_dropped() {
    let mut remote = Crafted::client();
    // That it ends a receive pass is tested with the service call.
    assert_eq!(remote.is_refused_as(&[]), Some(DiscardReason::Truncated));
    is_unaffected(&mut remote);
}

#[test]
fn row_2_an_interceptor_sees_every_datagram_first_and_may_consume_it() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let mut remote = Crafted::client();
    remote.host.set_intercept(Some(Box::new(move |datagram: &Datagram<'_>| {
        log.lock().unwrap().push((datagram.source, datagram.bytes.to_vec()));
        if datagram.bytes.starts_with(b"mine") { Verdict::Consume } else { Verdict::Pass }
    })));
    assert_eq!(remote.is_refused_as(b"mine, all mine"), None, "nobody else's business");
    assert_eq!(remote.is_refused_as(b"x"), Some(DiscardReason::Truncated));
    assert_eq!(
        *seen.lock().unwrap(),
        [(remote.address, b"mine, all mine".to_vec()), (remote.address, b"x".to_vec())]
    );
    is_unaffected(&mut remote);
}

#[test]
fn row_2_an_interceptor_can_be_removed() {
    let mut remote = Crafted::client();
    remote.host.set_intercept(Some(Box::new(|_: &Datagram<'_>| Verdict::Consume)));
    remote.says(&[reliable(0, 1, b"unheard")]);
    remote.hears_nothing();
    remote.host.set_intercept(None);
    is_unaffected(&mut remote);
}

#[test]
fn row_3_a_single_byte_is_dropped() {
    let mut remote = Crafted::client();
    assert_eq!(remote.is_refused_as(&[0x80]), Some(DiscardReason::Truncated));
    is_unaffected(&mut remote);
}

#[test]
fn row_4_a_slot_the_host_does_not_have() {
    let mut remote = Crafted::client_with(|config| config.peers = PeerLimit::new(4).unwrap());
    for slot in [4, 0x0ffe] {
        remote.header.peer = WirePeerId::new(slot).unwrap();
        assert_eq!(remote.is_refused(&[ping(2)]), Some(DiscardReason::UnknownPeer));
    }
    remote.header.peer = WirePeerId::new(0).unwrap();
    is_unaffected(&mut remote);
}

#[test]
fn row_5_a_slot_that_holds_no_connection() {
    let mut remote = Crafted::client();
    remote.header.peer = WirePeerId::new(1).unwrap();
    assert_eq!(remote.is_refused(&[ping(2)]), Some(DiscardReason::UnknownPeer));
}

#[test]
fn row_5_a_slot_whose_connection_is_over() {
    let mut remote = Crafted::client();
    remote.says(&[disconnect_now(2, 0)]);
    assert_eq!(remote.state(), PeerState::Zombie);
    assert_eq!(remote.is_refused(&[ping(2)]), Some(DiscardReason::UnknownPeer));
    remote.events();
    assert_eq!(remote.is_refused(&[ping(2)]), Some(DiscardReason::UnknownPeer));
}

#[test]
fn row_6_another_ip_or_port() {
    for stranger in [([192, 0, 2, 2], 4000), ([192, 0, 2, 1], 4001)] {
        let mut remote = Crafted::client();
        remote.address = SocketAddr::from(stranger);
        assert_eq!(remote.is_refused(&[ping(2)]), Some(DiscardReason::WrongAddress));
        remote.address = SocketAddr::from(HERE);
        is_unaffected(&mut remote);
    }
}

#[test]
fn row_7_another_session() {
    let mut remote = Crafted::client();
    remote.header.session = enet_wire::Session::new(1).unwrap();
    assert_eq!(remote.is_refused(&[ping(2)]), Some(DiscardReason::WrongSession));
    remote.header.session = enet_wire::Session::new(0).unwrap();
    is_unaffected(&mut remote);
}

#[test]
fn row_8_a_compressed_datagram_without_a_compressor() {
    let mut remote = Crafted::client();
    let datagram = compressed(&remote, &[ping(2)]);
    assert_eq!(remote.is_refused_as(&datagram), Some(DiscardReason::NoCompressor));
    is_unaffected(&mut remote);
}

#[test]
fn row_8_a_block_that_does_not_decompress() {
    let mut remote = Crafted::client_with(with_range_coder);
    let header = Header { compressed: true, ..remote.header };
    assert_eq!(remote.is_refused_as(&header.encode()), Some(DiscardReason::BadCompression), "an empty block");
    is_unaffected(&mut remote);
}

#[test]
fn row_8_a_block_of_4092_bytes_is_taken_and_a_larger_one_is_not() {
    // §1.4: output limit 4096 − headerSize, which is 4 here. SEND_RELIABLE has a fixed part of 6 bytes.
    let (fits, too_large) = (vec![0; 4086], vec![0; 4087]);
    let mut remote = Crafted::client_with(with_range_coder);
    let datagram = compressed(&remote, &[reliable(0, 1, &too_large)]);
    assert_eq!(remote.is_refused_as(&datagram), Some(DiscardReason::BadCompression));
    let datagram = compressed(&remote, &[reliable(0, 1, &fits)]);
    remote.utters(&datagram);
    assert_eq!(remote.packets(), [(0, Packet::reliable(fits))]);
}

#[test]
fn row_8_a_plain_datagram_is_welcome_with_a_compressor_too() {
    let mut remote = Crafted::client_with(with_range_coder);
    // §1.4
    is_unaffected(&mut remote);
}

#[test]
fn row_9_a_wrong_checksum() {
    let mut remote = Crafted::client_with(with_checksum);
    let good = remote.datagram(&[ping(2)]);
    for position in 4..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 1;
        assert_eq!(remote.is_refused_as(&bad), Some(DiscardReason::BadChecksum), "byte {position}");
    }
    is_unaffected(&mut remote);
}

#[test]
fn row_9_a_checksum_with_the_wrong_seed() {
    let mut remote = Crafted::client_with(with_checksum);
    let header = Header { sent_time: Some(remote.clock()), ..remote.header };
    let body = encoded(&[ping(2)]);
    let sealed = |seed: [u8; 4]| {
        let sum = Checksum::CRC32.of(&[&header.encode(), &seed, &body]);
        [&*header.encode(), &sum, &body].concat()
    };
    let backwards = [CONNECT_ID[3], CONNECT_ID[2], CONNECT_ID[1], CONNECT_ID[0]];
    assert_eq!(remote.is_refused_as(&sealed([0; 4])), Some(DiscardReason::BadChecksum));
    assert_eq!(remote.is_refused_as(&sealed(backwards)), Some(DiscardReason::BadChecksum));
    remote.utters(&sealed(CONNECT_ID));
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
}

#[test]
fn row_9_the_seed_of_a_connect_is_zero() {
    let mut remote = Crafted::stranger_with(with_checksum);
    let header = Header { sent_time: Some(remote.clock()), ..Header::default() };
    let body = encoded(&[connect(two_channels())]);
    let sum = Checksum::CRC32.of(&[&header.encode(), &CONNECT_ID, &body]);
    let wrong = [&*header.encode(), &sum, &body].concat();
    assert_eq!(remote.is_refused_as(&wrong), Some(DiscardReason::BadChecksum));
    remote.says(&[connect(two_channels())]);
    assert_eq!(remote.host.peers().count(), 1);
}

// ---- Headers that do not fit

#[test]
fn a_time_of_sending_that_is_cut_off() {
    let mut remote = Crafted::client();
    for length in [2, 3] {
        let bytes = &[0x80, 0x00, 0x50][..length];
        assert_eq!(remote.is_refused_as(bytes), Some(DiscardReason::Truncated), "{length} bytes");
    }
    is_unaffected(&mut remote);
}

#[test]
fn a_checksum_that_is_cut_off() {
    let mut remote = Crafted::client_with(with_checksum);
    let whole = remote.datagram(&[ping(2)]);
    for length in 4..8 {
        assert_eq!(remote.is_refused_as(&whole[..length]), Some(DiscardReason::Truncated), "{length} bytes");
    }
    is_unaffected(&mut remote);
}

#[test]
fn a_header_without_commands_changes_nothing() {
    let mut remote = Crafted::client();
    assert_eq!(remote.is_refused_as(&[0x00, 0x00]), None);
    assert_eq!(remote.is_refused_as(&[0x80, 0x00, 0x50, 0x00]), None);
    is_unaffected(&mut remote);
}

#[test]
fn a_datagram_longer_than_any_is_dropped() {
    let mut remote = Crafted::client();
    let (largest, too_large) = (vec![7; 4096 - 10], vec![7; 4097 - 10]);
    let datagram = remote.datagram(&[reliable(0, 1, &too_large)]);
    // §1.2: the receive buffer has 4096 bytes.
    assert_eq!(remote.is_refused_as(&datagram), Some(DiscardReason::Oversize));
    remote.says(&[reliable(0, 1, &largest)]);
    assert_eq!(remote.packets(), [(0, Packet::reliable(largest))]);
}

// ---- What is counted

#[test]
fn every_datagram_counts_as_received_rubbish_included() {
    let mut remote = Crafted::client();
    let before = remote.host.stats();
    remote.utters(b"x");
    remote.utters(&[0; 5000]);
    remote.says(&[ping(2)]);
    let after = remote.host.stats();
    // §18.5
    assert_eq!(after.datagrams_received - before.datagrams_received, 3);
    assert_eq!(after.bytes_received - before.bytes_received, 1 + 5000 + 8);
}

#[test]
fn a_peers_incoming_data_is_its_headers_and_decompressed_commands() {
    let mut remote = Crafted::client_with(with_range_coder);
    let before = remote.stats().incoming_data_total;
    let zeros = [0; 600];
    let datagram = compressed(&remote, &[reliable(0, 1, &zeros)]);
    assert!(datagram.len() < 30);
    remote.utters(&datagram);
    // §14.1: 4 bytes of header, 6 + 600 decompressed
    assert_eq!(remote.stats().incoming_data_total - before, 610);
}

// ---- Broadcast and self (§14.5, §18.1)

#[test]
fn a_connect_to_the_broadcast_address_finds_the_server() {
    let mut pair = Pair::strangers();
    let everyone = SocketAddr::from((Ipv4Addr::BROADCAST, pair.server.address.port()));
    pair.client.connect(everyone, ConnectOptions::default());
    pair.run_for(ms(100));
    assert_eq!(pair.client.state(), PeerState::Connected);
    assert_eq!(pair.client.peer().address(), pair.server.address);
    pair.client.send(0, Packet::reliable("found you"));
    pair.run_for(ms(20));
    assert_eq!(pair.server.texts(), ["found you"]);
}

#[test]
fn a_broadcasting_peer_adopts_the_first_address_that_speaks_to_it_and_keeps_it() {
    let mut remote = Crafted::stranger();
    remote.address = SocketAddr::from((Ipv4Addr::BROADCAST, 4000));
    remote.is_connected_to();
    let asked = remote.asked();

    remote.address = SocketAddr::from(([192, 0, 2, 5], 4000));
    remote.says(&[verify_connect(&grant(&asked))]);
    assert_eq!(remote.state(), PeerState::Connected);
    assert_eq!(remote.peer().address(), remote.address);
    remote.heard();

    remote.address = SocketAddr::from(([192, 0, 2, 6], 4000));
    assert_eq!(remote.is_refused(&[ping(2)]), Some(DiscardReason::WrongAddress));
}

#[test]
fn a_broadcasting_peer_adopts_an_address_before_it_knows_what_it_says() {
    let mut remote = Crafted::stranger();
    remote.address = SocketAddr::from((Ipv4Addr::BROADCAST, 4000));
    remote.is_connected_to();
    let asked = remote.asked();
    remote.address = SocketAddr::from(([192, 0, 2, 5], 4000));
    remote.says(&[ping(1)]);
    assert_eq!(remote.peer().address(), remote.address);

    // §14.5: from that datagram on it is checked like any other.
    remote.address = SocketAddr::from(([192, 0, 2, 6], 4000));
    let answer = verify_connect(&grant(&asked));
    assert_eq!(remote.is_refused(&[answer]), Some(DiscardReason::WrongAddress));
}

#[test]
fn a_host_may_connect_to_itself() {
    let at = SocketAddr::from(HERE);
    let mut host = Host::new(HostConfig::new([1; 32]));
    let id = host.connect(at, ConnectOptions { data: 5, ..ConnectOptions::default() }).unwrap();
    let now = enet_proto::Instant::from_millis(common::START);
    let exchange = |host: &mut Host| {
        let mut bytes = Vec::new();
        while host.poll_transmit(now, &mut bytes, std::num::NonZeroUsize::MIN).is_some() {
            host.handle_datagram(now, Datagram::new(at, &bytes));
            bytes.clear();
        }
        std::iter::from_fn(|| host.poll_event()).collect::<Vec<Event>>()
    };
    let other = host.peer_at(1).map(|peer| peer.id());
    assert_eq!(other, None);
    let events = exchange(&mut host);
    let other = host.peer_at(1).unwrap().id();
    // §18.1; one slot for each end
    assert_eq!(events, [Event::Connected { peer: id, data: 0 }, Event::Connected { peer: other, data: 5 }]);

    host.peer_mut(id).unwrap().send(0, Packet::reliable("me")).unwrap();
    let received = Event::Received { peer: other, channel: 0.into(), packet: Packet::reliable("me") };
    assert_eq!(exchange(&mut host), [received]);
}
