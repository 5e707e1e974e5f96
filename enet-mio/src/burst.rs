//! [`Burst`]: what one system call received, cut into its datagrams.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use enet_proto::{Datagram, Ecn};

/// Larger than any UDP datagram and than any run of them that a kernel joins: nothing is ever cut off, so the protocol
/// can tell an oversize datagram from a valid one, and an intercept hook sees foreign datagrams whole.
const BUFFER: usize = 1 << 16;

/// What a system call says about the bytes it received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) source: SocketAddr,
    /// Bytes of all datagrams.
    pub(crate) len: usize,
    /// Bytes of each, except of the last, which may be shorter.
    pub(crate) segment: usize,
    pub(crate) local: Option<IpAddr>,
    pub(crate) ecn: Option<Ecn>,
}

impl Arrival {
    /// One datagram of which little is known.
    pub(crate) const fn of_one(source: SocketAddr, len: usize) -> Self {
        Arrival { source, len, segment: len, local: None, ecn: None }
    }

    pub(crate) fn datagrams(&self) -> usize {
        if self.segment == 0 { 1 } else { self.len.div_ceil(self.segment).max(1) }
    }
}

/// A receive buffer, and what of its contents nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Burst {
    buffer: Box<[u8]>,
    arrival: Arrival,
    /// A datagram without bytes is something, too.
    rest: Option<Range<usize>>,
}

impl Burst {
    pub(crate) fn new() -> Self {
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        Burst { buffer: vec![0; BUFFER].into_boxed_slice(), arrival: Arrival::of_one(nobody, 0), rest: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_none()
    }

    /// Receives into the buffer, whose contents must have been taken.
    pub(crate) fn fill(
        &mut self,
        receive: impl FnOnce(&mut [u8]) -> io::Result<Arrival>,
    ) -> io::Result<Arrival> {
        self.rest = None;
        self.arrival = receive(&mut self.buffer)?;
        self.rest = Some(0..self.arrival.len);
        Ok(self.arrival)
    }

    /// Forgets what nobody has taken.
    pub(crate) fn clear(&mut self) {
        self.rest = None;
    }

    /// The next datagram.
    pub(crate) fn take(&mut self) -> Option<Datagram<'_>> {
        let Range { start, end } = self.rest.take()?;
        let cut = if self.arrival.segment == 0 { end } else { end.min(start + self.arrival.segment) };
        if cut < end {
            self.rest = Some(cut..end);
        }
        let bytes = self.buffer.get(start..cut).unwrap_or_default();
        let Arrival { source, local, ecn, .. } = self.arrival;
        Some(Datagram { local, ecn, ..Datagram::new(source, bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(len: usize, segment: usize) -> Vec<Vec<u8>> {
        let mut burst = Burst::new();
        let source = "192.0.2.1:7".parse().unwrap();
        let arrival = Arrival { segment, ..Arrival::of_one(source, len) };
        let received = burst.fill(|buffer| {
            for (place, byte) in buffer.iter_mut().take(len).zip(0..) {
                *place = byte;
            }
            Ok(arrival)
        });
        let expected = received.unwrap().datagrams();
        let mut datagrams = vec![];
        while let Some(datagram) = burst.take() {
            assert_eq!(datagram.source, source);
            datagrams.push(datagram.bytes.to_vec());
        }
        assert_eq!(datagrams.len(), expected);
        assert!(burst.is_empty());
        datagrams
    }

    #[test]
    fn a_burst_is_cut_into_equal_datagrams_and_a_shorter_last() {
        assert_eq!(taken(7, 3), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        assert_eq!(taken(6, 3), [vec![0, 1, 2], vec![3, 4, 5]]);
        assert_eq!(taken(2, 3), [vec![0, 1]]);
    }

    #[test]
    fn a_datagram_without_bytes_is_a_datagram() {
        assert_eq!(taken(0, 0), [vec![]]);
        assert_eq!(taken(0, 3), [vec![]]);
        assert_eq!(taken(4, 0), [vec![0, 1, 2, 3]], "a segment of nothing is no segment");
    }

    #[test]
    fn a_failed_call_leaves_nothing_to_take() {
        let mut burst = Burst::new();
        let failed = burst.fill(|_| Err(io::ErrorKind::WouldBlock.into()));
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(burst.is_empty());
        assert!(burst.take().is_none());
    }

    #[test]
    fn a_length_beyond_the_buffer_gives_no_bytes_rather_than_a_panic() {
        let mut burst = Burst::new();
        let source = "192.0.2.1:7".parse().unwrap();
        burst.fill(|_| Ok(Arrival::of_one(source, BUFFER + 1))).unwrap();
        assert_eq!(burst.take().unwrap().bytes, b"");
        assert!(burst.is_empty());
    }
}
