//! [`Pair`]: a client and a server joined by a scripted network, in virtual time.
//!
//! Tests on it read as what happens:
//!
//! ```
//! use enet_proto::Packet;
//! use enet_testkit::pair::{Client, Pair, ms};
//! use enet_wire::CommandKind;
//!
//! let mut pair = Pair::connected();
//! pair.lose_next(Client, 1);
//! pair.client.send(0, Packet::reliable("a"));
//! pair.run_for(ms(1));
//! pair.client.send(0, Packet::reliable("b"));
//! pair.run_for(ms(1000));
//!
//! assert_eq!(pair.server.texts(), ["a", "b"]);
//! assert_eq!(pair.times_of(Client, CommandKind::SendReliable).len(), 3, "a, b, and a again");
//! ```
//!
//! The hosts are real ones, driven as `enet-proto` prescribes: inputs, then `poll_transmit` and `poll_event` until
//! `None`, then straight to the next deadline or arrival. The laws of that contract that can be seen from here are
//! asserted at every step, and so are the hosts' invariants. Nothing is random and nothing sleeps. A test that fails
//! prints the conversation.

mod builder;
mod end;
mod network;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use enet_proto::{ConnectOptions, Datagram, Instant, PeerId, Transmit};
use enet_wire::{Command, CommandKind};

pub use self::builder::PairBuilder;
pub use self::end::End;
pub use self::network::{Fate, Sent, carrying, first, from, nth};

use self::network::Network;
pub use Side::{Client, Server};

/// `n` milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who connects.
    Client,
    /// Who is connected to.
    Server,
}

impl Side {
    /// The other one.
    pub const fn other(self) -> Side {
        match self {
            Client => Server,
            Server => Client,
        }
    }
}

/// Two hosts and what lies between them.
pub struct Pair {
    /// The host that connects.
    pub client: End,
    /// The host that is connected to.
    pub server: End,
    network: Network,
    in_flight: BTreeMap<(Instant, u64), InFlight>,
    launched: u64,
    now: Instant,
    /// What times are counted from.
    marked: Instant,
    options: ConnectOptions,
}

struct InFlight {
    to: SocketAddr,
    source: SocketAddr,
    bytes: Vec<u8>,
}

/// Ten virtual minutes: whatever has not happened by then is not going to.
const PATIENCE: Duration = Duration::from_secs(600);

impl Pair {
    /// Two connected hosts with nothing left to say: the handshake is over, and so is the exchange of bandwidth limits
    /// that follows each connect. The log is empty and time counts from here. The next idle ping is almost half a second
    /// away.
    ///
    /// The defaults: 10 ms each way, 2 channels, [`HostConfig::new`](enet_proto::HostConfig::new), but with
    /// C's decisions (`Profile::Compat`), which every rule of PROTOCOL.md is about. Others: [`Pair::with`].
    pub fn connected() -> Pair {
        Pair::with().connected()
    }

    /// As [`connected`](Self::connected), but the bandwidth limits are still to be exchanged, within a second.
    pub fn just_connected() -> Pair {
        Pair::with().just_connected()
    }

    /// Two hosts that know nothing of each other yet. See [`connect`](Self::connect).
    pub fn strangers() -> Pair {
        Pair::with().strangers()
    }

    /// A pair with other hosts or another network.
    pub fn with() -> PairBuilder {
        PairBuilder::default()
    }

    // ---- Calls

    /// The client starts to connect to the server; nothing is sent before time passes.
    pub fn connect(&mut self) -> PeerId {
        let options = self.options;
        self.client.connect(self.server.address, options)
    }

    /// Starts the log and the count of time anew.
    pub fn mark(&mut self) {
        self.marked = self.now;
        self.network.clear();
    }

    /// Hands `bytes` to a host as a datagram from `source`, at once and past the network.
    pub fn deliver(&mut self, to: Side, source: SocketAddr, bytes: &[u8]) {
        let now = self.now;
        self.end_mut(to).host.handle_datagram(now, Datagram::new(source, bytes));
        self.settle();
    }

