//! A host, several remotes that speak its language, and an application that calls everything there is to call.

use std::num::NonZeroU32;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use enet_proto::{
    ChannelLimit, ConnectId, ConnectOptions, Datagram, Delivery, Mtu, Packet, PeerId, RangeCoder, Socket,
    ThrottleSettings, Timeouts, Transmit,
};
use enet_testkit::commands;
use enet_wire::{Header, Session, WirePeerId};

use crate::remote::{Remote, encode, seal};
use crate::speech::{Script, Spoken, Terms};
use crate::subject::{RAW, Setup, Subject};
use crate::values::{Edge16, Edge32, Pause, length};

/// Commands with edge values from several remotes, answers as good hosts give them, waits, and calls of every kind. Nothing panics, the
/// host's books balance after every step, events keep their grammar, and the same input gives the same output.
pub fn host_structured(data: &[u8]) {
    let first = play(data);
    if data.len().is_multiple_of(8) {
        assert_eq!(first, play(data), "the same input, another output");
    }
}

fn play(data: &[u8]) -> Option<u64> {
    let mut input = Unstructured::new(data);
    let setup = Setup::read(&mut input).ok()?;
    let mut stage = Stage {
        with_checksum: setup.checksum,
        subject: Subject::new(&setup),
        remotes: [0, 1, 2, 3].map(Remote::new),
    };
    while !input.is_empty() {
        // An input that ends early is a short one.
        let Ok(step) = input.arbitrary() else { break };
        stage.play(step);
    }
    stage.subject.settle();
    Some(stage.subject.hash)
}

#[derive(Debug, Arbitrary)]
enum Step {
    Wait(Pause),
    /// Polls, and lets the remotes read what was sent.
    Exchange,
    /// A remote says commands: with the header of its connection, or any other.
    Says {
        remote: u8,
        header: Option<u16>,
        compressed: bool,
        commands: Vec<Spoken>,
    },
    /// A remote asks for a connection.
    Knocks {
        remote: u8,
        terms: Terms,
    },
    /// A remote grants the connection the host has asked for.
    Grants {
        remote: u8,
        session: u8,
    },
    /// A remote acknowledges what is owed.
    Acknowledges {
        remote: u8,
        count: u8,
        age: u8,
    },
    Call {
        peer: u8,
        call: Call,
    },
    Setting(Setting),
    /// A call as the C library has it.
    ServicePass {
        flush: bool,
    },
}

#[derive(Debug, Arbitrary)]
enum Call {
    Connect { channels: u8, hold: bool, limit: Edge32, broadcast: bool },
    Send { channel: u8, delivery: u8, len: u8, times: u8 },
    Broadcast { channel: u8, delivery: u8, len: u8 },
    Receive,
    Ping,
    Disconnect(u8),
    Release,
    Timeouts { limit: Edge32, minimum: Edge32, maximum: Edge32 },
    PingInterval(Edge32),
    Throttle { interval: Edge32, acceleration: Edge32, deceleration: Edge32 },
    RoundTrip { rtt: Edge32, baseline: Edge32 },
    UserValue(u64),
}

#[derive(Debug, Arbitrary)]
enum Setting {
    Channels(u8),
    Bandwidth(Option<u32>, Option<u32>),
    Mtu(Edge16),
    Limits(Edge16, Edge16),
    PeersPerIp(Option<u16>),
    Compressor(bool),
    Raw(u8),
}

struct Stage {
    with_checksum: bool,
    subject: Subject,
    remotes: [Remote; 4],
}

