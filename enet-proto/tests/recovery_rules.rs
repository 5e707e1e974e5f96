//! Rules of loss recovery that only show when they are gone (docs/RECOVERY.md): each test is red without its rule.

#![allow(clippy::unwrap_used, reason = "tests know their own data")]

use std::num::NonZeroU8;
use std::time::Duration;

use enet_proto::{Packet, Profile, Redundancy, Timeouts};
use enet_testkit::pair::{Client, Fate, Pair, Sent, first, ms};

const FRAME: Duration = ms(16);

/// Two hosts 40 ms apart that have exchanged packets for a while.
fn settled(redundancy: Redundancy) -> Pair {
    let mut pair =
        Pair::with().modern().delay(ms(40)).both(|config| config.redundancy = redundancy).connected();
    frames(&mut pair, &["-"; 60]);
    rest(&mut pair);
    pair
}

fn twice() -> Redundancy {
    Redundancy::Repeat(NonZeroU8::new(2).unwrap())
}

/// Sends these, one in each frame.
fn frames(pair: &mut Pair, texts: &[&str]) {
    for text in texts {
        pair.client.send(0, Packet::reliable(*text));
        pair.run_for(FRAME);
    }
}

fn rest(pair: &mut Pair) {
    pair.run_until_quiet();
    pair.server.texts();
    pair.mark();
}

/// When the client sent something with this payload, in ms.
fn times_of(pair: &Pair, text: &str) -> Vec<u128> {
    pair.sent_by(Client).filter(|sent| sent.says(text)).map(|sent| sent.at.as_millis()).collect()
}

/// What the client sends from now on takes longer by this, which may change with the time.
fn detour(pair: &mut Pair, extra: impl Fn(Duration) -> Duration + 'static) {
    pair.mark();
    pair.rule(move |sent: &Sent| match sent.from {
        Client => Fate::Late(extra(sent.at)),
        _ => Fate::Arrives,
    });
}

const ALPHABET: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

#[test]
fn where_silences_were_delays_probes_do_not_ride_in_each_datagram() {
    let mut pair = settled(Redundancy::Off);
    let copies = [0; 6].map(|_| {
        // All that leaves within 130 ms arrives at their end, and nothing is lost.
        detour(&mut pair, |at| ms(130).saturating_sub(at));
        let before = pair.client.stats().copies;
        frames(&mut pair, &ALPHABET);
        rest(&mut pair);
        pair.heal();
        frames(&mut pair, &["-"; 60]);
        rest(&mut pair);
        pair.client.stats().copies - before
    });
    assert!(copies[..3].iter().all(|copies| *copies >= 12), "they seem to be bursts: {copies:?}");
    assert!(copies[3..].iter().all(|copies| *copies <= 6), "{copies:?}");
}

#[test]
fn nothing_is_repeated_while_the_throttle_is_not_fully_open() {
    let mut pair = settled(twice());
    // A queue grows for two seconds and is gone.
    detour(&mut pair, |at| if at < ms(2_000) { at / 8 } else { ms(0) });
    frames(&mut pair, &["-"; 125]);
    pair.run_until_quiet();
    frames(&mut pair, &["-"]);
    rest(&mut pair);
    frames(&mut pair, &ALPHABET);
    let throttle = pair.client.stats().throttle;
    assert!((8..32).contains(&throttle), "it opens: {throttle}");
    assert!(ALPHABET.iter().all(|text| times_of(&pair, text).len() == 1));
    rest(&mut pair);
    frames(&mut pair, &ALPHABET);
    rest(&mut pair);
    frames(&mut pair, &["a", "b", "c"]);
    assert_eq!(pair.client.stats().throttle, 32);
    assert_eq!(times_of(&pair, "a"), [0, 16, 32]);
}

