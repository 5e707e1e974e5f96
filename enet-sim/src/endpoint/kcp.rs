//! [`Kcp`]: the crate `kcp` as an [`Endpoint`], set up to be as quick as it can be.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::{Close, Conn, Ended, Endpoint, Happening, Kind, Port, Setting, Snapshot};
use crate::scenario::HostSpec;
use crate::time::{Span, Time};

/// Time between two looks at its timers, ms.
const INTERVAL: i32 = 10;
/// A segment is sent again once so many behind it were acknowledged.
const RESEND: i32 = 2;
/// Segments under way at most, and in front of the application.
const WINDOW: u16 = 256;
/// What one of its messages holds: it has fewer than 128 segments.
const CHUNK: usize = 1 << 16;
/// A datagram of one byte, which no segment is: the sender takes leave.
const LEAVE: &[u8] = b"x";

/// A host of the crate `kcp` in its fastest mode: no delay, 10 ms between looks at its timers, sent again after two
/// acknowledged behind it, no congestion window; what is sent or has to be acknowledged leaves at once.
///
/// KCP has neither connects nor disconnects: a connection is open as soon as its first datagram leaves or arrives, its
/// conversation number is what ENet calls connect data, and one byte ends it. It has no channels, and nothing but
/// reliable messages, so that others are refused. Of its own it gives a connection up after 20 transmissions of a segment.
pub struct Kcp {
    mtu: usize,
    sessions: Vec<Session>,
    next: u64,
}

struct Session {
    conn: Conn,
    to: SocketAddr,
    kcp: kcp::Kcp<Outbox>,
    out: Outbox,
    /// A message of several chunks, as far as it is there.
    partial: Vec<u8>,
    is_stirred: bool,
    served: u32,
}

/// Datagrams that leave.
#[derive(Clone, Default)]
struct Outbox(Rc<RefCell<Vec<Vec<u8>>>>);

impl io::Write for Outbox {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kcp {
    /// A host with as many connections as it likes.
    pub fn new(spec: &HostSpec) -> Self {
        Kcp { mtu: usize::from(spec.mtu), sessions: Vec::new(), next: 0 }
    }

    fn open(&mut self, now: Time, to: SocketAddr, conversation: u32) -> Conn {
        let out = Outbox::default();
        let mut kcp = kcp::Kcp::new(conversation, out.clone());
        kcp.set_nodelay(true, INTERVAL, RESEND, true);
        kcp.set_wndsize(WINDOW, WINDOW);
        let _ = kcp.set_mtu(self.mtu); // refused below 50
        let _ = kcp.update(millis(now)); // its output cannot fail
        let conn = Conn(self.next);
        self.next += 1;
        let (partial, served) = (Vec::new(), millis(now));
        self.sessions.push(Session { conn, to, kcp, out, partial, is_stirred: false, served });
        conn
    }

    fn read(&mut self, port: &mut Port) {
        let now = port.now();
        while let Some(arrived) = port.receive() {
            let known = self.sessions.iter_mut().find(|it| it.to == arrived.source);
            match known {
                Some(session) if arrived.bytes == LEAVE => {
                    let conn = session.conn;
                    self.sessions.retain(|it| it.conn != conn);
                    port.raise(&Happening::Disconnected { conn, ended: Ended::Remote, data: 0 });
                }
                Some(session) => session.hear(now, &arrived.bytes),
                None if arrived.bytes.len() >= kcp::KCP_OVERHEAD => {
                    let data = kcp::get_conv(&arrived.bytes);
                    let conn = self.open(now, arrived.source, data);
                    port.raise(&Happening::Connected { conn, data });
                    if let Some(session) = self.sessions.last_mut() {
                        session.hear(now, &arrived.bytes);
                    }
                }
                None => {} // of a connection that is over
            }
            port.recycle(arrived.bytes);
        }
    }
}

impl Session {
    fn hear(&mut self, now: Time, datagram: &[u8]) {
        let _ = self.kcp.update(millis(now)); // round trips are measured against the latest update
        self.is_stirred |= self.kcp.input(datagram).is_ok();
    }

