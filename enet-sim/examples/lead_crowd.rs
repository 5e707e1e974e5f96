//! Scratch
use enet_sim::endpoint::Implementation;
use enet_sim::world::{Cast, World};
use enet_sim::{Span, soak};
use std::time::Instant;
fn main() {
    let who = match std::env::args().nth(1).as_deref() { Some("c") => Implementation::C, _ => Implementation::Ours };
    let clients: u16 = std::env::args().nth(2).map_or(1, |a| a.parse().unwrap());
    let secs: u64 = std::env::args().nth(3).map_or(1000, |a| a.parse().unwrap());
    let order = match std::env::args().nth(1).as_deref() { Some("own") => enet_sim::endpoint::Order::EventLoop, _ => enet_sim::endpoint::Order::AsC };
    let s = soak::crowd(1, clients, Span::from_secs(secs), order);
    let t = Instant::now();
    let mut w = World::new(&s, Cast { server: who, clients: who }, ()).unwrap();
    w.run();
    let (_, e, h) = w.finish();
    println!("{who} 1+{clients}: {:.0} s/s  {e:?} {h}", e.end.as_secs_f64() / t.elapsed().as_secs_f64());
}
