//! Fragments as they are received: every check, in order, for both kinds (PROTOCOL.md §12.8).

mod common;

use common::{Crafted, modern};
use enet_proto::{DiscardReason, Packet};
use enet_testkit::commands::{acknowledge, fragment, ping, reliable, unreliable, unreliable_fragment};
use enet_wire::{Command, Fragment};

/// The first of two fragments of "abcd", a set numbered 1.
const AB: Fragment<'static> =
    Fragment { start: 1, count: 2, number: 0, total_length: 4, offset: 0, payload: b"ab" };
/// The second.
const CD: Fragment<'static> = Fragment { number: 1, offset: 2, payload: b"cd", ..AB };

/// A fragment in a command of one of the two kinds, as a sender that has just started would send it.
type Kind = for<'a> fn(Fragment<'a>) -> Command<'a>;

const RELIABLE: Kind = |piece| {
    let [_, _, high, low] = piece.number.to_be_bytes();
    fragment(0, piece.start.wrapping_add(u16::from_be_bytes([high, low])), piece)
};
const UNRELIABLE: Kind = |piece| unreliable_fragment(0, 0, piece);
const BOTH: [Kind; 2] = [RELIABLE, UNRELIABLE];

/// Asserts that a fragment ends its datagram, for this reason, and changes nothing; in both kinds.
#[track_caller]
fn is_bad(piece: Fragment<'_>) {
    for kind in BOTH {
        let mut remote = Crafted::client();
        assert_eq!(remote.is_refused(&[kind(piece), ping(2)]), Some(DiscardReason::BadFragment));
    }
}

// ---- Both kinds work

#[test]
fn fragments_make_a_packet_in_whatever_order_they_come() {
    for kind in BOTH {
        for order in [[AB, CD], [CD, AB]] {
            let mut remote = Crafted::client();
            for piece in order {
                remote.says(&[kind(piece)]);
            }
            assert_eq!(remote.texts(), ["abcd"]);
        }
    }
}

#[test]
fn the_first_fragment_reserves_room_for_the_whole_packet() {
    for kind in BOTH {
        let mut remote = Crafted::client();
        remote.says(&[kind(Fragment { total_length: 1_000_000, ..AB })]);
        // Check 7
        assert_eq!(remote.stats().waiting_data, 1_000_000);
    }
}

#[test]
fn a_fragment_that_comes_twice_counts_once() {
    for kind in BOTH {
        let mut remote = Crafted::client();
        remote.says(&[kind(AB), kind(Fragment { payload: b"XY", ..AB }), kind(CD)]);
        assert_eq!(remote.texts(), ["abcd"]);
    }
}

#[test]
fn a_reliable_fragment_that_comes_twice_is_acknowledged_twice() {
    let mut remote = Crafted::client();
    remote.says(&[RELIABLE(AB), RELIABLE(AB)]);
    let echo = remote.clock();
    remote.hears(&[acknowledge(0, 1, echo), acknowledge(0, 1, echo)]);
}

#[test]
fn fragments_may_overlap_and_need_not_be_of_one_size() {
    for kind in BOTH {
        let mut remote = Crafted::client();
        let set = Fragment { count: 3, total_length: 6, ..AB };
        remote.says(&[
            kind(Fragment { number: 0, offset: 0, payload: b"abcd", ..set }),
            kind(Fragment { number: 1, offset: 3, payload: b"DE", ..set }),
            kind(Fragment { number: 2, offset: 5, payload: b"f", ..set }),
        ]);
        // Offsets are not required to equal number · size.
        assert_eq!(remote.texts(), ["abcDEf"]);
    }
}

