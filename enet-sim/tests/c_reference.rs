//! The C library and `rusty_enet` as endpoints: they talk to ours and to each other in virtual time, the same each time.
#![cfg(feature = "c-reference")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // it is a test

use std::collections::VecDeque;
use std::net::SocketAddr;

use enet_sim::endpoint::{Close, Conn, Endpoint, Happening, Implementation, Kind, Order, Port, Setting};
use enet_sim::scenario::{HostSpec, Profile, TimeoutSpec};
use enet_sim::{Span, Time};
use enet_wire::{CHECKSUM_LEN, Commands, Header};

const DELAY: Span = Span::from_millis(20);
const SERVER: usize = 0;
const CLIENT: usize = 1;

/// Which of them can be tried here. The C library has to be there in CI.
fn present() -> Vec<Implementation> {
    let is_present = |it: &Implementation| {
        let available = it.available();
        if let Err(reason) = &available {
            let ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!(ci && *it == Implementation::C), "the C library is needed: {reason}");
            eprintln!("skipped: {it}: {reason}");
        }
        available.is_ok()
    };
    Implementation::ALL.into_iter().filter(|it| it.speaks_enet()).filter(is_present).collect()
}

fn pairs() -> Vec<(Implementation, Implementation)> {
    let present = present();
    present.iter().flat_map(|&server| present.iter().map(move |&client| (server, client))).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    Connected(Conn, u32),
    Received(Conn, u8, Vec<u8>),
    Disconnected(Conn, u32),
}

struct Host {
    endpoint: Box<dyn Endpoint>,
    port: Port,
    address: SocketAddr,
    clock: Span,
    heard: Vec<Heard>,
}

/// Two hosts, and a network that takes 20 ms and loses each `lost`th datagram.
struct Lab {
    now: Time,
    hosts: Vec<Host>,
    lost: usize,
    under_way: VecDeque<(Time, usize, SocketAddr, Vec<u8>)>,
    trace: Vec<(Time, usize, Vec<u8>)>,
}

impl Lab {
    fn new(pair: (Implementation, Implementation), spec: &HostSpec, lost: usize) -> Lab {
        let host = |number: u8, implementation: Implementation, clock| Host {
            endpoint: implementation.create(spec, 4, [number; 32], Order::AsC).expect("it is available"),
            port: Port::default(),
            address: SocketAddr::from(([10, 0, 0, number], 7777)),
            clock: Span::from_secs(clock),
            heard: Vec::new(),
        };
        let hosts = vec![host(1, pair.0, 1_000), host(2, pair.1, 4_294_960)]; // the client's wire clock wraps after 7 s
        Lab { now: Time::ZERO, hosts, lost, under_way: VecDeque::new(), trace: Vec::new() }
    }

    /// Lets a host's application do something, and then services the host.
    fn call<R>(&mut self, host: usize, call: impl FnOnce(&mut dyn Endpoint, &mut Port) -> R) -> R {
        let Host { endpoint, port, clock, .. } = &mut self.hosts[host];
        port.set_now(self.now + *clock);
        let result = call(endpoint.as_mut(), port);
        self.service(host);
        result
    }

    fn service(&mut self, index: usize) {
        let source = self.hosts[index].address;
        let Host { endpoint, port, clock, heard, .. } = &mut self.hosts[index];
        port.set_now(self.now + *clock);
        endpoint.service(port);
        port.take_happenings(|happening| {
            heard.push(match *happening {
                Happening::Connected { conn, data } => Heard::Connected(conn, data),
                Happening::Received { conn, channel, payload, .. } => {
                    Heard::Received(conn, channel, payload.to_vec())
                }
                Happening::Disconnected { conn, data, .. } => Heard::Disconnected(conn, data),
            });
        });
        port.take_sent(|to, bytes| {
            self.trace.push((self.now, index, bytes.to_vec()));
            let is_lost = self.lost > 0 && self.trace.len().is_multiple_of(self.lost);
            if !is_lost {
                let to = usize::from(to.ip().to_string().ends_with('2'));
                self.under_way.push_back((self.now + DELAY, to, source, bytes.to_vec()));
            }
        });
    }

