//! Scratch
use enet_sim::swarm::{self, Options};
fn main() {
    let n: u64 = std::env::args().nth(1).map_or(2000, |a| a.parse().unwrap());
    std::panic::set_hook(Box::new(|_| ()));
    let r = swarm::run(&Options { worlds: Some(n), jobs: 1, ..Options::default() }, &|_, _| ());
    println!("{}", serde_json::to_string_pretty(&r).unwrap());
    let mut by = std::collections::BTreeMap::new();
    for f in &r.failures { *by.entry(f.property.clone()).or_insert(0) += 1; }
    println!("{by:?}");
}
