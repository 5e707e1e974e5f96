//! Rows on real loopback sockets.

mod bulk;
mod connect;
mod crowd;
mod echo;
mod flood;
mod idle;
#[cfg(feature = "quinn")]
mod quic;
#[cfg(test)]
mod tests;

use crate::clock::Counted::{self, Both, Server};
#[cfg(feature = "renet")]
use crate::ends::Renet;
use crate::ends::{C, Driven, Everywhere, Ours, Polled, Rusty};
use crate::row::{Row, Subject};

/// These rows.
pub fn rows() -> Vec<Row> {
    vec![
        echo_row("echo-1", "echo 32 B reliable, 1 outstanding", 1, 20_000, 2.2),
        echo_row("echo-64", "echo 32 B reliable, 64 outstanding", 64, 200_000, 2.9),
        echo_row("echo-512", "echo 32 B reliable, 512 outstanding", 512, 200_000, 5.0),
        echo_server_row("echo-1-server", "echo 32 B reliable, 1 outstanding, server", 1, 10_000),
        echo_server_row("echo-64-server", "echo 32 B reliable, 64 outstanding, server", 64, 200_000),
        echo_server_row("echo-512-server", "echo 32 B reliable, 512 outstanding, server", 512, 200_000),
        flood_row("flood-64x32", "flood 64 B unreliable, bursts of 32", (64, 32, 300_000), 2.5),
        flood_row("flood-64x256", "flood 64 B unreliable, bursts of 256", (64, 256, 400_000), 5.0),
        flood_row("flood-1000x64", "flood 1,000 B unreliable, bursts of 64", (1000, 64, 50_000), 12.0),
        flood_server_row("flood-64x32-server", "flood 64 B, bursts of 32, receiver", (64, 32, 300_000)),
        flood_server_row("flood-64x256-server", "flood 64 B, bursts of 256, receiver", (64, 256, 400_000)),
        flood_server_row("flood-1000x64-server", "flood 1,000 B, bursts of 64, receiver", (1000, 64, 50_000)),
        bulk_row(),
        bulk_server_row(),
        broadcast_row("broadcast-64", "broadcast 100 B to 64 peers, server", 64),
        broadcast_row("broadcast-512", "broadcast 100 B to 512 peers, server", 512),
        broadcast_row("broadcast-2000", "broadcast 100 B to 2,000 peers, server", 2000),
        crowd_row("crowd-64", "64 peers send 32 B each and are answered, server", 64),
        crowd_row("crowd-256", "256 peers send 32 B each and are answered, server", 256),
        idle_row("idle-1", "idle service call, 1 peer", 1, None),
        idle_row("idle-256", "idle service call, 256 peers", 256, None),
        idle_row("idle-1024", "idle service call, 1,024 peers", 1024, None),
        idle_row("idle-4000", "idle service call, 4,000 peers", 4000, Some(90.0)),
        connect_row("connect-512", "connect, 512 peers present, server", 512, None),
        connect_row("connect-4000", "connect, 4,000 peers present, server", 4000, Some(2.0)),
    ]
}

/// Rows whose figure of ours may be at most so many times that of another row.
pub const FLAT: [(&str, &str, f64); 4] = [
    ("idle-256", "idle-1", 1.1),
    ("idle-1024", "idle-1", 1.1),
    ("idle-4000", "idle-1", 1.1),
    ("connect-4000", "connect-512", 1.1),
];

const TURNS: &str = "Between two ends of the same implementation, which take turns on one thread. Its processor time counts, \
                     kernel included. An echo is two messages.";
const SERVER: &str = "Only the server counts: the processor time of its turns, kernel included.";
const CROWD: &str = "Only the server counts: the processor time of its turns, kernel included. Every client has a socket of its \
                     own, and is C's unless it says otherwise. Throttles are held open, so that everybody sends all.";
const THREADS: &str = "Only the server counts: the processor time of its thread, waiting in poll included. The client has a \
                       thread of its own, so how many messages the server finds at once is left to the scheduler.";

