//! The memory that received data takes: accounts say what it is, and they have limits that make nobody else deaf
//! (docs/SECURITY.md).

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Crafted, modern, two_channels};
use enet_proto::{ConnectId, Datagram, DiscardReason, Event, HostConfig, MemoryLimit, Packet};
use enet_testkit::alloc::{Counting, held};
use enet_testkit::commands::{acknowledge, fragment, ping, reliable, unreliable_fragment};
use enet_wire::{Command, Connect, Fragment};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CHANNELS: u8 = 255;

/// A client with all channels that a host has.
fn client(change: impl FnOnce(&mut HostConfig)) -> Crafted {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.channels = enet_proto::ChannelLimit::MAX;
        change(config);
    });
    remote.joins(Connect { channel_count: u32::from(CHANNELS), ..two_channels() });
    remote.packets();
    remote.heard();
    remote
}

/// Lets the host take in datagrams of so many of these commands, which want no acknowledgement, for as long as
/// there are any or the limit is reached.
fn flood<'a>(remote: &mut Crafted, commands: impl Iterator<Item = Command<'a>>, at_once: usize) {
    let commands: Vec<Command<'_>> = commands.map(|it| Command { acknowledge: false, ..it }).collect();
    for commands in commands.chunks(at_once) {
        let bytes = remote.datagram(commands);
        remote.host.handle_datagram(remote.now, Datagram::new(remote.address, &bytes));
    }
}

/// Why the rest of a datagram with these commands had no effect.
fn verdict(remote: &mut Crafted, commands: &[Command<'_>]) -> Option<DiscardReason> {
    let before = remote.host.stats().discarded;
    remote.says(commands);
    let after = remote.host.stats().discarded;
    DiscardReason::ALL.iter().copied().find(|reason| after.get(*reason) > before.get(*reason))
}

/// What is kept whatever is held: chunks, husks, tables.
const KEPT: f64 = 3e6;

/// Real bytes, which must be no more than a quarter above those of the account; and all must come back in the end.
fn is_accounted(limit: u32, rehearse: impl Fn(&mut Crafted)) -> u64 {
    let mut remote = client(|config| config.max_waiting_data = limit);
    let before = held();
    rehearse(&mut remote);
    let real = held() - before;
    let accounted = remote.host.stats().held_data;
    remote.host.check_invariants();
    assert!(
        real as f64 <= 1.25 * accounted as f64 + KEPT,
        "{real} bytes are held, {accounted} accounted for"
    );
    assert!(accounted <= u64::from(limit) * 5 / 4, "{accounted} of {limit}");
    while remote.host.poll_event().is_some() {}
    remote.host.check_invariants();
    let id = remote.id.unwrap();
    remote.host.peer_mut(id).unwrap().reset();
    remote.host.check_invariants();
    assert_eq!(remote.host.stats().held_data, 0);
    for _ in 0..4 {
        remote.wait(1_000);
    }
    assert!((held() - before) as f64 <= KEPT, "{} bytes are never given back", held() - before);
    accounted
}

const LIMIT: u32 = 16 << 20;

/// Numbers from the far end of the window to its second, for every channel.
fn ahead<'a>(payload: &'a [u8], step: usize) -> impl Iterator<Item = Command<'a>> {
    (0..CHANNELS).flat_map(move |channel| {
        (2..0x6000).rev().step_by(step).map(move |seq| reliable(channel, seq, payload))
    })
}

#[test]
fn packets_ahead_of_their_turn_take_what_the_account_says() {
    for (length, step) in [(0, 1), (0, 37), (32, 16), (33, 1), (100, 300), (1_200, 1)] {
        let payload = vec![7; length];
        let accounted = is_accounted(LIMIT, |remote| flood(remote, ahead(&payload, step).take(150_000), 3));
        assert!(step > 1 || accounted >= u64::from(LIMIT), "{length}: the limit is reached: {accounted}");
    }
}