#[test]
fn what_is_lost_while_a_queue_grows_does_not_ride_along() {
    let left = |slope: u32| {
        let mut pair = settled(Redundancy::Off);
        pair.lose(first(1, |sent| sent.says("a")));
        detour(&mut pair, move |at| at * slope / 8);
        frames(&mut pair, &["-"; 125]);
        let copies = pair.client.stats().copies;
        frames(&mut pair, &ALPHABET);
        frames(&mut pair, &["-"; 60]);
        (times_of(&pair, "a").len(), pair.client.stats().copies - copies)
    };
    assert_eq!(left(0), (3, 1));
    assert_eq!(left(1), (2, 0));
}

#[test]
fn as_long_as_nothing_is_lost_the_packets_of_every_tenth_datagram_are_repeated_once_less() {
    let texts: Vec<String> = (0..40).map(|number| format!("packet {number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let spared = |mut pair: Pair| {
        frames(&mut pair, &texts);
        let is_spared = |number: &usize| times_of(&pair, texts[*number]).len() == 2;
        (0..38).filter(is_spared).collect::<Vec<_>>()
    };
    assert_eq!(spared(settled(twice())), [5, 15, 25, 35]);
    let mut lossy = settled(twice());
    lossy.lose(first(3, |sent| sent.from == Client));
    frames(&mut lossy, &ALPHABET);
    rest(&mut lossy);
    assert_eq!(spared(lossy), [0; 0]);
}

#[test]
fn after_eight_seconds_of_silence_probes_leave_less_and_less_often() {
    let mut pair = settled(Redundancy::Off);
    let patient = Timeouts { minimum: ms(100_000), maximum: ms(100_000), ..Timeouts::default() };
    pair.client.peer_mut().set_timeouts(patient);
    pair.cut();
    frames(&mut pair, &["a"]);
    pair.run_for(ms(60_000));
    let times = times_of(&pair, "a");
    let within = |from: u128| times.iter().filter(|at| (from..from + 4_000).contains(at)).count();
    // Pauses of 100 ms, then 200 to 250, then 500 to 550.
    assert_eq!([2_000, 16_000, 40_000].map(within), [40, 18, 8]);
}

#[test]
fn a_queue_that_is_full_at_once_is_known_by_what_it_loses() {
    let throttle = |loses: bool| {
        let mut pair = settled(Redundancy::Off);
        let mut left = 0;
        pair.lose(move |sent| {
            left += usize::from(sent.from == Client);
            loses && sent.from == Client && left % 4 == 0
        });
        detour(&mut pair, |_| ms(300));
        frames(&mut pair, &["-"; 120]);
        pair.client.stats().throttle
    };
    assert_eq!(throttle(false), 32, "that is a longer way");
    assert!(throttle(true) < 16, "{}", throttle(true));
}

/// What an answer that is said again says of the way does not depend on how often it is: a stock client would throttle itself.
#[test]
fn a_stock_client_whose_ping_is_answered_again_and_again_sees_no_queue() {
    let stock_client = |config: &mut enet_proto::HostConfig| config.profile = Profile::Compat;
    let mut pair = Pair::with().modern().client(stock_client).delay(ms(20)).connected();
    let mut left = 0_u32;
    // Of five datagrams one is lost, in an order that repeats itself only after a while.
    pair.lose(move |_| {
        left += 1;
        left.wrapping_mul(0x9E37_79B9) >> 16 & 0xFFFF < 0x3333
    });
    let mut throttles = Vec::new();
    for frame in 0..60 * 180 {
        pair.server.send(1, Packet::unreliable([0; 50].as_slice()));
        if frame % 3 == 0 {
            pair.server.send(0, Packet::reliable([0; 50].as_slice()));
        }
        pair.client.send(1, Packet::unreliable([0; 50].as_slice()));
        pair.run_for(FRAME);
        throttles.push(pair.client.stats().throttle);
        pair.server.received();
        pair.client.received();
    }
    let open = throttles.iter().filter(|throttle| **throttle >= 28).count();
    assert!(open * 10 > throttles.len() * 9, "{open} of {}", throttles.len());
}
