//! Loss, scripts, black holes, corruption, duplication.

use enet_wire::{Body, ChannelId, Command, Header, ReliableSeq, WirePeerId, Writer};

use super::super::{DropReason, LONGEST};
use super::{Sent, dropped, link, ms, network, run, send_many, send_one};
use crate::scenario::link::Damage;
use crate::time::{Span, Time};

#[test]
fn a_perfect_link_delivers_everything_unchanged_and_at_once() {
    for sent in run("", 100) {
        assert_eq!(sent.fate.dropped, None);
        assert_eq!(sent.copies.len(), 1);
        assert_eq!(sent.copies[0].at, sent.at);
        assert_eq!(sent.copies[0].bytes[..8], sent.fate.number.to_le_bytes());
    }
}

#[test]
fn the_share_of_lost_datagrams_is_the_configured_one() {
    let lost =
        |chance: &str| dropped(&run(&format!("loss = {{ kind = 'random', chance = '{chance}' }}"), 100_000));
    assert_eq!(lost("0%"), 0);
    assert!((4_700..5_300).contains(&lost("5%")), "{}", lost("5%"));
    assert_eq!(lost("100%"), 100_000);
}

#[test]
fn bursts_have_the_configured_mean_length_and_share() {
    let run = run("loss = { kind = 'burst', enter = '1%', leave = '25%' }", 400_000);
    let lost: Vec<bool> = run.iter().map(|sent| sent.fate.dropped.is_some()).collect();
    let total = lost.iter().filter(|lost| **lost).count();
    let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    // Stationary share enter/(enter+leave) = 3.85 %, mean length 1/leave = 4.
    assert!((14_000..16_800).contains(&total), "{total}");
    let mean = total as f64 / bursts as f64;
    assert!((3.7..4.3).contains(&mean), "{mean}");
}

#[test]
fn a_good_line_and_a_bad_one_lose_at_rates_of_their_own() {
    let text = "loss = { kind = 'burst', enter = '5%', leave = '5%', lost-good = '1%', lost-bad = '41%' }";
    let share = dropped(&run(text, 200_000));
    assert!((38_000..46_000).contains(&share), "{share}");
}

#[test]
fn periodic_loss_is_exact() {
    let run = run("loss = { kind = 'periodic', every = 7, offset = 2 }", 700);
    for sent in &run {
        assert_eq!(sent.fate.dropped.is_some(), sent.fate.number % 7 == 2, "{}", sent.fate.number);
    }
}

fn datagram(body: Body<'_>, compressed: bool, checksum: bool) -> Vec<u8> {
    let peer = WirePeerId::new(3).unwrap();
    let header = Header { peer, sent_time: Some(99), compressed, ..Header::default() };
    let seq = ReliableSeq(1);
    let command = Command { channel: ChannelId::CONTROL, seq, acknowledge: true, unsequenced: false, body };
    let mut buffer = [0; 200];
    let mut writer = Writer::new(&mut buffer);
    writer.header(&header).unwrap();
    writer.command(&command).unwrap();
    let mut bytes = writer.finish().to_vec();
    if checksum {
        // A checksum whose first byte is no command.
        bytes.splice(4..4, [0xF0, 1, 2, 3]);
    }
    bytes
}

fn drops(text: &str, datagrams: &[Vec<u8>]) -> Vec<bool> {
    let (mut network, mut out) = (network(1, link(text)), Vec::new());
    let to = super::hosts(1)[0];
    let mut send = |bytes: &Vec<u8>| network.send(Time::ZERO, 1, to, bytes, &mut out).dropped;
    datagrams.iter().map(|bytes| send(bytes) == Some(DropReason::Scripted)).collect()
}

