//! The room: who is there, and what is said to all.
#![allow(unreachable_pub)] // a module of an example

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use enet_mio::{ChannelId, Gone, Handler, Host, Packet, PeerId, Service};
use serde_json::json;

use crate::common::{Both, FAREWELL};
use crate::{LINE, NAME, TICK};

struct Room<'a> {
    both: &'a Both,
    names: HashMap<PeerId, String>,
    end: Option<Instant>,
}

pub fn serve(bind: &str, seconds: f64, both: &Both) -> io::Result<bool> {
    let mut service = Service::bind(bind, both.config()?)?;
    let address = service.local_addr()?.to_string();
    both.tell(&format!("listening at {address}"), &json!({ "event": "listening", "address": address }));
    let lasts = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let mut room = Room { both, names: HashMap::new(), end: Instant::now().checked_add(lasts) };
    service.run(&mut room, TICK)?;
    Ok(service.close(FAREWELL)? == 0)
}

impl Handler for Room<'_> {
    fn on_receive(&mut self, host: &mut Host, peer: PeerId, channel: ChannelId, packet: Packet) {
        let text = String::from_utf8_lossy(&packet).into_owned();
        if channel.get() == NAME {
            self.tell(host, &format!("* {text} has joined"));
            self.names.insert(peer, text);
        } else if let Some(name) = self.names.get(&peer) {
            self.tell(host, &format!("<{name}> {text}"));
        }
    }

    fn on_close(&mut self, host: &mut Host, gone: Gone) {
        self.on_disconnect(host, gone);
    }

    fn on_disconnect(&mut self, host: &mut Host, gone: Gone) {
        if let Some(name) = self.names.remove(&gone.peer) {
            self.tell(host, &format!("* {name} has left: {}", gone.reason));
        }
    }

    fn on_turn(&mut self, _: &mut Host) -> ControlFlow<()> {
        if self.end.is_some_and(|end| Instant::now() >= end) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Room<'_> {
    fn tell(&self, host: &mut Host, line: &str) {
        self.both.tell(line, &json!({ "event": "told", "text": line }));
        host.broadcast(LINE, Packet::reliable(line.to_owned()));
    }
}
