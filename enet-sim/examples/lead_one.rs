//! Scratch
use enet_sim::{swarm, world::Cast, shrink::Regression};
fn main() {
    let a = std::env::args().nth(1).unwrap();
    let seed = if let Some(h) = a.strip_prefix("0x") { u64::from_str_radix(h, 16).unwrap() } else { swarm::world_seed(1, a.parse().unwrap()) };
    let s = swarm::scenario(seed);
    let cast = if std::env::args().nth(2).as_deref() == Some("c") { Cast { server: enet_sim::endpoint::Implementation::C, clients: enet_sim::endpoint::Implementation::C } } else { Cast::OURS };
    let r = Regression::of(s);
    println!("{}", r.log(cast).unwrap().timeline());
}
