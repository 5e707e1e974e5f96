//! The `server.lua` of the lua-enet documentation, line for line: answers every packet with "pong".
//!
//! ```text
//! cargo run --example pingpong_server [ADDR]      # localhost:6789
//! ```

use std::{io, time::Duration};

use clap::Parser;
use enet_mio::{Event, HostConfig, Packet, Service, random_seed};

/// Answers every packet with "pong"
#[derive(Parser)]
struct Arguments {
    /// Where to listen: `host:port`
    #[arg(default_value = "localhost:6789")]
    address: String,
}

fn main() -> io::Result<()> {
    let address = Arguments::parse().address;
    let mut host = Service::bind(&address, HostConfig::new(random_seed()?))?;
    loop {
        let mut event = host.service(Duration::from_millis(100))?;
        while let Some(now) = event {
            match now {
                Event::Received { peer, packet, .. } => {
                    println!("Got message: {} {peer}", String::from_utf8_lossy(&packet));
                    if let Err(error) = host.send(peer, 0, Packet::reliable("pong")) {
                        eprintln!("{error}");
                    }
                }
                Event::Connected { peer, .. } => println!("{peer} connected."),
                Event::Disconnected { peer, .. } => println!("{peer} disconnected."),
                _ => {}
            }
            event = host.service(Duration::ZERO)?;
        }
    }
}
