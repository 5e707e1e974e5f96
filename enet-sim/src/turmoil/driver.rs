//! [`Driver`]: a host in async code.
//!
//! Below the imports this file is, letter for letter, the program of `docs/EMBEDDING.md`, section Async; a test compares
//! them. There `UdpSocket` is tokio's; here it is the simulated one.
#![allow(clippy::indexing_slicing)] // `len` is what the socket has filled of the buffer

use core::num::NonZeroUsize;
use core::time::Duration;

use enet_proto::{Datagram, Event, Host, Instant};

use super::socket::UdpSocket;

/// Drives a host over an asynchronous socket, on a task that owns both.
///
/// ```no_run
/// # async fn example(socket: enet_sim::turmoil::UdpSocket) -> std::io::Result<()> {
/// use enet_proto::{Event, Host, HostConfig};
/// use enet_sim::turmoil::Driver;
///
/// let mut server = Driver::new(Host::new(HostConfig::new([7; 32])), socket).await?;
/// loop {
///     if let Event::Received { peer, channel, packet } = server.next().await {
///         server.host.peer_mut(peer).expect("it just spoke").send(channel, packet).expect("so it is connected");
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Driver {
    /// Ask of it what you like between two calls of `next`; the second one sends what came of it.
    pub host: Host,
    socket: UdpSocket,
    start: tokio::time::Instant,
    received: Vec<u8>,
    out: Vec<u8>,
}

impl Driver {
    /// Waits for the socket to become writable: until the runtime has looked at a new socket, tokio refuses to send.
    pub async fn new(host: Host, socket: UdpSocket) -> std::io::Result<Self> {
        socket.writable().await?;
        let start = tokio::time::Instant::now();
        Ok(Driver { host, socket, start, received: vec![0; 65_536], out: Vec::new() })
    }

    /// The next event. It may be dropped while it waits, as by `timeout` or `select!`, and nothing is lost.
    pub async fn next(&mut self) -> Event {
        loop {
            let now = self.now();
            while let Some(transmit) = self.host.poll_transmit(now, &mut self.out, NonZeroUsize::MIN) {
                let _ = self.socket.try_send_to(&self.out, transmit.to); // lost if there is no room: never await here
                self.out.clear();
            }
            if let Some(event) = self.host.poll_event() {
                return event;
            }
            self.input().await;
        }
    }

    /// Waits for a datagram or the deadline; takes in what else has arrived, but not for ever; then the time.
    async fn input(&mut self) {
        let now = self.now();
        let wait = self.host.poll_timeout().map_or(Duration::MAX, |at| at.saturating_duration_since(now));
        let mut arrived = tokio::time::timeout(wait, self.socket.recv_from(&mut self.received)).await;
        let now = self.now();
        for _ in 0..256 {
            match arrived {
                Ok(Ok((len, source))) => {
                    self.host.handle_datagram(now, Datagram::new(source, &self.received[..len]));
                }
                Ok(Err(_)) => tokio::task::yield_now().await, // somebody's port is closed: no reason to stop
                Err(_) => break,
            }
            arrived = match self.socket.try_recv_from(&mut self.received) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                other => Ok(other),
            };
        }
        self.host.handle_timeout(now);
    }

    /// Any epoch will do but zero, which ENet takes for "never".
    fn now(&self) -> Instant {
        Instant::from_millis(1_000_000) + self.start.elapsed()
    }
}
