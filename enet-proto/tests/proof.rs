//! How connections begin at a server of `Profile::Modern`: nothing is done for who has not proven the address
//! (docs/SECURITY.md).

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use common::{CONNECT_ID, Crafted, modern, two_channels};
use enet_proto::{
    Checksum, Compressor, ConnectId, Datagram, DiscardReason, Event, HalfOpenLimit, HostConfig, Instant,
    PeerLimit, PeerState, RangeCoder,
};
use enet_testkit::commands::{acknowledge, connect, disconnect_now, ping, reliable};
use enet_testkit::pair::{Pair, Server, ms};
use enet_wire::{Body, CommandKind, Connect, Session, WirePeerId};

const CONNECT_LEN: usize = 52;
const VERIFY_LEN: usize = 48;

fn with_id(id: u32) -> Connect {
    Connect { connect_id: ConnectId(id.to_be_bytes()), ..two_channels() }
}

/// A stranger, `number` of them.
fn somebody(number: u32) -> SocketAddr {
    let [_, a, b, c] = number.to_be_bytes();
    SocketAddr::from(([10, a, b, c], 5_000))
}

/// Times and lengths of what the host sends within `millis`.
fn hears_within(remote: &mut Crafted, millis: u64) -> Vec<(u64, usize)> {
    remote.wait(millis);
    remote.heard().iter().map(|datagram| (datagram.at, datagram.bytes.len())).collect()
}

// ---- Before the proof

#[test]
fn a_connect_takes_no_slot_and_raises_no_event() {
    let mut remote = Crafted::modern();
    assert!(remote.knocks(two_channels()).is_some());
    assert_eq!(remote.host.peers().count(), 0);
    assert_eq!(remote.host.stats().half_open, 1);
    remote.wait(60_000);
    assert_eq!(remote.events(), []);
    assert_eq!(remote.host.stats().half_open, 0);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::Unproven), 1);
}

#[test]
fn an_answer_that_nobody_proves_is_sent_three_times_and_less_than_three_times_what_came() {
    let mut remote = Crafted::modern();
    remote.mark();
    remote.says(&[connect(two_channels())]);
    let sent = hears_within(&mut remote, 60_000);
    assert_eq!(sent, [(0, VERIFY_LEN), (500, VERIFY_LEN), (1_500, VERIFY_LEN)]);
    const { assert!(VERIFY_LEN <= CONNECT_LEN) }
}

#[test]
fn a_strict_host_answers_a_connect_once_and_with_fewer_bytes() {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.strict_handshake = true;
    });
    remote.mark();
    remote.says(&[connect(two_channels())]);
    assert_eq!(hears_within(&mut remote, 60_000), [(0, VERIFY_LEN)]);
}

#[test]
fn a_host_wants_to_be_called_when_an_answer_is_to_be_repeated_and_when_the_stranger_is_given_up() {
    let mut remote = Crafted::modern();
    remote.says(&[connect(two_channels())]);
    for wait in [500, 1_000, 28_500] {
        remote.heard();
        assert_eq!(remote.host.poll_timeout(), Some(remote.now + ms(wait)));
        remote.wait(wait);
    }
    assert_eq!((remote.host.stats().half_open, remote.host.poll_timeout()), (0, None));
}

#[test]
fn a_connect_said_again_is_answered_with_the_same_bytes() {
    let mut remote = Crafted::modern();
    remote.says(&[connect(two_channels())]);
    let first = remote.heard().remove(0).bytes;
    for _ in 0..3 {
        remote.wait(100);
        remote.says(&[connect(two_channels())]);
        let heard: Vec<_> = remote.heard().into_iter().map(|it| it.bytes).collect();
        assert_eq!(heard, std::slice::from_ref(&first));
    }
    assert_eq!(remote.host.stats().half_open, 1);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::DuplicateConnect), 3);
}

