//! [`Crafted`]: a remote end made by hand, for what no well-behaved host would say.
//!
//! ```ignore
//! let mut remote = Crafted::client();
//! remote.says(&[reliable(0, 1, b"a")]);
//! remote.hears(&[acknowledge(0, 1, 0x5000)]);
//! assert_eq!(remote.texts(), ["a"]);
//! ```
//!
//! The remote has no protocol of its own: it says to one [`Host`] exactly what the test tells it, and remembers what it
//! hears. The host decides as C does, for the rules of PROTOCOL.md are C's; see [`modern`] for its own. Time is virtual. A connection made here has a round trip time of 10 ms with variance 5, so that a command is
//! repeated after 30 ms, and the host's clock then reads 0x000f_5000.
#![allow(dead_code, reason = "every test binary uses its own part of this")]
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod listening;
pub(crate) mod states;

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use enet_proto::{
    ChannelLimit, Checksum, ConnectId, ConnectOptions, Datagram, Event, Host, HostConfig, Instant, Packet,
    Peer, PeerId, PeerMut, PeerState, PeerStats, Profile,
};
use enet_testkit::{Opened, commands};
use enet_wire::{Body, Command, Connect, Header, Session, VerifyConnect, WirePeerId, Writer};

pub(crate) use enet_testkit::pair::ms;

/// What the host's clock reads once a connection was made here.
pub(crate) const START: u64 = 0x000f_5000;

/// The id of every connection made here.
pub(crate) const CONNECT_ID: [u8; 4] = [0x22, 0xc1, 0x28, 0x4a];

/// Where the remote is.
pub(crate) const HERE: ([u8; 4], u16) = ([192, 0, 2, 1], 4000);

/// How long a first acknowledgement takes.
const ROUND_TRIP: u64 = 10;

/// A hand-made remote and the host it talks to.
pub(crate) struct Crafted {
    pub(crate) host: Host,
    /// Where the remote's datagrams come from.
    pub(crate) address: SocketAddr,
    /// What they say in front; the time of sending is added to those that need one.
    pub(crate) header: Header,
    /// With what they are sealed.
    pub(crate) checksum: Option<Checksum>,
    /// Number and time of the VERIFY_CONNECT heard last.
    answered: Option<(u16, u16)>,
    /// The id of the connection that the remote is about to make.
    joining: Option<ConnectId>,
    /// The latest connection of the host's that was told of.
    pub(crate) id: Option<PeerId>,
    pub(crate) now: Instant,
    marked: Instant,
    heard: Vec<Heard>,
    events: Vec<Event>,
}

/// A datagram of the host's.
pub(crate) struct Heard {
    /// When, in ms since the mark.
    pub(crate) at: u64,
    /// To whom.
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    opened: Option<Opened>,
}

impl Heard {
    pub(crate) fn header(&self) -> Header {
        self.opened.as_ref().expect("a readable datagram").header
    }

    pub(crate) fn commands(&self) -> Vec<Command<'_>> {
        let opened = self.opened.as_ref().expect("a readable datagram");
        opened.commands().map(|command| command.expect("a good command")).collect()
    }
}

/// A host that resends, gives up and throttles as stock ENet does.
pub(crate) fn stock(config: &mut HostConfig) {
    config.profile = Profile::Compat;
}

impl Crafted {
    // ---- Beginnings

    /// A remote the host has not heard of, before a host changed by `change`.
    pub(crate) fn stranger_with(change: impl FnOnce(&mut HostConfig)) -> Crafted {
        let mut config = HostConfig::new([7; 32]);
        config.profile = Profile::Compat;
        change(&mut config);
        let start = Instant::from_millis(START - ROUND_TRIP);
        let mut remote = Crafted {
            checksum: config.checksum,
            host: Host::new(config),
            address: SocketAddr::from(HERE),
            header: Header::default(),
            answered: None,
            joining: None,
            id: None,
            now: start,
            marked: start,
            heard: Vec::new(),
            events: Vec::new(),
        };
        remote.host.handle_timeout(start);
        remote
    }

