//! Trains: datagrams of one size to one destination that leave in one piece (`Transmit::segment`).

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::num::NonZeroUsize;

use common::{Crafted, modern, two_channels};
use enet_proto::{Checksum, HostConfig, Mtu, Packet, Profile, RangeCoder, Transmit};
use enet_wire::{CHECKSUM_LEN, Commands, Connect, DecodeError, Header};

/// What the host sends now, at most `segments` datagrams at a time.
fn trains(remote: &mut Crafted, segments: usize) -> Vec<(Transmit, Vec<u8>)> {
    let (mut out, mut trains) = (Vec::new(), Vec::new());
    let segments = NonZeroUsize::new(segments).unwrap();
    while let Some(transmit) = remote.host.poll_transmit(remote.now, &mut out, segments) {
        assert_eq!(transmit.len, out.len());
        trains.push((transmit, std::mem::take(&mut out)));
    }
    trains
}

/// Bytes of each datagram, train by train.
fn sizes(trains: &[(Transmit, Vec<u8>)]) -> Vec<Vec<usize>> {
    let cut = |(transmit, bytes): &(Transmit, Vec<u8>)| {
        bytes.chunks(transmit.segment.unwrap_or(transmit.len)).map(<[u8]>::len).collect()
    };
    trains.iter().map(cut).collect()
}

/// Payload bytes of each command in each datagram; zeros behind the commands are skipped, as receivers do.
fn payloads(trains: &[(Transmit, Vec<u8>)], skip: usize) -> Vec<usize> {
    let mut found = Vec::new();
    for (transmit, bytes) in trains {
        for datagram in bytes.chunks(transmit.segment.unwrap_or(transmit.len)) {
            let (_, rest) = Header::decode(datagram).unwrap();
            for command in Commands::new(&rest[skip..]) {
                match command {
                    Ok(command) => found.push(command.payload().len()),
                    Err(DecodeError::UnknownCommand(0) | DecodeError::TruncatedCommand) => {}
                    Err(error) => unreachable!("{error}"),
                }
            }
        }
    }
    found
}

fn sends(remote: &mut Crafted, count: usize, length: usize) {
    for _ in 0..count {
        remote.host_sends(0, Packet::unsequenced(vec![7; length]));
    }
}

#[test]
fn what_fills_several_datagrams_leaves_as_one_train_whose_last_is_shorter() {
    let mut remote = Crafted::client_with(modern);
    sends(&mut remote, 7, 692);
    // 2 bytes of header, 700 each: one in a datagram, for 1402 is too much.
    assert_eq!(sizes(&trains(&mut remote, 64)), [vec![702; 7]]);
    sends(&mut remote, 7, 592);
    assert_eq!(sizes(&trains(&mut remote, 64)), [vec![1202, 1202, 1202, 602]]);
    sends(&mut remote, 1, 592);
    let single = trains(&mut remote, 64);
    assert_eq!((sizes(&single), single[0].0.segment), (vec![vec![602]], None));
}

#[test]
fn a_train_is_no_longer_than_asked_for_nor_than_a_udp_datagram() {
    let mut remote = Crafted::client_with(modern);
    sends(&mut remote, 12, 1300);
    assert_eq!(sizes(&trains(&mut remote, 5)).iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 2]);
    sends(&mut remote, 60, 1300);
    let sent = trains(&mut remote, 64);
    assert_eq!(sizes(&sent).iter().map(Vec::len).collect::<Vec<_>>(), [50, 10]);
    assert!(sent.iter().all(|(transmit, _)| transmit.len <= 65_507));
}

#[test]
fn a_little_shorter_is_filled_up_with_zeros_and_much_shorter_ends_the_train() {
    let mut remote = Crafted::client_with(modern);
    for length in [1300, 1250, 1300, 700, 1300] {
        sends(&mut remote, 1, length);
    }
    let sent = trains(&mut remote, 64);
    assert_eq!(sizes(&sent), [vec![1310, 1310, 1310, 710], vec![1310]]);
    assert_eq!(payloads(&sent, 0), [1300, 1250, 1300, 700, 1300]);
}

#[test]
fn the_last_of_a_train_is_as_long_as_its_commands() {
    let mut remote = Crafted::client_with(modern);
    for length in [1300, 1300, 1250] {
        sends(&mut remote, 1, length);
    }
    assert_eq!(sizes(&trains(&mut remote, 64)), [vec![1310, 1310, 1260]]);
}

