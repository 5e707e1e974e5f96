//! [`Wire`]: two hosts' sockets, and the clock of both, in memory.

use std::net::{Ipv4Addr, SocketAddrV4};

/// Which of the two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that connects.
    Client,
    /// The one that is connected to.
    Server,
}

impl Side {
    /// Where it is.
    pub const fn address(self) -> SocketAddrV4 {
        match self {
            Side::Client => SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 1), 1000),
            Side::Server => SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 1), 2000),
        }
    }

    /// The other one.
    pub const fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// Datagrams under way between the two, and what time it is. Nothing is lost, and nothing takes time. What it costs to
/// use is the same for everybody: a copy in, and for those who read into a buffer of their own a copy out.
#[derive(Debug)]
pub struct Wire {
    /// Microseconds since the hosts' epoch.
    pub now: u64,
    to_client: Queue,
    to_server: Queue,
}

impl Default for Wire {
    /// Nothing is under way. The clock does not begin at 0, which the C library takes for "never".
    fn default() -> Wire {
        Wire { now: 1_000_000_000, to_client: Queue::default(), to_server: Queue::default() }
    }
}

impl Wire {
    /// The clock as ENet reads it.
    pub fn millis(&self) -> u32 {
        u32::try_from(self.now / 1000 % (1 << 32)).unwrap_or_default() // wraps, as ENet's clock does
    }

    /// Loses everything under way.
    pub fn clear(&mut self) {
        self.to_client.clear();
        self.to_server.clear();
    }

    /// What `side` reads.
    pub fn inbox(&mut self, side: Side) -> &mut Queue {
        match side {
            Side::Client => &mut self.to_client,
            Side::Server => &mut self.to_server,
        }
    }

    /// Where `side` writes.
    pub fn outbox(&mut self, side: Side) -> &mut Queue {
        self.inbox(side.other())
    }
}

/// Datagrams, one behind the other in one piece of memory that is used again when all have been read.
#[derive(Debug, Default)]
pub struct Queue {
    bytes: Vec<u8>,
    /// Where each datagram ends.
    ends: Vec<usize>,
    /// How many have been read, and where the next begins.
    read: usize,
    start: usize,
}

impl Queue {
    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.read == self.ends.len()
    }

    /// A datagram more.
    pub fn push(&mut self, datagram: &[u8]) {
        if self.is_empty() {
            self.clear();
        }
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
    }

    /// The next datagram.
    pub fn pop(&mut self) -> Option<&[u8]> {
        let end = *self.ends.get(self.read)?;
        let datagram = self.bytes.get(self.start..end)?;
        self.read += 1;
        self.start = end;
        Some(datagram)
    }

    /// Forgets all datagrams.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.read = 0;
        self.start = 0;
    }
}
