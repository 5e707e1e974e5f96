//! [`Bind`]: where a host listens, and the text forms of addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::str::FromStr;

use crate::error::{Flaw, Mistake};
use crate::family::{Family, canonical};

/// Where a host listens.
///
/// | text | meaning |
/// |---|---|
/// | `127.0.0.1:6789` | one address of this machine |
/// | `localhost:6789` | what the name stands for, IPv4 first, because stock ENet knows nothing else |
/// | `*:6789` | all addresses, IPv6 and IPv4, or IPv4 alone on a machine without IPv6 |
/// | `[::1]:6789` | one IPv6 address; `[::]:6789` is all IPv6 addresses and no IPv4 |
/// | `6789` | the same as `*:6789` |
/// | `[fe80::1%eth0]:6789` | a link-local address and its interface, by name (Linux) or number |
/// | `127.0.0.1:*` | any free port, for any of the forms above; port `0` says the same |
///
/// ```
/// use enet_mio::Bind;
/// assert_eq!("*:6789".parse::<Bind>()?, Bind::Any { port: 6789 });
/// assert_eq!("[::1]:*".parse::<Bind>()?, Bind::To(vec!["[::1]:0".parse().unwrap()]));
/// assert!("localhost".parse::<Bind>().is_err(), "a port is missing");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Resolving a name asks the system's resolver and blocks until it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// Every address of the machine, of both families where it has both.
    Any {
        /// 0 for any free port.
        port: u16,
    },
    /// The first of these that can be had.
    To(Vec<SocketAddr>),
}

/// What can say where to listen: text in the forms of [`Bind`], a [`SocketAddr`], or a `Bind`.
pub trait ToBind {
    /// Says it. Fails if it is no address, or a name that cannot be resolved.
    fn to_bind(self) -> io::Result<Bind>;
}

impl ToBind for Bind {
    fn to_bind(self) -> io::Result<Bind> {
        Ok(self)
    }
}

impl ToBind for SocketAddr {
    fn to_bind(self) -> io::Result<Bind> {
        Ok(Bind::To(vec![self]))
    }
}

impl ToBind for &str {
    fn to_bind(self) -> io::Result<Bind> {
        self.parse()
    }
}

impl ToBind for &String {
    fn to_bind(self) -> io::Result<Bind> {
        self.parse()
    }
}

impl FromStr for Bind {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Bind> {
        if text.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(port) = text.parse()
        {
            return Ok(Bind::Any { port });
        }
        let (target, port) = split(text)?;
        let port = port.unwrap_or(0);
        match target {
            Target::Any => Ok(Bind::Any { port }),
            Target::Ip(ip, scope) => Ok(Bind::To(vec![socket_addr(ip, scope, port)])),
            Target::Name(name) => resolve_name(name, port).map(Bind::To),
        }
    }
}

/// Where a peer may be found: the same forms without the stars, and with a port.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PeerAddress {
    Ip(SocketAddr),
    Name(String, u16),
}

impl PeerAddress {
    pub(crate) fn parse(text: &str) -> io::Result<PeerAddress> {
        let (target, port) = split(text)?;
        let port = port.filter(|port| *port != 0);
        let port = port.ok_or_else(|| bad(text, Flaw::NoPortForPeer))?;
        match target {
            Target::Any => Err(bad(text, Flaw::StarForPeer)),
            Target::Ip(ip, scope) => Ok(PeerAddress::Ip(socket_addr(ip, scope, port))),
            Target::Name(name) => Ok(PeerAddress::Name(name.to_owned(), port)),
        }
    }

    /// Its addresses, IPv4 first. Blocks until the system's resolver answers, if it is a name.
    pub(crate) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        match self {
            PeerAddress::Ip(address) => Ok(vec![*address]),
            PeerAddress::Name(name, port) => resolve_name(name, *port),
        }
    }
}

/// The first of the addresses, which `text` stands for, that a socket can reach.
pub(crate) fn reachable(text: &str, addresses: Vec<SocketAddr>, family: Family) -> io::Result<SocketAddr> {
    let mut addresses = addresses.into_iter().map(canonical);
    let reached = addresses.find(|address| family.reaches(*address));
    reached.ok_or_else(|| Mistake::Unreachable { text, family }.into())
}

