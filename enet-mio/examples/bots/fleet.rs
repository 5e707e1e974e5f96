//! [`Fleet`]: the bots' connections, several on each socket, and the one poll they share.
#![allow(unreachable_pub)]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use enet_mio::enet_proto::{PeerMut, Profile, ThrottleSettings};
use enet_mio::{ChannelId, ChannelLimit, ConnectOptions, Delivery, Event, Host, Packet, PeerId, PeerLimit};
use mio::{Events, Interest, Poll, Token};

use crate::Options;
use crate::common::FAREWELL;

/// Attempts to connect at the same time: more would overrun the server's socket.
const AT_ONCE: usize = 64;

/// What slots a host has at most.
const MOST_PEERS: u16 = 4095;

/// Messages waiting in a bot beyond which it sends no more, until a look finds fewer.
const TOO_MANY: usize = 1000;

/// A bot's connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Connecting(PeerId),
    Connected(PeerId),
    Gone,
}

#[derive(Clone, Copy)]
struct Bot {
    state: State,
    /// Whether it has more to send than it can get rid of.
    is_full: bool,
    numbers: u32,
    channels: u8,
}

/// An echo, or whatever else a server sends.
pub struct Arrival {
    pub bot: u16,
    pub packet: Packet,
}

/// What bots have sent and received on their sockets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traffic {
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub datagrams_sent: u64,
    pub datagrams_received: u64,
    /// Datagrams that the system did not take.
    pub refused: u64,
}

/// What ENet knows about a bot's connection.
#[derive(Debug, Clone, Copy)]
pub struct Health {
    pub round_trip: Duration,
    /// Share of commands that timed out, of 65,536.
    pub loss: u32,
    /// Reliable and other commands that are not settled.
    pub unsettled: usize,
}

/// The bots' connections.
pub struct Fleet {
    server: SocketAddr,
    options: ConnectOptions,
    never_throttled: bool,
    poll: Poll,
    ready: Events,
    hosts: Vec<Host>,
    /// Which bot a connection is, for each host.
    owners: Vec<HashMap<PeerId, u16>>,
    bots: Vec<Bot>,
    connected: usize,
    connecting: usize,
    connecting_time: Duration,
    /// How connections ended, or attempts.
    failures: BTreeMap<String, u64>,
    ends: BTreeMap<String, u64>,
    arrivals: Vec<Arrival>,
}

impl Fleet {
    pub fn new(options: &Options) -> Result<Fleet, Box<dyn Error>> {
        let fewest = options.peers.div_ceil(MOST_PEERS);
        let count = options.hosts.unwrap_or(options.peers.div_ceil(16)).clamp(fewest, options.peers);
        let poll = Poll::new()?;
        let mut hosts = Vec::new();
        for number in 0..usize::from(count) {
            let mut config = options.both.config()?;
            config.peers =
                PeerLimit::new(options.peers.div_ceil(count)).ok_or("too many bots for a socket")?;
            if options.compat {
                config.profile = Profile::Compat;
            }
            let mut host = Host::client(config).map_err(|error| {
                let hint = "fewer --hosts need fewer sockets; `ulimit -n` shows how many there may be";
                format!("socket {} of {count}: {error} ({hint})", number + 1)
            })?;
            poll.registry().register(&mut host, Token(number), Interest::READABLE)?;
            hosts.push(host);
        }
        let server = hosts.first().ok_or("a socket is needed")?.resolve(&options.server)?;
        let channels = ChannelLimit::new(options.channels).ok_or("channels are counted from 1")?;
        let bot = Bot { state: State::Idle, is_full: false, numbers: 0, channels: 0 };
        Ok(Fleet {
            server,
            options: ConnectOptions { channels, ..ConnectOptions::default() },
            never_throttled: !options.throttle,
            poll,
            ready: Events::with_capacity(1024),
            owners: vec![HashMap::new(); hosts.len()],
            hosts,
            bots: vec![bot; usize::from(options.peers)],
            connected: 0,
            connecting: 0,
            connecting_time: Duration::ZERO,
            failures: BTreeMap::new(),
            ends: BTreeMap::new(),
            arrivals: Vec::new(),
        })
    }

    // --- views ---

    pub fn server(&self) -> SocketAddr {
        self.server
    }

    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    pub fn bots(&self) -> usize {
        self.bots.len()
    }

    pub fn connected(&self) -> usize {
        self.connected
    }