    /// A datagram that `from` could have sent now with these commands: its header and checksum are right, and there
    /// is a time of sending if a command wants an acknowledgement. Not compressed. [`commands`](crate::commands) makes
    /// the commands.
    ///
    /// # Panics
    /// If the commands do not fit into 8 KiB, or there is no connection whose id the checksum needs.
    pub fn forge(&self, from: Side, commands: &[Command<'_>]) -> Vec<u8> {
        self.end(from).forge(self.now, commands)
    }

    /// [`forge`](Self::forge), and the other side receives it at once.
    pub fn forge_and_deliver(&mut self, from: Side, commands: &[Command<'_>]) {
        let (source, bytes) = (self.end(from).address, self.forge(from, commands));
        self.deliver(from.other(), source, &bytes);
    }

    // ---- Time

    /// The time on both hosts' clocks.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Time since the pair was made, connected or [marked](Self::mark), whichever was last.
    pub const fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.marked)
    }

    /// Lets time pass, and everything happen that is due.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        while self.step(end) {}
        self.now = end;
        self.settle();
    }

    /// Lets time pass until `done`, and returns how long that took.
    ///
    /// # Panics
    /// If it does not come to that in ten minutes.
    pub fn run_until(&mut self, mut done: impl FnMut(&Pair) -> bool) -> Duration {
        let start = self.now;
        self.settle();
        while !done(self) {
            assert!(self.step(start + PATIENCE), "waited in vain for ten minutes");
        }
        self.now.saturating_duration_since(start)
    }

    /// Lets time pass until nothing is on its way, waiting to be sent, or unacknowledged. Idle pings may follow.
    /// Returns how long that took.
    ///
    /// # Panics
    /// If it does not come to that in ten minutes.
    pub fn run_until_quiet(&mut self) -> Duration {
        self.run_until(Pair::is_quiet)
    }

    /// Whether nothing is on its way, waiting to be sent, or unacknowledged.
    pub fn is_quiet(&self) -> bool {
        self.in_flight.is_empty() && self.client.is_quiet() && self.server.is_quiet()
    }

    // ---- The network

    /// Sets the delay of datagrams sent from now on, each way.
    pub fn set_delay(&mut self, delay: Duration) {
        self.network.delay = delay;
    }

    /// Asks `rule` about every datagram sent from now on. The first rule that does not say [`Fate::Arrives`] decides;
    /// later ones are not asked.
    pub fn rule(&mut self, rule: impl FnMut(&Sent) -> Fate + 'static) {
        self.network.rules.push(Box::new(rule));
    }

    /// Loses every datagram that `which` picks.
    pub fn lose(&mut self, mut which: impl FnMut(&Sent) -> bool + 'static) {
        self.rule(move |sent| if which(sent) { Fate::Lost } else { Fate::Arrives });
    }

    /// Loses the next `count` datagrams of one side.
    pub fn lose_next(&mut self, from_side: Side, count: usize) {
        self.lose(first(count, from(from_side)));
    }

    /// Delivers twice, at the same time, every datagram that `which` picks.
    pub fn duplicate(&mut self, mut which: impl FnMut(&Sent) -> bool + 'static) {
        self.rule(move |sent| if which(sent) { Fate::Twice } else { Fate::Arrives });
    }

    /// Delays by `extra` every datagram that `which` picks, so that later ones overtake it.
    pub fn delay(&mut self, extra: Duration, mut which: impl FnMut(&Sent) -> bool + 'static) {
        self.rule(move |sent| if which(sent) { Fate::Late(extra) } else { Fate::Arrives });
    }

    /// Changes every datagram that `which` picks.
    pub fn alter(
        &mut self,
        mut which: impl FnMut(&Sent) -> bool + 'static,
        mut change: impl FnMut(&mut Vec<u8>) + 'static,
    ) {
        self.rule(move |sent| {
            if !which(sent) {
                return Fate::Arrives;
            }
            let mut bytes = sent.bytes.clone();
            change(&mut bytes);
            Fate::Altered(bytes)
        });
    }

    /// Loses everything in both directions, what is on its way included.
    pub fn cut(&mut self) {
        self.in_flight.clear();
        self.lose(|_| true);
    }

    /// Forgets all rules: everything sent from now on arrives.
    pub fn heal(&mut self) {
        self.network.rules.clear();
    }

    // ---- The log

    /// Every datagram sent since the last [mark](Self::mark), lost ones included.
    pub fn log(&self) -> &[Sent] {
        &self.network.log
    }

    /// Those that one side sent.
    pub fn sent_by(&self, side: Side) -> impl Iterator<Item = &Sent> {
        self.log().iter().filter(move |sent| sent.from == side)
    }

    /// The commands one side sent, one list per datagram.
    pub fn kinds_sent_by(&self, side: Side) -> Vec<Vec<CommandKind>> {
        self.sent_by(side).map(|sent| sent.commands().map(|command| command.kind()).collect()).collect()
    }

    /// The times, in ms, at which one side sent a command of this kind.
    pub fn times_of(&self, from: Side, kind: CommandKind) -> Vec<u128> {
        let commands =
            self.sent_by(from).flat_map(|sent| sent.commands().map(move |command| (sent.at, command)));
        commands.filter(|(_, command)| command.kind() == kind).map(|(at, _)| at.as_millis()).collect()
    }

    /// The log, one line per datagram.
    pub fn transcript(&self) -> String {
        self.log().iter().map(|sent| format!("{sent}\n")).collect()
    }

    /// One of the two ends.
    pub fn end(&self, side: Side) -> &End {
        match side {
            Client => &self.client,
            Server => &self.server,
        }
    }

    /// One of the two ends.
    pub fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Client => &mut self.client,
            Server => &mut self.server,
        }
    }

    // ---- The machine

    /// Goes to the next thing that happens, if that is not after `end`.
    fn step(&mut self, end: Instant) -> bool {
        let arrival = self.in_flight.first_key_value().map(|((at, _), _)| *at);
        let deadlines = [self.client.host.poll_timeout(), self.server.host.poll_timeout()];
        let next = deadlines.into_iter().chain([arrival]).flatten().min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        while let Some(entry) = self.in_flight.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let arrived = entry.remove();
            self.arrive(&arrived);
        }
        // Asked anew: an acknowledgement may uncover what expired behind what it acknowledged.
        for side in [Client, Server] {
            let now = self.now;
            let host = &mut self.end_mut(side).host;
            if host.poll_timeout().is_some_and(|deadline| deadline <= now) {
                host.handle_timeout(now);
            }
        }
        self.settle();
        true
    }

    fn arrive(&mut self, arrived: &InFlight) {
        let now = self.now;
        let mut ends = [&mut self.client, &mut self.server].into_iter();
        // A datagram to an address that nobody has is lost.
        if let Some(end) = ends.find(|end| end.address == arrived.to) {
            end.host.handle_datagram(now, Datagram::new(arrived.source, &arrived.bytes));
        }
    }

    /// Polls both hosts dry and asserts that they then have nothing to do at this instant.
    fn settle(&mut self) {
        self.transmit(Client);
        self.transmit(Server);
        let now = self.now;
        for (side, end) in [(Client, &mut self.client), (Server, &mut self.server)] {
            end.fetch_events();
            end.host.check_invariants();
            assert!(
                !end.host.has_pending_transmit(),
                "the {side:?} still wants to send after it sent everything"
            );
            let deadline = end.host.poll_timeout();
            assert!(
                deadline.is_none_or(|at| at > now),
                "the {side:?}'s next deadline {deadline:?} is not after {now:?}"
            );
        }
    }

    fn transmit(&mut self, from: Side) {
        let now = self.now;
        let mut out = Vec::new();
        while let Some(transmit) = self.end_mut(from).host.poll_transmit(now, &mut out, NonZeroUsize::MIN) {
            let Transmit { to, len, segment, .. } = transmit;
            let train = out.split_off(out.len() - len);
            for bytes in train.chunks(segment.unwrap_or(len).max(1)) {
                self.launch(from, to, bytes);
            }
            out.clear();
        }
    }

    fn launch(&mut self, from: Side, to: SocketAddr, bytes: &[u8]) {
        let elapsed = self.elapsed();
        let end = self.end_mut(from);
        let source = end.address;
        let with_checksum = end.note_sent(bytes);
        // A broadcast reaches the other side, whatever its address.
        let broadcast = to.ip() == std::net::Ipv4Addr::BROADCAST;
        let to = if broadcast { self.end(from.other()).address } else { to };
        for (delay, bytes) in self.network.send(from, elapsed, bytes, with_checksum) {
            self.launched += 1;
            self.in_flight.insert((self.now + delay, self.launched), InFlight { to, source, bytes });
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the pair, {:?} after the mark:\n{}", self.elapsed(), self.transcript());
            for (side, end) in [(Client, &self.client), (Server, &self.server)] {
                eprintln!("{side:?}: {} {:?}", end.state(), end.connection().map(|peer| peer.stats()));
            }
        }
    }
}
