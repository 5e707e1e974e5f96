//! [`Host`]: the protocol on a UDP socket, driven by an event loop of your own.

mod attempts;
mod close;

use std::io;
use std::net::SocketAddr;
use std::ops::{ControlFlow, Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use enet_proto::{Event, HostConfig, Instant, Intercept, PeerId, Profile, Socket};
use mio::{Interest, Registry, Token, event};

use crate::address::{self, Bind, PeerAddress, ToBind};
use crate::alone::Alone;
use crate::clock::Clock;
use crate::handle::{HostHandle, Orders};
use crate::handler::{self, Handler};
use crate::log::{self, Refusals};
use crate::lookup::Lookup;
use crate::options::SocketOptions;
use crate::stats::{IoCapabilities, IoStats};
use crate::udp::Udp;
use crate::waker::Waker;

/// Datagrams taken in one [`drive`](Host::drive), so that the other sources of the loop get their turn; as many as a
/// service pass takes.
const DRIVE_BUDGET: usize = 256;

/// An ENet host on a UDP socket, for an event loop of your own.
///
/// It is a [`mio::event::Source`]: register it with [`Interest::READABLE`], then, for ever,
///
/// 1. poll, no longer than [`timeout`](Host::timeout),
/// 2. tell the host of every readiness event with its token: [`on_ready`](Host::on_ready),
/// 3. [`drive`](Host::drive) it, whether or not there were any,
/// 4. take its events with [`poll_event`](Host::poll_event) until there are none.
///
/// Everything of the protocol's own, from `peer_mut` to `set_bandwidth_limits`, is there through `Deref`. What it
/// queues leaves at the next `timeout`, `drive` or [`flush`](Host::flush).
///
/// Events come before answers: a `drive` that has events for you sends nothing yet, so that what you answer and the
/// acknowledgement of what you answer to leave together, in as few datagrams as they fit in; the `timeout` of the same
/// turn sends them. If your loop does not ask for it each turn, call `flush` when the events are taken: the peers would
/// wait for their acknowledgements until the next `drive`. (Under [`Profile::Compat`] everything is sent in `drive`, as
/// C does.)
///
/// Several datagrams of one size to one peer cross into the system with one call where it can cut them
/// ([`io_capabilities`](Host::io_capabilities)), and arrive with one likewise.
///
/// ```
/// use enet_mio::{ConnectOptions, Event, Host, HostConfig, random_seed};
/// use mio::{Events, Interest, Poll, Token};
///
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(16);
/// let mut hosts = [
///     Host::bind("127.0.0.1:*", HostConfig::new(random_seed()?))?,
///     Host::client(HostConfig::new(random_seed()?))?,
/// ];
/// for (number, host) in hosts.iter_mut().enumerate() {
///     poll.registry().register(host, Token(number), Interest::READABLE)?;
/// }
/// let server = hosts[0].local_addr()?;
/// hosts[1].connect(server, ConnectOptions::default()).expect("a free slot");
///
/// let mut connected = 0;
/// while connected < 2 {
///     let timeout = hosts.iter_mut().filter_map(Host::timeout).min();
///     poll.poll(&mut events, timeout)?;
///     for event in &events {
///         hosts[event.token().0].on_ready();
///     }
///     for host in &mut hosts {
///         host.drive()?;
///         while let Some(event) = host.poll_event() {
///             assert!(matches!(event, Event::Connected { .. }));
///             connected += 1;
///         }
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// A datagram that cannot be sent is lost, like any other on its way, and counted in [`io_stats`](Host::io_stats);
/// so is an error the socket reports in place of a received datagram. Only a socket that gives nothing but errors
/// makes `drive` fail. It may be driven again all the same.
///
/// Dropping a host closes its socket and tells nobody: see [`close`](Host::close).
#[derive(Debug)]
pub struct Host {
    protocol: enet_proto::Host,
    udp: Udp,
    clock: Clock,
    /// Room for one train of datagrams, or for those that wait for each other.
    out: Vec<u8>,
    alone: Alone,
    refusals: Refusals,
    orders: Option<Orders>,
    orders_refused: u64,
    /// Attempts to connect that no handler was told of.
    attempts: Vec<PeerId>,
}

impl Host {
    // --- construct ---

    /// A host that listens: see [`Bind`] for the forms, and [`SocketOptions`] to choose buffer sizes.
    ///
    /// # Errors
    ///
    /// The text is no address, its name cannot be resolved, or the system does not grant the address.
    #[doc(alias = "enet_host_create")]
    pub fn bind(to: impl ToBind, config: HostConfig) -> io::Result<Host> {
        Host::bind_with(SocketOptions::default(), to, config)
    }

    /// A host that listens on a socket made to order.
    ///
    /// ```
    /// # use enet_mio::{Host, HostConfig, SocketOptions, random_seed};
    /// let options = SocketOptions { offload: false, ..SocketOptions::default() };
    /// let host = Host::bind_with(options, "127.0.0.1:*", HostConfig::new(random_seed()?))?;
    /// assert!(!host.io_capabilities().gso);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`bind`](Host::bind).
    pub fn bind_with(options: SocketOptions, to: impl ToBind, config: HostConfig) -> io::Result<Host> {
        Host::from_udp(Udp::new(options.bind(to)?, options.offload)?, config)
    }

    /// A host that only connects: it has any free port and lets nobody in
    /// ([`max_peers_per_ip`](HostConfig::max_peers_per_ip) is 0).
    pub fn client(mut config: HostConfig) -> io::Result<Host> {
        config.max_peers_per_ip = Some(0);
        Host::bind(Bind::Any { port: 0 }, config)
    }

    /// A host on a socket made elsewhere, bound but not connected. It is made non-blocking, and where the system can do
    /// it joins trains of datagrams (`UDP_GRO`) and tells at which address they arrived (`IP_PKTINFO`); its other options
    /// stay as they are. Congestion marks are passed on to an intercept hook if the socket was told to receive them.
    pub fn from_socket(socket: std::net::UdpSocket, config: HostConfig) -> io::Result<Host> {
        Host::from_udp(Udp::new(socket, true)?, config)
    }

    fn from_udp(udp: Udp, config: HostConfig) -> io::Result<Host> {
        Ok(Host {
            protocol: enet_proto::Host::new(config),
            udp,
            clock: Clock::new(),
            out: Vec::new(),
            alone: Alone::default(),
            refusals: Refusals::default(),
            orders: None,
            orders_refused: 0,
            attempts: Vec::new(),
        })
    }

    // --- the loop ---

    /// Takes note that the poll reported the socket as ready, in whatever way: errors are fetched like datagrams. The
    /// note stays until the socket has been emptied, so no edge is lost; a spurious call costs one attempt to receive.
    pub fn on_ready(&mut self) {
        self.udp.set_readable();
    }

    /// Receives what is there, does what is due, and sends what can be sent unless there are events to take first: then
    /// the next [`timeout`](Host::timeout), `drive` or [`flush`](Host::flush) sends.
    ///
    /// At most 256 datagrams are taken at once; if there are more, [`timeout`](Host::timeout) is zero afterwards.
    ///
    /// # Errors
    ///
    /// The socket itself is broken: it gave nothing but errors, many times in a row.
    pub fn drive(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        self.carry_out_orders();
        if self.events_come_first() {
            self.transmit(now); // in case that nobody has since the last turn
        }
        let now = self.receive(now, false);
        self.protocol.handle_timeout(now);
        self.carry_out_orders(); // there may be room now for what waited
        if !self.events_come_first() || !self.protocol.has_pending_event() {
            self.transmit(now);
        }
        self.udp.check()
    }

    /// Sends what is queued, then tells how long to wait for readiness at most: zero while there is more to receive or
    /// an event to take, `None` while nothing is under way. (Under [`Profile::Compat`] it sends nothing, and is zero
    /// while there is something to send.)
    pub fn timeout(&mut self) -> Option<Duration> {
        let now = self.clock.now();
        if self.events_come_first() {
            self.transmit(now);
        }
        // Sending may raise an event: with the last acknowledgement a connection ends.
        if self.is_busy() || self.protocol.has_pending_event() {
            return Some(Duration::ZERO);
        }
        let deadline = self.protocol.poll_timeout()?;
        Some(deadline.saturating_duration_since(now))
    }

    /// The next event that is waiting; as [`enet_proto::Host::poll_event`], but a log hears of it.
    #[doc(alias = "enet_host_check_events")]
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.protocol.poll_event();
        event.iter().for_each(log::event);
        event
    }

    /// Hands all waiting events to the handler, and ends its turn: its [`on_turn`](Handler::on_turn)'s answer. For after
    /// [`drive`](Host::drive), in place of `poll_event`.
    pub fn dispatch(&mut self, handler: &mut (impl Handler + ?Sized)) -> ControlFlow<()> {
        self.tell_attempts(handler);
        while let Some(event) = self.poll_event() {
            handler::hand_over(self, handler, event);
        }
        handler.on_turn(self)
    }

    /// Sends what is queued, now, without receiving or looking at timeouts.
    #[doc(alias = "enet_host_flush")]
    pub fn flush(&mut self) {
        let now = self.clock.now();
        self.carry_out_orders();
        if self.events_come_first() {
            self.transmit(now);
        } else {
            self.protocol.flush_pass(now, self.udp.at(now));
        }
    }

    /// Pings everybody who is connected; how many. The protocol pings by itself whom nothing was heard from for a
    /// [`ping_interval`](enet_proto::Peer::ping_interval); this is for a round trip time that is fresh.
    #[doc(alias = "enet_peer_ping")]
    pub fn ping_all(&mut self) -> usize {
        let peers = self.peer_ids();
        peers
            .into_iter()
            .filter(|peer| self.protocol.peer_mut(*peer).is_some_and(|mut peer| peer.ping()))
            .count()
    }

    // --- calls that need the socket ---

    /// The first address of a `host:port` text that this host's socket can reach, IPv4 preferred. Asks the system's
    /// resolver for names, and blocks until it answers.
    ///
    /// ```
    /// # use enet_mio::{Host, HostConfig, random_seed};
    /// let host = Host::bind("127.0.0.1:*", HostConfig::new(random_seed()?))?;
    /// assert_eq!(host.resolve("127.0.0.1:6789")?.port(), 6789);
    /// assert!(host.resolve("[::1]:6789").is_err(), "an IPv4 socket reaches no IPv6 address");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn resolve(&self, text: &str) -> io::Result<SocketAddr> {
        address::reachable(text, PeerAddress::parse(text)?.resolve()?, self.udp.family())
    }

    /// As [`resolve`](Host::resolve), by a thread of its own: this host goes on meanwhile. `on_answer` is called there when
    /// there is something to [`poll`](Lookup::poll); have it wake your loop.
    ///
    /// # Errors
    ///
    /// The text is no address of a peer, or the system has no room for a thread.
    pub fn look_up(&self, text: &str, on_answer: impl FnOnce() + Send + 'static) -> io::Result<Lookup> {
        Lookup::start(text, self.udp.family(), on_answer)
    }

    /// Sets the hook that sees every received datagram before the protocol does; for other protocols on the same
    /// port. [`set_intercept`](enet_proto::Host::set_intercept) with `None` removes it.
    pub fn intercept(&mut self, hook: impl Intercept + 'static) {
        self.protocol.set_intercept(Some(Box::new(hook)));
    }

    /// What gives orders to this host from any thread. `waker` is your poll's, and its event the sign to
    /// [`drive`](Host::drive), which carries the orders out; the first call's serves all handles.
    ///
    /// ```
    /// # use std::{sync::Arc, thread, time::Duration};
    /// use enet_mio::{Host, HostConfig, Packet, random_seed};
    /// use mio::{Events, Poll, Token, Waker};
    ///
    /// let mut poll = Poll::new()?;
    /// let waker = Arc::new(Waker::new(poll.registry(), Token(1))?);
    /// let mut host = Host::bind("127.0.0.1:*", HostConfig::new(random_seed()?))?;
    /// let handle = host.handle(waker);
    /// thread::spawn(move || handle.broadcast(0, Packet::reliable("to all who are there"))).join().unwrap().unwrap();
    /// let mut events = Events::with_capacity(1);
    /// poll.poll(&mut events, Some(Duration::from_secs(60)))?;
    /// assert!(events.iter().any(|event| event.token() == Token(1)));
    /// host.drive()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handle(&mut self, waker: Arc<mio::Waker>) -> HostHandle {
        self.handle_waking(Waker::new(waker))
    }

    // --- views ---

    /// Where the socket is bound.
    #[doc(alias = "enet_socket_get_address")]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// What the socket did to datagrams.
    pub fn io_stats(&self) -> IoStats {
        IoStats { orders_refused: self.orders_refused, ..self.udp.stats() }
    }

    /// What the operating system does for the socket: how many datagrams a system call can carry.
    pub fn io_capabilities(&self) -> IoCapabilities {
        self.udp.capabilities()
    }

    /// The protocol alone; `Deref` gives the same.
    pub fn protocol(&self) -> &enet_proto::Host {
        &self.protocol
    }

    /// The protocol alone; `DerefMut` gives the same. Take care with its `handle_*` and `poll_transmit`: they are what
    /// [`drive`](Host::drive) calls.
    pub fn protocol_mut(&mut self) -> &mut enet_proto::Host {
        &mut self.protocol
    }

    // --- for Service ---

    pub(crate) fn handle_waking(&mut self, waker: Waker) -> HostHandle {
        self.orders.get_or_insert_with(|| Orders::new(waker)).handle()
    }

    /// From now on this is what all handles wake.
    pub(crate) fn wake_by(&mut self, waker: &Waker) {
        if let Some(orders) = &self.orders {
            orders.wake_by(waker.clone());
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Whether the next event is a packet, which comes before everything that is to be done.
    #[inline]
    pub(crate) fn has_packet_at_hand(&self) -> bool {
        self.events_come_first() && self.protocol.has_packet_at_hand()
    }

    /// The next event, as `Service` gives it.
    #[inline(never)]
    pub(crate) fn take_event(&mut self) -> io::Result<Option<Event>> {
        let event = self.protocol.poll_event_as(Ok);
        event.iter().flatten().for_each(log::event);
        event
    }

    /// Whether there is something to receive or to send without waiting.
    pub(crate) fn is_busy(&mut self) -> bool {
        self.udp.is_readable() || self.protocol.has_pending_transmit()
    }

    /// System calls that brought or took something, in total.
    pub(crate) fn crossings(&self) -> u64 {
        self.udp.arrivals() + self.udp.stats().sends
    }

    /// Whether the application sees an event before the datagram that caused it is acknowledged.
    pub(crate) fn events_come_first(&self) -> bool {
        self.protocol.profile() != Profile::Compat
    }

    /// One pass in C's order.
    pub(crate) fn compat_pass(&mut self, now: Instant) -> io::Result<Option<Event>> {
        self.refusals.look(now, || self.protocol.stats());
        self.carry_out_orders();
        match self.protocol.service_pass(now, self.udp.at(now)) {
            None => self.udp.check().map(|()| None),
            event => Ok(event),
        }
    }

    /// One pass in our own order: sends what earlier turns left, receives, does what is due, and sends again unless
    /// there is an event.
    pub(crate) fn pass(&mut self, now: Instant) -> io::Result<Option<Event>> {
        self.carry_out_orders();
        self.transmit(now);
        let now = self.receive(now, self.alone.is_likely());
        self.protocol.handle_timeout(now);
        let mut event = self.protocol.poll_event();
        if event.is_none() {
            self.carry_out_orders(); // there may be room now for what waited
            self.transmit(now);
            event = self.protocol.poll_event();
        }
        match event {
            None => self.udp.check().map(|()| None),
            event => Ok(event),
        }
    }

    // --- private ---

    fn carry_out_orders(&mut self) {
        if let Some(orders) = &mut self.orders {
            self.orders_refused += orders.carry_out(&mut self.protocol);
        }
    }

    /// Takes what there is to receive, up to the budget or, if asked to, to the first system call that gives an event;
    /// the time afterwards.
    fn receive(&mut self, now: Instant, until_event: bool) -> Instant {
        let before = self.udp.arrivals();
        let mut emptied = false;
        for _ in 0..DRIVE_BUDGET {
            let Some(datagram) = self.udp.receive() else {
                emptied = true;
                break;
            };
            self.protocol.handle_datagram(now, datagram);
            if until_event && self.udp.is_between_arrivals() && self.protocol.has_pending_event() {
                break;
            }
        }
        let arrivals = self.udp.arrivals() - before;
        self.alone.on_pass(arrivals, emptied);
        self.refusals.look(now, || self.protocol.stats());
        if arrivals == 0 { now } else { self.clock.now() }
    }

    fn transmit(&mut self, now: Instant) {
        let Host { protocol, udp, out, .. } = self;
        udp.at(now);
        while let Some(transmit) = protocol.poll_transmit(now, out, udp.max_segments()) {
            udp.post(&transmit, out);
        }
        udp.send_batch(out);
    }

    fn peer_ids(&self) -> Vec<PeerId> {
        self.protocol.peers().map(|peer| peer.id()).collect()
    }
}

impl Deref for Host {
    type Target = enet_proto::Host;

    fn deref(&self) -> &enet_proto::Host {
        &self.protocol
    }
}

impl DerefMut for Host {
    fn deref_mut(&mut self) -> &mut enet_proto::Host {
        &mut self.protocol
    }
}

/// [`Interest::READABLE`] is all a host needs: it never waits for room to send.
impl event::Source for Host {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.udp.source().register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.udp.source().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.udp.source().deregister(registry)
    }
}
