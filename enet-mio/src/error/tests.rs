//! The texts of all errors that these libraries give, enet-wire's and enet-proto's as well. That none is missing is seen to by
//! a test of the workspace, which looks for the variants of each in the sources.

use std::fmt::Display;

use enet_proto::{
    AcceptError, ChannelId, ChannelLimit, ConnectError, HalfOpenLimit, MemoryLimit, Mtu, Packet, PeerLimit,
    SendError, SendErrorReason,
};
use enet_wire::{DecodeError, EncodeError};

use super::*;
use crate::{HandleError, HandleErrorReason};

/// Compares rows of what is said with what should be.
fn compare(table: &[(&dyn Display, &str)]) {
    for (error, text) in table {
        assert_eq!(error.to_string(), *text);
    }
}

#[test]
fn every_error_names_the_value_the_limit_and_the_remedy() {
    of_datagrams();
    of_calls();
    of_numbers();
    of_addresses();
    of_the_system();
}

fn of_datagrams() {
    compare(&[
        (
            &DecodeError::TruncatedHeader,
            "the datagram ends inside its header of 2 or 4 bytes: has all of it been read?",
        ),
        (
            &DecodeError::TruncatedChecksum,
            "the datagram ends inside its checksum of 4 bytes: does the sender put one in?",
        ),
        (
            &DecodeError::TruncatedCommand,
            "the datagram ends inside a command: has all of it been read, and decompressed?",
        ),
        (
            &DecodeError::UnknownCommand(13),
            "there is no command number 13, they are 1 to 12: is it ENet 1.3, decompressed, without checksum?",
        ),
        (
            &DecodeError::TruncatedPayload,
            "a payload is longer than the rest of the datagram: has all of it been read, and decompressed?",
        ),
        (
            &EncodeError::BufferTooSmall { needed: 48 },
            "48 bytes do not fit into what is left of the buffer: begin another datagram, of up to 4096",
        ),
        (
            &EncodeError::PayloadTooLong { len: 65_536 },
            "a payload may have 65535 bytes, this one has 65536: send it in fragments",
        ),
    ]);
}

fn of_calls() {
    let unsent = |reason| SendError { reason, channel: ChannelId::new(7), packet: Packet::reliable("four") };
    let unordered = |reason| HandleError { reason, packet: Packet::reliable("four") };
    compare(&[
        (
            &unsent(SendErrorReason::NotConnected),
            "4 bytes for channel 7 were not queued: the peer is not connected: wait for Connected, or connect with queue_until_connected; who was told to disconnect is sent nothing more",
        ),
        (
            &unsent(SendErrorReason::NoSuchChannel { channels: 2 }),
            "4 bytes for channel 7 were not queued: the connection has channels 0 to 1: ask for more when connecting, and grant as many",
        ),
        (
            &unsent(SendErrorReason::TooLarge { max: 3 }),
            "4 bytes for channel 7 were not queued: a packet may have 3 bytes: split it, or raise max_packet_size on both ends",
        ),
        (
            &unsent(SendErrorReason::QueueFull { max: 500 }),
            "4 bytes for channel 7 were not queued: 500 bytes or more wait for the peer, which is the limit: send less, raise max_queued_data, or set writable_events and wait for Writable",
        ),
        (
            &unsent(SendErrorReason::TooManyFragments { needed: 10, max: 9 }),
            "4 bytes for channel 7 were not queued: it needs 10 fragments, a packet may have 9: split it, or raise the MTU on both ends",
        ),
        (
            &ConnectError::NoFreeSlot { limit: 64 },
            "all 64 peer slots are in use: raise HostConfig::peers, or disconnect somebody",
        ),
        (
            &ConnectError::TokenTooLong { len: 1025, max: 1024 },
            "the token has 1025 bytes, 1024 fit: send a reference to what does not",
        ),
        (
            &ConnectError::NoPort { to: "127.0.0.1:0".parse().unwrap() },
            "nobody can be at 127.0.0.1:0: a peer has a port from 1 to 65535",
        ),
        (
            &ConnectError::OtherFamily { to: "[::1]:9".parse().unwrap() },
            "the host's socket does not reach [::1]:9: bind to `*` for both families",
        ),
        (&AcceptError::Gone, "nobody waits for this answer: answer each request once, within 10 s"),
        (
            &AcceptError::NoFreeSlot { limit: 64 },
            "all 64 peer slots are in use: disconnect somebody and accept again, or refuse",
        ),
        (
            &AcceptError::TooManyFromAddress { limit: 2 },
            "the client was refused: its address has the 2 connections that it may have; raise max_peers_per_ip to let more in",
        ),
        (
            &unordered(HandleErrorReason::QueueFull { room: 1024 }),
            "1024 orders wait for the host, which is all there is room for; try again when its thread has run `service` or `drive`",
        ),
        (
            &unordered(HandleErrorReason::HostGone),
            "the host was dropped, and this handle with it; ask a new host for one",
        ),
    ]);
}

