//! A server that sends every packet back on its channel, with the delivery it came with.

mod common;

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use enet_mio::enet_proto::ConnectAttempt;
use enet_mio::{Admission, ChannelLimit, Event, PeerLimit, Service};
use serde_json::json;

use common::{Both, FAREWELL};

/// Sends every packet back on its channel, with the delivery it came with
#[derive(Parser)]
#[command(after_help = "\
Examples:
  echo_server                                   listen on localhost:6789 until interrupted
  echo_server --bind '*:7000' --channels 4      all addresses of the machine, IPv6 and IPv4
  echo_server --bind '127.0.0.1:*' --seconds 5 --json
                                                any free port (see `listening`), for scripts
  echo_server --compress range --checksum crc32 for clients that do the same
  echo_server --token secret                    only for clients with this token")]
struct Options {
    /// Where to listen: `host:port`; `*` stands for every host or any port
    #[arg(long, value_name = "ADDR", default_value = "localhost:6789")]
    bind: String,
    /// Channels granted to a client at most
    #[arg(long, value_name = "N", default_value_t = 255, value_parser = clap::value_parser!(u8).range(1..))]
    channels: u8,
    /// Simultaneous clients at most
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4095))]
    peers: u16,
    /// Stop after so many seconds
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// What a client must bring to be let in, up to 1,024 bytes; not a secret from who listens on the wire
    #[arg(long, value_name = "TEXT")]
    token: Option<String>,
    #[command(flatten)]
    both: Both,
}

/// What a client with another token hears.
const BAD_TOKEN: u32 = 401;

#[derive(Default)]
struct Totals {
    connects: u64,
    disconnects: u64,
    packets: u64,
    bytes: u64,
    not_echoed: u64,
}

fn main() -> ExitCode {
    common::exit("echo_server", run(&Options::parse()))
}

fn run(options: &Options) -> io::Result<bool> {
    let mut config = options.both.config()?;
    config.channels = ChannelLimit::new(options.channels).unwrap_or(ChannelLimit::MAX);
    config.peers = PeerLimit::new(options.peers).unwrap_or_default();
    let mut service = Service::bind(&options.bind, config)?;
    if let Some(token) = options.token.clone() {
        service.set_admission(Some(Box::new(move |attempt: &ConnectAttempt<'_>| match attempt.token {
            Some(brought) if brought == token.as_bytes() => Admission::Accept,
            Some(_) => Admission::Refuse(BAD_TOKEN),
            None => Admission::Ignore, // it may be on its way
        })));
    }
    options.both.say(&json!({ "event": "listening", "address": service.local_addr()?.to_string() }));

    let start = Instant::now();
    let seconds = options
        .seconds
        .map_or(Duration::MAX, |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let mut totals = Totals::default();
    while let Some(left) = seconds.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        if let Some(event) = service.service(left)? {
            handle(event, &mut service, &mut totals, &options.both);
        }
    }
    service.close(FAREWELL)?;
    say_totals(&service, &totals, &options.both);
    Ok(true)
}

fn handle(event: Event, service: &mut Service, totals: &mut Totals, both: &Both) {
    match event {
        Event::Connected { peer, data } => {
            totals.connects += 1;
            let address = service.peer(peer).map(|peer| peer.address().to_string());
            both.say(
                &json!({ "event": "connected", "peer": peer.to_string(), "address": address, "data": data }),
            );
        }
        Event::Received { peer, channel, packet } => {
            totals.packets += 1;
            totals.bytes += packet.len() as u64;
            // What arrives on a channel can be sent on it, unless the peer is leaving.
            let echoed = service.peer_mut(peer).is_some_and(|mut peer| peer.send(channel, packet).is_ok());
            totals.not_echoed += u64::from(!echoed);
        }
        Event::Disconnected { peer, reason, data, address, .. } => {
            totals.disconnects += 1;
            both.say(&json!({
                "event": "disconnected", "peer": peer.to_string(), "address": address.to_string(),
                "reason": reason.to_string(), "data": data,
            }));
            if service.connected_peers() == 0 {
                say_totals(service, totals, both);
            }
        }
        other => both.say(&json!({ "event": "other", "what": format!("{other:?}") })),
    }
}

fn say_totals(service: &Service, totals: &Totals, both: &Both) {
    let (stats, io) = (service.stats(), service.io_stats());
    both.say(&json!({
        "event": "totals",
        "connects": totals.connects, "disconnects": totals.disconnects,
        "packets": totals.packets, "bytes": totals.bytes, "not_echoed": totals.not_echoed,
        "datagrams_received": stats.datagrams_received, "datagrams_sent": stats.datagrams_sent,
        "bytes_received": stats.bytes_received, "bytes_sent": stats.bytes_sent,
        "discarded": stats.discarded.total(), "send_errors": io.send_errors + io.send_blocked,
    }));
}
