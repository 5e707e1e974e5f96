//! [`Relay`]: the network of a scenario between real sockets, in real time.
//!
//! What the laboratory says of a network can so be seen with any program that speaks UDP: it talks to the relay, which
//! loses, delays and cuts as the scenario has it, and passes on to the target.
//!
//! ```
//! use std::net::UdpSocket;
//! use enet_sim::{Scenario, relay::Relay};
//!
//! let target = UdpSocket::bind("127.0.0.1:0")?;
//! let relay = Relay::start("127.0.0.1:0".parse()?, target.local_addr()?, &Scenario::default())?;
//! UdpSocket::bind("127.0.0.1:0")?.send_to(b"hello", relay.address())?;
//! let mut buffer = [0; 16];
//! assert_eq!(target.recv(&mut buffer)?, 5);
//! assert_eq!((relay.stop().up.sent, &buffer[..5]), (1, &b"hello"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod course;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::net::DirectionStats;
use crate::scenario::{Scenario, Trouble};
use crate::time::Time;
use course::Course;

/// Clients at once; further ones are not heard.
pub const CLIENTS: usize = 64;
/// How soon a thread notices that it is to stop.
const ATTENTION: Duration = Duration::from_millis(50);
/// What UDP can carry.
const LONGEST: usize = 65_536;

/// A relay at work. Dropping it, or [`stop`](Relay::stop), ends it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    worker: Option<JoinHandle<RelayStats>>,
}

/// What became of the datagrams, of all clients together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelayStats {
    /// From clients to the target.
    pub up: DirectionStats,
    /// From the target to clients.
    pub down: DirectionStats,
}

/// A datagram read from a socket.
struct Heard {
    from: Party,
    bytes: Vec<u8>,
}

enum Party {
    /// Someone who talked to the relay's address.
    Client(SocketAddr),
    /// The target, answering the client of this number.
    Target(usize),
}

impl Relay {
    /// Listens at an address and passes on to `target`. Of the scenario the links, the shared lines, the seed and faults
    /// of the network (cuts, holds, other links) count; time begins now, and the network is never healed.
    ///
    /// # Errors
    /// The address cannot be had, or the scenario has faults that a network does not do (`InvalidInput`).
    pub fn start(listen: SocketAddr, target: SocketAddr, scenario: &Scenario) -> io::Result<Relay> {
        let of_network = |trouble: &Trouble| {
            matches!(trouble, Trouble::Cut { .. } | Trouble::Hold { .. } | Trouble::Link { .. })
        };
        if !scenario.fault.iter().all(|fault| of_network(&fault.trouble)) {
            let reason = "a relay can cut, hold and change links; other faults are of hosts";
            return Err(io::Error::new(ErrorKind::InvalidInput, reason));
        }
        let socket = Arc::new(UdpSocket::bind(listen)?);
        socket.set_read_timeout(Some(ATTENTION))?;
        let (address, stopping) = (socket.local_addr()?, Arc::new(AtomicBool::new(false)));
        let (teller, heard) = channel();
        let work = Work {
            course: Course::new(scenario),
            began: Instant::now(),
            target,
            socket: Arc::clone(&socket),
            clients: BTreeMap::new(),
            ways: Vec::new(),
            teller: teller.clone(),
            stopping: Arc::clone(&stopping),
        };
        let stop = Arc::clone(&stopping);
        std::thread::spawn(move || listen_to(&socket, &teller, &stop, Party::Client));
        let worker = std::thread::spawn(move || work.run(&heard));
        Ok(Relay { address, stopping, worker: Some(worker) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it. What is under way is lost.
    pub fn stop(mut self) -> RelayStats {
        self.end()
    }

    fn end(&mut self) -> RelayStats {
        self.stopping.store(true, Ordering::Relaxed);
        self.worker.take().and_then(|worker| worker.join().ok()).unwrap_or_default()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads a socket until the relay ends.
fn listen_to(
    socket: &UdpSocket,
    teller: &Sender<Heard>,
    stopping: &AtomicBool,
    party: impl Fn(SocketAddr) -> Party,
) {
    let mut buffer = vec![0; LONGEST];
    while !stopping.load(Ordering::Relaxed) {
        match socket.recv_from(&mut buffer) {
            Ok((len, source)) => {
                let bytes = buffer.get(..len).unwrap_or_default().to_vec();
                if teller.send(Heard { from: party(source), bytes }).is_err() {
                    return;
                }
            }
            // Nothing came; or nobody was there for what was sent before.
            Err(error) if is_passing(&error) => {}
            Err(_) => return,
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
    )
}

/// What the relay's own thread has.
struct Work {
    course: Course,
    began: Instant,
    target: SocketAddr,
    socket: Arc<UdpSocket>,
    clients: BTreeMap<SocketAddr, usize>,
    /// For each client, its address and the socket through which the target hears it.
    ways: Vec<(SocketAddr, Arc<UdpSocket>)>,
    teller: Sender<Heard>,
    stopping: Arc<AtomicBool>,
}

impl Work {
    fn run(mut self, heard: &Receiver<Heard>) -> RelayStats {
        while !self.stopping.load(Ordering::Relaxed) {
            let now = self.now();
            while let Some((to, from, bytes)) = self.course.due(now) {
                self.deliver(to, from, &bytes);
            }
            let patience = self.course.next().map_or(ATTENTION, |at| {
                let wait = Duration::from_nanos(at.0.saturating_sub(self.now().0));
                wait.min(ATTENTION)
            });
            match heard.recv_timeout(patience) {
                Ok(heard) => self.hear(&heard),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        RelayStats { up: self.course.stats(true), down: self.course.stats(false) }
    }

    fn now(&self) -> Time {
        Time(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn hear(&mut self, heard: &Heard) {
        let (from, to) = match heard.from {
            Party::Target(client) => (0, client),
            Party::Client(address) => match self.client(address) {
                Some(client) => (client, 0),
                None => return,
            },
        };
        let now = self.now();
        self.course.send(now, from, to, &heard.bytes);
    }

    /// A client's number, from 1; a new one gets a socket of its own, if there is room.
    fn client(&mut self, address: SocketAddr) -> Option<usize> {
        if let Some(known) = self.clients.get(&address) {
            return Some(*known);
        }
        let number = self.ways.len() + 1;
        let socket = Arc::new((number <= CLIENTS).then(|| self.upstream().ok())??);
        let (reader, teller, stop) = (Arc::clone(&socket), self.teller.clone(), Arc::clone(&self.stopping));
        std::thread::spawn(move || listen_to(&reader, &teller, &stop, |_| Party::Target(number)));
        self.ways.push((address, socket));
        self.clients.insert(address, number);
        Some(number)
    }

    fn upstream(&self) -> io::Result<UdpSocket> {
        let any: SocketAddr = match self.target {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(self.target)?;
        socket.set_read_timeout(Some(ATTENTION))?;
        Ok(socket)
    }

    /// What cannot be sent is lost, as on any network.
    fn deliver(&self, to: usize, from: usize, bytes: &[u8]) {
        let way = |client: usize| self.ways.get(client.checked_sub(1)?);
        let _ = match to {
            0 => way(from).map(|(_, socket)| socket.send(bytes)),
            client => way(client).map(|(address, _)| self.socket.send_to(bytes, address)),
        };
    }
}
