//! [`Secret`]: names for what comes from an address, hashed so that nobody can choose addresses that collide.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use enet_wire::{ConnectId, WirePeerId};

use crate::collections::index::Name;

/// Those who are likely to be one: an IPv4 address, or the 64 bits of an IPv6 address that a line or a rented machine has
/// for itself (RFC 6177). Neighbours on a link are told apart by the whole address, and so is who comes through a gateway that
/// puts IPv4 addresses into one network: NAT64 (RFC 6052) and Teredo (RFC 4380).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Household(IpAddr);

impl Household {
    pub(crate) const fn of(ip: IpAddr) -> Household {
        let IpAddr::V6(v6) = ip.to_canonical() else { return Household(ip.to_canonical()) };
        let [a, b, c, d, ..] = v6.segments();
        let has_many = v6.is_unicast_link_local()
            || v6.is_loopback()
            || matches!((a, b, c, d), (0x64, 0xff9b, 0, 0) | (0x2001, 0, _, _));
        let network = if has_many { v6 } else { Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0) };
        Household(IpAddr::V6(network))
    }
}

/// What names are hashed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secret(pub(crate) [u64; 2]);

impl Secret {
    /// The name of a connection attempt.
    pub(crate) fn of_connect(self, from: SocketAddr, id: ConnectId) -> Name {
        self.of(from, u32::from_le_bytes(id.0))
    }

    /// The name of what datagrams with this id in their header are for.
    #[inline]
    pub(crate) fn of_id(self, from: SocketAddr, id: WirePeerId) -> Name {
        self.of(from, u32::from(id.get()))
    }

    #[inline]
    fn of(self, address: SocketAddr, number: u32) -> Name {
        let (high, low) = halves(address.ip());
        let rest = u64::from(address.port()) << 32 | u64::from(number);
        let [first, second] = self.0;
        Name(fold(fold(low ^ first, high ^ second), rest ^ first))
    }

    /// A number for the network an address is in: 24 bits of an IPv4 address, 64 of an IPv6 address.
    #[allow(clippy::cast_possible_truncation)] // any bits will do
    pub(crate) fn of_network(self, ip: IpAddr) -> usize {
        let [first, second] = self.0;
        let network = match ip.to_canonical() {
            IpAddr::V4(ip) => u64::from(ip.to_bits() >> 8),
            ip @ IpAddr::V6(_) => halves(ip).0,
        };
        (fold(network ^ second, first) >> 16) as usize
    }
}

fn halves(ip: IpAddr) -> (u64, u64) {
    match ip {
        IpAddr::V4(ip) => (0, u64::from(ip.to_bits())),
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h] = ip.segments().map(u64::from);
            (a << 48 | b << 32 | c << 16 | d, e << 48 | f << 32 | g << 16 | h)
        }
    }
}

/// Both halves of the product: every bit of the operands reaches every bit of the result's half. That an operand is zero,
/// which would hide the other, nobody can bring about: both contain a secret.
#[allow(clippy::cast_possible_truncation)] // the lower half
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * (b ^ 0x9E37_79B9_7F4A_7C15) as u128;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_household_is_an_address_or_what_a_line_has_of_them() {
        let is_one =
            |a: &str, b: &str| Household::of(a.parse().unwrap()) == Household::of(b.parse().unwrap());
        assert!(is_one("2001:db8:1:2::1", "2001:db8:1:2:ffff::7"));
        assert!(!is_one("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(is_one("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!is_one("192.0.2.1", "192.0.2.2"));
        assert!(!is_one("fe80::1", "fe80::2"), "a LAN");
        assert!(!is_one("64:ff9b::c000:201", "64:ff9b::c000:202"), "NAT64");
        assert!(!is_one("2001:0:4136:e378::1", "2001:0:4136:e378::2"), "Teredo");
    }

    #[test]
    fn neighbours_have_names_and_networks_of_their_own() {
        for secret in [Secret([0, 0]), Secret([1, 2]), Secret([u64::MAX, 7]), Secret([3, 5])] {
            for last in (0..=254).step_by(2) {
                let [one, next] = [last, last + 1].map(|last| Ipv4Addr::new(10, 0, last, last));
                assert_ne!(secret.of_network(one.into()), secret.of_network(next.into()), "{one}");
                let [one, next] = [one, next].map(|ip| SocketAddr::from((ip, 9)));
                assert_ne!(
                    secret.of_connect(one, ConnectId([1; 4])),
                    secret.of_connect(next, ConnectId([1; 4]))
                );
            }
        }
    }
}
