//! Two hosts, a network of which every byte is a verdict, and the laboratory's judge.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use enet_sim::endpoint::{Close, Conn, Endpoint, Happening, Kind, Order, Ours, Port, Snapshot};
use enet_sim::message::Message;
use enet_sim::net::{DropReason, Fate};
use enet_sim::oracle::{Judge, JudgeConfig};
use enet_sim::scenario::{HostSpec, Profile};
use enet_sim::world::address;
use enet_sim::world::observer::{Call, Observer};
use enet_sim::{Span, Time};

use crate::values::length;

/// Two hosts that connect, send, close and wait as the input's beginning says, over a network that asks the input's end, byte by byte,
/// what becomes of each datagram. Then the network heals, and the judge of the laboratory, who shares no code with the protocol, says
/// whether what was promised came.
pub fn pair_script(data: &[u8]) {
    let mut tape = Tape(data);
    let Some(setup) = tape.front() else { return };
    let mut pair = Pair::new(setup, tape);
    while let Some(op) = pair.tape.front() {
        pair.play(op);
        if pair.now > LONGEST {
            break;
        }
    }
    pair.heal();
    pair.judge.finish(pair.now);
    if let Some(violation) = pair.judge.violations().first() {
        panic!("{violation}");
    }
}

/// How long a script may last, and how long a healed world gets to come to rest.
const LONGEST: Time = Time(600_000_000_000);
const SETTLE: Span = Span::from_secs(300);

/// The delay of an unhindered datagram.
const DELAY: Span = Span::from_millis(10);

/// The longest delay there is, for a copy that comes late.
const LATEST: Span = Span::from_millis(3_200);

/// The input: read from the front for the script, and from the back for the network.
struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    fn front(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn back(&mut self) -> Option<u8> {
        let (last, rest) = self.0.split_last()?;
        self.0 = rest;
        Some(*last)
    }
}

/// A connection as the application keeps it.
struct Connection {
    conn: Conn,
    number: u32,
    is_open: bool,
    next_ids: BTreeMap<(u8, Kind), u32>,
}

/// A host, and what its application knows.
struct Machine {
    endpoint: Ours,
    port: Port,
    /// What its clock shows when the world begins.
    clock: Span,
    connections: Vec<Connection>,
    begun: u32,
}

struct Pair<'a> {
    tape: Tape<'a>,
    now: Time,
    machines: [Machine; 2],
    judge: Judge,
    /// Datagrams under way, by arrival and order: to whom, what.
    air: BTreeMap<(Time, u64), (usize, Vec<u8>)>,
    launched: u64,
    may_corrupt: bool,
    is_healed: bool,
}

impl<'a> Pair<'a> {
    fn new(setup: u8, tape: Tape<'a>) -> Self {
        let bit = |bit: u8| setup & 1 << bit != 0;
        let checksum = bit(0);
        let spec = |profile: bool, mtu: bool, clock| HostSpec {
            checksum,
            range_coder: bit(1) && bit(2),
            profile: if profile { Profile::Modern } else { Profile::Compat },
            mtu: if mtu { 576 } else { 1392 },
            clock_start: clock,
            ..HostSpec::default()
        };
        let clocks = match bit(7) {
            true => [Span::from_millis((1 << 32) - 2_000), Span::from_millis((1 << 16) - 1_000)],
            false => [Span::from_secs(1_000), Span::from_secs(5_000)],
        };
        let specs = [spec(bit(3), bit(5), clocks[0]), spec(bit(4), bit(6), clocks[1])];
        let mut config = JudgeConfig::new(2);
        config.checksum = checksum;
        config.compression = bit(1) && bit(2);
        config.corruption = checksum;
        config.delay_bound = Span(LATEST.0 * 2);
        for (rules, spec) in config.hosts.iter_mut().zip(&specs) {
            rules.mtu = u32::from(spec.mtu);
            rules.peers = PEERS.into();
            rules.modern = spec.profile == Profile::Modern;
            let start = spec.clock_start.0 / 1_000_000;
            rules.clock_wraps = Some(Time(((1 << 32) - start % (1 << 32)) * 1_000_000));
        }
        let mut seed = 1;
        let machines = specs.map(|spec| {
            seed += 1;
            Machine {
                endpoint: Ours::new(&spec, PEERS, [seed; 32], Order::EventLoop),
                port: Port::default(),
                clock: spec.clock_start,
                connections: Vec::new(),
                begun: 0,
            }
        });
        let judge = Judge::new(&config);
        Pair {
            tape,
            now: Time::ZERO,
            machines,
            judge,
            air: BTreeMap::new(),
            launched: 0,
            may_corrupt: checksum,
            is_healed: false,
        }
    }

