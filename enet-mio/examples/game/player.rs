//! A player that wanders about and shows what the network does.
#![allow(unreachable_pub)] // a module of an example

use std::io;
use std::time::Instant;

use enet_mio::{ChannelLimit, ConnectOptions, Event, Packet, PeerId, Service};
use serde_json::json;

use crate::common::{Both, FAREWELL};
use crate::{CHANNELS, EVENTS, SNAPSHOT, STATE, fixed_steps, world};

/// Steps between two lines of statistics: a second.
const STEPS_A_LINE: u32 = 20;

struct Player<'a> {
    both: &'a Both,
    server: Option<PeerId>,
    steps: u32,
    /// Of the states: the latest, how many came, how many of those before did not.
    latest: u32,
    states: u32,
    missed: u32,
    players: usize,
    snapshots: u32,
    over: bool,
}

pub fn play(server: &str, end: Option<Instant>, both: &Both) -> io::Result<bool> {
    let mut service = Service::client(both.config()?)?;
    let server = service.resolve(server)?;
    let channels = ChannelLimit::new(CHANNELS).unwrap_or_default();
    let options = ConnectOptions { channels, ..ConnectOptions::default() };
    service.connect(server, options).map_err(io::Error::other)?;
    let mut player = Player {
        both,
        server: None,
        steps: 0,
        latest: 0,
        states: 0,
        missed: 0,
        players: 0,
        snapshots: 0,
        over: false,
    };
    fixed_steps(
        &mut service,
        &mut player,
        |player, _, event| player.on_event(event),
        |player, service| {
            player.step(service);
            !player.over && end.is_none_or(|end| Instant::now() < end)
        },
    )?;
    service.close(FAREWELL)?;
    both.say(&json!({ "event": "totals", "states": player.states, "snapshots": player.snapshots }));
    Ok(player.snapshots > 0 && player.states > 0)
}

impl Player<'_> {
    fn on_event(&mut self, event: Event) {
        match event {
            Event::Connected { peer, .. } => self.server = Some(peer),
            Event::Received { channel, packet, .. } if channel.get() == STATE => {
                let Some((tick, players)) = world::read_state(&packet) else { return };
                // Unreliable packets never arrive behind a newer one.
                if self.states > 0 {
                    let missed = tick.saturating_sub(self.latest.saturating_add(1));
                    self.missed = self.missed.saturating_add(missed);
                }
                (self.latest, self.players) = (tick, players);
                self.states += 1;
            }
            Event::Received { channel, packet, .. } if channel.get() == SNAPSHOT => {
                self.snapshots += u32::from(world::is_whole(&packet));
                self.both.say(
                    &json!({ "event": "snapshot", "bytes": packet.len(), "whole": world::is_whole(&packet) }),
                );
            }
            Event::Received { channel, packet, .. } if channel.get() == EVENTS => {
                self.both.say(&json!({ "event": "news", "text": String::from_utf8_lossy(&packet) }));
            }
            Event::Disconnected { reason, .. } => {
                self.both.say(&json!({ "event": "disconnected", "reason": reason.to_string() }));
                self.over = true;
            }
            _ => {}
        }
    }

    /// Sends where to go, and shows the statistics once a second.
    fn step(&mut self, service: &mut Service) {
        let Some(peer) = self.server else { return };
        self.steps += 1;
        let heading = [(self.steps / 20 % 3).to_le_bytes()[0], (self.steps / 30 % 3).to_le_bytes()[0]];
        let _ = service.send(peer, STATE, Packet::unreliable(&heading)); // the next one says more
        if !self.steps.is_multiple_of(STEPS_A_LINE) {
            return;
        }
        let host = service.stats();
        let Some(stats) = service.peer(peer).map(|peer| peer.stats()) else { return };
        self.both.say(&json!({
            "event": "statistics", "tick": self.latest, "players": self.players,
            "rtt_ms": stats.round_trip_time, "rtt_variance_ms": stats.round_trip_time_variance,
            "throttle": format!("{}/32", stats.throttle), "states": self.states, "missed": self.missed,
            "bytes_in": host.bytes_received, "bytes_out": host.bytes_sent,
        }));
    }
}
