//! [`Quic`]: the crate `quinn-proto` as an [`Endpoint`], as it is by default.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, EndpointConfig, Event, ServerConfig,
    StreamId, VarInt,
};
use rcgen::generate_simple_self_signed;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Close, Conn, Ended, Endpoint, Happening, Kind, Port, Setting, Snapshot};
use crate::time::{Span, Time};

/// Whom the certificate is for.
const NAME: &str = "localhost";

/// A host of the crate `quinn-proto`, QUIC, in its default configuration: NewReno's or Cubic's window, acknowledgements held
/// back by up to 25 ms, everything encrypted.
///
/// All messages of a side go over one stream, with length and channel in front of each; the first four bytes of the
/// client's are what ENet calls connect data. Nothing but reliable messages is taken.
pub struct Quic {
    endpoint: quinn_proto::Endpoint,
    client: ClientConfig,
    sessions: Vec<Session>,
    /// The world's zero on quinn's clock.
    origin: Instant,
    next: u64,
    scratch: Vec<u8>,
}

struct Session {
    conn: Conn,
    handle: ConnectionHandle,
    quic: Connection,
    /// What the stream did not take yet.
    unsent: VecDeque<u8>,
    outgoing: Option<StreamId>,
    incoming: Option<StreamId>,
    /// What came and is no whole message yet.
    partial: Vec<u8>,
    /// Whether the application knows of the connection.
    is_announced: bool,
    is_ours: bool,
    /// Whether the application does not want to hear of it any more.
    is_closed: bool,
}

impl Quic {
    /// A host with as many connections as it likes. Its keys differ from run to run, and nothing that is measured.
    ///
    /// # Errors
    /// No key can be made.
    pub fn new(seed: [u8; 32]) -> Result<Self, String> {
        let own = identity()?;
        let certificate = CertificateDer::from(own.certificate.as_slice());
        let key = PrivateKeyDer::try_from(own.key.as_slice())?.clone_key();
        let chain = vec![certificate.clone().into_owned()];
        let server = ServerConfig::with_single_cert(chain, key).map_err(|it| it.to_string())?;
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate).map_err(|it| it.to_string())?;
        let client = ClientConfig::with_root_certificates(Arc::new(trusted)).map_err(|it| it.to_string())?;
        let config = Arc::new(EndpointConfig::default());
        Ok(Quic {
            endpoint: quinn_proto::Endpoint::new(config, Some(Arc::new(server)), true, Some(seed)),
            client,
            sessions: Vec::new(),
            origin: Instant::now(),
            next: 0,
            scratch: Vec::new(),
        })
    }

    fn at(&self, now: Time) -> Instant {
        self.origin + Duration::from_nanos(now.0)
    }

    fn add(&mut self, handle: ConnectionHandle, quic: Connection, is_ours: bool) -> Conn {
        let conn = Conn(self.next);
        self.next += 1;
        self.sessions.push(Session {
            conn,
            handle,
            quic,
            unsent: VecDeque::new(),
            outgoing: None,
            incoming: None,
            partial: Vec::new(),
            is_announced: false,
            is_ours,
            is_closed: false,
        });
        conn
    }

    fn read(&mut self, port: &mut Port) {
        let now = self.at(port.now());
        while let Some(arrived) = port.receive() {
            self.scratch.clear();
            let bytes = arrived.bytes.as_slice().into();
            let heard = self.endpoint.handle(now, arrived.source, None, None, bytes, &mut self.scratch);
            match heard {
                Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                    if let Some(session) = self.sessions.iter_mut().find(|it| it.handle == handle) {
                        session.quic.handle_event(event);
                    }
                }
                Some(DatagramEvent::NewConnection(incoming)) => {
                    self.scratch.clear();
                    if let Ok((handle, quic)) = self.endpoint.accept(incoming, now, &mut self.scratch, None) {
                        self.add(handle, quic, false);
                    }
                }
                Some(DatagramEvent::Response(answer)) => {
                    let _ =
                        port.send(answer.destination, self.scratch.get(..answer.size).unwrap_or_default());
                }
                None => {}
            }
            port.recycle(arrived.bytes);
        }
    }
}

/// A certificate that both ends know, and its key, as DER.
struct Identity {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// One for all hosts of the process: who connects trusts who listens.
fn identity() -> Result<&'static Identity, String> {
    static OWN: OnceLock<Result<Identity, String>> = OnceLock::new();
    let made = OWN.get_or_init(|| {
        let own = generate_simple_self_signed(vec![NAME.to_owned()]).map_err(|it| it.to_string())?;
        Ok(Identity { certificate: own.cert.der().to_vec(), key: own.signing_key.serialize_der() })
    });
    made.as_ref().map_err(Clone::clone)
}

impl Session {
    /// Everything that wants nothing but the connection itself; false when it is over.
    fn serve(&mut self, port: &mut Port) -> bool {
        while let Some(event) = self.quic.poll() {
            match event {
                Event::Connected if self.is_ours => {
                    self.is_announced = true;
                    port.raise(&Happening::Connected { conn: self.conn, data: 0 });
                }
                Event::ConnectionLost { reason } => {
                    use quinn_proto::ConnectionError as Error;
                    let ended = match reason {
                        Error::ApplicationClosed(_) | Error::ConnectionClosed(_) => Ended::Remote,
                        Error::LocallyClosed => Ended::Local,
                        _ => Ended::TimedOut,
                    };
                    if !self.is_closed && (self.is_announced || self.is_ours) {
                        port.raise(&Happening::Disconnected { conn: self.conn, ended, data: 0 });
                    }
                    self.is_closed = true;
                }
                _ => {}
            }
        }
        self.fetch();
        self.deliver(port);
        self.write();
        !self.quic.is_drained()
    }