    /// A remote the host has not heard of.
    pub(crate) fn stranger() -> Crafted {
        Crafted::stranger_with(|_| {})
    }

    /// A remote that a host of `Profile::Modern` has not heard of.
    pub(crate) fn modern() -> Crafted {
        Crafted::stranger_with(modern)
    }

    /// A client that is connected to a host changed by `change`, with 2 channels.
    pub(crate) fn client_with(change: impl FnOnce(&mut HostConfig)) -> Crafted {
        let mut remote = Crafted::stranger_with(change);
        remote.joins(two_channels());
        remote
    }

    /// A client that is connected to the host, with 2 channels.
    pub(crate) fn client() -> Crafted {
        Crafted::client_with(|_| {})
    }

    /// A server that a host changed by `change` is connected to, with 2 channels.
    pub(crate) fn server_with(change: impl FnOnce(&mut HostConfig)) -> Crafted {
        let mut remote = Crafted::stranger_with(change);
        remote.is_connected_to();
        let asked = remote.asked();
        remote.says(&[verify_connect(&grant(&asked))]);
        remote.hears(&[commands::acknowledge(0xff, 1, remote.clock()), commands::ping(2)]);
        let sent = remote.clock();
        remote.wait(ROUND_TRIP);
        remote.says(&[commands::acknowledge(0xff, 2, sent)]);
        remote.events();
        remote.mark();
        remote
    }

    /// A server that the host is connected to, with 2 channels.
    pub(crate) fn server() -> Crafted {
        Crafted::server_with(|_| {})
    }

    /// The host starts to connect to the remote.
    pub(crate) fn is_connected_to(&mut self) -> PeerId {
        let options = ConnectOptions {
            channels: ChannelLimit::new(2).expect("in range"),
            connect_id: Some(ConnectId(CONNECT_ID)),
            ..ConnectOptions::default()
        };
        let id = self.host.connect(self.address, options).expect("a free slot");
        self.id = Some(id);
        id
    }

    /// The CONNECT that the host sends. From now on the remote's datagrams are for the slot it names.
    #[track_caller]
    pub(crate) fn asked(&mut self) -> Connect {
        let heard = self.heard();
        let asked = heard.iter().flat_map(Heard::commands).find_map(|command| match command.body {
            Body::Connect(connect) => Some(connect),
            _ => None,
        });
        let asked = asked.expect("a CONNECT");
        self.header.peer = WirePeerId::new(asked.outgoing_peer).expect("a slot");
        asked
    }

    /// Connects to the host as a client, at once answered, and the answer acknowledged after 10 ms.
    #[track_caller]
    pub(crate) fn joins(&mut self, connect: Connect) {
        let granted = self.knocks(connect).expect("a VERIFY_CONNECT");
        self.wait(ROUND_TRIP);
        self.adopts(&granted);
        self.says(&[self.proof()]);
        self.events();
        self.mark();
    }

    /// Number and time of sending of that VERIFY_CONNECT.
    pub(crate) const fn answered(&self) -> Option<(u16, u16)> {
        self.answered
    }

