//! What happens, as events of [`tracing`](https://docs.rs/tracing), with a target for each layer: `enet_mio` is the system's
//! part, `enet_mio::protocol` what the protocol refused, both for a server's log; `enet_mio::event` what the application is
//! told and `enet_mio::datagram` what crosses the wire are for those who look for something. Without the feature `tracing`
//! nothing is said; the counters of [`IoStats`](crate::IoStats) and [`HostStats`] always count.

use std::io;
use std::net::SocketAddr;
#[cfg(feature = "tracing")]
use std::time::Duration;

use enet_proto::{Datagram, Event, HostStats, Instant, Transmit};
#[cfg(feature = "tracing")]
use enet_proto::{DiscardReason, Discarded};

use crate::stats::IoCapabilities;

/// Says what the application is told: target `enet_mio::event`, level debug.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn event(event: &Event) {
    #[cfg(feature = "tracing")]
    match event {
        // Not what is in it: that is the application's.
        Event::Received { peer, channel, packet } => tracing::debug!(
            target: "enet_mio::event", %peer, channel = channel.get(), bytes = packet.len(),
            delivery = ?packet.delivery(), "received",
        ),
        Event::Connected { peer, data } => {
            tracing::debug!(target: "enet_mio::event", %peer, data, "connected");
        }
        Event::Disconnected { peer, reason, data, address, .. } => tracing::debug!(
            target: "enet_mio::event", %peer, %address, %reason, data, "disconnected",
        ),
        other => tracing::debug!(target: "enet_mio::event", "{other:?}"),
    }
}

/// Says what arrived: target `enet_mio::datagram`, level trace.
#[inline]
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn received(datagram: Option<&Datagram<'_>>) {
    #[cfg(feature = "tracing")]
    if let Some(Datagram { source, bytes, .. }) = datagram {
        tracing::trace!(target: "enet_mio::datagram", from = %source, bytes = bytes.len(), "in");
    }
}

/// Says what leaves: target `enet_mio::datagram`, level trace. A train is one.
#[inline]
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn sent(transmit: &Transmit) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: "enet_mio::datagram", to = %transmit.to, bytes = transmit.len, "out");
}

/// Says once for a socket what it has to do without.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn opened(at: SocketAddr, offload: bool, capabilities: IoCapabilities) {
    #[cfg(feature = "tracing")]
    if offload && !(capabilities.gso && capabilities.gro) {
        let IoCapabilities { gso, gro, .. } = capabilities;
        tracing::info!(
            target: "enet_mio", %at, gso, gro,
            "no segmentation offload: a system call carries one datagram in the directions that say false",
        );
    }
}

/// Says that a train left one by one: of those in a row the first, for the pauses between attempts grow.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn train_refused(to: SocketAddr, datagrams: u64, reason: &io::Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "enet_mio", %to, datagrams, %reason,
        "the system refused a train of datagrams, which left one by one; trains are tried again later",
    );
}

/// Says that datagrams for several destinations cannot leave together: of such refusals in a row the first.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn batch_refused(reason: &io::Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "enet_mio", %reason,
        "the system refused a batch of datagrams, which leave one by one; batches are tried again later",
    );
}

/// Says what a host discarded, at most once a second: an event for each reason, with how often it was one. Nothing is done
/// for a datagram.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    #[cfg(feature = "tracing")]
    said: Discarded,
    #[cfg(feature = "tracing")]
    next: Option<Instant>,
    #[cfg(feature = "tracing")]
    repeats: Repeats,
}

#[cfg(feature = "tracing")]
const PAUSE: Duration = Duration::from_secs(1);

/// CONNECTs that came again. A single one in ten seconds is a network that lost our answer: that is not said. Whoever never
/// understands the answer asks again after 0.5, 1.5, 3.5 and 7.5 s, two of which fall into the same ten seconds.
#[cfg(feature = "tracing")]
#[derive(Debug, Default)]
struct Repeats {
    /// How many were said, or forgotten.
    before: u64,
    until: Option<Instant>,
}

#[cfg(feature = "tracing")]
impl Repeats {
    const WINDOW: Duration = Duration::from_secs(10);

    /// How many to tell of, of `count` in all.
    fn worth_saying(&mut self, now: Instant, count: u64) -> u64 {
        let more = count.saturating_sub(self.before);
        let is_over = self.until.is_none_or(|until| now >= until);
        if more > 1 || is_over {
            self.before = count;
            self.until = Some(now + Self::WINDOW);
        }
        if more > 1 { more } else { 0 }
    }
}

