//! Every committed input of every target, on any toolchain: the corpora, and what once failed.

use std::fs;
use std::path::Path;

use enet_fuzz::TARGETS;

/// Gives a target the files of its folder below `corpus` and below `regressions`; how many.
fn replay(name: &str) -> usize {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of that name");
    let mut count = 0;
    for folder in ["corpus", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        for file in files {
            let input = fs::read(&file).expect("a file that can be read");
            // Seen only if it fails: the last line says which file it was.
            println!("{}", file.display());
            target(&input);
            count += 1;
        }
    }
    count
}

macro_rules! replays {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            assert!(replay(stringify!($name)) > 0, "there are no inputs");
        })*

        /// Without it `diff_libenet` compares nothing.
        #[test]
        fn the_c_library_uses_our_clock_and_sockets() {
            let _ = enet_reference::simulated::interposed_or_skip("diff_libenet");
        }

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|(name, _)| *name).eq(replayed));
        }
    };
}

replays! {
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
