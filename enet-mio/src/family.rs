//! [`Family`]: which addresses a socket can send to, and how a peer's is spelled.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Which addresses a socket can send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
    /// An IPv6 socket that speaks IPv4 too, in mapped addresses.
    Dual,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
            Family::Dual => "dual-stack",
        })
    }
}

impl Family {
    pub(crate) fn reaches(self, address: SocketAddr) -> bool {
        match self {
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
            Family::Dual => true,
        }
    }
}

/// One spelling per peer, because the protocol compares addresses: IPv4 unmapped, and of IPv6 only what a received
/// datagram would show too.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_canonical() {
            IpAddr::V4(ip) => SocketAddr::from((ip, v6.port())),
            IpAddr::V6(ip) => {
                let of_a_link = ip.is_unicast_link_local() || ip.is_multicast();
                let scope = if of_a_link { v6.scope_id() } else { 0 };
                SocketAddrV6::new(ip, v6.port(), 0, scope).into()
            }
        },
    }
}

/// Where a peer is to be found. What is sent to every address arrives at this machine, but its answers are not from there.
pub(crate) fn destination(address: SocketAddr) -> SocketAddr {
    let address = canonical(address);
    let local = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        _ => return address,
    };
    SocketAddr::new(local, address.port())
}

/// How an IPv6 socket is told of an IPv4 address.
pub(crate) fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        SocketAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_has_one_spelling() {
        let full =
            |ip: &str, port, flow, scope| SocketAddrV6::new(ip.parse().unwrap(), port, flow, scope).into();
        let table: [(SocketAddr, SocketAddr); 7] = [
            (addr("1.2.3.4:5"), addr("1.2.3.4:5")),
            (addr("[::ffff:1.2.3.4]:5"), addr("1.2.3.4:5")),
            (addr("[::1]:5"), addr("[::1]:5")),
            (full("2001:db8::1", 5, 99, 7), full("2001:db8::1", 5, 0, 0)),
            (full("fe80::1", 5, 99, 7), full("fe80::1", 5, 0, 7)),
            (full("ff02::1", 5, 99, 7), full("ff02::1", 5, 0, 7)),
            (full("::ffff:9.9.9.9", 5, 99, 7), addr("9.9.9.9:5")),
        ];
        for (given, expected) in table {
            assert_eq!(canonical(given), expected, "{given}");
        }
    }

    #[test]
    fn mapping_out_undoes_unmapping_in() {
        assert_eq!(mapped(addr("1.2.3.4:5")), addr("[::ffff:1.2.3.4]:5"));
        assert_eq!(mapped(addr("[::1]:5")), addr("[::1]:5"));
        assert_eq!(canonical(mapped(addr("1.2.3.4:5"))), addr("1.2.3.4:5"));
    }
}