/// Each is a `ConfigError`.
fn of_numbers() {
    compare(&[
        (
            &PeerLimit::try_from(5000).unwrap_err(),
            "the peer limit is 5000: choose a number between 1 and 4095",
        ),
        (
            &ChannelLimit::try_from(256).unwrap_err(),
            "the channel limit is 256: choose a number between 1 and 255",
        ),
        (&Mtu::try_from(575).unwrap_err(), "the MTU is 575: choose a number between 576 and 4096"),
        (
            &HalfOpenLimit::try_from(0).unwrap_err(),
            "the limit of half-open connections is 0: choose a number between 1 and 65535",
        ),
        (
            &MemoryLimit::try_from(1).unwrap_err(),
            "the memory limit is 1: choose a number between 1048576 and 1099511627776",
        ),
    ]);
}

fn of_addresses() {
    let bad = |text, flaw| Mistake::Bad { text, flaw };
    compare(&[
        (
            &bad("lan", Flaw::NoPort),
            "bad address `lan`: a port is missing: write `host:port`, or `host:*` for any port",
        ),
        (
            &bad("[::1", Flaw::NoClosingBracket),
            "bad address `[::1`: the closing `]` is missing: write `[::1]:6789`",
        ),
        (
            &bad("[x]:1", Flaw::NoIpv6InBrackets),
            "bad address `[x]:1`: between the brackets there must be an IPv6 address",
        ),
        (
            &bad("::1:1", Flaw::NoBrackets),
            "bad address `::1:1`: an IPv6 address needs brackets: write `[::1]:6789`",
        ),
        (
            &bad("300.0.0.1:1", Flaw::NoIpv4),
            "bad address `300.0.0.1:1`: an IPv4 address has four numbers from 0 to 255; `*` listens on all addresses",
        ),
        (&bad("a b:1", Flaw::Spaces), "bad address `a b:1`: a host name has no spaces"),
        (
            &bad("lan:65536", Flaw::BadPort),
            "bad address `lan:65536`: a port is a number up to 65535, or `*` for any",
        ),
        (
            &bad("*:1", Flaw::StarForPeer),
            "bad address `*:1`: a peer has an address; `*` is only for listening",
        ),
        (&bad("lan:0", Flaw::NoPortForPeer), "bad address `lan:0`: a peer has a port from 1 to 65535"),
        (
            &bad("[fe80::1%eth9]:1", Flaw::UnknownInterface("eth9")),
            "bad address `[fe80::1%eth9]:1`: this machine has no network interface `eth9`; `ip link` lists those it has",
        ),
        (
            &bad("[fe80::1%a/b]:1", Flaw::NoInterface("a/b")),
            "bad address `[fe80::1%a/b]:1`: `a/b` is no network interface; give its number, as in %2, or its name",
        ),
        (
            &bad("[fe80::1%eth0]:1", Flaw::InterfaceByName("eth0")),
            "bad address `[fe80::1%eth0]:1`: `eth0` is not an interface number; names of interfaces are known on Linux only",
        ),
        (
            &Mistake::NoAddress { name: "lan" },
            "`lan` has no address; check the name, or give the address in numbers",
        ),
        (
            &Mistake::Unreachable { text: "[::1]:9", family: Family::V4 },
            "`[::1]:9` has no address that an IPv4 socket reaches; bind to `*` for both families",
        ),
        (
            &Mistake::Unreachable { text: "127.0.0.1:9", family: Family::V6 },
            "`127.0.0.1:9` has no address that an IPv6 socket reaches; bind to `*` for both families",
        ),
        (&Mistake::Nowhere, "no address to bind to; name one, or `*` for all"),
        (
            &Mistake::Given { text: "lan:9" },
            "the answer for `lan:9` was given already; look it up again for another",
        ),
        (
            &Mistake::Lost { text: "lan:9" },
            "the answer for `lan:9` was lost with its thread; look it up again",
        ),
    ]);
}

/// What the system says differs from one to the next; what it means decides what we add.
fn of_the_system() {
    let error = |kind| io::Error::new(kind, "so the system says");
    let unbound = |at: &str, kind| {
        let error = error(kind);
        Mistake::Unbound { at: at.parse().unwrap(), error: &error }.to_string()
    };
    let resolved = Mistake::Unresolved { name: "lan", error: error(io::ErrorKind::Other) };
    compare(&[
        (
            &resolved,
            "cannot resolve `lan`: so the system says; check the name, or give the address in numbers",
        ),
        // Hint::Interface
        (
            &unbound("[fe80::1]:9", io::ErrorKind::InvalidInput),
            "cannot bind to [fe80::1]:9: so the system says (a link-local address needs its interface: write `[fe80::1%eth0]:6789`)",
        ),
        // Hint::OtherPort
        (
            &unbound("127.0.0.1:9", io::ErrorKind::AddrInUse),
            "cannot bind to 127.0.0.1:9: so the system says (another program listens there; stop it or choose another port (`*` for any))",
        ),
        // Hint::OtherAddress
        (
            &unbound("192.0.2.1:9", io::ErrorKind::AddrNotAvailable),
            "cannot bind to 192.0.2.1:9: so the system says (this machine has no such address; `*` listens on all it has)",
        ),
        // Hint::HigherPort
        (
            &unbound("127.0.0.1:9", io::ErrorKind::PermissionDenied),
            "cannot bind to 127.0.0.1:9: so the system says (ports below 1024 are reserved on many systems; choose a higher one)",
        ),
        // Hint::OtherFamily
        (
            &unbound("[::1]:9", io::ErrorKind::Unsupported),
            "cannot bind to [::1]:9: so the system says (is the address family available on this machine?)",
        ),
    ]);
}
