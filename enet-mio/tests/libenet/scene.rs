//! [`Scene`]: some hosts, served in turn, and a transcript of what they say and hear.

use std::fmt::{Debug, Write as _};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use enet_mio::enet_proto::ThrottleSettings;
use enet_mio::{Delivery, DisconnectReason, Service};
use enet_testkit::libenet::{CHost, CHostConfig, Library, library_or_skip};

use crate::ends::{Ask, End, Heard, Kind, Manner, Peer, Roles, Setup, summary};

/// How long a scene may last: far more than any needs on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How long hosts wait for a datagram that should not come.
const SILENCE: Duration = Duration::from_millis(20);

/// How much of the time between two turns counts as the hosts' own; a busy machine may take more.
const LONGEST_TURN: Duration = Duration::from_millis(5);

/// Plays a scene for each row of a table, with hosts of its own; none without the C library.
pub(crate) fn play<Row: Debug>(
    test: &str,
    rows: impl IntoIterator<Item = Row>,
    mut act: impl FnMut(&mut Scene, Row),
) {
    let Some(library) = library(test) else { return };
    for row in rows {
        act(&mut Scene::new(&library, format!("{test} {row:?}")), row);
    }
}

/// The C library. It stays loaded, and the table that its checksum makes on first use is made before threads share it.
pub(crate) fn library(test: &str) -> Option<Library> {
    static KEPT: OnceLock<Library> = OnceLock::new();
    let library = library_or_skip(test)?;
    KEPT.get_or_init(|| {
        let config = CHostConfig { checksum: true, ..CHostConfig::default() };
        let mut host = library.host(config).expect("a host of C");
        host.connect(host.address(), 1, 0).expect("a free slot");
        host.flush();
        library
    });
    Some(library)
}

/// One end of a connection: a host, by its number, and its handle of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) end: usize,
    pub(crate) peer: Peer,
}

/// Both directions of a connection: from whom, to whom.
pub(crate) const fn both_directions([one, other]: [Side; 2]) -> [[Side; 2]; 2] {
    [[one, other], [other, one]]
}

/// The side of our host, then that of C's.
pub(crate) const fn ours_first([one, other]: [Side; 2]) -> [Side; 2] {
    match one.peer {
        Peer::Ours(_) => [one, other],
        Peer::C(_) => [other, one],
    }
}

struct Actor {
    name: String,
    end: End,
    frozen: bool,
}

/// Hosts that are served in turn.
pub(crate) struct Scene {
    library: Library,
    title: String,
    actors: Vec<Actor>,
    start: Instant,
    /// When the last turn was, and the time of all of them without the machine's pauses between.
    last_turn: Instant,
    time_served: Duration,
    transcript: String,
    /// Whose turn it is.
    turn: usize,
    /// Turns since anybody heard anything.
    quiet_turns: usize,
}

impl Scene {
    pub(crate) fn new(library: &Library, title: String) -> Scene {
        Scene {
            library: *library,
            title,
            actors: Vec::new(),
            start: Instant::now(),
            last_turn: Instant::now(),
            time_served: Duration::ZERO,
            transcript: String::new(),
            turn: 0,
            quiet_turns: 0,
        }
    }

    // ---- The cast

    pub(crate) fn server(&mut self, kind: Kind, setup: Setup) -> usize {
        let end = End::server(kind, &self.library, setup);
        self.add("server", end)
    }

    pub(crate) fn client(&mut self, kind: Kind, setup: Setup) -> usize {
        let end = End::client(kind, &self.library, setup);
        self.add("client", end)
    }

    pub(crate) fn add(&mut self, role: &str, end: End) -> usize {
        let number = self.actors.len();
        let name = format!("{number} ({:?} {role})", end.kind());
        self.note(&name, &format!("is at {}", end.address()));
        self.actors.push(Actor { name, end, frozen: false });
        number
    }

    /// Makes two hosts and connects them: the server's side and the client's.
    pub(crate) fn pair(&mut self, roles: Roles, setup: Setup, ask: Ask) -> [Side; 2] {
        let server = self.server(roles.server, setup);
        let client = self.client(roles.client, setup);
        self.connect(client, server, ask)
    }