    /// Takes what the remote's stream has.
    fn fetch(&mut self) {
        self.incoming = self.incoming.or_else(|| self.quic.streams().accept(Dir::Uni));
        let Some(stream) = self.incoming else { return };
        let mut stream = self.quic.recv_stream(stream);
        let Ok(mut chunks) = stream.read(true) else { return };
        while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
            self.partial.extend_from_slice(&chunk.bytes);
        }
        let _ = chunks.finalize(); // everything is transmitted that there is, in any case
    }

    /// Hands over the messages that are whole.
    fn deliver(&mut self, port: &mut Port) {
        let mut rest = self.partial.as_slice();
        if !self.is_announced
            && !self.is_ours
            && let Some((data, behind)) = rest.split_first_chunk()
        {
            rest = behind;
            self.is_announced = true;
            port.raise(&Happening::Connected { conn: self.conn, data: u32::from_be_bytes(*data) });
        }
        while let Some((header, behind)) = rest.split_first_chunk::<5>() {
            let [channel, len @ ..] = *header;
            let Some((payload, behind)) = behind.split_at_checked(u32::from_be_bytes(len) as usize) else {
                break;
            };
            rest = behind;
            let kind = Some(Kind::Reliable);
            port.raise(&Happening::Received { conn: self.conn, channel, kind, payload });
        }
        let used = self.partial.len() - rest.len();
        self.partial.drain(..used);
    }

    /// Gives the stream what it takes.
    fn write(&mut self) {
        if self.unsent.is_empty() {
            return;
        }
        self.outgoing = self.outgoing.or_else(|| self.quic.streams().open(Dir::Uni));
        let Some(stream) = self.outgoing else { return };
        let mut stream = self.quic.send_stream(stream);
        while let Ok(taken) = stream.write(self.unsent.make_contiguous()) {
            self.unsent.drain(..taken);
            if taken == 0 || self.unsent.is_empty() {
                break;
            }
        }
    }

    fn send_all(&mut self, port: &mut Port, now: Instant, scratch: &mut Vec<u8>) {
        scratch.clear();
        while let Some(it) = self.quic.poll_transmit(now, 1, scratch) {
            // What cannot be sent is lost, as on any network.
            let _ = port.send(it.destination, scratch.get(..it.size).unwrap_or_default());
            scratch.clear();
        }
    }
}

impl Endpoint for Quic {
    fn connect(&mut self, port: &mut Port, to: SocketAddr, _: u8, data: u32) -> Option<Conn> {
        let now = self.at(port.now());
        let (handle, quic) = self.endpoint.connect(now, self.client.clone(), to, NAME).ok()?;
        let conn = self.add(handle, quic, true);
        self.sessions.last_mut()?.unsent.extend(data.to_be_bytes());
        Some(conn)
    }

    fn send(&mut self, _: &mut Port, conn: Conn, channel: u8, kind: Kind, payload: &[u8]) -> bool {
        let session = self.sessions.iter_mut().find(|it| it.conn == conn && !it.is_closed);
        let (Some(session), Kind::Reliable) = (session, kind) else { return false };
        let Ok(len) = u32::try_from(payload.len()) else { return false };
        session.unsent.push_back(channel);
        session.unsent.extend(len.to_be_bytes());
        session.unsent.extend(payload);
        true
    }

    fn close(&mut self, port: &mut Port, conn: Conn, how: Close, _: u32) {
        let now = self.at(port.now());
        let Some(session) = self.sessions.iter_mut().find(|it| it.conn == conn) else { return };
        session.is_closed = true;
        session.quic.close(now, VarInt::from_u32(0), bytes::Bytes::new());
        if matches!(how, Close::Disconnect | Close::Later) {
            port.raise(&Happening::Disconnected { conn, ended: Ended::Local, data: 0 });
        }
    }

    fn set(&mut self, _: &mut Port, _: Conn, _: Setting) {}

    fn limit_bandwidth(&mut self, _: &mut Port, _: Option<u32>, _: Option<u32>) {}

    fn service(&mut self, port: &mut Port) {
        self.read(port);
        let now = self.at(port.now());
        let Quic { endpoint, sessions, scratch, .. } = self;
        sessions.retain_mut(|session| {
            session.quic.handle_timeout(now);
            while let Some(event) = session.quic.poll_endpoint_events() {
                if let Some(event) = endpoint.handle_event(session.handle, event) {
                    session.quic.handle_event(event);
                }
            }
            let is_alive = session.serve(port);
            session.send_all(port, now, scratch);
            while let Some(event) = session.quic.poll_endpoint_events() {
                if let Some(event) = endpoint.handle_event(session.handle, event) {
                    session.quic.handle_event(event);
                }
            }
            is_alive
        });
    }

    fn deadline(&mut self) -> Option<Time> {
        let origin = self.origin;
        let due = self.sessions.iter_mut().filter_map(|it| it.quic.poll_timeout()).min()?;
        let since = due.saturating_duration_since(origin);
        Some(Time::ZERO + Span(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)))
    }

    fn snapshot(&self, conn: Conn) -> Option<Snapshot> {
        let session = self.sessions.iter().find(|it| it.conn == conn)?;
        let rtt = u32::try_from(session.quic.rtt().as_millis()).unwrap_or(u32::MAX);
        Some(Snapshot { rtt, throttle: 32, throttle_limit: 32, window: u32::MAX, ..Snapshot::default() })
    }
}
