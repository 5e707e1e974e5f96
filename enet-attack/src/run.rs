//! [`run`]: attacks by plan, those that wait beside the others.

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use enet_sim::endpoint::Implementation;
use enet_sim::siege::Siege;

use crate::guesses::{Guessed, guess_handshakes};
use crate::loopback::Loopback;
use crate::report::{FAILED, Record, Report};
use crate::stage::{Finding, Stage, Trouble};
use crate::table::{ATTACKS, Attack, Goal, Row};
use crate::victim::{Launcher, Whose};

/// Whom to attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// An echo server started for it.
    Victim(Whose),
    /// Somebody's own server, on this machine.
    Address(Loopback),
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Against::Victim(whose) => f.write_str(whose.name()),
            Against::Address(at) => at.fmt(f),
        }
    }
}

impl FromStr for Against {
    type Err = String;

    fn from_str(text: &str) -> Result<Against, String> {
        match text {
            "ours" => Ok(Against::Victim(Whose::Ours)),
            "c" => Ok(Against::Victim(Whose::C)),
            address => address.parse().map(Against::Address),
        }
    }
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whom to attack, side by side.
    pub against: Vec<Against>,
    /// Ids of attacks; empty for all.
    pub only: Vec<String>,
    /// Less of everything: below 40 s instead of 3 minutes.
    pub quick: bool,
}

/// Blind handshakes against the protocol alone: no attack of the table, for it needs no victim.
const GUESSES: Row =
    Row { what: "blind handshakes, in process: connections", unit: "", goal: Goal::AtMost(0.0) };

/// Floods of a size that loopback does not carry: in the simulator.
const SIEGES: [(bool, Row); 2] = [
    (false, siege("100,000 spoofed CONNECTs a second, simulated: honest clients in within 1 s")),
    (true, siege("100,000 a second of their own /24, simulated: the same")),
];

const fn siege(what: &'static str) -> Row {
    Row { what, unit: "%", goal: Goal::AtLeast(99.0) }
}

impl Plan {
    fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only.eq_ignore_ascii_case(id))
    }

    /// Those of the table that are asked for.
    ///
    /// # Errors
    /// A sentence, if one that is asked for does not exist.
    fn attacks(&self) -> Result<Vec<&'static Attack>, String> {
        // Of somebody's own server only what can be known of it, unless more is asked for.
        let outside = self.only.is_empty() && self.against.iter().all(|it| matches!(it, Against::Address(_)));
        let wanted = |attack: &&Attack| self.wants(attack.id) && (attack.from_outside || !outside);
        match self.only.iter().find(|id| !ATTACKS.iter().any(|attack| attack.id.eq_ignore_ascii_case(id))) {
            Some(unknown) => Err(format!("there is no attack `{unknown}`: A1 to A18")),
            None => Ok(ATTACKS.iter().filter(wanted).collect()),
        }
    }
}

/// Attacks. `launcher` starts victims, `progress` hears what is being done.
///
/// # Errors
/// A sentence, if the plan makes no sense. What goes wrong with a single attack is in the report.
pub fn run(plan: &Plan, launcher: &Launcher, progress: impl Fn(&str) + Sync) -> Result<Report, String> {
    let (attacks, start) = (plan.attacks()?, Instant::now());
    let stage = |against| Stage { launcher, against, quick: plan.quick };
    let mut found: Vec<(usize, Vec<Record>)> = Vec::new();
    std::thread::scope(|scope| {
        let one = |place: usize, attack: &'static Attack, against: Against| {
            progress(&format!("{} against {against}", attack.id));
            (place, records(attack, &stage(against)))
        };
        let waiting: Vec<_> = numbered(&attacks, &plan.against)
            .filter(|(_, attack, _)| attack.waits)
            .map(|(place, attack, against)| scope.spawn(move || one(place, attack, against)))
            .collect();
        for (place, attack, against) in numbered(&attacks, &plan.against).filter(|(_, it, _)| !it.waits) {
            found.push(one(place, attack, against));
            match (attack.id, against) {
                ("A3", Against::Victim(Whose::Ours)) => {
                    progress("A3 against ours, in process");
                    found.push((place, vec![in_process(attack, plan.quick)]));
                }
                ("A2", Against::Victim(whose)) => {
                    progress(&format!("A2 against {against}, simulated"));
                    found.push((place, SIEGES.iter().map(|it| besieged(attack, it, whose)).collect()));
                }
                _ => {}
            }
        }
        found.extend(waiting.into_iter().filter_map(|thread| thread.join().ok()));
    });
    found.sort_by_key(|(place, _)| *place);
    let records = found.into_iter().flat_map(|(_, records)| records).collect();
    Ok(Report::new(records, start.elapsed().as_secs_f64()))
}

