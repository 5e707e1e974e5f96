//! Two hosts, a network that loses, repeats and reorders, and a script of everything an application can do.
#![allow(dead_code)] // each test uses its own part of it

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use enet_proto::{
    ChannelLimit, Checksum, ConnectOptions, Datagram, Delivery, Event, Host, HostConfig, Instant, Packet,
    PeerId, PeerLimit, RangeCoder,
};
use enet_wire::{Body, Command, Header, Session, WirePeerId};
use proptest::prelude::*;

/// One step of a script. `side` 0 is the client, 1 the server.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Wait(u64),
    Connect(usize),
    Send { side: usize, channel: u8, delivery: Delivery, len: usize },
    Broadcast { side: usize, channel: u8, len: usize },
    Ping(usize),
    Disconnect(usize),
    DisconnectLater(usize),
    DisconnectNow(usize),
    Reset(usize),
}

/// What the network does with the datagrams of a run, one entry each, over and over.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    pub(crate) fates: Vec<Fate>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    pub(crate) copies: usize,
    pub(crate) delay: u64,
}

pub(crate) fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![
        Just(Delivery::Reliable),
        Just(Delivery::Unreliable),
        Just(Delivery::UnreliableFragments),
        Just(Delivery::Unsequenced),
        Just(Delivery::UnsequencedOrFragments),
    ]
}

fn data_step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![4 => 8usize..60, 1 => 1200usize..6000];
    prop_oneof![
        4 => (0u64..120).prop_map(Step::Wait),
        6 => (0usize..2, 0u8..3, delivery(), len.clone())
            .prop_map(|(side, channel, delivery, len)| Step::Send { side, channel, delivery, len }),
        1 => (0usize..2, 0u8..3, len).prop_map(|(side, channel, len)| Step::Broadcast { side, channel, len }),
        1 => (0usize..2).prop_map(Step::Ping),
    ]
}

/// Sending and waiting only.
pub(crate) fn talk(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(data_step(), 1..steps)
}

/// Everything, leaving and coming back included.
pub(crate) fn life(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => data_step(),
        2 => (0usize..2).prop_map(Step::Connect),
        1 => (0u64..8000).prop_map(Step::Wait),
        1 => (0usize..2).prop_map(Step::Disconnect),
        1 => (0usize..2).prop_map(Step::DisconnectLater),
        1 => (0usize..2).prop_map(Step::DisconnectNow),
        1 => (0usize..2).prop_map(Step::Reset),
    ];
    prop::collection::vec(step, 1..steps)
}

/// Up to `loss` datagrams in a hundred are lost, some are doubled, delays vary so that they overtake each other.
pub(crate) fn weather(loss: u32) -> impl Strategy<Value = Weather> {
    let copies = prop_oneof![loss => Just(0usize), 90 - loss => Just(1), 10 => Just(2)];
    let fate = (copies, prop_oneof![4 => 5u64..15, 1 => 0u64..200])
        .prop_map(|(copies, delay)| Fate { copies, delay });
    prop::collection::vec(fate, 1..60).prop_map(|fates| Weather { fates })
}

/// Delay of 10 ms and nothing else.
pub(crate) fn fair() -> Weather {
    Weather { fates: vec![Fate { copies: 1, delay: 10 }] }
}

/// Plain, checksum, range coder, both.
pub(crate) fn configs() -> impl Strategy<Value = (bool, bool)> {
    (any::<bool>(), any::<bool>())
}

/// A message as the tests send it: who, which channel, which kind, which number of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) side: usize,
    pub(crate) channel: u8,
    pub(crate) delivery: Delivery,
    pub(crate) number: u32,
}

pub(crate) struct World {
    pub(crate) hosts: [Host; 2],
    pub(crate) addresses: [SocketAddr; 2],
    /// Events of each host, in order.
    pub(crate) events: [Vec<Event>; 2],
    /// Datagrams in order of sending: when, who, bytes.
    pub(crate) wire: Vec<(u64, usize, Vec<u8>)>,
    pub(crate) now: u64,
    pub(crate) sent: Vec<Message>,
    weather: Weather,
    launched: usize,
    air: BTreeMap<(u64, usize), (usize, Vec<u8>)>,
    /// Inputs handed over between two rounds of polling, at least.
    pub(crate) batch: usize,
}

