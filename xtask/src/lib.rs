//! The workspace's commands, `cargo xtask VERB`: a thin face on the crates' own functions.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod attack;
mod bench;
mod ci;
mod coverage;
mod decode;
mod docs;
mod fuzz;
mod idle_cost;
mod mutants;
mod process;
mod proxy;
mod sim;
mod targets;
mod vectors;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The commands of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The network laboratory: what ENet does on a given network, ours and C's side by side
    Sim(sim::Sim),
    /// Put a simulated network between real programs, in real time
    Proxy(proxy::Proxy),
    /// Compare this stack with recordings of the C library, byte for byte
    Vectors(vectors::Vectors),
    /// Print what is in captured datagrams: a pcap or pcapng file, or hexadecimal digits
    Decode(decode::Decode),
    /// Change one rule of enet-proto at a time and show which recording or test notices
    Mutants(mutants::Mutants),
    /// Run the fuzz targets, each for a while: what was executed, reached and found
    Fuzz(fuzz::Fuzz),
    /// Count what idle peers cost, in instructions
    IdleCost(idle_cost::IdleCost),
    /// Attack a server on loopback, ours and C's side by side: what the open internet does to one
    #[cfg(target_os = "linux")]
    Attack(attack::Attack),
    /// The server that `attack` attacks
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Victim(attack::Victim),
    /// Measure this stack against the C library and other Rust implementations
    Bench(bench::Bench),
    /// Check that everything compiles for Windows, macOS, 32-bit Linux, WebAssembly and a microcontroller
    Targets(targets::Targets),
    /// Measure the line coverage of the wire, compress and proto crates
    Coverage(coverage::Coverage),
    /// Do what continuous integration does: about fifteen minutes
    Ci(ci::Ci),
}

impl Cli {
    /// Does what was asked for. The exit code is 0 if it went well, 1 if not, 2 if it could not be done.
    pub fn run(self) -> ExitCode {
        let went_well = match self.verb {
            Verb::Sim(verb) => verb.run(),
            Verb::Proxy(verb) => verb.run(),
            Verb::Vectors(verb) => verb.run(),
            Verb::Decode(verb) => verb.run(),
            Verb::Mutants(verb) => verb.run(),
            Verb::Fuzz(verb) => verb.run(),
            Verb::IdleCost(verb) => verb.run(),
            #[cfg(target_os = "linux")]
            Verb::Attack(verb) => verb.run(),
            #[cfg(target_os = "linux")]
            Verb::Victim(verb) => verb.run(),
            Verb::Bench(verb) => verb.run(),
            Verb::Targets(verb) => verb.run(),
            Verb::Coverage(verb) => verb.run(),
            Verb::Ci(verb) => verb.run(),
        };
        match went_well {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(2)
            }
        }
    }
}

/// Whether all is well; or why it could not be found out.
type Outcome = Result<bool, Box<dyn std::error::Error>>;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_make_sense_to_clap() {
        Cli::command().debug_assert();
    }
}
