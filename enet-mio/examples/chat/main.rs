//! A chat room: callbacks on both ends, a client that comes back by itself, and what is typed meanwhile is not lost.

#[path = "../common/mod.rs"]
mod common;
mod guest;
mod room;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use common::Both;

/// Names and lines travel on channels of their own; both are reliable, so a name is there before the first line.
const NAME: u8 = 0;
const LINE: u8 = 1;

const TICK: Duration = Duration::from_millis(100);

/// A chat room for everybody who connects
#[derive(Parser)]
#[command(after_help = "\
Examples:
  chat serve '*:6789'                    a room, until interrupted
  chat join localhost:6789 --name ann    reads lines and sends them; ends with its input")]
struct Options {
    #[command(subcommand)]
    role: Role,
    #[command(flatten)]
    both: Both,
}

#[derive(Subcommand)]
enum Role {
    /// Opens a room
    Serve {
        /// Where to listen: `host:port`; `*` stands for every host or any port
        #[arg(value_name = "ADDR")]
        bind: String,
        /// Stop after so many seconds
        #[arg(long, value_name = "S", default_value_t = f64::MAX, hide_default_value = true)]
        seconds: f64,
    },
    /// Joins a room, and joins it again whenever it was lost
    Join {
        /// The room: `host:port`
        #[arg(value_name = "ADDR")]
        server: String,
        /// What the others call you
        #[arg(long, default_value = "somebody")]
        name: String,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    common::exit(
        "chat",
        match &options.role {
            Role::Serve { bind, seconds } => room::serve(bind, *seconds, &options.both),
            Role::Join { server, name } => guest::join(server, name, &options.both),
        },
    )
}
