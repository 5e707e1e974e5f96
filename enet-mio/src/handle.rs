//! [`HostHandle`]: orders to a host from other threads.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use enet_proto::{ChannelId, Delivery, Packet, Peer, PeerId, PeerState, SendErrorReason};

use crate::waker::Waker;

/// Gives orders to a host that another thread runs: get one from [`Service::handle`](crate::Service::handle) or
/// [`Host::handle`](crate::Host::handle), clone it, take it along.
///
/// An order waits in a queue of [`ROOM`](HostHandle::ROOM) places, shared by all handles of the host, and wakes the
/// host's thread, which carries it out before it sends next: nobody looks into an empty queue in the meantime. Orders
/// of one thread are carried out in the order in which they were given. `Ok` means queued; an order that cannot be
/// carried out, because the connection has ended meanwhile or has no such channel, is counted in
/// [`IoStats::orders_refused`](crate::IoStats::orders_refused).
///
/// A reliable packet for a peer whose own queue is full ([`QueueFull`](enet_proto::SendErrorReason::QueueFull)) waits
/// until that has room, and the peer's later orders with it; others' go on. At most [`ROOM`](HostHandle::ROOM) wait like
/// that; from then on the handles' queue fills, and they say so. What is not reliable is dropped and counted instead.
///
/// ```
/// use std::{io, sync::mpsc, thread, time::Duration};
/// use enet_mio::{ConnectOptions, Event, HostConfig, Packet, Service, random_seed};
/// # const LONG: Duration = Duration::from_secs(3_600);
///
/// let mut server = Service::bind("127.0.0.1:*", HostConfig::new(random_seed()?))?;
/// let (address, handle) = (server.local_addr()?, server.handle());
/// let (new, arrivals) = mpsc::channel();
/// let server = thread::spawn(move || -> io::Result<()> {
///     loop {
///         match server.service(LONG)? {
///             Some(Event::Connected { peer, .. }) => new.send(peer).expect("somebody listens"),
///             Some(Event::Disconnected { .. }) => return Ok(()),
///             _ => {}
///         }
///     }
/// });
/// let mut client = Service::client(HostConfig::new(random_seed()?))?;
/// client.connect(address, ConnectOptions::default()).expect("a free slot");
/// assert!(matches!(client.service(LONG)?, Some(Event::Connected { .. })));
/// client.flush();
///
/// // The server's thread waits; this one has something to say.
/// let peer = arrivals.recv().expect("the client");
/// handle.send(peer, 0, Packet::reliable("from elsewhere")).expect("room");
/// handle.disconnect_later(peer, 7).expect("room");
/// let heard = client.service(LONG)?;
/// assert!(matches!(heard, Some(Event::Received { packet, .. }) if packet[..] == *b"from elsewhere"));
/// assert!(matches!(client.service(LONG)?, Some(Event::Disconnected { data: 7, .. })));
/// client.flush();
/// server.join().unwrap()?;
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HostHandle {
    orders: SyncSender<Order>,
    alarm: Arc<Alarm>,
}

/// How all handles of a host wake it.
#[derive(Debug)]
struct Alarm {
    /// Whether the host was woken for what is queued.
    given: AtomicBool,
    /// Another one's when the host moves into a [`Service`](crate::Service).
    waker: Mutex<Waker>,
}

impl Alarm {
    fn waker(&self) -> MutexGuard<'_, Waker> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostHandle {
    /// Orders that wait at most: 1,024.
    pub const ROOM: usize = 1_024;

    /// As [`PeerMut::send`](enet_proto::PeerMut::send).
    ///
    /// # Errors
    ///
    /// The queue is full, or the host was dropped; the packet comes back.
    pub fn send(
        &self,
        peer: PeerId,
        channel: impl Into<ChannelId>,
        packet: impl Into<Packet>,
    ) -> Result<(), HandleError> {
        self.give_packet(packet.into(), |packet| Order::Send { peer, channel: channel.into(), packet })
    }