/// The part of an address before the port.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Any,
    Ip(IpAddr, u32),
    Name(&'a str),
}

/// Cuts `host:port`; the port is `None` for a star.
fn split(text: &str) -> io::Result<(Target<'_>, Option<u16>)> {
    let without_port = || bad(text, Flaw::NoPort);
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, rest) = rest.split_once(']').ok_or_else(|| bad(text, Flaw::NoClosingBracket))?;
        let port = rest.strip_prefix(':').ok_or_else(without_port)?;
        let (ip, zone) = inside.split_once('%').map_or((inside, None), |(ip, zone)| (ip, Some(zone)));
        let ip: Ipv6Addr = ip.parse().map_err(|_| bad(text, Flaw::NoIpv6InBrackets))?;
        let scope = zone.map_or(Ok(0), |zone| scope_id(zone).map_err(|flaw| bad(text, flaw)))?;
        return Ok((Target::Ip(ip.into(), scope), parse_port(text, port)?));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(without_port)?;
    Ok((parse_host(text, host)?, parse_port(text, port)?))
}

fn parse_host<'a>(text: &str, host: &'a str) -> io::Result<Target<'a>> {
    if host == "*" {
        return Ok(Target::Any);
    }
    if host.contains(':') {
        return Err(bad(text, Flaw::NoBrackets));
    }
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return Ok(Target::Ip(ip.into(), 0));
    }
    // Resolvers take `127.1` and even `1` for addresses; here it would be a typing error.
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(bad(text, Flaw::NoIpv4));
    }
    if host.contains(|char: char| char.is_whitespace() || char.is_control()) {
        return Err(bad(text, Flaw::Spaces));
    }
    Ok(Target::Name(host))
}

fn parse_port(text: &str, port: &str) -> io::Result<Option<u16>> {
    if port == "*" {
        return Ok(None);
    }
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let number = port.parse().ok().filter(|_| digits);
    number.map(Some).ok_or_else(|| bad(text, Flaw::BadPort))
}

/// The number of a network interface, given by number or by name.
fn scope_id(zone: &str) -> Result<u32, Flaw<'_>> {
    if let Ok(number) = zone.parse() {
        return Ok(number);
    }
    let is_a_name = !zone.is_empty() && !zone.contains(['/', '\0']) && zone != "." && zone != "..";
    if cfg!(target_os = "linux") && is_a_name {
        let index = std::fs::read_to_string(format!("/sys/class/net/{zone}/ifindex")).ok();
        return index.and_then(|index| index.trim().parse().ok()).ok_or(Flaw::UnknownInterface(zone));
    }
    Err(if is_a_name { Flaw::InterfaceByName(zone) } else { Flaw::NoInterface(zone) })
}

fn socket_addr(ip: IpAddr, scope: u32, port: u16) -> SocketAddr {
    match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, port),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
    }
}

fn resolve_name(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let found = (name, port).to_socket_addrs().map_err(|error| Mistake::Unresolved { name, error })?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6); // stable: the resolver's order within a family
    if addresses.is_empty() {
        return Err(Mistake::NoAddress { name }.into());
    }
    Ok(addresses)
}

