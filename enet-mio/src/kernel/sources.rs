//! [`Sources`]: from which of our addresses the system would send by itself.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// How long an answer is trusted at least: routes change. Half as much again is added in steps, lest all be asked for
/// at once.
const TRUSTED: Duration = Duration::from_secs(10);
const STEPS: u32 = 64;

/// Destinations remembered at most: as many as a host has peers, roughly.
const REMEMBERED: usize = 4_096;

/// Remembers for each destination which source the routing table gives a datagram. To name the same one explicitly
/// makes sending a sixth slower (0.5 µs on a socket of both families), and nearly always it is the same: machines with
/// several addresses are few, and their peers mostly use the first.
#[derive(Debug, Default)]
pub(super) struct Sources {
    usual: HashMap<IpAddr, Usual>,
    asked: u32,
}

#[derive(Debug, Clone, Copy)]
struct Usual {
    /// `None` if the system would not say.
    source: Option<IpAddr>,
    until: Instant,
}

impl Sources {
    /// Whether a datagram to `to` leaves from `from` anyway.
    pub(super) fn is_usual(&mut self, to: IpAddr, from: IpAddr) -> bool {
        self.is_usual_at(Instant::now(), to, from, ask)
    }

    fn is_usual_at(
        &mut self,
        now: Instant,
        to: IpAddr,
        from: IpAddr,
        ask: impl FnOnce(IpAddr) -> Option<IpAddr>,
    ) -> bool {
        let source = match self.usual.get(&to) {
            Some(usual) if now < usual.until => usual.source,
            _ => self.remember(now, to, ask(to)),
        };
        source == Some(from)
    }

    fn remember(&mut self, now: Instant, to: IpAddr, source: Option<IpAddr>) -> Option<IpAddr> {
        if self.usual.len() >= REMEMBERED {
            self.usual.clear();
        }
        self.asked = self.asked.wrapping_add(1);
        let until = now + TRUSTED + TRUSTED / 2 / STEPS * (self.asked % STEPS);
        self.usual.insert(to, Usual { source, until });
        source
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

    const HERE: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
    const THERE: &str = "198.51.100.1";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_loopback_is_reached_from_the_loopback() {
        assert_eq!(ask(ip("127.0.0.1")), Some(ip("127.0.0.1")));
        let mut sources = Sources::default();
        assert!(sources.is_usual(ip("127.0.0.1"), ip("127.0.0.1")));
        assert!(!sources.is_usual(ip("127.0.0.1"), ip("127.0.0.2")));
    }

    #[test]
    fn what_the_system_does_not_say_is_not_usual() {
        let mut sources = Sources::default();
        assert!(!sources.is_usual_at(Instant::now(), ip(THERE), ip(HERE[0]), |_| None));
    }

    #[test]
    fn an_answer_is_trusted_for_a_while_and_then_asked_for_again() {
        let mut sources = Sources::default();
        let start = Instant::now();
        let mut is_usual = |after: u64, now_usual: &str| {
            let now = start + Duration::from_secs(after);
            sources.is_usual_at(now, ip(THERE), ip(HERE[0]), |_| Some(ip(now_usual)))
        };
        assert!(is_usual(0, HERE[0]));
        assert!(is_usual(9, HERE[1]), "not asked yet");
        assert!(!is_usual(15, HERE[1]), "the route has changed");
        assert!(!is_usual(24, HERE[0]), "not asked yet");
        assert!(is_usual(31, HERE[0]));
    }

    #[test]
    fn no_more_is_remembered_than_a_host_has_peers() {
        let mut sources = Sources::default();
        let now = Instant::now();
        for number in 0..3 * u32::try_from(REMEMBERED).unwrap() {
            let to = IpAddr::from(number.to_be_bytes());
            assert!(sources.is_usual_at(now, to, ip(HERE[0]), |_| Some(ip(HERE[0]))));
            assert!(sources.usual.len() <= REMEMBERED);
        }
    }
}