#[test]
fn at_no_time_is_more_than_thrice_as_much_sent_as_received_whatever_a_stranger_says() {
    let configs: [fn(&mut HostConfig); 3] =
        [modern, |c| c.checksum = Some(Checksum::CRC32), |c| c.compressor = Some(RangeCoder::boxed())];
    for (at, change) in configs.into_iter().enumerate() {
        for strict in [false, true] {
            let mut remote = Crafted::stranger_with(|config| {
                change(config);
                modern(config);
                config.strict_handshake = strict;
            });
            let (mut received, mut sent) = (0, 0);
            for turn in 0..400_u32 {
                let said = match turn % 5 {
                    0 => remote.datagram(&[connect(with_id(turn / 100))]),
                    1 => remote.datagram(&[ping(2)]),
                    2 => remote.datagram(&[acknowledge(0xff, 1, 1)]),
                    3 => vec![0; (turn % 7) as usize],
                    _ => remote.datagram(&[reliable(0, 1, b"hello")]),
                };
                received += said.len();
                remote.utters(&said);
                remote.wait(u64::from(turn % 90));
                for datagram in remote.heard() {
                    sent += datagram.bytes.len();
                    if turn % 3 == 0 && datagram.bytes.len() > 40 && at == 0 {
                        remote.header.peer =
                            WirePeerId::from_bits(u16::from_be_bytes([datagram.bytes[8], datagram.bytes[9]]));
                    }
                }
                let most = if strict { received } else { 3 * received };
                assert!(sent <= most, "{sent} bytes for {received}");
            }
            assert!(sent > 0);
        }
    }
}

// ---- The proof

#[test]
fn who_repeats_what_the_answer_said_is_connected_and_its_round_trip_measured() {
    let mut remote = Crafted::modern();
    let asked = Connect { data: 99, ..two_channels() };
    let granted = remote.knocks(asked).unwrap();
    assert_eq!((granted.window_size, granted.mtu, granted.channel_count), (65_536, 1_392, 2));
    remote.wait(40);
    remote.adopts(&granted);
    remote.says(&[remote.proof(), ping(2)]);
    let peer = remote.id.unwrap();
    assert_eq!(remote.events(), [Event::Connected { peer, data: 99 }]);
    assert_eq!((remote.stats().round_trip_time, remote.stats().round_trip_time_variance), (40, 20));
    assert_eq!(remote.host.stats().half_open, 0);
    remote.hears(&[acknowledge(0xff, 2, remote.clock())]);
}

/// A random one would be that of the client's last connection once in three times, and let in what is still under way for it.
#[test]
fn our_session_is_always_the_one_after_the_client_s_last() {
    for (last, next) in [(0xff, 0), (0, 1), (1, 2), (2, 3), (3, 0)] {
        let mut remote = Crafted::modern();
        let granted = remote.knocks(Connect { incoming_session: last, ..two_channels() }).unwrap();
        assert_eq!(granted.incoming_session, next);
        remote.adopts(&granted);
        remote.says(&[remote.proof()]);
        assert_eq!(remote.host.connected_peers(), 1, "{last}");
    }
}

#[test]
fn data_behind_the_proof_arrives() {
    let mut remote = Crafted::modern();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    remote.says(&[remote.proof(), reliable(0, 1, b"early")]);
    assert!(matches!(remote.events()[..], [Event::Connected { .. }, Event::Received { .. }]));
}

#[test]
fn a_round_trip_that_may_be_that_of_another_answer_is_not_measured() {
    let mut remote = Crafted::modern();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.wait(700);
    remote.adopts(&granted);
    remote.says(&[remote.proof()]);
    assert_eq!(remote.state(), PeerState::Connected);
    assert_eq!(remote.stats().round_trip_time, 500);
}

#[test]
fn nor_is_one_that_contains_the_host_s_own_delay() {
    let mut remote = Crafted::modern();
    remote.says(&[connect(two_channels())]);
    remote.now += ms(7);
    let answer = &remote.heard()[0];
    let (command, sent_time) = (answer.commands()[0], answer.header().sent_time.unwrap());
    let Body::VerifyConnect(granted) = command.body else { panic!("{command:?}") };
    remote.adopts(&granted);
    remote.says(&[acknowledge(0xff, command.seq.0, sent_time)]);
    assert_eq!(remote.stats().round_trip_time, 500);
}

#[test]
fn a_connect_that_comes_three_times_at_once_is_answered_once() {
    let mut remote = Crafted::modern();
    for _ in 0..3 {
        remote.says(&[connect(two_channels())]);
    }
    assert_eq!(remote.heard().len(), 1);
}

