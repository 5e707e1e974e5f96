//! Hosts crash and links are cut, under turmoil: all its scenarios, with several seeds, each run twice.
#![allow(clippy::unwrap_used)] // it is a test

#[cfg(not(feature = "turmoil"))]
#[test]
#[ignore = "it takes a feature: cargo test -p enet-sim --features turmoil --test turmoil"]
fn the_scenarios_of_turmoil() {}

#[cfg(feature = "turmoil")]
mod with_turmoil {
    use enet_sim::turmoil::{RESTART_WHILE_SPOKEN_TO, Report, SCENARIOS};

    /// Plays a scenario, twice for each seed.
    fn play(name: &str) -> [Report; 3] {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap();
        [1, 2, 3].map(|seed| {
            let report = (scenario.run)(seed);
            assert!(report.is_good(), "{}\n{report}", scenario.good);
            let again = (scenario.run)(seed);
            assert_eq!(report.log, again.log);
            assert_eq!(report.trace_hash, again.trace_hash);
            report
        })
    }

    #[test]
    fn a_client_times_out_on_a_crashed_server_and_finds_the_restarted_one_at_its_address() {
        play("server-crash");
    }

    #[test]
    fn a_partition_shorter_than_the_timeout_is_survived_and_nothing_is_lost() {
        play("short-partition");
    }

    #[test]
    fn both_sides_of_a_long_partition_time_out_and_the_client_connects_anew() {
        play("long-partition");
    }

    #[test]
    fn either_direction_alone_may_fail_for_less_than_the_timeout() {
        play("short-one-way-partition");
    }

    #[test]
    fn both_sides_time_out_if_one_direction_fails_for_long() {
        play("long-one-way-partition");
    }

    #[test]
    fn what_is_held_up_arrives_without_loss_and_in_order() {
        play("hold");
    }

    /// Both connections exist for a while, and the older one ends.
    #[test]
    fn a_restarted_client_is_let_in_beside_its_former_self() {
        play("client-restart");
    }

    /// Also: other seeds lose other datagrams, and the hash shows it.
    #[test]
    fn one_of_eight_clients_crashes_and_loss_or_not_the_others_get_everything() {
        let [first, second, third] = play("eight-clients").map(|report| report.trace_hash);
        assert_ne!(first, second);
        assert_ne!(second, third);
    }

    /// Stock ENet's does, and `Profile::Compat`'s: its name is a slot, and its session starts over. Here names are random.
    #[test]
    fn a_restarted_client_hears_nothing_of_its_former_connection() {
        for seed in 1..=3 {
            assert_eq!((RESTART_WHILE_SPOKEN_TO.run)(seed).violations, Vec::<String>::new(), "seed {seed}");
        }
    }

    /// The documentation says so.
    #[test]
    fn the_driver_is_the_one_in_the_documentation() {
        let file = |path: &str| {
            std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR")))
                .map(|text| text.replace("\r\n", "\n"))
        };
        let driver = file("src/turmoil/driver.rs").unwrap();
        let (_, program) = driver.split_once("#[derive(Debug)]\n").unwrap();
        // Outside of the repository, in the published crate, the page is not there.
        if let Ok(page) = file("../docs/EMBEDDING.md") {
            assert!(
                page.contains(program),
                "docs/EMBEDDING.md, section Async, has another driver than src/turmoil/driver.rs"
            );
        }
    }
}
