//! The `server.lua` of the lua-enet documentation, line for line: answers every packet with "pong".
//!
//! ```text
//! cargo run --example pingpong_server [ADDR]      # localhost:6789
//! ```

use std::{env, io, time::Duration};

use enet_mio::{Event, HostConfig, Packet, Service, random_seed};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:6789".into());
    let mut host = Service::bind(&address, HostConfig::new(random_seed()?))?;
    loop {
        let mut event = host.service(Duration::from_millis(100))?;
        while let Some(now) = event {
            match now {
                Event::Received { peer, packet, .. } => {
                    println!("Got message: {} {peer}", String::from_utf8_lossy(&packet));
                    host.peer_mut(peer).map(|mut peer| peer.send(0, Packet::reliable("pong")));
                }
                Event::Connected { peer, .. } => println!("{peer} connected."),
                Event::Disconnected { peer, .. } => println!("{peer} disconnected."),
                _ => {}
            }
            event = host.service(Duration::ZERO)?;
        }
    }
}
