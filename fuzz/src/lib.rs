//! Fuzz targets as plain functions: bytes in, and a panic if something is wrong.
//!
//! `fuzz_targets/` wraps each in a program for cargo-fuzz; `tests/corpus.rs` gives them the committed inputs on any toolchain. What each
//! claims is in `README.md`.
#![forbid(unsafe_code)]

mod diff_libenet;
mod fragments;
mod godot_codecs;
mod handshake_attacker;
mod host_datagrams;
mod host_structured;
mod pair_script;
mod range_coder;
mod remote;
mod seq_windows;
mod speech;
mod subject;
mod values;
mod wire;

pub use diff_libenet::diff_libenet;
pub use fragments::fragments;
pub use godot_codecs::{fastlz, zlib, zstd};
pub use handshake_attacker::handshake_attacker;
pub use host_datagrams::host_datagrams;
pub use host_structured::host_structured;
pub use pair_script::pair_script;
pub use range_coder::{range_coder_decode, range_coder_roundtrip};
pub use seq_windows::seq_windows;
pub use wire::{header_checksum, wire_decode, wire_roundtrip};

/// A target: any bytes are an input.
pub type Target = fn(&[u8]);

macro_rules! targets {
    ($($name:ident)*) => {
        /// Every target, by the name of its program and of its folder in `corpus`.
        pub const TARGETS: &[(&str, Target)] = &[$((stringify!($name), $name)),*];
    };
}

targets! {
    wire_decode
    wire_roundtrip
    header_checksum
    host_datagrams
    host_structured
    pair_script
    fragments
    seq_windows
    range_coder_decode
    range_coder_roundtrip
    fastlz
    zlib
    zstd
    handshake_attacker
    diff_libenet
}