    /// Jumps from event to event: a host is serviced when something arrives, and when it is due.
    fn run(&mut self, span: Span) {
        let end = self.now + span;
        loop {
            let mut next = self.under_way.front().map(|first| (first.0, first.1));
            for (index, host) in self.hosts.iter_mut().enumerate() {
                let due =
                    host.endpoint.deadline().map(|due| Time(due.0 - host.clock.0).max(Time(self.now.0 + 1)));
                next = [next, due.map(|due| (due, index))].into_iter().flatten().min();
            }
            let Some((at, index)) = next.filter(|next| next.0 <= end) else { break };
            self.now = at;
            while let Some((_, _, source, bytes)) =
                self.under_way.pop_front_if(|first| first.0 <= at && first.1 == index)
            {
                self.hosts[index].port.deliver(source, bytes);
            }
            self.service(index);
        }
        self.now = end;
    }

    fn connect(&mut self) -> Conn {
        let to = self.hosts[SERVER].address;
        self.call(CLIENT, |endpoint, port| endpoint.connect(port, to, 2, 7)).expect("a slot")
    }

    fn send(&mut self, host: usize, conn: Conn, channel: u8, kind: Kind, payload: &[u8]) -> bool {
        self.call(host, |endpoint, port| endpoint.send(port, conn, channel, kind, payload))
    }

    fn heard(&mut self, host: usize) -> Vec<Heard> {
        std::mem::take(&mut self.hosts[host].heard)
    }

    /// Connects, and gives both sides' names for it.
    fn connected(&mut self) -> (Conn, Conn) {
        let client = self.connect();
        self.run(Span::from_secs(3));
        assert_eq!(self.heard(CLIENT), [Heard::Connected(client, 0)]);
        let heard = self.heard(SERVER);
        let [Heard::Connected(server, 7)] = heard[..] else { panic!("{heard:?}") };
        (server, client)
    }
}

/// How many datagrams our client has sent that held more than 32 commands, and that ended in zeros.
fn crowded_and_padded(lab: &Lab, checksum: bool) -> (usize, usize) {
    let (mut crowded, mut padded) = (0, 0);
    for (_, _, bytes) in lab.trace.iter().filter(|(_, host, _)| *host == CLIENT) {
        let (header, rest) = Header::decode(bytes).unwrap();
        assert!(!header.compressed);
        let mut commands = Commands::new(if checksum { &rest[CHECKSUM_LEN..] } else { rest });
        crowded += usize::from(commands.by_ref().map_while(Result::ok).count() > 32);
        let rest = commands.remaining();
        assert!(rest.iter().all(|byte| *byte == 0), "{rest:?}");
        padded += usize::from(!rest.is_empty());
    }
    (crowded, padded)
}

