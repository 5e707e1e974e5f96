//! A scripted world for a judge: two hosts, whose calls, datagrams, events and numbers the test makes up.
#![allow(dead_code, unreachable_pub)] // each test binary uses a part of it
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)] // as in tests

use std::collections::HashMap;
use std::net::SocketAddr;

use enet_sim::endpoint::{Close, Conn, Ended, Endpoint, Happening, Kind, Port, Setting, Snapshot};
use enet_sim::marks::Mark;
use enet_sim::message::Message;
use enet_sim::net::{DropReason, Fate};
use enet_sim::oracle::{Judge, JudgeConfig, Violation};
use enet_sim::world::observer::{Call, HostIndex, Observer};
use enet_sim::{Span, Time};
use enet_wire::{
    Body, ChannelId, Command, Connect, ConnectId, Crc32, Header, ReliableSeq, Session, ThrottleConfigure,
    UnreliableSeq, UnsequencedGroup, VerifyConnect, WirePeerId,
};

pub const SERVER: HostIndex = 0;
pub const CLIENT: HostIndex = 1;
/// The connection, as the server calls it.
pub const AT_SERVER: Conn = Conn(0x50);
/// The connection, as the client calls it.
pub const AT_CLIENT: Conn = Conn(0xC0);

/// An endpoint that has the numbers it is given.
#[derive(Default)]
pub struct Numbers(pub HashMap<u64, Snapshot>);

impl Endpoint for Numbers {
    fn connect(&mut self, _: &mut Port, _: SocketAddr, _: u8, _: u32) -> Option<Conn> {
        None
    }
    fn send(&mut self, _: &mut Port, _: Conn, _: u8, _: Kind, _: &[u8]) -> bool {
        false
    }
    fn close(&mut self, _: &mut Port, _: Conn, _: Close, _: u32) {}
    fn set(&mut self, _: &mut Port, _: Conn, _: Setting) {}
    fn limit_bandwidth(&mut self, _: &mut Port, _: Option<u32>, _: Option<u32>) {}
    fn service(&mut self, _: &mut Port) {}
    fn deadline(&mut self) -> Option<Time> {
        None
    }
    fn snapshot(&self, conn: Conn) -> Option<Snapshot> {
        self.0.get(&conn.0).copied()
    }
}

/// What a quiet connection of ENet's defaults looks like.
pub fn calm() -> Snapshot {
    Snapshot {
        baseline_rtt: 500,
        state: 5,
        rtt: 500,
        rtt_variance: 0,
        throttle: 32,
        throttle_limit: 32,
        in_flight: 0,
        window: 65_536,
        mtu: 1_392,
        waiting: 0,
        held: 0,
        packet_loss: 0,
        queued: 0,
    }
}

pub fn ms(millis: u64) -> Time {
    Time(millis * 1_000_000)
}

pub fn address(host: HostIndex) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(host + 1).unwrap()], 7_000))
}

/// A scripted world.
pub struct Script {
    pub judge: Judge,
    pub now: Time,
    pub numbers: [Numbers; 2],
    pub checksum: bool,
    next_ids: HashMap<(HostIndex, u8, u8), u32>,
    sent: u64,
}

pub fn reliable(channel: u8, number: u16, payload: &[u8]) -> Command<'_> {
    Command {
        channel: ChannelId::new(channel),
        seq: ReliableSeq(number),
        acknowledge: true,
        unsequenced: false,
        body: Body::SendReliable { payload },
    }
}

pub fn unreliable(channel: u8, number: (u16, u16), payload: &[u8]) -> Command<'_> {
    Command {
        channel: ChannelId::new(channel),
        seq: ReliableSeq(number.0),
        acknowledge: false,
        unsequenced: false,
        body: Body::SendUnreliable { seq: UnreliableSeq(number.1), payload },
    }
}

pub fn unsequenced(channel: u8, group: u16, payload: &[u8]) -> Command<'_> {
    Command {
        channel: ChannelId::new(channel),
        seq: ReliableSeq(0),
        acknowledge: false,
        unsequenced: true,
        body: Body::SendUnsequenced { group: UnsequencedGroup(group), payload },
    }
}

pub fn ping(number: u16) -> Command<'static> {
    control(number, Body::Ping)
}

