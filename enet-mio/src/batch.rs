//! [`Batch`]: datagrams that wait for each other, to leave by one system call.

use std::net::SocketAddr;

/// Datagrams of a batch at most. With 64 sending would cost 1 % less.
pub(crate) const MOST: usize = 32;

/// Bytes after which a batch leaves: so many are still in the nearest cache when the kernel copies them.
const MOST_BYTES: usize = 1 << 15;

/// Which datagrams a buffer begins with, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Whom each is for, and where it ends.
    ends: Vec<(SocketAddr, usize)>,
}

impl Batch {
    /// Adds the datagram that reaches to the end of the buffer, which has so many bytes by now; whether that is enough.
    pub(crate) fn add(&mut self, to: SocketAddr, end: usize) -> bool {
        self.ends.push((to, end));
        self.ends.len() >= MOST || end >= MOST_BYTES
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn clear(&mut self) {
        self.ends.clear();
    }

    /// The datagrams from this one on.
    pub(crate) fn datagrams<'a>(
        &'a self,
        first: usize,
        buffer: &'a [u8],
    ) -> impl ExactSizeIterator<Item = (SocketAddr, &'a [u8])> {
        let mut start = first.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |last| last.1);
        self.ends.get(first..).unwrap_or_default().iter().map(move |(to, end)| {
            let bytes = buffer.get(start..*end).unwrap_or_default();
            start = *end;
            (*to, bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_cut_where_they_ended_from_any_one_on() {
        let to = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut batch = Batch::default();
        for (port, end) in [(1, 3), (2, 3), (3, 7)] {
            assert!(!batch.add(to(port), end));
        }
        let all = [(to(1), &b"one"[..]), (to(2), b""), (to(3), b"four")];
        for first in 0..=3 {
            assert!(batch.datagrams(first, b"onefour").eq(all[first..].iter().copied()), "{first}");
        }
        batch.clear();
        assert_eq!(batch.datagrams(0, b"").len(), 0);
    }

    #[test]
    fn it_is_full_by_number_or_by_bytes() {
        let to = SocketAddr::from(([127, 0, 0, 1], 1));
        let adds = |len: usize| {
            let mut batch = Batch::default();
            (1..).find(|count| batch.add(to, count * len))
        };
        assert_eq!((adds(100), adds(4_096)), (Some(MOST), Some(8)));
    }
}
