//! [`Instructions`]: processor instructions counted by callgrind, which runs this program again as its child. They do not
//! depend on what else the machine does.

use std::process::{Command, ExitCode};

use super::hosts::c::C;
use super::hosts::ours::Ours;
use super::hosts::watch::Spent;
use super::hosts::work::Work;
use super::nanos;
use super::rusty::Rusty;
use super::tables;
use crate::row::Subject;

/// Tells the child what to do: id of a row, name of a subject, units.
const VARIABLE: &str = "ENET_BENCH_COUNTED";

/// Whether callgrind is installed.
///
/// # Errors
/// A sentence on what is missing.
pub fn available() -> Result<(), String> {
    let found =
        Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    found.then_some(()).ok_or_else(|| "instructions are not counted: valgrind is not installed".to_owned())
}

/// An implementation at work under callgrind.
pub struct Instructions {
    id: &'static str,
    name: &'static str,
    units: u64,
    /// The figure, once it is known: it would be the same again.
    known: Option<f64>,
}

impl Instructions {
    /// Nothing is done yet. `units` are as many as callgrind can run through in a second or two.
    pub fn new(id: &'static str, name: &'static str, work: Work) -> Self {
        Instructions { id, name, units: work.units().div_ceil(20), known: None }
    }
}

impl Subject for Instructions {
    fn name(&self) -> &str {
        self.name
    }

    fn run(&mut self, _: f64) -> Result<f64, String> {
        if let Some(figure) = self.known {
            return Ok(figure);
        }
        let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
        let child = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*watch::counted*"])
            .arg(program)
            .env(VARIABLE, format!("{} {} {}", self.id, self.name, self.units))
            .output()
            .map_err(|error| format!("valgrind: {error}"))?;
        let (said, log) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
        if !child.status.success() {
            return Err(format!("under callgrind: {}{}", said.trim(), last_line(&log)));
        }
        let units = number_after(&said, "units:").ok_or("the child does not say how much it did")?;
        let collected =
            number_after(&log, "Collected :").ok_or("callgrind does not say how much it counted")?;
        let figure = collected as f64 / units as f64;
        self.known = Some(figure);
        Ok(figure)
    }
}

fn last_line(text: &str) -> &str {
    text.lines().next_back().unwrap_or_default()
}

fn number_after(text: &str, label: &str) -> Option<u64> {
    let (_, rest) = text.split_once(label)?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Does what the variable says, if it is set: then this program is callgrind's child and has nothing else to do.
pub fn child() -> Option<ExitCode> {
    let order = std::env::var(VARIABLE).ok()?;
    Some(match obey(&order) {
        Ok(spent) => {
            println!("units: {}", spent.units);
            ExitCode::SUCCESS
        }
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    })
}

fn obey(order: &str) -> Result<Spent, String> {
    let [id, name, units] = order.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(format!("{VARIABLE}={order} is not a row, a subject and a number"));
    };
    let units = units.parse().map_err(|error| format!("{units}: {error}"))?;
    let work =
        tables::counted().find(|counted| counted.0 == id).ok_or_else(|| format!("there is no row {id}"))?.2;
    match name {
        "ours" => work.run::<Ours, Ours>(&mut None, nanos, units),
        "c" => work.run::<C, C>(&mut None, nanos, units),
        "rusty" => work.run::<Rusty, Rusty>(&mut None, nanos, units),
        other => Err(format!("{other} counts no instructions")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_what_callgrind_says() {
        let log = "==1== Events    : Ir\n==1== Collected : 160881435\n==1==\n";
        assert_eq!(number_after(log, "Collected :"), Some(160_881_435));
        assert_eq!(number_after(log, "units:"), None);
    }

    #[test]
    fn a_child_that_is_asked_for_nonsense_says_so() {
        assert_eq!(obey("instructions-echo-64 ours").unwrap_err().split('=').next(), Some(VARIABLE));
        assert!(obey("no-such-row ours 1").unwrap_err().contains("no-such-row"));
        assert!(obey("instructions-echo-64 nobody 1").unwrap_err().contains("nobody"));
    }
}
