//! [`Service`]: a host with a poll of its own, and C's one call that does everything.

use std::io;
use std::ops::{ControlFlow, Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use enet_proto::{Event, HostConfig, Instant};
use mio::{Events, Interest, Poll, Token};

use crate::address::ToBind;
use crate::handle::HostHandle;
use crate::handler::{self, Handler};
use crate::host::Host;
use crate::log;
use crate::looks::Looks;
use crate::lookup::Lookup;
use crate::waker::Waker;
use crate::watch::Watch;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// Passes over the socket, each of up to 256 datagrams, that a call makes beyond its timeout while more is waiting:
/// a game loop that calls `service` with zero once a frame must be able to outpace a flood of rubbish.
const PASSES: usize = 64;

/// Events that a handler is given between two of its turns at most.
const EVENTS_IN_A_TURN: usize = 4_096;

/// How long what is to be sent may wait while the application takes events, if it comes back for them at all.
const PATIENCE: Duration = Duration::from_millis(1);

/// How long it is trusted that nothing came since the last look. Not longer: what is due by now, timeouts for one, must
/// not be done before all that came in time was seen.
const MOMENT: Duration = Duration::from_millis(1);

/// Longest single wait: mio counts milliseconds in 32 bits.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// An ENet host that does its own waiting: what `ENetHost` is in C.
///
/// ```
/// use std::time::Duration;
/// use enet_mio::{ConnectOptions, Event, HostConfig, Packet, Service, random_seed};
///
/// let mut server = Service::bind("127.0.0.1:*", HostConfig::new(random_seed()?))?;
/// let address = server.local_addr()?;
/// let thread = std::thread::spawn(move || {
///     let mut client = Service::client(HostConfig::new(random_seed()?))?;
///     client.connect(address, ConnectOptions::default()).expect("a free slot");
///     let connected = client.service(Duration::from_secs(10))?.expect("an answer");
///     let server = connected.peer().expect("a connection");
///     client.peer_mut(server).expect("it lasts").send(0, Packet::reliable("hello")).expect("connected");
///     client.close(Duration::from_secs(10)) // delivers what is queued, then disconnects
/// });
/// loop {
///     match server.service(Duration::from_secs(10))?.expect("an event") {
///         Event::Received { packet, .. } => assert_eq!(&packet[..], b"hello"),
///         Event::Disconnected { .. } => break,
///         _ => {}
///     }
/// }
/// assert_eq!(thread.join().unwrap()?, 0, "peers that did not confirm");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Everything a [`Host`] has is here too, through `Deref`, and so is everything of the protocol's own.
#[derive(Debug)]
pub struct Service {
    host: Host,
    poll: Poll,
    ready: Events,
    waker: Waker,
    watch: Watch,
    /// At events given since something could be sent.
    looks: Looks,
    /// Whether a waker was seen that has ended no wait yet.
    woken: bool,
    /// When it was last asked whether there is something to receive.
    looked: Instant,
}

impl Service {
    /// A host that listens: see [`Bind`](crate::Bind) for the forms.
    ///
    /// # Errors
    ///
    /// As [`Host::bind`], or the system has no file descriptors left for a poll.
    #[doc(alias = "enet_host_create")]
    pub fn bind(to: impl ToBind, config: HostConfig) -> io::Result<Service> {
        Service::new(Host::bind(to, config)?)
    }

    /// A host that only connects: see [`Host::client`].
    pub fn client(config: HostConfig) -> io::Result<Service> {
        Service::new(Host::client(config)?)
    }

    /// Takes over a host, for example one made with [`Host::from_socket`]. It must not be registered with a poll;
    /// handles that it gave out before wake the service from now on.
    pub fn new(mut host: Host) -> io::Result<Service> {
        let poll = Poll::new()?;
        let waker = Waker::new(Arc::new(mio::Waker::new(poll.registry(), WAKER)?));
        host.wake_by(&waker);
        Ok(Service {
            host,
            poll,
            ready: Events::with_capacity(4),
            waker,
            watch: Watch::default(),
            looks: Looks::new(Instant::ZERO),
            woken: false,
            looked: Instant::ZERO,
        })
    }

    /// Gives the next event; does all that is to be done meanwhile; waits for it no longer than `timeout`.
    ///
    /// An event that is waiting already comes back at once. Otherwise the host sends what is queued, receives all that
    /// is there, and only if that gave no event sends and waits. So packets you queue leave in the next call that has no
    /// event at hand, together with the acknowledgements of what you have seen since: answers and acknowledgements
    /// share datagrams. Once a millisecond has gone by since the last sending they wait for no more than eight calls, or
    /// one if your calls have been slow to come; a call that gives `None` has sent everything. What you queue after your
    /// last call leaves with [`flush`](Host::flush).
    ///
    /// Unlike C's it also wakes for its own deadlines, so retransmissions, pings and timeouts happen in time however
    /// long the wait; and it always receives all that is there, however short. Under
    /// [`Profile::Compat`](enet_proto::Profile::Compat) a call sends, receives and sends again, in C's order
    /// (PROTOCOL.md §18.2).
    ///
    /// `None` when the time is over, or when a [`Waker`] ended the wait.
    ///
    /// # Errors
    ///
    /// The socket or the poll is broken, or the poll has no room for the socket. No peer can cause that, and the call may be
    /// repeated.
    #[doc(alias = "enet_host_service")]
    #[inline]
    pub fn service(&mut self, timeout: Duration) -> io::Result<Option<Event>> {
        // An event is large: what fetches it writes it where the caller has room for it, and nobody moves it.
        if !self.host.has_packet_at_hand() {
            return self.other_event(timeout);
        }
        if self.looks.is_due() {
            return self.take_event_and_look();
        }
        self.looks.on_event();
        self.host.take_event()
    }

    /// The next event, and then what is to be sent, if it has waited enough.
    #[inline(never)]
    fn take_event_and_look(&mut self) -> io::Result<Option<Event>> {
        let event = self.host.take_event();
        self.send_if_patience_is_over();
        event
    }

    /// The next event where no packet is at hand. One that is waiting already comes first all the same: a connection's end, for
    /// one.
    #[inline(never)]
    fn other_event(&mut self, timeout: Duration) -> io::Result<Option<Event>> {
        if self.host.events_come_first() {
            let waiting = self.host.poll_event();
            if waiting.is_some() {
                if self.looks.is_due() {
                    self.send_if_patience_is_over();
                } else {
                    self.looks.on_event();
                }
                return Ok(waiting);
            }
        }
        let event = self.next_event(timeout);
        event.iter().flatten().for_each(log::event);
        event
    }

    /// The next event that comes before the time is over; none is at hand.
    fn next_event(&mut self, timeout: Duration) -> io::Result<Option<Event>> {
        let mut now = self.host.now();
        let mut deadline = now + timeout;
        let mut passes = 0;
        let crossings = self.host.crossings();
        let mut has_looked = self.look_first(now, timeout)?;
        loop {
            if let Some(event) = self.pass(now)? {
                self.note_call(true);
                return Ok(Some(event));
            }
            passes += 1;
            if !timeout.is_zero() {
                now = self.host.now();
            }
            let busy = self.host.is_busy();
            if now >= deadline && has_looked && (!busy || passes >= PASSES) {
                self.note_call(self.host.crossings() > crossings);
                return Ok(None);
            }
            if !busy || !has_looked {
                let until = if busy { now } else { deadline };
                if self.wait(now, until)? {
                    deadline = now;
                }
                has_looked = true;
            }
            now = self.host.now();
            self.looked = now;
        }
    }

    /// Looks whether there is something to receive; whether it did. A call that may wait need not if that was done a
    /// moment ago: nearly always it is for nothing, and the poll tells of what came since.
    fn look_first(&mut self, now: Instant, timeout: Duration) -> io::Result<bool> {
        if !timeout.is_zero() && now < self.looked + MOMENT {
            return Ok(false);
        }
        self.looked = now;
        if timeout.is_zero() && self.watch.is_worth_asking() {
            self.woken |= self.look(Duration::ZERO)?;
        } else {
            self.host.on_ready();
        }
        Ok(true)
    }

    /// The next event that is waiting already; does no I/O. After the last, [`flush`](Host::flush) sends your answers and
    /// the acknowledgements of what you have seen, or the next call of `service` does.
    #[doc(alias = "enet_host_check_events")]
    pub fn check_events(&mut self) -> Option<Event> {
        self.host.poll_event()
    }

    /// Hands all there is to the handler without waiting, and ends its turn: its [`on_turn`](Handler::on_turn)'s answer.
    /// Once for each frame of a game.
    ///
    /// After 4,096 events the turn ends, however many there are left.
    ///
    /// # Errors
    ///
    /// As [`service`](Service::service).
    pub fn pump(&mut self, handler: &mut (impl Handler + ?Sized)) -> io::Result<ControlFlow<()>> {
        self.turn(handler, Duration::ZERO)
    }

    /// Hands all events to the handler as they come, until its [`on_turn`](Handler::on_turn) says
    /// [`ControlFlow::Break`]: it is asked after each burst of events, and after `tick` if there were none.
    ///
    /// # Errors
    ///
    /// As [`service`](Service::service).
    pub fn run(&mut self, handler: &mut (impl Handler + ?Sized), tick: Duration) -> io::Result<()> {
        while self.turn(handler, tick)?.is_continue() {}
        Ok(())
    }

    fn turn(&mut self, handler: &mut (impl Handler + ?Sized), wait: Duration) -> io::Result<ControlFlow<()>> {
        let mut wait = wait;
        self.host.tell_attempts(handler);
        for _ in 0..EVENTS_IN_A_TURN {
            let Some(event) = self.service(wait)? else { break };
            handler::hand_over(&mut self.host, handler, event);
            wait = Duration::ZERO;
        }
        Ok(handler.on_turn(&mut self.host))
    }

    /// What ends a running wait, or else the next one, from any thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// As [`resolve`](Host::resolve), by a thread of its own; the answer ends the wait of a [`service`](Service::service)
    /// call. See [`Lookup`].
    ///
    /// # Errors
    ///
    /// The text is no address of a peer, or the system has no room for a thread.
    pub fn look_up(&self, text: &str) -> io::Result<Lookup> {
        let waker = self.waker();
        // If it cannot be woken, it sees the answer when it looks.
        self.host.look_up(text, move || drop(waker.wake()))
    }

    /// What gives orders to this host from any thread, whether it waits or not.
    pub fn handle(&mut self) -> HostHandle {
        self.host.handle_waking(self.waker.clone())
    }

    /// Sends what is to be sent if it has waited enough.
    #[inline(never)]
    fn send_if_patience_is_over(&mut self) {
        let now = self.host.now();
        self.looks.on_look(now);
        let sent = self.host.protocol().now();
        if now >= sent + PATIENCE {
            self.host.flush();
        }
    }

    fn pass(&mut self, now: Instant) -> io::Result<Option<Event>> {
        self.looks = Looks::new(now);
        if self.host.events_come_first() { self.host.pass(now) } else { self.host.compat_pass(now) }
    }

    /// Notes whether datagrams came or went in a call.
    fn note_call(&mut self, was_busy: bool) {
        self.watch.on_call(was_busy);
        if self.watch.is_dispensable() && self.poll.registry().deregister(&mut self.host).is_ok() {
            self.watch.is_on = false;
        }
    }

    /// Waits for the socket, our own next deadline, the caller's, or a waker; whether it was a waker.
    fn wait(&mut self, now: Instant, deadline: Instant) -> io::Result<bool> {
        self.watch.on_wait();
        let woken = std::mem::take(&mut self.woken);
        let until = self.host.poll_timeout().map_or(deadline, |own| own.min(deadline));
        let until = if woken { now } else { until };
        Ok(self.look(until.saturating_duration_since(now).min(LONGEST_WAIT))? || woken)
    }

    /// Polls once; whether there was a waker.
    fn look(&mut self, wait: Duration) -> io::Result<bool> {
        if !self.watch.is_on {
            // What has arrived before is reported all the same.
            self.poll.registry().register(&mut self.host, SOCKET, Interest::READABLE)?;
            self.watch.is_on = true;
        }
        match self.poll.poll(&mut self.ready, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            result => result?,
        }
        let mut woken = false;
        for event in &self.ready {
            match event.token() {
                WAKER => woken |= self.waker.take_wanted(),
                _ => self.host.on_ready(),
            }
        }
        Ok(woken)
    }
}

impl Deref for Service {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl DerefMut for Service {
    fn deref_mut(&mut self) -> &mut Host {
        &mut self.host
    }
}

#[cfg(test)]
mod tests {
    use enet_proto::{ConnectOptions, HostConfig, Packet};

    use super::*;

    #[test]
    fn the_poll_forgets_who_only_sends_and_remembers_who_does_nothing() {
        let start = std::time::Instant::now();
        let in_time = || assert!(start.elapsed() < Duration::from_secs(30));
        let mut server = Service::bind("127.0.0.1:*", HostConfig::new([1; 32])).unwrap();
        let mut client = Service::client(HostConfig::new([2; 32])).unwrap();
        client.connect(server.local_addr().unwrap(), ConnectOptions::default()).unwrap();
        while server.connected_peers() + client.connected_peers() < 2 {
            for service in [&mut client, &mut server] {
                service.service(Duration::from_millis(1)).unwrap();
            }
            in_time();
        }
        server.service(Duration::from_millis(1)).unwrap();
        assert!(server.watch.is_on, "it waited");
        for _ in 0..64 {
            server.broadcast(0, Packet::reliable("tick"));
            assert_eq!(server.service(Duration::ZERO).unwrap(), None);
        }
        assert!(!server.watch.is_on);
        while !server.watch.is_on {
            assert_eq!(server.service(Duration::ZERO).unwrap(), None);
            in_time();
        }
    }
}
