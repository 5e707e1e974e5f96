//! [`guess_handshakes`]: blind handshakes against the protocol alone, a million a second.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use enet_proto::{Datagram, Event, Host, HostConfig, Instant};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::forge::{self, Addressee};
use crate::loopback::source;

/// Guesses for one CONNECT: after as many a validating server forgets it.
const PER_CONNECT: u64 = 8;

/// What came of guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guessed {
    /// Acknowledgements sent.
    pub guesses: u64,
    /// Connections that the host believes in.
    pub connected: u64,
}

/// Connects to a host of default configuration from forged addresses, in all prefixes in turn, without hearing its answers,
/// and acknowledges what it may have said: once what the C library would say, then at random. The attacker is given a
/// thousand connects a second, so that what the host remembers for a while is always full of them.
///
/// ```
/// let guessed = enet_attack::guess_handshakes(80);
/// assert_eq!(guessed.guesses, 80);
/// ```
pub fn guess_handshakes(guesses: u64) -> Guessed {
    let mut rng = ChaCha8Rng::from_seed([0xA3; 32]);
    let mut host = Host::new(HostConfig::new([0x3A; 32]));
    let (mut now, mut out) = (Instant::from_millis(1_000_000), Vec::new());
    let mut guessed = Guessed { guesses: 0, connected: 0 };
    let mut number = 0;
    while guessed.guesses < guesses {
        let from = SocketAddr::from((source(number), 40_000));
        host.handle_datagram(now, Datagram::new(from, &forge::stock_connect(number)));
        turn(&mut host, now, &mut out, &mut guessed);
        for tried in 0..PER_CONNECT.min(guesses - guessed.guesses) {
            let guess = match tried {
                0 => forge::acknowledgement(Addressee::new(0, 0), 1, low_half(now)),
                _ => random(&mut rng),
            };
            host.handle_datagram(now, Datagram::new(from, &guess));
            guessed.guesses += 1;
        }
        now += Duration::from_millis(1);
        host.handle_timeout(now);
        turn(&mut host, now, &mut out, &mut guessed);
        number += 1;
    }
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

fn random(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let to = Addressee::guess(rng);
    let [a, b, c, d] = rng.next_u32().to_le_bytes();
    forge::acknowledgement(to, u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
}

fn low_half(now: Instant) -> u16 {
    let [.., high, low] = now.as_micros().wrapping_div(1_000).to_be_bytes();
    u16::from_be_bytes([high, low])
}
