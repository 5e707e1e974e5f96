//! scratch
#[cfg(enet_mutants)]
#[test]
fn scratch() {
    use enet_proto::mutants::{Mutant, select};
    use enet_sim::world::Cast;
    use enet_sim::{run, swarm, shrink::shrink};
    for name in std::env::var("SCRATCH").unwrap().split(',') {
        let mutant: Mutant = name.parse().unwrap();
        select(Some(mutant));
        let big = (0..4000).map(|n| swarm::scenario(swarm::world_seed(1, n))).find(|s| !run::judged(s, Cast::OURS).violations.is_empty());
        let Some(big) = big else { println!("{name}: none"); continue };
        let small = shrink(&big, 6_000, &mut |_| ()).unwrap();
        select(None);
        let ok = small.replay().violations.is_empty();
        println!("{name}: {} clean without: {ok}; datagrams {}", small.what, small.replay().extent.datagrams);
        std::fs::write(format!("/tmp/props/mutant-{name}.toml"), small.to_toml()).unwrap();
    }
}
