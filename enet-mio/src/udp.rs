//! [`Udp`]: a socket as the protocol sees it. Everything that can go wrong between the two ends here, as a counter.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use enet_proto::{Datagram, Socket, Transmit};
use mio::net::UdpSocket;
use socket2::SockRef;

/// Larger than any UDP datagram: nothing is ever cut off, so the protocol can tell an oversize datagram from a valid
/// one, and an intercept hook sees foreign datagrams whole.
const RECEIVE_BUFFER: usize = 1 << 16;

/// Receive errors with nothing between them that are the socket's own and not those of single datagrams.
const ERRORS_IN_A_ROW: u32 = 256;

/// Datagrams dropped at a time; after so many the caller has its turn, and comes back since the socket is not empty.
const DROPS_IN_A_ROW: u32 = 256;

/// What the socket did to datagrams, in totals since creation. The protocol's own counters are
/// [`enet_proto::HostStats`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoStats {
    /// Datagrams dropped because they claim to come from port 0, where no answer can go.
    pub dropped_port_zero: u64,
    /// Errors in place of a datagram: mostly ICMP's word that an earlier one of ours was not received.
    pub receive_errors: u64,
    /// Datagrams lost because the system had no room for them (`WouldBlock`).
    pub send_blocked: u64,
    /// Datagrams lost because the system would not send them: no route, too long, forbidden, impossible address.
    pub send_errors: u64,
}

/// Which addresses a socket can send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
    /// An IPv6 socket that speaks IPv4 too, in mapped addresses.
    Dual,
}

impl Family {
    pub(crate) fn reaches(self, address: SocketAddr) -> bool {
        match self {
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
            Family::Dual => true,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Udp {
    socket: UdpSocket,
    family: Family,
    /// Whether the socket may have something: set by every edge, cleared only when the socket says `WouldBlock`.
    readable: bool,
    buffer: Box<[u8]>,
    stats: IoStats,
    errors_in_a_row: u32,
    failure: Option<io::Error>,
}

impl Udp {
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Udp> {
        socket.set_nonblocking(true)?;
        let family = match socket.local_addr()? {
            SocketAddr::V4(_) => Family::V4,
            SocketAddr::V6(_) if SockRef::from(&socket).only_v6()? => Family::V6,
            SocketAddr::V6(_) => Family::Dual,
        };
        Ok(Udp {
            socket: UdpSocket::from_std(socket),
            family,
            readable: true,
            buffer: vec![0; RECEIVE_BUFFER].into_boxed_slice(),
            stats: IoStats::default(),
            errors_in_a_row: 0,
            failure: None,
        })
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

    pub(crate) fn set_readable(&mut self) {
        self.readable = true;
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.readable
    }

    /// What made the socket unusable, once; it is tried again afterwards.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Blocks until there is something to receive or the time is over, without a poll.
    pub(crate) fn block(&mut self, timeout: Duration) -> io::Result<()> {
        let blocking = SockRef::from(&self.socket);
        blocking.set_nonblocking(false)?;
        // To the system a timeout of zero is none at all.
        let waited = blocking.set_read_timeout(Some(timeout.max(Duration::from_millis(1))));
        if waited.is_ok() {
            // Whatever the outcome, the next receive will see it or the lack of it.
            let _ = self.socket.peek_from(&mut self.buffer);
        }
        blocking.set_nonblocking(true)?;
        self.readable = true;
        waited
    }

    /// Whether the error is the first of many that make the socket itself suspect.
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
}

impl Socket for Udp {
    fn receive(&mut self) -> Option<Datagram<'_>> {
        let mut dropped = 0;
        let (len, source) = loop {
            if !self.readable {
                return None;
            }
            match self.socket.recv_from(&mut self.buffer) {
                Ok((_, source)) if source.port() == 0 => {
                    self.stats.dropped_port_zero += 1;
                    dropped += 1;
                    if dropped == DROPS_IN_A_ROW {
                        return None;
                    }
                }
                Ok((len, source)) => break (len, source),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if self.note_error(error) {
                        return None;
                    }
                    continue;
                }
            }
            self.errors_in_a_row = 0;
        };
        self.errors_in_a_row = 0;
        Some(Datagram::new(canonical(source), self.buffer.get(..len).unwrap_or_default()))
    }

    fn send(&mut self, transmit: &Transmit, bytes: &[u8]) {
        let start = bytes.len().saturating_sub(transmit.len);
        let datagram = bytes.get(start..).unwrap_or_default();
        let to = if self.family == Family::V4 { transmit.to } else { mapped(transmit.to) };
        loop {
            match self.socket.send_to(datagram, to) {
                Ok(_) => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stats.send_blocked += 1;
                    return;
                }
                Err(_) => {
                    self.stats.send_errors += 1;
                    return;
                }
            }
        }
    }
}

/// One spelling per peer, because the protocol compares addresses: IPv4 unmapped, and of IPv6 only what a received
/// datagram would show too.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_canonical() {
            IpAddr::V4(ip) => SocketAddr::from((ip, v6.port())),
            IpAddr::V6(ip) => {
                let scope = if ip.is_unicast_link_local() { v6.scope_id() } else { 0 };
                SocketAddrV6::new(ip, v6.port(), 0, scope).into()
            }
        },
    }
}

/// How an IPv6 socket is told of an IPv4 address.
fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        SocketAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_has_one_spelling() {
        let full =
            |ip: &str, port, flow, scope| SocketAddrV6::new(ip.parse().unwrap(), port, flow, scope).into();
        let table: [(SocketAddr, SocketAddr); 6] = [
            (addr("1.2.3.4:5"), addr("1.2.3.4:5")),
            (addr("[::ffff:1.2.3.4]:5"), addr("1.2.3.4:5")),
            (addr("[::1]:5"), addr("[::1]:5")),
            (full("2001:db8::1", 5, 99, 7), full("2001:db8::1", 5, 0, 0)),
            (full("fe80::1", 5, 99, 7), full("fe80::1", 5, 0, 7)),
            (full("::ffff:9.9.9.9", 5, 99, 7), addr("9.9.9.9:5")),
        ];
        for (given, expected) in table {
            assert_eq!(canonical(given), expected, "{given}");
        }
    }

    #[test]
    fn mapping_out_undoes_unmapping_in() {
        assert_eq!(mapped(addr("1.2.3.4:5")), addr("[::ffff:1.2.3.4]:5"));
        assert_eq!(mapped(addr("[::1]:5")), addr("[::1]:5"));
        assert_eq!(canonical(mapped(addr("1.2.3.4:5"))), addr("1.2.3.4:5"));
    }

    #[test]
    fn one_error_is_a_datagrams_and_many_in_a_row_are_the_sockets() {
        let mut udp = Udp::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
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
        let mut udp = Udp::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
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
        let mut udp = Udp::new(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
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
}