pub(crate) fn config(side: u8, (checksum, range_coder): (bool, bool)) -> HostConfig {
    let mut config = HostConfig::new([side; 32]);
    config.peers = PeerLimit::new(3).unwrap();
    config.checksum = checksum.then_some(Checksum::CRC32);
    if range_coder {
        config.compressor = Some(RangeCoder::boxed());
    }
    config
}

impl World {
    pub(crate) fn new(codec: (bool, bool), weather: Weather) -> World {
        World {
            hosts: [Host::new(config(0, codec)), Host::new(config(1, codec))],
            addresses: ["192.0.2.1:1000".parse().unwrap(), "192.0.2.2:2000".parse().unwrap()],
            events: [vec![], vec![]],
            wire: vec![],
            now: 1_000_000,
            sent: vec![],
            weather,
            launched: 0,
            air: BTreeMap::new(),
            batch: 1,
        }
    }

    /// A world in which the client has connected over a fair network.
    pub(crate) fn connected(codec: (bool, bool), weather: Weather) -> World {
        let mut world = World::new(codec, fair());
        world.connect(weather);
        world
    }

    /// The client connects over a fair network; what comes after meets this weather.
    pub(crate) fn connect(&mut self, weather: Weather) {
        self.step(&Step::Connect(0));
        self.wait(100);
        assert_eq!(self.hosts[1].connected_peers(), 1);
        self.weather = weather;
        self.launched = 0;
    }

    /// How the client's datagrams begin once it is connected: with a time of sending.
    pub(crate) fn word_to_server(&self) -> [u8; 2] {
        let verify = self.wire.iter().filter(|(_, side, _)| *side == 1).find_map(|(_, _, bytes)| {
            let (_, rest) = Header::decode(bytes).ok()?;
            match Command::decode(rest).ok()?.0.body {
                Body::VerifyConnect(verify) => Some(verify),
                _ => None,
            }
        });
        let verify = verify.unwrap();
        let header = Header {
            peer: WirePeerId::new(verify.outgoing_peer).unwrap(),
            session: Session::new(verify.outgoing_session).unwrap(),
            sent_time: Some(0),
            ..Header::default()
        };
        *header.encode().first_chunk().unwrap()
    }

    /// Makes a datagram one of the client's.
    pub(crate) fn direct(&self, bytes: &mut [u8]) {
        *bytes.first_chunk_mut().unwrap() = self.word_to_server();
    }

