//! [`IoStats`] and [`IoCapabilities`]: what the operating system did for a host, and what it can do.

/// What the socket did to datagrams, in totals since creation. The protocol's own counters are
/// [`enet_proto::HostStats`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoStats {
    /// System calls to send, whether they succeeded or not. With [`IoCapabilities::gso`] one may send up to 64
    /// datagrams to one destination; on Linux one may send up to 32 to several.
    pub sends: u64,
    /// System calls to receive, with those that found nothing. With [`IoCapabilities::gro`] one may receive up to 64
    /// datagrams from one source; on Linux and Android one may receive up to 8 such trains, or single datagrams, from
    /// several (and is followed by a question after errors, which is not counted).
    pub receives: u64,
    /// Datagrams that left in company: several with one system call, to one destination.
    pub sent_in_trains: u64,
    /// Datagrams that left with others by one system call, wherever to: what a broadcast is made of, but under
    /// [`Profile::Compat`](enet_proto::Profile::Compat), which sends each when C would.
    pub sent_in_batches: u64,
    /// Datagrams that arrived in company: several with one system call, from one source.
    pub received_in_trains: u64,
    /// Datagrams that arrived with others by one system call, wherever from.
    pub received_in_batches: u64,
    /// Trains of datagrams that the system would not send as such, so that they left one by one: the path is narrower
    /// than they, or the device too simple. No datagram is lost by that.
    pub trains_refused: u64,
    /// Datagrams dropped because they claim to come from port 0, where no answer can go.
    pub dropped_port_zero: u64,
    /// Errors in place of a datagram: mostly ICMP's word that an earlier one of ours was not received.
    pub receive_errors: u64,
    /// Datagrams lost because the system had no room for them (`WouldBlock`).
    pub send_blocked: u64,
    /// Datagrams lost because the system would not send them: no route, too long, forbidden, impossible address.
    pub send_errors: u64,
    /// Orders of a [`HostHandle`](crate::HostHandle) that could not be carried out: the connection had ended, or has no
    /// such channel, or the packet is too long, or it is not reliable and the peer's queue was full; and broadcasts that
    /// did not reach everybody who is connected.
    pub orders_refused: u64,
}

/// What the operating system does for a host's socket. Nothing a host does depends on it, only how many system calls
/// it takes.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoCapabilities {
    /// One system call sends up to 64 datagrams of equal size to one destination (generic segmentation offload).
    pub gso: bool,
    /// One system call receives up to 64 datagrams of equal size from one source (generic receive offload).
    pub gro: bool,
    /// Received datagrams tell at which of our addresses they arrived, and answers leave from there: without, a host
    /// bound to all addresses of a machine with several may answer from one that the peer does not know.
    pub local_address: bool,
}
