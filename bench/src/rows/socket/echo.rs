//! Echo: the client keeps a number of 32-byte reliable messages outstanding, the server sends each back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::scaled;
use crate::clock::{Counted, Gauge, Patience, each, thread_time};
use crate::ends::{Delivery, End, Event, Pair, receive};

const SIZE: usize = 32;
/// An echo is a message there and one back.
pub const WAYS: usize = 2;

/// Both ends take turns on this thread, and both count: ns per message.
pub fn in_turns<E: End>(outstanding: usize, messages: usize, scale: f64) -> Result<f64, String> {
    let messages = scaled(messages, scale, outstanding * 2);
    let mut pair = Pair::<E, E>::open()?;
    exchange(&mut pair, outstanding, messages / 10)?;
    let gauge = Gauge::new(Counted::Both);
    exchange(&mut pair, outstanding, messages)?;
    Ok(gauge.each(messages * WAYS))
}

fn exchange<S: End, C: End>(
    pair: &mut Pair<S, C>,
    outstanding: usize,
    messages: usize,
) -> Result<(), String> {
    let Pair { server, client, to_server, .. } = pair;
    let mut talk = Talk::new(messages);
    talk.begin(client, *to_server, outstanding)?;
    let mut patience = Patience::new();
    while !talk.is_over() {
        let returned = receive(client, |client, peer, packet| talk.answer(client, peer, packet))?;
        let served = receive(server, |server, peer, packet| server.send(peer, Delivery::Reliable, packet))?;
        patience.note(returned + served, || talk.missing())?;
    }
    Ok(())
}

/// The client's side.
struct Talk {
    messages: usize,
    sent: usize,
    returned: usize,
}

impl Talk {
    fn new(messages: usize) -> Talk {
        Talk { messages, sent: 0, returned: 0 }
    }

    fn begin<E: End>(&mut self, client: &mut E, peer: E::Peer, outstanding: usize) -> Result<(), String> {
        for _ in 0..outstanding.min(self.messages) {
            self.send(client, peer)?;
        }
        Ok(())
    }

    fn send<E: End>(&mut self, client: &mut E, peer: E::Peer) -> Result<(), String> {
        let mut message = [0xE5; SIZE];
        message[..8].copy_from_slice(&self.sent.to_le_bytes());
        self.sent += 1;
        client.send(peer, Delivery::Reliable, &message)
    }

    fn answer<E: End>(&mut self, client: &mut E, peer: E::Peer, packet: &[u8]) -> Result<(), String> {
        if packet.len() != SIZE || packet[..8] != self.returned.to_le_bytes() {
            return Err(format!("message {} came back changed", self.returned));
        }
        self.returned += 1;
        if self.sent < self.messages { self.send(client, peer) } else { Ok(()) }
    }

    fn is_over(&self) -> bool {
        self.returned == self.messages
    }

    fn missing(&self) -> String {
        format!("{} of {} messages came back", self.returned, self.messages)
    }
}

/// The server on a thread of its own, waiting in its service call whenever there is nothing to do; only it counts: ns per
/// message.
pub fn in_threads<S: End, C: End>(outstanding: usize, messages: usize, scale: f64) -> Result<f64, String> {
    let messages = scaled(messages, scale, outstanding * 2);
    let warmup = messages / 10;
    let Pair { mut server, mut client, to_server, .. } = Pair::<S, C>::open()?;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let served = scope.spawn(|| {
            let served = serve(&mut server, warmup, warmup + messages, &over);
            if served.is_err() {
                over.store(true, Ordering::Relaxed);
            }
            served
        });
        let talked = converse(&mut client, to_server, outstanding, warmup + messages, &over);
        over.store(true, Ordering::Relaxed);
        // If the server stopped early because the client did, the reason is the client's.
        let spent = served.join().map_err(|_| "the server's thread panicked")??;
        talked?;
        let spent = spent.ok_or("the server saw too few messages")?;
        Ok(each(spent, messages * WAYS))
    })
}

const WAIT: Duration = Duration::from_millis(10);
const LIMIT: Duration = Duration::from_secs(20);

/// Echoes until the other side is done; the processor time from message `first` to message `last`, if that came.
fn serve<E: End>(
    server: &mut E,
    first: usize,
    last: usize,
    over: &AtomicBool,
) -> Result<Option<Duration>, String> {
    let mut served = 0;
    let (mut start, mut end) = (thread_time(), None);
    while !over.load(Ordering::Relaxed) {
        server.service(WAIT, |server, event| {
            let Event::Received(peer, packet) = event else { return Err("the client is lost".to_owned()) };
            server.send(peer, Delivery::Reliable, packet)?;
            served += 1;
            if served == first {
                start = thread_time();
            } else if served == last {
                end = Some(thread_time());
            }
            Ok(())
        })?;
    }
    Ok(end.map(|end| end - start))
}

fn converse<E: End>(
    client: &mut E,
    peer: E::Peer,
    outstanding: usize,
    messages: usize,
    over: &AtomicBool,
) -> Result<(), String> {
    let deadline = Instant::now() + LIMIT;
    let mut talk = Talk::new(messages);
    talk.begin(client, peer, outstanding)?;
    while !talk.is_over() {
        let came = client.service(WAIT, |client, event| match event {
            Event::Received(peer, packet) => talk.answer(client, peer, packet),
            _ => Err("the server is lost".to_owned()),
        })?;
        if !came && (over.load(Ordering::Relaxed) || Instant::now() >= deadline) {
            return Err(talk.missing());
        }
    }
    Ok(())
}
