//! [`Loopback`]: the only kind of address that is ever attacked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::str::FromStr;

/// A UDP port of 127.0.0.0/8. Every datagram of this crate goes to one, and there is no way to make another.
///
/// ```
/// use enet_attack::Loopback;
/// let victim: Loopback = "127.0.0.1:6789".parse().unwrap();
/// assert_eq!(victim.to_string(), "127.0.0.1:6789");
/// assert!("192.0.2.1:6789".parse::<Loopback>().unwrap_err().contains("not loopback"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loopback(SocketAddrV4);

impl Loopback {
    /// The address, if it is one of this machine's own.
    ///
    /// # Errors
    /// A sentence, if it is not of 127.0.0.0/8, or has no port.
    pub fn new(address: SocketAddr) -> Result<Loopback, String> {
        match address {
            _ if address.port() == 0 => Err(format!("{address} has no port")),
            SocketAddr::V4(v4) if v4.ip().is_loopback() => Ok(Loopback(v4)),
            SocketAddr::V6(v6) if v6.ip().is_loopback() => {
                Err(format!("{address} is loopback, but the attacks need the many addresses of 127.0.0.0/8"))
            }
            _ => Err(format!("{address} is not loopback: only servers of this machine are attacked")),
        }
    }

    /// The address.
    pub(crate) const fn address(self) -> SocketAddrV4 {
        self.0
    }

    /// The port.
    pub(crate) const fn port(self) -> u16 {
        self.0.port()
    }
}

impl FromStr for Loopback {
    type Err = String;

    /// No names: what one resolves to is not for us to decide.
    fn from_str(text: &str) -> Result<Loopback, String> {
        let address = text
            .parse()
            .map_err(|_| format!("`{text}` is no address: give one of loopback, as in 127.0.0.1:6789"))?;
        Loopback::new(address)
    }
}

impl fmt::Display for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The `number`th of the 16 million sources that loopback offers to a forger, in an order that visits the prefixes of 24
/// bits in turn, so that a quota for each of them is the last to be felt.
pub(crate) fn source(number: u32) -> Ipv4Addr {
    let number = number % (255 * 256 * 254);
    let (prefix, host) = (number % (255 * 256), number / (255 * 256));
    let [_, _, high, low] = prefix.to_be_bytes();
    // 127.0.x.x is left to honest programs.
    Ipv4Addr::new(127, high.wrapping_add(1).max(1), low, host.to_be_bytes()[3].wrapping_add(1))
}

/// What a source is to be before anything leaves from it.
pub(crate) fn is_ours(source: Ipv4Addr) -> bool {
    IpAddr::V4(source).is_loopback()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_but_ipv4_loopback_is_attacked() {
        for refused in [
            "192.0.2.1:6789",
            "10.0.0.1:6789",
            "8.8.8.8:53",
            "0.0.0.0:6789",
            "255.255.255.255:6789",
            "126.255.255.255:1",
            "128.0.0.1:1",
            "224.0.0.1:1",
            "[2001:db8::1]:6789",
            "[::]:6789",
            "[::1]:6789",
            "[::ffff:127.0.0.1]:6789",
            "[::ffff:192.0.2.1]:6789",
            "127.0.0.1:0",
            "127.0.0.1",
            "localhost:6789",
            "example.org:6789",
            "",
        ] {
            assert!(refused.parse::<Loopback>().is_err(), "{refused}");
        }
        for accepted in ["127.0.0.1:6789", "127.255.255.254:1"] {
            assert!(accepted.parse::<Loopback>().is_ok(), "{accepted}");
        }
    }

    #[test]
    fn sources_are_loopback_all_different_and_spread_over_prefixes() {
        let first: BTreeSet<Ipv4Addr> = (0..130_000).map(source).collect();
        assert_eq!(first.len(), 130_000);
        assert!(first.iter().all(|source| is_ours(*source) && source.octets()[1] != 0));
        let prefixes: BTreeSet<[u8; 2]> =
            first.iter().map(|source| [source.octets()[1], source.octets()[2]]).collect();
        assert_eq!(prefixes.len(), 255 * 256);
    }

    #[test]
    fn no_number_leaves_loopback() {
        for number in [0, 1, 65_279, 65_280, 65_535, 65_536, 16_000_000, 16_580_000, u32::MAX] {
            assert!(is_ours(source(number)) && source(number).octets()[3] != 0, "{number}");
        }
    }
}
