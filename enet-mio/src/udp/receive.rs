//! Receiving: one datagram or train with each call, and many with one if they stand in line.

use std::io;

use super::{Udp, is_of_a_sandbox};
use crate::burst::MOST;

/// Receive errors with nothing between them that are the socket's own and not those of single datagrams.
const ERRORS_IN_A_ROW: u32 = 256;

/// System calls for datagrams that are dropped; after so many the caller has its turn, and comes back since the socket
/// is not empty.
const DROPS_IN_A_ROW: u32 = 256;

/// Datagrams that came one by one until those behind them are received together, which is dearer where there is just one.
const ENOUGH_SINGLES: u32 = 3;

impl Udp {
    /// Calls for datagrams until some are there to be taken; whether there are.
    pub(super) fn fetch(&mut self) -> bool {
        let mut dropped = 0;
        while self.readable {
            self.stats.receives += 1;
            match self.receive_some() {
                Ok(()) => {
                    self.errors_in_a_row = 0;
                    if self.accept() {
                        return true;
                    }
                    dropped += 1;
                    if dropped == DROPS_IN_A_ROW {
                        return false;
                    }
                }
                Err(error) => {
                    if self.on_error(error) {
                        return false;
                    }
                }
            }
        }
        false
    }

    /// Whether the caller is to hear of an error before the next call.
    fn on_error(&mut self, error: io::Error) -> bool {
        let was_batch = self.is_batch_next();
        self.singles = 0; // what there is arrives one by one, if that is possible
        match error.kind() {
            io::ErrorKind::WouldBlock => self.readable = false,
            io::ErrorKind::Interrupted => {}
            _ if was_batch && is_of_a_sandbox(&error) => self.receives_batches = false,
            _ => return self.note_error(error),
        }
        self.errors_in_a_row = 0;
        false
    }

    fn is_batch_next(&self) -> bool {
        self.receives_batches && self.singles >= ENOUGH_SINGLES
    }

