//! The installed C library under a clock and a network made here.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use enet_reference::simulated::{
    Interposed, Net, Received, Sent, ServiceFailed, SimulatedHost, interposed_or_skip,
};
use enet_reference::{CEvent, CHostConfig, CPeer, Library};

const RELIABLE: u32 = 1;
const SERVER: SocketAddrV4 = address(1);
const CLIENT: SocketAddrV4 = address(2);

const fn address(host: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, host), 7777)
}

struct Datagram {
    due: u32,
    from: SocketAddrV4,
    bytes: Vec<u8>,
}

/// A network in which every datagram takes `delay` ms, and each `lost`th is lost.
struct World {
    now: u32,
    delay: u32,
    lost: usize,
    in_flight: BTreeMap<SocketAddrV4, VecDeque<Datagram>>,
    /// When, from whom, to whom, what.
    trace: Vec<(u32, SocketAddrV4, SocketAddrV4, Vec<u8>)>,
}

impl World {
    fn new(now: u32, delay: u32, lost: usize) -> World {
        World { now, delay, lost, in_flight: BTreeMap::new(), trace: Vec::new() }
    }

    fn at(&mut self, host: SocketAddrV4) -> Seat<'_> {
        Seat { world: self, host }
    }
}

/// A host's place in the world.
struct Seat<'a> {
    world: &'a mut World,
    host: SocketAddrV4,
}

impl Net for Seat<'_> {
    fn now(&mut self) -> u32 {
        self.world.now
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Received {
        let queue = self.world.in_flight.entry(self.host).or_default();
        let now = self.world.now;
        match queue.pop_front_if(|first| now.wrapping_sub(first.due) < 1 << 31) {
            Some(Datagram { from, bytes, .. }) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Received::Datagram { len: bytes.len(), from }
            }
            None => Received::Nothing,
        }
    }

    fn send(&mut self, to: SocketAddrV4, bytes: &[u8]) -> Sent {
        let world = &mut *self.world;
        world.trace.push((world.now, self.host, to, bytes.to_vec()));
        if world.lost == 0 || !world.trace.len().is_multiple_of(world.lost) {
            let due = world.now.wrapping_add(world.delay);
            let datagram = Datagram { due, from: self.host, bytes: bytes.to_vec() };
            world.in_flight.entry(to).or_default().push_back(datagram);
        }
        Sent::Sent
    }
}

/// A server, a client, and what they reported.
struct Pair {
    world: World,
    server: SimulatedHost,
    client: SimulatedHost,
    events: Vec<(u32, SocketAddrV4, CEvent)>,
}

impl Pair {
    fn new(library: Interposed, world: World) -> Pair {
        let config = CHostConfig { channels: 2, ..CHostConfig::default() };
        let server = library.host(config, 100).expect("a server");
        let client = library.host(config, 200).expect("a client");
        Pair { world, server, client, events: Vec::new() }
    }

    /// Both hosts are serviced each `interval` ms until `ms` have passed.
    fn run(&mut self, ms: u32, interval: u32) {
        for _ in 0..ms / interval {
            for (host, address) in [(&mut self.client, CLIENT), (&mut self.server, SERVER)] {
                while let Some(event) = host.service(&mut self.world.at(address)).expect("no socket fails") {
                    self.events.push((self.world.now, address, event));
                }
            }
            self.world.now = self.world.now.wrapping_add(interval);
        }
    }
}

/// Connects, sends sixty messages each way, and parts.
fn a_life(library: Interposed, mut pair_world: World) -> Pair {
    pair_world.trace.reserve(1000);
    let mut pair = Pair::new(library, pair_world);
    let peer = pair.client.connect(SERVER, 2, 7).expect("a slot");
    pair.run(2000, 10);
    for number in 0..60_u8 {
        assert!(pair.client.send(peer, 0, &[number; 100], RELIABLE));
        assert!(pair.server.send(CPeer(0), 1, &[number; 3000], RELIABLE));
        pair.run(50, 10);
    }
    pair.run(10_000, 10);
    pair.client.disconnect(&mut pair.world.at(CLIENT), peer, 9);
    pair.run(3000, 10);
    pair
}

