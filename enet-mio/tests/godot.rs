//! `godot_server` answers real Godot 3 programs' packets as Godot's own server did, in each compression mode, and
//! Godot 4's, which have no framing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

mod common;
#[path = "common/tools.rs"]
mod tools;

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use common::{PATIENCE, config, pattern};
use enet_compress::{Compressor, FastLz, RangeCoder, Zlib};
use enet_mio::{
    ChannelId, ChannelLimit, ConnectOptions, Delivery, DisconnectReason, Event, Packet, PeerId, Service,
};
use enet_wire::{Body, Commands, Fragment, Header};
use tools::{Running, example};

/// `zstd` is compiled from C, which only the tests on Linux do.
const MODES: &[&str] = if cfg!(target_os = "linux") {
    &["none", "range", "fastlz", "zlib", "zstd"]
} else {
    &["none", "range", "fastlz", "zlib"]
};

fn codec(mode: &str) -> Option<Box<dyn Compressor>> {
    Some(match mode {
        "range" => RangeCoder::boxed(),
        "fastlz" => Box::new(FastLz::new()),
        "zlib" => Box::new(Zlib::new()),
        #[cfg(target_os = "linux")]
        "zstd" => Box::new(enet_compress::Zstd::new()),
        _ => return None,
    })
}

// --- captures ---

/// What two Godot 3 programs said to each other, a client and a server that sends everything back.
struct Capture {
    /// The client's first datagram, as it was.
    connect: Vec<u8>,
    /// The client's unique id.
    id: u32,
    asked: Vec<(ChannelId, Packet)>,
    answered: Vec<(ChannelId, Packet)>,
}

fn hex(line: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
    (0..line.len()).step_by(2).map(digits).collect()
}

/// Puts a fragment to those before it; the packet if it was the last. In the captures they come in order.
fn assemble(parts: &mut Vec<u8>, fragment: &Fragment<'_>) -> Option<Packet> {
    if fragment.offset == 0 {
        parts.clear();
    }
    if parts.len() == usize::try_from(fragment.offset).unwrap() {
        parts.extend_from_slice(fragment.payload);
    }
    let is_last = fragment.number + 1 == fragment.count;
    is_last.then(|| Packet::reliable(std::mem::take(parts)))
}

impl Capture {
    fn read(mode: &str) -> Capture {
        let path = format!("{}/../enet-testkit/vectors/godot3/{mode}.hex", env!("CARGO_MANIFEST_DIR"));
        let lines = std::fs::read_to_string(path).unwrap();
        let datagrams: Vec<_> = lines.lines().map(hex).collect();
        let mut capture =
            Capture { connect: datagrams[0].clone(), id: 0, asked: Vec::new(), answered: Vec::new() };
        let mut parts = Vec::new();
        for datagram in &datagrams {
            let (header, rest) = Header::decode(datagram).unwrap();
            let mut commands = rest.to_vec();
            if header.compressed {
                commands = vec![0; 4096];
                let len = codec(mode).unwrap().decompress(rest, &mut commands).unwrap();
                commands.truncate(len);
            }
            for command in Commands::new(&commands).map_while(Result::ok) {
                let packet = match command.body {
                    Body::SendReliable { payload } => Packet::reliable(payload.to_vec()),
                    Body::SendUnreliable { payload, .. } => Packet::unreliable(payload.to_vec()),
                    Body::SendUnsequenced { payload, .. } => Packet::unsequenced(payload.to_vec()),
                    Body::SendFragment(fragment) => match assemble(&mut parts, &fragment) {
                        Some(packet) => packet,
                        None => continue,
                    },
                    _ => continue,
                };
                capture.note(command.channel, packet);
            }
        }
        capture
    }

    fn note(&mut self, channel: ChannelId, packet: Packet) {
        let source = u32::from_le_bytes(packet[..4].try_into().unwrap());
        let said = if source == 1 { &mut self.answered } else { &mut self.asked };
        self.id = self.id.max(source);
        // One of them is there twice: Godot sent it again.
        if said.last() != Some(&(channel, packet.clone())) {
            said.push((channel, packet));
        }
    }
}

// --- both ends ---

