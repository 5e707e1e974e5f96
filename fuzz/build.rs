//! Exports the clock and the sockets of `enet-reference`, so that the C library uses them in `diff_libenet`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg=-Wl,--export-dynamic-symbol=enet_*");
    }
}
