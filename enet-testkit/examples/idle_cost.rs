//! `idle_cost PEERS EXCHANGES`: a host with so many connected peers, one of which exchanges so many messages with it. For
//! counting instructions: the difference between two numbers of exchanges must not depend on the number of idle peers.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use enet_proto::{
    ConnectOptions, Datagram, Event, Host, HostConfig, Instant, Packet, PeerId, PeerLimit, Socket, Transmit,
};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u16>());
    let (Some(Ok(peers)), Some(Ok(exchanges))) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: idle_cost PEERS EXCHANGES");
        std::process::exit(2);
    };
    let mut world = World::with_peers(peers);
    for _ in 0..exchanges {
        world.exchange();
    }
    println!("{} peers connected, {} messages received", world.server.connected_peers(), world.received);
}

struct World {
    server: Host,
    server_at: SocketAddr,
    client: Host,
    client_at: SocketAddr,
    active: PeerId,
    now: Instant,
    buffer: Vec<u8>,
    received: u32,
}

impl World {
    /// The last peer to connect is the active one, so that a scan would come to it last.
    fn with_peers(peers: u16) -> World {
        let now = Instant::from_millis(1_000_000);
        let server_at = SocketAddr::from(([192, 0, 2, 1], 1));
        let mut server_config = HostConfig::new([1; 32]);
        server_config.peers = PeerLimit::new(peers).expect("1 to 4095 peers");
        let mut server = Host::new(server_config);
        let mut buffer = Vec::new();
        let mut last = None;
        for number in 0..peers {
            let mut config = HostConfig::new([2; 32]);
            config.peers = PeerLimit::MIN;
            let mut client = Host::new(config);
            let client_at = SocketAddr::from(([192, 0, 2, 2], 1000 + number));
            client.connect(server_at, ConnectOptions::default()).expect("a free slot");
            for _ in 0..3 {
                carry(now, &mut client, client_at, &mut server, &mut buffer);
                carry(now, &mut server, server_at, &mut client, &mut buffer);
            }
            last = Some((client, client_at));
        }
        let (client, client_at) = last.expect("at least one peer");
        let active = std::iter::from_fn(|| server.poll_event()).last().and_then(|event| event.peer());
        let active = active.expect("connected");
        assert_eq!(server.connected_peers(), usize::from(peers));
        World { server, server_at, client, client_at, active, now, buffer, received: 0 }
    }

    /// A reliable message each way, its acknowledgements, and every call a driver makes around them. Time stands still,
    /// so that no idle peer's ping is due.
    fn exchange(&mut self) {
        let World { server, server_at, client, client_at, now, buffer, .. } = self;
        server.peer_mut(self.active).expect("connected").send(0, Packet::reliable(&[1; 16])).expect("taken");
        for _ in 0..3 {
            server.handle_timeout(*now);
            carry(*now, server, *server_at, client, buffer);
            carry(*now, client, *client_at, server, buffer);
            while let Some(event) = client.poll_event() {
                if let Event::Received { peer, channel, packet } = event {
                    client.peer_mut(peer).expect("connected").send(channel, packet).expect("taken");
                }
            }
            while let Some(event) = server.poll_event() {
                self.received += u32::from(matches!(event, Event::Received { .. }));
            }
            assert!(server.poll_timeout() > Some(*now));
        }
        assert!(server.service_pass(*now, &mut Silent).is_none());
    }
}

/// A socket on which nothing happens.
struct Silent;

impl Socket for Silent {
    fn receive(&mut self) -> Option<Datagram<'_>> {
        None
    }

    fn send(&mut self, _: &Transmit, _: &[u8]) {
        unreachable!("everything was sent before");
    }
}

fn carry(now: Instant, from: &mut Host, from_at: SocketAddr, to: &mut Host, buffer: &mut Vec<u8>) {
    while from.poll_transmit(now, buffer, NonZeroUsize::MIN).is_some() {
        to.handle_datagram(now, Datagram::new(from_at, buffer));
        buffer.clear();
    }
}
