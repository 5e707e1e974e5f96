//! Judges vector files: `check FILE... [--survey | --trace NAME]`.
//!
//! Without options each file gets one line, or its first difference. `--survey` gives a line to each trace of the files;
//! `--trace NAME` replays one trace and tells every step.

use std::process::ExitCode;

use enet_testkit::vectors::{check_file, narrate, survey};

fn main() -> ExitCode {
    let mut files = Vec::new();
    let (mut every_trace, mut one_trace) = (false, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--survey" => every_trace = true,
            "--trace" => one_trace = arguments.next(),
            _ => files.push(argument),
        }
    }
    if files.is_empty() {
        eprintln!("usage: check FILE... [--survey | --trace NAME]");
        return ExitCode::FAILURE;
    }
    let mut identical = true;
    for file in &files {
        identical &= match &one_trace {
            Some(name) => print(file, narrate(file, name, &mut std::io::stdout().lock())),
            None if every_trace => print_survey(file),
            None => print(file, check_file(file)),
        };
    }
    if identical { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print<R: std::fmt::Display, M: std::fmt::Display>(file: &str, verdict: Result<R, M>) -> bool {
    match &verdict {
        Ok(report) => println!("{file}: {report}"),
        Err(mismatch) => println!("{mismatch}"),
    }
    verdict.is_ok()
}

fn print_survey(file: &str) -> bool {
    let verdicts = match survey(file) {
        Ok(verdicts) => verdicts,
        Err(mismatch) => return print::<&str, _>(file, Err(mismatch)),
    };
    let failed = verdicts.iter().filter(|(_, verdict)| verdict.is_err()).count();
    for (trace, verdict) in &verdicts {
        match verdict {
            Ok(report) => println!("ok      {trace}: {} datagrams", report.datagrams),
            Err(mismatch) => {
                let what = mismatch.what.lines().next().unwrap_or_default();
                println!("DIFFERS {trace}: {}: {what}", mismatch.case);
            }
        }
    }
    println!("{file}: {} of {} traces identical", verdicts.len() - failed, verdicts.len());
    failed == 0
}
