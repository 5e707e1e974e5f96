//! Reliable commands as they are received, and the acknowledgements they get (PROTOCOL.md §9.1–§9.4).

mod common;

use common::{Crafted, grant, stock, two_channels, verify_connect};
use enet_proto::{DiscardReason, Instant, Packet, PeerState};
use enet_testkit::commands::{
    acknowledge, bandwidth_limit, disconnect, fragment, ping, reliable, throttle_configure, unreliable,
    unsequenced,
};
use enet_wire::{Command, Fragment, ThrottleConfigure};

const fn unacknowledged(command: Command<'_>) -> Command<'_> {
    Command { acknowledge: false, ..command }
}

const fn wanting_acknowledgement(command: Command<'_>) -> Command<'_> {
    Command { acknowledge: true, ..command }
}

// ---- Order (§9.1, §9.2)

#[test]
fn reliable_packets_are_put_in_order() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 3, b"c")]);
    remote.says(&[reliable(0, 2, b"b")]);
    assert_eq!(remote.texts(), Vec::<String>::new());
    assert_eq!(remote.stats().waiting_data, 2);
    remote.says(&[reliable(0, 1, b"a")]);
    // §9.2 step 4
    assert_eq!(remote.texts(), ["a", "b", "c"]);
    assert_eq!(remote.peer().channel(0).unwrap().incoming_reliable, 3);
}

#[test]
fn each_channel_has_an_order_of_its_own() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 2, b"waits"), reliable(1, 1, b"does not")]);
    // §9.1
    assert_eq!(remote.packets(), [(1, Packet::reliable("does not"))]);
}

#[test]
fn numbers_wrap_from_0xffff_to_0() {
    let mut remote = Crafted::client();
    remote.counts_to(0, 0xfffe);
    remote.says(&[reliable(0, 0, b"b"), reliable(0, 1, b"c"), reliable(0, 0xffff, b"a")]);
    // §2.4, §4.3
    assert_eq!(remote.texts(), ["a", "b", "c"]);
    assert_eq!(remote.peer().channel(0).unwrap().incoming_reliable, 1);
}

#[test]
fn a_fragmented_packet_moves_the_order_on_to_its_last_fragment() {
    let mut remote = Crafted::client();
    let piece = |number: u16, payload: &'static [u8]| {
        let offset = 2 * u32::from(number);
        let piece = Fragment { start: 1, count: 3, number: number.into(), total_length: 6, offset, payload };
        fragment(0, 1 + number, piece)
    };
    remote.says(&[piece(0, b"ab"), piece(1, b"cd"), reliable(0, 4, b"next")]);
    assert_eq!(remote.texts(), Vec::<String>::new());
    remote.says(&[piece(2, b"ef")]);
    // §9.2 step 4
    assert_eq!(remote.texts(), ["abcdef", "next"]);
    assert_eq!(remote.peer().channel(0).unwrap().incoming_reliable, 4);
}

#[test]
fn delivering_a_reliable_packet_starts_the_unreliable_numbers_over() {
    let mut remote = Crafted::client();
    remote.says(&[unreliable(0, 0, 7, b"u")]);
    assert_eq!(remote.peer().channel(0).unwrap().incoming_unreliable, 7);
    remote.says(&[reliable(0, 1, b"r")]);
    // §9.2 step 4
    assert_eq!(remote.peer().channel(0).unwrap().incoming_unreliable, 0);
}

#[test]
fn control_commands_are_carried_out_in_the_order_of_arrival_each_time_they_arrive() {
    let mut remote = Crafted::client();
    let echo = remote.clock();
    remote.says(&[bandwidth_limit(2, 1, 10), bandwidth_limit(3, 2, 20), bandwidth_limit(2, 1, 10)]);
    // §9.1: no order, no duplicate state; the old one, repeated, is applied again.
    assert_eq!((remote.stats().incoming_bandwidth, remote.stats().outgoing_bandwidth), (1, 10));
    remote.hears(&[acknowledge(0xff, 2, echo), acknowledge(0xff, 3, echo), acknowledge(0xff, 2, echo)]);
}

// ---- The waiting-data limit (§9.2 step 3)

