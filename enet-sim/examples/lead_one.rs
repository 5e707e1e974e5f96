//! Scratch
use enet_sim::{run, swarm, world::Cast};
fn main() {
    let a = std::env::args().nth(1).unwrap();
    let seed = if let Some(h) = a.strip_prefix("0x") { u64::from_str_radix(h, 16).unwrap() } else { swarm::world_seed(1, a.parse().unwrap()) };
    let s = swarm::scenario(seed);
    println!("{}", s.to_toml());
    let v = run::judged(&s, Cast::OURS);
    println!("{seed:#x} {:?}", v.extent);
    for x in v.violations { println!("{x}"); }
}
