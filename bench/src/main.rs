//! The matrix of benchmarks: ours and the rivals, interleaved in one run. `cargo xtask bench` calls it.

mod arguments;
mod clock;
mod ends;
mod machine;
mod measure;
mod report;
mod row;
mod rows;

#[cfg(not(unix))]
compile_error!("these benchmarks ask for the processor time of a thread as POSIX has it");

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Output};
use crate::machine::Machine;
use crate::report::Report;

fn main() -> ExitCode {
    if let Some(code) = rows::memory::instructions::child() {
        return code;
    }
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether no row failed.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let rows = arguments.select(rows::all())?;
    if arguments.list {
        for row in &rows {
            let goal = row.goal.map_or(String::new(), |goal| format!(" (goal: C ÷ ours ≥ {goal})"));
            println!("{:40} {}, {}{goal}", row.id, row.title, row.unit);
        }
        return Ok(true);
    }
    arguments.check()?;
    let json = arguments.json.as_deref().map(Output::open).transpose()?;
    let html = arguments.html.as_deref().map(Output::open).transpose()?;
    ends::allow_many_sockets();
    let machine = Machine::here();
    eprintln!("{machine}");
    let rows = measure::measure(rows, arguments.effort(), |line| eprintln!("{line}"));
    let report = Report { machine, command: arguments.said(), rows };
    if arguments.is_piped() {
        eprint!("{}", report::table(&report));
    } else {
        print!("{}", report::table(&report));
    }
    if let Some(output) = json {
        output.write(&report::json(&report).map_err(|error| error.to_string())?)?;
    }
    if let Some(output) = html {
        output.write(&report::page(&report))?;
    }
    Ok(report.failures() == 0)
}