    /// As [`broadcast`](enet_proto::Host::broadcast): to whoever is connected when it is carried out. It waits for nobody:
    /// if a peer has no room for it, or no such channel, that is counted as an order refused.
    ///
    /// # Errors
    ///
    /// The queue is full, or the host was dropped; the packet comes back.
    pub fn broadcast(
        &self,
        channel: impl Into<ChannelId>,
        packet: impl Into<Packet>,
    ) -> Result<(), HandleError> {
        self.give_packet(packet.into(), |packet| Order::Broadcast { channel: channel.into(), packet })
    }

    /// As [`PeerMut::disconnect`](enet_proto::PeerMut::disconnect): what is queued for the peer is lost, what these
    /// handles sent before included.
    ///
    /// # Errors
    ///
    /// The queue is full, or the host was dropped.
    pub fn disconnect(&self, peer: PeerId, data: u32) -> Result<(), HandleErrorReason> {
        self.give(Order::Disconnect { peer, data }).map_err(|(reason, _)| reason)
    }

    /// As [`PeerMut::disconnect_later`](enet_proto::PeerMut::disconnect_later): what is queued for the peer arrives
    /// first.
    ///
    /// # Errors
    ///
    /// The queue is full, or the host was dropped.
    pub fn disconnect_later(&self, peer: PeerId, data: u32) -> Result<(), HandleErrorReason> {
        self.give(Order::DisconnectLater { peer, data }).map_err(|(reason, _)| reason)
    }

    /// Ends the host's wait, or else the next one: [`Service::service`](crate::Service::service) gives `None` early.
    ///
    /// # Errors
    ///
    /// The system refused; the wait goes on.
    pub fn wake(&self) -> io::Result<()> {
        self.alarm.waker().wake()
    }

    fn give_packet(&self, packet: Packet, order: impl FnOnce(Packet) -> Order) -> Result<(), HandleError> {
        match self.give(order(packet)) {
            Err((reason, Order::Send { packet, .. } | Order::Broadcast { packet, .. })) => {
                Err(HandleError { reason, packet })
            }
            _ => Ok(()),
        }
    }

    fn give(&self, order: Order) -> Result<(), (HandleErrorReason, Order)> {
        let result = self.orders.try_send(order).map_err(|refused| match refused {
            TrySendError::Full(order) => (HandleErrorReason::QueueFull { room: HostHandle::ROOM }, order),
            TrySendError::Disconnected(order) => (HandleErrorReason::HostGone, order),
        });
        // One wake for all that is given until the host looks: a wake is a system call.
        if result.is_ok() && !self.alarm.given.swap(true, Ordering::AcqRel) {
            // It fails only if the system has no memory left; the host looks whenever it does anything.
            let _ = self.alarm.waker().nudge();
        }
        result
    }
}

/// What a handle asks of its host.
#[derive(Debug)]
enum Order {
    Send { peer: PeerId, channel: ChannelId, packet: Packet },
    Broadcast { channel: ChannelId, packet: Packet },
    Disconnect { peer: PeerId, data: u32 },
    DisconnectLater { peer: PeerId, data: u32 },
}

/// What became of an order.
enum Outcome {
    Done,
    Refused,
    /// The peer's queue is full.
    Waits(Order),
}

impl Outcome {
    const fn done(is_done: bool) -> Outcome {
        if is_done { Outcome::Done } else { Outcome::Refused }
    }
}

impl Order {
    fn carry_out(self, host: &mut enet_proto::Host) -> Outcome {
        match self {
            Order::Send { peer, channel, packet } => send(host, peer, channel, packet),
            Order::Broadcast { channel, packet } => {
                let reached = host.broadcast(channel, packet).queued;
                // The second number leaves out those who are about to disconnect.
                let is_connected = |peer: &Peer<'_>| peer.state() == PeerState::Connected;
                Outcome::done(
                    reached == host.connected_peers() || reached == host.peers().filter(is_connected).count(),
                )
            }
            Order::Disconnect { peer, data } => {
                Outcome::done(host.peer_mut(peer).map(|mut peer| peer.disconnect(data)).is_some())
            }
            // Behind those that wait.
            Order::DisconnectLater { peer, .. } if !has_room(host, peer) => Outcome::Waits(self),
            Order::DisconnectLater { peer, data } => {
                Outcome::done(host.peer_mut(peer).map(|mut peer| peer.disconnect_later(data)).is_some())
            }
        }
    }
}

