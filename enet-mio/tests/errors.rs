//! Every error names the value that was wrong, the limit it met, and what to do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;

use std::io;

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

    // The error, and what its text must have: value, limit and remedy as far as there are such.
    let table: &[(String, &[&str])] = &[
        (bind("localhost"), &["`localhost`", "a port is missing", "write `host:port`, or `host:*` for any"]),
        (bind("[::1"), &["`[::1`", "the closing `]` is missing", "write `[::1]:6789`"]),
        (bind("[here]:1"), &["`[here]:1`", "between the brackets there must be an IPv6 address"]),
        (bind("::1:1"), &["`::1:1`", "needs brackets", "write `[::1]:6789`"]),
        (bind("300.0.0.1:1"), &["`300.0.0.1:1`", "four numbers from 0 to 255", "`*` listens on all"]),
        (bind("a b:1"), &["`a b:1`", "a host name has no spaces"]),
        (bind("localhost:65536"), &["`localhost:65536`", "up to 65535", "or `*` for any"]),
        (bind("[fe80::1%nothing0]:1"), &["nothing0", "interface"]),
        (
            bind("no..name:1"),
            &["cannot resolve `no..name`", "check the name, or give the address in numbers"],
        ),
        (bind("192.0.2.1:*"), &["192.0.2.1:0", "no such address", "`*` listens on all it has"]),
        (
            bind(&taken.to_string()),
            &[&taken.to_string(), "another program listens there", "choose another port"],
        ),
        (nowhere.to_string(), &["no address to bind to", "name one, or `*`"]),
        (resolve("*:1"), &["`*:1`", "a peer has an address", "`*` is only for listening"]),
        (resolve("127.0.0.1:0"), &["`127.0.0.1:0`", "from 1 to 65535"]),
        (resolve("[::1]:9"), &["`[::1]:9`", "no address that an IPv4 socket reaches", "bind to `*`"]),
        (given.to_string(), &["`127.0.0.1:9`", "was given already", "look it up again"]),
        (full.to_string(), &["1024 orders wait", "all there is room for", "try again when"]),
        (gone.to_string(), &["the host was dropped", "ask a new host for one"]),
    ];
    for (text, parts) in table {
        for part in *parts {
            assert!(text.contains(part), "`{part}` is missing: {text}");
        }
        assert!(!text.ends_with('.') && !text.contains('\n'), "a part of a sentence, on a line: {text}");
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
