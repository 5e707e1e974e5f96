//! [`Relay`]: distance, for honest clients: every datagram is late by half a round trip, and none is lost.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::loopback::Loopback;

/// The longest datagram there is.
const LONGEST: usize = 65_536;

/// Stands between one client socket and the server until it is dropped.
pub(crate) struct Relay {
    /// Where the client connects to.
    pub(crate) at: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// To the server it seems that the client is at `source`.
    pub(crate) fn start(
        server: Loopback,
        source: Ipv4Addr,
        round_trip: Duration,
    ) -> Result<Relay, std::io::Error> {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let back = UdpSocket::bind((source, 0))?;
        back.connect(server.address())?;
        front.set_nonblocking(true)?;
        back.set_nonblocking(true)?;
        let at = front.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let mut line =
            Line { front, back, client: None, there: VecDeque::new(), back_again: VecDeque::new() };
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                line.carry(round_trip / 2);
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        Ok(Relay { at, over, thread: Some(thread) })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

struct Line {
    front: UdpSocket,
    back: UdpSocket,
    client: Option<SocketAddr>,
    there: VecDeque<(Instant, Vec<u8>)>,
    back_again: VecDeque<(Instant, Vec<u8>)>,
}

impl Line {
    fn carry(&mut self, delay: Duration) {
        let mut buffer = [0; LONGEST];
        let due = Instant::now() + delay;
        while let Ok((len, from)) = self.front.recv_from(&mut buffer) {
            self.client = Some(from);
            self.there.push_back((due, buffer.iter().take(len).copied().collect()));
        }
        while let Ok(len) = self.back.recv(&mut buffer) {
            self.back_again.push_back((due, buffer.iter().take(len).copied().collect()));
        }
        let now = Instant::now();
        while let Some((_, bytes)) = self.there.pop_front_if(|(due, _)| *due <= now) {
            let _ = self.back.send(&bytes);
        }
        while let Some((_, bytes)) = self.back_again.pop_front_if(|(due, _)| *due <= now) {
            let _ = self.client.map(|client| self.front.send_to(&bytes, client));
        }
    }
}
