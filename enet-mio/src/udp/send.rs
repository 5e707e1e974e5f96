//! Sending: single datagrams, trains for one destination, and batches for many.

use std::io::{self, ErrorKind};

use enet_proto::Transmit;

use super::{Udp, is_of_a_sandbox};
use crate::family::{Family, mapped};
use crate::kernel::{self, Departure};
use crate::log;

impl Udp {
    /// Takes what was just appended to `out`. It leaves now, or with what follows: at the next
    /// [`send_batch`](Udp::send_batch) at the latest. Leaves `out` empty unless something waits there.
    pub(crate) fn post(&mut self, transmit: &Transmit, out: &mut Vec<u8>) {
        let departure = self.departure(transmit, out);
        if departure.is_plain() && self.batches.are_tried() {
            log::sent(transmit);
            self.trains.on_single();
            if self.batch.add(departure.to, out.len()) {
                self.send_batch(out);
            }
            return;
        }
        self.send_waiting(out); // it was there earlier
        self.leave(transmit, &departure);
        out.clear();
    }

    /// Sends what waits in `out`, and empties it.
    #[inline]
    pub(crate) fn send_batch(&mut self, out: &mut Vec<u8>) {
        if self.batch.len() > 0 {
            self.send_waiting(out);
            out.clear();
        }
    }

    /// Sends the datagrams of a [`Transmit`], which `bytes` ends with.
    pub(super) fn send_now(&mut self, transmit: &Transmit, bytes: &[u8]) {
        let departure = self.departure(transmit, bytes);
        self.leave(transmit, &departure);
    }

