//! An echo server for one guest.

use std::{env, io, time::Duration};

use enet_mio::{Event, HostConfig, Service, random_seed};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:6789".into());
    let mut server = Service::bind(&address, HostConfig::new(random_seed()?))?;
    println!("listening on {}", server.local_addr()?);
    loop {
        match server.service(Duration::from_secs(1))? {
            Some(Event::Connected { peer, .. }) => println!("{peer} connected"),
            Some(Event::Received { peer, channel, packet }) => {
                println!("{peer} says {}", packet.escape_ascii());
                if let Err(error) = server.send(peer, channel, packet) {
                    eprintln!("{error}");
                }
            }
            Some(Event::Disconnected { reason, .. }) => break println!("{reason}"),
            _ => {} // a second without events
        }
    }
    server.close(Duration::from_secs(1)).map(drop)
}