#[test]
fn a_script_drops_the_nth_datagram_with_its_command() {
    let ping = || datagram(Body::Ping, false, false);
    let bye = || datagram(Body::Disconnect { data: 7 }, false, false);
    let script = "drop = [{ command = 'disconnect', nth = [1, 3] }]";
    let sent = [ping(), bye(), ping(), bye(), bye(), bye()];
    assert_eq!(drops(script, &sent), [false, true, false, false, true, false]);
    assert_eq!(drops("drop = [{ nth = [2] }]", &sent), [false, true, false, false, false, false]);
    assert_eq!(drops("drop = [{ command = 'ping' }]", &sent), [true, false, true, false, false, false]);
}

#[test]
fn a_script_sees_commands_behind_a_checksum_but_not_compressed_ones() {
    let sent = [
        datagram(Body::Ping, false, true),
        datagram(Body::Ping, true, false),
        b"\x80\x07".to_vec(),
        b"nonsense that is no command".to_vec(),
        Vec::new(),
    ];
    assert_eq!(drops("drop = [{ command = 'ping' }]", &sent), [true, false, false, false, false]);
}

#[test]
fn a_script_drops_by_chance_and_within_its_time() {
    let share = dropped(&run("drop = [{ chance = '30%' }]", 10_000));
    assert!((2_800..3_200).contains(&share), "{share}");
    for sent in run("drop = [{ from = '100ms', until = '200ms' }]", 300) {
        assert_eq!(sent.fate.dropped.is_some(), (ms(100)..ms(200)).contains(&sent.at));
    }
}

#[test]
fn a_black_hole_swallows_long_datagrams_while_it_is_open() {
    let mut network = network(1, link("mtu = { bytes = 100, from = '10ms', until = '20ms' }"));
    let mut fate = |now, len| send_one(&mut network, now, len, &mut Vec::new()).dropped;
    assert_eq!(fate(ms(9), 1_400), None);
    assert_eq!(fate(ms(10), 101), Some(DropReason::Mtu));
    assert_eq!(fate(ms(10), 100), None);
    assert_eq!(fate(Time(ms(20).0 - 1), 101), Some(DropReason::Mtu));
    assert_eq!(fate(ms(20), 101), None);
}

#[test]
fn damage_of_every_kind_always_changes_the_bytes() {
    for damage in Damage::ALL {
        let mut text = link("corrupt = { chance = '100%' }");
        text.corrupt.damage = vec![damage];
        let (mut network, mut out) = (network(1, text), Vec::new());
        let to = super::hosts(1)[0];
        // Among them the empty, one of equal bytes, the same twice, and the longest.
        let datagrams = [vec![], vec![0], vec![7; 50], vec![7; 50], b"abcdefgh".to_vec(), vec![1; 4_096]];
        for (round, bytes) in datagrams.iter().cycle().take(3_000).enumerate() {
            let fate = network.send(ms(round as u64), 1, to, bytes, &mut out);
            let copy = out.pop().unwrap();
            assert!(fate.corrupted);
            assert_ne!(copy.bytes, *bytes, "{damage:?}");
            assert!(copy.bytes.len() <= LONGEST, "{damage:?}: {}", copy.bytes.len());
            network.recycle(copy.bytes);
        }
    }
}

/// Damages "abcdefgh", sent after "12345678", a thousand times in this way.
fn damaged(damage: Damage) -> Vec<Vec<u8>> {
    let mut text = link("corrupt = { chance = '100%' }");
    text.corrupt.damage = vec![damage];
    let (mut network, mut out) = (network(1, text), Vec::new());
    for _ in 0..1_000 {
        network.send(Time::ZERO, 1, super::hosts(1)[0], b"12345678", &mut Vec::new());
        network.send(Time::ZERO, 1, super::hosts(1)[0], b"abcdefgh", &mut out);
    }
    out.into_iter().map(|copy| copy.bytes).collect()
}

fn is_flipped(bytes: &[u8]) -> bool {
    let bits: u32 = bytes.iter().zip(b"abcdefgh").map(|(a, b)| (a ^ b).count_ones()).sum();
    bytes.len() == 8 && (1..=4).contains(&bits)
}