/// Whether a peer's queue takes packets; there is none to wait for if the connection is gone.
fn has_room(host: &enet_proto::Host, peer: PeerId) -> bool {
    host.peer(peer).is_none_or(|peer| peer.has_room())
}

fn send(host: &mut enet_proto::Host, peer: PeerId, channel: ChannelId, packet: Packet) -> Outcome {
    let may_wait = packet.delivery() == Delivery::Reliable;
    if may_wait && !has_room(host, peer) {
        return Outcome::Waits(Order::Send { peer, channel, packet });
    }
    let Some(mut to) = host.peer_mut(peer) else { return Outcome::Refused };
    match to.send(channel, packet) {
        Ok(()) => Outcome::Done,
        Err(error) if may_wait && matches!(error.reason, SendErrorReason::QueueFull { .. }) => {
            Outcome::Waits(Order::Send { peer, channel, packet: error.packet })
        }
        Err(_) => Outcome::Refused,
    }
}

/// The host's end of the queue; made with the first handle.
#[derive(Debug)]
pub(crate) struct Orders {
    receiver: Receiver<Order>,
    /// Those to peers whose queue is full, in their order. No peer that has one of these has room.
    waiting: VecDeque<Order>,
    /// What all others are clones of. It also keeps the waker, with whose last owner a wake on its way would be lost.
    first: HostHandle,
}

impl Orders {
    pub(crate) fn new(waker: Waker) -> Orders {
        let (orders, receiver) = sync_channel(HostHandle::ROOM);
        let alarm = Alarm { given: AtomicBool::default(), waker: Mutex::new(waker) };
        let first = HostHandle { orders, alarm: Arc::new(alarm) };
        Orders { receiver, waiting: VecDeque::new(), first }
    }

    pub(crate) fn wake_by(&self, waker: Waker) {
        *self.first.alarm.waker() = waker;
    }

    pub(crate) fn handle(&self) -> HostHandle {
        self.first.clone()
    }

    /// Whether orders wait for room.
    pub(crate) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Carries out what was given until now; how many could not be.
    pub(crate) fn carry_out(&mut self, host: &mut enet_proto::Host) -> u64 {
        let mut refused = 0;
        for _ in 0..self.waiting.len() {
            let order = self.waiting.pop_front();
            refused += order.map_or(0, |order| self.take(order, host));
        }
        // Before looking: whoever gives one from here on wakes again.
        if !self.first.alarm.given.swap(false, Ordering::AcqRel) {
            return refused;
        }
        for _ in 0..HostHandle::ROOM {
            if self.waiting.len() >= HostHandle::ROOM {
                self.first.alarm.given.store(true, Ordering::Release); // look again when some have gone
                break;
            }
            let Ok(order) = self.receiver.try_recv() else { break };
            refused += self.take(order, host);
        }
        refused
    }

    /// Carries out one, or has it wait; 1 if neither can be.
    fn take(&mut self, order: Order, host: &mut enet_proto::Host) -> u64 {
        match order.carry_out(host) {
            Outcome::Done => 0,
            Outcome::Refused => 1,
            Outcome::Waits(order) => {
                self.waiting.push_back(order);
                0
            }
        }
    }
}

/// A packet that a handle could not pass on; it comes back untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandleError {
    /// What was wrong.
    pub reason: HandleErrorReason,
    /// The packet, for another try.
    pub packet: Packet,
}

/// Why a [`HostHandle`] could not pass an order on.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleErrorReason {
    /// As many orders wait as there is room for.
    QueueFull {
        /// That room: [`HostHandle::ROOM`].
        room: usize,
    },
    /// The host was dropped.
    HostGone,
}

impl fmt::Display for HandleErrorReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandleErrorReason::QueueFull { room } => write!(
                f,
                "{room} orders wait for the host, which is all there is room for; try again when its thread has run \
                 `service` or `drive`"
            ),
            HandleErrorReason::HostGone => {
                f.write_str("the host was dropped, and this handle with it; ask a new host for one")
            }
        }
    }
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for HandleErrorReason {}
impl std::error::Error for HandleError {}
