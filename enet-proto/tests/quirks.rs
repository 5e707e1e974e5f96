//! The quirks of the C library that must be reproduced, one by one (PROTOCOL.md §17.1).

mod common;

use common::{CONNECT_ID, Crafted, grant, ms, stock, two_channels, verify_connect};
use enet_proto::{
    Checksum, ConnectId, DiscardReason, DisconnectReason, HostConfig, Packet, PeerState, RangeCoder,
};
use enet_testkit::commands::{acknowledge, disconnect, fragment, ping, reliable, unreliable};
use enet_testkit::hex;
use enet_testkit::pair::{Client, Pair};
use enet_wire::{CommandKind, Connect, Fragment, ThrottleConfigure, VerifyConnect};

/// The datagrams of the handshake captured in §20, between hosts changed by `change`.
fn captured_handshake(change: impl Fn(&mut HostConfig)) -> Vec<String> {
    let mut pair = Pair::with()
        .delay(ms(7))
        .connecting(|options| {
            options.data = 0xdead_beef;
            options.connect_id = Some(ConnectId(CONNECT_ID));
        })
        .both(change)
        .strangers();
    pair.connect();
    pair.run_for(ms(1));
    pair.set_delay(ms(5));
    pair.run_for(ms(7));
    pair.set_delay(ms(6));
    pair.run_for(ms(12));
    pair.log().iter().map(|sent| hex::encode(&sent.bytes)).collect()
}

fn with_checksum(config: &mut HostConfig) {
    config.checksum = Some(Checksum::CRC32);
}

fn with_range_coder(config: &mut HostConfig) {
    config.compressor = Some(RangeCoder::boxed());
}

// ---- 1

#[test]
fn quirk_1_the_connect_id_seeds_the_checksum_as_it_lies_on_the_wire() {
    let sent = captured_handshake(with_checksum);
    // §20: peer word, sentTime, checksum
    let heads: Vec<&str> = sent.iter().map(|datagram| &datagram[..16]).collect();
    assert_eq!(heads[..3], ["8fff4240e60fbc69", "800042476de1b437", "8000424cd514ae70"]);
    // peer 0, checksum; ACK control#2 echo 424c
    assert_eq!(sent[3], "0000c85de83101ff00020002424c");
}

#[test]
fn quirk_1_the_checksum_covers_the_uncompressed_commands_with_the_compressed_bit_set() {
    let sent = captured_handshake(|config| {
        with_checksum(config);
        with_range_coder(config);
    });
    // §20: sentTime | COMPRESSED | peer 0xFFF, 4240; checksum; the CONNECT in 32 bytes
    let block = "837b88b1fdf1df576b939eeefcbc0a3e8a642656d33a03185c21ec8e169d4374";
    assert_eq!(sent[0], format!("cfff4240ee8f50ad{block}"));
}

#[test]
fn quirk_1_every_datagram_is_offered_to_the_compressor() {
    let sent = captured_handshake(with_range_coder);
    // §20: CONNECT 48 → 32, VERIFY 44 → 25; ACK and PING are no smaller compressed and go plain.
    let expected = [
        "cfff4240 837b88b1fdf1df576b939eeefcbc0a3e8a642656d33a03185c21ec8e169d4374",
        "c0004247 847a89b0fdf41c0b3e1a08d9e7eabb69b4240e40dc984d4833",
        "8000424c 01ff00010001424785ff0002",
    ];
    assert_eq!(sent[..3], expected.map(|datagram| datagram.replace(' ', "")));
}

// ---- 2

#[test]
fn quirk_2_a_connect_gets_no_acknowledgement_and_verify_connect_implies_it() {
    let mut pair = Pair::strangers();
    pair.connect();
    pair.run_until_quiet();
    let acknowledged: Vec<u16> = pair
        .sent_by(enet_testkit::pair::Server)
        .flat_map(|sent| {
            sent.commands()
                .filter(|it| it.kind() == CommandKind::Acknowledge)
                .map(|it| it.seq.0)
                .collect::<Vec<_>>()
        })
        .collect();
    // Only the PING, number 2. And the CONNECT is not repeated.
    assert_eq!(acknowledged, [2]);
    assert_eq!(pair.times_of(Client, CommandKind::Connect), [0]);
}

