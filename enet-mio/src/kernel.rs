//! [`Kernel`]: one crossing into the operating system and back, in the best way it knows.
//!
//! On Linux and Android a train of datagrams crosses at once, out (`UDP_SEGMENT`) and in (`UDP_GRO`), and a host bound
//! to all addresses learns at which of them it was reached (`IP_PKTINFO`). All of it is asked for when the socket is
//! taken over, and what the kernel does not know is done without. Datagrams for several destinations cross together, too
//! (`sendmmsg`), and so do those that stand in line at the socket (`recvmmsg`). Other systems get std's plain calls.
//!
//! # What costs what
//!
//! All in µs for a datagram of 110 bytes. Linux 6.18, loopback, a virtual AMD EPYC.
//!
//! | to send | | to receive | of 100 | of 1 |
//! |---|---:|---|---:|---:|
//! | `sendmsg` | 3.04 | `recvmsg` | 0.80 | 1.88 |
//! | `sendto` | 2.90 | `recvfrom` | 0.66 | 1.60 |
//! | `sendmmsg` of 4 | 2.60 | `recvmmsg` of 4 | 0.59 | 1.73 |
//! | of 16 | 2.45 | of 16 | 0.52 | 1.75 |
//! | of 64 | 2.36 | of 64 | 0.50 | 1.83 |
//!
//! Receiving contains the call that finds nothing more, which `recvmmsg` does without if it brings fewer than it might. So
//! a single datagram leaves by std's `send_to`, and comes in by `recv_from` as long as there is nothing to learn from
//! control messages; a socket bound to one address has trains joined only once it was seen that they come.
//!
//! # Why `nix` and `rustix`
//!
//! These calls need control messages, which std and `socket2` lack, and this crate forbids unsafe code.
//!
//! * `quinn-udp` has most of them, but is made for QUIC: its constructor forbids fragmentation on the socket, for good as
//!   far as safe code goes, and ENet relies on fragmentation wherever a path is narrower than its datagrams. It also
//!   has every datagram time-stamped (80 ns) and marked with a traffic class (100 ns), and sends to one destination at a
//!   time.
//! * `rustix` has `sendmmsg`, but neither `recvmmsg` nor control messages of UDP. `nix` has all three, but what its
//!   `sendmmsg` gives back reads addresses that nobody has written.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod recent;
#[cfg(target_os = "linux")]
mod sendmmsg;
#[cfg(target_os = "linux")]
pub(crate) use sendmmsg::send_batch;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod sources;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use linux::Kernel;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod plain;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use plain::Kernel;

use std::net::{IpAddr, SocketAddr};

/// Whether one call may send to several destinations, and receive from several sources.
pub(crate) const SENDS_BATCHES: bool = cfg!(target_os = "linux");
pub(crate) const RECEIVES_BATCHES: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[cfg(not(target_os = "linux"))]
pub(crate) fn send_batch<'a>(
    _: &mio::net::UdpSocket,
    _: impl ExactSizeIterator<Item = (SocketAddr, &'a [u8])>,
) -> std::io::Result<usize> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// One call's worth of sending.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Departure<'a> {
    pub(crate) to: SocketAddr,
    /// The address to send from, if it matters.
    pub(crate) from: Option<IpAddr>,
    /// Where to cut, if the bytes are several datagrams.
    pub(crate) segment: Option<u16>,
    pub(crate) bytes: &'a [u8],
}

impl Departure<'_> {
    /// Whether nothing is to be said of it but where it goes.
    pub(crate) const fn is_plain(&self) -> bool {
        self.from.is_none() && self.segment.is_none()
    }
}
