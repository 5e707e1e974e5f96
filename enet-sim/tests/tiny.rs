//! The tools around the swarm: a world can be run again from the faults that were noted, reruns are compared, the number
//! of threads does not matter, and (with the mutants compiled in) the shrinker makes a big world that fails tiny.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use enet_sim::scenario::{Fault, LinkSpec, Scenario, Trouble};
use enet_sim::shrink::Regression;
use enet_sim::swarm::{self, Options};
use enet_sim::trace::TraceHash;
use enet_sim::world::{Cast, World};
use enet_sim::{Span, run};

/// A mutant is chosen for the whole process: worlds of one test do not run while another has chosen.
fn alone() -> MutexGuard<'static, ()> {
    static WORLDS: Mutex<()> = Mutex::new(());
    WORLDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a world in which only these faults are allowed.
fn trace(scenario: &Scenario, allowed: Option<BTreeSet<(usize, usize, u64)>>) -> TraceHash {
    let mut world = World::new(scenario, Cast::OURS, ()).unwrap();
    world.network().allow_faults_only(allowed);
    world.run();
    world.finish().2
}

/// Worlds of two hosts that all happens to.
fn worlds() -> impl Iterator<Item = Scenario> {
    (0..40).map(|number| swarm::scenario(swarm::world_seed(7, number)))
}

#[test]
fn the_noted_faults_alone_make_the_same_world() {
    let _alone = alone();
    let (mut different, mut all) = (0, 0);
    // What is held back is not among the faults that are noted.
    let holds = |fault: &Fault| matches!(fault.trouble, Trouble::Hold { .. });
    for scenario in worlds().filter(|scenario| !scenario.fault.iter().any(holds)) {
        let whole = trace(&scenario, None);
        let faults = run::faults_of(&scenario, Cast::OURS).unwrap();
        assert_eq!(trace(&scenario, Some(faults.iter().copied().collect())), whole, "{}", scenario.name);
        let fewer = faults.iter().skip(1).copied().collect();
        all += 1;
        different += usize::from(trace(&scenario, Some(fewer)) != whole);
    }
    assert!(different * 4 > all * 3, "the first fault matters in {different} of {all} worlds only");
}

#[test]
fn a_world_without_faults_is_that_of_a_clean_link() {
    let _alone = alone();
    let mut scenario = Scenario::built_in("lossy-5").unwrap();
    scenario.duration = Span::from_secs(5);
    let none = trace(&scenario, Some(BTreeSet::new()));
    let base = scenario.link.delay.base;
    scenario.link = LinkSpec::delayed(base);
    assert_eq!(trace(&scenario, None), none);
}

#[test]
fn a_regression_allows_only_its_faults_and_is_read_back() {
    let _alone = alone();
    let scenario = worlds().next().unwrap();
    let faults = run::faults_of(&scenario, Cast::OURS).unwrap();
    let regression = Regression {
        property: "R1".to_owned(),
        what: "nothing".to_owned(),
        only_faults: Some(faults),
        scenario,
    };
    assert_eq!(regression.replay().trace, trace(&regression.scenario, None));
    let again = Regression::from_toml(&regression.to_toml()).unwrap();
    assert_eq!(again, regression);
    assert_eq!(again.replay().trace, regression.replay().trace);
    let none = Regression { only_faults: Some(Vec::new()), ..again };
    assert_ne!(none.replay().trace, regression.replay().trace);
}

/// A report without what is measured in wall time.
fn timeless(options: &Options) -> serde_json::Value {
    let mut report = serde_json::to_value(swarm::run(options, &|_, _| ())).unwrap();
    let fields = report.as_object_mut().unwrap();
    assert!(fields.remove("seconds").is_some() && fields.remove("worlds_per_minute_per_core").is_some());
    report
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let _alone = alone();
    let options = Options { worlds: Some(200), jobs: 1, ..Options::default() };
    let one = timeless(&options);
    assert_eq!(one["worlds_run"], 200);
    // One in twenty is run twice.
    assert_eq!(one["worlds_compared"], 10);
    let two = timeless(&Options { jobs: 2, ..options });
    assert_eq!(one, two);
}

#[test]
fn another_seed_makes_other_worlds_and_each_may_run_twice() {
    let _alone = alone();
    let options = Options { worlds: Some(12), jobs: 1, rerun_every: 1, ..Options::default() };
    let first = timeless(&options);
    assert_eq!(first["worlds_compared"], 12);
    let never = timeless(&Options { rerun_every: 0, ..options });
    assert_eq!(never["worlds_compared"], 0);
    assert_eq!(first["datagrams"], never["datagrams"]);
    assert_ne!(timeless(&Options { seed: 2, ..options })["datagrams"], first["datagrams"]);
}

#[cfg(enet_mutants)]
mod shrinking {
    use enet_proto::mutants::{Mutant, select};
    use enet_sim::shrink::shrink;

    use super::*;

    /// The first big random world that breaks a property.
    fn failing() -> Scenario {
        let mut worlds = (0..500).map(|number| swarm::scenario(swarm::world_seed(1, number)));
        let fails = |scenario: &Scenario| {
            let verdict = run::judged(scenario, Cast::OURS);
            verdict.extent.messages >= 200 && !verdict.violations.is_empty()
        };
        worlds.find(fails).unwrap()
    }

    #[test]
    fn a_world_that_fails_shrinks_to_a_tiny_one_that_fails_in_the_same_way() {
        let _alone = alone();
        for mutant in [Mutant::NoDedup, Mutant::DisconnectDataLost] {
            select(Some(mutant));
            let big = failing();
            let mut tried = 0;
            let small = shrink(&big, 4_000, &mut |so_far| tried = so_far).unwrap();
            let before = run::judged(&big, Cast::OURS).extent;
            let verdict = Regression::from_toml(&small.to_toml()).unwrap().replay();
            select(None);
            assert!(verdict.violations.iter().any(|it| it.property == small.property), "{verdict:?}");
            assert!(small.replay().violations.is_empty(), "{mutant}: it fails without its bug");
            assert!(tried <= 4_000);
            let (was, is) = (before.messages, verdict.extent.messages);
            assert!(is * 4 < was, "{mutant}: {was} messages became {is}");
            assert!(small.scenario.faults() <= 2, "{mutant}: {}", small.to_toml());
            assert!(
                small.only_faults.as_ref().is_some_and(|faults| faults.len() <= 4),
                "{:?}",
                small.only_faults
            );
            println!("{mutant}: {was} → {is} messages, {tried} worlds tried\n{}", small.to_toml());
        }
    }
}