impl Stage {
    fn play(&mut self, step: Step) {
        match step {
            Step::Wait(Pause(millis)) => self.subject.wait(millis),
            Step::Exchange => self.subject.settle(),
            Step::Says { remote, header, compressed, commands } => {
                let index = usize::from(remote % 4);
                let script = self.script(index);
                let commands: Vec<_> =
                    commands.iter().map(|it| it.command(&script, script.filler())).collect();
                let control = commands.iter().filter(|it| it.channel.is_control()).map(|it| it.seq.0).max();
                let remote = &mut self.remotes[index];
                remote.control = control.unwrap_or(remote.control);
                let own = remote.header_at(self.subject.clock());
                let header = header.map_or(own, |word| Header {
                    peer: WirePeerId::from_bits(word),
                    session: Session::from_bits(word),
                    sent_time: own.sent_time.filter(|_| word & 0x8000 != 0),
                    ..own
                });
                self.says(index, Header { compressed, ..header }, &encode(&commands));
            }
            Step::Knocks { remote, terms } => {
                let connect = commands::connect(terms.connect(u16::from(remote)));
                let header = Header { sent_time: Some(self.subject.clock()), ..Header::default() };
                self.says(usize::from(remote % 4), header, &encode(&[connect]));
            }
            Step::Grants { remote, session } => {
                let index = usize::from(remote % 4);
                let Some(grant) = self.remotes[index].grant(session) else { return };
                let header = self.remotes[index].header_at(self.subject.clock());
                self.says(index, header, &encode(&[grant]));
            }
            Step::Acknowledges { remote, count, age } => {
                let index = usize::from(remote % 4);
                let acks = self.remotes[index].acknowledgements(usize::from(count), u16::from(age));
                let header = Header { sent_time: None, ..self.remotes[index].header };
                for acks in acks.chunks(400) {
                    self.says(index, header, &encode(acks));
                }
            }
            Step::Call { peer, call } => self.call(peer, call),
            Step::Setting(setting) => self.set(setting),
            Step::ServicePass { flush } => self.service_pass(flush),
        }
        self.listen();
    }

    /// Lets the remotes read what the host has sent.
    fn listen(&mut self) {
        for sent in self.subject.sent.drain(..) {
            let Some(opened) = &sent.opened else { continue };
            let broadcast = sent.to.ip() == std::net::Ipv4Addr::BROADCAST;
            for remote in self.remotes.iter_mut().filter(|it| broadcast || it.address == sent.to) {
                remote.hears(opened);
            }
        }
    }

    /// What the host expects of a remote.
    fn script(&self, index: usize) -> Script {
        let remote = &self.remotes[index];
        let mut script =
            Script { control: remote.control, connect_id: remote.connect_id, ..Script::default() };
        script.clock = self.subject.clock();
        if let Some(peer) = self.subject.host.peers().find(|peer| peer.address() == remote.address) {
            script.group = peer.stats().incoming_unsequenced_group;
            for (channel, taken) in (0_u8..).zip(&mut script.taken) {
                if let Some(stats) = peer.channel(channel) {
                    *taken = (stats.incoming_reliable, stats.incoming_unreliable);
                }
            }
        }
        script
    }

    fn says(&mut self, index: usize, header: Header, commands: &[u8]) {
        let remote = &self.remotes[index];
        let checksum = self.with_checksum.then_some(enet_proto::Checksum::CRC32);
        let datagram = seal(header, remote.connect_id, commands, checksum);
        self.subject.hears(remote.address, &datagram);
    }

    fn call(&mut self, pick: u8, call: Call) {
        let peers = self.subject.peers();
        let picked = (!peers.is_empty()).then(|| peers[usize::from(pick) % peers.len()]);
        match (call, picked) {
            (Call::Connect { channels, hold, limit, broadcast }, _) => {
                let to = match broadcast {
                    true => "255.255.255.255:4000".parse().expect("an address"),
                    false => self.remotes[usize::from(pick % 4)].address,
                };
                let timeouts = Timeouts { limit: limit.0, ..Timeouts::default() };
                let options = ConnectOptions {
                    channels: ChannelLimit::new(channels).unwrap_or_default(),
                    data: 7,
                    timeout: (limit.0 != 1).then_some(timeouts),
                    connect_id: (pick >= 128).then_some(ConnectId([pick, 0, 0, 0])),
                    hold,
                    ..ConnectOptions::default()
                };
                let full = self.subject.peers().len() >= self.subject.host.peer_limit();
                let connected = self.subject.host.connect(to, options);
                assert!(connected.is_ok() || full);
            }
            (Call::Broadcast { channel, delivery, len }, _) => {
                let packet = packet(delivery, len);
                let reached = self.subject.host.broadcast(channel, packet);
                assert!(reached.queued + reached.full <= self.subject.host.connected_peers());
            }
            (call, Some(peer)) => self.call_peer(peer, call),
            (_, None) => {}
        }
    }