    // ---- The script

    fn play(&mut self, op: u8) {
        let host = usize::from(op >> 7);
        match op & 15 {
            0 => self.connect(host),
            1..=7 => {
                let what = self.tape.front().unwrap_or(0);
                let times = if op & 15 == 7 { 1 + usize::from(op >> 4 & 7) * 6 } else { 1 };
                for _ in 0..times {
                    self.send(host, op >> 4 & 3, Kind::ALL[usize::from(what & 3)], length(what >> 2));
                }
                self.serve(host);
            }
            8..=11 => {
                let millis = u64::from(self.tape.front().unwrap_or(0));
                self.wait(Span::from_millis(if op & 15 == 11 { millis * 100 } else { millis }));
            }
            12 | 13 => {
                const HOW: [Close; 4] = [Close::Disconnect, Close::Later, Close::Now, Close::Reset];
                self.close(host, HOW[usize::from(op >> 4 & 3)], u32::from(op));
            }
            // Nothing is said for a moment, which joins calls into one service.
            _ => self.send(host, op >> 4 & 3, Kind::Reliable, 33),
        }
    }

    fn connect(&mut self, host: usize) {
        let (to, data) = (1 - host, (host as u32) << 16 | self.machines[host].begun);
        let machine = self.machine(host);
        let call = match machine.endpoint.connect(&mut machine.port, address(to), 3, data) {
            Some(conn) => {
                machine.begin(conn, false);
                Call::Connect { conn, to, data }
            }
            None => Call::ConnectRefused,
        };
        self.judge.called(self.now, host, &call);
        self.serve(host);
    }

    /// Sends over the newest open connection.
    fn send(&mut self, host: usize, channel: u8, kind: Kind, len: usize) {
        let now = self.now;
        let Pair { machines, judge, .. } = self;
        let machine = &mut machines[host];
        let Some(connection) = machine.connections.iter_mut().rfind(|it| it.is_open) else { return };
        let id = connection.next_ids.entry((channel, kind)).or_default();
        let message = Message { sender: host as u16, conn: connection.number, channel, kind, id: *id };
        *id += 1;
        let mut payload = Vec::new();
        message.write(len, &mut payload);
        let conn = connection.conn;
        let accepted = machine.endpoint.send(&mut machine.port, conn, channel, kind, &payload);
        judge.called(now, host, &Call::Send { conn, channel, kind, payload: &payload, accepted });
    }

    /// Closes the newest connection or attempt.
    fn close(&mut self, host: usize, how: Close, data: u32) {
        let now = self.now;
        let machine = self.machine(host);
        let Some(connection) = machine.connections.last_mut() else { return };
        let (conn, was_open) = (connection.conn, connection.is_open);
        connection.is_open = false;
        machine.endpoint.close(&mut machine.port, conn, how, data);
        // These are silent; so is every end of an attempt.
        if matches!(how, Close::Now | Close::Reset) || !was_open {
            machine.connections.retain(|it| it.conn != conn);
        }
        self.judge.called(now, host, &Call::Close { conn, how, data });
        self.serve(host);
    }

    /// From now on every datagram arrives; and when all is quiet, everyone takes leave.
    fn heal(&mut self) {
        self.is_healed = true;
        for host in 0..2 {
            self.serve(host);
        }
        self.judge.healed(self.now);
        let end = self.now + SETTLE;
        while self.now < end && !self.is_quiet() {
            self.wait(Span::from_millis(500));
        }
        for host in 0..2 {
            let open = self.machines[host].connections.iter().filter(|it| it.is_open).count();
            for _ in 0..open {
                self.close(host, Close::Disconnect, 0xB1E);
            }
        }
        while self.now < end && self.machines.iter().any(|it| !it.connections.is_empty()) {
            self.wait(Span::from_millis(500));
        }
    }

    fn is_quiet(&self) -> bool {
        let rests = |it: Snapshot| it.queued == 0 && it.in_flight == 0;
        self.machines.iter().all(|machine| {
            let mut all = machine.connections.iter();
            all.all(|it| it.is_open && machine.endpoint.snapshot(it.conn).is_some_and(rests))
        })
    }

