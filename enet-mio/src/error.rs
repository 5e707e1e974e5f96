//! What is wrong with an address, and what to do about it: all texts of this crate's own that an [`io::Error`] carries.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::family::Family;

/// Why an address is of no use.
#[derive(Debug)]
pub(crate) enum Mistake<'a> {
    /// It is no address.
    Bad { text: &'a str, flaw: Flaw<'a> },
    /// Nobody knows the name.
    Unresolved { name: &'a str, error: io::Error },
    /// The name is known, and nothing more.
    NoAddress { name: &'a str },
    /// It is of a family that the socket does not speak.
    Unreachable { text: &'a str, family: Family },
    /// There is none.
    Nowhere,
    /// The system does not let us listen there.
    Unbound { at: SocketAddr, error: &'a io::Error },
    /// The answer of a lookup has been fetched.
    Given { text: &'a str },
    /// A lookup ended without an answer.
    Lost { text: &'a str },
}

/// What is wrong with the text of an address.
#[derive(Debug)]
pub(crate) enum Flaw<'a> {
    NoPort,
    NoClosingBracket,
    NoIpv6InBrackets,
    NoBrackets,
    NoIpv4,
    Spaces,
    BadPort,
    StarForPeer,
    NoPortForPeer,
    UnknownInterface(&'a str),
    NoInterface(&'a str),
    InterfaceByName(&'a str),
}

/// What to do when the system does not let us listen.
#[derive(Debug)]
enum Hint {
    Interface,
    OtherPort,
    OtherAddress,
    HigherPort,
    OtherFamily,
}

impl Mistake<'_> {
    fn kind(&self) -> io::ErrorKind {
        match self {
            Mistake::Bad { .. } | Mistake::Nowhere => io::ErrorKind::InvalidInput,
            Mistake::Unresolved { error, .. } => error.kind(),
            Mistake::Unbound { error, .. } => error.kind(),
            Mistake::NoAddress { .. } => io::ErrorKind::NotFound,
            Mistake::Unreachable { .. } => io::ErrorKind::AddrNotAvailable,
            Mistake::Given { .. } | Mistake::Lost { .. } => io::ErrorKind::Other,
        }
    }
}

impl From<Mistake<'_>> for io::Error {
    fn from(mistake: Mistake<'_>) -> io::Error {
        io::Error::new(mistake.kind(), mistake.to_string())
    }
}

impl fmt::Display for Mistake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = "check the name, or give the address in numbers";
        match self {
            Mistake::Bad { text, flaw } => write!(f, "bad address `{text}`: {flaw}"),
            Mistake::Unresolved { name, error } => write!(f, "cannot resolve `{name}`: {error}; {numbers}"),
            Mistake::NoAddress { name } => write!(f, "`{name}` has no address; {numbers}"),
            Mistake::Unreachable { text, family } => write!(
                f,
                "`{text}` has no address that an {family} socket reaches; bind to `*` for both families"
            ),
            Mistake::Nowhere => f.write_str("no address to bind to; name one, or `*` for all"),
            Mistake::Unbound { at, error } => {
                write!(f, "cannot bind to {at}: {error} ({})", Hint::of(*at, error.kind()))
            }
            Mistake::Given { text } => {
                write!(f, "the answer for `{text}` was given already; look it up again for another")
            }
            Mistake::Lost { text } => {
                write!(f, "the answer for `{text}` was lost with its thread; look it up again")
            }
        }
    }
}

impl fmt::Display for Flaw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::NoPort => f.write_str("a port is missing: write `host:port`, or `host:*` for any port"),
            Flaw::NoClosingBracket => f.write_str("the closing `]` is missing: write `[::1]:6789`"),
            Flaw::NoIpv6InBrackets => f.write_str("between the brackets there must be an IPv6 address"),
            Flaw::NoBrackets => f.write_str("an IPv6 address needs brackets: write `[::1]:6789`"),
            Flaw::NoIpv4 => {
                f.write_str("an IPv4 address has four numbers from 0 to 255; `*` listens on all addresses")
            }
            Flaw::Spaces => f.write_str("a host name has no spaces"),
            Flaw::BadPort => f.write_str("a port is a number up to 65535, or `*` for any"),
            Flaw::StarForPeer => f.write_str("a peer has an address; `*` is only for listening"),
            Flaw::NoPortForPeer => f.write_str("a peer has a port from 1 to 65535"),
            Flaw::UnknownInterface(zone) => {
                write!(f, "this machine has no network interface `{zone}`; `ip link` lists those it has")
            }
            Flaw::NoInterface(zone) => {
                write!(f, "`{zone}` is no network interface; give its number, as in %2, or its name")
            }
            Flaw::InterfaceByName(zone) => {
                write!(f, "`{zone}` is not an interface number; names of interfaces are known on Linux only")
            }
        }
    }
}

impl Hint {
    fn of(at: SocketAddr, kind: io::ErrorKind) -> Hint {
        let lacks_interface =
            matches!(at, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0);
        match kind {
            _ if lacks_interface => Hint::Interface,
            io::ErrorKind::AddrInUse => Hint::OtherPort,
            io::ErrorKind::AddrNotAvailable => Hint::OtherAddress,
            io::ErrorKind::PermissionDenied => Hint::HigherPort,
            _ => Hint::OtherFamily,
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hint::Interface => "a link-local address needs its interface: write `[fe80::1%eth0]:6789`",
            Hint::OtherPort => "another program listens there; stop it or choose another port (`*` for any)",
            Hint::OtherAddress => "this machine has no such address; `*` listens on all it has",
            Hint::HigherPort => "ports below 1024 are reserved on many systems; choose a higher one",
            Hint::OtherFamily => "is the address family available on this machine?",
        })
    }
}

#[cfg(test)]
mod tests;