#[test]
fn packets_that_nobody_fetches_take_what_the_account_says() {
    for length in [0, 64, 65, 1_200] {
        let payload = vec![7; length];
        let accounted = is_accounted(LIMIT, |remote| {
            let numbers = (1..=0xffff).chain(0..=0xffff).chain(0..=100);
            flood(remote, numbers.map(|seq| reliable(0, seq, &payload)), 3);
        });
        assert!(accounted >= u64::from(LIMIT), "{length}: {accounted}");
    }
}

fn piece(start: u16, count: u32, number: u32, total_length: u32, payload: &[u8]) -> Fragment<'_> {
    Fragment { start, count, number, total_length, offset: total_length / count * number, payload }
}

#[test]
fn packets_in_fragments_take_what_the_account_says() {
    // The first byte of many packets; every 64th fragment, from the end, of one byte; packets that are half there.
    is_accounted(LIMIT, |remote| {
        let firsts = (1..0x6000).flat_map(|seq| (0..3).map(move |channel| (channel, seq)));
        flood(remote, firsts.map(|(channel, seq)| fragment(channel, seq, piece(seq, 2, 0, 3_000, b"x"))), 3);
    });
    is_accounted(LIMIT, |remote| {
        let sparse = (0..1 << 20).rev().step_by(64);
        flood(remote, sparse.map(|number| fragment(0, 1, piece(1, 1 << 20, number, 8 << 20, b"x"))), 3);
    });
    is_accounted(LIMIT, |remote| {
        let payload = [7; 1_000];
        let halves = (0..20).flat_map(|channel| (0..500).map(move |number| (channel, number)));
        let half = |(channel, number)| fragment(channel, 1, piece(1, 1_000, number, 1_000_000, &payload));
        flood(remote, halves.map(half), 1);
    });
    is_accounted(LIMIT, |remote| {
        let payload = [7; 900];
        let whole = (0..2_000u16).flat_map(|set| (0..10).map(move |number| (set * 10 + 1, number)));
        flood(
            remote,
            whole.map(|(seq, number)| fragment(0, seq, piece(seq, 10, number, 9_000, &payload))),
            1,
        );
    });
    is_accounted(LIMIT, |remote| {
        let payload = [7; 900];
        let sets = (1..300).flat_map(|seq| (0..CHANNELS).map(move |channel| (channel, seq)));
        let first = |(channel, seq)| unreliable_fragment(channel, 0, piece(seq, 10, 0, 9_000, &payload));
        flood(remote, sets.map(first), 1);
    });
}

/// Channel by channel a crowd waits, and leaves one behind that holds on to its room.
#[test]
fn what_is_left_of_a_crowd_takes_no_more_than_it_says() {
    is_accounted(LIMIT, |remote| {
        for channel in 0..CHANNELS {
            let crowd = (2..3_000).chain([4_000]).chain([1]);
            flood(remote, crowd.map(|seq| reliable(channel, seq, b"")), 50);
            while remote.host.poll_event().is_some() {}
        }
        assert!(remote.host.stats().highest_held_data > 500_000);
        assert!(remote.host.stats().held_data < 4_000_000, "{}", remote.host.stats().held_data);
    });
}

// ---- Limits

#[test]
fn a_refused_packet_is_not_acknowledged_and_comes_again() {
    let mut remote = Crafted::client_with(|config| {
        modern(config);
        config.max_waiting_data = 500;
    });
    remote.says(&[reliable(0, 1, b"a"), reliable(0, 2, b"b"), reliable(0, 3, b"c")]);
    assert_eq!(verdict(&mut remote, &[reliable(0, 4, b"d")]), Some(DiscardReason::WaitingDataLimit));
    let acknowledged: usize = remote.heard().iter().map(|datagram| datagram.commands().len()).sum();
    assert_eq!(acknowledged, 3);
    assert_eq!(remote.texts(), ["a", "b", "c"]);
    assert_eq!(verdict(&mut remote, &[reliable(0, 4, b"d")]), None);
    assert_eq!(remote.texts(), ["d"]);
}