#[test]
fn at_the_waiting_data_limit_data_is_refused_and_not_acknowledged() {
    let mut remote = Crafted::client_with(|config| config.max_waiting_data = 10);
    remote.says(&[reliable(0, 1, &[1; 9]), reliable(0, 2, &[2; 100])]);
    // The check is on what waits already: one packet may overshoot.
    assert_eq!(remote.stats().waiting_data, 109);
    remote.heard();
    for refused in
        [reliable(0, 3, b"a"), unreliable(0, 2, 1, b"a"), unsequenced(0, 1, b"a"), reliable(1, 1, b"")]
    {
        let reason = remote.is_refused(&[refused]);
        assert_eq!(reason, Some(DiscardReason::WaitingDataLimit), "{:?}", refused.kind());
    }
}

#[test]
fn fetching_makes_room_again() {
    let mut remote = Crafted::client_with(|config| config.max_waiting_data = 10);
    remote.says(&[reliable(0, 1, &[b'a'; 10])]);
    remote.says(&[reliable(0, 2, b"b")]);
    assert_eq!(remote.texts(), ["aaaaaaaaaa"]);
    assert_eq!(remote.stats().waiting_data, 0);
    remote.says(&[reliable(0, 2, b"b")]);
    // §12.10
    assert_eq!(remote.texts(), ["b"]);
}

#[test]
fn what_waits_for_its_turn_counts_as_waiting() {
    let mut remote = Crafted::client_with(|config| config.max_waiting_data = 10);
    remote.says(&[reliable(0, 2, &[2; 10])]);
    remote.heard();
    // §12.10: queued + dispatched but unfetched. Even the packet that would release it is refused.
    assert_eq!(remote.is_refused(&[reliable(0, 1, b"a")]), Some(DiscardReason::WaitingDataLimit));
}

// ---- Which number is acknowledged (§4.2, §9.3)

#[derive(Debug, PartialEq)]
enum Taken {
    Accepted,
    AcknowledgedAndDropped,
    NotEvenAcknowledged,
}

fn taken(remote: &mut Crafted, number: u16) -> Taken {
    let before = remote.stats().waiting_data;
    remote.says(&[reliable(0, number, b"x")]);
    let acknowledged = !remote.heard().is_empty();
    match (remote.stats().waiting_data > before, acknowledged) {
        (true, true) => Taken::Accepted,
        (false, true) => Taken::AcknowledgedAndDropped,
        (false, false) => Taken::NotEvenAcknowledged,
        (true, false) => unreachable!("stored and not acknowledged"),
    }
}

#[test]
fn from_a_fresh_channel_seven_windows_are_accepted_two_are_ignored_the_rest_is_old() {
    use Taken::{Accepted, AcknowledgedAndDropped, NotEvenAcknowledged};
    let mut remote = Crafted::client();
    // §4.2, with in_rel = 0
    for (number, expected) in [
        (0x6fff, Accepted),
        (0x7000, NotEvenAcknowledged),
        (0x8fff, NotEvenAcknowledged),
        (0x9000, AcknowledgedAndDropped),
        (0xffff, AcknowledgedAndDropped),
        (0, AcknowledgedAndDropped),
    ] {
        assert_eq!(taken(&mut remote, number), expected, "{number:#06x}");
    }
}

#[test]
fn the_windows_are_counted_from_what_was_delivered_last() {
    use Taken::{Accepted, AcknowledgedAndDropped, NotEvenAcknowledged};
    let mut remote = Crafted::client();
    remote.counts_to(0, 0xe123);
    // §4.2, with in_rel = 0xE123
    for (number, expected) in [
        (0x4fff, Accepted),
        (0x5000, NotEvenAcknowledged),
        (0x6fff, NotEvenAcknowledged),
        (0x7000, AcknowledgedAndDropped),
        (0xe122, AcknowledgedAndDropped),
        (0xe123, AcknowledgedAndDropped),
    ] {
        assert_eq!(taken(&mut remote, number), expected, "{number:#06x}");
    }
}

#[test]
fn a_packet_that_already_waits_is_acknowledged_again_and_kept_once() {
    let mut remote = Crafted::client();
    assert_eq!(taken(&mut remote, 2), Taken::Accepted);
    assert_eq!(taken(&mut remote, 2), Taken::AcknowledgedAndDropped);
    remote.says(&[reliable(0, 1, b"a")]);
    // §9.2 step 2
    assert_eq!(remote.texts(), ["a", "x"]);
}