/// Each attack against everybody whom it can be done to, with its place in the report.
fn numbered(
    attacks: &[&'static Attack],
    against: &[Against],
) -> impl Iterator<Item = (usize, &'static Attack, Against)> {
    let pairs = attacks.iter().flat_map(|attack| against.iter().map(|against| (*attack, *against)));
    let mut pairs: Vec<_> =
        pairs.enumerate().map(|(place, (attack, against))| (place, attack, against)).collect();
    // A server that is attacked more than once: last what fills it for half a minute.
    pairs.sort_by_key(|(_, attack, against)| match against {
        Against::Address(_) => {
            ["A18", "A2"].iter().position(|late| *late == attack.id).map_or(0, |late| late + 1)
        }
        Against::Victim(_) => 0,
    });
    pairs.into_iter()
}

fn records(attack: &Attack, stage: &Stage<'_>) -> Vec<Record> {
    let nothing = |note: String| attack.rows.iter().map(|_| Finding::none(note.clone())).collect();
    let findings = match stage.against {
        Against::Address(_) if !attack.from_outside => {
            nothing("SKIPPED: needs to look into the victim".to_owned())
        }
        _ => match (attack.run)(stage) {
            Ok(findings) => findings,
            Err(Trouble::Skipped(reason)) => nothing(format!("SKIPPED: {reason}")),
            Err(Trouble::Failed(reason)) => nothing(format!("{FAILED}{reason}")),
        },
    };
    let against = stage.against.to_string();
    let rows = attack.rows.iter().zip(findings);
    rows.map(|(row, finding)| Record::new(attack, row, against.clone(), finding)).collect()
}

fn in_process(attack: &Attack, quick: bool) -> Record {
    let guesses = if quick { 200_000 } else { 10_000_000 };
    let start = Instant::now();
    let guessed = guess_handshakes(guesses);
    let seconds = start.elapsed().as_secs_f64();
    let Guessed { guesses, judged, connected } = guessed;
    let note = format!("{guesses} guesses in {seconds:.1} s, {judged} of which named an attempt");
    // Where the proof decides nothing, nothing is shown.
    let finding =
        if judged > guesses / 2 { Finding::of(connected as f64).note(note) } else { Finding::none(note) };
    Record::new(attack, &GUESSES, Against::Victim(Whose::Ours).to_string(), finding)
}

fn besieged(attack: &Attack, (near, row): &(bool, Row), whose: Whose) -> Record {
    let (implementation, clients) = match whose {
        Whose::Ours => (Implementation::Ours, 100),
        // It looks through all its slots for each; fewer show the same.
        Whose::C => (Implementation::C, 20),
    };
    let finding = match (Siege { clients, ..Siege::new(*near) }).run(implementation) {
        Ok(outcome) => Finding::of(100.0 * outcome.in_time as f64 / outcome.clients.max(1) as f64)
            .note(format!("{} of {} clients, 150 ms away", outcome.in_time, outcome.clients)),
        Err(reason) => Finding::none(format!("SKIPPED: {reason}")),
    };
    Record::new(attack, row, Against::Victim(whose).to_string(), finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(against: &[&str], only: &[&str]) -> Plan {
        let against = against.iter().map(|text| text.parse().unwrap()).collect();
        Plan { against, only: only.iter().map(|id| (*id).to_owned()).collect(), quick: true }
    }

    fn order(plan: &Plan) -> Vec<&'static str> {
        let attacks = plan.attacks().unwrap();
        numbered(&attacks, &plan.against).map(|(_, attack, _)| attack.id).collect()
    }

    #[test]
    fn somebodys_own_server_is_attacked_from_outside_and_filled_last() {
        assert_eq!(order(&plan(&["127.0.0.1:6789"], &[])), ["A1", "A5", "A6", "A17", "A18", "A2"]);
    }

    #[test]
    fn victims_are_attacked_side_by_side() {
        assert_eq!(order(&plan(&["ours", "c"], &["a3", "A1"])), ["A1", "A1", "A3", "A3"]);
        assert_eq!(order(&plan(&["ours"], &[])).len(), ATTACKS.len());
    }

    #[test]
    fn what_is_no_attack_or_no_victim_is_an_error_that_says_so() {
        assert!(plan(&["ours"], &["A19"]).attacks().unwrap_err().contains("A19"));
        assert!("192.0.2.1:6789".parse::<Against>().unwrap_err().contains("not loopback"));
    }
}