pub fn control(number: u16, body: Body<'_>) -> Command<'_> {
    Command {
        channel: ChannelId::CONTROL,
        seq: ReliableSeq(number),
        acknowledge: true,
        unsequenced: false,
        body,
    }
}

pub fn acknowledgement(channel: u8, number: u16, sent_time: u16) -> Command<'static> {
    Command {
        channel: ChannelId::new(channel),
        seq: ReliableSeq(number),
        acknowledge: false,
        unsequenced: false,
        body: Body::Acknowledge { received_seq: ReliableSeq(number), received_sent_time: sent_time },
    }
}

const THROTTLE: ThrottleConfigure = ThrottleConfigure { interval: 5_000, acceleration: 2, deceleration: 2 };
pub const ID: ConnectId = ConnectId([1, 2, 3, 4]);

impl Script {
    pub fn new(config: &JudgeConfig) -> Self {
        Script {
            judge: Judge::new(config),
            now: ms(1_000),
            numbers: Default::default(),
            checksum: config.checksum,
            next_ids: HashMap::new(),
            sent: 0,
        }
    }

    /// Two hosts with a connection between them, handshake and all.
    pub fn connected() -> Self {
        Script::connected_under(&JudgeConfig::new(2))
    }

    pub fn connected_under(config: &JudgeConfig) -> Self {
        let mut script = Script::new(config);
        script.connect(AT_CLIENT, 7);
        script.handshake(ID, 7);
        script.opened(AT_CLIENT, AT_SERVER, 7);
        script.clean();
        script
    }

    pub fn connect(&mut self, conn: Conn, data: u32) {
        self.judge.called(self.now, CLIENT, &Call::Connect { conn, to: SERVER, data });
    }

    /// CONNECT, VERIFY_CONNECT and its acknowledgement pass by.
    pub fn handshake(&mut self, id: ConnectId, data: u32) {
        self.carry(CLIENT, &connect_command(id, data));
        self.carry(SERVER, &verify_command(id, 0));
        self.serve(SERVER);
        let time = self.sent_time();
        self.carry(CLIENT, &acknowledgement(0xFF, 1, time));
    }

    /// Both sides hear that the connection is open.
    pub fn opened(&mut self, client: Conn, server: Conn, data: u32) {
        self.happened(CLIENT, &Happening::Connected { conn: client, data: 0 });
        self.happened(SERVER, &Happening::Connected { conn: server, data });
        self.numbers[CLIENT].0.insert(client.0, calm());
        self.numbers[SERVER].0.insert(server.0, calm());
        self.serve(CLIENT);
        self.serve(SERVER);
    }

    pub fn happened(&mut self, host: HostIndex, what: &Happening<'_>) {
        self.judge.happened(self.now, host, what);
    }

    pub fn ended(&mut self, host: HostIndex, ended: Ended, data: u32) {
        let conn = conn_of(host);
        self.happened(host, &Happening::Disconnected { conn, ended, data });
    }

    pub fn close(&mut self, host: HostIndex, how: Close, data: u32) {
        self.judge.called(self.now, host, &Call::Close { conn: conn_of(host), how, data });
    }

    pub fn later(&mut self, millis: u64) {
        self.now += Span::from_millis(millis);
    }

    pub fn serve(&mut self, host: HostIndex) {
        self.judge.served(self.now, host, &mut self.numbers[host]);
    }

    pub fn numbers(&mut self, host: HostIndex) -> &mut Snapshot {
        self.numbers[host].0.get_mut(&conn_of(host).0).unwrap()
    }

    pub fn sent_time(&self) -> u16 {
        (self.now.0 / 1_000_000) as u16
    }

    // --- messages ---

    /// An application sends a message of 100 bytes; returns its payload.
    pub fn send(&mut self, host: HostIndex, channel: u8, kind: Kind) -> Vec<u8> {
        self.send_sized(host, channel, kind, 100)
    }

    pub fn send_sized(&mut self, host: HostIndex, channel: u8, kind: Kind, len: usize) -> Vec<u8> {
        let next = self.next_ids.entry((host, channel, kind as u8)).or_default();
        let message = Message { sender: host as u16, conn: 0, channel, kind, id: *next };
        *next += 1;
        let mut payload = Vec::new();
        message.write(len, &mut payload);
        let call = Call::Send { conn: conn_of(host), channel, kind, payload: &payload, accepted: true };
        self.judge.called(self.now, host, &call);
        payload
    }

    pub fn receive(&mut self, host: HostIndex, channel: u8, kind: Kind, payload: &[u8]) {
        let conn = conn_of(host);
        self.happened(host, &Happening::Received { conn, channel, kind: Some(kind), payload });
    }