fn bad(text: &str, flaw: Flaw<'_>) -> io::Error {
    Mistake::Bad { text, flaw }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(address: &str) -> Bind {
        Bind::To(vec![address.parse().unwrap()])
    }

    #[test]
    fn every_form_is_understood() {
        let table = [
            ("127.0.0.1:8888", to("127.0.0.1:8888")),
            ("0.0.0.0:1", to("0.0.0.0:1")),
            ("10.1.2.3:65535", to("10.1.2.3:65535")),
            ("127.0.0.1:*", to("127.0.0.1:0")),
            ("127.0.0.1:0", to("127.0.0.1:0")),
            ("*:6767", Bind::Any { port: 6767 }),
            ("*:*", Bind::Any { port: 0 }),
            ("6767", Bind::Any { port: 6767 }),
            ("[::1]:2232", to("[::1]:2232")),
            ("[::]:2232", to("[::]:2232")),
            ("[::1]:*", to("[::1]:0")),
            ("[::ffff:1.2.3.4]:5", to("[::ffff:1.2.3.4]:5")),
            ("[fe80::1%7]:9", to("[fe80::1%7]:9")),
            ("[fe80::1%4294967295]:9", to("[fe80::1%4294967295]:9")),
        ];
        for (text, bind) in table {
            assert_eq!(text.parse::<Bind>().unwrap(), bind, "{text}");
        }
    }

    #[test]
    fn every_mistake_is_named() {
        let table = [
            ("", "port is missing"),
            ("localhost", "port is missing"),
            ("65536", "port is missing"),
            ("127.0.0.1", "port is missing"),
            ("[::1]", "port is missing"),
            ("[::1]6789", "port is missing"),
            ("[::1:6789", "`]` is missing"),
            ("[localhost]:1", "IPv6 address"),
            ("[127.0.0.1]:1", "IPv6 address"),
            ("[]:1", "IPv6 address"),
            ("::1:6789", "brackets"),
            ("fe80::1%lo:6789", "brackets"),
            (":6789", "four numbers"),
            ("127.0.0:6789", "four numbers"),
            ("127.0.0.256:6789", "four numbers"),
            ("1:6789", "four numbers"),
            ("two words:6789", "no spaces"),
            ("localhost:", "number up to 65535"),
            ("localhost:abc", "number up to 65535"),
            ("localhost:+1", "number up to 65535"),
            ("localhost:-1", "number up to 65535"),
            ("localhost: 1", "number up to 65535"),
            ("localhost:1 ", "number up to 65535"),
            ("localhost:65536", "number up to 65535"),
            ("localhost:99999", "number up to 65535"),
            ("localhost:**", "number up to 65535"),
            ("[fe80::1%]:1", "`` is no network interface; give its number, as in %2, or its name"),
            ("[fe80::1%../lo]:1", "`../lo` is no network interface; give its number, as in %2, or its name"),
            ("[fe80::1%-1]:1", "this machine has no network interface `-1`"),
            ("[fe80::1%no-such-interface]:1", "this machine has no network interface `no-such-interface`"),
        ];
        for (text, part) in table {
            let error = text.parse::<Bind>().expect_err(text);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}");
            assert!(error.to_string().contains(part), "{text}: {error}");
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn an_interface_has_a_number() {
        if !cfg!(target_os = "linux") {
            return;
        }
        assert_eq!("[fe80::1%lo]:1".parse::<Bind>().unwrap(), to("[fe80::1%1]:1"));
    }

    #[test]
    fn a_name_stands_for_its_addresses_with_ipv4_first() {
        let Bind::To(addresses) = "localhost:2232".parse::<Bind>().unwrap() else {
            panic!("a name is no star")
        };
        assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 2232));
        assert!(addresses.is_sorted_by_key(SocketAddr::is_ipv6));
    }

    #[test]
    fn an_unknown_name_is_an_error_that_says_what_to_do() {
        // No resolver needs to ask the network about this one.
        let error = "no..name:1".parse::<Bind>().unwrap_err();
        assert!(error.to_string().contains("`no..name`"), "{error}");
        assert!(error.to_string().contains("in numbers"), "{error}");
    }

    #[test]
    fn a_peer_needs_an_address_and_a_port() {
        let resolve = |text| PeerAddress::parse(text).and_then(|address| address.resolve());
        assert_eq!(resolve("127.0.0.1:6789").unwrap(), ["127.0.0.1:6789".parse().unwrap()]);
        assert_eq!(resolve("[::1]:6789").unwrap(), ["[::1]:6789".parse().unwrap()]);
        assert!(resolve("localhost:6789").unwrap().iter().all(|address| address.port() == 6789));
        for (text, part) in [
            ("*:6789", "only for listening"),
            ("127.0.0.1:*", "from 1 to 65535"),
            ("127.0.0.1:0", "from 1 to 65535"),
            ("localhost:0", "from 1 to 65535"),
            ("6789", "port is missing"),
        ] {
            let error = resolve(text).expect_err(text);
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}