    pub(crate) fn at(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    pub(crate) fn first_peer(&self, side: usize) -> Option<PeerId> {
        self.hosts[side].peers().next().map(|peer| peer.id())
    }

    pub(crate) fn run(&mut self, script: &[Step]) {
        for step in script {
            self.step(step);
        }
    }

    pub(crate) fn step(&mut self, step: &Step) {
        match step {
            Step::Wait(ms) => self.wait(*ms),
            Step::Connect(side) => {
                let options =
                    ConnectOptions { channels: ChannelLimit::new(3).unwrap(), ..ConnectOptions::default() };
                let _ = self.hosts[*side].connect(self.addresses[1 - side], options);
            }
            Step::Send { side, channel, delivery, len } => self.send(*side, *channel, *delivery, *len),
            Step::Broadcast { side, channel, len } => {
                let packet = self.message(*side, *channel, Delivery::Reliable, *len);
                if self.hosts[*side].connected_peers() != 1
                    || self.hosts[*side].broadcast(*channel, packet).queued != 1
                {
                    self.sent.pop();
                }
            }
            Step::Ping(side) => self.with_peer(*side, |mut peer| {
                peer.ping();
            }),
            Step::Disconnect(side) => self.with_peer(*side, |mut peer| peer.disconnect(7)),
            Step::DisconnectLater(side) => self.with_peer(*side, |mut peer| peer.disconnect_later(8)),
            Step::DisconnectNow(side) => self.with_peer(*side, |peer| peer.disconnect_now(9)),
            Step::Reset(side) => self.with_peer(*side, |peer| {
                peer.reset();
            }),
        }
        self.poll();
    }

    fn with_peer(&mut self, side: usize, order: impl FnOnce(enet_proto::PeerMut<'_>)) {
        if let Some(peer) = self.first_peer(side).and_then(|id| self.hosts[side].peer_mut(id)) {
            order(peer);
        }
    }

    fn send(&mut self, side: usize, channel: u8, delivery: Delivery, len: usize) {
        let packet = self.message(side, channel, delivery, len);
        let mut taken = false;
        self.with_peer(side, |mut peer| taken = peer.send(channel, packet).is_ok());
        if !taken {
            self.sent.pop();
        }
    }

    fn message(&mut self, side: usize, channel: u8, delivery: Delivery, len: usize) -> Packet {
        let number = u32::try_from(self.sent.len()).unwrap();
        self.sent.push(Message { side, channel, delivery, number });
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(len.max(4), number.to_be_bytes()[3]);
        Packet::new(delivery, payload)
    }

    /// Lets time pass, jumping from one arrival or deadline to the next.
    pub(crate) fn wait(&mut self, ms: u64) {
        let end = self.now + ms;
        self.poll();
        loop {
            let arrival = self.air.keys().next().map(|(at, _)| *at);
            let deadlines =
                self.hosts.iter_mut().filter_map(|host| host.poll_timeout().map(Instant::as_millis));
            let Some(next) = arrival.into_iter().chain(deadlines).min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            for host in 0..2 {
                if self.hosts[host].poll_timeout().is_some_and(|deadline| deadline <= self.at()) {
                    let at = self.at();
                    self.hosts[host].handle_timeout(at);
                }
            }
            let mut inputs = 0;
            while let Some(entry) = self.air.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, bytes) = entry.remove();
                let datagram = Datagram::new(self.addresses[1 - to], &bytes);
                self.hosts[to].handle_datagram(Instant::from_millis(self.now), datagram);
                inputs += 1;
                if inputs % self.batch == 0 {
                    self.poll();
                }
            }
            self.poll();
        }
        self.now = end;
    }

    /// Empties what the hosts have to give.
    pub(crate) fn poll(&mut self) {
        let at = self.at();
        for side in 0..2 {
            let mut bytes = vec![];
            while let Some(transmit) = self.hosts[side].poll_transmit(at, &mut bytes, NonZeroUsize::MIN) {
                assert_eq!(transmit.len, bytes.len());
                assert_eq!(transmit.to, self.addresses[1 - side]);
                self.launch(side, &bytes);
                bytes.clear();
            }
            while let Some(event) = self.hosts[side].poll_event() {
                self.events[side].push(event);
            }
            // Fetching an event may end a connection.
            self.hosts[side].check_invariants();
        }
    }

    fn launch(&mut self, side: usize, bytes: &[u8]) {
        let fate = self.weather.fates[self.launched % self.weather.fates.len()];
        self.launched += 1;
        self.wire.push((self.now, side, bytes.to_vec()));
        for copy in 0..fate.copies {
            let key = (self.now + fate.delay + 3 * copy as u64, self.wire.len() * 2 + copy);
            self.air.insert(key, (1 - side, bytes.to_vec()));
        }
    }

    /// The messages a host received, in order.
    pub(crate) fn received(&self, side: usize) -> Vec<Message> {
        let mut messages = vec![];
        for event in &self.events[side] {
            if let Event::Received { packet, channel, .. } = event {
                let number = u32::from_be_bytes(packet[..4].try_into().unwrap());
                assert!(packet[4..].iter().all(|byte| *byte == packet[3]), "a payload is damaged");
                let sent = &self.sent[number as usize];
                assert_eq!((sent.side, sent.channel), (1 - side, channel.get()), "a message went astray");
                messages.push(sent.clone());
            }
        }
        messages
    }

    /// Numbers of the messages sent from a side on a channel.
    pub(crate) fn sent_reliably(&self, side: usize, channel: u8) -> Vec<u32> {
        let reliable =
            |m: &&Message| m.side == side && m.channel == channel && m.delivery == Delivery::Reliable;
        self.sent.iter().filter(reliable).map(|m| m.number).collect()
    }
}
