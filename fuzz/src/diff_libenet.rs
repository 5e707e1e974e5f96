//! Ours and the C library, told the same things at the same times.
//!
//! Needs `libenet.so.7`, version 1.3.17, and a program that exports the clock and the sockets of `enet-reference`; elsewhere the target
//! does nothing.

use std::net::SocketAddr;

use arbitrary::{Arbitrary, Unstructured};
use enet_sim::endpoint::{CHost, Close, Conn, Endpoint, Happening, Kind, Order, Ours, Port, Setting};
use enet_sim::scenario::HostSpec;
use enet_sim::{Span, Time};
use enet_testkit::{Opened, commands};
use enet_wire::{Body, Command, Fragment, Header, ThrottleConfigure};

use crate::remote::{Remote, encode, seal};
use crate::speech::{Script, Spoken, Terms};
use crate::values::length;

/// Two hosts, ours under `Profile::Compat` and C's, hear the same datagrams and get the same calls: they say and report the same. What
/// they are known to differ in is not said to them: see [`comparable`].
pub fn diff_libenet(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(setup) = input.arbitrary::<u8>() else { return };
    let Some(mut duel) = Duel::new(setup) else { return };
    while !input.is_empty() {
        // An input that ends early is a short one.
        let Ok(step) = input.arbitrary() else { break };
        duel.play(step);
        if !duel.service() {
            return;
        }
    }
    duel.wait(100);
}

#[derive(Debug, Arbitrary)]
enum Step {
    Wait(u8),
    /// A remote says commands.
    Says {
        remote: u8,
        stranger: bool,
        commands: Vec<Spoken>,
    },
    /// A remote asks for a connection, and acknowledges the answer.
    Knocks {
        remote: u8,
        terms: Terms,
    },
    /// A remote acknowledges what is owed.
    Acknowledges {
        remote: u8,
        count: u8,
        age: u8,
    },
    /// A remote grants the connection that was asked for.
    Grants {
        remote: u8,
        session: u8,
    },
    Connect {
        remote: u8,
    },
    Send {
        conn: u8,
        channel: u8,
        kind: u8,
        len: u8,
        times: u8,
    },
    Close {
        conn: u8,
        how: u8,
    },
    Ping {
        conn: u8,
        seconds: u8,
    },
}

/// One of the two, and what it did in the last service.
struct Side {
    endpoint: Box<dyn Endpoint>,
    port: Port,
    /// Connections in the order in which they were made or reported: the two name them differently.
    conns: Vec<Conn>,
    sent: Vec<(SocketAddr, Vec<u8>)>,
    told: Vec<Told>,
}

/// What an application hears, in words that both have.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Connected(usize, u32),
    Received(usize, u8, bool, Vec<u8>),
    Disconnected(usize, u32),
}

struct Duel {
    sides: [Side; 2],
    now: Time,
    checksum: bool,
    remotes: [Remote; 3],
    /// The last reliable number each remote has said, by channel.
    said: [[(u16, u16); 3]; 3],
    /// Whether any connection was asked to close later.
    parting: bool,
}

const SEED: [u8; 32] = [3; 32];

