//! [`guess_handshakes`]: blind handshakes against the protocol alone, a million a second.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use enet_proto::{Datagram, DiscardReason, Event, Host, HostConfig, Instant};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::forge::{self, Addressee};
use crate::loopback::source;

/// Guesses for one CONNECT: after as many a validating server forgets it.
const PER_CONNECT: u64 = 8;

/// Forged CONNECTs after which hardly a name of one address is left.
const ENOUGH: u32 = 20_000;

/// What came of guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guessed {
    /// Acknowledgements sent.
    pub guesses: u64,
    /// Those that named somebody who was answered, so that the proof decided.
    pub judged: u64,
    /// Connections that the host believes in.
    pub connected: u64,
}

/// Connects to a host of default configuration under a forged address, without hearing its answers, until that address
/// has nearly all names there are: then whatever name an acknowledgement guesses is somebody's, and only the rest is left to
/// be guessed. Each acknowledgement says what the C library would say, or anything. New CONNECTs take the place of those that
/// are given up.
///
/// ```
/// let guessed = enet_attack::guess_handshakes(8_000);
/// assert_eq!((guessed.guesses, guessed.connected), (8_000, 0));
/// assert!(guessed.judged > 7_000);
/// ```
pub fn guess_handshakes(guesses: u64) -> Guessed {
    let mut rng = ChaCha8Rng::from_seed([0xA3; 32]);
    let mut host = Host::new(HostConfig::new([0x3A; 32]));
    let from = SocketAddr::from((source(0), 40_000));
    let (mut now, mut out) = (Instant::from_millis(1_000_000), Vec::new());
    let mut guessed = Guessed { guesses: 0, judged: 0, connected: 0 };
    let mut number = 0;
    while guessed.guesses < guesses {
        host.handle_datagram(now, Datagram::new(from, &forge::stock_connect(number)));
        number += 1;
        turn(&mut host, now, &mut out, &mut guessed);
        if number < ENOUGH {
            continue;
        }
        for tried in 0..PER_CONNECT.min(guesses - guessed.guesses) {
            let (to, mut echo) = (Addressee::guess(&mut rng), rng.next_u32().to_le_bytes());
            if tried == 0 {
                let [low, high] = low_half(now).to_le_bytes();
                echo = [1, 0, low, high];
            }
            let [a, b, c, d] = echo;
            let guess = forge::acknowledgement(to, u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
            host.handle_datagram(now, Datagram::new(from, &guess));
            guessed.guesses += 1;
        }
        now += Duration::from_micros(100);
        host.handle_timeout(now);
        turn(&mut host, now, &mut out, &mut guessed);
    }
    guessed.judged = host.stats().discarded.get(DiscardReason::BadProof);
    guessed
}

/// Everything the host has to say goes to somebody else.
fn turn(host: &mut Host, now: Instant, out: &mut Vec<u8>, guessed: &mut Guessed) {
    while host.poll_transmit(now, out, NonZeroUsize::MIN).is_some() {
        out.clear();
    }
    while let Some(event) = host.poll_event() {
        if let Event::Connected { peer, .. } = event {
            guessed.connected += 1;
            if let Some(peer) = host.peer_mut(peer) {
                peer.reset();
            }
        }
    }
}

fn low_half(now: Instant) -> u16 {
    let [.., high, low] = now.as_micros().wrapping_div(1_000).to_be_bytes();
    u16::from_be_bytes([high, low])
}
