//! Godot 3.2.3: `NetworkedMultiplayerENet`, in each of its five compression modes.

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use enet_compress::{FastLz, RangeCoder, Zlib};
use enet_mio::enet_proto::Timeouts;
use enet_mio::{ChannelId, ConnectOptions, Delivery, DisconnectReason, Event, HostConfig, Packet, Service};

use crate::common::{PATIENCE, config};
use crate::tools::{Running, last_event};
use crate::{Client, engine, is_there, payloads, server};

const MODES: [&str; 5] = ["none", "range", "fastlz", "zlib", "zstd"];

/// The engine's channel for who has come and gone.
const CONFIG: ChannelId = ChannelId::new(0);

fn configured(mode: &str) -> HostConfig {
    let mut config = config();
    config.compressor = match mode {
        "range" => Some(RangeCoder::boxed()),
        "fastlz" => Some(Box::new(FastLz::new())),
        "zlib" => Some(Box::new(Zlib::new())),
        #[cfg(target_os = "linux")]
        "zstd" => Some(Box::new(enet_compress::Zstd::new())),
        _ => None,
    };
    config
}

fn has_godot() -> bool {
    cfg!(target_os = "linux") && is_there("godot3-server", "godot3-server")
}

/// Runs a script of the folder `godot` in a mode.
fn godot(script: &str, port: u16, mode: &str) -> Command {
    let (mut command, project) = engine("godot3-server", "godot");
    command.arg("--path").arg(project).args(["-s", script]);
    command.args([format!("--port={port}"), format!("--mode={mode}")]);
    command
}

fn start(command: &mut Command) -> Running {
    let mut godot = Running::start(command);
    assert!(godot.line().starts_with("Godot Engine v3."));
    godot.line();
    godot
}

fn godot_server(mode: &str) -> (Running, u16) {
    let arguments = ["127.0.0.1:*", "--godot3", "--channels", "5", "--compress", mode];
    let (server, address) = server("godot_server", &arguments);
    (server, address.port())
}

#[test]
fn a_godot_client_gets_back_what_it_sends_in_each_mode() {
    if !has_godot() {
        return;
    }
    let all = MODES.map(|mode| {
        let (server, port) = godot_server(mode);
        (mode, server, start(&mut godot("client.gd", port, mode)))
    });
    for (mode, mut server, mut client) in all {
        let id = &client.event("connected")["id"];
        let (said, success) = client.finish();
        let totals = last_event(said.as_bytes(), "totals");
        assert!(success, "{mode}: {said}");
        assert_eq!(totals["wrong"], 0, "{mode}");
        // Twelve payloads of 1 to 20,000 bytes, on three channels or two.
        for (kind, count) in [("reliable", 36), ("unreliable", 24), ("ordered", 24)] {
            assert_eq!(totals["echoed"][kind], count, "{mode}: {kind}");
        }
        assert_eq!(&server.event("connected")["id"], id, "{mode}");
        let gone = server.event("disconnected");
        assert_eq!(&gone["id"], id, "{mode}");
        assert_eq!(gone["reason"], "disconnected by the remote", "{mode}");
    }
}

