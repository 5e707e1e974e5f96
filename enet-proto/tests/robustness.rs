//! What a memory-safe implementation must handle explicitly, one by one (PROTOCOL.md §17.4).

mod common;

use std::time::Duration;

use common::{Crafted, grant, modern, stock, two_channels, verify_connect};
use enet_proto::{Checksum, DiscardReason, DisconnectReason, Packet, PeerState, RangeCoder, Timeouts};
use enet_testkit::commands::{
    acknowledge, connect, disconnect, disconnect_now, fragment, ping, reliable, throttle_configure,
    unreliable_fragment,
};
use enet_wire::{ChannelId, Connect, Fragment, Header, Session, ThrottleConfigure, VerifyConnect};

// ---- Headers that promise more than there is

#[test]
fn every_short_datagram_is_dropped_whatever_it_announces() {
    for checksum in [None, Some(Checksum::CRC32)] {
        let mut remote = Crafted::client_with(|config| {
            config.checksum = checksum;
            config.compressor = Some(RangeCoder::boxed());
        });
        // All four combinations of SENT_TIME and COMPRESSED, cut off at every length short of a command
        for word in [0x0000_u16, 0x4000, 0x8000, 0xc000] {
            let whole = [&word.to_be_bytes()[..], &[0; 6]].concat();
            for length in 0..=whole.len() {
                remote.is_refused_as(&whole[..length]);
            }
        }
        remote.says(&[ping(2)]);
        remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
    }
}

#[test]
fn a_compressed_datagram_with_nothing_to_decompress_is_dropped() {
    let mut remote = Crafted::client_with(|config| config.compressor = Some(RangeCoder::boxed()));
    for sent_time in [None, Some(0x5000)] {
        let header = Header { compressed: true, sent_time, ..remote.header };
        assert_eq!(remote.is_refused_as(&header.encode()), Some(DiscardReason::BadCompression));
    }
}

// ---- Peer ids that would spill into the flags

#[test]
fn a_connect_from_a_slot_that_no_header_can_name_is_refused() {
    for outgoing_peer in [0x0fff, 0x1000, 0x4000, 0x8000, 0xffff] {
        let mut remote = Crafted::stranger();
        let hostile = connect(Connect { outgoing_peer, ..two_channels() });
        assert_eq!(remote.is_refused(&[hostile]), Some(DiscardReason::BadConnect), "{outgoing_peer:#06x}");
    }
    let mut remote = Crafted::stranger();
    assert!(remote.knocks(Connect { outgoing_peer: 0x0ffe, ..two_channels() }).is_some());
}

#[test]
fn a_verify_connect_for_a_slot_that_no_header_can_name_ends_the_attempt() {
    for outgoing_peer in [0x0fff, 0x1000, 0xffff] {
        let mut remote = Crafted::stranger();
        remote.is_connected_to();
        let asked = remote.asked();
        remote.says(&[verify_connect(&VerifyConnect { outgoing_peer, ..grant(&asked) })]);
        remote.hears_nothing();
        assert_eq!(remote.endings(), [(DisconnectReason::HandshakeRejected, 0)], "{outgoing_peer:#06x}");
    }
}

#[test]
fn session_ids_above_3_never_reach_the_flags() {
    for session in [4, 7, 0x80, 0xff] {
        let mut remote = Crafted::stranger();
        remote.is_connected_to();
        let asked = remote.asked();
        let odd = VerifyConnect { incoming_session: session, outgoing_session: session, ..grant(&asked) };
        remote.says(&[verify_connect(&odd)]);
        for heard in remote.heard() {
            // Masked, or the attempt is over: either way bits 15 and 14 are the header's own.
            let word = u16::from_be_bytes([heard.bytes[0], heard.bytes[1]]);
            assert_eq!(word & 0x4fff, 0, "{session:#04x}: {word:#06x}");
            assert_eq!(word & 0x8000 != 0, heard.header().sent_time.is_some());
            assert_eq!(heard.commands().len(), 2, "ACK and PING");
        }
        // What is masked on the way out is masked on the way in.
        remote.header.session = Session::new(session & 3).unwrap();
        assert_eq!(remote.is_refused(&[]), None, "{session:#04x}");
    }
}

// ---- Counters at their ends

#[test]
fn acknowledgements_of_what_was_never_sent_take_nothing_from_any_counter() {
    let mut remote = Crafted::client();
    for number in [0, 1, 0x1000, 0xffff] {
        remote.says(&[0, 1, 7, 0xff].map(|channel| acknowledge(channel, number, 0x5000)));
    }
    assert_eq!((remote.stats().in_flight, remote.stats().reliable_data_in_transit), (0, 0));
    for _ in 0..8191 {
        remote.host_sends(0, Packet::reliable(""));
    }
    let sent: usize = remote.heard().iter().map(|datagram| datagram.commands().len()).sum();
    assert_eq!(sent, 8191, "the sequence windows still count");
}