/// What waits for it takes all there is. Nothing would ever leave, were it refused.
#[test]
fn the_packet_that_the_others_wait_for_is_taken_when_there_is_nothing_to_fetch() {
    let mut remote = Crafted::client_with(|config| {
        modern(config);
        config.max_waiting_data = 200;
    });
    remote.says(&[reliable(0, 2, b"b")]);
    assert_eq!(verdict(&mut remote, &[reliable(0, 3, b"c")]), Some(DiscardReason::WaitingDataLimit));
    assert_eq!(verdict(&mut remote, &[reliable(0, 1, b"a")]), None);
    assert_eq!(verdict(&mut remote, &[reliable(0, 3, b"c")]), Some(DiscardReason::WaitingDataLimit));
    assert_eq!(remote.texts(), ["a", "b"]);
}

#[test]
fn a_large_packet_that_was_announced_does_not_hold_up_the_one_before_it() {
    let mut remote = client(|config| config.max_waiting_data = 100_000);
    let begun = fragment(0, 2, piece(2, 200, 0, 120_000, b"x"));
    assert_eq!(verdict(&mut remote, &[begun]), None);
    // All of that counts as waiting, and none of it can be fetched before this one.
    assert_eq!(verdict(&mut remote, &[reliable(0, 1, b"before")]), None);
    assert_eq!(remote.texts(), ["before"]);
}

#[test]
fn under_compat_the_payload_alone_counts() {
    let mut remote = Crafted::client_with(|config| config.max_waiting_data = 4);
    for seq in 2..1_000 {
        assert_eq!(verdict(&mut remote, &[reliable(0, seq, b"")]), None);
    }
    assert_eq!(remote.stats().waiting_data, 0);
    assert!(remote.stats().held_data > 100_000, "it is counted nonetheless");
}

/// Two clients of one host with a mebibyte for both. The first is greedy.
fn greedy() -> Crafted {
    let mut remote = client(|config| config.memory = MemoryLimit::MIN);
    let payload = [7; 1_000];
    flood(&mut remote, (1..2_000).map(|seq| reliable(0, seq, &payload)), 1);
    remote
}

#[test]
fn a_peer_that_takes_all_it_can_leaves_as_much_for_the_others() {
    let mut remote = greedy();
    let (limit, greedy) = (MemoryLimit::MIN.get(), remote.host.stats().held_data);
    assert!((limit * 49 / 100..=limit / 2 + 2_000).contains(&greedy), "{greedy}");
    assert!(remote.host.stats().discarded.get(DiscardReason::MemoryLimit) > 1_000);
    let (address, id) = (remote.address, remote.id);
    remote.address.set_port(4_001);
    remote.joins(Connect { connect_id: ConnectId([9; 4]), ..two_channels() });
    assert_eq!(verdict(&mut remote, &[reliable(0, 1, &[1; 1_000])]), None);
    remote.address = address;
    assert_ne!(remote.id, id);
}

#[test]
fn fetching_what_one_peer_sent_makes_room_for_it() {
    let mut remote = greedy();
    let fetched = std::iter::from_fn(|| remote.host.poll_event()).count();
    assert!(fetched > 400, "{fetched}");
    assert_eq!(remote.host.stats().held_data, 0);
    assert!(remote.host.stats().highest_held_data > MemoryLimit::MIN.get() / 3);
    let next = u16::try_from(fetched).unwrap() + 1;
    assert_eq!(verdict(&mut remote, &[reliable(0, next, b"again")]), None);
}

#[test]
fn a_packet_that_there_is_no_room_for_is_not_begun() {
    let mut remote = client(|config| config.memory = MemoryLimit::MIN);
    let large = |total| fragment(0, 1, piece(1, 2_000, 0, total, b"x"));
    assert_eq!(verdict(&mut remote, &[large(600_000)]), Some(DiscardReason::MemoryLimit));
    assert_eq!(remote.host.stats().held_data, 0);
    assert_eq!(verdict(&mut remote, &[large(400_000)]), None);
}

// ---- The send queue

