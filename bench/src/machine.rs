//! [`Machine`]: where the figures come from.

use std::fs;

use serde::Serialize;

/// The facts without which a figure says nothing.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's model.
    pub cpu: String,
    /// Processors this program may use.
    pub cores: usize,
    /// The kernel's release.
    pub kernel: String,
    /// Version of the C library, or that there is none.
    pub libenet: String,
    /// The compiler and the profile it compiled this with.
    pub rustc: String,
    /// Programs that wanted to run in the last minute, on average: much more than one is noise.
    pub load: String,
}

impl Machine {
    /// This one.
    pub fn here() -> Machine {
        let profile = if cfg!(debug_assertions) { ", WITHOUT OPTIMISATION" } else { "" };
        Machine {
            cpu: read("/proc/cpuinfo", |text| {
                text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|it| it.1)
            }),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: read("/proc/sys/kernel/osrelease", |text| Some(text.trim())),
            // The only version that is taken.
            libenet: enet_reference::Library::load().map_or("none".to_owned(), |_| "1.3.17".to_owned()),
            rustc: format!("{}{profile}", env!("BENCH_RUSTC")),
            load: read("/proc/loadavg", |text| text.split(' ').next()),
        }
    }
}

fn read(path: &str, find: impl FnOnce(&str) -> Option<&str>) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    find(&text).unwrap_or("unknown").to_owned()
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Machine { cpu, cores, kernel, libenet, rustc, load } = self;
        write!(f, "{cpu}, {cores} cores · Linux {kernel} · libenet {libenet} · {rustc} · load {load}")
    }
}