#[test]
fn repeated_acknowledgements_take_a_packet_out_of_transit_once() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("abc"));
    remote.host_sends(0, Packet::reliable("de"));
    remote.heard();
    let echo = remote.clock();
    remote.says(&[acknowledge(0, 1, echo), acknowledge(0, 1, echo), acknowledge(0, 1, echo)]);
    assert_eq!(remote.stats().reliable_data_in_transit, 2);
}

#[test]
fn a_packet_acknowledged_while_it_waits_for_retransmission_is_subtracted_once() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("abc"));
    remote.wait(10);
    remote.host_sends(0, Packet::reliable("de"));
    remote.heard();
    remote.now += common::ms(20);
    remote.host.handle_timeout(remote.now);
    // §9.5 step 4 took its 3 bytes out; only "de" is in transit.
    assert_eq!(remote.stats().reliable_data_in_transit, 2);
    remote.says(&[acknowledge(0, 1, remote.clock_before(30))]);
    assert_eq!(remote.stats().reliable_data_in_transit, 2);
}

#[test]
fn the_disconnect_of_a_peer_with_data_in_transit_is_still_counted_right() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("abc"));
    remote.heard();
    remote.peer_mut().disconnect(0);
    remote.heard();
    remote.says(&[acknowledge(0xff, 2, remote.clock())]);
    assert_eq!(remote.endings(), [(DisconnectReason::Local, 0)]);
}

// ---- Sizes from the wire

#[test]
fn a_fragment_of_a_packet_of_32_mebibytes_in_a_mebi_of_pieces_is_stored_like_any_other() {
    let most =
        Fragment { start: 1, count: 1 << 20, number: 0, total_length: 32 << 20, offset: 0, payload: b"x" };
    for command in [fragment(0, 1, most), unreliable_fragment(0, 0, most)] {
        let mut remote = Crafted::client();
        remote.says(&[command]);
        assert_eq!(remote.stats().waiting_data, 32 << 20);
        let last = Fragment { number: (1 << 20) - 1, offset: (32 << 20) - 1, ..most };
        remote.says(&[fragment(1, 1, last)]);
        // The limit of 32 MiB is reached: one more set is refused.
        assert_eq!(remote.host.stats().discarded.get(DiscardReason::WaitingDataLimit), 1);
    }
}

#[test]
fn a_fragment_at_the_far_end_comes_first_and_the_packet_is_still_right() {
    let mut remote = Crafted::client();
    let far =
        Fragment { start: 1, count: 2, number: 1, total_length: 100_000, offset: 99_999, payload: b"z" };
    remote.says(&[fragment(0, 2, far)]);
    let near = Fragment { number: 0, offset: 0, payload: b"a", ..far };
    remote.says(&[fragment(0, 1, near)]);
    let packets = remote.packets();
    let (_, packet) = &packets[0];
    assert_eq!((packet.len(), packet[0], packet[99_999]), (100_000, b'a', b'z'));
}

// ---- Slots that end while their datagram is being read

#[test]
fn behind_the_acknowledgement_that_ends_a_connection_nothing_is_read() {
    let mut remote = Crafted::client();
    remote.peer_mut().disconnect(0);
    remote.heard();
    let sent = remote.clock();
    remote.says(&[acknowledge(0xff, 2, sent), ping(2), disconnect(3, 0), acknowledge(0xff, 2, sent)]);
    assert_eq!(remote.endings(), [(DisconnectReason::Local, 0)]);
    remote.hears_nothing();
}

/// ENet's clock takes what is more than a day ago for the future, and nobody would ever be given up, as in C.
#[test]
fn a_host_that_slept_for_days_gives_up_who_is_gone() {
    for hours in [1, 20, 24, 25, 48, 24 * 60] {
        let mut remote = Crafted::client_with(modern);
        remote.events();
        remote.peer_mut().send(0, Packet::reliable("x")).unwrap();
        remote.heard();
        remote.now += common::ms(hours * 3_600_000);
        remote.host.handle_timeout(remote.now);
        remote.heard();
        assert!(remote.host.poll_timeout().is_none_or(|due| due > remote.now), "{hours} h: no time passes");
        remote.wait(40_000);
        let gone = |event| {
            matches!(event, enet_proto::Event::Disconnected { reason: DisconnectReason::TimedOut, .. })
        };
        assert!(remote.events().into_iter().any(gone), "{hours} h");
    }
}

