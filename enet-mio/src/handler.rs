//! [`Handler`]: a host's events as calls, for those who would rather be called than ask.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use enet_proto::{ChannelId, DiscardReason, DisconnectReason, Event, Packet, PeerId, RequestId, Undelivered};

use crate::host::Host;

/// What is called when something happens: implement what you care for, the rest does nothing.
///
/// [`Service::run`](crate::Service::run) calls it until [`on_turn`](Handler::on_turn) says stop,
/// [`Service::pump`](crate::Service::pump) once a frame of a loop of yours, and [`Host::dispatch`] after
/// [`drive`](Host::drive). Every call gets the host, to answer, to disconnect, to look around.
///
/// ```
/// use std::{ops::ControlFlow, thread, time::Duration};
/// use enet_mio::{ChannelId, Gone, Handler, Host, HostConfig, Packet, PeerId, Service, random_seed};
///
/// /// Sends everything back, until the first visitor has left.
/// #[derive(Default)]
/// struct Echo { left: bool }
///
/// impl Handler for Echo {
///     fn on_receive(&mut self, host: &mut Host, peer: PeerId, channel: ChannelId, packet: Packet) {
///         if let Err(error) = host.send(peer, channel, packet) {
///             eprintln!("{error}");
///         }
///     }
///
///     fn on_close(&mut self, _: &mut Host, _: Gone) {
///         self.left = true;
///     }
///
///     fn on_turn(&mut self, _: &mut Host) -> ControlFlow<()> {
///         if self.left { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     }
/// }
///
/// struct Visitor { heard: Option<Packet> }
///
/// impl Handler for Visitor {
///     fn on_connect(&mut self, host: &mut Host, peer: PeerId, _: u32) {
///         if let Err(error) = host.send(peer, 0, Packet::reliable("hello")) {
///             eprintln!("{error}");
///         }
///     }
///
///     fn on_receive(&mut self, _: &mut Host, _: PeerId, _: ChannelId, packet: Packet) {
///         self.heard = Some(packet);
///     }
///
///     fn on_turn(&mut self, _: &mut Host) -> ControlFlow<()> {
///         if self.heard.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     }
/// }
///
/// let mut server = Service::bind("127.0.0.1:*", HostConfig::new(random_seed()?))?;
/// let address = server.local_addr()?;
/// let server = thread::spawn(move || server.run(&mut Echo::default(), Duration::from_millis(100)));
/// let mut client = Service::client(HostConfig::new(random_seed()?))?;
/// client.connect(address, Default::default()).expect("a free slot");
/// let mut visitor = Visitor { heard: None };
/// client.run(&mut visitor, Duration::from_millis(100))?;
/// assert_eq!(visitor.heard, Some(Packet::reliable("hello")));
/// client.close(Duration::from_secs(10))?;
/// server.join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[allow(unused_variables)] // the names are the documentation
pub trait Handler {
    /// Somebody who has proven their address wants to connect, and the admission policy said
    /// [`Admission::Ask`](crate::Admission::Ask). Unless you do otherwise they are let in.
    #[doc(alias = "onNewClient")]
    fn on_connect_request(
        &mut self,
        host: &mut Host,
        request: RequestId,
        address: SocketAddr,
        data: u32,
        token: Option<&[u8]>,
    ) {
        let _ = host.accept(request); // if there is no slot they stay, and are refused after 10 s
    }

    /// An attempt of ours begins: [`connect`](Host::connect) was called since the last turn.
    #[doc(alias = "onConnecting")]
    fn on_connecting(&mut self, host: &mut Host, peer: PeerId, address: SocketAddr) {}

    /// A connection is established, whoever began it; `data` is what the other side gave to `connect`, and 0 if it was
    /// we.
    #[doc(alias = "onConnect")]
    fn on_connect(&mut self, host: &mut Host, peer: PeerId, data: u32) {}

    /// A packet arrived.
    #[doc(alias = "onNewMessage")]
    fn on_receive(&mut self, host: &mut Host, peer: PeerId, channel: ChannelId, packet: Packet) {}

    /// The other side closed the connection on purpose.
    #[doc(alias = "onClose")]
    fn on_close(&mut self, host: &mut Host, gone: Gone) {}

    /// A connection ended in any other way: lost, refused, never answered, or closed by us; see [`Gone::reason`].
    #[doc(alias = "onDisconnect")]
    fn on_disconnect(&mut self, host: &mut Host, gone: Gone) {}

