//! The order in which packets that are not reliable are delivered, and when they are not (PROTOCOL.md §12.5–§12.10).

mod common;

use common::{Crafted, two_channels};
use enet_proto::{ChannelId, ConnectId, DiscardReason, Event, Packet, PeerState};
use enet_testkit::commands::{
    acknowledge, fragment, ping, reliable, unreliable, unreliable_fragment, unsequenced,
};
use enet_wire::{Command, Connect, Fragment};

/// The first half of a packet "abcd" in unreliable fragments, whose number is `start`, after no reliable packet.
const fn first_half(start: u16) -> Command<'static> {
    let half = Fragment { start, count: 2, number: 0, total_length: 4, offset: 0, payload: b"ab" };
    unreliable_fragment(0, 0, half)
}

/// The second half.
const fn second_half(start: u16) -> Command<'static> {
    let half = Fragment { start, count: 2, number: 1, total_length: 4, offset: 2, payload: b"cd" };
    unreliable_fragment(0, 0, half)
}

// ---- Unreliable packets (§12.5, §12.6)

#[test]
fn an_unreliable_packet_behind_a_newer_one_is_dropped() {
    let mut remote = Crafted::client();
    remote.says(&[
        unreliable(0, 0, 2, b"new"),
        unreliable(0, 0, 1, b"old"),
        unreliable(0, 0, 2, b"new again"),
    ]);
    // §12.5 step 2; dropped without a trace, the datagram is read on.
    assert_eq!(remote.texts(), ["new"]);
    assert_eq!(remote.stats().waiting_data, 0);
    assert_eq!(remote.host.stats().discarded.total(), 0);
}

#[test]
fn unreliable_packets_of_different_channels_do_not_overtake_each_other() {
    let mut remote = Crafted::client();
    remote.says(&[unreliable(0, 0, 2, b"a"), unreliable(1, 0, 1, b"b")]);
    assert_eq!(remote.texts(), ["a", "b"]);
}

#[test]
fn unreliable_number_0_is_always_discarded() {
    let mut remote = Crafted::client();
    remote.says(&[unreliable(0, 0, 0, b"zero"), unreliable(0, 0, 1, b"one")]);
    // §12.5 step 2
    assert_eq!(remote.texts(), ["one"]);
}

#[test]
fn gaps_in_unreliable_numbers_do_not_matter() {
    let mut remote = Crafted::client();
    remote.says(&[1, 5, 0xffff].map(|number| unreliable(0, 0, number, b"u")));
    assert_eq!(remote.texts(), ["u", "u", "u"]);
}

#[test]
fn an_unreliable_packet_waits_for_the_reliable_one_it_follows() {
    let mut remote = Crafted::client();
    remote.says(&[unreliable(0, 1, 2, b"u2"), unreliable(0, 1, 1, b"u1")]);
    assert_eq!(remote.texts(), Vec::<String>::new());
    remote.says(&[reliable(0, 1, b"r1")]);
    // §12.6: then they follow in the order of their numbers, not of their arrival.
    assert_eq!(remote.texts(), ["r1", "u1", "u2"]);
}

#[test]
fn a_waiting_packet_that_comes_twice_is_delivered_once() {
    let mut remote = Crafted::client();
    remote.says(&[unreliable(0, 1, 1, b"u"), unreliable(0, 1, 1, b"again")]);
    assert_eq!(remote.stats().waiting_data, 1);
    remote.says(&[reliable(0, 1, b"r")]);
    // §12.5 step 3
    assert_eq!(remote.texts(), ["r", "u"]);
}

#[test]
fn an_unreliable_packet_that_follows_an_older_reliable_one_is_dropped() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 1, b"r1"), reliable(0, 2, b"r2")]);
    remote.says(&[unreliable(0, 1, 1, b"late"), unreliable(0, 2, 1, b"in time")]);
    // §12.5 step 1
    assert_eq!(remote.texts(), ["r1", "r2", "in time"]);
}

#[test]
fn an_unreliable_packet_that_follows_a_number_too_far_ahead_is_dropped() {
    let mut remote = Crafted::client();
    remote.says(&[unreliable(0, 0x7000, 1, b"far"), unreliable(0, 0x6fff, 1, b"kept")]);
    // §12.5 step 1
    assert_eq!(remote.stats().waiting_data, 4);
}

#[test]
fn packets_that_waited_for_a_number_delivery_jumps_past_are_dropped() {
    let mut remote = Crafted::client();
    remote.says(&[unreliable(0, 2, 1, b"u2"), unreliable(0, 3, 1, b"u3")]);
    remote.says(&[reliable(0, 2, b"r2"), reliable(0, 3, b"r3"), reliable(0, 1, b"r1")]);
    // §12.6: R2 and R3 are delivered together.
    assert_eq!(remote.texts(), ["r1", "r2", "r3", "u3"]);
    assert_eq!(remote.stats().waiting_data, 0);
}

