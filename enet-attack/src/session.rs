//! [`Session`]: a peer that connects as it should, and then sends what it likes.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use enet_testkit::{Opened, commands};
use enet_wire::{Body, Command, Connect};

use crate::forge::{self, Addressee};
use crate::loopback::Loopback;

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks at the socket.
const PAUSE: Duration = Duration::from_micros(200);

/// A connection made by hand.
pub(crate) struct Session {
    socket: UdpSocket,
    to: Addressee,
    started: Instant,
    /// UDP payload bytes sent to it, and received from it, since the handshake.
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Payloads it sent us.
    pub(crate) echoes: u64,
}

impl Session {
    /// Connects from `source` with as many channels.
    pub(crate) fn open(at: Loopback, source: Ipv4Addr, channels: u32) -> Result<Session, String> {
        let id = Connect { channel_count: channels, ..commands::stock_connect([7, 1, 2, 3]) };
        Session::open_with(at, source, id)
    }

    /// Connects with a CONNECT of these fields.
    pub(crate) fn open_with(at: Loopback, source: Ipv4Addr, connect: Connect) -> Result<Session, String> {
        let socket = UdpSocket::bind((source, 0)).map_err(|error| error.to_string())?;
        socket.connect(at.address()).map_err(|error| error.to_string())?;
        socket.set_nonblocking(true).map_err(|error| error.to_string())?;
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
        let mut session = Session {
            socket,
            to: Addressee::UNKNOWN,
            started: Instant::now(),
            sent: 0,
            received: 0,
            echoes: 0,
        };
        session.shake_hands(connect)?;
        (session.sent, session.received, session.echoes) = (0, 0, 0);
        Ok(session)
    }

    /// CONNECT until VERIFY_CONNECT, then acknowledge it, and ping until that is acknowledged.
    fn shake_hands(&mut self, connect: Connect) -> Result<(), String> {
        let first = commands::connect(connect);
        let mut verified = None;
        self.repeat(Duration::from_millis(500), &first, |session, opened| {
            for command in opened.commands().flatten() {
                if let Body::VerifyConnect(verify) = command.body {
                    session.to = Addressee::new(verify.outgoing_peer, verify.outgoing_session);
                    verified = Some(commands::acknowledge(0xFF, command.seq.0, opened.header.sent_time?));
                }
            }
            verified.map(drop)
        })?;
        let acknowledgement = verified.ok_or("no VERIFY_CONNECT")?;
        let ping = commands::ping(2);
        self.send(&[acknowledgement, ping]);
        self.repeat(Duration::from_millis(100), &ping, |session, opened| {
            session.acknowledge(opened);
            opened.commands().flatten().find_map(|command| {
                matches!(command.body, Body::Acknowledge { received_seq, .. } if received_seq.0 == 2)
                    .then_some(())
            })
        })
    }

    /// Sends a command every `interval` until an answer satisfies `done`.
    fn repeat(
        &mut self,
        interval: Duration,
        command: &Command<'_>,
        mut done: impl FnMut(&mut Session, &Opened) -> Option<()>,
    ) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        let mut next = Instant::now();
        while Instant::now() < end {
            if Instant::now() >= next {
                self.send(&[*command]);
                next = Instant::now() + interval;
            }
            while let Some(opened) = self.receive() {
                if done(self, &opened).is_some() {
                    return Ok(());
                }
            }
            std::thread::sleep(PAUSE);
        }
        Err("the server does not answer a handshake".to_owned())
    }

    /// Sends commands as one datagram.
    pub(crate) fn send(&mut self, commands: &[Command<'_>]) {
        let bytes = forge::datagram(self.to, Some(self.clock()), commands);
        self.send_bytes(&bytes);
    }

    /// Sends a datagram as it is.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        // Lost ones are repeated, or the figure tells.
        if self.socket.send(bytes).is_ok() {
            self.sent += bytes.len() as u64;
        }
    }

    /// Receives for `time`, acknowledging what wants to be, so that the connection lives.
    pub(crate) fn tend(&mut self, time: Duration) {
        self.tend_until(time, |_| false);
    }

    /// As [`tend`](Session::tend), until `done`.
    pub(crate) fn tend_until(&mut self, time: Duration, done: impl Fn(&Session) -> bool) {
        let end = Instant::now() + time;
        while !done(self) && Instant::now() < end {
            self.answer();
            std::thread::sleep(PAUSE);
        }
    }

    /// Acknowledges what has come and wants to be.
    pub(crate) fn answer(&mut self) {
        while let Some(opened) = self.receive() {
            self.acknowledge(&opened);
        }
    }

    fn clock(&self) -> u16 {
        let [.., high, low] = self.started.elapsed().as_millis().to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    fn receive(&mut self) -> Option<Opened> {
        let mut buffer = [0; 65_536];
        let len = self.socket.recv(&mut buffer).ok()?;
        self.received += len as u64;
        Opened::open(buffer.get(..len)?, false).ok()
    }

    fn acknowledge(&mut self, opened: &Opened) {
        let mut answers = Vec::new();
        for command in opened.commands().flatten() {
            self.echoes += u64::from(matches!(
                command.body,
                Body::SendReliable { .. } | Body::SendUnreliable { .. } | Body::SendUnsequenced { .. }
            ));
            if let (true, Some(sent_time)) = (command.acknowledge, opened.header.sent_time) {
                answers.push(commands::acknowledge(command.channel.get(), command.seq.0, sent_time));
            }
        }
        if !answers.is_empty() {
            self.send(&answers);
        }
    }
}
