//! A server under a flood of forged connects still lets honest clients in (docs/ATTACKS.md A2), and says no more to
//! strangers than it may (M3); C's does not.

use enet_sim::endpoint::Implementation;
use enet_sim::run;
use enet_sim::siege::Siege;
use enet_sim::world::Cast;

#[test]
fn a_hundred_thousand_forged_connects_a_second_keep_nobody_out() {
    let outcome = Siege::new(false).run(Implementation::Ours).unwrap();
    assert_eq!((outcome.in_time, outcome.clients), (100, 100));
}

#[test]
fn not_even_if_all_of_them_seem_to_come_from_the_clients_own_network() {
    let outcome = Siege::new(true).run(Implementation::Ours).unwrap();
    assert_eq!((outcome.in_time, outcome.clients), (100, 100));
}

/// M3, C10, and everything else; slower, for all is looked at.
#[test]
fn nothing_that_is_promised_breaks_under_a_flood() {
    for near in [false, true] {
        let siege = Siege { rate: 2_000, clients: 50, ..Siege::new(near) };
        let verdict = run::judged(&siege.scenario(), Cast::OURS);
        assert_eq!(verdict.violations, []);
    }
}

#[cfg(feature = "c-reference")]
#[test]
fn a_thousand_a_second_shut_out_everybody_from_a_server_of_the_c_library() {
    let siege = Siege { rate: 1_000, clients: 20, ..Siege::new(false) };
    match siege.run(Implementation::C) {
        Ok(outcome) => assert_eq!((outcome.in_time, outcome.clients), (0, 20)),
        Err(reason) => {
            assert!(std::env::var_os("CI").is_none(), "{reason}");
            eprintln!("skipped: {reason}");
        }
    }
}