#[test]
fn every_one_of_the_46_bits_counts() {
    // Wire id 12, session 2, number 16, time 16.
    for bit in 0..46_u32 {
        let mut remote = Crafted::modern();
        let granted = remote.knocks(two_channels()).unwrap();
        remote.adopts(&granted);
        let (seq, time) = remote.answered().unwrap();
        let flip = |value: u16, from: u32| {
            value ^ if (from..from + 16).contains(&bit) { 1 << (bit - from) } else { 0 }
        };
        let proof = acknowledge(0xff, flip(seq, 0), flip(time, 16));
        match bit {
            32..44 => {
                let id = remote.header.peer.get() ^ 1 << (bit - 32);
                remote.header.peer = WirePeerId::from_bits(id);
            }
            44.. => {
                let session = remote.header.session.get() ^ 1 << (bit - 44);
                remote.header.session = Session::new(session).unwrap();
            }
            _ => {}
        }
        remote.says(&[proof]);
        assert_eq!((remote.host.peers().count(), remote.events()), (0, vec![]), "bit {bit}");
    }
}

#[test]
fn the_bits_are_different_each_time_and_no_bit_is_always_the_same() {
    let mut remote = Crafted::modern();
    let mut seen = BTreeSet::new();
    let (mut ones, mut zeros) = (0_u64, 0_u64);
    for number in 0..200 {
        remote.address = somebody(number);
        let granted = remote.knocks(with_id(number)).unwrap();
        let (seq, time) = remote.answered().unwrap();
        let bits = u64::from(seq)
            | u64::from(time) << 16
            | u64::from(granted.outgoing_peer) << 32
            | u64::from(granted.outgoing_session) << 44;
        assert!(
            granted.outgoing_peer < 0xfff && granted.outgoing_session < 4 && granted.incoming_session < 4
        );
        assert!(seen.insert(bits));
        (ones, zeros) = (ones | bits, zeros | !bits);
    }
    assert_eq!(ones & zeros, (1 << 46) - 1);
}

#[test]
fn eight_wrong_acknowledgements_end_it_and_seven_do_not() {
    for (guesses, is_let_in) in [(7, true), (8, false)] {
        let mut remote = Crafted::modern();
        let granted = remote.knocks(two_channels()).unwrap();
        remote.adopts(&granted);
        let (seq, time) = remote.answered().unwrap();
        for guess in 1..=guesses {
            remote.says(&[acknowledge(0xff, seq, time.wrapping_add(guess))]);
        }
        remote.says(&[remote.proof()]);
        assert_eq!(remote.host.connected_peers() == 1, is_let_in, "after {guesses}");
        assert_eq!(remote.host.stats().discarded.get(DiscardReason::BadProof), u64::from(guesses));
    }
}

#[test]
fn none_of_a_hundred_thousand_guesses_is_right() {
    let mut remote = Crafted::modern();
    let mut random = 1_u64;
    for guess in 0..100_000_u32 {
        if guess % 100 == 0 {
            remote.header = enet_wire::Header::default();
            remote.says(&[connect(with_id(guess))]);
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let [a, b, c, d, e, f, ..] = random.to_be_bytes();
        remote.header.peer = WirePeerId::from_bits(u16::from_be_bytes([a, b]));
        remote.header.session = Session::from_bits(u16::from_be_bytes([a, b]));
        let proof = acknowledge(0xff, u16::from_be_bytes([c, d]), u16::from_be_bytes([e, f]));
        let bytes = remote.datagram(&[proof]);
        remote.host.handle_datagram(remote.now, Datagram::new(remote.address, &bytes));
    }
    assert_eq!((remote.host.peers().count(), remote.events()), (0, vec![]));
}

#[test]
fn the_proof_counts_from_the_address_that_was_answered_only() {
    let mut remote = Crafted::modern();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    let home = std::mem::replace(&mut remote.address, somebody(1));
    remote.says(&[remote.proof()]);
    assert_eq!(remote.host.connected_peers(), 0);
    remote.address = home;
    remote.says(&[remote.proof()]);
    assert_eq!(remote.host.connected_peers(), 1);
}

#[test]
fn a_client_whose_acknowledgement_was_lost_is_answered_again_when_it_speaks() {
    let mut remote = Crafted::modern();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.wait(5_000);
    remote.heard();
    remote.adopts(&granted);
    // The CONNECT left credit for 12 bytes, and each of these gives it for 24.
    let mut answers = 0;
    for _ in 0..5 {
        remote.says(&[ping(2)]);
        answers += remote.heard().len();
    }
    assert_eq!(answers, 2);
    remote.says(&[remote.proof(), ping(2)]);
    assert_eq!(remote.state(), PeerState::Connected);
}

#[test]
fn who_says_farewell_before_the_proof_is_forgotten() {
    let mut remote = Crafted::modern();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    remote.says(&[disconnect_now(2, 0)]);
    assert_eq!(remote.host.stats().half_open, 0);
    remote.says(&[remote.proof()]);
    assert_eq!((remote.host.peers().count(), remote.events()), (0, vec![]));
}

#[test]
fn what_is_said_in_another_session_before_the_proof_changes_nothing() {
    let mut remote = Crafted::modern();
    let granted = remote.knocks(two_channels()).unwrap();
    remote.adopts(&granted);
    let session = remote.header.session;
    for other in (0..4).filter(|other| *other != session.get()) {
        remote.header.session = Session::new(other).unwrap();
        remote.says(&[disconnect_now(2, 0)]);
        remote.says(&[ping(2)]);
        assert_eq!((remote.host.stats().half_open, remote.heard().len()), (1, 0), "session {other}");
    }
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::WrongSession), 6);
    remote.header.session = session;
    remote.says(&[remote.proof()]);
    assert_eq!(remote.host.connected_peers(), 1);
}