    fn receive_some(&mut self) -> io::Result<()> {
        let is_batch = self.is_batch_next();
        let Udp { kernel, socket, burst, .. } = self;
        if !is_batch {
            return burst.fill(|room| kernel.receive(socket, room));
        }
        let lost = burst.fill_all(|rooms, arrivals| kernel.receive_batch(socket, rooms, arrivals))?;
        if lost > 0 {
            // The socket's maker asked for more words about each than there is room for.
            self.stats.receive_errors += lost;
            self.receives_batches = false;
        }
        if lost == 0 && self.burst.arrivals().len() < MOST {
            // There was no more, or an error in its place, which the system keeps.
            match self.socket.take_error() {
                Ok(None) => (self.readable, self.singles) = (false, 0),
                Ok(Some(_)) => self.stats.receive_errors += 1,
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Drops what claims to come from port 0. Whether anything is left.
    fn accept(&mut self) -> bool {
        if self.burst.is_single() {
            self.singles = self.singles.saturating_add(u32::from(self.readable));
        } else if !self.accept_company() {
            return false;
        }
        self.arrivals += 1;
        true
    }

    #[inline(never)] // most come alone
    fn accept_company(&mut self) -> bool {
        let (mut dropped, mut all, mut in_trains) = (0, 0, 0);
        self.burst.retain(|arrival| {
            let datagrams = arrival.datagrams() as u64;
            let has_port = arrival.source.port() != 0;
            if has_port {
                all += datagrams;
                in_trains += if datagrams > 1 { datagrams } else { 0 };
            } else {
                dropped += datagrams;
            }
            has_port
        });
        let stats = &mut self.stats;
        stats.dropped_port_zero += dropped;
        stats.received_in_trains += in_trains;
        stats.received_in_batches += if self.burst.arrivals().len() > 1 { all } else { 0 };
        if in_trains > 0 {
            self.singles = 0; // the cache has not room for many of those
        }
        all > 0
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
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};
    use std::time::Duration;

    use enet_proto::Socket;

    use super::*;
    use crate::kernel;

    #[test]
    fn one_error_is_a_datagrams_and_many_in_a_row_are_the_sockets() {
        let mut udp = Udp::new(UdpSocket::bind("127.0.0.1:0").unwrap(), true).unwrap();
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
        let mut udp = Udp::new(UdpSocket::bind("127.0.0.1:0").unwrap(), true).unwrap();
        let to = udp.local_addr().unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
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
        let mut udp = Udp::new(UdpSocket::bind("127.0.0.1:0").unwrap(), true).unwrap();
        let start = std::time::Instant::now();
        udp.block(Duration::ZERO).unwrap();
        udp.block(Duration::from_millis(20)).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(udp.receive().is_none(), "and the socket blocks no longer");
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"three", udp.local_addr().unwrap()).unwrap();
        udp.block(Duration::from_secs(60)).unwrap();
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!(udp.receive().unwrap().bytes, b"three", "peeked, not taken");
    }

    /// A socket with so many datagrams in it, of one sender or of several in turn.
    fn with_numbers(at: &str, offload: bool, senders: usize, numbers: u8) -> Udp {
        let udp = Udp::new(UdpSocket::bind(at).unwrap(), offload).unwrap();
        tell_numbers(&udp, senders, numbers);
        udp
    }

    fn tell_numbers(udp: &Udp, senders: usize, numbers: u8) {
        let to = SocketAddr::from(([127, 0, 0, 1], udp.local_addr().unwrap().port()));
        let senders: Vec<_> = (0..senders).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        for (number, sender) in (0..numbers).zip(senders.iter().cycle()) {
            // Different lengths, and bytes to the end.
            sender.send_to(&vec![number; usize::from(number) * 5 + 1], to).unwrap();
        }
    }

    fn numbers(udp: &mut Udp) -> Vec<u8> {
        std::iter::from_fn(|| {
            let datagram = udp.receive()?;
            let number = datagram.bytes[0];
            assert_eq!(datagram.bytes, vec![number; usize::from(number) * 5 + 1]);
            Some(number)
        })
        .collect()
    }

    #[test]
    fn those_behind_each_other_arrive_together_and_in_order() {
        for (at, senders) in [("127.0.0.1:0", 1), ("127.0.0.1:0", 7), ("0.0.0.0:0", 1), ("0.0.0.0:0", 7)] {
            for offload in [true, false] {
                let mut udp = with_numbers(at, offload, senders, 50);
                assert_eq!(numbers(&mut udp), (0..50).collect::<Vec<_>>());
                let together = offload && kernel::RECEIVES_BATCHES;
                // Three, and the others eight by eight; the last of these calls says that there is no more.
                let expected = if together { (9, 47) } else { (51, 0) };
                assert_eq!(
                    (udp.stats().receives, udp.stats().received_in_batches),
                    expected,
                    "{at} {senders}"
                );
                assert_eq!(udp.arrivals(), if together { 9 } else { 50 });
                assert!(!udp.is_readable());
                // It begins anew.
                tell_numbers(&udp, 1, 1);
                udp.set_readable();
                assert_eq!(numbers(&mut udp), [0]);
                assert_eq!(udp.stats().receives, expected.0 + 2);
            }
        }
    }

    #[test]
    fn a_row_that_ends_with_a_full_call_is_looked_at_again() {
        let mut udp = with_numbers("127.0.0.1:0", true, 3, 11);
        for number in 0..11 {
            assert!(udp.is_readable());
            assert_eq!(udp.receive().unwrap().bytes[0], number);
        }
        assert!(udp.is_readable(), "there might be another");
        assert!(udp.receive().is_none());
        assert!(!udp.is_readable());
    }

    #[test]
    fn what_was_received_and_not_taken_is_something_to_receive() {
        let mut udp = with_numbers("127.0.0.1:0", true, 3, 6);
        for _ in 0..4 {
            udp.receive().unwrap();
        }
        assert!(udp.is_readable());
        let start = std::time::Instant::now();
        udp.block(Duration::from_secs(60)).unwrap();
        assert!(start.elapsed() < Duration::from_secs(30));
        assert_eq!(numbers(&mut udp), [4, 5]);
        assert!(!udp.is_readable());
    }

    #[test]
    fn one_behind_three_is_no_company() {
        let mut udp = with_numbers("127.0.0.1:0", true, 3, 4);
        assert_eq!(numbers(&mut udp), [0, 1, 2, 3]);
        assert_eq!((udp.stats().received_in_batches, udp.arrivals()), (0, 4));
    }

    #[test]
    fn a_sandbox_that_forbids_batches_is_asked_for_one_at_a_time_from_then_on() {
        for (kind, remains) in [
            (io::ErrorKind::PermissionDenied, false),
            (io::ErrorKind::Unsupported, false),
            (io::ErrorKind::InvalidInput, false),
            (io::ErrorKind::ConnectionRefused, kernel::RECEIVES_BATCHES),
        ] {
            let mut udp = with_numbers("127.0.0.1:0", true, 3, 20);
            for _ in 0..3 {
                udp.receive().unwrap();
            }
            assert!(!udp.on_error(kind.into()));
            assert!(!udp.is_batch_next(), "whatever it was");
            assert_eq!(udp.receives_batches, remains && kernel::RECEIVES_BATCHES);
            assert_eq!(numbers(&mut udp), (3..20).collect::<Vec<_>>());
        }
        let mut udp = with_numbers("127.0.0.1:0", true, 3, 0);
        assert!(!udp.on_error(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(
            (udp.receives_batches, udp.stats().receive_errors),
            (kernel::RECEIVES_BATCHES, 1),
            "of one"
        );
    }

    #[test]
    fn each_of_a_row_tells_where_it_arrived() {
        let mut udp = with_numbers("0.0.0.0:0", true, 3, 20);
        let has_room_for_words = udp.kernel.knows_local_address();
        let locals = std::iter::from_fn(|| udp.receive().map(|datagram| datagram.local));
        let expected = has_room_for_words.then_some([127, 0, 0, 1].into());
        assert_eq!(locals.collect::<Vec<_>>(), [expected; 20]);
    }

    /// The maker of a socket may have asked for words that we make no room for.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_row_arrives_whatever_else_the_system_says_of_it() {
        use nix::sys::socket::{setsockopt, sockopt};
        for at in ["127.0.0.1:0", "0.0.0.0:0"] {
            let socket = UdpSocket::bind(at).unwrap();
            setsockopt(&socket, sockopt::ReceiveTimestamp, &true).unwrap();
            setsockopt(&socket, sockopt::IpRecvTos, &true).unwrap();
            let mut udp = Udp::new(socket, true).unwrap();
            tell_numbers(&udp, 2, 30);
            assert_eq!(numbers(&mut udp), (0..30).collect::<Vec<_>>(), "{at}");
            assert!(udp.stats().received_in_batches > 0);
            assert_eq!(udp.stats().receive_errors, 0);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn where_there_is_no_room_for_all_the_system_says_one_call_is_lost_and_the_others_are_for_one() {
        use nix::sys::socket::{setsockopt, sockopt};
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        setsockopt(&socket, sockopt::ReceiveTimestamp, &true).unwrap();
        setsockopt(&socket, sockopt::IpRecvTos, &true).unwrap();
        setsockopt(&socket, sockopt::Ipv4RecvTtl, &true).unwrap();
        setsockopt(&socket, sockopt::Ipv4OrigDstAddr, &true).unwrap();
        let mut udp = Udp::new(socket, true).unwrap();
        for (row, lost) in [(3..11, 8), (0..0, 8)] {
            tell_numbers(&udp, 2, 30);
            udp.set_readable();
            assert_eq!(numbers(&mut udp), (0..30).filter(|number| !row.contains(number)).collect::<Vec<_>>());
            assert_eq!(udp.stats().receive_errors, lost);
        }
    }
}