    /// The acknowledgement of the VERIFY_CONNECT that was heard last.
    pub(crate) fn proof(&self) -> Command<'static> {
        let (seq, sent_time) = self.answered.expect("a VERIFY_CONNECT");
        commands::acknowledge(0xff, seq, sent_time)
    }

    /// Sends a CONNECT; what the host answers.
    pub(crate) fn knocks(&mut self, connect: Connect) -> Option<VerifyConnect> {
        self.header = Header::default();
        self.says(&[commands::connect(connect)]);
        let heard = self.heard();
        let answered = heard.iter().find_map(|datagram| {
            datagram.commands().into_iter().find_map(|command| match command.body {
                Body::VerifyConnect(granted) => Some((granted, command.seq.0, datagram.header().sent_time)),
                _ => None,
            })
        });
        let (granted, seq, sent_time) = answered?;
        self.answered = Some((seq, sent_time.expect("a time to echo")));
        Some(granted)
    }

    /// From now on the remote's datagrams carry what the host asked for.
    pub(crate) fn adopts(&mut self, granted: &VerifyConnect) {
        self.header.peer = WirePeerId::new(granted.outgoing_peer).expect("a slot");
        self.header.session = Session::new(granted.outgoing_session).expect("a session");
        self.joining = Some(granted.connect_id);
        self.recognizes();
    }

    /// The connection that the remote is about to make is the one that tests talk of, once the host has it.
    fn recognizes(&mut self) {
        let Some(connect_id) = self.joining else { return };
        let mut peers = self.host.peers();
        let peer = peers.find(|peer| peer.address() == self.address && peer.connect_id() == connect_id);
        if let Some(id) = peer.map(|peer| peer.id()) {
            (self.id, self.joining) = (Some(id), None);
        }
    }

    // ---- Talking

    /// Says these commands in one datagram.
    pub(crate) fn says(&mut self, commands: &[Command<'_>]) {
        let bytes = self.datagram(commands);
        self.utters(&bytes);
    }

    /// Says these commands in a datagram without a time of sending.
    pub(crate) fn says_without_time(&mut self, commands: &[Command<'_>]) {
        let bytes = self.datagram_with(self.header, commands);
        self.utters(&bytes);
    }

    /// Sends these bytes.
    pub(crate) fn utters(&mut self, bytes: &[u8]) {
        self.host.handle_datagram(self.now, Datagram::new(self.address, bytes));
        self.host.check_invariants();
        self.recognizes();
    }

    /// The datagram with these commands that the remote would send now.
    pub(crate) fn datagram(&self, commands: &[Command<'_>]) -> Vec<u8> {
        let wants_answer = commands.iter().any(|command| command.acknowledge);
        let sent_time = wants_answer.then(|| self.clock());
        self.datagram_with(Header { sent_time, ..self.header }, commands)
    }

    /// The datagram with this header and these commands, sealed.
    pub(crate) fn datagram_with(&self, header: Header, commands: &[Command<'_>]) -> Vec<u8> {
        let body = encoded(commands);
        let seed = if header.peer.is_unknown() { [0; 4] } else { CONNECT_ID };
        let sum = self.checksum.map(|checksum| checksum.of(&[&header.encode(), &seed, &body]));
        [&*header.encode(), sum.as_ref().map_or(&[], |sum| sum), &body].concat()
    }

    /// Sends empty reliable packets up to this number on a channel where nothing was sent, wanting no acknowledgements;
    /// the host's application fetches them.
    pub(crate) fn counts_to(&mut self, channel: u8, last: u16) {
        let numbers: Vec<u16> = (1..=last).collect();
        for numbers in numbers.chunks(500) {
            let silent =
                |number: &u16| Command { acknowledge: false, ..commands::reliable(channel, *number, b"") };
            let commands: Vec<Command<'static>> = numbers.iter().map(silent).collect();
            self.says(&commands);
            self.packets();
        }
    }

    /// Acknowledges everything the host sends, until it has nothing left to send.
    pub(crate) fn acknowledges_everything(&mut self) {
        loop {
            let heard = self.heard();
            let acks: Vec<Command<'static>> = heard
                .iter()
                .flat_map(|datagram| datagram.commands().into_iter().map(move |command| (datagram, command)))
                .filter(|(_, command)| command.acknowledge)
                .map(|(datagram, command)| {
                    let sent = datagram.header().sent_time.expect("a time to echo");
                    commands::acknowledge(command.channel.get(), command.seq.0, sent)
                })
                .collect();
            if acks.is_empty() {
                return;
            }
            for acks in acks.chunks(500) {
                self.says(acks);
            }
        }
    }

    // ---- Time

    /// Lets time pass, and the host do what is due. Nothing is fetched.
    pub(crate) fn wait(&mut self, millis: u64) {
        let end = self.now + ms(millis);
        self.listen();
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.host.handle_timeout(self.now);
            self.listen();
        }
        self.now = end;
        self.host.handle_timeout(end);
        self.listen();
    }

    /// Lets time pass until the host raises an event, and returns how long that took, in ms.
    pub(crate) fn wait_for_event(&mut self) -> u64 {
        let start = self.now;
        for _ in 0..1_000_000 {
            self.listen();
            self.events.extend(self.host.poll_event());
            if !self.events.is_empty() {
                break;
            }
            let due = self.host.poll_timeout().expect("something to wait for");
            self.now = self.now.max(due);
            self.host.handle_timeout(self.now);
        }
        self.millis_since(start)
    }

    /// Counts time from now on, and forgets what was heard.
    pub(crate) fn mark(&mut self) {
        self.listen();
        self.heard.clear();
        self.marked = self.now;
    }

    /// The low half of the clock both ends share.
    pub(crate) fn clock(&self) -> u16 {
        self.now.wire().sent_time()
    }

    /// The time of sending that a datagram had `millis` ago.
    pub(crate) fn clock_before(&self, millis: u64) -> u16 {
        Instant::from_millis(self.now.as_millis() - millis).wire().sent_time()
    }

    fn millis_since(&self, earlier: Instant) -> u64 {
        self.now.as_millis() - earlier.as_millis()
    }

    fn listen(&mut self) {
        let mut bytes = Vec::new();
        while let Some(transmit) = self.host.poll_transmit(self.now, &mut bytes, NonZeroUsize::MIN) {
            let opened = Opened::open(&bytes, self.checksum.is_some()).ok();
            let at = self.millis_since(self.marked);
            self.heard.push(Heard { at, to: transmit.to, bytes: std::mem::take(&mut bytes), opened });
        }
        self.host.check_invariants();
    }

    // ---- The host's end

    /// The connection.
    pub(crate) fn peer(&self) -> Peer<'_> {
        self.host.peer(self.id.expect("a connection")).expect("a connection that lasts")
    }

    /// The connection, to give it orders.
    pub(crate) fn peer_mut(&mut self) -> PeerMut<'_> {
        self.host.peer_mut(self.id.expect("a connection")).expect("a connection that lasts")
    }

    /// The connection's state; DISCONNECTED when there is none.
    pub(crate) fn state(&self) -> PeerState {
        let peer = self.id.and_then(|id| self.host.peer(id));
        peer.map_or(PeerState::Disconnected, |peer| peer.state())
    }

    /// The connection's counters.
    pub(crate) fn stats(&self) -> PeerStats {
        self.peer().stats()
    }

    /// The host's application sends a packet.
    #[track_caller]
    pub(crate) fn host_sends(&mut self, channel: u8, packet: Packet) {
        self.peer_mut().send(channel, packet).expect("a packet that can be sent");
    }
}