fn echo_row(id: &'static str, title: &'static str, outstanding: usize, messages: usize, goal: f64) -> Row {
    let with = move |work: fn(usize, usize, f64) -> Figure| move |scale| work(outstanding, messages, scale);
    let subjects = vec![
        subject("ours", with(echo::in_turns::<Ours>)),
        subject("ours (own Poll)", with(echo::in_turns::<Polled>)),
        subject("ours (on 0.0.0.0)", with(echo::in_turns::<Everywhere>)),
        subject("c", with(echo::in_turns::<C>)),
        subject("rusty", with(echo::in_turns::<Rusty>)),
        #[cfg(feature = "renet")]
        subject("renet", with(echo::in_turns::<Renet>)),
        #[cfg(feature = "quinn")]
        subject("quinn", with(quic::echo)),
    ];
    Row { id, title, unit: "ns/message", goal: Some(goal), limit: None, note: TURNS, subjects }
}

fn echo_server_row(id: &'static str, title: &'static str, outstanding: usize, messages: usize) -> Row {
    let with = move |work: fn(usize, usize, f64) -> Figure| move |scale| work(outstanding, messages, scale);
    let subjects = vec![
        subject("ours (C client)", with(echo::in_threads::<Ours, C>)),
        subject("ours (own client)", with(echo::in_threads::<Ours, Ours>)),
        subject("c (C client)", with(echo::in_threads::<C, C>)),
    ];
    Row { id, title, unit: "ns/message", goal: None, limit: None, note: THREADS, subjects }
}

/// Size, packets in a burst, packets in all.
type Flood = (usize, usize, usize);

fn flood_with(
    (size, burst, packets): Flood,
    counted: Counted,
    work: fn(usize, usize, usize, Counted, f64) -> Figure,
) -> impl FnMut(f64) -> Figure {
    move |scale| work(size, burst, packets, counted, scale)
}

fn flood_row(id: &'static str, title: &'static str, flood: Flood, goal: f64) -> Row {
    let subjects = vec![
        subject("ours", flood_with(flood, Both, flood::run::<Ours, Ours>)),
        subject("c", flood_with(flood, Both, flood::run::<C, C>)),
        subject("rusty", flood_with(flood, Both, flood::run::<Rusty, Rusty>)),
        #[cfg(feature = "renet")]
        subject("renet", flood_with(flood, Both, flood::run::<Renet, Renet>)),
    ];
    Row { id, title, unit: "ns/packet", goal: Some(goal), limit: None, note: TURNS, subjects }
}

fn flood_server_row(id: &'static str, title: &'static str, flood: Flood) -> Row {
    let subjects = vec![
        subject("ours (C client)", flood_with(flood, Server, flood::run::<Ours, C>)),
        subject("ours (on 0.0.0.0)", flood_with(flood, Server, flood::run::<Everywhere, C>)),
        subject("c (C client)", flood_with(flood, Server, flood::run::<C, C>)),
        subject("rusty (C client)", flood_with(flood, Server, flood::run::<Rusty, C>)),
    ];
    Row { id, title, unit: "ns/packet", goal: None, limit: None, note: SERVER, subjects }
}

/// Packets of 1 MiB in a full run.
const BULK: usize = 64;

fn bulk_row() -> Row {
    let subjects = vec![
        subject("ours", |scale| bulk::run::<Ours, Ours>(BULK, Both, scale)),
        subject("c", |scale| bulk::run::<C, C>(BULK, Both, scale)),
        subject("rusty", |scale| bulk::run::<Rusty, Rusty>(BULK, Both, scale)),
        #[cfg(feature = "renet")]
        subject("renet", |scale| bulk::run::<Renet, Renet>(BULK, Both, scale)),
        #[cfg(feature = "quinn")]
        subject("quinn", |scale| quic::bulk(BULK, scale)),
    ];
    let title = "bulk, reliable packets of 1 MiB";
    Row { id: "bulk", title, unit: "ns/byte", goal: Some(6.5), limit: None, note: TURNS, subjects }
}

fn bulk_server_row() -> Row {
    let subjects = vec![
        subject("ours (C client)", |scale| bulk::run::<Ours, C>(BULK, Server, scale)),
        subject("c (C client)", |scale| bulk::run::<C, C>(BULK, Server, scale)),
        subject("rusty (C client)", |scale| bulk::run::<Rusty, C>(BULK, Server, scale)),
    ];
    let title = "bulk, reliable packets of 1 MiB, sending server";
    Row { id: "bulk-server", title, unit: "ns/byte", goal: None, limit: None, note: SERVER, subjects }
}

