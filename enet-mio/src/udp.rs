//! [`Udp`]: a socket as the protocol sees it. Everything that can go wrong between the two ends here, as a counter.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use enet_proto::{Datagram, Instant, Socket, Transmit};
use mio::net::UdpSocket;
use socket2::SockRef;

use crate::burst::{Arrival, Burst};
use crate::family::{Family, canonical, mapped};
use crate::kernel::{Departure, Kernel};
use crate::log;
use crate::stats::{IoCapabilities, IoStats};
use crate::train::Trains;

/// Receive errors with nothing between them that are the socket's own and not those of single datagrams.
const ERRORS_IN_A_ROW: u32 = 256;

/// System calls for datagrams that are dropped; after so many the caller has its turn, and comes back since the socket
/// is not empty.
const DROPS_IN_A_ROW: u32 = 256;

#[derive(Debug)]
pub(crate) struct Udp {
    socket: UdpSocket,
    family: Family,
    kernel: Kernel,
    trains: Trains,
    /// Whether the socket may have something: set by every edge, cleared only when the socket says `WouldBlock`, so not
    /// before the burst was taken.
    readable: bool,
    burst: Burst,
    /// System calls that brought something.
    arrivals: u64,
    stats: IoStats,
    errors_in_a_row: u32,
    failure: Option<io::Error>,
}

impl Udp {
    /// Takes over a bound socket; without `offload`, a system call sends and receives one datagram at a time.
    pub(crate) fn new(socket: std::net::UdpSocket, offload: bool) -> io::Result<Udp> {
        socket.set_nonblocking(true)?;
        let family = match socket.local_addr()? {
            SocketAddr::V4(_) => Family::V4,
            SocketAddr::V6(_) if SockRef::from(&socket).only_v6()? => Family::V6,
            SocketAddr::V6(_) => Family::Dual,
        };
        let socket = UdpSocket::from_std(socket);
        let kernel = Kernel::new(&socket, offload)?;
        let udp = Udp {
            socket,
            family,
            trains: Trains::new(kernel.cuts_trains()),
            kernel,
            readable: true,
            burst: Burst::new(),
            arrivals: 0,
            stats: IoStats::default(),
            errors_in_a_row: 0,
            failure: None,
        };
        log::opened(udp.local_addr()?, offload, udp.capabilities());
        Ok(udp)
    }

    /// The socket at this time.
    pub(crate) fn at(&mut self, now: Instant) -> &mut Udp {
        self.kernel.at(now);
        self
    }

    pub(crate) fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn stats(&self) -> IoStats {
        self.stats
    }

    pub(crate) fn capabilities(&self) -> IoCapabilities {
        IoCapabilities {
            gso: self.trains.are_possible(),
            gro: self.kernel.joins_trains(),
            local_address: self.kernel.knows_local_address(),
        }
    }

    pub(crate) fn set_readable(&mut self) {
        self.readable = true;
    }

    /// Whether there may be something to receive without waiting.
    pub(crate) fn is_readable(&self) -> bool {
        self.readable
    }

    /// System calls that brought something, in total.
    pub(crate) fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// Whether all that the last system call brought was taken.
    pub(crate) fn is_between_arrivals(&self) -> bool {
        self.burst.is_empty()
    }

    /// Datagrams that may be handed to [`send`](Socket::send) at once.
    pub(crate) fn max_segments(&self) -> NonZeroUsize {
        self.trains.max_segments()
    }

    /// What made the socket unusable, once; it is tried again afterwards.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Blocks until there is something to receive or the time is over, without a poll.
    pub(crate) fn block(&mut self, timeout: Duration) -> io::Result<()> {
        if !self.burst.is_empty() {
            return Ok(());
        }
        let blocking = SockRef::from(&self.socket);
        blocking.set_nonblocking(false)?;
        // To the system a timeout of zero is none at all.
        let waited = blocking.set_read_timeout(Some(timeout.max(Duration::from_millis(1))));
        if waited.is_ok() {
            // Whatever the outcome, the next receive will see it or the lack of it.
            let _ = self.socket.peek_from(&mut [0]);
        }
        blocking.set_nonblocking(true)?;
        self.readable = true;
        waited
    }