    /// A connection lags: the rule, and what becomes of unreliable packets meanwhile, is
    /// [`Stalls`](enet_proto::Stalls)', and nobody looks unless
    /// [`peer_defaults`](crate::HostConfig::peer_defaults) say so.
    #[doc(alias = "onStalled")]
    fn on_stalled(&mut self, host: &mut Host, peer: PeerId) {}

    /// A stalled connection goes on.
    #[doc(alias = "onUnstalled")]
    fn on_resumed(&mut self, host: &mut Host, peer: PeerId) {}

    /// A peer's ping arrived. Only if [`peer_defaults`](crate::HostConfig::peer_defaults) ask for
    /// [`pings`](enet_proto::PeerDefaults::pings).
    #[doc(alias = "onPing")]
    fn on_ping(&mut self, host: &mut Host, peer: PeerId) {}

    /// A ping of ours was answered, so much time after it left. Asked for like [`on_ping`](Handler::on_ping).
    #[doc(alias = "onPong")]
    fn on_pong(&mut self, host: &mut Host, peer: PeerId, rtt: Duration) {}

    /// A packet sent with a token ([`SendOptions`](enet_proto::SendOptions)) has arrived.
    fn on_acknowledged(&mut self, host: &mut Host, peer: PeerId, token: u64) {}

    /// A peer that had no room for a packet of ours has; see [`writable_events`](crate::HostConfig::writable_events).
    fn on_writable(&mut self, host: &mut Host, peer: PeerId) {}

    /// Somebody was turned away: [`HostFull`](DiscardReason::HostFull),
    /// [`TooManyFromAddress`](DiscardReason::TooManyFromAddress), or [`Refused`](DiscardReason::Refused) by the admission
    /// policy, which is also where a bad token is found. Only if [`report_refusals`](crate::HostConfig::report_refusals)
    /// asks for it; the address is not proven.
    #[doc(alias("onMaxClients", "onBadToken"))]
    fn on_refused(&mut self, host: &mut Host, address: SocketAddr, data: u32, reason: DiscardReason) {}

    /// An event that has no call of its own here.
    fn on_event(&mut self, host: &mut Host, event: Event) {}

    /// The events of a turn have been dealt with. [`Service::run`](crate::Service::run) ends with
    /// [`ControlFlow::Break`]; the others pass it on.
    #[doc(alias = "step")]
    fn on_turn(&mut self, host: &mut Host) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// A connection that ended.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The handle that was.
    pub peer: PeerId,
    /// Why.
    pub reason: DisconnectReason,
    /// The number the remote gave when it disconnected; 0 for every other reason.
    pub data: u32,
    /// Where the peer was.
    pub address: SocketAddr,
    /// What the application had set with `set_user_value`.
    pub user_value: u64,
    /// Reliable packets that were not acknowledged, if [`return_undelivered`](crate::HostConfig::return_undelivered) asks
    /// for them.
    pub undelivered: Undelivered,
}

/// Calls what the event is for.
pub(crate) fn hand_over(host: &mut Host, handler: &mut (impl Handler + ?Sized), event: Event) {
    match event {
        Event::Connected { peer, data } => handler.on_connect(host, peer, data),
        Event::Received { peer, channel, packet } => handler.on_receive(host, peer, channel, packet),
        Event::Disconnected { peer, reason, data, address, user_value, undelivered } => {
            let gone = Gone { peer, reason, data, address, user_value, undelivered };
            match reason {
                DisconnectReason::Remote => handler.on_close(host, gone),
                _ => handler.on_disconnect(host, gone),
            }
        }
        Event::ConnectRequest { request, address, data, token } => {
            handler.on_connect_request(host, request, address, data, token.as_deref());
        }
        Event::Ping { peer } => handler.on_ping(host, peer),
        Event::Pong { peer, rtt } => handler.on_pong(host, peer, rtt),
        Event::Stalled { peer } => handler.on_stalled(host, peer),
        Event::Resumed { peer } => handler.on_resumed(host, peer),
        Event::Acknowledged { peer, token } => handler.on_acknowledged(host, peer, token),
        Event::Writable { peer } => handler.on_writable(host, peer),
        Event::Refused { address, data, reason } => handler.on_refused(host, address, data, reason),
        other => handler.on_event(host, other),
    }
}
