//! `cargo xtask`: see [`xtask::Cli`].

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    xtask::Cli::parse().run()
}
