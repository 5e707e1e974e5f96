//! A guest, who comes back by itself when the room was lost.
#![allow(unreachable_pub)] // a module of an example

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use enet_mio::enet_proto::{Stalls, Timeouts};
use enet_mio::{
    ChannelId, ChannelLimit, ConnectOptions, Gone, Handler, Host, Packet, PeerId, PeerState, Service, Waker,
};

use crate::common::{Both, FAREWELL};
use crate::{LINE, NAME, TICK};

/// How long a server that has gone is left alone.
const PAUSE: Duration = Duration::from_millis(500);

/// How long an attempt to connect may take, and how long a server may be silent while it owes an answer.
const PATIENCE: Duration = Duration::from_secs(5);

struct Guest {
    name: String,
    server: SocketAddr,
    /// What was typed and not yet sent: it waits here while there is no connection.
    lines: Receiver<String>,
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
    let mut service = Service::client(config)?;
    let server = service.resolve(server)?;
    let lines = read_lines(service.waker());
    let state = State::Lost { until: Instant::now() };
    let mut guest = Guest { name: name.to_owned(), server, lines, state };
    service.run(&mut guest, TICK)?;
    Ok(service.close(FAREWELL)? == 0)
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

impl Guest {
    fn lose(&mut self, gone: &Gone) {
        println!("no connection: {}; trying again", gone.reason);
        self.state = State::Lost { until: Instant::now() + PAUSE };
    }
}

impl Handler for Guest {
    fn on_connect(&mut self, host: &mut Host, peer: PeerId, _: u32) {
        println!("connected to {}", self.server);
        self.state = State::Connected(peer);
        host.peer_mut(peer).map(|mut peer| peer.send(NAME, Packet::reliable(self.name.clone())));
    }

    fn on_receive(&mut self, _: &mut Host, _: PeerId, _: ChannelId, packet: Packet) {
        println!("{}", String::from_utf8_lossy(&packet));
    }

    fn on_stalled(&mut self, _: &mut Host, _: PeerId) {
        println!("the line is slow: what you say waits");
    }

    fn on_resumed(&mut self, _: &mut Host, _: PeerId) {
        println!("the line is back");
    }

    fn on_close(&mut self, _: &mut Host, gone: Gone) {
        self.lose(&gone);
    }

    fn on_disconnect(&mut self, _: &mut Host, gone: Gone) {
        self.lose(&gone);
    }

    fn on_turn(&mut self, host: &mut Host) -> ControlFlow<()> {
        match self.state {
            State::Lost { until } if Instant::now() >= until => {
                let timeout = Timeouts { minimum: PATIENCE, maximum: PATIENCE, ..Timeouts::default() };
                let channels = ChannelLimit::new(2).unwrap_or_default();
                let options =
                    ConnectOptions { channels, timeout: Some(timeout), ..ConnectOptions::default() };
                if host.connect(self.server, options).is_ok() {
                    self.state = State::Connecting;
                }
            }
            State::Connected(peer) => {
                let is_there =
                    |host: &Host| host.peer(peer).is_some_and(|peer| peer.state() == PeerState::Connected);
                while is_there(host) {
                    match self.lines.try_recv() {
                        Ok(line) => {
                            host.peer_mut(peer).map(|mut peer| peer.send(LINE, Packet::reliable(line)));
                        }
                        Err(TryRecvError::Empty) => break,
                        Err(TryRecvError::Disconnected) => return ControlFlow::Break(()),
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