    /// A host stops as if its process hung, or goes on.
    pub(crate) fn freeze(&mut self, end: usize, frozen: bool) {
        self.say(end, if frozen { "freezes" } else { "goes on" });
        self.actors[end].frozen = frozen;
    }

    pub(crate) fn end(&mut self, end: usize) -> &mut End {
        &mut self.actors[end].end
    }

    pub(crate) fn ours(&mut self, end: usize) -> &mut Service {
        match &mut self.actors[end].end {
            End::Ours(service) => service,
            End::C(_) => panic!("host {end} is C's"),
        }
    }

    pub(crate) fn c(&mut self, end: usize) -> &mut CHost {
        match &mut self.actors[end].end {
            End::C(host) => host,
            End::Ours(_) => panic!("host {end} is ours"),
        }
    }

    // ---- What they say

    /// Connects two hosts, and sees that both hear of it: the server's side and the client's.
    pub(crate) fn connect(&mut self, client: usize, server: usize, ask: Ask) -> [Side; 2] {
        let to = self.end(server).address();
        let at_client = self.dial(client, to, ask);
        self.meet(at_client, server, ask)
    }

    /// Sees that both hear of a connection on its way: the server's side and the client's.
    pub(crate) fn meet(&mut self, at_client: Side, server: usize, ask: Ask) -> [Side; 2] {
        let mut at_server = None;
        let mut is_told = false;
        while at_server.is_none() || !is_told {
            match self.next() {
                (end, Heard::Connected { peer, data }) if end == server => {
                    assert_eq!(data, ask.data, "the server hears the client's number");
                    at_server = Some(peer);
                }
                (end, Heard::Connected { peer, data }) if end == at_client.end => {
                    assert_eq!(peer, at_client.peer);
                    assert_eq!(data, 0, "the client hears no number");
                    is_told = true;
                }
                (_, other) => panic!("while connecting: {other:?}"),
            }
        }
        [Side { end: server, peer: at_server.expect("connected") }, at_client]
    }

    /// Starts to connect.
    pub(crate) fn dial(&mut self, client: usize, to: SocketAddr, ask: Ask) -> Side {
        self.say(client, &format!("connects to {to}: {ask:?}"));
        Side { end: client, peer: self.end(client).connect(to, ask) }
    }

    /// Keeps the throttle open on both ends: on a busy machine round trip times jump, and unreliable packets would be
    /// dropped for it. Ours is told, and tells C.
    pub(crate) fn never_throttle(&mut self, sides: impl IntoIterator<Item = Side>) {
        for side in sides {
            if let Peer::Ours(peer) = side.peer {
                let never = ThrottleSettings { deceleration: 0, ..ThrottleSettings::default() };
                self.ours(side.end).peer_mut(peer).expect("a peer").set_throttle(never);
            }
        }
    }

    pub(crate) fn send(&mut self, from: Side, channel: u8, delivery: Delivery, payload: &[u8]) {
        self.say(from.end, &format!("sends on channel {channel}: {delivery:?}, {}", summary(payload)));
        let taken = self.end(from.end).send(from.peer, channel, delivery, payload);
        assert!(taken, "the packet is queued");
    }

    pub(crate) fn broadcast(&mut self, from: usize, channel: u8, delivery: Delivery, payload: &[u8]) {
        self.say(from, &format!("broadcasts on channel {channel}: {delivery:?}, {}", summary(payload)));
        self.end(from).broadcast(channel, delivery, payload);
    }

    pub(crate) fn leave(&mut self, side: Side, manner: Manner, data: u32) {
        self.say(side.end, &format!("leaves {:?}: {manner:?}, data {data:#x}", side.peer));
        self.end(side.end).leave(side.peer, manner, data);
    }

    /// Gives the other up soon if it is silent, and finds out by sending something it would have to confirm.
    pub(crate) fn doubt(&mut self, side: Side) {
        self.end(side.end).hurry(side.peer);
        self.send(side, 0, Delivery::Reliable, b"are you there?");
    }

