//! Scratch
use enet_sim::{run, swarm, world::Cast};
fn main() {
    let n: u64 = std::env::args().nth(1).map_or(2000, |a| a.parse().unwrap());
    let from: u64 = std::env::args().nth(2).map_or(0, |a| a.parse().unwrap());
    std::panic::set_hook(Box::new(|_| ()));
    let mut by = std::collections::BTreeMap::<String, (u32, String)>::new();
    let mut bad = 0;
    let mut marks = enet_sim::marks::Marks::default();
    let t = std::time::Instant::now();
    for i in from..from + n {
        let seed = swarm::world_seed(1, i);
        let v = run::judged(&swarm::scenario(seed), Cast::OURS);
        marks = marks.union(v.marks);
        bad += u32::from(!v.violations.is_empty());
        if let Some(first) = v.violations.first() {
            let e = by.entry(first.property.to_owned()).or_insert((0, String::new()));
            e.0 += 1;
            if e.0 < 8 { e.1 += &format!("  {seed:#x} {first}\n"); }
        }
    }
    println!("{bad} bad of {n}; {:.0}/min; missing {:?}", n as f64 * 60.0 / t.elapsed().as_secs_f64(), marks.missing().map(|m| m.as_str()).collect::<Vec<_>>());
    for (p, (c, t)) in by { println!("{p}: {c}\n{t}"); }
}
