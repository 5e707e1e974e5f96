//! [`Udp`]: a socket as the protocol sees it. Everything that can go wrong between the two ends here, as a counter.

mod receive;
mod send;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use enet_proto::{Datagram, Instant, Socket, Transmit};
use mio::net::UdpSocket;
use socket2::SockRef;

use crate::batch::Batch;
use crate::burst::Burst;
use crate::family::Family;
use crate::kernel::{self, Kernel};
use crate::log;
use crate::stats::{IoCapabilities, IoStats};
use crate::train::Trains;

#[derive(Debug)]
pub(crate) struct Udp {
    socket: UdpSocket,
    family: Family,
    kernel: Kernel,
    trains: Trains,
    /// How batches fare, which is remembered in the same way, and the one that waits.
    batches: Trains,
    batch: Batch,
    /// Whether the socket may have something: set by every edge, cleared only when the system says that there is no more.
    readable: bool,
    burst: Burst,
    /// Whether the system may receive several with one call, and how many came one by one since it last had none.
    receives_batches: bool,
    singles: u32,
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
            batches: Trains::new(offload && kernel::SENDS_BATCHES),
            batch: Batch::default(),
            kernel,
            readable: true,
            burst: Burst::new(),
            receives_batches: offload && kernel::RECEIVES_BATCHES,
            singles: 0,
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
        self.readable || !self.burst.is_empty()
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
        self.send_now(transmit, bytes);
    }
}

/// Whether an error is what sandboxes say to calls that they do not know, or do not allow.
fn is_of_a_sandbox(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::Unsupported, io::ErrorKind::PermissionDenied, io::ErrorKind::InvalidInput];
    kinds.contains(&error.kind())
}
