//! The examples that show how a program is built around a host: they do what their help says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;
#[path = "common/tools.rs"]
mod tools;

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use common::{PATIENCE, client, server};
use enet_mio::{ConnectOptions, Event, Packet};
use tools::{Running, example, last_event, run};

fn chat(arguments: &[&str]) -> Running {
    Running::start(Command::new(example("chat")).args(arguments).stdin(Stdio::piped()))
}

fn room(bind: &str) -> (Running, String) {
    let mut room = chat(&["serve", bind]);
    let address = room.line_with("listening at").rsplit(' ').next().unwrap().to_owned();
    (room, address)
}

#[test]
fn who_joins_a_chat_hears_what_the_others_say() {
    let (_room, address) = room("127.0.0.1:*");
    let [mut ann, mut bob] = ["ann", "bob"].map(|name| chat(&["join", &address, "--name", name]));
    ann.line_with("* ann has joined");
    bob.line_with("* bob has joined");
    ann.type_line("hello");
    bob.line_with("<ann> hello");
    bob.type_line("good evening");
    ann.line_with("<bob> good evening");
    let (_, success) = bob.finish();
    assert!(success);
    ann.line_with("* bob has left: disconnected by the remote");
}

#[test]
fn a_lost_room_is_joined_again_and_what_was_typed_meanwhile_arrives() {
    let mut room_of_before = server();
    let address = room_of_before.local_addr().unwrap().to_string();
    let mut ann = chat(&["join", &address, "--name", "ann"]);
    while !matches!(room_of_before.service(PATIENCE).unwrap().unwrap(), Event::Received { .. }) {}
    assert_eq!(room_of_before.close(PATIENCE).unwrap(), 0);
    drop(room_of_before);
    ann.line_with("no connection: disconnected by the remote; trying again");
    ann.type_line("is anybody there?");
    let (mut room, _) = room(&address);
    room.line_with("* ann has joined");
    room.line_with("<ann> is anybody there?");
}

#[test]
fn what_is_typed_while_a_room_has_vanished_arrives_in_the_next_in_order() {
    let (room_of_before, address) = room("127.0.0.1:*");
    let mut ann = chat(&["join", &address, "--name", "ann"]);
    ann.line_with("* ann has joined");
    drop(room_of_before); // killed: it says no goodbye
    ann.type_line("is anybody there?");
    ann.type_line("anybody at all?");
    let (mut room, _) = room(&address);
    for line in ["* ann has joined", "<ann> is anybody there?", "<ann> anybody at all?"] {
        assert_eq!(room.line(), line);
    }
    assert!(ann.finish().0.contains("no connection: "));
}

#[test]
fn a_guest_leaves_when_its_input_ends_connected_or_not() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    chat(&["join", &silent.local_addr().unwrap().to_string()]).finish();
    drop(silent);
    let (mut room, address) = room("127.0.0.1:*");
    let mut pipe = chat(&["join", &address, "--name", "pipe", "--json"]);
    pipe.type_line("what was typed before is said");
    let (said, success) = pipe.finish();
    assert!(success);
    assert_eq!(last_event(said.as_bytes(), "connected")["address"], address);
    room.line_with("<pipe> what was typed before is said");
}

#[test]
fn a_player_gets_the_world_whole_and_its_states_and_sees_the_statistics() {
    for compress in ["none", "range"] {
        let mut command = Command::new(example("game"));
        let mut server =
            Running::start(command.args(["serve", "127.0.0.1:*", "--json", "--compress", compress]));
        let address = server.event("listening")["address"].as_str().unwrap().to_owned();
        let mut player = Command::new(example("game"));
        let output =
            run(player.args(["play", &address, "--seconds", "2.5", "--json", "--compress", compress]));
        assert!(output.status.success());
        let snapshot = last_event(&output.stdout, "snapshot");
        assert_eq!((&snapshot["bytes"], &snapshot["whole"]), (&16_384.into(), &true.into()));
        assert_eq!(last_event(&output.stdout, "news")["text"], "joined 0");
        let statistics = last_event(&output.stdout, "statistics");
        assert_eq!(statistics["players"], 1);
        assert!(statistics["rtt_ms"].as_u64().unwrap() < 500, "measured");
        assert!(last_event(&output.stdout, "totals")["states"].as_u64().unwrap() >= 5);
        assert_eq!(server.event("left")["player"], 0);
    }
}