/// What fragments leave of 32 MiB, of which they bring two bytes, is no packet.
#[test]
fn fragments_that_do_not_make_up_their_packet_are_refused() {
    let holes = Fragment { total_length: 32 << 20, payload: b"a", ..AB };
    let three = Fragment { count: 3, total_length: 6, ..AB };
    // The last of each is refused: a hole; too much; a gap and an overlap; too much before the last one.
    let sets: [&[Fragment<'_>]; 5] = [
        &[holes, Fragment { number: 1, offset: 1, ..holes }],
        &[AB, Fragment { offset: 1, payload: b"bcd", ..CD }],
        &[Fragment { payload: b"abc", ..AB }, CD],
        &[three, Fragment { number: 2, offset: 4, ..three }, Fragment { number: 1, offset: 3, ..three }],
        &[three, Fragment { number: 1, offset: 1, payload: b"abcd", ..three }],
    ];
    for kind in BOTH {
        for set in sets {
            let mut remote = Crafted::client_with(modern);
            let (last, before) = set.split_last().unwrap();
            remote.says(&before.iter().map(|piece| kind(*piece)).collect::<Vec<_>>());
            remote.heard();
            assert_eq!(remote.is_refused(&[kind(*last)]), Some(DiscardReason::BadFragment), "{set:?}");
            assert!(remote.host.stats().held_data < 100_000);
        }
        let mut remote = Crafted::client_with(modern);
        let alone = Fragment { count: 1, total_length: 3, ..AB };
        assert_eq!(remote.is_refused(&[kind(alone)]), Some(DiscardReason::BadFragment));
    }
}

#[test]
fn a_set_that_a_bad_fragment_was_refused_of_is_completed_by_the_right_one() {
    for kind in BOTH {
        let mut remote = Crafted::client_with(modern);
        remote.says(&[kind(AB)]);
        remote.heard();
        assert_eq!(
            remote.is_refused(&[kind(Fragment { offset: 1, ..CD })]),
            Some(DiscardReason::BadFragment)
        );
        // One that is there already spoils nothing, whatever it brings.
        remote.says(&[kind(Fragment { payload: b"XYZ", ..AB }), kind(CD)]);
        assert_eq!(remote.texts(), ["abcd"]);
    }
}

#[test]
fn fragments_of_several_sizes_make_a_packet() {
    for kind in BOTH {
        let mut remote = Crafted::client_with(modern);
        let set = Fragment { count: 3, total_length: 6, ..AB };
        remote.says(&[
            kind(Fragment { number: 2, offset: 5, payload: b"f", ..set }),
            kind(Fragment { number: 0, offset: 0, payload: b"abc", ..set }),
            kind(Fragment { number: 1, offset: 3, payload: b"de", ..set }),
        ]);
        assert_eq!(remote.texts(), ["abcdef"]);
    }
}

#[test]
fn a_reliable_fragments_own_number_matters_to_its_acknowledgement_only() {
    let mut remote = Crafted::client();
    remote.says(&[fragment(0, 77, AB), fragment(0, 78, CD)]);
    assert_eq!(remote.texts(), ["abcd"]);
    let echo = remote.clock();
    remote.hears(&[acknowledge(0, 77, echo), acknowledge(0, 78, echo)]);
    assert_eq!(remote.peer().channel(0).unwrap().incoming_reliable, 2);
}

// ---- Check 1: channel and state

#[test]
fn check_1_a_channel_that_does_not_exist() {
    let mut remote = Crafted::client();
    for command in [fragment(2, 1, AB), unreliable_fragment(2, 0, AB)] {
        assert_eq!(remote.is_refused(&[command, ping(2)]), Some(DiscardReason::NoSuchChannel));
    }
}

#[test]
fn check_1_a_connection_that_is_not_established() {
    for kind in BOTH {
        let mut remote = Crafted::client();
        remote.peer_mut().disconnect(0);
        assert_eq!(remote.is_refused(&[kind(AB), ping(2)]), Some(DiscardReason::UnexpectedCommand));
    }
}

// ---- Check 2: the payload

#[test]
fn check_2_an_empty_fragment() {
    is_bad(Fragment { payload: b"", ..AB });
}

#[test]
fn check_2_a_fragment_above_the_hosts_packet_limit() {
    for kind in BOTH {
        let mut remote = Crafted::client_with(|config| config.max_packet_size = 1);
        assert_eq!(remote.is_refused(&[kind(AB), ping(2)]), Some(DiscardReason::BadFragment));
    }
}

#[test]
fn check_2_a_fragment_that_is_cut_off() {
    for kind in BOTH {
        let mut remote = Crafted::client();
        let mut bytes = remote.datagram(&[kind(AB)]);
        bytes.pop();
        assert_eq!(remote.is_refused_as(&bytes), Some(DiscardReason::MalformedCommand));
    }
}

#[test]
fn check_2_comes_before_check_3() {
    let mut remote = Crafted::client();
    let empty_and_far = Fragment { start: 0x7000, payload: b"", ..AB };
    assert_eq!(remote.is_refused(&[fragment(0, 0x7000, empty_and_far)]), Some(DiscardReason::BadFragment));
}

// ---- Check 3: the window

#[test]
fn check_3_a_reliable_set_that_is_old_is_ignored_and_acknowledged() {
    let mut remote = Crafted::client();
    remote.says(&[fragment(0, 0x9000, Fragment { start: 0x9000, ..AB }), ping(2)]);
    let echo = remote.clock();
    remote.hears(&[acknowledge(0, 0x9000, echo), acknowledge(0xff, 2, echo)]);
    assert_eq!(remote.stats().waiting_data, 0);
}

#[test]
fn check_3_a_reliable_set_too_far_ahead_is_ignored_and_not_acknowledged() {
    let mut remote = Crafted::client();
    remote.says(&[fragment(0, 0x7000, Fragment { start: 0x7000, ..AB }), ping(2)]);
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
    assert_eq!(remote.stats().waiting_data, 0);
}

#[test]
fn check_3_an_unreliable_set_outside_the_window_of_its_reliable_number_is_ignored() {
    for reliable_number in [0x7000, 0x9000, 0xffff] {
        let mut remote = Crafted::client();
        remote.says(&[unreliable_fragment(0, reliable_number, AB), ping(2)]);
        remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
        assert_eq!(remote.stats().waiting_data, 0);
    }
}

#[test]
fn check_3_comes_before_check_5() {
    let mut remote = Crafted::client();
    let absurd_and_old = Fragment { start: 0x9000, number: 5, count: 2, ..AB };
    remote.says(&[fragment(0, 0x9000, absurd_and_old), ping(2)]);
    assert_eq!(remote.heard()[0].commands().len(), 2, "both acknowledged");
}

// ---- Check 4: superseded unreliable sets

#[test]
fn check_4_an_unreliable_set_behind_what_was_delivered_is_ignored() {
    let mut remote = Crafted::client();
    remote.says(&[unreliable(0, 0, 5, b"five")]);
    for start in [0, 1, 5] {
        remote.says(&[UNRELIABLE(Fragment { start, ..AB }), ping(2)]);
        remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
    }
    assert_eq!(remote.texts(), ["five"]);
    assert_eq!(remote.stats().waiting_data, 0);
    assert_eq!(remote.host.stats().discarded.total(), 0, "not a bad command");
}

// ---- Check 5: the shape

#[test]
fn check_5_more_fragments_than_a_packet_may_have() {
    is_bad(Fragment { count: 1_048_577, total_length: 2_000_000, ..AB });
}

#[test]
fn check_5_as_many_fragments_as_a_packet_may_have() {
    for kind in BOTH {
        let mut remote = Crafted::client();
        remote.says(&[kind(Fragment { count: 1_048_576, total_length: 2_000_000, ..AB })]);
        assert_eq!(remote.stats().waiting_data, 2_000_000);
    }
}

#[test]
fn check_5_a_fragment_number_beyond_the_count() {
    is_bad(Fragment { number: 2, ..AB });
}

#[test]
fn check_5_a_packet_above_the_hosts_limit() {
    is_bad(Fragment { total_length: (32 << 20) + 1, ..AB });
}

#[test]
fn check_5_more_fragments_than_bytes() {
    is_bad(Fragment { count: 5, ..AB });
}

#[test]
fn check_5_an_offset_at_or_beyond_the_end() {
    is_bad(Fragment { number: 1, offset: 4, ..AB });
    is_bad(Fragment { number: 1, offset: u32::MAX, ..AB });
}

#[test]
fn check_5_a_payload_that_sticks_out() {
    is_bad(Fragment { number: 1, offset: 3, ..AB });
}

// ---- Check 6: sets that contradict themselves

#[test]
fn check_6_another_total_length_or_count() {
    for kind in BOTH {
        for other in [Fragment { total_length: 5, ..CD }, Fragment { count: 3, ..CD }] {
            let mut remote = Crafted::client();
            remote.says(&[kind(AB)]);
            assert_eq!(remote.is_refused(&[kind(other), ping(2)]), Some(DiscardReason::BadFragment));
            remote.says(&[kind(CD)]);
            assert_eq!(remote.texts(), ["abcd"], "the set is still good");
        }
    }
}

#[test]
fn check_6_a_packet_that_is_no_fragment_under_the_same_number() {
    let mut remote = Crafted::client();
    remote.says(&[reliable(0, 2, b"whole")]);
    let refused = remote.is_refused(&[fragment(0, 2, Fragment { start: 2, ..AB }), ping(2)]);
    assert_eq!(refused, Some(DiscardReason::BadFragment));

    let mut remote = Crafted::client();
    remote.says(&[unreliable(0, 1, 1, b"waits for reliable 1")]);
    let refused = remote.is_refused(&[unreliable_fragment(0, 1, AB), ping(2)]);
    assert_eq!(refused, Some(DiscardReason::BadFragment));
}

// ---- Check 7: a new set

#[test]
fn check_7_no_room_for_a_new_set() {
    for kind in BOTH {
        let mut remote = Crafted::client_with(|config| config.max_waiting_data = 4);
        remote.says(&[reliable(1, 1, b"full")]);
        remote.heard();
        assert_eq!(remote.is_refused(&[kind(AB), ping(2)]), Some(DiscardReason::WaitingDataLimit));
    }
}

#[test]
fn check_7_fragments_of_a_set_that_has_its_room_are_taken_at_the_limit() {
    for kind in BOTH {
        let mut remote = Crafted::client_with(|config| config.max_waiting_data = 4);
        remote.says(&[kind(AB), kind(CD)]);
        assert_eq!(remote.texts(), ["abcd"]);
    }
}

#[test]
fn check_7_the_last_delivered_number_again() {
    let mut remote = Crafted::client();
    let single = fragment(0, 1, Fragment { count: 1, total_length: 2, ..AB });
    remote.says(&[single]);
    assert_eq!(remote.texts(), ["ab"]);
    // The one case in which a copy is not acknowledged: off 0 and number == in_rel.
    assert_eq!(remote.is_refused(&[single, ping(2)]), Some(DiscardReason::BadFragment));
}

// ---- After completion

#[test]
fn late_copies_of_a_complete_reliable_set_are_acknowledged() {
    let mut remote = Crafted::client();
    remote.says(&[RELIABLE(AB), RELIABLE(CD)]);
    remote.heard();
    remote.says(&[RELIABLE(AB), RELIABLE(CD)]);
    let echo = remote.clock();
    remote.hears(&[acknowledge(0, 1, echo), acknowledge(0, 2, echo)]);
    assert_eq!(remote.texts(), ["abcd"]);
}

#[test]
fn late_copies_of_a_complete_unreliable_set_are_ignored() {
    let mut remote = Crafted::client();
    for piece in [AB, CD, AB, CD] {
        remote.says(&[UNRELIABLE(piece)]);
    }
    assert_eq!(remote.texts(), ["abcd"]);
    assert_eq!(remote.stats().waiting_data, 0);
}

#[test]
fn a_fragment_whose_own_number_is_too_far_ahead_is_stored_and_not_acknowledged() {
    let mut remote = Crafted::client();
    let set = Fragment { start: 1, count: 0x7001, number: 0, total_length: 0x7001, offset: 0, payload: b"x" };
    remote.says(&[fragment(0, 1, set)]);
    remote.hears(&[acknowledge(0, 1, remote.clock())]);
    // Own number 0x7000: the practical limit of §12.8.
    remote.says(&[fragment(0, 0x7000, Fragment { number: 0x6fff, offset: 0x6fff, ..set })]);
    remote.hears_nothing();
    assert_eq!(remote.host.stats().discarded.total(), 0);
}

#[test]
fn the_set_behind_a_gap_is_delivered_when_the_gap_closes() {
    let mut remote = Crafted::client();
    let (first, second) = (Fragment { start: 2, ..AB }, Fragment { start: 2, ..CD });
    remote.says(&[RELIABLE(first), RELIABLE(second)]);
    assert_eq!(remote.texts(), Vec::<String>::new());
    remote.says(&[reliable(0, 1, b"gap")]);
    assert_eq!(remote.packets(), [(0, Packet::reliable("gap")), (0, Packet::reliable("abcd"))]);
    assert_eq!(remote.peer().channel(0).unwrap().incoming_reliable, 3);
}
