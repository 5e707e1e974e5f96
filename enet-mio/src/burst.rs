//! [`Burst`]: what one system call received, cut into its datagrams.

use std::io;
use std::net::{IpAddr, SocketAddr};

use enet_proto::{Datagram, Ecn};

use crate::family::canonical;

/// Datagrams, or trains of them, that one system call receives at most. What `nix` allocates for a call is less than a
/// kilobyte each with so many: of larger pieces glibc's allocator keeps none at hand, but tidies up first.
pub(crate) const MOST: usize = 8;

/// Larger than any UDP datagram and than any run of them that a kernel joins: nothing is ever cut off, so the protocol
/// can tell an oversize datagram from a valid one, and an intercept hook sees foreign datagrams whole. Not a power of two,
/// so that the beginnings of several do not displace each other from the cache.
pub(crate) const ROOM: usize = (1 << 16) + 256;

/// What a system call says about the bytes it received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Which of the rooms it is in.
    pub(crate) room: usize,
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
    pub(crate) fn of_one(source: SocketAddr, len: usize) -> Self {
        let source = canonical(source);
        Arrival { room: 0, source, len, segment: len, local: None, ecn: None }
    }

    pub(crate) fn datagrams(&self) -> usize {
        if self.segment == 0 { 1 } else { self.len.div_ceil(self.segment).max(1) }
    }
}

/// Receive buffers, and what of their contents nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Burst {
    /// One room, or as many as one call can fill, once there was use for them. Systems give memory to what is written to.
    rooms: Box<[u8]>,
    /// What the last call brought.
    arrivals: Vec<Arrival>,
    /// The first of them that was not taken, and how many of its bytes were.
    next: usize,
    taken: usize,
}

impl Burst {
    pub(crate) fn new() -> Self {
        Burst { rooms: vec![0; ROOM].into_boxed_slice(), arrivals: Vec::new(), next: 0, taken: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.next >= self.arrivals.len()
    }

    /// What the last call brought.
    pub(crate) fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// Whether that is a single datagram from somewhere.
    pub(crate) fn is_single(&self) -> bool {
        matches!(&self.arrivals[..], [one] if one.segment == one.len && one.source.port() != 0)
    }

    /// Receives into the first room. All contents must have been taken.
    pub(crate) fn fill(&mut self, receive: impl FnOnce(&mut [u8]) -> io::Result<Arrival>) -> io::Result<()> {
        self.clear();
        let arrival = receive(&mut self.rooms)?;
        self.arrivals.push(arrival);
        Ok(())
    }

    /// Receives into [`MOST`] rooms of [`ROOM`] bytes.
    pub(crate) fn fill_all<R>(
        &mut self,
        receive: impl FnOnce(&mut [u8], &mut Vec<Arrival>) -> io::Result<R>,
    ) -> io::Result<R> {
        self.clear();
        if self.rooms.len() < MOST * ROOM {
            self.rooms = vec![0; MOST * ROOM].into_boxed_slice();
        }
        receive(&mut self.rooms, &mut self.arrivals)
    }

    /// Forgets what nobody has taken, unless it is to be kept.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Arrival) -> bool) {
        self.arrivals.retain(keep);
    }

    fn clear(&mut self) {
        self.arrivals.clear();
        (self.next, self.taken) = (0, 0);
    }

    /// The next datagram.
    pub(crate) fn take(&mut self) -> Option<Datagram<'_>> {
        let Arrival { room, source, len, segment, local, ecn } = *self.arrivals.get(self.next)?;
        let start = self.taken;
        let cut = if segment == 0 { len } else { len.min(start + segment) };
        (self.next, self.taken) = if cut < len { (self.next, cut) } else { (self.next + 1, 0) };
        let room = self.rooms.get(room * ROOM..).unwrap_or_default();
        let bytes = room.get(start..cut).unwrap_or_default();
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
        received.unwrap();
        let expected = arrival.datagrams();
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
        burst.fill(|_| Ok(Arrival::of_one(source, ROOM + 1))).unwrap();
        assert_eq!(burst.take().unwrap().bytes, b"");
        assert!(burst.is_empty());
    }
}
