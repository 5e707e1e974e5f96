//! The protocol crate alone, on a plain `std::net::UdpSocket`: no mio, no poll. [`Driver::turn`] is all it takes.
//!
//! A server and a client, each in a thread of its own, exchange packets over the loopback and part.

use std::io;
use std::net::UdpSocket;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use clap::Parser;
use enet_mio::enet_proto::{ConnectOptions, Datagram, Event, Host, HostConfig, Instant, Packet};
use enet_mio::random_seed;

struct Driver {
    host: Host,
    socket: UdpSocket,
    start: std::time::Instant,
    datagram: Vec<u8>,
}

impl Driver {
    fn new() -> io::Result<Driver> {
        let host = Host::new(HostConfig::new(random_seed()?));
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        Ok(Driver { host, socket, start: std::time::Instant::now(), datagram: vec![0; 65_536] })
    }

    /// Any epoch will do, but not zero: to ENet that means "never".
    fn now(&self) -> Instant {
        Instant::from_millis(1_000_000) + self.start.elapsed()
    }

    /// Sends what is to be sent, waits for a datagram or the next deadline, handles it; an event if there is one.
    fn turn(&mut self) -> io::Result<Option<Event>> {
        let (now, mut out) = (self.now(), Vec::new());
        while let Some(transmit) = self.host.poll_transmit(now, &mut out, NonZeroUsize::MIN) {
            let _ = self.socket.send_to(&out, transmit.to); // lost datagrams are the protocol's daily bread
            out.clear();
        }
        if let Some(event) = self.host.poll_event() {
            return Ok(Some(event));
        }
        let deadline = self.host.poll_timeout().unwrap_or(now + Duration::from_secs(1));
        let wait = deadline.saturating_duration_since(now).max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(wait))?;
        if let Ok((len, source)) = self.socket.recv_from(&mut self.datagram) {
            let datagram = Datagram::new(source, self.datagram.get(..len).unwrap_or_default());
            self.host.handle_datagram(self.now(), datagram);
        }
        self.host.handle_timeout(self.now());
        Ok(self.host.poll_event())
    }
}

/// Sends everything back until its only client has gone.
fn serve(mut server: Driver) -> io::Result<usize> {
    let mut echoed = 0;
    loop {
        match server.turn()? {
            Some(Event::Received { peer, channel, packet }) => {
                echoed += 1;
                if let Err(error) = server.host.send(peer, channel, packet) {
                    eprintln!("{error}");
                }
            }
            Some(Event::Disconnected { reason, data, .. }) => {
                println!("server: {reason} with {data} after {echoed} packets");
                server.turn()?; // the last acknowledgement
                return Ok(echoed);
            }
            _ => {}
        }
    }
}

/// Drives the protocol crate over plain UDP sockets: two hosts exchange packets over the loopback and part
#[derive(Parser)]
struct Arguments {}

fn main() -> io::Result<()> {
    const PACKETS: usize = 100;
    Arguments::parse();
    let server = Driver::new()?;
    let mut client = Driver::new()?;
    let connected = client.host.connect(server.socket.local_addr()?, ConnectOptions::default());
    assert!(connected.is_ok());
    let server = thread::spawn(|| serve(server));
    let mut received = 0;
    loop {
        match client.turn()? {
            Some(Event::Connected { peer, .. }) => {
                for number in 0..PACKETS {
                    let packet = Packet::reliable(format!("packet {number}"));
                    if let Err(error) = client.host.send(peer, 0, packet) {
                        eprintln!("{error}");
                    }
                }
            }
            Some(Event::Received { peer, packet, .. }) => {
                assert_eq!(packet[..], *format!("packet {received}").as_bytes());
                received += 1;
                if let Some(mut peer) = client.host.peer_mut(peer).filter(|_| received == PACKETS) {
                    peer.disconnect(42);
                }
            }
            Some(Event::Disconnected { reason, .. }) => {
                println!("client: {reason} after {received} packets");
                break;
            }
            _ => {}
        }
    }
    let echoed = server.join().map_err(|_| io::Error::other("the server panicked"))??;
    assert_eq!((received, echoed), (PACKETS, PACKETS));
    println!("{PACKETS} packets there and back");
    Ok(())
}