#[test]
fn each_kind_of_damage_does_what_it_says() {
    for bytes in damaged(Damage::Flip) {
        assert!(is_flipped(&bytes));
    }
    for bytes in damaged(Damage::Truncate) {
        assert!(bytes.len() < 8 && b"abcdefgh".starts_with(&bytes));
    }
    for bytes in damaged(Damage::Extend) {
        assert!((9..=72).contains(&bytes.len()) && bytes.starts_with(b"abcdefgh"));
    }
    for mut bytes in damaged(Damage::Swap) {
        assert_eq!(bytes.iter().zip(b"abcdefgh").filter(|(a, b)| a != b).count(), 2);
        bytes.sort_unstable();
        assert_eq!(bytes, b"abcdefgh");
    }
    let spliced = damaged(Damage::Splice);
    // Where all of it and nothing of the one before would be joined, bits are flipped.
    for bytes in spliced.iter().filter(|bytes| !is_flipped(bytes)) {
        let keep = bytes.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        assert!(b"abcdefgh".starts_with(&bytes[..keep]) && b"12345678".ends_with(&bytes[keep..]));
    }
}

#[test]
fn the_share_of_damaged_datagrams_is_the_configured_one_and_all_kinds_occur() {
    let run = run("corrupt = { chance = '10%' }", 50_000);
    let damaged: Vec<&Sent> = run.iter().filter(|sent| sent.fate.corrupted).collect();
    assert!((4_700..5_300).contains(&damaged.len()), "{}", damaged.len());
    assert!(damaged.iter().any(|sent| sent.copies[0].bytes.len() > 164));
    assert!(damaged.iter().any(|sent| sent.copies[0].bytes.len() < 50));
    assert!(damaged.iter().any(|sent| sent.copies[0].bytes.len() == 100));
}

#[test]
fn duplicates_come_within_their_time_and_are_what_the_first_copy_is() {
    let text = "corrupt = { chance = '50%' }
                duplicate = { chance = '20%', copies = 3, within = '10s' }
                delay = { base = '5ms' }";
    let run = run(text, 20_000);
    let doubled: Vec<&Sent> = run.iter().filter(|sent| sent.fate.copies > 1).collect();
    assert!((3_800..4_200).contains(&doubled.len()), "{}", doubled.len());
    let mut latest = Span::ZERO;
    for sent in doubled {
        assert_eq!((sent.fate.copies, sent.copies.len()), (4, 4));
        for copy in &sent.copies {
            assert_eq!(copy.bytes, sent.copies[0].bytes);
            let later = copy.at - sent.fate.arrives;
            assert!(later <= Span::from_secs(10));
            latest = latest.max(later);
        }
    }
    assert!(latest > Span::from_millis(9_900), "{latest}");
}

#[test]
fn late_duplicates_hold_nobody_up() {
    let late = "duplicate = { chance = '50%', within = '1min' }\ndelay = { base = '5ms' }";
    for sent in run(late, 1_000) {
        assert_eq!(sent.fate.arrives, sent.at + Span::from_millis(5));
    }
}

#[test]
fn what_is_counted_is_what_happened() {
    let text = "loss = { kind = 'random', chance = '10%' }
                corrupt = { chance = '10%' }
                duplicate = { chance = '10%' }";
    let mut network = network(1, link(text));
    let run = send_many(&mut network, 10_000, Span::from_millis(1));
    let stats = network.stats(1, 0);
    assert_eq!(stats.sent, 10_000);
    assert_eq!(stats.dropped_for(DropReason::Loss), dropped(&run) as u64);
    assert_eq!(stats.dropped(), dropped(&run) as u64);
    assert_eq!(stats.corrupted, run.iter().filter(|sent| sent.fate.corrupted).count() as u64);
    assert_eq!(stats.duplicated, run.iter().filter(|sent| sent.fate.copies > 1).count() as u64);
    assert_eq!(network.stats(0, 1), super::super::DirectionStats::default());
    assert_eq!(network.all_stats().count(), 1);
}