/// What a modern host packs in its own way arrives at everybody as it was sent: many commands in a datagram, zeros
/// behind them, many acknowledgements.
#[test]
fn everybody_takes_in_the_datagrams_of_a_modern_host() {
    for pair in pairs().into_iter().filter(|pair| pair.1 == Implementation::Ours) {
        for checksum in [false, true] {
            let spec = HostSpec { checksum, profile: Profile::Modern, ..HostSpec::default() };
            let mut lab = Lab::new(pair, &spec, 0);
            let (server, client) = lab.connected();
            let small = (0..200_u8).map(|number| (0, Kind::Reliable, vec![number; 10]));
            let sizes = [1300, 1250, 1300, 1249, 1300, 1300, 20].into_iter().zip(0..);
            let large = sizes.map(|(size, number)| (1, Kind::Unsequenced, vec![number; size]));
            let long = [(1, Kind::Reliable, vec![9; 20_000]), (0, Kind::UnreliableFragments, vec![8; 5_000])];
            for messages in [small.collect(), large.collect(), long.to_vec()] {
                let messages: Vec<(u8, Kind, Vec<u8>)> = messages;
                for host in [CLIENT, SERVER] {
                    let conn = if host == CLIENT { client } else { server };
                    let Host { endpoint, port, clock, .. } = &mut lab.hosts[host];
                    port.set_now(lab.now + *clock);
                    for (channel, kind, payload) in &messages {
                        assert!(endpoint.send(port, conn, *channel, *kind, payload));
                    }
                    lab.service(host);
                }
                lab.run(Span::from_secs(2));
                for (host, conn) in [(SERVER, server), (CLIENT, client)] {
                    let expected = |it: &(u8, Kind, Vec<u8>)| Heard::Received(conn, it.0, it.2.clone());
                    let expected: Vec<Heard> = messages.iter().map(expected).collect();
                    assert!(lab.heard(host) == expected, "{pair:?}, checksum {checksum}: {}", expected.len());
                }
            }
            let (crowded, padded) = crowded_and_padded(&lab, checksum);
            assert!(crowded >= 3 && padded >= 2, "{pair:?}: {crowded} crowded, {padded} padded");
            assert!(lab.hosts[CLIENT].endpoint.trains() >= 2, "{pair:?}");
            let snapshot = lab.hosts[CLIENT].endpoint.snapshot(client).unwrap();
            assert_eq!((snapshot.in_flight, snapshot.queued), (0, 0), "{pair:?}");
        }
    }
}

#[test]
fn a_modern_host_delivers_to_everybody_over_a_bad_network() {
    for pair in pairs().into_iter().filter(|pair| pair.1 == Implementation::Ours) {
        let mut lab = Lab::new(pair, &HostSpec { profile: Profile::Modern, ..HostSpec::default() }, 7);
        lab.connect();
        lab.run(Span::from_secs(10));
        let heard = lab.heard(SERVER);
        let told = lab.heard(CLIENT);
        let ([Heard::Connected(server, 7)], [Heard::Connected(client, 0)]) = (&heard[..], &told[..]) else {
            panic!("{pair:?}: {heard:?} {told:?}")
        };
        let mut messages = Vec::new();
        for round in 0..40_u8 {
            for number in 0..50 {
                let message = vec![round ^ number; 1 + 29 * usize::from(number * (round % 2))];
                let Host { endpoint, port, clock, .. } = &mut lab.hosts[CLIENT];
                port.set_now(lab.now + *clock);
                assert!(endpoint.send(port, *client, 0, Kind::Reliable, &message));
                messages.push(Heard::Received(*server, 0, message));
            }
            lab.service(CLIENT);
            lab.run(Span::from_millis(500));
        }
        lab.run(Span::from_secs(60));
        let heard = lab.heard(SERVER);
        assert!(
            heard == messages,
            "{pair:?}: {} of {}, then {:?}",
            heard.len(),
            messages.len(),
            heard.last()
        );
        let (crowded, _) = crowded_and_padded(&lab, false);
        assert!(crowded > 0 && lab.hosts[CLIENT].endpoint.trains() > 0, "{pair:?}");
    }
}