#[test]
fn a_player_survives_any_tick() {
    const STATE: u8 = 1;
    let mut server = server();
    let address = server.local_addr().unwrap().to_string();
    let mut player = Command::new(example("game"));
    let player = Running::start(player.args(["play", &address, "--json"]));
    let Some(Event::Connected { peer, .. }) = server.service(PATIENCE).unwrap() else {
        panic!("nobody came")
    };
    for tick in [u32::MAX, 0, u32::MAX, 0, u32::MAX] {
        let state = Packet::reliable(tick.to_be_bytes().to_vec());
        server.peer_mut(peer).unwrap().send(STATE, state).unwrap();
    }
    assert_eq!(server.close(PATIENCE).unwrap(), 0);
    let (said, _) = player.finish();
    assert_eq!(last_event(said.as_bytes(), "totals")["states"], 5);
}

#[test]
fn a_visitor_goes_where_the_lobby_says() {
    let mut servers = ["echo_server", "echo_server"].map(|name| {
        let mut command = Command::new(example(name));
        let mut server = Running::start(command.args(["--bind", "127.0.0.1:*", "--json"]));
        let address = server.event("listening")["address"].as_str().unwrap().to_owned();
        (server, address)
    });
    let to = servers.each_ref().map(|(_, address)| format!("--to={address}"));
    let mut lobby =
        Running::start(Command::new(example("redirect")).args(["lobby", "127.0.0.1:*", "--json"]).args(&to));
    let lobby_at = lobby.event("listening")["address"].as_str().unwrap().to_owned();
    for (server, address) in &mut servers {
        let output = run(Command::new(example("redirect")).args(["visit", &lobby_at]));
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, format!("sent on to {address}\nconnected to {address}\n"));
        server.event("connected");
    }
    let output = run(Command::new(example("redirect")).args(["visit", &lobby_at, "--json"]));
    let said = ["sent_on", "connected"].map(|event| last_event(&output.stdout, event)["address"].clone());
    assert_eq!(said[0], said[1]);
}

/// Asks again if the server did not wait for the question.
fn fetch(http: &str) -> String {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect(http)?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    };
    for _ in 0..100 {
        match ask() {
            Ok(page) if !page.is_empty() => return page,
            _ => thread::sleep(Duration::from_millis(50)),
        }
    }
    panic!("{http} does not answer");
}

#[test]
fn the_figures_of_a_server_are_served_as_text() {
    let mut command = Command::new(example("metrics"));
    let mut server = Running::start(command.args(["127.0.0.1:*", "--http", "127.0.0.1:0"]));
    let address = server.line_with("listening at").rsplit(' ').next().unwrap().to_owned();
    let http = server.line_with("figures at").replace("figures at http://", "").replace("/metrics", "");
    let output = run(Command::new(example("echo_client")).args([&address, "--count", "10"]));
    assert!(output.status.success());
    let page = fetch(&http);
    assert!(page.starts_with("HTTP/1.0 200 OK\r\n"), "{page}");
    let figure = |name: &str| {
        let line = page.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {page}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    assert!(figure("enet_bytes_received") > 1_000);
    assert!(figure("enet_datagrams_sent") > 10);
    assert_eq!(figure("enet_discarded_bad_checksum"), 0);
    assert!(figure("enet_io_sends") > 0);
    assert!(page.contains("# HELP enet_bytes_sent in bytes\n"));
}

#[test]
fn the_figures_of_two_peers_share_their_headings_and_no_series() {
    let mut command = Command::new(example("metrics"));
    let mut server = Running::start(command.args(["127.0.0.1:*", "--http", "127.0.0.1:0", "--json"]));
    let address = server.event("listening")["address"].as_str().unwrap().parse().unwrap();
    let url = server.event("figures")["url"].as_str().unwrap().to_owned();
    let http = url.replace("http://", "").replace("/metrics", "");
    // From one socket: only the peer's id tells them apart.
    let mut client = client();
    for _ in 0..2 {
        client.connect(address, ConnectOptions::default()).unwrap();
    }
    for _ in 0..2 {
        assert!(matches!(client.service(PATIENCE).unwrap(), Some(Event::Connected { .. })));
    }
    client.flush();
    let mut pages = (0..100).map(|_| fetch(&http));
    let page = pages.find(|page| page.contains("\nenet_connected_peers 2\n")).unwrap();
    let (_, body) = page.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.matches("\nenet_peer_round_trip_time{").count(), 2);
    let (mut seen, mut group) = (HashSet::new(), "");
    for line in body.lines() {
        let (series, _) = line.rsplit_once(' ').unwrap();
        assert!(seen.insert(series), "twice: {series}");
        if let Some(heading) = line.strip_prefix("# ") {
            group = heading.split(' ').nth(1).unwrap();
        } else {
            assert_eq!(series.split('{').next(), Some(group), "under its heading");
        }
    }
}

#[test]
fn they_explain_themselves() {
    for name in ["chat", "game", "godot_server", "metrics", "redirect"] {
        let output = run(Command::new(example(name)).arg("--help"));
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("Examples:"), "{name}");
    }
}
