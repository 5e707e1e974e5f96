//! Says hello, and prints the answer.

use std::{env, io, time::Duration};

use enet_mio::{ConnectOptions, Event, HostConfig, Packet, Service, random_seed};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("localhost:6789".into());
    let mut client = Service::client(HostConfig::new(random_seed()?))?;
    let server = client.resolve(&address)?;
    client.connect(server, ConnectOptions::default()).map_err(io::Error::other)?;
    loop {
        match client.service(Duration::from_secs(1))? {
            Some(Event::Connected { peer, .. }) => {
                if let Err(error) = client.send(peer, 0, Packet::reliable("hello world")) {
                    eprintln!("{error}");
                }
            }
            Some(Event::Received { packet, .. }) => break println!("echo: {}", packet.escape_ascii()),
            Some(Event::Disconnected { reason, .. }) => return Err(io::Error::other(reason.to_string())),
            _ => {}
        }
    }
    client.close(Duration::from_secs(5)).map(drop)
}
