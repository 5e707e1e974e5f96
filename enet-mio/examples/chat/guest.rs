//! A guest, who comes back by itself when the room was lost.
#![allow(unreachable_pub)] // a module of an example

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use enet_mio::enet_proto::{SendErrorReason, Stalls, Timeouts};
use enet_mio::{
    ChannelId, ChannelLimit, ConnectOptions, Gone, Handler, Host, Packet, PeerId, Service, Waker,
};
use serde_json::json;

use crate::common::{Both, FAREWELL};
use crate::{LINE, NAME, TICK};

/// How long a server that has gone is left alone.
const PAUSE: Duration = Duration::from_millis(500);

/// How long an attempt to connect may take, and how long a server may be silent while it owes an answer.
const PATIENCE: Duration = Duration::from_secs(5);

struct Guest<'a> {
    both: &'a Both,
    name: String,
    server: SocketAddr,
    /// What is typed.
    lines: Receiver<String>,
    /// What was typed and not yet sent, or sent and lost: it waits here while there is no connection.
    waiting: VecDeque<Packet>,
    /// Nothing more will be typed.
    ended: bool,
    state: State,
}

enum State {
    Connecting,
    Connected(PeerId),
    Lost { until: Instant },
}

pub fn join(server: &str, name: &str, both: &Both) -> io::Result<bool> {
    let mut config = both.config()?;
    config.peer_defaults.stalls = Stalls::Report;
    config.return_undelivered = true;
    let mut service = Service::client(config)?;
    let server = service.resolve(server)?;
    let lines = read_lines(service.waker());
    let state = State::Lost { until: Instant::now() };
    let (name, waiting) = (name.to_owned(), VecDeque::new());
    let mut guest = Guest { both, name, server, lines, waiting, ended: false, state };
    guest.connect(&mut service);
    service.run(&mut guest, TICK)?;
    Ok(service.close(FAREWELL)? == 0 && guest.waiting.is_empty())
}

/// Reading blocks, so a thread does it; each line ends the wait of the one that sends.
fn read_lines(waker: Waker) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).and(Ok(waker.wake())).is_err() {
                return;
            }
        }
    });
    lines
}

impl Guest<'_> {
    fn connect(&mut self, host: &mut Host) {
        let timeout = Timeouts { minimum: PATIENCE, maximum: PATIENCE, ..Timeouts::default() };
        let channels = ChannelLimit::new(2).unwrap_or_default();
        let options = ConnectOptions { channels, timeout: Some(timeout), ..ConnectOptions::default() };
        if host.connect(self.server, options).is_ok() {
            self.state = State::Connecting;
        }
    }

    /// What did not arrive, as far as is known, is said again before what waits.
    fn lose(&mut self, gone: Gone) {
        let reason = gone.reason.to_string();
        self.both.tell(
            &format!("no connection: {reason}; trying again"),
            &json!({ "event": "lost", "reason": reason }),
        );
        self.state = State::Lost { until: Instant::now() + PAUSE };
        let lines = gone.undelivered.into_iter().filter(|(channel, _)| channel.get() == LINE);
        let mut lines: VecDeque<Packet> = lines.map(|(_, line)| line).collect();
        lines.append(&mut self.waiting);
        self.waiting = lines;
    }

    fn listen(&mut self) {
        loop {
            match self.lines.try_recv() {
                Ok(line) => self.waiting.push_back(Packet::reliable(line)),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return;
                }
            }
        }
    }

    fn speak(&mut self, host: &mut Host, peer: PeerId) {
        let Some(mut peer) = host.peer_mut(peer) else { return };
        while let Some(line) = self.waiting.pop_front() {
            let Err(refused) = peer.send(LINE, line) else { continue };
            if let SendErrorReason::NotConnected | SendErrorReason::QueueFull { .. } = refused.reason {
                self.waiting.push_front(refused.packet); // for later
                return;
            }
            let reason = refused.reason.to_string();
            self.both.tell(&format!("not sent: {reason}"), &json!({ "event": "not_sent", "reason": reason }));
        }
    }
}

impl Handler for Guest<'_> {
    fn on_connect(&mut self, host: &mut Host, peer: PeerId, _: u32) {
        let address = self.server.to_string();
        self.both
            .tell(&format!("connected to {address}"), &json!({ "event": "connected", "address": address }));
        self.state = State::Connected(peer);
        if let Err(error) = host.send(peer, NAME, Packet::reliable(self.name.clone())) {
            eprintln!("{error}");
        }
    }

    fn on_receive(&mut self, _: &mut Host, _: PeerId, _: ChannelId, packet: Packet) {
        let text = String::from_utf8_lossy(&packet);
        self.both.tell(&text, &json!({ "event": "heard", "text": text }));
    }

    fn on_stalled(&mut self, _: &mut Host, _: PeerId) {
        self.both.tell("the line is slow: what you say waits", &json!({ "event": "stalled" }));
    }

    fn on_resumed(&mut self, _: &mut Host, _: PeerId) {
        self.both.tell("the line is back", &json!({ "event": "resumed" }));
    }

    fn on_close(&mut self, _: &mut Host, gone: Gone) {
        self.lose(gone);
    }

    fn on_disconnect(&mut self, _: &mut Host, gone: Gone) {
        self.lose(gone);
    }

    fn on_turn(&mut self, host: &mut Host) -> ControlFlow<()> {
        self.listen();
        match self.state {
            State::Lost { .. } if self.ended => return ControlFlow::Break(()),
            State::Lost { until } if Instant::now() >= until => self.connect(host),
            State::Connecting if self.ended && self.waiting.is_empty() => return ControlFlow::Break(()),
            State::Connected(peer) => {
                self.speak(host, peer);
                if self.ended && self.waiting.is_empty() {
                    return ControlFlow::Break(());
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