    /// Calls for datagrams until some are there to be taken; whether there are.
    fn fetch(&mut self) -> bool {
        let mut dropped = 0;
        while self.readable {
            self.stats.receives += 1;
            let (kernel, socket) = (&mut self.kernel, &self.socket);
            match self.burst.fill(|buffer| {
                let arrival = kernel.receive(socket, buffer)?;
                Ok(Arrival { source: canonical(arrival.source), ..arrival })
            }) {
                Ok(arrival) => {
                    self.errors_in_a_row = 0;
                    let datagrams = arrival.datagrams() as u64;
                    if arrival.source.port() != 0 {
                        self.arrivals += 1;
                        self.stats.received_in_trains += if datagrams > 1 { datagrams } else { 0 };
                        return true;
                    }
                    self.burst.clear();
                    self.stats.dropped_port_zero += datagrams;
                    dropped += 1;
                    if dropped == DROPS_IN_A_ROW {
                        return false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.errors_in_a_row = 0;
                    self.readable = false;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => self.errors_in_a_row = 0,
                Err(error) => {
                    if self.note_error(error) {
                        return false;
                    }
                }
            }
        }
        false
    }

    /// Whether the error is the last of many that make the socket itself suspect.
    fn note_error(&mut self, error: io::Error) -> bool {
        self.stats.receive_errors += 1;
        self.errors_in_a_row += 1;
        let fatal = self.errors_in_a_row >= ERRORS_IN_A_ROW;
        if fatal {
            self.errors_in_a_row = 0;
            self.failure = Some(error);
        }
        fatal
    }

    /// Sends a train, or its datagrams one by one if the system will not have it.
    fn send_train(&mut self, departure: &Departure<'_>, segment: u16) {
        if !self.trains.are_possible() {
            self.send_each(departure, segment);
            return;
        }
        let datagrams = departure.bytes.len().div_ceil(usize::from(segment)) as u64;
        let mut result = self.cross(departure);
        if departure.from.is_some()
            && matches!(&result, Err(error) if error.kind() != io::ErrorKind::WouldBlock)
        {
            // We may have lost the address that the peer knows us by; another may still reach it.
            result = self.cross(&Departure { from: None, ..*departure });
        }
        match result {
            Ok(()) => {
                self.stats.sent_in_trains += datagrams;
                self.trains.on_sent();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stats.send_blocked += datagrams,
            // If they cannot leave as single ones either, the destination is at fault.
            Err(reason) => {
                if self.send_each(departure, segment) {
                    if !self.trains.are_refused() {
                        log::train_refused(departure.to, datagrams, &reason);
                    }
                    self.stats.trains_refused += 1;
                    self.trains.on_refused();
                }
            }
        }
    }

    /// Sends the datagrams of a train one by one; whether any left.
    fn send_each(&mut self, departure: &Departure<'_>, segment: u16) -> bool {
        let mut sent = false;
        for bytes in departure.bytes.chunks(usize::from(segment)) {
            sent |= self.send_one(&Departure { segment: None, bytes, ..*departure });
        }
        sent
    }

    /// Sends a datagram; whether it left.
    fn send_one(&mut self, departure: &Departure<'_>) -> bool {
        let mut result = self.cross(departure);
        if result.is_err()
            && departure.from.is_some()
            && !matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        {
            // We may have lost the address that the peer knows us by; another may still reach it.
            result = self.cross(&Departure { from: None, ..*departure });
        }
        match &result {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stats.send_blocked += 1,
            Err(_) => self.stats.send_errors += 1,
        }
        result.is_ok()
    }

    fn cross(&mut self, departure: &Departure<'_>) -> io::Result<()> {
        loop {
            self.stats.sends += 1;
            match self.kernel.send(&self.socket, departure) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl Socket for Udp {
    fn receive(&mut self) -> Option<Datagram<'_>> {
        if self.burst.is_empty() && !self.fetch() {
            return None;
        }
        let datagram = self.burst.take();
        log::received(datagram.as_ref());
        datagram
    }

    fn send(&mut self, transmit: &Transmit, bytes: &[u8]) {
        let start = bytes.len().saturating_sub(transmit.len);
        let bytes = bytes.get(start..).unwrap_or_default();
        log::sent(transmit);
        let to = if self.family == Family::V4 { transmit.to } else { mapped(transmit.to) };
        let segment = transmit.segment.filter(|segment| (1..bytes.len()).contains(segment));
        let segment = segment.and_then(|segment| u16::try_from(segment).ok());
        let departure = Departure { to, from: transmit.from, segment, bytes };
        if let Some(segment) = segment {
            self.send_train(&departure, segment);
        } else {
            self.trains.on_single();
            self.send_one(&departure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_error_is_a_datagrams_and_many_in_a_row_are_the_sockets() {
        let mut udp = Udp::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap(), true).unwrap();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        for _ in 1..ERRORS_IN_A_ROW {
            assert!(!udp.note_error(refused()));
        }
        assert!(udp.check().is_ok());
        assert!(udp.receive().is_none(), "an empty socket says WouldBlock");
        assert!(!udp.note_error(refused()), "and that breaks the row");
        for _ in 2..ERRORS_IN_A_ROW {
            assert!(!udp.note_error(refused()));
        }
        assert!(udp.note_error(refused()));
        assert_eq!(udp.check().unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(udp.check().is_ok(), "reported once");
    }

    #[test]
    fn the_latch_opens_only_when_the_socket_is_empty() {
        let mut udp = Udp::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap(), true).unwrap();
        let to = udp.local_addr().unwrap();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"one", to).unwrap();
        assert!(udp.is_readable());
        assert_eq!(udp.receive().unwrap().bytes, b"one");
        assert!(udp.is_readable(), "there might be another");
        assert!(udp.receive().is_none());
        assert!(!udp.is_readable());
        sender.send_to(b"two", to).unwrap();
        assert!(udp.receive().is_none(), "not before the edge");
        udp.set_readable();
        assert_eq!(udp.receive().unwrap().bytes, b"two");
    }

    #[test]
    fn blocking_ends_with_a_datagram_or_with_time() {
        let mut udp = Udp::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap(), true).unwrap();
        let start = std::time::Instant::now();
        udp.block(Duration::ZERO).unwrap();
        udp.block(Duration::from_millis(20)).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(udp.receive().is_none(), "and the socket blocks no longer");
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"three", udp.local_addr().unwrap()).unwrap();
        udp.block(Duration::from_secs(60)).unwrap();
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!(udp.receive().unwrap().bytes, b"three", "peeked, not taken");
    }

    /// A socket on all IPv4 addresses of the machine, where trains are joined from the start.
    fn joining() -> (Udp, SocketAddr) {
        let udp = Udp::new(std::net::UdpSocket::bind("0.0.0.0:0").unwrap(), true).unwrap();
        let port = udp.local_addr().unwrap().port();
        (udp, ([127, 0, 0, 1], port).into())
    }

    fn sending(offload: bool) -> Udp {
        Udp::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap(), offload).unwrap()
    }

    fn train(to: SocketAddr, len: usize, segment: usize) -> Transmit {
        Transmit { to, from: None, len, segment: Some(segment) }
    }

    /// Different bytes, so that no cut goes unnoticed.
    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at % 251).to_le_bytes()[0]).collect()
    }

