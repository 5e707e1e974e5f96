//! Exports the clock and the sockets of `enet-reference` from every program of this package, so that the C library uses
//! them there (feature `c-reference`; without it there is nothing of that name). Tells the program who compiled it.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg=-Wl,--export-dynamic-symbol=enet_*");
    }
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(compiler).arg("--version").output().map(|run| run.stdout).unwrap_or_default();
    println!("cargo:rustc-env=BENCH_RUSTC={}", String::from_utf8_lossy(&version).trim());
}