/// A host's own decisions, for what differs from C's.
pub(crate) fn modern(config: &mut HostConfig) {
    config.profile = Profile::Modern;
}

/// What a stock client asks for, with 2 channels and the id of these tests.
pub(crate) fn two_channels() -> Connect {
    Connect { channel_count: 2, ..commands::stock_connect(CONNECT_ID) }
}

/// What a stock server on its slot 0 grants to a client that was never there.
pub(crate) const fn grant(asked: &Connect) -> VerifyConnect {
    VerifyConnect {
        outgoing_peer: 0,
        incoming_session: 0,
        outgoing_session: 0,
        mtu: asked.mtu,
        window_size: asked.window_size,
        channel_count: asked.channel_count,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle: asked.throttle,
        connect_id: asked.connect_id,
    }
}

/// VERIFY_CONNECT
pub(crate) const fn verify_connect(granted: &VerifyConnect) -> Command<'static> {
    commands::control(1, Body::VerifyConnect(*granted))
}

/// The commands without a header.
pub(crate) fn encoded(commands: &[Command<'_>]) -> Vec<u8> {
    let len = commands.iter().map(Command::encoded_len).sum();
    let mut body = vec![0; len];
    let mut writer = Writer::new(&mut body);
    for command in commands {
        writer.command(command).expect("room");
    }
    writer.finish().to_vec()
}
