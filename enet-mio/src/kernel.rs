//! [`Kernel`]: one crossing into the operating system and back, in the best way it knows.
//!
//! On Linux and Android a train of datagrams crosses at once, out (`UDP_SEGMENT`) and in (`UDP_GRO`), and a host bound
//! to all addresses learns at which of them it was reached (`IP_PKTINFO`). All of it is asked for when the socket is
//! taken over, and what the kernel does not know is done without. Other systems get std's plain calls.
//!
//! # Why `nix`
//!
//! These calls need control messages, which std and `socket2` lack, and this crate forbids unsafe code.
//!
//! * `quinn-udp` has them too, but is made for QUIC: its constructor forbids fragmentation on the socket, for good as
//!   far as safe code goes, and ENet relies on fragmentation wherever a path is narrower than its datagrams. It also
//!   has every datagram time-stamped (80 ns) and marked with a traffic class (100 ns). Its `recvmmsg` would save 100 ns
//!   for each datagram of a burst of singles, out of 3,600 for receiving and answering one, and takes a buffer of
//!   64 KiB for each that it fetches.
//! * `rustix` knows no control messages of UDP.
//! * `sendmmsg` saves nothing that could be measured: the way through the kernel costs 2.8 µs a datagram, the crossing
//!   0.1.
//!
//! A single datagram leaves by std's `send_to`, which is 5 % cheaper than `sendmsg`, and comes in by `recv_from`, 0.1 µs
//! cheaper than `recvmsg`, as long as there is nothing to learn from control messages. So a socket bound to one address
//! has trains joined only once it was seen that they come. (All figures: Linux 6.18, loopback, a virtual AMD EPYC.)

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod recent;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod sources;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use linux::Kernel;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod plain;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use plain::Kernel;

use std::net::{IpAddr, SocketAddr};

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
