//! Which deliberate bugs in `enet-proto` the swarm finds, and after how many worlds: `cargo xtask sim swarm --mutants`.
//!
//! It has to be built with `RUSTFLAGS="--cfg enet_mutants"`; then one bug at a time is switched on.

#[cfg(not(enet_mutants))]
fn main() {
    eprintln!(
        "this has to be built with RUSTFLAGS=\"--cfg enet_mutants\": see cargo xtask sim swarm --mutants"
    );
    std::process::exit(2);
}

#[cfg(enet_mutants)]
fn main() -> std::process::ExitCode {
    hunt::main()
}

#[cfg(enet_mutants)]
mod hunt {
    use std::process::ExitCode;
    use std::time::{Duration, Instant};

    use enet_proto::mutants::{Mutant, select};
    use enet_sim::swarm::{self, Options, SwarmReport};

    /// Worlds after which a mutant counts as not found.
    const PATIENCE: u64 = 40_000;

    pub(crate) fn main() -> ExitCode {
        let options = match arguments() {
            Ok(options) => options,
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::from(2);
            }
        };
        std::panic::set_hook(Box::new(|_| ()));
        let started = Instant::now();
        let mut entries = Vec::new();
        // Where the JSON goes to standard output, the table does not.
        let say = |text: String| {
            if options.json.as_deref() == Some("-") { eprintln!("{text}") } else { println!("{text}") }
        };
        say(format!("{:26}{:>8}  {:9} {}", "mutant", "worlds", "property", "what it breaks"));
        let mutants =
            Mutant::ALL.iter().filter(|it| options.only.as_deref().is_none_or(|only| it.as_str() == only));
        for mutant in mutants {
            select(Some(*mutant));
            let report = swarm::run(&options.swarm, &|_, _| ());
            let found = needed(&report);
            let (worlds, property) = match &found {
                Some((worlds, property)) => (worlds.to_string(), property.as_str()),
                None => ("NOT in".to_owned(), "-"),
            };
            say(format!("{:26}{worlds:>8}  {property:9} {}", mutant.as_str(), mutant.breaks()));
            entries.push(serde_json::json!({
                "mutant": mutant.as_str(),
                "worlds": found.as_ref().map(|(worlds, _)| worlds),
                "property": found.as_ref().map(|(_, property)| property),
                "text": report.failures.first().map(|failure| &failure.text),
            }));
        }
        let caught = entries.iter().filter(|entry| !entry["worlds"].is_null()).count();
        say(format!("{caught} of {} caught, {:.0} s", entries.len(), started.elapsed().as_secs_f64()));
        if let Some(path) = options.json {
            let all = serde_json::json!({
                "mutants_caught": caught,
                "mutants_total": entries.len(),
                "mutants": entries,
            });
            if path == "-" {
                println!("{all:#}");
            } else if let Err(error) = std::fs::write(&path, format!("{all:#}\n")) {
                eprintln!("error: {path}: {error}");
                return ExitCode::from(2);
            }
        }
        if caught == entries.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// The number of worlds it took, and the property that the last of them broke.
    fn needed(report: &SwarmReport) -> Option<(u64, String)> {
        let failure = report.failures.first()?;
        Some((failure.world + 1, failure.property.clone()))
    }

    struct Arguments {
        swarm: Options,
        json: Option<String>,
        only: Option<String>,
    }

    fn arguments() -> Result<Arguments, String> {
        let mut swarm =
            Options { worlds: Some(PATIENCE), rerun_every: 0, stop_at_violation: true, ..Options::default() };
        let (mut json, mut only) = (None, None);
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{value:?} is not a number"));
            match word.as_str() {
                "--seed" => swarm.seed = number()?,
                "--worlds" => swarm.worlds = Some(number()?),
                "--secs" => swarm.time = Some(Duration::from_secs(number()?)),
                "--jobs" => swarm.jobs = usize::try_from(number()?).map_err(|error| error.to_string())?,
                "--json" => json = Some(value),
                "--only" if value.parse::<Mutant>().is_ok() => only = Some(value),
                "--only" => return Err(format!("there is no mutant {value}")),
                _ => {
                    return Err(format!(
                        "unknown argument {word}; there are --seed --worlds --secs --jobs --json --only"
                    ));
                }
            }
        }
        Ok(Arguments { swarm, json, only })
    }
}
