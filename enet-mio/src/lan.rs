//! [`broadcast_addresses`]: where a question to everybody on the local networks goes.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

/// The addresses at which everybody on the local networks can be asked: 255.255.255.255, and on Linux and Android the
/// broadcast address of each interface that is up, for the first alone leaves by one interface only. IPv6 has no broadcast.
///
/// Ask with [`send_raw`](enet_proto::Host::send_raw), from a host whose socket may broadcast
/// ([`SocketOptions::broadcast`](crate::SocketOptions::broadcast), the default); whoever answers from an
/// [`intercept`](crate::Host::intercept) hook is known by the answer's source. [`connect`](crate::Host::connect) takes
/// 255.255.255.255, as in stock ENet: the first server that answers is the one. The others are to it an address of a
/// single machine, whose answer never comes.
///
/// ```
/// use std::sync::mpsc::sync_channel;
/// use std::time::{Duration, Instant};
/// use enet_mio::enet_proto::{Datagram, Verdict};
/// use enet_mio::{HostConfig, Service, broadcast_addresses, random_seed};
///
/// // A hook that passes on what begins with a word that no ENet datagram does, and drops what there is no room for.
/// fn listen(host: &mut Service, word: &'static [u8]) -> std::sync::mpsc::Receiver<std::net::SocketAddr> {
///     let (heard, from) = sync_channel(16);
///     host.intercept(move |datagram: &Datagram<'_>| {
///         if datagram.bytes != word {
///             return Verdict::Pass;
///         }
///         let _ = heard.try_send(datagram.source);
///         Verdict::Consume
///     });
///     from
/// }
///
/// let mut server = Service::bind("0.0.0.0:*", HostConfig::new(random_seed()?))?;
/// let questions = listen(&mut server, b"IS ANYBODY THERE?");
/// let mut client = Service::client(HostConfig::new(random_seed()?))?;
/// let answers = listen(&mut client, b"HERE!");
///
/// let port = server.local_addr()?.port();
/// for to in broadcast_addresses(port) {
/// #   let to = std::net::SocketAddr::from(([127, 255, 255, 255], to.port())); // this example is to bother nobody else
///     client.send_raw(to, &b"IS ANYBODY THERE?"[..]);
/// }
/// client.flush();
/// let deadline = Instant::now() + Duration::from_secs(30);
/// let found = loop {
///     server.service(Duration::from_millis(1))?;
///     for who in questions.try_iter() {
///         server.send_raw(who, &b"HERE!"[..]);
///     }
///     client.service(Duration::from_millis(1))?;
///     if let Ok(found) = answers.try_recv() {
///         break found;
///     }
///     assert!(Instant::now() < deadline, "nobody is there");
/// };
/// assert_eq!(found.port(), port);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn broadcast_addresses(port: u16) -> Vec<SocketAddr> {
    let mut addresses = of_interfaces();
    addresses.insert(Ipv4Addr::BROADCAST);
    addresses.into_iter().map(|ip| (ip, port).into()).collect()
}

/// By nix, which is here already for sockets; elsewhere it would take another crate.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn of_interfaces() -> BTreeSet<Ipv4Addr> {
    use nix::net::if_::InterfaceFlags;

    let can_broadcast = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_BROADCAST;
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let those = interfaces.filter(|interface| interface.flags.contains(can_broadcast));
    those
        .filter_map(|interface| {
            let ip =
                |address: Option<nix::sys::socket::SockaddrStorage>| Some(address?.as_sockaddr_in()?.ip());
            // Whoever sets an address by hand may have said nothing of a broadcast address.
            ip(interface.broadcast).or_else(|| broadcast_of(ip(interface.address)?, ip(interface.netmask)?))
        })
        .collect()
}

/// The last address of a network, which is everybody's; networks of one or two machines have none (RFC 3021).
#[cfg(any(target_os = "android", target_os = "linux"))]
fn broadcast_of(ip: Ipv4Addr, mask: Ipv4Addr) -> Option<Ipv4Addr> {
    let hosts = !mask.to_bits();
    (hosts > 1).then(|| Ipv4Addr::from_bits(ip.to_bits() | hosts))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn of_interfaces() -> BTreeSet<Ipv4Addr> {
    BTreeSet::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_asked_once_and_never_a_single_machine() {
        let addresses = broadcast_addresses(7);
        assert!(addresses.contains(&"255.255.255.255:7".parse().unwrap()));
        assert!(addresses.is_sorted_by(|one, other| one < other), "none twice: {addresses:?}");
        assert!(addresses.iter().all(|address| address.is_ipv4() && !address.ip().is_loopback()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_broadcast_address_that_nobody_set_is_the_last_of_the_network() {
        let of = |ip: &str, mask: &str| {
            broadcast_of(ip.parse().unwrap(), mask.parse().unwrap()).map(|ip| ip.to_string())
        };
        assert_eq!(of("192.0.2.7", "255.255.255.0").as_deref(), Some("192.0.2.255"));
        assert_eq!(of("172.17.5.1", "255.255.240.0").as_deref(), Some("172.17.15.255"));
        assert_eq!(of("192.0.2.6", "255.255.255.252").as_deref(), Some("192.0.2.7"));
        assert_eq!(of("192.0.2.6", "255.255.255.254"), None);
        assert_eq!(of("192.0.2.6", "255.255.255.255"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn interfaces_with_a_broadcast_address_are_among_them() {
        // `eth0: … inet 192.0.2.7/24 brd 192.0.2.255`, as the kernel's routing table of local addresses has it.
        let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
        let lines: Vec<_> = table.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let Some(ip) = pair[0].strip_prefix("|-- ") else { continue };
            let ip: Ipv4Addr = ip.parse().unwrap();
            // Old kernels list the networks' first addresses, too, which nobody uses.
            if pair[1].contains("link BROADCAST") && !ip.is_loopback() && ip.octets()[3] == 255 {
                assert!(of_interfaces().contains(&ip), "{ip}");
            }
        }
    }
}
