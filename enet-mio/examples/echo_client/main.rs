//! A client that sends packets of every delivery and many sizes to an echo server, and checks what comes back.

#[path = "../common/mod.rs"]
mod common;
mod exchange;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use enet_mio::{ChannelLimit, ConnectOptions, Event, PeerId, Service};
use serde_json::json;

use common::{Both, Codec, FAREWELL};
use exchange::Exchange;

/// Sends packets of every delivery on every channel to an echo server and checks what comes back
///
/// Exits with 1 if anything reliable was lost, or anything at all came back wrong, twice or out of order.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  echo_client localhost:6789                            against echo_server with its defaults
  echo_client '[::1]:7000' --channels 4 --count 1000    more channels and packets, over IPv6
  echo_client localhost:6789 --size 100000              packets of up to 75 fragments
  echo_client localhost:6789 --compress range --checksum crc32
                                                        for a server that does the same
  echo_client localhost:6789 --data 7 --disconnect-data 8 --json
                                                        numbers for the server's events; JSON lines
  echo_client localhost:6789 --token secret             for a server that asks for it

With --compress no empty packets are sent: stock ENet crashes when it compresses one.")]
struct Options {
    /// The server: `host:port`
    #[arg(value_name = "ADDR")]
    server: String,
    /// Channels to ask for
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    channels: u8,
    /// Packets of each delivery on each channel
    #[arg(long, value_name = "N", default_value_t = 100)]
    count: u64,
    /// Largest packet, in bytes; the smallest is empty
    #[arg(long, value_name = "BYTES", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(16..=0x0200_0000))]
    size: u32,
    /// Give up after so many seconds
    #[arg(long, value_name = "S", default_value_t = 20.0)]
    seconds: f64,
    /// Number for the server's connect event
    #[arg(long, value_name = "U32", default_value_t = 0)]
    data: u32,
    /// Number for the server's disconnect event
    #[arg(long, value_name = "U32", default_value_t = 0)]
    disconnect_data: u32,
    /// What the server asks for, up to 1,024 bytes; not a secret from who listens on the wire
    #[arg(long, value_name = "TEXT")]
    token: Option<String>,
    #[command(flatten)]
    both: Both,
}

fn main() -> ExitCode {
    common::exit("echo_client", run(&Options::parse()))
}

fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let deadline = Instant::now() + Duration::try_from_secs_f64(options.seconds)?;
    let mut service = Service::client(options.both.config()?)?;
    let server = service.resolve(&options.server)?;
    let channels = ChannelLimit::new(options.channels).ok_or("channels are counted from 1")?;
    let token = options.token.clone().unwrap_or_default();
    let asked = ConnectOptions { channels, data: options.data, ..ConnectOptions::default() };
    let peer = service.connect_with_token(server, asked, token)?;
    match service.service(deadline.saturating_duration_since(Instant::now()))? {
        Some(Event::Connected { .. }) => {}
        Some(Event::Disconnected { reason, data, .. }) => {
            return Err(format!("{server}: {reason} ({data})").into());
        }
        _ => return Err(format!("{server} did not answer in time").into()),
    }
    let granted = service.peer(peer).map_or(0, |peer| peer.channels());
    options.both.say(&json!({ "event": "connected", "address": server.to_string(), "channels": granted }));

    let largest = usize::try_from(options.size)?;
    let mut exchange = Exchange::new(granted, options.count, largest, options.both.compress == Codec::None);
    let ended_early = exchange.run(&mut service, peer, deadline)?;
    let mut totals = exchange.totals();
    if let (Some(peer), Some(totals)) = (service.peer(peer), totals.as_object_mut()) {
        totals.insert("rtt_ms".into(), peer.stats().round_trip_time.into());
        totals.insert("throttle".into(), format!("{}/32", peer.stats().throttle).into());
    }
    leave(&mut service, peer, options)?;
    options.both.say(&totals);
    Ok(!ended_early && exchange.is_flawless())
}

/// Disconnects with the number asked for, and waits for the confirmation.
fn leave(service: &mut Service, peer: PeerId, options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(mut peer) = service.peer_mut(peer) {
        peer.disconnect(options.disconnect_data);
    }
    let deadline = Instant::now() + FAREWELL;
    while service.peer(peer).is_some() && Instant::now() < deadline {
        if let Some(Event::Disconnected { reason, .. }) = service.service(FAREWELL)? {
            options.both.say(&json!({ "event": "disconnected", "reason": reason.to_string() }));
        }
    }
    Ok(())
}