#[test]
fn waiting_packets_are_ordered_across_the_wrap() {
    let mut remote = Crafted::client();
    remote.counts_to(0, 0xfffe);
    remote.says(&[unreliable(0, 0, 1, b"u0"), unreliable(0, 0xffff, 1, b"uffff")]);
    remote.says(&[reliable(0, 0xffff, b"rffff")]);
    // §4.3
    assert_eq!(remote.texts(), ["rffff", "uffff"]);
    remote.says(&[reliable(0, 0, b"r0")]);
    assert_eq!(remote.texts(), ["r0", "u0"]);
}

// ---- Incomplete packets in unreliable fragments (§12.6)

#[test]
fn two_incomplete_packets_coexist_and_complete_in_order() {
    let mut remote = Crafted::client();
    remote.says(&[first_half(1), first_half(2), second_half(1), second_half(2)]);
    assert_eq!(remote.texts(), ["abcd", "abcd"]);
}

#[test]
fn a_complete_packet_discards_older_incomplete_ones() {
    let mut remote = Crafted::client();
    remote.says(&[first_half(1), unreliable(0, 0, 2, b"two")]);
    assert_eq!(remote.texts(), ["two"]);
    assert_eq!(remote.stats().waiting_data, 0);
    remote.says(&[second_half(1)]);
    assert_eq!(remote.texts(), Vec::<String>::new());
}

#[test]
fn a_newer_incomplete_packet_lets_an_older_whole_one_pass() {
    let mut remote = Crafted::client();
    remote.says(&[first_half(2), unreliable(0, 0, 1, b"one"), second_half(2)]);
    assert_eq!(remote.texts(), ["one", "abcd"]);
}

#[test]
fn of_three_incomplete_packets_the_first_is_discarded() {
    let mut remote = Crafted::client();
    remote.says(&[first_half(1), first_half(2)]);
    assert_eq!(remote.stats().waiting_data, 8);
    remote.says(&[first_half(3)]);
    assert_eq!(remote.stats().waiting_data, 8);
    remote.says(&[second_half(2), second_half(3)]);
    assert_eq!(remote.texts(), ["abcd", "abcd"]);
}

#[test]
fn a_late_fragment_of_a_discarded_packet_starts_it_anew() {
    let mut remote = Crafted::client();
    remote.says(&[first_half(1), first_half(2), first_half(3)]);
    remote.says(&[second_half(1)]);
    // §12.6: the entry whose insertion triggered the walk is exempt.
    assert_eq!(remote.stats().waiting_data, 12);
    remote.says(&[first_half(1), second_half(2), second_half(3)]);
    assert_eq!(remote.texts(), ["abcd", "abcd", "abcd"]);
}

#[test]
fn a_reliable_packet_discards_what_is_incomplete_before_it() {
    let mut remote = Crafted::client();
    remote.says(&[first_half(1), reliable(0, 1, b"r"), second_half(1)]);
    // The second half follows a reliable number that has been superseded.
    assert_eq!(remote.texts(), ["r"]);
    assert_eq!(remote.stats().waiting_data, 0);
}

// ---- Unsequenced packets (§12.7)

#[test]
fn unsequenced_groups_are_taken_as_recorded() {
    let mut remote = Crafted::client();
    let recorded = [
        (1, true, 0),
        (1, false, 0),
        (0, true, 0),
        (1023, true, 0),
        (1024, true, 1024),
        (1023, false, 1024),
        (5, false, 1024),
        (32_767, true, 31_744),
        (33_791, true, 32_768),
        (33_792, true, 33_792),
        (40_000, true, 39_936),
        (1, true, 0),
        (65_535, false, 0),
        (0, true, 0),
    ];
    for (step, (group, taken, base)) in recorded.into_iter().enumerate() {
        remote.says(&[unsequenced(0, group, b"q")]);
        assert_eq!(remote.texts().len(), usize::from(taken), "step {step}, group {group}");
        assert_eq!(remote.stats().incoming_unsequenced_group, base, "step {step}, group {group}");
    }
    assert_eq!(remote.host.stats().discarded.total(), 0);
}

#[test]
fn unsequenced_groups_are_counted_over_all_channels() {
    let mut remote = Crafted::client();
    remote.says(&[unsequenced(0, 1, b"a"), unsequenced(1, 1, b"b")]);
    // §12.7: peer-wide state
    assert_eq!(remote.texts(), ["a"]);
}

#[test]
fn an_unsequenced_packet_passes_everything_that_waits() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 2, b"r"), unreliable(0, 2, 1, b"u"), first_half(1), unsequenced(0, 1, b"q")]);
    // §12.7 step 4
    assert_eq!(remote.texts(), ["q"]);
}

#[test]
fn an_unsequenced_packet_needs_no_reliable_number() {
    let mut remote = Crafted::client();
    let odd = Command { seq: enet_wire::ReliableSeq(0x7777), ..unsequenced(0, 1, b"q") };
    remote.says(&[odd]);
    // §12.7: the reliable-window test does not apply.
    assert_eq!(remote.packets(), [(0, Packet::unsequenced("q"))]);
}

