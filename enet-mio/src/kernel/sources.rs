//! [`Sources`]: from which of our addresses the system would send by itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use enet_proto::Instant;
use socket2::{Domain, Socket, Type};

use super::recent::Recent;

/// The send to an address before which it is asked for. To ask takes four system calls, and who forges the sources of
/// datagrams can have one answered from each.
const ASKED_AT: u8 = 8;

/// How long an answer is trusted at least: routes change. Half as much again is added in steps, lest all be asked for
/// at once.
const TRUSTED: Duration = Duration::from_secs(10);
const STEPS: u32 = 64;

/// Remembers for each destination which source the routing table gives a datagram. To name the same one explicitly
/// makes sending a sixth slower (0.5 µs on a socket of both families), and nearly always it is the same: machines with
/// several addresses are few, and their peers mostly use the first.
#[derive(Debug, Default)]
pub(super) struct Sources {
    usual: Recent<Usual>,
    /// Sends to whom nobody has asked for yet. Apart from the others, so that strangers displace strangers: only who repeats himself gets among
    /// those.
    strangers: Recent<u8>,
    asked: u32,
}

#[derive(Debug, Clone, Copy)]
struct Usual {
    /// `None` if the system would not say.
    source: Option<IpAddr>,
    until: Instant,
}

impl Sources {
    /// Whether it is known that a datagram to `to` leaves from `from` anyway.
    pub(super) fn is_usual(&mut self, now: Instant, to: IpAddr, from: IpAddr) -> bool {
        self.is_usual_if(now, to, from, ask)
    }

    fn is_usual_if(
        &mut self,
        now: Instant,
        to: IpAddr,
        from: IpAddr,
        ask: impl FnOnce(IpAddr) -> Option<IpAddr>,
    ) -> bool {
        let source = match self.usual.get(to).copied() {
            Some(usual) if now < usual.until => usual.source,
            None if self.is_stranger(to) => None,
            _ => self.remember(now, to, ask(to)),
        };
        source == Some(from)
    }

    fn remember(&mut self, now: Instant, to: IpAddr, source: Option<IpAddr>) -> Option<IpAddr> {
        self.asked = self.asked.wrapping_add(1);
        let until = now + TRUSTED + TRUSTED / 2 / STEPS * (self.asked % STEPS);
        self.usual.insert(to, Usual { source, until });
        source
    }

    /// Counts a send to somebody who was not asked for yet; whether it should stay like that.
    fn is_stranger(&mut self, to: IpAddr) -> bool {
        match self.strangers.get(to) {
            Some(sends) if *sends + 1 < ASKED_AT => *sends += 1,
            Some(_) => return self.strangers.remove(to).is_none(),
            None => self.strangers.insert(to, 1),
        }
        true
    }
}

/// The source in the routing table. Connecting a UDP socket looks it up and sends nothing.
fn ask(to: IpAddr) -> Option<IpAddr> {
    const ANY_PORT: u16 = 9; // must not be 0; nothing goes there
    let to = SocketAddr::new(to, ANY_PORT);
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, None).ok()?;
    socket.connect(&to.into()).ok()?;
    Some(socket.local_addr().ok()?.as_socket()?.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::recent::GENERATION;

    const HERE: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
    const THERE: &str = "198.51.100.1";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn stranger(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    /// Who was sent to as often as it takes.
    fn acquainted(sources: &mut Sources, with: IpAddr) {
        for _ in 1..ASKED_AT {
            assert!(!sources.is_usual_if(at(0), with, ip(HERE[0]), |_| panic!("asked too early")));
        }
    }

    #[test]
    fn the_loopback_is_reached_from_the_loopback() {
        assert_eq!(ask(ip("127.0.0.1")), Some(ip("127.0.0.1")));
        let mut sources = Sources::default();
        acquainted(&mut sources, ip("127.0.0.1"));
        assert!(sources.is_usual(at(0), ip("127.0.0.1"), ip("127.0.0.1")));
        assert!(!sources.is_usual(at(0), ip("127.0.0.1"), ip("127.0.0.2")));
    }

    #[test]
    fn what_the_system_does_not_say_is_not_usual() {
        let mut sources = Sources::default();
        acquainted(&mut sources, ip(THERE));
        assert!(!sources.is_usual_if(at(0), ip(THERE), ip(HERE[0]), |_| None));
        assert!(!sources.is_usual_if(at(1), ip(THERE), ip(HERE[0]), |_| panic!("asked twice")));
    }

    #[test]
    fn an_answer_is_trusted_for_a_while_and_then_asked_for_again() {
        let mut sources = Sources::default();
        acquainted(&mut sources, ip(THERE));
        let mut is_usual = |after: u64, now_usual: &str| {
            sources.is_usual_if(at(after), ip(THERE), ip(HERE[0]), |_| Some(ip(now_usual)))
        };
        assert!(is_usual(0, HERE[0]));
        assert!(is_usual(9, HERE[1]), "not asked yet");
        assert!(!is_usual(15, HERE[1]), "the route has changed");
        assert!(!is_usual(24, HERE[0]), "not asked yet");
        assert!(is_usual(31, HERE[0]));
    }

    #[test]
    fn strangers_are_never_asked_for_and_make_nobody_else_be() {
        let mut sources = Sources::default();
        acquainted(&mut sources, ip(THERE));
        assert!(sources.is_usual_if(at(0), ip(THERE), ip(HERE[0]), |_| Some(ip(HERE[0]))));
        for number in 0..100_000 {
            let to = stranger(number);
            assert!(!sources.is_usual_if(at(1), to, ip(HERE[0]), |_| panic!("asked for a stranger")));
        }
        assert!(sources.is_usual_if(at(2), ip(THERE), ip(HERE[0]), |_| panic!("forgotten")));
        assert!(sources.strangers.len() <= 2 * GENERATION);
    }

    #[test]
    fn a_full_host_that_sends_to_all_in_turn_asks_once_for_each() {
        let mut sources = Sources::default();
        let peers = u32::try_from(GENERATION).unwrap();
        let mut asked = 0;
        for _ in 0..2 * ASKED_AT {
            for number in 0..peers {
                sources.is_usual_if(at(0), stranger(number), ip(HERE[0]), |_| {
                    asked += 1;
                    Some(ip(HERE[0]))
                });
            }
        }
        assert_eq!(asked, peers);
    }
}
