//! A dedicated server for games made with Godot: it introduces the players to each other and sends back what it is sent.

#[path = "../common/mod.rs"]
mod common;
mod godot3;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use enet_mio::enet_proto::{ConnectAttempt, RequestId};
use enet_mio::{Admission, ChannelId, ChannelLimit, Gone, Handler, Host, Packet, PeerId, PeerLimit, Service};
use serde_json::json;

use common::{Both, FAREWELL};
use godot3::Frame;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Serves Godot's high-level multiplayer, and sends back what it is sent
///
/// Godot 4's ENetMultiplayerPeer needs no framing: a packet goes back on its channel. Godot 3's
/// NetworkedMultiplayerENet puts source and target before each packet; what is for other players is relayed to them.
/// Whoever brings no unique id of their own (2 or more, as connect data) is refused, as by Godot's servers.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  godot_server '*:10567'                        for ENetMultiplayerPeer.create_client(ADDR, 10567)
  godot_server '*:10567' --compress range       its host.compress(ENetConnection.COMPRESS_RANGE_CODER)
  godot_server '*:10567' --godot3 --compress zstd --channels 3
                                                NetworkedMultiplayerENet with COMPRESS_ZSTD

The compression must be the one that the players use: a datagram does not say it. If their game does not choose,
Godot 4 and Godot 3 up to 3.3 use none; Godot 3.4 and later 3.x use the range coder: --godot3 --compress range.")]
struct Options {
    /// Where to listen: `host:port`; `*` stands for every host or any port
    #[arg(value_name = "ADDR")]
    bind: String,
    /// For Godot 3: packets have a header of 8 bytes
    #[arg(long)]
    godot3: bool,
    /// ENet channels granted at most; the engine takes the first 2 of them, Godot 3 the first 3
    #[arg(long, value_name = "N", default_value_t = 255, value_parser = clap::value_parser!(u8).range(2..))]
    channels: u8,
    /// Players at most
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4095))]
    peers: u16,
    /// Stop after so many seconds
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    #[command(flatten)]
    both: Both,
}

struct Game {
    options: Options,
    deadline: Option<Instant>,
    /// The players by unique id.
    players: HashMap<u32, PeerId>,
    packets: u64,
}

fn main() -> ExitCode {
    common::exit("godot_server", run(Options::parse()))
}

fn run(options: Options) -> io::Result<bool> {
    let mut config = options.both.config()?;
    config.channels = ChannelLimit::new(options.channels).unwrap_or(ChannelLimit::MAX);
    config.peers = PeerLimit::new(options.peers).unwrap_or_default();
    let mut service = Service::bind(&options.bind, config)?;
    service.set_admission(Some(Box::new(|_: &ConnectAttempt<'_>| Admission::Ask)));
    options.both.say(&json!({ "event": "listening", "address": service.local_addr()?.to_string() }));
    let seconds = options.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let deadline = seconds.map(|seconds| Instant::now() + seconds);
    let mut game = Game { options, deadline, players: HashMap::new(), packets: 0 };
    service.run(&mut game, TICK)?;
    service.close(FAREWELL)?;
    let discarded = service.stats().discarded;
    game.say(&json!({ "event": "totals", "packets": game.packets, "discarded": discarded.total() }));
    Ok(true)
}

impl Handler for Game {
    fn on_connect_request(
        &mut self,
        host: &mut Host,
        request: RequestId,
        address: SocketAddr,
        id: u32,
        _: Option<&[u8]>,
    ) {
        let is_an_id = (2..=i32::MAX.unsigned_abs()).contains(&id);
        let is_free = is_an_id && !self.players.contains_key(&id);
        let accepted = if is_free { host.accept(request).ok() } else { None };
        let Some(peer) = accepted else {
            host.refuse(request, 0);
            return self.say(&json!({ "event": "refused", "address": address.to_string(), "id": id }));
        };
        // The id is taken from now on: the next request may be for the same.
        if let Some(mut peer) = host.peer_mut(peer) {
            peer.set_user_value(id.into());
        }
        if self.options.godot3 {
            for (other, at) in &self.players {
                send(host, *at, godot3::CONFIG, godot3::add_peer(id));
                send(host, peer, godot3::CONFIG, godot3::add_peer(*other));
            }
        }
        self.players.insert(id, peer);
    }

    fn on_connect(&mut self, _: &mut Host, _: PeerId, id: u32) {
        self.say(&json!({ "event": "connected", "id": id, "players": self.players.len() }));
    }

    fn on_receive(&mut self, host: &mut Host, peer: PeerId, channel: ChannelId, packet: Packet) {
        self.packets += 1;
        if !self.options.godot3 {
            return send(host, peer, channel, packet);
        }
        let id = host.peer(peer).map_or(0, |peer| peer.user_value());
        let frame = Frame::parse(&packet).filter(|frame| u64::from(frame.source) == id);
        let Some(frame) = frame.filter(|_| channel != godot3::CONFIG) else {
            return self.say(&json!({ "event": "nonsense", "id": id, "bytes": packet.len() }));
        };
        if frame.is_for(godot3::SERVER) {
            send(host, peer, channel, frame.answer(packet.delivery()));
        }
        for (other, at) in self.players.iter().filter(|(_, at)| **at != peer) {
            if frame.is_for(*other) {
                send(host, *at, channel, packet.clone());
            }
        }
    }

    fn on_close(&mut self, host: &mut Host, gone: Gone) {
        self.on_disconnect(host, gone);
    }

    fn on_disconnect(&mut self, host: &mut Host, gone: Gone) {
        let Ok(id) = u32::try_from(gone.user_value) else { return };
        if self.players.get(&id) != Some(&gone.peer) {
            return;
        }
        self.players.remove(&id);
        if self.options.godot3 {
            for at in self.players.values() {
                send(host, *at, godot3::CONFIG, godot3::remove_peer(id));
            }
        }
        self.say(&json!({ "event": "disconnected", "id": id, "reason": gone.reason.to_string() }));
    }

    fn on_turn(&mut self, _: &mut Host) -> ControlFlow<()> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Game {
    fn say(&self, line: &serde_json::Value) {
        self.options.both.say(line);
    }
}

/// A player who is leaving gets nothing any more.
fn send(host: &mut Host, to: PeerId, channel: ChannelId, packet: Packet) {
    if let Err(error) = host.send(to, channel, packet) {
        eprintln!("{error}");
    }
}