#[test]
fn c_hosts_live_in_virtual_time() {
    let Some(library) = interposed_or_skip("c_hosts_live_in_virtual_time") else { return };
    let mut pair = Pair::new(library, World::new(5_000, 40, 0));
    let peer = pair.client.connect(SERVER, 2, 7).expect("a slot");
    pair.run(1000, 1);

    // CONNECT at 5,000, VERIFY_CONNECT at 5,040, its acknowledgement at 5,080.
    let client = CPeer(0);
    let connected = [
        (5_080, CLIENT, CEvent::Connected { peer, data: 0 }),
        (5_120, SERVER, CEvent::Connected { peer: client, data: 7 }),
    ];
    assert_eq!(pair.events, connected);
    let stats = pair.client.stats(peer);
    assert_eq!((stats.state, stats.rtt, stats.connect_id), (5, 80, 201));
    assert_eq!(pair.server.stats(client).connect_id, 201);
    assert_eq!((stats.throttle, stats.throttle_limit, stats.mtu, stats.window), (32, 32, 1400, 65_536));
    assert_eq!(pair.server.peer_address(client), CLIENT);
    assert_eq!((pair.server.connected_peers(), pair.server.channels(client)), (1, 2));

    // The server's silence is noticed after five seconds at the earliest, thirty at the latest.
    drop(std::mem::take(&mut pair.events));
    pair.world.lost = 1;
    assert!(pair.client.send(peer, 0, b"hello?", RELIABLE));
    pair.run(40_000, 1);
    let [(at, CLIENT, CEvent::Disconnected { .. }), (_, SERVER, CEvent::Disconnected { .. })] =
        pair.events[..]
    else {
        panic!("{:?}", pair.events)
    };
    assert!((11_000..=36_000).contains(&at), "{at}");
}

#[test]
fn the_same_life_has_the_same_bytes_in_four_threads_at_once() {
    let Some(library) = interposed_or_skip("the_same_life_has_the_same_bytes") else { return };
    // The clock wraps on the way.
    let threads: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(move || a_life(library, World::new(u32::MAX - 4000, 30, 7))))
        .collect();
    let lives: Vec<Pair> =
        threads.into_iter().map(|thread| thread.join().expect("a life ends well")).collect();

    let first = &lives[0];
    assert!(first.world.trace.len() > 200, "{}", first.world.trace.len());
    let received = first.events.iter().filter(|event| matches!(event.2, CEvent::Received { .. })).count();
    assert_eq!(received, 120, "all is delivered, over a network that loses each seventh datagram");
    assert!(matches!(first.events.last(), Some((_, _, CEvent::Disconnected { .. }))));
    for life in &lives[1..] {
        assert!(life.world.trace == first.world.trace, "the datagrams differ");
        assert_eq!(life.events, first.events);
    }
}

/// A hundred messages over a bad network; hosts are serviced when `is_due` says so, given the host and its address.
fn a_conversation(
    library: Interposed,
    mut is_due: impl FnMut(&mut World, &SimulatedHost, SocketAddrV4) -> bool,
) -> Pair {
    let mut pair = Pair::new(library, World::new(1_000_000, 35, 6));
    let peer = pair.client.connect(SERVER, 2, 7).expect("a slot");
    for ms in 0..40_000_u32 {
        let speaks = ms.is_multiple_of(97) && (2000..12_000).contains(&ms);
        if speaks {
            pair.client.send(peer, 0, &ms.to_le_bytes(), RELIABLE);
            pair.server.send(CPeer(0), 1, &ms.to_le_bytes(), RELIABLE);
        }
        for (host, address) in [(&mut pair.client, CLIENT), (&mut pair.server, SERVER)] {
            if speaks || ms == 0 || ms == 30_001 || is_due(&mut pair.world, host, address) {
                while host.service(&mut pair.world.at(address)).expect("no socket fails").is_some() {}
            }
        }
        if ms == 30_000 {
            // What is queued leaves first.
            pair.client.send(peer, 0, b"unreliable", 0);
            pair.client.disconnect_later(&mut pair.world.at(CLIENT), peer, 9);
        }
        pair.world.now += 1;
    }
    pair
}

#[test]
fn a_host_serviced_when_it_is_due_sends_what_one_serviced_each_millisecond_sends() {
    let Some(library) = interposed_or_skip("a_host_serviced_when_it_is_due") else { return };
    let (mut always, mut seldom) = (0, 0);
    let expected = a_conversation(library, |_, _, _| {
        always += 1;
        true
    });
    let mut last = BTreeMap::new();
    let actual = a_conversation(library, |world, host, address| {
        let arrives = world.in_flight.get(&address).and_then(VecDeque::front);
        let due = last.get(&address).and_then(|&at| Some(at + host.due_in(at)?));
        let is_due = arrives.is_some_and(|datagram| datagram.due <= world.now)
            || due.is_some_and(|due| due <= world.now);
        if is_due || !last.contains_key(&address) {
            last.insert(address, world.now);
        }
        seldom += usize::from(is_due);
        is_due
    });
    assert!(expected.world.trace.len() > 400, "{}", expected.world.trace.len());
    assert!(actual.world.trace == expected.world.trace, "the datagrams differ");
    assert!(seldom * 20 < always, "{seldom} of {always}");
}