#[test]
fn a_broadcast_says_how_many_could_not_have_it() {
    let mut remote = Crafted::client_with(|config| config.max_packet_size = 100);
    remote.events();
    let channels = remote.peer().channels();
    let counts = |it: enet_proto::Broadcast| (it.queued, it.full, it.refused);
    assert_eq!(counts(remote.host.broadcast(0, Packet::reliable("x"))), (1, 0, 0));
    assert_eq!(counts(remote.host.broadcast(channels, Packet::reliable("x"))), (0, 0, 1));
    assert_eq!(counts(remote.host.broadcast(0, Packet::reliable(vec![7; 101]))), (0, 0, 1));
}

#[test]
fn a_packet_for_a_peer_that_is_gone_is_given_back() {
    let mut remote = Crafted::client_with(|_| ());
    remote.events();
    let peer = remote.peer().id();
    let (in_time, late) = (vec![7; 680], String::from("late"));
    assert!(remote.host.send(peer, 0, Packet::reliable(&in_time)).is_ok());
    remote.peer_mut().reset();
    let refused = remote.host.send(peer, 0, Packet::reliable(&late)).unwrap_err();
    assert_eq!(refused.reason, enet_proto::SendErrorReason::NotConnected);
    assert_eq!(refused.packet, Packet::reliable("late"));
}