    // ---- Time

    fn wait(&mut self, span: Span) {
        let end = self.now + span;
        for host in 0..2 {
            self.serve(host);
        }
        loop {
            let arrival = self.air.first_key_value().map(|((at, _), _)| *at);
            let deadlines = [self.deadline(0), self.deadline(1)];
            let next = deadlines.into_iter().chain([arrival]).flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let mut due = deadlines.map(|deadline| deadline.is_some_and(|at| at <= self.now));
            while let Some(entry) = self.air.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, bytes) = entry.remove();
                due[to] = true;
                self.judge.arrived(self.now, to, address(1 - to), &bytes);
                self.machines[to].port.deliver(address(1 - to), bytes);
            }
            for host in (0..2).filter(|host| due[*host]) {
                self.serve(host);
            }
        }
        self.now = end;
    }

    /// When a host wants to be called, in the world's time.
    fn deadline(&mut self, host: usize) -> Option<Time> {
        let machine = &mut self.machines[host];
        let deadline = machine.endpoint.deadline()?;
        Some(Time(deadline.0.saturating_sub(machine.clock.0)).max(self.now))
    }

    fn machine(&mut self, host: usize) -> &mut Machine {
        let machine = &mut self.machines[host];
        machine.port.set_now(self.now + machine.clock);
        machine
    }

    /// Services a host, and hands what comes of it to the network, the application and the judge.
    fn serve(&mut self, host: usize) {
        let machine = self.machine(host);
        machine.endpoint.service(&mut machine.port);
        let mut sent = Vec::new();
        machine.port.take_sent(|to, bytes| sent.push((to, bytes.to_vec())));
        for (to, bytes) in sent {
            self.depart(host, to, bytes);
        }
        let Pair { machines, judge, now, .. } = self;
        let Machine { port, endpoint, connections, begun, .. } = &mut machines[host];
        port.take_happenings(|what| {
            judge.happened(*now, host, what);
            match *what {
                Happening::Connected { conn, .. } => {
                    match connections.iter_mut().find(|it| it.conn == conn) {
                        Some(connection) => connection.is_open = true,
                        None => {
                            connections.push(Connection::new(conn, *begun, true));
                            *begun += 1;
                        }
                    }
                }
                Happening::Received { .. } => {}
                Happening::Disconnected { conn, .. } => connections.retain(|it| it.conn != conn),
            }
        });
        judge.served(*now, host, endpoint);
        endpoint.check_invariants();
    }

    // ---- The network

    fn depart(&mut self, from: usize, to: SocketAddr, bytes: Vec<u8>) {
        let verdict = if self.is_healed { 0 } else { self.tape.back().unwrap_or(0) };
        let late = |scale: u64| DELAY + Span::from_millis(u64::from(verdict & 31) * scale);
        let (delays, corrupt): (Vec<Span>, bool) = match verdict {
            0..=95 => (vec![DELAY], false),
            // Overtaken by those behind it, or much later.
            96..=127 => (vec![late(3)], false),
            128..=159 => (vec![late(100)], false),
            160..=191 => (vec![DELAY, late(10)], false),
            192..=199 => (vec![DELAY, late(100), late(1)], false),
            200..=207 if self.may_corrupt => (vec![DELAY], true),
            _ => (vec![], false),
        };
        let first = delays.iter().min().copied();
        let fate = Fate {
            number: self.launched,
            dropped: delays.is_empty().then_some(DropReason::Loss),
            corrupted: corrupt,
            copies: delays.len() as u8,
            arrives: first.map_or(self.now, |delay| self.now + delay),
        };
        self.judge.departed(self.now, from, to, &bytes, &fate);
        for delay in delays {
            let mut bytes = bytes.clone();
            if corrupt {
                let place = usize::from(verdict) * 7 % bytes.len();
                bytes[place] ^= 1 << (verdict & 7);
            }
            self.launched += 1;
            self.air.insert((self.now + delay, self.launched), (1 - from, bytes));
        }
    }
}

/// Slots of a host.
const PEERS: u16 = 3;

impl Machine {
    fn begin(&mut self, conn: Conn, is_open: bool) {
        self.connections.push(Connection::new(conn, self.begun, is_open));
        self.begun += 1;
    }
}

impl Connection {
    fn new(conn: Conn, number: u32, is_open: bool) -> Self {
        Connection { conn, number, is_open, next_ids: BTreeMap::new() }
    }
}