#[test]
fn every_pair_connects_delivers_and_parts() {
    for pair in pairs() {
        for (checksum, range_coder) in [(false, false), (true, true)] {
            let spec = HostSpec { checksum, range_coder, ..HostSpec::default() };
            let mut lab = Lab::new(pair, &spec, 0);
            let (server, client) = lab.connected();
            for kind in Kind::ALL {
                for payload in [&b"hello"[..], &[7; 4000]] {
                    assert!(lab.send(CLIENT, client, 1, kind, payload), "{pair:?} {kind:?}");
                    assert!(lab.send(SERVER, server, 0, kind, payload), "{pair:?} {kind:?}");
                    lab.run(Span::from_secs(1));
                    assert_eq!(
                        lab.heard(SERVER),
                        [Heard::Received(server, 1, payload.to_vec())],
                        "{pair:?} {kind:?}"
                    );
                    assert_eq!(
                        lab.heard(CLIENT),
                        [Heard::Received(client, 0, payload.to_vec())],
                        "{pair:?} {kind:?}"
                    );
                }
            }
            let snapshot = lab.hosts[CLIENT].endpoint.snapshot(client).expect("it lives");
            assert_eq!((snapshot.state, snapshot.in_flight), (5, 0), "{pair:?}");
            assert!((40..60).contains(&snapshot.rtt), "{pair:?}: {snapshot:?}");

            lab.call(CLIENT, |endpoint, port| endpoint.close(port, client, Close::Disconnect, 9));
            lab.run(Span::from_secs(1));
            assert_eq!(lab.heard(SERVER), [Heard::Disconnected(server, 9)], "{pair:?}");
            assert_eq!(lab.heard(CLIENT), [Heard::Disconnected(client, 0)], "{pair:?}");
            assert_eq!(lab.hosts[CLIENT].endpoint.snapshot(client), None, "{pair:?}");
        }
    }
}

#[test]
fn every_pair_delivers_in_order_over_a_bad_network() {
    for pair in pairs() {
        let mut lab = Lab::new(pair, &HostSpec::default(), 5);
        lab.connect();
        lab.run(Span::from_secs(10));
        let (heard, told) = (lab.heard(SERVER), lab.heard(CLIENT));
        let ([Heard::Connected(server, 7)], [Heard::Connected(client, 0)]) = (&heard[..], &told[..]) else {
            panic!("{pair:?}: {heard:?} {told:?}")
        };
        let messages: Vec<Vec<u8>> =
            (0..100_u8).map(|number| vec![number; 1 + 30 * usize::from(number)]).collect();
        for message in &messages {
            assert!(lab.send(CLIENT, *client, 0, Kind::Reliable, message), "{pair:?}");
            assert!(lab.send(SERVER, *server, 1, Kind::Reliable, message), "{pair:?}");
            lab.run(Span::from_millis(50));
        }
        lab.run(Span::from_secs(30));
        let expected = |conn: Conn, channel| -> Vec<Heard> {
            messages.iter().map(|message| Heard::Received(conn, channel, message.clone())).collect()
        };
        assert!(lab.heard(SERVER) == expected(*server, 0), "{pair:?}");
        assert!(lab.heard(CLIENT) == expected(*client, 1), "{pair:?}");
    }
}

#[test]
fn two_runs_have_the_same_bytes_at_the_same_times() {
    for pair in pairs() {
        let life = || {
            let mut lab = Lab::new(pair, &HostSpec { range_coder: true, ..HostSpec::default() }, 7);
            lab.connect();
            lab.run(Span::from_secs(5));
            let heard = lab.heard(SERVER);
            let [Heard::Connected(server, 7)] = heard[..] else { panic!("{pair:?}: {heard:?}") };
            for number in 0..100_u8 {
                for kind in Kind::ALL {
                    assert!(lab.send(SERVER, server, 0, kind, &[number; 300]), "{pair:?}");
                }
                lab.run(Span::from_millis(33));
            }
            lab.call(SERVER, |endpoint, port| endpoint.close(port, server, Close::Later, 9));
            lab.run(Span::from_secs(40));
            lab
        };
        let (first, second) = (life(), life());
        assert!(first.trace.len() > 300, "{pair:?}: {}", first.trace.len());
        assert!(first.trace == second.trace, "{pair:?}");
        assert_eq!(first.hosts[CLIENT].heard, second.hosts[CLIENT].heard, "{pair:?}");
        assert!(matches!(first.hosts[SERVER].heard[..], [Heard::Disconnected(..)]), "{pair:?}");
        assert!(matches!(first.hosts[CLIENT].heard.last(), Some(Heard::Disconnected(_, 9))), "{pair:?}");
    }
}