fn godot_server(options: &[&str]) -> (Running, SocketAddr) {
    let mut command = Command::new(example("godot_server"));
    let mut server = Running::start(command.args(["127.0.0.1:*", "--json"]).args(options));
    let address = server.event("listening")["address"].as_str().unwrap().parse().unwrap();
    (server, address)
}

/// A client that brings a unique id, as the engine's do.
fn player(to: SocketAddr, id: u32, mode: &str) -> (Service, PeerId) {
    let mut config = config();
    config.compressor = codec(mode);
    let mut player = Service::client(config).unwrap();
    let channels = ChannelLimit::new(5).unwrap();
    let peer =
        player.connect(to, ConnectOptions { channels, data: id, ..ConnectOptions::default() }).unwrap();
    let connected = player.service(PATIENCE).unwrap();
    assert!(matches!(connected, Some(Event::Connected { .. })), "{connected:?}");
    player.flush(); // the server knows only now
    (player, peer)
}

fn heard(player: &mut Service) -> (ChannelId, Packet) {
    match player.service(PATIENCE).unwrap() {
        Some(Event::Received { channel, packet, .. }) => (channel, packet),
        other => panic!("{other:?}"),
    }
}

#[test]
fn godot_3_is_answered_as_by_godot_3_in_each_mode() {
    for mode in MODES {
        let capture = Capture::read(mode);
        assert_eq!((capture.asked.len(), capture.answered.len()), (6, 6), "{mode}"); // of 1 to 20,000 bytes
        let (mut server, address) = godot_server(&["--godot3", "--compress", mode]);

        // The client's first datagram, byte for byte: a server that understands it answers.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&capture.connect, address).unwrap();
        assert!(socket.recv(&mut [0; 4096]).is_ok(), "{mode}: no answer to Godot's connect");

        let (mut player, peer) = player(address, capture.id, mode);
        for (question, answer) in capture.asked.iter().zip(&capture.answered) {
            let (channel, packet) = question.clone();
            player.peer_mut(peer).unwrap().send(channel, packet).unwrap();
            assert_eq!(heard(&mut player), *answer, "{mode}");
        }
        assert_eq!(player.close(PATIENCE).unwrap(), 0);
        assert_eq!(server.event("disconnected")["id"], capture.id);
    }
}

#[test]
fn players_of_godot_3_hear_of_each_other_and_of_what_is_for_them() {
    let (_server, address) = godot_server(&["--godot3"]);
    let frame = |source: u32, target: i32, body: &[u8]| {
        Packet::reliable([&source.to_le_bytes()[..], &target.to_le_bytes(), body].concat())
    };
    let config_message = |what: u32, id: u32| {
        (ChannelId::new(0), Packet::reliable([what.to_le_bytes(), id.to_le_bytes()].concat()))
    };
    let (mut ann, to_server) = player(address, 100, "none");
    let (mut bob, from_bob) = player(address, 200, "none");
    assert_eq!(heard(&mut ann), config_message(0, 200), "bob has come");
    assert_eq!(heard(&mut bob), config_message(0, 100), "ann was there");
    let mut say = |target, body: &[u8]| {
        ann.peer_mut(to_server).unwrap().send(1, frame(100, target, body)).unwrap();
        ann.flush();
    };
    say(200, b"to bob");
    say(0, b"to all");
    say(-200, b"to all but bob");
    say(-1, b"to the players");
    for (target, body) in [(200, &b"to bob"[..]), (0, b"to all"), (-1, b"to the players")] {
        assert_eq!(heard(&mut bob), (ChannelId::new(1), frame(100, target, body)), "as it was sent");
    }
    for body in [&b"to all"[..], b"to all but bob"] {
        assert_eq!(heard(&mut ann), (ChannelId::new(1), frame(1, 100, body)), "the server's echo");
    }
    // Nobody speaks for others, and no header is no packet.
    bob.peer_mut(from_bob).unwrap().send(1, frame(100, 100, b"I am ann")).unwrap();
    bob.peer_mut(from_bob).unwrap().send(1, Packet::reliable("short")).unwrap();
    assert_eq!(bob.close(PATIENCE).unwrap(), 0);
    assert_eq!(heard(&mut ann), config_message(1, 200), "bob has gone");
}