#[test]
fn a_connect_that_comes_again_in_a_connection_changes_nothing() {
    let mut remote = Crafted::client_with(modern);
    assert_eq!(remote.is_refused(&[connect(two_channels())]), Some(DiscardReason::UnexpectedCommand));
    remote.header = enet_wire::Header::default();
    assert_eq!(remote.is_refused(&[connect(two_channels())]), Some(DiscardReason::DuplicateConnect));
    assert_eq!(remote.host.stats().half_open, 0);
}

#[test]
fn whether_checked_or_compressed_hosts_meet() {
    let configs: [fn(&mut HostConfig); 4] = [
        |_| {},
        |config| config.checksum = Some(Checksum::CRC32),
        |config| config.compressor = Some(RangeCoder::boxed()),
        |config| config.strict_handshake = true,
    ];
    for change in configs {
        let mut pair = Pair::with().modern().both(change).strangers();
        pair.connect();
        pair.run_for(ms(100));
        assert_eq!((pair.client.host.connected_peers(), pair.server.host.connected_peers()), (1, 1));
    }
}

#[test]
fn a_handshake_survives_the_loss_of_any_one_of_its_datagrams() {
    use enet_testkit::pair::Client;
    for (side, nth) in [(Client, 1), (Server, 1), (Client, 2), (Server, 2), (Client, 3)] {
        let mut pair = Pair::with().modern().strangers();
        pair.connect();
        for _ in 1..nth {
            pair.run_until(|pair| pair.kinds_sent_by(side).len() >= nth - 1);
        }
        pair.lose_next(side, 1);
        pair.run_for(ms(2_000));
        assert_eq!(pair.server.host.connected_peers(), 1, "without {side:?}'s datagram {nth}");
        assert_eq!(pair.times_of(Server, CommandKind::Connect).len(), 0);
    }
}

// ---- Many

#[test]
fn the_oldest_make_room() {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.half_open = HalfOpenLimit::new(64).unwrap();
        config.peers = PeerLimit::MIN;
    });
    let mut granted = Vec::new();
    for number in 0..100 {
        // Each from another network.
        remote.address = somebody(number << 8);
        granted.push((remote.address, remote.knocks(with_id(number)).unwrap(), remote.proof()));
        remote.host.check_invariants();
    }
    assert_eq!(remote.host.stats().half_open, 64);
    assert_eq!(remote.host.stats().discarded.get(DiscardReason::Displaced), 36);
    for (at, is_let_in) in [(35, false), (36, true)] {
        remote.address = granted[at].0;
        remote.adopts(&granted[at].1);
        remote.says(&[granted[at].2]);
        assert_eq!(remote.host.connected_peers() == 1, is_let_in, "number {at}");
    }
}

