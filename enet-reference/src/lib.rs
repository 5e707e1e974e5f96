//! The installed C library behind a safe face: [`CHost`] over real sockets, for tests that talk to the real thing, and
//! [`simulated`] hosts, whose clock and network are the program's.
//!
//! ```
//! use std::time::Duration;
//! use enet_reference::{CEvent, CHostConfig, library_or_skip};
//!
//! let Some(library) = library_or_skip("the example of libenet") else { return };
//! let mut server = library.host(CHostConfig::default()).unwrap();
//! let mut client = library.host(CHostConfig::default()).unwrap();
//! let peer = client.connect(server.address(), 1, 7).unwrap();
//! let connected = (0..1000).find_map(|_| {
//!     client.service(Duration::ZERO);
//!     server.service(Duration::from_millis(1))
//! });
//! assert!(matches!(connected, Some(CEvent::Connected { data: 7, .. })));
//! client.reset(peer);
//! ```
//!
//! It is loaded at run time, so nothing needs it to build. Only ENet 1.3.17 on 64-bit Linux is taken: settings such as the
//! checksum are fields of C structs, whose places are known for that one. `tests/libenet.rs` compares them with the
//! installed header.

pub mod abi;
mod host;
mod range_coder;
pub mod simulated;
mod stats;

use std::sync::OnceLock;

pub use crate::host::{CEvent, CHost, CHostConfig, CPeer};
pub use crate::range_coder::CRangeCoder;
pub use crate::stats::CPeerStats;

use crate::abi::{Functions, Replaceable};

const FILE: &str = "libenet.so.7";
const VERSION: u32 = 1 << 16 | 3 << 8 | 17;

/// The loaded C library. It stays loaded until the process ends.
#[derive(Clone, Copy)]
pub struct Library {
    loaded: &'static Loaded,
}

static LOADED: OnceLock<Result<Loaded, String>> = OnceLock::new();

struct Loaded {
    functions: Functions,
    replaceable: Replaceable,
    /// Keeps the functions where they are.
    _file: libloading::Library,
}

impl Library {
    /// Loads `libenet.so.7`.
    ///
    /// # Errors
    /// A sentence: the file is missing, or it is another version, or this is not 64-bit Linux.
    pub fn load() -> Result<Library, String> {
        match LOADED.get_or_init(Loaded::load) {
            Ok(loaded) => Ok(Library { loaded }),
            Err(reason) => Err(reason.clone()),
        }
    }

    /// A host bound to a free port of 127.0.0.1. Its clock and sockets are the real ones, also in a program that has
    /// [`simulated`] hosts.
    ///
    /// # Errors
    /// A sentence, if the C library refuses.
    pub fn host(&self, config: CHostConfig) -> Result<CHost, String> {
        CHost::new(*self, config)
    }

    /// The library's own `enet_crc32` of `parts`, one after the other. It returns network order, so that the bytes in
    /// memory are those on the wire; this is the number they say.
    pub fn crc32<const N: usize>(&self, parts: [&[u8]; N]) -> u32 {
        let buffers =
            parts.map(|part| abi::Buffer { data: part.as_ptr().cast_mut(), data_length: part.len() });
        // SAFETY: as many buffers as are announced, each as long as it says; they are only read.
        #[allow(unsafe_code)]
        let crc = unsafe { (self.loaded.functions.crc32)(buffers.as_ptr().cast(), N) };
        u32::from_be(crc)
    }
}

impl Loaded {
    fn load() -> Result<Loaded, String> {
        if !cfg!(all(target_os = "linux", target_pointer_width = "64")) {
            return Err("the C library's structs are known for 64-bit Linux only".to_owned());
        }
        // SAFETY: the library's initialisers are those of a plain C library; it has none.
        #[allow(unsafe_code)]
        let file = unsafe { libloading::Library::new(FILE) }.map_err(|error| format!("{FILE}: {error}"))?;
        let functions = Functions::of(&file)?;
        let version = functions.version();
        if version != VERSION {
            return Err(format!("{FILE} is version {version:#x}, the tests know {VERSION:#x} (1.3.17)"));
        }
        functions.initialize()?;
        Ok(Loaded { functions, replaceable: Replaceable::of(&file)?, _file: file })
    }
}

/// The C library, or `None` with a word on why the test is skipped.
///
/// # Panics
/// If it is missing while the environment says `CI=true`: there it has to be installed.
pub fn library_or_skip(test: &str) -> Option<Library> {
    or_skip(Library::load(), test)
}

/// `value`, or `None` with a word on why the test is skipped.
///
/// # Panics
/// If there is none while the environment says `CI=true`.
fn or_skip<T>(value: Result<T, String>, test: &str) -> Option<T> {
    match value {
        Ok(value) => Some(value),
        Err(reason) => {
            let ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!ci, "{test} needs the C library: {reason}");
            eprintln!("skipped: {test}: {reason}");
            None
        }
    }
}