    fn call_peer(&mut self, id: PeerId, call: Call) {
        let Some(mut peer) = self.subject.host.peer_mut(id) else { return };
        let ms = |edge: Edge32| Duration::from_millis(u64::from(edge.0));
        match call {
            Call::Send { channel, delivery, len, times } => {
                for _ in 0..=times % 64 {
                    if let Err(error) = peer.send(channel, packet(delivery, len)) {
                        assert_eq!(error.packet.len(), length(len), "the packet comes back");
                        break;
                    }
                }
            }
            Call::Receive => drop(peer.receive()),
            Call::Ping => drop(peer.ping()),
            Call::Disconnect(how) => match how % 4 {
                0 => peer.disconnect(u32::from(how)),
                1 => peer.disconnect_later(u32::from(how)),
                2 => peer.disconnect_now(u32::from(how)),
                _ => peer.reset(),
            },
            Call::Release => peer.release(),
            Call::Timeouts { limit, minimum, maximum } => {
                peer.set_timeouts(Timeouts { limit: limit.0, minimum: ms(minimum), maximum: ms(maximum) });
            }
            Call::PingInterval(interval) => peer.set_ping_interval(ms(interval)),
            Call::Throttle { interval, acceleration, deceleration } => {
                let (acceleration, deceleration) = (acceleration.0, deceleration.0);
                peer.set_throttle(ThrottleSettings { interval: ms(interval), acceleration, deceleration });
            }
            Call::RoundTrip { rtt, baseline } => {
                peer.set_round_trip_time(ms(rtt));
                peer.set_throttle_baseline_rtt(ms(baseline));
            }
            Call::UserValue(value) => peer.set_user_value(value),
            Call::Connect { .. } | Call::Broadcast { .. } => {}
        }
        if self.subject.host.peer(id).is_none() {
            self.subject.forget(id);
        }
        self.subject.check();
    }

    fn set(&mut self, setting: Setting) {
        let host = &mut self.subject.host;
        match setting {
            Setting::Channels(limit) => host.set_channel_limit(ChannelLimit::new(limit).unwrap_or_default()),
            Setting::Bandwidth(incoming, outgoing) => host
                .set_bandwidth_limits(incoming.and_then(NonZeroU32::new), outgoing.and_then(NonZeroU32::new)),
            Setting::Mtu(mtu) => host.set_mtu(Mtu::new(mtu.0).unwrap_or_default()),
            Setting::Limits(packet, waiting) => {
                self.subject.limit(u32::from(packet.0) * 16, u32::from(waiting.0) * 16);
            }
            Setting::PeersPerIp(limit) => host.set_max_peers_per_ip(limit),
            Setting::Compressor(on) => match on {
                true => host.set_compressor(Some(RangeCoder::boxed())),
                false => host.set_compressor(None),
            },
            Setting::Raw(len) => host.send_raw(RAW, vec![0x5A; usize::from(len)]),
        }
    }

    fn service_pass(&mut self, flush: bool) {
        let mut socket = Outgoing { sent: Vec::new() };
        let now = self.subject.now;
        if flush {
            self.subject.host.flush_pass(now, &mut socket);
        } else if let Some(event) = self.subject.host.service_pass(now, &mut socket) {
            self.subject.note(event);
        }
        for (transmit, bytes) in &socket.sent {
            self.subject.depart(transmit, bytes);
        }
        self.subject.check();
    }
}

/// A socket on which nothing arrives.
struct Outgoing {
    sent: Vec<(Transmit, Vec<u8>)>,
}

impl Socket for Outgoing {
    fn receive(&mut self) -> Option<Datagram<'_>> {
        None
    }

    fn send(&mut self, transmit: &Transmit, bytes: &[u8]) {
        self.sent.push((*transmit, bytes.to_vec()));
    }
}

fn packet(delivery: u8, len: u8) -> Packet {
    const DELIVERIES: [Delivery; 5] = [
        Delivery::Reliable,
        Delivery::Unreliable,
        Delivery::UnreliableFragments,
        Delivery::Unsequenced,
        Delivery::UnsequencedOrFragments,
    ];
    let payload = &Script::default().filler()[..length(len)];
    Packet::new(DELIVERIES[usize::from(delivery) % DELIVERIES.len()], payload)
}