#[test]
fn an_unsequenced_packet_refused_for_lack_of_room_may_come_again() {
    let mut remote = Crafted::client_with(|config| config.max_waiting_data = 4);
    remote.says(&[reliable(0, 1, b"full")]);
    remote.heard();
    assert_eq!(remote.is_refused(&[unsequenced(0, 1, b"q")]), Some(DiscardReason::WaitingDataLimit));
    remote.texts();
    remote.says(&[unsequenced(0, 1, b"q")]);
    // §12.7 step 4: the bit was not set.
    assert_eq!(remote.texts(), ["q"]);
}

// ---- Data while DISCONNECT_LATER (§12.9)

/// A connection that is to be disconnected once its last packet is acknowledged; before that it hears `before`.
fn leaving_after(before: &[Command<'_>]) -> Crafted {
    let mut remote = Crafted::client();
    remote.says(before);
    remote.host_sends(0, Packet::reliable("last"));
    remote.peer_mut().disconnect_later(0);
    assert_eq!(remote.state(), PeerState::DisconnectLater);
    remote.heard();
    remote
}

#[test]
fn while_leaving_new_data_is_discarded_and_reliable_data_acknowledged_all_the_same() {
    let mut remote = leaving_after(&[]);
    remote.says(&[unreliable(0, 0, 1, b"u"), unsequenced(0, 1, b"q"), reliable(0, 1, b"r"), ping(2)]);
    let echo = remote.clock();
    remote.hears(&[acknowledge(0, 1, echo), acknowledge(0xff, 2, echo)]);
    assert_eq!(remote.peer_mut().receive(), None);
    assert_eq!(remote.stats().waiting_data, 0);
}

#[test]
fn while_leaving_a_fragment_of_a_new_set_ends_its_datagram() {
    let half = Fragment { start: 1, count: 2, number: 0, total_length: 4, offset: 0, payload: b"ab" };
    let mut remote = leaving_after(&[]);
    for command in [fragment(0, 1, half), first_half(1)] {
        assert_eq!(remote.is_refused(&[command, ping(2)]), Some(DiscardReason::BadFragment));
    }
}

#[test]
fn while_leaving_a_set_begun_before_can_still_complete_and_be_fetched() {
    let half = Fragment { start: 1, count: 2, number: 0, total_length: 4, offset: 0, payload: b"ab" };
    let mut remote = leaving_after(&[fragment(0, 1, half)]);
    remote.says(&[fragment(0, 2, Fragment { number: 1, offset: 2, payload: b"cd", ..half })]);
    remote.hears(&[acknowledge(0, 2, remote.clock())]);
    assert_eq!(remote.events(), [], "no event");
    assert_eq!(remote.peer_mut().receive(), Some((ChannelId::new(0), Packet::reliable("abcd"))));
}

#[test]
fn while_leaving_what_was_delivered_before_can_be_fetched_but_raises_no_event() {
    let mut remote = leaving_after(&[reliable(1, 1, b"before")]);
    assert_eq!(remote.events(), []);
    assert_eq!(remote.peer_mut().receive(), Some((ChannelId::new(1), Packet::reliable("before"))));
    assert_eq!(remote.peer_mut().receive(), None);
}

// ---- Delivery to the application (§12.10)

#[test]
fn packets_are_fetched_in_the_order_of_delivery_over_all_channels() {
    let mut remote = Crafted::client();
    remote.says(&[
        reliable(1, 1, b"a"),
        unreliable(0, 0, 1, b"b"),
        unsequenced(1, 1, b"c"),
        reliable(0, 1, b"d"),
    ]);
    assert_eq!(remote.texts(), ["a", "b", "c", "d"]);
}

#[test]
fn peers_take_turns_one_packet_each() {
    let mut remote = Crafted::client();
    let first = remote.id.unwrap();
    remote.says(&[reliable(0, 1, b"a1"), reliable(0, 2, b"a2"), reliable(0, 3, b"a3")]);
    let second = ConnectId([0, 0, 0, 9]);
    remote.address.set_port(4001);
    let granted = remote.knocks(Connect { connect_id: second, ..two_channels() }).unwrap();
    remote.adopts(&granted);
    remote.says(&[remote.proof(), reliable(0, 1, b"b1"), reliable(0, 2, b"b2")]);

    let second = remote.id.unwrap();
    let turns: Vec<_> =
        remote.events().into_iter().filter(|event| matches!(event, Event::Received { .. })).collect();
    let turns: Vec<_> = turns.iter().map(Event::peer).collect();
    assert_eq!(turns, [first, second, first, second, first].map(Some));
}

#[test]
fn a_peers_packets_can_be_fetched_past_the_hosts_events() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 1, b"a"), reliable(0, 2, b"b")]);
    assert_eq!(remote.peer_mut().receive(), Some((ChannelId::new(0), Packet::reliable("a"))));
    // §18.4: bypassing events; what was fetched raises none.
    assert_eq!(remote.texts(), ["b"]);
    assert_eq!(remote.peer_mut().receive(), None);
}