#[test]
fn a_network_displaces_its_own_when_it_has_a_quarter_of_all() {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.half_open = HalfOpenLimit::new(64).unwrap();
    });
    remote.address = somebody(1 << 16);
    let first = remote.knocks(with_id(7)).unwrap();
    let proof = remote.proof();
    for number in 0..200 {
        remote.address = somebody(number);
        remote.address.set_port(1 + u16::try_from(number).unwrap());
        assert!(remote.knocks(with_id(number)).is_some());
        remote.host.check_invariants();
    }
    assert!(remote.host.stats().half_open <= 17);
    remote.address = somebody(1 << 16);
    remote.adopts(&first);
    remote.says(&[proof]);
    assert_eq!(remote.host.connected_peers(), 1);
}

/// CONNECTs that are forged in the name of one address take no more of its names than it can spare.
#[test]
fn who_connects_from_an_address_in_whose_name_thousands_connect_is_answered() {
    let mut remote = Crafted::modern();
    for id in 0..6_000 {
        // Not `says`, which has the books checked each time.
        let bytes = remote.datagram(&[connect(with_id(id))]);
        remote.host.handle_datagram(remote.now, Datagram::new(remote.address, &bytes));
        if id == 4_094 {
            // Names are left, but few are looked at: who would look at 512 of them finds all but a handful.
            let displaced = remote.host.stats().discarded.get(DiscardReason::Displaced);
            assert!((25..200).contains(&displaced), "{displaced}");
        }
    }
    let stats = remote.host.stats();
    assert!(stats.half_open > 4_050, "{}", stats.half_open);
    assert_eq!(stats.discarded.get(DiscardReason::Displaced), 6_000 - stats.half_open as u64);
    remote.wait(1_000);
    remote.heard();
    let granted = remote.knocks(with_id(9_999)).unwrap();
    remote.adopts(&granted);
    remote.says(&[remote.proof()]);
    assert_eq!(remote.host.connected_peers(), 1);
}

#[test]
fn a_flood_makes_the_host_strict_and_it_recovers() {
    let mut remote = Crafted::modern();
    for number in 0..2_000 {
        remote.address = somebody(number);
        remote.says(&[connect(with_id(number))]);
    }
    let answers = remote.heard().len();
    assert_eq!(answers, 2_000);
    // Nothing is sent unasked.
    assert_eq!(hears_within(&mut remote, 60_000), []);
    assert_eq!(remote.host.stats().half_open, 0);
    remote.mark();
    remote.says(&[connect(two_channels())]);
    assert_eq!(hears_within(&mut remote, 60_000).len(), 3);
}

// ---- Names on the wire

#[test]
fn connections_are_told_apart_by_address_and_name() {
    let mut remote = Crafted::modern();
    let mut seen = BTreeSet::new();
    for number in 0..60 {
        remote.address = somebody(number);
        remote.joins(with_id(number));
        remote.says(&[reliable(0, 1, &number.to_be_bytes())]);
        seen.insert(remote.header.peer.get());
        assert_eq!(remote.packets().len(), 1);
    }
    assert_eq!(remote.host.connected_peers(), 60);
    assert!(seen.iter().any(|id| *id >= 64), "names are no slots");
}

#[test]
fn a_name_is_not_given_again_to_the_same_address_for_half_a_minute() {
    let mut remote = Crafted::stranger_with(|config| {
        modern(config);
        config.peers = PeerLimit::MIN;
    });
    let mut seen = BTreeSet::new();
    for number in 0..300 {
        remote.joins(with_id(number));
        assert!(seen.insert(remote.header.peer.get()), "name {} again", remote.header.peer.get());
        remote.peer_mut().reset();
        remote.now += ms(50);
    }
}

#[test]
fn what_was_said_in_an_old_connection_does_not_reach_the_next() {
    let mut remote = Crafted::modern();
    let mut old: Vec<Vec<u8>> = Vec::new();
    for number in 0..16 {
        remote.joins(with_id(number));
        for bytes in &old {
            remote.utters(bytes);
        }
        assert_eq!(remote.packets(), []);
        assert_eq!(remote.state(), PeerState::Connected);
        old.push(remote.datagram(&[reliable(0, 1, b"old"), reliable(0, 2, b"old")]));
        old.push(remote.datagram(&[disconnect_now(2, 1)]));
        remote.peer_mut().reset();
        remote.header = enet_wire::Header::default();
    }
}

#[test]
fn a_client_s_name_for_itself_is_random_too() {
    let names: BTreeSet<u16> = (0..20_u8)
        .map(|seed| {
            let mut remote = Crafted::stranger_with(|config| {
                modern(config);
                config.seed = [seed; 32];
            });
            remote.is_connected_to();
            remote.asked().outgoing_peer
        })
        .collect();
    assert!(names.len() > 15 && !names.contains(&0xfff));
}