    fn received(udp: &mut Udp) -> Vec<Vec<u8>> {
        udp.set_readable();
        std::iter::from_fn(|| udp.receive().map(|datagram| datagram.bytes.to_vec())).collect()
    }

    #[test]
    fn a_train_is_cut_where_the_host_said_and_only_its_end_is_sent() {
        for offload in [true, false] {
            let mut sender = sending(offload);
            let (mut receiver, to) = joining();
            let mut bytes = bytes(1_000 + 10 * 100 + 37);
            sender.send(&train(to, 10 * 100 + 37, 100), &bytes);
            bytes.drain(..1_000);
            let expected: Vec<_> = bytes.chunks(100).map(<[u8]>::to_vec).collect();
            assert_eq!(received(&mut receiver), expected);
            if sender.capabilities().gso && receiver.capabilities().gro {
                assert_eq!((sender.stats().sends, receiver.stats().receives), (1, 2));
                assert_eq!((sender.stats().sent_in_trains, receiver.stats().received_in_trains), (11, 11));
            } else if !offload {
                assert_eq!((sender.stats().sends, sender.stats().sent_in_trains), (11, 0));
            }
        }
    }

    /// More segments than any kernel takes: it refuses for real.
    #[test]
    fn a_refused_train_leaves_as_single_datagrams_and_nothing_is_lost() {
        let mut sender = sending(true);
        if !sender.capabilities().gso {
            eprintln!("SKIPPED: this system sends no trains");
            return;
        }
        let (mut receiver, to) = joining();
        let bytes = bytes(200 * 3);
        let said = log::tests::said(|| sender.send(&train(to, bytes.len(), 3), &bytes));
        let warnings = said.matches("WARN enet_mio: the system refused a train").count();
        assert_eq!(warnings, usize::from(cfg!(feature = "tracing")), "{said}");
        let expected: Vec<_> = bytes.chunks(3).map(<[u8]>::to_vec).collect();
        assert_eq!(received(&mut receiver), expected);
        let stats = sender.stats();
        assert_eq!((stats.trains_refused, stats.sent_in_trains, stats.send_errors), (1, 0, 0));
        assert_eq!(stats.sends, 201);
        assert_eq!(sender.max_segments().get(), 1, "until the pause is over");
        let said = log::tests::said(|| sender.send(&train(to, bytes.len(), 3), &bytes));
        assert_eq!((sender.stats().trains_refused, said.as_str()), (2, ""), "said once, counted twice");
    }