#[test]
fn a_full_queue_gives_the_packet_back_and_says_when_it_is_half_empty() {
    let mut remote = Crafted::client_with(|config| {
        modern(config);
        config.max_queued_data = 10_000;
        config.writable_events = true;
    });
    remote.events();
    let mut queued = 0;
    let refused = loop {
        let has_room = remote.peer().has_room();
        assert_eq!(has_room, remote.stats().queued_data < 10_000);
        match remote.peer_mut().send(0, Packet::reliable(vec![7; 680])) {
            Ok(()) => queued += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(queued, 10);
    assert_eq!(
        (refused.reason, refused.packet.len()),
        (enet_proto::SendErrorReason::QueueFull { max: 10_000 }, 680)
    );
    assert_eq!(remote.stats().queued_data, 10_000);
    assert_eq!(remote.host.broadcast(0, Packet::unreliable("x")).full, 1);
    assert_eq!(remote.host.stats().queue_full, 2);
    // Six of ten acknowledged, one by one.
    let sent: Vec<(u16, u16)> = remote
        .heard()
        .iter()
        .flat_map(|it| {
            let at = it.header().sent_time.unwrap_or(0);
            it.commands().iter().filter(|it| it.acknowledge).map(|it| (it.seq.0, at)).collect::<Vec<_>>()
        })
        .collect();
    let mut told = Vec::new();
    for (seq, at) in &sent[..6] {
        remote.says(&[acknowledge(0, *seq, *at)]);
        told.push(remote.events().contains(&Event::Writable { peer: remote.id.unwrap() }));
    }
    assert_eq!(told, [false, false, false, false, false, true]);
    assert_eq!(remote.stats().queued_data, 4_000);
    assert!(remote.peer_mut().send(0, refused.packet).is_ok());
}

#[test]
fn who_only_broadcasts_is_told_too_that_a_queue_takes_packets_again() {
    let mut remote = Crafted::client_with(|config| {
        modern(config);
        config.max_queued_data = 3_000;
        config.writable_events = true;
    });
    remote.events();
    while remote.host.broadcast(0, Packet::unreliable(vec![7; 680])).full == 0 {}
    assert!(!remote.events().contains(&Event::Writable { peer: remote.id.unwrap() }));
    remote.heard();
    assert!(remote.events().contains(&Event::Writable { peer: remote.id.unwrap() }));
}

#[test]
fn unreliable_packets_leave_the_queue_when_they_leave() {
    let mut remote = Crafted::client_with(|config| {
        modern(config);
        config.max_queued_data = 3_000;
        config.writable_events = true;
    });
    remote.events();
    while remote.peer_mut().send(0, Packet::unreliable(vec![7; 100])).is_ok() {}
    assert_eq!(remote.events(), []);
    remote.heard();
    assert_eq!(remote.events(), [Event::Writable { peer: remote.id.unwrap() }]);
    assert_eq!(remote.stats().queued_data, 0);
}

#[test]
fn a_large_packet_is_counted_with_each_of_its_fragments_until_they_are_acknowledged() {
    let mut remote = Crafted::client_with(modern);
    remote.host_sends(0, Packet::reliable(vec![7; 100_000]));
    let before = remote.stats().queued_data;
    assert_eq!((before - 100_000) % 320, 0);
    assert!(before > 100_000 + 70 * 320, "{before}");
    remote.acknowledges_everything();
    assert_eq!(remote.stats().queued_data, 0);
}

#[test]
fn under_compat_a_queue_is_never_full() {
    let mut remote = Crafted::client_with(|config| config.max_queued_data = 0);
    remote.host_sends(0, Packet::reliable("x"));
}

// ---- Acknowledgements

/// Half a million and more commands, each of which would need an entry of its own, to a host that cannot send.
#[test]
fn acknowledgements_that_nobody_sends_are_limited() {
    let mut remote = client(|config| config.max_waiting_data = 1_000);
    let packets: Vec<Command<'static>> =
        [0, 1].into_iter().cycle().take(400).map(|channel| reliable(channel, 0, b"")).collect();
    let bytes = remote.datagram(&packets);
    let limit = 1 << 19;
    for _ in 0..2 * limit / packets.len() {
        remote.host.handle_datagram(remote.now, Datagram::new(remote.address, &bytes));
    }
    assert!((limit - 400..=limit).contains(&remote.stats().acknowledgements_owed));
    assert!(remote.host.stats().discarded.get(DiscardReason::AcknowledgementLimit) > 100);
    remote.heard();
    assert_eq!(remote.stats().acknowledgements_owed, 0);
    assert_eq!(verdict(&mut remote, &packets), None);
}

// ---- Events

/// Connections that come and go, before an application that looks at nothing.
#[test]
fn while_too_many_events_wait_nobody_is_let_in_who_gets_in_once_they_are_fetched() {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.peers = enet_proto::PeerLimit::new(5).unwrap();
    });
    let mut port = 5_000;
    loop {
        port += 1;
        remote.address.set_port(port);
        let granted = remote.knocks(two_channels()).unwrap();
        remote.wait(10);
        remote.adopts(&granted);
        let proof = remote.proof();
        if verdict(&mut remote, &[proof]) == Some(DiscardReason::EventLimit) {
            break;
        }
        remote.peer_mut().disconnect(0);
        let heard = remote.heard();
        let (sent, goodbye) = (heard[0].header().sent_time.unwrap(), heard[0].commands()[0]);
        remote.says(&[acknowledge(0xff, goodbye.seq.0, sent)]);
    }
    assert_eq!(port - 5_000, 38, "seventy-four events are two for each of thirty-seven connections");
    assert_eq!(std::iter::from_fn(|| remote.host.poll_event()).count(), 74);
    let proof = remote.proof();
    assert_eq!(verdict(&mut remote, &[proof]), None);
    assert!(matches!(remote.host.poll_event(), Some(Event::Connected { .. })));
}

/// Each of the first would be looked for among all of the second.
#[test]
fn only_a_few_acknowledgements_are_repeated_however_many_are_owed() {
    let mut remote = client(|_| {});
    // Gaps, so that acknowledgements are worth repeating.
    let gaps: Vec<Command<'static>> = (1..60).map(|seq| reliable(0, seq * 4, b"")).collect();
    remote.says(&gaps);
    remote.heard();
    let sent_before = remote.host.stats().bytes_sent;
    remote.wait(1);
    let pings: Vec<Command<'static>> = (2..300).map(ping).collect();
    remote.says(&pings);
    remote.wait(1);
    remote.says(&[ping(300)]);
    let sent = remote.host.stats().bytes_sent - sent_before;
    // 299 of them, 64 twice: once of the gaps', once of the pings'.
    assert!((299 * 8..=(299 + 2 * 64) * 8 + 200).contains(&sent), "{sent}");
}