    pub fn is_connected(&self, bot: usize) -> bool {
        self.bots.get(bot).is_some_and(|bot| matches!(bot.state, State::Connected(_)))
    }

    pub fn connecting_ms(&self) -> u128 {
        self.connecting_time.as_millis()
    }

    /// Attempts that did not succeed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    pub fn failures(&self) -> &BTreeMap<String, u64> {
        &self.failures
    }

    /// How connections ended that had stood.
    pub fn ends(&self) -> &BTreeMap<String, u64> {
        &self.ends
    }

    /// A sentence for a user.
    pub fn why_nobody(&self) -> String {
        let mut reasons: Vec<_> = self.failures.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let reason = reasons.first().map_or("no reason is known", |(reason, _)| reason.as_str());
        format!(
            "nobody connected to {}: {reason}. Does an ENet server listen there, with free slots, and with the same \
             --compress and --checksum?",
            self.server
        )
    }

    pub fn traffic(&self) -> Traffic {
        let mut sum = Traffic::default();
        for host in &self.hosts {
            let (stats, io) = (host.stats(), host.io_stats());
            sum.bytes_sent += stats.bytes_sent;
            sum.bytes_received += stats.bytes_received;
            sum.datagrams_sent += stats.datagrams_sent;
            sum.datagrams_received += stats.datagrams_received;
            sum.refused += io.send_errors + io.send_blocked;
        }
        sum
    }

    /// What ENet knows about each connection. Takes note of the bots that have too much to send.
    pub fn look(&mut self) -> Vec<Health> {
        let count = self.hosts.len();
        let mut all = Vec::with_capacity(self.bots.len());
        for (number, bot) in self.bots.iter_mut().enumerate() {
            let State::Connected(peer) = bot.state else { continue };
            let Some(peer) = self.hosts.get(number % count).and_then(|host| host.peer(peer)) else {
                continue;
            };
            let stats = peer.stats();
            bot.is_full = stats.queued > TOO_MANY;
            let unsettled = stats.queued + stats.in_flight;
            all.push(Health { round_trip: peer.rtt(), loss: stats.packet_loss, unsettled });
        }
        all
    }

    // --- steps ---

    /// Connects everybody; gives up after a while in which nobody could.
    pub fn connect(&mut self, patience: Duration) -> io::Result<()> {
        let start = Instant::now();
        let (mut next, mut last, mut before) = (0, start, 0);
        while (next < self.bots.len() || self.connecting > 0) && last.elapsed() < patience {
            while next < self.bots.len() && self.connecting < AT_ONCE {
                self.connect_one(next);
                next += 1;
            }
            self.turn(patience.saturating_sub(last.elapsed()))?;
            if self.connected > before {
                (last, before) = (Instant::now(), self.connected);
            }
        }
        self.connecting_time = start.elapsed();
        self.give_up();
        Ok(())
    }

    /// Ends the attempts that have not succeeded.
    fn give_up(&mut self) {
        for number in 0..self.bots.len() {
            let Some(bot) = self.bots.get_mut(number) else { continue };
            let (reason, peer) = match bot.state {
                State::Idle => ("not tried, as others had no answer", None),
                State::Connecting(peer) => ("no answer in time", Some(peer)),
                State::Connected(_) | State::Gone => continue,
            };
            bot.state = State::Gone;
            *self.failures.entry(reason.to_owned()).or_default() += 1;
            if let Some(peer) = peer.and_then(|peer| self.peer_mut(number, peer)) {
                peer.disconnect_now(0);
            }
        }
        self.connecting = 0;
    }

    fn connect_one(&mut self, number: usize) {
        let at = number % self.hosts.len();
        let (Some(host), Some(owners)) = (self.hosts.get_mut(at), self.owners.get_mut(at)) else { return };
        let Some(bot) = self.bots.get_mut(number) else { return };
        match host.connect(self.server, self.options) {
            Ok(peer) => {
                owners.insert(peer, u16::try_from(number).unwrap_or(u16::MAX));
                bot.state = State::Connecting(peer);
                self.connecting += 1;
            }
            Err(error) => {
                *self.failures.entry(error.to_string()).or_default() += 1;
                bot.state = State::Gone;
            }
        }
    }

    /// Sends a message with the number that comes next, if the bot can.
    pub fn send(&mut self, bot: usize, delivery: Delivery, bytes: &[u8]) -> Sent {
        let Some(Bot { state: State::Connected(peer), is_full, channels, .. }) = self.bots.get(bot).copied()
        else {
            return Sent::Nobody;
        };
        if is_full {
            return Sent::HeldBack;
        }
        let channel = ChannelId::new(u8::from(delivery != Delivery::Reliable && channels > 1));
        let sent = self.peer_mut(bot, peer).map(|mut peer| peer.send(channel, Packet::new(delivery, bytes)));
        if let Some(bot) = self.bots.get_mut(bot) {
            bot.numbers = bot.numbers.wrapping_add(1);
        }
        match sent {
            Some(Ok(())) => Sent::Yes,
            _ => Sent::Nobody,
        }
    }

    /// The number of the bot's next message.
    pub fn next_number(&self, bot: usize) -> u32 {
        self.bots.get(bot).map_or(0, |bot| bot.numbers)
    }

    /// Sends what is queued, waits no longer than so, and takes in what has come.
    pub fn turn(&mut self, wait: Duration) -> io::Result<()> {
        // Zero while a host has something to do at once.
        let timeouts = self.hosts.iter_mut().filter_map(Host::timeout);
        let timeout = timeouts.min().map_or(wait, |timeout| timeout.min(wait));
        match self.poll.poll(&mut self.ready, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &self.ready {
            if let Some(host) = self.hosts.get_mut(event.token().0) {
                host.on_ready();
            }
        }
        for at in 0..self.hosts.len() {
            self.hosts.get_mut(at).map_or(Ok(()), Host::drive)?;
            while let Some(event) = self.hosts.get_mut(at).and_then(Host::poll_event) {
                self.handle(at, event);
            }
        }
        Ok(())
    }

    /// What has arrived since it was last asked for.
    pub fn arrivals(&mut self) -> Vec<Arrival> {
        std::mem::take(&mut self.arrivals)
    }

    /// Says goodbye to the server, and waits a little for its confirmation.
    pub fn leave(&mut self) -> io::Result<()> {
        for number in 0..self.bots.len() {
            if let Some(State::Connected(peer)) = self.bots.get(number).map(|bot| bot.state)
                && let Some(mut peer) = self.peer_mut(number, peer)
            {
                peer.disconnect(0);
            }
        }
        let deadline = Instant::now() + FAREWELL;
        while self.connected > 0 && Instant::now() < deadline {
            self.turn(deadline.saturating_duration_since(Instant::now()))?;
        }
        Ok(())
    }

    // --- private ---

    fn handle(&mut self, at: usize, event: Event) {
        let Some(peer) = event.peer() else { return };
        let Some(owners) = self.owners.get_mut(at) else { return };
        let Some(bot) = owners.get(&peer).copied() else { return };
        match event {
            Event::Connected { .. } => self.established(usize::from(bot), peer),
            Event::Received { packet, .. } => self.arrivals.push(Arrival { bot, packet }),
            Event::Disconnected { reason, .. } => {
                owners.remove(&peer);
                let Some(bot) = self.bots.get_mut(usize::from(bot)) else { return };
                let stood = matches!(bot.state, State::Connected(_));
                bot.state = State::Gone;
                let (count, reasons) = match stood {
                    true => (&mut self.connected, &mut self.ends),
                    false => (&mut self.connecting, &mut self.failures),
                };
                *count = count.saturating_sub(1);
                *reasons.entry(reason.to_string()).or_default() += 1;
            }
            _ => {}
        }
    }

    fn established(&mut self, number: usize, id: PeerId) {
        self.connecting = self.connecting.saturating_sub(1);
        self.connected += 1;
        let never_throttled = self.never_throttled;
        let channels = self.peer_mut(number, id).map_or(0, |mut peer| {
            if never_throttled {
                peer.set_throttle(ThrottleSettings { deceleration: 0, ..ThrottleSettings::default() });
            }
            peer.view().map_or(0, |peer| peer.channels())
        });
        if let Some(bot) = self.bots.get_mut(number) {
            (bot.state, bot.channels) = (State::Connected(id), channels);
        }
    }

    /// A bot's end of its connection.
    fn peer_mut(&mut self, bot: usize, peer: PeerId) -> Option<PeerMut<'_>> {
        let at = bot % self.hosts.len();
        self.hosts.get_mut(at)?.protocol_mut().peer_mut(peer)
    }
}

/// What became of a message that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    Yes,
    /// The bot has too much to send already.
    HeldBack,
    /// The bot's connection has ended.
    Nobody,
}