impl Refusals {
    /// Looks at the counters, if it is time to.
    #[inline]
    #[cfg_attr(not(feature = "tracing"), allow(unused_variables, clippy::unused_self))]
    pub(crate) fn look(&mut self, now: Instant, stats: impl FnOnce() -> HostStats) {
        #[cfg(feature = "tracing")]
        if self.next.is_none_or(|next| now >= next) {
            self.next = Some(now + PAUSE);
            self.say(now, &stats());
        }
    }

    #[cfg(feature = "tracing")]
    #[cold]
    fn say(&mut self, now: Instant, stats: &HostStats) {
        for (reason, count) in stats.discarded.iter() {
            let count = match reason {
                DiscardReason::DuplicateConnect => self.repeats.worth_saying(now, count),
                _ => count.saturating_sub(self.said.get(reason)),
            };
            if count > 0 {
                let hint = hint(reason);
                let reason = reason.as_str();
                tracing::warn!(target: "enet_mio::protocol", reason, count, hint, "received and discarded");
            }
        }
        self.said = stats.discarded;
    }
}

/// What is likely to be wrong, where peers are not understood at all.
#[cfg(feature = "tracing")]
const fn hint(reason: DiscardReason) -> Option<&'static str> {
    match reason {
        DiscardReason::NoCompressor => Some("a peer compresses; configure the same compressor here"),
        DiscardReason::BadCompression => Some("do both ends use the same compressor and checksum?"),
        DiscardReason::BadChecksum => Some("do both ends use the same checksum?"),
        // Who does not understand our answer asks again.
        DiscardReason::DuplicateConnect => {
            Some("is our answer understood? the same compressor and checksum at both ends?")
        }
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a log would hold of something that is done.
    pub(crate) fn said(done: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(log.finish(), done);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[cfg(feature = "tracing")]
    #[test]
    fn who_compresses_otherwise_is_said_with_what_is_likely_to_be_wrong() {
        use enet_proto::{Datagram, Host, HostConfig};

        let mut host = Host::new(HostConfig::new([7; 32]));
        let source = SocketAddr::from(([192, 0, 2, 1], 7_000));
        // Peer 0xfff, compressed, without a time; whatever the block holds.
        host.handle_datagram(Instant::ZERO, Datagram::new(source, &[0x4f, 0xff, 1, 2, 3, 4]));
        let lines = said(|| Refusals::default().look(Instant::ZERO, || host.stats()));
        assert!(lines.contains("reason=\"no_compressor\" count=1 hint=\"a peer compresses;"), "{lines}");
    }

    /// A server that compresses, and a client that does not, for so many seconds: what the server's log says, look by look,
    /// and the client's at the end.
    #[cfg(feature = "tracing")]
    fn said_of_a_client_that_understands_nothing(seconds: u64) -> (Vec<String>, String) {
        use std::num::NonZeroUsize;

        use enet_proto::{ConnectOptions, Datagram, Host, HostConfig, RangeCoder};

        let [at, from] = [1, 2].map(|host| SocketAddr::from(([192, 0, 2, host], 7_000)));
        let mut config = HostConfig::new([7; 32]);
        config.compressor = Some(RangeCoder::boxed());
        let mut server = Host::new(config);
        let mut client = Host::new(HostConfig::new([8; 32]));
        client.connect(at, ConnectOptions::default()).unwrap();
        let (mut refusals, mut lines, mut out) = (Refusals::default(), Vec::new(), Vec::new());
        let mut now = Instant::ZERO;
        while now <= Instant::ZERO + Duration::from_secs(seconds) {
            client.handle_timeout(now);
            while client.poll_transmit(now, &mut out, NonZeroUsize::MIN).is_some() {
                server.handle_datagram(now, Datagram::new(from, &std::mem::take(&mut out)));
            }
            while server.poll_transmit(now, &mut out, NonZeroUsize::MIN).is_some() {
                client.handle_datagram(now, Datagram::new(at, &std::mem::take(&mut out)));
            }
            lines.push(said(|| refusals.look(now, || server.stats())));
            now += Duration::from_millis(100);
        }
        lines.retain(|line| !line.is_empty());
        (lines, said(|| Refusals::default().look(now, || client.stats())))
    }

    #[cfg(feature = "tracing")]
    #[test]
    fn who_does_not_understand_what_we_compress_asks_again_and_the_log_says_why() {
        let (server, client) = said_of_a_client_that_understands_nothing(20);
        assert_eq!(server.len(), 2, "{server:?}");
        for line in server {
            let expected = "reason=\"duplicate_connect\" count=2 hint=\"is our answer understood?";
            assert!(line.contains(expected), "{line}");
        }
        assert!(client.contains("reason=\"no_compressor\" count="), "{client}");
    }

    #[cfg(feature = "tracing")]
    #[test]
    fn a_connect_that_comes_again_once_is_a_lossy_network_and_not_worth_a_word() {
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let mut repeats = Repeats::default();
        let said = [(0, 0), (10, 1), (15, 2), (20, 2), (30, 4), (31, 9), (40, 9), (3_600, 10)]
            .map(|(seconds, count)| repeats.worth_saying(at(seconds), count));
        assert_eq!(said, [0, 0, 0, 0, 2, 5, 0, 0]);
    }

    #[cfg(feature = "tracing")]
    #[test]
    fn what_is_discarded_is_said_once_a_second_with_its_reason_and_how_often() {
        use enet_proto::{Datagram, Host, HostConfig};

        let mut host = Host::new(HostConfig::new([7; 32]));
        let mut refusals = Refusals::default();
        let start = Instant::ZERO;
        let mut junk = |datagrams, at: Instant, lengths: &[usize]| {
            for (_, length) in (0..datagrams).zip(lengths.iter().cycle()) {
                let source = SocketAddr::from(([192, 0, 2, 1], 7_000));
                host.handle_datagram(at, Datagram::new(source, &[0; 5000][..*length]));
            }
            said(|| refusals.look(at, || host.stats()))
        };
        assert_eq!(junk(0, start, &[1]), "");
        assert_eq!(junk(5, start + Duration::from_millis(999), &[1, 5000]), "");
        let lines = junk(0, start + Duration::from_secs(1), &[1]);
        assert!(
            lines.contains("WARN enet_mio::protocol: received and discarded reason=\"truncated\" count=3\n"),
            "{lines}"
        );
        assert!(
            lines.contains("WARN enet_mio::protocol: received and discarded reason=\"oversize\" count=2\n"),
            "{lines}"
        );
        assert_eq!(lines.lines().count(), 2);
        assert_eq!(junk(0, start + Duration::from_secs(2), &[1]), "");
        let lines = junk(1, start + Duration::from_secs(9), &[1]);
        assert_eq!(lines.lines().count(), 1);
        assert!(lines.contains("count=1"), "{lines}");
    }

    #[cfg(feature = "tracing")]
    #[test]
    fn an_event_is_said_once_however_it_is_fetched() {
        use enet_proto::{ConnectOptions, HostConfig, Profile, Timeouts};

        use crate::{Host, Service};

        // An attempt that ends after the first wait for an answer: half a second.
        let failing = || {
            let mut config = HostConfig::new([7; 32]);
            config.profile = Profile::Modern;
            let mut host = Host::bind("127.0.0.1:*", config).unwrap();
            let hasty = Timeouts { limit: 1, minimum: Duration::ZERO, maximum: Duration::from_millis(1) };
            let options = ConnectOptions { timeout: Some(hasty), ..ConnectOptions::default() };
            let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            host.connect(nobody.local_addr().unwrap(), options).unwrap();
            (host, nobody)
        };
        let by_hand = said(|| {
            let (mut host, _nobody) = failing();
            while host.poll_event().is_none() {
                host.timeout();
                host.drive().unwrap();
            }
        });
        let by_service = said(|| {
            let (host, _nobody) = failing();
            assert!(Service::new(host).unwrap().service(Duration::from_secs(30)).unwrap().is_some());
        });
        for lines in [by_hand, by_service] {
            assert_eq!(lines.matches("DEBUG enet_mio::event: disconnected").count(), 1, "{lines}");
        }
    }

    #[cfg(feature = "tracing")]
    #[test]
    fn a_socket_that_has_to_do_without_offload_says_so_unless_that_was_asked_for() {
        let at = SocketAddr::from(([127, 0, 0, 1], 7_000));
        let of = |gso, gro| IoCapabilities { gso, gro, local_address: true };
        let said = |offload, capabilities| said(|| opened(at, offload, capabilities));
        assert_eq!(said(true, of(true, true)), "");
        assert_eq!(said(false, of(false, false)), "");
        let line = said(true, of(true, false));
        assert!(line.contains("INFO enet_mio: no segmentation offload"), "{line}");
        assert!(line.contains("at=127.0.0.1:7000 gso=true gro=false"), "{line}");
    }
}