    // --- datagrams ---

    /// A datagram of one command leaves and arrives at once.
    pub fn carry(&mut self, from: HostIndex, command: &Command<'_>) {
        self.carry_all(from, core::slice::from_ref(command), true);
    }

    /// A datagram of one command leaves and is lost.
    pub fn lose(&mut self, from: HostIndex, command: &Command<'_>) {
        self.carry_all(from, core::slice::from_ref(command), false);
    }

    pub fn carry_all(&mut self, from: HostIndex, commands: &[Command<'_>], arrives: bool) {
        let bytes = self.datagram(commands);
        self.carry_bytes(from, &bytes, arrives);
    }

    pub fn carry_bytes(&mut self, from: HostIndex, bytes: &[u8], arrives: bool) {
        let to = 1 - from;
        let fate = Fate {
            number: self.sent,
            dropped: (!arrives).then_some(DropReason::Loss),
            corrupted: false,
            copies: u8::from(arrives),
            arrives: self.now,
        };
        self.sent += 1;
        self.judge.departed(self.now, from, address(to), bytes, &fate);
        if arrives {
            self.judge.arrived(self.now, to, address(from), bytes);
        }
    }

    /// As a stock sender builds it.
    pub fn datagram(&self, commands: &[Command<'_>]) -> Vec<u8> {
        let unknown = commands.iter().any(|it| matches!(it.body, Body::Connect(_)));
        let timed = commands.iter().any(|it| it.acknowledge);
        let header = Header {
            peer: if unknown { WirePeerId::UNKNOWN } else { WirePeerId::new(0).unwrap() },
            session: Session::default(),
            compressed: false,
            sent_time: timed.then_some(self.sent_time()),
        };
        let mut bytes = header.encode().to_vec();
        let mut body = Vec::new();
        for command in commands {
            body.extend_from_slice(&command.head());
            body.extend_from_slice(command.payload());
        }
        if self.checksum {
            let mut crc = Crc32::new();
            crc.update(&bytes);
            crc.update(if unknown { &[0; 4] } else { &ID.0 });
            crc.update(&body);
            bytes.extend_from_slice(&crc.finish().to_be_bytes());
        }
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Reliable command `number` of channel 0 with 100 bytes leaves, arrives, and is acknowledged.
    pub fn exchange(&mut self, number: u16) {
        let time = self.sent_time();
        self.carry(CLIENT, &reliable(0, number, &[1; 100]));
        self.carry(SERVER, &acknowledgement(0, number, time));
        self.serve(SERVER);
        self.serve(CLIENT);
    }

    // --- verdicts ---

    /// Nothing was wrong.
    #[track_caller]
    pub fn clean(&self) {
        let texts: Vec<String> = self.judge.violations().iter().map(Violation::to_string).collect();
        assert!(texts.is_empty(), "{texts:#?}");
    }

    /// This was wrong and nothing else, and the text says this.
    #[track_caller]
    pub fn broken(&self, property: &str, says: &str) {
        let violations = self.judge.violations();
        let texts: Vec<String> = violations.iter().map(Violation::to_string).collect();
        assert!(!texts.is_empty() && violations.iter().all(|it| it.property == property), "{texts:#?}");
        assert!(violations[0].text.contains(says), "{says:?} is not in {texts:#?}");
    }

    #[track_caller]
    pub fn marked(&self, mark: Mark) {
        assert!(self.judge.marks().has(mark), "{mark} is not in {:?}", self.judge.marks());
    }
}

pub fn conn_of(host: HostIndex) -> Conn {
    if host == SERVER { AT_SERVER } else { AT_CLIENT }
}

pub fn connect_command(id: ConnectId, data: u32) -> Command<'static> {
    let connect = Connect {
        outgoing_peer: 0,
        incoming_session: 0xFF,
        outgoing_session: 0xFF,
        mtu: 1_392,
        window_size: 65_536,
        channel_count: 4,
        throttle: THROTTLE,
        connect_id: id,
        data,
        ..Connect::default()
    };
    control(1, Body::Connect(connect))
}

pub fn verify_command(id: ConnectId, slot: u16) -> Command<'static> {
    let verify = VerifyConnect {
        outgoing_peer: slot,
        mtu: 1_392,
        window_size: 65_536,
        channel_count: 4,
        throttle: THROTTLE,
        connect_id: id,
        ..VerifyConnect::default()
    };
    control(1, Body::VerifyConnect(verify))
}