impl Duel {
    fn new(setup: u8) -> Option<Duel> {
        let spec = HostSpec { checksum: setup & 1 != 0, channels: 255, ..HostSpec::default() };
        let theirs = CHost::new(&spec, 3, SEED).ok()?.with_connect_ids(1);
        let ours = Ours::new(&spec, 3, SEED, Order::AsC).with_connect_ids(1);
        let side = |endpoint| Side {
            endpoint,
            port: Port::default(),
            conns: Vec::new(),
            sent: Vec::new(),
            told: Vec::new(),
        };
        let mut duel = Duel {
            sides: [side(Box::new(ours)), side(Box::new(theirs))],
            now: Time::ZERO + spec.clock_start,
            checksum: spec.checksum,
            remotes: [0, 1, 2].map(Remote::new),
            said: Default::default(),
            parting: false,
        };
        duel.service();
        Some(duel)
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Wait(millis) => self.wait(u64::from(millis) * if millis > 200 { 50 } else { 1 }),
            Step::Says { remote, stranger, commands } => {
                let index = usize::from(remote % 3);
                let said: Vec<Command<'static>> = commands
                    .iter()
                    .map(|it| it.command(&self.script(index), Script::default().filler()))
                    .filter_map(comparable)
                    .collect();
                let own = self.remotes[index].header_at(self.clock());
                let header = match stranger {
                    true => Header { sent_time: own.sent_time, ..Header::default() },
                    false => own,
                };
                for command in &said {
                    self.note(index, command);
                }
                self.says(index, header, &said);
            }
            Step::Knocks { remote, terms } => {
                let mut connect = terms.connect(u16::from(remote));
                // Those above spill into the flags of C's replies (Q63).
                connect.outgoing_peer %= 0x0FFF;
                // As a server 1.3.17 takes the client's, whatever its own is (PROTOCOL.md §16.1).
                connect.mtu = connect.mtu.min(1392);
                connect.throttle = small(connect.throttle);
                connect.incoming_bandwidth %= FAST;
                connect.outgoing_bandwidth %= FAST;
                let header = Header { sent_time: Some(self.clock()), ..Header::default() };
                let index = usize::from(remote % 3);
                self.said[index] = Default::default();
                self.says(index, header, &[commands::connect(connect)]);
            }
            Step::Grants { remote, session } => {
                let index = usize::from(remote % 3);
                let Some(grant) = self.remotes[index].grant(session) else { return };
                let header = self.remotes[index].header_at(self.clock());
                self.says(index, header, &[grant]);
            }
            Step::Acknowledges { remote, count, age } => {
                let index = usize::from(remote % 3);
                let acks = self.remotes[index].acknowledgements(usize::from(count), u16::from(age));
                let header = self.remotes[index].header;
                for acks in acks.chunks(400) {
                    self.says(index, header, acks);
                }
            }
            Step::Connect { remote } => {
                let to = self.remotes[usize::from(remote % 3)].address;
                let mut made = [false; 2];
                for (side, made) in self.sides.iter_mut().zip(&mut made) {
                    let conn = side.endpoint.connect(&mut side.port, to, 3, 7);
                    *made = conn.is_some();
                    side.conns.extend(conn);
                }
                assert_eq!(made[0], made[1], "a free slot");
            }
            Step::Send { conn, channel, kind, len, times } => {
                let kind = Kind::ALL[usize::from(kind % 4)];
                let payload = &Script::default().filler()[..length(len)];
                for _ in 0..=times % 16 {
                    self.each(conn, |side, conn| {
                        side.endpoint.send(&mut side.port, conn, channel % 4, kind, payload)
                    });
                }
            }
            Step::Close { conn, how } => {
                const HOW: [Close; 4] = [Close::Disconnect, Close::Later, Close::Now, Close::Reset];
                let mut way = HOW[usize::from(how % 4)];
                // In DISCONNECT_LATER disconnect_now() sends the other DISCONNECT, too (Q110).
                if way == Close::Now && self.parting {
                    way = Close::Reset;
                }
                self.parting |= way == Close::Later;
                self.each(conn, |side, conn| {
                    side.endpoint.close(&mut side.port, conn, way, u32::from(how));
                    true
                });
            }
            Step::Ping { conn, seconds } => {
                let setting = Setting::Ping { interval: Span::from_secs(u64::from(seconds % 4)) };
                self.each(conn, |side, conn| {
                    side.endpoint.set(&mut side.port, conn, setting);
                    true
                });
            }
        }
    }

    /// A call on the same connection of both.
    fn each(&mut self, pick: u8, mut call: impl FnMut(&mut Side, Conn) -> bool) {
        let count = self.sides[0].conns.len();
        if count == 0 {
            return;
        }
        let done = self.sides.each_mut().map(|side| {
            let conn = side.conns[usize::from(pick) % count];
            call(side, conn)
        });
        assert_eq!(done[0], done[1], "what ours and C's say to a call");
    }

    fn script(&self, index: usize) -> Script {
        let remote = &self.remotes[index];
        Script {
            taken: self.said[index],
            control: remote.control,
            group: 0,
            clock: self.clock(),
            connect_id: remote.connect_id,
        }
    }

    fn note(&mut self, index: usize, command: &Command<'_>) {
        let place = self.said[index].get_mut(command.channel.index());
        match (command.body, place) {
            (Body::SendReliable { .. } | Body::SendFragment(_), Some(place)) => *place = (command.seq.0, 0),
            (Body::SendUnreliable { seq, .. }, Some(place)) => place.1 = seq.0,
            _ if command.channel.is_control() => self.remotes[index].control = command.seq.0,
            _ => {}
        }
    }

    fn says(&mut self, index: usize, header: Header, commands: &[Command<'_>]) {
        let remote = &self.remotes[index];
        let checksum = self.checksum.then_some(enet_proto::Checksum::CRC32);
        let datagram = seal(header, remote.connect_id, &encode(commands), checksum);
        for side in &mut self.sides {
            side.port.deliver(remote.address, datagram.clone());
        }
    }

    // ---- Time

    fn clock(&self) -> u16 {
        ((self.now.0 / 1_000_000) & 0xFFFF) as u16
    }

    /// Services both every 10 ms, as a game would.
    fn wait(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(10) {
            self.now += Span::from_millis(10);
            if !self.service() {
                return;
            }
        }
    }

    /// Services both and compares; false if they part for a known reason.
    fn service(&mut self) -> bool {
        for side in &mut self.sides {
            side.port.set_now(self.now);
            side.endpoint.service(&mut side.port);
            side.take();
        }
        let [ours, theirs] = &self.sides;
        if ours.sent != theirs.sent {
            let (one, two) = (self.describe(ours), self.describe(theirs));
            if self.differ_by_place_only() {
                return false;
            }
            panic!("what is sent:\nours {one:#?}\nC's  {two:#?}");
        }
        assert_eq!(ours.told, theirs.told, "what is reported");
        for (to, bytes) in std::mem::take(&mut self.sides[0].sent) {
            let Ok(opened) = Opened::open(&bytes, self.checksum) else { continue };
            self.remotes.iter_mut().filter(|remote| remote.address == to).for_each(|it| it.hears(&opened));
        }
        for side in &mut self.sides {
            side.sent.clear();
            side.told.clear();
        }
        true
    }

    fn describe(&self, side: &Side) -> Vec<String> {
        let open = |bytes: &[u8]| match Opened::open(bytes, self.checksum) {
            Ok(opened) => opened.to_string(),
            Err(error) => error,
        };
        let sent = side.sent.iter().map(|(to, bytes)| format!("{to} {}", open(bytes)));
        let numbers = side.conns.iter().filter_map(|conn| side.endpoint.snapshot(*conn));
        sent.chain(numbers.map(|it| format!("{it:?}"))).collect()
    }

    /// Of what goes out again, 1.3.17 sends data and control commands in another order than later versions and ours (PROTOCOL.md §16.1).
    fn differ_by_place_only(&self) -> bool {
        let sorted = |side: &Side| {
            let mut all: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
            for (to, bytes) in &side.sent {
                let Ok(opened) = Opened::open(bytes, self.checksum) else { continue };
                all.extend(opened.commands().flatten().map(|command| (*to, encode(&[command]))));
            }
            all.sort();
            all
        };
        let [ours, theirs] = &self.sides;
        sorted(ours) == sorted(theirs)
    }
}

