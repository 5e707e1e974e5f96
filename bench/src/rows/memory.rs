//! Rows without sockets: the protocol, the codecs and memory alone.

mod codec;
mod heap;
#[path = "../../../enet-proto/benches/memory/mod.rs"]
mod hosts;
pub mod instructions;
mod libenet;
mod player;
mod rusty;
mod tables;
mod worst;

use crate::clock::thread_time;
use crate::row::{Row, Subject};

/// These rows.
pub fn rows() -> Vec<Row> {
    let rooms = [
        tables::traffic(),
        tables::crowds(),
        tables::flat(),
        tables::worst(),
        tables::instructions(),
        tables::heap(),
        tables::checksum(),
        tables::range_coder(),
    ];
    rooms.into_iter().flatten().collect()
}

/// The processor time of this thread, in ns.
fn nanos() -> u64 {
    thread_time().as_nanos() as u64
}

/// A subject made of a function from the scale to the figure.
struct Doing<F>(&'static str, F);

impl<F: FnMut(f64) -> Result<f64, String>> Subject for Doing<F> {
    fn name(&self) -> &str {
        self.0
    }

    fn run(&mut self, scale: f64) -> Result<f64, String> {
        (self.1)(scale)
    }
}

fn doing(name: &'static str, run: impl FnMut(f64) -> Result<f64, String> + 'static) -> Box<dyn Subject> {
    Box::new(Doing(name, run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::implementation;

    fn needs_c(subject: &str) -> bool {
        implementation(subject) == "c" || subject.contains("(C client")
    }

    /// Instructions are left out: under callgrind it would be the tests that run. Only who is C, or has its clients, may
    /// miss the library.
    #[test]
    fn every_row_gives_figures_for_everybody() {
        let may_be_missing = std::env::var("CI").as_deref() != Ok("true");
        for mut row in rows().into_iter().filter(|row| !row.id.starts_with("instructions-")) {
            for subject in &mut row.subjects {
                match subject.run(0.002) {
                    Ok(figure) => {
                        // Memory can be had for nothing, and other tests, beside this one, take some and give it back.
                        let is_possible = figure > 0.0 || row.id.starts_with("memory-heap-");
                        assert!(is_possible && figure.is_finite(), "{} {}: {figure}", row.id, subject.name());
                    }
                    Err(reason)
                        if may_be_missing && needs_c(subject.name()) && reason.contains("libenet") =>
                    {
                        eprintln!("skipped: {}: {reason}", row.id);
                    }
                    Err(reason) => panic!("{} {}: {reason}", row.id, subject.name()),
                }
            }
        }
    }
}