#[test]
fn a_control_command_is_acknowledged_whatever_its_number() {
    let mut remote = Crafted::client();
    let echo = remote.clock();
    for number in [0, 0x6fff, 0x7000, 0x8fff, 0xffff] {
        remote.says(&[ping(number)]);
        // §9.3 step 3
        remote.hears(&[acknowledge(0xff, number, echo)]);
    }
}

#[test]
fn a_number_too_far_ahead_on_a_channel_that_does_not_exist_is_acknowledged() {
    let mut remote = Crafted::client();
    // §9.3 step 3: only for channelID < channelCount
    let stray = Command { channel: enet_proto::ChannelId::new(7), ..ping(0x7000) };
    remote.says(&[stray]);
    remote.hears(&[acknowledge(7, 0x7000, remote.clock())]);
    let stray = Command { channel: enet_proto::ChannelId::new(1), ..ping(0x7000) };
    remote.says(&[stray]);
    remote.hears_nothing();
}

// ---- Generating acknowledgements (§9.3)

#[test]
fn every_copy_is_acknowledged_with_the_time_of_its_own_datagram() {
    let mut remote = Crafted::client();
    let first = remote.clock();
    remote.says(&[reliable(0, 1, b"a")]);
    remote.wait(3);
    remote.says(&[reliable(0, 1, b"a")]);
    // §9.3 step 4, §17.1 item 11
    remote.hears(&[acknowledge(0, 1, first), acknowledge(0, 1, first + 3)]);
    assert_eq!(remote.texts(), ["a"]);
}

#[test]
fn whatever_wants_an_acknowledgement_gets_one() {
    let mut remote = Crafted::client();
    let echo = remote.clock();
    let odd = [
        wanting_acknowledgement(unreliable(0, 0, 1, b"u")),
        wanting_acknowledgement(acknowledge(0xff, 9, echo)),
    ];
    remote.says(&odd);
    // §9.3: also on SEND_UNRELIABLE or even ACK
    remote.hears(&[acknowledge(0, 0, echo), acknowledge(0xff, 9, echo)]);
    assert_eq!(remote.texts(), ["u"]);
}

#[test]
fn a_reliable_packet_that_wants_none_is_delivered_without() {
    let mut remote = Crafted::client();
    remote.says(&[unacknowledged(reliable(0, 1, b"a"))]);
    // §14.4
    remote.hears_nothing();
    assert_eq!(remote.texts(), ["a"]);
}

#[test]
fn without_a_time_of_sending_the_command_stands_unacknowledged_and_the_rest_is_not_read() {
    let mut remote = Crafted::client();
    remote.says_without_time(&[unreliable(0, 0, 1, b"u"), reliable(0, 1, b"a"), reliable(0, 2, b"b")]);
    // §9.3 step 1
    remote.hears_nothing();
    assert_eq!(remote.texts(), ["u", "a"]);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::NoSentTime), 1);
}

#[test]
fn acknowledgements_fill_both_number_fields_and_travel_in_a_two_byte_header() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(1, 1, b"a")]);
    // §20: peer 0; ACK channel 1, number 1; number 1, echo 5000
    assert_eq!(enet_testkit::hex::encode(&remote.heard()[0].bytes), "0000010100010001".to_owned() + "5000");
}

#[test]
fn nothing_but_the_disconnect_is_acknowledged_once_the_connection_is_ending() {
    let verify = verify_connect(&grant(&two_channels()));
    let mut remote = Crafted::client();
    remote.peer_mut().disconnect(0);
    remote.heard();
    remote.says(&[verify]);
    // §9.3 step 2: DISCONNECTING
    remote.hears_nothing();

    let mut remote = Crafted::client();
    remote.says(&[disconnect(2, 0), verify]);
    // §9.3 step 2: ACKNOWLEDGING_DISCONNECT
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
}

#[test]
fn an_acknowledgement_counts_as_8_bytes_queued() {
    let mut remote = Crafted::client();
    let before = remote.stats().outgoing_data_total;
    remote.says(&[ping(2), ping(3)]);
    // §9.3 step 4
    assert_eq!(remote.stats().outgoing_data_total - before, 16);
}

// ---- Handling acknowledgements (§9.4)

