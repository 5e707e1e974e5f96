//! Every error names the value that was wrong, the limit it met, and what to do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::io;
use std::net::{ToSocketAddrs, UdpSocket};

use common::{config, server};
use enet_mio::{Bind, Host, HostHandle, Packet, PeerId, SocketOptions};

fn bind(text: &str) -> String {
    Host::bind(text, config()).unwrap_err().to_string()
}

#[test]
fn every_text_names_value_limit_and_remedy() {
    let holder = Host::bind("127.0.0.1:*", config()).unwrap();
    let taken = holder.local_addr().unwrap();
    let resolve = |text: &str| holder.resolve(text).unwrap_err().to_string();
    let mut server = server();
    let handle = server.handle();
    (0..HostHandle::ROOM).for_each(|_| handle.broadcast(0, Packet::reliable("x")).unwrap());
    let full = handle.broadcast(0, Packet::reliable("x")).unwrap_err();
    drop(server);
    let gone = handle.disconnect(PeerId::from_bits(0), 0).unwrap_err();
    let mut lookup = holder.look_up("127.0.0.1:9", || ()).unwrap();
    while lookup.poll().is_none() {
        std::thread::yield_now();
    }
    let given = lookup.poll().unwrap().unwrap_err();
    let nowhere = SocketOptions::default().bind(Bind::To(Vec::new())).unwrap_err();

    // What the system says of it differs from system to system.
    let system = |address: &str| UdpSocket::bind(address).unwrap_err();
    let unresolved = ("no..name", 1).to_socket_addrs().unwrap_err();
    let interface = match cfg!(target_os = "linux") {
        true => "this machine has no network interface `nothing0`; `ip link` lists those it has",
        false => "`nothing0` is not an interface number; names of interfaces are known on Linux only",
    };
    let bad = |address: &str, reason: &str| format!("bad address `{address}`: {reason}");
    let no_bind =
        |address: &str, why: &io::Error, hint: &str| format!("cannot bind to {address}: {why} ({hint})");

    let table: &[(String, String)] = &[
        (
            bind("localhost"),
            bad("localhost", "a port is missing: write `host:port`, or `host:*` for any port"),
        ),
        (bind("[::1"), bad("[::1", "the closing `]` is missing: write `[::1]:6789`")),
        (bind("[here]:1"), bad("[here]:1", "between the brackets there must be an IPv6 address")),
        (bind("::1:1"), bad("::1:1", "an IPv6 address needs brackets: write `[::1]:6789`")),
        (
            bind("300.0.0.1:1"),
            bad("300.0.0.1:1", "an IPv4 address has four numbers from 0 to 255; `*` listens on all addresses"),
        ),
        (bind("a b:1"), bad("a b:1", "a host name has no spaces")),
        (bind("localhost:65536"), bad("localhost:65536", "a port is a number up to 65535, or `*` for any")),
        (bind("[fe80::1%nothing0]:1"), bad("[fe80::1%nothing0]:1", interface)),
        (
            bind("[fe80::1%a/b]:1"),
            bad("[fe80::1%a/b]:1", "`a/b` is no network interface; give its number, as in %2, or its name"),
        ),
        (
            bind("no..name:1"),
            format!("cannot resolve `no..name`: {unresolved}; check the name, or give the address in numbers"),
        ),
        (
            bind("192.0.2.1:*"),
            no_bind(
                "192.0.2.1:0",
                &system("192.0.2.1:0"),
                "this machine has no such address; `*` listens on all it has",
            ),
        ),
        (
            bind(&taken.to_string()),
            no_bind(
                &taken.to_string(),
                &system(&taken.to_string()),
                "another program listens there; stop it or choose another port (`*` for any)",
            ),
        ),
        (
            bind("[fe80::1]:*"),
            no_bind(
                "[fe80::1]:0",
                &system("[fe80::1]:0"),
                "a link-local address needs its interface: write `[fe80::1%eth0]:6789`",
            ),
        ),
        (nowhere.to_string(), "no address to bind to; name one, or `*` for all".to_owned()),
        (resolve("*:1"), bad("*:1", "a peer has an address; `*` is only for listening")),
        (resolve("127.0.0.1:0"), bad("127.0.0.1:0", "a peer has a port from 1 to 65535")),
        (
            resolve("[::1]:9"),
            "`[::1]:9` has no address that an IPv4 socket reaches; bind to `*` for both families".to_owned(),
        ),
        (
            given.to_string(),
            "the answer for `127.0.0.1:9` was given already; look it up again for another".to_owned(),
        ),
        (
            full.to_string(),
            "1024 orders wait for the host, which is all there is room for; try again when its thread has run \
             `service` or `drive`"
                .to_owned(),
        ),
        (gone.to_string(), "the host was dropped, and this handle with it; ask a new host for one".to_owned()),
    ];
    for (text, expected) in table {
        assert_eq!(text, expected);
    }
}

#[test]
fn kinds_are_what_a_program_would_ask_for() {
    for (text, kind) in
        [("localhost", io::ErrorKind::InvalidInput), ("192.0.2.1:*", io::ErrorKind::AddrNotAvailable)]
    {
        assert_eq!(Host::bind(text, config()).unwrap_err().kind(), kind, "{text}");
    }
}