    /// Does what is due and hands everything over; false if the connection is given up.
    fn serve(&mut self, port: &mut Port) -> bool {
        let now = millis(port.now());
        let _ = self.kcp.update(now);
        if std::mem::take(&mut self.is_stirred) {
            let _ = self.kcp.flush();
        }
        self.served = now;
        while let Ok(len) = self.kcp.peeksize() {
            let begun = self.partial.len();
            self.partial.resize(begun + len, 0);
            let chunk = self.partial.get_mut(begun..).unwrap_or_default();
            if self.kcp.recv(chunk).is_err() {
                break;
            }
            // Behind each chunk stand the channel and whether it is a message's last.
            let (last, channel) = (self.partial.pop(), self.partial.pop());
            if last == Some(1) {
                port.raise(&Happening::Received {
                    conn: self.conn,
                    channel: channel.unwrap_or(0),
                    kind: Some(Kind::Reliable),
                    payload: &self.partial,
                });
                self.partial.clear();
            }
        }
        self.send_all(port);
        !self.kcp.is_dead_link()
    }

    fn send_all(&mut self, port: &mut Port) {
        for datagram in self.out.0.borrow_mut().drain(..) {
            let _ = port.send(self.to, &datagram); // what cannot be sent is lost, as on any network
        }
    }
}

impl Endpoint for Kcp {
    fn connect(&mut self, port: &mut Port, to: SocketAddr, _: u8, data: u32) -> Option<Conn> {
        let conn = self.open(port.now(), to, data);
        port.raise(&Happening::Connected { conn, data: 0 });
        Some(conn)
    }

    fn send(&mut self, _: &mut Port, conn: Conn, channel: u8, kind: Kind, payload: &[u8]) -> bool {
        let session = self.sessions.iter_mut().find(|it| it.conn == conn);
        let Some(session) = session.filter(|_| kind == Kind::Reliable) else { return false };
        session.is_stirred = true;
        let mut chunks = payload.chunks(CHUNK).peekable();
        while let Some(chunk) = chunks.next() {
            let tail = [channel, u8::from(chunks.peek().is_none())];
            if session.kcp.send(&[chunk, &tail].concat()).is_err() {
                return false;
            }
        }
        true
    }

    fn close(&mut self, port: &mut Port, conn: Conn, how: Close, _: u32) {
        let Some(place) = self.sessions.iter().position(|it| it.conn == conn) else { return };
        let session = self.sessions.swap_remove(place);
        let _ = port.send(session.to, LEAVE);
        if matches!(how, Close::Disconnect | Close::Later) {
            port.raise(&Happening::Disconnected { conn, ended: Ended::Local, data: 0 });
        }
    }

    fn set(&mut self, _: &mut Port, _: Conn, _: Setting) {}

    fn limit_bandwidth(&mut self, _: &mut Port, _: Option<u32>, _: Option<u32>) {}

    fn service(&mut self, port: &mut Port) {
        self.read(port);
        self.sessions.retain_mut(|session| {
            let is_alive = session.serve(port);
            if !is_alive {
                let (conn, ended) = (session.conn, Ended::TimedOut);
                port.raise(&Happening::Disconnected { conn, ended, data: 0 });
            }
            is_alive
        });
    }

    /// A segment may be due before the next look at the timers, which is when it is sent: then that is a millisecond
    /// later, and not at once again and again.
    fn deadline(&mut self) -> Option<Time> {
        let due = |it: &Session| it.served.wrapping_add(it.kcp.check(it.served).max(1));
        self.sessions.iter().map(due).min().map(|at| Time::ZERO + Span::from_millis(u64::from(at)))
    }

    fn snapshot(&self, conn: Conn) -> Option<Snapshot> {
        let session = self.sessions.iter().find(|it| it.conn == conn)?;
        let waiting = u32::try_from(session.kcp.wait_snd()).unwrap_or(u32::MAX);
        Some(Snapshot {
            throttle: 32,
            throttle_limit: 32,
            window: u32::from(WINDOW) * 1_000,
            mtu: u32::try_from(self.mtu).unwrap_or(u32::MAX),
            queued: waiting,
            ..Snapshot::default()
        })
    }
}

/// KCP's clock has milliseconds. Hosts of a world that lasts long enough for it to wrap are not KCP's.
fn millis(now: Time) -> u32 {
    u32::try_from(now.0 / 1_000_000).unwrap_or(u32::MAX)
}
