//! The examples that show how a program is built around a host: they do what their help says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

#[path = "common/tools.rs"]
mod tools;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use tools::{Running, example, last_event, run};

fn chat(arguments: &[&str]) -> Running {
    Running::start(Command::new(example("chat")).args(arguments).stdin(Stdio::piped()))
}

fn room(bind: &str, seconds: &str) -> (Running, String) {
    let mut room = chat(&["serve", bind, "--seconds", seconds]);
    let address = room.line_with("listening at").rsplit(' ').next().unwrap().to_owned();
    (room, address)
}

#[test]
fn who_joins_a_chat_hears_what_the_others_say() {
    let (_room, address) = room("127.0.0.1:*", "60");
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
    let (room_of_before, address) = room("127.0.0.1:*", "1.5");
    let mut ann = chat(&["join", &address, "--name", "ann"]);
    ann.line_with("* ann has joined");
    assert!(room_of_before.finish().1);
    ann.line_with("no connection: disconnected by the remote; trying again");
    ann.type_line("is anybody there?");
    let (mut room, _) = room(&address, "60");
    room.line_with("* ann has joined");
    room.line_with("<ann> is anybody there?");
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
fn a_visitor_goes_where_the_lobby_says() {
    let servers = ["echo_server", "echo_server"].map(|name| {
        let mut command = Command::new(example(name));
        let mut server = Running::start(command.args(["--bind", "127.0.0.1:*", "--json"]));
        let address = server.event("listening")["address"].as_str().unwrap().to_owned();
        (server, address)
    });
    let to = servers.each_ref().map(|(_, address)| format!("--to={address}"));
    let mut lobby =
        Running::start(Command::new(example("redirect")).args(["lobby", "127.0.0.1:*"]).args(&to));
    let lobby_at = lobby.line_with("listening at").rsplit(' ').next().unwrap().to_owned();
    for (mut server, address) in servers {
        let output = run(Command::new(example("redirect")).args(["visit", &lobby_at]));
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, format!("sent on to {address}\nconnected to {address}\n"));
        server.event("connected");
    }
}

#[test]
fn the_figures_of_a_server_are_served_as_text() {
    let mut command = Command::new(example("metrics"));
    let mut server = Running::start(command.args(["127.0.0.1:*", "--http", "127.0.0.1:0"]));
    let address = server.line_with("listening at").rsplit(' ').next().unwrap().to_owned();
    let http = server.line_with("figures at").replace("figures at http://", "").replace("/metrics", "");
    let output = run(Command::new(example("echo_client")).args([&address, "--count", "10"]));
    assert!(output.status.success());
    let mut stream = TcpStream::connect(http).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
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
    assert!(page.contains("# HELP enet_bytes_sent in bytes\n"));
}

#[test]
fn they_explain_themselves() {
    for name in ["chat", "game", "godot_server", "metrics", "redirect"] {
        let output = run(Command::new(example(name)).arg("--help"));
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("Examples:"), "{name}");
    }
}