    // ---- What they hear

    /// Serves the hosts in turn until one hears something.
    pub(crate) fn next(&mut self) -> (usize, Heard) {
        loop {
            if let Some(news) = self.take_turn() {
                return news;
            }
        }
    }

    /// Serves the hosts until all of this is heard and nothing else. Each host hears its own part in this order; what
    /// different hosts hear may mix.
    pub(crate) fn expect(&mut self, mut expected: Vec<(usize, Heard)>) {
        let mut heard: Vec<_> = expected.iter().map(|_| self.next()).collect();
        expected.sort_by_key(|(end, _)| *end);
        heard.sort_by_key(|(end, _)| *end);
        assert!(heard == expected, "expected: {expected:#?}\nheard: {heard:#?}");
    }

    /// Serves the hosts until something is the case; meanwhile nobody hears anything.
    pub(crate) fn serve_until(&mut self, mut is_so: impl FnMut(&mut Scene) -> bool) {
        while !is_so(self) {
            if let Some((end, heard)) = self.take_turn() {
                panic!("{} heard unexpectedly: {heard:?}", self.actors[end].name);
            }
        }
    }

    /// Serves the hosts for a moment, each at least three times; meanwhile nobody hears anything.
    pub(crate) fn silence(&mut self) {
        let (start, mut turns) = (Instant::now(), 3 * self.actors.len());
        self.serve_until(|_| {
            turns = turns.saturating_sub(1);
            turns == 0 && start.elapsed() >= SILENCE
        });
    }

    /// Serves the hosts until nobody hears anything for a moment: how often somebody did.
    pub(crate) fn count_until_silence(&mut self) -> usize {
        let mut count = 0;
        let mut start = Instant::now();
        while start.elapsed() < SILENCE {
            if self.take_turn().is_some() {
                count += 1;
                start = Instant::now();
            }
        }
        count
    }

    /// How long the hosts were served; pauses that a busy machine makes are left out, so that it may be limited.
    pub(crate) fn time_served(&self) -> Duration {
        self.time_served
    }

    /// That this side hears of the end. C is not told why.
    pub(crate) fn disconnected(&self, side: Side, reason: DisconnectReason, data: u32) -> (usize, Heard) {
        let reason = (self.actors[side.end].end.kind() == Kind::Ours).then_some(reason);
        (side.end, Heard::Disconnected { peer: side.peer, reason, data })
    }

    /// Serves the next host. It waits for a moment if all of them had nothing to do.
    fn take_turn(&mut self) -> Option<(usize, Heard)> {
        assert!(self.start.elapsed() < PATIENCE, "nothing more for too long");
        self.time_served += self.last_turn.elapsed().min(LONGEST_TURN);
        self.last_turn = Instant::now();
        let number = self.turn;
        self.turn = (self.turn + 1) % self.actors.len();
        let idle = self.quiet_turns >= self.actors.len();
        let wait = Duration::from_millis(u64::from(idle));
        let actor = &mut self.actors[number];
        if actor.frozen {
            self.quiet_turns += 1;
            return None;
        }
        let Some(heard) = actor.end.service(wait) else {
            self.quiet_turns = if idle { 1 } else { self.quiet_turns + 1 };
            return None;
        };
        self.quiet_turns = 0;
        self.say(number, &format!("hears: {heard:?}"));
        Some((number, heard))
    }

    // ---- The transcript

    fn say(&mut self, end: usize, what: &str) {
        let name = self.actors[end].name.clone();
        self.note(&name, what);
    }

    fn note(&mut self, name: &str, what: &str) {
        let ms = self.start.elapsed().as_millis();
        writeln!(self.transcript, "{ms:>7} ms  {name} {what}").expect("memory");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if thread::panicking() {
            let ms = self.start.elapsed().as_millis();
            eprintln!("transcript of {}:\n{}{ms:>7} ms  the end", self.title, self.transcript);
        }
    }
}