#[test]
fn quirk_2_verify_connect_must_echo_connect_id_and_throttle_exactly() {
    let fits = grant(&two_channels());
    let slower = ThrottleConfigure { interval: 6000, ..fits.throttle };
    for misfit in
        [VerifyConnect { connect_id: ConnectId([0; 4]), ..fits }, VerifyConnect { throttle: slower, ..fits }]
    {
        let mut remote = Crafted::stranger();
        remote.is_connected_to();
        remote.asked();
        remote.says(&[verify_connect(&misfit)]);
        assert_eq!(remote.endings(), [(DisconnectReason::HandshakeRejected, 0)]);
    }
}

// ---- 3

#[test]
fn quirk_3_session_bits_are_in_every_datagram_once_the_slot_is_known_and_outlive_connections() {
    let mut pair = Pair::connected();
    pair.client.disconnect_now(0);
    pair.run_for(ms(50));
    pair.client.events();
    pair.mark();
    pair.connect();
    pair.run_until(|pair| pair.client.state() == PeerState::Connected);
    pair.client.send(0, Packet::unreliable("u"));
    pair.run_until_quiet();
    let heads: Vec<String> = pair.sent_by(Client).map(|sent| hex::encode(&sent.bytes[..2])).collect();
    // §20: 8fff for the CONNECT, then session 1 on reconnect: sentTime | session 1 | peer 0, and without sentTime
    assert_eq!(heads, ["8fff", "9000", "1000"]);
}

// ---- 4

#[test]
fn quirk_4_every_reliable_fragment_has_a_number_and_an_acknowledgement_of_its_own() {
    let mut remote = Crafted::client();
    let piece = |number: u16| Fragment {
        start: 1,
        count: 3,
        number: number.into(),
        total_length: 3,
        offset: number.into(),
        payload: b"x",
    };
    remote.says(&[0, 1, 2].map(|number| fragment(1, 1 + number, piece(number))));
    let echo = remote.clock();
    remote.hears(&[acknowledge(1, 1, echo), acknowledge(1, 2, echo), acknowledge(1, 3, echo)]);
    // The delivered packet moves in_rel on to the last one.
    assert_eq!(remote.peer().channel(1).unwrap().incoming_reliable, 3);
}

// ---- 5

#[test]
fn quirk_5_old_and_repeated_numbers_are_acknowledged_and_those_too_far_ahead_are_not() {
    let mut remote = Crafted::client();
    let echo = remote.clock();
    remote.says(&[
        reliable(0, 1, b"a"),
        reliable(0, 1, b"a"),
        reliable(0, 0xf000, b"old"),
        reliable(0, 0x7000, b"far"),
    ]);
    remote.hears(&[acknowledge(0, 1, echo), acknowledge(0, 1, echo), acknowledge(0, 0xf000, echo)]);
}

#[test]
fn quirk_5_without_a_time_of_sending_there_is_nothing_to_echo_and_no_acknowledgement() {
    let mut remote = Crafted::client();
    remote.says_without_time(&[ping(2)]);
    remote.hears_nothing();
}

// ---- 6

#[test]
fn quirk_6_unreliable_numbers_restart_with_each_reliable_packet_queued() {
    let mut remote = Crafted::client();
    for packet in [Packet::unreliable("u"), Packet::reliable("r"), Packet::unreliable("u")] {
        remote.host_sends(0, packet);
    }
    remote.hears(&[unreliable(0, 0, 1, b"u"), reliable(0, 1, b"r"), unreliable(0, 1, 1, b"u")]);
}

#[test]
fn quirk_6_unreliable_data_of_another_reliable_number_is_dropped_or_waits() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 1, b"r1"), unreliable(0, 0, 9, b"older"), unreliable(0, 2, 1, b"newer")]);
    assert_eq!(remote.texts(), ["r1"]);
    remote.says(&[reliable(0, 2, b"r2")]);
    assert_eq!(remote.texts(), ["r2", "newer"]);
}

// ---- 7

#[test]
fn quirk_7_no_sequence_window_is_begun_that_the_receiver_would_drop() {
    let mut remote = Crafted::client();
    for _ in 0..10_000 {
        remote.host_sends(0, Packet::reliable(""));
    }
    let sent: usize = remote.heard().iter().map(|datagram| datagram.commands().len()).sum();
    assert_eq!(sent, 8191);
}

#[test]
fn quirk_7_a_datagram_of_a_hundred_commands_is_taken_whole() {
    let mut remote = Crafted::client();
    remote.says(&(1..=100).map(|number| reliable(0, number, b"x")).collect::<Vec<_>>());
    assert_eq!(remote.texts().len(), 100);
}

// ---- 8

#[test]
fn quirk_8_a_rejected_command_ends_its_datagram() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 1, b"heard"), reliable(2, 1, b"no such channel"), reliable(0, 2, b"unheard")]);
    assert_eq!(remote.texts(), ["heard"]);
}

