//! Exports this crate's clock and sockets from its tests, so that the C library uses them there (`src/simulated`).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg-tests=-Wl,--export-dynamic-symbol=enet_*");
    }
}