#[test]
fn godot_4_gets_back_what_it_sends_on_its_channel_in_each_mode() {
    for mode in MODES {
        let (_server, address) = godot_server(&["--compress", mode]);
        let (mut player, peer) = player(address, 2, mode);
        // The engine's reliable and unreliable channel, and the first that a game may choose.
        for (channel, delivery, sizes) in [
            (0, Delivery::Reliable, [1, 1_300, 20_000]),
            (1, Delivery::Unreliable, [1, 100, 1_300]),
            (1, Delivery::UnreliableFragments, [1_500, 3_000, 5_000]),
            (1, Delivery::Unsequenced, [1, 100, 1_300]),
            (2, Delivery::Reliable, [1, 1_300, 20_000]),
        ] {
            for len in sizes {
                let packet = Packet::new(delivery, pattern(len, channel));
                player.peer_mut(peer).unwrap().send(channel, packet.clone()).unwrap();
                assert_eq!(heard(&mut player), (ChannelId::new(channel), packet), "{mode}");
            }
        }
    }
}

#[test]
fn who_brings_no_id_or_a_taken_one_is_refused() {
    let (mut server, address) = godot_server(&["--channels", "3"]);
    let (first, peer) = player(address, 7, "none");
    assert_eq!(first.peer(peer).unwrap().channels(), 3, "of 5 asked for");
    for id in [0, 1, 7, 0x8000_0000] {
        let mut client = Service::client(config()).unwrap();
        client.connect(address, ConnectOptions { data: id, ..ConnectOptions::default() }).unwrap();
        let end = loop {
            match client.service(PATIENCE).unwrap() {
                Some(Event::Connected { .. }) => {} // it proved its address, and believed to be in
                end => break end,
            }
        };
        let Some(Event::Disconnected { reason, .. }) = end else { panic!("{end:?}") };
        assert!(matches!(reason, DisconnectReason::Remote | DisconnectReason::Refused), "{reason}");
        assert_eq!(server.event("refused")["id"], id);
    }
}

/// The server finds all proofs in its socket at once, so that it is asked for the others before the first is connected.
#[cfg(unix)]
#[test]
fn of_many_who_bring_the_same_id_at_once_one_is_let_in() {
    let (mut server, address) = godot_server(&[]);
    // A server that has met nobody in a crowd takes two datagrams one by one before it looks for more.
    let mut crowd = [9, 8, 7, 7, 7, 7].map(|id| {
        let mut client = Service::client(config()).unwrap();
        client.connect(address, ConnectOptions { data: id, ..ConnectOptions::default() }).unwrap();
        let event = client.service(PATIENCE).unwrap();
        assert!(matches!(event, Some(Event::Connected { .. })), "{event:?}");
        client
    });
    server.signal("STOP");
    crowd.iter_mut().for_each(|client| client.flush()); // the proof
    server.signal("CONT");
    let mut said = Vec::new();
    while said.len() < crowd.len() {
        let line: serde_json::Value = serde_json::from_str(&server.line()).unwrap();
        said.push(line["event"].as_str().unwrap().to_owned());
    }
    let count = |event| said.iter().filter(|said| *said == event).count();
    assert_eq!((count("connected"), count("refused")), (3, 3), "{said:?}");
    for mut client in crowd {
        client.close(PATIENCE).unwrap();
    }
    for _ in 0..3 {
        server.event("disconnected");
    }
    let (mut next, peer) = player(address, 7, "none");
    next.peer_mut(peer).unwrap().send(0, Packet::reliable("the id is free again")).unwrap();
    heard(&mut next);
}

#[test]
fn a_player_in_another_mode_is_not_understood_and_the_totals_count_it() {
    let (server, address) = godot_server(&["--compress", "zlib", "--seconds", "5"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    socket.send_to(&Capture::read("fastlz").connect, address).unwrap();
    assert!(socket.recv(&mut [0; 4096]).is_err());
    let (rest, success) = server.finish();
    assert!(success);
    assert_eq!(tools::last_event(rest.as_bytes(), "totals")["discarded"], 1);
}