#[test]
fn players_of_a_godot_game_call_each_other_through_our_server() {
    if !has_godot() {
        return;
    }
    let (mut server, port) = godot_server("range");
    let mut stays = start(&mut godot("player.gd", port, "range"));
    let mut leaves = start(godot("player.gd", port, "range").arg("--leave=1"));
    let [stayed, left] = [&mut stays, &mut leaves].map(|player| player.event("connected")["id"].clone());
    assert_eq!(leaves.event("met")["id"], stayed);
    let (said, success) = leaves.finish();
    assert!(success, "{said}");
    for (from, text) in [(&stayed, "hello, you"), (&stayed, "hello, all"), (&stayed, "thank you")] {
        assert!(said.contains(&format!(r#"{{"from":{from},"text":"{text}","event":"heard"}}"#)), "{said}");
    }
    assert_eq!(stays.event("met")["id"], left);
    assert_eq!(stays.event("left")["id"], left);
    assert_eq!(server.event("disconnected")["id"], left);
}

/// Godot's own server: the port it listens at.
fn listening(mode: &str) -> (Running, u16) {
    // Free a moment ago; Godot takes the next one if it is no longer.
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = start(&mut godot("server.gd", port, mode));
    let port = server.event("listening")["port"].as_u64().unwrap();
    (server, u16::try_from(port).unwrap())
}

fn frame(source: u32, target: u32, body: &[u8]) -> Vec<u8> {
    [&source.to_le_bytes(), &target.to_le_bytes(), body].concat()
}

fn config_message(what: u32, id: u32) -> (ChannelId, Packet) {
    (CONFIG, Packet::reliable([what, id].map(u32::to_le_bytes).concat()))
}

/// What our client sends comes back as by Godot's transfer modes, of which the first byte is the number.
fn exchange(client: &mut Client, id: u32, mode: &str) {
    for channel in 1..5 {
        for (number, delivery) in
            [Delivery::Unsequenced, Delivery::Unreliable, Delivery::Reliable].into_iter().enumerate()
        {
            for len in [1, 100, 700, 1_300, 5_000, 20_000] {
                for mut body in payloads(len, channel) {
                    body[0] = u8::try_from(number).unwrap();
                    client.send(channel, Packet::new(delivery, frame(id, 1, &body)));
                    // What needs fragments travels reliably.
                    let delivery = if len < 5_000 { delivery } else { Delivery::Reliable };
                    let echo = (ChannelId::new(channel), Packet::new(delivery, frame(1, id, &body)));
                    assert!(client.heard() == echo, "{mode}: {len} bytes on channel {channel}, {delivery:?}");
                }
            }
        }
    }
}

#[test]
fn our_client_gets_back_what_it_sends_from_a_godot_server_in_each_mode() {
    if !has_godot() {
        return;
    }
    const BYE: [u8; 1] = [255];
    for (mode, (mut server, port)) in MODES.map(|mode| (mode, listening(mode))) {
        let to = ([127, 0, 0, 1], port).into();
        let mut ann = Client::connect(configured(mode), to, 5, 77);
        exchange(&mut ann, 77, mode);

        let mut bob = Client::connect(configured(mode), to, 5, 78);
        assert_eq!(ann.heard(), config_message(0, 78), "{mode}: bob has come");
        assert_eq!(bob.heard(), config_message(0, 77), "{mode}: ann was there");
        let to_bob = Packet::reliable(frame(77, 78, b"to bob"));
        ann.send(3, to_bob.clone());
        assert_eq!(bob.heard(), (ChannelId::new(3), to_bob), "{mode}: relayed as it was sent");
        assert_eq!(bob.service.close(PATIENCE).unwrap(), 0, "{mode}");
        assert_eq!(ann.heard(), config_message(1, 78), "{mode}: bob has gone");

        ann.send(1, Packet::reliable(frame(77, 1, &BYE)));
        assert_eq!(ann.end(), ("disconnected by the remote".to_owned(), 0), "{mode}");
        assert_eq!(ann.service.stats().discarded.total(), 0, "{mode}");
        for (event, id) in [("connected", 77), ("connected", 78), ("disconnected", 78), ("disconnected", 77)]
        {
            assert_eq!(server.event(event)["id"], id, "{mode}");
        }
    }
}

/// Who compresses how, and what our server counts. A CONNECT as it is is understood by everybody, but not the answer.
#[test]
fn a_godot_client_in_another_mode_is_never_connected() {
    if !has_godot() {
        return;
    }
    for (theirs, ours, reason) in [
        ("fastlz", "zlib", "bad_compression"),
        ("zlib", "none", "no_compressor"),
        ("none", "range", "duplicate_connect"),
    ] {
        let mut server = Service::bind("127.0.0.1:*", configured(ours)).unwrap();
        let port = server.local_addr().unwrap().port();
        let mut client = start(godot("client.gd", port, theirs).arg("--patience=1500"));
        // It says CONNECT for the second time after half a second: the first was not answered to its satisfaction.
        let patience = Instant::now() + PATIENCE;
        while server.stats().datagrams_received < 2 {
            let event = server.service(Duration::from_millis(10)).unwrap();
            assert_eq!(event, None, "{theirs}: nobody is connected");
            assert!(Instant::now() < patience, "{theirs}");
        }
        let discarded: Vec<_> = server.stats().discarded.iter().filter(|(_, count)| *count > 0).collect();
        let names: Vec<_> = discarded.iter().map(|(reason, _)| reason.as_str()).collect();
        assert_eq!(names, [reason], "{theirs}");
        assert!(client.line().contains("failed"), "{theirs}");
    }
}

#[test]
fn our_client_in_another_mode_than_a_godot_server_gives_up() {
    if !has_godot() {
        return;
    }
    const SECOND: Duration = Duration::from_secs(1);
    let (mut server, port) = listening("zstd");
    let mut client = Service::client(configured("range")).unwrap();
    let timeout = Timeouts { limit: 1, minimum: SECOND, maximum: SECOND };
    let options = ConnectOptions { data: 77, timeout: Some(timeout), ..ConnectOptions::default() };
    client.connect(([127, 0, 0, 1], port).into(), options).unwrap();
    let end = client.service(PATIENCE).unwrap();
    assert!(
        matches!(end, Some(Event::Disconnected { reason: DisconnectReason::ConnectTimedOut, .. })),
        "{end:?}"
    );
    let mut understood = Client::connect(configured("zstd"), ([127, 0, 0, 1], port).into(), 5, 78);
    understood.service.close(PATIENCE).unwrap();
    // Nothing was said of 77.
    assert_eq!(server.event("connected")["id"], 78);
}
