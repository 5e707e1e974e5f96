//! [`End`]: one host of a pair, with its address, its connection and what it has told its application.

use std::net::SocketAddr;

use enet_proto::{
    Checksum, ConnectOptions, Event, Host, HostConfig, Instant, Packet, Peer, PeerId, PeerMut, PeerState,
    PeerStats, SendError,
};
use enet_wire::{Command, Header, Writer};

/// One of the two hosts. Its calls concern its connection with the other one.
pub struct End {
    /// The host itself, for everything that has no shorthand here.
    pub host: Host,
    /// Where it is reached. A change is what a peer behind a rebinding NAT does.
    pub address: SocketAddr,
    peer: Option<PeerId>,
    events: Vec<Event>,
    fetches: bool,
    checksum: Option<Checksum>,
    last_header: Header,
}

impl End {
    pub(super) fn new(address: SocketAddr, config: HostConfig) -> Self {
        let checksum = config.checksum;
        End {
            host: Host::new(config),
            address,
            peer: None,
            events: Vec::new(),
            fetches: true,
            checksum,
            last_header: Header::default(),
        }
    }

    /// Replaces the host by a new one at the same address, as after a crash. What was not fetched is lost.
    pub fn restart(&mut self, config: HostConfig) {
        *self = End::new(self.address, config);
    }

    // ---- Calls

    /// Starts to connect.
    ///
    /// # Panics
    /// If every slot is taken.
    pub fn connect(&mut self, to: SocketAddr, options: ConnectOptions) -> PeerId {
        let id = self.host.connect(to, options).expect("a free slot");
        self.peer = Some(id);
        id
    }

    /// Queues a packet.
    ///
    /// # Panics
    /// If the host refuses it.
    pub fn send(&mut self, channel: u8, packet: Packet) {
        self.try_send(channel, packet).expect("a packet that can be sent");
    }

    /// Queues a packet, or gets it back.
    ///
    /// # Errors
    /// Those of [`PeerMut::send`].
    ///
    /// # Panics
    /// If there is no connection.
    pub fn try_send(&mut self, channel: u8, packet: Packet) -> Result<(), SendError> {
        self.peer_mut().send(channel, packet)
    }

    /// [`PeerMut::disconnect`].
    pub fn disconnect(&mut self, data: u32) {
        self.peer_mut().disconnect(data);
    }

    /// [`PeerMut::disconnect_later`].
    pub fn disconnect_later(&mut self, data: u32) {
        self.peer_mut().disconnect_later(data);
    }

    /// [`PeerMut::disconnect_now`].
    pub fn disconnect_now(&mut self, data: u32) {
        self.peer_mut().disconnect_now(data);
    }

    /// [`PeerMut::reset`].
    pub fn reset(&mut self) {
        self.peer_mut().reset();
    }

    /// From now on the application fetches nothing.
    pub fn stop_fetching(&mut self) {
        self.fetches = false;
    }

    /// The application fetches again what is waiting, and everything that comes.
    pub fn fetch_again(&mut self) {
        self.fetches = true;
        self.fetch_events();
    }

    // ---- What the application has heard

    /// The packets received since the last call, with their channels.
    pub fn received(&mut self) -> Vec<(u8, Packet)> {
        let (packets, others) = std::mem::take(&mut self.events).into_iter().partition(is_received);
        self.events = others;
        let packets: Vec<Event> = packets;
        packets
            .into_iter()
            .filter_map(|event| match event {
                Event::Received { channel, packet, .. } => Some((channel.get(), packet)),
                _ => None,
            })
            .collect()
    }

    /// The payloads received since the last call, as text.
    pub fn texts(&mut self) -> Vec<String> {
        self.received().into_iter().map(|(_, packet)| String::from_utf8_lossy(&packet).into_owned()).collect()
    }

    /// Every event since the last call that was not returned otherwise.
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    // ---- The connection

    /// The handle of the latest connection, which may be over; `None` before the first.
    pub const fn id(&self) -> Option<PeerId> {
        self.peer
    }

    /// The latest connection, unless it is over.
    pub fn connection(&self) -> Option<Peer<'_>> {
        self.host.peer(self.peer?)
    }

    /// The latest connection.
    ///
    /// # Panics
    /// If it is over, or there never was one.
    pub fn peer(&self) -> Peer<'_> {
        self.connection().expect("a connection")
    }

    /// The latest connection.
    ///
    /// # Panics
    /// As [`peer`](Self::peer).
    pub fn peer_mut(&mut self) -> PeerMut<'_> {
        self.peer.and_then(|id| self.host.peer_mut(id)).expect("a connection")
    }

    /// The connection's state; [`PeerState::Disconnected`] without one.
    pub fn state(&self) -> PeerState {
        self.connection().map_or(PeerState::Disconnected, |peer| peer.state())
    }

    /// The connection's counters.
    ///
    /// # Panics
    /// As [`peer`](Self::peer).
    pub fn stats(&self) -> PeerStats {
        self.peer().stats()
    }

    // ---- For the pair

    pub(super) fn is_quiet(&self) -> bool {
        self.host.peers().all(|peer| {
            let stats = peer.stats();
            stats.in_flight == 0 && stats.queued == 0 && stats.acknowledgements_owed == 0
        })
    }

    pub(super) fn fetch_events(&mut self) {
        while self.fetches {
            let Some(event) = self.host.poll_event() else { return };
            if let Event::Connected { peer, .. } = event {
                self.peer = Some(peer);
            }
            self.events.push(event);
        }
    }

    /// Remembers how this end writes headers. Whether it uses a checksum is returned.
    pub(super) fn note_sent(&mut self, bytes: &[u8]) -> bool {
        if let Ok((header, _)) = Header::decode(bytes) {
            self.last_header = header;
        }
        self.checksum.is_some()
    }

    pub(super) fn forge(&self, now: Instant, commands: &[Command<'_>]) -> Vec<u8> {
        let acknowledge = commands.iter().any(|command| command.acknowledge);
        let sent_time = u16::try_from(now.as_millis() & 0xFFFF).ok().filter(|_| acknowledge);
        let header = Header { sent_time, compressed: false, ..self.last_header };
        let mut body = [0; 2 * 4096];
        let mut writer = Writer::new(&mut body);
        for command in commands {
            writer.command(command).expect("commands for one datagram");
        }
        let body = writer.finish();
        let front = header.encode();
        let checksum = self.checksum.map(|checksum| {
            let seed = if header.peer.is_unknown() { [0; 4] } else { self.peer().connect_id().0 };
            checksum.of(&[&front, &seed, body])
        });
        [&*front, checksum.as_ref().map_or(&[], |bytes| bytes), body].concat()
    }
}

fn is_received(event: &Event) -> bool {
    matches!(event, Event::Received { .. })
}
