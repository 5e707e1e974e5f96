//! The `client.lua` of the lua-enet documentation, line for line: says "ping", and again to every answer.
//!
//! ```text
//! cargo run --example pingpong_client [ADDR]      # localhost:6789
//! ```

use std::{io, time::Duration};

use clap::Parser;
use enet_mio::{ConnectOptions, Event, HostConfig, Packet, Service, random_seed};

/// Says "ping", and again to every answer
#[derive(Parser)]
struct Arguments {
    /// The server: `host:port`
    #[arg(default_value = "localhost:6789")]
    address: String,
}

fn main() -> io::Result<()> {
    let address = Arguments::parse().address;
    let mut host = Service::client(HostConfig::new(random_seed()?))?;
    let server = host.resolve(&address)?;
    let _server = host.connect(server, ConnectOptions::default());
    loop {
        let mut event = host.service(Duration::from_millis(100))?;
        while let Some(now) = event {
            match now {
                Event::Received { peer, packet, .. } => {
                    println!("Got message: {} {peer}", String::from_utf8_lossy(&packet));
                    if let Err(error) = host.send(peer, 0, Packet::reliable("ping")) {
                        eprintln!("{error}");
                    }
                }
                Event::Connected { peer, .. } => {
                    println!("{peer} connected.");
                    if let Err(error) = host.send(peer, 0, Packet::reliable("ping")) {
                        eprintln!("{error}");
                    }
                }
                Event::Disconnected { peer, .. } => println!("{peer} disconnected."),
                _ => {}
            }
            event = host.service(Duration::ZERO)?;
        }
    }
}
