//! A game's network loop at a fixed step: unreliable state twenty times a second, reliable events, and one large snapshot
//! for who joins, cut into fragments.

#[path = "../common/mod.rs"]
mod common;
mod player;
mod world;

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use enet_mio::{Event, Packet, PeerId, Service};
use serde_json::json;

use common::{Both, FAREWELL};
use world::World;

/// 20 Hz.
pub const STEP: Duration = Duration::from_millis(50);

/// What happens rarely and must arrive: who came, who went.
pub const EVENTS: u8 = 0;
/// Where everybody is, or where one wants to go: of no use when the next has come.
pub const STATE: u8 = 1;
/// The world as it is, for who joins. On a channel of its own it holds nothing else up.
pub const SNAPSHOT: u8 = 2;
/// Those three.
pub const CHANNELS: u8 = 3;

/// A fixed-step game: 20 Hz unreliable state, reliable events, a fragmented snapshot
#[derive(Parser)]
#[command(after_help = "\
Examples:
  game serve '*:6789'                           a world, until interrupted
  game play localhost:6789                      a player that wanders about; statistics once a second
  game play localhost:6789 --seconds 5 --json   for scripts")]
struct Options {
    #[command(subcommand)]
    role: Role,
    /// Stop after so many seconds
    #[arg(long, global = true, value_name = "S", default_value_t = f64::MAX, hide_default_value = true)]
    seconds: f64,
    #[command(flatten)]
    both: Both,
}

#[derive(Subcommand)]
enum Role {
    /// Runs a world
    Serve {
        /// Where to listen: `host:port`; `*` stands for every host or any port
        #[arg(value_name = "ADDR")]
        bind: String,
    },
    /// Plays in one
    Play {
        /// The server: `host:port`
        #[arg(value_name = "ADDR")]
        server: String,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let lasts = Duration::try_from_secs_f64(options.seconds).unwrap_or(Duration::MAX);
    let end = Instant::now().checked_add(lasts);
    common::exit(
        "game",
        match &options.role {
            Role::Serve { bind } => serve(bind, end, &options.both),
            Role::Play { server } => player::play(server, end, &options.both),
        },
    )
}

/// Calls `on_event` as events come and `on_step` at every step, whatever the network does, until it says stop.
///
/// A step that was missed, because the machine slept, is not made up for: the state of then is of no use now.
pub fn fixed_steps<T>(
    service: &mut Service,
    game: &mut T,
    on_event: impl Fn(&mut T, &mut Service, Event),
    on_step: impl Fn(&mut T, &mut Service) -> bool,
) -> io::Result<()> {
    let mut next = Instant::now() + STEP;
    loop {
        let now = Instant::now();
        if let Some(event) = service.service(next.saturating_duration_since(now))? {
            on_event(game, service, event);
        }
        if Instant::now() >= next {
            if !on_step(game, service) {
                return Ok(());
            }
            service.flush(); // not at the next event, but now
            next = (next + STEP).max(Instant::now());
        }
    }
}

fn serve(bind: &str, end: Option<Instant>, both: &Both) -> io::Result<bool> {
    let mut service = Service::bind(bind, both.config()?)?;
    both.say(&json!({ "event": "listening", "address": service.local_addr()?.to_string() }));
    let mut world = World::new();
    fixed_steps(
        &mut service,
        &mut world,
        |world, service, event| on_event(world, service, event, both),
        |world, service| {
            world.step();
            service.broadcast(STATE, Packet::unreliable(world.state()));
            end.is_none_or(|end| Instant::now() < end)
        },
    )?;
    service.close(FAREWELL)?;
    both.say(&json!({ "event": "totals", "steps": world.tick() }));
    Ok(true)
}

fn on_event(world: &mut World, service: &mut Service, event: Event, both: &Both) {
    match event {
        Event::Connected { peer, .. } => {
            world.join(peer.slot());
            announce(service, both, "joined", peer);
            // After the announcement, so that it covers who joins now.
            let snapshot = Packet::reliable(world.snapshot());
            if let Err(error) = service.send(peer, SNAPSHOT, snapshot) {
                eprintln!("{peer}: {error}");
            }
        }
        Event::Received { peer, packet, .. } => world.steer(peer.slot(), &packet),
        Event::Disconnected { peer, .. } => {
            world.leave(peer.slot());
            announce(service, both, "left", peer);
        }
        _ => {}
    }
}

fn announce(service: &mut Service, both: &Both, what: &str, peer: PeerId) {
    both.say(&json!({ "event": what, "player": peer.slot() }));
    service.broadcast(EVENTS, Packet::reliable(format!("{what} {}", peer.slot())));
}