#[test]
fn a_name_is_never_used_twice_and_means_nothing_when_its_connection_is_over() {
    for pair in pairs() {
        let mut lab = Lab::new(pair, &HostSpec::default(), 0);
        let mut names = Vec::new();
        for (how, is_told) in [
            (Close::Disconnect, true),
            (Close::Later, true),
            (Close::Now, false),
            (Close::Reset, false),
            (Close::Disconnect, true),
        ] {
            let (server, client) = lab.connected();
            assert!(!names.contains(&(server, client)), "{pair:?}");
            names.push((server, client));
            lab.call(CLIENT, |endpoint, port| endpoint.close(port, client, how, 3));
            // Who was reset in silence gives up after at most thirty seconds.
            lab.run(Span::from_secs(60));
            let heard = lab.heard(SERVER);
            assert!(
                matches!(heard[..], [Heard::Disconnected(conn, _)] if conn == server),
                "{pair:?} {heard:?}"
            );
            let told = lab.heard(CLIENT);
            assert_eq!(
                told,
                if is_told { vec![Heard::Disconnected(client, 0)] } else { Vec::new() },
                "{pair:?}"
            );
            for (host, conn) in [(SERVER, server), (CLIENT, client)] {
                assert!(!lab.send(host, conn, 0, Kind::Reliable, b"?"), "{pair:?}");
                assert_eq!(lab.hosts[host].endpoint.snapshot(conn), None, "{pair:?}");
                lab.call(host, |endpoint, port| endpoint.close(port, conn, Close::Reset, 0));
            }
        }
    }
}

#[test]
fn who_gets_no_answer_gives_up_when_its_settings_say_so() {
    for pair in pairs() {
        let timeouts = TimeoutSpec { limit: 32, minimum: Span::from_secs(1), maximum: Span::from_secs(2) };
        let spec = HostSpec {
            timeouts: Some(timeouts),
            ping_interval: Some(Span::from_millis(100)),
            ..HostSpec::default()
        };
        // Nobody there.
        let mut lab = Lab::new(pair, &spec, 1);
        let client = lab.connect();
        lab.run(Span::from_secs(10));
        assert_eq!(lab.heard(CLIENT), [Heard::Disconnected(client, 0)], "{pair:?}");
        let last = lab.trace.last().expect("it tried").0;
        assert!(last <= Time::ZERO + timeouts.maximum, "{pair:?}: {last}");

        // Somebody who leaves; the client is more patient by then.
        let mut lab = Lab::new(pair, &spec, 0);
        let (server, client) = lab.connected();
        let (minimum, maximum) = (Span::from_secs(20), Span::from_secs(20));
        lab.call(CLIENT, |it, port| it.set(port, client, Setting::Timeouts { limit: 32, minimum, maximum }));
        lab.lost = 1;
        lab.run(Span::from_secs(10));
        assert_eq!(lab.heard(SERVER), [Heard::Disconnected(server, 0)], "{pair:?}");
        assert_eq!(lab.heard(CLIENT), [], "{pair:?}");
        lab.run(Span::from_secs(30));
        assert_eq!(lab.heard(CLIENT), [Heard::Disconnected(client, 0)], "{pair:?}");
    }
}

#[test]
fn an_empty_message_is_refused_by_who_would_crash_of_it() {
    for pair in pairs() {
        for range_coder in [false, true] {
            let spec = HostSpec { range_coder, ..HostSpec::default() };
            let mut lab = Lab::new(pair, &spec, 0);
            let (server, client) = lab.connected();
            let is_taken = pair.1 == Implementation::Ours || !range_coder;
            assert_eq!(lab.send(CLIENT, client, 0, Kind::Reliable, &[]), is_taken, "{pair:?}");
            lab.run(Span::from_secs(1));
            let expected = is_taken.then_some(Heard::Received(server, 0, Vec::new()));
            assert_eq!(lab.heard(SERVER), Vec::from_iter(expected), "{pair:?}");
        }
    }
}
