//! [`SocketOptions`]: how a host's socket is made.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use crate::address::{Bind, ToBind};
use crate::error::Mistake;

/// What to ask the operating system for. [`Default`] is what stock ENet asks for.
///
/// ```
/// use enet_mio::{Host, HostConfig, SocketOptions, random_seed};
/// let options = SocketOptions { receive_buffer: 4 << 20, ..SocketOptions::default() };
/// let host = Host::bind_with(options, "127.0.0.1:*", HostConfig::new(random_seed()?))?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketOptions {
    /// Bytes of received datagrams the system keeps for us; it may grant less. Default 256 KiB.
    pub receive_buffer: usize,
    /// Bytes of sent datagrams the system keeps for the network; it may grant less. Default 256 KiB.
    pub send_buffer: usize,
    /// Whether the host may connect to broadcast addresses. Default yes.
    pub broadcast: bool,
    /// Whether a system call may send and receive several datagrams, where the system can do that; only
    /// [`Host::bind_with`](crate::Host::bind_with) looks at it. For comparisons, and for network drivers that get it
    /// wrong. Default yes.
    pub offload: bool,
}

impl Default for SocketOptions {
    fn default() -> Self {
        SocketOptions { receive_buffer: 256 << 10, send_buffer: 256 << 10, broadcast: true, offload: true }
    }
}

impl SocketOptions {
    /// A socket bound to the first of the addresses that can be had: see [`Bind`]. It does not block.
    ///
    /// # Errors
    ///
    /// The last address's error, with a hint what to do about it.
    pub fn bind(&self, to: impl ToBind) -> io::Result<UdpSocket> {
        match to.to_bind()? {
            Bind::Any { port } => self.bind_any(port),
            Bind::To(addresses) => {
                let mut result = Err(Mistake::Nowhere.into());
                for address in addresses {
                    result = self.bind_one(address, true).map_err(|error| explain(address, &error));
                    if result.is_ok() {
                        break;
                    }
                }
                result
            }
        }
    }

    /// Both families on one socket if the machine has IPv6, else IPv4 alone.
    fn bind_any(&self, port: u16) -> io::Result<UdpSocket> {
        both_or_v4(port, |address| self.bind_one(address, false))
    }

    fn bind_one(&self, address: SocketAddr, only_v6: bool) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(only_v6)?;
        }
        // Wishes: a host works without them.
        let _ = socket.set_recv_buffer_size(self.receive_buffer);
        let _ = socket.set_send_buffer_size(self.send_buffer);
        let _ = socket.set_broadcast(self.broadcast);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    }
}

/// Binds to all addresses: of both families, or, where there is no IPv6, of IPv4.
fn both_or_v4<T>(port: u16, mut bind: impl FnMut(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    match bind(v6) {
        // A taken port is taken; IPv4 alone would hide half of the service.
        Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
            Err(explain(v6, &error))
        }
        Err(_) => bind(v4).map_err(|error| explain(v4, &error)),
        bound => bound,
    }
}

/// An error of `bind`, and what to do about it.
fn explain(at: SocketAddr, error: &io::Error) -> io::Error {
    Mistake::Unbound { at, error }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;

    #[test]
    fn buffers_and_broadcast_are_as_asked_for() {
        let small =
            SocketOptions { receive_buffer: 32 << 10, send_buffer: 16 << 10, ..SocketOptions::default() };
        let options = SocketOptions { broadcast: false, ..small };
        let socket = options.bind("127.0.0.1:*").unwrap();
        let asked = SockRef::from(&socket);
        // Linux counts its own overhead in and reports twice the request.
        assert!((32 << 10..=64 << 10).contains(&asked.recv_buffer_size().unwrap()));
        assert!((16 << 10..=32 << 10).contains(&asked.send_buffer_size().unwrap()));
        assert!(!asked.broadcast().unwrap());
        #[cfg(unix)] // elsewhere there is no way to ask
        assert!(asked.nonblocking().unwrap());
        let usual = SocketOptions::default().bind("127.0.0.1:*").unwrap();
        assert!(SockRef::from(&usual).broadcast().unwrap());
    }

    #[test]
    fn a_taken_port_is_an_error_that_says_so() {
        let first = SocketOptions::default().bind("127.0.0.1:*").unwrap();
        let taken = first.local_addr().unwrap();
        for again in [taken.to_string(), format!("*:{}", taken.port())] {
            let error = SocketOptions::default().bind(again.as_str()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{again}");
            assert!(error.to_string().contains("choose another port"), "{error}");
        }
    }

    #[test]
    fn without_ipv6_a_host_listens_on_ipv4_and_a_taken_port_is_no_lack_of_ipv6() {
        let without_v6 = |kind: io::ErrorKind| {
            both_or_v4(7, |address| if address.is_ipv6() { Err(kind.into()) } else { Ok(address) })
        };
        // Kernels without it say AF_INET6 is unsupported, those with it turned off that there is no such address.
        for kind in [io::ErrorKind::Unsupported, io::ErrorKind::AddrNotAvailable, io::ErrorKind::InvalidInput]
        {
            assert_eq!(without_v6(kind).unwrap(), "0.0.0.0:7".parse().unwrap());
        }
        for kind in [io::ErrorKind::AddrInUse, io::ErrorKind::PermissionDenied] {
            assert_eq!(without_v6(kind).unwrap_err().kind(), kind);
        }
        assert_eq!(both_or_v4(7, Ok::<_, io::Error>).unwrap(), "[::]:7".parse().unwrap());
    }

    #[test]
    fn a_foreign_address_is_an_error_that_says_so() {
        let error = SocketOptions::default().bind("192.0.2.1:*").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        assert!(error.to_string().contains("no such address"), "{error}");
    }

    #[test]
    fn the_first_address_that_can_be_had_is_taken() {
        let candidates = vec!["192.0.2.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
        let socket = SocketOptions::default().bind(Bind::To(candidates)).unwrap();
        assert_eq!(socket.local_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);
        assert!(SocketOptions::default().bind(Bind::To(vec![])).is_err());
    }
}