#[test]
fn a_datagram_holds_as_many_commands_as_fit() {
    let mut remote = Crafted::client_with(modern);
    sends(&mut remote, 200, 1);
    let sent = trains(&mut remote, 64);
    // 2 bytes of header, 9 each; 1,392 count 4 for the header.
    assert_eq!(sizes(&sent), [vec![2 + 154 * 9, 2 + 46 * 9]]);
    assert_eq!(payloads(&sent, 0), [1; 200]);
}

#[test]
fn the_padding_of_a_train_is_covered_by_the_checksum() {
    let mut remote = Crafted::client_with(|config: &mut HostConfig| {
        modern(config);
        config.checksum = Some(Checksum::CRC32);
    });
    for length in [1300, 1250, 1300] {
        sends(&mut remote, 1, length);
    }
    let sent = trains(&mut remote, 64);
    assert_eq!(sizes(&sent), [vec![1314; 3]]);
    assert_eq!(payloads(&sent, CHECKSUM_LEN), [1300, 1250, 1300]);
    let (_, second) = sent[0].1.split_at(1314);
    let (header, rest) = Header::decode(&second[..1314]).unwrap();
    let id = remote.peer_mut().view().unwrap().connect_id();
    let expected = enet_wire::crc32([&header.encode()[..], &id.0, &rest[CHECKSUM_LEN..]]);
    assert_eq!(rest[..CHECKSUM_LEN], expected.to_be_bytes());
}

#[test]
fn one_at_a_time_as_c_does_and_while_there_is_a_compressor() {
    let single: [fn(&mut HostConfig); 2] = [
        |config| config.profile = Profile::Compat,
        |config| {
            modern(config);
            config.compressor = Some(RangeCoder::boxed());
        },
    ];
    for change in single {
        let mut remote = Crafted::client_with(change);
        sends(&mut remote, 5, 1300);
        let sent = trains(&mut remote, 64);
        assert_eq!(sent.len(), 5);
        assert!(sent.iter().all(|(transmit, _)| transmit.segment.is_none()));
    }
}

#[test]
fn the_totals_count_datagrams_not_trains() {
    let mut remote = Crafted::client_with(modern);
    let before = remote.host.stats();
    sends(&mut remote, 7, 692);
    trains(&mut remote, 64);
    let after = remote.host.stats();
    assert_eq!(after.datagrams_sent - before.datagrams_sent, 7);
    assert_eq!(after.bytes_sent - before.bytes_sent, 7 * 702);
}

#[test]
fn zeros_behind_the_commands_are_no_error_however_few() {
    let mut remote = Crafted::client_with(modern);
    for zeros in 1..10 {
        let mut bytes = remote.datagram(&[enet_testkit::commands::unsequenced(0, zeros, b"x")]);
        bytes.extend(vec![0; usize::from(zeros)]);
        remote.utters(&bytes);
    }
    assert_eq!(remote.host.stats().discarded.total(), 0);
    assert_eq!(std::iter::from_fn(|| remote.host.poll_event()).count(), 9);
}

#[test]
fn a_small_datagram_in_front_does_not_make_small_ones_of_all_that_follow() {
    let counts = |segments: usize| {
        let mut remote = Crafted::client_with(modern);
        for length in [710, 690] {
            sends(&mut remote, 1, length);
        }
        for _ in 0..1000 {
            remote.host_sends(0, Packet::reliable(vec![7; 56]));
        }
        sizes(&trains(&mut remote, segments)).iter().map(Vec::len).sum::<usize>()
    };
    assert!(counts(64) <= counts(1) + 2, "{} in trains, {} one by one", counts(64), counts(1));
}

#[test]
fn the_last_datagram_of_a_train_is_not_filled_up() {
    let mut remote = Crafted::client_with(modern);
    for length in [1300, 1250, 1300, 1250] {
        sends(&mut remote, 1, length);
    }
    assert_eq!(sizes(&trains(&mut remote, 2)), [[1310, 1260], [1310, 1260]]);
}

#[test]
fn a_fragment_that_a_checksum_made_too_large_keeps_nobody_busy_for_ever() {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.mtu = Mtu::MAX;
    });
    remote.joins(Connect { mtu: 4096, ..two_channels() });
    remote.host_sends(0, Packet::reliable(vec![7; 9000]));
    remote.host.set_checksum(Some(Checksum::CRC32));
    assert!(trains(&mut remote, 4).len() < 20);
}