#[test]
fn quirk_8_so_acknowledgements_go_first() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("a"));
    remote.peer_mut().ping();
    remote.says(&[ping(2)]);
    assert_eq!(remote.heard()[0].commands()[0].kind(), CommandKind::Acknowledge);
}

#[test]
fn quirk_8_data_behind_the_acknowledgement_that_completes_the_connection_is_accepted() {
    let mut remote = Crafted::stranger();
    let sent = remote.clock();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    assert_eq!(remote.is_refused(&[reliable(0, 1, b"a")]), Some(DiscardReason::UnexpectedCommand));
    remote.says(&[acknowledge(0xff, 1, sent), reliable(0, 1, b"a")]);
    remote.hears(&[acknowledge(0, 1, sent)]);
}

// ---- 9

#[test]
fn quirk_9_one_form_of_disconnect_is_acknowledged_and_the_other_is_not() {
    for (form, answers) in [(disconnect(2, 5), 1), (enet_testkit::commands::disconnect_now(2, 5), 0)] {
        let mut remote = Crafted::client();
        remote.says(&[form]);
        assert_eq!(remote.heard().len(), answers);
        assert_eq!(remote.endings(), [(DisconnectReason::Remote, 5)]);
    }
}

#[test]
fn quirk_9_nobody_waits_for_an_answer_to_disconnect_now() {
    let mut remote = Crafted::client();
    remote.peer_mut().disconnect_now(5);
    assert_eq!(remote.heard().len(), 1);
    assert_eq!(remote.host.poll_timeout(), None);
}

// ---- 10

#[test]
fn quirk_10_acknowledgements_alone_keep_a_connection_alive() {
    let mut remote = Crafted::client();
    for _ in 0..600 {
        remote.wait(100);
        remote.acknowledges_everything();
    }
    assert_eq!(remote.state(), PeerState::Connected);
}

#[test]
fn quirk_10_whoever_talks_without_acknowledging_is_given_up() {
    let mut remote = Crafted::client();
    for number in 0..600 {
        remote.wait(100);
        if remote.state() == PeerState::Connected {
            remote.says(&[ping(number), unreliable(0, 0, number, b"alive")]);
        }
    }
    let ended = remote.events().pop();
    assert!(
        matches!(ended, Some(enet_proto::Event::Disconnected { reason: DisconnectReason::TimedOut, .. })),
        "{ended:?}"
    );
}

#[test]
fn quirk_10_the_idle_ping_is_what_finds_a_dead_peer() {
    let mut remote = Crafted::client_with(stock);
    remote.mark();
    // Ping at 500, and 7650 ms later the end, at an RTO of 30 (§9.5).
    assert_eq!(remote.wait_for_event(), 500 + 7650);
    assert_eq!(remote.times_of(&ping(2))[0], 500);
}

// ---- 11

#[test]
fn quirk_11_an_acknowledgement_echoes_the_time_of_the_copy_it_answers() {
    let mut remote = Crafted::client();
    let first = remote.clock();
    remote.says(&[reliable(0, 1, b"a"), ping(2)]);
    remote.hears(&[acknowledge(0, 1, first), acknowledge(0xff, 2, first)]);
    remote.wait(40);
    remote.says(&[reliable(0, 1, b"a")]);
    remote.hears(&[acknowledge(0, 1, first + 40)]);
}

#[test]
fn quirk_11_so_a_retransmission_is_measured_from_its_own_transmission() {
    let mut pair = Pair::with().delay(ms(5)).just_connected();
    pair.lose_next(Client, 1);
    pair.client.send(0, Packet::reliable("a"));
    pair.run_until(|pair| pair.client.stats().in_flight == 0);
    // Sent at 0 and 30, acknowledged at 40: a sample of 10.
    assert_eq!(pair.elapsed(), ms(40));
    assert_eq!(pair.client.stats().round_trip_time, 10);
}

#[test]
fn a_slot_keeps_its_session_ids_when_another_client_takes_it() {
    let mut remote = Crafted::client();
    remote.peer_mut().reset();
    remote.address.set_port(4001);
    // §6.4, item 3: the newcomer has none (0xFF), the slot had 0 and 0.
    let granted = remote.knocks(Connect { connect_id: ConnectId([9; 4]), ..two_channels() }).unwrap();
    assert_eq!((granted.outgoing_peer, granted.incoming_session, granted.outgoing_session), (0, 1, 1));
}
