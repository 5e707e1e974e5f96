//! [`Renet`]: the crate `renet` over `renet_netcode`, whose connections are always encrypted, on UDP sockets.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use renet::{ClientId, ConnectionConfig, DefaultChannel, RenetClient, RenetServer, ServerEvent};
use renet_netcode::{
    ClientAuthentication, NetcodeClientTransport, NetcodeServerTransport, ServerAuthentication, ServerConfig,
};
use socket2::SockRef;

use super::{Delivery, End, Event, SOCKET_BUFFER};

const PROTOCOL: u64 = 7;
/// Whom a client knows.
const SERVER: ClientId = 0;

/// A server of `renet`, which becomes a client when it is told to connect: the crate has a type for each.
pub struct Renet {
    role: Role,
    events: VecDeque<Event<ClientId, Bytes>>,
    last: Instant,
}

enum Role {
    Server(RenetServer, Box<NetcodeServerTransport>),
    Client(Box<RenetClient>, Box<NetcodeClientTransport>, Stage),
}

#[derive(PartialEq)]
enum Stage {
    Connecting,
    Connected,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn socket() -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(text)?;
    SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER).map_err(text)?;
    SockRef::from(&socket).set_send_buffer_size(SOCKET_BUFFER).map_err(text)?;
    Ok(socket)
}

/// The default, but for what may be sent in a tick: here a tick is a turn, and not a sixtieth of a second.
fn limits() -> ConnectionConfig {
    ConnectionConfig { available_bytes_per_tick: 128 << 10, ..ConnectionConfig::default() }
}

fn since_epoch() -> Result<Duration, String> {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(text)
}

fn channel(delivery: Delivery) -> DefaultChannel {
    match delivery {
        Delivery::Reliable => DefaultChannel::ReliableOrdered,
        Delivery::Unreliable => DefaultChannel::Unreliable,
    }
}

const CHANNELS: [Delivery; 2] = [Delivery::Reliable, Delivery::Unreliable];

impl Renet {
    /// A tick, as the crate's examples have it: receive, take what came, send.
    fn tick(&mut self) -> Result<(), String> {
        let now = Instant::now();
        let passed = now - self.last;
        self.last = now;
        let events = &mut self.events;
        match &mut self.role {
            Role::Server(server, transport) => {
                server.update(passed);
                transport.update(passed, server).map_err(text)?;
                while let Some(event) = server.get_event() {
                    events.push_back(match event {
                        ServerEvent::ClientConnected { client_id } => Event::Connected(client_id),
                        ServerEvent::ClientDisconnected { client_id, .. } => Event::Disconnected(client_id),
                    });
                }
                for client in server.clients_id() {
                    for delivery in CHANNELS {
                        while let Some(message) = server.receive_message(client, channel(delivery)) {
                            events.push_back(Event::Received(client, message));
                        }
                    }
                }
                transport.send_packets(server);
            }
            Role::Client(client, transport, stage) => {
                client.update(passed);
                transport.update(passed, client).map_err(text)?;
                if *stage == Stage::Connecting && client.is_connected() {
                    *stage = Stage::Connected;
                    events.push_back(Event::Connected(SERVER));
                }
                for delivery in CHANNELS {
                    while let Some(message) = client.receive_message(channel(delivery)) {
                        events.push_back(Event::Received(SERVER, message));
                    }
                }
                transport.send_packets(client).map_err(text)?;
            }
        }
        Ok(())
    }

    fn send_bytes(&mut self, peer: ClientId, delivery: Delivery, bytes: Bytes) -> Result<(), String> {
        match &mut self.role {
            Role::Server(server, _) => server.send_message(peer, channel(delivery), bytes),
            Role::Client(client, ..) => client.send_message(channel(delivery), bytes),
        }
        Ok(())
    }
}

impl End for Renet {
    type Peer = ClientId;

    fn open(slots: u16) -> Result<Self, String> {
        let socket = socket()?;
        let config = ServerConfig {
            current_time: since_epoch()?,
            max_clients: usize::from(slots),
            protocol_id: PROTOCOL,
            public_addresses: vec![socket.local_addr().map_err(text)?],
            authentication: ServerAuthentication::Unsecure,
        };
        let transport = NetcodeServerTransport::new(config, socket).map_err(text)?;
        let role = Role::Server(RenetServer::new(limits()), Box::new(transport));
        Ok(Renet { role, events: VecDeque::new(), last: Instant::now() })
    }

    fn address(&self) -> Result<SocketAddr, String> {
        match &self.role {
            Role::Server(_, transport) => {
                transport.addresses().first().copied().ok_or_else(|| "no address".to_owned())
            }
            Role::Client(_, transport, _) => transport.addr().map_err(text),
        }
    }

    fn connect(&mut self, to: SocketAddr) -> Result<(), String> {
        let authentication = ClientAuthentication::Unsecure {
            protocol_id: PROTOCOL,
            client_id: 1,
            server_addr: to,
            user_data: None,
        };
        let transport =
            NetcodeClientTransport::new(since_epoch()?, authentication, socket()?).map_err(text)?;
        let client = Box::new(RenetClient::new(limits()));
        self.role = Role::Client(client, Box::new(transport), Stage::Connecting);
        Ok(())
    }

    /// Does not wait. A tick happens when all that the last one brought is handled.
    fn service(
        &mut self,
        _: Duration,
        handle: impl FnOnce(&mut Self, Event<ClientId, &[u8]>) -> Result<(), String>,
    ) -> Result<bool, String> {
        if self.events.is_empty() {
            self.tick()?;
        }
        let Some(event) = self.events.pop_front() else { return Ok(false) };
        match event {
            Event::Connected(peer) => handle(self, Event::Connected(peer))?,
            Event::Received(peer, packet) => handle(self, Event::Received(peer, &packet))?,
            Event::Disconnected(peer) => handle(self, Event::Disconnected(peer))?,
        }
        Ok(true)
    }

    fn send(&mut self, peer: ClientId, delivery: Delivery, bytes: &[u8]) -> Result<(), String> {
        self.send_bytes(peer, delivery, Bytes::copy_from_slice(bytes))
    }

    fn send_static(&mut self, peer: ClientId, bytes: &'static [u8]) -> Result<(), String> {
        self.send_bytes(peer, Delivery::Reliable, Bytes::from_static(bytes))
    }

    fn broadcast(&mut self, bytes: &[u8]) -> Result<(), String> {
        let Role::Server(server, _) = &mut self.role else { return Err("a client".to_owned()) };
        server.broadcast_message(DefaultChannel::Unreliable, Bytes::copy_from_slice(bytes));
        Ok(())
    }

    /// There is nothing to set; crowds are not for this crate.
    fn steady(&mut self, _: ClientId) -> Result<(), String> {
        Ok(())
    }

    fn disconnect(&mut self, peer: ClientId) -> Result<(), String> {
        match &mut self.role {
            Role::Server(server, _) => server.disconnect(peer),
            Role::Client(client, ..) => client.disconnect(),
        }
        Ok(())
    }
}