fn broadcast_row(id: &'static str, title: &'static str, peers: usize) -> Row {
    let subjects = vec![
        kept("ours (C client)", move |crowd, scale| crowd::broadcast::<Ours, C>(crowd, peers, scale)),
        kept("ours (own client)", move |crowd, scale| crowd::broadcast::<Ours, Driven>(crowd, peers, scale)),
        kept("c (C client)", move |crowd, scale| crowd::broadcast::<C, C>(crowd, peers, scale)),
        kept("rusty (C client)", move |crowd, scale| crowd::broadcast::<Rusty, C>(crowd, peers, scale)),
    ];
    Row { id, title, unit: "ns/packet", goal: Some(1.15), limit: None, note: CROWD, subjects }
}

fn crowd_row(id: &'static str, title: &'static str, peers: usize) -> Row {
    let subjects = vec![
        kept("ours (C client)", move |crowd, scale| crowd::answer::<Ours, C>(crowd, peers, scale)),
        kept("c (C client)", move |crowd, scale| crowd::answer::<C, C>(crowd, peers, scale)),
        kept("rusty (C client)", move |crowd, scale| crowd::answer::<Rusty, C>(crowd, peers, scale)),
    ];
    Row { id, title, unit: "ns/packet", goal: None, limit: None, note: CROWD, subjects }
}

fn idle_row(id: &'static str, title: &'static str, peers: usize, goal: Option<f64>) -> Row {
    let note = "A service call that may not wait and finds nothing to do.";
    let subjects = vec![
        kept("ours", move |crowd, scale| idle::run::<Ours>(crowd, peers, scale)),
        kept("c", move |crowd, scale| idle::run::<C>(crowd, peers, scale)),
        kept("rusty", move |crowd, scale| idle::run::<Rusty>(crowd, peers, scale)),
    ];
    Row { id, title, unit: "ns/call", goal, limit: None, note, subjects }
}

fn connect_row(id: &'static str, title: &'static str, present: usize, goal: Option<f64>) -> Row {
    let note = "Only the server counts. 32 peers join at once; the median of many times, so that those with the others' pings in them do not \
                count.";
    let subjects = vec![
        kept("ours (C client)", move |entrance, scale| connect::run::<Ours, C>(entrance, present, scale)),
        kept("ours (own client)", move |entrance, scale| {
            connect::run::<Ours, Ours>(entrance, present, scale)
        }),
        kept("c (C client)", move |entrance, scale| connect::run::<C, C>(entrance, present, scale)),
        kept("rusty (C client)", move |entrance, scale| connect::run::<Rusty, C>(entrance, present, scale)),
    ];
    Row { id, title, unit: "ns/connection", goal, limit: None, note, subjects }
}

/// A figure in the row's unit, or what was missing or lost.
type Figure = Result<f64, String>;

/// A subject made of a function.
struct Named<F> {
    name: &'static str,
    work: F,
}

impl<F: FnMut(f64) -> Figure> Subject for Named<F> {
    fn name(&self) -> &str {
        self.name
    }

    fn run(&mut self, scale: f64) -> Figure {
        (self.work)(scale)
    }
}

fn subject(name: &'static str, work: impl FnMut(f64) -> Figure + 'static) -> Box<dyn Subject> {
    Box::new(Named { name, work })
}

/// A subject whose set-up lasts from its first run to its last.
fn kept<T: 'static>(
    name: &'static str,
    mut work: impl FnMut(&mut Option<T>, f64) -> Figure + 'static,
) -> Box<dyn Subject> {
    let mut state = None;
    subject(name, move |scale| work(&mut state, scale))
}

/// `full` for a full run and less for a shorter one, but not less than `least`.
fn scaled(full: usize, scale: f64, least: usize) -> usize {
    ((full as f64 * scale) as usize).max(least)
}

/// The median of figures, of which there is at least one.
fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// An error if more than one in a hundred is lost.
fn few(lost: usize, sent: usize) -> Result<(), String> {
    if lost * 100 > sent { Err(format!("{lost} of {sent} packets were lost")) } else { Ok(()) }
}
