//! The built-in scenarios, from `scenarios/*.toml`.

use super::Scenario;

macro_rules! scenarios {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../scenarios/", $folder, $name, ".toml")))),*]
    };
}

/// Each built-in scenario's name and text, in the order in which they are best read.
pub const BUILT_IN: &[(&str, &str)] = scenarios!("":
    "lan",
    "home-wifi",
    "mobile-4g",
    "transatlantic",
    "satellite",
    "lossy-5",
    "lossy-10",
    "lossy-20",
    "burst-loss",
    "bufferbloat",
    "thin-uplink",
    "reorder",
    "duplicate",
    "mtu-blackhole",
    "nat-rebind",
    "outage-3s",
    "throttle",
    "bulk-4mib",
    "clock-wrap",
    "server-64",
    "server-1000",
);

/// The same for the worlds of [`recovery`](crate::recovery): each has one thing go wrong, and for ten minutes.
pub const RECOVERY: &[(&str, &str)] = scenarios!("recovery/":
    "recovery-0",
    "recovery-2",
    "recovery-5",
    "recovery-10",
    "recovery-20",
    "recovery-30",
    "recovery-10-far",
    "recovery-burst-2",
    "recovery-burst-5",
    "recovery-burst-10",
    "recovery-jitter",
    "recovery-jitter-held",
    "recovery-outage-3s",
    "recovery-outage-8s",
    "recovery-rtt-step",
    "recovery-rtt-step-2",
    "recovery-overload",
    "recovery-state",
    "recovery-bulk-0",
    "recovery-bulk-2",
    "recovery-bulk-5",
    "recovery-share-game",
    "recovery-share-bulk",
);

impl Scenario {
    /// A built-in scenario.
    ///
    /// # Errors
    /// A sentence that names those there are.
    ///
    /// ```
    /// use enet_sim::Scenario;
    /// assert_eq!(Scenario::built_in("lossy-5")?.name, "lossy-5");
    /// assert!(Scenario::built_in("lossy-6").unwrap_err().contains("lossy-5"));
    /// # Ok::<(), String>(())
    /// ```
    pub fn built_in(name: &str) -> Result<Self, String> {
        match BUILT_IN.iter().chain(RECOVERY).find(|(known, _)| *known == name) {
            Some((_, text)) => Scenario::from_toml(text).map_err(|error| format!("{name}: {error}")),
            None => {
                let names: Vec<&str> = BUILT_IN.iter().chain(RECOVERY).map(|(name, _)| *name).collect();
                Err(format!("there is no scenario {name:?}; there are {}", names.join(", ")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_scenario_of_its_name_that_says_what_is_good() {
        for (name, text) in BUILT_IN.iter().chain(RECOVERY) {
            let scenario = Scenario::from_toml(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(scenario.name, *name);
            assert!(scenario.about.ends_with('.') && scenario.good.ends_with('.'), "{name}");
            assert_eq!(Scenario::from_toml(&scenario.to_toml()), Ok(scenario), "{name}");
        }
    }

    #[test]
    fn every_file_is_built_in() {
        for (folder, built_in) in [("scenarios", BUILT_IN), ("scenarios/recovery", RECOVERY)] {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/").to_owned() + folder;
            let is_file =
                |entry: &std::io::Result<std::fs::DirEntry>| entry.as_ref().unwrap().path().is_file();
            let files = std::fs::read_dir(folder).unwrap().filter(is_file).count();
            assert_eq!(files, built_in.len());
        }
    }
}