    #[test]
    fn a_train_to_nowhere_is_no_refusal() {
        let mut sender = sending(true);
        let segments = sender.max_segments();
        sender.send(&train(addr("127.0.0.1:0"), 300, 100), &bytes(300));
        assert_eq!(sender.stats().send_errors, 3);
        assert_eq!(sender.stats().trains_refused, 0);
        assert_eq!(sender.max_segments(), segments);
    }

    #[test]
    fn a_segment_that_cuts_nothing_is_no_train() {
        let mut sender = sending(true);
        let (mut receiver, to) = joining();
        for segment in [0, 5, 6, usize::MAX] {
            sender.send(&train(to, 5, segment), b"12345");
            assert_eq!(received(&mut receiver), [b"12345"], "{segment}");
        }
        assert_eq!(sender.stats().sends, 4);
    }

    /// As if an address was lost while a peer still knows us by it.
    #[test]
    fn what_cannot_leave_from_the_address_asked_for_leaves_from_another() {
        let (mut sender, _) = joining();
        let (mut receiver, to) = joining();
        let from = Some("192.0.2.77".parse().unwrap());
        sender.send(&Transmit { to, from, len: 3, segment: None }, b"one");
        sender.send(&Transmit { from, ..train(to, 6, 3) }, b"twosix");
        assert_eq!(received(&mut receiver), [b"one", b"two", b"six"]);
        assert_eq!(sender.stats().send_errors, 0);
    }

    #[test]
    fn a_datagram_without_bytes_arrives_as_one() {
        let mut sender = sending(true);
        let (mut receiver, to) = joining();
        for datagram in [&b"a"[..], b"", b"b"] {
            sender.send(&Transmit { to, from: None, len: datagram.len(), segment: None }, datagram);
        }
        assert_eq!(received(&mut receiver), [&b"a"[..], b"", b"b"]);
    }
}
