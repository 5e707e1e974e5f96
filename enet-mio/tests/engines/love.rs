//! LÖVE 11.4, whose module `enet` is lua-enet with an ENet 1.3.13 of its own.

use std::process::Command;

use enet_compress::RangeCoder;
use enet_mio::enet_proto::PeerMut;
use enet_mio::{ChannelId, Delivery, HostConfig, Packet};

use crate::common::{PATIENCE, config};
use crate::tools::{Running, last_event};
use crate::{Client, engine, is_there, payloads, server};

const MODES: [&str; 2] = ["none", "range"];

fn has_love() -> bool {
    cfg!(target_os = "linux") && is_there("love", "love")
}

/// Runs a script of the folder `love`.
fn love(arguments: &[&str]) -> Command {
    let (mut command, project) = engine("love", "love");
    command.arg(project).args(arguments);
    command
}

#[test]
fn a_love_client_gets_back_what_it_sends_and_leaves_in_each_way() {
    if !has_love() {
        return;
    }
    let all = MODES.map(|mode| {
        let (server, address) = server("echo_server", &["--bind", "127.0.0.1:*", "--compress", mode]);
        let client = Running::start(&mut love(&["client", &address.to_string(), mode]));
        (mode, server, client)
    });
    for (mode, mut server, mut client) in all {
        let connected = client.event("connected");
        assert_eq!((&connected["version"], &connected["state"]), (&"1.3.13".into(), &"connected".into()));
        let statistics = client.event("statistics");
        let (said, success) = client.finish();
        assert!(success, "{mode}");
        let totals = last_event(said.as_bytes(), "totals");
        assert_eq!(totals["wrong"], 0, "{mode}");
        // On each of four channels, of 1 to 20,000 bytes, and an empty one that must not be compressed.
        let each = if mode == "none" { 44 } else { 40 };
        assert_eq!(totals["reliable"], each + 2, "{mode}: a broadcast and a last word, too");
        assert_eq!((&totals["unreliable"], &totals["unsequenced"]), (&each.into(), &each.into()), "{mode}");
        assert!(statistics["round_trip_time"].as_u64().unwrap() < 500, "{mode}: measured");

        // Its three connections, one after another, and what the server has got after each.
        let mut bytes_before = 0;
        for (data, end) in [(2_000_000_000, 77), (2, 78), (3, 79)] {
            assert_eq!(server.event("connected")["data"], data, "{mode}");
            let gone = server.event("disconnected");
            assert_eq!(
                (&gone["data"], &gone["reason"]),
                (&end.into(), &"disconnected by the remote".into()),
                "{mode}"
            );
            let totals = server.event("totals");
            let bytes = totals["bytes"].as_u64().unwrap();
            if data == 2 {
                assert_eq!(bytes, bytes_before + 20_000, "{mode}: what was queued has arrived");
            }
            bytes_before = bytes;
            assert_eq!(totals["discarded"], 0, "{mode}");
            assert!(totals["bytes_received"].as_u64() >= statistics["sent"].as_u64(), "{mode}");
        }
    }
}

fn configured(mode: &str) -> HostConfig {
    let mut config = config();
    if mode == "range" {
        config.compressor = Some(RangeCoder::boxed());
    }
    config
}

/// What our client sends comes back as the first byte says.
fn exchange(client: &mut Client, mode: &str) {
    for channel in 0..4 {
        for (number, delivery) in
            [Delivery::Reliable, Delivery::Unreliable, Delivery::Unsequenced].into_iter().enumerate()
        {
            for len in [1, 100, 1_300, 5_000, 20_000] {
                for mut body in payloads(len, channel) {
                    body[0] = u8::try_from(number).unwrap();
                    client.send(channel, Packet::new(delivery, body.clone()));
                    let delivery = if len < 5_000 { delivery } else { Delivery::Reliable };
                    let echo = (ChannelId::new(channel), Packet::new(delivery, body));
                    assert!(client.heard() == echo, "{mode}: {len} bytes on channel {channel}, {delivery:?}");
                }
            }
        }
    }
}

/// LÖVE's server, and a way to connect to it with this number.
fn love_server(mode: &str) -> (Running, impl Fn(u32) -> Client) {
    let mut server = Running::start(&mut love(&["server", mode]));
    let to = server.event("listening")["address"].as_str().unwrap().parse().unwrap();
    (server, move |data| Client::connect(configured(mode), to, 4, data))
}

#[test]
fn our_client_gets_back_what_it_sends_from_a_love_server() {
    if !has_love() {
        return;
    }
    const TO_ALL: u8 = 3;
    for mode in MODES {
        let (_server, connect) = love_server(mode);
        let mut ann = connect(1);
        exchange(&mut ann, mode);
        let mut bob = connect(2);
        bob.send(2, Packet::reliable(vec![TO_ALL]));
        for client in [&mut ann, &mut bob] {
            assert_eq!(client.heard(), (ChannelId::new(2), Packet::reliable(vec![TO_ALL])), "{mode}");
            assert_eq!(client.service.stats().discarded.total(), 0, "{mode}");
        }
    }
}

#[test]
fn our_client_hears_in_which_way_a_love_server_ends_it() {
    if !has_love() {
        return;
    }
    let remote = |data| ("disconnected by the remote".to_owned(), data);
    for mode in MODES {
        let (_server, connect) = love_server(mode);
        let [mut later, mut now, mut at_once] = [1, 2, 3].map(connect);
        later.send(0, Packet::reliable(vec![254]));
        assert_eq!(later.heard().1[..], [254; 20_000], "{mode}: what it says before comes first");
        assert_eq!(later.end(), remote(254), "{mode}");
        now.send(0, Packet::reliable(vec![253]));
        assert_eq!(now.end(), remote(253), "{mode}");
        at_once.send(0, Packet::reliable(vec![255]));
        assert_eq!(at_once.end(), remote(2_147_483_648), "{mode}");
    }
}

#[test]
fn a_love_server_hears_in_which_way_our_clients_leave() {
    if !has_love() {
        return;
    }
    for mode in MODES {
        let (mut server, connect) = love_server(mode);
        let leave = |number: u32, leave: fn(PeerMut<'_>)| {
            let mut client = connect(number);
            client.send(0, Packet::reliable(vec![7; 20_000]));
            leave(client.service.peer_mut(client.peer).unwrap());
            client.service.close(PATIENCE).unwrap();
        };
        leave(4_000_000_001, |mut peer| peer.disconnect_later(4_000_000_004));
        leave(2, |mut peer| peer.disconnect(5));
        leave(3, |peer| peer.disconnect_now(6));
        let event = server.event("connected");
        assert_eq!(event["data"], 4_000_000_001_u32, "{mode}");
        let event = server.event("last");
        assert_eq!(event["bytes"], 20_000, "{mode}: what was queued arrives");
        for data in [4_000_000_004_u32, 5, 6] {
            assert_eq!(server.event("disconnected")["data"], data, "{mode}");
        }
    }
}
