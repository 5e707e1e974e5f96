//! Honest clients beside an attack: whether they are disturbed is what most attacks are about.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use enet_mio::{ConnectOptions, Event, HostConfig, Packet, PeerId, RangeCoder, Service, random_seed};

use crate::loopback::Loopback;
use crate::relay::Relay;

/// How far away honest clients are.
const ROUND_TRIP: Duration = Duration::from_millis(150);

/// What counts as connecting at once.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Where they live: an address that attackers know.
pub(crate) const HOME: Ipv4Addr = Ipv4Addr::new(127, 0, 9, 9);

/// How a guest fared.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stay {
    pub(crate) connected: bool,
    pub(crate) disconnected: bool,
    pub(crate) asked: u32,
    pub(crate) echoed: u32,
}

impl Stay {
    /// Whether anything was not as it should be.
    pub(crate) fn was_disturbed(&self) -> bool {
        !self.connected || self.disconnected || self.echoed < self.asked
    }
}

/// A client that connects and asks for an echo every 50 ms.
pub(crate) struct Guest {
    leave: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Stay, String>>>,
}

impl Guest {
    /// Connects, and comes back when it has or five seconds are over.
    pub(crate) fn arrive(server: Loopback, range_coder: bool) -> Result<Guest, String> {
        let leave = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&leave);
        let (sender, there) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let relay = Relay::start(server, HOME, ROUND_TRIP).map_err(|error| error.to_string())?;
            let mut client = client(1, range_coder)?;
            client.connect(relay.at, ConnectOptions::default()).map_err(|error| error.to_string())?;
            stay(&mut client, || _ = sender.send(()), &until)
        });
        let _ = there.recv_timeout(Duration::from_secs(5));
        Ok(Guest { leave, thread: Some(thread) })
    }

    /// How it fared; its last questions have three seconds to be answered.
    pub(crate) fn leave(mut self) -> Result<Stay, String> {
        self.leave.store(true, Ordering::Relaxed);
        let thread = self.thread.take().ok_or("a guest leaves once")?;
        thread.join().map_err(|_| "a guest panicked")?
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::Relaxed);
    }
}

fn client(peers: u16, range_coder: bool) -> Result<Service, String> {
    let mut config = HostConfig::new(random_seed().map_err(|error| error.to_string())?);
    config.peers = enet_mio::PeerLimit::new(peers).ok_or("1 to 4095 clients")?;
    if range_coder {
        config.compressor = Some(RangeCoder::boxed());
    }
    Service::client(config).map_err(|error| error.to_string())
}

fn stay(client: &mut Service, arrived: impl Fn(), leave: &AtomicBool) -> Result<Stay, String> {
    let mut stay = Stay::default();
    let mut server = None;
    let mut next = Instant::now();
    let mut left = None;
    loop {
        match client.service(Duration::from_millis(10)).map_err(|error| error.to_string())? {
            Some(Event::Connected { peer, .. }) => {
                (stay.connected, server) = (true, Some(peer));
                arrived();
            }
            Some(Event::Received { .. }) => stay.echoed += 1,
            Some(Event::Disconnected { .. }) => stay.disconnected = true,
            _ => {}
        }
        if leave.load(Ordering::Relaxed) {
            let left = *left.get_or_insert_with(Instant::now);
            let answered = stay.echoed >= stay.asked && stay.connected;
            if answered || stay.disconnected || left.elapsed() > Duration::from_secs(3) {
                return Ok(stay);
            }
        } else if let Some(mut peer) = server.and_then(|server| client.peer_mut(server))
            && Instant::now() >= next
        {
            next = Instant::now() + Duration::from_millis(50);
            stay.asked += u32::from(peer.send(0, Packet::reliable("how are you?")).is_ok());
        }
    }
}

/// How many tried to connect, and how many had within a second.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Queue {
    pub(crate) tried: u32,
    pub(crate) connected: u32,
}

/// Connects again and again, `at_once` clients at a time, for as long as `time`; the last ones are waited for.
pub(crate) fn queue(server: Loopback, at_once: u16, time: Duration) -> Result<Queue, String> {
    let relay = Relay::start(server, HOME, ROUND_TRIP).map_err(|error| error.to_string())?;
    let mut client = client(at_once, false)?;
    let end = Instant::now() + time;
    let mut queue = Queue::default();
    let mut waiting: HashMap<PeerId, Instant> = HashMap::new();
    loop {
        while Instant::now() < end && waiting.len() < usize::from(at_once) {
            let Ok(peer) = client.connect(relay.at, ConnectOptions::default()) else { break };
            waiting.insert(peer, Instant::now());
            queue.tried += 1;
        }
        if waiting.is_empty() && Instant::now() >= end {
            return Ok(queue);
        }
        let event = client.service(Duration::from_millis(2)).map_err(|error| error.to_string())?;
        if let Some(Event::Connected { peer, .. }) = event
            && let Some(since) = waiting.remove(&peer)
        {
            queue.connected += u32::from(since.elapsed() <= AT_ONCE);
            if let Some(peer) = client.peer_mut(peer) {
                peer.disconnect_now(0);
            }
        }
        let late: Vec<PeerId> =
            waiting.iter().filter(|(_, since)| since.elapsed() > AT_ONCE).map(|(peer, _)| *peer).collect();
        for peer in late {
            waiting.remove(&peer);
            if let Some(peer) = client.peer_mut(peer) {
                peer.reset();
            }
        }
    }
}