/// A host that slept: what it receives first is older than its microseconds can count.
#[test]
fn an_acknowledgement_after_hours_of_sleep_is_no_trouble() {
    for minutes in [60, 72, 80, 600, 1_400] {
        let mut remote = Crafted::client_with(modern);
        remote.events();
        remote.peer_mut().send(0, Packet::reliable("x")).unwrap();
        let datagram = remote.heard().remove(0);
        let (seq, sent_time) = (datagram.commands()[0].seq.0, datagram.header().sent_time.unwrap());
        remote.now += common::ms(minutes * 60_000) + Duration::from_micros(7);
        remote.says(&[acknowledge(0, seq, sent_time)]);
        remote.wait(100_000);
    }
}

/// A clock that was set makes a round trip of hours, which would take hours to average away: until then whatever is lost would
/// be missed no sooner.
#[test]
fn after_a_round_trip_of_hours_a_loss_is_missed_within_seconds() {
    let mut remote = Crafted::client_with(modern);
    remote.events();
    remote.peer_mut().send(0, Packet::reliable("answered late")).unwrap();
    let (seq, sent_time) = {
        let datagram = remote.heard().remove(0);
        (datagram.commands()[0].seq.0, datagram.header().sent_time.unwrap())
    };
    remote.now += common::ms(20 * 60_000);
    remote.says(&[acknowledge(0, seq, sent_time)]);
    remote.peer_mut().send(0, Packet::reliable("lost")).unwrap();
    let left = |remote: &mut Crafted| {
        let of_channel =
            |datagram: &common::Heard| datagram.commands().iter().any(|it| it.channel == ChannelId::new(0));
        remote.heard().iter().filter(|it| of_channel(it)).count()
    };
    assert_eq!(left(&mut remote), 1);
    remote.wait(6_000);
    assert!(left(&mut remote) > 0, "it leaves again");
}

#[test]
fn behind_a_disconnect_that_frees_a_half_open_slot_nothing_is_read() {
    let mut remote = Crafted::stranger();
    let sent = remote.clock();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    remote.says(&[disconnect_now(2, 0), acknowledge(0xff, 1, sent), reliable(0, 1, b"x")]);
    assert_eq!(remote.state(), PeerState::Disconnected);
    assert_eq!(remote.events(), []);
    remote.hears_nothing();
}

#[test]
fn behind_a_refused_verify_connect_nothing_is_read() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    let asked = remote.asked();
    let bad = VerifyConnect { channel_count: 0, ..grant(&asked) };
    remote.says(&[verify_connect(&bad), disconnect(2, 77)]);
    // The DISCONNECT's data does not take the place of 0.
    assert_eq!(remote.endings(), [(DisconnectReason::HandshakeRejected, 0)]);
}

#[test]
fn behind_a_disconnect_now_nothing_changes_what_is_reported() {
    let mut remote = Crafted::client();
    remote.says(&[disconnect_now(2, 1), disconnect_now(3, 2), ping(4)]);
    assert_eq!(remote.endings(), [(DisconnectReason::Remote, 1)]);
    remote.hears_nothing();
}

// ---- Settings

#[test]
fn a_throttle_interval_of_zero_renews_the_baseline_with_every_acknowledgement() {
    let mut remote = Crafted::client_with(stock);
    remote
        .says(&[throttle_configure(2, ThrottleConfigure { interval: 0, acceleration: 2, deceleration: 2 })]);
    remote.says(&[acknowledge(0, 9, remote.clock_before(50))]);
    // §10.1: 10 + 40/8 = 15; the interval's lowest was 10.
    assert_eq!((remote.stats().round_trip_time, remote.stats().last_round_trip_time), (15, 10));
    remote.says(&[acknowledge(0, 9, remote.clock_before(15))]);
    assert_eq!(remote.stats().last_round_trip_time, 15);
}

#[test]
fn huge_throttle_parameters_saturate() {
    let mut remote = Crafted::client_with(stock);
    let huge = ThrottleConfigure { interval: u32::MAX, acceleration: u32::MAX, deceleration: u32::MAX };
    remote.says(&[throttle_configure(2, huge)]);
    remote.says(&[acknowledge(0, 9, remote.clock_before(100))]);
    assert_eq!(remote.stats().throttle, 0);
    remote.says(&[acknowledge(0, 9, remote.clock_before(10))]);
    assert_eq!(remote.stats().throttle, 32);
}

#[test]
fn a_timeout_of_zero_means_the_default_field_by_field() {
    let mut remote = Crafted::client();
    let default = Timeouts::default();
    remote.peer_mut().set_timeouts(Timeouts { limit: 0, minimum: common::ms(7), maximum: common::ms(0) });
    assert_eq!(remote.peer().timeouts(), Timeouts { minimum: common::ms(7), ..default });
}
