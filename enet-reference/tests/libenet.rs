//! The installed C library: its layout is the one assumed, and two of its hosts can talk through the safe face.

use std::process::Command;
use std::time::{Duration, Instant};

use enet_reference::{CEvent, CHost, CHostConfig, CPeer, abi, library_or_skip};

/// Services both hosts in turn until one of them has an event.
fn next_event(first: &mut CHost, second: &mut CHost) -> CEvent {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        for host in [&mut *first, &mut *second] {
            if let Some(event) = host.service(Duration::from_millis(1)) {
                return event;
            }
        }
    }
    panic!("no event for five seconds");
}

#[test]
fn the_layout_is_that_of_the_installed_header() {
    let directory = std::env::temp_dir().join(format!("enet-layout-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a temporary directory");
    let (source, program) = (directory.join("layout.c"), directory.join("layout"));
    let lines =
        abi::LAYOUT.iter().map(|(expression, _)| format!("    printf(\"%zu\\n\", (size_t) {expression});\n"));
    let text = format!(
        "#include <stddef.h>\n#include <stdio.h>\n#include <enet/enet.h>\nint main(void) {{\n{}}}\n",
        lines.collect::<String>()
    );
    std::fs::write(&source, text).expect("a file in it");
    let compiled = Command::new("cc").arg(&source).arg("-o").arg(&program).output();
    let is_built = compiled.as_ref().is_ok_and(|output| output.status.success());
    if !is_built {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI has cc and the header: {compiled:?}");
        eprintln!("skipped: the layout is not compared: no C compiler, or no enet/enet.h");
        return;
    }
    let output = Command::new(&program).output().expect("the program runs").stdout;
    let printed = String::from_utf8(output).expect("numbers");
    let sizes: Vec<usize> = printed.lines().map(|line| line.parse().expect("a number")).collect();
    let _ = std::fs::remove_dir_all(&directory);

    assert_eq!(sizes.len(), abi::LAYOUT.len());
    for ((expression, assumed), actual) in abi::LAYOUT.iter().zip(sizes) {
        assert_eq!(*assumed, actual, "{expression}");
    }
}

#[test]
fn two_c_hosts_connect_talk_and_part() {
    let Some(library) = library_or_skip("two_c_hosts_connect_talk_and_part") else { return };
    for (checksum, range_coder) in [(false, false), (true, false), (false, true), (true, true)] {
        let config =
            CHostConfig { checksum, range_coder, channels: 2, mtu: Some(600), ..CHostConfig::default() };
        let mut server = library.host(config).expect("a server");
        let mut client = library.host(config).expect("a client");
        let peer = client.connect(server.address(), 4, 7).expect("a slot");

        assert_eq!(next_event(&mut client, &mut server), CEvent::Connected { peer, data: 0 });
        let Some(CEvent::Connected { peer: remote, data: 7 }) = Some(next_event(&mut server, &mut client))
        else {
            panic!("the server is told of the connection and its data")
        };
        assert_eq!((client.state(peer), server.state(remote)), (5, 5));
        assert_eq!((client.channels(peer), client.mtu(peer)), (2, 600));
        assert_eq!((client.connected_peers(), server.connected_peers()), (1, 1));
        assert!(client.round_trip_time(peer) <= 500);

        const RELIABLE: u32 = 1;
        for data in [&b"hello"[..], &[7; 3000]] {
            assert!(client.send(peer, 1, data, RELIABLE));
            let received =
                CEvent::Received { peer: remote, channel: 1, flags: RELIABLE, data: data.to_vec() };
            assert_eq!(next_event(&mut client, &mut server), received);
        }
        assert!(!client.send(peer, 2, b"there is no channel 2", RELIABLE));
        server.broadcast(0, b"all", 0);
        assert_eq!(
            next_event(&mut server, &mut client),
            CEvent::Received { peer, channel: 0, flags: 0, data: b"all".to_vec() }
        );

        client.disconnect(peer, 9);
        assert_eq!(next_event(&mut client, &mut server), CEvent::Disconnected { peer: remote, data: 9 });
        assert_eq!(next_event(&mut client, &mut server), CEvent::Disconnected { peer, data: 0 });
    }
}

#[test]
fn a_c_host_moves_to_another_thread() {
    let Some(library) = library_or_skip("a_c_host_moves_to_another_thread") else { return };
    let mut host = library.host(CHostConfig::default()).expect("a host");
    let event =
        std::thread::spawn(move || host.service(Duration::ZERO)).join().expect("the thread ends well");
    assert_eq!(event, None);
}

#[test]
#[should_panic(expected = "no peer of a host with 1 slots")]
fn a_peer_that_is_no_slot_of_the_host_is_refused() {
    let Some(library) = library_or_skip("a_peer_that_is_no_slot_of_the_host_is_refused") else {
        panic!("no peer of a host with 1 slots, for lack of a library")
    };
    let host = library.host(CHostConfig { peers: 1, ..CHostConfig::default() }).expect("a host");
    host.state(CPeer(1));
}