/// A world whose socket gives one answer.
struct Broken {
    received: Received,
    sent: Sent,
}

impl Net for Broken {
    fn now(&mut self) -> u32 {
        1
    }
    fn receive(&mut self, _: &mut [u8]) -> Received {
        std::mem::replace(&mut self.received, Received::Nothing)
    }
    fn send(&mut self, _: SocketAddrV4, _: &[u8]) -> Sent {
        self.sent
    }
}

#[test]
fn a_socket_that_fails_is_an_error_and_the_host_goes_on() {
    let Some(library) = interposed_or_skip("a_socket_that_fails_is_an_error") else { return };
    let mut host = library.host(CHostConfig::default(), 1).expect("a host");
    let oversized = Received::Datagram { len: 4097, from: CLIENT };
    for (failure, received) in (1..).zip([Received::Error, Received::Truncated, oversized]) {
        let mut broken = Broken { received, sent: Sent::Sent };
        assert_eq!(host.service(&mut broken), Err(ServiceFailed));
        assert_eq!(host.failures(), failure);
        assert_eq!(host.service(&mut broken), Ok(None));
    }
    host.connect(SERVER, 1, 0).expect("a slot");
    let mut broken = Broken { received: Received::Nothing, sent: Sent::Error };
    assert_eq!(host.service(&mut broken), Err(ServiceFailed));
    host.connect(SERVER, 1, 0).expect("a slot");
    broken.sent = Sent::WouldBlock;
    assert_eq!(host.service(&mut broken), Ok(None));
    assert_eq!(host.failures(), 4);
}

/// A world that panics when asked to send, and calls other hosts when asked the time.
struct Tricky<'a> {
    inner: &'a mut SimulatedHost,
}

impl Net for Tricky<'_> {
    fn now(&mut self) -> u32 {
        let mut calm = Broken { received: Received::Nothing, sent: Sent::Sent };
        assert_eq!(self.inner.service(&mut calm), Ok(None));
        77
    }
    fn receive(&mut self, _: &mut [u8]) -> Received {
        Received::Nothing
    }
    fn send(&mut self, to: SocketAddrV4, _: &[u8]) -> Sent {
        panic!("nobody sends to {to}")
    }
}

#[test]
fn a_panic_of_the_world_reaches_the_caller_and_leaves_real_hosts_alone() {
    let Some(library) = interposed_or_skip("a_panic_of_the_world_reaches_the_caller") else { return };
    let mut host = library.host(CHostConfig::default(), 1).expect("a host");
    let mut inner = library.host(CHostConfig::default(), 2).expect("another");
    inner.connect(CLIENT, 1, 0).expect("a slot");
    host.connect(SERVER, 1, 0).expect("a slot");
    let caught = catch_unwind(AssertUnwindSafe(|| host.service(&mut Tricky { inner: &mut inner })));
    let panic = caught.expect_err("the world panics");
    assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("nobody sends to 10.0.0.1:7777"));

    // Over real sockets, on the same thread.
    let real = Library::load().expect("it is loaded");
    let mut server = real.host(CHostConfig::default()).expect("a server");
    let mut client = real.host(CHostConfig::default()).expect("a client");
    assert_ne!(server.address().port(), 0);
    client.connect(server.address(), 1, 7).expect("a slot");
    let connected = (0..1000).find_map(|_| {
        client.service(Duration::ZERO);
        server.service(Duration::from_millis(1))
    });
    assert!(matches!(connected, Some(CEvent::Connected { data: 7, .. })), "{connected:?}");
}

#[test]
fn an_empty_packet_is_kept_from_the_range_coder() {
    let Some(library) = interposed_or_skip("an_empty_packet_is_kept_from_the_range_coder") else { return };
    for range_coder in [false, true] {
        let mut pair = Pair::new(library, World::new(0, 5, 0));
        let config = CHostConfig { range_coder, ..CHostConfig::default() };
        pair.client = library.host(config, 200).expect("a client");
        pair.server = library.host(config, 100).expect("a server");
        let peer = pair.client.connect(SERVER, 1, 0).expect("a slot");
        pair.run(100, 1);
        assert_eq!(pair.client.send(peer, 0, &[], RELIABLE), !range_coder);
        pair.run(100, 1);
        let received = pair.events.iter().any(|event| matches!(event.2, CEvent::Received { .. }));
        assert_eq!(received, !range_coder);
    }
}
