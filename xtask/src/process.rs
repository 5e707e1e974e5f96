//! Starting the tools this one is made of.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// A program in the root; `cargo` is the one that runs us.
pub(crate) fn program(name: &str) -> Command {
    let cargo = (name == "cargo").then(|| std::env::var_os("CARGO")).flatten();
    let mut command = Command::new(cargo.unwrap_or_else(|| name.into()));
    command.current_dir(root());
    command
}

/// Runs a command, and whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> io::Result<bool> {
    let status = command.status().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("{} cannot be started: {error}", command.get_program().display()),
        )
    })?;
    Ok(status.success())
}

/// Whether this is a machine on which nothing may be skipped silently.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}
