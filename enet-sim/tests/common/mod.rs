//! What the four suites of properties share: [`check`] runs a suite's worlds, each judged by the suite's own oracle and
//! by the [`Judge`]; a world that fails is shrunk and becomes a file that replays it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod estimate;
pub(crate) mod model;
pub(crate) mod side;
pub(crate) mod worlds;

use std::cell::Cell;
use std::io::Write as _;
use std::path::PathBuf;

use enet_sim::oracle::Judge;
use enet_sim::scenario::Scenario;
use enet_sim::shrink::Regression;
use enet_sim::world::observer::Observer;
use enet_sim::world::{Cast, Extent, World};
use enet_sim::{Time, run};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// A property that does not hold: its name in the list of properties, and what was seen.
pub(crate) type Broken = (&'static str, String);

/// A suite's own judge.
pub(crate) trait Oracle: Observer {
    /// The world is over: what was wrong?
    fn verdict(self, end: Time) -> Vec<Broken>;
}

/// A suite, or a part of one.
pub(crate) struct Suite {
    /// As its file is called.
    pub(crate) name: &'static str,
    /// What this part is about.
    pub(crate) part: &'static str,
    /// Worlds.
    pub(crate) cases: u32,
    /// The properties that it is about, as its own oracle sees them; what else is wrong is for others to notice.
    pub(crate) properties: &'static [&'static str],
    /// Those that the judge looks at, too.
    pub(crate) judged: &'static [&'static str],
}

impl Suite {
    /// Runs the worlds.
    ///
    /// With `ENET_WORLD=FILE`, runs that world alone. `PROPTEST_CASES` changes the number of worlds. Where the mutants
    /// are compiled in, `ENET_MUTANT` names the one that is switched on.
    #[allow(clippy::panic, reason = "this is how a test fails")]
    pub(crate) fn check<O: Oracle>(
        &self,
        worlds: impl Strategy<Value = Scenario>,
        oracle: impl Fn(&Scenario) -> O,
    ) {
        select_mutant();
        if let Some(path) = std::env::var_os("ENET_WORLD") {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let world = Regression::from_toml(&text).unwrap_or_else(|error| panic!("ENET_WORLD: {error}"));
            let broken = self.judge(&world.scenario, oracle(&world.scenario)).0;
            assert!(broken.is_empty(), "{broken:#?}");
            return;
        }
        let mut config = Config { failure_persistence: None, ..Config::default() };
        if std::env::var_os("PROPTEST_CASES").is_none() {
            config.cases = self.cases;
        }
        if std::env::var_os("PROPTEST_MAX_SHRINK_ITERS").is_none() {
            config.max_shrink_iters = 1_500;
        }
        // The same worlds each time: whether a change passes must not be a matter of luck.
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let [cases, messages, datagrams, seconds] = [const { Cell::new(0u64) }; 4];
        let result = runner.run(&worlds, |scenario| {
            let (broken, extent) = self.judge(&scenario, oracle(&scenario));
            cases.set(cases.get() + 1);
            messages.set(messages.get() + extent.messages);
            datagrams.set(datagrams.get() + extent.datagrams);
            seconds.set(seconds.get() + extent.end.0 / 1_000_000_000);
            match broken.into_iter().next() {
                None => Ok(()),
                Some((property, text)) => Err(TestCaseError::fail(format!("{property}: {text}"))),
            }
        });
        let (name, part) = (self.name, self.part);
        match result {
            Ok(()) => say(&format!(
                "{name}, {part}: {} cases, {} messages, {} datagrams, {} simulated s",
                cases.get(),
                messages.get(),
                datagrams.get(),
                seconds.get()
            )),
            Err(TestError::Fail(reason, scenario)) => {
                let words = self.save(scenario, reason.message(), cases.get());
                panic!("{words}");
            }
            Err(TestError::Abort(reason)) => panic!("{name}, {part}: {reason}"),
        }
    }

    /// What is wrong with a world, as far as it is this suite's business.
    fn judge<O: Oracle>(&self, scenario: &Scenario, oracle: O) -> (Vec<Broken>, Extent) {
        let judge = Judge::new(&run::rules(scenario, Cast::OURS));
        let mut world = match World::new(scenario, Cast::OURS, (judge, oracle)) {
            Ok(world) => world,
            Err(reason) => return (vec![("setup", reason)], Extent::default()),
        };
        world.run();
        let ((mut judge, oracle), extent, _) = world.finish();
        judge.finish(extent.end);
        let mut broken: Vec<Broken> = oracle.verdict(extent.end);
        broken.retain(|(property, _)| self.properties.contains(property));
        let judged = judge.violations().iter().filter(|it| self.judged.contains(&it.property));
        broken.extend(judged.map(|it| (it.property, it.to_string())));
        (broken, extent)
    }

    /// Writes the smallest world that fails to a file, and says how to see it again.
    fn save(&self, scenario: Scenario, what: &str, cases: u64) -> String {
        let (name, part) = (self.name, self.part);
        let property = what.split(':').next().unwrap_or_default().to_owned();
        let regression = Regression { property, what: what.to_owned(), only_faults: None, scenario };
        let text = regression.to_toml();
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}.toml", part.replace(' ', "-")));
        let saved =
            std::fs::write(&path, &text).map_or_else(|error| error.to_string(), |()| "saved".to_owned());
        let path = path.display();
        format!(
            "{name}, {part}: after {cases} worlds, this one is the smallest found that fails\n{what}\n\n{text}\n{saved}: {path}\n\
             cargo xtask sim replay {path}\nENET_WORLD={path} cargo test -p enet-sim --test {name} {part}\n",
            part = part.replace(' ', "_")
        )
    }
}

/// Prints a line that the test harness does not keep to itself.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Breaks the rule that `ENET_MUTANT` names, for the whole process.
pub(crate) fn select_mutant() {
    #[cfg(enet_mutants)]
    {
        let name = std::env::var("ENET_MUTANT").ok();
        enet_proto::mutants::select(name.and_then(|name| name.parse().ok()));
    }
}
