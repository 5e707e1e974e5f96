//! A lobby that sends its visitors on to a game server, as UDPIPE's `CONNECT IP PORT` does, and a visitor that goes there.

mod common;

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use enet_mio::{ConnectOptions, Event, Packet, PeerId, Service};
use serde_json::json;

use common::{Both, FAREWELL};

/// What a lobby says, before the address.
const CONNECT: &str = "CONNECT ";

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A lobby that sends its visitors on, and a visitor that follows
#[derive(Parser)]
#[command(after_help = "\
Examples:
  redirect lobby '*:6789' --to 192.0.2.1:7000 --to 192.0.2.2:7000
                                         sends visitors to these in turn
  redirect visit localhost:6789          goes where the lobby says; fails if nobody is there")]
struct Options {
    #[command(subcommand)]
    role: Role,
    #[command(flatten)]
    both: Both,
}

#[derive(Subcommand)]
enum Role {
    /// Sends visitors on
    Lobby {
        /// Where to listen: `host:port`; `*` stands for every host or any port
        #[arg(value_name = "ADDR")]
        bind: String,
        /// A game server: `host:port`, as visitors reach it
        #[arg(long, value_name = "ADDR", required = true)]
        to: Vec<String>,
    },
    /// Asks a lobby, and goes where it says
    Visit {
        /// The lobby: `host:port`
        #[arg(value_name = "ADDR")]
        lobby: String,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    common::exit(
        "redirect",
        match &options.role {
            Role::Lobby { bind, to } => lobby(bind, to, &options.both),
            Role::Visit { lobby } => visit(lobby, &options.both),
        },
    )
}

fn lobby(bind: &str, to: &[String], both: &Both) -> io::Result<bool> {
    let mut service = Service::bind(bind, both.config()?)?;
    let address = service.local_addr()?.to_string();
    both.tell(&format!("listening at {address}"), &json!({ "event": "listening", "address": address }));
    let mut servers = to.iter().cycle();
    loop {
        if let Some(Event::Connected { peer, .. }) = service.service(Duration::MAX)?
            && let Some(server) = servers.next()
            && let Some(mut peer) = service.peer_mut(peer)
        {
            // The visitor's address alone is not a ticket: put one into the text if the game needs it.
            let _ = peer.send(0, Packet::reliable(format!("{CONNECT}{server}")));
            peer.disconnect_later(0);
        }
    }
}

fn visit(lobby: &str, both: &Both) -> io::Result<bool> {
    let mut service = Service::client(both.config()?)?;
    connect(&mut service, lobby)?;
    let Some(Event::Received { packet, .. }) = service.service(PATIENCE)? else {
        return Err(io::Error::other("the lobby said nothing"));
    };
    let said = String::from_utf8_lossy(&packet).into_owned();
    let server = said
        .strip_prefix(CONNECT)
        .ok_or_else(|| io::Error::other(format!("the lobby said `{said}`, which is no `{CONNECT}ADDR`")))?;
    both.tell(&format!("sent on to {server}"), &json!({ "event": "sent_on", "address": server }));
    let peer = connect(&mut service, server)?;
    let address = service.peer(peer).map(|peer| peer.address().to_string()).unwrap_or_default();
    both.tell(&format!("connected to {address}"), &json!({ "event": "connected", "address": address }));
    Ok(service.close(FAREWELL)? == 0)
}

/// Connects, and waits until it is done. What else is heard is the lobby's goodbye.
fn connect(service: &mut Service, to: &str) -> io::Result<PeerId> {
    let address = service.resolve(to)?;
    let peer = service.connect(address, ConnectOptions::default()).map_err(io::Error::other)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match service.service(deadline.saturating_duration_since(Instant::now()))? {
            Some(Event::Connected { peer: who, .. }) if who == peer => return Ok(peer),
            Some(Event::Disconnected { peer: who, reason, .. }) if who == peer => {
                return Err(io::Error::other(format!("{to}: {reason}")));
            }
            Some(_) => {}
            None => return Err(io::Error::other(format!("{to} did not answer"))),
        }
    }
}