impl Side {
    /// Collects what a service has sent and reported.
    fn take(&mut self) {
        let Side { port, conns, sent, told, .. } = self;
        port.take_sent(|to, bytes| sent.push((to, bytes.to_vec())));
        let mut place = |conn: Conn| {
            conns.iter().rposition(|it| *it == conn).unwrap_or_else(|| {
                conns.push(conn);
                conns.len() - 1
            })
        };
        port.take_happenings(|what| {
            told.push(match *what {
                Happening::Connected { conn, data } => Told::Connected(place(conn), data),
                Happening::Received { conn, channel, kind, payload } => {
                    let reliable = kind == Some(Kind::Reliable);
                    Told::Received(place(conn), channel, reliable, payload.to_vec())
                }
                Happening::Disconnected { conn, data, .. } => Told::Disconnected(place(conn), data),
            });
        });
    }
}

/// The command, or one like it that both handle alike; `None` if there is none. The rows are those of docs/QUIRKS.md.
fn comparable(command: Command<'static>) -> Option<Command<'static>> {
    let body = match command.body {
        // Q63, Q64, Q65: ids and sessions that spill into flags.
        Body::Connect(mut connect) => {
            connect.mtu = connect.mtu.min(1392);
            connect.incoming_bandwidth %= FAST;
            connect.outgoing_bandwidth %= FAST;
            connect.outgoing_peer %= 0x0FFF;
            connect.throttle = small(connect.throttle);
            Body::Connect(connect)
        }
        Body::VerifyConnect(mut verify) => {
            verify.outgoing_peer %= 0x0FFF;
            verify.throttle = small(verify.throttle);
            verify.incoming_bandwidth %= FAST;
            verify.outgoing_bandwidth %= FAST;
            Body::VerifyConnect(verify)
        }
        Body::BandwidthLimit { incoming, outgoing } => {
            Body::BandwidthLimit { incoming: incoming % FAST, outgoing: outgoing % FAST }
        }
        // Q68: sums of 32 bits.
        Body::ThrottleConfigure(throttle) => Body::ThrottleConfigure(small(throttle)),
        // Q70, Q73, Q74: bytes that nobody sent, accounts that leak, checks that 1.3.17 has not.
        Body::SendFragment(fragment) => Body::SendFragment(covered(fragment)),
        Body::SendUnreliableFragment(fragment) => Body::SendUnreliableFragment(covered(fragment)),
        body => body,
    };
    Some(Command { body, ..command })
}

/// Bytes per second from which on C's shares leave their 32 bits, or nearly (Q49).
const FAST: u32 = 4_000_000;

fn small(throttle: ThrottleConfigure) -> ThrottleConfigure {
    let ThrottleConfigure { interval, acceleration, deceleration } = throttle;
    ThrottleConfigure {
        interval: interval % (1 << 20),
        acceleration: acceleration % (1 << 16),
        deceleration: deceleration % (1 << 16),
    }
}

/// A fragment of a packet that is always cut in the same way, so that the pieces cover it.
fn covered(fragment: Fragment<'static>) -> Fragment<'static> {
    let total = fragment.total_length % 3000 + 1;
    let size = total / 5 + 1;
    let count = total.div_ceil(size);
    let number = fragment.number % count;
    let offset = number * size;
    let len = size.min(total - offset) as usize;
    let payload = &Script::default().filler()[offset as usize..][..len];
    Fragment { start: fragment.start, count, number, total_length: total, offset, payload }
}
