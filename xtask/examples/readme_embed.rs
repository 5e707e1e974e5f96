//! An echo server for one guest, without `enet-mio`.

use std::{env, io, net::UdpSocket, num::NonZeroUsize, time::Duration};

use enet_proto::{Datagram, Event, Host, HostConfig, Instant};

fn main() -> io::Result<()> {
    let socket = UdpSocket::bind(env::args().nth(1).unwrap_or("localhost:6789".into()))?;
    println!("listening on {}", socket.local_addr()?);
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let mut host = Host::new(HostConfig::new(seed));
    let start = std::time::Instant::now();
    let now = || Instant::from_millis(1_000_000) + start.elapsed();
    let (mut received, mut out) = ([0; 65_536], Vec::new());
    loop {
        // Out: datagrams and events, each of which may bring forth the other, until there is neither.
        loop {
            while let Some(transmit) = host.poll_transmit(now(), &mut out, NonZeroUsize::MIN) {
                let _ = socket.send_to(&out, transmit.to); // what cannot be sent is lost, as on any network
                out.clear();
            }
            match host.poll_event() {
                Some(Event::Received { peer, channel, packet }) => {
                    if let Err(error) = host.send(peer, channel, packet) {
                        eprintln!("{error}");
                    }
                }
                Some(Event::Disconnected { .. }) => return Ok(()),
                Some(_) => {}
                None => break,
            }
        }
        // In: the next datagram or deadline, whichever comes first.
        let wait = host.poll_timeout().map(|at| at.saturating_duration_since(now()));
        socket.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
        if let Ok((len, source)) = socket.recv_from(&mut received) {
            host.handle_datagram(now(), Datagram::new(source, &received[..len]));
        }
        host.handle_timeout(now());
    }
}