    #[inline]
    fn departure<'a>(&mut self, transmit: &Transmit, bytes: &'a [u8]) -> Departure<'a> {
        let bytes = bytes.get(bytes.len().saturating_sub(transmit.len)..).unwrap_or_default();
        let to = if self.family == Family::V4 { transmit.to } else { mapped(transmit.to) };
        let from = transmit.from.filter(|from| self.kernel.must_name(to, *from));
        let segment = transmit.segment.filter(|segment| (1..bytes.len()).contains(segment));
        let segment = segment.and_then(|segment| u16::try_from(segment).ok());
        Departure { to, from, segment, bytes }
    }

    fn leave(&mut self, transmit: &Transmit, departure: &Departure<'_>) {
        log::sent(transmit);
        if let Some(segment) = departure.segment {
            self.send_train(departure, segment);
        } else {
            self.trains.on_single();
            self.send_single(departure);
        }
    }

    fn send_waiting(&mut self, out: &[u8]) {
        let mut batch = std::mem::take(&mut self.batch);
        let (mut first, mut refused) = (0, None);
        while batch.len() - first > 1 && self.batches.are_tried() && refused.is_none() {
            self.stats.sends += 1;
            match kernel::send_batch(&self.socket, batch.datagrams(first, out)) {
                Ok(sent) => {
                    first += sent;
                    self.stats.sent_in_batches += if sent > 1 { sent as u64 } else { 0 };
                    self.batches.on_sent();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(reason) => refused = Some(reason),
            }
        }
        // Where one cannot leave, others will not either: without a network, none.
        for (to, bytes) in batch.datagrams(first, out) {
            let has_left = self.send_single(&Departure { to, from: None, segment: None, bytes });
            if let Some(reason) = refused.take().filter(|_| has_left) {
                self.note_refusal(&reason);
            }
        }
        batch.clear();
        self.batch = batch;
    }

    /// Notes what the system said of a batch whose first datagram could leave alone.
    #[cold]
    fn note_refusal(&mut self, reason: &io::Error) {
        // Other reasons pass, as ICMP's word of an earlier datagram does.
        if is_of_a_sandbox(reason) {
            if !self.batches.are_refused() {
                log::batch_refused(reason);
            }
            self.batches.on_refused();
        }
    }

    fn send_single(&mut self, departure: &Departure<'_>) -> bool {
        self.batches.on_single();
        self.send_one(departure)
    }

    /// Sends a train, or its datagrams one by one if the system will not have it.
    fn send_train(&mut self, departure: &Departure<'_>, segment: u16) {
        if !self.trains.are_possible() {
            self.send_each(departure, segment);
            return;
        }
        let datagrams = departure.bytes.len().div_ceil(usize::from(segment)) as u64;
        let mut result = self.cross(departure);
        if departure.from.is_some() && matches!(&result, Err(error) if error.kind() != ErrorKind::WouldBlock)
        {
            // We may have lost the address that the peer knows us by; another may still reach it.
            result = self.cross(&Departure { from: None, ..*departure });
        }
        match result {
            Ok(()) => {
                self.stats.sent_in_trains += datagrams;
                self.trains.on_sent();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.stats.send_blocked += datagrams,
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
            && !matches!(&result, Err(error) if error.kind() == ErrorKind::WouldBlock)
        {
            // We may have lost the address that the peer knows us by; another may still reach it.
            result = self.cross(&Departure { from: None, ..*departure });
        }
        match &result {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.stats.send_blocked += 1,
            Err(_) => self.stats.send_errors += 1,
        }
        result.is_ok()
    }

    fn cross(&mut self, departure: &Departure<'_>) -> io::Result<()> {
        loop {
            self.stats.sends += 1;
            match self.kernel.send(&self.socket, departure) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};

    use enet_proto::Socket;

    use super::*;
    use crate::batch::MOST;
    use crate::stats::IoStats;

    /// A socket on all IPv4 addresses of the machine, where trains are joined from the start.
    fn joining() -> (Udp, SocketAddr) {
        let udp = Udp::new(UdpSocket::bind("0.0.0.0:0").unwrap(), true).unwrap();
        let port = udp.local_addr().unwrap().port();
        (udp, ([127, 0, 0, 1], port).into())
    }

    fn sending(offload: bool) -> Udp {
        Udp::new(UdpSocket::bind("127.0.0.1:0").unwrap(), offload).unwrap()
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
    fn after_a_refusal_those_that_leave_in_batches_count_until_trains_are_tried_again() {
        let (mut sender, crowd, mut out) = (sending(true), crowd(1), vec![]);
        let to = crowd[0].local_addr().unwrap();
        let segments = sender.max_segments().get();
        sender.send(&train(to, 200 * 3, 3), &bytes(200 * 3));
        for left in (0..16).rev() {
            assert_eq!(sender.max_segments().get(), 1);
            post(&mut sender, &mut out, to, b"a");
            assert_eq!(sender.max_segments().get() == 1, left > 0 || segments == 1);
        }
    }

    #[test]
    fn a_train_to_nowhere_is_no_refusal() {
        let mut sender = sending(true);
        let segments = sender.max_segments();
        sender.send(&train(([127, 0, 0, 1], 0).into(), 300, 100), &bytes(300));
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
        let mut out = vec![];
        post(&mut sender, &mut out, to, b"");
        sender.send_batch(&mut out);
        assert_eq!(received(&mut receiver), [b""]);
    }

    /// Sockets that are told one of the numbers from 0 on each.
    fn crowd(count: usize) -> Vec<UdpSocket> {
        let sockets: Vec<_> = (0..count).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        sockets.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
        sockets
    }

    fn post(udp: &mut Udp, out: &mut Vec<u8>, to: SocketAddr, bytes: &[u8]) {
        out.extend_from_slice(bytes);
        udp.post(&Transmit { to, from: None, len: bytes.len(), segment: None }, out);
    }

    /// All that waits at a socket, one behind the other.
    fn heard(socket: &UdpSocket) -> Vec<u8> {
        let mut buffer = [0; 2_000];
        let mut all = vec![];
        while let Ok(len) = socket.recv(&mut buffer) {
            all.extend_from_slice(&buffer[..len]);
        }
        all
    }

    #[test]
    fn datagrams_for_many_leave_together_and_each_reaches_whom_it_is_for() {
        for offload in [true, false] {
            let (mut sender, crowd, mut out) = (sending(offload), crowd(70), vec![]);
            for (socket, number) in crowd.iter().zip(0_u8..) {
                post(&mut sender, &mut out, socket.local_addr().unwrap(), &[number]);
            }
            sender.send_batch(&mut out);
            assert!(out.is_empty());
            for (socket, number) in crowd.iter().zip(0_u8..) {
                assert_eq!(heard(socket), [number]);
            }
            let together = offload && kernel::SENDS_BATCHES;
            let expected = if together { (3, 70) } else { (70, 0) };
            assert_eq!((sender.stats().sends, sender.stats().sent_in_batches), expected);
        }
    }

    #[test]
    fn what_cannot_leave_keeps_nothing_else_back() {
        let (mut sender, crowd, mut out) = (sending(true), crowd(6), vec![]);
        let nowhere = ([127, 0, 0, 1], 0).into();
        for (socket, number) in crowd.iter().zip(0_u8..) {
            if number % 3 == 0 {
                post(&mut sender, &mut out, nowhere, b"lost");
            }
            post(&mut sender, &mut out, socket.local_addr().unwrap(), &[number]);
        }
        post(&mut sender, &mut out, nowhere, b"lost");
        sender.send_batch(&mut out);
        for (socket, number) in crowd.iter().zip(0_u8..) {
            assert_eq!(heard(socket), [number]);
        }
        assert_eq!(sender.stats().send_errors, 3);
        assert!(!sender.batches.are_refused(), "it was the destinations' fault");
    }

    #[test]
    fn who_left_before_one_that_could_not_left_alone() {
        let (mut sender, crowd, mut out) = (sending(true), crowd(1), vec![]);
        post(&mut sender, &mut out, crowd[0].local_addr().unwrap(), b"a");
        post(&mut sender, &mut out, ([127, 0, 0, 1], 0).into(), b"lost");
        sender.send_batch(&mut out);
        assert_eq!(heard(&crowd[0]), b"a");
        assert_eq!((sender.stats().sent_in_batches, sender.stats().send_errors), (0, 1));
    }

    #[test]
    fn where_nothing_can_leave_each_is_tried_once_and_a_batch_once_more() {
        let (mut sender, mut out) = (sending(true), vec![]);
        for _ in 0..MOST {
            post(&mut sender, &mut out, ([127, 0, 0, 1], 0).into(), b"lost");
        }
        assert!(out.is_empty());
        let IoStats { sends, send_errors, sent_in_batches, .. } = sender.stats();
        let batches = u64::from(kernel::SENDS_BATCHES);
        assert_eq!((sends, send_errors, sent_in_batches), (MOST as u64 + batches, MOST as u64, 0));
    }

    #[test]
    fn datagrams_for_one_leave_in_the_order_in_which_they_were_posted() {
        let (mut sender, crowd, mut out) = (sending(true), crowd(2), vec![]);
        let to = crowd[0].local_addr().unwrap();
        post(&mut sender, &mut out, to, b"a");
        post(&mut sender, &mut out, crowd[1].local_addr().unwrap(), b"-");
        post(&mut sender, &mut out, to, b"b");
        out.extend_from_slice(b"cde");
        sender.post(&train(to, 3, 1), &mut out);
        assert!(out.is_empty());
        post(&mut sender, &mut out, to, b"f");
        sender.send_batch(&mut out);
        assert_eq!(heard(&crowd[0]), b"abcdef");
    }

    #[test]
    fn a_system_without_batches_sends_one_by_one_and_is_asked_again_later() {
        let (mut sender, crowd, mut out) = (sending(true), crowd(1), vec![]);
        let to = crowd[0].local_addr().unwrap();
        for passing in [ErrorKind::ConnectionRefused, ErrorKind::WouldBlock] {
            sender.note_refusal(&passing.into());
            assert!(!sender.batches.are_refused());
        }
        let said = log::tests::said(|| sender.note_refusal(&ErrorKind::PermissionDenied.into()));
        let warnings = said.matches("WARN enet_mio: the system refused a batch").count();
        assert_eq!(warnings, usize::from(cfg!(feature = "tracing")), "{said}");
        let sent = sender.stats().sends;
        for _ in 0..16 {
            post(&mut sender, &mut out, to, b"c");
            assert!(out.is_empty(), "at once");
        }
        assert_eq!(sender.stats().sends - sent, 16);
        post(&mut sender, &mut out, to, b"d");
        assert_eq!(out.is_empty(), !kernel::SENDS_BATCHES, "the next one waits for others");
        post(&mut sender, &mut out, to, b"e");
        sender.send_batch(&mut out);
        assert_eq!(heard(&crowd[0]), [&[b'c'; 16][..], b"de"].concat());
        assert!(!sender.batches.are_refused(), "it went well");
    }
}