#[test]
fn nothing_comes_from_port_zero() {
    let mut remote = Crafted::modern();
    remote.address.set_port(0);
    assert_eq!(remote.is_refused(&[connect(two_channels())]), Some(DiscardReason::PortZero));
    remote.hears_nothing();
}

#[test]
fn a_stranger_s_block_is_decompressed_to_64_bytes_at_most() {
    let config = |config: &mut HostConfig| {
        modern(config);
        config.compressor = Some(RangeCoder::boxed());
    };
    let compressed = |len: usize| {
        let mut out = vec![0; 4096];
        let plain = [&common::encoded(&[connect(two_channels())])[..], &vec![0; len - 48]].concat();
        let used = Compressor::compress(&mut *RangeCoder::boxed(), &plain, &mut out).unwrap();
        let header =
            enet_wire::Header { compressed: true, sent_time: Some(1), ..enet_wire::Header::default() };
        [&header.encode()[..], &out[..used]].concat()
    };
    for (len, is_answered) in [(48, true), (64, true), (65, false), (4_000, false)] {
        let mut remote = Crafted::stranger_with(config);
        remote.utters(&compressed(len));
        assert_eq!(remote.heard().len() == 1, is_answered, "{len} bytes");
    }
}

/// Whoever forges CONNECTs of one address has taken all its names after some thousands, and so need not guess one.
#[test]
fn an_attempt_is_worth_eight_blocks_that_prove_nothing_and_none_out_of_its_session() {
    #[derive(Debug)]
    struct Counting(Arc<Mutex<u32>>);
    impl Compressor for Counting {
        fn compress(&mut self, _: &[u8], _: &mut [u8]) -> Option<usize> {
            None
        }
        fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
            *self.0.lock().unwrap() += 1;
            output.fill(0);
            (input == b"zeros").then_some(output.len())
        }
    }
    for bomb in [&b"zeros"[..], b"damaged"] {
        let count = Arc::new(Mutex::new(0));
        let compressor = Box::new(Counting(Arc::clone(&count)));
        let mut remote = Crafted::stranger_with(|config| {
            modern(config);
            config.compressor = Some(compressor);
        });
        let granted = remote.knocks(two_channels()).unwrap();
        remote.adopts(&granted);
        let flood = |remote: &mut Crafted, session: u8| {
            let session = Session::new(session & 3).unwrap();
            let header = enet_wire::Header { compressed: true, session, ..remote.header };
            for _ in 0..1_000 {
                remote.utters(&[&header.encode()[..], bomb].concat());
            }
            core::mem::take(&mut *count.lock().unwrap())
        };
        let session = remote.header.session.get();
        assert_eq!((1..4).map(|other| flood(&mut remote, session + other)).sum::<u32>(), 0);
        assert_eq!(flood(&mut remote, session), 8);
        assert_eq!(remote.host.stats().half_open, 0);
    }
}

#[test]
fn time_may_stand_still_and_jump() {
    let mut remote = Crafted::modern();
    remote.knocks(two_channels());
    remote.now = Instant::from_millis(remote.now.as_millis() + 1_000_000_000);
    remote.host.handle_timeout(remote.now);
    assert_eq!(remote.host.stats().half_open, 0);
    assert!(remote.knocks(Connect { connect_id: ConnectId(CONNECT_ID), ..two_channels() }).is_some());
}

#[test]
fn who_is_sent_away_by_a_full_host_may_come_back_at_once_however_often() {
    let full = |config: &mut HostConfig| config.peers = PeerLimit::new(1).unwrap();
    let mut pair = Pair::with().modern().both(full).delay(ms(1)).strangers();
    // More often than an address has ids, in less time than ids rest.
    for visit in 0..4_200 {
        pair.connect();
        pair.run_until(|pair| {
            pair.client.state() == PeerState::Connected && pair.server.state() == PeerState::Connected
        });
        pair.server.disconnect(0);
        pair.run_until(|pair| pair.client.connection().is_none() && pair.server.connection().is_none());
        assert!(pair.elapsed() < ms(7) * (visit + 1), "visit {visit}: {:?}", pair.elapsed());
    }
}
