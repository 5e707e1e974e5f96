//! Two hosts in an application's own `mio::Poll`, beside its other sources: here a waker for its own work.
//!
//! They exchange packets over the loopback and part.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Parser;
use enet_mio::{ConnectOptions, Event, Host, HostConfig, Packet, random_seed};
use mio::{Events, Interest, Poll, Token, Waker};

const SERVER: Token = Token(0);
const CLIENT: Token = Token(1);
const WORK: Token = Token(2);

/// Drives two hosts in one mio Poll: they exchange packets over the loopback and part
#[derive(Parser)]
struct Arguments {}

fn main() -> io::Result<()> {
    const PACKETS: usize = 100;
    Arguments::parse();
    let mut poll = Poll::new()?;
    let mut ready = Events::with_capacity(16);
    let mut server = Host::bind("127.0.0.1:*", HostConfig::new(random_seed()?))?;
    let mut client = Host::client(HostConfig::new(random_seed()?))?;
    poll.registry().register(&mut server, SERVER, Interest::READABLE)?;
    poll.registry().register(&mut client, CLIENT, Interest::READABLE)?;
    let waker = Arc::new(Waker::new(poll.registry(), WORK)?); // a wake is lost with its last owner
    let worker = Arc::clone(&waker);
    let work = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        worker.wake()
    });

    assert!(client.connect(server.local_addr()?, ConnectOptions::default()).is_ok());
    let (mut woken, mut echoed, mut received, mut gone) = (false, 0, 0, 0);
    while gone < 2 || !woken {
        let timeout = server.timeout().into_iter().chain(client.timeout()).min();
        poll.poll(&mut ready, timeout)?;
        for event in &ready {
            match event.token() {
                SERVER => server.on_ready(),
                CLIENT => client.on_ready(),
                _ => woken = true,
            }
        }

        server.drive()?;
        while let Some(event) = server.poll_event() {
            match event {
                Event::Received { peer, channel, packet } => {
                    echoed += 1;
                    if let Err(error) = server.send(peer, channel, packet) {
                        eprintln!("{error}");
                    }
                }
                Event::Disconnected { .. } => gone += 1,
                _ => {}
            }
        }

        client.drive()?;
        while let Some(event) = client.poll_event() {
            match event {
                Event::Connected { peer, .. } => {
                    for number in 0..PACKETS {
                        let packet = Packet::reliable(format!("packet {number}"));
                        if let Err(error) = client.send(peer, 0, packet) {
                            eprintln!("{error}");
                        }
                    }
                }
                Event::Received { peer, packet, .. } => {
                    assert_eq!(packet[..], *format!("packet {received}").as_bytes());
                    received += 1;
                    if let Some(mut peer) = client.peer_mut(peer).filter(|_| received == PACKETS) {
                        peer.disconnect(42);
                    }
                }
                Event::Disconnected { .. } => gone += 1,
                _ => {}
            }
        }
    }
    assert!(work.join().is_ok_and(|woken| woken.is_ok()));
    assert_eq!((received, echoed), (PACKETS, PACKETS));
    println!("{PACKETS} packets there and back");
    Ok(())
}
