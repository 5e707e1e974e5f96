//! LÖVE 11.4, whose module `enet` is lua-enet with an ENet 1.3.13 of its own.

use std::process::Command;

use enet_compress::RangeCoder;
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

#[test]
fn our_client_gets_back_what_it_sends_from_a_love_server_and_hears_how_it_ends() {
    if !has_love() {
        return;
    }
    const TO_ALL: u8 = 3;
    for mode in MODES {
        let mut server = Running::start(&mut love(&["server", mode]));
        let to = server.event("listening")["address"].as_str().unwrap().parse().unwrap();
        let connect = |data| Client::connect(configured(mode), to, 4, data);
        let mut ann = connect(7);
        exchange(&mut ann, mode);

        let mut bob = connect(8);
        bob.send(2, Packet::reliable(vec![TO_ALL]));
        for client in [&mut ann, &mut bob] {
            assert_eq!(client.heard(), (ChannelId::new(2), Packet::reliable(vec![TO_ALL])), "{mode}");
        }
        bob.service.peer_mut(bob.peer).unwrap().disconnect(99);
        assert_eq!(bob.service.close(PATIENCE).unwrap(), 0, "{mode}");

        // It ends the connection: what it said before comes, too, if it waits for that.
        let mut cora = connect(9);
        cora.send(0, Packet::reliable(vec![254]));
        assert_eq!(cora.heard().1[..], [254; 20_000], "{mode}");
        assert_eq!(cora.end(), ("disconnected by the remote".to_owned(), 254), "{mode}");
        let mut dora = connect(10);
        dora.send(0, Packet::reliable(vec![253]));
        assert_eq!(dora.end(), ("disconnected by the remote".to_owned(), 253), "{mode}");
        ann.send(0, Packet::reliable(vec![255]));
        assert_eq!(ann.end(), ("disconnected by the remote".to_owned(), 2_147_483_648), "{mode}");
        assert_eq!(ann.service.stats().discarded.total(), 0, "{mode}");

        for data in [7, 8] {
            assert_eq!(server.event("connected")["data"], data, "{mode}");
        }
        assert_eq!(server.event("disconnected")["data"], 99, "{mode}");
    }
}