/// A remote whose acknowledgement of VERIFY_CONNECT arrives at `service` and echoes `echo`.
fn first_sample(service: u64, echo: u16) -> Option<u32> {
    let mut remote = Crafted::stranger();
    remote.now = Instant::from_millis(service);
    let Some(granted) = remote.knocks(two_channels()) else { unreachable!("there is a free slot") };
    remote.adopts(&granted);
    remote.says(&[acknowledge(0xff, 1, echo)]);
    assert_eq!(remote.host.stats().discarded.total(), 0, "an ignored ACK is handled");
    (remote.state() == PeerState::Connected).then(|| remote.stats().round_trip_time)
}

#[test]
fn sixteen_bits_of_the_time_of_sending_are_expanded_to_the_past() {
    // §9.4 step 1; the upper half of the clock plays no part.
    for (service, echo, sample) in [
        (0x0015_1000, 0x0fff, Some(1)),
        (0x0015_1000, 0x1000, Some(1)),
        (0x0015_1000, 0x1001, None),
        (0x0015_1000, 0x8000, Some(36_864)),
        (0x0015_1000, 0xffff, Some(4_097)),
        (0x0015_9000, 0x8fff, Some(1)),
        (0x0015_9000, 0x9001, None),
        (0x0015_9000, 0x1001, Some(32_767)),
    ] {
        assert_eq!(first_sample(service, echo), sample, "{echo:#06x} at {service:#010x}");
    }
}

#[test]
fn an_acknowledgement_of_an_unknown_number_is_a_sample_all_the_same() {
    let mut remote = Crafted::client();
    for stranger in
        [acknowledge(0, 999, remote.clock_before(90)), acknowledge(0xff, 1, remote.clock_before(90))]
    {
        let before = remote.stats().round_trip_time;
        remote.says(&[stranger]);
        // §9.4 step 2: 10 + (90 - 10) / 8, and again
        assert!(remote.stats().round_trip_time > before);
    }
    assert_eq!(remote.stats().round_trip_time, 20 + (90 - 20) / 8);
}

#[test]
fn an_acknowledgement_takes_its_command_out_of_flight() {
    let mut remote = Crafted::client();
    for text in ["a", "bc", "def"] {
        remote.host_sends(0, Packet::reliable(text));
    }
    remote.heard();
    assert_eq!((remote.stats().in_flight, remote.stats().reliable_data_in_transit), (3, 6));
    remote.says(&[acknowledge(0, 2, remote.clock())]);
    // §9.4 step 5
    assert_eq!((remote.stats().in_flight, remote.stats().reliable_data_in_transit), (2, 4));
}

#[test]
fn an_acknowledgement_names_channel_and_number() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("a"));
    remote.host_sends(1, Packet::reliable("b"));
    remote.heard();
    remote.says(&[acknowledge(1, 2, remote.clock()), acknowledge(0xff, 1, remote.clock())]);
    // §9.4 step 4
    assert_eq!(remote.stats().in_flight, 2);
    remote.says(&[acknowledge(1, 1, remote.clock())]);
    assert_eq!(remote.stats().in_flight, 1);
}

#[test]
fn the_next_deadline_is_that_of_the_front_command() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("a"));
    remote.wait(7);
    remote.host_sends(0, Packet::reliable("b"));
    remote.heard();
    let start = remote.now.wire().0 - 7;
    assert_eq!(remote.stats().next_timeout, Some(start + 30));
    remote.says(&[acknowledge(0, 1, remote.clock_before(7))]);
    // §9.4 step 5: front.sent_time + front.rto
    assert_eq!(remote.stats().next_timeout, Some(start + 7 + 30));
}

#[test]
fn an_acknowledgement_that_comes_late_spares_the_retransmission_that_waits() {
    let mut remote = Crafted::client();
    remote.host_sends(0, Packet::reliable("a"));
    remote.wait(29);
    remote.heard();
    remote.now += common::ms(1);
    remote.host.handle_timeout(remote.now);
    assert_eq!((remote.stats().queued, remote.stats().in_flight), (1, 0));
    remote.says(&[acknowledge(0, 1, remote.clock_before(30))]);
    // §9.4 step 4: found among those moved back for retransmission
    remote.hears_nothing();
    assert_eq!((remote.stats().queued, remote.stats().in_flight), (0, 0));
}

#[test]
fn the_fields_of_a_throttle_configure_do_not_matter_to_its_acknowledgement() {
    let mut remote = Crafted::client();
    let odd = ThrottleConfigure { interval: 0, acceleration: u32::MAX, deceleration: 0 };
    remote.says(&[throttle_configure(2, odd)]);
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
}
